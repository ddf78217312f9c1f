//! Where the records of a graph are, by the hash of their keys: twelve bytes each, since
//! a graph has no index on keys of every label. The first million of them are kept in
//! memory, more in an unnamed file. A hit is a hint; whoever uses it looks at the key that
//! is really there.

use super::spilled::Spilled;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Text, Value};
use crate::store::protocol::hashes::{Same, find};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::LazyLock;

/// Entries that wait to be sorted in.
const MOST_NEW: usize = 32_768;

/// Entries in memory, beside those.
const MOST: usize = 1 << 20;

/// The place of what is gone.
pub(super) const GONE: u32 = u32::MAX;

/// Places by key.
pub(super) struct Places {
    hashes: Vec<u64>,
    places: Vec<u32>,
    /// What changed since the last merge.
    new: HashMap<u64, u32, BuildHasherDefault<Same>>,
    /// What memory has no room for.
    spilled: Option<Spilled>,
    most: usize,
    /// Keys that stand on several records.
    repeated: HashSet<u64>,
}

/// What keys are hashed with: another for each process, so that nobody can make two keys
/// for one hash.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The hash that a key is known by here.
pub(super) fn short(kind: Kind, key: &Key) -> u64 {
    let mut hasher = HASHER.build_hasher();
    match key {
        Key::Id(Value::Text(text)) => (kind, text).hash(&mut hasher),
        // In the graph it is text.
        Key::Derived(_) => (kind, Text::from(key.display())).hash(&mut hasher),
        other => (kind, Canon::key_hash(kind, other)).hash(&mut hasher),
    }
    hasher.finish()
}

impl Default for Places {
    fn default() -> Self {
        Self {
            hashes: Vec::new(),
            places: Vec::new(),
            new: HashMap::default(),
            spilled: None,
            most: MOST,
            repeated: HashSet::new(),
        }
    }
}

impl Places {
    /// Where a record may be.
    pub(super) fn get(&self, hash: u64) -> Result<Option<u64>> {
        let found = match self.new.get(&hash) {
            Some(place) => Some(*place),
            None => match find(&self.hashes, hash) {
                Some(at) => Some(self.places[at]),
                None => match &self.spilled {
                    Some(spilled) => spilled.get(hash)?,
                    None => None,
                },
            },
        };
        Ok(found.filter(|place| *place != GONE).map(u64::from))
    }

    /// Whether several records have that key.
    pub(super) fn is_repeated(&self, hash: u64) -> bool {
        self.repeated.contains(&hash)
    }

    /// A record was met while the graph was read.
    pub(super) fn meet(&mut self, hash: u64, place: u64) -> Result<()> {
        if self.get(hash)?.is_none() {
            return self.set(hash, place);
        }
        self.repeated.insert(hash);
        match self.repeated.len() <= self.most {
            true => Ok(()),
            false => Err(too_many(
                "the graph has too many records with ids that repeat",
            )),
        }
    }

    /// A record is there now.
    pub(super) fn set(&mut self, hash: u64, place: u64) -> Result<()> {
        match u32::try_from(place) {
            Ok(place) if place != GONE => self.put(hash, place),
            _ => Err(too_many(
                "the graph has more records than can be written to",
            )),
        }
    }

    /// A record is gone.
    pub(super) fn remove(&mut self, hash: u64) -> Result<()> {
        self.put(hash, GONE)
    }

    fn put(&mut self, hash: u64, place: u32) -> Result<()> {
        self.new.insert(hash, place);
        if self.new.len() < MOST_NEW.min(self.most) {
            return Ok(());
        }
        self.settle();
        if self.hashes.len() < self.most {
            return Ok(());
        }
        let entries = self.hashes.iter().copied().zip(self.places.iter().copied());
        self.spilled = Some(Spilled::merge(self.spilled.take(), entries)?);
        self.hashes = Vec::new();
        self.places = Vec::new();
        Ok(())
    }

    fn settle(&mut self) {
        let mut new: Vec<(u64, u32)> = self.new.drain().collect();
        new.sort_unstable_by_key(|(hash, _)| *hash);
        let forget = self.spilled.is_none();
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
            // What is gone must be remembered while the file may still have it.
            if place != GONE || !forget {
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

fn too_many(what: &str) -> Error {
    Error::new(ErrorKind::TooLarge, what).remedy("Choose another target, or a new graph.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_map() {
        for most in [MOST, 3_000] {
            let (mut places, mut plain) = (Places::default(), HashMap::new());
            places.most = most;
            let mut random = 7u64;
            let mut hashes = Vec::new();
            for n in 0..100_000u64 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let hash = (random >> 45) * 0x9E37_79B9;
                hashes.push(hash);
                match n % 5 {
                    0 => {
                        places.remove(hash).unwrap();
                        plain.remove(&hash);
                    }
                    _ => {
                        places.set(hash, n).unwrap();
                        plain.insert(hash, n);
                    }
                }
            }
            assert!(places.hashes.windows(2).all(|w| w[0] < w[1]));
            assert!(places.hashes.len() < most && places.spilled.is_some() == (most < MOST));
            for hash in hashes.into_iter().chain([0, 1, u64::MAX]) {
                let found = places.get(hash).unwrap();
                assert_eq!(found, plain.get(&hash).copied(), "{hash} {most}");
            }
            assert_eq!(places.get(1).unwrap(), None);
        }
    }

    #[test]
    fn keys_that_stand_alike_in_the_graph_have_one_hash() {
        let derived = Key::Derived([7; 16]);
        let text = Key::text(derived.display());
        assert_eq!(short(Kind::Node, &derived), short(Kind::Node, &text));
        let others = [
            short(Kind::Relationship, &text),
            short(Kind::Node, &Key::text("1")),
            short(Kind::Node, &Key::Id(Value::Int(1))),
            short(Kind::Node, &Key::Id(Value::Bool(true))),
        ];
        let mut all = HashSet::from(others);
        all.insert(short(Kind::Node, &text));
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn a_key_met_twice_is_repeated() {
        let mut places = Places::default();
        places.meet(5, 1).unwrap();
        places.meet(5, 2).unwrap();
        places.meet(6, 3).unwrap();
        assert!(places.is_repeated(5) && !places.is_repeated(6));
        assert_eq!(places.get(5).unwrap(), Some(1));
        for place in [u64::from(GONE), 1 << 40] {
            assert!(places.set(7, place).is_err());
        }
    }
}
