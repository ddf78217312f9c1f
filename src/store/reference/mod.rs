//! A store in memory with the worst manners the contract allows, for tests: answers
//! that never come, commits that fail after they took effect, connections that drop,
//! snapshots that show what is written meanwhile, batches done by half. Faults that
//! any store can suffer alike (delays, random errors) are a layer's, not its own.
//!
//! A [`Place`] is made under a name; from then on the address `reference:NAME` opens
//! it, as it would open any store. Until a place is made, the kind does not exist, so
//! no person ever meets it.

mod contents;
mod faults;
mod fits;
mod handle;
mod snapshot;
mod writer;

#[cfg(test)]
mod tests;

pub use super::layer::Call;
pub use faults::{Event, Fault};
pub use handle::Place;

use super::{Address, Capabilities, Descriptor, Setting, SettingKind, Shape, Store, WriteMode};
use crate::error::{Error, ErrorKind, Result};
use handle::{Handle, Inner};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The kind's name.
pub const KIND: &str = "reference";

/// How a place behaves.
#[derive(Clone, Debug)]
pub struct Manners {
    /// What it declares and keeps to. Of its modes, the first is used on a place that
    /// does not exist yet; `aside` needs one, so the next is used on one that does.
    pub capabilities: Capabilities,
    /// What a scan sees of others' writes, and who tells.
    pub drift: Drift,
    /// What becomes of a value it has no type for.
    pub misfits: Misfits,
    /// Refuses batches of more changes.
    pub max_batch_rows: Option<usize>,
    /// Refuses batches of more bytes, by [`crate::model::Record::size`].
    pub max_batch_bytes: Option<usize>,
}

/// What snapshots taken in place are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// They show the moment they were taken.
    Never,
    /// They show what is written meanwhile; the next scan says so.
    ToldByScan,
    /// They show it; only `finish` and the fingerprint say so.
    ToldByFinish,
    /// They show it; nothing but the counts gives it away.
    Silent,
}

/// What becomes of a value that a place has no type for. What no encoding helps (ends,
/// labels, ids, NUL) is refused by the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfits {
    /// Encoded as all stores do, and decoded when it is read.
    Encoded,
    /// Refused with `Unsupported`.
    Refused,
    /// Stored changed, without a word, as servers do: only verification can find it.
    Changed,
}

impl Manners {
    /// Holds everything, in one of these modes; isolated snapshots.
    pub fn new(modes: &'static [WriteMode]) -> Self {
        Self {
            capabilities: Capabilities {
                modes,
                ..Capabilities::EVERYTHING
            },
            drift: Drift::Never,
            misfits: Misfits::Encoded,
            max_batch_rows: None,
            max_batch_bytes: None,
        }
    }

    /// The same with other capabilities; the modes stay.
    pub fn holding(mut self, capabilities: Capabilities) -> Self {
        let modes = self.capabilities.modes;
        self.capabilities = Capabilities {
            modes,
            ..capabilities
        };
        self
    }

    /// The same with snapshots that drift.
    pub fn drifting(mut self, drift: Drift) -> Self {
        self.drift = drift;
        self.capabilities.isolated_snapshots = drift == Drift::Never;
        self
    }
}

const NAME: Setting = Setting {
    name: "path",
    label: "Name",
    help: "Name of a place made by this process",
    kind: SettingKind::Text,
    default: None,
    env: &[],
    secret: false,
    required: true,
};

const fn describe(capabilities: Capabilities) -> Descriptor {
    Descriptor {
        kind: KIND,
        title: "Reference",
        summary: "A store in memory, for tests",
        shape: Shape::Memory,
        schemes: &[KIND],
        extensions: &[],
        settings: &[NAME],
        capabilities,
        source: true,
        target: true,
        open,
    }
}

static ANY: Descriptor = describe(Capabilities::EVERYTHING);

#[derive(Default)]
struct Process {
    places: HashMap<String, Arc<Inner>>,
    descriptors: Vec<&'static Descriptor>,
}

static PROCESS: LazyLock<Mutex<Process>> = LazyLock::new(Mutex::default);

fn process() -> MutexGuard<'static, Process> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kind, once this process has made a place.
pub(super) fn descriptor() -> Option<&'static Descriptor> {
    (!process().places.is_empty()).then_some(&ANY)
}

/// A descriptor lives as long as the process, so equal ones are made once.
fn descriptor_of(capabilities: Capabilities) -> &'static Descriptor {
    let mut process = process();
    let known = process.descriptors.iter().copied();
    if let Some(known) = known.into_iter().find(|d| d.capabilities == capabilities) {
        return known;
    }
    let made: &'static Descriptor = Box::leak(Box::new(describe(capabilities)));
    process.descriptors.push(made);
    made
}

fn open(address: Address) -> Result<Arc<dyn Store>> {
    let name = address.get("path").unwrap_or_default();
    match process().places.get(name) {
        Some(inner) => Ok(Arc::new(Handle(inner.clone()))),
        None => Err(Error::new(
            ErrorKind::NotFound,
            format!("this process made no place called {name:?}"),
        )
        .remedy("Make it with `Place::new` first.")),
    }
}
