//! What reaches the wizard from outside, and what it asks to be done: the two ends of
//! [`super::app::App::update`], which itself does nothing but change its state.

use crate::config::{Config, Found, Secret, Side};
use crate::engine::{
    BackupInfo, Command, Inspection, Plan, Review, RunFolder, RunState, RunStatus,
};
use crate::report::{Check, Failure, Report, Verification};
use crate::store::{Address, Description, Setting};
use std::path::PathBuf;
use std::sync::Arc;

/// Something that happened outside.
#[derive(Debug)]
pub enum Msg {
    /// A key, the mouse, a paste, a new size.
    Terminal(crossterm::event::Event),
    /// Time went by.
    Tick,
    /// The stores that may be on this machine.
    Found(Result<Vec<Place>, Failure>),
    /// What one of them is.
    Described(usize, Result<Description, Failure>),
    /// A store answered, or not.
    Probed(Seat, u64, Result<Box<Probed>, Failure>),
    /// What is in it, by reading it.
    Inspected(Seat, u64, Box<Inspection>),
    /// How a path goes on.
    Completed(u64, String),
    /// How far the count of that question is.
    Counting(u64, Counted),
    /// A check was made again alone.
    Rechecked(u64, Result<Box<Check>, Failure>),
    /// What the run would do under each policy.
    Forecast(u64, Result<Box<Foreseen>, Failure>),
    /// A store of a past run does not open without a secret that is kept nowhere.
    Locked(Box<Locked>),
    /// A run was started, with its name.
    Started(Result<(String, Running), Failure>),
    /// The newest state of the run.
    State(Arc<RunState>),
    /// The run ended.
    Ended(Result<Box<Report>, Failure>),
    /// The runs there are, newest first.
    Runs(Vec<RunRow>),
    /// The backups there are, newest first.
    Backups(Vec<Result<BackupInfo, Failure>>),
    /// The report of a run.
    Report(Result<Box<Report>, Failure>),
    /// How two stores compare, or a target with what a run left.
    Compared(Result<Box<Verification>, Failure>),
    /// A store was kept under a name, in words, and what the configuration says since.
    Saved(Result<(String, Box<Config>), Failure>),
    /// Something small was done, or not; in words.
    Done(Result<String, Failure>),
    /// What this process takes of the machine.
    Usage(Usage),
    /// The system asks the program to end.
    Terminate,
    /// The terminal is back after a rest.
    Resumed,
}

/// How a run is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It runs in this process, and was just prepared here step by step.
    Prepared,
    /// It runs in this process.
    Own,
    /// Another process runs it.
    Watched,
    /// It is over and shown again.
    Replayed,
}

/// What a store is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Memories come from it.
    Source,
    /// They go there.
    Target,
    /// The first of two that are compared.
    First,
    /// The second.
    Second,
}

impl Seat {
    /// Which variables tell its secrets.
    pub fn side(self) -> Side {
        match self {
            Seat::Source | Seat::First => Side::From,
            Seat::Target | Seat::Second => Side::To,
        }
    }
}

/// A store that may be on this machine.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its kind for people.
    pub title: String,
    /// Where it is.
    pub place: String,
    /// Its address, if memferry has such a kind.
    pub address: Option<Address>,
    /// What told of it.
    pub told_by: String,
    /// How it stands.
    pub state: PlaceState,
}

/// How a place stands.
#[derive(Clone, Debug)]
pub enum PlaceState {
    /// Being looked at.
    Looking,
    /// Looked at.
    Known(Description),
    /// It could not be.
    Failed(Failure),
    /// No such kind of store.
    Unsupported,
}

impl Place {
    /// The name it is saved under.
    pub fn profile(&self) -> Option<&str> {
        self.told_by.strip_prefix("profile ")?.split(", ").next()
    }

    /// What the configuration found.
    pub fn of(found: &Found) -> Self {
        let kind = found.address.as_ref().map(|a| a.descriptor().title);
        Self {
            title: kind.unwrap_or(found.backend).to_owned(),
            place: found.place.clone(),
            address: found.address.clone(),
            told_by: found.told_by.clone(),
            state: match found.address {
                Some(_) => PlaceState::Looking,
                None => PlaceState::Unsupported,
            },
        }
    }
}

/// A store that answered.
#[derive(Clone, Debug)]
pub struct Probed {
    /// Its address, complete.
    pub address: Address,
    /// What it is.
    pub description: Description,
    /// Milliseconds the answer took.
    pub ms: f64,
    /// What is in it, once read.
    pub inspection: Option<Box<Inspection>>,
}

/// How far a count of what a run would do is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Records read, of both stores.
    pub read: u64,
    /// All of them, once known.
    pub total: Option<u64>,
    /// Memories that passed the filter so far; `None` without a filter.
    pub selected: Option<u64>,
}

/// What a run would do, by reading both stores.
#[derive(Clone, Debug, Default)]
pub struct Foreseen {
    /// Under the policy `newest`, from which the others follow.
    pub review: Review,
    /// Milliseconds the reading of both stores took.
    pub ms: u64,
}

/// What needs the stores of a past run once more.
#[derive(Clone, Debug)]
pub enum Again {
    /// Going on with it.
    Resume(RunFolder),
    /// Taking it back.
    RollBack(RunFolder),
    /// Holding its target against what it left.
    Verify(RunFolder),
}

/// A store that asks for secrets which only a person can tell.
#[derive(Clone, Debug)]
pub struct Locked {
    /// What is done again with them.
    pub again: Again,
    /// The store, without secrets.
    pub address: Address,
    /// Those it may ask for.
    pub secrets: Vec<&'static Setting>,
    /// Why it does not open.
    pub why: Failure,
}

/// A run in a list.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its folder.
    pub folder: RunFolder,
    /// How it stands; an error in words.
    pub status: Result<RunStatus, String>,
    /// Source, without secrets.
    pub source: String,
    /// Target, without secrets.
    pub target: String,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// How it ended, or where it was broken off.
    pub summary: String,
    /// Whether it wrote something that is not taken back.
    pub wrote: bool,
}

/// What this process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Bytes of memory.
    pub memory: u64,
    /// Percent of one processor.
    pub cpu: f64,
}

/// Something to be done outside.
#[derive(Debug)]
pub enum Effect {
    /// Look for stores.
    Look,
    /// Look for runs.
    ListRuns,
    /// Look for backups.
    ListBackups,
    /// See whether a store answers; the sample store is written first.
    Probe {
        /// What it is chosen for.
        seat: Seat,
        /// Number of the question.
        seq: u64,
        /// Where it is.
        address: Address,
        /// Whether it is the sample store.
        sample: bool,
    },
    /// Complete a path.
    Complete(u64, String),
    /// Find out what a plan would do.
    Forecast {
        /// Number of the question.
        seq: u64,
        /// What would be done.
        plan: Box<Plan>,
        /// Source and target, with secrets.
        stores: (Address, Address),
    },
    /// Make one check again.
    CheckAlone {
        /// Number of the question.
        seq: u64,
        /// Its name.
        name: String,
        /// What would be done.
        plan: Box<Plan>,
        /// Source and target, with secrets.
        stores: (Address, Address),
    },
    /// Nobody waits for a forecast any more.
    DropForecast,
    /// Start a run that waits for an answer before its first write.
    Start {
        /// What shall be done.
        plan: Box<Plan>,
        /// Source and target, with secrets.
        stores: (Address, Address),
        /// Whether the source is read from a copy.
        source_copy: bool,
    },
    /// Go on with a run, take one back, or hold a target against what a run left.
    Again(Again),
    /// These are the secrets of a store, as long as the wizard is open; then do that.
    Unlock(Again, Address, Vec<(&'static str, Secret)>),
    /// Tell the run something.
    Send(Command),
    /// Answer no, and forget the run, which wrote nothing.
    Withdraw,
    /// Show a run of another process, or one that is over.
    Follow(RunFolder, Running),
    /// Replay faster or slower, pause.
    Pace(f64),
    /// Read the report of a run.
    Load(RunFolder),
    /// Remove a run.
    Remove(RunFolder),
    /// Compare two stores.
    Compare(Address, Address),
    /// Read a backup again.
    CheckBackup(PathBuf),
    /// Write a new file.
    Save(PathBuf, Vec<u8>),
    /// Keep a store under a name.
    SaveProfile(String, Address),
    /// Keep theme, symbols and mouse.
    SavePrefs(super::prefs::Prefs),
    /// To the clipboard.
    Copy(String),
    /// Let the shell have the terminal for a while.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Whether the mouse is listened to.
    Mouse(bool),
}
