//! A batch of an import: its changes, and what they replace; and the thread on which its
//! entry of the undo journal is made, while the target is at work on another.

use super::journal::Entry;
use crate::error::Result;
use crate::model::{Canon, Key, Record};
use crate::store::Change;
use crate::store::protocol::thread::{Coming, Own};
use std::sync::Arc;

/// Changes with what they replace, in the same order. Cheap to clone.
#[derive(Clone)]
pub struct Work {
    /// What to change.
    pub changes: Arc<[Change]>,
    /// The records as they are before.
    pub before: Arc<[Option<Box<Record>>]>,
}

impl Work {
    /// Removals, each with what is removed.
    pub fn removing(all: Vec<(Change, Record)>) -> Self {
        let (changes, before): (Vec<_>, Vec<_>) =
            all.into_iter().map(|(c, b)| (c, Some(Box::new(b)))).unzip();
        Self {
            changes: changes.into(),
            before: before.into(),
        }
    }

    /// Each change with the record it is made to.
    pub fn each(&self) -> impl Iterator<Item = (&Change, Option<&Record>)> {
        let before = self.before.iter().map(Option::as_deref);
        self.changes.iter().zip(before)
    }

    /// As two batches.
    pub fn halves(self) -> (Self, Self) {
        let (changes, before) = (
            self.changes.split_at(self.before.len() / 2),
            self.before.split_at(self.before.len() / 2),
        );
        let half = |changes: &[Change], before: &[Option<Box<Record>>]| Self {
            changes: changes.into(),
            before: before.into(),
        };
        (half(changes.0, before.0), half(changes.1, before.1))
    }

    /// The keys of all.
    pub fn keys(&self) -> Vec<Key> {
        self.changes.iter().map(|c| c.key.clone()).collect()
    }

    /// Its entry of the undo journal.
    fn entry(&self, canon: &mut Canon) -> Result<Entry> {
        Entry::of(self.each().map(|(change, before)| {
            let after = change.after.as_ref().map(|after| canon.digest(after));
            (change.kind, &change.key, before, after)
        }))
    }
}

/// A batch whose entry is being made.
pub struct Begun {
    /// The batch.
    pub work: Work,
    /// Its entry, as long as the batch is what it was when this was begun.
    pub entry: Coming<Entry>,
}

/// Makes entries, on a thread of its own.
pub struct Entries(Own<Canon>);

impl Entries {
    /// Starts the thread.
    pub fn new() -> Result<Self> {
        Own::new("undo", Canon::new()).map(Self)
    }

    /// Begins with the entry of a batch.
    pub fn begin(&self, work: &Work) -> Result<Coming<Entry>> {
        let work = work.clone();
        self.0.begin(move |canon| work.entry(canon))
    }
}
