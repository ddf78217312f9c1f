//! Killing the program in the middle of a migration, and what must be true afterwards.

use crate::scene::{Before, Scene, Store, said};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    Killed,
    ByItself,
}

/// What a run does that nothing disturbs.
pub struct Undisturbed {
    /// The digest of the target.
    pub digest: String,
    /// How long the process took.
    pub took: Duration,
}

impl Undisturbed {
    pub fn run(store: Store, before: Before) -> Self {
        let scene = Scene::new(store, before);
        let begun = Instant::now();
        let out = scene.migrate().output().unwrap();
        let took = begun.elapsed();
        assert!(out.status.success(), "{}", said(&out));
        scene.nothing_is_left("undisturbed");
        Self {
            digest: scene.content().unwrap(),
            took,
        }
    }
}

fn ended(status: ExitStatus, stderr: &[u8]) -> Ended {
    match status.signal() {
        Some(9) => Ended::Killed,
        None if status.success() => Ended::ByItself,
        _ => panic!("{status}: {}", String::from_utf8_lossy(stderr)),
    }
}

impl Scene {
    pub fn killed_at(&self, step: &str) -> Ended {
        let mut command = self.migrate();
        let out = command.env("MEMFERRY_KILL_AT", step).output().unwrap();
        ended(out.status, &out.stderr)
    }

    pub fn killed_after(&self, after: Duration) -> Ended {
        let mut child = self.migrate().spawn().unwrap();
        std::thread::sleep(after);
        let _ = child.kill();
        let out = child.wait_with_output().unwrap();
        ended(out.status, &out.stderr)
    }

    /// It ended before the kill.
    pub fn undisturbed_after_all(&self, told: &str, undisturbed: &str) {
        self.nothing_is_left(told);
        let content = self.content();
        assert_eq!(content.as_deref(), Some(undisturbed), "{told}: not killed");
    }

    /// Whether half of a run can be seen in the target: batch by batch, it can.
    fn is_written_in_view(&self) -> bool {
        self.store == Store::FalkorDb && self.before.is_some()
    }

    /// The same command ends as if nothing had happened, or a rollback leaves what was
    /// there before.
    pub fn after_the_kill(&self, told: &str, undisturbed: &str, back: bool) {
        self.settle();
        // Whoever looks at the target now sees all of it or what was there before.
        if !self.is_written_in_view() {
            let now = self.content();
            let fits = now.as_deref() == Some(undisturbed) || now == self.before;
            assert!(fits, "{told}: the target is neither as before nor as after");
        }
        match back {
            false => {
                let out = self.migrate().output().unwrap();
                let said = said(&out);
                assert!(
                    out.status.success(),
                    "{told}: the same command failed: {said}"
                );
                assert_eq!(
                    self.content().as_deref(),
                    Some(undisturbed),
                    "{told}: resumed otherwise"
                );
            }
            true => {
                self.roll_back(told);
                self.look_at_another();
            }
        }
        self.nothing_is_left(told);
    }

    fn roll_back(&self, told: &str) {
        let listed = self.command(&["runs", "list", "--json"]).output();
        let none = !String::from_utf8_lossy(&listed.unwrap().stdout).contains("-");
        if none {
            // Killed before there was a run at all.
            assert_eq!(self.content(), self.before, "{told}: changed without a run");
            return;
        }
        let out = self.command(&["rollback"]).output().unwrap();
        let said = said(&out);
        // Without success, nothing had been started that could be taken back.
        let doing = match out.status.success() {
            true => "rolled back to something else",
            false => "not rolled back",
        };
        assert_eq!(self.content(), self.before, "{told}: {doing}: {said}");
    }
}
