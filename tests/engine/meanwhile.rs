//! Somebody else writes to the target at every point of a run and of its rollback: they
//! are never overwritten unasked, and what is theirs is never taken back.

use crate::support::*;
use memferry::engine::OnConflict::{self, *};
use memferry::model::{Kind, Record};
use memferry::report::{Outcome, Report};
use memferry::store::reference::{Call, Fault, Manners, Place};

async fn run(to: &Place, policy: OnConflict) -> (Bench, Report) {
    let from = source(chain(30));
    let bench = bench();
    let stores = stores(&from, to);
    let mut plan = plan(&stores);
    plan.write.batch = 10;
    plan.write.on_conflict = policy;
    let report = bench.run(&plan, &stores).await;
    (bench, report)
}

fn theirs(n: usize) -> Record {
    memory_as(n, "fix", "2025-01-01", "theirs")
}

fn content(to: &Place, n: usize) -> String {
    let nodes = to.records(Kind::Node);
    let found = nodes.iter().find(|r| r.key().display() == id(n));
    format!("{:?}", found.map(Record::properties))
}

#[tokio::test(start_paused = true)]
async fn a_record_that_appears_under_fail_ends_the_run() {
    let to = filled(JOURNAL, [memory(500)]);
    let put = |p: &Place| p.put(theirs(12)).unwrap();
    to.fault(Call::Apply, 2, Fault::Meanwhile(Box::new(put)));
    let (_, report) = run(&to, Fail).await;
    ended(&report, Outcome::RolledBack);
    assert_eq!(ids(&to, Kind::Node), [id(500), id(12)]);
}

/// The record that ours replaces is changed, or removed, between our look and our write.
#[tokio::test(start_paused = true)]
async fn what_ours_replaces_is_changed_first() {
    for policy in [Overwrite, Newest] {
        for removed in [false, true] {
            let to = filled(JOURNAL, [memory_as(5, "fix", "2020-01-01", "old")]);
            let change = move |p: &Place| match removed {
                true => p.remove(Kind::Node, memory(5).key()).unwrap(),
                false => p.put(memory_as(5, "fix", "2030-01-01", "theirs")).unwrap(),
            };
            to.fault(Call::Apply, 1, Fault::Meanwhile(Box::new(change)));
            let (bench, report) = run(&to, policy).await;
            ended(&report, Outcome::Done);
            let stays = policy == Newest && !removed;
            assert_eq!(content(&to, 5).contains("theirs"), stays);
            let back = bench.roll_back(&report.run, &to.store()).await;
            ended(&back, Outcome::RolledBack);
            assert_eq!(back.rollback.unwrap().spared_count, 0);
            let left = ids(&to, Kind::Node);
            match removed {
                true => assert_eq!(left, [""; 0]),
                false => assert!(content(&to, 5).contains("theirs")),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn others_additions_are_told_and_stay() {
    for call in [Call::Apply, Call::WriterSnapshot] {
        let to = filled(JOURNAL, [memory(500)]);
        let put = |p: &Place| {
            p.put(theirs(700)).unwrap();
            p.put(link(700, &id(700), &id(500))).unwrap();
        };
        to.fault(call, 1, Fault::Meanwhile(Box::new(put)));
        let (bench, report) = run(&to, Skip).await;
        ended(&report, Outcome::Differences);
        let verification = report.verification.as_ref().unwrap();
        assert_eq!(verification.only_in_target, tally(1, 1));
        assert_eq!(verification.same, tally(31, 30));
        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        assert_eq!(ids(&to, Kind::Node), [id(500), id(700)]);
        assert_eq!(ids(&to, Kind::Relationship), ["r00700"]);
    }
}

/// In a transaction nobody else can write; before it, they are seen.
#[tokio::test(start_paused = true)]
async fn a_target_that_changes_before_the_transaction_is_compared_again() {
    for times in [1, 2, 9] {
        let to = filled(TRANSACTION, [memory(500)]);
        for nth in 1..=times {
            let put = move |p: &Place| p.put(theirs(12 + nth as usize - 1)).unwrap();
            to.fault(Call::Writer, nth, Fault::Meanwhile(Box::new(put)));
        }
        let (bench, report) = run(&to, Skip).await;
        match times {
            9 => {
                ended(&report, Outcome::Failed);
                assert!(ids(&to, Kind::Node).len() < 12);
            }
            _ => {
                ended(&report, Outcome::Done);
                assert_eq!(report.written.skipped, tally(u64::from(times), 0));
                let back = bench.roll_back(&report.run, &to.store()).await;
                ended(&back, Outcome::RolledBack);
                let mut left = vec![id(500), id(12)];
                left.extend((times == 2).then(|| id(13)));
                assert_eq!(ids(&to, Kind::Node), left);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_makes_the_target_while_it_is_built_aside() {
    let to = place(Manners::new(ASIDE));
    let put = |p: &Place| p.put(theirs(1)).unwrap();
    to.fault(Call::Publish, 1, Fault::Meanwhile(Box::new(put)));
    let (bench, report) = run(&to, Skip).await;
    ended(&report, Outcome::Failed);
    assert_eq!(ids(&to, Kind::Node), [id(1)]);
    assert!(to.leftovers().is_empty());
    let run = bench.folder(&report.run);
    let refused = memferry::engine::rollback(&run, to.store(), bench.options()).await;
    assert!(refused.is_err());
    assert_eq!(ids(&to, Kind::Node), [id(1)]);
}

/// The same, and nobody says whether it was published: what is there is not ours.
#[tokio::test(start_paused = true)]
async fn somebody_makes_the_target_and_the_publish_is_not_answered() {
    for as_error in [true, false] {
        let to = place(Manners::new(ASIDE));
        let put = |p: &Place| p.put(memory(1)).unwrap();
        to.fault(Call::Describe, 2, Fault::Meanwhile(Box::new(put)));
        let fault = Fault::Unanswered {
            took_effect: false,
            as_error,
        };
        to.fault(Call::Publish, 1, fault);
        let (_, report) = run(&to, Skip).await;
        assert_ne!(report.outcome, Outcome::Done);
        assert_eq!(ids(&to, Kind::Node), [id(1)]);
        assert!(to.leftovers().is_empty());
    }
}
