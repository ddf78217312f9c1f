//! A picture of a place: isolated, or with a view of what is written meanwhile.

use super::Drift;
use super::contents::Contents;
use super::handle::{Inner, State};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kind, Record};
use crate::store::layer::Call;
use crate::store::{Counts, Cursor, Fingerprint, Limit, Page, Snapshot};
use async_trait::async_trait;
use std::sync::Arc;

/// A snapshot. Without contents of its own it reads the place as it is now.
pub(super) struct Picture {
    inner: Arc<Inner>,
    taken: Option<Contents>,
    fingerprint: Fingerprint,
    session: u64,
}

impl Picture {
    pub(super) fn new(inner: Arc<Inner>, taken: Option<Contents>, state: &State) -> Self {
        Self {
            inner,
            taken,
            fingerprint: state.fingerprint(),
            session: state.session,
        }
    }

    fn with<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        match &self.taken {
            Some(taken) => look(taken),
            None => look(&self.inner.state().contents),
        }
    }

    fn drifted(&self) -> Result<()> {
        let tells = self.inner.manners.drift != Drift::Silent;
        if tells && self.taken.is_none() && self.inner.state().fingerprint() != self.fingerprint {
            return Err(Error::new(
                ErrorKind::Drifted,
                "somebody wrote to the reference store while it was read",
            )
            .temporary()
            .remedy("Read it again."));
        }
        Ok(())
    }
}

#[async_trait]
impl Snapshot for Picture {
    async fn counts(&mut self) -> Result<Counts> {
        self.inner.enter_session(Call::Counts, self.session)?;
        Ok(self.with(Contents::counts))
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        self.inner.enter_session(Call::Scan, self.session)?;
        if self.inner.manners.drift == Drift::ToldByScan {
            self.drifted()?;
        }
        let after = after.map_or(Ok(0), read_cursor)?;
        Ok(self.with(|contents| page(contents, kind, after, limit)))
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner.enter_session(Call::Finish, self.session)?;
        self.drifted()
    }
}

fn read_cursor(cursor: &Cursor) -> Result<u64> {
    match cursor.0.as_slice().try_into() {
        Ok(bytes) => Ok(u64::from_be_bytes(bytes)),
        Err(_) => Err(Error::new(
            ErrorKind::Usage,
            "that cursor is not from this store",
        )),
    }
}

fn page(contents: &Contents, kind: Kind, after: u64, limit: Limit) -> Page {
    let mut page = Page::default();
    let mut bytes = 0;
    let mut last = after;
    for (number, record) in contents.after(kind, after) {
        bytes += record.size();
        let full = page.records.len() >= limit.rows || bytes > limit.bytes;
        if full && !page.records.is_empty() {
            page.next = Some(Cursor(last.to_be_bytes().to_vec()));
            break;
        }
        page.records.push(Record::clone(record));
        last = number;
    }
    page
}
