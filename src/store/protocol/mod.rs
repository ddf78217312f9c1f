//! What several stores share. Nothing in here knows any store by name.

pub(crate) mod building;
pub(crate) mod cypher;
pub mod file;
pub(crate) mod graph;
pub(crate) mod hashes;
pub(crate) mod line;
pub(crate) mod resp;
pub(crate) mod shelf;
pub(crate) mod tag;
pub(crate) mod thread;
