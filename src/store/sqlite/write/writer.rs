//! The writer, in either mode: takes the work to a blocking thread, once for a batch.

use super::aside::Aside;
use super::session::Session;
use super::transaction;
use crate::error::{Error, Result};
use crate::model::{Key, Kind, Record};
use crate::store::protocol::file::blocking;
use crate::store::sqlite::reading::{Pictured, lock};
use crate::store::{Applied, Batch, Snapshot, Writer};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};

/// Writes to a file.
pub(in crate::store::sqlite) struct SqliteWriter {
    session: Arc<Mutex<Session>>,
    how: Arc<Mutex<How>>,
}

struct How {
    mode: Mode,
    stage: Stage,
}

enum Mode {
    Aside(Aside),
    /// The indexes to make at the end.
    Transaction(Vec<String>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Published,
    /// The commit failed in a way that does not say whether it was made.
    Unknown,
    Abandoned,
}

impl SqliteWriter {
    pub(in crate::store::sqlite) fn aside(aside: Aside, session: Session) -> Self {
        Self::new(Mode::Aside(aside), session)
    }

    pub(in crate::store::sqlite) fn transaction(session: Session, later: Vec<String>) -> Self {
        Self::new(Mode::Transaction(later), session)
    }

    fn new(mode: Mode, session: Session) -> Self {
        let stage = Stage::Open;
        Self {
            session: Arc::new(Mutex::new(session)),
            how: Arc::new(Mutex::new(How { mode, stage })),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut How, &mut Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (how, session) = (Arc::clone(&self.how), Arc::clone(&self.session));
        blocking(move || work(&mut lock(&how), &mut lock(&session))).await
    }
}

impl How {
    fn must_be_open(&self) -> Result<()> {
        match self.stage {
            Stage::Open => Ok(()),
            _ => Err(Error::internal("a writer was used after its end")),
        }
    }

    fn publish(&mut self, session: &mut Session) -> Result<Applied> {
        self.must_be_open()?;
        let applied = match &mut self.mode {
            Mode::Aside(aside) => aside.publish(session).map(|()| Applied::Done)?,
            Mode::Transaction(later) => transaction::publish(session, later)?,
        };
        self.stage = match applied {
            Applied::Unknown => Stage::Unknown,
            _ => Stage::Published,
        };
        Ok(applied)
    }

    fn abandon(&mut self, session: &mut Session) -> Result<()> {
        if self.stage == Stage::Open {
            self.stage = Stage::Abandoned;
            match &mut self.mode {
                Mode::Aside(aside) => aside.abandon(session)?,
                Mode::Transaction(_) => transaction::abandon(session)?,
            }
        }
        session.db = None;
        Ok(())
    }
}

impl Drop for SqliteWriter {
    /// Leaves the target as it was unless it was published.
    fn drop(&mut self) {
        let _ = lock(&self.how).abandon(&mut lock(&self.session));
    }
}

#[async_trait]
impl Writer for SqliteWriter {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let keys = keys.to_vec();
        self.work(move |how, session| {
            if matches!(how.stage, Stage::Unknown | Stage::Published)
                && matches!(how.mode, Mode::Transaction(_))
            {
                transaction::reopen(session)?;
            }
            session.find(kind, &keys)
        })
        .await
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let batch = batch.clone();
        self.work(move |how, session| {
            how.must_be_open()?;
            session.apply(&batch)
        })
        .await
    }

    async fn applied(&mut self) -> Result<Option<Box<dyn Snapshot>>> {
        let reading = self.work(|how, session| {
            how.must_be_open()?;
            match &mut how.mode {
                Mode::Aside(aside) => aside.filled(session).map(Some),
                Mode::Transaction(_) => Ok(None),
            }
        });
        let snapshot = |reading| -> Box<dyn Snapshot> {
            Box::new(Pictured::Store(Arc::new(Mutex::new(reading))))
        };
        Ok(reading.await?.map(snapshot))
    }

    async fn complete(&mut self) -> Result<()> {
        self.work(|how, session| {
            how.must_be_open()?;
            match &mut how.mode {
                Mode::Aside(aside) => aside.complete(session),
                Mode::Transaction(later) => transaction::complete(session, later),
            }
        })
        .await
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(Pictured::Written(Arc::clone(&self.session))))
    }

    async fn publish(&mut self) -> Result<Applied> {
        self.work(How::publish).await
    }

    async fn abandon(&mut self) -> Result<()> {
        self.work(How::abandon).await
    }
}
