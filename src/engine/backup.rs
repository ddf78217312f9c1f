//! Backups: all of a store in an archive, read back and checked before anything relies
//! on it.

use super::census::{Census, Taken};
use super::control::{Control, is_lost};
use super::event::{Event, Phase};
use super::events::{Events, now_ms};
use super::export::{all_found, recount};
use super::home::Home;
use super::step::step;
use super::telling::Telling;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::store::archive::{ArchiveReader, ArchiveWriter, Header, Origin};
use crate::store::{Consistency, Counts, Limit, Page, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Times that it is made anew after the connection was lost.
const ATTEMPTS: u32 = 3;

/// A backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupInfo {
    /// Its name: the file's, without the ending.
    pub name: String,
    /// The archive.
    pub path: PathBuf,
    /// What it is a backup of: an address without secrets.
    pub origin: String,
    /// When it was made, as UTC.
    pub created_at: String,
    /// What it holds.
    pub counts: Counts,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it was finished.
    pub finished: bool,
}

/// Backs up a store, to a new file in the home's folder or to `to`.
pub async fn backup(store: Arc<dyn Store>, home: &Home, to: Option<PathBuf>) -> Result<BackupInfo> {
    backup_watched(store, home, to, &Telling::nowhere()).await
}

/// The same, watched.
pub async fn backup_watched(
    store: Arc<dyn Store>,
    home: &Home,
    to: Option<PathBuf>,
    telling: &Telling,
) -> Result<BackupInfo> {
    telling.0.begin(Phase::Backup);
    backup_told(&store, home, to, (&telling.0, &Control::anew())).await
}

/// The same, told.
pub(super) async fn backup_told(
    store: &Arc<dyn Store>,
    home: &Home,
    to: Option<PathBuf>,
    (events, control): (&Events, &Control),
) -> Result<BackupInfo> {
    let path = match to {
        Some(path) => path,
        None => new_name(home, store.address().kind())?,
    };
    let mut how = Consistency::InPlace;
    for attempt in 1.. {
        match write(store, &path, how, (events, control)).await {
            Err(e) if e.kind() == ErrorKind::Drifted && attempt < ATTEMPTS => {
                events.note("the store was written to meanwhile; backing it up again");
                how = Consistency::LocalCopy;
            }
            Err(e) if is_lost(&e) && attempt < ATTEMPTS => {
                events.note(format!("the backup begins again: {e}"));
                tokio::time::sleep(Duration::from_secs(1)).await;
                control.check()?;
            }
            done => {
                done?;
                break;
            }
        }
    }
    step("backup-written");
    let checked = path.clone();
    super::blocking(move || info(&checked)).await
}

fn new_name(home: &Home, kind: &str) -> Result<PathBuf> {
    let dir = home.backups_dir()?;
    let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let salt = blake3::hash(format!("{} {}", now_ms(), std::process::id()).as_bytes()).to_hex();
    Ok(dir.join(format!("{time}-{}-{kind}.memferry", &salt[..6])))
}

async fn write(
    store: &Arc<dyn Store>,
    path: &Path,
    how: Consistency,
    (events, control): (&Events, &Control),
) -> Result<()> {
    let description = store.describe().await?;
    let header = Header::new(Origin {
        kind: store.address().kind().to_owned(),
        address: store.address().to_string(),
        layout: description.layout,
    });
    let mut snapshot = store.snapshot(how).await?;
    let counts = snapshot.counts().await?;
    events.emit(Event::Expected {
        phase: Phase::Backup,
        nodes: counts.of(Kind::Node),
        relationships: counts.relationships,
    });
    let (pages, received) = mpsc::channel::<(Kind, Page)>(2);
    let (to, told) = (path.to_owned(), events.clone());
    let worker = tokio::task::spawn_blocking(move || stage(&to, &header, received, &told));
    let read = async {
        for kind in Kind::BOTH {
            let mut after = None;
            loop {
                control.unpaused().await?;
                let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
                after = page.next.clone();
                if pages.send((kind, page)).await.is_err() {
                    return Ok(());
                }
                if after.is_none() {
                    break;
                }
            }
        }
        drop(pages);
        snapshot.finish().await
    }
    .await;
    let staged = worker
        .await
        .map_err(|e| Error::internal("the backup stopped").because(e))?;
    let made = match (read, staged) {
        (Ok(()), Ok((content, written))) => match all_found("store", counts.total(), written) {
            Ok(()) => read_back(path.to_owned(), content).await,
            missing => missing,
        },
        (Err(e), Ok(_)) | (_, Err(e)) => Err(e),
    };
    // A file that was there before is somebody's.
    if made
        .as_ref()
        .is_err_and(|e| e.kind() != ErrorKind::AlreadyExists)
    {
        let _ = std::fs::remove_file(path);
    }
    made
}

fn scratch(path: &Path) -> PathBuf {
    path.parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Writes pages to an archive. Returns the content digest and how many records there are.
fn stage(
    path: &Path,
    header: &Header,
    mut pages: mpsc::Receiver<(Kind, Page)>,
    events: &Events,
) -> Result<(String, u64)> {
    let dir = scratch(path);
    let mut writer = ArchiveWriter::create(path, header)?;
    let mut census = Census::plain(&dir, false);
    while let Some((kind, page)) = pages.blocking_recv() {
        if let Some(bad) = page.unreadable.first() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "the target cannot be read whole, so not backed up",
            )
            .with("at", &bad.place)
            .with("because", &bad.reason)
            .remedy("Mend the target first, or go on without a backup: --no-backup."));
        }
        for record in page.records {
            // Nothing is filtered here, and nothing too large to be digested.
            if let Taken::Staged {
                portable, staged, ..
            } = census.take(record)?
            {
                writer.push_known(&staged.record, portable)?;
            }
        }
        let done = match kind {
            Kind::Node => census.counts.of(kind),
            Kind::Relationship => census.counts.relationships,
        };
        events.progress(Phase::Backup, kind, done, census.bytes[kind as usize]);
    }
    let written = writer.finish(serde_json::Map::new())?.counts.total();
    Ok((census.ledger.spool(&dir)?.exact, written))
}

/// Reads an archive whole and holds it against the content digest it shall have.
async fn read_back(path: PathBuf, content: String) -> Result<()> {
    super::blocking(move || {
        let dir = scratch(&path);
        let mut census = Census::plain(&dir, false);
        recount(&mut ArchiveReader::open(&path)?, &mut census, None, |_| {
            true
        })?;
        match census.ledger.spool(&dir)?.exact == content {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Corrupt,
                "the backup does not read back as it was written",
            )
            .with("file", path.display())
            .remedy("Check the disk; nothing was written to the target.")),
        }
    })
    .await
}

fn info(path: &Path) -> Result<BackupInfo> {
    let reader = ArchiveReader::open(path)?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let bytes = std::fs::metadata(path)
        .map_err(|e| Error::io("read", path, e))?
        .len();
    Ok(BackupInfo {
        name,
        path: path.to_owned(),
        origin: reader.header().origin.address.clone(),
        created_at: reader.header().created_at.clone(),
        counts: reader.counts(),
        bytes,
        finished: reader.is_finished(),
    })
}

impl Home {
    /// All backups in the home's folder, oldest first. A file that is no archive is
    /// told by its error.
    pub fn backups(&self) -> Result<Vec<Result<BackupInfo>>> {
        let dir = self.backups_dir()?;
        let entries = std::fs::read_dir(&dir).map_err(|e| Error::io("read the folder", &dir, e))?;
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "memferry"))
            .collect();
        paths.sort();
        Ok(paths.iter().map(|p| info(p)).collect())
    }

    /// Keeps the latest `keep` backups of each origin; returns the removed.
    pub fn clean_backups(&self, keep: usize) -> Result<Vec<BackupInfo>> {
        let mut seen = std::collections::HashMap::<String, usize>::new();
        let mut removed = Vec::new();
        for backup in self.backups()?.into_iter().rev().flatten() {
            let n = seen.entry(backup.origin.clone()).or_default();
            *n += 1;
            if *n > keep {
                std::fs::remove_file(&backup.path)
                    .map_err(|e| Error::io("remove", &backup.path, e))?;
                removed.push(backup);
            }
        }
        Ok(removed)
    }
}
