//! Values a store has no type for travel as JSON text; one reserved property,
//! `memferry`, says which, and only stands on records that need it. The same for
//! every store, for nodes and relationships, and reversed by [`decode`].
//!
//! `memferry` holds a JSON object of path to type. A path is a JSON Pointer (RFC
//! 6901) into the properties as stored: `/meta`, and `/meta/blob` inside the JSON
//! text of `meta`; `~` and `/` in a key are `~0` and `~1`.
//!
//! | type | the value is |
//! |---|---|
//! | `null` `integer` `float` `list` `map` `text` | JSON text of it; `text` has lone surrogates as escapes |
//! | `bytes` `raw-text` | base64; `raw-text` is text whose bytes JSON has no form for |
//! | `nan` | the 16 hexadecimal digits of a NaN other than the usual one |
//! | `plain` | as stored; only its name is not its own |
//!
//! A property whose name the store cannot hold, or whose name is `memferry`, stands
//! under a free name; its type is then an object with `type` and the real name,
//! `key`, or `key_base64` where JSON has no form for it. Labels or a type that the
//! store cannot hold stand beside the paths, under a name without `/`.
//!
//! NUL is left in text: where it cannot be held it is a loss by name. Nulls that
//! count as absence (see [`crate::model::equal`]) are for the caller to leave out.

use crate::model::json;
use crate::model::{Map, Text, Value};
use crate::store::Capabilities;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use std::collections::{HashMap, HashSet};

/// Name of the reserved property.
pub const PROPERTY: &str = "memferry";

/// The usual NaN, which JSON text reads back.
const NAN: u64 = f64::NAN.to_bits();

/// The properties as a store with these capabilities can hold them; `None` if they
/// fit as they are.
pub fn encode(map: &Map, to: &Capabilities) -> Option<Map> {
    encode_apart(map, to, &|_| true, None)
}

/// The same for a store that does not take every name, with something to keep apart from
/// the properties: a name without `/` and its value, plain JSON.
pub fn encode_apart(
    map: &Map,
    to: &Capabilities,
    takes: &dyn Fn(&Text) -> bool,
    apart: Option<(Text, Value)>,
) -> Option<Map> {
    let name_fits = |key: &Text| *key != *PROPERTY && text_fits(key, to) && takes(key);
    let fits = |key: &Text, value: &Value| name_fits(key) && value_fits(value, to);
    if apart.is_none() && map.iter().all(|(key, value)| fits(key, value)) {
        return None;
    }
    let mut encoder = Encoder::default();
    encoder.marks.extend(apart);
    let mut out = Vec::with_capacity(map.len() + 1);
    let mut names = Names::of(map);
    for (key, value) in map.iter() {
        if fits(key, value) {
            out.push((key.clone(), value.clone()));
            continue;
        }
        let keeps_name = name_fits(key) && key.fits_json();
        let name = if keeps_name {
            key.clone()
        } else {
            names.free(key, takes)
        };
        let path = child(&[], name.as_bytes());
        let at = encoder.marks.len();
        let (kind, value) = if value_fits(value, to) {
            ("plain", value.clone())
        } else {
            encoder.top(value, &path)
        };
        let key = (!keeps_name).then_some(key);
        encoder
            .marks
            .insert(at, (Text::from_bytes(path), mark(kind, key)));
        out.push((name, value));
    }
    let marks = Value::Map(Map::from_pairs(encoder.marks));
    out.push((PROPERTY.into(), Value::text(json::to_string(&marks))));
    Some(Map::from_pairs(out))
}

/// The properties as they were before [`encode`]; `None` if they were never encoded:
/// a property `memferry` that does not fit the others is somebody else's.
pub fn decode(map: &Map) -> Option<Map> {
    match decode_apart(map)? {
        (map, None) => Some(map),
        (_, Some(_)) => None,
    }
}

/// The same with what was kept apart.
pub fn decode_apart(map: &Map) -> Option<(Map, Option<(Text, Value)>)> {
    let Some(Value::Text(text)) = map.get(PROPERTY) else {
        return None;
    };
    let Ok(Value::Map(marks)) = json::parse(text.as_bytes()) else {
        return None;
    };
    let is_path = |(key, _): &(Text, Value)| key.as_bytes().first() == Some(&b'/');
    let (marks, mut apart): (Vec<_>, Vec<_>) = marks.into_iter().partition(is_path);
    let mut decoder = Decoder::of(Map::from_pairs(marks))?;
    if apart.len() > 1 || decoder.marks.is_empty() && apart.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(map.len());
    for (name, value) in map.iter().filter(|(name, _)| **name != *PROPERTY) {
        let path = child(&[], name.as_bytes());
        match decoder.marks.remove(&path) {
            None => out.push((name.clone(), value.clone())),
            Some(mark) => {
                let value = decoder.top(&mark.kind, value, &path)?;
                out.push((mark.key.unwrap_or_else(|| name.clone()), value));
            }
        }
    }
    let count = out.len();
    let out = Map::from_pairs(out);
    (decoder.marks.is_empty() && out.len() == count).then(|| (out, apart.pop()))
}

/// Whether a store can hold a value as it is. NUL aside.
pub fn value_fits(value: &Value, to: &Capabilities) -> bool {
    match value {
        Value::Null => to.nulls,
        Value::Bool(_) | Value::Int(_) => true,
        Value::BigInt(_) => to.big_integers,
        Value::Float(f) => to.non_finite || f.is_finite(),
        Value::Text(text) => text_fits(text, to),
        Value::Bytes(_) => to.bytes,
        Value::List(list) => list_fits(list, to),
        Value::Map(map) => {
            to.maps
                && map
                    .iter()
                    .all(|(key, value)| text_fits(key, to) && value_fits(value, to))
        }
    }
}

fn list_fits(list: &[Value], to: &Capabilities) -> bool {
    let mut first = None;
    list.iter().all(|item| {
        if *item == Value::Null {
            return to.nulls_in_lists;
        }
        let nested = matches!(item, Value::List(_) | Value::Bytes(_));
        let kind = std::mem::discriminant(item);
        let alike = *first.get_or_insert(kind) == kind;
        (to.mixed_lists || alike) && (to.nested_lists || !nested) && value_fits(item, to)
    })
}

fn text_fits(text: &Text, to: &Capabilities) -> bool {
    to.broken_text || text.as_str().is_some()
}

/// A step down a path.
fn child(path: &[u8], key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len() + key.len() + 1);
    out.extend_from_slice(path);
    out.push(b'/');
    for &b in key {
        match b {
            b'~' => out.extend_from_slice(b"~0"),
            b'/' => out.extend_from_slice(b"~1"),
            b => out.push(b),
        }
    }
    out
}

fn mark(kind: &str, key: Option<&Text>) -> Value {
    let Some(key) = key else {
        return Value::text(kind);
    };
    let (name, key) = if key.fits_json() {
        ("key", Value::Text(key.clone()))
    } else {
        ("key_base64", Value::text(BASE64.encode(key.as_bytes())))
    };
    Value::Map(Map::from_pairs(vec![
        ("type".into(), Value::text(kind)),
        (name.into(), key),
    ]))
}

/// Finds names for properties that cannot have their own.
struct Names(HashSet<Text>);

impl Names {
    fn of(map: &Map) -> Self {
        let mut taken: HashSet<Text> = map.iter().map(|(key, _)| key.clone()).collect();
        taken.insert(PROPERTY.into());
        Self(taken)
    }

    fn free(&mut self, key: &Text, takes: &dyn Fn(&Text) -> bool) -> Text {
        let mut name = key.to_lossy().into_owned();
        if !takes(&Text::from(name.as_str())) {
            name = name
                .chars()
                .filter(|c| c.is_alphanumeric())
                .take(100)
                .collect();
        }
        loop {
            name.push('_');
            let text = Text::from(name.as_str());
            if self.0.insert(text.clone()) {
                return text;
            }
        }
    }
}

#[derive(Default)]
struct Encoder {
    marks: Vec<(Text, Value)>,
}

impl Encoder {
    /// A property's value: its type and the text that stands for it.
    fn top(&mut self, value: &Value, path: &[u8]) -> (&'static str, Value) {
        if let Some((kind, text)) = beyond_json(value) {
            return (kind, text);
        }
        let kind = match value {
            Value::Null => "null",
            Value::Text(_) => "text",
            Value::Float(_) => "float",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Bytes(_) => "integer",
        };
        (
            kind,
            Value::text(json::to_string(&self.nested(value, path))),
        )
    }

    /// A value that JSON text can carry, with marks for whatever it cannot.
    fn nested(&mut self, value: &Value, path: &[u8]) -> Value {
        match value {
            Value::List(list) => Value::List(
                list.iter()
                    .enumerate()
                    .map(|(i, item)| {
                        let path = child(path, i.to_string().as_bytes());
                        self.part(item, None, &path)
                    })
                    .collect(),
            ),
            Value::Map(map) => {
                let mut names = None;
                let pairs = map.iter().map(|(key, item)| {
                    if key.fits_json() {
                        let path = child(path, key.as_bytes());
                        return (key.clone(), self.part(item, None, &path));
                    }
                    let name = names
                        .get_or_insert_with(|| Names::of(map))
                        .free(key, &|_| true);
                    let path = child(path, name.as_bytes());
                    (name, self.part(item, Some(key), &path))
                });
                Value::Map(Map::from_pairs(pairs.collect()))
            }
            other => other.clone(),
        }
    }

    fn part(&mut self, value: &Value, key: Option<&Text>, path: &[u8]) -> Value {
        let (kind, value) = match beyond_json(value) {
            Some((kind, text)) => (kind, text),
            None => ("plain", self.nested(value, path)),
        };
        if kind != "plain" || key.is_some() {
            self.marks.push((Text::from_bytes(path), mark(kind, key)));
        }
        value
    }
}

/// The type and text of a value that JSON text has no form for.
fn beyond_json(value: &Value) -> Option<(&'static str, Value)> {
    match value {
        Value::Bytes(bytes) => Some(("bytes", Value::text(BASE64.encode(bytes)))),
        Value::Text(text) if !text.fits_json() => {
            Some(("raw-text", Value::text(BASE64.encode(text.as_bytes()))))
        }
        Value::Float(f) if f.is_nan() && f.to_bits() != NAN => {
            Some(("nan", Value::text(format!("{:016x}", f.to_bits()))))
        }
        _ => None,
    }
}

struct Mark {
    kind: String,
    key: Option<Text>,
}

struct Decoder {
    marks: HashMap<Vec<u8>, Mark>,
}

impl Decoder {
    fn of(marks: Map) -> Option<Self> {
        let mut found = HashMap::with_capacity(marks.len());
        for (path, mark) in marks {
            let mark = match mark {
                Value::Text(kind) => Mark {
                    kind: kind.as_str()?.to_owned(),
                    key: None,
                },
                Value::Map(map) => Mark {
                    kind: map.get("type")?.as_str()?.to_owned(),
                    key: Some(match (map.get("key"), map.get("key_base64")) {
                        (Some(Value::Text(key)), None) => key.clone(),
                        (None, Some(key)) => Text::from_bytes(base64(key)?),
                        _ => return None,
                    }),
                },
                _ => return None,
            };
            found.insert(path.into_bytes(), mark);
        }
        Some(Self { marks: found })
    }

    fn top(&mut self, kind: &str, value: &Value, path: &[u8]) -> Option<Value> {
        if kind == "plain" {
            return Some(value.clone());
        }
        let Value::Text(text) = value else {
            return None;
        };
        if let Some(value) = self.beyond_json(kind, value) {
            return Some(value);
        }
        let value = json::parse(text.as_bytes()).ok()?;
        let is_so = match kind {
            "null" => value == Value::Null,
            "text" => matches!(value, Value::Text(_)),
            "float" => matches!(value, Value::Float(_)),
            "integer" => matches!(value, Value::Int(_) | Value::BigInt(_)),
            "list" => matches!(value, Value::List(_)),
            "map" => matches!(value, Value::Map(_)),
            _ => false,
        };
        if is_so {
            self.nested(value, path)
        } else {
            None
        }
    }

    fn nested(&mut self, value: Value, path: &[u8]) -> Option<Value> {
        if self.marks.is_empty() {
            return Some(value);
        }
        Some(match value {
            Value::List(list) => {
                let items = list.into_iter().enumerate();
                let items = items.map(|(i, item)| {
                    let path = child(path, i.to_string().as_bytes());
                    Some(self.part(item, &path)?.1)
                });
                Value::List(items.collect::<Option<_>>()?)
            }
            Value::Map(map) => {
                let pairs = map.into_iter().map(|(name, item)| {
                    let path = child(path, name.as_bytes());
                    let (key, item) = self.part(item, &path)?;
                    Some((key.unwrap_or(name), item))
                });
                Value::Map(Map::from_pairs(pairs.collect::<Option<_>>()?))
            }
            other => other,
        })
    }

    fn part(&mut self, value: Value, path: &[u8]) -> Option<(Option<Text>, Value)> {
        let Some(mark) = self.marks.remove(path) else {
            return Some((None, self.nested(value, path)?));
        };
        let value = match mark.kind.as_str() {
            "plain" => self.nested(value, path)?,
            kind => self.beyond_json(kind, &value)?,
        };
        Some((mark.key, value))
    }

    fn beyond_json(&self, kind: &str, value: &Value) -> Option<Value> {
        match kind {
            "bytes" => Some(Value::Bytes(base64(value)?)),
            "raw-text" => Some(Value::Text(Text::from_bytes(base64(value)?))),
            "nan" => {
                let bits = u64::from_str_radix(value.as_str()?, 16).ok()?;
                Some(Value::Float(f64::from_bits(bits)))
            }
            _ => None,
        }
    }
}

fn base64(value: &Value) -> Option<Vec<u8>> {
    BASE64.decode(value.as_str()?).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::Labels;
    use proptest::prelude::*;

    const BARE: Capabilities = Capabilities {
        labels: Labels::One,
        nulls: false,
        maps: false,
        nested_lists: false,
        nulls_in_lists: false,
        mixed_lists: false,
        big_integers: false,
        non_finite: false,
        broken_text: false,
        bytes: false,
        ..Capabilities::EVERYTHING
    };

    pub(crate) fn any_text() -> impl Strategy<Value = Text> {
        prop_oneof![
            4 => "[a-z~/_]{0,3}".prop_map(Text::from),
            1 => Just(Text::from(PROPERTY)),
            1 => Just(Text::from("memferry_")),
            1 => ".{0,6}".prop_map(Text::from),
            1 => Just(Text::from_bytes(*b"\xED\xA0\xBD")),
            1 => Just(Text::from_bytes(*b"\xED\xA0\xBD\xED\xB8\x80")),
            1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(Text::from_bytes),
        ]
    }

    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            "-?[1-9][0-9]{20,40}".prop_map(|d| Value::integer(&d)),
            any::<u64>().prop_map(|b| Value::Float(f64::from_bits(b))),
            prop::sample::select(vec![f64::NAN, -f64::NAN, f64::INFINITY, -0.0, 1.0])
                .prop_map(Value::Float),
            any_text().prop_map(Value::Text),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec((any_text(), inner), 0..4)
                    .prop_map(|p| Value::Map(Map::from_pairs(p))),
            ]
        })
    }

    pub(crate) fn any_map() -> impl Strategy<Value = Map> {
        prop::collection::vec((any_text(), any_value()), 0..6).prop_map(Map::from_pairs)
    }

    fn any_capabilities() -> impl Strategy<Value = Capabilities> {
        any::<[bool; 9]>().prop_map(|f| Capabilities {
            nulls: f[0],
            maps: f[1],
            nested_lists: f[2],
            nulls_in_lists: f[3],
            mixed_lists: f[4],
            big_integers: f[5],
            non_finite: f[6],
            broken_text: f[7],
            bytes: f[8],
            ..BARE
        })
    }

    fn order(map: &Map) -> Vec<&Text> {
        map.iter().map(|(key, _)| key).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn reads_back_exactly_and_fits(map in any_map(), to in any_capabilities()) {
            match encode(&map, &to) {
                None => {
                    prop_assert_eq!(decode(&map), None);
                    prop_assert!(map.iter().all(|(k, v)| text_fits(k, &to) && value_fits(v, &to)));
                }
                Some(encoded) => {
                    for (key, value) in encoded.iter() {
                        prop_assert!(text_fits(key, &to), "{:?}", key);
                        prop_assert!(value_fits(value, &to), "{:?}", value);
                    }
                    let decoded = decode(&encoded);
                    prop_assert_eq!(decoded.as_ref(), Some(&map));
                    prop_assert_eq!(decoded.as_ref().map(order), Some(order(&map)));
                }
            }
        }

        #[test]
        fn somebody_elses_property_is_left_alone(text in ".{0,20}", map in any_map()) {
            let mut map = map;
            map.insert(PROPERTY, Value::text(text));
            prop_assert_eq!(decode(&map), None);
        }
    }

    #[test]
    fn is_readable() {
        let map = json::parse(br#"{"a": 1, "meta": {"k": [1, null]}, "n": null, "big": 1180591620717411303424, "memferry": "mine"}"#);
        let Ok(Value::Map(map)) = map else { panic!() };
        let encoded = encode(&map, &BARE).unwrap();
        assert_eq!(
            json::to_string(&Value::Map(encoded.clone())),
            r#"{"a": 1, "meta": "{\"k\": [1, null]}", "n": "null", "big": "1180591620717411303424", "memferry_": "mine", "memferry": "{\"/meta\": \"map\", \"/n\": \"null\", \"/big\": \"integer\", \"/memferry_\": {\"type\": \"plain\", \"key\": \"memferry\"}}"}"#
        );
        assert_eq!(decode(&encoded), Some(map));
    }

    #[test]
    fn marks_that_do_not_fit_are_not_ours() {
        for text in [
            "{}",
            r#"{"/gone": "map"}"#,
            r#"{"/a": "map"}"#,
            r#"{"/t": "map"}"#,
            r#"{"/t": "what"}"#,
            r#"{"/t": {"type": "plain"}}"#,
            r#"{"/t": {"type": "plain", "key": "a"}}"#,
            r#"{"/t": 1}"#,
            r#"{"": "plain"}"#,
        ] {
            let map = Map::from_pairs(vec![
                ("a".into(), Value::Int(1)),
                ("t".into(), Value::text("[1]")),
                (PROPERTY.into(), Value::text(text)),
            ]);
            assert_eq!(decode(&map), None, "{text}");
        }
    }
}
