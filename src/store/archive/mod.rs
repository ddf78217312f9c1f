//! The memferry archive: portable file, backup, and the stage of every run.
//!
//! Independent zstd frames of JSON lines, each sealed with its digest, and an index at
//! the end (`docs/archive-format.md`). [`ArchiveWriter`] and [`ArchiveReader`] block;
//! the engine uses them on its own threads. The store around them is for moving to
//! and from such files.

mod frame;
mod header;
mod keys;
mod locate;
mod reader;
mod snapshot;
mod store;
mod target;
mod verify;
mod walk;
mod writer;

pub use frame::{FRAME_CONTENT, Frame, MAX_FRAMES, MAX_LINE, MAX_RECORD};
pub use header::{Facts, Header, Origin, VERSION};
pub use reader::ArchiveReader;
pub use store::DESCRIPTOR;
pub use verify::{Problem, verify, verify_with};
pub use writer::{ArchiveWriter, Finished, Position};

#[cfg(test)]
mod tests;
