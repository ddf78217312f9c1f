//! Paces scans to so many records a second, over all scans that share a [`Rate`].
//! The rate can be changed at any time; a scan that is waiting notices at once.
//! Writes are never paced: a transaction must not be held open longer for it.

use super::around::{self, Around, Call, Load};
use crate::error::Result;
use crate::store::{Limit, Store};
use async_trait::async_trait;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Records a second, shared by all who hold a clone. Zero: no limit.
#[derive(Clone)]
pub struct Rate(Arc<Shared>);

struct Shared {
    per_second: AtomicU64,
    changed: Notify,
    debt: Mutex<Debt>,
}

/// Records brought and not yet paid for with time.
struct Debt {
    records: f64,
    at: Instant,
}

impl Rate {
    /// So many records a second; zero: no limit.
    pub fn new(per_second: u64) -> Self {
        Self(Arc::new(Shared {
            per_second: AtomicU64::new(per_second),
            changed: Notify::new(),
            debt: Mutex::new(Debt {
                records: 0.0,
                at: Instant::now(),
            }),
        }))
    }

    /// Changes it for every scan, running ones included.
    pub fn set(&self, per_second: u64) {
        self.settle(0);
        self.0.per_second.store(per_second, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// The rate now.
    pub fn get(&self) -> u64 {
        self.0.per_second.load(Ordering::Relaxed)
    }

    /// Adds to the debt what was brought, takes off what time has paid, and says how
    /// long the rest takes.
    fn settle(&self, records: u64) -> Option<Duration> {
        let rate = self.get();
        let mut debt = self.0.debt.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if rate == 0 {
            (debt.records, debt.at) = (0.0, now);
            return None;
        }
        let paid = now.duration_since(debt.at).as_secs_f64() * rate as f64;
        debt.records = (debt.records - paid).max(0.0) + records as f64;
        debt.at = now;
        let wait = debt.records / rate as f64;
        (wait > 0.0).then(|| Duration::from_secs_f64(wait.min(3_600.0)))
    }
}

/// The store with its scans paced.
pub fn wrap(store: Arc<dyn Store>, rate: Rate) -> Arc<dyn Store> {
    around::wrap(store, Arc::new(Throttle(rate)))
}

struct Throttle(Rate);

#[async_trait]
impl Around for Throttle {
    async fn after(&self, call: Call, load: Load) -> Result<()> {
        if call != Call::Scan || load.records == 0 {
            return Ok(());
        }
        let mut records = load.records;
        loop {
            // Made before the rate is looked at, so that no change falls in between.
            let changed = self.0.0.changed.notified();
            let Some(wait) = self.0.settle(records) else {
                return Ok(());
            };
            records = 0;
            let _ = tokio::time::timeout(wait, changed).await;
        }
    }

    /// A page is at most a second's worth, so that the pace is even and a change of
    /// rate is not behind a long wait.
    fn limit(&self, limit: Limit) -> Limit {
        match usize::try_from(self.0.get()) {
            Ok(0) | Err(_) => limit,
            Ok(rate) => Limit {
                rows: limit.rows.min(rate),
                ..limit
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::store::Consistency;
    use crate::store::layer::tests::filled;

    async fn seconds_to_scan(store: &Arc<dyn Store>) -> f64 {
        let start = Instant::now();
        let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
        let mut after = None;
        loop {
            let page = snapshot.scan(Kind::Node, after.as_ref(), Limit::PAGE);
            let page = page.await.unwrap();
            match page.next {
                Some(next) => after = Some(next),
                None => return start.elapsed().as_secs_f64(),
            }
        }
    }

    #[tokio::test]
    async fn a_scan_keeps_to_its_rate() {
        let place = filled("throttle-rate", 100);
        let store = wrap(place.store(), Rate::new(250));
        let took = seconds_to_scan(&store).await;
        assert!((0.38..0.8).contains(&took), "{took}");
        let store = wrap(place.store(), Rate::new(0));
        assert!(seconds_to_scan(&store).await < 0.1);
    }

    #[tokio::test]
    async fn a_change_reaches_a_scan_that_waits() {
        let place = filled("throttle-change", 100);
        let rate = Rate::new(10);
        let store = wrap(place.store(), rate.clone());
        let scan = tokio::spawn(async move { seconds_to_scan(&store).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        rate.set(0);
        let took = scan.await.unwrap();
        assert!((0.09..0.5).contains(&took), "{took}");
    }
}
