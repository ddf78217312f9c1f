//! An export read by byte offset: a cursor is a section and the offset of its next
//! element, so a page costs no more at the end of the file than at its start.

use super::index::{self, Index, Section};
use super::scanner::{Element, Scanner, Source};
use super::shape;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Kind, Record};
use crate::store::protocol::file::blocking;
use crate::store::{Counts, Cursor, Limit, Page, Snapshot, Unreadable};
use async_trait::async_trait;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

/// Largest record, in the bytes of [`Record::size`].
pub(super) const MAX_RECORD: usize = 32 << 20;

/// Longest text of one: two bytes of it may be an escape of six, and stand twice.
const MAX_ELEMENT: usize = 7 * MAX_RECORD;

/// A file as it was when it was opened.
pub(super) struct Picture {
    source: Source,
    index: Arc<Index>,
    /// Size and times, which any write changes.
    stamp: String,
    /// A private copy, removed with the picture.
    _copy: Option<tempfile::TempPath>,
}

impl Picture {
    /// Opens and indexes a file. Blocks.
    pub fn open(source: Source, copy: Option<tempfile::TempPath>) -> Result<Self> {
        let stamp = stamp(&source)?;
        let index = Arc::new(Index::read(&source)?);
        let picture = Self {
            source,
            index,
            stamp,
            _copy: copy,
        };
        unchanged(&picture.source, &picture.stamp)?;
        Ok(picture)
    }
}

/// Tells a file as it is from itself after any write.
pub(super) fn stamp(source: &Source) -> Result<String> {
    let meta = source
        .file
        .metadata()
        .map_err(|cause| Error::io("look at", &source.path, cause))?;
    Ok(format!(
        "{}:{}:{}:{}.{:09}:{}.{:09}",
        meta.dev(),
        meta.ino(),
        meta.len(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec()
    ))
}

fn unchanged(source: &Source, before: &str) -> Result<()> {
    match stamp(source)? == before {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::Drifted,
            format!("{} was written to while it was read", source.path.display()),
        )
        .temporary()
        .remedy("Wait until the other program has finished, then start again.")),
    }
}

#[async_trait]
impl Snapshot for Picture {
    async fn counts(&mut self) -> Result<Counts> {
        let (source, index) = (self.source.clone(), self.index.clone());
        blocking(move || counts(&source, &index)).await
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        let at = match after {
            None => None,
            Some(cursor) => Some(place(cursor)?),
        };
        let (source, index, stamp) = (self.source.clone(), self.index.clone(), self.stamp.clone());
        blocking(move || {
            let page = scan(&source, &index, kind, at, limit);
            // Said first: what a file that changed holds at an old offset means nothing.
            unchanged(&source, &stamp)?;
            page
        })
        .await
    }

    async fn finish(&mut self) -> Result<()> {
        let (source, stamp) = (self.source.clone(), self.stamp.clone());
        blocking(move || unchanged(&source, &stamp)).await
    }
}

/// Elements as they are counted; those of our section that are memories by label, so
/// these are read.
pub(super) fn counts(source: &Source, index: &Index) -> Result<Counts> {
    let plain = index
        .list(Kind::Node, Section::Plain)
        .map_or(0, |l| l.count);
    let mut counts = Counts {
        memories: plain,
        other_nodes: 0,
        relationships: index.count(Kind::Relationship),
    };
    let Some(list) = index.list(Kind::Node, Section::Ours) else {
        return Ok(counts);
    };
    let mut scanner = Scanner::new(source, list.start);
    for _ in 0..list.count {
        scanner.space()?;
        let element = scanner.take_value(MAX_ELEMENT)?;
        scanner.between()?;
        let record = match element {
            Element::Text(text) => index::object(&text).and_then(shape::our_node),
            Element::TooLong(_) => Err(String::new()),
        };
        match record {
            Ok(Record::Node(node)) if crate::model::memory::is_memory(&node) => {
                counts.memories += 1;
            }
            _ => counts.other_nodes += 1,
        }
    }
    Ok(counts)
}

/// Where a scan goes on: the section and the offset of its next element.
type Place = (Section, u64);

fn place(cursor: &Cursor) -> Result<Place> {
    let wrong = || Error::internal("a cursor of another store was given to a JSON file");
    let (section, offset) = cursor.0.split_first().ok_or_else(wrong)?;
    let section = Section::BOTH.get(usize::from(*section)).ok_or_else(wrong)?;
    let offset = offset.try_into().map_err(|_| wrong())?;
    Ok((*section, u64::from_le_bytes(offset)))
}

fn cursor((section, offset): Place) -> Cursor {
    let mut bytes = vec![u8::from(section == Section::Ours)];
    bytes.extend_from_slice(&offset.to_le_bytes());
    Cursor(bytes)
}

fn scan(
    source: &Source,
    index: &Index,
    kind: Kind,
    at: Option<Place>,
    limit: Limit,
) -> Result<Page> {
    let mut page = Page::default();
    let mut bytes = 0;
    let mut canon = Canon::new();
    for section in Section::BOTH {
        let start = match at {
            Some((at, _)) if at == Section::Ours && section == Section::Plain => continue,
            Some((at, offset)) if at == section => offset,
            _ => match index.list(kind, section) {
                Some(list) => list.start,
                None => continue,
            },
        };
        let mut scanner = Scanner::new(source, start);
        while scanner.element()? {
            let offset = scanner.offset();
            let full = page.records.len() >= limit.rows.max(1) || bytes >= limit.bytes;
            if full && !page.records.is_empty() || page.unreadable.len() >= MAX_UNREADABLE {
                page.next = Some(cursor((section, offset)));
                return Ok(page);
            }
            let element = scanner.take_value(MAX_ELEMENT)?;
            scanner.between()?;
            match read(element, index, kind, section, &mut canon) {
                Ok(record) => {
                    let size = record.size();
                    if bytes + size > limit.bytes && !page.records.is_empty() {
                        page.next = Some(cursor((section, offset)));
                        return Ok(page);
                    }
                    bytes += size;
                    page.records.push(record);
                }
                Err(reason) => page.unreadable.push(Unreadable {
                    kind,
                    place: format!("byte {offset}"),
                    reason,
                }),
            }
        }
    }
    Ok(page)
}

/// Unreadable elements in one page, so that a page of nothing else is bounded too.
const MAX_UNREADABLE: usize = 1_000;

fn read(
    element: Element,
    index: &Index,
    kind: Kind,
    section: Section,
    canon: &mut Canon,
) -> Result<Record, String> {
    let text = match element {
        Element::Text(text) => text,
        Element::TooLong(length) => {
            return Err(format!("it is larger than 32 MiB ({length} bytes of JSON)"));
        }
    };
    let object = index::object(&text)?;
    drop(text);
    let record = match (kind, section) {
        (Kind::Node, Section::Plain) => shape::node(object, index.ours),
        (Kind::Node, Section::Ours) => shape::our_node(object),
        (Kind::Relationship, Section::Plain) => shape::relationship(object, index.ours, canon),
        (Kind::Relationship, Section::Ours) => shape::our_relationship(object, canon),
    }?;
    match record.size() > MAX_RECORD {
        true => Err("it is larger than 32 MiB".to_owned()),
        false => Ok(record),
    }
}
