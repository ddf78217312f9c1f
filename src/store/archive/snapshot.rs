//! Scans an archive by pages. A cursor is the number of a frame and of a record in it.

use super::reader::ArchiveReader;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::store::protocol::file::blocking;
use crate::store::{Counts, Cursor, Limit, Page, Snapshot, Unreadable};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};

/// A picture of an archive.
pub(super) struct Picture(Arc<Mutex<ArchiveReader>>);

impl Picture {
    pub fn new(reader: ArchiveReader) -> Self {
        Self(Arc::new(Mutex::new(reader)))
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut ArchiveReader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let reader = self.0.clone();
        blocking(move || work(&mut reader.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

#[async_trait]
impl Snapshot for Picture {
    async fn counts(&mut self) -> Result<Counts> {
        self.with(|reader| Ok(reader.counts())).await
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        let next = match after {
            Some(cursor) => Some(Next::read(cursor, kind)?),
            None => None,
        };
        self.with(move |reader| page(reader, kind, next, limit))
            .await
    }
}

/// The record that comes next: the number of its frame, and its own in the frame.
#[derive(Clone, Copy)]
struct Next {
    frame: u32,
    record: u32,
}

impl Next {
    fn cursor(self, kind: Kind) -> Cursor {
        let mut bytes = vec![tag(kind)];
        bytes.extend_from_slice(&self.frame.to_le_bytes());
        bytes.extend_from_slice(&self.record.to_le_bytes());
        Cursor(bytes)
    }

    fn read(cursor: &Cursor, kind: Kind) -> Result<Self> {
        match cursor.0[..] {
            [t, a, b, c, d, e, f, g, h] if t == tag(kind) => Ok(Self {
                frame: u32::from_le_bytes([a, b, c, d]),
                record: u32::from_le_bytes([e, f, g, h]),
            }),
            _ => Err(Error::internal("the cursor is not one of an archive")),
        }
    }
}

fn tag(kind: Kind) -> u8 {
    match kind {
        Kind::Node => b'n',
        Kind::Relationship => b'r',
    }
}

fn page(reader: &mut ArchiveReader, kind: Kind, next: Option<Next>, limit: Limit) -> Result<Page> {
    let mut page = Page::default();
    if next.is_none() {
        let missing = reader.damage();
        page.unreadable = missing.into_iter().filter(|m| m.kind == kind).collect();
    }
    let mut next = next.unwrap_or(Next {
        frame: 0,
        record: 0,
    });
    let mut bytes = 0;
    let mut i = reader.frame_from(kind, next.frame);
    while let Some(frame) = reader.frame(i).filter(|frame| frame.kind == Some(kind)) {
        if frame.number != next.frame {
            (next.frame, next.record) = (frame.number, 0);
        }
        match reader.load(i) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                if next.record == 0 {
                    page.unreadable.push(frame.unreadable(error.message()));
                }
                next.record = frame.records;
            }
            Err(error) => return Err(error),
        }
        while next.record < frame.records {
            let full = page.records.len() >= limit.rows.max(1);
            if full || bytes >= limit.bytes && !page.records.is_empty() {
                page.next = Some(next.cursor(kind));
                return Ok(page);
            }
            match reader.loaded_record(next.record as usize) {
                Ok(record) => {
                    let size = record.footprint();
                    if !page.records.is_empty() && bytes + size > limit.bytes {
                        page.next = Some(next.cursor(kind));
                        return Ok(page);
                    }
                    bytes += size;
                    page.records.push(record);
                }
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    page.unreadable.push(Unreadable {
                        kind,
                        place: frame.place_of(next.record),
                        reason: error.message().to_owned(),
                    });
                }
                Err(error) => return Err(error),
            }
            next.record += 1;
        }
        i += 1;
    }
    Ok(page)
}
