//! What is counted ahead is what a dry run finds, and nothing is left of it.

use crate::support::*;
use memferry::engine::{self, Filter, OnConflict, Review, Telling};
use memferry::model::Record;
use memferry::store::Capabilities;
use memferry::store::reference::{Manners, Place};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of three types, from 2026-01-01 to 2026-01-05, linked to each other, and one link into nothing.
fn ours() -> Vec<Record> {
    let mut all: Vec<Record> = (0..40)
        .map(|n| {
            let kind = ["solution", "fix", "error"][n % 3];
            memory_as(
                n,
                kind,
                &format!("2026-01-0{}T00:00:00Z", n % 5 + 1),
                "ours",
            )
        })
        .collect();
    all.extend((0..60).map(|n| link(n, &id(n % 40), &id(n * 7 % 40))));
    all.push(link(90, &id(1), "nobody"));
    all
}

/// Some of the same, some of them other, some newer, and two of its own.
fn theirs() -> Vec<Record> {
    let mut all: Vec<Record> = ours().into_iter().take(10).collect();
    all.extend((10..16).map(|n| memory_as(n, "fix", "2026-02-01T00:00:00Z", "theirs")));
    all.extend((16..20).map(|n| memory_as(n, "fix", "2025-02-01T00:00:00Z", "theirs")));
    all.extend((100..102).map(|n| memory_as(n, "task", "2026-01-01T00:00:00Z", "theirs")));
    all.push(link(3, &id(3), &id(21)));
    all
}

fn filters() -> Vec<Filter> {
    let set = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    vec![
        Filter::default(),
        Filter {
            types: set(&["fix"]),
            ..Filter::default()
        },
        Filter {
            since: Some("2026-01-03T00:00:00Z".into()),
            tags: set(&["t1", "t2"]),
            ..Filter::default()
        },
        Filter {
            project: Some("/nowhere".into()),
            ..Filter::default()
        },
    ]
}

fn targets(manners: Manners) -> Vec<Place> {
    let [absent, empty, full] = [(); 3].map(|()| place(manners.clone()));
    fill(&empty, []);
    fill(&full, theirs());
    vec![absent, empty, full]
}

fn numbers(review: &Review) -> [u64; 10] {
    let (of, r) = (|t: engine::Tally| [t.nodes, t.relationships], review);
    let [a, b] = of(r.added);
    let [c, d] = of(r.changed);
    let [e, f] = of(r.kept);
    let [g, h] = of(r.same);
    [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        r.staged.memories,
        r.staged.relationships,
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_ahead_is_what_a_dry_run_finds() {
    let from = source(ours());
    let with = |modes, change: fn(&mut Capabilities)| {
        let mut manners = Manners::new(modes);
        change(&mut manners.capabilities);
        manners
    };
    for manners in [
        with(ASIDE, |_| {}),
        with(JOURNAL, |c| c.dangling = false),
        with(TRANSACTION, |c| c.parallel = false),
    ] {
        for to in targets(manners) {
            for filter in filters() {
                let (bench, stores) = (bench(), stores(&from, &to));
                let mut plan = plan(&stores);
                plan.filter = filter.clone();
                plan.write.on_conflict = OnConflict::Newest;
                let selected = Arc::new(AtomicU64::new(0));
                let telling = Telling::nowhere();
                let ahead =
                    engine::ahead(&plan, &stores, &bench.home, &telling, selected.clone()).await;
                let ahead = ahead.unwrap();
                let selected = selected.load(Ordering::Relaxed);
                if !filter.is_empty() {
                    assert_eq!(selected, ahead.staged.memories, "{filter:?}");
                }
                assert!(!bench.home.dir().exists(), "it leaves no run");
                plan.write.dry_run = true;
                let dry = bench.run(&plan, &stores).await.review.unwrap();
                assert_eq!(numbers(&ahead), numbers(&dry), "{filter:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_cannot_be_read_is_said() {
    let (bench, from, to) = (bench(), source(ours()), place(Manners::new(ASIDE)));
    let stores = stores(&from, &to);
    let mut plan = plan(&stores);
    plan.filter.since = Some("yesterday".into());
    let (telling, selected) = (Telling::nowhere(), Arc::default());
    let error = engine::ahead(&plan, &stores, &bench.home, &telling, selected).await;
    assert!(error.unwrap_err().to_string().contains("yesterday"));
}

#[tokio::test(start_paused = true)]
async fn a_check_is_made_alone_and_begins_no_run() {
    let (bench, from, to) = (bench(), source(ours()), place(Manners::new(ASIDE)));
    let stores = stores(&from, &to);
    let plan = plan(&stores);
    let report = bench.run(&plan, &stores).await;
    let runs = bench.home.runs().unwrap().len();
    let mut alone = 0;
    for check in &report.checks {
        let made = engine::check_alone(&plan, &stores, &bench.home, &check.name).await;
        match engine::can_be_made_alone(&check.name) {
            true => {
                assert_eq!(made.unwrap().name, check.name);
                alone += 1;
            }
            false => drop(made.unwrap_err()),
        }
    }
    assert_eq!(alone, 10);
    assert_eq!(bench.home.runs().unwrap().len(), runs);
    // What it builds upon is said instead, if that is what fails.
    let gone = place(Manners::new(ASIDE));
    let stores = crate::support::stores(&gone, &to);
    let check = engine::check_alone(&plan, &stores, &bench.home, "room").await;
    assert_eq!(check.unwrap().name, "source-answers");
}
