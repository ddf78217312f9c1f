//! Which keys a log holds, and where, in bounded memory: a filter that nearly always
//! knows what is absent, the latest keys in memory, and sorted runs of the others in a
//! file without a name. Key hashes are spread evenly, so a key's place in a run is
//! known within a few pages.

use crate::error::{Error, Result};
use crate::model::KeyHash;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bits of the filter: with ten million keys it errs once in two hundred.
const FILTER_BITS: u64 = 1 << 27;

/// Keys kept in memory before they become a run: about 12 MiB.
const LATEST: usize = 1 << 18;

/// Bytes of a key and its number in a run.
const ENTRY: usize = 24;

/// Numbers by key.
pub(super) struct Keys {
    folder: PathBuf,
    filter: Vec<u64>,
    latest: HashMap<KeyHash, u64>,
    runs: Vec<Run>,
    file: Option<File>,
    end: u64,
    per_run: usize,
}

struct Run {
    start: u64,
    entries: u64,
}

impl Keys {
    /// None yet; runs go into files in that folder.
    pub fn new(folder: &Path) -> Self {
        Self::with_runs_of(LATEST, folder)
    }

    fn with_runs_of(per_run: usize, folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            filter: Vec::new(),
            latest: HashMap::new(),
            runs: Vec::new(),
            file: None,
            end: 0,
            per_run,
        }
    }

    /// The number set last for a key; 0: none.
    pub fn get(&self, key: &KeyHash) -> Result<u64> {
        if let Some(number) = self.latest.get(key) {
            return Ok(*number);
        }
        if self.runs.is_empty() || !self.may_hold(key) {
            return Ok(0);
        }
        let Some(file) = &self.file else { return Ok(0) };
        for run in self.runs.iter().rev() {
            let found = run.find(file, key);
            if let Some(number) = found.map_err(|cause| self.failed(cause))? {
                return Ok(number);
            }
        }
        Ok(0)
    }

    /// Sets the number of a key; 0 forgets it.
    pub fn set(&mut self, key: KeyHash, number: u64) -> Result<()> {
        if self.latest.len() >= self.per_run {
            self.spill().map_err(|cause| self.failed(cause))?;
        }
        self.latest.insert(key, number);
        Ok(())
    }

    fn failed(&self, cause: std::io::Error) -> Error {
        Error::io("keep keys in", &self.folder, cause)
    }

    fn spill(&mut self) -> std::io::Result<()> {
        let mut sorted: Vec<_> = self.latest.iter().map(|(key, n)| (*key, *n)).collect();
        sorted.sort_unstable();
        let mut bytes = Vec::with_capacity(sorted.len() * ENTRY);
        for (key, number) in &sorted {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.write_all_at(&bytes, self.end)?;
        self.filter.resize((FILTER_BITS / 64) as usize, 0);
        for (key, _) in &sorted {
            for bit in bits(key) {
                self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
        self.runs.push(Run {
            start: self.end,
            entries: sorted.len() as u64,
        });
        self.end += bytes.len() as u64;
        self.latest.clear();
        Ok(())
    }

    fn may_hold(&self, key: &KeyHash) -> bool {
        bits(key).all(|bit| self.filter[(bit / 64) as usize] & 1 << (bit % 64) != 0)
    }
}

/// The bits of a key in the filter.
fn bits(key: &KeyHash) -> impl Iterator<Item = u64> {
    key.chunks_exact(4).map(|four| {
        u64::from(u32::from_le_bytes([four[0], four[1], four[2], four[3]])) % FILTER_BITS
    })
}

impl Run {
    fn find(&self, file: &File, key: &KeyHash) -> std::io::Result<Option<u64>> {
        // Between the bounds stand all entries that may be it; a guess from the key
        // itself halves them, and far more than halves them when it is good.
        let (mut low, mut high) = (0, self.entries);
        let mut window = self.window(key);
        let mut buffer = Vec::new();
        while low < high {
            let (from, to) = (window.0.clamp(low, high - 1), window.1.clamp(low + 1, high));
            buffer.resize((to - from) as usize * ENTRY, 0);
            file.read_exact_at(&mut buffer, self.start + from * ENTRY as u64)?;
            let (entries, _) = buffer.as_chunks::<ENTRY>();
            match entries.binary_search_by(|entry| entry[..16].cmp(key)) {
                Ok(at) => {
                    let mut number = [0; 8];
                    number.copy_from_slice(&entries[at][16..]);
                    return Ok(Some(u64::from_le_bytes(number)));
                }
                Err(0) => high = from,
                Err(at) if at == entries.len() => low = to,
                Err(_) => return Ok(None),
            }
            let middle = low + (high.saturating_sub(low)) / 2;
            window = (middle.saturating_sub(WINDOW), middle + WINDOW);
        }
        Ok(None)
    }

    /// Where a key stands if keys are spread evenly.
    fn window(&self, key: &KeyHash) -> (u64, u64) {
        let share = u64::from(u32::from_be_bytes([key[0], key[1], key[2], key[3]]));
        let guess = ((u128::from(share) * u128::from(self.entries)) >> 32) as u64;
        (guess.saturating_sub(WINDOW), guess + WINDOW)
    }
}

/// Entries read to both sides of a guess: four times how far off it usually is.
const WINDOW: u64 = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(i: u64) -> KeyHash {
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(&i.to_le_bytes()).as_bytes()[..16]);
        key
    }

    #[test]
    fn every_key_is_found_wherever_it_went() {
        let mut keys = Keys::with_runs_of(5_000, &std::env::temp_dir());
        for i in 0..20_123 {
            assert_eq!(keys.get(&hash(i)).unwrap(), 0);
            keys.set(hash(i), i + 1).unwrap();
        }
        assert_eq!(keys.runs.len(), 4);
        for i in (0..20_123).step_by(7) {
            keys.set(hash(i), if i % 2 == 0 { 0 } else { i + 1_000_000 })
                .unwrap();
        }
        for i in 0..20_123 {
            let expected = match (i % 7, i % 2) {
                (0, 0) => 0,
                (0, _) => i + 1_000_000,
                _ => i + 1,
            };
            assert_eq!(keys.get(&hash(i)).unwrap(), expected, "{i}");
        }
        for i in 30_000..40_000 {
            assert_eq!(keys.get(&hash(i)).unwrap(), 0);
        }
    }

    #[test]
    fn uneven_keys_are_found_too() {
        let mut keys = Keys::with_runs_of(9_000, &std::env::temp_dir());
        let key = |i: u64| {
            let mut key = [7; 16];
            key[8..].copy_from_slice(&i.to_be_bytes());
            key
        };
        for i in 0..27_000 {
            keys.set(key(2 * i), i + 1).unwrap();
        }
        for i in 0..27_000 {
            assert_eq!(keys.get(&key(2 * i)).unwrap(), i + 1, "{i}");
            assert_eq!(keys.get(&key(2 * i + 1)).unwrap(), 0);
        }
    }
}
