//! What an export holds at its top: one pass finds where each list begins, how many
//! elements it has, and which program wrote it in which version.

use super::scanner::{Element, Scanner, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kind, Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind as Io;
use std::path::Path;
use std::sync::Arc;

/// Longest top-level value that is read for what it says.
const MAX_WORD: usize = 64 << 10;

/// Name of the section, and of the key of each record, that memorygraph ignores.
pub(super) const OURS: &str = "memferry";

/// Version of that section.
pub(super) const FORMAT: i64 = 1;

/// A list in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List {
    /// Offset behind its opening bracket.
    pub start: u64,
    /// Number of its elements.
    pub count: u64,
}

/// The lists that hold records, in the order they are scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// What memorygraph reads.
    Plain,
    /// What it must not see.
    Ours,
}

const MEMORIES: usize = 0;
const OUR_NODES: usize = 1;
const RELATIONSHIPS: usize = 2;
const OUR_RELATIONSHIPS: usize = 3;

impl Section {
    pub const BOTH: [Section; 2] = [Section::Plain, Section::Ours];
}

fn slot(kind: Kind, section: Section) -> usize {
    let ours = usize::from(section == Section::Ours);
    2 * usize::from(kind == Kind::Relationship) + ours
}

/// The top of an export.
#[derive(Clone, Debug)]
pub(super) struct Index {
    lists: [Option<List>; 4],
    /// Whether we wrote it, so that `memferry` in a record is ours.
    pub ours: bool,
    /// Which program and version wrote it, for people.
    pub layout: String,
    /// Words at the top of the file, by key.
    pub words: BTreeMap<String, String>,
    /// What is wrong with the file and costs no record.
    pub notes: Vec<String>,
}

impl Index {
    /// The list of that kind and section, if the file has it.
    pub fn list(&self, kind: Kind, section: Section) -> Option<List> {
        self.lists[slot(kind, section)]
    }

    /// Number of elements of a kind.
    pub fn count(&self, kind: Kind) -> u64 {
        let counts = Section::BOTH.map(|s| self.list(kind, s).map_or(0, |l| l.count));
        counts.iter().sum()
    }

    /// Reads the whole file once.
    pub fn read(source: &Source) -> Result<Self> {
        let path = &source.path;
        let mut scanner = Scanner::new(source, 0);
        opening(&mut scanner, source)?;
        let mut top = Top::default();
        scanner.expect(b'{')?;
        members(&mut scanner, &mut |scanner, key| {
            top.member(scanner, &key, path)
        })?;
        if scanner.space()?.is_some() {
            return Err(scanner.broken("something follows the end of the export"));
        }
        top.finish(path)
    }
}

/// Opens a file that shall be an export, for reading only.
pub(super) fn open(path: &Path) -> Result<Source> {
    let io = |cause: std::io::Error| match cause.kind() {
        Io::NotFound => Error::io("find", path, cause),
        _ => Error::io("open", path, cause),
    };
    // Looked at first: opening a FIFO would wait for its writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(Error::new(
            ErrorKind::NotThisStore,
            format!("{} is not a regular file", path.display()),
        )
        .remedy("Give the path of a JSON file."));
    }
    Ok(Source {
        file: Arc::new(std::fs::File::open(path).map_err(io)?),
        path: path.to_owned(),
    })
}

/// Refuses what is not the beginning of a JSON object.
fn opening(scanner: &mut Scanner, source: &Source) -> Result<()> {
    let shown = source.path.display();
    let refuse = |what: &str, remedy: &str| {
        Error::new(ErrorKind::NotThisStore, format!("{shown} {what}")).remedy(remedy)
    };
    let export = "Give the path of a file made by `memorygraph export --format json`.";
    match scanner.peek()? {
        None => Err(refuse("is empty", export)),
        Some(0xEF) => Err(refuse(
            "begins with a byte order mark, which JSON does not allow",
            "Save it as UTF-8 without a byte order mark.",
        )),
        Some(0xFF | 0xFE) => Err(refuse(
            "is not UTF-8; by its byte order mark it is UTF-16",
            "Save it as UTF-8.",
        )),
        Some(_) => match scanner.space()? {
            Some(b'{') => Ok(()),
            Some(b'[') => Err(refuse(
                "holds a JSON list, not an export of memorygraph",
                export,
            )),
            Some(_) => Err(refuse("is not an export of memorygraph in JSON", export)),
            None => Err(refuse("holds nothing but white space", export)),
        },
    }
}

/// Passes the members of an object, behind its opening brace.
fn members(
    scanner: &mut Scanner,
    member: &mut dyn FnMut(&mut Scanner, String) -> Result<()>,
) -> Result<()> {
    loop {
        match scanner.space()? {
            Some(b'}') => {
                scanner.step();
                return Ok(());
            }
            Some(b'"') => {}
            Some(_) => return Err(scanner.broken("expected a key")),
            None => return Err(scanner.cut_off()),
        }
        let key = match scanner.take_value(MAX_WORD)? {
            Element::Text(text) => match json::parse(&text) {
                Ok(Value::Text(key)) => key.to_lossy().into_owned(),
                _ => return Err(scanner.broken("a broken key")),
            },
            Element::TooLong(_) => return Err(scanner.broken("a key of more than 64 KiB")),
        };
        scanner.expect(b':')?;
        scanner.space()?;
        member(scanner, key)?;
        scanner.between()?;
    }
}

#[derive(Default)]
struct Top {
    lists: [Option<List>; 4],
    words: BTreeMap<String, String>,
    counts: BTreeMap<String, i64>,
    unknown: Vec<String>,
    wrong: BTreeSet<&'static str>,
    format: Option<Value>,
    ours: bool,
}

impl Top {
    fn member(&mut self, scanner: &mut Scanner, key: &str, path: &Path) -> Result<()> {
        match key {
            "memories" => self.list(scanner, path, "memories", MEMORIES),
            "relationships" => self.list(scanner, path, "relationships", RELATIONSHIPS),
            OURS if scanner.peek()? == Some(b'{') => {
                if std::mem::replace(&mut self.ours, true) {
                    return Err(twice(path, OURS));
                }
                scanner.step();
                members(scanner, &mut |scanner, key| match key.as_str() {
                    "nodes" => self.list(scanner, path, "memferry.nodes", OUR_NODES),
                    "relationships" => {
                        self.list(scanner, path, "memferry.relationships", OUR_RELATIONSHIPS)
                    }
                    "origin" => {
                        if let Some(Value::Text(origin)) = word(scanner)? {
                            let origin = origin.to_lossy().into_owned();
                            self.words.insert("origin".to_owned(), origin);
                        }
                        Ok(())
                    }
                    "format" => {
                        self.format = word(scanner)?;
                        Ok(())
                    }
                    _ => self.pass(scanner, format!("memferry.{key}")),
                })
            }
            "format_version" | "export_version" | "export_date" | "backend_type" => {
                let value = match word(scanner)? {
                    Some(Value::Text(t)) => t.to_lossy().into_owned(),
                    Some(Value::Null) => return Ok(()),
                    Some(other) => json::to_string(&other),
                    None => "(too long)".to_owned(),
                };
                self.words.insert(key.to_owned(), value);
                Ok(())
            }
            "memory_count" | "relationship_count" => {
                if let Some(Value::Int(count)) = word(scanner)? {
                    self.counts.insert(key.to_owned(), count);
                }
                Ok(())
            }
            _ => self.pass(scanner, key.to_owned()),
        }
    }

    /// Passes what nothing reads.
    fn pass(&mut self, scanner: &mut Scanner, key: String) -> Result<()> {
        if self.unknown.len() < 6 {
            self.unknown.push(key);
        }
        scanner.skip_value()
    }

    fn list(
        &mut self,
        scanner: &mut Scanner,
        path: &Path,
        name: &'static str,
        slot: usize,
    ) -> Result<()> {
        if scanner.peek()? != Some(b'[') {
            self.wrong.insert(name);
            return scanner.skip_value();
        }
        scanner.step();
        let start = scanner.offset();
        let mut count = 0;
        while scanner.element()? {
            scanner.skip_value()?;
            scanner.between()?;
            count += 1;
        }
        match self.lists[slot].replace(List { start, count }) {
            None => Ok(()),
            Some(_) => Err(twice(path, name)),
        }
    }

    fn finish(self, path: &Path) -> Result<Index> {
        let shown = path.display();
        for (name, slot) in [("memories", MEMORIES), ("relationships", RELATIONSHIPS)] {
            if self.lists[slot].is_none() {
                let what = match self.wrong.contains(name) {
                    true => format!("its {name:?} is not a list"),
                    false => format!("it has no list {name:?}"),
                };
                return Err(Error::new(
                    ErrorKind::NotThisStore,
                    format!("{shown} is not an export of memorygraph: {what}"),
                )
                .remedy("Give the path of a file made by `memorygraph export --format json`."));
            }
        }
        if let Some(name) = self.wrong.first() {
            return Err(unknown(path, &format!("its {name:?} is not a list")));
        }
        let layout = self.layout(path)?;
        let mut notes = Vec::new();
        for (name, slot) in [
            ("memory_count", MEMORIES),
            ("relationship_count", RELATIONSHIPS),
        ] {
            let held = self.lists[slot].map_or(0, |l| l.count);
            match self.counts.get(name) {
                Some(said) if *said != held as i64 => {
                    notes.push(format!("{name} says {said}, the file holds {held}"));
                }
                _ => {}
            }
        }
        if !self.unknown.is_empty() {
            let mut names: Vec<_> = self.unknown.iter().take(5).map(String::as_str).collect();
            if self.unknown.len() > 5 {
                names.push("…");
            }
            notes.push(format!("not read: {}", names.join(", ")));
        }
        Ok(Index {
            lists: self.lists,
            ours: self.ours,
            layout,
            words: self.words,
            notes,
        })
    }

    fn layout(&self, path: &Path) -> Result<String> {
        let word = |name: &str| self.words.get(name).map(String::as_str);
        let version = match (word("format_version"), word("export_version")) {
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::NotThisStore,
                    format!(
                        "{} is not an export of memorygraph: it names no version",
                        path.display()
                    ),
                )
                .remedy("Give the path of a file made by `memorygraph export --format json`."));
            }
            (Some("2.0"), None | Some("1.0" | "2.0")) => "2.0",
            (None | Some("1.0"), Some("1.0")) => "1.0",
            (Some("1.0"), None) => "1.0",
            (format, export) => {
                let named = match (format, export) {
                    (Some(v), _) if v != "2.0" && v != "1.0" => format!("format_version {v:?}"),
                    (_, Some(v)) => format!("export_version {v:?}"),
                    (v, _) => format!("format_version {v:?}"),
                };
                return Err(unknown(path, &named));
            }
        };
        if !self.ours {
            let program = match word("export_date") {
                Some(date) if version == "2.0" && date.ends_with('Z') => " (TypeScript)",
                _ if version == "2.0" => " (Python)",
                _ => "",
            };
            return Ok(format!("memorygraph JSON {version}{program}"));
        }
        match &self.format {
            Some(Value::Int(FORMAT)) => Ok(format!("memorygraph JSON {version} (memferry)")),
            Some(other) => Err(unknown(
                path,
                &format!("memferry format {}", json::to_string(other)),
            )),
            None => Err(unknown(path, "a section memferry that names no format")),
        }
    }
}

fn unknown(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::UnknownLayout,
        format!("{} has an unknown layout: {what}", path.display()),
    )
    .remedy("memferry reads exports of versions 1.0 and 2.0; a newer memferry may read this one.")
}

fn twice(path: &Path, name: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("{} has {name:?} twice", path.display()),
    )
    .remedy("Keep one of the two; programs differ in which one they read.")
}

/// A short value, or `None` for a long one. Passed either way.
fn word(scanner: &mut Scanner) -> Result<Option<Value>> {
    match scanner.take_value(MAX_WORD)? {
        Element::Text(text) => match json::parse(&text) {
            Ok(value) => Ok(Some(value)),
            Err(problem) => Err(scanner.broken(problem.what)),
        },
        Element::TooLong(_) => Ok(None),
    }
}

/// The object an element is, or why it is none.
pub(super) fn object(text: &[u8]) -> Result<Map, String> {
    match json::parse(text) {
        Ok(Value::Map(map)) => Ok(map),
        Ok(other) => Err(format!("it is no object ({})", other.type_name())),
        Err(problem) => Err(format!("it is not JSON: {problem} of it")),
    }
}
