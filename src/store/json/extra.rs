//! What an element of an export does not carry in the keys memorygraph knows: the
//! object under `memferry`, and each element of our own section. Values are written
//! as [`tag`] does, so that any JSON program passes them on unharmed.
//!
//! | key | holds |
//! |---|---|
//! | `key` | the id, where `id` does not say it; `{"$derived": …}` where there is none |
//! | `labels` | the labels, where they are not `Memory` alone |
//! | `from` `to` `type` | ends and type of a relationship of our own section |
//! | `row` | columns beside the properties, by name |
//! | `stored` | the cell of properties, exactly; the three below are absent then |
//! | `properties` | properties in place of, or beside, those the element gives |
//! | `absent` | properties the element gives and the record has not |
//! | `typed` | true: the properties come from a store with types of its own |

use crate::model::{Key, Map, Properties, Row, Text, Value};
use crate::store::protocol::tag;

#[derive(Debug, Default)]
pub(super) struct Extra {
    pub key: Option<Key>,
    pub labels: Option<Vec<Text>>,
    pub from: Option<Key>,
    pub to: Option<Key>,
    pub rel_type: Option<Text>,
    pub row: Row,
    pub stored: Option<Value>,
    pub properties: Vec<(Text, Value)>,
    pub absent: Vec<Text>,
    pub typed: bool,
}

impl Extra {
    /// One that holds the properties in full.
    pub fn holding(properties: &Properties, row: &Row) -> Self {
        let mut extra = Self {
            row: row.clone(),
            ..Self::default()
        };
        match properties {
            Properties::Stored(cell) => extra.stored = Some(cell.clone()),
            Properties::Typed(map) => {
                extra.typed = true;
                extra.properties = map.clone().into_iter().collect();
            }
            Properties::Packed(packed) => {
                extra.typed = true;
                extra.properties = packed.to_map().into_iter().collect();
            }
        }
        extra
    }

    /// What it says of the properties, but for their text.
    pub fn of_properties(&self) -> Self {
        Self {
            properties: self.properties.clone(),
            absent: self.absent.clone(),
            typed: self.typed,
            ..Self::default()
        }
    }

    /// Reads the object.
    pub fn read(map: Map) -> Result<Self, String> {
        let mut extra = Self::default();
        for (name, value) in map {
            let name = name.to_lossy().into_owned();
            let wrong = || format!("memferry.{name} in it cannot be read");
            let plain = |value| tag::untag(value).map_err(|_| wrong());
            match (name.as_str(), value) {
                ("key", value) => extra.key = Some(key(value).ok_or_else(wrong)?),
                ("from", value) => extra.from = Some(key(value).ok_or_else(wrong)?),
                ("to", value) => extra.to = Some(key(value).ok_or_else(wrong)?),
                ("type", value) => extra.rel_type = Some(text(value).ok_or_else(wrong)?),
                ("labels", Value::List(list)) => {
                    let labels: Option<_> = list.into_iter().map(text).collect();
                    extra.labels = Some(labels.ok_or_else(wrong)?);
                }
                ("absent", Value::List(list)) => {
                    let names: Option<_> = list.into_iter().map(text).collect();
                    extra.absent = names.ok_or_else(wrong)?;
                }
                ("row", Value::Map(map)) => {
                    for (column, value) in map {
                        let slot = columns_mut(&mut extra.row)
                            .into_iter()
                            .find(|(known, _)| column == **known);
                        *slot.ok_or_else(wrong)?.1 = Some(plain(value)?);
                    }
                }
                ("stored", value) => extra.stored = Some(plain(value)?),
                ("properties", value @ Value::Map(_)) => match plain(value)? {
                    Value::Map(map) => extra.properties = map.into_iter().collect(),
                    _ => return Err(wrong()),
                },
                ("typed", Value::Bool(typed)) => extra.typed = typed,
                _ => return Err(wrong()),
            }
        }
        Ok(extra)
    }

    /// Appends the object on one line; nothing if there is nothing to say.
    pub fn write(self, out: &mut Vec<u8>) -> Result<bool, tag::Problem> {
        let mut members = Members { out, empty: true };
        for (name, key) in [("key", &self.key), ("from", &self.from), ("to", &self.to)] {
            if let Some(key) = key {
                write_key(members.name(name), key)?;
            }
        }
        if let Some(rel_type) = &self.rel_type {
            tag::write_text(members.name("type"), rel_type);
        }
        if let Some(labels) = &self.labels {
            write_texts(members.name("labels"), labels);
        }
        let mut row = self.row;
        let columns = columns_mut(&mut row);
        let columns: Vec<_> = columns
            .into_iter()
            .filter_map(|(name, value)| Some((name.into(), value.take()?)))
            .collect();
        if !columns.is_empty() {
            tag::write_map(members.name("row"), &Map::from_pairs(columns))?;
        }
        if let Some(cell) = &self.stored {
            tag::write(members.name("stored"), cell)?;
        }
        if self.typed {
            members.name("typed").extend_from_slice(b"true");
        }
        if !self.properties.is_empty() {
            let map = Map::from_pairs(self.properties);
            tag::write_map(members.name("properties"), &map)?;
        }
        if !self.absent.is_empty() {
            write_texts(members.name("absent"), &self.absent);
        }
        let any = !members.empty;
        if any {
            out.push(b'}');
        }
        Ok(any)
    }
}

struct Members<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl Members<'_> {
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        let before: &[u8] = if self.empty { b"{\"" } else { b",\"" };
        self.empty = false;
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }
}

fn write_texts(out: &mut Vec<u8>, texts: &[Text]) {
    out.push(b'[');
    for (i, text) in texts.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        tag::write_text(out, text);
    }
    out.push(b']');
}

fn columns_mut(row: &mut Row) -> [(&'static str, &mut Option<Value>); 7] {
    [
        ("created_at", &mut row.created_at),
        ("updated_at", &mut row.updated_at),
        ("valid_from", &mut row.valid_from),
        ("valid_until", &mut row.valid_until),
        ("recorded_at", &mut row.recorded_at),
        ("invalidated_by", &mut row.invalidated_by),
        ("label", &mut row.label),
    ]
}

fn text(value: Value) -> Option<Text> {
    match tag::untag(value) {
        Ok(Value::Text(text)) => Some(text),
        _ => None,
    }
}

const DERIVED: &str = "$derived";

fn write_key(out: &mut Vec<u8>, key: &Key) -> Result<(), tag::Problem> {
    match key {
        Key::Id(value) => tag::write(out, value),
        Key::Derived(hash) => {
            let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
            tag::write_tag(out, DERIVED, &hex);
            Ok(())
        }
    }
}

fn key(value: Value) -> Option<Key> {
    let derived = match &value {
        Value::Map(map) if map.len() == 1 => map.get(DERIVED),
        _ => None,
    };
    match derived {
        None => tag::untag(value).ok().map(Key::Id),
        Some(hex) => {
            let hex = hex.as_str().filter(|h| h.len() == 32 && h.is_ascii())?;
            let mut hash = [0; 16];
            for (i, byte) in hash.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
            }
            Some(Key::Derived(hash))
        }
    }
}
