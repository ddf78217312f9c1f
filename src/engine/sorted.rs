//! Sorting more small entries than fit in memory: runs of 4 MiB are sorted, written
//! to an unnamed file and merged while they are read.

use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are sorted in memory at a time.
const RUN_BYTES: usize = 4 << 20;

/// Bytes read at once from each run while merging, at most.
const READ_BYTES: usize = 256 << 10;

/// Collects entries of `N` bytes, sorted as bytes.
pub struct Sorter<const N: usize> {
    dir: PathBuf,
    entries: Vec<[u8; N]>,
    spilled: Option<BufWriter<File>>,
    runs: Vec<(u64, u64)>,
    length: u64,
}

impl<const N: usize> Sorter<N> {
    /// An empty one that spills into unnamed files in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            entries: Vec::new(),
            spilled: None,
            runs: Vec::new(),
            length: 0,
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: [u8; N]) -> Result<()> {
        // Exactly a run: growing would take up to twice as much.
        if self.entries.is_empty() {
            self.entries.reserve_exact(RUN_BYTES / N);
        }
        self.entries.push(entry);
        if self.entries.len() == RUN_BYTES / N {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.entries.sort_unstable();
        let wrap = |dir: &Path, e| Error::io("sort in", dir, e);
        let file = match &mut self.spilled {
            Some(file) => file,
            None => {
                let file = tempfile::tempfile_in(&self.dir).map_err(|e| wrap(&self.dir, e))?;
                self.spilled.insert(BufWriter::with_capacity(1 << 18, file))
            }
        };
        for entry in &self.entries {
            file.write_all(entry).map_err(|e| wrap(&self.dir, e))?;
        }
        let bytes = (self.entries.len() * N) as u64;
        self.runs.push((self.length, self.length + bytes));
        self.length += bytes;
        self.entries.clear();
        Ok(())
    }

    /// All entries in order.
    pub fn sorted(mut self) -> Result<Sorted<N>> {
        if self.spilled.is_none() {
            self.entries.sort_unstable();
            self.entries.reverse();
            return Ok(Sorted {
                memory: self.entries,
                sources: Vec::new(),
                heap: BinaryHeap::new(),
            });
        }
        self.spill()?;
        self.entries = Vec::new();
        let Some(spilled) = self.spilled.take() else {
            return Err(Error::internal("nothing to merge"));
        };
        let file = spilled
            .into_inner()
            .map_err(|e| Error::io("sort in", &self.dir, e.into_error()))?;
        let file = Arc::new(file);
        let share = (RUN_BYTES / self.runs.len()).clamp(4 << 10, READ_BYTES);
        let mut sources: Vec<Source<N>> = self
            .runs
            .iter()
            .map(|&(next, end)| Source {
                file: file.clone(),
                next,
                end,
                buffer: Vec::new(),
                at: 0,
                chunk: share / N * N,
            })
            .collect();
        let mut heap = BinaryHeap::new();
        for (i, source) in sources.iter_mut().enumerate() {
            if let Some(entry) = source.pull()? {
                heap.push(Reverse((entry, i)));
            }
        }
        Ok(Sorted {
            memory: Vec::new(),
            sources,
            heap,
        })
    }
}

/// Sorted entries in an unnamed file, to be read more than once.
#[derive(Clone)]
pub struct Spool<const N: usize> {
    file: Arc<File>,
    bytes: u64,
}

impl<const N: usize> Spool<N> {
    /// Entries in the order given, written to an unnamed file in `dir`.
    pub fn write(dir: &Path, mut next: impl FnMut() -> Result<Option<[u8; N]>>) -> Result<Self> {
        let wrap = |e| Error::io("sort in", dir, e);
        let mut file = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(dir).map_err(wrap)?);
        let mut bytes = 0;
        while let Some(entry) = next()? {
            file.write_all(&entry).map_err(wrap)?;
            bytes += N as u64;
        }
        let file = file.into_inner().map_err(|e| wrap(e.into_error()))?;
        Ok(Self {
            file: Arc::new(file),
            bytes,
        })
    }

    /// How many entries.
    pub fn len(&self) -> u64 {
        self.bytes / N as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// From the start.
    pub fn read(&self) -> Sorted<N> {
        let source = Source {
            file: self.file.clone(),
            next: 0,
            end: self.bytes,
            buffer: Vec::new(),
            at: 0,
            chunk: READ_BYTES / N * N,
        };
        Sorted {
            memory: Vec::new(),
            sources: vec![source],
            heap: BinaryHeap::new(),
        }
    }
}

/// Entries in order.
pub struct Sorted<const N: usize> {
    memory: Vec<[u8; N]>,
    sources: Vec<Source<N>>,
    heap: BinaryHeap<Reverse<([u8; N], usize)>>,
}

struct Source<const N: usize> {
    file: Arc<File>,
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
    chunk: usize,
}

impl<const N: usize> Source<N> {
    fn pull(&mut self) -> Result<Option<[u8; N]>> {
        if self.at == self.buffer.len() {
            let want = (self.end - self.next).min(self.chunk as u64) as usize;
            if want == 0 {
                return Ok(None);
            }
            self.buffer.resize(want, 0);
            self.file
                .read_exact_at(&mut self.buffer, self.next)
                .map_err(|e| Error::io("read back sorted entries", Path::new("(unnamed)"), e))?;
            self.next += want as u64;
            self.at = 0;
        }
        let mut entry = [0; N];
        entry.copy_from_slice(&self.buffer[self.at..self.at + N]);
        self.at += N;
        Ok(Some(entry))
    }
}

impl<const N: usize> Sorted<N> {
    /// The next entry. The trait `Iterator` would hide its errors.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<[u8; N]>> {
        if let Some(entry) = self.memory.pop() {
            return Ok(Some(entry));
        }
        let Some(mut top) = self.heap.peek_mut() else {
            // A spool is one source that is in order already.
            return match self.sources.as_mut_slice() {
                [only] => only.pull(),
                _ => Ok(None),
            };
        };
        let Reverse((entry, source)) = *top;
        match self.sources[source].pull()? {
            Some(next) => *top = Reverse((next, source)),
            None => {
                std::collections::binary_heap::PeekMut::pop(top);
            }
        }
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_more_than_one_run() {
        let dir = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::<64>::new(dir.path());
        let count = 3 * RUN_BYTES / 64 + 17;
        for i in 0..count as u64 {
            let mut entry = [0; 64];
            entry[..8].copy_from_slice(&i.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
            sorter.push(entry).unwrap();
        }
        let mut sorted = sorter.sorted().unwrap();
        let (mut seen, mut last) = (0, None);
        while let Some(entry) = sorted.next().unwrap() {
            assert!(last <= Some(entry));
            last = Some(entry);
            seen += 1;
        }
        assert_eq!(seen, count);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
