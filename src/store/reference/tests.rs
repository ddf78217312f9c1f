//! Bad manners, one by one.

use super::*;
use crate::model::{Canon, Key, Kind, Map, Node, Properties, Record, Row, Value};
use crate::store::{Applied, Batch, Change, Consistency, Limit, WriteRequest, Writer};

fn node(id: &str, value: Value) -> Record {
    let mut map = Map::new();
    map.insert("value", value);
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Typed(map),
        row: Row::default(),
    })
}

fn change(before: Option<&Record>, after: Record) -> Change {
    Change {
        kind: after.kind(),
        key: after.key().clone(),
        before: before.map(|record| Canon::new().digest(record)),
        after: Some(after),
    }
}

fn batch(seq: u64, records: &[Record]) -> Batch {
    let changes: Vec<Change> = records.iter().map(|r| change(None, r.clone())).collect();
    Batch {
        seq,
        changes: changes.into(),
    }
}

fn some(from: i64, to: i64) -> Vec<Record> {
    let one = |n: i64| node(&format!("n{n}"), Value::Int(n));
    (from..to).map(one).collect()
}

fn place(name: &str, mode: &'static [WriteMode]) -> Place {
    Place::new(name, Manners::new(mode)).unwrap()
}

async fn open(place: &Place) -> Result<Box<dyn Writer>> {
    let request = WriteRequest {
        mode: place.store().prepare().await?.mode,
        run: "run".to_owned(),
        origin: None,
    };
    place.store().writer(&request).await
}

const JOURNAL: &[WriteMode] = &[WriteMode::Journal];
const TRANSACTION: &[WriteMode] = &[WriteMode::Transaction];
const ASIDE: &[WriteMode] = &[WriteMode::Aside];

#[test]
fn no_place_no_kind() {
    // Other tests make places at the same time, so only the address can be asked.
    let place = place("registry", JOURNAL);
    let address = Address::parse("reference:registry").unwrap();
    assert_eq!(
        crate::store::registry::open(&address).unwrap().address(),
        place.address()
    );
    assert!(Place::new("registry", Manners::new(JOURNAL)).is_err());
    let listed = crate::store::registry::STORES;
    assert!(listed.iter().all(|d| d.kind != KIND));
    drop(place);
    assert_eq!(open_kind(&address), Some(ErrorKind::NotFound));
}

fn open_kind(address: &Address) -> Option<ErrorKind> {
    super::open(address.clone()).err().map(|e| e.kind())
}

#[tokio::test]
async fn an_unanswered_batch_was_done_or_not() {
    let place = place("unanswered", JOURNAL);
    let mut writer = open(&place).await.unwrap();
    for (took_effect, as_error, there) in [
        (true, false, 2),
        (false, false, 2),
        (true, true, 4),
        (false, true, 4),
    ] {
        let fault = Fault::Unanswered {
            took_effect,
            as_error,
        };
        place.fault(Call::Apply, 1, fault);
        let from = place.records(Kind::Node).len() as i64;
        let answer = writer.apply(&batch(1, &some(from, from + 2))).await;
        match as_error {
            true => assert!(answer.unwrap_err().is_temporary()),
            false => assert_eq!(answer.unwrap(), Applied::Unknown),
        }
        assert_eq!(place.records(Kind::Node).len(), there);
    }
    assert_eq!(
        writer.apply(&batch(9, &some(0, 6))).await.unwrap(),
        Applied::Done
    );
    assert_eq!(place.records(Kind::Node).len(), 6);
}

#[tokio::test]
async fn an_unanswered_commit_was_done_or_undone() {
    for (name, took_effect) in [("commit-done", true), ("commit-undone", false)] {
        let place = place(name, TRANSACTION);
        let mut writer = open(&place).await.unwrap();
        writer.apply(&batch(1, &some(0, 2))).await.unwrap();
        let fault = Fault::Unanswered {
            took_effect,
            as_error: false,
        };
        place.fault(Call::Publish, 1, fault);
        assert_eq!(writer.publish().await.unwrap(), Applied::Unknown);
        // The same writer tells what became of it.
        let found = writer.find(Kind::Node, &[Key::text("n0")]).await.unwrap();
        assert_eq!(found[0].is_some(), took_effect);
        match took_effect {
            true => assert_eq!(writer.publish().await.unwrap(), Applied::Done),
            false => assert!(writer.apply(&batch(2, &some(2, 3))).await.is_err()),
        }
        assert_eq!(place.exists(), took_effect);
    }
}

#[tokio::test]
async fn an_unanswered_publish_of_what_stood_aside() {
    let place = place("publish", ASIDE);
    let mut writer = open(&place).await.unwrap();
    writer.apply(&batch(1, &some(0, 2))).await.unwrap();
    place.fault(Call::Publish, 1, Fault::NOT_DONE_UNANSWERED);
    place.fault(Call::Publish, 2, Fault::DONE_UNANSWERED);
    assert_eq!(writer.publish().await.unwrap(), Applied::Unknown);
    assert!(!place.exists());
    assert_eq!(writer.publish().await.unwrap(), Applied::Unknown);
    assert!(place.exists() && place.leftovers().is_empty());
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    assert_eq!(place.records(Kind::Node).len(), 2);
}

#[tokio::test]
async fn half_a_batch_can_be_finished() {
    let place = place("half", JOURNAL);
    let mut writer = open(&place).await.unwrap();
    place.fault(Call::Apply, 1, Fault::Partial(3));
    let whole = batch(1, &some(0, 5));
    let error = writer.apply(&whole).await.unwrap_err();
    assert!(error.is_temporary());
    assert_eq!(place.records(Kind::Node).len(), 3);
    assert_eq!(writer.apply(&whole).await.unwrap(), Applied::Done);
    assert_eq!(place.records(Kind::Node).len(), 5);
}

#[tokio::test]
async fn a_lost_connection_comes_back_after_so_many_calls() {
    let place = place("outage", JOURNAL);
    place.create();
    place.fault(
        None,
        3,
        Fault::Lost {
            calls: 2,
            sessions: false,
        },
    );
    let mut snapshot = place.store().snapshot(Consistency::InPlace).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(snapshot.counts().await.is_ok());
    }
    assert_eq!(answers, [true, false, false, true, true]);
}

#[tokio::test]
async fn a_lost_session_takes_its_transaction_along() {
    let place = place("session", TRANSACTION);
    let mut writer = open(&place).await.unwrap();
    writer.apply(&batch(1, &some(0, 2))).await.unwrap();
    assert_eq!(open(&place).await.err().unwrap().kind(), ErrorKind::Locked);
    place.fault(
        Call::Apply,
        1,
        Fault::Lost {
            calls: 1,
            sessions: true,
        },
    );
    assert!(
        writer
            .apply(&batch(2, &some(2, 3)))
            .await
            .unwrap_err()
            .is_temporary()
    );
    let error = writer.publish().await.unwrap_err();
    assert!(!error.is_temporary(), "only a new writer helps");
    assert!(!place.is_locked() && !place.exists());
    let mut again = open(&place).await.unwrap();
    again.apply(&batch(1, &some(0, 2))).await.unwrap();
    // The dead one lets go of nothing that is not its own.
    drop(writer);
    assert!(place.is_locked());
    assert_eq!(again.publish().await.unwrap(), Applied::Done);
}

#[tokio::test]
async fn large_batches_are_refused_whole() {
    let manners = Manners {
        max_batch_rows: Some(3),
        max_batch_bytes: Some(2_000),
        ..Manners::new(JOURNAL)
    };
    let place = Place::new("large", manners).unwrap();
    let mut writer = open(&place).await.unwrap();
    let long = node("long", Value::text("x".repeat(3_000)));
    for records in [some(0, 4), vec![long]] {
        let error = writer.apply(&batch(1, &records)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(!error.is_temporary());
    }
    assert!(place.records(Kind::Node).is_empty());
    assert_eq!(
        writer.apply(&batch(1, &some(0, 3))).await.unwrap(),
        Applied::Done
    );
}

fn mixed() -> Value {
    Value::List(vec![Value::Int(1), Value::Float(2.5)])
}

#[tokio::test]
async fn misfits_are_encoded_refused_or_changed() {
    let holds = Capabilities {
        mixed_lists: false,
        ..Capabilities::EVERYTHING
    };
    let given = node("mixed", mixed());
    let manners = |misfits| Manners {
        misfits,
        ..Manners::new(JOURNAL).holding(holds)
    };
    for (name, misfits) in [
        ("misfit-encoded", Misfits::Encoded),
        ("misfit-refused", Misfits::Refused),
        ("misfit-changed", Misfits::Changed),
    ] {
        let place = Place::new(name, manners(misfits)).unwrap();
        let mut writer = open(&place).await.unwrap();
        let answer = writer.apply(&batch(1, std::slice::from_ref(&given))).await;
        let mut canon = Canon::new();
        let kept = place.records(Kind::Node);
        let kept = kept
            .first()
            .map(|r| canon.digest(r) == canon.digest(&given));
        match misfits {
            Misfits::Encoded => assert_eq!((answer.unwrap(), kept), (Applied::Done, Some(true))),
            Misfits::Changed => assert_eq!((answer.unwrap(), kept), (Applied::Done, Some(false))),
            Misfits::Refused => {
                assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unsupported);
                assert_eq!(kept, None);
            }
        }
    }
}

#[tokio::test]
async fn each_way_to_drift() {
    for (name, drift, by_scan, by_finish) in [
        ("drift-never", Drift::Never, false, false),
        ("drift-scan", Drift::ToldByScan, true, true),
        ("drift-finish", Drift::ToldByFinish, false, true),
        ("drift-silent", Drift::Silent, false, false),
    ] {
        let place = Place::new(name, Manners::new(JOURNAL).drifting(drift)).unwrap();
        some(0, 4).into_iter().for_each(|r| place.put(r).unwrap());
        let store = place.store();
        let before = store.fingerprint().await.unwrap();
        let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
        let limit = Limit {
            rows: 2,
            bytes: 1 << 20,
        };
        let first = snapshot.scan(Kind::Node, None, limit).await.unwrap();
        let theirs = |place: &Place| place.put(node("theirs", Value::Int(0))).unwrap();
        place.fault(Call::Scan, 1, Fault::Meanwhile(Box::new(theirs)));
        let second = snapshot
            .scan(Kind::Node, first.next.as_ref(), Limit::PAGE)
            .await;
        assert_eq!(second.is_err(), by_scan, "{name}");
        if let Ok(page) = second {
            let shown = page.records.len() == 3;
            assert_eq!(shown, drift != Drift::Never, "{name}");
        }
        assert_eq!(snapshot.finish().await.is_err(), by_finish, "{name}");
        let told = store.fingerprint().await.unwrap() != before;
        assert_eq!(told, drift != Drift::Silent, "{name}");
        let counted = snapshot.counts().await.unwrap().total();
        assert_eq!(counted == 5, drift != Drift::Never, "{name}");
    }
}

#[tokio::test]
async fn what_stood_aside_outlives_its_writer() {
    let place = place("leftover", ASIDE);
    let mut writer = open(&place).await.unwrap();
    writer.apply(&batch(1, &some(0, 2))).await.unwrap();
    drop(writer);
    assert_eq!(place.leftovers(), ["run"]);
    place.store().discard("other").await.unwrap();
    assert_eq!(place.leftovers(), ["run"]);
    place.store().discard("run").await.unwrap();
    assert!(place.leftovers().is_empty() && !place.is_locked());
}
