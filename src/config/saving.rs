//! Saving and forgetting profiles. The configuration file is written anew in one step and
//! its other lines stay as they are; secrets go to the keyring, never into the file.

use super::file::Config;
use super::profile;
use super::{Env, Kept, Paths, Secret, SecretRef};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, Setting, registry};
use std::io::Write as _;
use std::path::Path;

/// A profile that was saved, and what became of its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// Secrets that were put into a keyring: the setting's label, and where.
    pub kept: Vec<(String, Kept)>,
    /// Secrets that no keyring takes, which are asked for each time.
    pub asked: Vec<String>,
}

impl Saved {
    /// In a sentence without a full stop.
    pub fn words(&self) -> String {
        let mut words = format!("Saved as {}; use it by that name anywhere", self.name);
        for (label, kept) in &self.kept {
            words += &format!("; its {label} is {}", kept.words());
        }
        for label in &self.asked {
            words += &format!("; there is no keyring, so its {label} is asked for each time");
        }
        words
    }
}

/// Adds a profile to the end of the configuration file. A secret of the address is put into
/// the keyring, unless a variable of the store's own program tells it anyway. This may wait for
/// the keyring, as [`super::fill`] may.
pub fn save_profile(paths: &Paths, name: &str, address: &Address, env: Env) -> Result<Saved> {
    let path = &paths.config_file;
    if !profile::is_name(name) {
        return Err(profile::bad_name(name));
    }
    let before = read(path)?;
    let find = |kind: &str| {
        registry::find(kind).or((kind == address.kind()).then_some(address.descriptor()))
    };
    let config = Config::parse(&before, path, env, &find)?;
    if config.profiles.contains_key(name) {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("there is a profile called {name} already"),
        )
        .remedy(format!("Choose another name, or edit {}.", path.display())));
    }
    let mut table = toml::Table::new();
    table.insert("kind".into(), address.kind().into());
    let absolute = address.clone().absolute();
    for (setting, value) in absolute.public() {
        table.insert(setting.into(), value.into());
    }
    let mut saved = Saved {
        name: name.to_owned(),
        kept: Vec::new(),
        asked: Vec::new(),
    };
    let mut entries = Vec::new();
    for (setting, secret) in secrets(address, env) {
        let entry = format!("{name}: {} of {absolute}", setting.name);
        match config.keyring.keep(&entry, &secret) {
            Some(kept) => {
                saved.kept.push((setting.label_within(), kept));
                table.insert(format!("{}_keyring", setting.name), entry.clone().into());
                entries.push(entry);
            }
            None => {
                saved.asked.push(setting.label_within());
                table.insert(format!("{}_ask", setting.name), true.into());
            }
        }
    }
    let written = || {
        let body = toml::to_string(&table)
            .map_err(|e| Error::internal("cannot write the profile").because(e))?;
        let end = match before.is_empty() || before.ends_with('\n') {
            true => "",
            false => "\n",
        };
        let gap = if before.is_empty() { "" } else { "\n" };
        let after = format!("{before}{end}{gap}[profiles.{name}]\n{body}");
        Config::parse(&after, path, env, &find)?;
        write(path, &after)
    };
    if let Err(error) = written() {
        for entry in entries {
            config.keyring.forget(&entry);
        }
        return Err(error);
    }
    Ok(saved)
}

/// The secrets of an address that nothing else tells.
fn secrets<'a>(
    address: &'a Address,
    env: Env<'a>,
) -> impl Iterator<Item = (&'static Setting, Secret)> + 'a {
    let settings = address.descriptor().settings.iter().filter(|s| s.secret);
    settings.filter_map(move |setting| {
        let value = address.get(setting.name)?;
        let first = setting.env.iter().find_map(|name| env(name));
        (first.as_deref() != Some(value)).then(|| (setting, Secret::new(value)))
    })
}

/// Takes a profile out of the configuration file, and its secrets out of the keyring.
pub fn forget_profile(paths: &Paths, name: &str, env: Env) -> Result<()> {
    let path = &paths.config_file;
    let before = read(path)?;
    let config = Config::parse(&before, path, env, &registry::find)?;
    let Some(profile) = config.profiles.get(name) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no profile called {name}"),
        )
        .remedy("`memferry stores --found` lists the saved stores."));
    };
    let head = format!("[profiles.{name}]");
    let mut within = false;
    let mut after = String::new();
    for line in before.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            within = line.trim().starts_with(&head);
        }
        if !within {
            after += line;
        }
    }
    // Whoever wrote it otherwise edits it otherwise.
    let left = Config::parse(&after, path, env, &registry::find);
    let others = config.profiles.keys().filter(|other| *other != name);
    if !left.is_ok_and(|left| left.profiles.keys().eq(others)) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{name} does not stand under {head} alone"),
        )
        .remedy(format!("Take it out of {} by hand.", path.display())));
    }
    write(path, &after)?;
    for place in profile.secrets.values() {
        if let SecretRef::Keyring(entry) = place {
            config.keyring.forget(entry);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(cause) => Err(Error::io("read", path, cause)),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    super::private_dir(folder)?;
    let failed = |cause| Error::io("write", path, cause);
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    beside.write_all(text.as_bytes()).map_err(failed)?;
    beside.as_file().sync_all().map_err(failed)?;
    beside.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}
