//! The bytes between and behind the frames of records: seals, index, trailer. Each is
//! a zstd skippable frame, so that every zstd reader passes over it. All numbers are
//! little-endian; `docs/archive-format.md` has the tables.

use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::store::{Counts, Unreadable};

/// Most content of a frame in bytes, unless it is one record.
pub const FRAME_CONTENT: usize = 4 << 20;

/// Longest record in bytes, by [`crate::model::Record::size`].
pub const MAX_RECORD: usize = 32 << 20;

/// Longest line in bytes: what the longest record takes with every byte escaped.
pub const MAX_LINE: usize = 6 * MAX_RECORD + (64 << 10);

/// Most frames of an archive, so that the list of them stays within 80 MiB.
pub const MAX_FRAMES: usize = 1 << 20;

/// Longest header line in bytes.
pub(super) const MAX_HEADER: usize = 1 << 20;

/// Longest facts of an index in bytes; they repeat the header.
pub(super) const MAX_FACTS: usize = 4 << 20;

/// Length of a seal with its skippable frame's head.
pub(super) const SEAL: usize = 8 + 8 + ENTRY + 8;
/// Length of a trailer with its skippable frame's head.
pub(super) const TRAILER: usize = 8 + 8 + 4 + 4 + 8 + 8 + 32 + 8;
/// Length of a frame's description, in seal and index alike.
pub(super) const ENTRY: usize = 72;
/// What an index takes beside entries and facts, its skippable frame's head included.
pub(super) const INDEX_FIXED: usize = 8 + 8 + 16 + 32;

/// How a seal begins. The first bytes occur in no JSON line, since 0x18 is escaped there.
pub(super) const SEAL_HEAD: [u8; 16] = head(0x5D, SEAL, b"mfryseal");
const TRAILER_HEAD: [u8; 16] = head(0x5F, TRAILER, b"mfrytail");
const INDEX_TAG: &[u8; 8] = b"mfryindx";
const INDEX_MAGIC: [u8; 4] = [0x5E, 0x2A, 0x4D, 0x18];

const fn head(magic: u8, length: usize, tag: &[u8; 8]) -> [u8; 16] {
    let n = (length - 8).to_le_bytes();
    [
        magic, 0x2A, 0x4D, 0x18, n[0], n[1], n[2], n[3], tag[0], tag[1], tag[2], tag[3], tag[4],
        tag[5], tag[6], tag[7],
    ]
}

/// Where a frame is and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number; 0 is the header.
    pub number: u32,
    /// The kind of all its records; `None` for the header.
    pub kind: Option<Kind>,
    /// How many records.
    pub records: u32,
    /// How many of them are memories.
    pub memories: u32,
    /// Number of its first record in the archive, from 1.
    pub first: u64,
    /// Where its compressed bytes start in the file.
    pub offset: u64,
    /// Length of its compressed bytes.
    pub length: u32,
    /// Length of its content.
    pub content: u32,
    /// BLAKE3 of its compressed bytes.
    pub digest: [u8; 32],
}

impl Frame {
    /// Where its compressed bytes end.
    pub fn end(&self) -> u64 {
        self.offset + u64::from(self.length)
    }

    /// Number of the last record, or of the one before the first if it has none.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.records) - 1
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self.kind {
            None => "the header".to_owned(),
            Some(_) => place(self.number, self.first, self.last()),
        }
    }

    /// Where one of its records is, counted from 0, for people.
    pub(super) fn place_of(&self, n: u32) -> String {
        let record = self.first + u64::from(n);
        place(self.number, record, record)
    }

    /// That its records cannot be read.
    pub fn unreadable(&self, reason: impl Into<String>) -> Unreadable {
        Unreadable {
            kind: self.kind.unwrap_or(Kind::Node),
            place: self.place(),
            reason: reason.into(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let kind = match self.kind {
            None => 0_u32,
            Some(Kind::Node) => 1,
            Some(Kind::Relationship) => 2,
        };
        for number in [self.number, kind, self.records, self.memories] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.content.to_le_bytes());
        out.extend_from_slice(&self.digest);
    }

    /// Reads a description, `None` if no writer makes such a one.
    fn read(bytes: &[u8; ENTRY]) -> Option<Self> {
        let mut at = Fields(bytes);
        let number = at.u32();
        let kind = match at.u32() {
            0 => None,
            1 => Some(Kind::Node),
            2 => Some(Kind::Relationship),
            _ => return None,
        };
        let frame = Self {
            number,
            kind,
            records: at.u32(),
            memories: at.u32(),
            first: at.u64(),
            offset: at.u64(),
            length: at.u32(),
            content: at.u32(),
            digest: at.bytes(),
        };
        let header = frame.number == 0;
        let sound = header == frame.kind.is_none()
            && header == (frame.records == 0)
            && frame.memories <= frame.records
            && (frame.memories == 0 || frame.kind == Some(Kind::Node))
            && (frame.number as usize) < MAX_FRAMES
            && (1..1 << 62).contains(&frame.first)
            && frame.offset < 1 << 62
            && frame.length > 0
            && frame.length / 2 <= frame.content / 2 + frame.content / 256 + 512
            && frame.content > 0
            && frame.content as usize
                <= match (header, frame.records) {
                    (true, _) => MAX_HEADER,
                    (false, 1) => MAX_LINE,
                    (false, _) => FRAME_CONTENT,
                };
        sound.then_some(frame)
    }

    /// Whether this can be the frame behind `before`.
    pub(super) fn follows(&self, before: Option<&Frame>) -> bool {
        match before {
            None => self.number == 0 && self.offset == 0 && self.first == 1,
            Some(before) => {
                self.number == before.number + 1
                    && self.offset == before.end() + SEAL as u64
                    && self.first == before.last() + 1
                    && self.kind >= before.kind
            }
        }
    }
}

/// A frame by its number and those of its records, for people.
pub(super) fn place(number: u32, first: u64, last: u64) -> String {
    match first == last {
        true => format!("frame {number}, record {first}"),
        false => format!("frame {number}, records {first} to {last}"),
    }
}

/// Adds up what frames hold.
pub(super) fn count<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Counts {
    let mut counts = Counts::default();
    for frame in frames {
        match frame.kind {
            None => {}
            Some(Kind::Node) => {
                counts.memories += u64::from(frame.memories);
                counts.other_nodes += u64::from(frame.records - frame.memories);
            }
            Some(Kind::Relationship) => counts.relationships += u64::from(frame.records),
        }
    }
    counts
}

/// Appends the seal that stands behind a frame and makes it count.
pub(super) fn write_seal(out: &mut Vec<u8>, frame: &Frame) {
    let start = out.len();
    out.extend_from_slice(&SEAL_HEAD);
    frame.write(out);
    let check = blake3::hash(&out[start..]);
    out.extend_from_slice(&check.as_bytes()[..8]);
}

/// Reads a seal.
pub(super) fn read_seal(bytes: &[u8; SEAL]) -> Option<Frame> {
    let (body, check) = bytes.split_at(SEAL - 8);
    let entry = body.strip_prefix(&SEAL_HEAD)?;
    let whole = blake3::hash(body).as_bytes()[..8] == *check;
    Frame::read(entry.try_into().ok()?).filter(|_| whole)
}

/// Appends the index: all frames and the facts. Returns its digest.
pub(super) fn write_index(out: &mut Vec<u8>, frames: &[Frame], facts: &[u8]) -> Result<[u8; 32]> {
    let start = out.len();
    let payload = INDEX_FIXED - 8 + ENTRY * frames.len() + facts.len();
    let length = u32::try_from(payload)
        .ok()
        .filter(|_| facts.len() <= MAX_FACTS);
    let Some(length) = length else {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "the notes for the archive's index are longer than 3 MiB",
        ));
    };
    out.extend_from_slice(&INDEX_MAGIC);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(INDEX_TAG);
    for number in [super::VERSION, frames.len() as u32, facts.len() as u32, 0] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for frame in frames {
        frame.write(out);
    }
    out.extend_from_slice(facts);
    let digest = *blake3::hash(&out[start..]).as_bytes();
    out.extend_from_slice(&digest);
    Ok(digest)
}

/// The length of an index from how it begins, `None` if none begins like this.
pub(super) fn index_length(head: &[u8; 16]) -> Option<u64> {
    let mut at = Fields(head);
    let (magic, length, tag) = (at.bytes::<4>(), at.u32(), at.bytes::<8>());
    (magic == INDEX_MAGIC && &tag == INDEX_TAG).then_some(8 + u64::from(length))
}

/// Reads an index, `None` if it is not whole.
pub(super) fn read_index(bytes: &[u8]) -> Option<(Vec<Frame>, &[u8], [u8; 32])> {
    let (body, digest) = bytes.split_last_chunk::<32>()?;
    if body.len() < INDEX_FIXED - 32 || blake3::hash(body).as_bytes() != digest {
        return None;
    }
    let mut at = Fields(body);
    let head = (at.bytes::<4>(), at.u32() as usize, at.bytes::<8>());
    if head != (INDEX_MAGIC, bytes.len() - 8, *INDEX_TAG) {
        return None;
    }
    let (_version, frames, facts, _zero) = (at.u32(), at.u32() as usize, at.u32(), at.u32());
    if frames > MAX_FRAMES || at.0.len() != ENTRY * frames + facts as usize {
        return None;
    }
    let (entries, facts) = at.0.split_at(ENTRY * frames);
    let mut list: Vec<Frame> = Vec::with_capacity(frames);
    for entry in entries.chunks_exact(ENTRY) {
        let frame = Frame::read(entry.try_into().ok()?)?;
        if !frame.follows(list.last()) {
            return None;
        }
        list.push(frame);
    }
    Some((list, facts, *digest))
}

/// What the last bytes of an archive say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    /// Version of the format.
    pub version: u32,
    /// Where the index starts.
    pub offset: u64,
    /// Its length.
    pub length: u64,
    /// Its digest.
    pub digest: [u8; 32],
}

impl Trailer {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&TRAILER_HEAD);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.digest);
        let check = blake3::hash(&out[start..]);
        out.extend_from_slice(&check.as_bytes()[..8]);
    }

    pub(super) fn read(bytes: &[u8; TRAILER]) -> Option<Self> {
        let (body, check) = bytes.split_at(TRAILER - 8);
        if blake3::hash(body).as_bytes()[..8] != *check {
            return None;
        }
        let mut at = Fields(body.strip_prefix(&TRAILER_HEAD)?);
        let (version, _zero) = (at.u32(), at.u32());
        Some(Self {
            version,
            offset: at.u64(),
            length: at.u64(),
            digest: at.bytes(),
        })
    }

    /// Where the archive ends, if that is a place in a file.
    pub(super) fn end(&self) -> Option<u64> {
        self.offset
            .checked_add(self.length)?
            .checked_add(TRAILER as u64)
    }
}

/// Numbers one after another; zero behind the end.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.0 = rest;
                *bytes
            }
            None => [0; N],
        }
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }
}
