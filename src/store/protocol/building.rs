//! The writer of formats that are written in one go: records wait on a [`Shelf`]
//! beside the target, where they can be found and changed; from it the format is made
//! aside, looked at for verification, and published in one step.

use super::file::{self, blocking};
use super::shelf::Shelf;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Key, Kind, Record};
use crate::store::{Applied, Batch, Snapshot, WriteRequest, Writer};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is added to the name of the run for the shelf.
const SHELF_MARK: &str = "-rows";

/// A format that is made of a shelf of records. Everything in it blocks.
pub(crate) trait Form: Send + 'static {
    /// Largest record, by [`Record::size`].
    const MAX_RECORD: Option<usize>;

    /// Makes the whole at a path where nothing is.
    fn write(&self, shelf: &Shelf, aside: &Path, origin: Option<&str>) -> Result<()>;

    /// What was made, for verification.
    fn snapshot(&self, aside: &Path) -> Result<Box<dyn Snapshot>>;

    /// Removes what was made, or a part of it; nothing there is no error.
    fn clear(&self, aside: &Path) -> Result<()>;
}

/// A new store being built.
pub(crate) struct Building<F: Form> {
    work: Arc<Mutex<Option<Work<F>>>>,
}

struct Work<F> {
    form: F,
    shelf: Shelf,
    target: PathBuf,
    aside: PathBuf,
    origin: Option<String>,
    /// Whether what is aside holds what the shelf holds.
    written: bool,
}

fn shelf_path(target: &Path, run: &str) -> Result<PathBuf> {
    file::aside_path(target, &format!("{run}{SHELF_MARK}"))
}

/// Removes what a run left beside the target.
pub(crate) fn discard(form: &impl Form, target: &Path, run: &str) -> Result<()> {
    file::remove(&shelf_path(target, run)?)?;
    form.clear(&file::aside_path(target, run)?)
}

impl<F: Form> Building<F> {
    /// Starts one, throwing away what the same run left behind. Blocks.
    pub fn start(form: F, target: &Path, request: &WriteRequest) -> Result<Self> {
        discard(&form, target, &request.run)?;
        let work = Work {
            form,
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
        job: impl FnOnce(&mut Work<F>) -> Result<T> + Send + 'static,
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

    /// Removes what is left aside.
    async fn end(&self) -> Result<()> {
        let work = self.work.clone();
        blocking(move || {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            work.map_or(Ok(()), Work::clear)
        })
        .await
    }
}

#[async_trait]
impl<F: Form> Writer for Building<F> {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let keys = keys.to_vec();
        self.with(move |work| work.shelf.find(kind, &keys)).await
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let batch = batch.clone();
        self.with(move |work| {
            let mut changed = batch.changes.iter().filter_map(|c| c.after.as_ref());
            changed.try_for_each(too_large::<F>)?;
            work.written = false;
            work.shelf.apply(&batch)
        })
        .await
    }

    async fn complete(&mut self) -> Result<()> {
        self.with(Work::write).await
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        self.with(|work| {
            work.write()?;
            work.form.snapshot(&work.aside)
        })
        .await
    }

    async fn publish(&mut self) -> Result<Applied> {
        self.with(|work| {
            work.write()?;
            file::publish_new(&work.aside, &work.target)
        })
        .await?;
        // It is published, whatever becomes of the shelf; `discard` tries again.
        let _ = self.end().await;
        Ok(Applied::Done)
    }

    async fn abandon(&mut self) -> Result<()> {
        self.end().await
    }
}

/// Refuses a record beyond the limit of the format.
fn too_large<F: Form>(record: &Record) -> Result<()> {
    match F::MAX_RECORD {
        Some(max) if record.size() > max => Err(Error::new(
            ErrorKind::TooLarge,
            format!("the record is larger than {} MiB", max >> 20),
        )
        .with("id", record.key().display())),
        _ => Ok(()),
    }
}

impl<F: Form> Drop for Building<F> {
    fn drop(&mut self) {
        let work = self
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // Nobody is left to hear of a failure; `discard` tries again.
        let _ = work.map(Work::clear);
    }
}

impl<F: Form> Work<F> {
    fn clear(self) -> Result<()> {
        let removed = self.shelf.remove();
        self.form.clear(&self.aside)?;
        removed
    }

    /// Makes it, unless it stands aside as it should be.
    fn write(&mut self) -> Result<()> {
        if !self.written {
            self.form.clear(&self.aside)?;
            let origin = self.origin.as_deref();
            self.form.write(&self.shelf, &self.aside, origin)?;
            self.written = true;
        }
        Ok(())
    }
}
