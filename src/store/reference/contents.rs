//! What a place holds: records in the order they came, found by key.

use crate::model::{Canon, Digest, Key, KeyHash, Kind, Record, memory};
use crate::store::{Change, Counts};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// Records of both kinds. Cloning shares the records.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    nodes: Rows,
    relationships: Rows,
    next: u64,
    writes: u64,
}

#[derive(Clone, Debug, Default)]
struct Rows {
    by_number: BTreeMap<u64, Arc<Record>>,
    by_key: HashMap<KeyHash, u64>,
}

impl Contents {
    fn rows(&self, kind: Kind) -> &Rows {
        match kind {
            Kind::Node => &self.nodes,
            Kind::Relationship => &self.relationships,
        }
    }

    fn rows_mut(&mut self, kind: Kind) -> &mut Rows {
        match kind {
            Kind::Node => &mut self.nodes,
            Kind::Relationship => &mut self.relationships,
        }
    }

    pub(super) fn get(&self, kind: Kind, key: &Key) -> Option<&Arc<Record>> {
        let rows = self.rows(kind);
        let number = rows.by_key.get(&Canon::key_hash(kind, key))?;
        rows.by_number.get(number)
    }

    /// Puts a record in its predecessor's place, or at the end.
    pub(super) fn put(&mut self, record: Record) {
        let kind = record.kind();
        let hash = Canon::key_hash(kind, record.key());
        self.next += 1;
        self.writes += 1;
        let next = self.next;
        let rows = self.rows_mut(kind);
        let number = *rows.by_key.entry(hash).or_insert(next);
        rows.by_number.insert(number, Arc::new(record));
    }

    pub(super) fn remove(&mut self, kind: Kind, key: &Key) -> bool {
        self.writes += 1;
        let rows = self.rows_mut(kind);
        match rows.by_key.remove(&Canon::key_hash(kind, key)) {
            Some(number) => rows.by_number.remove(&number).is_some(),
            None => false,
        }
    }

    /// The records behind a number, with theirs.
    pub(super) fn after(
        &self,
        kind: Kind,
        number: u64,
    ) -> impl Iterator<Item = (u64, &Arc<Record>)> {
        self.rows(kind)
            .by_number
            .range((Bound::Excluded(number), Bound::Unbounded))
            .map(|(n, r)| (*n, r))
    }

    pub(super) fn counts(&self) -> Counts {
        let is_memory = |r: &&Arc<Record>| matches!(&***r, Record::Node(n) if memory::is_memory(n));
        let memories = self.nodes.by_number.values().filter(is_memory).count() as u64;
        Counts {
            memories,
            other_nodes: self.nodes.by_number.len() as u64 - memories,
            relationships: self.relationships.by_number.len() as u64,
        }
    }

    /// How often it was written to.
    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts().total() == 0
    }

    /// How a change meets what is here.
    pub(super) fn meet(&self, change: &Change, after: Option<&Digest>, canon: &mut Canon) -> Meets {
        let now = self
            .get(change.kind, &change.key)
            .map(|record| canon.digest(record));
        if fits(change.before.as_ref(), now.as_ref()) {
            Meets::Before
        } else if fits(after, now.as_ref()) {
            Meets::After
        } else {
            Meets::Neither
        }
    }
}

/// What a change finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meets {
    /// The record as it must be before.
    Before,
    /// The record as it should become.
    After,
    /// Something else.
    Neither,
}

fn fits(expected: Option<&Digest>, found: Option<&Digest>) -> bool {
    match (expected, found) {
        (None, None) => true,
        (Some(a), Some(b)) => a.matches(b),
        _ => false,
    }
}
