//! Foreign shapes to memories and back.

pub mod reserved;
