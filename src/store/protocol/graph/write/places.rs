//! Where the records of a graph are, by the hash of their keys: twelve bytes each, since
//! a graph has no index on keys of every label. A hit is a hint; whoever uses it looks at
//! the key that is really there.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, KeyHash, Kind};
use std::collections::{HashMap, HashSet};

/// Entries that wait to be sorted in.
const MOST_NEW: usize = 32_768;

/// Places by key.
#[derive(Default)]
pub(super) struct Places {
    hashes: Vec<u64>,
    places: Vec<u32>,
    /// What changed since the last merge; `None`: gone.
    new: HashMap<u64, Option<u32>>,
    /// Keys that stand on several records.
    repeated: HashSet<u64>,
}

/// The part of a key's hash that is kept.
pub(super) fn short(kind: Kind, key: &Key) -> u64 {
    let hash: KeyHash = Canon::key_hash(kind, key);
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    u64::from_be_bytes(first)
}

impl Places {
    /// Where a record may be.
    pub(super) fn get(&self, hash: u64) -> Option<u64> {
        if let Some(new) = self.new.get(&hash) {
            return new.map(u64::from);
        }
        let at = self.hashes.binary_search(&hash).ok()?;
        Some(u64::from(self.places[at]))
    }

    /// Whether several records have that key.
    pub(super) fn is_repeated(&self, hash: u64) -> bool {
        self.repeated.contains(&hash)
    }

    /// A record was met while the graph was read.
    pub(super) fn meet(&mut self, hash: u64, place: u64) -> Result<()> {
        if self.get(hash).is_some() {
            self.repeated.insert(hash);
            return Ok(());
        }
        self.set(hash, place)
    }

    /// A record is there now.
    pub(super) fn set(&mut self, hash: u64, place: u64) -> Result<()> {
        let Ok(place) = u32::try_from(place) else {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "the graph has more records than can be written to",
            ));
        };
        self.new.insert(hash, Some(place));
        self.settle();
        Ok(())
    }

    /// A record is gone.
    pub(super) fn remove(&mut self, hash: u64) {
        self.new.insert(hash, None);
        self.settle();
    }

    fn settle(&mut self) {
        if self.new.len() < MOST_NEW {
            return;
        }
        let mut new: Vec<(u64, Option<u32>)> = self.new.drain().collect();
        new.sort_unstable_by_key(|(hash, _)| *hash);
        // From the back, so that no second copy is needed.
        let mut old = self.hashes.len();
        self.hashes.resize(old + new.len(), 0);
        self.places.resize(old + new.len(), 0);
        let mut to = self.hashes.len();
        while let Some((hash, place)) = new.pop() {
            while old > 0 && self.hashes[old - 1] > hash {
                (old, to) = (old - 1, to - 1);
                self.hashes[to] = self.hashes[old];
                self.places[to] = self.places[old];
            }
            if old > 0 && self.hashes[old - 1] == hash {
                old -= 1;
            }
            if let Some(place) = place {
                to -= 1;
                self.hashes[to] = hash;
                self.places[to] = place;
            }
        }
        // What was replaced or removed has left a gap behind the untouched front.
        self.hashes.drain(old..to);
        self.places.drain(old..to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_map() {
        let (mut places, mut plain) = (Places::default(), HashMap::new());
        let mut random = 7u64;
        for n in 0..300_000u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let hash = (random >> 40) * 0x9E37_79B9;
            match n % 5 {
                0 => {
                    places.remove(hash);
                    plain.remove(&hash);
                }
                _ => {
                    places.set(hash, n).unwrap();
                    plain.insert(hash, n);
                }
            }
        }
        assert!(places.hashes.windows(2).all(|w| w[0] < w[1]));
        for (hash, place) in &plain {
            assert_eq!(places.get(*hash), Some(*place));
        }
        let there = places.hashes.iter().filter(|h| places.get(**h).is_some());
        assert!(there.count() <= plain.len());
        assert_eq!(places.get(1), plain.get(&1).copied());
    }

    #[test]
    fn a_key_met_twice_is_repeated() {
        let mut places = Places::default();
        places.meet(5, 1).unwrap();
        places.meet(5, 2).unwrap();
        places.meet(6, 3).unwrap();
        assert!(places.is_repeated(5) && !places.is_repeated(6));
        assert_eq!(places.get(5), Some(1));
        assert!(places.set(7, 1 << 40).is_err());
    }
}
