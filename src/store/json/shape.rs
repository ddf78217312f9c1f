//! One element of an export as a record: the object that memorygraph knows, and
//! beside it, under `memferry`, what that object does not carry.
//!
//! Properties become what memorygraph's own `store_memory` makes of these fields
//! (flat, `context_*`, Python's JSON), but nothing is invented: times stay as in the
//! file, and a field that is not there stays absent.

use super::extra::Extra;
use super::index::OURS;
use crate::model::{
    Canon, Key, Map, Node, Properties, Record, Relationship, Text, Value, json, memory,
};
use std::collections::HashSet;

/// Properties of a memory in the order memorygraph stores them.
pub(super) const MEMORY: [&str; 29] = [
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
    "context_project_path",
    "context_files_involved",
    "context_languages",
    "context_frameworks",
    "context_technologies",
    "context_git_commit",
    "context_git_branch",
    "context_working_directory",
    "context_timestamp",
    "context_session_id",
    "context_user_id",
    "context_additional_metadata",
    "context_tenant_id",
    "context_team_id",
    "context_visibility",
    "context_created_by",
];

/// Properties of a relationship in the order memorygraph stores them; its id is last.
pub(super) const RELATIONSHIP: [&str; 13] = [
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

/// Fields that memorygraph stores as floats; a JSON from JavaScript has `1` for `1.0`.
const FLOATS: [&str; 5] = [
    "importance",
    "confidence",
    "effectiveness",
    "strength",
    "success_rate",
];

/// Fields of a memory that memorygraph leaves out of the store when they are null.
const NULL_IS_ABSENT: [&str; 3] = ["summary", "effectiveness", "last_accessed"];

pub(super) type Pairs = Vec<(Text, Value)>;

/// The node an element of `memories` is. `ours`: whether `memferry` in it is ours.
pub(super) fn node(mut element: Map, ours: bool) -> Result<Record, String> {
    let extra = extra_of(&mut element, ours)?;
    build_node(memory_pairs(element), extra).map(Record::Node)
}

/// The node that an element of our own section is.
pub(super) fn our_node(element: Map) -> Result<Record, String> {
    build_node(Vec::new(), Extra::read(element)?).map(Record::Node)
}

/// The relationship an element of `relationships` is.
pub(super) fn relationship(
    mut element: Map,
    ours: bool,
    canon: &mut Canon,
) -> Result<Record, String> {
    let extra = extra_of(&mut element, ours)?;
    let (ends, pairs) = relationship_pairs(element)?;
    build_relationship(ends, pairs, extra, canon).map(Record::Relationship)
}

/// The relationship that an element of our own section is.
pub(super) fn our_relationship(element: Map, canon: &mut Canon) -> Result<Record, String> {
    let extra = Extra::read(element)?;
    build_relationship(Ends::default(), Vec::new(), extra, canon).map(Record::Relationship)
}

fn extra_of(element: &mut Map, ours: bool) -> Result<Extra, String> {
    match ours.then(|| element.remove(OURS)).flatten() {
        None => Ok(Extra::default()),
        Some(Value::Map(map)) => Extra::read(map),
        Some(_) => Err("its memferry is not an object".to_owned()),
    }
}

pub(super) fn build_node(pairs: Pairs, mut extra: Extra) -> Result<Node, String> {
    let key = match extra.key.take() {
        Some(key) => key,
        None => match pairs.iter().find(|(name, _)| *name == *"id") {
            Some((_, Value::Null | Value::List(_) | Value::Map(_))) => {
                return Err("its id is no text".to_owned());
            }
            Some((_, id)) => Key::Id(id.clone()),
            None => return Err("it has no id".to_owned()),
        },
    };
    Ok(Node {
        key,
        labels: extra
            .labels
            .take()
            .unwrap_or_else(|| vec![memory::LABEL.into()]),
        row: std::mem::take(&mut extra.row),
        properties: properties(pairs, extra, &MEMORY)?,
    })
}

/// What an element says of its relationship beside the properties.
#[derive(Default)]
pub(super) struct Ends {
    pub from: Option<Key>,
    pub to: Option<Key>,
    pub rel_type: Option<Text>,
    pub id: Option<Key>,
}

pub(super) fn build_relationship(
    ends: Ends,
    pairs: Pairs,
    mut extra: Extra,
    canon: &mut Canon,
) -> Result<Relationship, String> {
    let missing = |name: &str| format!("it has no {name}");
    let key = extra.key.take().or(ends.id);
    let mut relationship = Relationship {
        key: key.clone().unwrap_or(Key::Id(Value::Null)),
        from: extra
            .from
            .take()
            .or(ends.from)
            .ok_or_else(|| missing("from_memory_id"))?,
        to: extra
            .to
            .take()
            .or(ends.to)
            .ok_or_else(|| missing("to_memory_id"))?,
        rel_type: extra
            .rel_type
            .take()
            .or(ends.rel_type)
            .ok_or_else(|| missing("type"))?,
        row: std::mem::take(&mut extra.row),
        properties: properties(pairs, extra, &RELATIONSHIP)?,
    };
    if key.is_none() {
        let record = Record::Relationship(relationship);
        let key = canon.derive(&record, 0);
        let Record::Relationship(mut derived) = record else {
            return Err(missing("key"));
        };
        derived.key = key;
        relationship = derived;
    }
    Ok(relationship)
}

/// The properties: those the element gives, under what `extra` says of them.
pub(super) fn properties(
    mut pairs: Pairs,
    extra: Extra,
    order: &[&str],
) -> Result<Properties, String> {
    if let Some(cell) = extra.stored {
        return Ok(Properties::Stored(cell));
    }
    if !extra.absent.is_empty() || !extra.properties.is_empty() {
        let changed: HashSet<&Text> = extra
            .absent
            .iter()
            .chain(extra.properties.iter().map(|(key, _)| key))
            .collect();
        pairs.retain(|(key, _)| !changed.contains(key));
        pairs.extend(extra.properties);
    }
    let rank = |key: &Text| match order.iter().position(|known| *key == **known) {
        Some(position) => position,
        None if *key == *"id" => usize::MAX,
        None => order.len(),
    };
    pairs.sort_by_key(|(key, _)| rank(key));
    let count = pairs.len();
    let map = Map::from_pairs(pairs);
    if map.len() != count {
        return Err("it gives one field in two places".to_owned());
    }
    Ok(match extra.typed {
        true => Properties::Typed(map),
        false => Properties::Stored(Value::text(json::to_string(&Value::Map(map)))),
    })
}

/// The flat properties of a memory object.
pub(super) fn memory_pairs(element: Map) -> Pairs {
    let mut pairs = Vec::with_capacity(element.len() + 12);
    for (key, value) in element {
        match value {
            Value::Map(context) if key == *"context" => {
                pairs.extend(context.into_iter().filter_map(|(key, value)| {
                    let mut name = b"context_".to_vec();
                    name.extend_from_slice(key.as_bytes());
                    Some((Text::from_bytes(name), context_value(value)?))
                }));
            }
            Value::Null if key == *"context" || one_of(&key, &NULL_IS_ABSENT) => {}
            value => pairs.push((key.clone(), float(&key, value))),
        }
    }
    pairs
}

/// A context field as memorygraph stores it.
fn context_value(value: Value) -> Option<Value> {
    let scalar = |v: &Value| !matches!(v, Value::Null | Value::List(_) | Value::Map(_));
    match value {
        Value::Null => None,
        Value::List(list) if !list.is_empty() && list.iter().all(scalar) => Some(Value::List(list)),
        Value::List(_) | Value::Map(_) => Some(Value::text(json::to_string(&value))),
        other => Some(other),
    }
}

/// The ends and the properties of a relationship object.
pub(super) fn relationship_pairs(element: Map) -> Result<(Ends, Pairs), String> {
    let mut ends = Ends::default();
    let mut pairs = Vec::new();
    let mut id = None;
    for (key, value) in element {
        match (key.as_str(), value) {
            (Some("properties" | "id"), Value::Null) => {}
            (Some("properties"), Value::Map(properties)) => {
                pairs.extend(
                    properties
                        .into_iter()
                        .map(|(key, value)| (key.clone(), float(&key, value))),
                );
            }
            (Some("properties"), _) => return Err("its properties are not an object".to_owned()),
            (Some("from_memory_id"), value) => ends.from = Some(end(value)?),
            (Some("to_memory_id"), value) => ends.to = Some(end(value)?),
            (Some("type"), Value::Text(text)) => ends.rel_type = Some(text),
            (Some("type"), _) => return Err("its type is no text".to_owned()),
            (Some("id"), value) => {
                ends.id = Some(end(value.clone())?);
                id = Some(value);
            }
            (_, value) => pairs.push((key, value)),
        }
    }
    if let Some(id) = id
        && !pairs
            .iter()
            .any(|(key, value)| *key == *"id" && *value == id)
    {
        pairs.push(("id".into(), id));
    }
    Ok((ends, pairs))
}

fn end(value: Value) -> Result<Key, String> {
    match value {
        Value::Null | Value::List(_) | Value::Map(_) => Err("an id in it is no text".to_owned()),
        id => Ok(Key::Id(id)),
    }
}

fn one_of(key: &Text, names: &[&str]) -> bool {
    names.iter().any(|name| *key == **name)
}

fn float(key: &Text, value: Value) -> Value {
    match value {
        Value::Int(i) if one_of(key, &FLOATS) && i.unsigned_abs() <= json::MAX_EXACT => {
            Value::Float(i as f64)
        }
        other => other,
    }
}
