//! From the stage to the target, batch by batch: pre-images looked up, undo durable,
//! written, acknowledged, checkpointed. A write that was not answered is never
//! repeated before the target was asked.

mod again;

use super::census::{Census, Staged};
use super::checkpoint::Checkpoint;
use super::control::{Control, is_lost};
use super::decide::Action;
use super::event::{Event, Phase};
use super::events::Events;
use super::home::RunFolder;
use super::journal::{Entry, Journal};
use super::ledger::LedgerBuilder;
use super::plan::OnConflict;
use super::step::step;
use super::verify::{Content, read_content};
use super::work::{Begun, Entries, Work};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Record};
use crate::report::Written;
use crate::store::protocol::thread::Coming;
use crate::store::{Applied, Batch, Change, Snapshot, Store, WriteMode, WriteRequest, Writer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes of records in a batch, at most; a larger record travels alone.
const BATCH_BYTES: usize = 2 << 20;

/// Times that a batch is written anew: after an answer that did not come, or a conflict.
const ATTEMPTS: u32 = 8;

/// Pauses before a lost connection is opened again: about half a minute in all.
const PAUSES: [u64; 7] = [50, 200, 800, 2_000, 4_000, 8_000, 16_000];

/// What an import works with.
pub struct Import {
    target: Arc<dyn Store>,
    /// How its writer is opened again.
    request: WriteRequest,
    /// None only while it is opened again.
    writer: Option<Box<dyn Writer>>,
    /// The undo journal; none where the target is built aside.
    pub journal: Option<Journal>,
    policy: OnConflict,
    /// Most records of a batch.
    rows: usize,
    folder: RunFolder,
    /// How far the run is.
    pub checkpoint: Checkpoint,
    events: Events,
    control: Control,
    /// What was written so far.
    pub written: Written,
    /// What somebody else put meanwhile where this run was to write, and that stays.
    pub theirs: LedgerBuilder,
    /// What the target holds, if it was read while it was completed.
    pub read_back: Option<Content>,
    /// Records, by kind, that are the same only because an earlier part of the run wrote
    /// them.
    pub met_again: [u64; 2],
    seq: u64,
    done: [u64; 2],
    bytes: [u64; 2],
    canon: Canon,
    /// Makes what is journalled; none until it is needed.
    entries: Option<Entries>,
    /// The batch that is written next: it is held back until the one behind it is known,
    /// which is made ready while the target is at work.
    held: Option<Begun>,
    /// Whether the limit was kept already, by an export that goes on meanwhile.
    let_through: bool,
}

impl Import {
    /// Ready to import; `sort_in` is where entries are sorted.
    pub fn new(
        target: Arc<dyn Store>,
        (request, writer): (WriteRequest, Box<dyn Writer>),
        journal: Option<Journal>,
        plan: &super::plan::Write,
        (folder, checkpoint, sort_in): (RunFolder, Checkpoint, &Path),
        (events, control): (Events, Control),
    ) -> Self {
        Self {
            target,
            control: match request.mode {
                WriteMode::Transaction => control.holding(),
                _ => control,
            },
            request,
            writer: Some(writer),
            seq: journal.as_ref().map_or(0, Journal::last),
            journal,
            policy: plan.on_conflict,
            rows: plan.batch.max(1) as usize,
            folder,
            checkpoint,
            events,
            written: Written::default(),
            theirs: LedgerBuilder::new(sort_in),
            read_back: None,
            met_again: [0; 2],
            done: [0; 2],
            bytes: [0; 2],
            canon: Canon::new(),
            entries: None,
            held: None,
            let_through: false,
        }
    }

    /// The same for what an export hands over, which keeps the limit.
    pub fn behind_export(self) -> Self {
        Self {
            let_through: true,
            ..self
        }
    }

    /// Most records and bytes of a batch.
    pub fn most(&self) -> (usize, usize) {
        (self.rows, BATCH_BYTES)
    }

    /// Tells so many more records of a kind.
    pub fn tell_more(&mut self, kind: Kind, more: u64) {
        let k = kind as usize;
        self.done[k] += more;
        self.events
            .progress(Phase::Import, kind, self.done[k], self.bytes[k]);
    }

    /// How the target is written.
    pub fn mode(&self) -> WriteMode {
        self.request.mode
    }

    /// Forgets an earlier attempt that the target has undone.
    pub async fn begin_again(&mut self) -> Result<()> {
        if let Some(mut journal) = self.journal.take() {
            let journal = super::blocking(move || {
                journal.clear()?;
                Ok(journal)
            });
            self.journal = Some(journal.await?);
            self.seq = 0;
        }
        Ok(())
    }

    /// Imports what comes, to the end.
    pub async fn run(&mut self, mut feed: mpsc::Receiver<Vec<Staged>>) -> Result<()> {
        let mut pending: Vec<Staged> = Vec::new();
        let mut bytes = 0;
        while let Some(staged) = feed.recv().await {
            match self.let_through {
                true => self.control.unpaused().await?,
                false => self.control.pass(staged.len() as u64).await?,
            }
            for one in staged {
                let (kind, size) = (one.record.kind(), one.record.size());
                self.done[kind as usize] += 1;
                self.bytes[kind as usize] += size as u64;
                match one.decision.action {
                    Action::Same if self.met_again[kind as usize] > 0 => {
                        self.met_again[kind as usize] -= 1;
                    }
                    Action::Same => *self.written.same.of(kind) += 1,
                    Action::Skip => *self.written.skipped.of(kind) += 1,
                    action => {
                        let size = match action {
                            Action::Replace => size.max(1 << one.decision.replaces.min(40)),
                            _ => one.record.footprint(),
                        };
                        let first = pending.first().map(|p| p.record.kind());
                        if !pending.is_empty()
                            && (bytes + size > BATCH_BYTES
                                || pending.len() >= self.rows
                                || first != Some(kind))
                        {
                            self.flush(&mut pending).await?;
                            bytes = 0;
                        }
                        bytes += size;
                        pending.push(one);
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
        if let Some(last) = self.held.take() {
            self.write_parts(last.work, Some(last.entry)).await?;
        }
        for kind in Kind::BOTH {
            let k = kind as usize;
            self.events
                .reached(Phase::Import, kind, self.done[k], self.bytes[k]);
        }
        Ok(())
    }

    async fn flush(&mut self, pending: &mut Vec<Staged>) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        // The next batch is about as long.
        let next = Vec::with_capacity(pending.len());
        let work = self.changes(std::mem::replace(pending, next)).await?;
        if self.mode() != WriteMode::Journal {
            return self.write_parts(work, None).await;
        }
        // Nothing of it is durable before the one that is held is acknowledged.
        let entry = self.entry(&work)?;
        self.writer()?.announce(&work.changes);
        match self.held.replace(Begun { work, entry }) {
            Some(next) => self.write_parts(next.work, Some(next.entry)).await,
            None => Ok(()),
        }
    }

    /// Begins with the entry of the journal for a batch.
    fn entry(&mut self, work: &Work) -> Result<Coming<Entry>> {
        let entries = match self.entries.take() {
            Some(entries) => entries,
            None => Entries::new()?,
        };
        self.entries.insert(entries).begin(work)
    }

    /// Writes a batch, whose entry may have been made already; a target that refuses it for
    /// its size gets it in halves.
    pub(super) async fn write_parts(
        &mut self,
        work: Work,
        entry: Option<Coming<Entry>>,
    ) -> Result<()> {
        // A page can hold many batches.
        self.control.unpaused().await?;
        let mut rest = vec![(work, entry)];
        while let Some((work, entry)) = rest.pop() {
            match self.write(work.clone(), entry).await {
                Err(e) if e.kind() == ErrorKind::TooLarge && work.before.len() > 1 => {
                    let (first, second) = work.halves();
                    rest.extend([(second, None), (first, None)]);
                }
                done => done?,
            }
        }
        Ok(())
    }

    /// The changes, with what is in the target now for those that replace.
    async fn changes(&mut self, staged: Vec<Staged>) -> Result<Work> {
        let is_replacing = |s: &&Staged| s.decision.action == Action::Replace;
        let replaced: Vec<_> = staged
            .iter()
            .filter(is_replacing)
            .map(|s| s.record.key().clone())
            .collect();
        let kind = staged.first().map_or(Kind::Node, |s| s.record.kind());
        let mut found = match replaced.is_empty() {
            true => Vec::new(),
            false => self.find(kind, &replaced).await?,
        }
        .into_iter();
        let mut changes = Vec::with_capacity(staged.len());
        let mut befores = Vec::with_capacity(staged.len());
        for one in staged {
            let before = match one.decision.action {
                Action::Replace => found.next().flatten(),
                _ => None,
            };
            let digest = before.as_ref().map(|b| self.canon.digest(b));
            if digest.is_some_and(|d| d.matches(&self.canon.digest(&one.record))) {
                *self.written.same.of(kind) += 1;
                continue;
            }
            changes.push(Change {
                kind,
                key: one.record.key().clone(),
                before: digest,
                after: Some(one.record),
            });
            befores.push(before.map(Box::new));
        }
        Ok(Work {
            changes: changes.into(),
            before: befores.into(),
        })
    }

    /// Writes one batch, whatever it takes.
    async fn write(&mut self, mut work: Work, mut entry: Option<Coming<Entry>>) -> Result<()> {
        // Whether nothing of what stands last in the journal can be in the target.
        let (mut journalled, mut untouched) = (false, true);
        for _ in 0..ATTEMPTS {
            if work.before.is_empty() {
                return Ok(());
            }
            let seq = self.seq + 1;
            if !journalled {
                // Only the first time is the batch still what the entry was made of.
                self.journal_batch(seq, &work, entry.take()).await?;
                journalled = true;
            }
            let batch = Batch {
                seq,
                changes: work.changes.clone(),
            };
            let answer = self.writer()?.apply(&batch).await;
            step("batch-applied");
            match answer {
                Ok(Applied::Done) => return self.acknowledge(seq, &work).await,
                Ok(Applied::Conflict(at)) => {
                    self.give_up_entry(untouched, seq).await?;
                    (journalled, untouched) = (false, true);
                    work = self.look_again(work, &at).await?;
                }
                Ok(Applied::Unknown) => {
                    untouched = false;
                    if self.is_there(&work).await? {
                        return self.acknowledge(seq, &work).await;
                    }
                }
                Err(e) if e.kind() == ErrorKind::TooLarge => {
                    self.give_up_entry(untouched, seq).await?;
                    return Err(e);
                }
                Err(e) if is_lost(&e) && self.mode() == WriteMode::Journal => {
                    untouched = false;
                    self.reopen(e).await?;
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

    async fn journal_batch(
        &mut self,
        seq: u64,
        work: &Work,
        entry: Option<Coming<Entry>>,
    ) -> Result<()> {
        if self.journal.is_none() {
            return Ok(());
        }
        let entry = match entry {
            Some(entry) => entry,
            None => self.entry(work)?,
        };
        let entry = entry.get().await?;
        let Some(mut journal) = self.journal.take() else {
            return Ok(());
        };
        let durable = self.mode() == WriteMode::Journal;
        let journal = super::blocking(move || {
            journal.append(seq, entry)?;
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

    /// The target refused a batch. If it was never left without an answer, nothing of it
    /// was done and its entry is taken out again; else the entry stays, and what comes
    /// next has a number of its own.
    async fn give_up_entry(&mut self, untouched: bool, seq: u64) -> Result<()> {
        if !untouched {
            self.seq = seq;
        } else if let Some(mut journal) = self.journal.take() {
            let journal = super::blocking(move || {
                journal.retract()?;
                Ok(journal)
            });
            self.journal = Some(journal.await?);
        }
        Ok(())
    }

    async fn acknowledge(&mut self, seq: u64, work: &Work) -> Result<()> {
        self.seq = seq;
        for (change, before) in work.each() {
            let tally = match (before, &change.after) {
                (_, None) => &mut self.written.removed,
                (None, _) => &mut self.written.added,
                (Some(_), _) => &mut self.written.changed,
            };
            *tally.of(change.kind) += 1;
        }
        self.checkpoint.acknowledged = seq;
        if self.mode() == WriteMode::Journal {
            self.checkpoint.written = self.written;
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

    fn writer(&mut self) -> Result<&mut dyn Writer> {
        match &mut self.writer {
            Some(writer) => Ok(&mut **writer),
            None => Err(
                Error::new(ErrorKind::Unreachable, "the target is not open any more").temporary(),
            ),
        }
    }

    /// Finds records, through a lost connection if need be.
    pub async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        for _ in 0..ATTEMPTS {
            match self.writer()?.find(kind, keys).await {
                Err(e) => self.reopen(e).await?,
                found => return found,
            }
        }
        self.writer()?.find(kind, keys).await
    }

    /// Ends importing, through a lost connection if need be.
    pub async fn complete(&mut self) -> Result<()> {
        for _ in 0..ATTEMPTS {
            match self.writer()?.complete().await {
                Err(e) => self.reopen(e).await?,
                done => return done,
            }
        }
        self.writer()?.complete().await
    }

    /// The same, and reads the target back meanwhile, if it can be: into `census`.
    pub async fn complete_reading(&mut self, census: Census) -> Result<()> {
        let Some(mut applied) = self.writer()?.applied().await? else {
            return self.complete().await;
        };
        self.events.begin(Phase::Verify);
        let (events, control) = (self.events.clone(), self.control.clone());
        let told = (&events, &control);
        let read = read_content(&mut *applied, census, Phase::Verify, told);
        let (completed, read) = tokio::join!(self.complete(), read);
        completed?;
        // What could not be read is read again, by those who know what to do about it.
        self.read_back = read.ok();
        Ok(())
    }

    /// The target as it is now, for verification.
    pub async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        self.writer()?.snapshot().await
    }

    /// See [`Writer::publish`].
    pub async fn publish(&mut self) -> Result<Applied> {
        self.writer()?.publish().await
    }

    /// Lets go of the target; what is not published is gone.
    pub async fn abandon(&mut self) -> Result<()> {
        match self.writer.take() {
            Some(mut writer) => writer.abandon().await,
            None => Ok(()),
        }
    }

    /// Opens the target again after the connection was lost, if that is what happened
    /// and nothing depends on it having lasted; else hands the error back.
    pub async fn reopen(&mut self, cause: Error) -> Result<()> {
        if !is_lost(&cause) || self.mode() != WriteMode::Journal {
            return Err(cause);
        }
        self.events
            .warn("lost", format!("{cause}; opening the target again"));
        let _ = self.abandon().await;
        for pause in PAUSES {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.control.check()?;
            match self.target.writer(&self.request).await {
                Ok(writer) => {
                    self.writer = Some(writer);
                    return Ok(());
                }
                Err(e) if is_lost(&e) || e.kind() == ErrorKind::Locked => {}
                Err(e) => return Err(e),
            }
        }
        Err(cause)
    }
}
