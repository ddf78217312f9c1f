//! An existing file: one transaction over everything, with the file's own journal. What
//! it does not say about memories (other tables, triggers, other indexes) stays.

use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::file;
use crate::store::sqlite::access::{Db, State, state};
use crate::store::sqlite::layout::Layout;
use crate::store::sqlite::place::{SIDES, beside};
use crate::store::sqlite::{fault, fingerprint, schema};
use crate::store::{Applied, Fingerprint};
use rusqlite::Connection;
use rusqlite::ffi;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a commit waits for readers to finish.
const COMMIT: Duration = Duration::from_secs(60);

/// Starts the transaction. An empty file gets the tables; where there are no rows, the
/// indexes are taken away until they are. Gives those to be made at the end.
pub(in crate::store::sqlite) fn begin(real: &Path) -> Result<(Session, Vec<String>)> {
    let empty = matches!(state(real)?, State::Empty);
    let db = Db::open(real, "mode=rw", has_log(real)?)?;
    let failed = |failure| fault::error("write", real, failure);
    db.conn
        .execute_batch("PRAGMA cache_size=-16000; PRAGMA cell_size_check=ON")
        .map_err(failed)?;
    db.conn.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    if db.conn.is_readonly("main").map_err(failed)? {
        return Err(Error::new(
            ErrorKind::Denied,
            format!("{} is read-only", real.display()),
        )
        .remedy("Check who owns the file and its folder, and their permissions."));
    }
    if !empty {
        remove_void_journal(real)?;
    }
    let layout = Layout::of(&db.conn, real)?;
    let mut later = Vec::new();
    let layout = if is_bare(&db.conn).map_err(failed)? {
        for (_, sql) in schema::TABLES {
            db.conn.execute_batch(sql).map_err(failed)?;
        }
        later.extend(schema::REST.iter().map(|(_, sql)| (*sql).to_owned()));
        Layout::of(&db.conn, real)?
    } else {
        accept(&layout, real)?;
        if has_no_rows(&db.conn).map_err(failed)? {
            later = drop_indexes(&db.conn).map_err(failed)?;
        }
        layout
    };
    Ok((Session::new(db, real.to_path_buf(), layout, None), later))
}

/// Removes the journal of a writer that was killed before it had written to the file:
/// its header is still zero, so SQLite has nothing to undo and lets it lie. The lock for
/// writing is held, and this transaction has not begun a journal of its own, unless the
/// file is empty: there SQLite begins one at once, having removed any other.
fn remove_void_journal(real: &Path) -> Result<()> {
    let journal = beside(real, "-journal");
    let mut head = [0; 8];
    let read = File::open(&journal).and_then(|mut file| file.read(&mut head));
    match read {
        Ok(0..) if head == [0; 8] => file::remove(&journal).map(drop),
        _ => Ok(()),
    }
}

/// Whether opening it for writing joins, or starts, a write-ahead log.
fn has_log(real: &Path) -> Result<bool> {
    Ok(!matches!(state(real)?, State::Empty | State::Journal))
}

/// Refuses every layout but the one that memorygraph 0.12 writes, by name.
pub(in crate::store::sqlite) fn accept(layout: &Layout, real: &Path) -> Result<()> {
    let refused = |what: String, remedy: String| {
        Err(Error::new(ErrorKind::UnknownLayout, what).remedy(remedy))
    };
    let shown = real.display();
    if let Some(column) = &layout.must_fill {
        return refused(
            format!(
                "{shown} has a column {column} that must be filled and that memorygraph does not know"
            ),
            "Write to a new file instead.".to_owned(),
        );
    }
    let plain = layout.nodes == Some("rowid")
        && layout
            .relationships
            .as_ref()
            .is_some_and(|r| r.rowid == "rowid");
    if layout.is_p2() && plain {
        return Ok(());
    }
    refused(
        format!(
            "{shown} cannot be a target as it is: {}",
            layout.name().text()
        ),
        format!(
            "Write to a new file; `memferry migrate sqlite:{shown} sqlite:NEW.db` first moves what this one holds."
        ),
    )
}

/// Whether there is no table at all.
pub(in crate::store::sqlite) fn is_bare(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// Whether both tables are empty.
pub(in crate::store::sqlite) fn has_no_rows(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM nodes) AND NOT EXISTS (SELECT 1 FROM relationships)",
        [],
        |row| row.get(0),
    )
}

/// Takes the indexes of the two tables away and gives the statements that make them.
/// Unique ones say something about rows and stay.
fn drop_indexes(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(
        "SELECT s.name, s.sql FROM sqlite_schema s
         WHERE s.type = 'index' AND s.sql IS NOT NULL AND s.tbl_name COLLATE NOCASE IN ('nodes', 'relationships')
           AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.tbl_name) i WHERE i.name = s.name AND i.\"unique\")
         ORDER BY s.rowid",
    )?;
    let indexes: Vec<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, _) in &indexes {
        conn.execute_batch(&format!("DROP INDEX \"{}\"", name.replace('"', "\"\"")))?;
    }
    Ok(indexes.into_iter().map(|(_, sql)| sql).collect())
}

/// Makes the indexes that were put off.
pub(super) fn complete(session: &mut Session, later: &mut Vec<String>) -> Result<()> {
    if session.broken {
        return Err(Error::internal("a writer was used after it had failed"));
    }
    for sql in std::mem::take(later) {
        if let Err(failure) = session.conn()?.execute_batch(&sql) {
            session.broken = true;
            return Err(session.failed("write", failure));
        }
    }
    Ok(())
}

/// Commits. A reader that is in the way is waited for; what fails in the file system may
/// have been committed all the same.
pub(super) fn publish(session: &mut Session, later: &mut Vec<String>) -> Result<Applied> {
    complete(session, later)?;
    let started = Instant::now();
    loop {
        let conn = session.conn()?;
        let Err(failure) = conn.execute_batch("COMMIT") else {
            session.db = None;
            return Ok(Applied::Done);
        };
        let open = !conn.is_autocommit();
        match fault::primary(&failure) {
            Some(ffi::SQLITE_BUSY) if open && started.elapsed() < COMMIT => {}
            Some(ffi::SQLITE_BUSY) if open => return Err(session.failed("commit to", failure)),
            Some(ffi::SQLITE_IOERR) if !open => {
                session.db = None;
                return Ok(Applied::Unknown);
            }
            _ => {
                let error = session.failed("commit to", failure);
                let _ = abandon(session);
                return Err(error);
            }
        }
    }
}

/// Takes everything back.
pub(super) fn abandon(session: &mut Session) -> Result<()> {
    let Some(db) = session.db.take() else {
        return Ok(());
    };
    let undone = match db.conn.is_autocommit() {
        true => Ok(()),
        false => db.conn.execute_batch("ROLLBACK"),
    };
    drop(db);
    // After a failed write SQLite leaves its journal to whoever opens the file next.
    let left = beside(&session.real, "-journal");
    let is_left = std::fs::metadata(&left).is_ok_and(|meta| meta.len() > 0);
    let undone = match (is_left, undone) {
        (false, undone) => undone,
        (true, _) => {
            let db = Db::open(&session.real, "mode=rw", false)?;
            is_bare(&db.conn).map(drop)
        }
    };
    undone.map_err(|failure| session.failed("undo the changes of", failure))
}

/// Looks at the file again on a fresh connection, once the transaction is over.
pub(super) fn reopen(session: &mut Session) -> Result<()> {
    if session.db.is_none() {
        let db = Db::open(&session.real, "mode=rw", has_log(&session.real)?)?;
        session.layout = Layout::of(&db.conn, &session.real)?;
        session.db = Some(db);
    }
    Ok(())
}

/// Removes a file that is still as its fingerprint says, while nobody else has a lock on it.
pub(in crate::store::sqlite) fn remove(real: &Path, expected: &Fingerprint) -> Result<()> {
    let changed = || {
        Error::new(
            ErrorKind::Conflict,
            format!("{} was changed since; it was left as it is", real.display()),
        )
        .remedy("Look at what it holds before you remove it yourself.")
    };
    if fingerprint::of(real)? != *expected {
        return Err(changed());
    }
    let db = Db::open(real, "mode=rw", false)?;
    db.conn
        .execute_batch("BEGIN EXCLUSIVE")
        .map_err(|failure| fault::error("remove", real, failure))?;
    if fingerprint::of(real)? != *expected {
        return Err(changed());
    }
    for side in SIDES {
        file::remove(&beside(real, side))?;
    }
    file::remove(real).map(drop)
}
