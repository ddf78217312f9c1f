//! Records of every sort through one element of an export and back.

use super::split::split;
use super::{index, shape};
use crate::mapping::reserved::tests::{any_map, any_text, any_value};
use crate::model::{
    Canon, Key, Kind, Map, Node, Properties, Record, Relationship, Row, Text, Value, json,
};
use proptest::prelude::*;

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        4 => "[a-z]{0,4}".prop_map(Key::text),
        1 => any_value().prop_map(Key::Id),
        1 => any::<[u8; 16]>().prop_map(Key::Derived),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    let cell = || prop::option::of(any_value());
    (cell(), cell(), cell(), cell(), cell(), cell(), cell()).prop_map(|c| Row {
        created_at: c.0,
        updated_at: c.1,
        valid_from: c.2,
        valid_until: c.3,
        recorded_at: c.4,
        invalidated_by: c.5,
        label: c.6,
    })
}

/// Values that memorygraph's fields have, or nearly have.
fn likely() -> impl Strategy<Value = Value> {
    let words = [
        "",
        "[]",
        "{}",
        "[1]",
        "a",
        "~",
        "solution",
        "project",
        "{\"a\": 1}",
        "{\"a\":1}",
        "{\"a\": NaN}",
        "{\"\\ud83d\": 1}",
        "2024-03-01T12:00:00+00:00",
        "2024-03-01T12:00:00Z",
        "2024-03-01 12:00:00",
        "null",
        "\u{1b}[31m",
        "é😀",
    ];
    prop_oneof![
        6 => prop::sample::select(words.to_vec()).prop_map(Value::text),
        2 => prop::sample::select(vec![0.0, 1.0, 0.5, -0.0, 1.5, f64::NAN]).prop_map(Value::Float),
        2 => prop::sample::select(vec![0, 1, -1, 5, i64::MAX]).prop_map(Value::Int),
        1 => Just(Value::Null),
        1 => Just(Value::List(vec![])),
        1 => Just(Value::List(vec![Value::text("x"), Value::text("y")])),
        2 => any_value(),
    ]
}

fn properties_of(names: &'static [&'static str]) -> impl Strategy<Value = Properties> {
    let known = (prop::sample::select(names.to_vec()), likely());
    let known = prop::collection::vec(known, 0..12);
    let required = prop::option::weighted(0.8, [likely(), likely(), likely()]);
    let form = (0..4_u8, any::<bool>());
    (required, known, any_map(), form).prop_map(|(required, known, other, (form, in_order))| {
        let mut pairs: Vec<(Text, Value)> = Vec::new();
        for (name, value) in ["type", "title", "content"]
            .into_iter()
            .zip(required.into_iter().flatten())
        {
            pairs.push((name.into(), value));
        }
        pairs.extend(known.into_iter().map(|(name, value)| (name.into(), value)));
        if form == 3 {
            pairs.extend(other);
        }
        let mut map = Map::from_pairs(pairs);
        if in_order {
            let rank = |key: &Text| super::shape::MEMORY.iter().position(|n| *key == **n);
            let mut pairs: Vec<_> = map.into_iter().collect();
            pairs.sort_by_key(|(key, _)| rank(key));
            map = Map::from_pairs(pairs);
        }
        match form {
            0 => Properties::Typed(map),
            _ => Properties::Stored(Value::text(json::to_string(&Value::Map(map)))),
        }
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    let labels = prop_oneof![
        5 => Just(vec![Text::from("Memory")]),
        1 => prop::collection::vec(any_text(), 0..3),
    ];
    let node_properties = prop_oneof![
        8 => properties_of(&shape::MEMORY),
        1 => any_value().prop_map(Properties::Stored),
        1 => any_map().prop_map(Properties::Typed),
    ];
    let node = (any_key(), labels, node_properties, any_row()).prop_map(
        |(key, labels, properties, row)| {
            Record::Node(Node {
                key,
                labels,
                properties,
                row,
            })
        },
    );
    let edge_properties = prop_oneof![
        8 => properties_of(&shape::RELATIONSHIP),
        1 => any_value().prop_map(Properties::Stored),
        1 => any_map().prop_map(Properties::Typed),
    ];
    let rel_type = prop_oneof![3 => Just(Text::from("SOLVES")), 1 => any_text()];
    let row = prop_oneof![Just(Row::default()), any_row()];
    let edge = (
        any_key(),
        any_key(),
        any_key(),
        rel_type,
        edge_properties,
        row,
    )
        .prop_map(|(key, from, to, rel_type, properties, row)| {
            Record::Relationship(Relationship {
                key,
                from,
                to,
                rel_type,
                properties,
                row,
            })
        });
    prop_oneof![node, edge]
}

fn back(record: &Record) -> (bool, String, Record) {
    let mut canon = Canon::new();
    let element = split(record, &mut canon).unwrap();
    let text = String::from_utf8(element.text).unwrap();
    let object = index::object(text.as_bytes()).unwrap();
    let read = match (record.kind(), element.plain) {
        (Kind::Node, true) => shape::node(object, true),
        (Kind::Node, false) => shape::our_node(object),
        (Kind::Relationship, true) => shape::relationship(object, true, &mut canon),
        (Kind::Relationship, false) => shape::our_relationship(object, &mut canon),
    };
    (
        element.plain,
        text.clone(),
        read.unwrap_or_else(|e| panic!("{e}: {text}")),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn every_record_comes_back(record in any_record()) {
        let (plain, text, read) = back(&record);
        prop_assert!(text.is_ascii());
        let strict: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        if plain && record.kind() == Kind::Node {
            for required in ["id", "type", "title", "content"] {
                prop_assert!(strict[required].is_string());
            }
            prop_assert!(!strict["context"].is_null() || strict.get("context").is_none());
        }
        let mut canon = Canon::new();
        prop_assert_eq!(canon.digest(&record), canon.digest(&read));
        prop_assert_eq!(record.key(), read.key());
        prop_assert_eq!(record.row(), read.row());
        match (record.properties(), read.properties()) {
            (Properties::Stored(a), Properties::Stored(b)) => prop_assert_eq!(a, b),
            (Properties::Typed(a), Properties::Typed(b)) => prop_assert_eq!(a, b),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

fn memory(text: &str) -> Record {
    Record::Node(Node {
        key: Key::text("m1"),
        labels: vec!["Memory".into()],
        properties: Properties::Stored(Value::text(text)),
        row: Row::default(),
    })
}

#[test]
fn an_ordinary_memory_is_written_once() {
    let (plain, text, _) = back(&memory(
        r#"{"id": "m1", "type": "task", "title": "T \u00e9", "content": "C", "tags": ["a"], "importance": 0.5, "confidence": 0.8, "usage_count": 2, "created_at": "2024-03-01T12:00:00+00:00", "updated_at": "2024-03-01T12:00:00+00:00", "context_project_path": "/p", "context_files_involved": "[]", "context_timestamp": "2024-03-01T12:00:00+00:00", "context_additional_metadata": "{\"k\": 1}", "context_visibility": "team"}"#,
    ));
    assert!(plain);
    assert!(!text.contains("memferry"), "{text}");
    assert!(
        text.contains("\n      \"title\": \"T \\u00e9\",\n"),
        "{text}"
    );
    assert!(
        text.contains("\n        \"files_involved\": [],\n"),
        "{text}"
    );
}

#[test]
fn what_would_harm_a_memory_in_memorygraph_stands_aside() {
    for (field, value) in [
        ("context_git_commit", r#""{\"a\": 1}""#),
        (
            "context_timestamp",
            r#""2024-03-01T12:00:00.000007+02:00:30""#,
        ),
        ("context_visibility", r#""nobody""#),
        ("context_additional_metadata", r#""{\"a\": NaN}""#),
        ("importance", "NaN"),
        ("unknown", "{}"),
    ] {
        let (plain, text, _) = back(&memory(&format!(
            r#"{{"id": "m1", "type": "task", "title": "T", "content": "C", "{field}": {value}}}"#
        )));
        assert!(plain);
        let at = text.find(field).unwrap();
        assert!(
            text.find("\"memferry\": {\"properties\":{").unwrap() < at,
            "{text}"
        );
        assert!(!text.contains("\"context\""), "{text}");
    }
}
