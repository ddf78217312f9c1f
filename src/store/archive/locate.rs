//! Finds out whether a file is an archive, and where its frames are: its first line,
//! then its index from the end, or where one begins in a file that ends otherwise.

use super::frame::{self, Frame, MAX_FACTS, MAX_FRAMES, MAX_HEADER, TRAILER, Trailer, read_index};
use super::header::{Facts, VERSION, newer};
use crate::error::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use zstd::zstd_safe;

pub(super) fn not_an_archive(path: &Path, why: &str) -> Error {
    Error::new(
        ErrorKind::NotThisStore,
        format!("{} is not a memferry archive: {why}", path.display()),
    )
    .remedy("Check the path, or say which kind of store it is, as KIND:PATH.")
}

/// The content of the zstd frame that a file begins with, up to the longest header.
pub(super) fn read_first_line(file: &File) -> Option<Vec<u8>> {
    let mut start = [0; 4];
    file.read_exact_at(&mut start, 0).ok()?;
    if start != zstd_safe::MAGICNUMBER.to_le_bytes() {
        return None;
    }
    let from = At { file, offset: 0 }.take(2 * MAX_HEADER as u64);
    let mut decoder = zstd::stream::read::Decoder::new(from).ok()?.single_frame();
    decoder.window_log_max(23).ok()?;
    let mut line = Vec::new();
    let read = decoder.take(MAX_HEADER as u64).read_to_end(&mut line);
    read.is_ok().then_some(line)
}

/// Reads from a place on without moving the file's own.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl std::io::Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read_at(buffer, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

/// An index that is whole.
pub(super) struct Index {
    pub frames: Vec<Frame>,
    pub facts: Facts,
    pub digest: [u8; 32],
    pub flaw: Option<String>,
}

impl Index {
    fn read(bytes: &[u8], offset: u64) -> Option<Self> {
        let (frames, facts, digest) = read_index(bytes)?;
        let end = frames.last()?.end() + frame::SEAL as u64;
        let facts = serde_json::from_slice(facts).ok()?;
        (end == offset).then_some(Self {
            frames,
            facts,
            digest,
            flaw: None,
        })
    }
}

/// Longest index that an archive can have.
const MAX_INDEX: u64 = (frame::INDEX_FIXED + frame::ENTRY * MAX_FRAMES + MAX_FACTS) as u64;

/// The index that the end of the file points to, if it is whole.
pub(super) fn find_index(file: &File, length: u64, path: &Path) -> Result<Option<Index>> {
    let failed = |cause| Error::io("read", path, cause);
    let Some(start) = length.checked_sub(TRAILER as u64) else {
        return Ok(None);
    };
    let mut last = [0; TRAILER];
    file.read_exact_at(&mut last, start).map_err(failed)?;
    let Some(trailer) = Trailer::read(&last) else {
        return Ok(None);
    };
    if trailer.version > VERSION {
        return Err(newer(trailer.version, path));
    }
    if let Some(before) = trailer.end().and_then(|end| length.checked_sub(end))
        && before > 0
    {
        let why = format!("{before} bytes stand before its beginning");
        let remedy = format!("Cut them off: `tail -c +{} FILE > NEW`.", before + 1);
        return Err(not_an_archive(path, &why).remedy(remedy));
    }
    if trailer.end() != Some(length) || trailer.length > MAX_INDEX {
        return Ok(None);
    }
    let mut bytes = vec![0; trailer.length as usize];
    file.read_exact_at(&mut bytes, trailer.offset)
        .map_err(failed)?;
    let index = Index::read(&bytes, trailer.offset);
    Ok(index.filter(|index| index.digest == trailer.digest))
}

/// What stands where an index would.
pub(super) enum Behind {
    Whole(Box<Index>),
    Begun,
    Nothing,
}

/// Looks for an index at a place, in a file that does not end with its trailer.
pub(super) fn index_at(file: &File, length: u64, offset: u64) -> std::io::Result<Behind> {
    let mut head = [0; 16];
    if offset + 16 > length {
        return Ok(Behind::Nothing);
    }
    file.read_exact_at(&mut head, offset)?;
    let Some(wanted) = frame::index_length(&head) else {
        return Ok(Behind::Nothing);
    };
    if wanted > MAX_INDEX || offset + wanted > length {
        return Ok(Behind::Begun);
    }
    let mut bytes = vec![0; wanted as usize];
    file.read_exact_at(&mut bytes, offset)?;
    let Some(mut index) = Index::read(&bytes, offset) else {
        return Ok(Behind::Begun);
    };
    let behind = length - offset - wanted;
    index.flaw = Some(match behind.checked_sub(TRAILER as u64) {
        None => "the end of the file is missing; no record is".to_owned(),
        Some(0) => "the last bytes of the file are damaged; no record is".to_owned(),
        Some(more) => format!("{more} bytes follow the archive"),
    });
    Ok(Behind::Whole(Box::new(index)))
}
