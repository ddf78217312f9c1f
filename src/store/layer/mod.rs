//! Wrappers that any store can wear: `Arc<dyn Store>` in, `Arc<dyn Store>` out. What
//! is not a store's own business (repeating, pacing, counting, refusing to write) is
//! here and nowhere else.
//!
//! Worn in this order, from the store outwards; [`Dress::wear`] does it:
//!
//! 1. `chaos` (tests), next to the store, so that its faults look like the store's;
//! 2. [`retry`], so that everything above sees only what repeating could not mend;
//! 3. [`read_only`], which no write passes, whoever sends it;
//! 4. [`throttle`], above `retry`, so that a page read twice is paid for once;
//! 5. [`metering`], outermost: it counts what the engine got and gave, and the time
//!    it waited for that, pauses included.

mod around;
#[doc(hidden)]
pub mod chaos;
pub mod metering;
pub mod read_only;
pub mod retry;
pub mod throttle;

pub use around::Call;
pub use metering::{Meter, Metered};
pub use retry::{Attempt, Patience};
pub use throttle::Rate;

use super::Store;
use std::sync::Arc;

/// What a store wears in a run.
#[derive(Clone, Default)]
pub struct Dress {
    /// Repeats reads that fail for the moment.
    pub patience: Option<Patience>,
    /// Refuses writes: a dry run.
    pub read_only: bool,
    /// Paces scans.
    pub rate: Option<Rate>,
    /// Counts.
    pub meter: Option<Meter>,
}

impl Dress {
    /// Puts the layers on in their order.
    pub fn wear(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        let mut store = store;
        if let Some(patience) = &self.patience {
            store = retry::wrap(store, patience.clone());
        }
        if self.read_only {
            store = read_only::wrap(store);
        }
        if let Some(rate) = &self.rate {
            store = throttle::wrap(store, rate.clone());
        }
        if let Some(meter) = &self.meter {
            store = metering::wrap(store, meter.clone());
        }
        store
    }
}

#[cfg(test)]
mod tests;
