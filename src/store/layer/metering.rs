//! Counts calls, records and bytes, to be read at any time by whoever holds the
//! [`Meter`]. Bytes are those of [`crate::model::Record::size`].

use super::around::{self, Around, Call, Load};
use crate::error::Result;
use crate::store::Store;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one store; clones share them.
#[derive(Clone, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Default)]
struct Counters {
    calls: [AtomicU64; Call::ALL.len()],
    failed: [AtomicU64; Call::ALL.len()],
    records_read: AtomicU64,
    bytes_read: AtomicU64,
    unreadable: AtomicU64,
    looked_up: AtomicU64,
    changes_written: AtomicU64,
    bytes_written: AtomicU64,
}

/// What the counters said at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Metered {
    /// Calls begun, failed ones included.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Records brought by scans.
    pub records_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Records that scans reported as unreadable.
    pub unreadable: u64,
    /// Records found by key.
    pub looked_up: u64,
    /// Changes in batches that were answered as done, removals included.
    pub changes_written: u64,
    /// Bytes of the records in them.
    pub bytes_written: u64,
}

impl Meter {
    /// With everything at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it says now.
    pub fn read(&self) -> Metered {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Metered {
            calls: self.0.calls.iter().map(get).sum(),
            failed: self.0.failed.iter().map(get).sum(),
            records_read: get(&self.0.records_read),
            bytes_read: get(&self.0.bytes_read),
            unreadable: get(&self.0.unreadable),
            looked_up: get(&self.0.looked_up),
            changes_written: get(&self.0.changes_written),
            bytes_written: get(&self.0.bytes_written),
        }
    }

    /// Calls of one method, and how many of them failed.
    pub fn calls(&self, call: Call) -> (u64, u64) {
        let of = |counters: &[AtomicU64]| counters[call as usize].load(Ordering::Relaxed);
        (of(&self.0.calls), of(&self.0.failed))
    }
}

/// The store, counted.
pub fn wrap(store: Arc<dyn Store>, meter: Meter) -> Arc<dyn Store> {
    around::wrap(store, Arc::new(Metering(meter)))
}

struct Metering(Meter);

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

#[async_trait]
impl Around for Metering {
    async fn before(&self, call: Call) -> Result<()> {
        add(&self.0.0.calls[call as usize], 1);
        Ok(())
    }

    async fn after(&self, call: Call, load: Load) -> Result<()> {
        let counters = &*self.0.0;
        match call {
            Call::Scan => {
                add(&counters.records_read, load.records);
                add(&counters.bytes_read, load.bytes);
                add(&counters.unreadable, load.unreadable);
            }
            Call::Find => add(&counters.looked_up, load.records),
            Call::Apply => {
                add(&counters.changes_written, load.records);
                add(&counters.bytes_written, load.bytes);
            }
            _ => {}
        }
        Ok(())
    }

    fn failed(&self, call: Call) {
        add(&self.0.0.failed[call as usize], 1);
    }
}
