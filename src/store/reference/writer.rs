//! Writing to a place in each of the three modes.

use super::Misfits;
use super::contents::{Contents, Meets};
use super::faults::{Met, no_answer};
use super::fits;
use super::handle::{Inner, Lock, State, appeared};
use super::snapshot::Picture;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Record};
use crate::store::layer::Call;
use crate::store::{Applied, Batch, Change, Snapshot, WriteMode, Writer};
use async_trait::async_trait;
use std::sync::Arc;

/// A writer. In a transaction its work is its own; aside, it lies in the place under
/// the run's name and outlives a writer that is dropped.
pub(super) struct Writing {
    inner: Arc<Inner>,
    run: String,
    lock: Lock,
    session: u64,
    own: Option<Contents>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Published,
    /// The publish was lost on the way, and the transaction with it.
    Undone,
    Abandoned,
}

impl Writing {
    pub(super) fn new(inner: Arc<Inner>, run: String, lock: Lock, state: &State) -> Self {
        Self {
            inner,
            run,
            lock,
            session: state.session,
            own: (lock.mode == WriteMode::Transaction).then(|| state.contents.clone()),
            stage: Stage::Open,
        }
    }

    /// What this writer sees: its own work until it is published.
    fn with<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        let state = self.inner.state();
        let own = match self.lock.mode {
            _ if self.stage != Stage::Open => None,
            WriteMode::Aside => state.aside.get(&self.run),
            _ => self.own.as_ref(),
        };
        look(own.unwrap_or(&state.contents))
    }

    fn must_be_open(&self) -> Result<()> {
        match self.stage {
            Stage::Open => Ok(()),
            Stage::Undone => Err(Error::new(
                ErrorKind::Unreachable,
                "the transaction was undone when its connection was lost",
            )
            .remedy("Start it again.")),
            Stage::Published | Stage::Abandoned => {
                Err(Error::internal("a writer was used after its end"))
            }
        }
    }

    fn check_size(&self, batch: &Batch) -> Result<()> {
        let manners = &self.inner.manners;
        let bytes: usize = batch
            .changes
            .iter()
            .filter_map(|c| c.after.as_ref())
            .map(Record::size)
            .sum();
        let rows = manners
            .max_batch_rows
            .is_some_and(|max| batch.changes.len() > max);
        if rows || manners.max_batch_bytes.is_some_and(|max| bytes > max) {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "the batch is larger than the store takes",
            )
            .with("batch", batch.seq)
            .remedy("Write smaller batches."));
        }
        Ok(())
    }

    /// What is left to do of a batch, in the form it will be stored; or the conflicts.
    fn plan(&self, batch: &Batch, contents: &Contents) -> Result<Result<Vec<Step>, Vec<usize>>> {
        let mut canon = Canon::new();
        let (mut steps, mut conflicts) = (Vec::new(), Vec::new());
        for (position, change) in batch.changes.iter().enumerate() {
            let after = match &change.after {
                Some(record) => Some(self.fit(record, &mut canon)?),
                None => None,
            };
            let digest = change.after.as_ref().map(|record| canon.digest(record));
            match contents.meet(change, digest.as_ref(), &mut canon) {
                Meets::Before => steps.push(Step::of(change, after)),
                Meets::After => {}
                Meets::Neither => conflicts.push(position),
            }
        }
        if !conflicts.is_empty() {
            return Ok(Err(conflicts));
        }
        self.check_ends(&steps, contents)?;
        Ok(Ok(steps))
    }

    fn fit(&self, record: &Record, canon: &mut Canon) -> Result<Record> {
        let manners = &self.inner.manners;
        fits::stored(record, &manners.capabilities, manners.misfits, canon)
    }

    /// Refuses relationships without ends, or a second of a type, where the place
    /// holds none.
    fn check_ends(&self, steps: &[Step], contents: &Contents) -> Result<()> {
        let holds = &self.inner.manners.capabilities;
        if (holds.dangling && holds.parallel) || self.inner.manners.misfits == Misfits::Changed {
            return Ok(());
        }
        let mut next = contents.clone();
        for step in steps {
            step.make(&mut next);
        }
        for step in steps {
            let Step::Put(record) = step else { continue };
            let Record::Relationship(r) = &**record else {
                continue;
            };
            let has = |key: &Key| next.get(Kind::Node, key).is_some();
            let whole = has(&r.from) && has(&r.to);
            if !whole && !holds.dangling {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the reference store holds no relationship without its ends",
                ));
            }
            let same = next.after(Kind::Relationship, 0).filter(|(_, other)| {
                matches!(&***other, Record::Relationship(o)
                    if o.from == r.from && o.to == r.to && o.rel_type == r.rel_type)
            });
            if !holds.parallel && same.count() > 1 {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the reference store holds one relationship of a type between two nodes",
                ));
            }
        }
        Ok(())
    }

    fn make(&mut self, steps: Vec<Step>, met: &Met) -> Result<()> {
        let made = match met.partial {
            Some(n) if self.lock.mode == WriteMode::Journal => n.min(steps.len()),
            _ => steps.len(),
        };
        let mut state = self.inner.state();
        let state = &mut *state;
        let contents = match (self.lock.mode, &mut self.own) {
            (WriteMode::Aside, _) => state.aside.entry(self.run.clone()).or_default(),
            (WriteMode::Transaction, Some(own)) => own,
            _ => {
                if made > 0 || !state.exists {
                    state.exists = true;
                    state.version += 1;
                }
                &mut state.contents
            }
        };
        for step in &steps[..made] {
            step.make(contents);
        }
        match met.partial {
            Some(_) => Err(no_answer()),
            None => Ok(()),
        }
    }

    /// The commit itself.
    fn commit(&mut self) -> Result<()> {
        let mut state = self.inner.state();
        match self.lock.mode {
            WriteMode::Aside => {
                if state.exists {
                    return Err(appeared(&self.inner.address));
                }
                state.contents = state.aside.remove(&self.run).unwrap_or_default();
            }
            WriteMode::Transaction => state.contents = self.own.take().unwrap_or_default(),
            WriteMode::Journal if state.exists => return Ok(()),
            WriteMode::Journal => {}
        }
        state.exists = true;
        state.version += 1;
        Ok(())
    }

    fn let_go(&self) {
        let mut state = self.inner.state();
        if state.lock == Some(self.lock) {
            state.lock = None;
        }
    }
}

enum Step {
    Put(Box<Record>),
    Remove(Kind, Key),
}

impl Step {
    fn of(change: &Change, after: Option<Record>) -> Self {
        match after {
            Some(record) => Self::Put(Box::new(record)),
            None => Self::Remove(change.kind, change.key.clone()),
        }
    }

    fn make(&self, contents: &mut Contents) {
        match self {
            Self::Put(record) => contents.put(Record::clone(record)),
            Self::Remove(kind, key) => {
                contents.remove(*kind, key);
            }
        }
    }
}

#[async_trait]
impl Writer for Writing {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.inner.enter_session(Call::Find, self.session)?;
        Ok(self.with(|contents| {
            let find = |key| contents.get(kind, key).map(|record| Record::clone(record));
            keys.iter().map(find).collect()
        }))
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let met = self.inner.enter_session(Call::Apply, self.session)?;
        self.must_be_open()?;
        self.check_size(batch)?;
        let steps = match self.with(|contents| self.plan(batch, contents))? {
            Ok(steps) => steps,
            Err(conflicts) => return Ok(Applied::Conflict(conflicts)),
        };
        if !matches!(met.unanswered, Some((false, _))) {
            self.make(steps, &met)?;
        }
        answer(met.unanswered)
    }

    async fn applied(&mut self) -> Result<Option<Box<dyn Snapshot>>> {
        match self.lock.mode {
            WriteMode::Aside => self.snapshot().await.map(Some),
            WriteMode::Transaction | WriteMode::Journal => Ok(None),
        }
    }

    async fn complete(&mut self) -> Result<()> {
        self.inner.enter_session(Call::Complete, self.session)?;
        self.must_be_open()
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        self.inner
            .enter_session(Call::WriterSnapshot, self.session)?;
        let taken = self.with(Contents::clone);
        let state = self.inner.state();
        Ok(Box::new(Picture::new(
            self.inner.clone(),
            Some(taken),
            &state,
        )))
    }

    async fn publish(&mut self) -> Result<Applied> {
        let met = self.inner.enter_session(Call::Publish, self.session)?;
        if self.stage == Stage::Published {
            return answer(met.unanswered);
        }
        self.must_be_open()?;
        if matches!(met.unanswered, Some((false, _))) {
            if self.lock.mode == WriteMode::Transaction {
                self.stage = Stage::Undone;
            }
            return answer(met.unanswered);
        }
        self.commit()?;
        self.stage = Stage::Published;
        answer(met.unanswered)
    }

    async fn abandon(&mut self) -> Result<()> {
        self.inner.enter_session(Call::Abandon, self.session)?;
        if self.stage == Stage::Open {
            self.inner.state().aside.remove(&self.run);
            self.stage = Stage::Abandoned;
        }
        self.own = None;
        self.let_go();
        Ok(())
    }
}

fn answer(unanswered: Option<(bool, bool)>) -> Result<Applied> {
    match unanswered {
        None => Ok(Applied::Done),
        Some((_, false)) => Ok(Applied::Unknown),
        Some((_, true)) => Err(no_answer()),
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.let_go();
    }
}
