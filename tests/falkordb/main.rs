//! FalkorDB against real servers: what they refuse, what breaks on the way, and what
//! memorygraph sees of what was moved there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod broken;
mod memorygraph;
mod native;
mod proxy;
mod refused;
mod scene;
#[path = "../support/falkordb.rs"]
mod server;
