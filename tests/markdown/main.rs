//! The Markdown store against memorygraph's own export of the same store, and on text
//! that breaks that. Needs MEMFERRY_TEST_STORES, which `tests/run` sets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../json/support.rs"]
mod support;

use memferry::error::ErrorKind;
use memferry::model::{
    Key, Kind, Node, Properties, Record, Relationship, Row, Value, json, memory,
};
use memferry::store::{Applied, Consistency};
use std::collections::BTreeMap;
use std::path::Path;
use support::*;

/// Names and texts of the pages in a folder.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let page = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read_to_string(entry.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(page).collect()
}

async fn written(records: &[Record]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    write_as("markdown", &path, records).await;
    pages(&path)
}

fn memory(id: &str, title: &str, content: &str) -> Record {
    let text = |s: &str| json::to_string(&Value::text(s));
    let properties = format!(
        r#"{{"id": {}, "type": "task", "title": {}, "content": {}, "created_at": "2024-03-01T12:00:00+00:00"}}"#,
        text(id),
        text(title),
        text(content)
    );
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Stored(Value::text(properties)),
        row: Row::default(),
    })
}

fn joined(from: &str, rel_type: &str, to: &str) -> Record {
    Record::Relationship(Relationship {
        key: Key::text(format!("{from}-{rel_type}-{to}")),
        from: Key::text(from),
        to: Key::text(to),
        rel_type: rel_type.into(),
        properties: Properties::Stored(Value::text(r#"{"strength": 0.5, "valid_until": null}"#)),
        row: Row {
            valid_until: Some(Value::text("2025")),
            ..Row::default()
        },
    })
}

/// Where memorygraph's own page is sound, ours has its name, its sections and its
/// front matter, and more.
#[tokio::test]
async fn pages_are_those_of_memorygraph() {
    let ours = written(&rows(&fixture("export-source.db"))).await;
    let theirs = pages(&fixture("export-markdown"));
    assert_eq!(ours.len(), 15);
    assert_eq!(theirs.len(), 15);
    // The other names are too long, or have an id in them that is not safe.
    let named = theirs.iter().filter(|(name, _)| ours.contains_key(*name));
    let named: Vec<_> = named.collect();
    assert_eq!(named.len(), 12);
    let mut plain = 0;
    for (name, their) in named {
        let our = &ours[name];
        let (head, body) = their.split_once("\n---\n").unwrap();
        let (our_head, our_body) = our.split_once("\n---\n").unwrap();
        let section = |text: &str| text.split("## Relationships").next().unwrap().to_owned();
        // The other heads hold text that YAML reads as something else.
        plain += usize::from(head.lines().all(|line| our_head.contains(line)));
        if !body.contains('\r') && !body.contains('\u{1b}') {
            assert_eq!(
                section(body).trim_end(),
                section(our_body).trim_end(),
                "{name}"
            );
        }
        for line in body.lines().filter(|l| l.starts_with("- **")) {
            let (rel_type, _) = line.split_once(" → ").unwrap();
            assert!(our_body.contains(rel_type), "{name}: {line}");
        }
    }
    assert_eq!(plain, 4);
}

#[tokio::test]
async fn a_page_holds_everything() {
    let ours = written(&rows(&fixture("export-source.db"))).await;
    let page = &ours["Trait_async_bincode_trait_metrics_timeout_03e815f0.md"];
    insta::assert_snapshot!(page, @r#"
    ---
    title: Trait async bincode trait metrics timeout
    id: 03e815f0-777b-4ccf-9a60-4d94d230f502
    type: code_pattern
    importance: 0.75
    confidence: 0.81
    tags: [bolt, canary, macro, module]
    created_at: 2025-07-24T04:22:49.096305+00:00
    updated_at: 2026-02-05T00:00:02.000006+00:00
    project: /home/dev/future
    languages: [rust]
    technologies: [page]
    usage_count: 8
    context_files_involved: [src/pod.rs]
    context_frameworks: []
    context_git_branch: main
    context_timestamp: "2025-04-29T21:03:46.030614+00:00"
    context_additional_metadata: "{}"
    context_visibility: project
    ---

    ## Summary

    retry trait bolt lock driver timeout canary pragma async node deploy docker

    ## Content

    token driver driver bincode retry bincode index btree fts oauth. cursor fts async btree graph leader parser cypher token edge borrow nginx future borrow jwt. deploy shard token index proxy parser cookie crate lifetime token bolt redis bolt wal cypher deploy module. oauth pragma retry pod borrow bincode sqlite trait cypher deploy pod deploy token. cargo header module cookie oauth serde cache nginx trace cache. cypher trace redis module deploy token macro index kube future node queue queue oauth auth serde. canary lock node wal auth serde timeout migrate nginx. cors queue pod lifetime fts cookie crate bincode pragma docker serde span lock page pragma metrics lock cookie auth

    ## Relationships

    - **CAUSES** ← [Session module edge trace serde nginx](05ebd5e4-7169-4084-b573-367a7bb7ab50)
    - **TRIGGERS** → [quotes 2: single ' double " back \` «guillemets» “curly” ''' """ $tag$ q'{x}'](7172318b-c794-4e35-8205-0aaf5926a384) `{"strength": 0.682, "confidence": 0.296, "context": "free text, with \u00e9", "evidence_count": 1, "success_rate": null, "created_at": "2025-07-29T06:59:09.507212+00:00", "last_validated": "2025-02-24T11:49:33.056226+00:00", "validation_count": 0, "counter_evidence_count": 0, "valid_from": "2025-11-11T01:04:05.439749+00:00", "valid_until": null, "recorded_at": "2025-07-21T15:50:49.877782+00:00", "invalidated_by": null, "id": "869cb1d8-52f8-4854-ab66-4e6f0255fe71"}`
    - **SOLVES** ← [Session module edge trace serde nginx](05ebd5e4-7169-4084-b573-367a7bb7ab50)
    - **SOLVES** ← [Session module edge trace serde nginx](05ebd5e4-7169-4084-b573-367a7bb7ab50)
    - **BUILDS_ON** ← [Session module edge trace serde nginx](05ebd5e4-7169-4084-b573-367a7bb7ab50)
    - **CONTRADICTS** → [quotes 2: single ' double " back \` «guillemets» “curly” ''' """ $tag$ q'{x}'](7172318b-c794-4e35-8205-0aaf5926a384) `{"strength": 0.753, "confidence": 0.149, "context": "free text, with \u00e9", "evidence_count": 16, "success_rate": null, "created_at": "2025-06-08T23:43:49.944208+00:00", "last_validated": "2025-04-20T19:34:24.313622+00:00", "validation_count": 0, "counter_evidence_count": 0, "valid_from": "2025-10-03T18:37:06.467470+00:00", "valid_until": null, "recorded_at": "2025-01-20T22:41:16.521650+00:00", "invalidated_by": null, "id": "72cb712c-2e41-4d86-b856-cf7ef4cbf5e2"}`
    "#);
}

#[tokio::test]
async fn text_that_would_forge_a_page_stays_text() {
    let ours = written(&[
        memory(
            "a",
            "x\nid: forged\n---\n\u{1b}[2J",
            "body\u{1b}]0;x\u{7}\r\nnext\rlast",
        ),
        memory("../../b", "a: [b](c) `d` #e", "## Content"),
        joined("a", "SOL\nVES** x", "../../b"),
        joined("a", "SOLVES", "nobody ) here"),
        joined("gone", "CAUSES", "a"),
        joined("gone", "CAUSES`x", "also gone"),
        joined("a", "CAUSES", "a"),
    ])
    .await;
    let all: Vec<String> = ours.iter().map(|(n, t)| format!("=== {n}\n{t}")).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    === Relationships_without_memories.md
    ## Relationships

    - [gone](gone) **CAUSES\`x** → [also gone](also%20gone) `{"strength": 0.5, "valid_until": "2025", "id": "gone-CAUSES\u0060x-also gone"}`

    === a___b__c___d___e_______b.md
    ---
    title: "a: [b](c) `d` #e"
    id: "../../b"
    type: task
    created_at: 2024-03-01T12:00:00+00:00
    ---

    ## Content

    ## Content

    ## Relationships

    - **SOL VES\*\* x** ← [x id: forged --- \u001b\[2J](a)

    === x_id__forged_---___2J_a.md
    ---
    title: "x\nid: forged\n---\n\x1b[2J"
    id: a
    type: task
    created_at: 2024-03-01T12:00:00+00:00
    ---

    ## Content

    body\u001b]0;x\u0007
    next\u000dlast

    ## Relationships

    - **SOL VES\*\* x** → [a: \[b\](c) \`d\` #e](..%2F..%2Fb) `{"strength": 0.5, "valid_until": "2025", "id": "a-SOL\nVES** x-../../b"}`
    - **SOLVES** → [nobody ) here](nobody%20%29%20here) `{"strength": 0.5, "valid_until": "2025", "id": "a-SOLVES-nobody ) here"}`
    - **CAUSES** ← [gone](gone) `{"strength": 0.5, "valid_until": "2025", "id": "gone-CAUSES-a"}`
    - **CAUSES** → [x id: forged --- \u001b\[2J](a) `{"strength": 0.5, "valid_until": "2025", "id": "a-CAUSES-a"}`
    "#);
    for page in ours.values() {
        assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    }
}

/// No two pages share a name on any file system, in whatever order they come.
#[tokio::test]
async fn names_never_collide() {
    let mut records = vec![
        memory("same-id-1", "Title", "1"),
        memory("same-id-2", "title", "2"),
        memory("SAME-ID-3", "TITLE", "3"),
        memory("é-1", "Title", "4"),
        memory("e\u{301}-1", "Title", "5"),
        memory("한", "\u{1112}\u{1161}\u{11ab}", "6"),
        memory("한2", "\u{d55c}", "7"),
        memory("memories", "Relationships without", "8"),
        memory("", "", "9"),
        memory("con", "CON", "10"),
        memory("x", &"😀".repeat(200), "11"),
        memory(&"é".repeat(300), &"é".repeat(200), "12"),
        joined("no", "X", "where"),
    ];
    let one = written(&records).await;
    assert_eq!(one.len(), 13);
    let folded: std::collections::HashSet<_> = one.keys().map(|n| n.to_lowercase()).collect();
    assert_eq!(folded.len(), 13);
    assert!(
        one.keys()
            .all(|n| n.len() <= 142 && !n.starts_with(['.', '-']))
    );
    records.reverse();
    let other = written(&records).await;
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        other.keys().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn every_store_makes_a_folder() {
    for name in ["adversarial-dirty.db", "hub.db", "empty.db"] {
        let held = rows(&env("MEMFERRY_TEST_STORES").join(name));
        let nodes = held.iter().filter(|r| r.kind() == Kind::Node).count();
        let ours = written(&held).await;
        let detached = ours.contains_key("Relationships_without_memories.md");
        assert_eq!(ours.len(), nodes + usize::from(detached));
        let lines: usize = ours
            .values()
            .map(|page| page.matches("\n- **").count())
            .sum();
        let relationships = held.len() - nodes;
        assert!(lines >= relationships, "{lines} of {relationships}");
        let mut ids: Vec<String> = held
            .iter()
            .filter_map(|r| match r {
                Record::Node(n) if memory::is_memory(n) => Some(r.key().display()),
                _ => None,
            })
            .collect();
        ids.retain(|id| !ours.values().any(|page| page.contains(&**id)));
        ids.retain(|id| !id.contains(['\'', '"', '\\']));
        assert_eq!(ids, Vec::<String>::new());
    }
}

#[tokio::test]
async fn it_is_no_source_and_never_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let store = open_as("markdown", &path);
    assert!(!store.descriptor().source);
    assert!(!store.describe().await.unwrap().exists);
    let refused = store.snapshot(Consistency::InPlace).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let records = [memory("a", "b", "c")];
    let mut writer = store.writer(&request()).await.unwrap();
    for batch in batches(&records).iter().chain(&batches(&records)) {
        assert_eq!(writer.apply(batch).await.unwrap(), Applied::Done);
    }
    writer.complete().await.unwrap();
    let refused = writer.snapshot().await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let found = writer.find(Kind::Node, &[Key::text("a")]).await.unwrap();
    assert!(found[0].is_some());
    std::fs::create_dir(&path).unwrap();
    let refused = writer.publish().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    std::fs::remove_dir(&path).unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let described = store.describe().await.unwrap();
    assert_eq!(described.facts["pages"], "1");

    let left = store.fingerprint().await.unwrap();
    std::fs::write(path.join("mine.txt"), "x").unwrap();
    let refused = store.remove(&left).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    std::fs::remove_file(path.join("mine.txt")).unwrap();
    let now = store.fingerprint().await.unwrap();
    store.remove(&now).await.unwrap();
    assert!(!path.exists());

    let mut writer = store.writer(&request()).await.unwrap();
    writer.complete().await.unwrap();
    std::mem::forget(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    store.discard(&request().run).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
