//! A store that is open for reading, and the pages of it.

use super::access::{Db, Stamp, data_version, drifted, end};
use super::fault;
use super::layout::Layout;
use super::scan;
use super::write::Session;
use crate::error::Result;
use crate::model::{Canon, Kind};
use crate::store::protocol::file::blocking;
use crate::store::{Counts, Cursor, Limit, Page, Snapshot};
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Why what is read is one picture.
pub(super) enum Picture {
    /// Short read transactions; the version tells whether anybody committed in between.
    Shared(i64),
    /// No lock at all; the file must stay as it was.
    Frozen(Stamp),
    /// Nobody can change it.
    Isolated,
}

/// An open store.
pub(super) struct Reading {
    real: PathBuf,
    /// None: an empty file.
    db: Option<Db>,
    pub(super) layout: Layout,
    pub(super) picture: Picture,
    canon: Canon,
}

impl Reading {
    pub(super) fn new(real: PathBuf, db: Db, layout: Layout, picture: Picture) -> Self {
        Self {
            real,
            db: Some(db),
            layout,
            picture,
            canon: Canon::new(),
        }
    }

    pub(super) fn empty(real: PathBuf, stamp: Stamp) -> Self {
        Self {
            real,
            db: None,
            layout: Layout::default(),
            picture: Picture::Frozen(stamp),
            canon: Canon::new(),
        }
    }

    /// The connection, if the file is not empty.
    pub(super) fn db(&self) -> Option<&Db> {
        self.db.as_ref()
    }

    /// Does something within the picture.
    pub(super) fn look<T: Default>(
        &mut self,
        work: impl FnOnce(&mut Db, &Layout, &mut Canon) -> Result<T>,
    ) -> Result<T> {
        let Some(db) = &mut self.db else {
            return self.check().map(|()| T::default());
        };
        if let Picture::Shared(version) = self.picture {
            let now = db
                .conn
                .execute_batch("BEGIN")
                .and_then(|()| data_version(&db.conn));
            let now = now.map_err(|failure| {
                end(&db.conn);
                match fault::needs_recovery(&failure) {
                    true => drifted(&self.real),
                    false => fault::error("read", &self.real, failure),
                }
            })?;
            if now != version {
                end(&db.conn);
                return Err(drifted(&self.real));
            }
        }
        let done = work(db, &self.layout, &mut self.canon);
        if matches!(self.picture, Picture::Shared(_)) {
            end(&db.conn);
        }
        self.check()?;
        done
    }

    /// Whether what was read without a lock still stands.
    fn check(&self) -> Result<()> {
        match &self.picture {
            Picture::Frozen(stamp) if Stamp::of(&self.real)? != *stamp => Err(drifted(&self.real)),
            _ => Ok(()),
        }
    }

    pub(super) fn counts(&mut self) -> Result<Counts> {
        let real = self.real.clone();
        self.look(|db, layout, _| scan::counts(&db.conn, &real, layout))
    }

    fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        let real = self.real.clone();
        self.look(|db, layout, canon| {
            scan::page(&db.conn, &real, layout, canon, kind, after, limit)
        })
    }
}

/// A snapshot of a store, or of what a writer has done so far.
pub(super) enum Pictured {
    /// A store.
    Store(Arc<Mutex<Reading>>),
    /// An unpublished target.
    Written(Arc<Mutex<Session>>),
}

#[async_trait]
impl Snapshot for Pictured {
    async fn counts(&mut self) -> Result<Counts> {
        match self {
            Self::Store(reading) => {
                let reading = Arc::clone(reading);
                blocking(move || lock(&reading).counts()).await
            }
            Self::Written(session) => {
                let session = Arc::clone(session);
                blocking(move || lock(&session).counts()).await
            }
        }
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        let after = after.cloned();
        match self {
            Self::Store(reading) => {
                let reading = Arc::clone(reading);
                blocking(move || lock(&reading).scan(kind, after.as_ref(), limit)).await
            }
            Self::Written(session) => {
                let session = Arc::clone(session);
                blocking(move || lock(&session).scan(kind, after.as_ref(), limit)).await
            }
        }
    }

    async fn finish(&mut self) -> Result<()> {
        match self {
            Self::Store(reading) => {
                let reading = Arc::clone(reading);
                blocking(move || lock(&reading).look(|_, _, _| Ok(()))).await
            }
            Self::Written(_) => Ok(()),
        }
    }
}

/// A lock whose holder panicked still holds a whole value.
pub(super) fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
