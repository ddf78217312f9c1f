//! memferry moves an AI agent's memory from any store to any other, loses nothing
//! without being told to, and proves it.
//!
//! - [`model`]: what moves.

pub mod model;
