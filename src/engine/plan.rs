//! What a run shall do, as every front end builds it and `plan.toml` keeps it.
//! No secrets; absolute paths. Its digest covers meaning only: two plans with one
//! digest are "the same command".

use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, registry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Version of the plan file.
pub const VERSION: u32 = 1;

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of the format, 1.
    pub version: u32,
    /// Where memories come from.
    pub source: StoreRef,
    /// Where they go.
    pub target: StoreRef,
    /// Which of them.
    #[serde(default, skip_serializing_if = "Filter::is_empty")]
    pub filter: Filter,
    /// How they are written.
    #[serde(default)]
    pub write: Write,
    /// Which losses are accepted.
    #[serde(default, skip_serializing_if = "Losses::is_empty")]
    pub losses: Losses,
}

/// A store by kind and settings, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreRef {
    /// Kind of store, for example `sqlite`.
    pub kind: String,
    /// Its settings by name.
    #[serde(flatten)]
    pub settings: BTreeMap<String, String>,
}

impl StoreRef {
    /// Of an address, which is made absolute.
    pub fn of(address: &Address) -> Self {
        let address = address.clone().absolute();
        Self {
            kind: address.kind().to_owned(),
            settings: address
                .public()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// The address, with what is missing (secrets above all) taken from `env`.
    pub fn address(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Address> {
        let Some(descriptor) = registry::find(&self.kind) else {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("there is no kind of store called {:?}", self.kind),
            )
            .remedy("`memferry stores` lists the kinds."));
        };
        let mut address = Address::new(descriptor);
        for (name, value) in &self.settings {
            address = address.set(name, value)?;
        }
        address.complete(env)
    }
}

/// Which memories move. Empty: all records. A memory must pass every part that is
/// set; other nodes move only with an empty filter; a relationship moves if both its
/// ends do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Written at or after this time (`updated_at`): ISO 8601, or `last-run` for the
    /// start of the last finished run of the same source and target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Of one of these memory types.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub types: BTreeSet<String>,
    /// With one of these tags.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Of this project path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl Filter {
    /// Whether everything moves.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How memories are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Write {
    /// What happens to a record whose key the target already has with other content.
    pub on_conflict: OnConflict,
    /// How much is read back and compared.
    pub verify: Verify,
    /// Whether a target that holds records is backed up before the first write.
    pub backup: bool,
    /// Whether a run that fails after it wrote takes its writes back by itself.
    pub rollback: bool,
    /// Whether the target is made equal to the source: what the source does not have is
    /// removed. Goes with `overwrite`, a backup and no filter.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Only what the run would do: nothing is written to the target.
    pub dry_run: bool,
    /// Most records of a batch.
    pub batch: u32,
    /// Most records a second; 0 for no limit.
    pub rate: u32,
    /// Folder for the stage, if not the run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_dir: Option<PathBuf>,
}

impl Default for Write {
    fn default() -> Self {
        Self {
            on_conflict: OnConflict::Skip,
            verify: Verify::Full,
            backup: true,
            rollback: true,
            replace: false,
            dry_run: false,
            batch: 2_000,
            rate: 0,
            stage_dir: None,
        }
    }
}

/// What happens to a record whose key the target has with other content. Equal
/// records are left alone under every policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// The target's stays.
    #[default]
    Skip,
    /// The source's replaces it.
    Overwrite,
    /// The one with the later `updated_at` (relationships: `recorded_at`) stays; the
    /// target's at a tie or where a time cannot be read.
    Newest,
    /// The run is refused.
    Fail,
}

/// How much is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Every field of every record.
    #[default]
    Full,
    /// Every field of this many records of each kind, and all counts.
    Sample(u64),
    /// Nothing.
    None,
}

impl std::str::FromStr for Verify {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None if text == "full" => Ok(Self::Full),
            None if text == "none" => Ok(Self::None),
            Some(("sample", n)) if n.parse::<u64>().is_ok_and(|n| n > 0) => {
                Ok(Self::Sample(n.parse().unwrap_or(1)))
            }
            _ => Err(
                Error::new(ErrorKind::Usage, format!("verification cannot be {text:?}"))
                    .remedy("Say full, sample:N with N from 1, or none."),
            ),
        }
    }
}

impl std::fmt::Display for Verify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Sample(n) => write!(f, "sample:{n}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl Serialize for Verify {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Verify {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .map_err(|e: Error| serde::de::Error::custom(e.message().to_owned()))
    }
}

impl JsonSchema for Verify {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Verify".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(full|none|sample:[1-9][0-9]*)$"
        })
    }
}

/// Which losses are accepted, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Losses {
    /// Names such as `content:nul`.
    pub accept: BTreeSet<String>,
}

impl Losses {
    /// Whether none is accepted.
    pub fn is_empty(&self) -> bool {
        self.accept.is_empty()
    }
}

impl Plan {
    /// A plan with every default.
    pub fn new(source: &Address, target: &Address) -> Self {
        Self {
            version: VERSION,
            source: StoreRef::of(source),
            target: StoreRef::of(target),
            filter: Filter::default(),
            write: Write::default(),
            losses: Losses::default(),
        }
    }

    /// Reads a plan file.
    pub fn from_toml(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: Option<u32>,
        }
        let version: Version = toml::from_str(text).map_err(|e| not_a_plan(text, e))?;
        match version.version {
            Some(VERSION) => toml::from_str(text).map_err(|e| not_a_plan(text, e)),
            Some(newer) => Err(Error::new(
                ErrorKind::UnknownLayout,
                format!("the plan has version {newer}; this memferry reads version {VERSION}"),
            )
            .remedy("Use the memferry that wrote it, or a newer one.")),
            None => Err(Error::new(ErrorKind::Usage, "the plan names no version")
                .remedy("Add the line `version = 1`.")),
        }
    }

    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<()> {
        let write = &self.write;
        let apt = write.on_conflict == OnConflict::Overwrite && write.backup;
        if write.replace && !(apt && self.filter.is_empty()) {
            return Err(Error::new(
                ErrorKind::Usage,
                "a target that is to be equal to its source needs all of it, and a backup",
            )
            .remedy(
                "With replace = true go on_conflict = \"overwrite\", backup = true and no filter.",
            ));
        }
        Ok(())
    }

    /// As a plan file.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self)
            .map_err(|e| Error::internal("cannot write the plan").because(e))
    }

    /// BLAKE3, in hexadecimal, of what the plan means: source, target, filter, conflict
    /// policy and accepted losses. How fast, how verified and how shown do not count.
    pub fn digest(&self) -> String {
        let meaning = (
            &self.source,
            &self.target,
            &self.filter,
            self.write.on_conflict,
            self.write.replace,
            self.write.dry_run,
            &self.losses,
        );
        let bytes = serde_json::to_vec(&meaning).unwrap_or_default();
        blake3::hash(&bytes).to_hex().to_string()
    }
}

fn not_a_plan(text: &str, error: toml::de::Error) -> Error {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = 1 + text.as_bytes()[..at]
        .iter()
        .filter(|b| **b == b'\n')
        .count();
    let what = error.message().trim().replace('\n', " ");
    Error::new(
        ErrorKind::Usage,
        format!("this is not a plan: line {line}: {what}"),
    )
    .remedy("Compare it with one that --save-plan wrote.")
}
