//! What happens in a run, in order. The engine appends each event to `events.jsonl`
//! and reduces it into the [`super::RunState`] that front ends watch, so that a live
//! run, a replay and a test are the same thing.

use super::review::Review;
use crate::model::Kind;
use crate::report::{Check, Difference, Failure, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One event with its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stamped {
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The phases of a run, in their order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Named checks, before anything is read at length or written.
    Preflight,
    /// Source to stage.
    Export,
    /// The stage is checked, and compared with the target.
    Validate,
    /// The target's content to an archive.
    Backup,
    /// Stage to target.
    Import,
    /// The target is read again and compared, then published.
    Verify,
    /// The run's writes are taken back.
    Rollback,
    /// The stage is removed and the report written.
    Finish,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Phase; 8] = [
        Phase::Preflight,
        Phase::Export,
        Phase::Validate,
        Phase::Backup,
        Phase::Import,
        Phase::Verify,
        Phase::Rollback,
        Phase::Finish,
    ];

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Phase::Preflight => "Preflight",
            Phase::Export => "Export",
            Phase::Validate => "Validate",
            Phase::Backup => "Backup",
            Phase::Import => "Import",
            Phase::Verify => "Verify",
            Phase::Rollback => "Roll back",
            Phase::Finish => "Finish",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run begins, or goes on after it was broken off.
    Started {
        /// Name of the run.
        run: String,
        /// Source, without secrets.
        source: String,
        /// Target, without secrets.
        target: String,
        /// Whether it goes on.
        resumed: bool,
        /// Whether nothing will be written to the target.
        dry_run: bool,
    },
    /// A phase begins. Export and import may be active at once.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A phase ended.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// Whether it reached its aim.
        ok: bool,
        /// Milliseconds it took.
        ms: u64,
    },
    /// A phase is not needed.
    PhaseSkipped {
        /// Which.
        phase: Phase,
        /// Why.
        why: String,
    },
    /// What a phase did was thrown away; it may begin anew.
    PhaseWithdrawn {
        /// Which.
        phase: Phase,
    },
    /// A check was made.
    Checked {
        /// Its result.
        check: Check,
    },
    /// How many records a phase will handle.
    Expected {
        /// Which phase.
        phase: Phase,
        /// Nodes.
        nodes: u64,
        /// Relationships.
        relationships: u64,
    },
    /// How many it has handled.
    Progress {
        /// Which phase.
        phase: Phase,
        /// Which kind.
        kind: Kind,
        /// Records of this kind so far.
        done: u64,
        /// Bytes of records of this kind so far.
        bytes: u64,
    },
    /// A batch is durable in the target.
    Acknowledged {
        /// Its number, from 1.
        batch: u64,
        /// Records in it.
        records: u64,
    },
    /// Something worth reading that does not stop the run.
    Warning {
        /// A word that names it, for filters and tests.
        code: String,
        /// What, where, what to do.
        message: String,
    },
    /// A plain line for the log.
    Note {
        /// The line.
        message: String,
    },
    /// The run waits for a person's answer to the review.
    Waiting {
        /// What would be done.
        review: Box<Review>,
    },
    /// The answer came.
    Answered {
        /// Whether it goes on.
        proceed: bool,
    },
    /// Paused on request.
    Paused,
    /// Going on after a pause.
    Unpaused,
    /// The limit was changed.
    RateLimited {
        /// Records a second; 0 for none.
        rate: u32,
    },
    /// Stopping was asked for; the run goes to a safe point.
    Stopping {
        /// Whether its writes will be taken back.
        rollback: bool,
    },
    /// A difference was found.
    Differs {
        /// Which.
        difference: Box<Difference>,
    },
    /// Something failed.
    Failed {
        /// What and what to do.
        failure: Failure,
    },
    /// The run ended.
    Finished {
        /// How.
        outcome: Outcome,
        /// In one line.
        summary: String,
    },
}
