//! The indexes on the ids of a new file. Rows come in any order of their ids, and an
//! index that grows with them costs more than all else, so it is made at the end. Until
//! then hashes tell whether an id came before; a doubt makes the index at once.

use super::session::slot;
use crate::model::{Canon, Kind};
use crate::store::Batch;
use crate::store::protocol::hashes::Hashes;
use crate::store::sqlite::schema;
use rusqlite::{Connection, Result};

/// Most ids that are told apart by hashes: what 14 MiB hold. Beyond that, an index.
pub(super) const MOST: usize = 1_835_008;

/// The ids of the rows that were added to a new file.
pub(super) struct Ids {
    most: usize,
    indexed: [bool; 2],
    /// The kind that is added now.
    now: Option<Kind>,
    /// The ids of it that came.
    came: Hashes,
    /// Kinds of which it is not known any more which ids came.
    forgotten: [bool; 2],
}

impl Ids {
    /// None yet; at most so many are told apart by hashes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            indexed: [false; 2],
            now: None,
            came: Hashes::default(),
            forgotten: [false; 2],
        }
    }

    /// Makes the index of a table, unless it is there.
    pub(super) fn index(&mut self, conn: &Connection, kind: Kind) -> Result<()> {
        if std::mem::replace(&mut self.indexed[slot(kind)], true) {
            return Ok(());
        }
        self.forget();
        // Sorting takes as much memory as the cache may; rows that come in any order of
        // their ids afterwards need more.
        conn.execute_batch("PRAGMA threads=1; PRAGMA cache_size=-4000")?;
        conn.execute_batch(schema::LOOSE_INDEXES[slot(kind)])?;
        conn.execute_batch("PRAGMA cache_size=-16000")
    }

    /// The kinds of which a batch may add an id twice, as far as hashes tell.
    pub(super) fn doubtful(&mut self, batch: &Batch) -> [bool; 2] {
        let mut doubtful = [false; 2];
        for change in batch.changes.iter() {
            let at = slot(change.kind);
            if self.indexed[at] || doubtful[at] || change.after.is_none() {
                continue;
            }
            if self.now != Some(change.kind) {
                if let Some(before) = self.now.replace(change.kind) {
                    self.forgotten[slot(before)] = true;
                }
                self.came = Hashes::default();
            }
            let hash = Canon::key_hash(change.kind, &change.key);
            let first = hash
                .first_chunk()
                .map_or(0, |first| u64::from_be_bytes(*first));
            doubtful[at] =
                self.forgotten[at] || self.came.len() == self.most || !self.came.insert(first);
        }
        doubtful
    }

    /// Gives the memory back.
    fn forget(&mut self) {
        if let Some(before) = self.now.take() {
            self.forgotten[slot(before)] = true;
        }
        self.came = Hashes::default();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::Key;
    use crate::store::Change;

    fn batch(ids: &[(Kind, &str)]) -> Batch {
        let change = |&(kind, id): &(Kind, &str)| Change {
            kind,
            key: Key::text(id),
            before: None,
            after: Some(crate::store::sqlite::tests::node(id, "any")),
        };
        Batch {
            seq: 1,
            changes: ids.iter().map(change).collect(),
        }
    }

    use Kind::{Node, Relationship};

    #[test]
    fn an_id_that_came_before_is_doubtful() {
        let mut ids = Ids::new(10);
        assert_eq!(
            ids.doubtful(&batch(&[(Node, "a"), (Node, "b")])),
            [false; 2]
        );
        assert_eq!(ids.doubtful(&batch(&[(Node, "c")])), [false; 2]);
        assert_eq!(
            ids.doubtful(&batch(&[(Node, "d"), (Node, "b")])),
            [true, false]
        );
        // Ids of the other kind are other ids.
        assert_eq!(ids.doubtful(&batch(&[(Relationship, "a")])), [false; 2]);
    }

    #[test]
    fn more_ids_than_are_kept_are_doubtful() {
        let mut ids = Ids::new(2);
        assert_eq!(
            ids.doubtful(&batch(&[(Node, "a"), (Node, "b")])),
            [false; 2]
        );
        assert_eq!(ids.doubtful(&batch(&[(Node, "c")])), [true, false]);
    }

    #[test]
    fn a_kind_that_comes_again_is_doubtful_until_it_has_an_index() {
        let conn = Connection::open_in_memory().unwrap();
        for table in schema::LOOSE_TABLES {
            conn.execute_batch(table).unwrap();
        }
        let mut ids = Ids::new(10);
        assert_eq!(ids.doubtful(&batch(&[(Node, "a")])), [false; 2]);
        assert_eq!(ids.doubtful(&batch(&[(Relationship, "r")])), [false; 2]);
        assert_eq!(ids.doubtful(&batch(&[(Node, "b")])), [true, false]);
        for _ in 0..2 {
            ids.index(&conn, Node).unwrap();
        }
        assert_eq!(ids.doubtful(&batch(&[(Node, "a")])), [false; 2]);
        assert_eq!(ids.doubtful(&batch(&[(Relationship, "q")])), [false, true]);
    }
}
