//! How far a run is, as the next process must know it: `checkpoint.json`, always
//! written whole. It decides; events are for people.

use super::Tally;
use super::home::{RunFolder, write_durably};
use super::loss::{EXAMPLES, short_key};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kind, Record};
use crate::report::Written;
use crate::store::{Cursor, Fingerprint, Unreadable, WriteMode};
use serde::{Deserialize, Serialize};

/// Version of the checkpoint, the undo journal and the digests.
pub const VERSION: u32 = 1;

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Version of the run's own files.
    pub version: u32,
    /// Digest of the plan it belongs to.
    pub plan: String,
    /// What the target's lock is taken on.
    pub target_identity: String,
    /// When the run began, in milliseconds since 1970.
    pub started_at: i64,
    /// The time that `--since` resolved to, in nanoseconds since 1970.
    pub since: Option<String>,
    /// How far it is.
    pub step: Step,
    /// The source as it was when the export began.
    pub source: Option<Fingerprint>,
    /// Where the export goes on, if it was broken off.
    pub export: Option<Exported>,
    /// What of the source is not in the stage, up to there.
    #[serde(default)]
    pub lost: Lost,
    /// How the target is written.
    pub mode: Option<WriteMode>,
    /// Whether the target was there, and if so as which fingerprint it was compared.
    pub target_before: Option<Fingerprint>,
    /// Content digest of the target before.
    pub content_before: Option<String>,
    /// The last batch that is durable in the target (journal mode).
    pub acknowledged: u64,
    /// What was acknowledged (journal mode).
    #[serde(default)]
    pub written: Written,
    /// It is being rolled back from where it was not known whether it had published.
    #[serde(default)]
    pub uncertain: bool,
    /// Where the backup is.
    pub backup: Option<String>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Reading the source.
    Exporting,
    /// The stage is whole; nothing visible was written.
    Staged,
    /// Batches may be in the target (journal mode).
    Importing,
    /// The target is about to be published: it may be or not.
    Publishing,
    /// Everything is in the target.
    Published,
    /// The run's writes are being taken back.
    RollingBack,
    /// Ended; the report says how.
    Over,
}

/// Where an export goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The kind being read.
    pub kind: Kind,
    /// Behind which record; `None`: from the first of its kind.
    pub after: Option<Cursor>,
    /// Records in the stage up to there.
    pub records: u64,
}

/// What a source holds and a stage does not: a run that goes on from its stage would
/// not meet it again, and must not forget it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// What could not be read.
    pub unreadable: Tally,
    /// Where that was, the first 10,000.
    pub places: Vec<Unreadable>,
    /// Records larger than any that is moved.
    pub too_large: Tally,
    /// The keys of some of them.
    pub examples: Vec<String>,
}

impl Lost {
    /// Notes what could not be read.
    pub fn unreadable(&mut self, found: Vec<Unreadable>) {
        for one in found {
            *self.unreadable.of(one.kind) += 1;
            if self.places.len() < crate::report::MOST_KEPT {
                self.places.push(one);
            }
        }
    }

    /// Notes a record that is too large.
    pub fn too_large(&mut self, record: &Record) {
        *self.too_large.of(record.kind()) += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(short_key(record.key()));
        }
    }

    /// How much there is.
    pub fn total(&self) -> u64 {
        self.unreadable.total() + self.too_large.total()
    }
}

impl Checkpoint {
    /// At the very start.
    pub fn new(plan: String, target_identity: String, started_at: i64) -> Self {
        Self {
            version: VERSION,
            plan,
            target_identity,
            started_at,
            since: None,
            step: Step::Exporting,
            source: None,
            export: None,
            lost: Lost::default(),
            mode: None,
            target_before: None,
            content_before: None,
            acknowledged: 0,
            written: Written::default(),
            uncertain: false,
            backup: None,
        }
    }

    /// The one of that run; `None` if it was killed before it had any.
    pub fn load(run: &RunFolder) -> Result<Option<Self>> {
        let path = run.dir.join("checkpoint.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let found: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let damaged = |cause: serde_json::Error| {
            Error::new(
                ErrorKind::Corrupt,
                format!("the checkpoint of run {} is damaged", run.name),
            )
            .remedy("Restore the target from its backup if in doubt, then remove the run.")
            .because(cause)
        };
        match found.get("version").and_then(|v| v.as_u64()) {
            Some(v) if v != u64::from(VERSION) => Err(Error::new(
                ErrorKind::UnknownLayout,
                format!(
                    "run {} has version {v}; this memferry knows {VERSION}",
                    run.name
                ),
            )
            .remedy("Go on with the memferry that began it.")),
            _ => serde_json::from_slice(&bytes).map(Some).map_err(damaged),
        }
    }

    /// Makes it the one that counts.
    pub fn save(&self, run: &RunFolder) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::internal("cannot write the checkpoint").because(e))?;
        write_durably(&run.dir.join("checkpoint.json"), &bytes)
    }
}
