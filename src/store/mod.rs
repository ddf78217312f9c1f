//! What memories move between. A store is one folder here and one line in the
//! [`registry`]; nothing outside its folder names it.
//!
//! Reading: [`Store::snapshot`] gives a consistent picture, scanned by pages.
//! Writing: [`Store::writer`] gives a [`Writer`] in one of three [`WriteMode`]s.
//! Blocking work (files, SQLite) goes to blocking threads inside the store.

mod address;
pub mod archive;
mod capabilities;
mod descriptor;
pub mod falkordb;
pub mod falkordblite;
pub mod json;
pub mod layer;
pub mod markdown;
pub mod protocol;
pub mod reference;
pub mod registry;
pub mod sqlite;

pub use address::Address;
pub use capabilities::{Capabilities, Ids, Labels};
pub use descriptor::{Descriptor, Setting, SettingKind, Shape};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, Key, Kind, Record};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A place that holds memories, or will.
///
/// Opening one does nothing; looking at it ([`Store::describe`], [`Store::fingerprint`],
/// [`Store::snapshot`]) leaves its bytes, times and names as they were.
#[async_trait]
pub trait Store: Send + Sync {
    /// What kind of store it is.
    fn descriptor(&self) -> &'static Descriptor;

    /// Where it is.
    fn address(&self) -> &Address;

    /// What a person wants to know before choosing it. Quick, whatever its size.
    /// A store that is not there yet is no error: `exists` is false.
    async fn describe(&self) -> Result<Description>;

    /// Two equal fingerprints mean that nothing was written in between.
    async fn fingerprint(&self) -> Result<Fingerprint>;

    /// Tells this store from every other on this machine, by whatever address it is
    /// reached, also before it exists: what the lock is taken on.
    async fn identity(&self) -> Result<String>;

    /// A consistent picture of its content.
    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>>;

    /// How it would be written to as it is now, or why it cannot be. Changes nothing.
    async fn prepare(&self) -> Result<Prepared> {
        Err(self.cannot_be_written())
    }

    /// Opens it for writing.
    async fn writer(&self, _request: &WriteRequest) -> Result<Box<dyn Writer>> {
        Err(self.cannot_be_written())
    }

    /// Removes what an `aside` writer of that run left behind when it was killed.
    /// Nothing there is no error.
    async fn discard(&self, _run: &str) -> Result<()> {
        Ok(())
    }

    /// Removes a store that an `aside` run published. The caller has just proved that
    /// it holds what that run left and nothing else; `fingerprint` is from that moment,
    /// and if it no longer fits the store is left alone with `Conflict`.
    async fn remove(&self, _fingerprint: &Fingerprint) -> Result<()> {
        Err(self.cannot_be_written())
    }

    /// The error of a store that is a source only.
    fn cannot_be_written(&self) -> Error {
        let title = self.descriptor().title;
        Error::new(
            ErrorKind::Unsupported,
            format!("{title} cannot be a target"),
        )
        .remedy("Choose another target; `memferry stores` lists them.")
    }
}

/// Whether to read in place or from a private copy, and where that may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// In place, never holding other programs up for more than a second. A scan
    /// answers `Drifted` once it finds that somebody wrote meanwhile.
    InPlace,
    /// From a private copy on this machine, which cannot drift. What only its server
    /// could copy is read in place all the same: that takes as much memory there again,
    /// which is for the user to grant.
    LocalCopy,
    /// From a private copy wherever it must be made, which cannot drift. A store whose
    /// snapshots never drift treats all alike.
    Copy,
}

/// A consistent picture of a store.
#[async_trait]
pub trait Snapshot: Send {
    /// Exact numbers of records, by counting.
    async fn counts(&mut self) -> Result<Counts>;

    /// The records of a kind behind a cursor (`None`: from the start), in the store's
    /// fixed order. At least one record if there is any left; a page ends at whichever
    /// limit is reached first. What cannot be read is reported, never left out silently.
    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page>;

    /// Ends the picture, saying `Drifted` if anything was written since it was taken
    /// and it is not isolated from that.
    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Where a scan goes on. Only the store that made it can read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub Vec<u8>);

/// How much to return at most; one record always fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Records.
    pub rows: usize,
    /// Bytes, by [`Record::size`] or, of what has types of its own, [`Record::footprint`].
    pub bytes: usize,
}

impl Limit {
    /// What the engine asks for: pages of at most 512 KiB.
    pub const PAGE: Limit = Limit {
        rows: 1_000,
        bytes: 512 << 10,
    };
}

/// Part of a scan.
#[derive(Debug, Default)]
pub struct Page {
    /// Records in order.
    pub records: Vec<Record>,
    /// What is there and cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// A record, or a stretch of the store, that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unreadable {
    /// Which kind it would be.
    pub kind: Kind,
    /// Where: a row, a line, a frame.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// Numbers of records.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Counts {
    /// Nodes that are memories.
    pub memories: u64,
    /// Nodes with other labels.
    pub other_nodes: u64,
    /// Relationships.
    pub relationships: u64,
}

impl Counts {
    /// Records of a kind.
    pub fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Node => self.memories + self.other_nodes,
            Kind::Relationship => self.relationships,
        }
    }

    /// All records.
    pub fn total(&self) -> u64 {
        self.memories + self.other_nodes + self.relationships
    }
}

/// What a person wants to know of a store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Description {
    /// Whether it is there.
    pub exists: bool,
    /// Program and layout that wrote it, for example `SQLite, memorygraph 0.10 to 0.12`.
    pub layout: String,
    /// Numbers of records; `None` where counting would take long.
    pub counts: Option<Counts>,
    /// Size on disk in bytes.
    pub bytes: Option<u64>,
    /// Last change, in seconds since 1970.
    pub changed_at: Option<i64>,
    /// Whether another process has it open, as far as can be told.
    pub in_use: bool,
    /// Anything else worth a line each.
    pub notes: Vec<String>,
    /// Further facts by name.
    pub facts: BTreeMap<String, String>,
}

/// See [`Store::fingerprint`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fingerprint(pub String);

/// How a target is changed, and what a kill in the middle leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WriteMode {
    /// Built where nobody sees it, verified, then published in one step that never
    /// replaces anything. Killed: thrown away and built again.
    Aside,
    /// One transaction, verified before its commit. Killed: the database undoes it.
    Transaction,
    /// Batch by batch, with every pre-image durable first. Killed: goes on behind the
    /// last acknowledged batch.
    Journal,
}

/// How a target would be written to.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The mode.
    pub mode: WriteMode,
    /// Folder whose room counts, for local stores.
    pub room_in: Option<PathBuf>,
    /// Whether the target holds no record, so that nothing need be looked up in it.
    pub empty: bool,
    /// Seconds for which other programs are shut out, for each record written.
    pub lock_seconds_per_record: f64,
}

/// What a writer is opened for.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    /// The mode that [`Store::prepare`] named.
    pub mode: WriteMode,
    /// Name of the run: letters, digits and `-`. Names whatever the writer leaves aside.
    pub run: String,
    /// What the records come from, without secrets, for stores that keep a note of it.
    pub origin: Option<String>,
}

/// Writes to a store. Dropped without [`Writer::publish`], it leaves an `aside` or
/// `transaction` target as it was.
#[async_trait]
pub trait Writer: Send {
    /// The records with these keys as they are now, in the order asked; `None` for those
    /// that are not there.
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>>;

    /// Tells what a batch after this one will ask for, so that what does not depend on the
    /// target can be made ready while the target is at work. Changes nothing and returns at
    /// once; what is announced may be applied later, or never.
    fn announce(&mut self, _next: &Arc<[Change]>) {}

    /// Makes the changes of a batch. One that is already made is left alone, so a batch
    /// twice is the same as once. If any record is neither as it was nor as it should
    /// become, nothing of the batch is done and the answer is `Conflict`.
    async fn apply(&mut self, batch: &Batch) -> Result<Applied>;

    /// All records as they were applied, if they can be read while [`Writer::complete`]
    /// does what is left; nothing is applied after it. `None` where a store must be
    /// complete before it can be read.
    async fn applied(&mut self) -> Result<Option<Box<dyn Snapshot>>> {
        Ok(None)
    }

    /// Ends importing: makes indexes and whatever else is left before publication, without
    /// changing a record.
    async fn complete(&mut self) -> Result<()> {
        Ok(())
    }

    /// The target as this writer left it, its unpublished changes included.
    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>>;

    /// Makes the changes durable and visible. `Unknown`: ask the target.
    async fn publish(&mut self) -> Result<Applied>;

    /// Takes back everything unpublished (`aside`, `transaction`); in `journal` mode
    /// only lets go of the target.
    async fn abandon(&mut self) -> Result<()>;
}

/// Changes that are made together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its number in the run, from 1.
    pub seq: u64,
    /// What to change. No key twice.
    pub changes: Arc<[Change]>,
}

/// One change of one record.
#[derive(Clone, Debug)]
pub struct Change {
    /// Kind of the record.
    pub kind: Kind,
    /// Its key.
    pub key: Key,
    /// The record as it must be before; `None`: absent.
    pub before: Option<Digest>,
    /// The record as it shall be; `None`: removed.
    pub after: Option<Record>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in the target.
    Done,
    /// No answer, or a commit that failed: it may be there or not. The engine asks
    /// with [`Writer::find`] before it does anything else.
    Unknown,
    /// Nothing was done, because these changes (by position) met a record that is
    /// neither as it was nor as it should become.
    Conflict(Vec<usize>),
}
