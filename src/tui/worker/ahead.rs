//! What is found out before a run: how much a plan would do, counted as long as nobody
//! changes an answer, and one check made again.

use super::Worker;
use crate::engine::{self, Plan, RunState, Stores, Telling};
use crate::error::Result;
use crate::report::Failure;
use crate::store::{Address, registry};
use crate::tui::msg::{Counted, Foreseen, Msg};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two words of how far a count is.
const EVERY: Duration = Duration::from_millis(200);

fn open((source, target): &(Address, Address)) -> Result<Stores> {
    Ok(Stores {
        source: registry::open(source)?,
        target: registry::open(target)?,
    })
}

impl Worker {
    /// Nobody waits for the count any more: it stops where it is.
    pub(super) fn drop_forecast(&self) {
        if let Some(count) = self.now(|now| now.forecast.take()) {
            count.abort();
        }
    }

    /// Counts what a plan would do, instead of what was being counted.
    pub(super) fn count_ahead(&self, seq: u64, plan: Plan, stores: (Address, Address)) {
        self.drop_forecast();
        let worker = self.clone();
        let count = self.on_runtime(async move {
            let found = worker.counted(seq, plan, stores).await;
            let found = found.map(Box::new).map_err(|e| Failure::from(&e));
            worker.tell(Msg::Forecast(seq, found)).await;
        });
        self.now(|now| now.forecast = Some(count));
    }

    async fn counted(&self, seq: u64, plan: Plan, stores: (Address, Address)) -> Result<Foreseen> {
        let stores = open(&stores)?;
        let (telling, state) = Telling::new();
        let selected = Arc::new(AtomicU64::new(0));
        let filtered = !plan.filter.is_empty();
        let begun = Instant::now();
        let home = self.home();
        let count = engine::ahead(&plan, &stores, &home, &telling, selected.clone());
        let growing = async {
            loop {
                tokio::time::sleep(EVERY).await;
                let (read, total) = far(&state.borrow());
                let selected = filtered.then(|| selected.load(Ordering::Relaxed));
                let counted = Counted {
                    read,
                    total,
                    selected,
                };
                self.tell(Msg::Counting(seq, counted)).await;
            }
        };
        let review = tokio::select! {
            review = count => review?,
            () = growing => return Err(crate::error::Error::internal("it grew without end")),
        };
        let ms = begun.elapsed().as_millis() as u64;
        Ok(Foreseen { review, ms })
    }

    /// Makes one check of a plan again.
    pub(super) async fn check_alone(
        &self,
        seq: u64,
        name: String,
        plan: Plan,
        stores: (Address, Address),
    ) -> Msg {
        let home = self.home();
        let check = async { engine::check_alone(&plan, &open(&stores)?, &home, &name).await };
        let check = check.await.map(Box::new);
        Msg::Rechecked(seq, check.map_err(|e| Failure::from(&e)))
    }
}

fn far(state: &RunState) -> (u64, Option<u64>) {
    match state.current() {
        Some((_, phase)) => (phase.done(), phase.total()),
        None => (0, None),
    }
}
