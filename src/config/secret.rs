//! Secrets: where they come from, and a type that never prints one. They come, first
//! wins, from the address itself, from where the profile says (a file, a variable, the
//! keyring), from `MEMFERRY_FROM_NAME` or `MEMFERRY_TO_NAME` (or those with `_FILE`, naming
//! a file), from the variables of the store's own program, and from a person.

use super::profile::SecretRef;
use super::{Config, Env, Keyring};
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
pub type Prompt<'a> = &'a mut dyn FnMut(&Address, &'static Setting) -> Result<Secret>;

/// The secrets that a store may ask for, in order: those of another setting, as
/// `sentinel_password` of `sentinel`, only where that is set.
pub fn askable(address: &Address) -> Vec<&'static Setting> {
    let settings = address.descriptor().settings;
    let belongs = |secret: &Setting| {
        let owner = secret.name.rsplit_once('_').map(|(owner, _)| owner);
        let owner = owner.and_then(|owner| settings.iter().find(|s| s.name == owner));
        owner.is_none_or(|owner| address.get(owner.name).is_some_and(|v| !v.is_empty()))
    };
    let secrets = settings.iter().filter(|s| s.secret);
    secrets.filter(|s| belongs(s)).collect()
}

/// Fills the secrets of an address and everything else that is not set, and checks
/// that nothing required is missing. A person is asked only for what is required, and for
/// what a profile says is asked for or is in the keyring and is not there. This may wait for the
/// keyring: not for a thread of the runtime, nor for one that draws.
pub fn fill(
    address: Address,
    side: Side,
    config: &Config,
    env: Env,
    prompt: Option<Prompt>,
) -> Result<Address> {
    filled(address, side, config, env, Some(config.keyring), prompt)
}

/// The same, as far as it can be told at once: what only the keyring can tell is left
/// out, and then nothing is checked.
pub fn known(address: Address, side: Side, config: &Config, env: Env) -> Result<Address> {
    filled(address, side, config, env, None, None)
}

fn filled(
    mut address: Address,
    side: Side,
    config: &Config,
    env: Env,
    keyring: Option<Keyring>,
    prompt: Option<Prompt>,
) -> Result<Address> {
    let profile = config.profile_of(&address);
    let place = |setting: &Setting| profile.and_then(|p| p.secrets.get(setting.name));
    let missing = |address: &Address, s: &Setting| s.secret && address.get(s.name).is_none();
    for setting in address.descriptor().settings {
        if !missing(&address, setting) {
            continue;
        }
        let variable = side.variable(setting.name);
        let kept = match place(setting) {
            Some(SecretRef::File(path)) => Some(Secret::from_file(path)?),
            Some(SecretRef::Env(name)) => Some(Secret::new(env(name).ok_or_else(|| {
                Error::new(ErrorKind::Auth, format!("{name} is not set"))
                    .remedy(format!("It shall hold {} of {address}.", setting.name))
            })?)),
            Some(SecretRef::Keyring(name)) => keyring.and_then(|keyring| keyring.recall(name)),
            Some(SecretRef::Asked) | None => None,
        };
        let said = || match (env(&variable), env(&format!("{variable}_FILE"))) {
            (Some(value), _) => Ok(Some(Secret::new(value))),
            (None, Some(path)) => Secret::from_file(Path::new(&path)).map(Some),
            (None, None) => Ok(None),
        };
        if let Some(secret) = kept.map_or_else(said, |secret| Ok(Some(secret)))? {
            address = address.set(setting.name, secret.expose())?;
        }
    }
    // Those that are still to be told by a person.
    let open = |address: &Address, setting: &Setting| {
        let wanted = setting.required || place(setting).is_some_and(SecretRef::may_be_asked);
        let from_env = setting.env.iter().any(|name| env(name).is_some());
        missing(address, setting) && wanted && !from_env
    };
    let settings = address.descriptor().settings;
    let in_keyring = |s: &Setting| matches!(place(s), Some(SecretRef::Keyring(_)));
    if keyring.is_none() && settings.iter().any(|s| open(&address, s) && in_keyring(s)) {
        return Ok(address);
    }
    if let Some(ask) = prompt {
        for setting in settings {
            if open(&address, setting) {
                let secret = ask(&address, setting)?;
                address = address.set(setting.name, secret.expose())?;
            }
        }
    }
    let needs = |address: &Address, setting: &Setting| {
        Error::new(
            ErrorKind::Auth,
            format!("{address} needs its {}", setting.label_within()),
        )
        .remedy(format!(
            "Set {variable}, or {variable}_FILE to a file that holds it.",
            variable = side.variable(setting.name)
        ))
    };
    if let Some(setting) = settings.iter().find(|s| open(&address, s)) {
        return Err(needs(&address, setting));
    }
    let named = address.clone();
    address.complete(env).map_err(|error| {
        match settings.iter().find(|s| s.required && missing(&named, s)) {
            Some(setting) => needs(&named, setting),
            None => error,
        }
    })
}
