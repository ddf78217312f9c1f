//! Undisturbed migrations in every write mode.

use crate::support::*;
use memferry::engine::{OnConflict, Verify};
use memferry::model::Kind;
use memferry::report::Outcome;
use memferry::store::reference::{Call, Manners, Place};

const PAGES: [usize; 6] = [0, 1, 999, 1000, 1001, 2500];

#[tokio::test(start_paused = true)]
async fn everything_moves_into_a_new_target() {
    for modes in MODES {
        for count in PAGES {
            let bench = bench();
            let from = source(chain(count));
            let to = place(Manners::new(modes));
            let report = bench.migrate(&from, &to).await;
            ended(&report, Outcome::Done);
            assert_eq!(digest(&from.store()).await, digest(&to.store()).await);
            let all = tally(count as u64, count as u64);
            assert_eq!(report.written.added, all, "{modes:?} {count}");
            assert_eq!(report.written.changed.total(), 0);
            let verification = report.verification.unwrap();
            assert_eq!(verification.same, all);
            assert_eq!(verification.counts.total(), 2 * count as u64);
            assert_eq!(verification.content_digest, digest(&to.store()).await);
            assert!(to.leftovers().is_empty() && !to.is_locked());
            assert!(report.warnings.is_empty(), "{:?}", report.warnings);
            assert!(!bench.folder(&report.run).dir.join("stage").exists());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn into_an_empty_target_and_into_one_that_holds_records() {
    for modes in [ASIDE, TRANSACTION, JOURNAL] {
        let from = source(chain(50));
        let empty = filled(modes, []);
        let report = bench().migrate(&from, &empty).await;
        ended(&report, Outcome::Done);
        assert_eq!(digest(&from.store()).await, digest(&empty.store()).await);
        assert_eq!(report.backup, None);

        let own = (100..120)
            .map(memory)
            .chain([link(900, &id(100), &id(101))]);
        let fuller = filled(modes, own.chain([memory(3), link(3, &id(3), &id(4))]));
        let bench = bench();
        let report = bench.migrate(&from, &fuller).await;
        ended(&report, Outcome::Done);
        assert_eq!(report.written.added, tally(49, 49));
        assert_eq!(report.written.same, tally(1, 1));
        let review = report.review.unwrap();
        assert_eq!(review.untouched, tally(20, 1));
        assert_eq!(review.staged.total(), 100);
        assert!(report.backup.is_some());
        assert_eq!(fuller.records(Kind::Node).len(), 70);
        assert_eq!(fuller.records(Kind::Relationship).len(), 51);
        assert!(report.verification.unwrap().identical());
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_run_has_nothing_to_do() {
    for modes in MODES {
        let from = source(chain(30));
        let to = place(Manners::new(modes));
        let bench = bench();
        ended(&bench.migrate(&from, &to).await, Outcome::Done);
        let before = digest(&to.store()).await;
        let writes = writes(&to);
        // Both hold the same.
        let again = bench.migrate(&from, &to).await;
        ended(&again, Outcome::Done);
        assert_eq!(again.written.same, tally(30, 30));
        assert_eq!(again.written.added.total(), 0);
        assert!(again.verification.unwrap().identical());
        assert_eq!(again.backup, None);
        // The target holds more.
        to.put(memory(77)).unwrap();
        let more = bench.migrate(&from, &to).await;
        ended(&more, Outcome::Done);
        assert_eq!(more.written.same, tally(30, 30));
        assert_eq!(more.review.unwrap().untouched, tally(1, 0));
        assert_eq!(more.verification.unwrap().same, tally(31, 30));
        to.remove(Kind::Node, &memory(77).key().clone()).unwrap();
        assert_eq!(digest(&to.store()).await, before);
        assert_eq!(writes, self::writes(&to));
        // What changed at the source moves, and nothing else.
        from.put(memory(1000)).unwrap();
        let last = bench.migrate(&from, &to).await;
        ended(&last, Outcome::Done);
        assert_eq!(last.written.added, tally(1, 0));
        assert_eq!(last.written.same, tally(30, 30));
    }
}

fn writes(place: &Place) -> usize {
    let calls = place.calls();
    let is_write = |c: &&Call| matches!(c, Call::Writer | Call::Apply | Call::Publish);
    calls.iter().filter(is_write).count()
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_nothing() {
    for modes in MODES {
        for there in [false, true] {
            let from = source(chain(20));
            let to = place(Manners::new(modes));
            if there {
                fill(&to, [memory(1), memory_as(2, "fix", "2020-01-01", "other")]);
            }
            let bench = bench();
            let stores = stores(&from, &to);
            let mut plan = plan(&stores);
            plan.write.dry_run = true;
            plan.write.on_conflict = OnConflict::Overwrite;
            let before = digest(&to.store()).await;
            let report = bench.run(&plan, &stores).await;
            ended(&report, Outcome::DryRun);
            assert_eq!(digest(&to.store()).await, before);
            let writes = to.calls().into_iter().filter(|c| !c.is_read()).count();
            assert_eq!(writes, 0);
            let review = report.review.unwrap();
            let nodes = if there { 18 } else { 20 };
            assert_eq!(review.added, tally(nodes, 20));
            assert_eq!(review.changed, tally(u64::from(there), 0));
            assert_eq!(report.written.added.total(), 0);
            // It leaves no unfinished run behind, and one that moves is not in its way.
            plan.write.dry_run = false;
            ended(&bench.run(&plan, &stores).await, Outcome::Done);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn how_much_is_verified() {
    for modes in MODES {
        for (verify, same) in [
            (Verify::Full, tally(40, 40)),
            (Verify::Sample(7), tally(7, 7)),
            (Verify::Sample(1_000), tally(40, 40)),
            (Verify::None, tally(0, 0)),
        ] {
            let (from, to) = (source(chain(40)), place(Manners::new(modes)));
            let stores = stores(&from, &to);
            let mut plan = plan(&stores);
            plan.write.verify = verify;
            let report = bench().run(&plan, &stores).await;
            ended(&report, Outcome::Done);
            let verification = report.verification.unwrap();
            assert_eq!(verification.same, same);
            assert_eq!(verification.level, verify.to_string());
            assert_eq!(
                verification.content_digest.is_some(),
                verify == Verify::Full
            );
            assert_eq!(digest(&from.store()).await, digest(&to.store()).await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn batches_that_are_refused_for_their_size_come_in_halves() {
    for modes in MODES {
        for (rows, bytes) in [(Some(7), None), (None, Some(3_000)), (Some(1), None)] {
            let mut manners = Manners::new(modes);
            (manners.max_batch_rows, manners.max_batch_bytes) = (rows, bytes);
            let to = place(manners);
            fill(
                &to,
                (0..40).map(|n| memory_as(n, "fix", "2020-01-01", "theirs")),
            );
            let before = digest(&to.store()).await;
            let from = source(chain(60));
            let bench = bench();
            let stores = stores(&from, &to);
            let mut plan = plan(&stores);
            plan.write.on_conflict = OnConflict::Overwrite;
            let report = bench.run(&plan, &stores).await;
            ended(&report, Outcome::Done);
            assert_eq!(report.written.added, tally(20, 60));
            assert_eq!(report.written.changed, tally(40, 0));
            assert_eq!(digest(&to.store()).await, digest(&from.store()).await);
            let back = bench.roll_back(&report.run, &to.store()).await;
            ended(&back, Outcome::RolledBack);
            let done = back.rollback.unwrap();
            assert_eq!(done.removed, tally(20, 60));
            assert_eq!(done.restored, tally(40, 0));
            assert_eq!(digest(&to.store()).await, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_there_is_refused() {
    let (from, to) = (place(Manners::new(&[])), place(Manners::new(ASIDE)));
    let report = bench().migrate(&from, &to).await;
    ended(&report, Outcome::Refused);
    assert!(!report.failure.unwrap().message.is_empty());
    let report = bench().migrate(&to, &to).await;
    ended(&report, Outcome::Refused);
}
