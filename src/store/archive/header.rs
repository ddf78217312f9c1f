//! The first line of an archive, and what its index says at the end.

use super::frame::MAX_HEADER;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Counts;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the format that is written. Readers take all up to it.
pub const VERSION: u32 = 1;

const FORMAT: &str = "memferry";

/// What an archive says of itself before its records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    format: String,
    version: u32,
    /// When it was begun, in UTC.
    pub created_at: String,
    /// Where its records come from.
    pub origin: Origin,
    /// Whatever the source says of its schema; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<serde_json::Value>,
    /// How many records the source held when it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_counts: Option<Counts>,
}

/// Where the records of an archive come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Kind of the store.
    pub kind: String,
    /// Its address, without secrets.
    pub address: String,
    /// Program and layout that wrote it.
    pub layout: String,
}

impl Header {
    /// A header for an archive that is begun now.
    pub fn new(origin: Origin) -> Self {
        let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second());
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            created_at: now.unwrap_or_default().to_string(),
            origin,
            schema: None,
            source_counts: None,
        }
    }

    /// Stands for one that cannot be read.
    pub(super) fn lost() -> Self {
        Self {
            created_at: String::new(),
            ..Self::new(Origin::default())
        }
    }

    /// The version it was written in.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Its line.
    pub(super) fn line(&self) -> Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)
            .map_err(|cause| Error::internal("the header cannot be written").because(cause))?;
        line.push(b'\n');
        if line.len() > MAX_HEADER {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "the archive's header is longer than 1 MiB",
            ));
        }
        Ok(line)
    }

    /// Reads what is thought to be a header. `None`: it is none.
    pub(super) fn read(json: &[u8], path: &Path) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let line = json.split(|b| *b == b'\n').next().unwrap_or_default();
        match serde_json::from_slice::<Head>(line) {
            Ok(head) if head.format == FORMAT && head.version > VERSION => {
                Err(newer(head.version, path))
            }
            Ok(head) if head.format == FORMAT => Ok(serde_json::from_slice(line).ok()),
            _ => Ok(None),
        }
    }
}

/// That an archive is of a version from the future.
pub(super) fn newer(version: u32, path: &Path) -> Error {
    Error::new(
        ErrorKind::UnknownLayout,
        format!(
            "{} is an archive of version {version}; this memferry reads up to version {VERSION}",
            path.display()
        ),
    )
    .remedy("Use the memferry that wrote it, or a newer one.")
}

/// What the index holds beside the frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The header once more, in case its frame is damaged.
    pub header: Header,
    /// How many records there are.
    pub counts: Counts,
    /// Whatever the writer wanted to keep with them.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub notes: serde_json::Map<String, serde_json::Value>,
}
