//! Writes an archive, frame by frame. Lines are collected and compressed on the
//! caller's thread; a frame and its seal reach the file in one write, and count from
//! then on. A failed write can be repeated: the file ends where it ended before.

use super::frame::{
    self, FRAME_CONTENT, Frame, MAX_FRAMES, MAX_LINE, SEAL, Trailer, write_index, write_seal,
};
use super::header::{Facts, Header, VERSION};
use super::reader::{ArchiveReader, Frames};
use super::walk;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kind, Record, memory};
use crate::store::Counts;
use crate::store::protocol::file;
use crate::store::protocol::line;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use zstd::bulk::Compressor;

/// Strength of compression: the fastest that still halves memories.
const LEVEL: i32 = 1;

/// The same for what is read again soon and then removed.
const STAGE_LEVEL: i32 = -3;

/// Writes an archive.
pub struct ArchiveWriter {
    path: PathBuf,
    file: File,
    header: Header,
    frames: Frames,
    end: u64,
    compressor: Compressor<'static>,
    lines: Vec<u8>,
    packed: Vec<u8>,
    open: Open,
}

/// What the lines collected so far hold.
#[derive(Clone, Copy, Default)]
struct Open {
    kind: Option<Kind>,
    records: u32,
    memories: u32,
}

/// How far a writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Frames in the file, the header's included.
    pub frames: u32,
    /// Records in those frames.
    pub records: u64,
    /// Records taken, those not yet in the file included.
    pub taken: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A finished archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What it holds.
    pub counts: Counts,
    /// Its length in bytes.
    pub bytes: u64,
    /// Digest of its index, and so of all of it.
    pub digest: [u8; 32],
}

impl ArchiveWriter {
    /// Begins a new archive; `AlreadyExists` if anything is there. Only its owner can
    /// read the file.
    pub fn create(path: &Path, header: &Header) -> Result<Self> {
        Self::begin(path, header, LEVEL)
    }

    /// The same for an archive that is soon removed: sooner written, and larger.
    pub fn create_stage(path: &Path, header: &Header) -> Result<Self> {
        Self::begin(path, header, STAGE_LEVEL)
    }

    fn begin(path: &Path, header: &Header, level: i32) -> Result<Self> {
        let line = header.line()?;
        let file = file::create_private(path)?;
        let mut writer = Self::over(path, file, header.clone(), Vec::new(), 0)?;
        writer
            .compressor
            .set_compression_level(level)
            .map_err(|cause| Error::internal("zstd cannot be set up").because(cause))?;
        writer.lines = line;
        if let Err(failed) = writer.write_frame(writer.lines.len(), Open::default()) {
            let _ = std::fs::remove_file(path);
            return Err(failed);
        }
        writer.lines.clear();
        Ok(writer)
    }

    /// Goes on with an archive whose writing was cut off, be it after its end. Every
    /// frame is checked; the file is cut behind the last of those that are whole from
    /// the start, an index included, and [`ArchiveWriter::position`] tells what is there.
    pub fn resume(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(path);
        let file = file.map_err(|cause| Error::io("open", path, cause))?;
        let reader = ArchiveReader::over(path, file)?;
        let (file, header, found) = reader.into_parts();
        let mut frames: Vec<Frame> = Vec::new();
        let mut packed = Vec::new();
        for frame in found {
            if !frame.follows(frames.last()) || !walk::is_whole(&file, &frame, &mut packed) {
                break;
            }
            frames.push(frame);
        }
        let Some(last) = frames.last() else {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("the header of {} is damaged", path.display()),
            )
            .remedy("Start again with a new archive."));
        };
        let end = last.end() + SEAL as u64;
        file.set_len(end)
            .map_err(|cause| Error::io("shorten", path, cause))?;
        Self::over(path, file, header, frames, end)
    }

    fn over(path: &Path, file: File, header: Header, frames: Vec<Frame>, end: u64) -> Result<Self> {
        use zstd::zstd_safe::CParameter::{ChecksumFlag, ContentSizeFlag};
        let failed = |cause| Error::internal("zstd cannot be set up").because(cause);
        let mut compressor = Compressor::new(LEVEL).map_err(failed)?;
        for flag in [ChecksumFlag(true), ContentSizeFlag(true)] {
            compressor.set_parameter(flag).map_err(failed)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
            frames: Frames::new(frames),
            end,
            compressor,
            lines: Vec::new(),
            packed: Vec::new(),
            open: Open::default(),
        })
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the frames in the file hold.
    pub fn counts(&self) -> Counts {
        self.frames.with(|frames| frame::count(frames))
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        let (frames, records) = self
            .frames
            .with(|f| (f.len(), f.last().map_or(0, Frame::last)));
        Position {
            frames: frames as u32,
            records,
            taken: records + u64::from(self.open.records),
            bytes: self.end,
        }
    }

    /// A reader of the frames that are in the file, now and later on.
    pub fn reader(&self) -> Result<ArchiveReader> {
        let file = self.file.try_clone();
        let file = file.map_err(|cause| Error::io("open again", &self.path, cause))?;
        ArchiveReader::beside(&self.path, file, self.header.clone(), self.frames.clone())
    }

    /// Takes a record and returns its number. All nodes come before all relationships.
    /// `TooLarge` beyond the longest line or the deepest nesting. After any error the
    /// record is not taken, and may be pushed again.
    pub fn push(&mut self, record: &Record) -> Result<u64> {
        self.in_order(record)?;
        self.take(record, None)
    }

    /// Like [`ArchiveWriter::push`] for a caller that has just digested the record:
    /// `portable` is what [`crate::model::Canon::is_portable`] says.
    pub fn push_known(&mut self, record: &Record, portable: bool) -> Result<u64> {
        self.in_order(record)?;
        self.take(record, Some(portable))
    }

    /// Like [`ArchiveWriter::push`] in any order: what that makes is no archive, and
    /// only its own readers can read it.
    pub(super) fn push_anywhere(&mut self, record: &Record) -> Result<u64> {
        self.take(record, None)
    }

    fn in_order(&self, record: &Record) -> Result<()> {
        let before = match self.open.kind {
            None => self.frames.with(|f| f.last().and_then(|last| last.kind)),
            open => open,
        };
        match before > Some(record.kind()) {
            true => Err(Error::internal(
                "a node came behind the relationships of an archive",
            )),
            false => Ok(()),
        }
    }

    /// Follows its file to another name.
    pub(super) fn moved_to(&mut self, path: &Path) {
        self.path = path.to_owned();
    }

    fn take(&mut self, record: &Record, portable: Option<bool>) -> Result<u64> {
        let kind = Some(record.kind());
        if self.open.records > 0 && (kind != self.open.kind || self.lines.len() >= FRAME_CONTENT) {
            self.end_frame()?;
        }
        let start = self.lines.len();
        let too_large = |why: &str| {
            Error::new(
                ErrorKind::TooLarge,
                format!("a record does not fit into an archive: {why}"),
            )
            .with("id", record.key().display())
        };
        let result = line::encode(&mut self.lines, record, portable).map_err(too_large);
        let result = result.and_then(|()| match self.lines.len() - start > MAX_LINE {
            true => Err(too_large("its line is longer than 192 MiB")),
            false if start > 0 && self.lines.len() > FRAME_CONTENT => {
                self.write_frame(start, self.open)?;
                self.lines.drain(..start);
                self.open = Open::default();
                Ok(())
            }
            false => Ok(()),
        });
        if let Err(failed) = result {
            self.lines.truncate(start);
            return Err(failed);
        }
        self.open.kind = kind;
        self.open.records += 1;
        if let Record::Node(node) = record {
            self.open.memories += u32::from(memory::is_memory(node));
        }
        Ok(self.position().taken)
    }

    /// Puts what was taken so far into the file, as a frame of its own. Not yet
    /// durable: see [`ArchiveWriter::sync`].
    pub fn end_frame(&mut self) -> Result<()> {
        if self.open.records > 0 {
            self.write_frame(self.lines.len(), self.open)?;
            self.lines.clear();
            self.open = Open::default();
        }
        // A giant record's room is given back at once.
        self.lines.shrink_to(FRAME_CONTENT);
        self.packed.shrink_to(FRAME_CONTENT);
        Ok(())
    }

    /// Makes the frames in the file durable.
    pub fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|cause| Error::io("write", &self.path, cause))
    }

    /// Ends the archive: writes its index, and makes file and name durable.
    pub fn finish(mut self, notes: serde_json::Map<String, serde_json::Value>) -> Result<Finished> {
        self.finish_in_place(notes)
    }

    /// Like [`ArchiveWriter::finish`]. Should more records follow, they take the place of
    /// the index, and the archive must be finished again.
    pub(super) fn finish_in_place(
        &mut self,
        notes: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Finished> {
        self.end_frame()?;
        let counts = self.counts();
        let facts = Facts {
            header: self.header.clone(),
            counts,
            notes,
        };
        let facts = serde_json::to_vec(&facts)
            .map_err(|cause| Error::internal("the index cannot be written").because(cause))?;
        let mut bytes = Vec::new();
        let digest = self
            .frames
            .with(|frames| write_index(&mut bytes, frames, &facts))?;
        Trailer {
            version: VERSION,
            offset: self.end,
            length: bytes.len() as u64,
            digest,
        }
        .write(&mut bytes);
        self.file
            .set_len(self.end)
            .and_then(|()| self.file.write_all_at(&bytes, self.end))
            .and_then(|()| self.file.sync_all())
            .map_err(|cause| Error::io("write", &self.path, cause))?;
        file::sync(file::folder_of(&self.path))?;
        Ok(Finished {
            counts,
            bytes: self.end + bytes.len() as u64,
            digest,
        })
    }

    /// Compresses the first bytes of the lines and writes them as a frame.
    fn write_frame(&mut self, length: usize, holds: Open) -> Result<()> {
        let number = self.frames.with(<[Frame]>::len);
        if number >= MAX_FRAMES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "{} has as many frames as an archive can have",
                    self.path.display()
                ),
            )
            .remedy("Split the move with a filter."));
        }
        let content = &self.lines[..length];
        self.packed.clear();
        self.packed
            .reserve(zstd::zstd_safe::compress_bound(length) + SEAL);
        self.compressor
            .compress_to_buffer(content, &mut self.packed)
            .map_err(|cause| Error::internal("zstd cannot compress").because(cause))?;
        let frame = Frame {
            number: number as u32,
            kind: holds.kind,
            records: holds.records,
            memories: holds.memories,
            first: self
                .frames
                .with(|f| f.last().map_or(1, |last| last.last() + 1)),
            offset: self.end,
            length: self.packed.len() as u32,
            content: length as u32,
            digest: *blake3::hash(&self.packed).as_bytes(),
        };
        write_seal(&mut self.packed, &frame);
        self.file
            .write_all_at(&self.packed, self.end)
            .map_err(|cause| {
                let _ = self.file.set_len(self.end);
                Error::io("write", &self.path, cause)
            })?;
        self.end += self.packed.len() as u64;
        self.frames.push(frame);
        Ok(())
    }
}
