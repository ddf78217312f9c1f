//! Checks every byte of an archive: digests, seals against the index, and that each
//! line is exactly what its record is written as. Proves that the archive is what its
//! writer wrote; not that the writer was told the truth.

use super::frame::{self, Frame, SEAL, write_seal};
use super::header::Header;
use super::reader::{ArchiveReader, Ending};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Record, memory};
use crate::store::protocol::line;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Something wrong with an archive.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Problem {
    /// Where: a frame and its records, the header, the end.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
    /// How many records cannot be read for it, as far as is known.
    pub lost: u64,
}

/// Checks an archive. Empty: nothing is wrong. An error: nothing can be read at all.
pub fn verify(path: &Path) -> Result<Vec<Problem>> {
    verify_with(path, &mut |_| {})
}

/// Like [`verify`]; `tick` is told how many bytes of the file are checked so far.
pub fn verify_with(path: &Path, tick: &mut dyn FnMut(u64)) -> Result<Vec<Problem>> {
    let mut reader = ArchiveReader::open(path)?;
    let mut problems = Vec::new();
    let mut expected = Vec::new();
    for i in 0..reader.frame_count() {
        let Some(frame) = reader.frame(i) else { break };
        let checked = match frame.kind {
            None => check_header(&mut reader, &frame, path),
            Some(_) => check_frame(&mut reader, i, &frame, &mut expected),
        };
        match checked {
            Ok(found) => problems.extend(found),
            Err(error) if error.kind() == ErrorKind::Corrupt => problems.push(Problem {
                place: frame.place(),
                reason: error.message().to_owned(),
                lost: u64::from(frame.records),
            }),
            Err(error) => return Err(error),
        }
        problems.extend(check_seal(&reader, &frame, path)?);
        tick(frame.end() + SEAL as u64);
    }
    problems.extend(check_end(&reader));
    Ok(problems)
}

fn check_header(reader: &mut ArchiveReader, frame: &Frame, path: &Path) -> Result<Option<Problem>> {
    reader.unpack(frame)?;
    let read = Header::read(reader.loaded_line(0), path)?;
    let agrees = read.as_ref() == Some(reader.header())
        && reader.facts().is_none_or(|f| f.header == *reader.header());
    Ok((!agrees).then(|| Problem {
        place: frame.place(),
        reason: "it is not the header that the index repeats".to_owned(),
        lost: 0,
    }))
}

/// Checks the records of a frame; `Corrupt` if the frame as a whole is damaged.
fn check_frame(
    reader: &mut ArchiveReader,
    i: usize,
    frame: &Frame,
    expected: &mut Vec<u8>,
) -> Result<Option<Problem>> {
    let lines = reader.load(i)?;
    let mut memories = 0;
    let mut lost = 0;
    let mut first = None;
    for n in 0..lines {
        let line = reader.loaded_line(n);
        let reason = match line::decode(line) {
            Err(problem) => Some((problem, 1)),
            Ok(record) => {
                if let Record::Node(node) = &record {
                    memories += u32::from(memory::is_memory(node));
                }
                expected.clear();
                let written = line::encode(expected, &record, None);
                if Some(record.kind()) != frame.kind {
                    Some(("it is of another kind than its frame", 0))
                } else if written.is_err() || expected.strip_suffix(b"\n") != Some(line) {
                    Some(("it is not written as this record would be", 0))
                } else {
                    None
                }
            }
        };
        if let Some((reason, unread)) = reason {
            lost += unread;
            let record = frame.first + n as u64;
            first.get_or_insert((frame::place(frame.number, record, record), reason));
        }
    }
    if first.is_none() && memories != frame.memories {
        first = Some((
            frame.place(),
            "it has another number of memories than it says",
        ));
    }
    Ok(first.map(|(place, reason)| Problem {
        place,
        reason: reason.to_owned(),
        lost,
    }))
}

fn check_seal(reader: &ArchiveReader, frame: &Frame, path: &Path) -> Result<Option<Problem>> {
    let mut expected = Vec::with_capacity(SEAL);
    write_seal(&mut expected, frame);
    let mut seal = [0; SEAL];
    match reader.file().read_exact_at(&mut seal, frame.end()) {
        Err(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
            return Err(Error::io("read", path, cause));
        }
        _ => {}
    }
    Ok((seal[..] != expected).then(|| Problem {
        place: format!("the seal behind {}", frame.place()),
        reason: "it is damaged; no record is".to_owned(),
        lost: 0,
    }))
}

fn check_end(reader: &ArchiveReader) -> Vec<Problem> {
    let end = |reason: &str| Problem {
        place: "the end".to_owned(),
        reason: reason.to_owned(),
        lost: 0,
    };
    let mut problems = Vec::new();
    match reader.ending() {
        Ending::Index { facts, flaw, .. } => {
            problems.extend(flaw.as_deref().map(end));
            if facts.counts != reader.counts() {
                problems.push(end("the index counts other records than its frames hold"));
            }
        }
        Ending::NoIndex { complete: true } => problems.push(end("the index is damaged")),
        Ending::NoIndex { complete: false } | Ending::Open => {}
    }
    if reader.frame(0).is_none_or(|frame| frame.number > 0) {
        problems.push(Problem {
            place: "the seal behind the header".to_owned(),
            reason: "it is damaged; no record is".to_owned(),
            lost: 0,
        });
    }
    problems.extend(reader.gaps().into_iter().map(|(gap, lost)| Problem {
        place: gap.place,
        reason: gap.reason,
        lost,
    }));
    problems
}
