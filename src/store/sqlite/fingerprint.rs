//! Whether a file was written to: what every commit changes, read without opening it.

use super::access::{Stamp, header};
use super::held;
use super::place::beside;
use crate::error::{Error, Result};
use crate::store::Fingerprint;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

/// The fingerprint of a file, or of its absence: device and inode, size, time and the
/// change counter in its header; of its log also the salts, and of the `-shm` the
/// position of the last commit, since commits within one tick of the clock may leave
/// size and time alike.
pub(super) fn of(real: &Path) -> Result<Fingerprint> {
    let meta = match std::fs::metadata(real) {
        Ok(meta) => meta,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Fingerprint("absent".to_owned()));
        }
        Err(cause) => return Err(Error::io("look at", real, cause)),
    };
    let stamp = Stamp::of(real)?;
    let header = header(real)?;
    let mut hash = blake3::Hasher::new();
    hash.update(format!("{}:{}:{stamp:?}", meta.dev(), meta.ino()).as_bytes());
    hash.update(header.get(24..40).unwrap_or_default());
    hash.update(header.get(92..100).unwrap_or_default());
    let log = beside(real, "-wal");
    if let Some(salts) = start_of(real, &log, 32) {
        hash.update(&salts);
        if let Some(index) = start_of(real, &beside(real, "-shm"), 48) {
            hash.update(&index);
        }
    }
    let hex = hash.finalize().to_hex();
    let counter = header
        .get(24..28)
        .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
        .map_or(0, u32::from_be_bytes);
    Ok(Fingerprint(format!("change {counter}, {}", &hex[..32])))
}

fn start_of(real: &Path, file: &Path, length: usize) -> Option<Vec<u8>> {
    let lent = held::lend(real, file).ok()?;
    let mut bytes = vec![0; length];
    let read = lent.file().ok()?.read_at(&mut bytes, 0).ok()?;
    bytes.truncate(read);
    Some(bytes)
}
