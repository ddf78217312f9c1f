//! What a place makes of a record: kept as it is, in the form its capabilities allow,
//! refused, or (with bad manners) changed without a word.

use super::Misfits;
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::reserved;
use crate::model::json::{self, Style};
use crate::model::time::Instant;
use crate::model::{Canon, Key, Map, Properties, Record, Relationship, Row, Text, Value, memory};
use crate::store::{Capabilities, Ids, Labels};

/// The record as a place with these capabilities keeps it.
pub(super) fn stored(
    record: &Record,
    holds: &Capabilities,
    misfits: Misfits,
    canon: &mut Canon,
) -> Result<Record> {
    let degrade = misfits == Misfits::Changed;
    let mut record = record.clone();
    if !holds.stored_text {
        parse(&mut record, canon, degrade)?;
    }
    if !holds.rows {
        fold_row(&mut record);
    }
    let mut wrong = shape(&record, holds);
    if let Properties::Packed(packed) = record.properties() {
        *properties_mut(&mut record) = Properties::Typed(packed.to_map());
    }
    if let Properties::Typed(map) = properties_mut(&mut record) {
        let mut fitter = Fitter {
            holds,
            wrong: &mut wrong,
        };
        let encoded = match misfits {
            Misfits::Encoded => reserved::encode(map, holds),
            Misfits::Refused | Misfits::Changed => None,
        };
        match encoded {
            Some(encoded) => {
                let encoded = fitter.map(encoded);
                *map = reserved::decode(&encoded).unwrap_or(encoded);
            }
            None => *map = fitter.map(std::mem::take(map)),
        }
    }
    if let Some(max) = holds.max_record
        && record.size() as u64 > max
    {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "the record is larger than the store allows",
        )
        .with("id", record.key().display()));
    }
    match wrong.first() {
        Some(what) if !degrade => Err(Error::new(
            ErrorKind::Unsupported,
            format!("the reference store holds no {what}"),
        )
        .with("id", record.key().display())),
        _ => Ok(record),
    }
}

fn properties_mut(record: &mut Record) -> &mut Properties {
    match record {
        Record::Node(n) => &mut n.properties,
        Record::Relationship(r) => &mut r.properties,
    }
}

fn parse(record: &mut Record, canon: &mut Canon, degrade: bool) -> Result<()> {
    canon.digest(record);
    let refused = !canon.is_map() || canon.has_repeated_key();
    if refused && !degrade {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the reference store keeps values, not text that is no plain JSON object",
        )
        .with("id", record.key().display()));
    }
    let map = record.properties().map().map(std::borrow::Cow::into_owned);
    *properties_mut(record) = Properties::Typed(map.unwrap_or_default());
    Ok(())
}

/// Puts what the row says into the properties, as a store without rows has it.
fn fold_row(record: &mut Record) {
    let columns: Vec<(&str, Value)> = record
        .row()
        .temporal()
        .into_iter()
        .filter_map(|(name, value)| value.clone().map(|v| (name, v)))
        .collect();
    match record {
        Record::Node(n) => n.row = Row::default(),
        Record::Relationship(r) => r.row = Row::default(),
    }
    if columns.is_empty() {
        return;
    }
    let properties = properties_mut(record);
    if let Some(map) = properties.map() {
        let mut map = map.into_owned();
        for (name, value) in columns {
            map.insert(name, value);
        }
        *properties = Properties::Typed(map);
    }
}

fn shape(record: &Record, holds: &Capabilities) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let mut key = |key: &Key| {
        let fits = match key {
            Key::Derived(_) => true,
            Key::Id(Value::Text(t)) => holds.broken_text || t.as_str().is_some(),
            Key::Id(_) => holds.ids == Ids::Any,
        };
        if !fits {
            wrong.push("id of that kind");
        }
    };
    match record {
        Record::Node(n) => key(&n.key),
        Record::Relationship(r) => {
            key(&r.key);
            key(&r.from);
            key(&r.to);
            if !holds.any_times && !has_times(r) {
                wrong.push("relationship without times");
            }
            if !holds.self_loops && r.from == r.to {
                wrong.push("relationship from a node to itself");
            }
        }
    }
    if let Record::Node(n) = record {
        let fits = match holds.labels {
            Labels::Any => true,
            Labels::One => n.labels.len() == 1,
            Labels::MemoryOnly => n.labels.len() == 1 && n.labels[0] == *memory::LABEL,
        };
        if !fits {
            wrong.push("node with those labels");
        }
    }
    if !holds.id_beside_properties
        && let Some(map) = record.properties().map()
        && let (Some(id), Key::Id(own)) = (map.get("id"), record.key())
        && id != own
    {
        wrong.push("id beside another property `id`");
    }
    wrong
}

/// Whether a relationship says since when it holds, and when that was recorded.
fn has_times(r: &Relationship) -> bool {
    let map = r.properties.map();
    [
        ("valid_from", &r.row.valid_from),
        ("recorded_at", &r.row.recorded_at),
    ]
    .into_iter()
    .all(|(name, column)| {
        let property = map.as_deref().and_then(|map| map.get(name));
        match column.as_ref().or(property) {
            Some(Value::Text(time)) => time.as_str().and_then(Instant::parse).is_some(),
            other => matches!(other, Some(Value::Int(_))),
        }
    })
}

/// Makes values fit, naming what did not.
struct Fitter<'a> {
    holds: &'a Capabilities,
    wrong: &'a mut Vec<&'static str>,
}

impl Fitter<'_> {
    fn map(&mut self, map: Map) -> Map {
        let pairs = map.into_iter().filter_map(|(key, value)| {
            if matches!(value, Value::Null) && !self.holds.nulls {
                self.wrong.push("null");
                return None;
            }
            Some((self.text(key), self.value(value)))
        });
        Map::from_pairs(pairs.collect())
    }

    fn value(&mut self, value: Value) -> Value {
        match value {
            Value::BigInt(digits) if !self.holds.big_integers => {
                self.wrong.push("integer beyond 64 bits");
                Value::Float(digits.parse().unwrap_or(f64::MAX))
            }
            Value::Float(f) if !f.is_finite() && !self.holds.non_finite => {
                self.wrong.push("NaN or infinity");
                Value::text(f.to_string())
            }
            Value::Text(text) => Value::Text(self.text(text)),
            Value::Bytes(_) if !self.holds.bytes => {
                self.wrong.push("bytes");
                as_json(&value)
            }
            Value::Map(_) if !self.holds.maps => {
                self.wrong.push("nested map");
                as_json(&value)
            }
            Value::Map(map) => Value::Map(self.map(map)),
            Value::List(list) => self.list(list),
            other => other,
        }
    }

    fn list(&mut self, mut list: Vec<Value>) -> Value {
        if !self.holds.nested_lists
            && list
                .iter()
                .any(|v| matches!(v, Value::List(_) | Value::Bytes(_)))
        {
            self.wrong.push("list inside a list");
            return as_json(&Value::List(list));
        }
        if !self.holds.nulls_in_lists && list.iter().any(|v| matches!(v, Value::Null)) {
            self.wrong.push("null inside a list");
            list.retain(|v| !matches!(v, Value::Null));
        }
        if !self.holds.mixed_lists && is_mixed(&list) {
            self.wrong.push("list of several types");
            list = one_type(list);
        }
        Value::List(list.into_iter().map(|v| self.value(v)).collect())
    }

    fn text(&mut self, text: Text) -> Text {
        let mut text = text;
        if !self.holds.broken_text && text.as_str().is_none() {
            self.wrong.push("text that is not UTF-8");
            text = text.to_lossy().into_owned().into();
        }
        if !self.holds.nul && text.as_bytes().contains(&0) {
            self.wrong.push("NUL inside text");
            let kept: Vec<u8> = text.into_bytes().into_iter().filter(|b| *b != 0).collect();
            text = Text::from_bytes(kept);
        }
        text
    }
}

fn is_mixed(list: &[Value]) -> bool {
    let mut types = list
        .iter()
        .filter(|v| !matches!(v, Value::Null))
        .map(std::mem::discriminant);
    let first = types.next();
    types.any(|t| Some(t) != first)
}

/// Numbers become floats, as Neo4j has it; anything else becomes text.
fn one_type(list: Vec<Value>) -> Vec<Value> {
    let float = |value: &Value| match value {
        Value::Int(i) => Some(Value::Float(*i as f64)),
        Value::BigInt(digits) => digits.parse().ok().map(Value::Float),
        Value::Float(f) => Some(Value::Float(*f)),
        _ => None,
    };
    if let Some(floats) = list.iter().map(float).collect() {
        return floats;
    }
    let text = |value| match value {
        Value::Text(_) => value,
        other => as_json(&other),
    };
    list.into_iter().map(text).collect()
}

fn as_json(value: &Value) -> Value {
    let mut out = Vec::new();
    json::write_value(&mut out, value, Style::PYTHON);
    Value::Text(Text::from_bytes(out))
}
