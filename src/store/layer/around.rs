//! The part that layers share: a store, its snapshots and its writers, with something
//! done before and after every call. What is done is an [`Around`]; this file only
//! carries it to every method.

use crate::error::Result;
use crate::model::{Key, Kind, Record};
use crate::store::{
    Address, Applied, Batch, Change, Consistency, Counts, Cursor, Description, Descriptor,
    Fingerprint, Limit, Page, Prepared, Snapshot, Store, WriteRequest, Writer,
};
use async_trait::async_trait;
use std::sync::Arc;

/// A method of a store, its snapshots or its writers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Call {
    Describe,
    Fingerprint,
    Identity,
    Snapshot,
    Prepare,
    Writer,
    Discard,
    Remove,
    Counts,
    Scan,
    Finish,
    Find,
    Apply,
    Complete,
    WriterSnapshot,
    Publish,
    Abandon,
}

impl Call {
    /// Every call.
    pub const ALL: [Call; 17] = [
        Call::Describe,
        Call::Fingerprint,
        Call::Identity,
        Call::Snapshot,
        Call::Prepare,
        Call::Writer,
        Call::Discard,
        Call::Remove,
        Call::Counts,
        Call::Scan,
        Call::Finish,
        Call::Find,
        Call::Apply,
        Call::Complete,
        Call::WriterSnapshot,
        Call::Publish,
        Call::Abandon,
    ];

    /// Whether repeating it can change nothing.
    pub fn is_read(self) -> bool {
        !matches!(
            self,
            Self::Writer
                | Self::Discard
                | Self::Remove
                | Self::Apply
                | Self::Complete
                | Self::Publish
                | Self::Abandon
        )
    }
}

/// What a call carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) unreadable: u64,
}

impl Load {
    fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut load = Self::default();
        for record in records {
            load.records += 1;
            load.bytes += record.size() as u64;
        }
        load
    }
}

/// What a layer does around calls.
#[async_trait]
pub(super) trait Around: Send + Sync + 'static {
    /// Before a call; an error is the call's answer.
    async fn before(&self, _call: Call) -> Result<()> {
        Ok(())
    }

    /// After a call that succeeded; an error replaces its answer.
    async fn after(&self, _call: Call, _load: Load) -> Result<()> {
        Ok(())
    }

    /// After a call that failed, here or further in.
    fn failed(&self, _call: Call) {}

    /// How much a scan may bring at once.
    fn limit(&self, limit: Limit) -> Limit {
        limit
    }
}

/// Wraps a store.
pub(super) fn wrap<A: Around>(store: Arc<dyn Store>, around: Arc<A>) -> Arc<dyn Store> {
    Arc::new(Wrapped {
        inner: store,
        around,
    })
}

struct Wrapped<T: ?Sized, A> {
    around: Arc<A>,
    inner: T,
}

async fn through<T, A: Around>(
    around: &A,
    call: Call,
    inner: impl Future<Output = Result<T>> + Send,
    load: impl FnOnce(&T) -> Load + Send,
) -> Result<T> {
    let answer = async {
        around.before(call).await?;
        let answer = inner.await?;
        around.after(call, load(&answer)).await?;
        Ok(answer)
    };
    let answer = answer.await;
    if answer.is_err() {
        around.failed(call);
    }
    answer
}

fn nothing<T>(_: &T) -> Load {
    Load::default()
}

#[async_trait]
impl<A: Around> Store for Wrapped<Arc<dyn Store>, A> {
    fn descriptor(&self) -> &'static Descriptor {
        self.inner.descriptor()
    }

    fn address(&self) -> &Address {
        self.inner.address()
    }

    async fn describe(&self) -> Result<Description> {
        let inner = self.inner.describe();
        through(&*self.around, Call::Describe, inner, nothing).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        let inner = self.inner.fingerprint();
        through(&*self.around, Call::Fingerprint, inner, nothing).await
    }

    async fn identity(&self) -> Result<String> {
        let inner = self.inner.identity();
        through(&*self.around, Call::Identity, inner, nothing).await
    }

    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        let inner = self.inner.snapshot(how);
        let inner = through(&*self.around, Call::Snapshot, inner, nothing).await?;
        Ok(Box::new(Wrapped {
            around: self.around.clone(),
            inner,
        }))
    }

    async fn prepare(&self) -> Result<Prepared> {
        let inner = self.inner.prepare();
        through(&*self.around, Call::Prepare, inner, nothing).await
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        let inner = self.inner.writer(request);
        let inner = through(&*self.around, Call::Writer, inner, nothing).await?;
        Ok(Box::new(Wrapped {
            around: self.around.clone(),
            inner,
        }))
    }

    async fn discard(&self, run: &str) -> Result<()> {
        let inner = self.inner.discard(run);
        through(&*self.around, Call::Discard, inner, nothing).await
    }

    async fn remove(&self, fingerprint: &Fingerprint) -> Result<()> {
        let inner = self.inner.remove(fingerprint);
        through(&*self.around, Call::Remove, inner, nothing).await
    }
}

#[async_trait]
impl<A: Around> Snapshot for Wrapped<Box<dyn Snapshot>, A> {
    async fn counts(&mut self) -> Result<Counts> {
        let inner = self.inner.counts();
        through(&*self.around, Call::Counts, inner, nothing).await
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        let limit = self.around.limit(limit);
        let inner = self.inner.scan(kind, after, limit);
        let load = |page: &Page| Load {
            unreadable: page.unreadable.len() as u64,
            ..Load::of(page.records.iter())
        };
        through(&*self.around, Call::Scan, inner, load).await
    }

    async fn finish(&mut self) -> Result<()> {
        let inner = self.inner.finish();
        through(&*self.around, Call::Finish, inner, nothing).await
    }
}

#[async_trait]
impl<A: Around> Writer for Wrapped<Box<dyn Writer>, A> {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let inner = self.inner.find(kind, keys);
        let load = |found: &Vec<Option<Record>>| Load::of(found.iter().flatten());
        through(&*self.around, Call::Find, inner, load).await
    }

    fn announce(&mut self, next: &Arc<[Change]>) {
        self.inner.announce(next);
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let inner = self.inner.apply(batch);
        let load = |applied: &Applied| match applied {
            Applied::Done => Load {
                records: batch.changes.len() as u64,
                ..Load::of(batch.changes.iter().filter_map(|c| c.after.as_ref()))
            },
            Applied::Unknown | Applied::Conflict(_) => Load::default(),
        };
        through(&*self.around, Call::Apply, inner, load).await
    }

    async fn applied(&mut self) -> Result<Option<Box<dyn Snapshot>>> {
        let inner = self.inner.applied();
        let inner = through(&*self.around, Call::WriterSnapshot, inner, nothing).await?;
        Ok(inner.map(|inner| -> Box<dyn Snapshot> {
            Box::new(Wrapped {
                inner,
                around: self.around.clone(),
            })
        }))
    }

    async fn complete(&mut self) -> Result<()> {
        let inner = self.inner.complete();
        through(&*self.around, Call::Complete, inner, nothing).await
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        let inner = self.inner.snapshot();
        let inner = through(&*self.around, Call::WriterSnapshot, inner, nothing).await?;
        Ok(Box::new(Wrapped {
            around: self.around.clone(),
            inner,
        }))
    }

    async fn publish(&mut self) -> Result<Applied> {
        let inner = self.inner.publish();
        through(&*self.around, Call::Publish, inner, nothing).await
    }

    async fn abandon(&mut self) -> Result<()> {
        let inner = self.inner.abandon();
        through(&*self.around, Call::Abandon, inner, nothing).await
    }
}
