//! What several stores share. Nothing in here knows any store by name.

pub(crate) mod building;
pub mod file;
pub(crate) mod line;
pub(crate) mod shelf;
pub(crate) mod tag;
