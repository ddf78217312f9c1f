//! Random records of whatever kind a store declares to hold.

use crate::help::text;
use memferry::model::{
    Canon, Key, Map, Node, Packed, Properties, Record, Relationship, Row, Text, Value, json,
};
use memferry::store::{Capabilities, Ids, Labels};
use proptest::prelude::*;
use proptest::strategy::Union;
use std::collections::HashSet;

/// A few nodes, and relationships between them.
pub fn records(holds: &'static Capabilities) -> impl Strategy<Value = Vec<Record>> {
    let nodes = prop::collection::vec(node(holds), 1..8);
    let edges = prop::collection::vec(edge(holds), 0..8);
    (nodes, edges).prop_map(move |(nodes, edges)| assemble(nodes, edges, holds))
}

/// Keeps each key once, and ties edges to nodes.
fn assemble(
    nodes: Vec<Node>,
    edges: Vec<(Relationship, usize, usize)>,
    holds: &Capabilities,
) -> Vec<Record> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    let mut keys = Vec::new();
    for node in nodes {
        let key = node.key.clone();
        let record = Record::Node(node);
        if seen.insert((false, Canon::key_hash(record.kind(), &key))) {
            keys.push(key);
            all.push(record);
        }
    }
    let mut triples = HashSet::new();
    for (mut edge, from, to) in edges {
        edge.from = keys[from % keys.len()].clone();
        edge.to = keys[to % keys.len()].clone();
        if edge.from == edge.to && !holds.self_loops {
            continue;
        }
        let triple = format!("{:?} {:?} {:?}", edge.from, edge.rel_type, edge.to);
        if !triples.insert(triple) && !holds.parallel {
            continue;
        }
        let record = Record::Relationship(edge);
        if seen.insert((true, Canon::key_hash(record.kind(), record.key()))) {
            all.push(record);
        }
    }
    all
}

fn node(holds: &'static Capabilities) -> BoxedStrategy<Node> {
    let label = prop_oneof![Just("Memory".into()), plain_text(holds)];
    let labels = match holds.labels {
        Labels::MemoryOnly => Just(vec!["Memory".into()]).boxed(),
        Labels::One => prop::collection::vec(label, 1..2).boxed(),
        Labels::Any => prop::collection::vec(label, 0..4).boxed(),
    };
    let row = match holds.rows {
        true => prop_oneof![
            Just(Row::default()),
            (row_value(), row_value()).prop_map(|(created, updated)| Row {
                created_at: Some(created),
                updated_at: Some(updated),
                ..Row::default()
            })
        ]
        .boxed(),
        false => Just(Row::default()).boxed(),
    };
    (key(holds), labels, properties(holds), row, any::<bool>())
        .prop_map(|(key, labels, properties, row, packs)| Node {
            properties: packed(own_id(properties, &key), packs),
            key,
            labels,
            row,
        })
        .boxed()
}

fn edge(holds: &'static Capabilities) -> BoxedStrategy<(Relationship, usize, usize)> {
    let row = match holds.rows {
        true => prop_oneof![
            Just(Row::default()),
            (time(), time(), row_value()).prop_map(|(from, recorded, until)| Row {
                created_at: Some(text("2026-11-21 07:56:44")),
                valid_from: Some(from),
                recorded_at: Some(recorded),
                valid_until: Some(until),
                invalidated_by: Some(Value::Null),
                ..Row::default()
            })
        ]
        .boxed(),
        false => Just(Row::default()).boxed(),
    };
    let rel_type = prop_oneof![Just("SOLVES".into()), plain_text(holds)]
        .prop_filter("a type is not empty", |t: &Text| !t.is_empty());
    let parts = (key(holds), rel_type, properties(holds), row, time());
    (parts, any::<usize>(), any::<usize>(), any::<bool>())
        .prop_map(
            move |((key, rel_type, properties, row, time), from, to, packs)| {
                let mut properties = own_id(properties, &key);
                let bare = matches!(properties, Properties::Stored(_)) && row.valid_from.is_none();
                if bare && !holds.any_times {
                    properties = Properties::Typed(Map::new());
                }
                if let Properties::Typed(map) = &mut properties {
                    map.insert("valid_from", time.clone());
                    map.insert("recorded_at", time);
                }
                let edge = Relationship {
                    from: key.clone(),
                    to: key.clone(),
                    key,
                    rel_type,
                    properties: packed(properties, packs),
                    row,
                };
                (edge, from, to)
            },
        )
        .boxed()
}

/// A property `id` must not say something else than the key.
fn own_id(mut properties: Properties, key: &Key) -> Properties {
    if let (Properties::Typed(map), Key::Id(id)) = (&mut properties, key)
        && map.remove("id").is_some()
        && matches!(id, Value::Text(_))
    {
        map.insert("id", id.clone());
    }
    properties
}

/// The same, in one piece if so chosen.
fn packed(properties: Properties, packs: bool) -> Properties {
    match properties {
        Properties::Typed(map) if packs => Properties::Packed(Packed::from(&map)),
        properties => properties,
    }
}

fn time() -> impl Strategy<Value = Value> {
    "20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:00:00(\\.[0-9]{6})?(Z|\\+05:30)?".prop_map(Value::text)
}

/// What a time column can hold.
fn row_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        time(),
        Just(Value::Null),
        any::<i64>().prop_map(Value::Int),
        "[a-z ]{0,9}"
            .prop_filter("words for numbers", |s| s.parse::<f64>().is_err())
            .prop_map(Value::text),
    ]
}

fn key(holds: &'static Capabilities) -> BoxedStrategy<Key> {
    let mut all = vec![
        "[a-z]{1,8}".prop_map(|s: String| Key::text(s)).boxed(),
        plain_text(holds).prop_map(Key::text).boxed(),
    ];
    if holds.ids == Ids::Any {
        let bytes = prop::collection::vec(any::<u8>(), 0..6);
        all.push(bytes.prop_map(|b| Key::Id(Value::Bytes(b))).boxed());
    }
    Union::new(all).boxed()
}

fn properties(holds: &'static Capabilities) -> BoxedStrategy<Properties> {
    let typed = map_of(name(holds), value(holds));
    let mut all = vec![typed.clone().prop_map(Properties::Typed).boxed()];
    let as_text = |mut map: Map| {
        map.remove("id");
        let mut out = Vec::new();
        json::write_value(&mut out, &Value::Map(map), json::Style::COMPACT);
        Properties::Stored(Value::Text(Text::from_bytes(out)))
    };
    // Bytes have no form in JSON, and its text says nothing of the bits of a NaN.
    all.push(typed.prop_map(as_text).boxed());
    if holds.stored_text {
        let bytes = prop::collection::vec(any::<u8>(), 0..20);
        let cell = prop_oneof![
            any::<String>().prop_map(Value::text),
            bytes.prop_map(Value::Bytes),
        ];
        all.push(cell.prop_map(Properties::Stored).boxed());
    }
    Union::new(all).boxed()
}

fn map_of(name: BoxedStrategy<Text>, value: BoxedStrategy<Value>) -> BoxedStrategy<Map> {
    prop::collection::vec((name, value), 0..7)
        .prop_map(Map::from_pairs)
        .boxed()
}

fn name(holds: &'static Capabilities) -> BoxedStrategy<Text> {
    let usual = prop::sample::select(vec![
        "id",
        "title",
        "content",
        "tags",
        "memferry",
        "summary",
        "context_languages",
        "a",
    ]);
    prop_oneof![usual.prop_map(Text::from), plain_text(holds)].boxed()
}

fn plain_text(holds: &'static Capabilities) -> BoxedStrategy<Text> {
    let mut all = vec![
        any::<String>().prop_map(Text::from).boxed(),
        "[ -~]{0,12}".prop_map(Text::from).boxed(),
    ];
    if holds.broken_text {
        let bytes = prop::collection::vec(any::<u8>(), 0..8);
        all.push(bytes.prop_map(Text::from_bytes).boxed());
    }
    let nul = holds.nul;
    Union::new(all)
        .prop_map(move |text| match nul {
            true => text,
            false => {
                let kept: Vec<u8> = text.into_bytes().into_iter().filter(|b| *b != 0).collect();
                Text::from_bytes(kept)
            }
        })
        .boxed()
}

fn scalar(holds: &'static Capabilities) -> Vec<BoxedStrategy<Value>> {
    let finite = any::<u64>()
        .prop_map(f64::from_bits)
        .prop_map(|f| if f.is_finite() { f } else { 0.5 });
    let mut all = vec![
        any::<bool>().prop_map(Value::Bool).boxed(),
        any::<i64>().prop_map(Value::Int).boxed(),
        finite.prop_map(Value::Float).boxed(),
        plain_text(holds).prop_map(Value::Text).boxed(),
    ];
    if holds.non_finite {
        let odd = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY),];
        all.push(odd.prop_map(Value::Float).boxed());
    }
    if holds.big_integers {
        let digits = "-?[1-9][0-9]{19,30}";
        all.push(digits.prop_map(|d| Value::integer(&d)).boxed());
    }
    if holds.bytes {
        let bytes = prop::collection::vec(any::<u8>(), 0..9);
        all.push(bytes.prop_map(Value::Bytes).boxed());
    }
    all
}

fn value(holds: &'static Capabilities) -> BoxedStrategy<Value> {
    let mut leaves = scalar(holds);
    if holds.nulls {
        leaves.push(Just(Value::Null).boxed());
    }
    // Lists of one type each, which every store holds.
    for one in scalar(holds).into_iter().take(4) {
        leaves.push(
            prop::collection::vec(one, 0..4)
                .prop_map(Value::List)
                .boxed(),
        );
    }
    if holds.nulls_in_lists {
        let item = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::Int)];
        leaves.push(
            prop::collection::vec(item, 0..4)
                .prop_map(Value::List)
                .boxed(),
        );
    }
    if holds.mixed_lists {
        let item = Union::new(scalar(holds));
        leaves.push(
            prop::collection::vec(item, 0..4)
                .prop_map(Value::List)
                .boxed(),
        );
    }
    if holds.nested_lists {
        let item = prop::collection::vec(any::<i64>().prop_map(Value::Int), 0..3);
        let item = item.prop_map(Value::List);
        leaves.push(
            prop::collection::vec(item, 0..3)
                .prop_map(Value::List)
                .boxed(),
        );
    }
    let leaf = Union::new(leaves);
    if !holds.maps {
        return leaf.boxed();
    }
    leaf.prop_recursive(3, 20, 5, move |inner| {
        map_of(name(holds), inner.boxed()).prop_map(Value::Map)
    })
    .boxed()
}
