//! What there is to know about a kind of store before one is opened. Forms, flags,
//! help, documentation and redaction are made from it.

use super::{Address, Capabilities, Store};
use crate::error::Result;
use std::sync::Arc;

/// A kind of store.
#[derive(Debug)]
pub struct Descriptor {
    /// Its name in addresses and flags, for example `sqlite`.
    pub kind: &'static str,
    /// Its name for people, for example `SQLite`.
    pub title: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// A file, a folder or a server.
    pub shape: Shape,
    /// What stands before the `:` of an address; the first is written.
    pub schemes: &'static [&'static str],
    /// Endings of file names, without the dot, that tell it in an address without a scheme.
    pub extensions: &'static [&'static str],
    /// What an address may set. A [`Shape::File`] has `path` first.
    pub settings: &'static [Setting],
    /// What it holds and does.
    pub capabilities: Capabilities,
    /// Whether it can be read.
    pub source: bool,
    /// Whether it can be written.
    pub target: bool,
    /// Makes a store from a checked address.
    pub open: fn(Address) -> Result<Arc<dyn Store>>,
}

/// How a store is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A file, or a folder that acts as one.
    File,
    /// A server on the network.
    Server,
    /// Inside this process; tests only.
    Memory,
}

/// One thing an address may set.
#[derive(Debug)]
pub struct Setting {
    /// Its name, for example `path`.
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Its type.
    pub kind: SettingKind,
    /// Its value when nothing else says.
    pub default: Option<&'static str>,
    /// Environment variables that give it, first wins: memorygraph's own.
    pub env: &'static [&'static str],
    /// Never printed, never written to a file.
    pub secret: bool,
    /// Must have a value.
    pub required: bool,
}

impl Setting {
    /// Its name in the middle of a sentence: `file`, but `URI` and `SQLite file`.
    pub fn label_within(&self) -> String {
        let (first, rest) = self.label.split_at(self.label.len().min(1));
        let word = rest.split(' ').next().unwrap_or_default();
        let common = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        match common {
            true => first.to_ascii_lowercase() + rest,
            false => self.label.to_owned(),
        }
    }
}

/// The type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// Text.
    Text,
    /// A path in the file system.
    Path,
    /// A whole number within bounds, both included.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// yes or no.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Setting {
    /// The setting that every file store has.
    pub const PATH: Setting = Setting {
        name: "path",
        label: "File",
        help: "Path of the file",
        kind: SettingKind::Path,
        default: None,
        env: &[],
        secret: false,
        required: true,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_within_a_sentence() {
        let within = |label| {
            let help = "";
            let setting = Setting {
                name: "x",
                label,
                help,
                kind: SettingKind::Text,
                default: None,
                env: &[],
                secret: false,
                required: false,
            };
            setting.label_within()
        };
        assert_eq!(within("File"), "file");
        assert_eq!(within("Sign-in name"), "sign-in name");
        assert_eq!(within("URI"), "URI");
        assert_eq!(within("SQLite file"), "SQLite file");
        assert_eq!(within("Neo4j database"), "Neo4j database");
        assert_eq!(within(""), "");
    }
}
