//! Work that is no run, watched: the same line as a run's, and nothing left of it.

use super::Context;
use super::drive::{LOOK_EVERY, now};
use super::progress::Progress;
use crate::engine::Telling;
use crate::error::Result;

/// Does the work and shows how far it is, under that name.
pub async fn watching<T, F: Future<Output = Result<T>>>(
    what: &'static str,
    context: &Context<'_>,
    work: impl FnOnce(Telling) -> F,
) -> Result<T> {
    let (telling, mut state) = Telling::new();
    let mut progress = Progress::of_work(context.out, what);
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let work = work(telling);
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = tick.tick() => {
                let state = state.borrow_and_update().clone();
                progress.show(&state, now());
            }
        }
    };
    progress.clear();
    done
}
