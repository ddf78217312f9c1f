//! How a store is named: `--from`, `--from-path` and `--from-uri` (and the same with
//! `to`), or one word. A word is a kind, else an address, else a profile, so that no
//! profile can change what a kind means.

use crate::config::{self, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, Descriptor, Shape, registry};
use clap::{Args, ValueHint};
use std::path::{Path, PathBuf};

/// Source and target of a migration.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "From and to")]
pub struct Ends {
    /// Source: a kind (sqlite), an address (sqlite:PATH) or a saved profile
    #[arg(long, value_name = "STORE")]
    pub from: Option<String>,
    /// Path of a source that is a file
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub from_path: Option<PathBuf>,
    /// URI of a source that is a server
    #[arg(long, value_name = "URI", conflicts_with = "from_path", value_hint = ValueHint::Url)]
    pub from_uri: Option<String>,
    /// Target: a kind (sqlite), an address (sqlite:PATH) or a saved profile
    #[arg(long, value_name = "STORE")]
    pub to: Option<String>,
    /// Path of a target that is a file
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub to_path: Option<PathBuf>,
    /// URI of a target that is a server
    #[arg(long, value_name = "URI", conflicts_with = "to_path", value_hint = ValueHint::Url)]
    pub to_uri: Option<String>,
}

/// One end, as its three flags say.
struct End<'a> {
    flag: &'static str,
    name: Option<&'a str>,
    path: Option<&'a Path>,
    uri: Option<&'a str>,
}

impl Ends {
    /// The source, if anything names one.
    pub fn source(&self, config: &Config) -> Result<Option<Address>> {
        End {
            flag: "--from",
            name: self.from.as_deref(),
            path: self.from_path.as_deref(),
            uri: self.from_uri.as_deref(),
        }
        .address(config)
    }

    /// The target.
    pub fn target(&self, config: &Config) -> Result<Address> {
        let end = End {
            flag: "--to",
            name: self.to.as_deref(),
            path: self.to_path.as_deref(),
            uri: self.to_uri.as_deref(),
        };
        end.address(config)?.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "nothing says where to")
                .remedy("Name the target with --to, for example --to sqlite:new.db.")
        })
    }
}

impl End<'_> {
    fn address(&self, config: &Config) -> Result<Option<Address>> {
        let flag = self.flag;
        let Some(name) = self.name else {
            return match (self.path, self.uri) {
                (Some(path), _) => by_ending(path).map(Some),
                (None, Some(uri)) => Address::parse(uri).map(Some),
                (None, None) => Ok(None),
            };
        };
        let Some(descriptor) = kind(name)? else {
            if self.path.is_some() || self.uri.is_some() {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{flag} {name} already says which store"),
                )
                .remedy(format!(
                    "Leave out {flag}-path and {flag}-uri, or give {flag} a kind."
                )));
            }
            return resolve(name, config).map(Some);
        };
        let address = match (self.path, self.uri) {
            (Some(path), _) if descriptor.shape == Shape::Server => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!(
                        "{} is a server and has no path {}",
                        descriptor.title,
                        path.display()
                    ),
                )
                .remedy(format!("Say where it is with {flag}-uri.")));
            }
            (None, Some(_)) if descriptor.shape != Shape::Server => {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{} is a file and has no URI", descriptor.title),
                )
                .remedy(format!("Say where it is with {flag}-path.")));
            }
            (Some(path), _) => Address::file(descriptor, path)?,
            (None, Some(uri)) => Address::parse_as(descriptor, uri)?,
            // Where its own program keeps it, once completed.
            (None, None) => Address::new(descriptor),
        };
        Ok(Some(address))
    }
}

/// The kind with exactly that name. One that memorygraph has and memferry has not is
/// an error that says so.
fn kind(name: &str) -> Result<Option<&'static Descriptor>> {
    if let Some(descriptor) = registry::STORES.iter().find(|d| d.kind == name) {
        return Ok(Some(descriptor));
    }
    if config::backends().any(|backend| backend.name == name) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("memferry cannot read or write {name} stores"),
        )
        .remedy("`memferry stores` lists the kinds it can."));
    }
    Ok(None)
}

/// A file, by the ending of its name.
fn by_ending(path: &Path) -> Result<Address> {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    let ending = ending.to_ascii_lowercase();
    let mut kinds = registry::STORES.iter();
    match kinds.find(|d| d.extensions.contains(&ending.as_str())) {
        Some(descriptor) => Address::file(descriptor, path),
        None => Err(Error::new(
            ErrorKind::Usage,
            format!("{} does not say which kind of store it is", path.display()),
        )
        .remedy("Add its kind, for example --from sqlite; `memferry stores` lists them.")),
    }
}

/// The store that one word means: a kind, else an address, else a profile.
fn resolve(word: &str, config: &Config) -> Result<Address> {
    if let Some(descriptor) = kind(word)? {
        return Ok(Address::new(descriptor));
    }
    let no_address = match Address::parse(word) {
        Ok(address) => return Ok(address),
        Err(error) => error,
    };
    if let Some(profile) = config.profiles.get(word) {
        return Ok(profile.address.clone());
    }
    if word.contains([':', '/', '.']) || word.is_empty() {
        return Err(no_address);
    }
    Err(Error::new(
        ErrorKind::Usage,
        format!("there is neither a kind of store nor a profile called {word:?}"),
    )
    .remedy("Write KIND:PATH; `memferry stores` lists the kinds and the profiles."))
}

/// The store that a command's STORE names, as a source.
pub fn source(word: &str, config: &Config) -> Result<Address> {
    can(resolve(word, config)?, |d| d.source, "source")
}

/// The store that a command's STORE names, as a target.
pub fn target(word: &str, config: &Config) -> Result<Address> {
    can(resolve(word, config)?, |d| d.target, "target")
}

/// The address, if its kind can be that.
pub fn can(address: Address, which: fn(&Descriptor) -> bool, what: &str) -> Result<Address> {
    if which(address.descriptor()) {
        return Ok(address);
    }
    let title = address.descriptor().title;
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{title} cannot be a {what}"),
    )
    .remedy("`memferry stores` lists what each kind can be."))
}
