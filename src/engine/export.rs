//! From the source to the stage, page by page: one task reads pages, a blocking thread
//! digests, counts and stages them, and hands what is to be imported on at once where
//! the target is built aside. Broken off, it goes on behind the last whole frame.

use super::census::{Census, Staged, Taken};
use super::checkpoint::{Checkpoint, Exported, Step};
use super::control::Control;
use super::decide::{Action, Decisions};
use super::event::{Event, Phase};
use super::events::Events;
use super::home::RunFolder;
use super::step::step;
use crate::error::{Error, Result};
use crate::model::Kind;
use crate::store::archive::{ArchiveReader, ArchiveWriter, Header};
use crate::store::{Counts, Cursor, Limit, Page, Snapshot};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time between two checkpoints.
const CHECKPOINT: Duration = Duration::from_secs(2);

/// What an export needs.
pub struct Export {
    /// The source's picture.
    pub snapshot: Box<dyn Snapshot>,
    /// Where the stage is, or shall be.
    pub stage: PathBuf,
    /// Header of a new stage.
    pub header: Header,
    /// The run's folder.
    pub folder: RunFolder,
    /// How far the run is; its `export` says where to go on.
    pub checkpoint: Checkpoint,
    /// An empty census.
    pub census: Census,
    /// Who imports meanwhile.
    pub feed: Option<mpsc::Sender<Vec<Staged>>>,
    /// Where events go.
    pub events: Events,
    /// The controls.
    pub control: Control,
}

/// A page with its place.
struct Read {
    kind: Kind,
    page: Page,
}

impl Export {
    /// Reads everything. Returns the census and the checkpoint with the stage whole.
    pub async fn run(self) -> Result<(Census, Checkpoint)> {
        let Export {
            mut snapshot,
            stage,
            header,
            folder,
            checkpoint,
            census,
            feed,
            events,
            control,
        } = self;
        let counts = snapshot.counts().await?;
        events.emit(Event::Expected {
            phase: Phase::Export,
            nodes: counts.of(Kind::Node),
            relationships: counts.relationships,
        });
        let from = checkpoint.export.clone().filter(|_| stage.exists());
        let (pages, received) = mpsc::channel::<Read>(2);
        let mut work = Worker {
            folder,
            checkpoint,
            census,
            feed,
            events: events.clone(),
            saved: None,
        };
        let going_on = from.clone();
        let worker = tokio::task::spawn_blocking(move || -> Result<(Census, Checkpoint)> {
            let writer = work.open(&stage, &header, going_on.as_ref())?;
            step("export-begun");
            work.work(writer, received, going_on)
        });
        let read = read(&mut *snapshot, from, pages, &control).await;
        let worked = worker
            .await
            .map_err(|e| Error::internal("the export stopped").because(e))?;
        // A reader that stopped because nobody took its pages says nothing; one that
        // failed or was stopped is the cause of whatever the worker says.
        let complete = read.and(worked)?;
        snapshot.finish().await?;
        let found = complete.0.counts;
        check_counts(&events, counts, found, &complete.0);
        Ok(complete)
    }
}

/// A source that reads other numbers than it counts is told, never passed over.
fn check_counts(events: &Events, counted: Counts, staged: Counts, census: &Census) {
    let lost = census.unreadable_count.total();
    if census.is_open() && counted.total() != staged.total() + lost {
        events.warn(
            "source-count",
            format!(
                "the source counts {} records and {} were read ({lost} could not be)",
                counted.total(),
                staged.total(),
            ),
        );
    }
}

async fn read(
    snapshot: &mut dyn Snapshot,
    from: Option<Exported>,
    pages: mpsc::Sender<Read>,
    control: &Control,
) -> Result<()> {
    let first = from.as_ref().map_or(Kind::Node, |f| f.kind);
    let mut after: Option<Cursor> = from.and_then(|f| f.after);
    for kind in Kind::BOTH.into_iter().filter(|k| *k >= first) {
        loop {
            control.unpaused().await?;
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            control.pass(page.records.len() as u64).await?;
            after = page.next.clone();
            if pages.send(Read { kind, page }).await.is_err() {
                return Ok(());
            }
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// The blocking half.
struct Worker {
    folder: RunFolder,
    checkpoint: Checkpoint,
    census: Census,
    feed: Option<mpsc::Sender<Vec<Staged>>>,
    events: Events,
    saved: Option<Instant>,
}

impl Worker {
    fn open(
        &mut self,
        stage: &Path,
        header: &Header,
        from: Option<&Exported>,
    ) -> Result<ArchiveWriter> {
        if let Some(from) = from {
            let writer = ArchiveWriter::resume(stage)?;
            if writer.position().records >= from.records {
                return Ok(writer);
            }
        }
        let _ = std::fs::remove_file(stage);
        self.checkpoint.export = None;
        ArchiveWriter::create(stage, header)
    }

    fn work(
        mut self,
        mut writer: ArchiveWriter,
        mut pages: mpsc::Receiver<Read>,
        from: Option<Exported>,
    ) -> Result<(Census, Checkpoint)> {
        // What is staged already is counted again from the stage; the scan goes on
        // where the last checkpoint stood, so it meets some of those records again.
        let staged = writer.position().records;
        let mut skip = from.map_or(0, |from| staged - from.records);
        if staged > 0 {
            let mut reader = writer.reader()?;
            recount(&mut reader, &mut self.census, None, |batch| {
                send(&mut self.feed, batch)
            })?;
        }
        let mut done = [
            self.census.counts.of(Kind::Node),
            self.census.counts.relationships,
        ];
        while let Some(Read { kind, page }) = pages.blocking_recv() {
            self.census.unreadable(page.unreadable);
            let mut batch = Vec::with_capacity(page.records.len());
            let read = page.records.len() as u64;
            for record in page.records {
                if skip > 0 && self.census.passes(&record) {
                    skip -= 1;
                    continue;
                }
                match self.census.take(record)? {
                    Taken::Filtered => {}
                    Taken::LeftOut { record, portable } => {
                        push(&mut writer, &record, portable, &mut self.census)?;
                    }
                    Taken::Staged {
                        original,
                        portable,
                        staged,
                    } => {
                        let record = original.as_deref().unwrap_or(&staged.record);
                        writer.push_known(record, portable)?;
                        batch.push(staged);
                    }
                }
            }
            done[kind as usize] += read;
            let bytes = self.census.bytes[kind as usize];
            self.events
                .progress(Phase::Export, kind, done[kind as usize], bytes);
            send(&mut self.feed, batch);
            step("export-page");
            let next = match (page.next, kind) {
                (Some(after), kind) => Some((kind, Some(after))),
                (None, Kind::Node) => {
                    self.events.reached(Phase::Export, kind, done[0], bytes);
                    Some((Kind::Relationship, None))
                }
                (None, Kind::Relationship) => None,
            };
            match next {
                Some((kind, after)) => self.checkpoint(&mut writer, kind, after)?,
                None => {
                    self.events.reached(Phase::Export, kind, done[1], bytes);
                    return self.whole(writer);
                }
            }
        }
        Err(Error::internal("the source ended before its end"))
    }

    fn checkpoint(
        &mut self,
        writer: &mut ArchiveWriter,
        kind: Kind,
        after: Option<Cursor>,
    ) -> Result<()> {
        if self.saved.is_some_and(|at| at.elapsed() < CHECKPOINT) {
            return Ok(());
        }
        writer.end_frame()?;
        writer.sync()?;
        self.checkpoint.export = Some(Exported {
            kind,
            after,
            records: writer.position().records,
        });
        self.checkpoint.save(&self.folder)?;
        self.saved = Some(Instant::now());
        step("export-checkpoint");
        Ok(())
    }

    fn whole(mut self, writer: ArchiveWriter) -> Result<(Census, Checkpoint)> {
        writer.finish(serde_json::Map::new())?;
        self.checkpoint.step = Step::Staged;
        self.checkpoint.export = None;
        self.checkpoint.save(&self.folder)?;
        step("stage-finished");
        Ok((self.census, self.checkpoint))
    }
}

/// Stages a record that the target will not get; one too large even for the stage is
/// named by its loss alone.
fn push(
    writer: &mut ArchiveWriter,
    record: &crate::model::Record,
    portable: bool,
    census: &mut Census,
) -> Result<()> {
    if record.size() > super::loss::MAX_RECORD {
        census.not_staged();
        return Ok(());
    }
    writer.push_known(record, portable).map(drop)
}

/// Hands records on; an importer that is gone is told by its own error.
fn send(feed: &mut Option<mpsc::Sender<Vec<Staged>>>, batch: Vec<Staged>) {
    if let Some(sender) = feed
        && !batch.is_empty()
        && sender.blocking_send(batch).is_err()
    {
        *feed = None;
    }
}

/// Records handed on at a time.
const HANDED: usize = 1_000;

/// Takes a census of what is staged, under decisions made before.
pub fn recount(
    stage: &mut ArchiveReader,
    census: &mut Census,
    decisions: Option<&Decisions>,
    mut then: impl FnMut(Vec<Staged>),
) -> Result<()> {
    let mut decided = decisions.map(Decisions::read);
    let mut batch = Vec::with_capacity(HANDED);
    for frame in 0..stage.frame_count() {
        if stage.frame(frame).is_none_or(|f| f.kind.is_none()) {
            continue;
        }
        for n in 0..stage.load(frame)? {
            let record = stage.loaded_record(n)?;
            let action = match &mut decided {
                Some(decided) => decided.of(census.next)?,
                None => Action::Add,
            };
            batch.extend(census.take_as(record, action)?);
            if batch.len() == HANDED {
                then(std::mem::replace(&mut batch, Vec::with_capacity(HANDED)));
            }
        }
    }
    then(batch);
    Ok(())
}
