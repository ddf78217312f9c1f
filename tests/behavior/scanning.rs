//! Scans: complete, in one order, by pages of any size, restartable from every cursor.

use crate::help::*;
use crate::{S, behaviors};
use memferry::model::{Kind, Record};
use memferry::store::{Consistency, Cursor, Limit, Snapshot};

behaviors! { "scanning";
    always: pages_of_any_size_bring_the_same, pages_keep_to_their_limits,
        every_cursor_starts_the_rest, a_cursor_works_in_a_later_snapshot,
        the_end_has_no_cursor, a_kind_without_records_is_empty, the_order_is_the_same_every_time,
        kinds_can_be_scanned_in_turns, two_snapshots_do_not_meet,
        a_foreign_cursor_does_no_harm, a_private_copy_brings_the_same,
        a_cursor_survives_its_serialised_form;
}

const fn rows(rows: usize) -> Limit {
    Limit {
        rows,
        bytes: 1 << 20,
    }
}

fn digests(records: &[Record]) -> Vec<[u8; 32]> {
    records.iter().map(|r| digest(r).core).collect()
}

/// Sixty memories of very different sizes, with their relationships.
async fn varied(subject: &S) -> Box<dyn crate::subject::Site> {
    let site = subject.site().await;
    let mut records: Vec<Record> = (0..60)
        .map(|n| memory(&format!("m{n}"), &"x".repeat(n * n * 7 % 5_000)))
        .collect();
    records.extend(chain(0..59));
    write(&*site.store(), &records).await;
    site
}

async fn open(site: &dyn crate::subject::Site) -> Box<dyn Snapshot> {
    let store = site.store();
    store.snapshot(Consistency::InPlace).await.unwrap()
}

async fn pages_of_any_size_bring_the_same(subject: S) {
    let site = varied(&subject).await;
    let mut snapshot = open(&*site).await;
    for kind in Kind::BOTH {
        let whole = digests(&scan(&mut *snapshot, kind, rows(1_000)).await.unwrap());
        for limit in [
            rows(1),
            rows(7),
            Limit {
                rows: 999,
                bytes: 1,
            },
            Limit {
                rows: 999,
                bytes: 3_000,
            },
            Limit {
                rows: usize::MAX,
                bytes: usize::MAX,
            },
        ] {
            let parts = digests(&scan(&mut *snapshot, kind, limit).await.unwrap());
            assert_eq!(parts, whole, "{kind:?} {limit:?}");
        }
    }
}

async fn pages_keep_to_their_limits(subject: S) {
    let site = varied(&subject).await;
    let mut snapshot = open(&*site).await;
    for limit in [
        rows(1),
        rows(7),
        Limit {
            rows: 50,
            bytes: 4_000,
        },
    ] {
        let mut after = None;
        loop {
            let page = snapshot
                .scan(Kind::Node, after.as_ref(), limit)
                .await
                .unwrap();
            let bytes: usize = page.records.iter().map(Record::size).sum();
            assert!(page.records.len() <= limit.rows, "rows at {limit:?}");
            let fits = bytes <= limit.bytes || page.records.len() == 1;
            assert!(
                fits,
                "{} records of {bytes} bytes at {limit:?}",
                page.records.len()
            );
            match page.next {
                Some(next) => {
                    assert!(
                        !page.records.is_empty(),
                        "a page that is not the last is not empty"
                    );
                    after = Some(next);
                }
                None => break,
            }
        }
    }
}

/// Each cursor that a scan by pages of seven hands out, with what had come by then.
async fn cursors(snapshot: &mut dyn Snapshot, kind: Kind) -> Vec<(Cursor, usize)> {
    let (mut cursors, mut seen): (Vec<(Cursor, usize)>, usize) = (Vec::new(), 0);
    loop {
        let after = cursors.last().map(|(c, _)| c);
        let page = snapshot.scan(kind, after, rows(7)).await.unwrap();
        seen += page.records.len();
        match page.next {
            Some(next) => cursors.push((next, seen)),
            None => return cursors,
        }
    }
}

async fn rest(snapshot: &mut dyn Snapshot, kind: Kind, after: &Cursor) -> Vec<[u8; 32]> {
    let mut all = Vec::new();
    let mut after = Some(after.clone());
    while let Some(cursor) = after {
        let page = snapshot.scan(kind, Some(&cursor), rows(25)).await.unwrap();
        all.extend(digests(&page.records));
        after = page.next;
    }
    all
}

async fn every_cursor_starts_the_rest(subject: S) {
    let site = varied(&subject).await;
    let mut snapshot = open(&*site).await;
    for kind in Kind::BOTH {
        let whole = digests(&scan(&mut *snapshot, kind, rows(1_000)).await.unwrap());
        let cursors = cursors(&mut *snapshot, kind).await;
        assert!(cursors.len() >= 8);
        for (cursor, seen) in cursors.iter().rev() {
            assert_eq!(rest(&mut *snapshot, kind, cursor).await, whole[*seen..]);
        }
    }
}

async fn a_cursor_works_in_a_later_snapshot(subject: S) {
    let site = varied(&subject).await;
    let whole = digests(&records(&*site.store(), Kind::Node).await);
    let cursors = {
        let mut snapshot = open(&*site).await;
        cursors(&mut *snapshot, Kind::Node).await
    };
    for (cursor, seen) in cursors.iter().step_by(3) {
        let mut snapshot = open(&*site).await;
        let rest = rest(&mut *snapshot, Kind::Node, cursor).await;
        assert_eq!(rest, whole[*seen..]);
    }
}

async fn a_cursor_survives_its_serialised_form(subject: S) {
    let site = varied(&subject).await;
    let mut snapshot = open(&*site).await;
    for (cursor, _) in cursors(&mut *snapshot, Kind::Relationship).await {
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<Cursor>(&text).unwrap(), cursor);
    }
}

async fn the_end_has_no_cursor(subject: S) {
    let site = subject.site().await;
    let there = counts(&*site.store()).await.total() as usize;
    write(&*site.store(), &memories(0..5)).await;
    let mut snapshot = open(&*site).await;
    let exact = snapshot
        .scan(Kind::Node, None, rows(there + 5))
        .await
        .unwrap();
    if let Some(next) = exact.next {
        let page = snapshot
            .scan(Kind::Node, Some(&next), rows(9))
            .await
            .unwrap();
        assert!(page.records.is_empty() && page.next.is_none());
    }
}

async fn a_kind_without_records_is_empty(subject: S) {
    let site = subject.site().await;
    let there = counts(&*site.store()).await.relationships;
    write(&*site.store(), &memories(0..2)).await;
    let mut snapshot = open(&*site).await;
    let found = scan(&mut *snapshot, Kind::Relationship, rows(9))
        .await
        .unwrap();
    assert_eq!(found.len() as u64, there);
}

async fn the_order_is_the_same_every_time(subject: S) {
    let site = varied(&subject).await;
    for kind in Kind::BOTH {
        let first = digests(&records(&*site.store(), kind).await);
        assert_eq!(digests(&records(&*site.store(), kind).await), first);
    }
}

async fn kinds_can_be_scanned_in_turns(subject: S) {
    let site = varied(&subject).await;
    let mut snapshot = open(&*site).await;
    let whole = [
        digests(&scan(&mut *snapshot, Kind::Node, rows(1_000)).await.unwrap()),
        digests(
            &scan(&mut *snapshot, Kind::Relationship, rows(1_000))
                .await
                .unwrap(),
        ),
    ];
    let mut found = [Vec::new(), Vec::new()];
    let mut after = [None, None];
    let mut done = [false, false];
    while done != [true, true] {
        for (i, kind) in Kind::BOTH
            .into_iter()
            .enumerate()
            .filter(|(i, _)| !done[*i])
            .collect::<Vec<_>>()
        {
            let page = snapshot
                .scan(kind, after[i].as_ref(), rows(11))
                .await
                .unwrap();
            found[i].extend(digests(&page.records));
            done[i] = page.next.is_none();
            after[i] = page.next;
        }
    }
    assert_eq!(found, whole);
}

async fn two_snapshots_do_not_meet(subject: S) {
    let site = varied(&subject).await;
    let (mut a, mut b) = (open(&*site).await, open(&*site).await);
    let first = a.scan(Kind::Node, None, rows(10)).await.unwrap();
    let all = digests(&scan(&mut *b, Kind::Node, rows(7)).await.unwrap());
    b.finish().await.unwrap();
    drop(b);
    let rest = rest(&mut *a, Kind::Node, &first.next.unwrap()).await;
    assert_eq!([digests(&first.records), rest].concat(), all);
    a.finish().await.unwrap();
}

async fn a_foreign_cursor_does_no_harm(subject: S) {
    let site = varied(&subject).await;
    let whole = look(&*site.store()).await;
    for bytes in [
        vec![],
        vec![0],
        vec![255; 8],
        vec![127; 16],
        b"not a cursor".to_vec(),
        b"{\"rowid\": -1}".to_vec(),
        vec![0; 100_000],
    ] {
        let mut snapshot = open(&*site).await;
        for kind in Kind::BOTH {
            // An error or some page: either will do, a panic or a hang will not.
            let _ = snapshot
                .scan(kind, Some(&Cursor(bytes.clone())), rows(10))
                .await;
        }
    }
    look(&*site.store()).await.assert_same(&whole);
}

async fn a_private_copy_brings_the_same(subject: S) {
    let site = varied(&subject).await;
    let mut copy = site.store().snapshot(Consistency::Copy).await.unwrap();
    let copied = picture_of(&mut *copy).await.unwrap();
    copy.finish().await.unwrap();
    copied.assert_same(&look(&*site.store()).await);
}
