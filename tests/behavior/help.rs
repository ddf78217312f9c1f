//! What every group needs: records, writing them, and pictures of a whole store that
//! can be compared.

use crate::subject::{Site, Subject};
use memferry::error::Result;
use memferry::model::{
    Canon, Digest, Key, KeyHash, Kind, Map, Node, Properties, Record, Relationship, Row, Value,
};
use memferry::store::{
    Applied, Batch, Change, Consistency, Counts, Limit, Snapshot, Store, Unreadable, WriteMode,
    WriteRequest, Writer,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number nobody else in this process has.
pub fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Name of a new run.
pub fn run_name() -> String {
    format!("20260102T030405Z-{:06x}", unique())
}

/// Text.
pub fn text(s: &str) -> Value {
    Value::text(s)
}

/// A map from pairs.
pub fn map<const N: usize>(pairs: [(&str, Value); N]) -> Map {
    Map::from_pairs(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
}

/// An ordinary memory; `say` is its content.
pub fn memory(id: &str, say: &str) -> Record {
    let time = "2024-03-01T12:00:00.123456+00:00";
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Typed(map([
            ("id", text(id)),
            ("type", text("solution")),
            ("title", text(&format!("Title of {id}"))),
            ("content", text(say)),
            ("tags", Value::List(vec![text("redis"), text("fix")])),
            ("importance", Value::Float(0.5)),
            ("confidence", Value::Float(1.0)),
            ("usage_count", Value::Int(3)),
            ("created_at", text(time)),
            ("updated_at", text(time)),
        ])),
        row: Row::default(),
    })
}

/// Ordinary memories, by number.
pub fn memories(numbers: Range<usize>) -> Vec<Record> {
    let one = |n| memory(&format!("m{n}"), &format!("content {n}"));
    numbers.map(one).collect()
}

/// An ordinary relationship.
pub fn relationship(id: &str, from: &str, to: &str) -> Record {
    let time = || text("2024-03-01T12:00:00+00:00");
    Record::Relationship(Relationship {
        key: Key::text(id),
        from: Key::text(from),
        to: Key::text(to),
        rel_type: "SOLVES".into(),
        properties: Properties::Typed(map([
            ("id", text(id)),
            ("strength", Value::Float(0.9)),
            ("confidence", Value::Float(0.6)),
            ("evidence_count", Value::Int(4)),
            ("created_at", time()),
            ("last_validated", time()),
            ("validation_count", Value::Int(2)),
            ("counter_evidence_count", Value::Int(1)),
            ("valid_from", time()),
            ("recorded_at", time()),
        ])),
        row: Row::default(),
    })
}

/// Relationships from each of these memories to the next, named by their numbers.
pub fn chain(numbers: Range<usize>) -> Vec<Record> {
    let one = |n| relationship(&format!("r{n}"), &format!("m{n}"), &format!("m{}", n + 1));
    numbers.map(one).collect()
}

/// Ten memories and nine relationships.
pub fn few() -> Vec<Record> {
    let mut records = memories(0..10);
    records.extend(chain(0..9));
    records
}

/// The digest of a record.
pub fn digest(record: &Record) -> Digest {
    Canon::new().digest(record)
}

/// Changes that add records.
pub fn adding(records: &[Record]) -> Vec<Change> {
    let add = |record: &Record| Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    };
    records.iter().map(add).collect()
}

/// A change from one record to another of the same key.
pub fn changing(before: &Record, after: Record) -> Change {
    Change {
        kind: before.kind(),
        key: before.key().clone(),
        before: Some(digest(before)),
        after: Some(after),
    }
}

/// A change that removes a record.
pub fn removing(before: &Record) -> Change {
    Change {
        kind: before.kind(),
        key: before.key().clone(),
        before: Some(digest(before)),
        after: None,
    }
}

/// A batch.
pub fn batch(seq: u64, changes: Vec<Change>) -> Batch {
    Batch {
        seq,
        changes: changes.into(),
    }
}

/// A request for the mode the store itself names.
pub async fn request(store: &dyn Store, run: &str) -> Result<WriteRequest> {
    Ok(WriteRequest {
        mode: store.prepare().await?.mode,
        run: run.to_owned(),
        origin: None,
    })
}

/// A writer for a new run.
pub async fn writer(store: &dyn Store) -> Box<dyn Writer> {
    let request = request(store, &run_name()).await.unwrap();
    store.writer(&request).await.unwrap()
}

/// Applies additions in batches, each answered with `Done`.
pub async fn apply_all(writer: &mut dyn Writer, records: &[Record], rows: usize) {
    for (seq, part) in records.chunks(rows).enumerate() {
        let batch = batch(seq as u64 + 1, adding(part));
        assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
    }
}

/// Adds records as a run does.
pub async fn write(store: &dyn Store, records: &[Record]) {
    let mut writer = writer(store).await;
    apply_all(&mut *writer, records, 500).await;
    publish(writer).await;
}

/// Makes changes as a run does.
pub async fn change(store: &dyn Store, changes: Vec<Change>) -> Applied {
    let mut writer = writer(store).await;
    match writer.apply(&batch(1, changes)).await.unwrap() {
        Applied::Done => publish(writer).await,
        other => {
            writer.abandon().await.unwrap();
            return other;
        }
    }
    Applied::Done
}

/// Completes and publishes.
pub async fn publish(mut writer: Box<dyn Writer>) {
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
}

/// Adds a few records to a fresh place.
pub async fn filled(subject: &dyn Subject) -> Box<dyn Site> {
    let site = subject.site().await;
    write(&*site.store(), &few()).await;
    site
}

/// A whole store as digests by key.
#[derive(Debug, Default, PartialEq)]
pub struct Picture {
    /// By kind and key.
    pub records: BTreeMap<(Kind, KeyHash), Digest>,
    /// For messages.
    pub names: BTreeMap<(Kind, KeyHash), String>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

impl Picture {
    /// Of these records.
    pub fn of(records: &[Record]) -> Self {
        let mut picture = Self::default();
        for record in records {
            picture.add(record);
        }
        picture
    }

    /// Adds a record whose key is new.
    pub fn add(&mut self, record: &Record) {
        let at = (record.kind(), Canon::key_hash(record.kind(), record.key()));
        self.names.insert(at, record.key().display());
        let before = self.records.insert(at, digest(record));
        assert!(before.is_none(), "{} comes twice", record.key().display());
    }

    /// Adds records, replacing those of the same keys.
    pub fn with(mut self, records: &[Record]) -> Self {
        for record in records {
            let at = (record.kind(), Canon::key_hash(record.kind(), record.key()));
            self.names.insert(at, record.key().display());
            self.records.insert(at, digest(record));
        }
        self
    }

    /// Fails unless both hold the same records, as far as both can tell.
    pub fn assert_same(&self, other: &Picture) {
        assert_eq!(self.unreadable, other.unreadable);
        let mut wrong = Vec::new();
        let keys: BTreeSet<_> = self.records.keys().chain(other.records.keys()).collect();
        for key in keys {
            let problem = match (self.records.get(key), other.records.get(key)) {
                (Some(a), Some(b)) if a.matches(b) => continue,
                (Some(a), Some(b)) if a.core == b.core => "row differs",
                (Some(_), Some(_)) => "differs",
                (Some(_), None) => "is only in the first",
                (None, _) => "is only in the second",
            };
            let name = self.names.get(key).or(other.names.get(key)).unwrap();
            wrong.push(format!("{:?} {name:?} {problem}", key.0));
        }
        assert!(wrong.is_empty(), "{} wrong: {:?}", wrong.len(), wrong);
    }
}

/// All records of a kind, by pages.
pub async fn scan(snapshot: &mut dyn Snapshot, kind: Kind, limit: Limit) -> Result<Vec<Record>> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = snapshot.scan(kind, after.as_ref(), limit).await?;
        assert_eq!(page.unreadable, [], "unreadable");
        all.extend(page.records);
        match page.next {
            Some(next) => {
                assert_ne!(Some(&next), after.as_ref(), "the cursor moves");
                after = Some(next);
            }
            None => return Ok(all),
        }
    }
}

/// All records of a snapshot.
pub async fn picture_of(snapshot: &mut dyn Snapshot) -> Result<Picture> {
    let mut picture = Picture::default();
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            for record in &page.records {
                assert_eq!(record.kind(), kind);
                picture.add(record);
            }
            picture.unreadable.extend(page.unreadable);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(picture)
}

/// Everything in a store; nothing, if it is not there.
pub async fn look(store: &dyn Store) -> Picture {
    if !store.describe().await.unwrap().exists {
        return Picture::default();
    }
    try_look(store).await.unwrap()
}

/// Everything in a store, or why not.
pub async fn try_look(store: &dyn Store) -> Result<Picture> {
    let mut snapshot = store.snapshot(Consistency::InPlace).await?;
    let picture = picture_of(&mut *snapshot).await?;
    snapshot.finish().await?;
    Ok(picture)
}

/// All records of a store, in order.
pub async fn records(store: &dyn Store, kind: Kind) -> Vec<Record> {
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    scan(&mut *snapshot, kind, Limit::PAGE).await.unwrap()
}

/// Exact counts; zeros, if it is not there.
pub async fn counts(store: &dyn Store) -> Counts {
    if !store.describe().await.unwrap().exists {
        return Counts::default();
    }
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    snapshot.counts().await.unwrap()
}

/// How often something is looked at that comes about by itself, 10 ms apart: half a minute,
/// since a busy machine may not run a thread for seconds.
const LOOKS: usize = 3_000;

/// Waits: what a dropped writer lets go of may take a moment.
pub async fn soon<T: PartialEq + std::fmt::Debug>(expected: T, mut look: impl FnMut() -> T) {
    for _ in 0..LOOKS {
        if look() == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(look(), expected);
}

/// Opens a writer as soon as the one before has let go.
pub async fn writer_soon(store: &Arc<dyn Store>, mode: WriteMode, run: &str) -> Box<dyn Writer> {
    let request = WriteRequest {
        mode,
        run: run.to_owned(),
        origin: None,
    };
    for _ in 0..LOOKS {
        if let Ok(writer) = store.writer(&request).await {
            return writer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    store.writer(&request).await.unwrap()
}
