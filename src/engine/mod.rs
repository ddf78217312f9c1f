//! The run: from a [`Plan`] to a [`crate::report::Report`]. The engine owns it; front
//! ends watch its [`RunState`] and send [`Command`]s.

mod ahead;
mod backup;
mod census;
mod checkpoint;
mod compare;
mod control;
mod decide;
mod event;
mod events;
mod explain;
mod export;
mod filter;
mod foreign;
mod gate;
mod handle;
mod home;
mod import;
mod journal;
mod ledger;
mod look;
mod loss;
mod migrate;
mod plan;
mod preflight;
mod prove;
mod publish;
mod rate;
mod recover;
mod removal;
mod review;
mod rollback;
mod run;
mod sorted;
mod state;
pub mod step;
mod survey;
mod telling;
mod unfinished;
mod verify;
mod work;

pub use ahead::ahead;
pub use backup::{BackupInfo, backup, backup_watched};
pub use event::{Event, Phase, Stamped};
pub use handle::{Ask, Command, Handle};
pub use home::{Home, RunFolder, RunStatus};
pub use look::{
    Inspection, Oddity, compare, compare_watched, inspect, inspect_watched, source_file,
    verify_run, verify_run_watched,
};
pub use plan::{
    Filter, Losses, OnConflict, Plan, StoreRef, VERSION as PLAN_VERSION, Verify, Write,
};
pub use preflight::{can_be_made_alone, check_alone};
pub use rate::Rate;
pub use review::{Conflict, Review, Sample, Tally, last_part};
pub use run::{Options, Stores, resume, rollback, start};
pub use state::{PhaseState, Progress, RunState, Status};
pub use telling::Telling;

/// Runs blocking work off the async runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> crate::error::Result<T> + Send + 'static,
) -> crate::error::Result<T> {
    crate::store::protocol::file::blocking(work).await
}
