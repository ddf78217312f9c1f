//! Relationships of somebody else's that have come to hold on to nodes of a run: taking
//! such a node back would leave them dangling.

use super::ledger::Ledger;
use super::sorted::{Sorted, Sorter, Spool};
use crate::error::Result;
use crate::model::{Canon, Digest, KeyHash, Kind, Record};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Key, digest, keys of both ends.
const SIZE: usize = 16 + 32 + 16 + 16 + 16;

/// The relationships of a target.
pub struct Foreign {
    dir: PathBuf,
    entries: Sorter<SIZE>,
    canon: Canon,
}

impl Foreign {
    /// None yet; sorted in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            entries: Sorter::new(dir),
            canon: Canon::new(),
        }
    }

    /// Takes in a relationship that is in the target now.
    pub fn add(&mut self, record: &Record) -> Result<()> {
        let Record::Relationship(r) = record else {
            return Ok(());
        };
        let digest = self.canon.digest(record);
        let mut entry = [0; SIZE];
        entry[..16].copy_from_slice(&Canon::key_hash(Kind::Relationship, &r.key));
        entry[16..48].copy_from_slice(&digest.core);
        entry[48..64].copy_from_slice(&digest.row.unwrap_or_default());
        entry[64..80].copy_from_slice(&Canon::key_hash(Kind::Node, &r.from));
        entry[80..].copy_from_slice(&Canon::key_hash(Kind::Node, &r.to));
        self.entries.push(entry)
    }

    /// Which of `ours`, sorted, a relationship holds that is not as `left`: what the run
    /// left when it ended.
    pub fn holds(self, mut left: Ledger, ours: &Spool<16>) -> Result<HashSet<KeyHash>> {
        let mut held = Sorter::<16>::new(&self.dir);
        let mut entries = self.entries.sorted()?;
        while let Some(entry) = entries.next()? {
            while left.peek()?.is_some_and(|l| l.key[..] < entry[..16]) {
                left.next()?;
            }
            let known = left
                .peek()?
                .is_some_and(|l| l.key[..] == entry[..16] && l.digest.matches(&digest_of(&entry)));
            if !known {
                for end in [64..80, 80..96] {
                    let mut key = [0; 16];
                    key.copy_from_slice(&entry[end]);
                    held.push(key)?;
                }
            }
        }
        both(held.sorted()?, ours.read())
    }
}

fn digest_of(entry: &[u8; SIZE]) -> Digest {
    let (mut core, mut row) = ([0; 32], [0; 16]);
    core.copy_from_slice(&entry[16..48]);
    row.copy_from_slice(&entry[48..64]);
    Digest {
        core,
        row: (row != [0; 16]).then_some(row),
    }
}

/// What is in both.
fn both(mut held: Sorted<16>, mut ours: Sorted<16>) -> Result<HashSet<KeyHash>> {
    let (mut linked, mut our) = (HashSet::new(), ours.next()?);
    while let Some(key) = held.next()? {
        while our.is_some_and(|o| o < key) {
            our = ours.next()?;
        }
        if our == Some(key) {
            linked.insert(key);
        }
    }
    Ok(linked)
}
