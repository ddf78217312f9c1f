//! The options of a run: which memories, how they are written, how it is confirmed,
//! what is shown; and the plan they make.

use super::Json;
use crate::config::Config;
use crate::engine::{Filter, Losses, OnConflict, Verify, Write};
use crate::error::{Error, ErrorKind, Result};
use crate::model::time::Instant;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Which memories move.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which memories")]
pub struct Selection {
    /// Only those updated at or after this time (ISO 8601), or since the `last-run` of this
    /// source and target
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<String>,
    /// Only those of this memory type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Only those with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Only those of this project path
    #[arg(long, value_name = "PATH")]
    pub project: Option<String>,
    /// Only those of this tenant
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
}

fn since(text: &str) -> Result<String, String> {
    if text == "last-run" || Instant::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    Err("it is neither a time such as 2026-11-20T18:00:00Z nor last-run".into())
}

impl Selection {
    /// As a plan has it.
    pub fn filter(&self) -> Filter {
        Filter {
            since: self.since.clone(),
            types: self.types.iter().cloned().collect(),
            tags: self.tags.iter().cloned().collect(),
            project: self.project.clone(),
            tenant: self.tenant.clone(),
        }
    }

    /// The types that memorygraph does not know.
    pub fn unknown_types(&self) -> Vec<&str> {
        let known = crate::model::memory::TYPES;
        let types = self.types.iter().map(String::as_str);
        types.filter(|t| !known.contains(t)).collect()
    }
}

/// How memories are written.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How they are written")]
pub struct Writing {
    /// What happens to a record that the target has with other content: skip (it stays),
    /// overwrite, newest (the one updated later stays) or fail [default: skip]
    #[arg(long, value_enum, value_name = "POLICY", hide_possible_values = true)]
    pub on_conflict: Option<Policy>,
    /// The same as --on-conflict skip
    #[arg(long, hide = true, conflicts_with = "on_conflict")]
    pub skip_duplicates: bool,
    /// How much is read back and compared: full, sample:N or none [default: full]
    #[arg(long, value_name = "HOW", value_parser = verify)]
    pub verify: Option<Verify>,
    /// The same as --verify none
    #[arg(long, conflicts_with = "verify")]
    pub no_verify: bool,
    /// Do not back up a target that holds records
    #[arg(long)]
    pub no_backup: bool,
    /// Leave what was written when the run fails, to be looked at or resumed
    #[arg(long)]
    pub no_rollback: bool,
    /// Accept this loss, named by an earlier dry run; may be repeated
    #[arg(long = "allow-loss", value_name = "NAME")]
    pub allow_loss: Vec<String>,
    /// Most records of a batch [default: 2000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_size: Option<u32>,
    /// Most records a second; 0 for no limit [default: 0]
    #[arg(long, value_name = "N")]
    pub rate: Option<u32>,
    /// Folder for the stage, the copy on disk that is made first
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub stage_dir: Option<PathBuf>,
}

/// What happens to a record that the target has with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// The target's stays
    Skip,
    /// The source's replaces it
    Overwrite,
    /// The one updated later stays
    Newest,
    /// The run is refused
    Fail,
}

fn verify(text: &str) -> Result<Verify, String> {
    let words = |e: Error| e.what_to_do().unwrap_or_default().to_owned();
    text.parse().map_err(words)
}

impl Writing {
    /// As a plan has it; what is not said comes from the configuration.
    pub fn write(&self, config: &Config) -> Result<Write> {
        let plain = Write::default();
        let stage_dir = match &self.stage_dir {
            None => config.stage_dir.clone(),
            Some(dir) => {
                let absolute = std::path::absolute(dir);
                Some(absolute.map_err(|cause| Error::io("find", dir, cause))?)
            }
        };
        Ok(Write {
            on_conflict: match self.on_conflict {
                None | Some(Policy::Skip) => OnConflict::Skip,
                Some(Policy::Overwrite) => OnConflict::Overwrite,
                Some(Policy::Newest) => OnConflict::Newest,
                Some(Policy::Fail) => OnConflict::Fail,
            },
            verify: match (self.no_verify, self.verify) {
                (true, _) => Verify::None,
                (false, given) => given.unwrap_or(config.verify),
            },
            backup: config.backup && !self.no_backup,
            rollback: !self.no_rollback,
            batch: self.batch_size.unwrap_or(plain.batch),
            rate: self.rate.unwrap_or(plain.rate),
            stage_dir,
            ..plain
        })
    }

    /// As a plan has them.
    pub fn losses(&self) -> Result<Losses> {
        if self.allow_loss.iter().any(|name| name.trim().is_empty()) {
            return Err(Error::new(ErrorKind::Usage, "a loss has a name")
                .remedy("A dry run names the losses there would be."));
        }
        Ok(Losses {
            accept: self.allow_loss.iter().cloned().collect(),
        })
    }
}

/// Whether and how a plan is carried out.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How the run goes")]
pub struct Choose {
    /// Do everything but write to the target
    #[arg(long)]
    pub dry_run: bool,
    /// Write the plan to a new file, for `memferry run`, and do nothing else
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub save_plan: Option<PathBuf>,
    /// How it is confirmed.
    #[command(flatten)]
    pub safety: Safety,
}

/// How a run is confirmed and begun.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Safety {
    /// Overwrite existing records without asking; accepts no losses
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Drop an unfinished run of the same plan and begin anew
    #[arg(long)]
    pub restart: bool,
    /// Read the source from a private copy from the start, not only once it changes
    #[arg(long)]
    pub source_copy: bool,
}

/// What is shown of a run.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "What is shown")]
pub struct Drive {
    /// Show the log as well
    #[arg(long, short)]
    pub verbose: bool,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
    /// Print each event as a line of JSON on standard output, while it happens
    #[arg(long, conflicts_with = "json")]
    pub events: bool,
}
