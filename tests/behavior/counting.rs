//! Exact numbers, around every page boundary.

use crate::Behavior;
use crate::S;
use crate::help::*;
use crate::subject::when;
use memferry::model::{Kind, Record};
use memferry::store::{Labels, Limit};

/// The behaviours of this group.
pub fn all() -> Vec<Behavior> {
    let sizes = [0usize, 1, 999, 1_000, 1_001, 2_500];
    let mut all: Vec<Behavior> = sizes
        .into_iter()
        .map(|n| {
            let name = format!("counts_and_scans_agree_at_{n}");
            Behavior::new("counting", name, when::always, move |s| agree(s, n))
        })
        .collect();
    all.push(Behavior::new(
        "counting",
        "tells_memories_from_other_nodes",
        when::always,
        tells_memories_from_other_nodes,
    ));
    all
}

async fn agree(subject: S, n: usize) {
    let site = subject.site().await;
    let before = counts(&*site.store()).await;
    let links = n.saturating_sub(1);
    let mut records = memories(0..n);
    records.extend(chain(0..links));
    write(&*site.store(), &records).await;
    let store = site.store();
    let after = counts(&*store).await;
    assert_eq!(after.memories, before.memories + n as u64);
    assert_eq!(after.other_nodes, before.other_nodes);
    assert_eq!(after.relationships, before.relationships + links as u64);
    let mut snapshot = store
        .snapshot(memferry::store::Consistency::InPlace)
        .await
        .unwrap();
    for kind in Kind::BOTH {
        for rows in [1_000, 2_000] {
            let limit = Limit {
                rows,
                bytes: 1 << 20,
            };
            let scanned = scan(&mut *snapshot, kind, limit).await.unwrap();
            assert_eq!(scanned.len() as u64, after.of(kind), "{kind:?} by {rows}");
        }
    }
    assert_eq!(snapshot.counts().await.unwrap(), after, "counted again");
}

async fn tells_memories_from_other_nodes(subject: S) {
    if subject.holds().labels == Labels::MemoryOnly {
        return;
    }
    let site = subject.site().await;
    let before = counts(&*site.store()).await;
    let mut others = memories(0..3);
    for (other, label) in others.iter_mut().zip(["Entity", "memory", "Outcome"]) {
        if let Record::Node(node) = other {
            node.labels = vec![label.into()];
        }
    }
    others.extend(memories(10..12));
    write(&*site.store(), &others).await;
    let after = counts(&*site.store()).await;
    assert_eq!(after.memories, before.memories + 2);
    assert_eq!(after.other_nodes, before.other_nodes + 3);
}
