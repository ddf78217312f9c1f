//! Layers on the reference store.

use super::*;
use crate::error::{ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Map, Node, Properties, Record, Row, Value};
use crate::store::reference::{self, Drift, Fault, Manners, Place};
use crate::store::{
    Applied, Batch, Change, Consistency, Cursor, Limit, Page, WriteMode, WriteRequest,
};
use std::sync::Mutex;
use std::time::Duration;

fn node(id: usize) -> Record {
    let mut map = Map::new();
    map.insert("n", Value::Int(id as i64));
    Record::Node(Node {
        key: Key::text(format!("id{id}")),
        labels: vec!["Memory".into()],
        properties: Properties::Typed(map),
        row: Row::default(),
    })
}

fn fill(place: &Place, nodes: usize) {
    for id in 0..nodes {
        place.put(node(id)).unwrap();
    }
}

pub(super) fn filled(name: &str, nodes: usize) -> Place {
    let place = Place::new(name, Manners::new(&[WriteMode::Journal])).unwrap();
    fill(&place, nodes);
    place
}

fn patient(attempts: u32) -> Patience {
    Patience {
        attempts,
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        told: None,
    }
}

const WRITE: WriteRequest = WriteRequest {
    mode: WriteMode::Journal,
    run: String::new(),
    origin: None,
};

fn adding(id: usize) -> Batch {
    let record = node(id);
    Batch {
        seq: 1,
        changes: vec![Change {
            kind: Kind::Node,
            key: record.key().clone(),
            before: None,
            after: Some(record),
        }]
        .into(),
    }
}

async fn scan_all(store: &Arc<dyn Store>, rows: usize) -> Result<Vec<Record>> {
    let mut snapshot = store.snapshot(Consistency::InPlace).await?;
    let limit = Limit {
        rows,
        ..Limit::PAGE
    };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page: Page = snapshot.scan(Kind::Node, after.as_ref(), limit).await?;
        all.extend(page.records);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    snapshot.finish().await?;
    Ok(all)
}

fn digests(records: &[Record]) -> Vec<[u8; 32]> {
    let mut canon = Canon::new();
    records.iter().map(|r| canon.digest(r).core).collect()
}

#[tokio::test]
async fn read_only_refuses_every_write_and_nothing_else() {
    let place = filled("read-only", 3);
    let store = read_only::wrap(place.store());
    let before = store.fingerprint().await.unwrap();
    assert_eq!(store.prepare().await.unwrap().mode, WriteMode::Journal);
    assert_eq!(scan_all(&store, 2).await.unwrap().len(), 3);
    let refused = [
        store.writer(&WRITE).await.map(drop),
        store.discard("run").await,
        store.remove(&before).await,
    ];
    for answer in refused {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Refused);
    }
    assert_eq!(store.fingerprint().await.unwrap(), before);
    assert!(!place.calls().contains(&Call::Writer));
}

#[tokio::test]
async fn retry_finishes_a_scan_in_bad_weather_as_if_nothing_was() {
    let place = filled("retry-weather", 500);
    let mut faults = 0;
    for seed in 0..20 {
        let weather = chaos::Weather {
            temporary: 300,
            delayed: 100,
            delay: Duration::from_millis(1),
            ..chaos::Weather::new(seed)
        };
        let (stormy, storm) = chaos::wrap(place.store(), weather);
        let store = retry::wrap(stormy, patient(50));
        let read = scan_all(&store, 20).await.unwrap();
        assert_eq!(digests(&read), digests(&place.records(Kind::Node)));
        faults += storm.faults();
    }
    assert!(faults > 100, "{faults}");
}

#[tokio::test]
async fn retry_ends_and_says_how_often_it_tried() {
    let place = filled("retry-end", 1);
    let lost = Fault::Lost {
        calls: 9,
        sessions: false,
    };
    place.fault(None, 1, lost);
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let patience = Patience {
        told: Some(Arc::new(move |a: &Attempt<'_>| {
            heard.lock().unwrap().push((a.number, a.pause.as_millis()));
        })),
        ..patient(4)
    };
    let store = retry::wrap(place.store(), patience);
    let error = store.describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.context().last().unwrap().1, "4");
    assert_eq!(*told.lock().unwrap(), [(1, 1), (2, 2), (3, 4)]);
    assert_eq!(place.calls().len(), 4);
    // Five calls still fail; a permanent error is not tried again.
    assert!(store.fingerprint().await.is_err());
    assert!(store.fingerprint().await.is_ok());
    let permanent = Fault::Fails {
        kind: ErrorKind::Auth,
        temporary: false,
    };
    place.fault(Call::Describe, 1, permanent);
    let before = place.calls().len();
    assert_eq!(store.describe().await.unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(place.calls().len(), before + 1);
}

#[tokio::test]
async fn retry_never_repeats_a_write_nor_a_drift() {
    let place = Place::new(
        "retry-writes",
        Manners::new(&[WriteMode::Journal]).drifting(Drift::ToldByScan),
    )
    .unwrap();
    fill(&place, 10);
    let store = retry::wrap(place.store(), patient(9));
    let mut writer = store.writer(&WRITE).await.unwrap();
    let unanswered = Fault::Unanswered {
        took_effect: true,
        as_error: true,
    };
    place.fault(Call::Apply, 1, unanswered);
    let error = writer.apply(&adding(10)).await.unwrap_err();
    assert!(error.is_temporary());
    let applied = |c: &&reference::Call| **c == Call::Apply;
    assert_eq!(place.calls().iter().filter(applied).count(), 1);
    assert_eq!(place.records(Kind::Node).len(), 11);
    drop(writer);

    place.fault(
        Call::Scan,
        3,
        Fault::Meanwhile(Box::new(|place| place.put(node(99)).unwrap())),
    );
    let scans = |place: &Place| {
        let calls = place.calls();
        calls.iter().filter(|c| **c == Call::Scan).count()
    };
    let error = scan_all(&store, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Drifted);
    assert_eq!(scans(&place), 3);
}

#[tokio::test]
async fn retry_asks_a_writer_again_for_what_it_finds() {
    let place = filled("retry-find", 2);
    let store = retry::wrap(place.store(), patient(9));
    let mut writer = store.writer(&WRITE).await.unwrap();
    let lost = Fault::Lost {
        calls: 3,
        sessions: false,
    };
    place.fault(Call::Find, 1, lost);
    let found = writer.find(Kind::Node, &[Key::text("id1")]).await.unwrap();
    assert!(found[0].is_some());
}

#[tokio::test]
async fn metering_counts_what_went_through() {
    let place = filled("metering", 25);
    let meter = Meter::new();
    let store = metering::wrap(place.store(), meter.clone());
    scan_all(&store, 10).await.unwrap();
    let bytes: usize = place.records(Kind::Node).iter().map(Record::size).sum();
    let read = meter.read();
    assert_eq!((read.records_read, read.bytes_read), (25, bytes as u64));
    assert_eq!(meter.calls(Call::Scan), (3, 0));
    let mut writer = store.writer(&WRITE).await.unwrap();
    assert_eq!(writer.apply(&adding(25)).await.unwrap(), Applied::Done);
    let conflicting = Batch {
        changes: vec![Change {
            after: None,
            before: Some(Canon::new().digest(&node(7))),
            ..adding(25).changes[0].clone()
        }]
        .into(),
        seq: 2,
    };
    assert!(matches!(
        writer.apply(&conflicting).await.unwrap(),
        Applied::Conflict(_)
    ));
    writer
        .find(Kind::Node, &[Key::text("id1"), Key::text("no")])
        .await
        .unwrap();
    let read = meter.read();
    assert_eq!((read.changes_written, read.looked_up), (1, 1));
    assert_eq!(read.bytes_written, node(25).size() as u64);
    place.fault(
        Call::Describe,
        1,
        Fault::Lost {
            calls: 1,
            sessions: false,
        },
    );
    assert!(store.describe().await.is_err());
    assert_eq!(meter.calls(Call::Describe), (1, 1));
    assert_eq!(meter.read().failed, 1);
}

#[tokio::test]
async fn chaos_is_the_same_with_the_same_seed() {
    let place = filled("chaos", 1);
    let run = |seed| {
        let (store, _) = chaos::wrap(place.store(), chaos::Weather::new(seed));
        async move {
            let mut outcome = Vec::new();
            for _ in 0..200 {
                outcome.push(store.describe().await.is_ok());
            }
            outcome
        }
    };
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
    let failed = first.iter().filter(|ok| !**ok).count();
    assert!((5..50).contains(&failed), "{failed}");
}

#[tokio::test]
async fn chaos_loses_answers_of_writes_that_took_effect() {
    let place = filled("chaos-lost", 0);
    place.create();
    let weather = chaos::Weather {
        temporary: 1_000,
        lost_answers: 1_000,
        faults: 1,
        calls: vec![Call::Apply],
        ..chaos::Weather::new(1)
    };
    let (store, storm) = chaos::wrap(place.store(), weather);
    let mut writer = store.writer(&WRITE).await.unwrap();
    assert!(writer.apply(&adding(1)).await.is_err());
    assert_eq!(place.records(Kind::Node).len(), 1);
    assert_eq!(writer.apply(&adding(1)).await.unwrap(), Applied::Done);
    assert_eq!(storm.faults(), 1);
}

#[tokio::test]
async fn a_dressed_store_does_all_of_it() {
    let place = filled("dressed", 30);
    let dress = Dress {
        patience: Some(patient(5)),
        read_only: true,
        rate: Some(Rate::new(1_000)),
        meter: Some(Meter::new()),
    };
    let store = dress.wear(place.store());
    place.fault(
        Call::Scan,
        2,
        Fault::Lost {
            calls: 2,
            sessions: false,
        },
    );
    assert_eq!(scan_all(&store, 10).await.unwrap().len(), 30);
    let read = dress.meter.unwrap();
    assert_eq!(read.calls(Call::Scan), (3, 0));
    assert_eq!(read.read().records_read, 30);
    assert!(store.writer(&WRITE).await.is_err());
    assert_eq!(read.read().failed, 1);
    let garbage = Cursor(vec![1, 2, 3]);
    let mut snapshot = store.snapshot(Consistency::Copy).await.unwrap();
    assert!(
        snapshot
            .scan(Kind::Node, Some(&garbage), Limit::PAGE)
            .await
            .is_err()
    );
}
