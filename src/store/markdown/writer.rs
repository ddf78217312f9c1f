//! Writes the pages from a shelf of records. Relationships come after the nodes they
//! join, and one node may have a million, so their lines wait in the shelf's database
//! under the number of the page they belong to.

use super::names;
use super::page::{self, End};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Node, Record, Value, memory};
use crate::store::Snapshot;
use crate::store::protocol::building::Form;
use crate::store::protocol::file;
use crate::store::protocol::shelf::Shelf;
use rusqlite::{OptionalExtension as _, params};
use std::fs;
use std::io::{BufWriter, ErrorKind as Io, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

/// Page of the relationships neither of whose ends has one.
const DETACHED: &str = "Relationships_without_memories.md";

/// A folder of pages.
pub(super) struct Folder;

/// The error of asking it for what it holds.
pub(super) fn not_read() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "Markdown is for people to read; it cannot be read back",
    )
    .remedy("Choose an archive, JSON or a database to read from.")
}

impl Form for Folder {
    const MAX_RECORD: Option<usize> = None;

    fn write(&self, shelf: &Shelf, aside: &Path, _origin: Option<&str>) -> Result<()> {
        let mut folder = fs::DirBuilder::new();
        folder
            .mode(0o700)
            .create(aside)
            .map_err(|cause| Error::io("make", aside, cause))?;
        let pages = Pages { shelf, aside };
        pages.prepare()?;
        pages.name_nodes()?;
        pages.sort_relationships()?;
        let written = pages.write()?;
        pages.check(written)?;
        pages.execute("DROP TABLE pages; DROP TABLE lines;")?;
        sync_all(aside)
    }

    fn snapshot(&self, _aside: &Path) -> Result<Box<dyn Snapshot>> {
        Err(not_read())
    }

    fn clear(&self, aside: &Path) -> Result<()> {
        remove_folder(aside)
    }
}

/// Removes a folder of pages; none is no error.
pub(super) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != Io::NotFound => Err(Error::io("remove", path, cause)),
        _ => Ok(()),
    }
}

/// Makes everything in a folder durable at once; each file alone would take hours.
fn sync_all(folder: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let io = |cause| Error::io("write", folder, cause);
        let open = fs::File::open(folder).map_err(io)?;
        rustix::fs::syncfs(&open).map_err(|errno| io(errno.into()))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        rustix::fs::sync();
        Ok(())
    }
}

struct Pages<'a> {
    shelf: &'a Shelf,
    aside: &'a Path,
}

impl Pages<'_> {
    fn execute(&self, sql: &str) -> Result<()> {
        let done = self.shelf.db().execute_batch(sql);
        done.map_err(|cause| self.shelf.failed(cause))
    }

    fn prepare(&self) -> Result<()> {
        if !self.shelf.db().is_autocommit() {
            self.execute("COMMIT")?; // left open by a write that failed
        }
        self.execute(
            "DROP TABLE IF EXISTS pages; DROP TABLE IF EXISTS lines;
             CREATE TABLE pages (node INTEGER PRIMARY KEY, hash BLOB UNIQUE, stem TEXT,
               folded TEXT, title TEXT);
             CREATE TABLE lines (node INTEGER, number INTEGER, line TEXT,
               PRIMARY KEY (node, number)) WITHOUT ROWID;",
        )
    }

    /// Gives every node the beginning of its name, so that those alike are found.
    fn name_nodes(&self) -> Result<()> {
        let failed = |cause| self.shelf.failed(cause);
        self.execute("BEGIN")?;
        let reserved = names::folded(DETACHED.trim_end_matches(".md"));
        self.shelf
            .db()
            .execute(
                "INSERT INTO pages VALUES (-1, NULL, NULL, ?, NULL)",
                [reserved],
            )
            .map_err(failed)?;
        self.shelf.each(Kind::Node, &mut |number, record| {
            let Record::Node(node) = record else {
                return Ok(());
            };
            let title = title(&node);
            let stem = names::stem(title.as_deref().unwrap_or(""), &node.key.display());
            let hash = Canon::key_hash(Kind::Node, &node.key);
            let title = title.map(|t| t.chars().take(200).collect::<String>());
            self.shelf
                .db()
                .prepare_cached("INSERT INTO pages VALUES (?, ?, ?, ?, ?)")
                .and_then(|mut insert| {
                    insert.execute(params![number, hash, stem, names::folded(&stem), title])
                })
                .map(|_| ())
                .map_err(failed)
        })?;
        self.execute("COMMIT; CREATE INDEX by_folded ON pages (folded)")
    }

    /// Puts the lines of every relationship with the pages of its ends.
    fn sort_relationships(&self) -> Result<()> {
        self.execute("BEGIN")?;
        let mut number = 0_i64;
        self.shelf.each(Kind::Relationship, &mut |_, record| {
            let Record::Relationship(relationship) = record else {
                return Ok(());
            };
            let (from_page, from) = self.end(&relationship.from)?;
            let (to_page, to) = self.end(&relationship.to)?;
            number += 1;
            match (from_page, to_page) {
                (None, None) => {
                    self.add(-1, number, &page::detached(&relationship, &from, &to))?;
                }
                (from_page, to_page) => {
                    if let Some(node) = from_page {
                        self.add(node, number, &page::outgoing(&relationship, &to))?;
                    }
                    if let Some(node) = to_page.filter(|to| from_page != Some(*to)) {
                        self.add(
                            node,
                            number,
                            &page::incoming(&relationship, &from, from_page.is_none()),
                        )?;
                    }
                }
            }
            Ok(())
        })?;
        self.execute("COMMIT")
    }

    /// The page of a node, if it has one, and how a line names the node.
    fn end(&self, key: &Key) -> Result<(Option<i64>, End)> {
        let hash = Canon::key_hash(Kind::Node, key);
        let found: Option<(i64, Option<String>)> = self
            .shelf
            .db()
            .prepare_cached("SELECT node, title FROM pages WHERE hash = ?")
            .and_then(|mut find| {
                find.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .map_err(|cause| self.shelf.failed(cause))?;
        let id = key.display();
        Ok(match found {
            Some((node, title)) => (Some(node), End { id, title }),
            None => (None, End { id, title: None }),
        })
    }

    fn add(&self, node: i64, number: i64, line: &str) -> Result<()> {
        self.shelf
            .db()
            .prepare_cached("INSERT INTO lines VALUES (?, ?, ?)")
            .and_then(|mut insert| insert.execute(params![node, number, line]))
            .map(|_| ())
            .map_err(|cause| self.shelf.failed(cause))
    }

    /// Writes every page; how many.
    fn write(&self) -> Result<u64> {
        let mut written = 0;
        self.shelf.each(Kind::Node, &mut |number, record| {
            let Record::Node(node) = record else {
                return Ok(());
            };
            let name = self.name(number, &node.key)?;
            self.page(number, &name, &page::head(&node))?;
            written += 1;
            Ok(())
        })?;
        if self.has_lines(-1)? {
            self.page(-1, DETACHED, "")?;
            written += 1;
        }
        Ok(written)
    }

    fn name(&self, number: i64, key: &Key) -> Result<String> {
        self.shelf
            .db()
            .prepare_cached(
                "SELECT stem, EXISTS (SELECT 1 FROM pages o
                   WHERE o.folded = p.folded AND o.node <> p.node)
                 FROM pages p WHERE node = ?",
            )
            .and_then(|mut find| {
                find.query_row([number], |row| {
                    let stem: String = row.get(0)?;
                    Ok(names::name(&stem, key, row.get(1)?))
                })
            })
            .map_err(|cause| self.shelf.failed(cause))
    }

    fn has_lines(&self, node: i64) -> Result<bool> {
        self.shelf
            .db()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM lines WHERE node = ?)")
            .and_then(|mut find| find.query_row([node], |row| row.get(0)))
            .map_err(|cause| self.shelf.failed(cause))
    }

    fn page(&self, node: i64, name: &str, head: &str) -> Result<()> {
        let path = self.aside.join(name);
        let io = |cause| Error::io("write", &path, cause);
        let failed = |cause| self.shelf.failed(cause);
        let mut out = BufWriter::new(file::create_private(&path)?);
        out.write_all(head.as_bytes()).map_err(io)?;
        let select = "SELECT line FROM lines WHERE node = ? ORDER BY number";
        let mut select = self.shelf.db().prepare_cached(select).map_err(failed)?;
        let mut rows = select.query([node]).map_err(failed)?;
        let mut first = true;
        while let Some(row) = rows.next().map_err(failed)? {
            let line: String = row.get(0).map_err(failed)?;
            if std::mem::take(&mut first) {
                out.write_all(b"## Relationships\n\n").map_err(io)?;
            }
            out.write_all(line.as_bytes()).map_err(io)?;
        }
        out.flush().map_err(io)
    }

    /// Counts the pages that are really there: what stands for verification.
    fn check(&self, written: u64) -> Result<()> {
        let there = Stamp::of(self.aside)?.map_or(0, |stamp| stamp.pages);
        match there == written {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Io,
                format!("{written} pages were written, {there} are there"),
            )
            .with("folder", self.aside.display())),
        }
    }
}

/// What a page is called.
fn title(node: &Node) -> Option<String> {
    let map = node.properties.map()?;
    let named = ["title", "name"]
        .iter()
        .find_map(|name| match map.get(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text.to_lossy().into_owned()),
            _ => None,
        });
    named.or_else(|| {
        let label = node.labels.first().filter(|_| !memory::is_memory(node))?;
        Some(label.to_lossy().into_owned())
    })
}

/// What a folder looks like from outside.
pub(super) struct Stamp {
    /// Files that end in `.md`.
    pub pages: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Last change of any, in nanoseconds since 1970.
    pub changed: i128,
    digest: [u8; 32],
}

impl Stamp {
    /// Looks at a folder and everything in it; `None` if it is not there.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        let io = |cause| Error::io("look at", path, cause);
        let meta = match fs::metadata(path) {
            Err(cause) if cause.kind() == Io::NotFound => return Ok(None),
            other => other.map_err(io)?,
        };
        if !meta.is_dir() {
            return Err(Error::new(
                ErrorKind::NotThisStore,
                format!("{} is not a folder", path.display()),
            )
            .remedy("Give the path of a folder to make."));
        }
        let mut stamp = Self {
            pages: 0,
            bytes: 0,
            changed: 0,
            digest: [0; 32],
        };
        stamp.add(b".", &meta);
        for entry in fs::read_dir(path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            let meta = entry.metadata().map_err(io)?;
            let name = name.as_encoded_bytes();
            stamp.pages += u64::from(name.ends_with(b".md"));
            stamp.bytes += if meta.is_file() { meta.len() } else { 0 };
            stamp.add(name, &meta);
        }
        Ok(Some(stamp))
    }

    /// Adds an entry; their order, which file systems do not keep, does not matter.
    fn add(&mut self, name: &[u8], meta: &fs::Metadata) {
        let time = |seconds: i64, nanoseconds: i64| {
            i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
        };
        let modified = time(meta.mtime(), meta.mtime_nsec());
        self.changed = self.changed.max(modified);
        let mut hasher = blake3::Hasher::new();
        hasher.update(name);
        hasher.update(b"/");
        for number in [
            i128::from(meta.ino()),
            i128::from(meta.len()),
            i128::from(meta.mode()),
            modified,
        ] {
            hasher.update(&number.to_le_bytes());
        }
        for (sum, byte) in self.digest.iter_mut().zip(hasher.finalize().as_bytes()) {
            *sum ^= byte;
        }
    }

    /// All of it in one text.
    pub fn text(&self) -> String {
        let digest: String = self.digest.iter().map(|b| format!("{b:02x}")).collect();
        format!("{}:{}:{digest}", self.pages, self.bytes)
    }
}
