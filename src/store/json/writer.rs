//! Builds a new export: records wait on a shelf beside the target, where they can be
//! found and changed; the file is written from it in one go, read for verification,
//! and published in one step.

use super::index::{self, FORMAT, OURS};
use super::layout::line;
use super::snapshot::{MAX_RECORD, Picture};
use super::split::split;
use crate::error::{Error, ErrorKind, Result};
use crate::model::json::{self, Style};
use crate::model::time::Instant;
use crate::model::{Canon, Key, Kind, Record};
use crate::store::protocol::file::{self, blocking};
use crate::store::protocol::shelf::Shelf;
use crate::store::{Applied, Batch, Snapshot, WriteRequest, Writer};
use async_trait::async_trait;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is added to the name of the file aside for the shelf.
const SHELF: &str = ".rows";

/// An export being built.
pub(super) struct Building {
    work: Arc<Mutex<Option<Work>>>,
}

struct Work {
    shelf: Shelf,
    target: PathBuf,
    aside: PathBuf,
    origin: Option<String>,
    /// Whether the file aside holds what the shelf holds.
    written: bool,
}

fn shelf_path(target: &Path, run: &str) -> Result<PathBuf> {
    let mut name = file::aside_path(target, run)?.into_os_string();
    name.push(SHELF);
    Ok(name.into())
}

/// Removes what a run left beside the target.
pub(super) fn discard(target: &Path, run: &str) -> Result<()> {
    file::remove(&shelf_path(target, run)?)?;
    file::remove(&file::aside_path(target, run)?)?;
    Ok(())
}

impl Building {
    /// Starts one, throwing away what the same run left behind. Blocks.
    pub fn start(target: &Path, request: &WriteRequest) -> Result<Self> {
        discard(target, &request.run)?;
        let work = Work {
            shelf: Shelf::create(&shelf_path(target, &request.run)?)?,
            target: target.to_owned(),
            aside: file::aside_path(target, &request.run)?,
            origin: request.origin.clone(),
            written: false,
        };
        Ok(Self {
            work: Arc::new(Mutex::new(Some(work))),
        })
    }

    async fn with<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Work) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let work = self.work.clone();
        blocking(move || {
            let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
            match work.as_mut() {
                Some(work) => job(work),
                None => Err(Error::internal("a writer was used after its end")),
            }
        })
        .await
    }
}

#[async_trait]
impl Writer for Building {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let keys = keys.to_vec();
        self.with(move |work| work.shelf.find(kind, &keys)).await
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let mut records = batch.changes.iter().filter_map(|c| c.after.as_ref());
        if let Some(record) = records.find(|r| r.size() > MAX_RECORD) {
            return Err(
                Error::new(ErrorKind::TooLarge, "a record is larger than 32 MiB")
                    .with("id", record.key().display())
                    .remedy("Leave it out, or choose a target without that limit."),
            );
        }
        let batch = batch.clone();
        self.with(move |work| {
            work.written = false;
            work.shelf.apply(&batch)
        })
        .await
    }

    async fn complete(&mut self) -> Result<()> {
        self.with(Work::write).await
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        self.with(|work| -> Result<Box<dyn Snapshot>> {
            work.write()?;
            Ok(Box::new(Picture::open(index::open(&work.aside)?, None)?))
        })
        .await
    }

    async fn publish(&mut self) -> Result<Applied> {
        self.with(|work| {
            work.write()?;
            file::publish_new(&work.aside, &work.target)
        })
        .await?;
        self.end().await?;
        Ok(Applied::Done)
    }

    async fn abandon(&mut self) -> Result<()> {
        self.end().await
    }
}

impl Building {
    /// Removes what is left aside.
    async fn end(&self) -> Result<()> {
        let work = self.work.clone();
        blocking(move || {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            match work {
                Some(work) => work.clear(),
                None => Ok(()),
            }
        })
        .await
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        let work = self
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(work) = work {
            // Nobody is left to hear of a failure; `discard` tries again.
            let _ = work.clear();
        }
    }
}

impl Work {
    fn clear(self) -> Result<()> {
        let removed = self.shelf.remove();
        file::remove(&self.aside)?;
        removed
    }

    /// Writes the file aside, unless it stands there as it should be.
    fn write(&mut self) -> Result<()> {
        if self.written {
            return Ok(());
        }
        file::remove(&self.aside)?;
        let mut out = Output {
            out: BufWriter::with_capacity(256 << 10, file::create_private(&self.aside)?),
            path: self.aside.clone(),
            canon: Canon::new(),
        };
        out.text("{\n  \"format_version\": \"2.0\",\n  \"export_version\": \"1.0\",\n")?;
        out.text(&format!(
            "  \"export_date\": \"{}\",\n  \"backend_type\": \"{OURS}\",\n",
            Instant::now().to_iso()
        ))?;
        let nodes = out.list("memories", &self.shelf, Kind::Node)?;
        let relationships = out.list("relationships", &self.shelf, Kind::Relationship)?;
        out.text(&format!(
            "  \"memory_count\": {},\n  \"relationship_count\": {},\n",
            nodes.plain, relationships.plain
        ))?;
        out.text(&format!("  \"{OURS}\": {{\n    \"format\": {FORMAT},\n"))?;
        if let Some(origin) = &self.origin {
            let mut text = b"    \"origin\": ".to_vec();
            json::write_text(&mut text, origin.as_bytes(), Style::PYTHON);
            text.extend_from_slice(b",\n");
            out.bytes(&text)?;
        }
        out.ours("nodes", nodes)?;
        out.text(",\n")?;
        out.ours("relationships", relationships)?;
        out.text("\n  }\n}\n")?;
        out.flush()?;
        self.written = true;
        Ok(())
    }
}

/// What became of the records of a kind.
struct Written {
    /// How many memorygraph sees.
    plain: u64,
    /// The others, laid out, in a file without a name.
    ours: File,
    /// Whether there are any.
    any: bool,
}

struct Output {
    out: BufWriter<File>,
    path: PathBuf,
    canon: Canon,
}

impl Output {
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.out.write_all(bytes);
        written.map_err(|cause| Error::io("write", &self.path, cause))
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.bytes(text.as_bytes())
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = self.out.flush();
        flushed.map_err(|cause| Error::io("write", &self.path, cause))
    }

    /// Writes the list that memorygraph reads, keeping the rest for our section.
    fn list(&mut self, name: &str, shelf: &Shelf, kind: Kind) -> Result<Written> {
        let path = self.path.clone();
        let io = |cause| Error::io("write beside", &path, cause);
        let ours = tempfile::tempfile_in(file::folder_of(&path)).map_err(io)?;
        let mut spool = BufWriter::new(ours);
        let (mut plain, mut any) = (0, false);
        self.text(&format!("  \"{name}\": ["))?;
        let mut between = Vec::new();
        shelf.each(kind, &mut |_, record| {
            let element = split(&record, &mut self.canon).map_err(|problem| {
                Error::new(
                    ErrorKind::Unsupported,
                    format!("a record cannot be written as JSON: {problem}"),
                )
                .with("id", record.key().display())
            })?;
            between.clear();
            if element.plain {
                line(&mut between, plain > 0, 2);
                plain += 1;
                self.bytes(&between)?;
                return self.bytes(&element.text);
            }
            line(&mut between, any, 3);
            any = true;
            spool.write_all(&between).map_err(io)?;
            spool.write_all(&element.text).map_err(io)
        })?;
        self.text(if plain > 0 { "\n  ],\n" } else { "],\n" })?;
        let ours = spool.into_inner().map_err(|e| io(e.into_error()))?;
        Ok(Written { plain, ours, any })
    }

    /// Writes a list of our section.
    fn ours(&mut self, name: &str, written: Written) -> Result<()> {
        use std::io::{Seek as _, SeekFrom};
        let mut spool = written.ours;
        self.text(&format!("    \"{name}\": ["))?;
        let copied = spool
            .seek(SeekFrom::Start(0))
            .and_then(|_| std::io::copy(&mut spool, &mut self.out));
        copied.map_err(|cause| Error::io("write", &self.path, cause))?;
        self.text(if written.any { "\n    ]" } else { "]" })
    }
}
