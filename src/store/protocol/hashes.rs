//! Sorted hashes: where one stands, and a set of them that takes eight bytes for each.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Hashes that wait to be sorted in: as many as fill a table of 32,768.
const MOST_NEW: usize = 28_672;

/// Guesses at a place, the last ones side by side, before it is sought by halves.
const GUESSES: usize = 16;

/// Where a hash stands among sorted ones. They are spread evenly, so it is sought where it
/// should be, and from there as far away as it should be: in a large list most of a binary
/// search would be spent on missing the cache.
pub(crate) fn find(hashes: &[u64], hash: u64) -> Option<usize> {
    let steps = |distance: u64| ((u128::from(distance) * hashes.len() as u128) >> 64) as usize;
    // It is at `low` or behind, and before `high`, if anywhere.
    let (mut low, mut high) = (0, hashes.len());
    let mut guess = steps(hash);
    for _ in 0..GUESSES {
        let there = *hashes.get(guess)?;
        match there.cmp(&hash) {
            Ordering::Equal => return Some(guess),
            Ordering::Less => {
                low = guess + 1;
                guess = low + steps(hash - there);
            }
            Ordering::Greater => {
                high = guess;
                guess = guess.saturating_sub(1 + steps(there - hash));
            }
        }
        if low >= high {
            return None;
        }
        guess = guess.clamp(low, high - 1);
    }
    let at = hashes[low..high].binary_search(&hash).ok()?;
    Some(low + at)
}

/// A set of hashes.
#[derive(Default)]
pub(crate) struct Hashes {
    sorted: Vec<u64>,
    new: HashSet<u64, BuildHasherDefault<Same>>,
}

impl Hashes {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len() + self.new.len()
    }

    /// Adds one. Whether it was not there.
    pub(crate) fn insert(&mut self, hash: u64) -> bool {
        if find(&self.sorted, hash).is_some() || !self.new.insert(hash) {
            return false;
        }
        if self.new.len() == MOST_NEW {
            self.sort_in();
        }
        true
    }

    fn sort_in(&mut self) {
        let mut new: Vec<u64> = self.new.drain().collect();
        new.sort_unstable();
        // From the back, so that no second copy is needed.
        let (mut old, mut to) = (self.sorted.len(), self.sorted.len() + new.len());
        self.sorted.reserve_exact(new.len());
        self.sorted.resize(to, 0);
        while let Some(hash) = new.pop() {
            while old > 0 && self.sorted[old - 1] > hash {
                (old, to) = (old - 1, to - 1);
                self.sorted[to] = self.sorted[old];
            }
            to -= 1;
            self.sorted[to] = hash;
        }
    }
}

/// What is hashed is a hash already.
#[derive(Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_set() {
        let (mut hashes, mut plain) = (Hashes::default(), HashSet::new());
        let mut random = 7u64;
        for n in 0..200_000u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(n | 1);
            // Every other one among few, so that many come again.
            let hash = match n % 2 {
                0 => random,
                _ => (random >> 44) << 44,
            };
            assert_eq!(hashes.insert(hash), plain.insert(hash), "{hash}");
            assert_eq!(hashes.len(), plain.len());
        }
        assert!(hashes.sorted.windows(2).all(|w| w[0] < w[1]));
        for hash in plain {
            assert!(!hashes.insert(hash));
        }
    }
}
