//! memorygraph's JSON exports, versions 1.0 and 2.0, as a store: read wherever they
//! come from, written in a form that memorygraph imports and that our own reader gives
//! back without loss. Files of any size are read by offset in bounded memory. A file
//! is only ever written as a new one.

mod extra;
mod import_notes;
mod index;
mod layout;
mod scanner;
mod shape;
mod snapshot;
mod split;
#[cfg(test)]
mod tests;
mod writer;

pub use import_notes::{ImportNotes, import_notes};

use super::protocol::building::{self, Building};
use super::protocol::file::{self, blocking};
use super::{
    Address, Capabilities, Consistency, Description, Descriptor, Fingerprint, Prepared, Setting,
    Shape, Snapshot, Store, WriteMode, WriteRequest, Writer,
};
use crate::error::{Error, ErrorKind, Result};
use async_trait::async_trait;
use index::Index;
use scanner::Source;
use snapshot::Picture;
use std::path::Path;
use std::sync::Arc;
use writer::Export;

/// memorygraph's JSON exports.
pub static DESCRIPTOR: Descriptor = Descriptor {
    kind: "json",
    title: "JSON",
    summary: "A memorygraph export file",
    shape: Shape::File,
    schemes: &["json"],
    extensions: &["json"],
    settings: &[Setting::PATH],
    capabilities: Capabilities {
        unique_ids: true,
        max_record: Some(snapshot::MAX_RECORD as u64),
        isolated_snapshots: false,
        modes: &[WriteMode::Aside],
        ..Capabilities::EVERYTHING
    },
    source: true,
    target: true,
    open: |address| Ok(Arc::new(JsonStore { address })),
};

struct JsonStore {
    address: Address,
}

#[async_trait]
impl Store for JsonStore {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn address(&self) -> &Address {
        &self.address
    }

    async fn describe(&self) -> Result<Description> {
        let path = self.address.path();
        blocking(move || describe(&path)).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        let path = self.address.path();
        blocking(move || fingerprint(&path)).await
    }

    async fn identity(&self) -> Result<String> {
        let path = self.address.path();
        blocking(move || file::identity(&path)).await
    }

    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        let path = self.address.path();
        blocking(move || -> Result<Box<dyn Snapshot>> {
            let source = index::open(&path)?;
            Ok(Box::new(match how {
                Consistency::InPlace => Picture::open(source, None)?,
                Consistency::LocalCopy | Consistency::Copy => private_copy(&source)?,
            }))
        })
        .await
    }

    async fn prepare(&self) -> Result<Prepared> {
        let path = self.address.path();
        blocking(move || {
            let folder = file::new_target(&path)?;
            Ok(Prepared {
                mode: WriteMode::Aside,
                room_in: Some(folder),
                empty: true,
                lock_seconds_per_record: 0.0,
            })
        })
        .await
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        if request.mode != WriteMode::Aside {
            return Err(Error::internal("a JSON file is written aside only"));
        }
        let (path, request) = (self.address.path(), request.clone());
        blocking(move || -> Result<Box<dyn Writer>> {
            file::new_target(&path)?;
            Ok(Box::new(Building::start(Export, &path, &request)?))
        })
        .await
    }

    async fn discard(&self, run: &str) -> Result<()> {
        let (path, run) = (self.address.path(), run.to_owned());
        blocking(move || building::discard(&Export, &path, &run)).await
    }

    async fn remove(&self, expected: &Fingerprint) -> Result<()> {
        let (path, expected) = (self.address.path(), expected.clone());
        blocking(move || {
            if fingerprint(&path)? != expected {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} was changed; it was left as it is", path.display()),
                )
                .remedy("Look at it, and remove it by hand if it is not needed."));
            }
            file::remove(&path).map(|_| ())
        })
        .await
    }
}

fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}

fn fingerprint(path: &Path) -> Result<Fingerprint> {
    match is_missing(path) {
        true => Ok(Fingerprint("absent".to_owned())),
        false => snapshot::stamp(&index::open(path)?).map(Fingerprint),
    }
}

fn describe(path: &Path) -> Result<Description> {
    if is_missing(path) {
        return Ok(Description::default());
    }
    let source = index::open(path)?;
    let index = Index::read(&source)?;
    let counts = snapshot::counts(&source, &index)?;
    let (bytes, changed) = file::stamp(path)?.unwrap_or_default();
    let facts = index.words.clone();
    Ok(Description {
        exists: true,
        layout: index.layout,
        counts: Some(counts),
        bytes: Some(bytes),
        changed_at: i64::try_from(changed / 1_000_000_000).ok(),
        in_use: false,
        notes: index.notes,
        facts,
    })
}

/// A picture of a copy in the folder for temporary files, taken while nobody wrote.
fn private_copy(source: &Source) -> Result<Picture> {
    let io = |cause| Error::io("copy", &source.path, cause);
    let before = snapshot::stamp(source)?;
    let copy = tempfile::NamedTempFile::new().map_err(io)?;
    let (mut from, mut to) = (&*source.file, copy.as_file());
    std::io::copy(&mut from, &mut to).map_err(io)?;
    if snapshot::stamp(source)? != before {
        return Err(Error::new(
            ErrorKind::Drifted,
            format!(
                "{} was written to while it was copied",
                source.path.display()
            ),
        )
        .temporary()
        .remedy("Wait until the other program has finished, then start again."));
    }
    let (file, copy_path) = copy.into_parts();
    let source = Source {
        file: Arc::new(file),
        path: source.path.clone(),
    };
    Picture::open(source, Some(copy_path))
}
