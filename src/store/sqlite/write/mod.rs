//! Writing: what both modes share. A [`Session`] is the one connection that a writer,
//! and the snapshots of what it has done, work on.

mod aside;
mod cells;
mod ids;
mod session;
mod transaction;
mod writer;

pub(super) use aside::{Aside, check_sides, discard};
pub(super) use cells::{can_start, made_up_start};
pub(super) use session::Session;
pub(super) use transaction::{accept, begin, has_no_rows, is_bare, remove};
pub(super) use writer::SqliteWriter;
