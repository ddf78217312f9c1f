//! Pages of records by rowid, and exact counts. Where the file is damaged, what can be
//! read is read and the rest is named.

use super::fault;
use super::layout::Layout;
use super::rows::{Part, parts, value};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Record, Value, memory};
use crate::store::{Counts, Cursor, Limit, Page, Unreadable};
use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long one call may look for the end of damaged stretches.
const SEARCH: Duration = Duration::from_millis(500);

/// Rowids tried one by one behind a damaged page before the steps grow.
const ONE_BY_ONE: u64 = 20_000;

/// Number of a part, then the rowid to go on from.
#[derive(Clone, Copy)]
struct At {
    part: usize,
    rowid: i64,
}

impl At {
    fn of(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else {
            return Ok(Self {
                part: 0,
                rowid: i64::MIN,
            });
        };
        let wrong = || Error::internal("a cursor that this store did not make");
        let (part, rowid) = cursor.0.split_first().ok_or_else(wrong)?;
        let rowid = <[u8; 8]>::try_from(rowid).map_err(|_| wrong())?;
        Ok(Self {
            part: usize::from(*part),
            rowid: i64::from_be_bytes(rowid),
        })
    }

    fn cursor(self) -> Cursor {
        let mut bytes = vec![u8::try_from(self.part).unwrap_or(u8::MAX)];
        bytes.extend_from_slice(&self.rowid.to_be_bytes());
        Cursor(bytes)
    }

    fn next_part(self) -> Self {
        Self {
            part: self.part + 1,
            rowid: i64::MIN,
        }
    }

    /// Behind a row.
    fn behind(self, rowid: i64) -> Self {
        match rowid.checked_add(1) {
            Some(rowid) => Self { rowid, ..self },
            None => self.next_part(),
        }
    }
}

/// Records that room is made for before they are read.
const MOST_AT_ONCE: usize = 512;

/// A page of records behind a cursor.
pub(super) fn page(
    conn: &Connection,
    path: &Path,
    layout: &Layout,
    canon: &mut Canon,
    kind: Kind,
    after: Option<&Cursor>,
    limit: Limit,
) -> Result<Page> {
    let parts = parts(layout, kind);
    let mut at = At::of(after)?;
    let mut filling = Filling {
        page: Page {
            records: Vec::with_capacity(limit.rows.min(MOST_AT_ONCE)),
            ..Page::default()
        },
        bytes: 0,
        limit,
    };
    let started = Instant::now();
    while let Some(part) = parts.get(at.part) {
        match filling.read(conn, part, at, canon) {
            Ok(Read::Full(next)) => {
                filling.page.next = Some(next.cursor());
                return Ok(filling.page);
            }
            Ok(Read::End) => at = at.next_part(),
            Err((reached, failure)) if fault::is_damage(&failure) => {
                let (next, lost) = skip(conn, part, reached, canon, &failure, &mut filling)
                    .map_err(|failure| fault::error("read", path, failure))?;
                filling.page.unreadable.extend(lost);
                at = next;
                if (filling.is_full() || started.elapsed() > SEARCH) && at.part < parts.len() {
                    filling.page.next = Some(at.cursor());
                    return Ok(filling.page);
                }
            }
            Err((_, failure)) => return Err(fault::error("read", path, failure)),
        }
    }
    Ok(filling.page)
}

struct Filling {
    page: Page,
    bytes: usize,
    limit: Limit,
}

enum Read {
    Full(At),
    End,
}

impl Filling {
    fn is_full(&self) -> bool {
        self.page.records.len() >= self.limit.rows || self.page.unreadable.len() >= 10_000
    }

    /// Reads rows until the page is full or the table ends. On failure, says how far it came.
    fn read(
        &mut self,
        conn: &Connection,
        part: &Part,
        mut at: At,
        canon: &mut Canon,
    ) -> std::result::Result<Read, (At, rusqlite::Error)> {
        let here = |at: At| move |failure| (at, failure);
        let mut statement = conn.prepare_cached(&part.scan()).map_err(here(at))?;
        let mut rows = statement.query([at.rowid]).map_err(here(at))?;
        loop {
            let row = match rows.next().map_err(here(at))? {
                None => return Ok(Read::End),
                Some(row) => row,
            };
            if !self.page.records.is_empty() && self.is_full() {
                return Ok(Read::Full(at));
            }
            let rowid: i64 = row.get(0).map_err(here(at))?;
            let record = part.record(row, canon).map_err(here(at))?;
            let size = record.size();
            if !self.page.records.is_empty() && self.bytes + size > self.limit.bytes {
                return Ok(Read::Full(At { rowid, ..at }));
            }
            self.bytes += size;
            self.page.records.push(record);
            at = at.behind(rowid);
            if at.rowid == i64::MIN {
                return Ok(Read::End);
            }
        }
    }
}

/// Gets past damage at `at`: where to go on, and what is lost in between.
fn skip(
    conn: &Connection,
    part: &Part,
    at: At,
    canon: &mut Canon,
    failure: &rusqlite::Error,
    filling: &mut Filling,
) -> rusqlite::Result<(At, Vec<Unreadable>)> {
    let seek = Seek {
        conn,
        sql: format!(
            "SELECT {0} FROM {1} NOT INDEXED WHERE {0} >= ?1 ORDER BY {0} LIMIT 1",
            part.rowid, part.table
        ),
    };
    match seek.first_from(at.rowid) {
        // The row is in its place, but what it holds cannot be read.
        Ok(Some(rowid)) => {
            let lost = match one(conn, part, rowid, canon) {
                Ok(record) => {
                    filling.page.records.extend(record);
                    Vec::new()
                }
                Err(_) => {
                    let id = id_of(conn, part, rowid);
                    vec![entry(part, format!("row {rowid}{id}"), failure)]
                }
            };
            Ok((at.behind(rowid), lost))
        }
        Ok(None) => Ok((at.next_part(), Vec::new())),
        Err(second) if fault::is_damage(&second) => {
            let next = seek.next_readable(at.rowid)?;
            let to = match next {
                Some(to) => At { rowid: to, ..at },
                None => at.next_part(),
            };
            Ok((to, stretch(conn, part, at.rowid, next, &second)))
        }
        Err(other) => Err(other),
    }
}

/// The row with that rowid and nothing behind it.
fn one(
    conn: &Connection,
    part: &Part,
    rowid: i64,
    canon: &mut Canon,
) -> rusqlite::Result<Option<Record>> {
    let mut statement = conn.prepare_cached(&part.scan())?;
    let mut rows = statement.query([rowid])?;
    rows.next()?.map(|row| part.record(row, canon)).transpose()
}

fn entry(part: &Part, what: String, failure: &rusqlite::Error) -> Unreadable {
    Unreadable {
        kind: part.kind,
        place: format!("table {}, {what}", part.table),
        reason: failure.to_string(),
    }
}

/// Looks for rows by rowid alone.
struct Seek<'a> {
    conn: &'a Connection,
    sql: String,
}

impl Seek<'_> {
    /// The first row from a rowid on.
    fn first_from(&self, rowid: i64) -> rusqlite::Result<Option<i64>> {
        let mut statement = self.conn.prepare_cached(&self.sql)?;
        let mut rows = statement.query([rowid])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    }

    fn readable(&self, rowid: i64) -> rusqlite::Result<bool> {
        match self.first_from(rowid) {
            Ok(_) => Ok(true),
            Err(failure) if fault::is_damage(&failure) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// The lowest rowid behind `from` at which reading works again; `None` if there is
    /// none. One by one first, so that no readable page between two damaged ones is
    /// passed over, then in growing steps.
    fn next_readable(&self, from: i64) -> rusqlite::Result<Option<i64>> {
        // Rowids are positive unless somebody chose them.
        if from < 0 {
            if self.readable(0)? {
                return self.boundary(from, 0).map(Some);
            }
            return self.next_readable(0);
        }
        let started = Instant::now();
        let mut bad = from;
        let mut step: u64 = 1;
        let mut tried: u64 = 0;
        while bad < i64::MAX {
            let next = bad.saturating_add_unsigned(step);
            if self.readable(next)? {
                return self.boundary(bad, next).map(Some);
            }
            bad = next;
            tried += 1;
            if tried > ONE_BY_ONE || started.elapsed() > SEARCH {
                step = step.saturating_mul(2);
            }
        }
        Ok(None)
    }

    /// The lowest readable rowid, given one that is not and one that is.
    fn boundary(&self, mut bad: i64, mut good: i64) -> rusqlite::Result<i64> {
        while good.wrapping_sub(bad) as u64 > 1 {
            let middle = bad.wrapping_add_unsigned((good.wrapping_sub(bad) as u64) / 2);
            if self.readable(middle)? {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Ok(good)
    }
}

/// What a damaged stretch holds: each row by its id where the index on ids still knows
/// them, else the rowids.
fn stretch(
    conn: &Connection,
    part: &Part,
    from: i64,
    to: Option<i64>,
    failure: &rusqlite::Error,
) -> Vec<Unreadable> {
    let last = to.map_or(i64::MAX, |to| to.saturating_sub(1));
    let rows = match (from, to) {
        (i64::MIN, Some(_)) => format!("all rows up to {last}"),
        (i64::MIN, None) => "all rows".to_owned(),
        (_, None) => format!("all rows from {from} on"),
        (_, Some(_)) if from == last => format!("row {from}"),
        (_, Some(_)) => format!("rows {from} to {last}"),
    };
    let known = known_ids(conn, part, from, last).unwrap_or_default();
    if known.is_empty() {
        return vec![entry(
            part,
            format!("{rows}, as far as there are any"),
            failure,
        )];
    }
    known
        .into_iter()
        .map(|(rowid, id)| entry(part, format!("row {rowid}, id {id}"), failure))
        .collect()
}

/// Ids of rows that cannot be read, from the index on ids.
fn known_ids(
    conn: &Connection,
    part: &Part,
    from: i64,
    to: i64,
) -> rusqlite::Result<Vec<(i64, String)>> {
    let (table, rowid) = (part.table, part.rowid);
    let mut statement = conn.prepare(&format!(
        "SELECT {rowid}, id FROM {table} INDEXED BY sqlite_autoindex_{table}_1
         WHERE {rowid} BETWEEN ?1 AND ?2 AND (id >= '' OR id < '' OR id IS NULL) LIMIT 10000"
    ))?;
    let rows = statement.query_map([from, to], |row| {
        let id = Key::Id(value(row.get_ref(1)?)).display();
        Ok((row.get::<_, i64>(0)?, id))
    })?;
    let mut known: Vec<_> = rows.collect::<Result<_, _>>()?;
    known.sort_unstable();
    Ok(known)
}

fn id_of(conn: &Connection, part: &Part, rowid: i64) -> String {
    let column = |name: &str| -> rusqlite::Result<Value> {
        let sql = format!(
            "SELECT {name} FROM {} NOT INDEXED WHERE {} = ?1",
            part.table, part.rowid
        );
        conn.query_row(&sql, [rowid], |row| row.get_ref(0).map(value))
    };
    match column("id") {
        Ok(id) => format!(", id {}", Key::Id(id).display()),
        Err(_) => match known_ids(conn, part, rowid, rowid) {
            Ok(known) => known
                .first()
                .map(|(_, id)| format!(", id {id}"))
                .unwrap_or_default(),
            Err(_) => String::new(),
        },
    }
}

/// Numbers of records. SQLite picks the smallest index to count by; where that is
/// damaged, the rows themselves are counted.
pub(super) fn counts(conn: &Connection, path: &Path, layout: &Layout) -> Result<Counts> {
    let count = |table: &str, condition: &str| -> Result<u64> {
        let ask = |how: &str| {
            let sql = format!("SELECT count(*) FROM {table} {how} {condition}");
            conn.query_row(&sql, [], |row| row.get::<_, i64>(0))
        };
        let counted = match ask("") {
            Err(failure) if fault::is_damage(&failure) => ask("NOT INDEXED"),
            other => other,
        };
        let counted =
            counted.map_err(|failure| fault::error("count the records of", path, failure))?;
        u64::try_from(counted)
            .map_err(|_| Error::new(ErrorKind::Corrupt, "a count below zero").with("table", table))
    };
    let mut counts = Counts::default();
    if layout.nodes.is_some() {
        let all = count("nodes", "")?;
        counts.memories = count("nodes", &format!("WHERE label = '{}'", memory::LABEL))?;
        counts.other_nodes = all.saturating_sub(counts.memories);
    }
    if layout.memories.is_some() {
        counts.memories += count("memories", "")?;
    }
    if layout.relationships.is_some() {
        counts.relationships = count("relationships", "")?;
    }
    Ok(counts)
}
