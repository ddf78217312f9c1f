//! From the source to the stage, page by page: one task reads pages, one thread digests
//! and counts them, another stages them and hands what is to be imported on at once where
//! the target is built aside. Broken off, it goes on behind the last whole frame.

use super::census::{Census, Staged, Taken};
use super::checkpoint::{Checkpoint, Exported, Lost, Step};
use super::control::Control;
use super::decide::{Decision, Decisions};
use super::event::{Event, Phase};
use super::events::Events;
use super::home::RunFolder;
use super::loss::MAX_RECORD;
use super::step::step;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::report::words;
use crate::store::archive::{ArchiveReader, ArchiveWriter, Header};
use crate::store::{Counts, Cursor, Page, Snapshot};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time between two checkpoints.
const CHECKPOINT: Duration = Duration::from_secs(2);

/// What an export needs.
pub struct Export {
    /// The source's picture.
    pub snapshot: Box<dyn Snapshot>,
    /// Whether that may show what is written meanwhile.
    pub may_drift: bool,
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
            may_drift,
            stage,
            header,
            folder,
            checkpoint,
            mut census,
            feed,
            events,
            control,
        } = self;
        census.packs = feed.is_some();
        let counts = snapshot.counts().await?;
        events.emit(Event::Expected {
            phase: Phase::Export,
            nodes: counts.of(Kind::Node),
            relationships: counts.relationships,
        });
        let mut work = Worker {
            census,
            stager: Stager {
                folder: folder.clone(),
                checkpoint,
                feed,
                events: events.clone(),
                saved: None,
            },
        };
        let (work, writer, from) = super::blocking(move || {
            let (writer, from) = work.open(&stage, &header)?;
            step("export-begun");
            Ok((work, writer, from))
        })
        .await?;
        let (pages, received) = mpsc::channel::<Read>(2);
        let going_on = from.clone();
        let worker = tokio::task::spawn_blocking(move || work.work(writer, received, going_on));
        let read = read(&mut *snapshot, from, pages, &control).await;
        let worked = worker
            .await
            .map_err(|e| Error::internal("the export stopped").because(e))?;
        // A reader that stopped because nobody took its pages says nothing itself.
        read?;
        let (census, mut checkpoint) = worked?;
        snapshot.finish().await?;
        check_counts(&events, counts, &census, may_drift)?;
        // Only now is the stage known to be one picture, and only whole does it count.
        super::blocking(move || {
            checkpoint.step = Step::Staged;
            checkpoint.export = None;
            checkpoint.save(&folder)?;
            step("stage-finished");
            Ok((census, checkpoint))
        })
        .await
    }
}

/// A source that reads other numbers than it counts was written to meanwhile, or is
/// damaged. Records that are missing and that nothing names end the run; where some could
/// not be read and are named, or there are more than were counted, that is told.
fn check_counts(events: &Events, counted: Counts, census: &Census, may_drift: bool) -> Result<()> {
    let (staged, lost) = (census.counts.total(), census.lost.total());
    let counted = counted.total();
    if !census.is_open() || counted == staged + lost {
        return Ok(());
    }
    if may_drift && lost == 0 {
        return Err(Error::new(
            ErrorKind::Drifted,
            "the source was written to while it was read",
        )
        .temporary());
    }
    if lost == 0 {
        all_found("source", counted, staged)?;
    }
    let (counts, read) = (words::records(counted), words::count(staged, "was", "were"));
    events.warn(
        "source-count",
        match lost {
            0 => format!("the source counts {counts} and {read} read"),
            _ => format!("the source counts {counts} and {read} read ({lost} could not be)"),
        },
    );
    Ok(())
}

/// An error if a store, called so, counts more records than were read.
pub fn all_found(store: &str, counted: u64, read: u64) -> Result<()> {
    if counted <= read {
        return Ok(());
    }
    let (counts, read) = (words::records(counted), words::count(read, "was", "were"));
    Err(Error::new(
        ErrorKind::Corrupt,
        format!("the {store} counts {counts} and {read} read: the rest is not to be found"),
    )
    .remedy(format!(
        "Check and repair the {store} with its own tools, then repeat the command."
    )))
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
            let page = snapshot.scan(kind, after.as_ref(), control.page()).await?;
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
    census: Census,
    stager: Stager,
}

/// What a page became.
struct Digested {
    kind: Kind,
    records: Vec<Taken>,
    /// Records of the kind so far, and their bytes.
    done: u64,
    bytes: u64,
    /// What went by unstaged so far, if there is more of it than before.
    lost: Option<Lost>,
    /// Where the source goes on.
    next: Option<Cursor>,
}

impl Worker {
    /// Opens the stage, and tells where the source is to be read on: from its start,
    /// unless the stage of a broken export holds what its checkpoint promises.
    fn open(&mut self, stage: &Path, header: &Header) -> Result<(ArchiveWriter, Option<Exported>)> {
        let checkpoint = &mut self.stager.checkpoint;
        if let Some(from) = checkpoint.export.take().filter(|_| stage.exists()) {
            match ArchiveWriter::resume(stage) {
                Ok(writer) if writer.position().records >= from.records => {
                    self.census.lost = checkpoint.lost.clone();
                    checkpoint.export = Some(from.clone());
                    return Ok((writer, Some(from)));
                }
                _ => self.stager.events.warn(
                    "stage-damaged",
                    "the stage is not as it was left; reading the source from its start",
                ),
            }
        }
        checkpoint.lost = Default::default();
        match std::fs::remove_file(stage) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", stage, e));
            }
            _ => {}
        }
        Ok((ArchiveWriter::create_stage(stage, header)?, None))
    }

    fn work(
        self,
        writer: ArchiveWriter,
        pages: mpsc::Receiver<Read>,
        from: Option<Exported>,
    ) -> Result<(Census, Checkpoint)> {
        let Self {
            mut census,
            mut stager,
        } = self;
        // What is staged already is counted again from the stage; the scan goes on
        // where the last checkpoint stood, so it meets some of those records again.
        let staged = writer.position().records;
        let skip = from.map_or(0, |from| staged - from.records);
        if staged > 0 {
            let mut reader = writer.reader()?;
            recount(&mut reader, &mut census, None, |batch| {
                send(&mut stager.feed, batch);
                true
            })?;
        }
        let (to, digested) = sync_channel(1);
        let checkpoint = std::thread::scope(|scope| {
            let writing = std::thread::Builder::new()
                .name("stage".into())
                .spawn_scoped(scope, || stager.write(writer, digested))
                .map_err(|e| Error::new(ErrorKind::Io, "cannot start a thread").because(e))?;
            let digested = digest(&mut census, pages, skip, to);
            let written = writing.join();
            digested?;
            written.map_err(|_| Error::internal("staging stopped"))?
        })?;
        Ok((census, checkpoint))
    }
}

/// Takes a census of pages, to the end of the source or until nobody stages them.
fn digest(
    census: &mut Census,
    mut pages: mpsc::Receiver<Read>,
    mut skip: u64,
    to: SyncSender<Digested>,
) -> Result<()> {
    let mut done = [census.counts.of(Kind::Node), census.counts.relationships];
    let mut lost = census.lost.total();
    while let Some(Read { kind, page }) = pages.blocking_recv() {
        census.lost.unreadable(page.unreadable);
        let mut records = Vec::with_capacity(page.records.len());
        for record in page.records {
            let large = record.size() > MAX_RECORD;
            if skip > 0 && !large && census.passes(&record) {
                skip -= 1;
                continue;
            }
            done[kind as usize] += 1;
            if large {
                if census.passes(&record) {
                    census.lost.too_large(&record);
                }
                continue;
            }
            records.push(census.take(record)?);
        }
        let more = census.lost.total() > lost;
        lost = census.lost.total();
        let digested = Digested {
            kind,
            records,
            done: done[kind as usize],
            bytes: census.bytes[kind as usize],
            lost: more.then(|| census.lost.clone()),
            next: page.next,
        };
        if to.send(digested).is_err() {
            break;
        }
    }
    Ok(())
}

/// Writes the stage.
struct Stager {
    folder: RunFolder,
    checkpoint: Checkpoint,
    feed: Option<mpsc::Sender<Vec<Staged>>>,
    events: Events,
    saved: Option<Instant>,
}

impl Stager {
    /// Stages what comes, to the end of the source.
    fn write(mut self, mut writer: ArchiveWriter, pages: Receiver<Digested>) -> Result<Checkpoint> {
        for page in pages {
            let mut batch = Vec::with_capacity(page.records.len());
            for taken in page.records {
                match taken {
                    Taken::Filtered => {}
                    Taken::LeftOut { record, portable } => {
                        writer.push_known(&record, portable)?;
                    }
                    Taken::Staged {
                        original,
                        portable,
                        packed,
                        staged,
                    } => {
                        let record = original.as_deref().unwrap_or(&staged.record);
                        writer.push_known(record, portable)?;
                        batch.push(Staged {
                            record: staged.record.packed(packed),
                            ..staged
                        });
                    }
                }
            }
            if let Some(lost) = page.lost {
                self.checkpoint.lost = lost;
            }
            let (kind, done, bytes) = (page.kind, page.done, page.bytes);
            self.events.progress(Phase::Export, kind, done, bytes);
            send(&mut self.feed, batch);
            step("export-page");
            match (page.next, kind) {
                (Some(after), kind) => self.checkpoint(&mut writer, kind, Some(after))?,
                (None, Kind::Node) => {
                    self.events.reached(Phase::Export, kind, done, bytes);
                    self.checkpoint(&mut writer, Kind::Relationship, None)?;
                }
                (None, Kind::Relationship) => {
                    self.events.reached(Phase::Export, kind, done, bytes);
                    writer.finish(serde_json::Map::new())?;
                    return Ok(self.checkpoint);
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

/// Records handed on at a time, and their bytes.
const HANDED: (usize, usize) = (1_000, 1 << 20);

/// Opens a stage that is whole, or says that it is not: a damaged one would lack records.
pub fn open_stage(path: &Path) -> Result<ArchiveReader> {
    let damaged = || {
        Error::new(ErrorKind::Corrupt, "the stage of this run is damaged")
            .with("file", path.display())
            .remedy("Roll the run back, or start it again with --restart.")
    };
    match ArchiveReader::open(path) {
        Ok(stage) if stage.is_finished() && stage.damage().is_empty() => Ok(stage),
        // Whatever it looks like now, it was an archive.
        Err(e) if e.kind() == ErrorKind::NotThisStore => Err(damaged().because(e)),
        Ok(_) => Err(damaged()),
        Err(e) => Err(e),
    }
}

/// Takes a census of what is staged, under decisions made before, handing it on until
/// nobody wants more.
pub fn recount(
    stage: &mut ArchiveReader,
    census: &mut Census,
    decisions: Option<&Decisions>,
    mut then: impl FnMut(Vec<Staged>) -> bool,
) -> Result<()> {
    let mut decided = decisions.map(Decisions::read);
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for frame in 0..stage.frame_count() {
        if stage.frame(frame).is_none_or(|f| f.kind.is_none()) {
            continue;
        }
        for n in 0..stage.load(frame)? {
            let record = stage.loaded_record(n)?;
            let decision = match &mut decided {
                Some(decided) => decided.of(census.next)?,
                None => Decision::default(),
            };
            bytes += record.footprint();
            batch.extend(census.take_as(record, decision)?);
            if batch.len() >= HANDED.0 || bytes >= HANDED.1 {
                bytes = 0;
                if !then(std::mem::take(&mut batch)) {
                    return Ok(());
                }
            }
        }
    }
    then(batch);
    Ok(())
}
