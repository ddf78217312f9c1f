//! Stores with the worst manners: answers that do not come, commits that fail after they
//! took effect, pictures that show what is written meanwhile, connections lost anywhere.

use crate::support::*;
use memferry::engine::{OnConflict, Plan, Stores};
use memferry::error::ErrorKind;
use memferry::model::Kind;
use memferry::report::{Outcome, Report};
use memferry::store::WriteMode;
use memferry::store::reference::{Call, Drift, Fault, Manners, Place};

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_is_asked_about() {
    for modes in MODES {
        for nth in 1..=4 {
            for took_effect in [true, false] {
                for as_error in [true, false] {
                    let (from, to) = (source(chain(40)), filled(modes, [memory(3)]));
                    let fault = Fault::Unanswered {
                        took_effect,
                        as_error,
                    };
                    to.fault(Call::Apply, nth, fault);
                    let report = small(&from, &to).await;
                    ended(&report, Outcome::Done);
                    assert_eq!(digest(&from.store()).await, digest(&to.store()).await);
                    assert_eq!(report.written.added, tally(39, 40));
                    assert_eq!(report.written.same, tally(1, 0));
                }
            }
        }
    }
}

/// A run in small batches that overwrites.
fn in_batches(stores: &Stores) -> Plan {
    let mut plan = plan(stores);
    plan.write.batch = 10;
    plan.write.on_conflict = OnConflict::Overwrite;
    plan
}

async fn small(from: &Place, to: &Place) -> Report {
    let stores = stores(from, to);
    bench().run(&in_batches(&stores), &stores).await
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_failed_may_have_taken_effect() {
    for modes in MODES {
        for there in [true, false] {
            for took_effect in [true, false] {
                for as_error in [true, false] {
                    let (from, to) = (source(chain(20)), place(Manners::new(modes)));
                    if there {
                        fill(&to, [memory(3), memory(300)]);
                    }
                    let fault = Fault::Unanswered {
                        took_effect,
                        as_error,
                    };
                    to.fault(Call::Publish, 1, fault);
                    let bench = bench();
                    let report = bench.migrate(&from, &to).await;
                    ended(&report, Outcome::Done);
                    assert_eq!(to.records(Kind::Node).len(), if there { 21 } else { 20 });
                    let added = if there { 19 } else { 20 };
                    assert_eq!(report.written.added, tally(added, 20));
                    assert!(report.verification.unwrap().identical());
                    assert!(!to.is_locked() && to.leftovers().is_empty());
                    let back = bench.roll_back(&report.run, &to.store()).await;
                    ended(&back, Outcome::RolledBack);
                    assert_eq!(to.records(Kind::Node).len(), if there { 2 } else { 0 });
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_written_to_is_read_at_rest() {
    for drift in [Drift::ToldByScan, Drift::ToldByFinish, Drift::Silent] {
        for modes in MODES {
            for nth in 1..=3 {
                let from = place(Manners::new(&[]).drifting(drift));
                fill(&from, chain(3_000));
                let to = place(Manners::new(modes));
                let write = |place: &Place| {
                    place.put(memory(9_000)).unwrap();
                    place.put(link(9_000, &id(9_000), &id(1))).unwrap();
                };
                from.fault(Call::Scan, nth, Fault::Meanwhile(Box::new(write)));
                let report = bench().migrate(&from, &to).await;
                ended(&report, Outcome::Done);
                let all = ids(&to, Kind::Node).len();
                assert_eq!(all, 3_001, "{drift:?} {modes:?} {nth}");
                assert_eq!(digest(&from.store()).await, digest(&to.store()).await);
                assert!(to.leftovers().is_empty());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_written_to_all_the_time() {
    let from = place(Manners::new(&[]).drifting(Drift::ToldByScan));
    fill(&from, chain(10));
    for nth in 1..60 {
        from.fault(
            Call::Scan,
            nth,
            Fault::Meanwhile(Box::new(move |p: &Place| {
                p.put(memory(1_000 + nth as usize)).unwrap();
            })),
        );
    }
    // A private copy is at rest, whatever happens to the original.
    let to = place(Manners::new(ASIDE));
    let report = bench().migrate(&from, &to).await;
    ended(&report, Outcome::Done);
    assert!(report.verification.unwrap().identical());
}

/// What a run comes to if it is disturbed at a call, and what is then left.
async fn disturbed(
    modes: &'static [WriteMode],
    there: bool,
    at: (bool, u32),
    calls: u32,
    sessions: bool,
) -> u32 {
    let (at_source, nth) = at;
    let from = source(chain(25));
    let to = place(Manners::new(modes));
    if there {
        let theirs = (0..5).map(|n| memory_as(n, "fix", "2020-01-01", "theirs"));
        fill(&to, theirs.chain([memory(70), link(70, &id(70), &id(70))]));
    }
    let expected = {
        let all = place(Manners::new(JOURNAL));
        fill(&all, chain(25));
        if there {
            fill(&all, [memory(70), link(70, &id(70), &id(70))]);
        }
        digest(&all.store()).await
    };
    let before = digest(&to.store()).await;
    let bench = bench();
    let stores = stores(&from, &to);
    let plan = in_batches(&stores);
    let sick = if at_source { &from } else { &to };
    let made = sick.calls().len() as u32;
    sick.fault(None, nth, Fault::Lost { calls, sessions });
    let what = format!(
        "{modes:?} there {there} source {at_source} call {nth} × {calls}, sessions {sessions}"
    );
    let started = memferry::engine::start(plan.clone(), stores.clone(), bench.options()).await;
    let met = sick.calls().len() as u32;
    let Ok(handle) = started else {
        // Not even begun: the store is asked who it is without any patience.
        assert_eq!(started.unwrap_err().kind(), ErrorKind::Unreachable);
        return 0;
    };
    let report = handle.report().await.unwrap();
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{what} {:?}", report.outcome);
    }
    let met = met.max(sick.calls().len() as u32) - made;
    if met < nth {
        return met;
    }
    // From here on the store answers again.
    while sick.store().describe().await.is_err() {}
    match report.outcome {
        Outcome::Done => {
            assert_eq!(digest(&to.store()).await, expected, "{what}");
            assert!(report.verification.as_ref().unwrap().identical());
        }
        Outcome::RolledBack | Outcome::Refused => {
            assert_eq!(content(&to, before.is_some()).await, before, "{what}");
        }
        Outcome::Failed | Outcome::Interrupted => {
            let says = |what: &str| report.summary.contains(what);
            let nothing = report.written.added.total() + report.written.changed.total() == 0;
            if nothing || says("nothing was") || says("nothing of it was published") {
                assert_eq!(
                    content(&to, before.is_some()).await,
                    before,
                    "{what}\n{report:#?}"
                );
            }
        }
        other => panic!("{what}: {other:?}"),
    }
    // Whatever it was, the same command comes to the end.
    let again = bench.run(&plan, &stores).await;
    let again = match again.outcome {
        Outcome::RolledBack => bench.run(&plan, &stores).await,
        _ => again,
    };
    ended(&again, Outcome::Done);
    assert_eq!(digest(&to.store()).await, expected, "{what}, again");
    assert!(to.leftovers().is_empty() && !to.is_locked(), "{what}");
    // And all of it can be taken back.
    let mut runs = bench.home.runs().unwrap();
    runs.reverse();
    for run in runs {
        let handle = memferry::engine::rollback(&run, to.store(), bench.options()).await;
        match handle {
            Ok(handle) => ended(&handle.report().await.unwrap(), Outcome::RolledBack),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Refused),
        }
    }
    assert_eq!(
        content(&to, before.is_some()).await,
        before,
        "{what}, rolled back"
    );
    met
}

/// The digest; where there was no target, one that is empty is as good as none.
async fn content(to: &Place, existed: bool) -> Option<String> {
    let empty = to.records(Kind::Node).is_empty() && to.records(Kind::Relationship).is_empty();
    match existed || !empty {
        true => digest(&to.store()).await,
        false => None,
    }
}

/// Every call of an undisturbed run is disturbed once, in each of two ways.
async fn everywhere(modes: &'static [WriteMode], there: bool, calls: u32) {
    for at_source in [true, false] {
        for sessions in [true, false] {
            let mut nth = 1;
            loop {
                let met = disturbed(modes, there, (at_source, nth), calls, sessions).await;
                if met > 0 && met < nth {
                    break;
                }
                nth += 1;
            }
            assert!(nth > 8, "there were only {nth} calls");
        }
    }
}

macro_rules! lost_everywhere {
    ($($name:ident: $modes:expr, $there:expr, $calls:expr;)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            everywhere($modes, $there, $calls).await;
        })*
    };
}

lost_everywhere! {
    lost_once_aside: ASIDE, false, 1;
    lost_thrice_aside: ASIDE, false, 3;
    lost_long_aside: ASIDE, false, 40;
    lost_once_in_a_transaction: ASIDE, true, 1;
    lost_thrice_in_a_transaction: ASIDE, true, 3;
    lost_long_in_a_transaction: ASIDE, true, 40;
    lost_once_by_journal: JOURNAL, true, 1;
    lost_thrice_by_journal: JOURNAL, true, 3;
    lost_long_by_journal: JOURNAL, true, 40;
    lost_once_by_journal_when_new: JOURNAL, false, 1;
    lost_thrice_by_journal_when_new: JOURNAL, false, 3;
    lost_long_by_journal_when_new: JOURNAL, false, 40;
    lost_once_by_transaction_when_new: TRANSACTION, false, 1;
    lost_long_by_transaction_when_new: TRANSACTION, false, 40;
}

/// The same while a run is taken back.
#[tokio::test(start_paused = true)]
async fn lost_anywhere_in_a_rollback() {
    for (modes, there) in [
        (ASIDE, false),
        (BOTH, false),
        (ASIDE, true),
        (JOURNAL, true),
        (JOURNAL, false),
    ] {
        for (calls, sessions) in [(1, true), (3, false), (40, true)] {
            for nth in 1.. {
                let (from, to) = (source(chain(25)), place(Manners::new(modes)));
                if there {
                    let theirs = memory_as(1, "fix", "2020-01-01", "theirs");
                    fill(&to, [theirs, memory(70), link(70, &id(70), &id(70))]);
                }
                let before = digest(&to.store()).await;
                let bench = bench();
                let stores = stores(&from, &to);
                let report = bench.run(&in_batches(&stores), &stores).await;
                ended(&report, Outcome::Done);
                // Somebody added to what was built aside, so that it goes record by record.
                let theirs = modes == BOTH;
                if theirs {
                    to.put(memory(900)).unwrap();
                }
                let run = bench.folder(&report.run);
                let made = to.calls().len() as u32;
                to.fault(None, nth, Fault::Lost { calls, sessions });
                let what = format!("{modes:?} {there} call {nth} × {calls}, {sessions}");
                let mut met = None;
                for _ in 0..60 {
                    let begun = engine_rollback(&run, &to, &bench).await;
                    met = met.or(Some(to.calls().len() as u32 - made));
                    match begun {
                        Err(e) if e.kind() == ErrorKind::Unreachable => {}
                        Err(e) => panic!("{what}: {e}"),
                        Ok(report) if report.outcome == Outcome::RolledBack => break,
                        Ok(report) => {
                            ended(&report, Outcome::Failed);
                            assert!(report.can_roll_back, "{what}");
                        }
                    }
                }
                // From here on the store answers again.
                while (to.calls().len() as u32) < made + nth + calls {
                    let _ = to.store().describe().await;
                }
                let kept = run.report().unwrap().unwrap();
                ended(&kept, Outcome::RolledBack);
                assert_eq!(kept.rollback.unwrap().spared_count, 0, "{what}");
                if theirs {
                    assert_eq!(ids(&to, Kind::Node), [id(900)], "{what}");
                } else {
                    assert_eq!(content(&to, before.is_some()).await, before, "{what}");
                }
                assert!(to.leftovers().is_empty() && !to.is_locked(), "{what}");
                if met.is_some_and(|met| met < nth) {
                    assert!(nth > 4, "there were only {nth} calls");
                    break;
                }
            }
        }
    }
}

async fn engine_rollback(
    run: &memferry::engine::RunFolder,
    to: &Place,
    bench: &Bench,
) -> memferry::error::Result<Report> {
    let handle = memferry::engine::rollback(run, to.store(), bench.options()).await?;
    handle.report().await
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_done_by_half_is_finished_or_taken_back() {
    for nth in 1..=6 {
        for done in [0, 1, 5, 9, 10] {
            let (from, to) = (source(chain(30)), filled(JOURNAL, [memory(3)]));
            to.fault(Call::Apply, nth, Fault::Partial(done));
            let report = small(&from, &to).await;
            ended(&report, Outcome::Done);
            assert_eq!(digest(&from.store()).await, digest(&to.store()).await);
            assert_eq!(report.written.added, tally(29, 30));
        }
    }
    // With a failure for good behind it.
    for nth in 1..=5 {
        for done in [0, 1, 5, 9] {
            let (from, to) = (source(chain(30)), filled(JOURNAL, [memory(3)]));
            let before = digest(&to.store()).await;
            to.fault(Call::Apply, nth, Fault::Partial(done));
            let kind = ErrorKind::Full;
            let temporary = false;
            to.fault(Call::Apply, nth + 1, Fault::Fails { kind, temporary });
            let report = small(&from, &to).await;
            ended(&report, Outcome::RolledBack);
            assert_eq!(report.failure.unwrap().kind, ErrorKind::Full);
            assert_eq!(digest(&to.store()).await, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_for_good_leaves_the_target_as_it_was() {
    for modes in MODES {
        for call in [
            Call::Writer,
            Call::Apply,
            Call::Complete,
            Call::WriterSnapshot,
            Call::Publish,
            Call::Scan,
        ] {
            let (from, to) = (source(chain(30)), filled(modes, [memory(3)]));
            let before = digest(&to.store()).await;
            let scans = to.calls().iter().filter(|c| **c == Call::Scan).count();
            assert!(scans > 0);
            let kind = ErrorKind::Full;
            let temporary = false;
            // The third scan is one of verification.
            let nth = if call == Call::Scan { 3 } else { 1 };
            to.fault(call, nth, Fault::Fails { kind, temporary });
            let bench = bench();
            let stores = stores(&from, &to);
            let report = bench.run(&in_batches(&stores), &stores).await;
            assert!(
                matches!(report.outcome, Outcome::Failed | Outcome::RolledBack),
                "{modes:?} {call:?} {:?}",
                report.outcome
            );
            assert_eq!(report.failure.as_ref().unwrap().kind, ErrorKind::Full);
            assert_eq!(digest(&to.store()).await, before, "{modes:?} {call:?}");
            assert!(!to.is_locked() && to.leftovers().is_empty());
            ended(
                &bench.run(&in_batches(&stores), &stores).await,
                Outcome::Done,
            );
        }
    }
}
