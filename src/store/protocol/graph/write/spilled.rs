//! Entries of hash and place in an unnamed file, sorted, with the first hash of each block
//! in memory: an entry is found by reading one block.

use super::places::GONE;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;

/// Bytes of an entry: the hash, then the place.
const SIZE: usize = 12;

/// Entries of a block.
const BLOCK: usize = 340;

/// Sorted entries on disk.
pub(super) struct Spilled {
    file: File,
    entries: u64,
    /// The first hash of each block.
    first: Vec<u64>,
}

fn wrap(cause: std::io::Error) -> Error {
    Error::io(
        "keep the places of records in",
        &std::env::temp_dir(),
        cause,
    )
}

fn entry(bytes: &[u8; SIZE]) -> (u64, u32) {
    let (mut hash, mut place) = ([0; 8], [0; 4]);
    hash.copy_from_slice(&bytes[..8]);
    place.copy_from_slice(&bytes[8..]);
    (u64::from_be_bytes(hash), u32::from_be_bytes(place))
}

impl Spilled {
    /// What an earlier one held under newer entries, sorted; without what is gone.
    pub(super) fn merge(
        old: Option<Spilled>,
        new: impl Iterator<Item = (u64, u32)>,
    ) -> Result<Self> {
        let mut spilled = Self {
            file: tempfile::tempfile().map_err(wrap)?,
            entries: 0,
            first: Vec::new(),
        };
        let mut out = BufWriter::with_capacity(1 << 17, spilled.file.try_clone().map_err(wrap)?);
        let mut write = |(hash, place): (u64, u32)| -> Result<()> {
            if place == GONE {
                return Ok(());
            }
            if spilled.entries.is_multiple_of(BLOCK as u64) {
                spilled.first.push(hash);
            }
            spilled.entries += 1;
            out.write_all(&hash.to_be_bytes()).map_err(wrap)?;
            out.write_all(&place.to_be_bytes()).map_err(wrap)
        };
        let mut before = match old {
            Some(old) => Some(Reader::of(old)?),
            None => None,
        };
        let mut older = next(&mut before)?;
        for newer in new {
            while let Some(entry) = older.filter(|entry| entry.0 < newer.0) {
                write(entry)?;
                older = next(&mut before)?;
            }
            if older.is_some_and(|entry| entry.0 == newer.0) {
                older = next(&mut before)?;
            }
            write(newer)?;
        }
        while let Some(entry) = older {
            write(entry)?;
            older = next(&mut before)?;
        }
        out.flush().map_err(wrap)?;
        drop(out);
        Ok(spilled)
    }

    /// The place kept for a hash.
    pub(super) fn get(&self, hash: u64) -> Result<Option<u32>> {
        let Some(block) = self
            .first
            .partition_point(|first| *first <= hash)
            .checked_sub(1)
        else {
            return Ok(None);
        };
        let start = (block * BLOCK) as u64;
        let count = (self.entries - start).min(BLOCK as u64) as usize;
        let mut bytes = [0; BLOCK * SIZE];
        let bytes = &mut bytes[..count * SIZE];
        self.file
            .read_exact_at(bytes, start * SIZE as u64)
            .map_err(wrap)?;
        let (entries, _) = bytes.as_chunks::<SIZE>();
        let found = entries.binary_search_by_key(&hash, |bytes| entry(bytes).0);
        Ok(found.ok().map(|at| entry(&entries[at]).1))
    }
}

/// Reads all entries in order.
struct Reader {
    file: BufReader<File>,
    left: u64,
}

impl Reader {
    fn of(mut spilled: Spilled) -> Result<Self> {
        spilled.file.rewind().map_err(wrap)?;
        Ok(Self {
            file: BufReader::with_capacity(1 << 17, spilled.file),
            left: spilled.entries,
        })
    }
}

fn next(reader: &mut Option<Reader>) -> Result<Option<(u64, u32)>> {
    let Some(reader) = reader.as_mut().filter(|reader| reader.left > 0) else {
        return Ok(None);
    };
    reader.left -= 1;
    let mut bytes = [0; SIZE];
    reader.file.read_exact(&mut bytes).map_err(wrap)?;
    Ok(Some(entry(&bytes)))
}
