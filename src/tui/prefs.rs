//! How a person likes the wizard: theme, symbols, mouse. Kept in `wizard.toml` beside the
//! configuration, which the wizard writes itself; flags and the environment win over it.

use super::keymap::Keymap;
use super::pen::Look;
use super::theme::{BUILT_IN, Theme};
use crate::config::{Env, Paths};
use crate::error::{Error, ErrorKind, Result};
use crate::report::inert::Marks;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prefs {
    /// Name of the theme.
    pub theme: String,
    /// Only ASCII characters.
    pub ascii: bool,
    /// Whether the mouse is listened to.
    pub mouse: bool,
}

impl Default for Prefs {
    fn default() -> Self {
        Self {
            theme: BUILT_IN[0].0.to_owned(),
            ascii: false,
            mouse: true,
        }
    }
}

fn folder(paths: &Paths) -> &Path {
    paths.config_file.parent().unwrap_or(Path::new("."))
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io("read", path, cause)),
    }
}

impl Prefs {
    fn path(paths: &Paths) -> PathBuf {
        folder(paths).join("wizard.toml")
    }

    /// What was kept, or the defaults.
    pub fn load(paths: &Paths) -> Result<Self> {
        let path = Self::path(paths);
        match read(&path)? {
            None => Ok(Self::default()),
            Some(text) => toml::from_str(&text).map_err(|e| {
                let what = e.message().trim().replace('\n', " ");
                Error::new(ErrorKind::Usage, format!("{}: {what}", path.display()))
                    .remedy("Correct or remove that file.")
            }),
        }
    }

    /// Keeps it.
    pub fn save(&self, paths: &Paths) -> Result<()> {
        let path = Self::path(paths);
        let text = toml::to_string(self)
            .map_err(|e| Error::internal("cannot write the settings").because(e))?;
        crate::config::private_dir(folder(paths))?;
        std::fs::write(&path, text).map_err(|cause| Error::io("write", &path, cause))
    }

    /// The look that follows: `NO_COLOR` and a terminal that is not UTF-8 decide.
    pub fn look(&self, paths: &Paths, env: Env) -> Result<Look> {
        let set = |name: &str| env(name).filter(|v| !v.is_empty());
        let name = match set("NO_COLOR") {
            Some(_) => "monochrome",
            None => self.theme.as_str(),
        };
        let theme = theme(name, paths)?;
        let deep = set("COLORTERM").is_some_and(|v| v == "truecolor" || v == "24bit");
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        let utf8 = locale.is_some_and(|l| {
            let l = l.to_ascii_lowercase();
            l.contains("utf-8") || l.contains("utf8")
        });
        Ok(Look {
            theme: if deep { theme } else { theme.with_256() },
            marks: match self.ascii || !utf8 {
                true => Marks::Ascii,
                false => Marks::Unicode,
            },
        })
    }
}

/// A theme by name: built in, or a file of the folder `themes`.
pub fn theme(name: &str, paths: &Paths) -> Result<Theme> {
    if let Some(theme) = Theme::built_in(name) {
        return Ok(theme);
    }
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let path = folder(paths).join("themes").join(format!("{name}.toml"));
    let text = match !name.is_empty() && name.chars().all(plain) {
        true => read(&path)?,
        false => None,
    };
    match text {
        Some(text) => Theme::read(&text).map_err(|e| e.with("in", path.display())),
        None => Err(
            Error::new(ErrorKind::NotFound, format!("there is no theme {name:?}")).remedy(format!(
                "Choose one of {}, or write {}.",
                BUILT_IN.map(|(name, _)| name).join(", "),
                path.display()
            )),
        ),
    }
}

/// The names of all themes.
pub fn themes(paths: &Paths) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|(n, _)| (*n).to_owned()).collect();
    if let Ok(entries) = std::fs::read_dir(folder(paths).join("themes")) {
        let mut own: Vec<String> = entries
            .flatten()
            .filter_map(|e| {
                let path = e.path();
                let is_theme = path.extension().is_some_and(|e| e == "toml");
                let name = path.file_stem()?.to_str()?.to_owned();
                (is_theme && !names.contains(&name)).then_some(name)
            })
            .collect();
        own.sort();
        names.extend(own);
    }
    names
}

/// The built-in keys with what `keymap.toml` changes.
pub fn keymap(paths: &Paths) -> Result<Keymap> {
    let path = folder(paths).join("keymap.toml");
    match read(&path)? {
        None => Ok(Keymap::default()),
        Some(text) => Keymap::with(&text).map_err(|e| e.with("in", path.display())),
    }
}
