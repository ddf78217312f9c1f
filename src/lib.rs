//! memferry moves an AI agent's memory from any store to any other, loses nothing
//! without being told to, and proves it.
//!
//! - [`model`]: what moves.
//! - [`store`]: what it moves between.
//! - [`mapping`]: foreign shapes to memories.
//! - [`cli`]: the command line.
//! - [`tui`]: the wizard.
//! - [`config`]: defaults, saved stores, secrets, paths.
//! - [`error`]: the one error type.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod cli;
pub mod config;
pub mod engine;
pub mod error;
pub mod mapping;
pub mod model;
pub mod report;
pub mod store;
pub mod tui;
