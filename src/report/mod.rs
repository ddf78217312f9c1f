//! What a run did and what it proved: the report, kept as `report.json` and rendered
//! by one file per format.

pub mod difference;
pub mod html;
pub mod inert;
pub mod json;
pub mod markdown;
mod page;
mod summary;
pub mod text;
pub mod words;

pub use summary::{compared, summary};

use crate::engine::{Phase, Plan, Review, Tally};
use crate::error::{Error, ErrorKind};
use crate::model::Kind;
use crate::store::{Counts, Description, Unreadable, WriteMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the report.
pub const VERSION: u32 = 1;

/// Most differences and unreadable places kept with their values.
pub const MOST_KEPT: usize = 10_000;

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of the format, 1.
    pub version: u32,
    /// memferry that wrote it.
    pub memferry: String,
    /// Name of the run.
    pub run: String,
    /// How it ended.
    pub outcome: Outcome,
    /// That in one line.
    pub summary: String,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: i64,
    /// What it was to do.
    pub plan: Plan,
    /// The source as it was.
    pub source: Side,
    /// The target before.
    pub target: Side,
    /// How the target was written.
    pub mode: Option<WriteMode>,
    /// Phases with milliseconds, in order.
    pub phases: Vec<(Phase, u64)>,
    /// Preflight and validation.
    pub checks: Vec<Check>,
    /// What the run would do, or did.
    pub review: Option<Review>,
    /// What was written.
    pub written: Written,
    /// What the target could not hold.
    pub losses: Vec<Loss>,
    /// How often each equivalence of the contract was used.
    pub equivalences: BTreeMap<String, u64>,
    /// What was proven.
    pub verification: Option<Verification>,
    /// Warnings in order.
    pub warnings: Vec<String>,
    /// What could not be read in the source, the first 10,000.
    pub unreadable: Vec<Unreadable>,
    /// Where the backup is.
    pub backup: Option<String>,
    /// What failed.
    pub failure: Option<Failure>,
    /// What a rollback did, if there was one.
    pub rollback: Option<RolledBack>,
    /// Whether `memferry resume` can go on with it, from where it was broken off.
    #[serde(default)]
    pub can_resume: bool,
    /// Whether `memferry rollback` can take back what it wrote.
    #[serde(default)]
    pub can_roll_back: bool,
    /// Whether what was built aside was published, or may have been.
    #[serde(default)]
    pub may_be_published: bool,
    /// What commands about this run need beside its name: where it is kept, if not in
    /// the usual place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done and verified (or verification was declined).
    Done,
    /// A dry run: nothing was written.
    DryRun,
    /// The target was changed and differs from what was expected.
    Differences,
    /// Refused before anything was written.
    Refused,
    /// Failed; the target is as before, or what is not is named.
    Failed,
    /// Taken back, on request or after a failure.
    RolledBack,
    /// Broken off; can be resumed.
    Interrupted,
}

impl Outcome {
    /// The exit code of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Done | Outcome::DryRun => 0,
            Outcome::Refused => 1,
            Outcome::Failed | Outcome::RolledBack => 2,
            Outcome::Differences => 3,
            Outcome::Interrupted => 4,
        }
    }
}

/// A store as the run found it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// Address without secrets.
    pub address: String,
    /// Kind for people.
    pub title: String,
    /// What was found.
    pub description: Description,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Good.
    Pass,
    /// Worth reading; does not stop the run.
    Warn,
    /// Stops the run.
    Fail,
}

/// A named check with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Its name, for example `source-answers`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// How it went.
    pub verdict: Verdict,
    /// What was found.
    pub evidence: String,
    /// What to do, unless it passed.
    pub remedy: Option<String>,
    /// Records it is about, the first 100.
    pub examples: Vec<String>,
    /// Milliseconds it took.
    pub ms: u64,
}

/// Something the target cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loss {
    /// What `--allow-loss` takes, for example `content:nul`.
    pub name: String,
    /// What happens to it, for people.
    pub what: String,
    /// How many records.
    pub records: u64,
    /// Some of them, the first 5.
    pub examples: Vec<String>,
    /// Whether it was accepted by name.
    pub accepted: bool,
}

/// What was written, by what became of each staged record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// New in the target.
    pub added: Tally,
    /// Replaced in the target.
    pub changed: Tally,
    /// Already there with the same content.
    pub same: Tally,
    /// Left as the target had them, under the conflict policy.
    pub skipped: Tally,
    /// Removed, where the target was made equal to the source.
    #[serde(default)]
    pub removed: Tally,
}

impl Written {
    /// Records of the target that are not as they were.
    pub fn changes(&self) -> u64 {
        [self.added, self.changed, self.removed]
            .iter()
            .map(Tally::total)
            .sum()
    }
}

/// What was proven, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// `full`, `sample:N` or `none`.
    pub level: String,
    /// Records that are the same.
    pub same: Tally,
    /// `+`: only in the source (missing in the target).
    pub only_in_source: Tally,
    /// `-`: only in the target (not expected there).
    pub only_in_target: Tally,
    /// `*`: different.
    pub differ: Tally,
    /// `!`: could not be read.
    pub unreadable: Tally,
    /// The first differences, at most 10,000.
    pub differences: Vec<Difference>,
    /// Numbers of records in the target afterwards.
    pub counts: Counts,
    /// BLAKE3 over the sorted digests of everything in the target afterwards, in
    /// hexadecimal: equal for equal content. Only with full verification.
    pub content_digest: Option<String>,
}

impl Verification {
    /// Whether nothing differs.
    pub fn identical(&self) -> bool {
        [
            self.only_in_source,
            self.only_in_target,
            self.differ,
            self.unreadable,
        ]
        .iter()
        .all(|tally| tally.total() == 0)
    }
}

/// The mark of a difference.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Mark {
    /// Only in the source.
    #[serde(rename = "+")]
    OnlyInSource,
    /// Only in the target.
    #[serde(rename = "-")]
    OnlyInTarget,
    /// Different.
    #[serde(rename = "*")]
    Differs,
    /// Cannot be read.
    #[serde(rename = "!")]
    Unreadable,
}

impl Mark {
    /// The sign.
    pub fn sign(self) -> char {
        match self {
            Mark::OnlyInSource => '+',
            Mark::OnlyInTarget => '-',
            Mark::Differs => '*',
            Mark::Unreadable => '!',
        }
    }
}

/// One record that is not as expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What sort.
    pub mark: Mark,
    /// Kind of record.
    pub kind: Kind,
    /// Its key, for people.
    pub key: String,
    /// Its type, for people.
    pub type_name: String,
    /// Its title, or its ends.
    pub title: String,
    /// The fields that differ; all fields for a record on one side only.
    pub fields: Vec<Field>,
}

impl Difference {
    /// Whether of what was expected only the digest is left, as once a run's stage is gone:
    /// that it differs is known, what it was is not.
    pub fn is_by_digest(&self) -> bool {
        self.mark == Mark::Differs && self.fields.iter().all(|f| f.source.is_none())
    }
}

/// One field with its two values, as text for people (cut at 64 KiB).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// Name of the property or column.
    pub name: String,
    /// The source's (expected) value with its type; `None`: absent.
    pub source: Option<FieldValue>,
    /// The target's (found) value; `None`: absent.
    pub target: Option<FieldValue>,
}

/// A value with its type, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldValue {
    /// The type's name.
    pub type_name: String,
    /// The value: text as it is, anything else as JSON.
    pub text: String,
}

/// What failed and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What sort.
    pub kind: ErrorKind,
    /// What and where.
    pub message: String,
    /// What to do next.
    pub remedy: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            remedy: error.what_to_do().map(str::to_owned),
        }
    }
}

/// What a rollback did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolledBack {
    /// Records the run had added and that are gone again.
    pub removed: Tally,
    /// Records the run had changed and that are as before.
    pub restored: Tally,
    /// Records that somebody changed since, and that were left alone; by key, the
    /// first 10,000.
    pub spared: Vec<String>,
    /// All of those.
    pub spared_count: u64,
    /// Whether the target as a whole was removed, since the run had made it.
    pub target_removed: bool,
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
