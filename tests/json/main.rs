//! The JSON store against the real memorygraph: its exports are read, and ours are
//! imported by it. Needs MEMFERRY_TEST_PYTHON and MEMFERRY_TEST_STORES, which
//! `tests/run` sets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod broken;
mod support;
mod writing;

use memferry::model::{
    Canon, Key, Kind, Map, Node, Properties, Record, Relationship, Row, Text, Value,
};
use memferry::store::{Consistency, Counts, Limit};
use std::collections::BTreeMap;
use support::*;

#[tokio::test]
async fn exports_of_memorygraph_are_read() {
    for (name, layout, memories, relationships) in [
        ("export-1.0.json", "memorygraph JSON 1.0", 14, 20),
        ("export-2.0.json", "memorygraph JSON 2.0 (Python)", 15, 18),
        (
            "export-2.0-typescript.json",
            "memorygraph JSON 2.0 (TypeScript)",
            4,
            3,
        ),
    ] {
        let store = open(&fixture(name));
        let description = store.describe().await.unwrap();
        assert_eq!(description.layout, layout);
        let counts = Counts {
            memories,
            other_nodes: 0,
            relationships,
        };
        assert_eq!(description.counts, Some(counts));
        assert_eq!(description.notes, Vec::<String>::new());
        let (read, unreadable) = records(&fixture(name)).await;
        assert_eq!(unreadable, []);
        assert_eq!(read.len() as u64, memories + relationships);
        let mut copy = store.snapshot(Consistency::Copy).await.unwrap();
        assert_eq!(copy.counts().await.unwrap(), counts);
        let keys =
            |records: &[Record]| -> Vec<Key> { records.iter().map(|r| r.key().clone()).collect() };
        let nodes = all(&mut *copy, Kind::Node, Limit::PAGE).await.0;
        assert_eq!(keys(&nodes), keys(&read[..nodes.len()]));
    }
}

/// What an export holds of each memory is what the store it came from holds.
#[tokio::test]
async fn an_export_reads_as_its_store_does() {
    let source: BTreeMap<String, Map> = rows(&fixture("export-source.db"))
        .iter()
        .map(|r| (r.key().display(), stored(r)))
        .collect();
    for name in ["export-1.0.json", "export-2.0.json"] {
        let (read, _) = records(&fixture(name)).await;
        for record in &read {
            let (kind, id) = (record.kind(), record.key().display());
            let Some(held) = source.get(&id) else {
                assert_eq!(kind, Kind::Relationship);
                assert_eq!(name, "export-2.0.json", "1.0 has the ids of relationships");
                assert!(matches!(record.key(), Key::Derived(_)));
                continue;
            };
            for (field, value) in stored(record).iter() {
                assert_eq!(
                    held.get_bytes(field.as_bytes()),
                    Some(value),
                    "{id} {field:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_typescript_writes_is_kept_as_it_is() {
    let (read, _) = records(&fixture("export-2.0-typescript.json")).await;
    let Properties::Stored(Value::Text(text)) = read[0].properties() else {
        panic!()
    };
    let start = r#"{"id": "be92c6db-f17e-42b4-8966-7bfa9a7852a0", "type": "solution", "title": "Use Redis \u2713 \ud83d\ude00", "content": "  kept blanks \u2028 \u001b[31m \t", "tags": [], "importance": 1.0, "confidence": 0.8, "created_at": "2026-11-21T08:29:52.568Z", "updated_at": "2026-11-21T08:29:52.570Z", "context_project_path": "/p", "context_files_involved": ["src/\u00e9.ts"], "context_languages": ["typescript"], "context_frameworks": "[]", "context_technologies": "[]", "context_additional_metadata": "{\"a\": 1, \"nested\": {\"list\": [1, null, \"x\"], \"empty\": {}}}"}"#;
    assert_eq!(text.as_str(), Some(start));
    assert_eq!(*read[0].row(), Row::default());
}

#[tokio::test]
async fn every_row_of_every_store_comes_back() {
    let stores = env("MEMFERRY_TEST_STORES");
    let folder = tempfile::tempdir().unwrap();
    for db in [
        stores.join("adversarial-dirty.db"),
        stores.join("adversarial-200.db"),
        stores.join("hub.db"),
        stores.join("empty.db"),
        stores.join("multi-tenant.db"),
        fixture("null-and-blob-ids.db"),
        fixture("export-source.db"),
    ] {
        // The fixture holds ids twice, which a target never gets.
        let mut seen = std::collections::HashSet::new();
        let mut held = rows(&db);
        held.retain(|r| seen.insert(Canon::key_hash(r.kind(), r.key())));
        let path = folder.path().join("out.json");
        write(&path, &held).await;
        let text = std::fs::read(&path).unwrap();
        assert!(text.is_ascii());
        serde_json::from_slice::<serde_json::Value>(&text).unwrap();
        let description = open(&path).describe().await.unwrap();
        assert_eq!(description.layout, "memorygraph JSON 2.0 (memferry)");
        assert_eq!(description.counts.unwrap().total(), held.len() as u64);
        assert_eq!(description.notes, Vec::<String>::new());
        assert_eq!(description.facts["origin"], "sqlite:é.db");
        let (read, unreadable) = records(&path).await;
        assert_eq!(unreadable, []);
        assert_equal(&held, &read);
        std::fs::remove_file(&path).unwrap();
    }
}

/// The real memorygraph imports what we write of the worst store: everything that it
/// can hold, and nothing that it must not see.
#[tokio::test]
async fn memorygraph_imports_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let held = rows(&env("MEMFERRY_TEST_STORES").join("adversarial-dirty.db"));
    let path = folder.path().join("out.json");
    write(&path, &held).await;
    let db = folder.path().join("imported.db");
    let said = memorygraph(
        &db,
        &[
            "import",
            "--format",
            "json",
            "--input",
            path.to_str().unwrap(),
        ],
    );
    assert!(
        said.contains("Imported: 210 memories, 337 relationships"),
        "{said}"
    );
    assert!(
        said.contains("Skipped: 2 memories, 4 relationships"),
        "{said}"
    );

    let imported: BTreeMap<String, Map> = rows(&db)
        .iter()
        .filter(|r| r.kind() == Kind::Node)
        .map(|r| (r.key().display(), stored(r)))
        .collect();
    let lost = [
        "created_at",
        "updated_at",
        "usage_count",
        "effectiveness",
        "last_accessed",
    ];
    let (mut same, mut aside) = (0, Vec::new());
    for record in held.iter().filter(|r| r.kind() == Kind::Node) {
        let Some(arrived) = imported.get(&record.key().display()) else {
            continue;
        };
        for (field, value) in stored(record).iter() {
            let name = field.as_str().unwrap();
            if lost.contains(&name) || record.key().display() == "dirty-idmismatch" {
                continue;
            }
            match arrived.get(name) == Some(value) {
                true => same += 1,
                false => aside.push(format!("{} {name}", record.key().display())),
            }
        }
    }
    assert!(same > 3_000, "{same}");
    // What memorygraph could not read again, and NaN, which strict JSON lacks, stands
    // under our key; nothing else does.
    for field in &aside {
        let expected = [
            "context_timestamp",
            "context_git_commit",
            "context_additional_metadata",
        ];
        let (id, name) = field.rsplit_once(' ').unwrap();
        assert!(
            expected.contains(&name) || matches!(id, "dirty-nan" | "dirty-extra"),
            "{field}"
        );
    }
    assert_eq!(aside.len(), 34, "{aside:?}");

    // What arrived, memorygraph can read.
    let again = folder.path().join("again.json");
    memorygraph(
        &db,
        &[
            "export",
            "--format",
            "json",
            "--output",
            again.to_str().unwrap(),
        ],
    );
    let counts = open(&again).describe().await.unwrap().counts.unwrap();
    assert_eq!(counts.memories, 210);
    let notes = memferry::store::json::import_notes(&held).unwrap();
    insta::assert_snapshot!(notes.join("\n"), @r#"
    2 nodes that are no memories stand in the section memferry, which memorygraph ignores
    2 memories whose id, type, title or content is missing, blank or no Unicode text stand in the section memferry, which memorygraph ignores
    123 invalidated relationships stand in the section memferry, which memorygraph ignores
    2 memories will be skipped by memorygraph: an unknown type, no content, or a title that is empty or longer than 200 characters
    3 relationships will be skipped by memorygraph: an unknown type
    memorygraph does not take over created_at, updated_at of 209 memories
    memorygraph does not take over usage_count of 201 memories
    memorygraph does not take over effectiveness of 160 memories
    memorygraph does not take over last_accessed of 100 memories
    memorygraph does not take over context_additional_metadata of 17 memories
    memorygraph does not take over context_timestamp of 6 memories
    memorygraph does not take over context_git_commit of 3 memories
    memorygraph does not take over confidence, id, importance of 1 memory
    memorygraph does not take over other properties of 6 memories
    memorygraph does not take over id of 338 relationships
    memorygraph does not take over counter_evidence_count, created_at, last_validated, validation_count of 337 relationships
    memorygraph does not take over recorded_at, valid_from of 336 relationships
    memorygraph does not take over success_rate of 222 relationships
    "#);
}

/// One good memory among the worst records arrives, and memorygraph can still read its
/// store afterwards.
#[tokio::test]
async fn no_record_makes_memorygraph_refuse_the_file() {
    let digits = "9".repeat(5_000);
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    let (open, close) = ("{\\\"d\\\": ", "}");
    let deep_text = format!("{}1{}", open.repeat(300), close.repeat(300));
    let good = r#""type": "task", "title": "t", "content": "c""#;
    let node = |key: Value, properties: String| {
        Record::Node(Node {
            key: Key::Id(key),
            labels: vec!["Memory".into()],
            properties: Properties::Stored(Value::text(properties)),
            row: Row::default(),
        })
    };
    let texts = [
        ("no-title", r#"{"type": "task", "content": "c"}"#.to_owned()),
        (
            "null",
            r#"{"type": null, "title": null, "content": null}"#.to_owned(),
        ),
        (
            "lists",
            r#"{"type": [], "title": {}, "content": 1}"#.to_owned(),
        ),
        (
            "blank",
            r#"{"type": "task", "title": " \u001c", "content": "\u2003"}"#.to_owned(),
        ),
        (
            "empty",
            r#"{"type": "task", "title": "", "content": ""}"#.to_owned(),
        ),
        (
            "half",
            r#"{"type": "task", "title": "\ud83d", "content": "c"}"#.to_owned(),
        ),
        ("context", format!(r#"{{{good}, "context": null}}"#)),
        (
            "digits",
            format!(r#"{{{good}, "usage_count": {digits}, "x": {digits}}}"#),
        ),
        (
            "digits-2",
            format!(r#"{{{good}, "context_additional_metadata": "{{\"n\": {digits}}}"}}"#),
        ),
        (
            "deep",
            format!(r#"{{{good}, "tags": {deep}, "context_languages": {deep}}}"#),
        ),
        (
            "deep-2",
            format!(r#"{{{good}, "context_additional_metadata": "{deep_text}"}}"#),
        ),
        (
            "surrogate-key",
            format!(r#"{{{good}, "context_additional_metadata": "{{\"\\ud83d\": 1}}"}}"#),
        ),
        (
            "types",
            format!(
                r#"{{{good}, "tags": "x", "summary": 5, "importance": "high", "confidence": 7.5, "created_at": 1, "context_visibility": "all", "context_timestamp": "now", "context_user_id": "[]", "context_languages": [1, null]}}"#
            ),
        ),
        (
            "long-summary",
            format!(r#"{{{good}, "summary": "{}"}}"#, "s".repeat(501)),
        ),
        ("broken", "{".to_owned()),
    ];
    let mut held: Vec<Record> = texts
        .iter()
        .map(|(id, text)| node(Value::text(*id), text.clone()))
        .collect();
    for key in [
        Value::Null,
        Value::Bytes(vec![0, 255]),
        Value::Int(5),
        Value::text(""),
        Value::Text(Text::from_bytes(*b"\xED\xA0\xBD")),
        Value::text("good\0\u{1f600}"),
    ] {
        held.push(node(key, format!("{{{good}}}")));
    }
    for (from, to) in [("deep", "types"), ("", "deep"), ("nobody", "deep")] {
        held.push(Record::Relationship(Relationship {
            key: Key::Id(Value::Null),
            from: Key::text(from),
            to: Key::text(to),
            rel_type: "SOLVES".into(),
            properties: Properties::Stored(Value::text(format!(
                r#"{{"strength": "x", "context": [], "evidence_count": -1, "confidence": {digits}}}"#
            ))),
            row: Row::default(),
        }));
    }
    let mut number = 0;
    for record in &mut held {
        if let Record::Relationship(r) = record {
            number += 1;
            r.key = Key::Id(Value::Int(number));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    write(&path, &held).await;
    let (read, unreadable) = records(&path).await;
    assert_eq!(unreadable, []);
    assert_equal(&held, &read);

    let db = folder.path().join("imported.db");
    let input = path.to_str().unwrap();
    let said = memorygraph(&db, &["import", "--format", "json", "--input", input]);
    assert!(
        said.contains("Imported: 9 memories, 1 relationships"),
        "{said}"
    );
    let again = folder.path().join("again.json");
    let output = again.to_str().unwrap();
    memorygraph(&db, &["export", "--format", "json", "--output", output]);
    let counts = support::open(&again).describe().await.unwrap().counts;
    assert_eq!(counts.unwrap().memories, 9);
}
