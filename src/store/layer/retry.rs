//! Repeats reads that fail for the moment, with growing pauses and a bound. Writes
//! pass through as they are: an unanswered one may have been done, so the engine asks
//! the target before it repeats any. `Drifted` passes too, since only a new snapshot
//! mends that.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Key, Kind, Record};
use crate::store::{
    Address, Applied, Batch, Consistency, Counts, Cursor, Description, Descriptor, Fingerprint,
    Limit, Page, Prepared, Snapshot, Store, WriteRequest, Writer,
};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Hears of a failure that is not yet the end.
pub type Told = dyn Fn(&Attempt<'_>) + Send + Sync;

/// How long to go on.
#[derive(Clone)]
pub struct Patience {
    /// Times a call is made at most, the first included.
    pub attempts: u32,
    /// Pause behind the first failure; it doubles from there.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// Told of every failure that will be followed by another attempt.
    pub told: Option<Arc<Told>>,
}

/// A failure that is not yet the end.
pub struct Attempt<'a> {
    /// Which attempt failed, from 1.
    pub number: u32,
    /// The pause before the next.
    pub pause: Duration,
    /// The failure.
    pub error: &'a Error,
}

impl Default for Patience {
    /// Seven attempts within about half a minute.
    fn default() -> Self {
        Self {
            attempts: 7,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            told: None,
        }
    }
}

/// The pause behind the `number`-th failure.
fn pause(patience: &Patience, number: u32) -> Duration {
    let factor = 2u32.saturating_pow(number.saturating_sub(1));
    patience.first.saturating_mul(factor).min(patience.longest)
}

/// Makes a call again until it succeeds, fails for good, or patience ends.
macro_rules! again {
    ($patience:expr, $call:expr) => {{
        let mut number = 1;
        loop {
            match $call.await {
                Err(error) => number = $patience.wait(number, error).await?,
                done => break done,
            }
        }
    }};
}

impl Patience {
    /// The number of the next attempt, once it is time; the error if there is none.
    async fn wait(&self, number: u32, error: Error) -> Result<u32> {
        let mendable = error.is_temporary() && error.kind() != ErrorKind::Drifted;
        if !mendable {
            return Err(error);
        }
        if number >= self.attempts {
            return Err(match number {
                1 => error,
                _ => error.with("attempts", number),
            });
        }
        let pause = pause(self, number);
        if let Some(told) = &self.told {
            told(&Attempt {
                number,
                pause,
                error: &error,
            });
        }
        tokio::time::sleep(pause).await;
        Ok(number + 1)
    }
}

/// The store with its reads repeated.
pub fn wrap(store: Arc<dyn Store>, patience: Patience) -> Arc<dyn Store> {
    Arc::new(Retry {
        inner: store,
        patience,
    })
}

struct Retry<T: ?Sized> {
    patience: Patience,
    inner: T,
}

impl<T: ?Sized> Retry<T> {
    fn snapshot_of(&self, inner: Box<dyn Snapshot>) -> Box<dyn Snapshot> {
        Box::new(Retry {
            patience: self.patience.clone(),
            inner,
        })
    }
}

#[async_trait]
impl Store for Retry<Arc<dyn Store>> {
    fn descriptor(&self) -> &'static Descriptor {
        self.inner.descriptor()
    }

    fn address(&self) -> &Address {
        self.inner.address()
    }

    async fn describe(&self) -> Result<Description> {
        again!(self.patience, self.inner.describe())
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        again!(self.patience, self.inner.fingerprint())
    }

    async fn identity(&self) -> Result<String> {
        again!(self.patience, self.inner.identity())
    }

    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        let inner = again!(self.patience, self.inner.snapshot(how))?;
        Ok(self.snapshot_of(inner))
    }

    async fn prepare(&self) -> Result<Prepared> {
        again!(self.patience, self.inner.prepare())
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        Ok(Box::new(Retry {
            patience: self.patience.clone(),
            inner: self.inner.writer(request).await?,
        }))
    }

    async fn discard(&self, run: &str) -> Result<()> {
        self.inner.discard(run).await
    }

    async fn remove(&self, fingerprint: &Fingerprint) -> Result<()> {
        self.inner.remove(fingerprint).await
    }
}

#[async_trait]
impl Snapshot for Retry<Box<dyn Snapshot>> {
    async fn counts(&mut self) -> Result<Counts> {
        again!(self.patience, self.inner.counts())
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        again!(self.patience, self.inner.scan(kind, after, limit))
    }

    async fn finish(&mut self) -> Result<()> {
        again!(self.patience, self.inner.finish())
    }
}

#[async_trait]
impl Writer for Retry<Box<dyn Writer>> {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        again!(self.patience, self.inner.find(kind, keys))
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        self.inner.apply(batch).await
    }

    async fn applied(&mut self) -> Result<Option<Box<dyn Snapshot>>> {
        let inner = again!(self.patience, self.inner.applied())?;
        Ok(inner.map(|inner| self.snapshot_of(inner)))
    }

    async fn complete(&mut self) -> Result<()> {
        self.inner.complete().await
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        let inner = again!(self.patience, self.inner.snapshot())?;
        Ok(self.snapshot_of(inner))
    }

    async fn publish(&mut self) -> Result<Applied> {
        self.inner.publish().await
    }

    async fn abandon(&mut self) -> Result<()> {
        self.inner.abandon().await
    }
}
