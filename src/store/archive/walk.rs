//! Finds the frames of an archive without its index, by their seals: one that was cut
//! off, or whose index is damaged. Damage in between is stepped over.

use super::frame::{Frame, MAX_FRAMES, SEAL, SEAL_HEAD, read_seal};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

const CHUNK: usize = 1 << 20;

/// All frames that have a whole seal, in order. What lies between them, where one does
/// not follow the other, is damaged.
pub(super) fn frames(file: &File, length: u64) -> io::Result<Vec<Frame>> {
    let finder = memchr::memmem::Finder::new(&SEAL_HEAD);
    let mut frames: Vec<Frame> = Vec::new();
    let mut chunk = vec![0; length.min((CHUNK + SEAL) as u64) as usize];
    let mut start = 0_u64;
    while start < length {
        // Chunks overlap, so that no seal is cut.
        let wanted = (length - start).min(chunk.len() as u64) as usize;
        let bytes = &mut chunk[..wanted];
        file.read_exact_at(bytes, start)?;
        for at in finder.find_iter(bytes).take_while(|at| *at < CHUNK) {
            let Some(seal) = bytes.get(at..at + SEAL).and_then(|s| s.try_into().ok()) else {
                continue;
            };
            let free = frames.last().map_or(0, |last| last.end() + SEAL as u64);
            let fits = |frame: &Frame| {
                let later = frames.last().is_none_or(|last| {
                    frame.number > last.number
                        && frame.first > last.last()
                        && frame.kind >= last.kind
                });
                frame.end() == start + at as u64 && frame.offset >= free && later
            };
            if let Some(frame) = read_seal(seal).filter(fits)
                && frames.len() < MAX_FRAMES
            {
                frames.push(frame);
            }
        }
        start += CHUNK as u64;
    }
    Ok(frames)
}

/// Whether the compressed bytes of a frame are as they were written.
pub(super) fn is_whole(file: &File, frame: &Frame, packed: &mut Vec<u8>) -> bool {
    packed.resize(frame.length as usize, 0);
    file.read_exact_at(packed, frame.offset).is_ok()
        && blake3::hash(packed).as_bytes() == &frame.digest
}
