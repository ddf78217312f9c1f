//! From the stage to the target, batch by batch: pre-images looked up, undo durable,
//! written, acknowledged, checkpointed. A write that was not answered is never
//! repeated before the target was asked.

use super::census::Staged;
use super::checkpoint::Checkpoint;
use super::control::Control;
use super::decide::{Action, Decided};
use super::event::{Event, Phase};
use super::events::Events;
use super::home::RunFolder;
use super::journal::{Journal, Undo};
use super::plan::OnConflict;
use super::step::step;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Kind, Record};
use crate::report::Written;
use crate::store::{Applied, Batch, Change, Store, WriteMode, WriteRequest, Writer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes of records in a batch, at most; a larger record travels alone.
const BATCH_BYTES: usize = 2 << 20;

/// Times that a lost connection is opened again, and that a conflict is looked at anew.
const ATTEMPTS: u32 = 6;

/// What an import works with.
pub struct Import {
    /// The target.
    pub target: Arc<dyn Store>,
    /// How its writer is opened again.
    pub request: WriteRequest,
    /// The writer.
    pub writer: Box<dyn Writer>,
    /// The undo journal; none where the target is built aside.
    pub journal: Option<Journal>,
    /// The policy for records that appear meanwhile.
    pub policy: OnConflict,
    /// Most records of a batch.
    pub rows: usize,
    /// The run's folder.
    pub folder: RunFolder,
    /// How far the run is.
    pub checkpoint: Checkpoint,
    /// Where events go.
    pub events: Events,
    /// The controls.
    pub control: Control,
    /// What was written so far.
    pub written: Written,
    /// What an earlier part of the run wrote, which is there already.
    pub earlier: Written,
    /// Number of the last batch.
    pub seq: u64,
    done: [u64; 2],
    bytes: [u64; 2],
    canon: Canon,
}

/// Changes with what they replace, in the same order.
#[derive(Clone)]
struct Work {
    changes: Arc<[Change]>,
    before: Vec<Option<Record>>,
}

impl Work {
    fn each(&self) -> impl Iterator<Item = (&Change, &Option<Record>)> {
        self.changes.iter().zip(&self.before)
    }

    fn halves(mut self) -> (Self, Self) {
        let second = Self {
            changes: self.changes[self.before.len() / 2..].into(),
            before: self.before.split_off(self.before.len() / 2),
        };
        let first = Self {
            changes: self.changes[..self.before.len()].into(),
            before: self.before,
        };
        (first, second)
    }
}

impl Import {
    /// Ready to import.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        target: Arc<dyn Store>,
        request: WriteRequest,
        writer: Box<dyn Writer>,
        journal: Option<Journal>,
        plan: &super::plan::Write,
        folder: RunFolder,
        checkpoint: Checkpoint,
        (events, control): (Events, Control),
    ) -> Self {
        Self {
            target,
            request,
            writer,
            seq: journal.as_ref().map_or(0, Journal::last),
            journal,
            policy: plan.on_conflict,
            rows: plan.batch.max(1) as usize,
            folder,
            checkpoint,
            events,
            control,
            written: Written::default(),
            earlier: Written::default(),
            done: [0; 2],
            bytes: [0; 2],
            canon: Canon::new(),
        }
    }

    /// Imports what comes, as was decided, to the end.
    pub async fn run(
        &mut self,
        mut feed: mpsc::Receiver<Vec<Staged>>,
        mut decided: Option<Decided>,
    ) -> Result<()> {
        let mut pending: Vec<(Staged, Action)> = Vec::new();
        let mut bytes = 0;
        while let Some(staged) = feed.recv().await {
            pass(&self.control, self.request.mode, staged.len() as u64).await?;
            for one in staged {
                let action = match &mut decided {
                    Some(decided) => decided.of(one.seq)?,
                    None => Action::Add,
                };
                let (kind, size) = (one.record.kind(), one.record.size());
                self.done[kind as usize] += 1;
                self.bytes[kind as usize] += size as u64;
                match action {
                    Action::Same => *self.written.same.of(kind) += 1,
                    Action::Skip => *self.written.skipped.of(kind) += 1,
                    action => {
                        let first = pending.first().map(|(p, _)| p.record.kind());
                        if !pending.is_empty()
                            && (bytes + size > BATCH_BYTES
                                || pending.len() >= self.rows
                                || first != Some(kind))
                        {
                            self.flush(&mut pending).await?;
                            bytes = 0;
                        }
                        bytes += size;
                        pending.push((one, action));
                    }
                }
            }
            for kind in Kind::BOTH {
                let k = kind as usize;
                if self.done[k] > 0 {
                    self.events
                        .progress(Phase::Import, kind, self.done[k], self.bytes[k]);
                }
            }
        }
        self.flush(&mut pending).await?;
        for kind in Kind::BOTH {
            let k = kind as usize;
            self.events
                .reached(Phase::Import, kind, self.done[k], self.bytes[k]);
        }
        Ok(())
    }

    async fn flush(&mut self, pending: &mut Vec<(Staged, Action)>) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        // A target that refuses a batch for its size gets it in halves.
        let mut rest = vec![self.changes(std::mem::take(pending)).await?];
        while let Some(work) = rest.pop() {
            match self.write(work.clone()).await {
                Err(e) if e.kind() == ErrorKind::TooLarge && work.before.len() > 1 => {
                    let (first, second) = work.halves();
                    rest.extend([second, first]);
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// The changes, with what is in the target now for those that replace.
    async fn changes(&mut self, staged: Vec<(Staged, Action)>) -> Result<Work> {
        let replaced: Vec<_> = staged
            .iter()
            .filter(|(_, action)| *action == Action::Replace)
            .map(|(s, _)| s.record.key().clone())
            .collect();
        let kind = staged.first().map_or(Kind::Node, |(s, _)| s.record.kind());
        let mut found = match replaced.is_empty() {
            true => Vec::new(),
            false => self.writer.find(kind, &replaced).await?,
        }
        .into_iter();
        let mut changes = Vec::with_capacity(staged.len());
        let mut befores = Vec::with_capacity(staged.len());
        for (one, action) in staged {
            let before = match action {
                Action::Replace => found.next().flatten(),
                _ => None,
            };
            let digest = before.as_ref().map(|b| self.canon.digest(b));
            if digest.is_some_and(|d| d.matches(&one.digest)) {
                *self.written.same.of(kind) += 1;
                continue;
            }
            let change = Change {
                kind,
                key: one.record.key().clone(),
                before: digest,
                after: Some(one.record),
            };
            changes.push(change);
            befores.push(before);
        }
        Ok(Work {
            changes: changes.into(),
            before: befores,
        })
    }

    /// Writes one batch, whatever it takes.
    async fn write(&mut self, mut work: Work) -> Result<()> {
        for attempt in 0..ATTEMPTS {
            if work.before.is_empty() {
                return Ok(());
            }
            let seq = self.seq + 1;
            self.journal_batch(seq, &work).await?;
            let batch = Batch {
                seq,
                changes: work.changes.clone(),
            };
            let answer = self.writer.apply(&batch).await;
            step("batch-applied");
            match answer {
                Ok(Applied::Done) => return self.acknowledge(seq, &work).await,
                Ok(Applied::Conflict(at)) => {
                    self.seq = seq;
                    work = self.look_again(work, &at).await?;
                }
                Ok(Applied::Unknown) => {
                    if self.is_there(&work).await? {
                        return self.acknowledge(seq, &work).await;
                    }
                }
                Err(e) if e.is_temporary() && self.request.mode == WriteMode::Journal => {
                    self.events.warn("lost", format!("{e}; asking the target"));
                    self.reopen(attempt, e).await?;
                    if self.is_there(&work).await? {
                        return self.acknowledge(seq, &work).await;
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "the target is changed by somebody else faster than it can be written to",
        )
        .remedy("Stop the other program, then repeat the command to go on."))
    }

    async fn journal_batch(&mut self, seq: u64, work: &Work) -> Result<()> {
        let Some(mut journal) = self.journal.take() else {
            return Ok(());
        };
        let undos: Vec<Undo> = work
            .each()
            .map(|(change, before)| Undo {
                kind: change.kind,
                key: change.key.clone(),
                before: before.clone(),
                after: change.after.as_ref().map(|after| self.canon.digest(after)),
            })
            .collect();
        let durable = self.request.mode == WriteMode::Journal;
        let journal = super::blocking(move || {
            // A batch that is written again stands in the journal once more: undone
            // from its end, the journal comes to the first pre-image last.
            journal.append(seq, &undos)?;
            if durable {
                journal.sync()?;
            }
            Ok(journal)
        })
        .await?;
        self.journal = Some(journal);
        step("undo-durable");
        Ok(())
    }

    async fn acknowledge(&mut self, seq: u64, work: &Work) -> Result<()> {
        self.seq = seq;
        for (change, before) in work.each() {
            let tally = match before {
                None => &mut self.written.added,
                Some(_) => &mut self.written.changed,
            };
            *tally.of(change.kind) += 1;
        }
        self.checkpoint.acknowledged = seq;
        if self.request.mode == WriteMode::Journal {
            let (checkpoint, folder) = (self.checkpoint.clone(), self.folder.clone());
            super::blocking(move || checkpoint.save(&folder)).await?;
        }
        let records = work.before.len() as u64;
        self.events.emit(Event::Acknowledged {
            batch: seq,
            records,
        });
        step("batch-acknowledged");
        Ok(())
    }

    /// Somebody changed some of these records meanwhile: what is there now decides.
    async fn look_again(&mut self, work: Work, at: &[usize]) -> Result<Work> {
        let Some(kind) = work.changes.first().map(|c| c.kind) else {
            return Ok(work);
        };
        let keys: Vec<_> = at
            .iter()
            .filter_map(|i| work.changes.get(*i))
            .map(|c| c.key.clone())
            .collect();
        let mut now = self.writer.find(kind, &keys).await?;
        let mut again = (Vec::new(), Vec::new());
        for (i, (change, before)) in work.each().enumerate() {
            let (mut change, mut before) = (change.clone(), before.clone());
            if let Some(asked) = at.iter().position(|a| *a == i) {
                let now = now.get_mut(asked).and_then(Option::take);
                let digest = now.as_ref().map(|n| self.canon.digest(n));
                let wanted = change.after.as_ref().map(|a| self.canon.digest(a));
                if matches!((digest, wanted), (Some(a), Some(b)) if a.matches(&b)) {
                    *self.written.same.of(kind) += 1;
                    continue;
                }
                let appeared = now.is_some() && before.is_none();
                if appeared && self.policy != OnConflict::Overwrite {
                    let key = change.key.display();
                    let told = format!("{key} appeared in the target meanwhile and stays");
                    self.events.warn("appeared", told);
                    *self.written.skipped.of(kind) += 1;
                    continue;
                }
                change.before = digest;
                before = now;
            }
            again.0.push(change);
            again.1.push(before);
        }
        Ok(Work {
            changes: again.0.into(),
            before: again.1,
        })
    }

    /// Asks the target whether a batch without an answer is in it. All records as
    /// before, or some of each: no, and it can be applied again, since a change that is
    /// made is left alone. Anything else: somebody else wrote.
    async fn is_there(&mut self, work: &Work) -> Result<bool> {
        let Some(kind) = work.changes.first().map(|c| c.kind) else {
            return Ok(true);
        };
        let keys: Vec<_> = work.changes.iter().map(|c| c.key.clone()).collect();
        let mut found = Err(Error::internal("not asked"));
        for attempt in 0..ATTEMPTS {
            found = self.writer.find(kind, &keys).await;
            match &found {
                Err(e) if e.is_temporary() => {
                    let again = Error::new(e.kind(), e.message().to_owned());
                    self.reopen(attempt, again).await?;
                }
                _ => break,
            }
        }
        let mut all = true;
        for (change, now) in work.changes.iter().zip(found?) {
            let now = now.map(|n| self.canon.digest(&n));
            let after = change.after.as_ref().map(|a| self.canon.digest(a));
            match (now, after, change.before) {
                (Some(n), Some(a), _) if n.matches(&a) => {}
                (None, None, _) => {}
                (Some(n), _, Some(b)) if n.matches(&b) => all = false,
                (None, _, None) => all = false,
                _ => {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "a record was changed by somebody else while the target did not answer",
                    )
                    .with("id", change.key.display())
                    .remedy(
                        "Roll the run back, or stop the other program and repeat the command.",
                    ));
                }
            }
        }
        Ok(all)
    }

    async fn reopen(&mut self, attempt: u32, cause: Error) -> Result<()> {
        if attempt + 1 == ATTEMPTS {
            return Err(cause);
        }
        tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
        self.control.check()?;
        match self.target.writer(&self.request).await {
            Ok(writer) => self.writer = writer,
            Err(e) if e.is_temporary() => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

/// Waits while paused and as the limit says. A transaction is never held open by
/// either: the caller gives it up and begins again from the stage.
async fn pass(control: &Control, mode: WriteMode, records: u64) -> Result<()> {
    match mode {
        WriteMode::Transaction => {
            control.check()?;
            match control.pausing() {
                true => Err(Error::new(ErrorKind::Interrupted, "paused").temporary()),
                false => Ok(()),
            }
        }
        // What is built aside comes from an export that was let through already.
        WriteMode::Aside => control.unpaused().await,
        WriteMode::Journal => control.pass(records).await,
    }
}
