//! The configuration file: read whole, checked whole. An unknown key is an error
//! that names the file and the line, since a misspelt one would be passed over.

use super::profile::{self, Profile};
use super::{Env, Keyring, Paths};
use crate::engine::Verify;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, Descriptor, registry};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// What the configuration says.
#[derive(Clone, Debug)]
pub struct Config {
    /// How much is verified unless a command says otherwise.
    pub verify: Verify,
    /// Whether a target that holds records is backed up.
    pub backup: bool,
    /// Folder for the stage, if not the run's own.
    pub stage_dir: Option<PathBuf>,
    /// Days that finished runs are kept; `None`: until they are removed by hand.
    pub keep_runs_days: Option<u32>,
    /// How many backups of each store are kept; `None`: all.
    pub keep_backups: Option<u32>,
    /// Where secrets of saved stores are kept.
    pub keyring: Keyring,
    /// Saved stores by name.
    pub profiles: BTreeMap<String, Profile>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            verify: Verify::Full,
            backup: true,
            stage_dir: None,
            keep_runs_days: None,
            keep_backups: None,
            keyring: Keyring::Auto,
            profiles: BTreeMap::new(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    defaults: Defaults,
    keep: Keep,
    profiles: BTreeMap<Spanned<String>, profile::Table>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Defaults {
    verify: Option<Verify>,
    backup: Option<bool>,
    stage_dir: Option<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keep {
    runs_days: Option<Spanned<i64>>,
    backups: Option<Spanned<i64>>,
    secrets: Option<Keyring>,
}

/// A mistake in the file: where, what, what to do.
pub(super) struct Mistake {
    pub at: Range<usize>,
    pub what: String,
    pub remedy: String,
}

impl Config {
    /// Reads the file. That it is not there changes nothing, unless it was named itself, or
    /// in a folder that is not there either.
    pub fn load(paths: &Paths, env: Env) -> Result<Self> {
        let path = &paths.config_file;
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path, env, &registry::find),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && paths.config_may_lack() => {
                Ok(Self::default())
            }
            Err(cause) => Err(Error::io("read", path, cause)),
        }
    }

    /// Reads its text; `path` is for error messages.
    pub(super) fn parse(
        text: &str,
        path: &Path,
        env: Env,
        find: &dyn Fn(&str) -> Option<&'static Descriptor>,
    ) -> Result<Self> {
        let wrong = |mistake: Mistake| {
            let line = 1 + text[..mistake.at.start.min(text.len())]
                .matches('\n')
                .count();
            let place = format!("{}:{line}", path.display());
            Error::new(ErrorKind::Usage, format!("{place}: {}", mistake.what))
                .remedy(mistake.remedy)
        };
        let file: File = toml::from_str(text).map_err(|error| {
            wrong(Mistake {
                at: error.span().unwrap_or_default(),
                what: error.message().trim().replace('\n', " "),
                remedy: "Correct that line of the configuration.".into(),
            })
        })?;
        let mut config = Self {
            keep_runs_days: at_least_one(file.keep.runs_days).map_err(wrong)?,
            keep_backups: at_least_one(file.keep.backups).map_err(wrong)?,
            keyring: file.keep.secrets.unwrap_or_default(),
            ..Self::default()
        };
        config.verify = file.defaults.verify.unwrap_or(config.verify);
        config.backup = file.defaults.backup.unwrap_or(config.backup);
        if let Some(dir) = file.defaults.stage_dir {
            let path = PathBuf::from(super::expand_home(dir.get_ref(), env));
            if !path.is_absolute() {
                return Err(wrong(Mistake {
                    at: dir.span(),
                    what: "stage_dir is not an absolute path".into(),
                    remedy: "Write it from the root, or from ~/.".into(),
                }));
            }
            config.stage_dir = Some(path);
        }
        for (name, table) in file.profiles {
            let profile = Profile::read(&name, table, env, find).map_err(wrong)?;
            config.profiles.insert(name.into_inner(), profile);
        }
        Ok(config)
    }

    /// The profile that means this store, whatever name the store was given by. It
    /// knows where the secrets are that a plan does not keep.
    pub fn profile_of(&self, address: &Address) -> Option<&Profile> {
        let wanted: Vec<_> = address.public().collect();
        self.profiles.values().find(|profile| {
            let known: Vec<_> = profile.address.public().collect();
            profile.address.kind() == address.kind()
                && !known.is_empty()
                && known.iter().all(|setting| wanted.contains(setting))
        })
    }
}

fn at_least_one(number: Option<Spanned<i64>>) -> Result<Option<u32>, Mistake> {
    let Some(number) = number else {
        return Ok(None);
    };
    match u32::try_from(*number.get_ref()) {
        Ok(n) if n > 0 => Ok(Some(n)),
        _ => Err(Mistake {
            at: number.span(),
            what: format!("{} cannot be kept", number.get_ref()),
            remedy: format!(
                "Give a whole number from 1 to {}, or leave it out.",
                u32::MAX
            ),
        }),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
