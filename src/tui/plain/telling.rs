//! What happens in a run, in plain lines: one for each check, each phase that begins or
//! ends, each warning, a pause, a stop, and now and then how far it is. Nothing is said
//! twice. It reads a [`RunState`], so a run of this process, one of another and one that is
//! over are told alike.

use super::ask;
use crate::engine::{Home, Phase, RunState, Status};
use crate::report::inert::Marks;
use crate::report::{Verdict, words};
use std::collections::BTreeMap;

/// Milliseconds of the run between two lines of how far it is.
const EVERY: i64 = 10_000;

/// Who tells.
pub struct Teller {
    marks: Marks,
    checks: usize,
    warnings: usize,
    phases: BTreeMap<Phase, bool>,
    last: Option<i64>,
    paused: bool,
    stopping: bool,
}

impl Teller {
    /// Tells at standard output.
    pub fn new(marks: Marks) -> Self {
        Self {
            marks,
            checks: 0,
            warnings: 0,
            phases: BTreeMap::new(),
            last: None,
            paused: false,
            stopping: false,
        }
    }

    fn say(&self, line: &str) {
        ask::say(line, self.marks);
    }

    /// Says what is new in it.
    pub fn tell(&mut self, state: &RunState) {
        for check in state.checks.get(self.checks..).unwrap_or_default() {
            match check.verdict {
                Verdict::Pass => self.say(&format!("Good: {}.", check.title)),
                Verdict::Warn => {
                    self.say(&format!("Warning: {}: {}.", check.title, check.evidence))
                }
                Verdict::Fail => {
                    self.say(&format!("In the way: {}: {}.", check.title, check.evidence))
                }
            }
            if let Some(remedy) = check.remedy.as_ref().filter(|r| !r.is_empty()) {
                self.say(remedy);
            }
        }
        self.checks = state.checks.len();
        for warning in state.warnings.get(self.warnings..).unwrap_or_default() {
            self.say(&format!("Warning: {warning}."));
        }
        self.warnings = state.warnings.len();
        for (phase, of) in &state.phases {
            let over = match of.status {
                Status::Waiting | Status::Skipped(_) => continue,
                Status::Active => false,
                Status::Done | Status::Failed => true,
            };
            if self.phases.insert(*phase, over) == Some(over) {
                continue;
            }
            self.last = Some(state.now);
            let title = phase.title();
            let line = match (&of.status, of.done()) {
                (Status::Active, _) => format!("{title} begins."),
                (Status::Failed, _) => format!("{title} failed."),
                (_, 0) => format!("{title} is done."),
                (_, n) => format!("{title} is done, {}.", words::records(n)),
            };
            self.say(&line);
        }
        for (was, is, begins, ends) in [
            (&mut self.paused, state.paused, "Paused.", "Going on."),
            (
                &mut self.stopping,
                state.stopping,
                "Going to a safe point to stop.",
                "",
            ),
        ] {
            if std::mem::replace(was, is) != is {
                ask::say(if is { begins } else { ends }, self.marks);
            }
        }
        let due = self.last.is_some_and(|at| state.now - at >= EVERY);
        if let (true, Some((phase, of))) = (due && state.waiting.is_none(), state.current()) {
            self.last = Some(state.now);
            let far = match of.fraction() {
                Some(f) => format!("{:.0} percent", (f * 100.0).floor()),
                None => words::records(of.done()),
            };
            self.say(&format!("{}: {far}.", phase.title()));
        }
    }

    /// Says how it ended, once it has.
    pub fn end(&self, state: &RunState, home: &Home) {
        let report = |word| home.command(&[word, &state.run]);
        match &state.ended {
            Some((_, summary)) => {
                self.say(&format!("{summary}."));
                if let Some(remedy) = state.failure.as_ref().and_then(|f| f.remedy.as_ref()) {
                    self.say(remedy);
                }
                self.say(&format!("The report: {}", report("report")));
            }
            None => self.say(&format!(
                "Run {} has stopped. To go on with it: {}",
                state.run,
                report("resume")
            )),
        }
    }
}
