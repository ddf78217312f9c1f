//! Runs that are stopped, paused, slowed down, broken off and gone on with.

use crate::support::*;
use memferry::engine::{self, Command, OnConflict, Phase, Plan, RunStatus, Status, Stores};
use memferry::error::ErrorKind;
use memferry::model::Kind;
use memferry::report::{Outcome, Report};
use memferry::store::WriteMode;
use memferry::store::reference::{Call, Fault, Manners, Place};
use std::sync::Mutex;

/// A call at which the harness acts: whether on the source, which one if not any, and the
/// how manieth.
type Point = (bool, Option<Call>, u32);

/// Every call of an undisturbed run.
async fn points(modes: &'static [WriteMode], there: bool) -> Vec<Point> {
    let scene = scene(modes, there).await;
    let count = || (scene.from.calls().len(), scene.to.calls().len());
    let before = count();
    let report = scene.bench.run(&scene.plan(), &scene.stores()).await;
    ended(&report, Outcome::Done);
    let after = count();
    let of_source = (before.0..after.0).map(|n| (true, n - before.0));
    let of_target = (before.1..after.1).map(|n| (false, n - before.1));
    let all = of_source.chain(of_target);
    all.map(|(at_source, n)| (at_source, None, n as u32 + 1))
        .collect()
}

struct Scene {
    from: Place,
    to: Place,
    bench: Bench,
    before: Option<String>,
    expected: Option<String>,
}

async fn scene(modes: &'static [WriteMode], there: bool) -> Scene {
    let from = source(chain(45));
    let to = place(Manners::new(modes));
    let all = filled(JOURNAL, chain(45));
    if there {
        let theirs = [
            memory_as(1, "fix", "2020-01-01", "theirs"),
            memory(500),
            link(500, &id(500), &id(500)),
        ];
        fill(&to, theirs);
        fill(&all, [memory(500), link(500, &id(500), &id(500))]);
    }
    Scene {
        before: digest(&to.store()).await,
        expected: digest(&all.store()).await,
        from,
        to,
        bench: bench(),
    }
}

impl Scene {
    fn stores(&self) -> Stores {
        stores(&self.from, &self.to)
    }

    fn plan(&self) -> Plan {
        let mut plan = plan(&self.stores());
        plan.write.batch = 10;
        plan.write.on_conflict = OnConflict::Overwrite;
        plan
    }

    /// Starts a run and sends commands when a call is made.
    async fn run_with(&self, point: Point, commands: &'static [Command]) -> Report {
        let (at_source, call, nth) = point;
        let sender: &'static Mutex<Option<tokio::sync::mpsc::Sender<Command>>> =
            Box::leak(Box::new(Mutex::new(None)));
        let sick = if at_source { &self.from } else { &self.to };
        let act = move |_: &Place| {
            if let Some(sender) = &*sender.lock().unwrap() {
                for command in commands {
                    sender.try_send(*command).unwrap();
                }
            }
        };
        sick.fault(call, nth, Fault::Meanwhile(Box::new(act)));
        let handle = self.bench.start(&self.plan(), &self.stores()).await;
        *sender.lock().unwrap() = Some(handle.commands());
        let report = handle.report().await.unwrap();
        *sender.lock().unwrap() = None;
        report
    }

    async fn now(&self) -> Option<String> {
        let empty = self.to.records(Kind::Node).is_empty();
        match self.before.is_none() && empty {
            true => None,
            false => digest(&self.to.store()).await,
        }
    }
}

const CASES: [(&[WriteMode], bool); 5] = [
    (ASIDE, false),
    (ASIDE, true),
    (JOURNAL, false),
    (JOURNAL, true),
    (TRANSACTION, false),
];

#[tokio::test(start_paused = true)]
async fn stopped_anywhere_and_gone_on_with() {
    for (modes, there) in CASES {
        for point in points(modes, there).await {
            let scene = scene(modes, there).await;
            let report = scene
                .run_with(point, &[Command::Stop { rollback: false }])
                .await;
            let what = format!("{modes:?} {there} {point:?}");
            if report.outcome == Outcome::Interrupted {
                assert_eq!(report.outcome.exit_code(), 4);
                let run = scene.bench.folder(&report.run);
                assert_eq!(run.status().unwrap(), RunStatus::Unfinished, "{what}");
                if modes[0] != WriteMode::Journal {
                    assert_eq!(scene.now().await, scene.before, "{what}");
                }
                assert!(!scene.to.is_locked());
                let again = scene.bench.run(&scene.plan(), &scene.stores()).await;
                ended(&again, Outcome::Done);
                assert_eq!(again.run, report.run, "{what}: it goes on");
                let (written, same) = (again.written, u64::from(there));
                assert_eq!(written.added, tally(45 - same, 45), "{what}");
                assert_eq!(written.changed, tally(same, 0), "{what}");
                assert_eq!(written.same.total(), 0, "{what}");
            } else {
                ended(&report, Outcome::Done);
            }
            assert_eq!(scene.now().await, scene.expected, "{what}");
            assert!(scene.to.leftovers().is_empty());
            let run = scene.bench.folder(&report.run);
            assert_eq!(run.status().unwrap(), RunStatus::Finished(Outcome::Done));
            let back = scene.bench.roll_back(&report.run, &scene.to.store()).await;
            ended(&back, Outcome::RolledBack);
            assert_eq!(scene.now().await, scene.before, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stopped_anywhere_and_taken_back() {
    for (modes, there) in CASES {
        for point in points(modes, there).await {
            for paused_first in [false, true] {
                let scene = scene(modes, there).await;
                let commands: &[Command] = match paused_first {
                    false => &[Command::Stop { rollback: true }],
                    true => &[Command::Pause, Command::Stop { rollback: true }],
                };
                let report = scene.run_with(point, commands).await;
                let what = format!("{modes:?} {there} {point:?} {paused_first}");
                match report.outcome {
                    Outcome::RolledBack => {
                        assert_eq!(scene.now().await, scene.before, "{what}");
                        let run = scene.bench.folder(&report.run);
                        let refused = engine::resume(&run, scene.stores(), scene.bench.options());
                        assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Refused);
                    }
                    _ => ended(&report, Outcome::Done),
                }
                let (left, locked) = (scene.to.leftovers(), scene.to.is_locked());
                assert!(
                    left.is_empty() && !locked,
                    "{what} {:?}: {left:?} {locked}",
                    report.outcome
                );
                let again = scene.bench.run(&scene.plan(), &scene.stores()).await;
                ended(&again, Outcome::Done);
                assert_eq!(scene.now().await, scene.expected, "{what}");
            }
        }
    }
}

/// A pause at every call holds nothing shut, and the run ends as ever.
#[tokio::test(start_paused = true)]
async fn paused_anywhere() {
    for (modes, there) in CASES {
        for point in points(modes, there).await {
            let scene = scene(modes, there).await;
            let (at_source, call, nth) = point;
            let sender: &'static Mutex<Option<tokio::sync::mpsc::Sender<Command>>> =
                Box::leak(Box::new(Mutex::new(None)));
            let sick = if at_source { &scene.from } else { &scene.to };
            let pause = move |_: &Place| {
                if let Some(sender) = &*sender.lock().unwrap() {
                    sender.try_send(Command::Pause).unwrap();
                }
            };
            sick.fault(call, nth, Fault::Meanwhile(Box::new(pause)));
            let handle = scene.bench.start(&scene.plan(), &scene.stores()).await;
            *sender.lock().unwrap() = Some(handle.commands());
            let (state, commands) = (handle.state(), handle.commands());
            let watch = async {
                let mut watched = state.clone();
                let told = |s: &engine::RunState| s.paused || s.ended.is_some();
                watched.wait_for(told).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                if state.borrow().ended.is_none() {
                    if modes == TRANSACTION || modes == ASIDE && there {
                        assert!(!scene.to.is_locked(), "{modes:?} {there} {point:?}");
                    }
                    commands.send(Command::Continue).await.unwrap();
                }
            };
            let (report, ()) = tokio::join!(handle.report(), watch);
            ended(&report.unwrap(), Outcome::Done);
            assert_eq!(scene.now().await, scene.expected);
            *sender.lock().unwrap() = None;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pausing_often_ends_no_run() {
    let scene = scene(TRANSACTION, true).await;
    let sender: &'static Mutex<Option<tokio::sync::mpsc::Sender<Command>>> =
        Box::leak(Box::new(Mutex::new(None)));
    for nth in (2..40).step_by(3) {
        let pause = move |_: &Place| {
            if let Some(sender) = &*sender.lock().unwrap() {
                let _ = sender.try_send(Command::Pause);
            }
        };
        scene
            .to
            .fault(Call::Apply, nth, Fault::Meanwhile(Box::new(pause)));
    }
    let handle = scene.bench.start(&scene.plan(), &scene.stores()).await;
    *sender.lock().unwrap() = Some(handle.commands());
    let (state, commands) = (handle.state(), handle.commands());
    let going = async {
        while state.borrow().ended.is_none() {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            let _ = commands.send(Command::Continue).await;
        }
    };
    let (report, ()) = tokio::join!(handle.report(), going);
    ended(&report.unwrap(), Outcome::Done);
    assert_eq!(scene.now().await, scene.expected);
}

#[tokio::test]
async fn a_limit_holds_and_can_be_changed() {
    let (from, to) = (source(chain(300)), place(Manners::new(JOURNAL)));
    let stores = stores(&from, &to);
    let mut plan = plan(&stores);
    plan.write.rate = 200;
    let bench = real_time();
    let begun = std::time::Instant::now();
    let handle = bench.start(&plan, &stores).await;
    let commands = handle.commands();
    let mut state = handle.state();
    let exported = |s: &engine::RunState| {
        let export = s.phases.get(&Phase::Export);
        export.is_some_and(|p| p.status == Status::Done)
    };
    state.wait_for(exported).await.unwrap();
    let took = begun.elapsed().as_secs_f64();
    assert!(
        (1.5..60.0).contains(&took),
        "600 records at 200 a second took {took} s"
    );
    commands.send(Command::Rate(1)).await.unwrap();
    commands.send(Command::Rate(0)).await.unwrap();
    ended(&handle.report().await.unwrap(), Outcome::Done);
    assert!(begun.elapsed().as_secs_f64() < took + 60.0);
}

#[tokio::test(start_paused = true)]
async fn another_plan_finds_the_unfinished_run_and_is_refused() {
    for (modes, there) in CASES {
        let scene = scene(modes, there).await;
        let report = scene
            .run_with(
                (true, Some(Call::Scan), 2),
                &[Command::Stop { rollback: false }],
            )
            .await;
        ended(&report, Outcome::Interrupted);
        let mut other = scene.plan();
        other.filter.types.insert("fix".into());
        let refused = engine::start(other.clone(), scene.stores(), scene.bench.options()).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        assert!(refused.message().contains(&report.run));
        assert!(refused.what_to_do().unwrap().contains("runs remove"));
        // The same command with --restart takes it back first.
        let options = engine::Options {
            restart: true,
            ..scene.bench.options()
        };
        let handle = engine::start(scene.plan(), scene.stores(), options).await;
        let again = handle.unwrap().report().await.unwrap();
        ended(&again, Outcome::Done);
        assert_ne!(again.run, report.run);
        assert_eq!(scene.now().await, scene.expected);
        let run = scene.bench.folder(&report.run);
        let over = RunStatus::Finished(Outcome::RolledBack);
        assert_eq!(run.status().unwrap(), over);
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_run_is_in_nobodys_way() {
    let scene = scene(JOURNAL, true).await;
    let stop = &[Command::Stop { rollback: false }];
    let report = scene.run_with((false, Some(Call::Apply), 2), stop).await;
    ended(&report, Outcome::Interrupted);
    scene.bench.folder(&report.run).remove().unwrap();
    let mut other = scene.plan();
    other.losses.accept.insert("x".into());
    let report = scene.bench.run(&other, &scene.stores()).await;
    ended(&report, Outcome::Done);
    assert_eq!(scene.now().await, scene.expected);
    assert_eq!(scene.bench.home.runs().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_runs_into_one_target() {
    let scene = scene(JOURNAL, true).await;
    let handle = scene.bench.start(&scene.plan(), &scene.stores()).await;
    let second = engine::start(scene.plan(), scene.stores(), scene.bench.options()).await;
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Locked);
    let run = scene.bench.folder(&handle.run);
    assert_eq!(run.status().unwrap(), RunStatus::Active);
    assert_eq!(run.remove().unwrap_err().kind(), ErrorKind::Locked);
    let back = engine::rollback(&run, scene.to.store(), scene.bench.options()).await;
    assert_eq!(back.unwrap_err().kind(), ErrorKind::Locked);
    let resumed = engine::resume(&run, scene.stores(), scene.bench.options()).await;
    assert_eq!(resumed.unwrap_err().kind(), ErrorKind::Locked);
    let mut dry = scene.plan();
    dry.write.dry_run = true;
    ended(
        &scene.bench.run(&dry, &scene.stores()).await,
        Outcome::DryRun,
    );
    ended(&handle.report().await.unwrap(), Outcome::Done);
    let resumed = engine::resume(&run, scene.stores(), scene.bench.options()).await;
    assert_eq!(resumed.unwrap_err().kind(), ErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changed_meanwhile_is_read_again() {
    let changes: [fn(&Place); 4] = [
        |from| from.put(memory(800)).unwrap(),
        |from| {
            from.put(memory_as(44, "fix", "2027-01-01", "edited"))
                .unwrap()
        },
        |from| {
            from.remove(Kind::Relationship, link(44, "", "").key())
                .unwrap();
            from.remove(Kind::Node, memory(44).key()).unwrap();
        },
        |from| {
            from.remove(Kind::Node, memory(3).key()).unwrap();
            from.put(memory(3)).unwrap();
        },
    ];
    for (modes, there) in CASES {
        for point in [
            (true, Some(Call::Scan), 1),
            (true, Some(Call::Scan), 2),
            (false, Some(Call::Writer), 1),
            (false, Some(Call::Apply), 2),
        ] {
            for (n, change) in changes.iter().enumerate() {
                let scene = scene(modes, there).await;
                let report = scene
                    .run_with(point, &[Command::Stop { rollback: false }])
                    .await;
                ended(&report, Outcome::Interrupted);
                let old = digest(&scene.from.store()).await;
                change(&scene.from);
                let again = scene.bench.run(&scene.plan(), &scene.stores()).await;
                ended(&again, Outcome::Done);
                assert_eq!(again.run, report.run);
                // What is partly written already goes on with the picture it began with.
                let begun = modes == JOURNAL && !point.0;
                let now = digest(&scene.from.store()).await;
                if there {
                    let theirs = link(500, "", "");
                    scene.to.remove(Kind::Relationship, theirs.key()).unwrap();
                    scene.to.remove(Kind::Node, memory(500).key()).unwrap();
                }
                let held = digest(&scene.to.store()).await;
                let shall = if begun { old } else { now };
                assert_eq!(held, shall, "{modes:?} {there} {point:?} change {n}");
            }
        }
    }
}

/// What is in the target is told, however often the run is broken off, and so is what can
/// be done about it.
#[tokio::test(start_paused = true)]
async fn an_interrupted_run_says_what_it_wrote() {
    let stop = &[Command::Stop { rollback: false }];
    for (modes, there) in CASES {
        let scene = scene(modes, there).await;
        let first = scene.run_with((false, Some(Call::Apply), 4), stop).await;
        ended(&first, Outcome::Interrupted);
        let (nodes, links) = (
            scene.to.records(Kind::Node).len() as u64,
            scene.to.records(Kind::Relationship).len() as u64,
        );
        let written = match modes {
            JOURNAL if there => (tally(nodes - 2, links - 1), tally(1, 0)),
            JOURNAL => (tally(nodes, links), tally(0, 0)),
            _ => (tally(0, 0), tally(0, 0)),
        };
        assert_eq!((first.written.added, first.written.changed), written);
        assert_eq!(written.0.total() > 30, modes == JOURNAL);
        // Again, while it looks at the target and has not come to writing.
        let second = scene.run_with((false, Some(Call::Scan), 1), stop).await;
        let reports = match second.outcome {
            Outcome::Interrupted => vec![&first, &second],
            _ => vec![&first],
        };
        for report in &reports {
            assert!(report.can_resume && report.can_roll_back);
            assert_eq!((report.written.added, report.written.changed), written);
        }
        assert!(modes != JOURNAL || reports.len() == 2);
        let done = scene.bench.run(&scene.plan(), &scene.stores()).await;
        ended(&done, Outcome::Done);
        let run = scene.bench.folder(&first.run);
        let kept = run.report().unwrap().unwrap();
        assert!(!kept.can_resume && kept.can_roll_back);
        let back = scene.bench.roll_back(&first.run, &scene.to.store()).await;
        assert!(!back.can_resume && !back.can_roll_back);
        assert_eq!(scene.now().await, scene.before);
    }
    // Nothing to take back where nothing was written.
    let scene = scene(JOURNAL, true).await;
    let mut dry = scene.plan();
    dry.write.dry_run = true;
    let report = scene.bench.run(&dry, &scene.stores()).await;
    assert!(!report.can_resume && !report.can_roll_back);
    ended(
        &scene.bench.run(&scene.plan(), &scene.stores()).await,
        Outcome::Done,
    );
    let again = scene.bench.run(&scene.plan(), &scene.stores()).await;
    ended(&again, Outcome::Done);
    assert!(!again.can_resume && !again.can_roll_back);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_changed_meanwhile_is_compared_again() {
    for modes in [TRANSACTION, JOURNAL, ASIDE] {
        for point in [(true, Some(Call::Scan), 2), (false, Some(Call::Apply), 2)] {
            let scene = scene(modes, true).await;
            let report = scene
                .run_with(point, &[Command::Stop { rollback: false }])
                .await;
            ended(&report, Outcome::Interrupted);
            scene.to.put(memory(900)).unwrap();
            scene
                .to
                .put(memory_as(44, "fix", "2020-01-01", "theirs"))
                .unwrap();
            let again = scene.bench.run(&scene.plan(), &scene.stores()).await;
            ended(&again, Outcome::Done);
            assert_eq!(again.written.changed, tally(2, 0));
            let back = scene.bench.roll_back(&again.run, &scene.to.store()).await;
            ended(&back, Outcome::RolledBack);
            let left = [id(1), id(500), id(900), id(44)];
            let mut now = ids(&scene.to, Kind::Node);
            now.sort();
            let mut left = left.to_vec();
            left.sort();
            assert_eq!(now, left, "{modes:?} {point:?}");
        }
    }
}
