//! Rows of each layout to records, and which tables hold which kind. Cells keep their
//! storage class; nothing is decided by their content but a NULL id, which is no key.

use super::layout::{Layout, TEMPORAL};
use super::typescript;
use super::write::{can_start, made_up_start};
use crate::mapping::reserved;
use crate::model::{Canon, Key, Kind, Node, Properties, Record, Relationship, Row, Text, Value};
use memchr::memmem::Finder;
use rusqlite::types::ValueRef;
use std::sync::LazyLock;

/// A table that holds records of a kind.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) table: &'static str,
    pub(super) rowid: &'static str,
    form: Form,
    /// What to select behind the rowid.
    columns: String,
}

#[derive(Clone, Debug)]
enum Form {
    Node,
    Relationship([bool; 4]),
    Memory(Vec<String>),
    FlatRelationship([bool; 4]),
}

/// The tables that hold a kind, in the order they are read.
pub(super) fn parts(layout: &Layout, kind: Kind) -> Vec<Part> {
    let part = |table, rowid, form, columns: &str| Part {
        kind,
        table,
        rowid,
        form,
        columns: columns.to_owned(),
    };
    let mut parts = Vec::new();
    match kind {
        Kind::Node => {
            if let Some(rowid) = layout.nodes {
                let columns = "id, label, properties, created_at, updated_at";
                parts.push(part("nodes", rowid, Form::Node, columns));
            }
            if let Some((rowid, present)) = &layout.memories {
                let form = Form::Memory(present.clone());
                parts.push(part("memories", rowid, form, &present.join(", ")));
            }
        }
        Kind::Relationship => {
            if let Some(found) = &layout.relationships {
                let temporal: Vec<_> = TEMPORAL
                    .iter()
                    .zip(found.temporal)
                    .map(|(name, there)| if there { name } else { "NULL" })
                    .collect();
                let temporal = temporal.join(", ");
                let (form, rest) = if found.flat {
                    let rest = typescript::RELATIONSHIP[4..13].join(", ");
                    (Form::FlatRelationship(found.temporal), rest)
                } else {
                    let rest = "properties, created_at".to_owned();
                    (Form::Relationship(found.temporal), rest)
                };
                let columns = format!("id, from_id, to_id, rel_type, {temporal}, {rest}");
                parts.push(part("relationships", found.rowid, form, &columns));
            }
        }
    }
    parts
}

impl Part {
    /// Rows from a rowid on, in its order. Never through an index, which may be damaged
    /// or hold less.
    pub(super) fn scan(&self) -> String {
        let (rowid, columns, table) = (self.rowid, &self.columns, self.table);
        format!(
            "SELECT {rowid}, {columns} FROM {table} NOT INDEXED WHERE {rowid} >= ?1 ORDER BY {rowid}"
        )
    }

    /// Rows with an id in exactly that storage class. A number is looked for without
    /// the index, where the column's type would make it text.
    pub(super) fn lookup(&self, id: &Value) -> String {
        let (rowid, columns, table) = (self.rowid, &self.columns, self.table);
        let column = match id {
            Value::Int(_) | Value::Float(_) => "+id",
            _ => "id",
        };
        format!(
            "SELECT {rowid}, {columns} FROM {table} WHERE {column} = ?1 AND typeof(id) = typeof(?1)"
        )
    }

    /// Rows that have no id.
    pub(super) fn without_id(&self) -> String {
        let (rowid, columns, table) = (self.rowid, &self.columns, self.table);
        format!("SELECT {rowid}, {columns} FROM {table} WHERE id IS NULL")
    }

    /// The record in a row that [`Part::scan`] or [`Part::lookup`] selected.
    pub(super) fn record(
        &self,
        row: &rusqlite::Row<'_>,
        canon: &mut Canon,
    ) -> rusqlite::Result<Record> {
        let cell = |at: usize| row.get_ref(at + 1).map(value);
        let mut record = match &self.form {
            Form::Node => node([cell(0)?, cell(1)?, cell(2)?, cell(3)?, cell(4)?]),
            Form::Relationship(there) => {
                let ends = [cell(0)?, cell(1)?, cell(2)?, cell(3)?];
                let temporal = [cell(4)?, cell(5)?, cell(6)?, cell(7)?];
                relationship(ends, temporal, *there, cell(8)?, cell(9)?)
            }
            Form::Memory(present) => {
                let mut cells = Vec::with_capacity(present.len());
                for (at, name) in present.iter().enumerate() {
                    cells.push((name.as_str(), cell(at)?));
                }
                typescript::memory(cells)
            }
            Form::FlatRelationship(there) => {
                let mut cells = Vec::with_capacity(17);
                for at in 0..17 {
                    cells.push(cell(at)?);
                }
                typescript::relationship(cells, *there)
            }
        };
        name_if_null(&mut record, canon);
        Ok(record)
    }
}

/// A row that has no id gets its key from its content.
pub(super) fn name_if_null(record: &mut Record, canon: &mut Canon) {
    if *record.key() == Key::Id(Value::Null) {
        let derived = canon.derive(record, 0);
        match record {
            Record::Node(node) => node.key = derived,
            Record::Relationship(relationship) => relationship.key = derived,
        }
    }
}

/// The cells of a row of `nodes` in the order of its columns.
pub(super) fn node([id, label, properties, created_at, updated_at]: [Value; 5]) -> Record {
    let (label, odd) = name(label);
    Record::Node(Node {
        key: Key::Id(id),
        labels: vec![label],
        properties: stored(properties),
        row: Row {
            created_at: Some(created_at),
            updated_at: Some(updated_at),
            label: odd,
            ..Row::default()
        },
    })
}

/// The cells of a row of `relationships`; `there`: which temporal columns it has.
pub(super) fn relationship(
    [id, from, to, rel_type]: [Value; 4],
    temporal: [Value; 4],
    there: [bool; 4],
    properties: Value,
    created_at: Value,
) -> Record {
    let properties = stored(properties);
    let mut cells = temporal.into_iter().zip(there);
    let mut cell = || cells.next().and_then(|(v, there)| there.then_some(v));
    let (mut valid_from, valid_until, mut recorded_at, invalidated_by) =
        (cell(), cell(), cell(), cell());
    if valid_from.is_none() || recorded_at.is_none() {
        // Before 0.10 a relationship was valid from its creation. Never from now.
        let created = match properties
            .map()
            .as_deref()
            .and_then(|m| m.get("created_at"))
        {
            Some(v @ (Value::Text(_) | Value::Int(_))) => v.clone(),
            _ => created_at.clone(),
        };
        valid_from.get_or_insert_with(|| created.clone());
        recorded_at.get_or_insert(created);
    }
    leave_out_made_up(&properties, "valid_from", &mut valid_from);
    leave_out_made_up(&properties, "recorded_at", &mut recorded_at);
    let (rel_type, odd) = name(rel_type);
    Record::Relationship(Relationship {
        key: Key::Id(id),
        from: Key::Id(from),
        to: Key::Id(to),
        rel_type,
        properties,
        row: Row {
            created_at: Some(created_at),
            updated_at: None,
            valid_from,
            valid_until,
            recorded_at,
            invalidated_by,
            label: odd,
        },
    })
}

/// Takes a start out that our own writer had to make up (see [`made_up_start`]).
fn leave_out_made_up(properties: &Properties, name: &str, column: &mut Option<Value>) {
    // Cheap first: its form is `YYYY-MM-DD HH:MM:SS`, and memorygraph's is another.
    let Some(Value::Text(text)) = column else {
        return;
    };
    if text.len() != 19 || text.as_bytes()[10] != b' ' {
        return;
    }
    let parsed = properties.parsed();
    let parsed = parsed.as_ref();
    let says = parsed.and_then(|parsed| parsed.get(name));
    if !says.is_some_and(|v| can_start(&v)) && *column == Some(made_up_start(parsed)) {
        *column = None;
    }
}

/// A label or type, and the cell itself where it is not text.
pub(super) fn name(cell: Value) -> (Text, Option<Value>) {
    match cell {
        Value::Text(text) => (text, None),
        other => {
            let key = Key::Id(other);
            let shown = Text::from(key.display());
            match key {
                Key::Id(cell) => (shown, Some(cell)),
                Key::Derived(_) => (shown, None),
            }
        }
    }
}

/// How properties name what [`reserved`] keeps in them.
static MENTION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"memferry\""));

fn stored(cell: Value) -> Properties {
    if let Value::Text(text) = &cell
        && MENTION.find(text.as_bytes()).is_some()
    {
        let properties = Properties::Stored(cell);
        let decoded = properties.map().as_deref().and_then(reserved::decode);
        return decoded.map_or(properties, Properties::Typed);
    }
    Properties::Stored(cell)
}

/// A cell in its storage class.
pub(super) fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(i) => Value::Int(i),
        ValueRef::Real(f) => Value::Float(f),
        ValueRef::Text(bytes) => Value::Text(Text::from_bytes(bytes)),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}
