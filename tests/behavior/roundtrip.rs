//! What is written is read back equal: every fixture, all of them together, one very
//! large record, and random records of whatever kind the store declares to hold.

use crate::capability::write_and_read;
use crate::fixtures;
use crate::help::*;
use crate::needs::{assert_kept, lacking};
use crate::random;
use crate::subject::when;
use crate::{Behavior, S};
use memferry::model::Record;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::time::Instant;

/// Random cases, of up to fifteen records each. PROPTEST_CASES gives another number.
const CASES: u32 = 40;

/// The behaviours of this group.
pub fn all() -> Vec<Behavior> {
    let mut all: Vec<Behavior> = fixtures::all()
        .into_iter()
        .map(|fixture| {
            let name = format!("fixture_{}", fixture.name);
            let records = fixture.records;
            Behavior::new("roundtrip", name, when::always, move |s| {
                one(s, records.clone())
            })
        })
        .collect();
    all.push(Behavior::new(
        "roundtrip",
        "all_fixtures_together",
        when::always,
        together,
    ));
    all.push(Behavior::new(
        "roundtrip",
        "a_record_of_16_mb",
        when::always,
        large,
    ));
    all.push(Behavior::new(
        "roundtrip",
        "random_records",
        when::always,
        random,
    ));
    all.push(Behavior::new(
        "roundtrip",
        "the_writer_shows_all_fixtures",
        when::always,
        shown,
    ));
    all.push(Behavior::new(
        "roundtrip",
        "copied_twice_is_the_same",
        when::always,
        copied,
    ));
    all
}

/// Held as declared: read back equal. Values that are not: equal all the same, by an
/// encoding, or refused. A shape that is not held: whatever, but no harm.
async fn one(subject: S, records: Vec<Record>) {
    let lacking = lacking(&records, subject.holds());
    match write_and_read(&subject, &records).await {
        Ok(read) if lacking.shape.is_empty() => {
            for (written, read) in records.iter().zip(&read) {
                assert_kept(written, read.as_ref(), subject.holds());
            }
        }
        Ok(_) => {}
        Err(error) => {
            assert!(!lacking.none(), "refused, though it is declared: {error}");
            assert!(!error.is_temporary(), "{error}");
        }
    }
}

fn held(subject: &S) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    for fixture in fixtures::all() {
        if !lacking(&fixture.records, subject.holds()).none() {
            continue;
        }
        // Fixtures share the ids of nodes that are only there to be ends.
        let mut seen = Picture::of(&all);
        for record in fixture.records {
            let before = seen.records.len();
            seen = seen.with(std::slice::from_ref(&record));
            if seen.records.len() > before {
                all.push(record);
            }
        }
    }
    all
}

async fn together(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let all = held(&subject);
    assert!(all.len() >= 10);
    write(&*site.store(), &all).await;
    look(&*site.store()).await.assert_same(&before.with(&all));
}

/// What verification reads before anything is published.
async fn shown(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let all = held(&subject);
    apply_all(&mut *writer, &all, 500).await;
    writer.complete().await.unwrap();
    let mut snapshot = writer.snapshot().await.unwrap();
    let seen = picture_of(&mut *snapshot).await.unwrap();
    seen.assert_same(&before.with(&all));
    let counted = snapshot.counts().await.unwrap().total();
    assert_eq!(counted as usize, seen.records.len());
    snapshot.finish().await.unwrap();
    drop(snapshot);
    writer.abandon().await.unwrap();
}

/// What was read, written again: nothing is lost by going round twice.
async fn copied(subject: S) {
    let (first, second) = (subject.site().await, subject.site().await);
    write(&*first.store(), &held(&subject)).await;
    let mut all = Vec::new();
    for kind in memferry::model::Kind::BOTH {
        all.extend(records(&*first.store(), kind).await);
    }
    let there = look(&*second.store()).await;
    all.retain(|r| {
        let hash = memferry::model::Canon::key_hash(r.kind(), r.key());
        !there.records.contains_key(&(r.kind(), hash))
    });
    write(&*second.store(), &all).await;
    look(&*second.store()).await.assert_same(&there.with(&all));
}

async fn large(subject: S) {
    let start = Instant::now();
    let content: String = (0..(16 << 20) / 16).map(|n| format!("{n:015} ")).collect();
    let record = memory("large", &content);
    let read = write_and_read(&subject, std::slice::from_ref(&record))
        .await
        .unwrap();
    assert_kept(&record, read[0].as_ref(), subject.holds());
    assert!(start.elapsed().as_secs() < 300, "{:?}", start.elapsed());
}

async fn random(subject: S) {
    let holds = subject.holds();
    let config = Config {
        cases: std::env::var("PROPTEST_CASES").map_or(CASES, |n| n.parse().unwrap()),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let generator = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, generator);
    let runtime = tokio::runtime::Handle::current();
    let outcome = runner.run(&random::records(holds), |written| {
        let lacking = lacking(&written, holds);
        assert!(
            lacking.none(),
            "the generator keeps to what is held: {lacking:?}"
        );
        let subject = subject.clone();
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                let read = write_and_read(&subject, &written).await.unwrap();
                for (written, read) in written.iter().zip(&read) {
                    assert_kept(written, read.as_ref(), holds);
                }
            });
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
