//! Records kept on disk while an `aside` target is built, for formats that are
//! written in one go at the end: found by key, changed under the rules of
//! [`crate::store::Writer::apply`], read in order. Memory stays bounded. Everything
//! here blocks. Not durable: killed, it is thrown away.

use super::line;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Digest, Key, Kind, Record};
use crate::store::{Applied, Batch, Change};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::{Path, PathBuf};

/// A temporary database of records.
pub(crate) struct Shelf {
    db: Connection,
    path: PathBuf,
    canon: Canon,
}

/// How a change meets what is there.
enum Meets {
    Before(Option<i64>),
    After,
    Neither,
}

impl Shelf {
    /// A new one at a path where nothing is.
    pub fn create(path: &Path) -> Result<Self> {
        super::file::create_private(path)?;
        let open = || -> rusqlite::Result<Connection> {
            let db = Connection::open(path)?;
            db.execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                 PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384;
                 CREATE TABLE nodes (seq INTEGER PRIMARY KEY, hash BLOB UNIQUE, core BLOB,
                   row BLOB, line BLOB);
                 CREATE TABLE relationships (seq INTEGER PRIMARY KEY, hash BLOB UNIQUE,
                   core BLOB, row BLOB, line BLOB);",
            )?;
            Ok(db)
        };
        Ok(Self {
            db: open().map_err(|cause| failed(path, cause))?,
            path: path.to_owned(),
            canon: Canon::new(),
        })
    }

    /// The database, for tables of a format's own.
    pub fn db(&self) -> &Connection {
        &self.db
    }

    /// The error of a failed statement.
    pub fn failed(&self, cause: rusqlite::Error) -> Error {
        failed(&self.path, cause)
    }

    /// The records with these keys, in the order asked.
    pub fn find(&self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let find = |key: &Key| {
            let line: Option<Vec<u8>> = self
                .db
                .prepare_cached(&format!("SELECT line FROM {} WHERE hash = ?", table(kind)))
                .and_then(|mut find| {
                    let hash = Canon::key_hash(kind, key);
                    find.query_row([hash], |row| row.get(0)).optional()
                })
                .map_err(|cause| self.failed(cause))?;
            line.map(|line| decode(&line)).transpose()
        };
        keys.iter().map(find).collect()
    }

    /// Makes the changes of a batch, or none of them.
    pub fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let mut plan = Vec::with_capacity(batch.changes.len());
        let mut conflicts = Vec::new();
        for (position, change) in batch.changes.iter().enumerate() {
            let after = match &change.after {
                None => None,
                Some(record) => {
                    let digest = self.canon.digest(record);
                    let mut line = Vec::new();
                    line::encode(&mut line, record, None).map_err(|problem| {
                        Error::new(
                            ErrorKind::Unsupported,
                            format!("a record cannot be written: {problem}"),
                        )
                        .with("id", record.key().display())
                    })?;
                    Some((digest, line))
                }
            };
            match self.meets(change, after.as_ref().map(|(digest, _)| digest))? {
                Meets::Before(seq) => plan.push((change, seq, after)),
                Meets::After => {}
                Meets::Neither => conflicts.push(position),
            }
        }
        if !conflicts.is_empty() {
            return Ok(Applied::Conflict(conflicts));
        }
        let made = (|| {
            // Left open by a batch that failed; what it did is found done.
            if self.db.is_autocommit() {
                self.db.execute_batch("BEGIN")?;
            }
            for (change, seq, after) in plan {
                self.make(change, seq, after)?;
            }
            self.db.execute_batch("COMMIT")
        })();
        made.map_err(|cause| self.failed(cause))?;
        Ok(Applied::Done)
    }

    fn meets(&self, change: &Change, after: Option<&Digest>) -> Result<Meets> {
        let hash = Canon::key_hash(change.kind, &change.key);
        let table = table(change.kind);
        let found = self
            .db
            .prepare_cached(&format!(
                "SELECT seq, core, row FROM {table} WHERE hash = ?"
            ))
            .and_then(|mut find| {
                find.query_row([hash], |row| {
                    let digest = Digest {
                        core: row.get(1)?,
                        row: row.get(2)?,
                    };
                    Ok((row.get::<_, i64>(0)?, digest))
                })
                .optional()
            })
            .map_err(|cause| self.failed(cause))?;
        let same = |wanted: Option<&Digest>| match (&found, wanted) {
            (None, None) => true,
            (Some((_, there)), Some(wanted)) => there.matches(wanted),
            _ => false,
        };
        Ok(if same(after) {
            Meets::After
        } else if same(change.before.as_ref()) {
            Meets::Before(found.map(|(seq, _)| seq))
        } else {
            Meets::Neither
        })
    }

    fn make(
        &self,
        change: &Change,
        seq: Option<i64>,
        after: Option<(Digest, Vec<u8>)>,
    ) -> rusqlite::Result<()> {
        let table = table(change.kind);
        let statement = |sql: String| self.db.prepare_cached(&sql);
        match (seq, after) {
            (None, None) => {}
            (Some(seq), None) => {
                statement(format!("DELETE FROM {table} WHERE seq = ?"))?.execute([seq])?;
            }
            (Some(seq), Some((digest, line))) => {
                statement(format!(
                    "UPDATE {table} SET core = ?, row = ?, line = ? WHERE seq = ?"
                ))?
                .execute(params![digest.core, digest.row, line, seq])?;
            }
            (None, Some((digest, line))) => {
                let hash = Canon::key_hash(change.kind, &change.key);
                statement(format!(
                    "INSERT INTO {table} (hash, core, row, line) VALUES (?, ?, ?, ?)"
                ))?
                .execute(params![hash, digest.core, digest.row, line])?;
            }
        }
        Ok(())
    }

    /// Shows every record of a kind in the order they came, with its number.
    pub fn each(&self, kind: Kind, show: &mut dyn FnMut(i64, Record) -> Result<()>) -> Result<()> {
        let mut select = self
            .db
            .prepare_cached(&format!(
                "SELECT seq, line FROM {} ORDER BY seq",
                table(kind)
            ))
            .map_err(|cause| self.failed(cause))?;
        let mut rows = select.query([]).map_err(|cause| self.failed(cause))?;
        while let Some(row) = rows.next().map_err(|cause| self.failed(cause))? {
            let line = row
                .get_ref(1)
                .map(|line| line.as_blob().map(<[u8]>::to_vec));
            let seq = row.get(0).map_err(|cause| self.failed(cause))?;
            match line {
                Ok(Ok(line)) => show(seq, decode(&line)?)?,
                _ => return Err(Error::internal("a record aside is no line")),
            }
        }
        Ok(())
    }

    /// Removes it.
    pub fn remove(self) -> Result<()> {
        let path = self.path.clone();
        drop(self);
        super::file::remove(&path).map(|_| ())
    }
}

fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "nodes",
        Kind::Relationship => "relationships",
    }
}

fn decode(line: &[u8]) -> Result<Record> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line::decode(line).map_err(|problem| {
        Error::internal(format!("a record aside cannot be read again: {problem}"))
    })
}

fn failed(path: &Path, cause: rusqlite::Error) -> Error {
    let full = matches!(
        cause.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DiskFull)
    );
    let kind = if full { ErrorKind::Full } else { ErrorKind::Io };
    let error = Error::new(kind, format!("cannot write {}", path.display())).because(cause);
    match full {
        true => error.remedy("Free some room there, or choose another folder."),
        false => error,
    }
}
