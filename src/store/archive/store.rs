//! Archives as a store: a source, and a target that is only ever a new file.

use super::reader::{ArchiveReader, Ending};
use super::snapshot::Picture;
use super::target::{self, Building};
use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::file::{self, blocking};
use crate::store::{
    Address, Capabilities, Consistency, Description, Descriptor, Fingerprint, Prepared, Setting,
    Shape, Snapshot, Store, WriteMode, WriteRequest, Writer,
};
use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;

/// memferry's own archives.
pub static DESCRIPTOR: Descriptor = Descriptor {
    kind: "archive",
    title: "Archive",
    summary: "A memferry archive: one portable file that holds everything",
    shape: Shape::File,
    schemes: &["archive"],
    extensions: &["memferry", "zst"],
    settings: &[Setting::PATH],
    capabilities: Capabilities {
        max_record: Some(super::MAX_RECORD as u64),
        modes: &[WriteMode::Aside],
        ..Capabilities::EVERYTHING
    },
    source: true,
    target: true,
    open: |address| Ok(Arc::new(Archive { address })),
};

struct Archive {
    address: Address,
}

impl Archive {
    /// Runs blocking work with the path.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.address.path();
        blocking(move || work(&path)).await
    }
}

#[async_trait]
impl Store for Archive {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn address(&self) -> &Address {
        &self.address
    }

    async fn describe(&self) -> Result<Description> {
        self.with(describe).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        self.with(fingerprint).await
    }

    async fn identity(&self) -> Result<String> {
        self.with(file::identity).await
    }

    /// An archive is never changed in place, so both ways of reading are one.
    async fn snapshot(&self, _how: Consistency) -> Result<Box<dyn Snapshot>> {
        let reader = self.with(ArchiveReader::open).await?;
        Ok(Box::new(Picture::new(reader)))
    }

    async fn prepare(&self) -> Result<Prepared> {
        self.with(|path| {
            target::must_be_new(path)?;
            let folder = file::folder_of(path);
            let meta = std::fs::metadata(folder)
                .map_err(|cause| Error::io("write into", folder, cause))?;
            if !meta.is_dir() {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("{} is not a folder", folder.display()),
                )
                .remedy("Check the path."));
            }
            file::aside_path(path, "x")?;
            Ok(Prepared {
                mode: WriteMode::Aside,
                room_in: Some(folder.to_owned()),
                empty: true,
                lock_seconds_per_record: 0.0,
            })
        })
        .await
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        if request.mode != WriteMode::Aside {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "an archive is only ever written as a new file",
            )
            .remedy("Choose another name."));
        }
        let request = request.clone();
        self.with(move |path| -> Result<Box<dyn Writer>> {
            target::must_be_new(path)?;
            Ok(Box::new(Building::start(path, &request)?))
        })
        .await
    }

    async fn discard(&self, run: &str) -> Result<()> {
        let run = run.to_owned();
        self.with(move |path| target::discard(path, &run)).await
    }

    async fn remove(&self, expected: &Fingerprint) -> Result<()> {
        let expected = expected.clone();
        self.with(move |path| {
            if file::stamp(path)?.is_none() || fingerprint(path)? != expected {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} was changed; it was left as it is", path.display()),
                )
                .remedy("Look at it, and remove it by hand if it is not needed."));
            }
            file::remove(path).map(|_| ())
        })
        .await
    }
}

fn describe(path: &Path) -> Result<Description> {
    let Some((bytes, changed)) = file::stamp(path)? else {
        return Ok(Description::default());
    };
    let reader = ArchiveReader::open(path)?;
    let header = reader.header();
    let mut notes: Vec<String> = Vec::new();
    match reader.ending() {
        Ending::Index { flaw, .. } => notes.extend(flaw.clone()),
        _ => notes.push("It has no index: it was cut off, or its end is damaged.".to_owned()),
    }
    for missing in reader.damage() {
        notes.push(format!("{}: {}.", missing.place, missing.reason));
    }
    let origin = &header.origin;
    let facts = [
        ("created", &header.created_at),
        ("from", &origin.address),
        ("from layout", &origin.layout),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(Description {
        exists: true,
        layout: format!("memferry archive, version {}", header.version()),
        counts: Some(reader.counts()),
        bytes: Some(bytes),
        changed_at: i64::try_from(changed.div_euclid(1_000_000_000)).ok(),
        in_use: false,
        notes,
        facts: facts
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect(),
    })
}

fn fingerprint(path: &Path) -> Result<Fingerprint> {
    let Some((bytes, changed)) = file::stamp(path)? else {
        return Ok(Fingerprint("absent".to_owned()));
    };
    let digest = match ArchiveReader::open(path) {
        Ok(reader) => blake3::Hash::from_bytes(reader.digest())
            .to_hex()
            .to_string(),
        Err(error) if error.kind() == ErrorKind::NotThisStore => "foreign".to_owned(),
        Err(error) => return Err(error),
    };
    Ok(Fingerprint(format!("{bytes} {changed} {digest}")))
}
