//! Builds a new archive beside its target. Records are appended as they come, which in
//! a move is all there is to do. Should one be changed or removed again, or come out of
//! order, the archive is written once more without what no longer counts.

use super::frame::MAX_RECORD;
use super::header::{Header, Origin};
use super::keys::Keys;
use super::reader::ArchiveReader;
use super::snapshot::Picture;
use super::writer::ArchiveWriter;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Digest, Key, Kind, Record};
use crate::store::protocol::file::{self, blocking};
use crate::store::{Applied, Batch, Change, Snapshot, WriteRequest, Writer};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Most records that can be changed or removed again before the archive is rewritten.
const MAX_GONE: usize = 1 << 18;

/// An archive being built.
pub(super) struct Building(Arc<Mutex<Option<Work>>>);

struct Work {
    target: PathBuf,
    aside: PathBuf,
    log: ArchiveWriter,
    reader: ArchiveReader,
    keys: Keys,
    /// Numbers of records that no longer count.
    gone: BTreeSet<u64>,
    ordered: bool,
    last: Option<Kind>,
    canon: Canon,
}

/// How a change meets what is there.
enum Meets {
    Before(u64),
    After,
    Neither,
}

/// Where the second writing goes.
fn again_path(target: &Path, run: &str) -> Result<PathBuf> {
    let mut path = file::aside_path(target, run)?.into_os_string();
    path.push(AGAIN);
    Ok(path.into())
}

const AGAIN: &str = ".again";

/// Removes what a run left beside the target.
pub(super) fn discard(target: &Path, run: &str) -> Result<()> {
    file::remove(&again_path(target, run)?)?;
    file::remove(&file::aside_path(target, run)?)?;
    Ok(())
}

impl Building {
    /// Starts one, throwing away what the same run left behind. Blocks.
    pub fn start(target: &Path, request: &WriteRequest) -> Result<Self> {
        discard(target, &request.run)?;
        let aside = file::aside_path(target, &request.run)?;
        let address = request.origin.clone().unwrap_or_default();
        let kind = address.split(':').next().unwrap_or_default().to_owned();
        let header = Header::new(Origin {
            kind,
            address,
            layout: String::new(),
        });
        let log = ArchiveWriter::create(&aside, &header)?;
        let work = Work {
            target: target.to_owned(),
            reader: log.reader()?,
            log,
            keys: Keys::new(file::folder_of(target)),
            aside,
            gone: BTreeSet::new(),
            ordered: true,
            last: None,
            canon: Canon::new(),
        };
        Ok(Self(Arc::new(Mutex::new(Some(work)))))
    }

    async fn with<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Work) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let work = self.0.clone();
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
        self.with(move |work| {
            let find = |key| {
                work.number_of(kind, key)
                    .and_then(|number| work.record(number))
            };
            keys.iter().map(find).collect()
        })
        .await
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let batch = batch.clone();
        self.with(move |work| work.apply(&batch)).await
    }

    async fn complete(&mut self) -> Result<()> {
        self.with(Work::complete).await
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        self.with(|work| -> Result<Box<dyn Snapshot>> {
            work.settle()?;
            Ok(Box::new(Picture::new(work.log.reader()?)))
        })
        .await
    }

    async fn publish(&mut self) -> Result<Applied> {
        self.with(|work| {
            work.complete()?;
            file::publish_new(&work.aside, &work.target)
        })
        .await?;
        // The file aside is the target now: nothing is left to remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Applied::Done)
    }

    async fn abandon(&mut self) -> Result<()> {
        let work = self.0.clone();
        blocking(
            move || match work.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(work) => file::remove(&work.aside).map(|_| ()),
                None => Ok(()),
            },
        )
        .await
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            // Nobody is left to hear of a failure; `discard` tries again.
            let _ = file::remove(&work.aside);
        }
    }
}

impl Work {
    fn number_of(&self, kind: Kind, key: &Key) -> Result<u64> {
        self.keys.get(&Canon::key_hash(kind, key))
    }

    /// The record with that number; 0: none.
    fn record(&mut self, number: u64) -> Result<Option<Record>> {
        if number == 0 {
            return Ok(None);
        }
        if number > self.log.position().records {
            self.log.end_frame()?;
        }
        self.reader.record(number).map(Some)
    }

    fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let mut records = batch.changes.iter().filter_map(|c| c.after.as_ref());
        if let Some(record) = records.find(|r| r.size() > MAX_RECORD) {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "a record is larger than the 32 MiB an archive takes",
            )
            .with("id", record.key().display()));
        }
        let mut plan = Vec::with_capacity(batch.changes.len());
        let mut conflicts = Vec::new();
        for (position, change) in batch.changes.iter().enumerate() {
            match self.meets(change)? {
                Meets::Before(number) => plan.push((change, number)),
                Meets::After => {}
                Meets::Neither => conflicts.push(position),
            }
        }
        if !conflicts.is_empty() {
            return Ok(Applied::Conflict(conflicts));
        }
        for (change, number) in plan {
            self.make(change, number)?;
        }
        if self.gone.len() > MAX_GONE {
            self.settle()?;
        }
        Ok(Applied::Done)
    }

    fn meets(&mut self, change: &Change) -> Result<Meets> {
        let number = self.number_of(change.kind, &change.key)?;
        // What a move does, for every record: one that is not there is added.
        if number == 0 && change.before.is_none() {
            return Ok(match change.after {
                Some(_) => Meets::Before(0),
                None => Meets::After,
            });
        }
        let there = self.record(number)?.map(|r| self.canon.digest(&r));
        let after = change.after.as_ref().map(|r| self.canon.digest(r));
        let same = |wanted: Option<Digest>| match (there, wanted) {
            (None, None) => true,
            (Some(there), Some(wanted)) => there.matches(&wanted),
            _ => false,
        };
        Ok(if same(after) {
            Meets::After
        } else if same(change.before) {
            Meets::Before(number)
        } else {
            Meets::Neither
        })
    }

    fn make(&mut self, change: &Change, replaced: u64) -> Result<()> {
        let hash = Canon::key_hash(change.kind, &change.key);
        let number = match &change.after {
            None => 0,
            Some(record) => {
                let number = self.log.push_anywhere(record)?;
                self.ordered &= self.last <= Some(change.kind);
                self.last = Some(change.kind);
                number
            }
        };
        if replaced > 0 {
            self.gone.insert(replaced);
        }
        self.keys.set(hash, number)
    }

    /// Makes the log an archive: every record that counts once, nodes first.
    fn settle(&mut self) -> Result<()> {
        self.log.end_frame()?;
        if self.ordered && self.gone.is_empty() {
            return Ok(());
        }
        let mut again = self.aside.clone().into_os_string();
        again.push(AGAIN);
        let again = PathBuf::from(again);
        file::remove(&again)?;
        let mut log = ArchiveWriter::create(&again, self.log.header())?;
        let mut keys = Keys::new(file::folder_of(&self.target));
        let mut last = None;
        for kind in Kind::BOTH {
            for i in 0..self.reader.frame_count() {
                let Some(frame) = self.reader.frame(i).filter(|f| f.kind == Some(kind)) else {
                    continue;
                };
                for n in 0..self.reader.load(i)? {
                    if self.gone.contains(&(frame.first + n as u64)) {
                        continue;
                    }
                    let record = self.reader.loaded_record(n)?;
                    let number = log.push(&record)?;
                    keys.set(Canon::key_hash(kind, record.key()), number)?;
                    last = Some(kind);
                }
            }
        }
        log.end_frame()?;
        std::fs::rename(&again, &self.aside).map_err(|cause| Error::io("rename", &again, cause))?;
        self.reader = log.reader()?;
        log.moved_to(&self.aside);
        (self.log, self.keys, self.last) = (log, keys, last);
        (self.ordered, self.gone) = (true, BTreeSet::new());
        Ok(())
    }

    fn complete(&mut self) -> Result<()> {
        self.settle()?;
        self.log.finish_in_place(serde_json::Map::new()).map(|_| ())
    }
}

/// That something is at the target already.
pub(super) fn must_be_new(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{} exists; an archive is only ever written as a new file",
                path.display()
            ),
        )
        .remedy("Choose another name.")),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}
