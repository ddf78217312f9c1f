//! A record as one JSON line, and back.
//!
//! ```text
//! {"k":"node","id":"m1","labels":["Memory"],"row":{"created_at":"…"},"p":{…}}
//! {"k":"relationship","id":"r1","from":"m1","to":"m2","type":"SOLVES","p":{…}}
//! ```
//!
//! Keys stand in that order, without spaces. Stored properties that any program reads
//! alike are the value of `p`, byte for byte. Others stand exactly in `raw`, and `p`
//! shows what they mean, if anything. Properties of a store with types of its own are
//! marked `"typed":true`. All other values are as [`crate::store::protocol::tag`] writes them.

use crate::model::json;
use crate::model::{Key, Node, Properties, Record, Relationship, Row, Text, Value};
use crate::store::protocol::tag::{self, Problem};

/// Tag of a key that its store does not keep.
const DERIVED: &str = "$derived";

/// Appends the line of a record, its line feed included. `portable`: whether
/// [`json::is_portable_object`] holds for stored properties, where that is known.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    record: &Record,
    portable: Option<bool>,
) -> Result<(), Problem> {
    match record {
        Record::Node(node) => {
            out.extend_from_slice(b"{\"k\":\"node\",\"id\":");
            write_key(out, &node.key)?;
            out.extend_from_slice(b",\"labels\":[");
            for (i, label) in node.labels.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                tag::write_text(out, label);
            }
            out.push(b']');
        }
        Record::Relationship(relationship) => {
            out.extend_from_slice(b"{\"k\":\"relationship\",\"id\":");
            write_key(out, &relationship.key)?;
            out.extend_from_slice(b",\"from\":");
            write_key(out, &relationship.from)?;
            out.extend_from_slice(b",\"to\":");
            write_key(out, &relationship.to)?;
            out.extend_from_slice(b",\"type\":");
            tag::write_text(out, &relationship.rel_type);
        }
    }
    write_row(out, record.row())?;
    write_properties(out, record.properties(), portable)?;
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn write_key(out: &mut Vec<u8>, key: &Key) -> Result<(), Problem> {
    match key {
        Key::Id(value) => tag::write(out, value),
        Key::Derived(hash) => {
            let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
            tag::write_tag(out, DERIVED, &hex);
            Ok(())
        }
    }
}

/// The columns of a row by name, in the order they are written.
macro_rules! columns {
    ($row:ident $($mutable:ident)?) => {
        [
            ("created_at", &$($mutable)? $row.created_at),
            ("updated_at", &$($mutable)? $row.updated_at),
            ("valid_from", &$($mutable)? $row.valid_from),
            ("valid_until", &$($mutable)? $row.valid_until),
            ("recorded_at", &$($mutable)? $row.recorded_at),
            ("invalidated_by", &$($mutable)? $row.invalidated_by),
            ("label", &$($mutable)? $row.label),
        ]
    };
}

fn write_row(out: &mut Vec<u8>, row: &Row) -> Result<(), Problem> {
    let mut before: &[u8] = b",\"row\":{\"";
    for (name, value) in columns!(row) {
        if let Some(value) = value {
            out.extend_from_slice(before);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            tag::write(out, value)?;
            before = b",\"";
        }
    }
    if before == b",\"" {
        out.push(b'}');
    }
    Ok(())
}

fn write_properties(
    out: &mut Vec<u8>,
    properties: &Properties,
    portable: Option<bool>,
) -> Result<(), Problem> {
    let cell = match properties {
        Properties::Typed(map) => {
            out.extend_from_slice(b",\"typed\":true,\"p\":");
            return tag::write_map(out, map);
        }
        Properties::Packed(packed) => {
            out.extend_from_slice(b",\"typed\":true,\"p\":");
            return tag::write_packed(out, packed);
        }
        Properties::Stored(cell) => cell,
    };
    if let Value::Text(text) = cell {
        let bytes = text.as_bytes();
        if portable.unwrap_or_else(|| json::is_portable_object(bytes)) {
            out.extend_from_slice(b",\"p\":");
            out.extend_from_slice(bytes);
            return Ok(());
        }
    }
    out.extend_from_slice(b",\"raw\":");
    tag::write(out, cell)?;
    out.extend_from_slice(b",\"p\":");
    let start = out.len();
    let shown = properties.map().map(|map| tag::write_map(out, &map));
    if !matches!(shown, Some(Ok(()))) {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
    Ok(())
}

/// Reads a line without its line feed.
pub(crate) fn decode(line: &[u8]) -> Result<Record, Problem> {
    let mut at = Cursor(line);
    if at.skip(b"{\"k\":\"node\",\"id\":") {
        let key = at.key()?;
        at.expect(b",\"labels\":[")?;
        let mut labels = Vec::new();
        while !at.skip(b"]") {
            if !labels.is_empty() {
                at.expect(b",")?;
            }
            labels.push(at.text()?);
        }
        let row = at.row()?;
        return Ok(Record::Node(Node {
            key,
            labels,
            properties: at.properties()?,
            row,
        }));
    }
    at.expect(b"{\"k\":\"relationship\",\"id\":")?;
    let key = at.key()?;
    at.expect(b",\"from\":")?;
    let from = at.key()?;
    at.expect(b",\"to\":")?;
    let to = at.key()?;
    at.expect(b",\"type\":")?;
    let rel_type = at.text()?;
    let row = at.row()?;
    Ok(Record::Relationship(Relationship {
        key,
        from,
        to,
        rel_type,
        properties: at.properties()?,
        row,
    }))
}

/// What is left of a line.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn skip(&mut self, prefix: &[u8]) -> bool {
        match self.0.strip_prefix(prefix) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, prefix: &[u8]) -> Result<(), Problem> {
        match self.skip(prefix) {
            true => Ok(()),
            false => Err("not the line of a record"),
        }
    }

    /// The text of the value that comes next.
    fn value_text(&mut self) -> Result<&'a [u8], Problem> {
        let mut end = 0;
        let mut depth = 0_usize;
        loop {
            match self.0.get(end) {
                None => return Err("the line ends too early"),
                Some(b'"') => end = self.string_end(end)?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    end += 1;
                    continue;
                }
                Some(b'}' | b']' | b',') if depth == 0 => {}
                Some(b'}' | b']') => {
                    depth -= 1;
                    end += 1;
                }
                Some(_) => {
                    end += 1;
                    continue;
                }
            }
            if depth == 0 {
                let (value, rest) = self.0.split_at(end);
                self.0 = rest;
                return Ok(value);
            }
        }
    }

    /// Where the string that starts at `from` has ended.
    fn string_end(&self, from: usize) -> Result<usize, Problem> {
        let mut at = from + 1;
        while let Some(found) = memchr::memchr2(b'"', b'\\', self.0.get(at..).unwrap_or(&[])) {
            at += found;
            if self.0[at] == b'"' {
                return Ok(at + 1);
            }
            at += 2;
        }
        Err("a string does not end")
    }

    fn value(&mut self) -> Result<Value, Problem> {
        let text = self.value_text()?;
        match text {
            [b'"', plain @ .., b'"'] if !plain.contains(&b'\\') => {
                Ok(Value::Text(Text::from_bytes(plain)))
            }
            _ => tag::read(text),
        }
    }

    fn key(&mut self) -> Result<Key, Problem> {
        if !self.0.starts_with(b"{\"$derived\":") {
            return self.value().map(Key::Id);
        }
        let value = json::parse(self.value_text()?).map_err(|p| p.what)?;
        let Value::Map(map) = &value else {
            return Err("not a key");
        };
        let hex = tag::tagged(map).map_or("", |(_, hex)| hex);
        let mut hash = [0; 16];
        if hex.len() != 32 || !hex.is_ascii() {
            return Err("not a derived key");
        }
        for (i, byte) in hash.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| "not a derived key")?;
        }
        Ok(Key::Derived(hash))
    }

    fn text(&mut self) -> Result<Text, Problem> {
        match self.value()? {
            Value::Text(text) => Ok(text),
            _ => Err("not text"),
        }
    }

    fn row(&mut self) -> Result<Row, Problem> {
        let mut row = Row::default();
        if !self.skip(b",\"row\":{") {
            return Ok(row);
        }
        let mut first = true;
        for (name, slot) in columns!(row mut) {
            let before: &[u8] = if first { b"\"" } else { b",\"" };
            let rest = self.0.strip_prefix(before);
            let rest = rest.and_then(|rest| rest.strip_prefix(name.as_bytes()));
            if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(b"\":")) {
                self.0 = rest;
                *slot = Some(self.value()?);
                first = false;
            }
        }
        self.expect(b"}")?;
        Ok(row)
    }

    /// The properties, which end the line.
    fn properties(mut self) -> Result<Properties, Problem> {
        if self.skip(b",\"raw\":") {
            let cell = self.value()?;
            self.expect(b",\"p\":")?;
            return Ok(Properties::Stored(cell));
        }
        let typed = self.skip(b",\"typed\":true");
        self.expect(b",\"p\":")?;
        let Some(text @ [b'{', .., b'}']) = self.0.strip_suffix(b"}") else {
            return Err("no properties");
        };
        if !typed {
            return Ok(Properties::Stored(Value::Text(Text::from_bytes(text))));
        }
        match tag::read(text)? {
            Value::Map(map) => Ok(Properties::Typed(map)),
            _ => Err("no properties"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::Style;
    use crate::model::{Digest, Map, Packed};
    use proptest::prelude::*;

    /// Text of every sort: plain, escaped, WTF-8, broken.
    fn text() -> impl Strategy<Value = Text> {
        prop_oneof![
            any::<String>().prop_map(Text::from),
            "[$\\\\\"{}:, a-c\u{e9}\n]{0,6}".prop_map(Text::from),
            prop::sample::select(vec![
                "$float", "$$", "$key:", "$int", "$json", "$derived", "p"
            ])
            .prop_map(Text::from),
            prop::collection::vec(any::<u8>(), 0..6).prop_map(Text::from_bytes),
            Just(Text::from_bytes(b"x\xed\xa0\xbd".to_vec())),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-3_i64..3).prop_map(|i| Value::Int((1 << 53) + i)),
            "-?[1-9][0-9]{19,40}".prop_map(|d| Value::integer(&d)),
            any::<u64>().prop_map(|b| Value::Float(f64::from_bits(b))),
            prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e22])
                .prop_map(Value::Float),
            text().prop_map(Value::Text),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                map(inner).prop_map(Value::Map),
            ]
        })
    }

    fn map(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map> {
        prop::collection::vec((text(), inner), 0..6).prop_map(Map::from_pairs)
    }

    fn key() -> impl Strategy<Value = Key> {
        prop_oneof![
            value().prop_map(Key::Id),
            text().prop_map(Key::text),
            any::<[u8; 16]>().prop_map(Key::Derived),
        ]
    }

    fn properties() -> impl Strategy<Value = Properties> {
        let json = map(value()).prop_map(|map| {
            let mut out = Vec::new();
            json::write_value(&mut out, &Value::Map(map), Style::PYTHON);
            Value::Text(Text::from_bytes(out))
        });
        prop_oneof![
            map(value()).prop_map(Properties::Typed),
            map(value()).prop_map(|map| Properties::Packed(Packed::from(&map))),
            json.prop_map(Properties::Stored),
            value().prop_map(Properties::Stored),
        ]
    }

    fn row() -> impl Strategy<Value = Row> {
        prop::collection::vec(prop::option::weighted(0.4, value()), 7).prop_map(|values| {
            let mut row = Row::default();
            for ((_, slot), value) in columns!(row mut).into_iter().zip(values) {
                *slot = value;
            }
            row
        })
    }

    pub(crate) fn record() -> impl Strategy<Value = Record> {
        prop_oneof![
            (
                key(),
                prop::collection::vec(text(), 0..3),
                properties(),
                row()
            )
                .prop_map(|(key, labels, properties, row)| Record::Node(Node {
                    key,
                    labels,
                    properties,
                    row
                })),
            (key(), key(), key(), text(), properties(), row()).prop_map(
                |(key, from, to, rel_type, properties, row)| Record::Relationship(Relationship {
                    key,
                    from,
                    to,
                    rel_type,
                    properties,
                    row
                })
            ),
        ]
    }

    /// Exactly the same, the order of map keys included; in one piece or not.
    fn shown(record: &Record) -> String {
        let mut record = record.clone();
        let (Record::Node(Node { properties, .. })
        | Record::Relationship(Relationship { properties, .. })) = &mut record;
        if let Properties::Packed(packed) = properties {
            *properties = Properties::Typed(packed.to_map());
        }
        format!("{record:?}")
    }

    fn line_of(record: &Record) -> Vec<u8> {
        let mut out = b"before".to_vec();
        encode(&mut out, record, None).unwrap();
        out.split_off(6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_is_written_is_read_back_exactly(record in record()) {
            let line = line_of(&record);
            prop_assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
            let back = decode(&line[..line.len() - 1]).unwrap();
            prop_assert_eq!(shown(&back), shown(&record));
            prop_assert_eq!(line_of(&back), line);
        }

        #[test]
        fn every_line_is_strict_json(record in record()) {
            let line = line_of(&record);
            let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
            prop_assert!(read.as_object().unwrap().contains_key("p"));
            prop_assert!(json::is_portable_object(&line[..line.len() - 1])
                || memchr::memmem::find(&line, b"\"$").is_some());
        }

        #[test]
        fn the_digest_knows_what_is_portable(record in record()) {
            let mut canon = crate::model::Canon::new();
            let _: Digest = canon.digest(&record);
            let known = canon.is_portable(record.properties());
            if let Properties::Stored(Value::Text(t)) = record.properties() {
                prop_assert_eq!(known, json::is_portable_object(t.as_bytes()));
            }
            let mut line = Vec::new();
            encode(&mut line, &record, Some(known)).unwrap();
            prop_assert_eq!(line, line_of(&record));
        }

        #[test]
        fn garbage_is_no_record(bytes in prop::collection::vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>(), record in record()) {
            let _ = decode(&bytes);
            let mut line = line_of(&record);
            let at = at.index(line.len());
            line.splice(at..at, bytes);
            let _ = decode(&line);
        }
    }

    fn stored(text: &str) -> Record {
        Record::Node(Node {
            key: Key::text("m1"),
            labels: vec!["Memory".into()],
            properties: Properties::Stored(Value::text(text)),
            row: Row {
                created_at: Some(Value::text("2026")),
                updated_at: Some(Value::Null),
                ..Row::default()
            },
        })
    }

    #[test]
    fn lines_look_as_documented() {
        let show = |record: &Record| String::from_utf8(line_of(record)).unwrap();
        assert_eq!(
            show(&stored(r#"{"a": 1.0, "b": "\u00e9"}"#)),
            r#"{"k":"node","id":"m1","labels":["Memory"],"row":{"created_at":"2026","updated_at":null},"p":{"a": 1.0, "b": "\u00e9"}}"#.to_owned() + "\n"
        );
        assert_eq!(
            show(&stored(r#"{"a": NaN, "$b": 9007199254740993}"#)),
            r#"{"k":"node","id":"m1","labels":["Memory"],"row":{"created_at":"2026","updated_at":null},"raw":"{\"a\": NaN, \"$b\": 9007199254740993}","p":{"a":{"$float":"NaN"},"$$b":{"$int":"9007199254740993"}}}"#.to_owned() + "\n"
        );
        assert!(show(&stored("{")).ends_with(",\"raw\":\"{\",\"p\":null}\n"));
        let relationship = Record::Relationship(Relationship {
            key: Key::Derived([0xAB; 16]),
            from: Key::Id(Value::Null),
            to: Key::Id(Value::Bytes(vec![0, 255])),
            rel_type: "SOLVES".into(),
            properties: Properties::Typed(Map::new()),
            row: Row::default(),
        });
        assert_eq!(
            show(&relationship),
            r#"{"k":"relationship","id":{"$derived":"abababababababababababababababab"},"from":null,"to":{"$bytes":"AP8="},"type":"SOLVES","typed":true,"p":{}}"#.to_owned() + "\n"
        );
    }

    #[test]
    fn deep_values_pass_and_deeper_ones_are_refused() {
        let nested = |levels: usize| {
            let mut value = Value::Int(7);
            for i in 0..levels {
                value = match i % 2 {
                    0 => Value::List(vec![value]),
                    _ => Value::Map(Map::from_pairs(vec![("$a".into(), value)])),
                };
            }
            let mut record = stored("");
            if let Record::Node(node) = &mut record {
                let pairs = vec![("deep".into(), value)];
                node.properties = Properties::Typed(Map::from_pairs(pairs));
            }
            record
        };
        for levels in [98, 99, 100, 101, 199, 200, 201, 350, 399] {
            let record = nested(levels);
            let line = line_of(&record);
            let depth = line.iter().filter(|b| matches!(b, b'{' | b'[')).count();
            assert!(depth < 120, "{depth} at {levels}");
            let back = decode(&line[..line.len() - 1]).unwrap();
            assert_eq!(shown(&back), shown(&record), "{levels}");
        }
        assert!(encode(&mut Vec::new(), &nested(400), None).is_err());
        let text = format!("{{\"a\":{}1{}}}", "[".repeat(300), "]".repeat(300));
        let record = stored(&text);
        let line = line_of(&record);
        assert_eq!(
            shown(&decode(&line[..line.len() - 1]).unwrap()),
            shown(&record)
        );
    }
}
