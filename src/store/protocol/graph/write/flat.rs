//! Records on their way into the bulk form straight from their text, or from one piece, as
//! most can go:
//! what is anything but plain goes the long way, through [`super::super::record::stored`],
//! which says the same of these.

use crate::mapping::reserved;
use crate::model::equal::NULL_IS_ABSENT;
use crate::model::json::{self, Visit};
use crate::model::packed::{Packed, head};
use crate::model::{Key, Properties, Record, Text, Value};
use crate::store::protocol::cypher::name_fits;

/// Shapes that are kept from batch to batch.
const MOST_SHAPES: usize = 256;

/// Bytes that their rows may take between batches.
const MOST_ROOM: usize = 4 << 20;

/// Rows of a batch by their shapes.
#[derive(Default)]
pub(super) struct Flats {
    shapes: Vec<Shape>,
    found: Found,
}

/// Records of the same names and the same properties in the same order.
struct Shape {
    names: Vec<Text>,
    keys: Vec<Text>,
    /// Length of what stands before the rows.
    head: usize,
    blob: Vec<u8>,
    rows: Vec<usize>,
}

impl Flats {
    /// Begins another batch.
    pub(super) fn clear(&mut self) {
        let room: usize = self.shapes.iter().map(|s| s.blob.capacity()).sum();
        if self.shapes.len() > MOST_SHAPES || room > MOST_ROOM {
            self.shapes.clear();
        }
        for shape in &mut self.shapes {
            shape.blob.truncate(shape.head);
            shape.rows.clear();
        }
    }

    /// Takes in a record as that row, if it is plain: an edge with its ends' ids.
    pub(super) fn take(&mut self, row: usize, record: &Record, ends: Option<(u64, u64)>) -> bool {
        self.found.reset();
        match record.properties() {
            Properties::Packed(packed) if packed.is_plain() => self.found.unpack(packed),
            Properties::Stored(Value::Text(text)) => {
                if json::visit(text.as_bytes(), &mut self.found).is_err() {
                    return false;
                }
            }
            _ => return false,
        }
        if !self.found.fit(record) {
            return false;
        }
        let names = match record {
            Record::Node(n) => n.labels.as_slice(),
            Record::Relationship(r) => std::slice::from_ref(&r.rel_type),
        };
        let found = &self.found;
        let known = self.shapes.iter().position(|s| found.has_shape(s, names));
        let at = match known.or_else(|| {
            self.shapes.push(found.shape(names)?);
            Some(self.shapes.len() - 1)
        }) {
            Some(at) => at,
            None => return false,
        };
        let shape = &mut self.shapes[at];
        if let Some((from, to)) = ends {
            shape.blob.extend_from_slice(&from.to_le_bytes());
            shape.blob.extend_from_slice(&to.to_le_bytes());
        }
        for member in &found.members {
            shape.blob.extend_from_slice(found.value(member));
        }
        shape.rows.push(row);
        true
    }

    /// What there is to load, and which row each record of it is.
    pub(super) fn loads(&self) -> (Vec<&[u8]>, Vec<usize>) {
        let filled = self.shapes.iter().filter(|s| !s.rows.is_empty());
        let rows = filled.clone().flat_map(|s| s.rows.iter().copied());
        (filled.map(|s| s.blob.as_slice()).collect(), rows.collect())
    }
}

/// What was found in one text: keys, and values in the bulk form.
#[derive(Default)]
struct Found {
    bytes: Vec<u8>,
    members: Vec<Member>,
    /// Where the counts of open lists stand, and how far they are.
    lists: Vec<(usize, i64)>,
    in_map: bool,
    odd: bool,
}

/// Where a key and its value lie.
#[derive(Clone, Copy)]
struct Member {
    key: (usize, usize),
    value: (usize, usize),
}

/// The value null, and what texts begin with.
const NULL: u8 = 0;
const TEXT: u8 = 3;

impl Found {
    fn reset(&mut self) {
        self.bytes.clear();
        self.members.clear();
        self.lists.clear();
        self.in_map = false;
        self.odd = false;
    }

    fn name_of(&self, member: &Member) -> &[u8] {
        &self.bytes[member.key.0..member.key.1]
    }

    fn value(&self, member: &Member) -> &[u8] {
        &self.bytes[member.value.0..member.value.1]
    }

    fn is_null(&self, member: &Member) -> bool {
        self.value(member) == [NULL]
    }

    fn at(&self, name: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|m| self.name_of(m) == name.as_bytes())
    }

    /// Makes the members those that the record shall have: its columns win over them, and
    /// `id` is its key. Whether it can be one without more ado.
    fn fit(&mut self, record: &Record) -> bool {
        self.close();
        let Key::Id(Value::Text(key)) = record.key() else {
            return false;
        };
        if self.odd || key.as_bytes().contains(&0) || key.as_str().is_none() {
            return false;
        }
        if let Record::Relationship(r) = record {
            // Of a key that stands twice, neither may be taken away.
            let times = |name: &str| {
                self.members
                    .iter()
                    .filter(|m| self.name_of(m) == name.as_bytes())
                    .count()
            };
            if NULL_IS_ABSENT.iter().any(|name| times(name) > 1) {
                return false;
            }
            for (name, value) in r.row.temporal() {
                match value {
                    None => {}
                    Some(Value::Null) if NULL_IS_ABSENT.contains(&name) => {
                        self.members
                            .retain(|m| self.bytes[m.key.0..m.key.1] != *name.as_bytes());
                    }
                    Some(Value::Text(text)) => self.set(name, text),
                    Some(_) => return false,
                }
            }
            let bytes = &self.bytes;
            self.members.retain(|m| {
                let absent = bytes[m.value.0..m.value.1] == [NULL]
                    && NULL_IS_ABSENT
                        .iter()
                        .any(|n| bytes[m.key.0..m.key.1] == *n.as_bytes());
                !absent
            });
        }
        match self.at("id") {
            Some(at) => {
                let [TEXT, own @ .., 0] = self.value(&self.members[at]) else {
                    return false;
                };
                if own != key.as_bytes() {
                    return false;
                }
            }
            None => self.set("id", key),
        }
        !self.odd && !self.members.iter().any(|m| self.is_null(m))
    }

    /// Gives a member another value, or adds it.
    fn set(&mut self, name: &str, text: &Text) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        let value = self.bytes.len();
        self.odd |= text.as_str().is_none() || text.as_bytes().contains(&0);
        self.push_text(text.as_bytes());
        let value = (value, self.bytes.len());
        match self.at(name) {
            Some(at) => self.members[at].value = value,
            None => self.members.push(Member {
                key: (start, value.0),
                value,
            }),
        }
    }

    fn has_shape(&self, shape: &Shape, names: &[Text]) -> bool {
        shape.keys.len() == self.members.len()
            && shape.names == names
            && (shape.keys.iter().zip(&self.members)).all(|(k, m)| k.as_bytes() == self.name_of(m))
    }

    /// A shape of its own, if its names can be said and no key stands twice.
    fn shape(&self, names: &[Text]) -> Option<Shape> {
        let plain =
            |name: &Text| !name.is_empty() && !name.as_bytes().contains(&b':') && name_fits(name);
        let keys: Vec<Text> = self
            .members
            .iter()
            .map(|m| Text::from_bytes(self.name_of(m)))
            .collect();
        let mut sorted: Vec<&Text> = keys.iter().collect();
        sorted.sort_unstable();
        let fit = !names.is_empty()
            && names.iter().all(plain)
            && keys
                .iter()
                .all(|key| name_fits(key) && *key != *reserved::PROPERTY)
            && sorted.windows(2).all(|w| w[0] != w[1]);
        if !fit {
            return None;
        }
        let mut blob = Vec::new();
        super::bulk::head(&mut blob, names, keys.iter());
        Some(Shape {
            names: names.to_vec(),
            keys,
            head: blob.len(),
            blob,
            rows: Vec::new(),
        })
    }

    /// Takes members that are parsed already.
    fn unpack(&mut self, packed: &Packed) {
        let mut rest = packed.bytes();
        // Numbers may take more, and then it grows.
        self.bytes.reserve(2 * rest.len());
        self.in_map = true;
        while let Some((_, key)) = head(&mut rest) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(key);
            let value = self.bytes.len();
            if write(&mut self.bytes, &mut rest).is_none() {
                self.odd = true;
                return;
            }
            self.members.push(Member {
                key: (start, value),
                value: (value, self.bytes.len()),
            });
        }
    }

    fn push_text(&mut self, bytes: &[u8]) {
        self.bytes.push(TEXT);
        self.bytes.extend_from_slice(bytes);
        self.bytes.push(0);
    }

    /// Counts a value that begins here.
    fn one(&mut self) {
        self.odd |= !self.in_map;
        if let Some((_, count)) = self.lists.last_mut() {
            *count += 1;
        }
    }

    /// The member met last ends here.
    fn close(&mut self) {
        let end = self.bytes.len();
        if let Some(last) = self.members.last_mut() {
            last.value.1 = end;
        }
    }
}

/// Writes a packed value in the bulk form, if it has one.
fn write(out: &mut Vec<u8>, rest: &mut &[u8]) -> Option<()> {
    let (tag, behind) = rest.split_first()?;
    match tag {
        b'S' => {
            let (_, text) = head(rest)?;
            out.push(TEXT);
            out.extend_from_slice(text);
            out.push(0);
            return Some(());
        }
        b'I' => {
            let (_, digits) = head(rest)?;
            let number: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            out.push(4);
            out.extend_from_slice(&number.to_le_bytes());
            return Some(());
        }
        b'N' => out.push(NULL),
        b'T' | b'F' => out.extend_from_slice(&[1, u8::from(*tag == b'T')]),
        b'D' => {
            let (bits, behind) = behind.split_first_chunk()?;
            let bits = u64::from_be_bytes(*bits);
            if !f64::from_bits(bits).is_finite() {
                return None;
            }
            out.push(2);
            out.extend_from_slice(&bits.to_le_bytes());
            *rest = behind;
            return Some(());
        }
        b'L' => {
            *rest = behind;
            out.push(5);
            let at = out.len();
            out.extend_from_slice(&[0; 8]);
            let mut count = 0i64;
            while *rest.first()? != b'E' {
                // Queries cannot say a null in a list.
                if rest[0] == b'N' {
                    return None;
                }
                write(out, rest)?;
                count += 1;
            }
            out[at..at + 8].copy_from_slice(&count.to_le_bytes());
            *rest = &rest[1..];
            return Some(());
        }
        _ => return None,
    }
    *rest = behind;
    Some(())
}

impl Visit for Found {
    fn null(&mut self) {
        self.one();
        self.odd |= !self.lists.is_empty();
        self.bytes.push(NULL);
    }
    fn bool(&mut self, value: bool) {
        self.one();
        self.bytes.extend_from_slice(&[1, u8::from(value)]);
    }
    fn integer(&mut self, digits: &str) {
        self.one();
        match digits.parse::<i64>() {
            Ok(i) => {
                self.bytes.push(4);
                self.bytes.extend_from_slice(&i.to_le_bytes());
            }
            Err(_) => self.odd = true,
        }
    }
    fn float(&mut self, value: f64) {
        self.one();
        self.odd |= !value.is_finite();
        self.bytes.push(2);
        self.bytes.extend_from_slice(&value.to_bits().to_le_bytes());
    }
    fn broken(&mut self) {
        self.odd = true;
    }
    fn nul(&mut self) {
        self.odd = true;
    }
    fn text(&mut self, bytes: &[u8]) {
        self.one();
        self.push_text(bytes);
    }
    fn begin_list(&mut self) {
        self.one();
        self.bytes.push(5);
        self.lists.push((self.bytes.len(), 0));
        self.bytes.extend_from_slice(&[0; 8]);
    }
    fn end_list(&mut self) {
        if let Some((at, count)) = self.lists.pop() {
            self.bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
        }
    }
    fn begin_map(&mut self) {
        self.odd |= std::mem::replace(&mut self.in_map, true);
    }
    fn key(&mut self, bytes: &[u8]) {
        self.close();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        let value = self.bytes.len();
        self.members.push(Member {
            key: (start, value),
            value: (value, value),
        });
    }
    fn end_map(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::super::super::record::stored;
    use super::super::bulk;
    use super::*;
    use crate::model::{Canon, Node, Relationship, Row};
    use proptest::prelude::*;

    fn node(text: &str) -> Record {
        Record::Node(Node {
            key: Key::text("k"),
            labels: vec!["Memory".into()],
            properties: Properties::Stored(Value::text(text)),
            row: Row::default(),
        })
    }

    fn edge(text: &str, until: Option<Value>) -> Record {
        Record::Relationship(Relationship {
            key: Key::text("k"),
            from: Key::text("a"),
            to: Key::text("b"),
            rel_type: "SOLVES".into(),
            properties: Properties::Stored(Value::text(text)),
            row: Row {
                created_at: Some(Value::text("2025")),
                valid_until: until,
                ..Row::default()
            },
        })
    }

    /// The same as the long way makes it, in whatever order; `None`: not plain.
    fn both_ways(record: &Record) -> Option<()> {
        let mut flats = Flats::default();
        let ends = matches!(record, Record::Relationship(_)).then_some((1, 2));
        if !flats.take(7, record, ends) {
            return None;
        }
        let (blobs, rows) = flats.loads();
        assert_eq!((blobs.len(), rows.as_slice()), (1, [7].as_slice()));
        let mut stored = stored(record, &mut Canon::new()).unwrap();
        assert!(bulk::takes(&stored));
        let order: Vec<Text> = flats.shapes[0].keys.clone();
        let pairs = order.iter().map(|k| {
            let value = stored.properties.get_bytes(k.as_bytes());
            (k.clone(), value.unwrap().clone())
        });
        let pairs: Vec<_> = pairs.collect();
        assert_eq!(pairs.len(), stored.properties.len());
        stored.properties = crate::model::Map::from_pairs(pairs);
        assert_eq!(bulk::load(&[(7, ends, &stored)]).blobs[0], blobs[0]);
        let mut canon = Canon::new();
        canon.look(record);
        if let Some(packed) = canon.packed() {
            let mut again = Flats::default();
            assert!(again.take(7, &record.clone().packed(Some(packed)), ends));
            assert_eq!(again.loads().0, blobs);
        }
        Some(())
    }

    #[test]
    fn plain_records_go_the_short_way() {
        let texts = [
            r#"{"id": "k", "a": 1, "b": [1, 2.5, "x", [true, []]], "c": "é\n\"", "d": -0.0}"#,
            r#"{"a": "without an id"}"#,
            "{}",
        ];
        for text in texts {
            assert!(both_ways(&node(text)).is_some(), "{text}");
            assert!(both_ways(&edge(text, None)).is_some(), "{text}");
        }
        let nulls = r#"{"valid_until": null, "context": null, "a": 1}"#;
        for until in [None, Some(Value::Null), Some(Value::text("t"))] {
            assert!(both_ways(&edge(nulls, until)).is_some());
        }
        assert!(both_ways(&edge("{}", Some(Value::text("t")))).is_some());
    }

    #[test]
    fn others_go_the_long_way() {
        for text in [
            r#"{"a": null}"#,
            r#"{"a": [null]}"#,
            r#"{"a": {}}"#,
            r#"{"a": [{"b": 1}]}"#,
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 99999999999999999999}"#,
            r#"{"a": NaN}"#,
            r#"{"a": "\u0000"}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a`b": 1}"#,
            r#"{"memferry": "x"}"#,
            r#"{"context": null, "context": 1}"#,
            r#"{"id": "other"}"#,
            r#"{"id": 1}"#,
            "[1]",
            "1",
            "{",
        ] {
            assert!(both_ways(&node(text)).is_none(), "{text}");
            let mut canon = Canon::new();
            canon.look(&node(text));
            let packed = canon.packed();
            let taken = packed.map(|p| Flats::default().take(7, &node(text).packed(Some(p)), None));
            assert_ne!(taken, Some(true), "{text}");
        }
        assert!(both_ways(&edge("{}", Some(Value::Int(1)))).is_none());
        let twice = r#"{"context": null, "context": 1}"#;
        assert!(both_ways(&edge(twice, None)).is_none());
    }

    proptest! {
        #[test]
        fn both_ways_lead_to_the_same(texts in proptest::collection::vec("[a-c\"\\\\\u{e9}]{0,3}", 1..8)) {
            let pairs = texts.iter().map(|t| (Text::from(t.as_str()), Value::text(t.as_str())));
            let map = Value::Map(crate::model::Map::from_pairs(pairs.collect()));
            both_ways(&node(&json::to_string(&map)));
        }
    }
}
