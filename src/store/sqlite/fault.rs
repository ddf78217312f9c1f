//! What SQLite's errors mean to a person. By code only.

use crate::error::{Error, ErrorKind};
use crate::store::protocol::file;
use rusqlite::{Error as Failure, ErrorCode, ffi};
use std::path::Path;

/// SQLite's extended code, if the error is SQLite's.
pub(super) fn code(failure: &Failure) -> Option<i32> {
    match failure {
        Failure::SqliteFailure(error, _) => Some(error.extended_code),
        _ => None,
    }
}

/// SQLite's code without its extension.
pub(super) fn primary(failure: &Failure) -> Option<i32> {
    code(failure).map(|code| code & 0xff)
}

/// Whether the file is damaged where it was just read.
pub(super) fn is_damage(failure: &Failure) -> bool {
    matches!(
        primary(failure),
        Some(ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)
    ) || matches!(
        code(failure),
        Some(ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_CORRUPTFS)
    )
}

/// Whether a row with that id is there already.
pub(super) fn is_taken(failure: &Failure) -> bool {
    matches!(
        code(failure),
        Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE)
    )
}

/// Whether what is there is the unfinished work of a program that was killed, which a
/// reader may not repair in place.
pub(super) fn needs_recovery(failure: &Failure) -> bool {
    matches!(
        code(failure),
        Some(
            ffi::SQLITE_READONLY_ROLLBACK
                | ffi::SQLITE_READONLY_RECOVERY
                | ffi::SQLITE_READONLY_CANTINIT
        )
    )
}

/// The error for people. `doing` is what failed, as a verb.
pub(super) fn error(doing: &str, path: &Path, failure: Failure) -> Error {
    let shown = path.display();
    let say = |kind, message: String| Error::new(kind, message);
    let Failure::SqliteFailure(sqlite, _) = &failure else {
        return Error::internal(format!("cannot {doing} {shown}")).because(failure);
    };
    let error = match sqlite.code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => {
            say(ErrorKind::Locked, format!("another program is using {shown}"))
                .remedy("Wait until it is done, or stop it, and try again.")
                .temporary()
        }
        ErrorCode::NotADatabase => say(
            ErrorKind::NotThisStore,
            format!("{shown} is not an SQLite file"),
        )
        .remedy("Check the path. An encrypted SQLite file cannot be read either."),
        ErrorCode::DatabaseCorrupt => {
            say(ErrorKind::Corrupt, format!("{shown} is damaged")).remedy(format!(
                "Restore it from a backup, or save what is left with `sqlite3 {shown} .recover`."
            ))
        }
        ErrorCode::DiskFull => full(path),
        ErrorCode::SystemIoFailure if is_write(sqlite.extended_code) && no_room(path) => full(path),
        ErrorCode::CannotOpen => return cannot_open(doing, path, failure),
        ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::AuthorizationForStatementDenied => say(
            ErrorKind::Denied,
            format!("cannot {doing} {shown}"),
        )
        .remedy("Check who owns the file and its folder, and their permissions; SQLite needs to write to both."),
        ErrorCode::TooBig => say(
            ErrorKind::TooLarge,
            format!("cannot {doing} {shown}: a record is larger than SQLite allows"),
        ),
        ErrorCode::OperationInterrupted => say(
            ErrorKind::Interrupted,
            format!("cannot {doing} {shown}: it was interrupted"),
        ),
        ErrorCode::ConstraintViolation => say(
            ErrorKind::Unsupported,
            format!("cannot {doing} {shown}: its table refuses a row"),
        )
        .remedy("Write to a new file instead."),
        ErrorCode::Unknown | ErrorCode::TypeMismatch => say(
            ErrorKind::Unsupported,
            format!("cannot {doing} {shown}: an index, a trigger or its schema stands in the way"),
        )
        .remedy("Write to a new file instead."),
        _ => say(ErrorKind::Io, format!("cannot {doing} {shown}")),
    };
    error.because(said(failure))
}

/// SQLite's own words, once.
fn said(failure: Failure) -> Box<dyn std::error::Error + Send + Sync> {
    match failure {
        Failure::SqliteFailure(_, Some(words)) => words.into(),
        other => other.into(),
    }
}

fn cannot_open(doing: &str, path: &Path, failure: Failure) -> Error {
    // Asked without opening it: closing a descriptor would drop SQLite's locks.
    if let Err(errno) = rustix::fs::access(path, rustix::fs::Access::READ_OK) {
        return Error::io(doing, path, errno.into());
    }
    Error::new(
        ErrorKind::Denied,
        format!("cannot {doing} {}", path.display()),
    )
    .remedy(
        "Check the permissions of its folder, and of the -journal, -wal and -shm files beside it.",
    )
    .because(said(failure))
}

fn is_write(code: i32) -> bool {
    matches!(
        code,
        ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE | ffi::SQLITE_IOERR_FSYNC
    )
}

/// Whether a failed write was for want of room: a quota and a limit on the size of
/// files come from SQLite as plain failures.
fn no_room(path: &Path) -> bool {
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| size + (1 << 16) >= limit) {
        return true;
    }
    let folder = file::folder_of(path);
    if file::free_room(folder).is_ok_and(|room| room < 1 << 16) {
        return true;
    }
    let try_it = || -> std::io::Result<()> {
        use std::io::Write as _;
        let mut probe = tempfile::tempfile_in(folder)?;
        probe.write_all(&[0; 1 << 16])?;
        probe.sync_all()
    };
    try_it().is_err_and(|cause| {
        matches!(
            cause.kind(),
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
        )
    })
}

fn full(path: &Path) -> Error {
    Error::new(
        ErrorKind::Full,
        format!("there is no room left to write {}", path.display()),
    )
    .remedy("Free some room there and in the folder for temporary files, or choose another folder.")
}
