//! A front end's hold on a run: watch its state, send it commands, await its report.

use super::state::RunState;
use crate::error::{Error, Result};
use crate::report::Report;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What a front end can ask of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stop reading and writing until [`Command::Continue`].
    Pause,
    /// Go on after a pause.
    Continue,
    /// Go to a safe point and end there: to be resumed, or with everything taken back.
    Stop {
        /// Whether to take the run's writes back.
        rollback: bool,
    },
    /// Most records a second; 0 for no limit.
    Rate(u32),
    /// The answer to a review that the run waits for.
    Answer {
        /// Whether to go on.
        proceed: bool,
    },
}

/// When a run waits for an answer to its review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Never: whoever started it has agreed to everything (`--yes`).
    Never,
    /// When something that exists would be changed.
    WhenOverwriting,
    /// Always, before the first write.
    Always,
}

/// A run that was started.
#[derive(Debug)]
pub struct Handle {
    /// Name of the run.
    pub run: String,
    pub(super) state: watch::Receiver<RunState>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) done: JoinHandle<Result<Report>>,
}

impl Handle {
    /// The state, always the newest.
    pub fn state(&self) -> watch::Receiver<RunState> {
        self.state.clone()
    }

    /// What commands are sent by; may be cloned and kept.
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// The report, once the run has ended. A run that fails still has one; an error
    /// here means that not even that could be made.
    pub async fn report(self) -> Result<Report> {
        match self.done.await {
            Ok(report) => report,
            Err(panicked) => {
                Err(Error::internal("the run ended without a report").because(panicked))
            }
        }
    }
}
