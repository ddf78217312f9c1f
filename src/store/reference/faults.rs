//! What goes wrong, and when: a script of faults, each at the n-th call from now.

use super::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::store::layer::Call;

/// What somebody else does to a place.
pub type Event = Box<dyn FnOnce(&Place) + Send>;

/// What goes wrong in one call.
pub enum Fault {
    /// The connection is lost: this and the following calls, `calls` in all, fail with
    /// a temporary `Unreachable`. With `sessions`, every open snapshot and writer is
    /// lost too, and what a transaction had done is undone.
    Lost {
        /// Failing calls.
        calls: u32,
        /// Whether open snapshots and writers go with it.
        sessions: bool,
    },
    /// A write (`apply`, `publish`) gets no answer.
    Unanswered {
        /// Whether it was done all the same.
        took_effect: bool,
        /// A temporary `Unreachable` instead of [`crate::store::Applied::Unknown`].
        as_error: bool,
    },
    /// `apply` in journal mode makes so many changes, then fails.
    Partial(usize),
    /// The call fails, having done nothing.
    Fails {
        /// Kind of the error.
        kind: ErrorKind,
        /// Whether it says that trying again may help.
        temporary: bool,
    },
    /// Something happens first, for example somebody else's write; the call goes on.
    Meanwhile(Event),
}

impl Fault {
    /// A write that took effect and was not answered.
    pub const DONE_UNANSWERED: Fault = Fault::Unanswered {
        took_effect: true,
        as_error: false,
    };
    /// A write that was lost on the way.
    pub const NOT_DONE_UNANSWERED: Fault = Fault::Unanswered {
        took_effect: false,
        as_error: false,
    };
}

/// Faults to come, calls so far.
#[derive(Default)]
pub(super) struct Script {
    entries: Vec<Entry>,
    outage: u32,
    calls: Vec<Call>,
}

struct Entry {
    call: Option<Call>,
    left: u32,
    fault: Fault,
}

/// What a call has to do.
#[derive(Default)]
pub(super) struct Met {
    pub(super) unanswered: Option<(bool, bool)>,
    pub(super) partial: Option<usize>,
    pub(super) meanwhile: Vec<Event>,
    pub(super) sessions_lost: bool,
    pub(super) error: Option<Error>,
}

impl Script {
    /// `nth` counts from 1.
    pub(super) fn add(&mut self, call: Option<Call>, nth: u32, fault: Fault) {
        self.entries.push(Entry {
            call,
            left: nth.max(1),
            fault,
        });
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Counts a call and says what goes wrong in it.
    pub(super) fn enter(&mut self, call: Call) -> Met {
        self.calls.push(call);
        let mut met = Met::default();
        let mut due = Vec::new();
        self.entries.retain_mut(|entry| {
            if entry.call.is_some_and(|c| c != call) {
                return true;
            }
            entry.left -= 1;
            if entry.left > 0 {
                return true;
            }
            due.push(std::mem::replace(&mut entry.fault, Fault::Partial(0)));
            false
        });
        for fault in due {
            match fault {
                Fault::Lost { calls, sessions } => {
                    self.outage = self.outage.max(calls);
                    met.sessions_lost |= sessions;
                }
                Fault::Unanswered {
                    took_effect,
                    as_error,
                } => met.unanswered = Some((took_effect, as_error)),
                Fault::Partial(changes) => met.partial = Some(changes),
                Fault::Fails { kind, temporary } => {
                    let error = Error::new(kind, "the reference store was told to fail");
                    met.error = Some(if temporary { error.temporary() } else { error });
                }
                Fault::Meanwhile(then) => met.meanwhile.push(then),
            }
        }
        if self.outage > 0 {
            self.outage -= 1;
            met.error = Some(no_answer());
        }
        met
    }
}

impl Met {
    pub(super) fn take_error(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }
}

/// The error of a call that got no answer.
pub(super) fn no_answer() -> Error {
    Error::new(
        ErrorKind::Unreachable,
        "the reference store does not answer",
    )
    .temporary()
    .remedy("Try again.")
}
