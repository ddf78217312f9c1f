//! A batch of an import: its changes, and what they replace.

use crate::model::{Key, Record};
use crate::store::Change;
use std::sync::Arc;

/// Changes with what they replace, in the same order.
#[derive(Clone)]
pub struct Work {
    /// What to change.
    pub changes: Arc<[Change]>,
    /// The records as they are before.
    pub before: Vec<Option<Record>>,
}

impl Work {
    /// Removals, each with what is removed.
    pub fn removing(all: Vec<(Change, Record)>) -> Self {
        let (changes, before): (Vec<_>, Vec<_>) =
            all.into_iter().map(|(c, b)| (c, Some(b))).unzip();
        let changes = changes.into();
        Self { changes, before }
    }

    /// Each change with the record it is made to.
    pub fn each(&self) -> impl Iterator<Item = (&Change, &Option<Record>)> {
        self.changes.iter().zip(&self.before)
    }

    /// As two batches.
    pub fn halves(mut self) -> (Self, Self) {
        let second = Self {
            changes: self.changes[self.before.len() / 2..].into(),
            before: self.before.split_off(self.before.len() / 2),
        };
        let first = Self {
            changes: self.changes[..self.before.len()].into(),
            before: self.before,
        };
        (first, second)
    }

    /// The keys of all.
    pub fn keys(&self) -> Vec<Key> {
        self.changes.iter().map(|c| c.key.clone()).collect()
    }
}
