//! Arbitrary bytes as an export file: described and scanned without a panic, every
//! element either read or named, and whatever was read survives our own export.

#![no_main]

use libfuzzer_sys::fuzz_target;
use memferry::model::{Canon, Kind, Record};
use memferry::store::{
    Address, Applied, Batch, Change, Consistency, Limit, Snapshot, Store, WriteMode, WriteRequest,
    registry,
};
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_current_thread();
    builder.max_blocking_threads(1).build().expect("a runtime")
});

fuzz_target!(|bytes: &[u8]| RUNTIME.block_on(run(bytes)));

fn open(path: &Path) -> Arc<dyn Store> {
    let json = registry::find("json").expect("the store");
    registry::open(&Address::file(json, path).expect("an address")).expect("a store")
}

async fn all(snapshot: &mut dyn Snapshot) -> (Vec<Record>, u64) {
    let (mut records, mut unreadable) = (Vec::new(), 0);
    let few = Limit {
        rows: 3,
        bytes: 1 << 12,
    };
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let page = snapshot.scan(kind, after.as_ref(), few).await;
            let page = page.expect("what is indexed can be scanned");
            unreadable += page.unreadable.len() as u64;
            records.extend(page.records);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    (records, unreadable)
}

async fn run(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("in.json");
    std::fs::write(&path, bytes).expect("room");
    let store = open(&path);
    let described = store.describe().await;
    let snapshot = store.snapshot(Consistency::InPlace).await;
    let mut snapshot = match (described, snapshot) {
        (Err(_), Err(_)) => return,
        (Ok(_), Ok(snapshot)) => snapshot,
        _ => panic!("describe and snapshot disagree"),
    };
    let counts = snapshot.counts().await.expect("counts");
    let (mut records, unreadable) = all(&mut *snapshot).await;
    assert_eq!(counts.total(), records.len() as u64 + unreadable);
    snapshot.finish().await.expect("nobody writes");

    let mut seen = HashSet::new();
    records.retain(|r| seen.insert(Canon::key_hash(r.kind(), r.key())));
    let out = open(&folder.path().join("out.json"));
    let request = WriteRequest {
        mode: WriteMode::Aside,
        run: "fuzz".to_owned(),
        origin: None,
    };
    let mut writer = out.writer(&request).await.expect("a writer");
    let change = |record: &Record| Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    };
    let batch = Batch {
        seq: 1,
        changes: records.iter().map(change).collect(),
    };
    assert_eq!(writer.apply(&batch).await.expect("applied"), Applied::Done);
    let mut written = writer.snapshot().await.expect("what we write we read");
    let (read, unreadable) = all(&mut *written).await;
    assert_eq!(unreadable, 0);
    let mut canon = Canon::new();
    let mut digests = |records: &[Record]| -> Vec<_> {
        let digest = |r: &Record| (r.kind(), canon.digest(r).core, r.key().display());
        let mut all: Vec<_> = records.iter().map(digest).collect();
        all.sort();
        all
    };
    assert_eq!(digests(&records), digests(&read));
    writer.abandon().await.expect("gone");
}
