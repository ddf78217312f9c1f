//! A record as the cells of a row. Times that the record does not bring are made from
//! its own dates, never from the clock.

use super::super::CAPABILITIES;
use crate::mapping::reserved;
use crate::model::json::{self, Style};
use crate::model::time::Instant;
use crate::model::{Key, Map, Node, Properties, Record, Relationship, Row, Text, Value, memory};
use crate::store::Capabilities;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use std::borrow::Cow;

/// Where a date is missing or cannot be read.
const NO_DATE: &str = "1970-01-01 00:00:00";

/// One cell.
pub(super) enum Cell<'a> {
    Text(&'a Text),
    Value(&'a Value),
    Own(Value),
}

/// A row in the order of [`NODE`] or [`RELATIONSHIP`].
pub(super) enum Cells<'a> {
    Node([Cell<'a>; 5]),
    Relationship([Cell<'a>; 10]),
}

pub(super) const NODE: [&str; 5] = ["id", "label", "properties", "created_at", "updated_at"];
pub(super) const RELATIONSHIP: [&str; 10] = [
    "id",
    "from_id",
    "to_id",
    "rel_type",
    "properties",
    "created_at",
    "valid_from",
    "valid_until",
    "recorded_at",
    "invalidated_by",
];

impl Cell<'_> {
    fn into_value(self) -> Value {
        match self {
            Cell::Text(text) => Value::Text(text.clone()),
            Cell::Value(value) => value.clone(),
            Cell::Own(value) => value,
        }
    }

    pub(super) fn value(&self) -> Cow<'_, Value> {
        match self {
            Cell::Text(text) => Cow::Owned(Value::Text((*text).clone())),
            Cell::Value(value) => Cow::Borrowed(value),
            Cell::Own(value) => Cow::Borrowed(value),
        }
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Cell::Text(text) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
            Cell::Value(value) => Ok(bind(value)),
            Cell::Own(value) => Ok(bind(value)),
        }
    }
}

/// A value as SQLite takes it. What it has no class for goes as JSON text.
pub(super) fn bind(value: &Value) -> ToSqlOutput<'_> {
    let value = match value {
        Value::Null => ValueRef::Null,
        Value::Bool(b) => ValueRef::Integer(i64::from(*b)),
        Value::Int(i) => ValueRef::Integer(*i),
        Value::Float(f) => ValueRef::Real(*f),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Bytes(bytes) => ValueRef::Blob(bytes),
        other => return ToSqlOutput::Owned(Sql::Text(json::to_string(other))),
    };
    ToSqlOutput::Borrowed(value)
}

/// The row of a record.
pub(super) fn of(record: &Record) -> Cells<'_> {
    match record {
        Record::Node(n) => Cells::Node(node(n)),
        Record::Relationship(r) => Cells::Relationship(relationship(r)),
    }
}

/// The record that will be read from a row.
pub(super) fn back(cells: Cells<'_>) -> Record {
    use super::super::rows;
    match cells {
        Cells::Node(cells) => rows::node(cells.map(Cell::into_value)),
        Cells::Relationship(cells) => {
            let [id, from, to, kind, properties, created, a, b, c, d] = cells.map(Cell::into_value);
            let ends = [id, from, to, kind];
            rows::relationship(ends, [a, b, c, d], [true; 4], properties, created)
        }
    }
}

fn node(node: &Node) -> [Cell<'_>; 5] {
    // One label is all there is room for; that of a memory goes first.
    let of_memory = node.labels.iter().find(|label| **label == *memory::LABEL);
    let label = match (&node.row.label, of_memory.or(node.labels.first())) {
        (Some(cell), _) => Cell::Value(cell),
        (None, Some(label)) => Cell::Text(label),
        (None, None) => Cell::Own(Value::text("")),
    };
    let (created_at, updated_at) = match (&node.row.created_at, &node.row.updated_at) {
        (Some(created), Some(updated)) => (Cell::Value(created), Cell::Value(updated)),
        (created, updated) => {
            let map = node.properties.map();
            let date = |names: &[&str]| Cell::Own(Value::text(date(map.as_deref(), names)));
            (
                given(created).unwrap_or_else(|| date(&["created_at"])),
                given(updated).unwrap_or_else(|| date(&["updated_at", "created_at"])),
            )
        }
    };
    let properties = match &node.properties {
        Properties::Stored(cell) => Cell::Value(cell),
        Properties::Typed(map) => {
            let extra = with_id(map, &node.key, &node.row);
            Cell::Own(text(map, extra.as_slice(), &[]))
        }
    };
    [key(&node.key), label, properties, created_at, updated_at]
}

fn relationship(r: &Relationship) -> [Cell<'_>; 10] {
    let row = &r.row;
    let (valid_from, recorded_at) = (given(&row.valid_from), given(&row.recorded_at));
    let (valid_until, invalidated_by) = (given(&row.valid_until), given(&row.invalidated_by));
    let whole = row.created_at.is_some()
        && [&valid_from, &recorded_at, &valid_until, &invalidated_by]
            .iter()
            .all(|cell| cell.is_some());
    let map = if whole { None } else { r.properties.map() };
    let map = map.as_deref();
    let start = |name: &str| {
        let value = map.and_then(|map| map.get(name)).filter(|v| can_start(v));
        Cell::Own(value.cloned().unwrap_or_else(|| made_up_start(map)))
    };
    let or_null = |name: &str| Cell::Own(scalar(map, name).unwrap_or(Value::Null));
    let properties = match &r.properties {
        Properties::Stored(cell) => Cell::Value(cell),
        Properties::Typed(map) => {
            let first = temporal(map, row);
            let last = with_id(map, &r.key, row);
            Cell::Own(text(
                map,
                &[],
                &[first.as_slice(), last.as_slice()].concat(),
            ))
        }
    };
    [
        key(&r.key),
        key(&r.from),
        key(&r.to),
        match &row.label {
            Some(cell) => Cell::Value(cell),
            None => Cell::Text(&r.rel_type),
        },
        properties,
        given(&row.created_at)
            .unwrap_or_else(|| Cell::Own(Value::text(date(map, &["created_at"])))),
        valid_from.unwrap_or_else(|| start("valid_from")),
        valid_until.unwrap_or_else(|| or_null("valid_until")),
        recorded_at.unwrap_or_else(|| start("recorded_at")),
        invalidated_by.unwrap_or_else(|| or_null("invalidated_by")),
    ]
}

fn key(key: &Key) -> Cell<'_> {
    match key {
        Key::Id(value) => Cell::Value(value),
        Key::Derived(_) => Cell::Own(Value::text(key.display())),
    }
}

fn given(cell: &Option<Value>) -> Option<Cell<'_>> {
    cell.as_ref().map(Cell::Value)
}

/// A property that can stand in a column.
fn scalar(map: Option<&Map>, name: &str) -> Option<Value> {
    match map?.get(name)? {
        Value::Null | Value::List(_) | Value::Map(_) => None,
        value => Some(value.clone()),
    }
}

/// Whether a property can stand in `valid_from` or `recorded_at` as it is: text that a
/// numeric column leaves alone, or an integer.
pub(in crate::store::sqlite) fn can_start(value: &Value) -> bool {
    match value {
        Value::Text(text) => !looks_like_number(text.as_bytes()),
        other => matches!(other, Value::Int(_)),
    }
}

/// What stands in `valid_from` and `recorded_at`, which must hold something, where the
/// record says nothing that could: its creation, in a form that memorygraph itself never
/// writes there, so that the reader knows it again and leaves it out.
pub(in crate::store::sqlite) fn made_up_start(map: Option<&Map>) -> Value {
    Value::text(date(map, &["created_at"]))
}

/// Whether a numeric column turns a text into a number.
pub(super) fn looks_like_number(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let digits = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
    !text.is_empty()
        && text.iter().all(digits)
        && std::str::from_utf8(text).is_ok_and(|t| t.parse::<f64>().is_ok())
}

/// The first of these properties that is a date, as SQLite's CURRENT_TIMESTAMP writes one.
fn date(map: Option<&Map>, names: &[&str]) -> String {
    let shown = |name: &&str| Instant::of(map?.get(name)?)?.to_row_time();
    names
        .iter()
        .find_map(shown)
        .unwrap_or_else(|| NO_DATE.to_owned())
}

/// Whether the record brings its own row, and so its JSON as it was.
fn has_row(row: &Row) -> bool {
    row.created_at.is_some()
}

/// memorygraph takes a memory's id from the JSON: it is put there where it is missing.
fn with_id(map: &Map, key: &Key, row: &Row) -> Vec<(Text, Value)> {
    if has_row(row) || map.get("id").is_some() {
        return Vec::new();
    }
    match key {
        Key::Id(Value::Text(id)) if id.fits_json() => {
            vec![("id".into(), Value::Text(id.clone()))]
        }
        Key::Derived(_) => vec![("id".into(), Value::text(key.display()))],
        Key::Id(_) => Vec::new(),
    }
}

/// The temporal properties that memorygraph writes beside the columns, where missing.
fn temporal(map: &Map, row: &Row) -> Vec<(Text, Value)> {
    if has_row(row) {
        return Vec::new();
    }
    let columns = [
        ("valid_from", &row.valid_from, None),
        ("valid_until", &row.valid_until, Some(Value::Null)),
        ("recorded_at", &row.recorded_at, None),
        ("invalidated_by", &row.invalidated_by, Some(Value::Null)),
    ];
    let fits = |value: &Value| match value {
        Value::Text(text) => text.fits_json(),
        other => !matches!(other, Value::Bytes(_)),
    };
    columns
        .into_iter()
        .filter(|(name, ..)| map.get(name).is_none())
        .filter_map(|(name, column, default)| {
            let value = column.clone().or(default)?;
            fits(&value).then(|| (name.into(), value))
        })
        .collect()
}

/// The properties as the JSON text that Python writes.
fn text(map: &Map, first: &[(Text, Value)], last: &[(Text, Value)]) -> Value {
    let encoded = reserved::encode(map, &holds(map));
    let map = encoded.as_ref().unwrap_or(map);
    let mut out = Vec::with_capacity(512);
    out.push(b'{');
    let first = first.iter().map(|(k, v)| (k, v));
    let last = last.iter().map(|(k, v)| (k, v));
    for (i, (key, value)) in first.chain(map.iter()).chain(last).enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        json::write_text(&mut out, key.as_bytes(), Style::PYTHON);
        out.extend_from_slice(b": ");
        json::write_value(&mut out, value, Style::PYTHON);
    }
    out.push(b'}');
    Value::Text(Text::from_bytes(out))
}

/// What JSON text can hold of this map: lone surrogates and NaN it can, other broken
/// text and other NaNs it cannot, and [`reserved`] knows only all or nothing.
fn holds(map: &Map) -> Capabilities {
    let mut holds = CAPABILITIES;
    for (key, value) in map.iter() {
        holds.broken_text &= key.fits_json();
        look(value, &mut holds);
    }
    holds
}

fn look(value: &Value, holds: &mut Capabilities) {
    match value {
        Value::Text(text) => holds.broken_text &= text.fits_json(),
        Value::Float(f) => {
            holds.non_finite &= !f.is_nan() || f.to_bits() == f64::NAN.to_bits();
        }
        Value::List(list) => list.iter().for_each(|item| look(item, holds)),
        Value::Map(map) => {
            for (key, value) in map.iter() {
                holds.broken_text &= key.fits_json();
                look(value, holds);
            }
        }
        _ => {}
    }
}
