//! Real files: SQLite, JSON and archives among each other, and what is left beside them.

use crate::support::*;
use memferry::engine::{self, Filter, Plan, Stores};
use memferry::error::ErrorKind;
use memferry::model::{Key, Kind, Record, Value};
use memferry::report::{Outcome, Report};
use memferry::store::Store;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures").join(name)
}

/// What a folder holds: names, sizes, times, content.
fn folder(dir: &Path) -> Vec<(PathBuf, u64, SystemTime, [u8; 32])> {
    let mut all: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let meta = path.metadata().unwrap();
            let bytes = if meta.is_file() {
                std::fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let hash = *blake3::hash(&bytes).as_bytes();
            (path, meta.len(), meta.modified().unwrap(), hash)
        })
        .collect();
    all.sort();
    all
}

/// A folder for stores, beside the bench's home.
fn stores_dir(bench: &Bench) -> PathBuf {
    let dir = bench.dir.path().join("stores");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn copy(bench: &Bench, name: &str) -> PathBuf {
    let to = stores_dir(bench).join(name);
    std::fs::copy(fixture(name), &to).unwrap();
    to
}

async fn moved(bench: &Bench, source: Arc<dyn Store>, target: Arc<dyn Store>) -> Report {
    moved_as(bench, source, target, |_| {}).await
}

async fn moved_as(
    bench: &Bench,
    source: Arc<dyn Store>,
    target: Arc<dyn Store>,
    change: impl FnOnce(&mut Plan),
) -> Report {
    let stores = Stores { source, target };
    let mut plan = plan(&stores);
    change(&mut plan);
    bench.run(&plan, &stores).await
}

/// A place that holds all of these is moved into a file.
async fn file_of(bench: &Bench, kind: &str, name: &str, records: Vec<Record>) -> Arc<dyn Store> {
    let store = file(kind, &stores_dir(bench).join(name));
    let from = source(records);
    let report = moved(bench, from.store(), store.clone()).await;
    ended(&report, Outcome::Done);
    assert_eq!(digest(&from.store()).await, digest(&store).await, "{kind}");
    store
}

#[tokio::test]
async fn new_files_of_every_kind() {
    for kind in ["sqlite", "json", "archive"] {
        for count in [0, 1, 999, 1000, 1001, 2500] {
            let bench = real_time();
            let store = file_of(&bench, kind, "new", chain(count)).await;
            assert_eq!(folder(&stores_dir(&bench)).len(), 1, "{kind}");
            let from = source(chain(count));
            let again = moved(&bench, from.store(), store.clone()).await;
            if kind == "sqlite" {
                ended(&again, Outcome::Done);
                assert_eq!(again.written.same, tally(count as u64, count as u64));
            } else {
                ended(&again, Outcome::Refused);
            }
            let run = bench.home.runs().unwrap().remove(0);
            assert!(
                engine::verify_run(&run, store.clone())
                    .await
                    .unwrap()
                    .identical()
            );
            let back = bench.roll_back(&run.name, &store).await;
            ended(&back, Outcome::RolledBack);
            assert!(back.rollback.unwrap().target_removed);
            assert_eq!(folder(&stores_dir(&bench)), []);
        }
    }
}

#[tokio::test]
async fn every_fixture_moves_to_every_kind_and_back_to_sqlite() {
    for name in [
        "python-0.8.3.db",
        "typescript-0.13.db",
        "wal-closed.db",
        "wal-unclean.db",
    ] {
        let bench = real_time();
        let path = copy(&bench, name);
        let before = folder(&stores_dir(&bench));
        let from = file("sqlite", &path);
        for kind in ["sqlite", "json", "archive"] {
            let dir = tempfile::tempdir().unwrap();
            let to = file(kind, &dir.path().join("to"));
            let report = moved(&bench, from.clone(), to.clone()).await;
            ended(&report, Outcome::Done);
            assert!(
                report.losses.is_empty(),
                "{name} {kind} {:?}",
                report.losses
            );
            let there = engine::compare(from.clone(), to.clone()).await.unwrap();
            assert!(there.identical(), "{name} {kind}");
            let back = file("sqlite", &dir.path().join("back.db"));
            let report = moved(&bench, to, back.clone()).await;
            ended(&report, Outcome::Done);
            let there = engine::compare(from.clone(), back).await.unwrap();
            assert!(
                there.identical(),
                "{name} {kind} back: {:#?}",
                there.differences
            );
        }
        assert_eq!(
            folder(&stores_dir(&bench)),
            before,
            "the source was touched"
        );
    }
}

#[tokio::test]
async fn merging_into_a_file_and_taking_it_back() {
    let bench = real_time();
    let own = (100..120)
        .map(memory)
        .chain([memory_as(3, "fix", "2020-01-01", "theirs")]);
    let store = file_of(&bench, "sqlite", "target.db", own.collect()).await;
    let before = digest(&store).await;
    let from = source(chain(50));
    let report = moved_as(&bench, from.store(), store.clone(), |plan| {
        plan.write.on_conflict = engine::OnConflict::Overwrite;
        plan.write.batch = 7;
    })
    .await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.added, tally(49, 50));
    assert_eq!(report.written.changed, tally(1, 0));
    assert_eq!(folder(&stores_dir(&bench)).len(), 1);
    let back = bench.roll_back(&report.run, &store).await;
    ended(&back, Outcome::RolledBack);
    let done = back.rollback.unwrap();
    assert_eq!(done.removed, tally(49, 50));
    assert_eq!(done.restored, tally(1, 0));
    assert_eq!(digest(&store).await, before);
    assert_eq!(folder(&stores_dir(&bench)).len(), 1);
    // The backup is the same once more.
    let backup = file("archive", report.backup.unwrap().as_ref());
    assert_eq!(digest(&backup).await, before);
}

#[tokio::test]
async fn an_empty_file_is_filled() {
    let bench = real_time();
    let path = stores_dir(&bench).join("empty.db");
    std::fs::write(&path, "").unwrap();
    let from = source(chain(10));
    let store = file("sqlite", &path);
    let report = moved(&bench, from.store(), store.clone()).await;
    ended(&report, Outcome::Done);
    assert_eq!(digest(&from.store()).await, digest(&store).await);
    let back = bench.roll_back(&report.run, &store).await;
    ended(&back, Outcome::RolledBack);
    assert_eq!(back.rollback.unwrap().removed, tally(10, 10));
}

#[tokio::test]
async fn a_dry_run_touches_no_file() {
    for there in [false, true] {
        let bench = real_time();
        let from = copy(&bench, "python-0.8.3.db");
        let to = stores_dir(&bench).join("to.db");
        if there {
            std::fs::copy(fixture("python-0.8-half-migrated.db"), &to).unwrap();
        }
        let before = folder(&stores_dir(&bench));
        let report = moved_as(&bench, file("sqlite", &from), file("sqlite", &to), |plan| {
            plan.write.dry_run = true;
        })
        .await;
        assert!(matches!(report.outcome, Outcome::DryRun | Outcome::Refused));
        assert_eq!(folder(&stores_dir(&bench)), before);
    }
}

#[tokio::test]
async fn ids_that_are_repeated_get_their_own_if_that_is_accepted() {
    let bench = real_time();
    let dir = stores_dir(&bench);
    let memory = |title: &str| {
        format!(
            r#"{{"id": "a", "type": "fix", "title": "{title}", "content": "c", "tags": [], "importance": 0.5, "confidence": 0.8, "created_at": "2026-01-01T00:00:00", "updated_at": "2026-01-01T00:00:00"}}"#
        )
    };
    let memories = [
        memory("first"),
        memory("second"),
        memory("second"),
        memory("third"),
    ];
    let link = r#"{"from_memory_id": "a", "to_memory_id": "a", "type": "SOLVES", "properties": {"strength": 0.5}}"#;
    let text = format!(
        r#"{{"format_version": "2.0", "export_version": "1.0", "export_date": "2026-01-01T00:00:00", "backend_type": "sqlite", "memory_count": 4, "relationship_count": 2, "memories": [{}], "relationships": [{link}, {link}]}}"#,
        memories.join(",")
    );
    std::fs::write(dir.join("from.json"), text).unwrap();
    let from = file("json", &dir.join("from.json"));
    for kind in ["sqlite", "archive", "json"] {
        let to = file(kind, &dir.join("to"));
        let report = moved(&bench, from.clone(), to.clone()).await;
        ended(&report, Outcome::Refused);
        let message = report.failure.unwrap().message;
        assert!(message.contains("id:repeated (3 records)"), "{message}");
        assert_eq!(folder(&dir).len(), 1);
        for run in ["new", "again"] {
            let report = moved_as(&bench, from.clone(), to.clone(), |plan| {
                plan.losses.accept.insert("id:repeated".into());
            })
            .await;
            if run == "again" && kind != "sqlite" {
                ended(&report, Outcome::Refused);
                continue;
            }
            ended(&report, Outcome::Done);
            assert!(report.losses.iter().all(|l| l.accepted && l.records == 3));
            let written = if run == "new" {
                report.written.added
            } else {
                report.written.same
            };
            assert_eq!(written, tally(4, 2), "{kind} {run}");
            let titles = engine::inspect(to.clone()).await.unwrap();
            assert_eq!(titles.counts.memories, 4);
            let mut all: Vec<_> = titles.newest.iter().map(|n| n.title.as_str()).collect();
            all.sort_unstable();
            assert_eq!(all, ["first", "second", "second", "third"]);
        }
        std::fs::remove_file(dir.join("to")).unwrap();
    }
}

#[tokio::test]
async fn what_the_source_cannot_read_is_a_loss_by_name() {
    for name in ["flipped-page.db", "truncated.db"] {
        let bench = real_time();
        let from = file("sqlite", &copy(&bench, name));
        let Ok(inspection) = engine::inspect(from.clone()).await else {
            continue;
        };
        assert!(!inspection.unreadable.is_empty());
        let to = file("sqlite", &stores_dir(&bench).join("to.db"));
        let report = moved(&bench, from.clone(), to.clone()).await;
        ended(&report, Outcome::Refused);
        assert!(
            report
                .failure
                .unwrap()
                .message
                .contains("source:unreadable")
        );
        assert!(!to.describe().await.unwrap().exists);
        let report = moved_as(&bench, from, to.clone(), |plan| {
            plan.losses.accept.insert("source:unreadable".into());
        })
        .await;
        ended(&report, Outcome::Done);
        assert_eq!(report.unreadable, inspection.unreadable);
        assert_eq!(digest(&to).await.unwrap(), inspection.content_digest);
    }
}

#[tokio::test]
async fn odd_ids_and_both_layouts_at_once() {
    let bench = real_time();
    let from = file("sqlite", &copy(&bench, "null-and-blob-ids.db"));
    let inspection = engine::inspect(from.clone()).await.unwrap();
    let to = file("sqlite", &stores_dir(&bench).join("to.db"));
    let report = moved_as(&bench, from.clone(), to.clone(), |plan| {
        plan.losses.accept.insert("id:repeated".into());
    })
    .await;
    ended(&report, Outcome::Done);
    assert_eq!(report.verification.unwrap().counts, inspection.counts);

    let from = file("sqlite", &copy(&bench, "hybrid-python-first.db"));
    let to = file("sqlite", &stores_dir(&bench).join("hybrid.db"));
    let report = moved(&bench, from.clone(), to.clone()).await;
    if report.outcome == Outcome::Refused {
        assert!(report.failure.unwrap().message.contains("id:repeated"));
        let report = moved_as(&bench, from.clone(), to.clone(), |plan| {
            plan.losses.accept.insert("id:repeated".into());
        })
        .await;
        ended(&report, Outcome::Done);
    } else {
        ended(&report, Outcome::Done);
    }
    let (a, b) = (
        engine::inspect(from).await.unwrap(),
        engine::inspect(to).await.unwrap(),
    );
    assert_eq!(a.counts, b.counts);
}

#[tokio::test]
async fn a_file_that_appears_while_another_is_built_is_not_replaced() {
    let bench = real_time();
    let dir = stores_dir(&bench);
    let from = source(chain(2_000));
    let path = dir.join("to.db");
    let (made, put) = (path.clone(), dir.clone());
    let act = move |_: &memferry::store::reference::Place| {
        assert!(!made.exists());
        std::fs::write(put.join("to.db"), "mine").unwrap();
    };
    let call = memferry::store::reference::Call::Finish;
    let fault = memferry::store::reference::Fault::Meanwhile(Box::new(act));
    from.fault(call, 1, fault);
    let report = moved(&bench, from.store(), file("sqlite", &path)).await;
    ended(&report, Outcome::Failed);
    assert_eq!(report.failure.unwrap().kind, ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    assert_eq!(folder(&dir).len(), 1);
}

#[tokio::test]
async fn a_filter_between_files() {
    let bench = real_time();
    let from = file_of(&bench, "sqlite", "from.db", chain(30)).await;
    let to = file("sqlite", &stores_dir(&bench).join("to.db"));
    let report = moved_as(&bench, from, to.clone(), |plan| {
        plan.filter = Filter {
            tags: ["t1".to_owned()].into(),
            ..Filter::default()
        };
    })
    .await;
    ended(&report, Outcome::Done);
    assert_eq!(report.written.added, tally(10, 0));
    assert!(report.verification.unwrap().identical());
}

/// 16 MiB in one memory; one of 33 MiB is a loss by name and disturbs nothing else.
#[tokio::test]
async fn giants() {
    let giant = |n: usize, mib: usize| {
        let mut record = memory(n);
        if let Record::Node(node) = &mut record {
            let text = "x".repeat(mib << 20);
            node.properties = typed(&[
                ("id", Value::text(id(n))),
                ("type", Value::text("fix")),
                ("title", Value::text("giant")),
                ("content", Value::text(text)),
            ]);
        }
        record
    };
    for kind in ["sqlite", "json", "archive"] {
        let bench = real_time();
        let to = file(kind, &stores_dir(&bench).join("to"));
        let from = source(chain(3).into_iter().chain([giant(10, 16), giant(11, 33)]));
        from.put(link(50, &id(10), &id(11))).unwrap();
        let report = moved(&bench, from.store(), to.clone()).await;
        ended(&report, Outcome::Refused);
        let message = report.failure.unwrap().message;
        assert!(message.contains("record:too-large (1 record)"), "{message}");
        let report = moved_as(&bench, from.store(), to.clone(), |plan| {
            plan.losses.accept.insert("record:too-large".into());
        })
        .await;
        ended(&report, Outcome::Done);
        assert_eq!(report.losses[0].examples, [id(11)]);
        assert_eq!(report.written.added, tally(4, 4));
        from.remove(Kind::Node, &Key::text(id(11))).unwrap();
        assert_eq!(digest(&from.store()).await, digest(&to).await, "{kind}");
    }
}
