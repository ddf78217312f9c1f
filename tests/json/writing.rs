//! The writer against its contract.

use super::support::*;
use memferry::error::ErrorKind;
use memferry::model::{Canon, Key, Kind, Node, Properties, Record, Value};
use memferry::store::{Applied, Batch, Change};

/// A writer keeps the rules of its contract, and leaves nothing behind.
#[tokio::test]
async fn a_writer_applies_once_refuses_conflicts_and_never_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let held = rows(&fixture("export-source.db"));
    let store = open(&path);
    let mut writer = store.writer(&request()).await.unwrap();
    let batches = batches(&held);
    for batch in batches.iter().chain(&batches) {
        assert_eq!(writer.apply(batch).await.unwrap(), Applied::Done);
    }
    let keys = [held[3].key().clone(), Key::text("nobody")];
    let found = writer.find(Kind::Node, &keys).await.unwrap();
    assert_equal(&held[3..4], &[found[0].clone().unwrap()]);
    assert!(found[1].is_none());
    let mut canon = Canon::new();
    let change = |before, after| Batch {
        seq: 9,
        changes: vec![Change {
            kind: Kind::Node,
            key: held[3].key().clone(),
            before,
            after,
        }]
        .into(),
    };
    let other = match held[3].clone() {
        Record::Node(node) => Record::Node(Node {
            properties: Properties::Stored(Value::text("{}")),
            ..node
        }),
        other => other,
    };
    let was = canon.digest(&held[3]);
    let taken = writer.apply(&change(None, Some(other.clone()))).await;
    assert_eq!(taken.unwrap(), Applied::Conflict(vec![0]));
    let mut before = writer.snapshot().await.unwrap();
    assert_eq!(before.counts().await.unwrap().memories, 15);
    for (from, to) in [
        (Some(was), Some(other.clone())),
        (Some(canon.digest(&other)), None),
        (None, Some(held[3].clone())),
    ] {
        let applied = writer.apply(&change(from, to)).await.unwrap();
        assert_eq!(applied, Applied::Done);
    }
    let mut after = writer.snapshot().await.unwrap();
    let (nodes, _) = all(&mut *after, Kind::Node, FEW).await;
    assert_eq!(nodes.len(), 15);
    std::fs::write(&path, "mine").unwrap();
    let refused = writer.publish().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let refused = store.prepare().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
}

/// What a killed writer leaves is removed by the name of its run.
#[tokio::test]
async fn leftovers_are_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("out.json"));
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut writer = store.writer(&request()).await.unwrap();
    writer.complete().await.unwrap();
    std::mem::forget(writer);
    assert_eq!(left(), 2);
    store.discard("20260101-fedcba").await.unwrap();
    assert_eq!(left(), 2, "another run's are left alone");
    store.discard(&request().run).await.unwrap();
    assert_eq!(left(), 0);
    store.discard(&request().run).await.unwrap();
}

#[tokio::test]
async fn what_was_published_is_removed_only_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let store = open(&path);
    let absent = store.fingerprint().await.unwrap();
    let new = store.identity().await.unwrap();
    write(&path, &[]).await;
    let left = store.fingerprint().await.unwrap();
    assert_ne!(absent, left);
    assert_ne!(new, store.identity().await.unwrap());
    assert_eq!(left, store.fingerprint().await.unwrap());
    let file = std::fs::OpenOptions::new().append(true).open(&path);
    std::io::Write::write_all(&mut file.unwrap(), b"\n").unwrap();
    let refused = store.remove(&left).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let now = store.fingerprint().await.unwrap();
    store.remove(&now).await.unwrap();
    assert!(!path.exists());
}
