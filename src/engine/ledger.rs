//! The ledger of a store's content: one entry for each record, sorted by key, so that
//! two sides can be joined whatever their size. Kept as the file `digests` of a run,
//! a ledger says a week later what the run left.

use super::home::open_private;
use super::sorted::{Sorted, Sorter, Spool};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, KeyHash, Kind};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

const SIZE: usize = 80;

/// Marks the position of a relationship.
const RELATIONSHIP: u64 = 1 << 63;

/// Marks what a run writes itself.
const OURS: u64 = 1 << 62;

/// Where the size stands beside the position.
const SIZE_AT: u32 = 56;

/// The power of two that a size does not exceed.
pub fn power_of(size: usize) -> u8 {
    size.max(1).next_power_of_two().trailing_zeros().min(63) as u8
}

/// A record's line in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Hash of kind and key.
    pub key: KeyHash,
    /// Its digest.
    pub digest: Digest,
    /// Which kind.
    pub kind: Kind,
    /// Position in the stage or the scan, below 2^56.
    pub seq: u64,
    /// The power of two that its size in bytes does not exceed.
    pub size: u8,
    /// In what a target shall hold: whether the run puts it there, so that `seq` is its
    /// position in the stage.
    pub ours: bool,
    /// Its time in microseconds since 1970, where the conflict policy asks for one;
    /// [`NO_TIME`] where there is none.
    pub time: i64,
}

/// No time, or none that can be read.
pub const NO_TIME: i64 = i64::MIN;

impl Entry {
    fn to_bytes(self) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        out[..16].copy_from_slice(&self.key);
        out[16..48].copy_from_slice(&self.digest.core);
        out[48..64].copy_from_slice(&self.digest.row.unwrap_or_default());
        let kind = match self.kind {
            Kind::Node => 0,
            Kind::Relationship => RELATIONSHIP,
        };
        let ours = if self.ours { OURS } else { 0 };
        let size = u64::from(self.size & 63) << SIZE_AT;
        out[64..72].copy_from_slice(&(self.seq | size | kind | ours).to_be_bytes());
        out[72..].copy_from_slice(&self.time.to_be_bytes());
        out
    }

    fn from_bytes(bytes: &[u8; SIZE]) -> Self {
        fn part<const N: usize>(bytes: &[u8; SIZE], at: usize) -> [u8; N] {
            let mut out = [0; N];
            out.copy_from_slice(&bytes[at..at + N]);
            out
        }
        let row: [u8; 16] = part(bytes, 48);
        let seq = u64::from_be_bytes(part(bytes, 64));
        Self {
            key: part(bytes, 0),
            digest: Digest {
                core: part(bytes, 16),
                row: (row != [0; 16]).then_some(row),
            },
            kind: match seq & RELATIONSHIP {
                0 => Kind::Node,
                _ => Kind::Relationship,
            },
            seq: seq & ((1 << SIZE_AT) - 1),
            size: (seq >> SIZE_AT) as u8 & 63,
            ours: seq & OURS != 0,
            time: i64::from_be_bytes(part(bytes, 72)),
        }
    }
}

/// Entries in any order, to be sorted.
pub struct LedgerBuilder {
    sorter: Sorter<SIZE>,
    count: u64,
}

impl LedgerBuilder {
    /// An empty one that spills into `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            sorter: Sorter::new(dir),
            count: 0,
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: Entry) -> Result<()> {
        self.count += 1;
        self.sorter.push(entry.to_bytes())
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Sorted by key, then digest.
    pub fn finish(self) -> Result<Ledger> {
        Ok(Ledger {
            count: self.count,
            from: From::Sorted(Box::new(self.sorter.sorted()?)),
            peeked: None,
        })
    }

    /// The same, to be read more than once.
    pub fn spool(self, dir: &Path) -> Result<LedgerSpool> {
        let mut sorted = self.finish()?;
        LedgerSpool::write(dir, || sorted.next())
    }
}

/// A ledger that can be read more than once.
#[derive(Clone)]
pub struct LedgerSpool {
    spool: Spool<SIZE>,
    /// Its content digest.
    pub content: String,
}

impl LedgerSpool {
    /// Entries in order of key, written to an unnamed file in `dir`.
    pub fn write(dir: &Path, mut next: impl FnMut() -> Result<Option<Entry>>) -> Result<Self> {
        let mut content = ContentDigest::default();
        let spool = Spool::write(dir, || {
            let entry = next()?;
            Ok(entry.map(|entry| {
                content.push(&entry);
                entry.to_bytes()
            }))
        })?;
        Ok(Self {
            spool,
            content: content.finish(),
        })
    }

    /// From the start.
    pub fn read(&self) -> Ledger {
        Ledger {
            count: self.spool.len(),
            from: From::Sorted(Box::new(self.spool.read())),
            peeked: None,
        }
    }
}

/// Entries sorted by key, read once.
pub struct Ledger {
    /// How many.
    pub count: u64,
    from: From,
    peeked: Option<Entry>,
}

enum From {
    Sorted(Box<Sorted<SIZE>>),
    File(BufReader<File>, PathBuf, u64),
    Empty,
}

impl Ledger {
    /// Without entries.
    pub fn empty() -> Self {
        Self {
            count: 0,
            from: From::Empty,
            peeked: None,
        }
    }

    /// The next entry.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Entry>> {
        if let Some(entry) = self.peeked.take() {
            return Ok(Some(entry));
        }
        match &mut self.from {
            From::Empty => Ok(None),
            From::Sorted(sorted) => Ok(sorted.next()?.map(|b| Entry::from_bytes(&b))),
            From::File(_, _, 0) => Ok(None),
            From::File(file, path, left) => {
                let mut bytes = [0; SIZE];
                file.read_exact(&mut bytes)
                    .map_err(|e| Error::io("read", path, e))?;
                *left -= 1;
                Ok(Some(Entry::from_bytes(&bytes)))
            }
        }
    }

    /// The next entry, which stays next.
    pub fn peek(&mut self) -> Result<Option<Entry>> {
        if self.peeked.is_none() {
            self.peeked = self.next()?;
        }
        Ok(self.peeked)
    }

    /// All entries of the next key.
    pub fn next_key(&mut self) -> Result<Vec<Entry>> {
        let Some(first) = self.next()? else {
            return Ok(Vec::new());
        };
        let mut group = vec![first];
        while let Some(entry) = self.peek()?.filter(|e| e.key == first.key) {
            self.peeked = None;
            group.push(entry);
        }
        Ok(group)
    }
}

/// The groups of the next key that either side has.
pub fn next_join(
    left: &mut Ledger,
    right: &mut Ledger,
) -> Result<Option<(Vec<Entry>, Vec<Entry>)>> {
    let (l, r) = (left.peek()?, right.peek()?);
    Ok(match (l, r) {
        (None, None) => None,
        (Some(_), None) => Some((left.next_key()?, Vec::new())),
        (None, Some(_)) => Some((Vec::new(), right.next_key()?)),
        (Some(l), Some(r)) => Some(match l.key.cmp(&r.key) {
            std::cmp::Ordering::Less => (left.next_key()?, Vec::new()),
            std::cmp::Ordering::Greater => (Vec::new(), right.next_key()?),
            std::cmp::Ordering::Equal => (left.next_key()?, right.next_key()?),
        }),
    })
}

/// Takes entries of one key out of both sides where they have the same digest, and tells
/// them.
pub fn pair(
    left: &mut Vec<Entry>,
    right: &mut Vec<Entry>,
    mut same: impl FnMut(Entry, Entry) -> Result<()>,
) -> Result<()> {
    if let ([l], [r]) = (left.as_slice(), right.as_slice()) {
        if l.digest.matches(&r.digest) {
            same(*l, *r)?;
            left.clear();
            right.clear();
        }
        return Ok(());
    }
    if left.is_empty() || right.is_empty() {
        return Ok(());
    }
    // Equal to the last byte first; then those of which one side keeps no row.
    let order = |e: &Entry| (e.digest.core, e.digest.row);
    left.sort_unstable_by_key(order);
    right.sort_unstable_by_key(order);
    drop_pairs(left, right, order, &mut same)?;
    let bare = |e: &Entry| (e.digest.core, e.digest.row.is_some());
    left.sort_unstable_by_key(bare);
    right.sort_unstable_by_key(|e| (e.digest.core, e.digest.row.is_none()));
    drop_pairs(left, right, |e| e.digest.core, &mut |l, r| same(l, r))
}

/// The same for two sides sorted by what tells them apart.
fn drop_pairs<K: Ord>(
    left: &mut Vec<Entry>,
    right: &mut Vec<Entry>,
    by: impl Fn(&Entry) -> K,
    same: &mut impl FnMut(Entry, Entry) -> Result<()>,
) -> Result<()> {
    let (mut rest_left, mut rest_right) = (Vec::new(), Vec::new());
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        match by(&left[l]).cmp(&by(&right[r])) {
            std::cmp::Ordering::Less => {
                rest_left.push(left[l]);
                l += 1;
            }
            std::cmp::Ordering::Greater => {
                rest_right.push(right[r]);
                r += 1;
            }
            std::cmp::Ordering::Equal => {
                if left[l].digest.matches(&right[r].digest) {
                    same(left[l], right[r])?;
                } else {
                    rest_left.push(left[l]);
                    rest_right.push(right[r]);
                }
                l += 1;
                r += 1;
            }
        }
    }
    rest_left.extend_from_slice(&left[l..]);
    rest_right.extend_from_slice(&right[r..]);
    (*left, *right) = (rest_left, rest_right);
    Ok(())
}

/// A hash over entries in order that tells content from content.
#[derive(Default)]
pub struct ContentDigest(blake3::Hasher);

impl ContentDigest {
    /// Takes in the next entry.
    pub fn push(&mut self, entry: &Entry) {
        self.0.update(&entry.key);
        self.0.update(&entry.digest.core);
        self.0.update(&entry.digest.row.unwrap_or_default());
    }

    /// In hexadecimal.
    pub fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

const MAGIC: &[u8; 16] = b"memferry digests";

/// Writes a ledger as a file: magic, version, count, then entries; at the end BLAKE3
/// of all of it.
pub struct LedgerFile {
    file: BufWriter<File>,
    path: PathBuf,
    hash: blake3::Hasher,
    count: u64,
    content: ContentDigest,
}

impl LedgerFile {
    /// A new file, or an old one begun anew.
    pub fn create(path: &Path) -> Result<Self> {
        let file = open_private(path)?;
        file.set_len(0).map_err(|e| Error::io("write", path, e))?;
        let mut file = BufWriter::with_capacity(1 << 17, file);
        file.write_all(MAGIC)
            .and_then(|()| file.write_all(&super::checkpoint::VERSION.to_be_bytes()))
            .map_err(|e| Error::io("write", path, e))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            hash: blake3::Hasher::new(),
            count: 0,
            content: ContentDigest::default(),
        })
    }

    /// Appends an entry; they must come in order.
    pub fn push(&mut self, entry: &Entry) -> Result<()> {
        let bytes = entry.to_bytes();
        self.hash.update(&bytes);
        self.count += 1;
        self.content.push(entry);
        self.file
            .write_all(&bytes)
            .map_err(|e| Error::io("write", &self.path, e))
    }

    /// Ends it durably. Returns the content digest.
    pub fn finish(mut self) -> Result<String> {
        let hash = self.hash.finalize();
        let wrap = |e| Error::io("write", &self.path, e);
        self.file.write_all(hash.as_bytes()).map_err(wrap)?;
        self.file.flush().map_err(wrap)?;
        self.file.get_ref().sync_data().map_err(wrap)?;
        Ok(self.content.finish())
    }

    /// Opens one to read; a damaged one is refused.
    pub fn open(path: &Path) -> Result<Ledger> {
        let damaged = || {
            Error::new(ErrorKind::Corrupt, format!("{} is damaged", path.display()))
                .remedy("What the run left can no longer be told; compare the stores themselves.")
        };
        let wrap = |e| Error::io("read", path, e);
        let file = File::open(path).map_err(wrap)?;
        let length = file.metadata().map_err(wrap)?.len();
        let entries = length.checked_sub(20 + 32).ok_or_else(damaged)?;
        if entries % SIZE as u64 != 0 {
            return Err(damaged());
        }
        let mut reader = BufReader::with_capacity(1 << 17, file);
        let mut head = [0; 20];
        reader.read_exact(&mut head).map_err(wrap)?;
        if head[..16] != *MAGIC || head[16..] != super::checkpoint::VERSION.to_be_bytes() {
            return Err(damaged());
        }
        let mut hash = blake3::Hasher::new();
        let mut bytes = [0; SIZE];
        for _ in 0..entries / SIZE as u64 {
            reader.read_exact(&mut bytes).map_err(wrap)?;
            hash.update(&bytes);
        }
        let mut end = [0; 32];
        reader.read_exact(&mut end).map_err(wrap)?;
        if hash.finalize() != end {
            return Err(damaged());
        }
        let mut file = reader.into_inner();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(20)).map_err(wrap)?;
        Ok(Ledger {
            count: entries / SIZE as u64,
            from: From::File(
                BufReader::with_capacity(1 << 17, file),
                path.to_owned(),
                entries / SIZE as u64,
            ),
            peeked: None,
        })
    }
}
