//! What the tests of the JSON and the Markdown store share.

#![allow(dead_code)]

use memferry::model::{
    Canon, Key, Kind, Map, Node, Properties, Record, Relationship, Row, Text, Value, json,
};
use memferry::store::{
    Address, Applied, Batch, Change, Consistency, Cursor, Limit, Page, Snapshot, Store, Unreadable,
    WriteMode, WriteRequest, registry,
};
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

pub fn env(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(value) => value.into(),
        None => panic!("{name} is not set; run the tests with tests/run"),
    }
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

pub fn open(path: &Path) -> Arc<dyn Store> {
    open_as("json", path)
}

pub fn open_as(kind: &str, path: &Path) -> Arc<dyn Store> {
    let descriptor = registry::find(kind).unwrap();
    registry::open(&Address::file(descriptor, path).unwrap()).unwrap()
}

/// Everything a snapshot holds, read in pages of a few records.
pub async fn all(
    snapshot: &mut dyn Snapshot,
    kind: Kind,
    limit: Limit,
) -> (Vec<Record>, Vec<Unreadable>) {
    let (mut records, mut unreadable) = (Vec::new(), Vec::new());
    let mut after: Option<Cursor> = None;
    loop {
        let Page {
            records: page,
            unreadable: broken,
            next,
        } = snapshot.scan(kind, after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= limit.rows.max(1));
        records.extend(page);
        unreadable.extend(broken);
        match next {
            Some(next) => after = Some(next),
            None => return (records, unreadable),
        }
    }
}

pub const FEW: Limit = Limit {
    rows: 7,
    bytes: 1 << 16,
};

pub async fn records(path: &Path) -> (Vec<Record>, Vec<Unreadable>) {
    let mut snapshot = open(path).snapshot(Consistency::InPlace).await.unwrap();
    let (mut records, mut unreadable) = all(&mut *snapshot, Kind::Node, FEW).await;
    let more = all(&mut *snapshot, Kind::Relationship, FEW).await;
    records.extend(more.0);
    unreadable.extend(more.1);
    snapshot.finish().await.unwrap();
    (records, unreadable)
}

/// The rows of a store by memorygraph, as they are.
pub fn rows(db: &Path) -> Vec<Record> {
    fn value(row: &rusqlite::Row<'_>, column: &str) -> Value {
        match row.get_ref(column).unwrap() {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(i) => Value::Int(i),
            ValueRef::Real(f) => Value::Float(f),
            ValueRef::Text(t) => Value::Text(Text::from_bytes(t)),
            ValueRef::Blob(b) => Value::Bytes(b.to_vec()),
        }
    }
    let text = |value: &Value| match value {
        Value::Text(t) => t.clone(),
        other => json::to_string(other).into(),
    };
    let column = |value: Value| match value {
        Value::Text(_) => None,
        other => Some(other),
    };
    let copy = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(db, copy.path()).unwrap();
    let db = rusqlite::Connection::open(copy.path()).unwrap();
    let mut out = Vec::new();
    let mut nodes = db.prepare("SELECT * FROM nodes ORDER BY rowid").unwrap();
    let mut cursor = nodes.query([]).unwrap();
    while let Some(row) = cursor.next().unwrap() {
        let label = value(row, "label");
        out.push(Record::Node(Node {
            key: Key::Id(value(row, "id")),
            labels: vec![text(&label)],
            properties: Properties::Stored(value(row, "properties")),
            row: Row {
                created_at: Some(value(row, "created_at")),
                updated_at: Some(value(row, "updated_at")),
                label: column(label),
                ..Row::default()
            },
        }));
    }
    let mut edges = db
        .prepare("SELECT * FROM relationships ORDER BY rowid")
        .unwrap();
    let mut cursor = edges.query([]).unwrap();
    while let Some(row) = cursor.next().unwrap() {
        let rel_type = value(row, "rel_type");
        out.push(Record::Relationship(Relationship {
            key: Key::Id(value(row, "id")),
            from: Key::Id(value(row, "from_id")),
            to: Key::Id(value(row, "to_id")),
            rel_type: text(&rel_type),
            properties: Properties::Stored(value(row, "properties")),
            row: Row {
                created_at: Some(value(row, "created_at")),
                valid_from: Some(value(row, "valid_from")),
                valid_until: Some(value(row, "valid_until")),
                recorded_at: Some(value(row, "recorded_at")),
                invalidated_by: Some(value(row, "invalidated_by")),
                label: column(rel_type),
                ..Row::default()
            },
        }));
    }
    out
}

pub fn request() -> WriteRequest {
    WriteRequest {
        mode: WriteMode::Aside,
        run: "20260101-abcdef".into(),
        origin: Some("sqlite:é.db".into()),
    }
}

pub fn batches(records: &[Record]) -> Vec<Batch> {
    let change = |record: &Record| Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    };
    let batch = |(i, chunk): (usize, &[Record])| Batch {
        seq: i as u64 + 1,
        changes: chunk.iter().map(change).collect(),
    };
    records.chunks(50).enumerate().map(batch).collect()
}

/// Writes records to a new file and publishes it.
pub async fn write(path: &Path, records: &[Record]) {
    write_as("json", path, records).await;
}

pub async fn write_as(kind: &str, path: &Path, records: &[Record]) {
    let store = open_as(kind, path);
    assert_eq!(store.prepare().await.unwrap().mode, WriteMode::Aside);
    let mut writer = store.writer(&request()).await.unwrap();
    for batch in batches(records) {
        assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
    }
    writer.complete().await.unwrap();
    assert!(!path.exists(), "nothing is seen before it is published");
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

pub fn assert_equal(before: &[Record], after: &[Record]) {
    let mut canon = Canon::new();
    let by_key = |records: &[Record]| -> BTreeMap<(Kind, String), Record> {
        let key = |r: &Record| (r.kind(), format!("{:?}", r.key()));
        records.iter().map(|r| (key(r), r.clone())).collect()
    };
    let (before, after) = (by_key(before), by_key(after));
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    for (key, one) in &before {
        let other = &after[key];
        assert_eq!(canon.digest(one), canon.digest(other), "{key:?}");
        assert_eq!(one.row(), other.row(), "{key:?}");
        match (one.properties(), other.properties()) {
            (Properties::Stored(a), Properties::Stored(b)) => assert_eq!(a, b, "{key:?}"),
            other => panic!("{key:?}: {other:?}"),
        }
    }
}

pub fn stored(record: &Record) -> Map {
    let Properties::Stored(Value::Text(_)) = record.properties() else {
        panic!("{record:?}")
    };
    record.properties().map().unwrap().into_owned()
}

/// Runs memorygraph on a new store; what it prints to stderr.
pub fn memorygraph(db: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env("MEMFERRY_TEST_PYTHON"))
        .args(["-c", "from memorygraph.cli import main; main()"])
        .args(arguments)
        .env_clear()
        .env("MEMORY_BACKEND", "sqlite")
        .env("MEMORY_SQLITE_PATH", db)
        .env("MEMORY_ALLOW_CYCLES", "true")
        .env("HOME", db.parent().unwrap())
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}
