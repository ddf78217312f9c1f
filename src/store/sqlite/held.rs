//! Looking into a file that SQLite has open in this process.
//!
//! SQLite's locks are POSIX locks, and closing *any* descriptor of a file drops all
//! locks that the process has on it: a look at the header of a target in the middle of
//! a transaction would let other programs write into it. So a connection registers its
//! file here, and a descriptor opened meanwhile stays open as long as the connection.

use crate::error::{Error, Result};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Device and inode.
type Id = (u64, u64);

static FILES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// A database file that this process has open.
struct Entry {
    id: Id,
    connections: usize,
    /// Of these, how many hold a lock in its `-shm`.
    live: usize,
    parked: Vec<File>,
}

fn files() -> MutexGuard<'static, Vec<Entry>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id_of(meta: &Metadata) -> Id {
    (meta.dev(), meta.ino())
}

/// That a connection to a database file is open. Drop it after the connection.
pub(super) struct Held {
    id: Id,
    live: bool,
}

/// Registers a connection that is about to be opened; `live`: it takes part in the
/// write-ahead log that other programs have open.
pub(super) fn hold(database: &Path, live: bool) -> Result<Held> {
    let mut files = files();
    let meta = std::fs::metadata(database).map_err(|e| Error::io("open", database, e))?;
    let id = id_of(&meta);
    let at = files
        .iter()
        .position(|entry| entry.id == id)
        .unwrap_or_else(|| {
            files.push(Entry {
                id,
                connections: 0,
                live: 0,
                parked: Vec::new(),
            });
            files.len() - 1
        });
    files[at].connections += 1;
    files[at].live += usize::from(live);
    Ok(Held { id, live })
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut files = files();
        if let Some(at) = files.iter().position(|entry| entry.id == self.id) {
            files[at].connections -= 1;
            files[at].live -= usize::from(self.live);
            if files[at].connections == 0 {
                files.swap_remove(at);
            }
        }
    }
}

/// Whether a connection of this process takes part in the file's write-ahead log.
pub(super) fn is_live(database: &Path) -> bool {
    std::fs::metadata(database).is_ok_and(|meta| {
        files()
            .iter()
            .any(|entry| entry.id == id_of(&meta) && entry.live > 0)
    })
}

/// A descriptor for looking, closed when no lock can be lost by that.
pub(super) struct Lent {
    file: Option<File>,
    database: Id,
}

/// Opens the database file, or a file beside it, for looking.
pub(super) fn lend(database: &Path, file: &Path) -> std::io::Result<Lent> {
    let mut files = files();
    let database = id_of(&std::fs::metadata(database)?);
    let wanted = id_of(&std::fs::metadata(file)?);
    if let Some(entry) = files.iter_mut().find(|entry| entry.id == database)
        && let Some(at) = entry
            .parked
            .iter()
            .position(|parked| parked.metadata().is_ok_and(|meta| id_of(&meta) == wanted))
    {
        let file = Some(entry.parked.swap_remove(at));
        return Ok(Lent { file, database });
    }
    let file = Some(File::open(file)?);
    Ok(Lent { file, database })
}

impl Lent {
    /// The file.
    pub(super) fn file(&self) -> std::io::Result<&File> {
        self.file
            .as_ref()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut files = files();
        let file = self.file.take();
        if let Some(entry) = files.iter_mut().find(|entry| entry.id == self.database) {
            entry.parked.extend(file);
        }
    }
}
