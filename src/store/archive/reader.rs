//! Reads an archive: whole, cut off, damaged in places, or still being written.
//!
//! Nothing is decompressed before its digest fits, and no memory is taken before the
//! size is checked. A damaged frame costs only its own records.

use super::frame::{self, Frame};
use super::header::{Facts, Header};
use super::locate::{Behind, Index, find_index, index_at, not_an_archive, read_first_line};
use super::walk;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kind, Record};
use crate::store::protocol::line;
use crate::store::{Counts, Unreadable};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

/// The frames of an archive, shared between the one who writes it and its readers.
#[derive(Clone)]
pub(super) struct Frames(Arc<RwLock<Vec<Frame>>>);

impl Frames {
    pub(super) fn new(frames: Vec<Frame>) -> Self {
        Self(Arc::new(RwLock::new(frames)))
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&[Frame]) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn push(&self, frame: Frame) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(frame);
    }
}

/// How an archive ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    /// With its index.
    Index {
        facts: Box<Facts>,
        digest: [u8; 32],
        /// What is wrong behind the index, which costs nothing.
        flaw: Option<String>,
    },
    /// Nowhere yet: it is still being written.
    Open,
    /// Without a whole index. `complete`: one was begun, so no frame is missing behind
    /// the last.
    NoIndex { complete: bool },
}

/// Reads an archive.
pub struct ArchiveReader {
    path: PathBuf,
    file: File,
    header: Header,
    frames: Frames,
    ending: Ending,
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
    lines: Vec<u8>,
    ends: Vec<u32>,
    loaded: Option<usize>,
}

impl ArchiveReader {
    /// Opens an archive. One that was cut off is opened too: see
    /// [`ArchiveReader::damage`].
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path);
        let metadata = metadata.map_err(|cause| Error::io("open", path, cause))?;
        if !metadata.is_file() {
            return Err(not_an_archive(path, "it is no file"));
        }
        let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
        Self::over(path, file)
    }

    /// Opens what is in a file that is already open.
    pub(super) fn over(path: &Path, file: File) -> Result<Self> {
        let failed = |cause| Error::io("read", path, cause);
        let length = file.metadata().map_err(failed)?.len();
        if length == 0 {
            return Err(not_an_archive(path, "it is empty"));
        }
        let line = read_first_line(&file);
        let header = match &line {
            Some(line) => Header::read(line, path)?,
            None => None,
        };
        if let Some(index) = find_index(&file, length, path)? {
            return Self::with_index(path, file, header, index);
        }
        let frames = walk::frames(&file, length).map_err(failed)?;
        let end = frames.last().map_or(0, |f| f.end() + frame::SEAL as u64);
        let complete = match index_at(&file, length, end).map_err(failed)? {
            Behind::Whole(index) => return Self::with_index(path, file, header, *index),
            Behind::Begun => true,
            Behind::Nothing => false,
        };
        if !frames.is_empty() {
            // Whole seals are those of version 1, whatever became of the header.
            let header = header.unwrap_or_else(Header::lost);
            let ending = Ending::NoIndex { complete };
            return Self::with(path, file, header, Frames::new(frames), ending);
        }
        Err(match (header, line) {
            (Some(_), _) => Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} ends behind its header; it holds no records",
                    path.display()
                ),
            )
            .remedy("Use another copy of it."),
            (None, Some(_)) => not_an_archive(path, "it is compressed, and something else"),
            (None, None) => not_an_archive(path, "it does not begin as one does"),
        })
    }

    fn with_index(path: &Path, file: File, header: Option<Header>, index: Index) -> Result<Self> {
        let header = header.unwrap_or_else(|| index.facts.header.clone());
        let ending = Ending::Index {
            facts: Box::new(index.facts),
            digest: index.digest,
            flaw: index.flaw,
        };
        let frames = Frames::new(index.frames);
        Self::with(path, file, header, frames, ending)
    }

    /// A reader beside the writer of the same file.
    pub(super) fn beside(path: &Path, file: File, header: Header, frames: Frames) -> Result<Self> {
        Self::with(path, file, header, frames, Ending::Open)
    }

    fn with(
        path: &Path,
        file: File,
        header: Header,
        frames: Frames,
        ending: Ending,
    ) -> Result<Self> {
        let decompressor = Decompressor::new()
            .map_err(|cause| Error::internal("zstd cannot be set up").because(cause))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
            frames,
            ending,
            decompressor,
            packed: Vec::new(),
            lines: Vec::new(),
            ends: Vec::new(),
            loaded: None,
        })
    }

    pub(super) fn into_parts(self) -> (File, Header, Vec<Frame>) {
        let frames = self.frames.with(<[Frame]>::to_vec);
        (self.file, self.header, frames)
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What its index says; `None` if it has none (yet).
    pub fn facts(&self) -> Option<&Facts> {
        match &self.ending {
            Ending::Index { facts, .. } => Some(facts),
            _ => None,
        }
    }

    /// Whether it ends with its index.
    pub fn is_finished(&self) -> bool {
        matches!(self.ending, Ending::Index { .. })
    }

    /// Digest of its index, and so of all of it; of its last frame if it has none.
    pub fn digest(&self) -> [u8; 32] {
        match &self.ending {
            Ending::Index { digest, .. } => *digest,
            _ => self
                .frames
                .with(|f| f.last().map_or([0; 32], |last| last.digest)),
        }
    }

    /// How many frames there are; grows while the archive is being written.
    pub fn frame_count(&self) -> usize {
        self.frames.with(<[Frame]>::len)
    }

    /// A frame by its place in the list, from 0.
    pub fn frame(&self, i: usize) -> Option<Frame> {
        self.frames.with(|frames| frames.get(i).cloned())
    }

    /// The place in the list of the frame that holds a record, or, if that is lost, of
    /// the next one.
    pub fn frame_of(&self, record: u64) -> usize {
        self.frames
            .with(|frames| frames.partition_point(|f| f.kind.is_none() || f.last() < record))
    }

    /// The place in the list of the first frame of a kind with at least that number.
    pub(super) fn frame_from(&self, kind: Kind, number: u32) -> usize {
        self.frames
            .with(|frames| frames.partition_point(|f| f.kind < Some(kind) || f.number < number))
    }

    /// How many records its frames say they hold.
    pub fn counts(&self) -> Counts {
        self.frames.with(|frames| frame::count(frames))
    }

    /// What is known to be missing without reading any frame: those whose seal is
    /// damaged in an archive without index, and whatever came behind its end.
    pub fn damage(&self) -> Vec<Unreadable> {
        self.gaps().into_iter().map(|(gap, _)| gap).collect()
    }

    /// [`ArchiveReader::damage`], with how many records each costs as far as is known.
    pub(super) fn gaps(&self) -> Vec<(Unreadable, u64)> {
        let mut gaps = Vec::new();
        let Ending::NoIndex { complete } = self.ending else {
            return gaps;
        };
        let mut gap = |kind, place, reason: String, lost| {
            let unreadable = Unreadable {
                kind,
                place,
                reason,
            };
            gaps.push((unreadable, lost));
        };
        let (mut number, mut last) = (0, 0);
        self.frames.with(|frames| {
            for frame in frames.iter().filter(|frame| frame.number > 0) {
                let lost = frame.first - 1 - last;
                if lost > 0 || frame.number > number + 1 {
                    gap(
                        frame.kind.unwrap_or(Kind::Node),
                        frame::place(number + 1, last + 1, last + lost),
                        "the seal is damaged, and so is the index".to_owned(),
                        lost,
                    );
                }
                (number, last) = (frame.number, frame.last());
            }
        });
        let total = self.header.source_counts.map_or(0, |counts| counts.total());
        if !complete {
            gap(
                Kind::Relationship,
                format!("behind record {last}"),
                match total.checked_sub(last) {
                    Some(1..) => match total {
                        1 => "the archive is cut off; its source held 1 record".to_owned(),
                        _ => format!("the archive is cut off; its source held {total} records"),
                    },
                    _ => "the archive is cut off".to_owned(),
                },
                total.saturating_sub(last),
            );
        }
        gaps
    }

    /// Appends the records of a frame. `Corrupt` if any of them cannot be read; those
    /// before it are there then.
    pub fn read_frame(&mut self, i: usize, records: &mut Vec<Record>) -> Result<()> {
        let lines = self.load(i)?;
        records.reserve(lines);
        for n in 0..lines {
            records.push(self.loaded_record(n)?);
        }
        Ok(())
    }

    /// The record with that number, from 1. Quick for records of the frame that was
    /// read last.
    pub fn record(&mut self, number: u64) -> Result<Record> {
        let i = self.frame_of(number);
        let frame = self
            .frame(i)
            .filter(|frame| frame.first <= number && number > 0);
        let Some(frame) = frame else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} does not hold record {number}", self.path.display()),
            ));
        };
        self.load(i)?;
        self.loaded_record((number - frame.first) as usize)
    }

    /// Reads and checks a frame, and returns how many records it has, for
    /// [`ArchiveReader::loaded_record`]. `Corrupt` if it is damaged.
    pub fn load(&mut self, i: usize) -> Result<usize> {
        if self.loaded != Some(i) {
            self.loaded = None;
            let frame = self.frame(i).filter(|frame| frame.kind.is_some());
            let frame = frame.ok_or_else(|| {
                Error::internal(format!("{} has no frame {i}", self.path.display()))
            })?;
            self.unpack(&frame)?;
            self.loaded = Some(i);
        }
        Ok(self.ends.len())
    }

    /// A record of the frame loaded last, from 0.
    pub fn loaded_record(&self, n: usize) -> Result<Record> {
        let line = self.loaded_line(n);
        line::decode(line).map_err(|problem| {
            let first = self.loaded.and_then(|i| self.frame(i));
            let (number, first) = first.map_or((0, 0), |frame| (frame.number, frame.first));
            let record = first + n as u64;
            self.corrupt(problem, &frame::place(number, record, record))
        })
    }

    /// The line of a record of the frame loaded last, from 0.
    pub(super) fn loaded_line(&self, n: usize) -> &[u8] {
        let end = self.ends.get(n).map_or(0, |end| *end as usize);
        let start = match n {
            0 => 0,
            _ => self.ends.get(n - 1).map_or(0, |end| *end as usize + 1),
        };
        self.lines.get(start..end).unwrap_or_default()
    }

    fn corrupt(&self, why: &str, place: &str) -> Error {
        Error::new(ErrorKind::Corrupt, why)
            .with("place", place)
            .with("archive", self.path.display())
            .remedy("Its other frames can still be read; use another copy for these records.")
    }

    /// Decompresses a frame after checking its digest, and finds its lines.
    pub(super) fn unpack(&mut self, frame: &Frame) -> Result<()> {
        let length = frame.length as usize;
        let content = frame.content as usize;
        let place = frame.place();
        self.packed.clear();
        self.packed.shrink_to(frame::FRAME_CONTENT);
        self.packed.resize(length, 0);
        match self.file.read_exact_at(&mut self.packed, frame.offset) {
            Err(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(self.corrupt("the file ends before it", &place));
            }
            read => read.map_err(|cause| Error::io("read", &self.path, cause))?,
        }
        if blake3::hash(&self.packed).as_bytes() != &frame.digest {
            return Err(self.corrupt("its bytes are not those that were written", &place));
        }
        let declared = zstd_safe::get_frame_content_size(&self.packed)
            .ok()
            .flatten();
        let one = zstd_safe::find_frame_compressed_size(&self.packed) == Ok(length);
        if declared != Some(content as u64) || !one {
            return Err(self.corrupt("its size is not what it says", &place));
        }
        self.lines.clear();
        self.lines.shrink_to(frame::FRAME_CONTENT);
        self.lines.reserve_exact(content);
        let unpacked = self
            .decompressor
            .decompress_to_buffer(&self.packed, &mut self.lines);
        if !matches!(unpacked, Ok(n) if n == content) || self.lines.last() != Some(&b'\n') {
            return Err(self.corrupt("it cannot be decompressed", &place));
        }
        self.ends.clear();
        let ends = memchr::memchr_iter(b'\n', &self.lines).map(|end| end as u32);
        self.ends.extend(ends);
        let expected = frame.records.max(1) as usize;
        if self.ends.len() != expected {
            return Err(self.corrupt("it has another number of lines than it says", &place));
        }
        Ok(())
    }
}
