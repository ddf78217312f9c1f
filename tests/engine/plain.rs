//! Undisturbed migrations in every write mode.

use crate::support::*;
use memferry::model::Kind;
use memferry::report::Outcome;
use memferry::store::reference::Manners;

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
