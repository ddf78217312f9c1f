//! A record as an element of an export: in the keys memorygraph knows, as far as its
//! import takes them, and everything else under `memferry`. What its import would
//! choke on, or wrongly bring to life, goes to our own section.
//!
//! What import takes was tried with memorygraph 0.12.4: one object without `id`,
//! `type`, `title` or `content`, one id held twice, one integer of more than 4,300
//! digits, and it refuses the whole file; one field that fails its model's check, and
//! it drops that record. So a field stands in its own key only if the check passes.

use super::extra::Extra;
use super::import_notes::Dropped;
use super::layout;
use super::shape::{self, RELATIONSHIP};
use crate::model::time::Instant;
use crate::model::{
    Canon, Key, Map, Node, Properties, Record, Relationship, Text, Value, json, memory,
};
use crate::store::protocol::tag;

/// A record on its way into the file.
#[derive(Debug)]
pub(super) struct Element {
    /// Whether memorygraph shall see it; else it belongs to our own section.
    pub plain: bool,
    /// Its JSON, laid out as an element of a list two or three levels deep.
    pub text: Vec<u8>,
    /// What memorygraph will not take over.
    pub drops: Vec<Dropped>,
}

type Pairs = Vec<(Text, Value)>;

/// Whether import takes a value.
type Check = fn(&Value) -> bool;

/// Deepest nesting of a value that stands in a key of memorygraph's.
const MAX_DEPTH: usize = 100;

/// Digits of the longest integer that Python reads, but for the sign.
const MAX_DIGITS: usize = 4_300;

/// The element of a record.
pub(super) fn split(record: &Record, canon: &mut Canon) -> Result<Element, tag::Problem> {
    let map = record.properties().map();
    let plain = map.and_then(|map| match record {
        Record::Node(node) => node_parts(node, &map),
        Record::Relationship(relationship) => relationship_parts(relationship, &map, canon),
    });
    if let Some(parts) = plain {
        let drops = parts.drops(record);
        let mut text = Vec::new();
        layout::object(&mut text, parts.standard, parts.extra)?;
        return Ok(Element {
            plain: true,
            text,
            drops,
        });
    }
    let mut extra = Extra::holding(record.properties(), record.row());
    extra.key = Some(record.key().clone());
    let drop = match record {
        Record::Node(node) => {
            extra.labels = Some(node.labels.clone());
            match memory::is_memory(node) {
                true => Dropped::UnfitMemory,
                false => Dropped::OtherNode,
            }
        }
        Record::Relationship(relationship) => {
            extra.from = Some(relationship.from.clone());
            extra.to = Some(relationship.to.clone());
            extra.rel_type = Some(relationship.rel_type.clone());
            match is_invalidated(relationship) {
                true => Dropped::Invalidated,
                false => Dropped::UnfitRelationship,
            }
        }
    };
    let mut text = Vec::new();
    layout::object(&mut text, Vec::new(), extra)?;
    Ok(Element {
        plain: false,
        text,
        drops: vec![drop],
    })
}

/// An element in two parts.
struct Parts {
    standard: Pairs,
    extra: Extra,
    /// Whether its import fails the record though its shape is right.
    refused: bool,
    /// Names of the properties that stand beside what import reads.
    beside: Vec<Text>,
}

impl Parts {
    fn drops(&self, record: &Record) -> Vec<Dropped> {
        if self.refused {
            return vec![match record {
                Record::Node(_) => Dropped::RefusedMemory,
                Record::Relationship(_) => Dropped::RefusedRelationship,
            }];
        }
        let field = |name: &Text| Dropped::field(record.kind(), name);
        self.beside.iter().map(field).collect()
    }
}

fn node_parts(node: &Node, map: &Map) -> Option<Parts> {
    let Key::Id(id @ Value::Text(id_text)) = &node.key else {
        return None;
    };
    let is_memory = matches!(&node.labels[..], [label] if *label == *memory::LABEL);
    let required = ["type", "title", "content"];
    let has = |name: &&str| matches!(map.get(name), Some(Value::Text(t)) if t.as_str().is_some());
    if !is_memory || id_text.as_str().is_none() || !required.iter().all(has) {
        return None;
    }
    // An empty id gets a new one at every import; blank text is stored stripped to
    // nothing, which memorygraph then cannot read.
    let blank = |name| map.get(name).and_then(Value::as_str).is_some_and(is_blank);
    if id_text.is_empty() || blank("title") || blank("content") {
        return None;
    }
    let mut standard: Pairs = vec![("id".into(), id.clone())];
    for name in required {
        standard.push((name.into(), map.get(name)?.clone()));
    }
    let summary = map.get("summary").filter(|v| is_short(v, 500));
    standard.push(("summary".into(), summary.cloned().unwrap_or(Value::Null)));
    let fields: [(&str, Check); 8] = [
        ("tags", is_texts),
        ("importance", is_unit),
        ("confidence", is_unit),
        ("created_at", is_text),
        ("updated_at", is_text),
        ("usage_count", is_count),
        ("effectiveness", is_unit),
        ("last_accessed", is_text),
    ];
    for (name, fits) in fields {
        if let Some(value) = map.get(name).filter(|v| fits(v)) {
            standard.push((name.into(), value.clone()));
        }
    }
    let context = context(map);
    if !context.is_empty() {
        standard.push(("context".into(), Value::Map(Map::from_pairs(context))));
    }
    let flat = shape::memory_pairs(Map::from_pairs(standard.clone()));
    let (extra, mut beside) = difference(flat, map, &node.properties);
    let mut extra = Extra {
        row: node.row.clone(),
        ..extra
    };
    let rebuilt = |extra: &Extra| {
        let flat = shape::memory_pairs(Map::from_pairs(standard.clone()));
        shape::properties(flat, extra.of_properties(), &shape::MEMORY)
    };
    keep_text(&mut extra, &node.properties, rebuilt);
    for unread in [
        "usage_count",
        "created_at",
        "updated_at",
        "effectiveness",
        "last_accessed",
    ] {
        if map.get(unread).is_some() && !beside.iter().any(|name| *name == *unread) {
            beside.push(unread.into());
        }
    }
    Some(Parts {
        refused: !import_takes(map),
        standard,
        extra,
        beside,
    })
}

/// Whether the import's model accepts the required fields.
fn import_takes(map: &Map) -> bool {
    let text = |name| map.get(name).and_then(Value::as_str);
    let known = text("type").is_some_and(|t| memory::TYPES.contains(&t));
    let title = text("title").is_some_and(|t| (1..=200).contains(&t.chars().count()));
    let content = text("content").is_some_and(|t| !t.is_empty());
    known && title && content
}

/// Whether Python's `strip` leaves nothing of a text that is something.
fn is_blank(text: &str) -> bool {
    let space = |c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}');
    !text.is_empty() && text.chars().all(space)
}

/// The context object, of the fields its import takes.
fn context(map: &Map) -> Pairs {
    let mut context = Vec::new();
    for (name, value) in map.iter() {
        let Some(field) = name.as_str().and_then(|n| n.strip_prefix("context_")) else {
            continue;
        };
        let value = match (field, value) {
            ("files_involved" | "languages" | "frameworks" | "technologies", value) => {
                match value {
                    Value::Text(t) if *t == *"[]" => Some(Value::List(Vec::new())),
                    Value::List(list) if !list.is_empty() && is_texts(value) => Some(value.clone()),
                    _ => None,
                }
            }
            ("additional_metadata", Value::Text(text)) => match json::parse(text.as_bytes()) {
                Ok(Value::Map(map)) if is_plain_map(&map) => Some(Value::Map(map)),
                _ => None,
            },
            ("visibility", value) => match value.as_str() {
                Some("private" | "project" | "team" | "public") => Some(value.clone()),
                _ => None,
            },
            ("timestamp", value) => is_moment(value).then(|| value.clone()),
            (
                "project_path" | "git_commit" | "git_branch" | "working_directory" | "session_id"
                | "user_id" | "tenant_id" | "team_id" | "created_by",
                value,
            ) => is_context_text(value).then(|| value.clone()),
            _ => None,
        };
        if let Some(value) = value {
            context.push((Text::from(field), value));
        }
    }
    // In the order in which memorygraph writes them.
    let rank = |field: &Text| {
        let known = shape::MEMORY.iter().position(|known| {
            known
                .strip_prefix("context_")
                .is_some_and(|known| *field == *known)
        });
        known.unwrap_or(usize::MAX)
    };
    context.sort_by_key(|(field, _)| rank(field));
    context
}

fn relationship_parts(relationship: &Relationship, map: &Map, canon: &mut Canon) -> Option<Parts> {
    let (Key::Id(from @ Value::Text(a)), Key::Id(to @ Value::Text(b))) =
        (&relationship.from, &relationship.to)
    else {
        return None;
    };
    let fits = [a, b, &relationship.rel_type]
        .iter()
        .all(|t| t.as_str().is_some());
    if !fits || is_invalidated(relationship) {
        return None;
    }
    let mut standard: Pairs = Vec::new();
    let mut extra_key = None;
    match &relationship.key {
        Key::Id(id @ Value::Text(text)) if text.as_str().is_some() => {
            standard.push(("id".into(), id.clone()));
        }
        key @ Key::Id(_) => extra_key = Some(key.clone()),
        key @ Key::Derived(_) => {
            let record = Record::Relationship(relationship.clone());
            extra_key = (canon.derive(&record, 0) != *key).then(|| key.clone());
        }
    }
    standard.push(("from_memory_id".into(), from.clone()));
    standard.push(("to_memory_id".into(), to.clone()));
    standard.push(("type".into(), Value::Text(relationship.rel_type.clone())));
    let known = RELATIONSHIP.iter().filter_map(|name| {
        let value = map.get(name)?;
        let fits = match *name {
            "strength" | "confidence" => is_unit(value),
            "context" => *value == Value::Null || is_text(value),
            "evidence_count" | "validation_count" | "counter_evidence_count" => is_count(value),
            "success_rate" => *value == Value::Null || is_unit(value),
            _ => *value == Value::Null || is_text(value),
        };
        fits.then(|| (Text::from(*name), value.clone()))
    });
    let known = Map::from_pairs(known.collect());
    standard.push(("properties".into(), Value::Map(known)));
    let flat = |standard: &Pairs| {
        let element = Map::from_pairs(standard.clone());
        shape::relationship_pairs(element).map_or(Vec::new(), |(_, pairs)| pairs)
    };
    let (extra, mut beside) = difference(flat(&standard), map, &relationship.properties);
    let mut extra = Extra {
        key: extra_key,
        row: relationship.row.clone(),
        ..extra
    };
    keep_text(&mut extra, &relationship.properties, |extra| {
        shape::properties(flat(&standard), extra.of_properties(), &RELATIONSHIP)
    });
    let unread = RELATIONSHIP[4..]
        .iter()
        .filter(|name| map.get(name).is_some_and(|v| *v != Value::Null));
    for name in unread {
        if !beside.iter().any(|known| *known == **name) {
            beside.push((*name).into());
        }
    }
    if !standard.is_empty() && standard[0].0 == *"id" {
        beside.push("id".into());
    }
    let type_is_known = relationship
        .rel_type
        .as_str()
        .is_some_and(|t| memory::RELATIONSHIP_TYPES.contains(&t));
    Some(Parts {
        refused: !type_is_known,
        standard,
        extra,
        beside,
    })
}

/// Whether memorygraph holds it to be over: its import would bring it back to life.
fn is_invalidated(relationship: &Relationship) -> bool {
    match &relationship.row.valid_until {
        Some(column) => *column != Value::Null,
        None => relationship
            .properties
            .map()
            .and_then(|map| Some(*map.get("valid_until")? != Value::Null))
            .unwrap_or(false),
    }
}

/// What the flat form of an element lacks of the properties or has wrongly, and the
/// names of the properties in it.
fn difference(flat: Pairs, map: &Map, properties: &Properties) -> (Extra, Vec<Text>) {
    let given = Map::from_pairs(flat);
    let mut extra = Extra {
        typed: properties.is_typed(),
        ..Extra::default()
    };
    for (name, value) in map.iter() {
        if given.get_bytes(name.as_bytes()) != Some(value) {
            extra.properties.push((name.clone(), value.clone()));
        }
    }
    for (name, _) in given.iter() {
        if map.get_bytes(name.as_bytes()).is_none() {
            extra.absent.push(name.clone());
        }
    }
    let beside = extra.properties.iter().map(|(name, _)| name.clone());
    let beside = beside.collect();
    (extra, beside)
}

/// Keeps the text of stored properties where reading back would give another.
fn keep_text(
    extra: &mut Extra,
    properties: &Properties,
    rebuilt: impl Fn(&Extra) -> Result<Properties, String>,
) {
    let Properties::Stored(cell) = properties else {
        return;
    };
    if !matches!(rebuilt(extra), Ok(Properties::Stored(text)) if text == *cell) {
        extra.stored = Some(cell.clone());
        extra.properties.clear();
        extra.absent.clear();
    }
}

/// Text that is Unicode; strict readers refuse a whole file for a lone surrogate.
fn is_text(value: &Value) -> bool {
    value.as_str().is_some()
}

fn is_short(value: &Value, max: usize) -> bool {
    value.as_str().is_some_and(|s| s.chars().count() <= max)
}

fn is_texts(value: &Value) -> bool {
    matches!(value, Value::List(list) if list.iter().all(is_text))
}

fn is_unit(value: &Value) -> bool {
    matches!(value, Value::Float(f) if (0.0..=1.0).contains(f))
}

fn is_count(value: &Value) -> bool {
    matches!(value, Value::Int(i) if *i >= 0)
}

/// Text of a context field that memorygraph can read again: it takes text that is a
/// JSON list or object for one.
fn is_context_text(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|s| !s.starts_with(['[', '{']) || json::parse(s.as_bytes()).is_err())
}

/// A time in the one form that every version of the model takes.
fn is_moment(value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    let offset = text.get(19..).map(|rest| {
        let digits = rest
            .strip_prefix('.')
            .map_or(0, |f| 1 + f.bytes().take_while(u8::is_ascii_digit).count());
        (digits, &rest[digits..])
    });
    let fits = match offset {
        Some((0 | 2..=7, "" | "Z")) => true,
        Some((0 | 2..=7, offset)) => offset.len() == 6 && offset.as_bytes()[3] == b':',
        _ => false,
    };
    fits && text.as_bytes()[10] == b'T' && Instant::parse(text).is_some()
}

/// Whether any JSON program reads these values, and Python stores them alike.
fn is_plain_map(map: &Map) -> bool {
    fn plain(value: &Value, depth: usize) -> bool {
        match value {
            Value::Float(f) => f.is_finite(),
            Value::BigInt(digits) => digits.trim_start_matches('-').len() <= MAX_DIGITS,
            Value::Text(text) => text.as_str().is_some(),
            Value::Bytes(_) => false,
            Value::List(list) => {
                depth < MAX_DEPTH && list.iter().all(|item| plain(item, depth + 1))
            }
            Value::Map(map) => {
                let mut pairs = map.iter();
                depth < MAX_DEPTH && pairs.all(|(k, v)| k.as_str().is_some() && plain(v, depth + 1))
            }
            _ => true,
        }
    }
    let mut pairs = map.iter();
    pairs.all(|(key, value)| key.as_str().is_some() && plain(value, 1))
}
