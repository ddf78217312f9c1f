//! A target that is made equal to its source: what the source does not have goes, and
//! comes back with a rollback.

use crate::support::*;
use memferry::engine::{Command, OnConflict, Plan, Stores};
use memferry::error::ErrorKind;
use memferry::model::{Kind, Record};
use memferry::report::Outcome;
use memferry::store::WriteMode;
use memferry::store::reference::{Call, Fault, Place};
use std::sync::Mutex;

const MODES: [&[WriteMode]; 2] = [TRANSACTION, JOURNAL];

fn replacing(stores: &Stores) -> Plan {
    let mut plan = plan(stores);
    plan.write.replace = true;
    plan.write.on_conflict = OnConflict::Overwrite;
    plan.write.batch = 10;
    plan
}

/// Thirty records that only the target has, some that both have and some in conflict.
fn theirs() -> Vec<Record> {
    let mut all: Vec<_> = (500..530).map(memory).collect();
    all.push(memory_as(3, "fix", "2029-01-01", "theirs"));
    all.extend([memory(1), memory(2)]);
    all.extend((500..529).map(|n| link(n, &id(n), &id(n + 1))));
    // Between what stays and what goes.
    all.push(link(600, &id(1), &id(500)));
    all
}

async fn scene(modes: &'static [WriteMode]) -> (Place, Place, Option<String>) {
    let (from, to) = (source(chain(45)), filled(modes, theirs()));
    let before = digest(&to.store()).await;
    (from, to, before)
}

#[tokio::test(start_paused = true)]
async fn equal_afterwards_and_as_before_when_taken_back() {
    for modes in MODES {
        let (from, to, before) = scene(modes).await;
        let bench = bench();
        let stores = stores(&from, &to);
        let mut dry = replacing(&stores);
        dry.write.dry_run = true;
        let report = bench.run(&dry, &stores).await;
        ended(&report, Outcome::DryRun);
        let review = report.review.unwrap();
        assert_eq!(
            (review.removed, review.untouched),
            (tally(30, 30), tally(0, 0))
        );
        assert!(review.overwrites() && report.summary.contains("remove 30 memories"));

        let report = bench.run(&replacing(&stores), &stores).await;
        ended(&report, Outcome::Done);
        assert_eq!(report.written.removed, tally(30, 30));
        assert_eq!(report.written.changed, tally(1, 0));
        assert_eq!(report.written.same, tally(2, 0));
        assert!(report.backup.is_some());
        assert!(report.verification.unwrap().identical());
        assert_eq!(digest(&to.store()).await, digest(&from.store()).await);
        // Once more there is nothing to do.
        let again = bench.run(&replacing(&stores), &stores).await;
        ended(&again, Outcome::Done);
        assert_eq!(again.written.changes(), 0);

        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        assert_eq!(back.rollback.unwrap().restored, tally(31, 30));
        assert_eq!(digest(&to.store()).await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_source_empties_the_target() {
    for modes in MODES {
        let (_, to, before) = scene(modes).await;
        let from = source([]);
        let bench = bench();
        let stores = stores(&from, &to);
        let report = bench.run(&replacing(&stores), &stores).await;
        ended(&report, Outcome::Done);
        assert_eq!(
            to.records(Kind::Node).len() + to.records(Kind::Relationship).len(),
            0
        );
        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        assert_eq!(digest(&to.store()).await, before);
    }
}

/// Stopped, or cut off, at every call, it goes on to the same end; and all of it can be
/// taken back.
#[tokio::test(start_paused = true)]
async fn broken_off_anywhere() {
    for modes in MODES {
        for lost in [false, true] {
            for nth in 1.. {
                let (from, to, before) = scene(modes).await;
                let bench = bench();
                let stores = stores(&from, &to);
                let sender: &'static Mutex<Option<tokio::sync::mpsc::Sender<Command>>> =
                    Box::leak(Box::default());
                let stop = move |_: &Place| {
                    if let Some(sender) = &*sender.lock().unwrap() {
                        let _ = sender.try_send(Command::Stop { rollback: false });
                    }
                };
                let fault = match lost {
                    true => Fault::Lost {
                        calls: 2,
                        sessions: true,
                    },
                    false => Fault::Meanwhile(Box::new(stop)),
                };
                let made = to.calls().len() as u32;
                to.fault(None, nth, fault);
                let what = format!("{modes:?} lost {lost} call {nth}");
                let started =
                    memferry::engine::start(replacing(&stores), stores.clone(), bench.options())
                        .await;
                let first = match started {
                    Ok(handle) => {
                        *sender.lock().unwrap() = Some(handle.commands());
                        Some(handle.report().await.unwrap())
                    }
                    Err(e) => {
                        assert_eq!(e.kind(), ErrorKind::Unreachable);
                        None
                    }
                };
                *sender.lock().unwrap() = None;
                if (to.calls().len() as u32) < made + nth {
                    assert!(nth > 20, "there were only {nth} calls");
                    break;
                }
                // From here on the store answers again.
                while to.store().describe().await.is_err() {}
                let mut last = first.clone();
                for _ in 0..3 {
                    if last.as_ref().is_none_or(|l| l.outcome != Outcome::Done) {
                        last = Some(bench.run(&replacing(&stores), &stores).await);
                    }
                }
                let last = last.unwrap();
                ended(&last, Outcome::Done);
                assert_eq!(last.written.removed, tally(30, 30), "{what}");
                assert_eq!(
                    digest(&to.store()).await,
                    digest(&from.store()).await,
                    "{what}"
                );
                let back = bench.roll_back(&last.run, &to.store()).await;
                ended(&back, Outcome::RolledBack);
                assert_eq!(digest(&to.store()).await, before, "{what}");
            }
        }
    }
}

/// Somebody changes what is to go, or removes it, before it goes.
#[tokio::test(start_paused = true)]
async fn what_goes_is_changed_first() {
    for removed in [false, true] {
        let (from, to, _) = scene(JOURNAL).await;
        let bench = bench();
        let stores = stores(&from, &to);
        let change = move |p: &Place| match removed {
            true => p.remove(Kind::Node, memory(510).key()).unwrap(),
            false => p.put(memory_as(510, "fix", "2030-01-01", "later")).unwrap(),
        };
        let writes = (45 + 45_u32).div_ceil(10) + 3;
        to.fault(Call::Apply, writes, Fault::Meanwhile(Box::new(change)));
        let report = bench.run(&replacing(&stores), &stores).await;
        ended(&report, Outcome::Done);
        assert_eq!(digest(&to.store()).await, digest(&from.store()).await);
        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        let nodes = to.records(Kind::Node);
        let found = nodes.iter().find(|r| r.key().display() == id(510));
        let text = found.map(|r| format!("{:?}", r.properties()));
        match removed {
            true => assert!(text.is_none()),
            false => assert!(text.unwrap().contains("later")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_takes_all_of_the_source_and_a_backup() {
    let (from, to, before) = scene(JOURNAL).await;
    let stores = stores(&from, &to);
    let wrong: [fn(&mut Plan); 3] = [
        |plan| plan.write.on_conflict = OnConflict::Skip,
        |plan| plan.write.backup = false,
        |plan| plan.filter.tags = ["x".to_owned()].into(),
    ];
    for wrong in wrong {
        let mut plan = replacing(&stores);
        wrong(&mut plan);
        let bench = bench();
        let refused = memferry::engine::start(plan, stores.clone(), bench.options()).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Usage);
    }
    assert_eq!(digest(&to.store()).await, before);
    // Without it, nothing of the target's goes.
    let bench = bench();
    let report = bench.migrate(&from, &to).await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.removed.total(), 0);
    assert_eq!(to.records(Kind::Node).len(), 75);
}
