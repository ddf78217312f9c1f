//! Which records a filter lets through, and what becomes of relationships at its edge.

use crate::support::*;
use memferry::engine::Filter;
use memferry::model::{Kind, Record};
use memferry::report::{Outcome, Report};
use memferry::store::reference::{Manners, Place};

fn with(n: usize, kind: &str, tag: &str, project: &str, tenant: &str) -> Record {
    let id = id(n);
    node(
        &id,
        &format!(
            r#"{{"id": "{id}", "type": "{kind}", "title": "T", "content": "c", "tags": ["{tag}"], "context_project_path": "{project}", "context_tenant_id": "{tenant}", "updated_at": "2026-01-0{n}T00:00:00Z"}}"#
        ),
    )
}

async fn run(bench: &Bench, from: &Place, to: &Place, filter: Filter) -> Report {
    let stores = stores(from, to);
    let mut plan = plan(&stores);
    plan.filter = filter;
    bench.run(&plan, &stores).await
}

fn set(words: &[&str]) -> std::collections::BTreeSet<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn since(text: &str) -> Filter {
    Filter {
        since: Some(text.into()),
        ..Filter::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_memory_must_pass_every_part() {
    let all = || {
        [
            with(1, "fix", "a", "/p", "x"),
            with(2, "fix", "b", "/p", "x"),
            with(3, "error", "a", "/q", "y"),
            with(4, "error", "c", "/q", "y"),
        ]
    };
    let default = Filter::default;
    for (filter, passed) in [
        (
            Filter {
                types: set(&["fix"]),
                ..default()
            },
            vec![1, 2],
        ),
        (
            Filter {
                types: set(&["fix", "error"]),
                ..default()
            },
            vec![1, 2, 3, 4],
        ),
        (
            Filter {
                tags: set(&["a", "c"]),
                ..default()
            },
            vec![1, 3, 4],
        ),
        (
            Filter {
                project: Some("/q".into()),
                ..default()
            },
            vec![3, 4],
        ),
        (
            Filter {
                tenant: Some("x".into()),
                ..default()
            },
            vec![1, 2],
        ),
        (
            Filter {
                types: set(&["fix"]),
                tags: set(&["a"]),
                ..default()
            },
            vec![1],
        ),
        (since("2026-01-03"), vec![3, 4]),
        (since("2026-01-02T01:00:00+01:00"), vec![2, 3, 4]),
        (
            Filter {
                types: set(&["none"]),
                ..default()
            },
            vec![],
        ),
    ] {
        let (from, to) = (source(all()), place(Manners::new(ASIDE)));
        let report = run(&bench(), &from, &to, filter.clone()).await;
        ended(&report, Outcome::Done);
        let expected: Vec<_> = passed.into_iter().map(id).collect();
        assert_eq!(ids(&to, Kind::Node), expected, "{filter:?}");
        assert_eq!(report.written.added, tally(expected.len() as u64, 0));
        assert!(report.verification.unwrap().identical());
    }
}

#[tokio::test(start_paused = true)]
async fn a_memory_whose_time_cannot_be_read_moves() {
    let odd = memory_as(1, "fix", "last week", "c");
    let old = memory_as(2, "fix", "2020-01-01T00:00:00Z", "c");
    let (from, to) = (source([odd, old]), place(Manners::new(JOURNAL)));
    let report = run(&bench(), &from, &to, since("2026-01-01")).await;
    ended(&report, Outcome::Done);
    assert_eq!(ids(&to, Kind::Node), [id(1)]);
}

/// Both ends selected, one of them, one of them in the target already, none.
#[tokio::test(start_paused = true)]
async fn a_relationship_moves_if_its_ends_are_selected_or_there() {
    for modes in MODES {
        let old = |n| memory_as(n, "fix", "2020-01-01T00:00:00Z", "c");
        let new = |n| memory_as(n, "fix", "2026-06-01T00:00:00Z", "c");
        let at = |n, from, to, at| link_as(n, &id(from), &id(to), "SOLVES", at);
        let from = source([
            old(1),
            old(2),
            new(3),
            new(4),
            at(1, 3, 4, "2020-01-01T00:00:00Z"),
            at(2, 3, 1, "2026-06-01T00:00:00Z"),
            at(3, 4, 2, "2026-06-01T00:00:00Z"),
            at(4, 1, 1, "2026-06-01T00:00:00Z"),
            at(5, 1, 1, "2020-01-01T00:00:00Z"),
            at(6, 2, 2, "2026-06-01T00:00:00Z"),
            at(7, 3, 1, "2020-01-01T00:00:00Z"),
            at(8, 3, 1, "no time"),
        ]);
        let to = place(Manners::new(modes));
        fill(&to, [old(1)]);
        let report = run(&bench(), &from, &to, since("2026-01-01")).await;
        ended(&report, Outcome::Done);
        assert_eq!(ids(&to, Kind::Node), [id(1), id(3), id(4)]);
        let moved = ["r00001", "r00002", "r00004", "r00008"];
        assert_eq!(ids(&to, Kind::Relationship), moved);
        assert_eq!(report.written.added, tally(2, 4));
        assert!(report.verification.unwrap().identical());
        let check = |name: &str| report.checks.iter().find(|c| c.name == name).unwrap();
        assert!(check("unselected-ends").evidence.starts_with("4 "));
        assert_eq!(check("unselected-ends").examples.len(), 4);
        assert_eq!(check("dangling").evidence, "none");
        assert!(report.losses.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn other_nodes_move_only_without_a_filter() {
    let mut entity = node("e1", r#"{"id": "e1"}"#);
    if let Record::Node(n) = &mut entity {
        n.labels = vec!["Entity".into()];
    }
    let from = source([memory(1), entity, link(1, &id(1), "e1")]);
    let to = place(Manners::new(ASIDE));
    let bench = bench();
    let report = run(&bench, &from, &to, since("2000-01-01")).await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.added, tally(1, 0));
    let report = run(&bench, &from, &to, Filter::default()).await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.added, tally(1, 1));
}

#[tokio::test(start_paused = true)]
async fn since_the_last_run_takes_what_came_after_it() {
    for modes in MODES {
        let from = source([
            memory_as(1, "fix", "2026-01-01T00:00:00Z", "c"),
            memory_as(2, "fix", "2026-01-02T00:00:00Z", "c"),
            // A clock that ran ahead must not hide what comes later.
            memory_as(3, "fix", "2999-01-01T00:00:00Z", "c"),
        ]);
        let to = place(Manners::new(modes));
        let bench = bench();
        // There is no last run: everything moves.
        let report = run(&bench, &from, &to, since("last-run")).await;
        ended(&report, Outcome::Done);
        assert_eq!(report.written.added, tally(3, 0));
        from.remove(Kind::Node, memory(3).key()).unwrap();
        to.remove(Kind::Node, memory(3).key()).unwrap();
        // Now the mark is its newest memory; older ones are not even looked at.
        let report = run(&bench, &from, &to, since("last-run")).await;
        ended(&report, Outcome::Done);
        assert_eq!(report.review.as_ref().unwrap().staged.total(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_mark_is_the_newest_memory_that_was_met() {
    let from = source([memory_as(1, "fix", "2026-01-01T00:00:00Z", "c")]);
    let to = place(Manners::new(JOURNAL));
    let bench = bench();
    ended(
        &run(&bench, &from, &to, Filter::default()).await,
        Outcome::Done,
    );
    // Written before that run began, visible only now.
    from.put(memory_as(2, "fix", "2026-01-01T00:00:01Z", "c"))
        .unwrap();
    from.put(memory_as(3, "fix", "2025-12-31T00:00:00Z", "c"))
        .unwrap();
    let report = run(&bench, &from, &to, since("last-run")).await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.added, tally(1, 0));
    assert_eq!(report.written.same, tally(1, 0));
    assert_eq!(ids(&to, Kind::Node), [id(1), id(2)]);
    // Another filter has a mark of its own.
    let other = Filter {
        types: set(&["fix"]),
        ..since("last-run")
    };
    let report = run(&bench, &from, &to, other).await;
    assert_eq!(report.written.added, tally(1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_none_is_refused() {
    let (from, to) = (source([memory(1)]), place(Manners::new(ASIDE)));
    let stores = stores(&from, &to);
    let mut plan = plan(&stores);
    plan.filter = since("yesterday");
    let bench = bench();
    let refused = memferry::engine::start(plan, stores, bench.options()).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        memferry::error::ErrorKind::Usage
    );
}
