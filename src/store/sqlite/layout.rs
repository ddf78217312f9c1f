//! Which of the layouts that memorygraph has had a file is in, told by its columns and
//! never by its name.

use super::fault;
use crate::error::{Error, ErrorKind, Result};
use rusqlite::Connection;
use std::path::Path;

/// The tables that hold records, and what they look like.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Python's table of nodes; the name of its rowid.
    pub(super) nodes: Option<&'static str>,
    /// TypeScript's table of memories: the name of its rowid, its columns.
    pub(super) memories: Option<(&'static str, Vec<String>)>,
    /// The table of relationships.
    pub(super) relationships: Option<Relationships>,
    /// Tables and columns of other programs.
    pub(super) others: Vec<String>,
    pub(super) extra_columns: Vec<String>,
    /// Why rows cannot be added, if they cannot: a column that must be filled and that
    /// memorygraph does not know.
    pub(super) must_fill: Option<String>,
}

/// The columns of the table of relationships.
#[derive(Clone, Debug)]
pub(super) struct Relationships {
    pub(super) rowid: &'static str,
    /// TypeScript's one column for each property.
    pub(super) flat: bool,
    /// Which of [`TEMPORAL`] there are.
    pub(super) temporal: [bool; 4],
}

/// The temporal columns, in the order of [`Relationships::temporal`].
pub(super) const TEMPORAL: [&str; 4] =
    ["valid_from", "valid_until", "recorded_at", "invalidated_by"];

/// The layouts by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Empty,
    P2,
    P1,
    P1b,
    T,
    H,
}

impl Name {
    /// For people.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Empty => "SQLite, empty",
            Self::P2 => "SQLite, memorygraph 0.10 to 0.12 (Python)",
            Self::P1 => "SQLite, memorygraph 0.5 to 0.9 (Python)",
            Self::P1b => "SQLite, memorygraph 0.5 to 0.9 (Python), half migrated",
            Self::T => "SQLite, memorygraph 0.13 (TypeScript)",
            Self::H => "SQLite, memorygraph of Python and of TypeScript in one file",
        }
    }

    /// For programs.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::P2 => "P2",
            Self::P1 => "P1",
            Self::P1b => "P1b",
            Self::T => "T",
            Self::H => "H",
        }
    }
}

const NODES: [&str; 5] = ["id", "label", "properties", "created_at", "updated_at"];
const RELATIONSHIPS: [&str; 6] = [
    "id",
    "from_id",
    "to_id",
    "rel_type",
    "properties",
    "created_at",
];

impl Layout {
    /// Reads the layout of an open file.
    pub(super) fn of(conn: &Connection, path: &Path) -> Result<Self> {
        match Self::read(conn) {
            Ok(Ok(layout)) => Ok(layout),
            Ok(Err(unknown)) => Err(unknown.error(path)),
            Err(failure) => Err(fault::error("read", path, failure)),
        }
    }

    fn read(conn: &Connection) -> rusqlite::Result<std::result::Result<Self, Unknown>> {
        let mut statement = conn.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let tables: Vec<String> = statement
            .query_map([], |row| {
                let name = row.get_ref(0)?.as_bytes().unwrap_or_default();
                Ok(String::from_utf8_lossy(name).into_owned())
            })?
            .collect::<Result<_, _>>()?;
        let mut layout = Self::default();
        for table in &tables {
            let lower = table.to_ascii_lowercase();
            if lower == "nodes_fts" || lower.starts_with("nodes_fts_") {
                continue;
            }
            let known = match lower.as_str() {
                "nodes" => {
                    let columns = columns(conn, table)?;
                    layout.nodes = rowid(&columns).filter(|_| has(&columns, &NODES));
                    layout.note(&lower, &columns, &NODES);
                    layout.nodes.is_some()
                }
                "memories" => {
                    let columns = columns(conn, table)?;
                    let ours = super::typescript::MEMORY;
                    let fits = has(&columns, &["id", "type", "title", "content"]);
                    if let Some(rowid) = rowid(&columns).filter(|_| fits) {
                        let present = ours.iter().filter(|name| has(&columns, &[name]));
                        let present = present.map(|name| (*name).to_owned()).collect();
                        layout.memories = Some((rowid, present));
                        layout.note(&lower, &columns, &ours);
                    } else {
                        layout.others.push(table.clone());
                    }
                    true
                }
                "relationships" => {
                    let columns = columns(conn, table)?;
                    layout.relationships = relationships(&columns);
                    let flat = layout.relationships.as_ref().is_some_and(|r| r.flat);
                    if flat {
                        layout.note(&lower, &columns, &super::typescript::RELATIONSHIP);
                    } else {
                        layout.note(&lower, &columns, &[&RELATIONSHIPS[..], &TEMPORAL].concat());
                    }
                    layout.relationships.is_some()
                }
                _ => {
                    layout.others.push(table.clone());
                    true
                }
            };
            if !known {
                let turso = lower == "nodes" && has(&columns(conn, table)?, &["type", "title"]);
                return Ok(Err(Unknown { turso, tables }));
            }
        }
        let ours = layout.nodes.is_some() || layout.memories.is_some();
        if ours || tables.is_empty() {
            return Ok(Ok(layout));
        }
        Ok(Err(Unknown {
            turso: false,
            tables,
        }))
    }

    fn note(&mut self, table: &str, columns: &[Column], known: &[&str]) {
        for column in columns {
            if known.contains(&column.name.as_str()) {
                continue;
            }
            let name = format!("{table}.{}", column.name);
            if column.must_fill {
                self.must_fill.get_or_insert(name.clone());
            }
            self.extra_columns.push(name);
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> Name {
        match (&self.nodes, &self.memories) {
            (None, None) => Name::Empty,
            (Some(_), Some(_)) => Name::H,
            (None, Some(_)) => Name::T,
            (Some(_), None) => match &self.relationships {
                Some(r) if r.flat => Name::H,
                None => Name::P2,
                Some(r) => match r.temporal {
                    [true, true, true, true] => Name::P2,
                    [false, false, false, false] => Name::P1,
                    _ => Name::P1b,
                },
            },
        }
    }

    /// Whether it is the whole of the layout that memorygraph 0.12 writes.
    pub(super) fn is_p2(&self) -> bool {
        self.name() == Name::P2 && self.relationships.is_some()
    }

    /// The layout of a file that is being built.
    pub(super) fn p2() -> Self {
        Self {
            nodes: Some("rowid"),
            relationships: Some(Relationships {
                rowid: "rowid",
                flat: false,
                temporal: [true; 4],
            }),
            ..Self::default()
        }
    }
}

struct Column {
    name: String,
    must_fill: bool,
}

fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut statement = conn.prepare_cached(
        "SELECT name, \"notnull\" AND dflt_value IS NULL FROM pragma_table_xinfo(?1)",
    )?;
    let rows = statement.query_map([table], |row| {
        let name = row.get_ref(0)?.as_bytes().unwrap_or_default();
        Ok(Column {
            name: String::from_utf8_lossy(name).to_ascii_lowercase(),
            must_fill: row.get(1)?,
        })
    })?;
    rows.collect()
}

fn has(columns: &[Column], names: &[&str]) -> bool {
    names
        .iter()
        .all(|name| columns.iter().any(|column| column.name == *name))
}

/// The name by which the rowid can be asked for.
fn rowid(columns: &[Column]) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !has(columns, &[name]))
}

fn relationships(columns: &[Column]) -> Option<Relationships> {
    let rowid = rowid(columns)?;
    let temporal = TEMPORAL.map(|name| has(columns, &[name]));
    let flat = has(columns, &["id", "from_id", "to_id", "rel_type", "strength"])
        && !has(columns, &["properties"]);
    (flat || has(columns, &RELATIONSHIPS)).then_some(Relationships {
        rowid,
        flat,
        temporal,
    })
}

struct Unknown {
    turso: bool,
    tables: Vec<String>,
}

impl Unknown {
    fn error(self, path: &Path) -> Error {
        let shown = path.display();
        if self.turso {
            return Error::new(
                ErrorKind::UnknownLayout,
                format!("{shown} has the tables of memorygraph's Turso backend, which never stored a memory in them"),
            )
            .remedy("If its `nodes` table holds rows all the same, save them with `sqlite3 -json`.");
        }
        let some: Vec<_> = self.tables.iter().take(5).map(String::as_str).collect();
        Error::new(
            ErrorKind::UnknownLayout,
            format!(
                "{shown} is an SQLite file of some other program or version (its tables: {}{})",
                some.join(", "),
                if self.tables.len() > 5 { ", …" } else { "" }
            ),
        )
        .remedy("Check the path. memferry knows the files of memorygraph 0.5 to 0.13.")
    }
}
