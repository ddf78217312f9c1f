//! Finding and changing records on one connection. A batch is checked before any of it
//! is made, so that a conflict changes nothing; new records are not even looked up,
//! since the table itself refuses an id twice.

use super::cells::{self, Cell, Cells};
use super::ids::Ids;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Digest, Key, KeyHash, Kind, Record, Value};
use crate::store::sqlite::access::Db;
use crate::store::sqlite::layout::Layout;
use crate::store::sqlite::rows::{Part, parts, value};
use crate::store::sqlite::{fault, scan};
use crate::store::{Applied, Batch, Change, Counts, Cursor, Limit, Page};
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::PathBuf;

/// Rowid and digest of a record as it is; `None`: absent.
type Now = Option<(i64, Digest)>;

/// The connection of a writer.
pub(in crate::store::sqlite) struct Session {
    /// None once the writer has ended.
    pub(super) db: Option<Db>,
    pub(super) real: PathBuf,
    pub(super) layout: Layout,
    /// The ids of a new file, whose tables are without indexes, types and constraints.
    /// Those of an existing file have memorygraph's, which change or refuse some values.
    ids: Option<Ids>,
    /// A change failed half-way: nothing may be published any more.
    pub(super) broken: bool,
    canon: Canon,
    /// What the last `find` of each kind met.
    found: [HashMap<KeyHash, Now>; 2],
    /// Keys made from content of the rows that have no id.
    unnamed: [Option<HashMap<[u8; 16], i64>>; 2],
}

const INSERT: [&str; 2] = [
    "INSERT INTO nodes (id, label, properties, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    "INSERT INTO relationships (id, from_id, to_id, rel_type, properties, created_at, valid_from,
     valid_until, recorded_at, invalidated_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
];

/// The id of a row stays as it is: the key is the same, whatever class it has.
const UPDATE: [&str; 2] = [
    "UPDATE nodes SET label = ?2, properties = ?3, created_at = ?4, updated_at = ?5 WHERE rowid = ?1",
    "UPDATE relationships SET from_id = ?2, to_id = ?3, rel_type = ?4, properties = ?5,
     created_at = ?6, valid_from = ?7, valid_until = ?8, recorded_at = ?9, invalidated_by = ?10
     WHERE rowid = ?1",
];

pub(super) fn slot(kind: Kind) -> usize {
    match kind {
        Kind::Node => 0,
        Kind::Relationship => 1,
    }
}

impl Session {
    pub(super) fn new(db: Db, real: PathBuf, layout: Layout, ids: Option<Ids>) -> Self {
        Self {
            db: Some(db),
            real,
            layout,
            ids,
            broken: false,
            canon: Canon::new(),
            found: Default::default(),
            unnamed: Default::default(),
        }
    }

    pub(super) fn conn(&self) -> Result<&Connection> {
        match &self.db {
            Some(db) => Ok(&db.conn),
            None => Err(Error::internal("a writer was used after its end")),
        }
    }

    pub(super) fn failed(&self, doing: &str, failure: rusqlite::Error) -> Error {
        fault::error(doing, &self.real, failure)
    }

    /// Makes the index on the ids of a new file, unless it is there.
    pub(super) fn index(&mut self, kind: Kind) -> Result<()> {
        let (Some(ids), Some(db)) = (&mut self.ids, &self.db) else {
            return Ok(());
        };
        ids.index(&db.conn, kind).map_err(|failure| {
            self.broken = true;
            match fault::is_taken(&failure) {
                true => self.alike(kind),
                false => self.failed("write", failure),
            }
        })
    }

    /// The error of two ids that differ, but not for SQLite: a whole number is the same as
    /// the float.
    fn alike(&self, kind: Kind) -> Error {
        let (records, table) = match kind {
            Kind::Node => ("memories", "nodes"),
            Kind::Relationship => ("relationships", "relationships"),
        };
        let sql = format!("SELECT id FROM {table} GROUP BY id HAVING count(*) > 1 LIMIT 1");
        let id = self
            .conn()
            .and_then(|conn| {
                let found = conn.query_row(&sql, [], |row| Ok(value(row.get_ref(0)?)));
                found.map_err(|failure| self.failed("read", failure))
            })
            .map_or_else(|_| "unknown".to_owned(), |id| Key::Id(id).display());
        let what = format!("SQLite takes the ids of two {records} for the same");
        Error::new(ErrorKind::Unsupported, what)
            .with("id", id)
            .remedy("Give one of them another id at the source, or leave it out.")
    }

    fn part(&self, kind: Kind) -> Result<Part> {
        parts(&self.layout, kind)
            .into_iter()
            .next()
            .ok_or_else(|| Error::internal("a target without tables"))
    }

    pub(in crate::store::sqlite) fn counts(&mut self) -> Result<Counts> {
        scan::counts(self.conn()?, &self.real, &self.layout)
    }

    pub(in crate::store::sqlite) fn scan(
        &mut self,
        kind: Kind,
        after: Option<&Cursor>,
        limit: Limit,
    ) -> Result<Page> {
        let Some(db) = &self.db else {
            return Err(Error::internal("a writer was used after its end"));
        };
        scan::page(
            &db.conn,
            &self.real,
            &self.layout,
            &mut self.canon,
            kind,
            after,
            limit,
        )
    }

    /// The records with these keys, remembered for the batch that follows.
    pub(super) fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.found[slot(kind)].clear();
        let part = self.part(kind)?;
        let mut records = Vec::with_capacity(keys.len());
        for key in keys {
            let (now, record) = self.read(&part, key)?;
            self.found[slot(kind)].insert(Canon::key_hash(kind, key), now);
            records.push(record);
        }
        Ok(records)
    }

    /// A record as it is.
    fn read(&mut self, part: &Part, key: &Key) -> Result<(Now, Option<Record>)> {
        let nothing = (None, None);
        self.index(part.kind)?;
        let id = match key {
            Key::Id(id) => id.clone(),
            Key::Derived(_) => Value::text(key.display()),
        };
        if let Some(found) = self.read_by(&part.lookup(&id), part, &id)? {
            return Ok(found);
        }
        let Some(derived) = derived(key) else {
            return Ok(nothing);
        };
        match self.unnamed(part)?.get(&derived) {
            Some(&rowid) => {
                let found = self.read_by(&part.scan(), part, &Value::Int(rowid))?;
                let same = |(now, _): &(Now, _)| matches!(now, Some((at, _)) if *at == rowid);
                Ok(found.filter(same).unwrap_or(nothing))
            }
            None => Ok(nothing),
        }
    }

    fn read_by(
        &mut self,
        sql: &str,
        part: &Part,
        value: &Value,
    ) -> Result<Option<(Now, Option<Record>)>> {
        let Some(db) = &self.db else {
            return Err(Error::internal("a writer was used after its end"));
        };
        let canon = &mut self.canon;
        let mut read = || -> rusqlite::Result<_> {
            let mut statement = db.conn.prepare_cached(sql)?;
            let mut rows = statement.query([cells::bind(value)])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let rowid = row.get(0)?;
            let record = part.record(row, canon)?;
            let digest = canon.digest(&record);
            Ok(Some((Some((rowid, digest)), Some(record))))
        };
        read().map_err(|failure| fault::error("read", &self.real, failure))
    }

    /// Rows without an id by the key their content gives them.
    fn unnamed(&mut self, part: &Part) -> Result<&HashMap<[u8; 16], i64>> {
        let at = slot(part.kind);
        if self.unnamed[at].is_none() {
            let mut keys = HashMap::new();
            let canon = &mut self.canon;
            let db = self.db.as_ref();
            let mut collect = || -> rusqlite::Result<()> {
                let Some(db) = db else { return Ok(()) };
                let mut statement = db.conn.prepare(&part.without_id())?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    if let Key::Derived(key) = part.record(row, canon)?.key() {
                        keys.entry(*key).or_insert(row.get(0)?);
                    }
                }
                Ok(())
            };
            collect().map_err(|failure| fault::error("read", &self.real, failure))?;
            self.unnamed[at] = Some(keys);
        }
        self.unnamed[at]
            .as_ref()
            .ok_or_else(|| Error::internal("rows without ids"))
    }

    /// What `find` met, or else what is there now.
    fn now(&mut self, change: &Change) -> Result<Now> {
        let hash = Canon::key_hash(change.kind, &change.key);
        if let Some(now) = self.found[slot(change.kind)].get(&hash) {
            return Ok(*now);
        }
        let part = self.part(change.kind)?;
        Ok(self.read(&part, &change.key)?.0)
    }

    /// Makes a batch, or nothing of it.
    pub(super) fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        if self.broken {
            return Err(Error::internal("a writer was used after it had failed"));
        }
        // It would be read back under another key: the one that its content gives it.
        let keyless = |c: &Change| c.after.is_some() && c.key == Key::Id(Value::Null);
        if batch.changes.iter().any(keyless) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a record cannot be written under NULL, which is no key",
            )
            .remedy("Give it a key derived from its content."));
        }
        if let Some(ids) = &mut self.ids {
            let doubtful = ids.doubtful(batch);
            for kind in Kind::BOTH {
                if doubtful[slot(kind)] {
                    self.index(kind)?;
                }
            }
        } else {
            for record in batch.changes.iter().filter_map(|c| c.after.as_ref()) {
                fits(record)?;
            }
        }
        let mut conflicts = Vec::new();
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        for (at, change) in batch.changes.iter().enumerate() {
            if let Some(record) = &change.after
                && self.is_new(change)
            {
                added.push((at, change, record));
                continue;
            }
            match (self.meet(change)?, &change.after) {
                (Meets::Before(None), Some(record)) => added.push((at, change, record)),
                (Meets::Before(Some(rowid)), _) => changed.push((change, rowid)),
                (Meets::Before(None), None) | (Meets::After, _) => {}
                (Meets::Neither, _) => conflicts.push(at),
            }
        }
        let mut rowids: Vec<(Kind, i64)> = Vec::with_capacity(added.len());
        for (at, change, record) in added {
            let fresh = conflicts.is_empty();
            if fresh {
                match self.insert(record) {
                    Ok(Some(rowid)) => {
                        rowids.push((change.kind, rowid));
                        continue;
                    }
                    Ok(None) => self.forget(change),
                    Err(error) => {
                        self.broken = true;
                        return Err(error);
                    }
                }
            }
            match self.meet(change)? {
                Meets::Neither => conflicts.push(at),
                Meets::Before(_) if fresh => {
                    self.broken = true;
                    return Err(self.refused(record));
                }
                Meets::Before(_) | Meets::After => {}
            }
        }
        let done = if conflicts.is_empty() {
            self.make(&changed)
        } else {
            self.take_back(&rowids)
        };
        if let Err(error) = done {
            self.broken = true;
            return Err(error);
        }
        for change in batch.changes.iter() {
            self.forget(change);
        }
        conflicts.sort_unstable();
        Ok(match conflicts.is_empty() {
            true => Applied::Done,
            false => Applied::Conflict(conflicts),
        })
    }

    /// Whether inserting alone tells that a record was not there.
    fn is_new(&self, change: &Change) -> bool {
        let found = &self.found[slot(change.kind)];
        let hash = || Canon::key_hash(change.kind, &change.key);
        change.before.is_none()
            && derived(&change.key).is_none()
            && (found.is_empty() || !matches!(found.get(&hash()), Some(Some(_))))
    }

    fn meet(&mut self, change: &Change) -> Result<Meets> {
        let now = self.now(change)?;
        let digest = now.map(|(_, digest)| digest);
        if same(change.before.as_ref(), digest.as_ref()) {
            return Ok(Meets::Before(now.map(|(rowid, _)| rowid)));
        }
        let made = match (&change.after, &digest) {
            (None, None) => true,
            (Some(record), Some(digest)) => {
                let wanted = self.canon.digest(record);
                // What a row cannot leave open, it makes up: then the two differ.
                wanted.matches(digest) || {
                    let read_back = cells::back(cells::of(record));
                    self.canon.digest(&read_back).matches(digest)
                }
            }
            _ => false,
        };
        Ok(if made { Meets::After } else { Meets::Neither })
    }

    /// Adds a row; `None` if its id is taken.
    fn insert(&mut self, record: &Record) -> Result<Option<i64>> {
        let conn = self.conn()?;
        let add = || -> rusqlite::Result<i64> {
            let mut statement = conn.prepare_cached(INSERT[slot(record.kind())])?;
            match cells::of(record) {
                Cells::Node(cells) => statement.execute(cells)?,
                Cells::Relationship(cells) => statement.execute(cells)?,
            };
            Ok(conn.last_insert_rowid())
        };
        match add() {
            Ok(rowid) => Ok(Some(rowid)),
            Err(failure) if fault::is_taken(&failure) => Ok(None),
            Err(failure) => Err(self
                .failed("write", failure)
                .with("id", record.key().display())),
        }
    }

    /// The error of a row that is refused though nothing has its id.
    fn refused(&self, record: &Record) -> Error {
        let what = format!(
            "a unique index of {} refuses a record whose id is free",
            self.real.display()
        );
        Error::new(ErrorKind::Unsupported, what)
            .with("id", record.key().display())
            .remedy("Write to a new file instead.")
    }

    /// Changes and removes rows that were found fit for it.
    fn make(&mut self, changes: &[(&Change, i64)]) -> Result<()> {
        for (change, rowid) in changes {
            match &change.after {
                Some(record) => self.update(record, *rowid)?,
                None => self.remove(change.kind, *rowid)?,
            }
            if let Some(keys) = &mut self.unnamed[slot(change.kind)] {
                keys.retain(|_, at| at != rowid);
            }
        }
        Ok(())
    }

    fn update(&mut self, record: &Record, rowid: i64) -> Result<()> {
        let conn = self.conn()?;
        let change = || -> rusqlite::Result<usize> {
            let mut statement = conn.prepare_cached(UPDATE[slot(record.kind())])?;
            let rowid = || Cell::Own(Value::Int(rowid));
            match cells::of(record) {
                Cells::Node(mut cells) => {
                    cells[0] = rowid();
                    statement.execute(cells)
                }
                Cells::Relationship(mut cells) => {
                    cells[0] = rowid();
                    statement.execute(cells)
                }
            }
        };
        change().map(drop).map_err(|failure| {
            self.failed("write", failure)
                .with("id", record.key().display())
        })
    }

    fn remove(&mut self, kind: Kind, rowid: i64) -> Result<()> {
        let conn = self.conn()?;
        let sql = match kind {
            Kind::Node => "DELETE FROM nodes WHERE rowid = ?1",
            Kind::Relationship => "DELETE FROM relationships WHERE rowid = ?1",
        };
        let remove = || conn.prepare_cached(sql)?.execute([rowid]);
        remove()
            .map(drop)
            .map_err(|failure| self.failed("write", failure))
    }

    fn take_back(&mut self, rowids: &[(Kind, i64)]) -> Result<()> {
        rowids
            .iter()
            .rev()
            .try_for_each(|(kind, rowid)| self.remove(*kind, *rowid))
    }

    fn forget(&mut self, change: &Change) {
        let found = &mut self.found[slot(change.kind)];
        if !found.is_empty() {
            found.remove(&Canon::key_hash(change.kind, &change.key));
        }
    }
}

/// How a change meets what is there.
enum Meets {
    /// As it must be before; the row, if there is one.
    Before(Option<i64>),
    /// As it should become.
    After,
    Neither,
}

fn same(expected: Option<&Digest>, found: Option<&Digest>) -> bool {
    match (expected, found) {
        (None, None) => true,
        (Some(a), Some(b)) => a.matches(b),
        _ => false,
    }
}

/// The key as one made from content: derived, or the text that is the same key.
fn derived(key: &Key) -> Option<[u8; 16]> {
    match key {
        Key::Derived(bytes) => Some(*bytes),
        Key::Id(Value::Text(text)) => {
            let digits = text.as_bytes().strip_prefix(b"~")?;
            if digits.len() != 32
                || !digits
                    .iter()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            {
                return None;
            }
            let digits = std::str::from_utf8(digits).ok()?;
            Some(u128::from_str_radix(digits, 16).ok()?.to_be_bytes())
        }
        Key::Id(_) => None,
    }
}

/// Whether memorygraph's own tables keep a record as it is: their types turn numbers
/// into text and texts that look like numbers into numbers, and some columns refuse NULL.
fn fits(record: &Record) -> Result<()> {
    let wrong = |column: &str, value: &Value| {
        let what = match value {
            Value::Null => "NULL".to_owned(),
            other => format!(
                "the {} {}",
                other.type_name(),
                Key::Id(other.clone()).display()
            ),
        };
        Error::new(
            ErrorKind::Unsupported,
            format!("the column {column} of an existing file cannot hold {what}"),
        )
        .with("id", record.key().display())
        .remedy("Write to a new file, or leave that record out.")
    };
    let check = |names: &[&str], cells: &[Cell<'_>], texts: &[usize], needed: &[usize]| {
        for (i, (name, cell)) in names.iter().zip(cells).enumerate() {
            if let Cell::Text(_) = cell
                && texts.contains(&i)
            {
                continue;
            }
            let value = cell.value();
            let kept = match &*value {
                Value::Null => !needed.contains(&i),
                Value::Int(_) | Value::Bool(_) => !texts.contains(&i),
                // A whole number becomes an integer.
                Value::Float(f) => !texts.contains(&i) && f.fract() != 0.0,
                Value::Text(text) => {
                    texts.contains(&i) || !cells::looks_like_number(text.as_bytes())
                }
                _ => true,
            };
            if !kept {
                return Err(wrong(name, &value));
            }
        }
        Ok(())
    };
    match cells::of(record) {
        Cells::Node(cells) => check(&cells::NODE, &cells, &[0, 1, 2], &[1, 2]),
        Cells::Relationship(cells) => check(
            &cells::RELATIONSHIP,
            &cells,
            &[0, 1, 2, 3, 4, 9],
            &[1, 2, 3, 4, 6, 8],
        ),
    }
}
