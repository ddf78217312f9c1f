//! A saved store: its kind and settings under a name. Where a secret is needed, it
//! keeps only where that is: a file, an environment variable, the keyring, or a person.

use super::Env;
use super::file::Mistake;
use crate::error::{Error, ErrorKind};
use crate::store::{Address, Descriptor, SettingKind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::{Spanned, Value};

/// A profile as the file has it.
pub(super) type Table = BTreeMap<Spanned<String>, Spanned<Value>>;

/// A saved store.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Where it is, without secrets.
    pub address: Address,
    /// Where its secrets are, by setting.
    pub secrets: BTreeMap<&'static str, SecretRef>,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// Alone on the first line of a file.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
    /// In the keyring, under this name; a person is asked if it is not.
    Keyring(String),
    /// Nowhere: a person is asked each time.
    Asked,
}

impl SecretRef {
    /// Whether a person can be asked for it.
    pub fn may_be_asked(&self) -> bool {
        matches!(self, SecretRef::Keyring(_) | SecretRef::Asked)
    }
}

/// Whether a profile can be called that: a word that no path or address looks like.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !name.is_empty() && name.len() <= 64 && name.bytes().all(plain)
}

pub(super) fn bad_name(name: &str) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("a profile cannot be called {name:?}"),
    )
    .remedy("Use letters, digits, - and _, at most 64 of them.")
}

impl Profile {
    pub(super) fn read(
        name: &Spanned<String>,
        mut table: Table,
        env: Env,
        find: &dyn Fn(&str) -> Option<&'static Descriptor>,
    ) -> Result<Self, Mistake> {
        let title = name.get_ref().as_str();
        if !is_name(title) {
            let error = bad_name(title);
            return Err(mistake(name, error.message(), error.what_to_do()));
        }
        let Some(kind) = table.remove("kind") else {
            let what = format!("the profile {title} does not say its kind");
            return Err(mistake(name, &what, Some("Add the line `kind = …`.")));
        };
        let descriptor = kind.get_ref().as_str().and_then(find);
        let Some(descriptor) = descriptor else {
            let what = format!("there is no kind of store called {}", kind.get_ref());
            let remedy = Some("`memferry stores` lists the kinds.");
            return Err(mistake(&kind, &what, remedy));
        };
        let mut profile = Self {
            address: Address::new(descriptor),
            secrets: BTreeMap::new(),
        };
        for (key, value) in table {
            profile.take(&key, value, env)?;
        }
        Ok(profile)
    }

    fn take(
        &mut self,
        key: &Spanned<String>,
        value: Spanned<Value>,
        env: Env,
    ) -> Result<(), Mistake> {
        let settings = self.address.descriptor().settings;
        let secret = |name: &str| settings.iter().find(|s| s.secret && s.name == name);
        let text = match value.get_ref() {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(true) => "yes".to_owned(),
            Value::Boolean(false) => "no".to_owned(),
            other => {
                let what = format!(
                    "the value of {} is a TOML {}",
                    key.get_ref(),
                    other.type_str()
                );
                return Err(mistake(
                    &value,
                    &what,
                    Some("Give text, a number, true or false."),
                ));
            }
        };
        let name = key.get_ref().as_str();
        if let Some(setting) = secret(name) {
            let what = format!("{name} is secret and must not stand here");
            let remedy = format!(
                "Use {0}_file, {0}_env, {0}_keyring or {0}_ask: where the secret is.",
                setting.name
            );
            return Err(mistake(key, &what, Some(&remedy)));
        }
        let within = |ending: &str| name.strip_suffix(ending).and_then(secret);
        let found = if let Some(setting) = within("_file") {
            let path = PathBuf::from(super::expand_home(&text, env));
            if !path.is_absolute() {
                let what = format!("{name} is not an absolute path");
                let remedy = Some("Write it from the root, or from ~/.");
                return Err(mistake(&value, &what, remedy));
            }
            (setting.name, SecretRef::File(path))
        } else if let Some(setting) = within("_env") {
            (setting.name, SecretRef::Env(text))
        } else if let Some(setting) = within("_keyring") {
            (setting.name, SecretRef::Keyring(text))
        } else if let Some(setting) = within("_ask") {
            match text.as_str() {
                "yes" => (setting.name, SecretRef::Asked),
                "no" => return Ok(()),
                _ => {
                    let what = format!("{name} is neither true nor false");
                    return Err(mistake(&value, &what, Some("Give true or false.")));
                }
            }
        } else {
            let setting = settings.iter().find(|s| s.name == name);
            let text = match setting.map(|s| s.kind) {
                Some(SettingKind::Path) => super::expand_home(&text, env),
                _ => text,
            };
            let set = self.address.clone().set(name, &text);
            self.address =
                set.map_err(|error| mistake(key, error.message(), error.what_to_do()))?;
            return Ok(());
        };
        if self.secrets.insert(found.0, found.1).is_some() {
            let what = format!("{} is said to be in two places", found.0);
            return Err(mistake(key, &what, Some("Leave one of them.")));
        }
        Ok(())
    }
}

fn mistake<T>(at: &Spanned<T>, what: &str, remedy: Option<&str>) -> Mistake {
    Mistake {
        at: at.span(),
        what: what.to_owned(),
        remedy: remedy
            .unwrap_or("Correct that line of the configuration.")
            .to_owned(),
    }
}
