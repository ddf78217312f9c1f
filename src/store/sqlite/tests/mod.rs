//! Tests of the whole store, on files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ids;
mod reading;
mod writing;

use super::DESCRIPTOR;
use crate::error::ErrorKind;
use crate::model::{
    Canon, Digest, Key, Kind, Map, Node, Properties, Record, Relationship, Row, Text, Value,
};
use crate::store::{
    Address, Applied, Batch, Change, Consistency, Limit, Snapshot, Store, Unreadable, WriteMode,
    WriteRequest, Writer,
};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A fixture, with what stands beside it, in a folder of its own.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for side in ["", "-wal", "-shm", "-journal"] {
        let from = fixture(&format!("{name}{side}"));
        if from.exists() {
            std::fs::copy(from, folder.path().join(format!("{name}{side}"))).unwrap();
        }
    }
    let path = folder.path().join(name);
    (folder, path)
}

fn store(path: &Path) -> Arc<dyn Store> {
    let address = Address::file(&DESCRIPTOR, path).unwrap();
    (DESCRIPTOR.open)(address).unwrap()
}

type Read = (Vec<Record>, Vec<Unreadable>);

async fn read_with(snapshot: &mut dyn Snapshot, limit: Limit) -> crate::error::Result<Read> {
    let (mut records, mut unreadable) = (Vec::new(), Vec::new());
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let page = snapshot.scan(kind, after.as_ref(), limit).await?;
            assert!(page.records.len() <= limit.rows + 1);
            assert!(page.records.iter().all(|r| r.kind() == kind));
            records.extend(page.records);
            unreadable.extend(page.unreadable);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    snapshot.finish().await?;
    Ok((records, unreadable))
}

async fn read(path: &Path) -> Vec<Record> {
    let mut snapshot = store(path).snapshot(Consistency::InPlace).await.unwrap();
    let (records, unreadable) = read_with(&mut *snapshot, Limit::PAGE).await.unwrap();
    assert_eq!(unreadable, []);
    records
}

fn digests(records: &[Record]) -> Vec<Digest> {
    let mut canon = Canon::new();
    records.iter().map(|r| canon.digest(r)).collect()
}

/// What is in a folder: names, bytes, times of change.
fn trace(folder: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let own = std::fs::metadata(folder).unwrap().modified().unwrap();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        (name, (std::fs::read(&path).unwrap(), modified))
    });
    files.chain([(".".to_owned(), (Vec::new(), own))]).collect()
}

fn additions(seq: u64, records: &[Record]) -> Batch {
    let changes = records.iter().map(|record| Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    });
    Batch {
        seq,
        changes: changes.collect(),
    }
}

async fn open_writer(path: &Path) -> Box<dyn Writer> {
    let store = store(path);
    let mode = store.prepare().await.unwrap().mode;
    let request = WriteRequest {
        mode,
        run: "run-1".into(),
        origin: None,
    };
    store.writer(&request).await.unwrap()
}

/// Writes records as a run does, each batch twice.
async fn write(path: &Path, records: &[Record]) {
    let mut writer = open_writer(path).await;
    for (i, some) in records.chunks(100).enumerate() {
        let batch = additions(i as u64 + 1, some);
        for _ in 0..2 {
            assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
        }
    }
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
}

fn schema(path: &Path) -> Vec<(String, String, String)> {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn
        .prepare("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY rowid")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn check_integrity(path: &Path) -> String {
    let conn = Connection::open(path).unwrap();
    conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap()
}

pub(super) fn node(id: &str, title: &str) -> Record {
    let text = format!("{{\"id\": \"{id}\", \"title\": \"{title}\"}}");
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Stored(Value::text(text)),
        row: Row {
            created_at: Some(Value::text("2026-01-02 03:04:05")),
            updated_at: Some(Value::text("2026-01-02 03:04:05")),
            ..Row::default()
        },
    })
}
