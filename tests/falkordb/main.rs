//! FalkorDB against real servers: what they refuse, the ways to them, and what
//! memorygraph sees of what was moved there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod announced;
mod cluster;
mod copying;
mod memorygraph;
mod native;
mod ports;
#[path = "../support/processes.rs"]
mod processes;
mod readers;
mod refused;
#[path = "../support/scene.rs"]
mod scene;
mod sentinel;
#[path = "../support/falkordb.rs"]
mod server;
mod tls;
