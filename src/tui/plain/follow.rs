//! A run of this process in plain lines. While it goes on, `p` pauses, `c` continues, `s`
//! stops it to be resumed, `r` stops and takes it back.

use super::Plain;
use super::ask::Said;
use super::telling::Teller;
use crate::engine::{Command, Handle, Review};
use crate::error::Result;
use crate::report::words::{self, Nodes};
use crate::report::{Outcome, Report, Verdict};
use std::time::Duration;

impl Plain {
    /// Tells a run to its end.
    pub(super) async fn follow(&mut self, handle: Handle) -> Result<()> {
        self.ask.say(&format!(
            "Run {}. p: pause, c: continue, s: stop and resume later, r: stop and take back.",
            handle.run
        ));
        let (mut states, commands) = (handle.state(), handle.commands());
        let mut teller = Teller::new(self.ask.marks);
        let report = handle.report();
        tokio::pin!(report);
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        let (mut stops, mut left) = (0, None);
        let report: Result<Report> = loop {
            let command = tokio::select! {
                report = &mut report => break report,
                _ = tick.tick() => None,
                said = self.ask.said() => match said {
                    Said::Stop => {
                        stops += 1;
                        if stops > 1 {
                            let command = self.home.command(&["resume", &states.borrow().run]);
                            self.ask.say(&format!("Left at once. Go on with: {command}"));
                            std::process::exit(Outcome::Interrupted.exit_code().into());
                        }
                        self.ask.say("Stopping at a safe point; once more to leave at once.");
                        Some(Command::Stop { rollback: false })
                    }
                    Said::Line(line) => match line.trim() {
                        "p" => Some(Command::Pause),
                        "c" => Some(Command::Continue),
                        "s" => Some(Command::Stop { rollback: false }),
                        "r" => Some(Command::Stop { rollback: true }),
                        _ => None,
                    },
                },
            };
            if let Some(command) = command {
                let _ = commands.send(command).await;
            }
            let state = states.borrow_and_update().clone();
            teller.tell(&state);
            if let Some(review) = state.waiting.filter(|_| left.is_none()) {
                let command = match self.agree(&state.checks, &review).await {
                    Ok(proceed) => Command::Answer { proceed },
                    // Nobody is there to agree: the run stays as it is, to be resumed.
                    Err(error) => {
                        left = Some(error);
                        Command::Stop { rollback: false }
                    }
                };
                let _ = commands.send(command).await;
                // The answer is taken in before the state is looked at again.
                let _ = tokio::time::timeout(Duration::from_secs(5), states.changed()).await;
            }
        };
        let state = states.borrow().clone();
        teller.tell(&state);
        let report = report?;
        self.ask.say(&format!("{}.", report.summary));
        if let Some(failure) = &report.failure
            && let Some(remedy) = &failure.remedy
        {
            self.ask.say(remedy);
        }
        let command = self.home.command(&["report", &report.run]);
        self.ask.say(&format!("The report: {command}"));
        self.ended(report.outcome);
        left.map_or(Ok(()), Err)
    }

    /// Warnings are acknowledged and losses accepted one by one; what exists is
    /// overwritten only after the target's name was typed.
    async fn agree(&mut self, checks: &[crate::report::Check], review: &Review) -> Result<bool> {
        for check in checks.iter().filter(|c| c.verdict == Verdict::Warn) {
            let question = format!(
                "Acknowledge this warning? {}: {}",
                check.title, check.evidence
            );
            let answers = ["Yes, go on".to_owned(), "No, stop here".to_owned()];
            if self.ask.choose(&question, &answers, 0).await? != Some(0) {
                return Ok(false);
            }
        }
        for loss in review.losses.iter().filter(|l| !l.accepted) {
            let question = format!(
                "The target would lose something: {} ({}). To accept that, type its name: {}",
                loss.what,
                words::records(loss.records),
                loss.name
            );
            if !self.ask.exactly(&question, &loss.name).await? {
                return Ok(false);
            }
        }
        let nodes = Nodes::of(&[review.staged, review.present.unwrap_or_default()]);
        self.ask.say("");
        self.ask
            .say(&format!("From {} to {}:", review.source, review.target));
        for (name, tally) in [
            ("will be added", review.added),
            ("will be changed", review.changed),
            ("of the target will be removed", review.removed),
            ("conflict and stay as the target has them", review.kept),
            ("are the same already", review.same),
            ("of the target are left alone", review.untouched),
        ] {
            if tally.total() > 0 {
                self.ask.say(&format!("  {} {name}.", nodes.tally(tally)));
            }
        }
        if review.nothing_to_do() {
            self.ask.say("There is nothing to write.");
            return Ok(true);
        }
        if review.overwrites() {
            let name = review.target_name().to_owned();
            let question =
                format!("What exists will be changed. To go on, type the target's name: {name}");
            return self.ask.exactly(&question, &name).await;
        }
        let answers = [
            "Write it".to_owned(),
            "Stop here, nothing is written".to_owned(),
        ];
        Ok(self.ask.choose("Begin to write?", &answers, 0).await? == Some(0))
    }
}
