//! Where a store is: its kind and settings. Written as `sqlite:PATH`,
//! `falkordb://user@host:port/graph?tls=yes`; secrets are left out of every printed form.

use super::descriptor::{Setting, SettingKind, Shape};
use super::{Descriptor, registry};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The address of a store. Its settings are checked against the descriptor's.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    descriptor: &'static Descriptor,
    settings: BTreeMap<&'static str, String>,
}

impl PartialEq for Descriptor {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Descriptor {}

impl Address {
    /// An address of that kind with nothing set.
    pub fn new(descriptor: &'static Descriptor) -> Self {
        Self {
            descriptor,
            settings: BTreeMap::new(),
        }
    }

    /// The address of a file store.
    pub fn file(descriptor: &'static Descriptor, path: &Path) -> Result<Self> {
        let Some(path) = path.to_str() else {
            return Err(usage(format!(
                "the path {} is not valid UTF-8, which an address must be",
                path.display()
            ))
            .remedy("Rename the file or its folder, or reach it through a symbolic link."));
        };
        Self::new(descriptor).set("path", path)
    }

    /// Reads an address: `KIND:PATH`, `KIND://…`, or a path whose ending tells the kind.
    pub fn parse(text: &str) -> Result<Self> {
        let by_scheme = text
            .split_once(':')
            .and_then(|(scheme, rest)| Some((registry::find(scheme)?, scheme, rest)));
        if let Some((descriptor, scheme, rest)) = by_scheme {
            return match descriptor.shape {
                Shape::Server => Self::parse_url(descriptor, scheme, rest),
                Shape::File | Shape::Memory => {
                    let path = match rest.strip_prefix("//") {
                        Some(encoded) => decode_percent(encoded)?,
                        None => rest.to_owned(),
                    };
                    Self::new(descriptor).set("path", &path)
                }
            };
        }
        let extension = Path::new(text).extension().and_then(|e| e.to_str());
        let by_extension = extension.and_then(|extension| {
            let mut all = registry::STORES.iter();
            all.find(|d| {
                d.extensions
                    .contains(&extension.to_ascii_lowercase().as_str())
            })
        });
        match by_extension {
            Some(descriptor) => Self::new(descriptor).set("path", text),
            None => {
                let kinds: Vec<_> = registry::STORES.iter().map(|d| d.kind).collect();
                Err(usage(format!(
                    "{:?} does not say which kind of store it is",
                    without_login(text)
                ))
                .remedy(format!(
                    "Write KIND:PATH, with one of {}.",
                    kinds.join(", ")
                )))
            }
        }
    }

    /// Reads the URI of a server whose kind is known, since kinds share schemes.
    pub fn parse_as(descriptor: &'static Descriptor, uri: &str) -> Result<Self> {
        let scheme = uri.split_once("://").map(|(scheme, _)| scheme);
        match scheme.filter(|s| descriptor.schemes.contains(s)) {
            Some(scheme) => Self::parse_url(descriptor, scheme, &uri[scheme.len() + 1..]),
            None => Err(
                usage(format!("that is no URI of {}", descriptor.title)).remedy(format!(
                    "It begins with one of {}.",
                    descriptor.schemes.join("://, ") + "://"
                )),
            ),
        }
    }

    fn parse_url(descriptor: &'static Descriptor, scheme: &str, rest: &str) -> Result<Self> {
        let mut address = Self::new(descriptor);
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (login, host),
            None => ("", authority),
        };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (host, ""),
        };
        if scheme != descriptor.schemes[0] && address.setting("scheme").is_some() {
            address = address.set("scheme", scheme)?;
        }
        let parts = [
            ("user", user),
            ("password", password),
            ("host", host),
            ("port", port),
            ("name", path),
        ];
        for (name, value) in parts.into_iter().filter(|(_, v)| !v.is_empty()) {
            address = address.set(name, &decode_percent(value)?)?;
        }
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, "yes"));
            address = address.set(name, &decode_percent(value)?)?;
        }
        Ok(address)
    }

    /// Sets one setting, checked.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self> {
        let Some(setting) = self.setting(name) else {
            let known: Vec<_> = self.descriptor.settings.iter().map(|s| s.name).collect();
            return Err(
                usage(format!("{} has no setting {name:?}", self.descriptor.title))
                    .remedy(format!("Its settings are {}.", known.join(", "))),
            );
        };
        check(setting, value)?;
        self.settings.insert(setting.name, value.to_owned());
        Ok(self)
    }

    /// Fills what is not set from the environment, then from the defaults, and checks
    /// that nothing required is missing.
    pub fn complete(mut self, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        for setting in self.descriptor.settings {
            if self.settings.contains_key(setting.name) {
                continue;
            }
            let from_env = setting.env.iter().find_map(|name| env(name));
            match from_env.or_else(|| setting.default.map(|value| at_home(setting, value, env))) {
                Some(value) => {
                    check(setting, &value)?;
                    self.settings.insert(setting.name, value);
                }
                None if setting.required => {
                    return Err(usage(format!(
                        "{} needs {}",
                        self.descriptor.title,
                        setting.label_within()
                    ))
                    .remedy(format!("{}.", setting.help)));
                }
                None => {}
            }
        }
        Ok(self)
    }

    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        self.descriptor.kind
    }

    /// The kind.
    pub fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    /// The value of a setting, if set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// The path of a file store.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.get("path").unwrap_or_default())
    }

    /// With the path made absolute, so that it means the same from every folder.
    pub fn absolute(mut self) -> Self {
        for setting in self.descriptor.settings {
            if setting.kind == SettingKind::Path
                && let Some(value) = self.settings.get_mut(setting.name)
                && let Ok(path) = std::path::absolute(&*value)
                && let Some(path) = path.to_str()
            {
                *value = path.to_owned();
            }
        }
        self
    }

    /// The settings that are no secret: what a plan keeps.
    pub fn public(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.settings
            .iter()
            .filter(|(name, _)| self.setting(name).is_some_and(|s| !s.secret))
            .map(|(name, value)| (*name, value.as_str()))
    }

    fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.descriptor.settings.iter().find(|s| s.name == name)
    }
}

/// Without secrets.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let get = |name| self.get(name).unwrap_or_default();
        match self.descriptor.shape {
            Shape::File | Shape::Memory => {
                write!(f, "{}:{}", self.kind(), get("path"))
            }
            Shape::Server => {
                let scheme = self.get("scheme").unwrap_or(self.descriptor.schemes[0]);
                write!(f, "{scheme}://")?;
                if !get("user").is_empty() {
                    write!(f, "{}@", encode_percent(get("user")))?;
                }
                f.write_str(get("host"))?;
                if !get("port").is_empty() {
                    write!(f, ":{}", get("port"))?;
                }
                if !get("name").is_empty() {
                    write!(f, "/{}", encode_percent(get("name")))?;
                }
                let said = ["scheme", "user", "host", "port", "name"];
                let rest = self.public().filter(|(name, _)| !said.contains(name));
                for (at, (name, value)) in rest.enumerate() {
                    let mark = if at == 0 { '?' } else { '&' };
                    write!(f, "{mark}{name}={}", encode_percent(value))?;
                }
                Ok(())
            }
        }
    }
}

/// Without secrets, too.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A text that may be a URL, for an error message: its login may hold a password.
fn without_login(text: &str) -> String {
    match text.split_once("://").zip(text.rsplit_once('@')) {
        Some(((scheme, _), (_, host))) => format!("{scheme}://…@{host}"),
        None => text.to_owned(),
    }
}

/// A default, with `~` for the home folder resolved. Only here: a `~` that somebody
/// wrote is a name like any other, as it is to memorygraph.
fn at_home(setting: &Setting, value: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    let home = || {
        env("HOME").filter(|home| !home.is_empty()).or_else(|| {
            let dirs = directories::BaseDirs::new()?;
            dirs.home_dir().to_str().map(str::to_owned)
        })
    };
    match (setting.kind, value.strip_prefix("~/")) {
        (SettingKind::Path, Some(rest)) => match home() {
            Some(home) => format!("{}/{rest}", home.trim_end_matches('/')),
            None => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

fn check(setting: &Setting, value: &str) -> Result<()> {
    let wrong = |expected: String| {
        let shown = if setting.secret { "that" } else { value };
        Err(usage(format!("{} cannot be {shown:?}", setting.name)).remedy(expected))
    };
    match setting.kind {
        SettingKind::Path if value.is_empty() => wrong("Give a path.".into()),
        SettingKind::Path if value.contains('\0') => wrong("A path has no NUL in it.".into()),
        SettingKind::Integer { min, max } => match value.parse::<i64>() {
            Ok(n) if (min..=max).contains(&n) => Ok(()),
            _ => wrong(format!("Give a whole number from {min} to {max}.")),
        },
        SettingKind::Flag if !matches!(value, "yes" | "no") => wrong("Say yes or no.".into()),
        SettingKind::Choice(words) if !words.contains(&value) => {
            wrong(format!("Choose one of {}.", words.join(", ")))
        }
        _ => Ok(()),
    }
}

fn decode_percent(text: &str) -> Result<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| (b as char).to_digit(16));
        match (digit(bytes.next()), digit(bytes.next())) {
            (Some(high), Some(low)) => out.push((high << 4 | low) as u8),
            _ => {
                return Err(usage(
                    "a % in the address is not followed by two hexadecimal digits".into(),
                )
                .remedy("Write a percent sign as %25."));
            }
        }
    }
    String::from_utf8(out).map_err(|_| usage("the address is not UTF-8 once decoded".into()))
}

fn encode_percent(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                (b as char).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}
