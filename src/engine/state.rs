//! The state of a run: a pure reduction of its events.

use super::event::{Event, Phase, Stamped};
use super::rate::Rate;
use super::review::Review;
use crate::model::Kind;
use crate::report::{Check, Failure, Outcome};
use std::collections::{BTreeMap, VecDeque};

/// Log lines kept.
const LOG: usize = 1_000;

/// Everything a front end draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    /// Name of the run.
    pub run: String,
    /// Source for people.
    pub source: String,
    /// Target for people.
    pub target: String,
    /// Whether it goes on after it was broken off.
    pub resumed: bool,
    /// Whether nothing will be written.
    pub dry_run: bool,
    /// When it began, in milliseconds since 1970.
    pub started_at: i64,
    /// Time of the last event.
    pub now: i64,
    /// The phases that began, ended or are not needed.
    pub phases: BTreeMap<Phase, PhaseState>,
    /// Checks in order.
    pub checks: Vec<Check>,
    /// The review it waits on.
    pub waiting: Option<Box<Review>>,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether it is going to a safe point to stop.
    pub stopping: bool,
    /// Most records a second; 0 for no limit.
    pub rate_limit: u32,
    /// Warnings in order.
    pub warnings: Vec<String>,
    /// The last 1,000 lines of the log, with their times.
    pub log: VecDeque<(i64, String)>,
    /// Differences so far.
    pub differences: u64,
    /// The last acknowledged batch.
    pub batch: u64,
    /// What failed.
    pub failure: Option<Failure>,
    /// How it ended, with the summary.
    pub ended: Option<(Outcome, String)>,
}

/// The state of a phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhaseState {
    /// Waiting, active or over.
    pub status: Status,
    /// When it began.
    pub started_at: i64,
    /// Milliseconds it took, once over.
    pub ms: u64,
    /// Nodes.
    pub nodes: Progress,
    /// Relationships.
    pub relationships: Progress,
    /// How fast it goes.
    pub rate: Rate,
}

/// How a phase stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Not begun.
    #[default]
    Waiting,
    /// Under way.
    Active,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// Not needed, and why.
    Skipped(String),
}

/// How far a kind of record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records so far.
    pub done: u64,
    /// All, if known.
    pub total: Option<u64>,
    /// Bytes so far.
    pub bytes: u64,
}

impl PhaseState {
    /// Records so far, of both kinds.
    pub fn done(&self) -> u64 {
        self.nodes.done.saturating_add(self.relationships.done)
    }

    /// All records, if known.
    pub fn total(&self) -> Option<u64> {
        Some(self.nodes.total?.saturating_add(self.relationships.total?))
    }

    /// From 0 to 1, if the total is known.
    pub fn fraction(&self) -> Option<f64> {
        match self.total()? {
            0 => Some(1.0),
            total => Some((self.done() as f64 / total as f64).min(1.0)),
        }
    }
}

impl RunState {
    /// The state that the lines of an `events.jsonl` reduce to. A line that is no event,
    /// such as one that a kill cut off, is passed over.
    pub fn replay(lines: &mut dyn std::io::BufRead) -> Self {
        let (mut state, mut line) = (Self::default(), Vec::new());
        while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
            if let Ok(stamped) = serde_json::from_slice(&line) {
                state.apply(&stamped);
            }
            line.clear();
        }
        state
    }

    /// The phase that is shown: the last one that is active, or that began.
    pub fn current(&self) -> Option<(Phase, &PhaseState)> {
        let active = |(_, p): &(&Phase, &PhaseState)| p.status == Status::Active;
        let last = self.phases.iter().rfind(active);
        last.or_else(|| self.phases.iter().next_back())
            .map(|(phase, state)| (*phase, state))
    }

    /// Takes in one event.
    pub fn apply(&mut self, stamped: &Stamped) {
        self.now = stamped.at;
        let at = stamped.at;
        match &stamped.event {
            Event::Started {
                run,
                source,
                target,
                resumed,
                dry_run,
            } => {
                let log = std::mem::take(&mut self.log);
                *self = Self {
                    run: run.clone(),
                    source: source.clone(),
                    target: target.clone(),
                    resumed: *resumed,
                    dry_run: *dry_run,
                    started_at: at,
                    now: at,
                    log,
                    ..Self::default()
                };
            }
            Event::PhaseStarted { phase } => {
                let state = self.phases.entry(*phase).or_default();
                *state = PhaseState {
                    status: Status::Active,
                    started_at: at,
                    ..PhaseState::default()
                };
            }
            Event::PhaseEnded { phase, ok, ms } => {
                let state = self.phases.entry(*phase).or_default();
                state.status = if *ok { Status::Done } else { Status::Failed };
                state.ms = *ms;
            }
            Event::PhaseSkipped { phase, why } => {
                self.phases.entry(*phase).or_default().status = Status::Skipped(why.clone());
            }
            Event::PhaseWithdrawn { phase } => {
                self.phases.remove(phase);
            }
            Event::Checked { check } => self.checks.push(check.clone()),
            Event::Expected {
                phase,
                nodes,
                relationships,
            } => {
                let state = self.phases.entry(*phase).or_default();
                state.nodes.total = Some(*nodes);
                state.relationships.total = Some(*relationships);
            }
            Event::Progress {
                phase,
                kind,
                done,
                bytes,
            } => {
                let state = self.phases.entry(*phase).or_default();
                let progress = match kind {
                    Kind::Node => &mut state.nodes,
                    Kind::Relationship => &mut state.relationships,
                };
                progress.done = *done;
                progress.bytes = *bytes;
                let all = state.done();
                state.rate.record(at, all);
            }
            Event::Acknowledged { batch, .. } => self.batch = *batch,
            Event::Warning { message, .. } => {
                self.warnings.push(message.clone());
                self.line(at, message);
            }
            Event::Note { message } => self.line(at, message),
            Event::Waiting { review } => self.waiting = Some(review.clone()),
            Event::Answered { .. } => self.waiting = None,
            Event::Paused => self.paused = true,
            Event::Unpaused => self.paused = false,
            Event::RateLimited { rate } => self.rate_limit = *rate,
            Event::Stopping { .. } => self.stopping = true,
            Event::Differs { .. } => self.differences += 1,
            Event::Failed { failure } => {
                self.line(at, &failure.message);
                self.failure = Some(failure.clone());
            }
            Event::Finished { outcome, summary } => {
                self.waiting = None;
                self.ended = Some((*outcome, summary.clone()));
            }
        }
    }

    fn line(&mut self, at: i64, message: &str) {
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back((at, message.to_owned()));
    }
}
