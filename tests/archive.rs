//! Archives from outside: rows of real stores, other programs, and the store contract.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use memferry::error::ErrorKind;
use memferry::model::{
    Canon, Digest, Key, Kind, Node, Properties, Record, Relationship, Row, Text, Value,
};
use memferry::store::archive::{ArchiveReader, ArchiveWriter, Header, Origin, verify};
use memferry::store::{
    Address, Applied, Batch, Change, Consistency, Limit, Snapshot, Store, WriteMode, WriteRequest,
    Writer, registry,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A cell as it is, whatever its storage class.
fn cell(row: &rusqlite::Row, column: usize) -> Value {
    match row.get_ref(column).unwrap() {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(i) => Value::Int(i),
        ValueRef::Real(f) => Value::Float(f),
        ValueRef::Text(t) => Value::Text(Text::from_bytes(t)),
        ValueRef::Blob(b) => Value::Bytes(b.to_vec()),
    }
}

fn text(value: &Value) -> Text {
    match value {
        Value::Text(t) => t.clone(),
        other => Text::from(format!("{other:?}")),
    }
}

/// The rows of a memorygraph file, nodes first.
fn rows_of(path: &Path) -> Vec<Record> {
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(uri, flags).unwrap();
    let mut all = Vec::new();
    let mut nodes = db
        .prepare("SELECT id, label, properties, created_at, updated_at FROM nodes ORDER BY rowid")
        .unwrap();
    let mut rows = nodes.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        all.push(Record::Node(Node {
            key: Key::Id(cell(row, 0)),
            labels: vec![text(&cell(row, 1))],
            properties: Properties::Stored(cell(row, 2)),
            row: Row {
                created_at: Some(cell(row, 3)),
                updated_at: Some(cell(row, 4)),
                ..Row::default()
            },
        }));
    }
    let mut relationships = db
        .prepare(
            "SELECT id, from_id, to_id, rel_type, properties, created_at
             FROM relationships ORDER BY rowid",
        )
        .unwrap();
    let mut rows = relationships.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        all.push(Record::Relationship(Relationship {
            key: Key::Id(cell(row, 0)),
            from: Key::Id(cell(row, 1)),
            to: Key::Id(cell(row, 2)),
            rel_type: text(&cell(row, 3)),
            properties: Properties::Stored(cell(row, 4)),
            row: Row {
                created_at: Some(cell(row, 5)),
                ..Row::default()
            },
        }));
    }
    all
}

/// Files of memorygraph: broken ones kept with the tests, and those it has just filled.
fn real_files() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<PathBuf> = [
        "null-and-blob-ids.db",
        "python-0.8.3.db",
        "export-source.db",
    ]
    .iter()
    .map(|name| fixtures.join(name))
    .collect();
    match std::env::var_os("MEMFERRY_TEST_STORES") {
        Some(folder) => {
            for name in [
                "adversarial-dirty",
                "adversarial-200",
                "plain-1500",
                "multi-tenant",
            ] {
                files.push(Path::new(&folder).join(format!("{name}.db")));
            }
        }
        None => eprintln!("MEMFERRY_TEST_STORES is not set: only fixtures are read"),
    }
    files
}

fn header() -> Header {
    Header::new(Origin::default())
}

fn write_all(path: &Path, records: &[Record]) {
    let mut writer = ArchiveWriter::create(path, &header()).unwrap();
    let mut canon = Canon::new();
    for (i, record) in records.iter().enumerate() {
        canon.digest(record);
        let known = canon.is_portable(record.properties());
        let number = writer.push_known(record, known).unwrap();
        assert_eq!(number, i as u64 + 1);
    }
    writer.finish(serde_json::Map::new()).unwrap();
}

fn shown(record: &Record) -> String {
    format!("{record:?}")
}

#[test]
fn rows_of_real_stores_come_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    for file in real_files() {
        let records = rows_of(&file);
        let path = folder.path().join(file.file_name().unwrap());
        write_all(&path, &records);
        assert_eq!(verify(&path).unwrap(), [], "{}", file.display());
        let mut reader = ArchiveReader::open(&path).unwrap();
        let mut read = Vec::new();
        for i in 1..reader.frame_count() {
            reader.read_frame(i, &mut read).unwrap();
        }
        assert_eq!(read.len(), records.len());
        for (read, record) in read.iter().zip(&records) {
            assert_eq!(shown(read), shown(record), "{}", file.display());
        }
    }
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing");
        eprintln!("{program} is not installed: not tried");
    }
    found
}

#[test]
fn zstd_and_jq_read_an_archive() {
    if !is_installed("zstd") || !is_installed("jq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for file in real_files() {
        let records = rows_of(&file);
        let path = folder.path().join("a.memferry");
        let _ = std::fs::remove_file(&path);
        write_all(&path, &records);
        let mut zstd = Command::new("zstd")
            .args(["-q", "-dc"])
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let jq = Command::new("jq")
            .args(["-r", "[.k // .format, (.p.title? | type)] | @tsv"])
            .stdin(zstd.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(zstd.wait().unwrap().success());
        let said = String::from_utf8_lossy(&jq.stderr);
        assert!(jq.status.success(), "{}: {said}", file.display());
        let lines = String::from_utf8(jq.stdout).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), records.len() + 1);
        assert_eq!(lines[0], "memferry\tnull");
        for (line, record) in lines[1..].iter().zip(&records) {
            let kind = match record.kind() {
                Kind::Node => "node\t",
                Kind::Relationship => "relationship\t",
            };
            assert!(line.starts_with(kind), "{line}");
        }
        if file.ends_with("export-source.db") {
            let memories = lines.iter().filter(|l| **l == "node\tstring").count();
            assert!(memories > 10, "properties are seen as they are");
        }
        let checked = Command::new("zstd").args(["-q", "-t"]).arg(&path).status();
        assert!(checked.unwrap().success());
    }
}

#[test]
fn a_record_of_16_megabytes_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.memferry");
    let mut records = rows_of(&real_files()[2]);
    let giant = |content: &str| {
        let mut text = b"{\"content\": ".to_vec();
        let content = content.repeat((16 << 20) / content.len());
        memferry::model::json::write_text(
            &mut text,
            content.as_bytes(),
            memferry::model::json::Style::PYTHON,
        );
        text.push(b'}');
        Record::Node(Node {
            key: Key::text("giant"),
            labels: vec!["Memory".into()],
            properties: Properties::Stored(Value::Text(Text::from_bytes(text))),
            row: Row::default(),
        })
    };
    records.insert(3, giant("words and words "));
    records.insert(4, giant("\u{0}\u{1f600}"));
    write_all(&path, &records);
    assert_eq!(verify(&path).unwrap(), []);
    let mut reader = ArchiveReader::open(&path).unwrap();
    for (i, record) in records.iter().enumerate() {
        let read = reader.record(i as u64 + 1).unwrap();
        assert!(shown(&read) == shown(record), "record {i}");
    }
}

fn store(path: &Path) -> Arc<dyn Store> {
    let address = Address::parse(&format!("archive:{}", path.display())).unwrap();
    registry::open(&address).unwrap()
}

async fn open_writer(store: &dyn Store, run: &str) -> Box<dyn Writer> {
    let request = WriteRequest {
        mode: store.prepare().await.unwrap().mode,
        run: run.to_owned(),
        origin: Some("sqlite:/somewhere/memory.db".to_owned()),
    };
    assert_eq!(request.mode, WriteMode::Aside);
    store.writer(&request).await.unwrap()
}

fn digest(record: &Record) -> Digest {
    Canon::new().digest(record)
}

fn adding(record: &Record) -> Change {
    Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    }
}

fn batch(seq: u64, changes: Vec<Change>) -> Batch {
    Batch {
        seq,
        changes: changes.into(),
    }
}

async fn scan(snapshot: &mut dyn Snapshot, limit: Limit) -> (Vec<Record>, Vec<String>) {
    let (mut all, mut unreadable) = (Vec::new(), Vec::new());
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let page = snapshot.scan(kind, after.as_ref(), limit).await.unwrap();
            assert!(page.records.len() <= limit.rows);
            all.extend(page.records);
            unreadable.extend(page.unreadable.into_iter().map(|u| u.place));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    (all, unreadable)
}

fn memory(id: &str, title: &str) -> Record {
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Stored(Value::text(format!("{{\"title\": \"{title}\"}}"))),
        row: Row::default(),
    })
}

#[tokio::test]
async fn a_store_is_moved_into_an_archive_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.memferry");
    let records = rows_of(&real_files()[2]);
    let store = store(&path);
    assert!(!store.describe().await.unwrap().exists);
    let mut writer = open_writer(&*store, "run-1").await;
    for (i, part) in records.chunks(17).enumerate() {
        let batch = batch(i as u64 + 1, part.iter().map(adding).collect());
        for _ in 0..2 {
            assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
        }
    }
    writer.complete().await.unwrap();
    assert!(!path.exists());
    let mut unpublished = writer.snapshot().await.unwrap();
    let (seen, _) = scan(&mut *unpublished, Limit::PAGE).await;
    assert_eq!(seen.len(), records.len());
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    drop(writer);
    assert_eq!(verify(&path).unwrap(), []);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let described = store.describe().await.unwrap();
    assert!(described.exists && described.notes.is_empty());
    assert_eq!(described.facts["from"], "sqlite:/somewhere/memory.db");
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    let total = snapshot.counts().await.unwrap().total();
    assert_eq!(total, records.len() as u64);
    for limit in [
        Limit::PAGE,
        Limit { rows: 1, bytes: 1 },
        Limit {
            rows: 9,
            bytes: 700,
        },
    ] {
        let (read, unreadable) = scan(&mut *snapshot, limit).await;
        assert!(unreadable.is_empty());
        assert_eq!(read.len(), records.len());
        assert!(read.iter().zip(&records).all(|(a, b)| shown(a) == shown(b)));
    }
    let error = store.prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let fingerprint = store.fingerprint().await.unwrap();
    assert_eq!(fingerprint, store.fingerprint().await.unwrap());
    let stale = memferry::store::Fingerprint("another".to_owned());
    assert_eq!(
        store.remove(&stale).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    store.remove(&fingerprint).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn what_was_just_written_can_be_found_changed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.memferry");
    let store = store(&path);
    let mut writer = open_writer(&*store, "run-1").await;
    let relationship = rows_of(&real_files()[2]).pop().unwrap();
    let first = vec![
        adding(&memory("a", "1")),
        adding(&memory("b", "1")),
        adding(&relationship),
    ];
    assert_eq!(writer.apply(&batch(1, first)).await.unwrap(), Applied::Done);
    let change = |before: &Record, after: Option<Record>| Change {
        kind: before.kind(),
        key: before.key().clone(),
        before: Some(digest(before)),
        after,
    };
    let wrong = vec![
        adding(&memory("c", "1")),
        adding(&memory("a", "2")),
        change(&memory("b", "3"), None),
        change(&memory("x", "1"), Some(memory("x", "2"))),
    ];
    let answer = writer.apply(&batch(2, wrong)).await.unwrap();
    assert_eq!(answer, Applied::Conflict(vec![1, 2, 3]));
    let second = batch(
        3,
        vec![
            change(&memory("a", "1"), Some(memory("a", "2"))),
            change(&memory("b", "1"), None),
            change(&memory("gone", "1"), None),
            adding(&memory("d", "1")),
        ],
    );
    for _ in 0..2 {
        assert_eq!(writer.apply(&second).await.unwrap(), Applied::Done);
    }
    let keys = ["d", "c", "b", "a"].map(Key::text);
    for _ in 0..2 {
        let found = writer.find(Kind::Node, &keys).await.unwrap();
        let found: Vec<_> = found.iter().map(|r| r.as_ref().map(digest)).collect();
        let expected = [Some(memory("d", "1")), None, None, Some(memory("a", "2"))];
        assert_eq!(found, expected.map(|r| r.map(|r| digest(&r))));
        writer.complete().await.unwrap();
    }
    assert_eq!(
        writer
            .apply(&batch(4, vec![adding(&memory("e", "1"))]))
            .await
            .unwrap(),
        Applied::Done
    );
    let mut snapshot = writer.snapshot().await.unwrap();
    let (seen, _) = scan(&mut *snapshot, Limit::PAGE).await;
    let ids: Vec<_> = seen.iter().map(|r| r.key().display()).collect();
    assert_eq!(ids, ["a", "d", "e", &relationship.key().display()]);
    writer.publish().await.unwrap();
    writer.abandon().await.unwrap();
    assert_eq!(verify(&path).unwrap(), []);
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    assert_eq!(scan(&mut *snapshot, Limit::PAGE).await.0.len(), 4);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn damage_is_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.memferry");
    let mut writer = ArchiveWriter::create(&path, &header()).unwrap();
    for frame in 0..4 {
        for i in 0..5 {
            writer.push(&memory(&format!("m{frame}-{i}"), "t")).unwrap();
        }
        writer.end_frame().unwrap();
    }
    writer.finish(serde_json::Map::new()).unwrap();
    let frame = ArchiveReader::open(&path).unwrap().frame(2).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[frame.offset as usize + 20] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    let store = store(&path);
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    let (read, unreadable) = scan(
        &mut *snapshot,
        Limit {
            rows: 3,
            bytes: 9_999,
        },
    )
    .await;
    assert_eq!(read.len(), 15);
    assert_eq!(unreadable, ["frame 2, records 6 to 10"]);

    std::fs::write(&path, &whole[..frame.offset as usize + 20]).unwrap();
    let notes = store.describe().await.unwrap().notes;
    assert!(notes[0].contains("cut off"), "{notes:?}");
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    let (read, unreadable) = scan(&mut *snapshot, Limit::PAGE).await;
    assert_eq!(read.len(), 5);
    assert_eq!(unreadable, ["behind record 5"]);
}

#[tokio::test]
async fn what_a_run_leaves_is_discarded_and_nothing_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.memferry");
    let store = store(&path);
    let mut killed = open_writer(&*store, "run-1").await;
    let one = batch(1, vec![adding(&memory("a", "1"))]);
    killed.apply(&one).await.unwrap();
    std::mem::forget(killed);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    store.discard("run-2").await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    store.discard("run-1").await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    let mut writer = open_writer(&*store, "run-1").await;
    writer.apply(&one).await.unwrap();
    std::fs::write(&path, "theirs").unwrap();
    let error = writer.publish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    drop(writer);
    assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = store
        .snapshot(Consistency::InPlace)
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotThisStore);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    let error = store.prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}
