//! Opening a file for reading without leaving a trace in it or beside it.
//!
//! | state of the file | read how |
//! |---|---|
//! | rollback journal | `mode=ro`: takes a shared lock, which is no write, and so never sees half a commit; in short transactions, because a long one makes the writer's commit fail |
//! | write-ahead log, closed | `immutable=1`: `mode=ro` would make a `-wal` and a `-shm`; checked after each page |
//! | write-ahead log, a program has it open | `mode=ro`: joins the log in the `-shm`, never in the writer's way |
//! | left by a program that was killed | a private copy, recovered there |
//!
//! `immutable=1` takes no lock and reads torn pages under a writer, so it is never used
//! where a lock can be taken.

use super::copy;
use super::fault;
use super::held::{self, Held};
use super::layout::Layout;
use super::place::{Place, beside, uri};
use super::reading::{Picture, Reading};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Consistency;
use crate::store::protocol::file;
use rusqlite::{Connection, OpenFlags};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// How long to wait for somebody else's lock; what memorygraph waits, too.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection, and what must outlive it.
pub(super) struct Db {
    pub(super) conn: Connection,
    _held: Held,
    _copy: Option<TempDir>,
}

impl Db {
    /// Opens a file that is there. `live`: it takes part in a log others have open.
    pub(super) fn open(path: &Path, query: &str, live: bool) -> Result<Self> {
        let held = held::hold(path, live)?;
        let write = if query.starts_with("mode=rw") {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        let flags = write | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |failure| fault::error("open", path, failure);
        let conn = Connection::open_with_flags(uri(path, query), flags).map_err(failed)?;
        conn.busy_timeout(PATIENCE).map_err(failed)?;
        // The bundled SQLite has them on, memorygraph off: dangling rows are rows, too.
        conn.execute_batch("PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF")
            .map_err(failed)?;
        Ok(Self {
            conn,
            _held: held,
            _copy: None,
        })
    }

    /// With a folder that is removed behind it.
    pub(super) fn keeping(mut self, copy: TempDir) -> Self {
        self._copy = Some(copy);
        self
    }
}

/// In which state a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No byte in it.
    Empty,
    /// Rollback journal, the default.
    Journal,
    /// Write-ahead log, with nothing in the log and nobody there.
    ClosedLog,
    /// Write-ahead log, open in some program.
    LiveLog,
    /// Write-ahead log that nobody has open and that was not merged.
    LeftLog,
}

/// A file at one moment, to tell whether it changed: size and time of the file and of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: Option<(u64, i128)>,
    log: Option<(u64, i128)>,
}

impl Stamp {
    pub(super) fn of(real: &Path) -> Result<Self> {
        Ok(Self {
            file: file::stamp(real)?,
            log: file::stamp(&beside(real, "-wal"))?.filter(|(size, _)| *size > 0),
        })
    }
}

/// The first bytes of the file, as many as there are up to 100.
pub(super) fn header(real: &Path) -> Result<Vec<u8>> {
    let failed = |cause| Error::io("read", real, cause);
    let lent = held::lend(real, real).map_err(failed)?;
    let mut bytes = vec![0; 100];
    let mut have = 0;
    while have < bytes.len() {
        let file = lent.file().map_err(failed)?;
        match file.read_at(&mut bytes[have..], have as u64) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(failed(cause)),
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}

/// Whether there is a file that may be one of ours; an error if it is no file at all.
pub(super) fn is_there(place: &Place) -> Result<bool> {
    let shown = place.shown();
    match std::fs::metadata(shown) {
        Ok(meta) if meta.is_file() => Ok(true),
        Ok(meta) => {
            let what = if meta.is_dir() {
                "a folder"
            } else {
                "no ordinary file"
            };
            Err(Error::new(
                ErrorKind::NotThisStore,
                format!("{} is {what}, not an SQLite file", shown.display()),
            )
            .remedy("Give the path of the file itself."))
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::io("look at", shown, cause)),
    }
}

/// The state of a file, from its header and what stands beside it.
pub(super) fn state(real: &Path) -> Result<State> {
    let header = header(real)?;
    if header.is_empty() {
        return Ok(State::Empty);
    }
    let shown = real.display();
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(Error::new(
            ErrorKind::NotThisStore,
            format!("{shown} is not an SQLite file"),
        )
        .remedy("Check the path. An encrypted SQLite file cannot be read either."));
    }
    if header.len() < 100 {
        return Err(cut_short(real));
    }
    let frames = match file::stamp(&beside(real, "-wal"))? {
        None if header[18] != 2 && header[19] != 2 => return Ok(State::Journal),
        None => return Ok(State::ClosedLog),
        // A header of 32 bytes, then frames.
        Some((size, _)) => size > 32,
    };
    if log_is_open(real) {
        return Ok(State::LiveLog);
    }
    Ok(if frames {
        State::LeftLog
    } else {
        State::ClosedLog
    })
}

/// The error for a file that ends too early.
fn cut_short(real: &Path) -> Error {
    let shown = real.display();
    Error::new(ErrorKind::Corrupt, format!("{shown} is cut short")).remedy(format!(
        "Restore it from a backup, or save what is left with `sqlite3 {shown} .recover`."
    ))
}

/// Whether some program has the write-ahead log open and this one can join it. Everyone
/// who has holds a lock on byte 128 of the `-shm`.
fn log_is_open(real: &Path) -> bool {
    let shm = beside(real, "-shm");
    let usable = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    if rustix::fs::access(&shm, usable).is_err() {
        return false;
    }
    held::is_live(real) || is_locked(real, &shm, 128, 1)
}

/// Whether another process holds a lock on those bytes.
pub(super) fn is_locked(real: &Path, file: &Path, start: u64, length: u64) -> bool {
    use rustix::process::{Flock, FlockType, fcntl_getlk};
    let asked = Flock {
        start,
        length,
        ..Flock::from(FlockType::WriteLock)
    };
    let Ok(lent) = held::lend(real, file) else {
        return false;
    };
    lent.file()
        .is_ok_and(|file| matches!(fcntl_getlk(file, &asked), Ok(Some(_))))
}

/// Opens a store for reading, in whichever way leaves no trace.
pub(super) fn read(place: &Place, how: Consistency) -> Result<Reading> {
    if !is_there(place)? {
        return Err(place.not_found());
    }
    let real = place.real()?;
    // What a state promises may end between looking and opening: a program starts,
    // stops, or is killed. Then it is looked at again.
    for _ in 0..5 {
        let mut state = state(&real)?;
        if place.immutable && state != State::Empty {
            state = State::ClosedLog;
        }
        if let Some(reading) = try_read(&real, state, how, place.immutable)? {
            return Ok(reading);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(drifted(&real))
}

/// The error that somebody wrote meanwhile.
pub(super) fn drifted(real: &Path) -> Error {
    Error::new(
        ErrorKind::Drifted,
        format!("{} was written to while it was read", real.display()),
    )
    .remedy("Try again, or stop the program that writes to it.")
    .temporary()
}

fn try_read(
    real: &Path,
    state: State,
    how: Consistency,
    always_in_place: bool,
) -> Result<Option<Reading>> {
    let in_place = how == Consistency::InPlace || always_in_place;
    match state {
        State::Empty => {
            let stamp = Stamp::of(real)?;
            Ok(Some(Reading::empty(real.to_path_buf(), stamp)))
        }
        State::ClosedLog if in_place => {
            let stamp = Stamp::of(real)?;
            let db = Db::open(real, "mode=ro&immutable=1", false)?;
            let layout = Layout::of(&db.conn, real);
            if Stamp::of(real)? != stamp {
                return Ok(None);
            }
            Ok(Some(Reading::new(
                real.to_path_buf(),
                db,
                layout?,
                Picture::Frozen(stamp),
            )))
        }
        State::ClosedLog => isolated(real, copy::of_files(real, None)?),
        State::LeftLog => isolated(real, copy::of_files(real, Some("-wal"))?),
        State::LiveLog => {
            let db = Db::open(real, "mode=ro", true)?;
            let reading = isolated(real, Some(db))?;
            // Gone meanwhile: then the log may have been made by this very look.
            Ok(if self::state(real)? == State::LiveLog {
                reading
            } else {
                None
            })
        }
        State::Journal => {
            let db = Db::open(real, "mode=ro", false)?;
            let begun = db
                .conn
                .execute_batch("BEGIN")
                .and_then(|()| data_version(&db.conn));
            match begun {
                Ok(version) if in_place => {
                    let layout = Layout::of(&db.conn, real)?;
                    end(&db.conn);
                    let picture = Picture::Shared(version);
                    Ok(Some(Reading::new(real.to_path_buf(), db, layout, picture)))
                }
                Ok(_) => {
                    end(&db.conn);
                    isolated(real, copy::by_pages(real, &db.conn)?)
                }
                Err(failure) if fault::needs_recovery(&failure) => {
                    drop(db);
                    isolated(real, copy::of_files(real, Some("-journal"))?)
                }
                Err(failure) => Err(fault::error("read", real, failure)),
            }
        }
    }
}

/// One read transaction for the whole picture.
fn isolated(real: &Path, db: Option<Db>) -> Result<Option<Reading>> {
    let Some(db) = db else { return Ok(None) };
    db.conn
        .execute_batch("BEGIN")
        .and_then(|()| data_version(&db.conn))
        .map_err(|failure| fault::error("read", real, failure))?;
    let layout = Layout::of(&db.conn, real)?;
    Ok(Some(Reading::new(
        real.to_path_buf(),
        db,
        layout,
        Picture::Isolated,
    )))
}

/// Changes whenever another connection has committed; asking starts the transaction.
pub(super) fn data_version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// Ends a read transaction; nothing can be lost by that.
pub(super) fn end(conn: &Connection) {
    if !conn.is_autocommit() {
        let _ = conn.execute_batch("ROLLBACK");
    }
}

/// Where private copies are made.
pub(super) fn scratch() -> PathBuf {
    std::env::temp_dir()
}
