//! Records that a target cannot hold as they are, and records that are odd in every
//! other way: each loss has a name, is refused until it is accepted, and then comes out
//! exactly as foretold.

use crate::support::*;
use memferry::engine::{self, Plan};
use memferry::model::{Key, Kind, Map, Node, Properties, Record, Relationship, Row, Text, Value};
use memferry::report::{Outcome, Report};
use memferry::store::reference::{Manners, Place};
use memferry::store::{Capabilities, Ids, Labels};

const ALL: Capabilities = Capabilities::EVERYTHING;

fn text(bytes: &[u8]) -> Value {
    Value::Text(Text::from_bytes(bytes))
}

fn typed_node(key: Key, labels: &[&str], pairs: &[(&str, Value)]) -> Record {
    Record::Node(Node {
        key,
        labels: labels.iter().map(|l| (*l).into()).collect(),
        properties: typed(pairs),
        row: Row::default(),
    })
}

fn rel(key: Key, from: Key, to: Key, pairs: &[(&str, Value)]) -> Record {
    Record::Relationship(Relationship {
        key,
        from,
        to,
        rel_type: "SOLVES".into(),
        properties: typed(pairs),
        row: Row::default(),
    })
}

fn plain(n: usize) -> Record {
    typed_node(
        Key::text(id(n)),
        &["Memory"],
        &[
            ("id", Value::text(id(n))),
            ("type", Value::text("fix")),
            ("title", Value::text("t")),
            ("content", Value::text("c")),
        ],
    )
}

fn edge(n: usize, from: &str, to: &str) -> Record {
    rel(
        Key::text(format!("e{n}")),
        Key::text(from),
        Key::text(to),
        &[],
    )
}

struct Case {
    holds: Capabilities,
    records: Vec<Record>,
    /// Names of losses with how many records.
    losses: Vec<(&'static str, u64)>,
    /// What the target holds of them: keys, in order of kind and coming.
    left: Vec<&'static str>,
}

fn cases() -> Vec<Case> {
    let nul = |n: &str| text(format!("a\0{n}\0").as_bytes());
    vec![
        Case {
            holds: Capabilities { nul: false, ..ALL },
            records: vec![
                typed_node(
                    Key::text("a"),
                    &["Memory"],
                    &[
                        ("content", nul("b")),
                        ("tags", Value::List(vec![nul("x"), nul("y")])),
                    ],
                ),
                typed_node(Key::Id(nul("k")), &["Memory"], &[("content", nul("c"))]),
                rel(Key::text("r"), Key::Id(nul("k")), Key::text("a"), &[]),
            ],
            losses: vec![
                ("content:nul", 2),
                ("from:nul", 1),
                ("id:nul", 1),
                ("tags:nul", 1),
            ],
            left: vec!["a", "a\u{FFFD}k\u{FFFD}", "r"],
        },
        Case {
            holds: Capabilities {
                labels: Labels::MemoryOnly,
                ..ALL
            },
            records: vec![
                typed_node(Key::text("e"), &["Entity"], &[]),
                typed_node(Key::text("m"), &["Entity", "Memory"], &[]),
                edge(1, "e", "m"),
            ],
            losses: vec![("labels:several", 1), ("node:not-a-memory", 1)],
            left: vec!["m", "e1"],
        },
        Case {
            holds: Capabilities {
                labels: Labels::One,
                ..ALL
            },
            records: vec![
                typed_node(Key::text("two"), &["A", "B"], &[]),
                typed_node(Key::text("none"), &[], &[]),
            ],
            losses: vec![("labels:none", 1), ("labels:several", 1)],
            left: vec!["two", "none"],
        },
        Case {
            holds: Capabilities {
                ids: Ids::Text,
                ..ALL
            },
            records: vec![
                typed_node(Key::Id(Value::Int(5)), &["Memory"], &[]),
                typed_node(Key::Id(Value::Bytes(vec![1, 2])), &["Memory"], &[]),
                rel(Key::text("r"), Key::Id(Value::Int(5)), Key::text("x"), &[]),
            ],
            losses: vec![("from:type", 1), ("id:type", 2)],
            left: vec!["5", "x'0102'", "r"],
        },
        Case {
            holds: Capabilities {
                id_beside_properties: false,
                ..ALL
            },
            records: vec![
                typed_node(Key::text("a"), &["Memory"], &[("id", Value::text("b"))]),
                typed_node(Key::text("c"), &["Memory"], &[]),
            ],
            losses: vec![("id:mismatch", 1)],
            left: vec!["a", "c"],
        },
        Case {
            holds: Capabilities {
                dangling: false,
                ..ALL
            },
            records: vec![
                plain(1),
                edge(1, "x", "y"),
                edge(2, "m00001", "y"),
                edge(3, "m00001", "m00001"),
            ],
            losses: vec![("relationship:dangling", 2)],
            left: vec!["m00001", "e3"],
        },
        Case {
            holds: Capabilities {
                labels: Labels::MemoryOnly,
                dangling: false,
                ..ALL
            },
            records: vec![
                typed_node(Key::text("e"), &["Entity"], &[]),
                plain(1),
                edge(1, "e", "m00001"),
            ],
            losses: vec![("node:not-a-memory", 1), ("relationship:dangling", 1)],
            left: vec!["m00001"],
        },
        Case {
            holds: Capabilities {
                parallel: false,
                ..ALL
            },
            records: vec![
                plain(1),
                plain(2),
                edge(1, "m00001", "m00002"),
                edge(2, "m00001", "m00002"),
                edge(3, "m00002", "m00001"),
            ],
            losses: vec![("relationship:parallel", 1)],
            left: vec!["m00001", "m00002", "e1", "e3"],
        },
        Case {
            holds: Capabilities {
                self_loops: false,
                ..ALL
            },
            records: vec![
                plain(1),
                edge(1, "m00001", "m00001"),
                edge(2, "m00001", "z"),
            ],
            losses: vec![("relationship:self-loop", 1)],
            left: vec!["m00001", "e2"],
        },
        Case {
            holds: Capabilities {
                stored_text: false,
                ..ALL
            },
            records: vec![
                node("no-json", "{never"),
                node("list", "[1]"),
                node("twice", r#"{"a": 1, "a": 2}"#),
                node("good", r#"{"b": 1,   "a": [1.0, null]}"#),
            ],
            losses: vec![("properties:repeated-key", 1), ("properties:unreadable", 2)],
            left: vec!["twice", "good"],
        },
        Case {
            holds: Capabilities {
                max_record: Some(1_000),
                ..ALL
            },
            records: vec![
                plain(1),
                node("big", &format!(r#"{{"content": "{}"}}"#, "x".repeat(1_000))),
                edge(1, "big", "m00001"),
            ],
            losses: vec![("record:too-large", 1)],
            left: vec!["m00001", "e1"],
        },
        Case {
            holds: Capabilities {
                broken_text: false,
                stored_text: false,
                ..ALL
            },
            records: vec![
                typed_node(Key::Id(text(b"a\xff")), &["Memory"], &[]),
                typed_node(Key::text("v"), &["Memory"], &[("content", text(b"b\xff"))]),
            ],
            losses: vec![("id:broken-text", 1)],
            left: vec!["a\u{FFFD}", "v"],
        },
    ]
}

async fn run(bench: &Bench, from: &Place, to: &Place, accept: &[&str]) -> Report {
    let stores = stores(from, to);
    let mut plan: Plan = plan(&stores);
    plan.losses.accept = accept.iter().map(|a| (*a).to_owned()).collect();
    bench.run(&plan, &stores).await
}

#[tokio::test(start_paused = true)]
async fn what_a_target_cannot_hold_is_a_loss_by_name() {
    for modes in [ASIDE, TRANSACTION, JOURNAL] {
        for case in cases() {
            let from = source(case.records.clone());
            let to = place(Manners::new(modes).holding(case.holds));
            let bench = bench();
            let names: Vec<_> = case.losses.iter().map(|(n, _)| *n).collect();
            // One of them unaccepted is enough.
            let report = run(&bench, &from, &to, &names[1..]).await;
            ended(&report, Outcome::Refused);
            let message = report.failure.unwrap().message;
            assert!(message.contains(names[0]), "{message}");
            assert!(!to.store().describe().await.unwrap().exists);
            assert!(to.leftovers().is_empty());

            let report = run(&bench, &from, &to, &names).await;
            ended(&report, Outcome::Done);
            let told: Vec<_> = report
                .losses
                .iter()
                .map(|l| (l.name.as_str(), l.records))
                .collect();
            assert_eq!(told, case.losses);
            assert!(
                report
                    .losses
                    .iter()
                    .all(|l| l.accepted && !l.examples.is_empty())
            );
            let mut left = ids(&to, Kind::Node);
            left.extend(ids(&to, Kind::Relationship));
            assert_eq!(left, case.left, "{names:?}");
            assert!(report.verification.unwrap().identical());

            // What fits, fits again: nothing is lost any more, nothing is to be done.
            let before = digest(&to.store()).await;
            let more = place(Manners::new(modes).holding(case.holds));
            let report = run(&bench, &to, &more, &[]).await;
            ended(&report, Outcome::Done);
            assert!(report.losses.is_empty(), "{:?}", report.losses);
            assert_eq!(digest(&more.store()).await, before);
            let again = run(&bench, &from, &to, &names).await;
            ended(&again, Outcome::Done);
            assert_eq!(
                again.written.added.total() + again.written.changed.total(),
                0
            );
            assert_eq!(digest(&to.store()).await, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn values_are_encoded_where_the_target_has_no_type_for_them() {
    let values = typed(&[
        ("null", Value::Null),
        (
            "map",
            Value::Map(Map::from_pairs(vec![("a".into(), Value::Null)])),
        ),
        (
            "nested",
            Value::List(vec![Value::List(vec![Value::Int(1)])]),
        ),
        ("nulls", Value::List(vec![Value::Null, Value::Int(1)])),
        (
            "mixed",
            Value::List(vec![Value::Int(1), Value::text("x"), Value::Bool(true)]),
        ),
        (
            "big",
            Value::BigInt("123456789012345678901234567890".into()),
        ),
        ("nan", Value::Float(f64::NAN)),
        ("inf", Value::Float(f64::NEG_INFINITY)),
        ("minus", Value::Float(-0.0)),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("broken", text(b"\xed\xa0\x80")),
    ]);
    let holds = Capabilities {
        stored_text: false,
        rows: false,
        nulls: false,
        maps: false,
        nested_lists: false,
        nulls_in_lists: false,
        mixed_lists: false,
        big_integers: false,
        non_finite: false,
        broken_text: false,
        bytes: false,
        ..ALL
    };
    for modes in [ASIDE, TRANSACTION, JOURNAL] {
        let all = [
            Record::Node(Node {
                key: Key::text("n"),
                labels: vec!["Memory".into()],
                properties: values.clone(),
                row: Row::default(),
            }),
            Record::Relationship(Relationship {
                key: Key::text("r"),
                from: Key::text("n"),
                to: Key::text("n"),
                rel_type: "X".into(),
                properties: values.clone(),
                row: Row::default(),
            }),
        ];
        let (from, to) = (source(all), place(Manners::new(modes).holding(holds)));
        let report = run(&bench(), &from, &to, &[]).await;
        ended(&report, Outcome::Done);
        assert!(report.losses.is_empty());
        assert_eq!(digest(&from.store()).await, digest(&to.store()).await);
    }
}

/// Ids that break quoting, paths, joins or displays somewhere.
fn hostile() -> Vec<Key> {
    let mut keys: Vec<Key> = [
        "",
        " ",
        "'",
        "\"",
        "\\",
        "\n",
        "a\u{0}b",
        "../../etc/passwd",
        "%s%n",
        "~",
        "é",
        "e\u{301}",
        "\u{202E}abc",
        "👩\u{200d}💻",
        "null",
        "NULL",
        "0",
        "-1",
        "1e999",
        "{}",
        "[]",
        "$id",
        "`; DROP TABLE nodes; --",
        "~0123456789abcdef0123456789abcdef",
    ]
    .into_iter()
    .map(Key::text)
    .collect();
    keys.push(Key::text("x".repeat(1 << 20)));
    keys.push(Key::Id(text(b"\xff\xfe")));
    keys.push(Key::Id(text(b"\xed\xa0\x80")));
    keys.push(Key::Id(Value::Int(0)));
    keys.push(Key::Id(Value::Int(i64::MIN)));
    keys.push(Key::Id(Value::Float(0.5)));
    keys.push(Key::Id(Value::Bytes(b"'; --".to_vec())));
    keys.push(Key::Id(Value::Null));
    keys
}

#[tokio::test(start_paused = true)]
async fn hostile_ids_move_as_they_are() {
    let keys = hostile();
    let nodes = keys
        .iter()
        .map(|key| typed_node(key.clone(), &["Memory"], &[("title", Value::text("t"))]));
    let count = keys.len();
    let links = (0..count).map(|n| {
        rel(
            keys[n].clone(),
            keys[n].clone(),
            keys[(n + 1) % count].clone(),
            &[],
        )
    });
    let records: Vec<_> = nodes.chain(links).collect();
    for modes in MODES {
        let bench = bench();
        let from = source(records.clone());
        let to = filled(modes, [memory(1)]);
        if modes == BOTH || modes == ASIDE {
            let fresh = place(Manners::new(modes));
            let report = run(&bench, &from, &fresh, &[]).await;
            ended(&report, Outcome::Done);
            assert_eq!(digest(&from.store()).await, digest(&fresh.store()).await);
        }
        let before = digest(&to.store()).await;
        let report = run(&bench, &from, &to, &[]).await;
        ended(&report, Outcome::Done);
        assert_eq!(report.written.added, tally(count as u64, count as u64));
        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        assert_eq!(digest(&to.store()).await, before);
        // Whatever is shown of them is bounded.
        let bytes = std::fs::metadata(bench.folder(&report.run).dir.join("report.json"))
            .unwrap()
            .len();
        assert!(bytes < 200_000, "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn oddities_are_told_and_moved() {
    let odd = [
        node("no-type", r#"{"title": "t", "content": "c"}"#),
        node("not-json", "{"),
        node(
            "other",
            r#"{"type": "invented", "title": "t", "content": "c"}"#,
        ),
        typed_node(Key::Id(Value::Null), &["Memory"], &[]),
        edge(1, "no-type", "nowhere"),
        edge(2, "nowhere", "nowhere"),
        edge(3, "other", "other"),
        edge(4, "other", "other"),
        link_as(9, "other", "not-json", "INVENTED", "x"),
    ];
    let (from, to) = (source(odd), place(Manners::new(JOURNAL)));
    let report = run(&bench(), &from, &to, &[]).await;
    ended(&report, Outcome::Done);
    assert_eq!(digest(&from.store()).await, digest(&to.store()).await);
    for (name, number) in [
        ("memories-readable", "3"),
        ("memory-types", "1"),
        ("relationship-types", "1"),
        ("ids", "1"),
        ("repeated-ids", "none"),
        ("dangling", "2"),
    ] {
        let check = report.checks.iter().find(|c| c.name == name).unwrap();
        assert!(
            check.evidence.starts_with(number),
            "{name}: {}",
            check.evidence
        );
        assert_eq!(
            check.examples.len().to_string(),
            number.replace("none", "0")
        );
    }
    let inspected = engine::inspect(from.store()).await.unwrap();
    assert_eq!(
        inspected
            .oddities
            .iter()
            .map(|o| o.records)
            .collect::<Vec<_>>(),
        [3, 1, 1, 1, 2]
    );
}

/// A renamed record that the target has with other content follows the policy under the
/// name it got.
#[tokio::test]
async fn a_renamed_record_keeps_its_own_name() {
    let bench = real_time();
    let dir = bench.dir.path();
    let memory = |title: &str| {
        format!(
            r#"{{"id": "a", "type": "fix", "title": "{title}", "content": "c", "created_at": "2026-01-01T00:00:00", "updated_at": "2026-01-01T00:00:00"}}"#
        )
    };
    std::fs::write(
        dir.join("from.json"),
        format!(
            r#"{{"format_version": "2.0", "memories": [{}, {}], "relationships": []}}"#,
            memory("first"),
            memory("second")
        ),
    )
    .unwrap();
    let from = file("json", &dir.join("from.json"));
    let to = place(Manners::new(JOURNAL));
    let stores = engine::Stores {
        source: from,
        target: to.store(),
    };
    let mut plan = plan(&stores);
    plan.losses.accept.insert("id:repeated".into());
    plan.write.on_conflict = engine::OnConflict::Overwrite;
    ended(&bench.run(&plan, &stores).await, Outcome::Done);
    let expected = digest(&to.store()).await;
    let renamed = ids(&to, Kind::Node)
        .into_iter()
        .find(|i| i.starts_with('~'))
        .unwrap();
    // Somebody edits both; the source's versions come back, each to its own.
    for key in ["a", &renamed] {
        let found = to
            .records(Kind::Node)
            .into_iter()
            .find(|r| r.key().display() == key);
        let mut record = found.unwrap();
        if let Record::Node(node) = &mut record {
            node.properties = Properties::Stored(Value::text(r#"{"title": "edited"}"#));
        }
        to.put(record).unwrap();
    }
    let report = bench.run(&plan, &stores).await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.changed, tally(2, 0));
    assert_eq!(digest(&to.store()).await, expected);
}

/// A record replaces one that is far larger, many times over: what a batch holds is
/// bounded by both.
#[tokio::test(start_paused = true)]
async fn small_records_replace_large_ones() {
    let large = |n: usize| memory_as(n, "fix", "2020-01-01", &"x".repeat(300_000));
    let (from, to) = (
        source((0..60).map(memory)),
        filled(JOURNAL, (0..60).map(large)),
    );
    let before = digest(&to.store()).await;
    let bench = bench();
    let stores = stores(&from, &to);
    let mut plan = plan(&stores);
    plan.write.on_conflict = engine::OnConflict::Overwrite;
    let report = bench.run(&plan, &stores).await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.changed, tally(60, 0));
    let applies = to
        .calls()
        .iter()
        .filter(|c| **c == memferry::store::reference::Call::Apply)
        .count();
    assert!(applies >= 8, "{applies} batches for 18 MB of pre-images");
    let back = bench.roll_back(&report.run, &to.store()).await;
    ended(&back, Outcome::RolledBack);
    assert_eq!(digest(&to.store()).await, before);
}
