//! Canonical bytes and digests.

use super::*;
use crate::model::Map;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        "-?[1-9][0-9]{19,40}".prop_map(|d| Value::integer(&d)),
        any::<u64>().prop_map(|b| Value::Float(f64::from_bits(b))),
        any::<String>().prop_map(Value::text),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            map_of(inner).prop_map(Value::Map),
        ]
    })
}

fn map_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map> {
    prop::collection::vec(("[a-z\u{e9}]{0,3}", inner), 0..6)
        .prop_map(|pairs| Map::from_pairs(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect()))
}

fn typed(map: Map) -> Record {
    Record::Node(Node {
        key: Key::text("k"),
        labels: vec!["Memory".into()],
        properties: Properties::Typed(map),
        row: Row::default(),
    })
}

fn stored(text: &[u8]) -> Record {
    let mut record = typed(Map::new());
    if let Record::Node(n) = &mut record {
        n.properties = Properties::Stored(Value::Text(Text::from_bytes(text)));
    }
    record
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, value);
    out
}

proptest! {
    #[test]
    fn canonical_bytes_are_injective(a in value(), b in value()) {
        prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
    }

    #[test]
    fn no_canonical_form_is_a_prefix_of_another(a in value(), b in value()) {
        let (a, b) = (bytes(&a), bytes(&b));
        prop_assert!(a == b || !b.starts_with(&a));
    }

    #[test]
    fn the_order_of_properties_does_not_matter(map in map_of(value()), seed in any::<u64>()) {
        let mut pairs: Vec<_> = map.clone().into_iter().collect();
        let n = pairs.len().max(1);
        pairs.rotate_left(seed as usize % n);
        let mut canon = Canon::new();
        prop_assert_eq!(
            canon.digest(&typed(map)),
            canon.digest(&typed(Map::from_pairs(pairs)))
        );
    }

    #[test]
    fn what_is_in_one_piece_is_the_same(map in map_of(value()), name in "[a-z\u{e9}]{0,3}") {
        let packed = Packed::from(&map);
        let back = packed.to_map();
        let order = |map: &Map| map.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        prop_assert_eq!(order(&back), order(&map));
        prop_assert_eq!(&back, &map);
        let record = typed(map.clone()).packed(Some(packed));
        prop_assert!(record.is_identical(&typed(map.clone())));
        let mut canon = Canon::new();
        prop_assert_eq!(canon.digest(&record), canon.digest(&typed(map.clone())));
        let parsed = record.properties().parsed().unwrap();
        let got = parsed.get(&name).map(std::borrow::Cow::into_owned);
        prop_assert_eq!(parsed.has(&name), got.is_some());
        prop_assert_eq!(got.as_ref(), map.get(&name));
    }

    #[test]
    fn text_that_was_looked_at_is_packed_or_not_plain(map in map_of(value())) {
        let mut text = Vec::new();
        json::write_value(&mut text, &Value::Map(map), json::Style::PYTHON);
        let mut canon = Canon::new();
        // A list that is empty in another way is digested anew, and packed as it is.
        let record = stored(&text);
        canon.digest(&record);
        let nested = |v: &Value| format!("{v:?}").contains("Map(");
        let whole = record.properties().map().unwrap();
        match canon.packed() {
            Some(packed) => prop_assert_eq!(&packed.to_map(), &*whole),
            None => prop_assert!(
                !json::is_portable_object(&text) || whole.iter().any(|(_, v)| nested(v))
            ),
        }
    }

    #[test]
    fn parsed_text_and_typed_values_have_one_digest(map in map_of(value())) {
        let clean = strip_bytes(Value::Map(map));
        let mut text = Vec::new();
        json::write_value(&mut text, &clean, json::Style::PYTHON);
        let Value::Map(map) = json::parse(&text).unwrap() else { panic!() };
        let mut canon = Canon::new();
        let a = canon.digest(&stored(&text));
        let first = canon.bytes().to_vec();
        let b = canon.digest(&typed(map));
        prop_assert_eq!(first, canon.bytes().to_vec());
        prop_assert_eq!(a, b);
    }
}

fn strip_bytes(value: Value) -> Value {
    match value {
        Value::Bytes(_) => Value::Null,
        Value::Float(f) if f.is_nan() => Value::Float(f64::NAN),
        Value::List(list) => Value::List(list.into_iter().map(strip_bytes).collect()),
        Value::Map(map) => Value::Map(Map::from_pairs(
            map.into_iter().map(|(k, v)| (k, strip_bytes(v))).collect(),
        )),
        other => other,
    }
}

#[test]
fn four_values_have_four_digests() {
    let mut canon = Canon::new();
    let mut seen = std::collections::HashSet::new();
    for text in [
        r#"{"a": 1}"#,
        r#"{"a": 1.0}"#,
        r#"{"a": true}"#,
        r#"{"a": "1"}"#,
        r#"{"a": null}"#,
        "{}",
        r#"{"a": -0.0}"#,
        r#"{"a": 0.0}"#,
        r#"{"a": [1]}"#,
        r#"{"a": {"a": 1}}"#,
        r#"{"a": 1, "a": 1}"#,
        "{\"a\": 1",
        " 1",
        "[]",
        "\u{feff}{}",
    ] {
        assert!(
            seen.insert(canon.digest(&stored(text.as_bytes())).core),
            "{text}"
        );
    }
    let a = canon.digest(&stored(br#"{"a": 1, "b": [2]}"#));
    assert_eq!(a, canon.digest(&stored(b"{\"b\":[2],\"\\u0061\":1}\n")));
}

#[test]
fn columns_win_over_their_stale_copies() {
    let mut canon = Canon::new();
    let make = |text: &str, until: Option<Value>| {
        Record::Relationship(Relationship {
            key: Key::text("r"),
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
    };
    let drifted = canon.digest(&make(
        r#"{"valid_until": null, "id": "r"}"#,
        Some(Value::text("t")),
    ));
    let agreed = canon.digest(&make(
        r#"{"valid_until": "t", "id": "r"}"#,
        Some(Value::text("t")),
    ));
    let absent = canon.digest(&make(r#"{"id": "r"}"#, Some(Value::text("t"))));
    assert_eq!(drifted.core, agreed.core);
    assert_eq!(drifted.core, absent.core);
    assert_ne!(drifted.row, agreed.row);
    let open = canon.digest(&make(
        r#"{"valid_until": null, "context": null}"#,
        Some(Value::Null),
    ));
    let bare = canon.digest(&make("{}", Some(Value::Null)));
    assert_eq!(open, bare);
    assert_ne!(open.core, drifted.core);
}

#[test]
fn a_context_list_may_be_empty_in_two_ways() {
    let mut canon = Canon::new();
    let a = canon.digest(&stored(br#"{"context_languages": "[]"}"#));
    let b = canon.digest(&stored(br#"{"context_languages": []}"#));
    assert_eq!(a, b);
    assert_ne!(
        canon.digest(&stored(br#"{"tags": "[]"}"#)),
        canon.digest(&stored(br#"{"tags": []}"#))
    );
}
