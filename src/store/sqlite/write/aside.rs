//! A new file: built beside its name where nobody sees it, without a journal and with
//! the indexes last, then renamed. Nothing is ever replaced.

use super::ids::{self, Ids};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::store::protocol::file;
use crate::store::sqlite::access::Db;
use crate::store::sqlite::layout::Layout;
use crate::store::sqlite::place::{SIDES, beside};
use crate::store::sqlite::reading::{Picture, Reading};
use crate::store::sqlite::{fault, schema};
use std::fs::{File, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A file that is being built.
pub(in crate::store::sqlite) struct Aside {
    target: PathBuf,
    aside: PathBuf,
    /// What SQLite would have given a new file here.
    mode: u32,
    stage: Stage,
    published: bool,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Filling,
    /// All rows are in the file, under the tables' real definitions.
    Filled,
    /// The indexes are there, too.
    Complete,
}

/// Refuses a name beside which a file of an earlier database was left: SQLite would take
/// it for this one's and change the new file by it.
pub(in crate::store::sqlite) fn check_sides(target: &Path) -> Result<()> {
    for side in SIDES {
        let path = beside(target, side);
        if path.symlink_metadata().is_ok() {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is left over from an earlier database", path.display()),
            )
            .remedy(
                "SQLite would damage the new file with it. Move it away, or choose another name.",
            ));
        }
    }
    Ok(())
}

/// Removes what a run left when it was killed.
pub(in crate::store::sqlite) fn discard(target: &Path, run: &str) -> Result<()> {
    let aside = file::aside_path(target, run)?;
    for side in SIDES {
        file::remove(&beside(&aside, side))?;
    }
    file::remove(&aside).map(drop)
}

impl Aside {
    /// Starts a new file.
    pub(in crate::store::sqlite) fn begin(target: &Path, run: &str) -> Result<(Self, Session)> {
        check_sides(target)?;
        discard(target, run)?;
        let path = file::aside_path(target, run)?;
        let aside = Self {
            mode: create(&path)?,
            target: target.to_path_buf(),
            aside: path,
            stage: Stage::Filling,
            published: false,
        };
        let db = Db::open(&aside.aside, "mode=rw", false)?;
        let failed = |failure| fault::error("write", &aside.aside, failure);
        db.conn
            .execute_batch(
                "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
                 PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-4000; BEGIN IMMEDIATE",
            )
            .map_err(failed)?;
        for table in schema::LOOSE_TABLES {
            db.conn.execute_batch(table).map_err(failed)?;
        }
        let session = Session::new(
            db,
            aside.aside.clone(),
            Layout::p2(),
            Some(Ids::new(ids::MOST)),
        );
        Ok((aside, session))
    }

    /// Makes the indexes on ids, gives the tables their real definitions and ends the
    /// transaction: from here on the rows stay where they are.
    fn fill(&mut self, session: &mut Session) -> Result<()> {
        if session.broken {
            return Err(Error::internal("a writer was used after it had failed"));
        }
        if self.stage >= Stage::Filled {
            return Ok(());
        }
        for kind in Kind::BOTH {
            session.index(kind)?;
        }
        let conn = session.conn()?;
        let finish = || -> rusqlite::Result<()> {
            conn.execute_batch("PRAGMA cache_size=-4000; PRAGMA writable_schema=ON")?;
            // An index of a table's own has no statement, and stands behind its table.
            let many = schema::FINAL.len() as i64;
            for (at, (old, name, sql)) in (1..).zip(&schema::FINAL) {
                conn.execute(
                    "UPDATE sqlite_schema SET rowid = ?4, name = ?2, sql = ?3 WHERE name = ?1",
                    (old, name, sql, many + at),
                )?;
            }
            conn.execute("UPDATE sqlite_schema SET rowid = rowid - ?1", [many])?;
            conn.execute_batch("COMMIT; PRAGMA writable_schema=RESET")
        };
        finish().map_err(|failure| broken(session, failure))?;
        self.stage = Stage::Filled;
        Ok(())
    }

    /// The rows, to be read while the indexes are made. No lock is taken: nobody else
    /// knows the file, and making an index changes no page of a table.
    pub(super) fn filled(&mut self, session: &mut Session) -> Result<Reading> {
        self.fill(session)?;
        let db = Db::open(&self.aside, "mode=ro&immutable=1", false)?;
        // One transaction, so that the schema is read once, before it grows.
        db.conn
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")
            .map_err(|failure| fault::error("read", &self.aside, failure))?;
        let (path, layout) = (self.aside.clone(), Layout::p2());
        Ok(Reading::new(path, db, layout, Picture::Isolated))
    }

    /// Makes the indexes, and the file durable.
    pub(super) fn complete(&mut self, session: &mut Session) -> Result<()> {
        self.fill(session)?;
        if self.stage == Stage::Complete {
            return Ok(());
        }
        let conn = session.conn()?;
        let finish = || -> rusqlite::Result<()> {
            conn.execute_batch("BEGIN IMMEDIATE")?;
            for (_, sql) in schema::REST {
                conn.execute_batch(sql)?;
            }
            conn.execute_batch("COMMIT")
        };
        finish().map_err(|failure| broken(session, failure))?;
        self.stage = Stage::Complete;
        file::sync(&self.aside)
    }

    /// Makes it appear under its name.
    pub(super) fn publish(&mut self, session: &mut Session) -> Result<()> {
        self.complete(session)?;
        check_sides(&self.target)?;
        session.db = None;
        std::fs::set_permissions(&self.aside, Permissions::from_mode(self.mode))
            .map_err(|cause| Error::io("set the permissions of", &self.aside, cause))?;
        file::publish_new(&self.aside, &self.target)?;
        self.published = true;
        Ok(())
    }

    /// Throws it away.
    pub(super) fn abandon(&mut self, session: &mut Session) -> Result<()> {
        session.db = None;
        if self.published {
            return Ok(());
        }
        for side in SIDES {
            file::remove(&beside(&self.aside, side))?;
        }
        file::remove(&self.aside).map(drop)
    }
}

fn broken(session: &mut Session, failure: rusqlite::Error) -> Error {
    session.broken = true;
    session.failed("write", failure)
}

/// Makes the file for its owner alone; tells the mode that others' files get here.
fn create(path: &Path) -> Result<u32> {
    let failed = |cause| Error::io("create", path, cause);
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(0o644);
    let file = options.open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(failed)?;
    Ok(mode)
}
