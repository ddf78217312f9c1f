//! A record as the cells of a row. Times that the record does not bring are made from
//! its own dates, never from the clock.

use super::super::CAPABILITIES;
use crate::mapping::reserved;
use crate::model::json::{self, Style};
use crate::model::packed::{self, Seen};
use crate::model::time::Instant;
use crate::model::{
    Key, Map, Node, Parsed, Properties, Record, Relationship, Row, Text, Value, memory,
};
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
    let whole = node.row.created_at.is_some() && node.row.updated_at.is_some();
    let parsed = parsed(&node.properties, whole);
    let parsed = parsed.as_ref();
    let date = |names: &[&str]| Cell::Own(Value::text(date(parsed, names)));
    let created_at = given(&node.row.created_at).unwrap_or_else(|| date(&["created_at"]));
    let updated_at =
        given(&node.row.updated_at).unwrap_or_else(|| date(&["updated_at", "created_at"]));
    let properties = match &node.properties {
        Properties::Stored(cell) => Cell::Value(cell),
        _ => {
            let extra = with_id(parsed, &node.key, &node.row);
            Cell::Own(text(parsed, extra.as_slice(), &[]))
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
    let parsed = parsed(&r.properties, whole);
    let parsed = parsed.as_ref();
    let start = |name: &str| {
        let value = parsed.and_then(|p| p.get(name)).filter(|v| can_start(v));
        Cell::Own(value.map_or_else(|| made_up_start(parsed), Cow::into_owned))
    };
    let or_null = |name: &str| Cell::Own(scalar(parsed, name).unwrap_or(Value::Null));
    let properties = match &r.properties {
        Properties::Stored(cell) => Cell::Value(cell),
        _ => {
            let first = temporal(parsed, row);
            let last = with_id(parsed, &r.key, row);
            Cell::Own(text(
                parsed,
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
            .unwrap_or_else(|| Cell::Own(Value::text(date(parsed, &["created_at"])))),
        valid_from.unwrap_or_else(|| start("valid_from")),
        valid_until.unwrap_or_else(|| or_null("valid_until")),
        recorded_at.unwrap_or_else(|| start("recorded_at")),
        invalidated_by.unwrap_or_else(|| or_null("invalidated_by")),
    ]
}

/// What the cells are made from: stored text is itself one of them, and is not parsed where
/// the row brings the others.
fn parsed(properties: &Properties, whole: bool) -> Option<Parsed<'_>> {
    match properties {
        Properties::Stored(_) if whole => None,
        properties => properties.parsed(),
    }
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
fn scalar(parsed: Option<&Parsed<'_>>, name: &str) -> Option<Value> {
    let value = parsed?.get(name)?;
    match *value {
        Value::Null | Value::List(_) | Value::Map(_) => None,
        _ => Some(value.into_owned()),
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
pub(in crate::store::sqlite) fn made_up_start(parsed: Option<&Parsed<'_>>) -> Value {
    Value::text(date(parsed, &["created_at"]))
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
fn date(parsed: Option<&Parsed<'_>>, names: &[&str]) -> String {
    let shown = |name: &&str| Instant::of(&*parsed?.get(name)?)?.to_row_time();
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
fn with_id(parsed: Option<&Parsed<'_>>, key: &Key, row: &Row) -> Vec<(Text, Value)> {
    if has_row(row) || has(parsed, "id") {
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

/// Whether there is a property of that name.
fn has(parsed: Option<&Parsed<'_>>, name: &str) -> bool {
    parsed.is_some_and(|parsed| parsed.has(name))
}

/// The temporal properties that memorygraph writes beside the columns, where missing.
fn temporal(parsed: Option<&Parsed<'_>>, row: &Row) -> Vec<(Text, Value)> {
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
        .filter(|(name, ..)| !has(parsed, name))
        .filter_map(|(name, column, default)| {
            let value = column.clone().or(default)?;
            fits(&value).then(|| (name.into(), value))
        })
        .collect()
}

/// The properties as the JSON text that Python writes.
fn text(parsed: Option<&Parsed<'_>>, first: &[(Text, Value)], last: &[(Text, Value)]) -> Value {
    let mut out = Vec::with_capacity(512);
    out.push(b'{');
    for (key, value) in first {
        write_member(&mut out, key.as_bytes(), value);
    }
    let begun = out.len();
    match parsed {
        None => {}
        Some(Parsed::Members(members)) => {
            let written = members.iter().all(|member| write_plain(&mut out, member));
            if !written {
                out.truncate(begun);
                let pairs = members.iter();
                let pairs = pairs.map(|(key, value)| {
                    let value = packed::value_of(value).unwrap_or(Value::Null);
                    (Text::from_bytes(*key), value)
                });
                write_map(&mut out, &Map::from_pairs(pairs.collect()));
            }
        }
        Some(Parsed::Map(map)) => write_map(&mut out, map),
    }
    for (key, value) in last {
        write_member(&mut out, key.as_bytes(), value);
    }
    out.push(b'}');
    Value::Text(Text::from_bytes(out))
}

fn write_map(out: &mut Vec<u8>, map: &Map) {
    let encoded = reserved::encode(map, &holds(map));
    for (key, value) in encoded.as_ref().unwrap_or(map).iter() {
        write_member(out, key.as_bytes(), value);
    }
}

fn write_member(out: &mut Vec<u8>, key: &[u8], value: &Value) {
    begin_member(out, key);
    json::write_value(out, value, Style::PYTHON);
}

/// Whether the name is UTF-8.
fn begin_member(out: &mut Vec<u8>, key: &[u8]) -> bool {
    if out.len() > 1 {
        out.extend_from_slice(b", ");
    }
    let whole = json::write_text(out, key, Style::PYTHON);
    out.extend_from_slice(b": ");
    whole
}

/// Writes a member that needs nothing of [`reserved`]: its name and texts are UTF-8, and the
/// rest is numbers and lists of such. Whether it is one, as far as a look tells; if not, what
/// was written is of no use.
fn write_plain(out: &mut Vec<u8>, (key, value): &packed::Member<'_>) -> bool {
    let plain = |value: &Value| match value {
        Value::Text(text) => text.as_str().is_some(),
        Value::Float(f) => f.is_finite(),
        other => matches!(other, Value::Bool(_) | Value::Int(_)),
    };
    if **key == *reserved::PROPERTY.as_bytes() || !begin_member(out, key) {
        return false;
    }
    let value = match packed::see(value) {
        Seen::Text(text) => return json::write_text(out, text, Style::PYTHON),
        Seen::Int(digits) => {
            out.extend_from_slice(digits);
            return true;
        }
        Seen::Float(f) => Value::Float(f),
        Seen::Other(value) => value,
    };
    json::write_value(out, &value, Style::PYTHON);
    match &value {
        Value::List(list) => list.iter().all(plain),
        value => plain(value),
    }
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
