//! Secrets: where they come from, and a type that never prints one. They come, first
//! wins, from the address itself, from the profile's `NAME_file` or `NAME_env`, from
//! `MEMFERRY_FROM_NAME` or `MEMFERRY_TO_NAME` (or those with `_FILE`, naming a file),
//! from the variables of the store's own program, and from a person at a terminal.

use super::profile::SecretRef;
use super::{Config, Env};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, Setting};
use std::fmt;
use std::path::Path;

/// Longest secret that is read from a file, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Something that is never printed, logged or written.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Gives it to what needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first line of a file.
    pub fn from_file(path: &Path) -> Result<Self> {
        use std::io::Read as _;
        let failed = |cause| Error::io("read the secret in", path, cause);
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
        let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(text) if !text.is_empty() => Ok(Self::new(text)),
            Ok(_) => Err(no_secret(format!("{} is empty", path.display()))),
            Err(_) => Err(no_secret(format!("{} is not UTF-8 text", path.display()))),
        }
    }
}

fn no_secret(message: String) -> Error {
    Error::new(ErrorKind::Usage, message).remedy("Put the secret alone on its first line.")
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which end of a run a store is at; names the environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Read.
    From,
    /// Written.
    To,
}

impl Side {
    fn variable(self, setting: &str) -> String {
        let side = match self {
            Side::From => "FROM",
            Side::To => "TO",
        };
        format!("MEMFERRY_{side}_{}", setting.to_ascii_uppercase())
    }
}

/// Asks a person for a secret, given the store and the name of the setting.
pub type Prompt<'a> = &'a mut dyn FnMut(&Address, &Setting) -> Result<Secret>;

/// Fills the secrets of an address and everything else that is not set, and checks
/// that nothing required is missing. A person is asked only for what is required.
pub fn fill(
    mut address: Address,
    side: Side,
    config: &Config,
    env: Env,
    prompt: Option<Prompt>,
) -> Result<Address> {
    let profile = config.profile_of(&address);
    let missing = |address: &Address, s: &Setting| s.secret && address.get(s.name).is_none();
    for setting in address.descriptor().settings {
        if !missing(&address, setting) {
            continue;
        }
        let variable = side.variable(setting.name);
        let found = match profile.and_then(|p| p.secrets.get(setting.name)) {
            Some(SecretRef::File(path)) => Some(Secret::from_file(path)?),
            Some(SecretRef::Env(name)) => Some(Secret::new(env(name).ok_or_else(|| {
                Error::new(ErrorKind::Auth, format!("{name} is not set"))
                    .remedy(format!("It shall hold {} of {address}.", setting.name))
            })?)),
            None => match (env(&variable), env(&format!("{variable}_FILE"))) {
                (Some(value), _) => Some(Secret::new(value)),
                (None, Some(path)) => Some(Secret::from_file(Path::new(&path))?),
                (None, None) => None,
            },
        };
        if let Some(secret) = found {
            address = address.set(setting.name, secret.expose())?;
        }
    }
    if let Some(ask) = prompt {
        for setting in address.descriptor().settings {
            let from_env = setting.env.iter().any(|name| env(name).is_some());
            if missing(&address, setting) && setting.required && !from_env {
                let secret = ask(&address, setting)?;
                address = address.set(setting.name, secret.expose())?;
            }
        }
    }
    let named = address.clone();
    address.complete(env).map_err(|error| {
        let settings = named.descriptor().settings;
        match settings.iter().find(|s| s.required && missing(&named, s)) {
            Some(setting) => Error::new(
                ErrorKind::Auth,
                format!("{named} needs its {}", setting.label_within()),
            )
            .remedy(format!(
                "Set {variable}, or {variable}_FILE to a file that holds it.",
                variable = side.variable(setting.name)
            )),
            None => error,
        }
    })
}
