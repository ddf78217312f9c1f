//! A folder of Markdown pages, one for each node, in the form of memorygraph's export:
//! for people to read. Nobody reads it back, we neither, so its descriptor has
//! `source: false`, its snapshots are `Unsupported`, and what can be verified is the
//! number of pages, which writing counts itself. A folder is only ever written new.

mod names;
mod page;
mod writer;
mod yaml;

use super::protocol::building::{self, Building};
use super::protocol::file::{self, blocking};
use super::{
    Address, Capabilities, Consistency, Description, Descriptor, Fingerprint, Ids, Prepared,
    Setting, SettingKind, Shape, Snapshot, Store, WriteMode, WriteRequest, Writer,
};
use crate::error::{Error, ErrorKind, Result};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use writer::{Folder, Stamp, not_read};

/// Folders of Markdown pages.
pub static DESCRIPTOR: Descriptor = Descriptor {
    kind: "markdown",
    title: "Markdown",
    summary: "A folder of Markdown pages, one for each memory; for reading, not a source",
    shape: Shape::File,
    schemes: &["markdown"],
    extensions: &[],
    settings: &[Setting {
        name: "path",
        label: "Folder",
        help: "Path of the folder to make",
        kind: SettingKind::Path,
        ..Setting::PATH
    }],
    capabilities: Capabilities {
        ids: Ids::Text,
        unique_ids: true,
        id_beside_properties: false,
        rows: false,
        stored_text: false,
        nul: false,
        broken_text: false,
        modes: &[WriteMode::Aside],
        ..Capabilities::EVERYTHING
    },
    source: false,
    target: true,
    open: |address| Ok(Arc::new(MarkdownStore { address })),
};

struct MarkdownStore {
    address: Address,
}

#[async_trait]
impl Store for MarkdownStore {
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

    async fn snapshot(&self, _how: Consistency) -> Result<Box<dyn Snapshot>> {
        Err(not_read())
    }

    async fn prepare(&self) -> Result<Prepared> {
        let path = self.address.path();
        blocking(move || {
            Ok(Prepared {
                mode: WriteMode::Aside,
                room_in: Some(file::new_target(&path)?),
                empty: true,
                lock_seconds_per_record: 0.0,
            })
        })
        .await
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        if request.mode != WriteMode::Aside {
            return Err(Error::internal("a Markdown folder is written aside only"));
        }
        let (path, request) = (self.address.path(), request.clone());
        blocking(move || -> Result<Box<dyn Writer>> {
            file::new_target(&path)?;
            Ok(Box::new(Building::start(Folder, &path, &request)?))
        })
        .await
    }

    async fn discard(&self, run: &str) -> Result<()> {
        let (path, run) = (self.address.path(), run.to_owned());
        blocking(move || building::discard(&Folder, &path, &run)).await
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
            writer::remove_folder(&path)
        })
        .await
    }
}

fn fingerprint(path: &Path) -> Result<Fingerprint> {
    Ok(Fingerprint(match Stamp::of(path)? {
        Some(stamp) => stamp.text(),
        None => "absent".to_owned(),
    }))
}

fn describe(path: &Path) -> Result<Description> {
    let Some(stamp) = Stamp::of(path)? else {
        return Ok(Description::default());
    };
    let facts = BTreeMap::from([("pages".to_owned(), stamp.pages.to_string())]);
    Ok(Description {
        exists: true,
        layout: "Markdown folder".to_owned(),
        counts: None,
        bytes: Some(stamp.bytes),
        changed_at: i64::try_from(stamp.changed / 1_000_000_000).ok(),
        in_use: false,
        notes: vec!["for people to read; not a source".to_owned()],
        facts,
    })
}
