//! Taking back a run that ended well, days later: what somebody changed since is spared.

use crate::support::*;
use memferry::engine::{self, OnConflict, Plan, Stores};
use memferry::error::ErrorKind;
use memferry::model::{Kind, Record};
use memferry::report::{Mark, Outcome, Report, Verification};
use memferry::store::WriteMode;
use memferry::store::reference::{Manners, Place};

const CASES: [(&[WriteMode], bool); 5] = [
    (ASIDE, false),
    (BOTH, false),
    (ASIDE, true),
    (JOURNAL, true),
    (JOURNAL, false),
];

fn overwriting(stores: &Stores) -> Plan {
    let mut plan = plan(stores);
    plan.write.on_conflict = OnConflict::Overwrite;
    plan
}

async fn moved(modes: &'static [WriteMode], there: bool) -> (Bench, Place, Report, Option<String>) {
    let from = source(chain(30));
    let to = place(Manners::new(modes));
    if there {
        let theirs = [
            memory_as(1, "fix", "2020-01-01", "theirs"),
            memory(500),
            link(500, &id(500), &id(500)),
            // It leads nowhere until the run adds its other end.
            link(501, &id(500), &id(7)),
        ];
        fill(&to, theirs);
    }
    let before = digest(&to.store()).await;
    let bench = bench();
    let stores = stores(&from, &to);
    let report = bench.run(&overwriting(&stores), &stores).await;
    ended(&report, Outcome::Done);
    (bench, to, report, before)
}

#[tokio::test(start_paused = true)]
async fn everything_is_as_before() {
    for (modes, there) in CASES {
        let (bench, to, report, before) = moved(modes, there).await;
        let run = bench.folder(&report.run);
        let verified = engine::verify_run(&run, to.store()).await.unwrap();
        assert!(verified.identical());
        assert_eq!(verified.content_digest, digest(&to.store()).await);
        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        let done = back.rollback.unwrap();
        assert_eq!(done.spared_count, 0, "{:?}", done.spared);
        let there = u64::from(there);
        assert_eq!(done.removed, tally(30 - there, 30));
        assert_eq!(done.restored, tally(there, 0));
        assert_eq!(done.target_removed, modes != JOURNAL && there == 0);
        if before.is_some() || done.target_removed {
            assert_eq!(digest(&to.store()).await, before);
        }
        // Once is enough.
        let twice = engine::rollback(&run, to.store(), bench.options()).await;
        assert_eq!(twice.unwrap_err().kind(), ErrorKind::Refused);
        let kept = run.report().unwrap().unwrap();
        assert_eq!(kept.outcome, Outcome::RolledBack);
        assert_eq!(kept.written.added, tally(30 - there, 30));
        assert!(!kept.checks.is_empty());
        assert!(kept.review.is_some() && kept.verification.is_some());
        if to.store().describe().await.unwrap().exists {
            let verified = engine::verify_run(&run, to.store()).await.unwrap();
            assert!(!verified.identical());
        }
        // And the same can be moved once more.
        let from = source(chain(30));
        let report = bench.migrate(&from, &to).await;
        ended(&report, Outcome::Done);
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_since_is_spared_and_named() {
    for (modes, there) in CASES {
        let (bench, to, report, before) = moved(modes, there).await;
        to.put(memory_as(4, "fix", "2027-01-01", "changed since"))
            .unwrap();
        to.put(memory_as(800, "fix", "2027-01-01", "new since"))
            .unwrap();
        to.remove(Kind::Node, memory(5).key()).unwrap();
        to.put(link_as(3, &id(3), &id(4), "SOLVES", "2027-01-01"))
            .unwrap();
        let run = bench.folder(&report.run);
        let verified = engine::verify_run(&run, to.store()).await.unwrap();
        assert_eq!(verified.differ, tally(1, 1));
        assert_eq!(verified.only_in_target, tally(1, 0));
        assert_eq!(verified.only_in_source, tally(1, 0));
        // What is gone is called by its name, where anything still knows that.
        let gone = |v: &Verification| {
            let mut all = v.differences.iter();
            let gone = all.find(|d| d.mark == Mark::OnlyInSource).unwrap();
            assert!(gone.fields.is_empty() || gone.fields.iter().all(|f| f.target.is_none()));
            (gone.key.clone(), gone.title.clone())
        };
        match there || modes == JOURNAL {
            true => assert_eq!(gone(&verified).0, id(5)),
            false => {
                let (key, title) = gone(&verified);
                assert!(
                    key.starts_with('#') && title.contains("digest"),
                    "{key} {title}"
                );
            }
        }
        let (from, telling) = (source(chain(30)), engine::Telling::nowhere());
        let named = engine::verify_run_watched(&run, to.store(), Some(from.store()), &telling);
        assert_eq!(gone(&named.await.unwrap()).0, id(5));
        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        let done = back.rollback.unwrap();
        assert!(!done.target_removed);
        // The changed memory, the changed relationship, and the other end of that.
        let mut spared = done.spared.clone();
        spared.sort();
        assert_eq!(spared, [id(3), id(4), "r00003".into()], "{modes:?} {there}");
        assert_eq!(done.spared_count, 3);
        let mut left = vec![id(3), id(4), id(800)];
        if there {
            left.extend([id(1), id(500)]);
        }
        left.sort();
        let mut now = ids(&to, Kind::Node);
        now.sort();
        assert_eq!(now, left, "{modes:?} {there}");
        for n in [3, 4, 800] {
            to.remove(Kind::Node, memory(n).key()).unwrap();
        }
        to.remove(Kind::Relationship, link(3, "", "").key())
            .unwrap();
        if before.is_some() {
            assert_eq!(digest(&to.store()).await, before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_somebody_has_linked_is_spared() {
    for (modes, there) in CASES {
        let (bench, to, report, _) = moved(modes, there).await;
        to.put(link(900, &id(8), &id(9))).unwrap();
        let back = bench.roll_back(&report.run, &to.store()).await;
        ended(&back, Outcome::RolledBack);
        let mut spared = back.rollback.unwrap().spared;
        spared.sort();
        assert_eq!(spared, [id(8), id(9)]);
        let now = ids(&to, Kind::Node);
        assert!(now.contains(&id(8)) && now.contains(&id(9)) && !now.contains(&id(10)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_wrote_nothing_has_nothing_to_take_back() {
    let (from, to) = (source(chain(5)), filled(JOURNAL, chain(5)));
    let bench = bench();
    let stores = stores(&from, &to);
    let report = bench.run(&plan(&stores), &stores).await;
    ended(&report, Outcome::Done);
    let before = digest(&to.store()).await;
    let back = bench.roll_back(&report.run, &to.store()).await;
    ended(&back, Outcome::RolledBack);
    assert_eq!(back.rollback.unwrap().removed.total(), 0);
    assert_eq!(digest(&to.store()).await, before);
    let mut dry = plan(&stores);
    dry.write.dry_run = true;
    let report = bench.run(&dry, &stores).await;
    let run = bench.folder(&report.run);
    let refused = engine::rollback(&run, to.store(), bench.options()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_gone_is_nothing_to_take_back() {
    let (bench, to, report, _) = moved(ASIDE, false).await;
    let store = to.store();
    let fingerprint = store.fingerprint().await.unwrap();
    store.remove(&fingerprint).await.unwrap();
    let back = bench.roll_back(&report.run, &store).await;
    ended(&back, Outcome::RolledBack);
    assert!(!back.rollback.unwrap().target_removed);
}

#[tokio::test(start_paused = true)]
async fn the_backup_holds_what_was_there() {
    let (_bench, _, report, before) = moved(JOURNAL, true).await;
    let path = report.backup.unwrap();
    let mut reader = memferry::store::archive::ArchiveReader::open(path.as_ref()).unwrap();
    let mut records: Vec<Record> = Vec::new();
    for frame in 1..reader.frame_count() {
        reader.read_frame(frame, &mut records).unwrap();
    }
    let restored = filled(JOURNAL, records);
    assert_eq!(digest(&restored.store()).await, before);
}
