//! Between records and what stands in a graph. A node's key is its property `id`; without
//! one, it is made from the content. What has no type or name there stands under the
//! reserved property.

use super::compact::{Held, RawEdge, RawNode, odd};
use super::names::Names;
use super::temporal::{self, Maker};
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::reserved;
use crate::model::equal::NULL_IS_ABSENT;
use crate::model::json;
use crate::model::{Canon, Key, Map, Node, Properties, Record, Relationship, Row, Text, Value};
use crate::store::protocol::cypher::{self, name_fits};
use std::io;

/// The property that is the key.
pub(super) const ID: &str = "id";

/// Marks of the reserved property for what is no property.
const LABELS: &str = "labels";
const TYPE: &str = "type";

fn name(names: &[Text], number: u32) -> io::Result<Text> {
    let name = names.get(number as usize).cloned();
    name.ok_or_else(|| odd("a name that came to the graph while it was read"))
}

/// Whether all names of a node are known.
pub(super) fn node_is_known(raw: &RawNode, names: &Names) -> bool {
    raw.held.known
        && raw
            .labels
            .iter()
            .all(|n| (*n as usize) < names.labels.len())
}

/// Whether all names of an edge are known.
pub(super) fn edge_is_known(raw: &RawEdge, names: &Names) -> bool {
    raw.held.known && (raw.rel_type as usize) < names.types.len()
}

/// What a record holds: its key, its properties, and what was kept apart from them.
type Whole = (Option<Key>, Properties, Option<(Text, Value)>);

fn properties(held: Held) -> io::Result<Whole> {
    if !held.known {
        return Err(odd("a name that came to the graph while it was read"));
    }
    if held.distinct && !held.reserved {
        let id = held.id.and_then(|at| held.packed.value(at));
        let properties = Properties::Packed(held.packed.distinct());
        return Ok((key_of(id.as_ref()), properties, None));
    }
    let map = held.packed.to_map();
    let (map, apart) = reserved::decode_apart(&map).unwrap_or((map, None));
    Ok((key_of(map.get(ID)), Properties::Typed(map), apart))
}

/// What a property `id` says, if it can be a key.
fn key_of(id: Option<&Value>) -> Option<Key> {
    match id {
        Some(id @ (Value::Text(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_))) => {
            Some(Key::Id(id.clone()))
        }
        _ => None,
    }
}

/// The key that a value of the property `id` tells by itself: doubles come short, and
/// without an id the whole content is the key.
pub(super) fn plain_key(id: Value) -> Option<Key> {
    matches!(id, Value::Text(_) | Value::Int(_) | Value::Bool(_)).then_some(Key::Id(id))
}

/// A node as it is there, its doubles settled.
pub(super) fn node(raw: RawNode, names: &Names, canon: &mut Canon) -> io::Result<Node> {
    let mut labels = Vec::with_capacity(raw.labels.len());
    for number in raw.labels {
        labels.push(name(&names.labels, number)?);
    }
    let (key, properties, apart) = properties(raw.held)?;
    if let Some((mark, Value::List(real))) = &apart
        && *mark == *LABELS
    {
        labels = texts(real);
    }
    let mut node = Node {
        key: key.unwrap_or(Key::Id(Value::Null)),
        labels,
        properties,
        row: Row::default(),
    };
    if node.key == Key::Id(Value::Null) {
        let record = Record::Node(node);
        let derived = canon.derive(&record, 0);
        let Record::Node(mut same) = record else {
            return Err(odd("a node that is none"));
        };
        same.key = derived;
        node = same;
    }
    Ok(node)
}

fn texts(list: &[Value]) -> Vec<Text> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    list.iter().filter_map(text).collect()
}

/// An edge as it is there, its doubles settled, between nodes with these keys.
pub(super) fn edge(
    raw: RawEdge,
    (from, to): (Key, Key),
    names: &Names,
    canon: &mut Canon,
) -> io::Result<Record> {
    let mut rel_type = name(&names.types, raw.rel_type)?;
    let (key, properties, apart) = properties(raw.held)?;
    if let Some((mark, Value::Text(real))) = apart
        && mark == *TYPE
    {
        rel_type = real;
    }
    let derive = key.is_none();
    let mut record = Record::Relationship(Relationship {
        key: key.unwrap_or(Key::Id(Value::Null)),
        from,
        to,
        rel_type,
        properties,
        row: Row::default(),
    });
    if derive {
        let derived = canon.derive(&record, 0);
        if let Record::Relationship(r) = &mut record {
            r.key = derived;
        }
    }
    Ok(record)
}

/// A record as it is to stand in the graph.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Labels of a node, or the one type of an edge.
    pub(super) names: Vec<Text>,
    pub(super) properties: Map,
    /// Properties that a function of the server makes: name, function, what it takes.
    pub(super) natives: Vec<(Text, Maker, Value)>,
}

/// The form of a record, or why it has none.
pub(super) fn stored(record: &Record, canon: &mut Canon) -> Result<Stored> {
    let refuse = |what: &str| {
        Error::new(
            ErrorKind::Unsupported,
            format!("a graph server holds no {what}"),
        )
        .with("id", record.key().display())
        .remedy("Leave such records out, or choose another target.")
    };
    let mut map = match record.properties() {
        Properties::Typed(map) => map.clone(),
        Properties::Packed(packed) => packed.to_map(),
        Properties::Stored(cell) => {
            let map = match cell {
                Value::Text(text) => json::parse_object(text.as_bytes()),
                _ => None,
            };
            map.ok_or_else(|| refuse("properties that are no plain JSON object"))?
        }
    };
    for (name, value) in record.row().temporal() {
        if let Some(value) = value {
            map.insert(name, value.clone());
        }
    }
    let names = match record {
        Record::Node(n) => n.labels.clone(),
        Record::Relationship(r) => {
            for name in NULL_IS_ABSENT {
                if map.get(name) == Some(&Value::Null) {
                    map.remove(name);
                }
            }
            for end in [&r.from, &r.to] {
                if !can_be_key(end) {
                    return Err(refuse("end of that kind"));
                }
            }
            vec![r.rel_type.clone()]
        }
    };
    if !can_be_key(record.key()) {
        return Err(refuse("id of that kind"));
    }
    set_id(record, &mut map, canon).map_err(|()| refuse("id beside another property `id`"))?;
    if names
        .iter()
        .any(|name| name.as_bytes().contains(&0) || name.as_str().is_none())
    {
        return Err(refuse("label or type of that name"));
    }
    let (names, apart) = sayable(names, matches!(record, Record::Node(_)));
    let apart = apart.map(|(mark, value)| (Text::from(mark), value));
    let natives = take_natives(&mut map);
    let encoded = reserved::encode_apart(&map, &super::CAPABILITIES, &name_fits, apart);
    let properties = encoded.unwrap_or(map);
    if properties.iter().any(|(k, v)| has_nul(k, v)) {
        return Err(refuse("NUL inside text"));
    }
    Ok(Stored {
        names,
        properties,
        natives,
    })
}

fn take_natives(map: &mut Map) -> Vec<(Text, Maker, Value)> {
    let is_native = |value: &Value| temporal::native(value).is_some();
    if !map.iter().any(|(k, v)| name_fits(k) && is_native(v)) {
        return Vec::new();
    }
    let (mut natives, mut rest) = (Vec::new(), Vec::new());
    for (name, value) in std::mem::take(map) {
        match temporal::native(&value).filter(|_| name_fits(&name)) {
            Some((maker, taken)) => natives.push((name, maker, taken)),
            None => rest.push((name, value)),
        }
    }
    *map = Map::from_pairs(rest);
    natives
}

fn has_nul(key: &Text, value: &Value) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::Text(text) => text.as_bytes().contains(&0),
            Value::List(list) => list.iter().any(inside),
            _ => false,
        }
    }
    key.as_bytes().contains(&0) || inside(value)
}

fn can_be_key(key: &Key) -> bool {
    match key {
        Key::Derived(_) => true,
        Key::Id(Value::Text(text)) => text.as_str().is_some() && !text.as_bytes().contains(&0),
        Key::Id(Value::Int(_) | Value::Bool(_)) => true,
        Key::Id(Value::Float(f)) => f.is_finite(),
        Key::Id(_) => false,
    }
}

/// Makes the property `id` say the key, unless the content does.
fn set_id(record: &Record, map: &mut Map, canon: &mut Canon) -> Result<(), ()> {
    let own = match record.key() {
        Key::Id(value) => value.clone(),
        Key::Derived(_) => Value::text(record.key().display()),
    };
    match map.get(ID) {
        Some(id) if *id == own => return Ok(()),
        Some(_) => return Err(()),
        None => {}
    }
    if matches!(record.key(), Key::Derived(_)) && canon.derive(record, 0) == *record.key() {
        return Ok(());
    }
    map.insert(ID, own);
    Ok(())
}

/// Labels or a type that can be written; those that cannot get another name, and the
/// real ones go into the reserved property.
fn sayable(names: Vec<Text>, node: bool) -> (Vec<Text>, Option<(&'static str, Value)>) {
    if names.iter().all(name_fits) {
        return (names, None);
    }
    let replaced: Vec<Text> = names.iter().map(cypher::free_name).collect();
    let apart = match (node, names.into_iter()) {
        (true, names) => (LABELS, Value::List(names.map(Value::Text).collect())),
        (false, mut names) => (TYPE, Value::Text(names.next().unwrap_or_default())),
    };
    (replaced, Some(apart))
}
