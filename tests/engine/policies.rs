//! What happens to a record that the target has with other content, under every policy.

use crate::support::*;
use memferry::engine::OnConflict::{self, *};
use memferry::model::{Kind, Record};
use memferry::report::{Outcome, Report};
use memferry::store::reference::{Manners, Place};

/// Runs a policy and says which ids hold the source's version.
async fn held(
    policy: OnConflict,
    modes: &'static [memferry::store::WriteMode],
    theirs: &[Record],
    ours: &[Record],
) -> (Vec<String>, Report, Place) {
    let from = source(ours.to_vec());
    let to = filled(modes, theirs.to_vec());
    let stores = stores(&from, &to);
    let mut plan = plan(&stores);
    plan.write.on_conflict = policy;
    let report = bench().run(&plan, &stores).await;
    let mut held = Vec::new();
    for kind in Kind::BOTH {
        for record in to.records(kind) {
            let text = format!("{:?}", record.properties());
            if text.contains("ours") {
                held.push(record.key().display());
            }
        }
    }
    (held, report, to)
}

fn mine(n: usize, at: &str) -> Record {
    memory_as(n, "fix", at, "ours")
}

fn its(n: usize, at: &str) -> Record {
    memory_as(n, "fix", at, "theirs")
}

fn tie(n: usize, at: &str, whose: &str) -> Record {
    let mut record = link_as(n, &id(1), &id(2), "SOLVES", at);
    if let Record::Relationship(r) = &mut record {
        r.properties = stored(&format!(
            r#"{{"strength": 1, "description": "{whose}", "recorded_at": "{at}"}}"#
        ));
    }
    record
}

#[tokio::test(start_paused = true)]
async fn nodes_and_relationships_under_every_policy() {
    for modes in [ASIDE, TRANSACTION, JOURNAL] {
        let theirs = [
            its(1, "2026-01-02T00:00:00Z"),
            its(2, "2026-01-02T00:00:00Z"),
            tie(1, "2026-01-02T00:00:00Z", "theirs"),
            tie(2, "2026-01-02T00:00:00Z", "theirs"),
            memory(9),
        ];
        let ours = [
            mine(1, "2026-01-03T00:00:00Z"),
            mine(2, "2026-01-01T00:00:00Z"),
            memory(9),
            tie(1, "2026-01-03T00:00:00Z", "ours"),
            tie(2, "2026-01-01T00:00:00Z", "ours"),
        ];
        let (held_now, report, _) = held(Skip, modes, &theirs, &ours).await;
        ended(&report, Outcome::Done);
        assert_eq!(held_now, [""; 0]);
        assert_eq!(report.written.skipped, tally(2, 2));
        assert_eq!(report.written.same, tally(1, 0));
        assert_eq!(report.review.as_ref().unwrap().conflicts.len(), 4);

        let (held_now, report, _) = held(Overwrite, modes, &theirs, &ours).await;
        ended(&report, Outcome::Done);
        assert_eq!(held_now, [id(1), id(2), "r00001".into(), "r00002".into()]);
        assert_eq!(report.written.changed, tally(2, 2));
        assert!(report.backup.is_some());
        let conflicts = &report.review.as_ref().unwrap().conflicts;
        let first = conflicts.iter().find(|c| c.key == id(1)).unwrap();
        let names: Vec<_> = first.fields.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["content", "updated_at"]);
        assert!(first.replaced && !first.title.is_empty());

        let (held_now, report, _) = held(Newest, modes, &theirs, &ours).await;
        ended(&report, Outcome::Done);
        assert_eq!(held_now, [id(1), "r00001".into()]);
        assert_eq!(report.written.changed, tally(1, 1));
        assert_eq!(report.written.skipped, tally(1, 1));

        let (held_now, report, to) = held(Fail, modes, &theirs, &ours).await;
        ended(&report, Outcome::Refused);
        assert_eq!(held_now, [""; 0]);
        assert!(to.calls().iter().all(|c| c.is_read()));
    }
}

#[tokio::test(start_paused = true)]
async fn equal_records_are_the_same_under_every_policy() {
    for policy in [Skip, Overwrite, Newest, Fail] {
        for modes in [ASIDE, TRANSACTION, JOURNAL] {
            // The order of keys and a null that means absence make no difference.
            let other = r#"{"updated_at": "2026-01-01T00:00:00+00:00", "importance": 0.5, "tags": ["t1"], "content": "as it was", "title": "Title 1", "type": "solution", "id": "m00001"}"#;
            let theirs = [node(&id(1), other), link(1, &id(1), &id(1)), memory(5)];
            let ours = [memory(1), memory(2), link(1, &id(1), &id(1))];
            let (_, report, to) = held(policy, modes, &theirs, &ours).await;
            ended(&report, Outcome::Done);
            assert_eq!(report.written.same, tally(1, 1));
            assert_eq!(report.written.added, tally(1, 0));
            assert_eq!(
                report.written.changed.total() + report.written.skipped.total(),
                0
            );
            assert_eq!(ids(&to, Kind::Node), [id(1), id(5), id(2)]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_is_told_by_instants() {
    for (theirs, ours, replaced) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00", false),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00Z", false),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00.000001Z", true),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:30:00+01:00", false),
        ("2026-01-01T00:30:00+01:00", "2026-01-01T00:00:00Z", true),
        ("2026-01-01 10:00:00", "2026-01-01T10:00:01", true),
        ("yesterday", "2026-01-01T00:00:00Z", false),
        ("2026-01-01T00:00:00Z", "soon", false),
        ("2026-01-01", "2026-01-02", true),
        ("", "", false),
    ] {
        let (held_now, report, _) =
            held(Newest, JOURNAL, &[its(1, theirs)], &[mine(1, ours)]).await;
        ended(&report, Outcome::Done);
        assert_eq!(held_now.len(), usize::from(replaced), "{theirs} {ours}");
        let conflict = &report.review.unwrap().conflicts[0];
        assert_eq!(conflict.replaced, replaced);
    }
}

/// A record of the target's without ours is never touched, a key of other type is another.
#[tokio::test(start_paused = true)]
async fn what_the_source_does_not_have_stays() {
    for policy in [Skip, Overwrite, Newest] {
        let theirs = [its(7, "2020-01-01"), tie(7, "2020-01-01", "theirs")];
        let ours = [
            mine(1, "2026-01-01"),
            mine(2, "2026-01-01"),
            tie(1, "2026-01-01", "ours"),
        ];
        let (held_now, report, to) = held(policy, ASIDE, &theirs, &ours).await;
        ended(&report, Outcome::Done);
        assert_eq!(held_now.len(), 3);
        assert_eq!(to.records(Kind::Node).len(), 3);
        assert_eq!(to.records(Kind::Relationship).len(), 2);
        assert_eq!(report.review.unwrap().untouched, tally(1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_what_fail_would_refuse() {
    let from = source([mine(1, "2026-01-01")]);
    let to = place(Manners::new(JOURNAL));
    fill(&to, [its(1, "2026-01-01")]);
    let stores = stores(&from, &to);
    let mut plan = plan(&stores);
    plan.write.on_conflict = Fail;
    plan.write.dry_run = true;
    let report = bench().run(&plan, &stores).await;
    ended(&report, Outcome::DryRun);
    assert_eq!(report.review.unwrap().kept, tally(1, 0));
}
