//! A run's own files, damaged or foreign: clear errors, and nothing lost by them.

use crate::support::*;
use memferry::engine::{self, Command, Plan, RunStatus, Stores};
use memferry::error::ErrorKind;
use memferry::model::Kind;
use memferry::report::{Outcome, Report};
use memferry::store::reference::{Call, Fault, Manners, Place};
use std::path::Path;

struct Scene {
    from: Place,
    to: Place,
    bench: Bench,
    before: Option<String>,
    stores: Stores,
    plan: Plan,
}

fn scene_with(to: Place, before: Option<String>) -> Scene {
    let from = source(chain(60));
    let stores = stores(&from, &to);
    let mut plan = plan(&stores);
    plan.write.batch = 10;
    plan.write.on_conflict = engine::OnConflict::Overwrite;
    Scene {
        from,
        to,
        bench: bench(),
        before,
        stores,
        plan,
    }
}

async fn by_journal() -> Scene {
    let to = filled(
        JOURNAL,
        [memory_as(1, "fix", "2020-01-01", "old"), memory(500)],
    );
    let before = digest(&to.store()).await;
    scene_with(to, before)
}

impl Scene {
    /// Runs until that batch and stops there.
    async fn stopped_at(&self, call: Call, nth: u32) -> Report {
        let sender: &'static std::sync::Mutex<Option<tokio::sync::mpsc::Sender<Command>>> =
            Box::leak(Box::default());
        let stop = move |_: &Place| {
            if let Some(sender) = &*sender.lock().unwrap() {
                sender.try_send(Command::Stop { rollback: false }).unwrap();
            }
        };
        let place = if call == Call::Scan {
            &self.from
        } else {
            &self.to
        };
        place.fault(call, nth, Fault::Meanwhile(Box::new(stop)));
        let handle = self.bench.start(&self.plan, &self.stores).await;
        *sender.lock().unwrap() = Some(handle.commands());
        let report = handle.report().await.unwrap();
        *sender.lock().unwrap() = None;
        ended(&report, Outcome::Interrupted);
        report
    }

    async fn again(&self) -> Report {
        self.bench.run(&self.plan, &self.stores).await
    }

    async fn roll_back(&self, report: &Report) -> Result<Report, memferry::error::Error> {
        let run = self.bench.folder(&report.run);
        let handle = engine::rollback(&run, self.to.store(), self.bench.options()).await?;
        handle.report().await
    }
}

fn flip(path: &Path, at: f64) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = ((bytes.len() - 1) as f64 * at) as usize;
    bytes[at] ^= 0x55;
    std::fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, at: f64) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..(bytes.len() as f64 * at) as usize]).unwrap();
}

const PLACES: [f64; 6] = [0.0, 0.2, 0.5, 0.8, 0.99, 1.0];

#[tokio::test(start_paused = true)]
async fn a_damaged_stage_is_read_again_before_anything_is_written() {
    for damage in [flip, cut] {
        for at in PLACES {
            for (call, nth) in [(Call::Scan, 2), (Call::Writer, 1)] {
                let to = filled(TRANSACTION, [memory(500)]);
                let scene = scene_with(to, None);
                let report = scene.stopped_at(call, nth).await;
                let run = scene.bench.folder(&report.run);
                damage(&run.dir.join("stage/stage.memferry"), at);
                let again = scene.again().await;
                ended(&again, Outcome::Done);
                assert_eq!(again.run, report.run);
                assert_eq!(again.written.added, tally(60, 60), "{call:?} {at}");
            }
        }
    }
}

/// Records are in the target already: what is left cannot be told, so all is taken back.
#[tokio::test(start_paused = true)]
async fn a_damaged_stage_in_the_middle_of_writing_is_taken_back() {
    for damage in [flip, cut] {
        for at in PLACES {
            let scene = by_journal().await;
            let report = scene.stopped_at(Call::Apply, 4).await;
            let run = scene.bench.folder(&report.run);
            let stage = run.dir.join("stage/stage.memferry");
            let whole = std::fs::read(&stage).unwrap();
            damage(&stage, at);
            let again = scene.again().await;
            if std::fs::read(&stage).is_ok_and(|now| now == whole) || again.outcome == Outcome::Done
            {
                // What was hit is no part of any record.
                ended(&again, Outcome::Done);
                continue;
            }
            ended(&again, Outcome::RolledBack);
            assert_eq!(again.failure.unwrap().kind, ErrorKind::Corrupt);
            assert_eq!(digest(&scene.to.store()).await, scene.before);
            ended(&scene.again().await, Outcome::Done);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_journal_is_never_half_obeyed() {
    for damage in [flip, cut] {
        for at in PLACES {
            let scene = by_journal().await;
            let report = scene.stopped_at(Call::Apply, 5).await;
            let run = scene.bench.folder(&report.run);
            let journal = run.dir.join("undo.journal");
            let whole = std::fs::read(&journal).unwrap();
            damage(&journal, at);
            let held = digest(&scene.to.store()).await;
            if std::fs::read(&journal).unwrap() == whole {
                continue;
            }
            let back = scene.roll_back(&report).await.unwrap();
            if back.outcome == Outcome::RolledBack {
                // Only an entry that was not acknowledged may be missing.
                assert_eq!(digest(&scene.to.store()).await, scene.before, "{at}");
                continue;
            }
            ended(&back, Outcome::Failed);
            assert_eq!(back.failure.unwrap().kind, ErrorKind::Corrupt);
            assert_eq!(digest(&scene.to.store()).await, held);
            // Going on would leave what cannot be taken back: that is refused as well.
            let resumed = scene.again().await;
            ended(&resumed, Outcome::Failed);
            assert_eq!(digest(&scene.to.store()).await, held);
            // The journal as it was: all is well again.
            std::fs::write(&journal, &whole).unwrap();
            ended(
                &scene.roll_back(&report).await.unwrap(),
                Outcome::RolledBack,
            );
            assert_eq!(digest(&scene.to.store()).await, scene.before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_gone_is_no_empty_one() {
    let scene = by_journal().await;
    let report = scene.stopped_at(Call::Apply, 5).await;
    let run = scene.bench.folder(&report.run);
    std::fs::remove_file(run.dir.join("undo.journal")).unwrap();
    let held = digest(&scene.to.store()).await;
    let back = scene.roll_back(&report).await.unwrap();
    ended(&back, Outcome::Failed);
    assert_eq!(digest(&scene.to.store()).await, held);
}

#[tokio::test(start_paused = true)]
async fn damaged_digests_prove_nothing_and_remove_nothing() {
    for damage in [flip, cut] {
        for at in PLACES {
            let scene = scene_with(place(Manners::new(ASIDE)), None);
            let report = scene.again().await;
            ended(&report, Outcome::Done);
            let run = scene.bench.folder(&report.run);
            let path = run.dir.join("digests");
            let whole = std::fs::read(&path).unwrap();
            damage(&path, at);
            if std::fs::read(&path).unwrap() == whole {
                continue;
            }
            let verified = engine::verify_run(&run, scene.to.store()).await;
            assert_eq!(verified.unwrap_err().kind(), ErrorKind::Corrupt, "{at}");
            let back = scene.roll_back(&report).await.unwrap();
            ended(&back, Outcome::Failed);
            assert_eq!(back.failure.unwrap().kind, ErrorKind::Corrupt);
            assert_eq!(ids(&scene.to, Kind::Node).len(), 60);
            std::fs::write(&path, whole).unwrap();
            ended(
                &scene.roll_back(&report).await.unwrap(),
                Outcome::RolledBack,
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_is_damaged_or_foreign() {
    let text = |bench: &Bench, run: &str| {
        let path = bench.folder(run).dir.join("checkpoint.json");
        (std::fs::read_to_string(&path).unwrap(), path)
    };
    for change in ["", "{", "null", "version", "plan", "garbage"] {
        let scene = by_journal().await;
        let report = scene.stopped_at(Call::Apply, 3).await;
        let (whole, path) = text(&scene.bench, &report.run);
        let held = digest(&scene.to.store()).await;
        let (changed, kind) = match change {
            "version" => (
                whole.replace("\"version\": 1", "\"version\": 2"),
                ErrorKind::UnknownLayout,
            ),
            "plan" => {
                let plan = scene.plan.digest();
                (
                    whole.replace(&plan, &"0".repeat(plan.len())),
                    ErrorKind::Refused,
                )
            }
            "garbage" => ("\u{0}\u{1}".repeat(1_000), ErrorKind::Corrupt),
            short => (short.to_owned(), ErrorKind::Corrupt),
        };
        std::fs::write(&path, changed).unwrap();
        let run = scene.bench.folder(&report.run);
        let options = || scene.bench.options();
        let errors = [
            engine::start(scene.plan.clone(), scene.stores.clone(), options())
                .await
                .map(drop),
            engine::resume(&run, scene.stores.clone(), options())
                .await
                .map(drop),
            engine::rollback(&run, scene.to.store(), options())
                .await
                .map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), kind, "{change}: {error}");
            assert!(error.what_to_do().is_some());
        }
        assert_eq!(digest(&scene.to.store()).await, held);
        // It hinders nobody else, and can be forgotten.
        let other = place(Manners::new(ASIDE));
        ended(
            &scene.bench.migrate(&scene.from, &other).await,
            Outcome::Done,
        );
        std::fs::write(&path, whole).unwrap();
        ended(
            &scene.roll_back(&report).await.unwrap(),
            Outcome::RolledBack,
        );
        assert_eq!(digest(&scene.to.store()).await, scene.before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_was_edited_is_another_plan() {
    let scene = by_journal().await;
    let report = scene.stopped_at(Call::Apply, 3).await;
    let run = scene.bench.folder(&report.run);
    let path = run.dir.join("plan.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("overwrite", "skip")).unwrap();
    let resumed = engine::resume(&run, scene.stores.clone(), scene.bench.options()).await;
    assert_eq!(resumed.unwrap_err().kind(), ErrorKind::Refused);
    std::fs::write(&path, "not a plan").unwrap();
    let resumed = engine::resume(&run, scene.stores.clone(), scene.bench.options()).await;
    assert!(resumed.is_err());
    // How fast and how shown is no part of it.
    std::fs::write(&path, text.replace("batch = 10", "batch = 7")).unwrap();
    let resumed = engine::resume(&run, scene.stores.clone(), scene.bench.options()).await;
    ended(&resumed.unwrap().report().await.unwrap(), Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_report_is_no_reason_to_run_again() {
    let scene = by_journal().await;
    let report = scene.again().await;
    ended(&report, Outcome::Done);
    let run = scene.bench.folder(&report.run);
    for text in ["", "{\"version\": 1}", "no"] {
        std::fs::write(run.dir.join("report.json"), text).unwrap();
        assert!(run.status().is_err());
        let resumed = engine::resume(&run, scene.stores.clone(), scene.bench.options()).await;
        assert!(resumed.is_err(), "{text}");
    }
    std::fs::remove_file(run.dir.join("report.json")).unwrap();
    assert!(run.status().is_err());
    run.remove().unwrap();
    assert!(scene.bench.home.runs().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn folders_that_are_no_runs_are_passed_over() {
    let scene = by_journal().await;
    let runs = scene.bench.home.dir().join("runs");
    std::fs::create_dir_all(runs.join("20260101-000000-abcdef")).unwrap();
    std::fs::create_dir_all(runs.join("stray")).unwrap();
    std::fs::write(runs.join("file"), "x").unwrap();
    std::fs::write(runs.join("stray/plan.toml"), "nonsense").unwrap();
    ended(&scene.again().await, Outcome::Done);
    let stray = scene.bench.home.run("stray").unwrap();
    assert_eq!(stray.status().unwrap(), RunStatus::Unfinished);
}
