//! A run under way, watched from the command line: progress, events, the log, the
//! question before something is overwritten, signals, and at the end the report.

use super::args::Drive;
use super::confirm;
use super::output::Mark;
use super::progress::Progress;
use super::signals::Signals;
use super::tail::{Lengths, Tail, log_line};
use super::{Code, Context, keep, switch};
use crate::engine::{Command, Handle, Review};
use crate::error::Result;
use crate::report::{Outcome, Report, text};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Between two looks at the state.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Watches a run to its end, tells how it went, and gives the exit code.
pub async fn drive(
    handle: Handle,
    before: &Lengths,
    context: &Context<'_>,
    drive: &Drive,
) -> Result<Code> {
    let report = watch(handle, before, context, drive).await?;
    show(&report, &context.look(drive.verbose), context, drive)?;
    hints(&report, context, drive);
    keep::tidy(context);
    Ok(Code(report.outcome.exit_code()))
}

/// Watches a run to its end.
pub async fn watch(
    handle: Handle,
    before: &Lengths,
    context: &Context<'_>,
    drive: &Drive,
) -> Result<Report> {
    let out = context.out;
    let run = handle.run.clone();
    let folder = context.home().run(&run)?;
    let (mut state, commands) = (handle.state(), handle.commands());
    let mut signals = Signals::new()?;
    let mut tail = (drive.events || drive.verbose).then(|| Tail::of(&folder, before));
    let mut pump = || {
        if let Some(tail) = &mut tail {
            tail.pump(|line| {
                if drive.events {
                    out.data(&format!("{line}\n"));
                }
                if let Some(line) = log_line(line).filter(|_| drive.verbose) {
                    out.say(&out.words.dim(&out.words.safe(&line)));
                }
            });
        }
    };
    let mut progress = Progress::new(out, drive.json.json && !drive.verbose);
    let mut question: Option<JoinHandle<bool>> = None;
    let mut asked = false;
    let mut stops = 0;
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let report = handle.report();
    tokio::pin!(report);
    let report = loop {
        tokio::select! {
            report = &mut report => break report,
            () = signals.next() => {
                stops += 1;
                progress.clear();
                if stops > 1 {
                    out.say(&format!("Left at once. Go on with: {}", context.command(&["resume", &run])));
                    std::process::exit(Code::INTERRUPTED.0.into());
                }
                out.say("Stopping at a safe point; once more to leave at once.");
                let _ = commands.send(Command::Stop { rollback: false }).await;
            }
            answer = async { match &mut question {
                Some(question) => question.await,
                None => std::future::pending().await,
            } } => {
                question = None;
                let proceed = answer.unwrap_or(false);
                let _ = commands.send(Command::Answer { proceed }).await;
            }
            _ = tick.tick() => {
                pump();
                let state = state.borrow_and_update().clone();
                if let Some(review) = &state.waiting {
                    if !asked {
                        asked = true;
                        progress.show(&state, now());
                        progress.clear();
                        question = put_question(review, context);
                        if question.is_none() {
                            let _ = commands.send(Command::Answer { proceed: false }).await;
                        }
                    }
                    continue;
                }
                progress.show(&state, now());
            }
        }
    };
    pump();
    progress.show(&state.borrow().clone(), now());
    progress.clear();
    report
}

/// Now, in milliseconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Asks, if there is somebody to ask.
fn put_question(review: &Review, context: &Context<'_>) -> Option<JoinHandle<bool>> {
    confirm::tell(review, context.out);
    if context.out.can_ask {
        return Some(confirm::ask(review, context.out));
    }
    context
        .out
        .say("Nobody can be asked here. To overwrite them, add --yes.");
    None
}

/// The report as data, and in one line as words.
pub fn show(
    report: &Report,
    look: &text::Look,
    context: &Context<'_>,
    drive: &Drive,
) -> Result<()> {
    let out = context.out;
    if drive.json.json {
        return out.json(report);
    }
    if !drive.events {
        out.data(&text::render(report, look));
    }
    let mark = match report.outcome {
        Outcome::Done | Outcome::DryRun => Mark::Good,
        Outcome::Differences | Outcome::RolledBack | Outcome::Interrupted => Mark::Warn,
        Outcome::Refused | Outcome::Failed => Mark::Bad,
    };
    let summary = out.words.safe(&report.summary);
    out.say(&format!("{} {summary}", out.words.sign(mark)));
    Ok(())
}

/// What to type next.
fn hints(report: &Report, context: &Context<'_>, drive: &Drive) {
    let out = context.out;
    let open: Vec<_> = report
        .losses
        .iter()
        .filter(|l| !l.accepted && l.records > 0)
        .map(|l| format!("--allow-loss {}", crate::report::words::shell(&l.name)))
        .collect();
    if !open.is_empty() {
        let flags = out.words.safe(&open.join(" "));
        out.say(&format!("To accept what would be lost, add: {flags}"));
    }
    let written = report.written.changes();
    match report.outcome {
        Outcome::Interrupted => {
            let command = context.command(&["resume", &report.run]);
            out.say(&format!("Go on with: {}", out.words.safe(&command)));
        }
        Outcome::Done | Outcome::Differences if written > 0 && !drive.json.json => {
            switch::tell(report, context)
        }
        _ => {}
    }
}
