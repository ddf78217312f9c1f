//! Rows of memorygraph for TypeScript, whose tables have a column for each property,
//! as the records that the Python program would have stored: the same flat properties
//! as JSON text, `context` spread over `context_…`.

use super::rows::name;
use crate::model::json::{self, Style};
use crate::model::{Key, Map, Node, Properties, Record, Relationship, Row, Text, Value, memory};

/// Columns of `memories`, in the order Python has the properties; `context` last.
pub(super) const MEMORY: [&str; 16] = [
    "id",
    "type",
    "title",
    "content",
    "tags",
    "importance",
    "confidence",
    "usage_count",
    "created_at",
    "updated_at",
    "summary",
    "effectiveness",
    "last_accessed",
    "version",
    "updated_by",
    "context",
];

/// Columns of `relationships`: key and ends, then the properties in Python's order
/// (the temporal ones are its last four), which are `RELATIONSHIP[4..]`.
pub(super) const RELATIONSHIP: [&str; 17] = [
    "id",
    "from_id",
    "to_id",
    "rel_type",
    "strength",
    "confidence",
    "context",
    "evidence_count",
    "success_rate",
    "created_at",
    "last_validated",
    "validation_count",
    "counter_evidence_count",
    "valid_from",
    "valid_until",
    "recorded_at",
    "invalidated_by",
];

/// A row of `memories` by column. NULL is how it writes an absent property.
pub(super) fn memory(cells: Vec<(&str, Value)>) -> Record {
    let mut id = Value::Null;
    let mut pairs: Vec<(Text, Value)> = Vec::with_capacity(32);
    for (name, cell) in cells {
        if name == "id" {
            id = cell.clone();
        }
        match (name, cell) {
            (_, Value::Null) => {}
            ("tags", cell) => pairs.push(("tags".into(), list_or(cell))),
            ("context", cell) => spread(cell, &mut pairs),
            (name, cell) => pairs.push((name.into(), cell)),
        }
    }
    Record::Node(Node {
        key: Key::Id(id),
        labels: vec![memory::LABEL.into()],
        properties: python(Map::from_pairs(pairs)),
        row: Row::default(),
    })
}

/// A row of `relationships`: its key and ends, the temporal columns, the rest.
pub(super) fn relationship(cells: Vec<Value>, there: [bool; 4]) -> Record {
    let mut cells = cells.into_iter();
    let mut next = || cells.next().unwrap_or(Value::Null);
    let (id, from, to, rel_type) = (next(), next(), next(), next());
    let temporal = [next(), next(), next(), next()];
    let mut pairs: Vec<(Text, Value)> = Vec::with_capacity(14);
    for name in &RELATIONSHIP[4..13] {
        pairs.push(((*name).into(), next()));
    }
    let mut row = Row::default();
    let columns = [
        &mut row.valid_from,
        &mut row.valid_until,
        &mut row.recorded_at,
        &mut row.invalidated_by,
    ];
    for (i, (column, cell)) in columns.into_iter().zip(temporal).enumerate() {
        if there[i] {
            pairs.push((RELATIONSHIP[13 + i].into(), cell.clone()));
            *column = Some(cell);
        }
    }
    if id != Value::Null {
        pairs.push(("id".into(), id.clone()));
    }
    let (rel_type, odd) = name(rel_type);
    row.label = odd;
    Record::Relationship(Relationship {
        key: Key::Id(id),
        from: Key::Id(from),
        to: Key::Id(to),
        rel_type,
        properties: python(Map::from_pairs(pairs)),
        row,
    })
}

/// The properties as Python writes them; typed where JSON has no form for a cell.
fn python(map: Map) -> Properties {
    let fits = |value: &Value| match value {
        Value::Bytes(_) => false,
        Value::Text(text) => text.fits_json(),
        _ => true,
    };
    if !map
        .iter()
        .all(|(key, value)| key.fits_json() && fits(value))
    {
        return Properties::Typed(map);
    }
    let mut text = Vec::with_capacity(512);
    json::write_value(&mut text, &Value::Map(map), Style::PYTHON);
    Properties::Stored(Value::Text(Text::from_bytes(text)))
}

fn list_or(cell: Value) -> Value {
    match parsed(&cell) {
        Some(list @ Value::List(_)) => list,
        _ => cell,
    }
}

fn parsed(cell: &Value) -> Option<Value> {
    match cell {
        Value::Text(text) => json::parse(text.as_bytes()).ok(),
        _ => None,
    }
}

/// The context object as `context_…`. What is no object, or holds nothing, stays under
/// `context`, so that it is not lost.
fn spread(cell: Value, pairs: &mut Vec<(Text, Value)>) {
    let map = match parsed(&cell) {
        Some(Value::Map(map)) if !map.is_empty() => map,
        Some(empty @ Value::Map(_)) => return pairs.push(("context".into(), empty)),
        _ => return pairs.push(("context".into(), cell)),
    };
    for (key, value) in map {
        let text = |value: &Value| Value::text(json::to_string(value));
        let is_scalar = |v: &Value| !matches!(v, Value::List(_) | Value::Map(_) | Value::Null);
        let value = match value {
            Value::Null => continue,
            map @ Value::Map(_) => text(&map),
            Value::List(list) if !list.is_empty() && list.iter().all(is_scalar) => {
                Value::List(list)
            }
            list @ Value::List(_) => text(&list),
            scalar => scalar,
        };
        let mut name = b"context_".to_vec();
        name.extend_from_slice(key.as_bytes());
        pairs.push((Text::from_bytes(name), value));
    }
}
