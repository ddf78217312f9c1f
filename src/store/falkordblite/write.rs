//! Writing a database file: a new one is built by a server in a folder beside it and
//! renamed into place; an existing one is changed in the same way, from a link, while
//! others are kept out; a file that a program has open is changed through its server.

use super::held::{self, Held, Joined};
use super::opened::{self, Work};
use super::place::Stamp;
use super::server::Server;
use super::settings::{self, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Key, Kind, Record};
use crate::store::protocol::file::{self, blocking};
use crate::store::{self, Applied, Batch, Snapshot, Writer};
use async_trait::async_trait;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Stands behind the name of the run in the name of a folder in which an existing file
/// is changed.
const CHANGES: &str = "-change";

/// Where a run builds a new file.
pub(super) fn build_path(target: &Path, run: &str) -> Result<PathBuf> {
    file::aside_path(target, run)
}

/// Where a run changes a file.
pub(super) fn change_path(target: &Path, run: &str) -> Result<PathBuf> {
    file::aside_path(target, &format!("{run}{CHANGES}"))
}

/// A writer: the graph's own, and what becomes of the file.
pub(super) struct LiteWriter {
    /// Before the server that it talks to.
    inner: Option<Box<dyn Writer>>,
    ending: Option<Ending>,
}

/// How the file comes to its name.
pub(super) enum Ending {
    /// A new file.
    New(Box<New>),
    /// An existing file.
    Change(Box<Change>),
    /// The file of a server that somebody else started.
    Joined(Box<Joined>),
}

/// A new file being built.
pub(super) struct New {
    pub server: Server,
    pub work: Work,
    pub target: PathBuf,
}

/// An existing file being changed.
pub(super) struct Change {
    pub server: Server,
    pub work: Work,
    pub target: PathBuf,
    /// The file as it was read.
    pub stamp: Stamp,
    pub closed: Closed,
}

/// Keeps other programs out of a file: who opens it is sent to our server, which asks
/// them for a password that they do not have.
pub(super) struct Closed {
    target: PathBuf,
    ours: Settings,
    /// What was there before, left by a killed program.
    before: Option<Vec<u8>>,
}

impl Closed {
    /// From now on, for the server that works on the file.
    pub fn to_all(target: &Path, server: &Server, run: &str) -> Result<Self> {
        let path = settings::beside(target);
        let text = |part: Option<&std::ffi::OsStr>| {
            part.unwrap_or_default().to_string_lossy().into_owned()
        };
        let ours = Settings {
            pidfile: server.pidfile(),
            unixsocket: server.socket(),
            dbdir: text(target.parent().map(Path::as_os_str)),
            dbfilename: text(target.file_name()),
            memferry: Some(run.to_owned()),
        };
        let before = settings::content(&path)?.filter(|said| !settings::is_ours(said));
        match held::look(target, true)? {
            Held::Nobody => {}
            Held::Memferry => return Err(held::taken(target)),
            Held::Server(_) => return Err(opened_meanwhile(target)),
        }
        settings::write(target, &ours)?;
        Ok(Self {
            target: target.to_owned(),
            ours,
            before,
        })
    }

    /// Whether it still holds: a program that began to open the file before does not
    /// know of it.
    fn check(&self) -> Result<()> {
        let said = settings::content(&settings::beside(&self.target))?;
        let said = said.and_then(|b| serde_json::from_slice::<Settings>(&b).ok());
        match said.as_ref() == Some(&self.ours) {
            true => Ok(()),
            false => Err(opened_meanwhile(&self.target)),
        }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        // If it cannot be removed it names a server that is gone, which is harmless.
        let _ = settings::remove(&self.target, &self.ours);
        let path = settings::beside(&self.target);
        if let (Some(before), false) = (&self.before, path.exists()) {
            let _ = fs::write(path, before);
        }
    }
}

fn opened_meanwhile(target: &Path) -> Error {
    Error::new(
        ErrorKind::Locked,
        format!("another program opened {} meanwhile", target.display()),
    )
    .remedy("Nothing was changed. Close that program, or start again while it is running: it is then joined.")
}

impl New {
    fn publish(mut self) -> Result<()> {
        self.server.save()?;
        self.server.end();
        // A program that opened the name meanwhile would write its own file over ours.
        if !matches!(held::look(&self.target, true)?, Held::Nobody) {
            return Err(opened_meanwhile(&self.target));
        }
        file::publish_new(&self.work.file(), &self.target)
    }
}

impl Change {
    fn publish(mut self) -> Result<()> {
        self.server.save()?;
        self.server.end();
        self.closed.check()?;
        let (built, target) = (self.work.file(), &self.target);
        let meta = fs::metadata(target).map_err(|cause| Error::io("look at", target, cause))?;
        fs::set_permissions(&built, meta.permissions())
            .map_err(|cause| Error::io("set the permissions of", &built, cause))?;
        file::sync(&built)?;
        if Stamp::of(target)?.as_ref() != Some(&self.stamp) {
            return Err(changed_meanwhile(target));
        }
        self.swap(&built)?;
        file::sync(file::folder_of(target))
    }

    /// Puts the new file in the place of the old one, which must be the one that was
    /// read.
    fn swap(&self, built: &Path) -> Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        let target = &self.target;
        let swap = || renameat_with(CWD, built, CWD, target.as_path(), RenameFlags::EXCHANGE);
        match swap() {
            Ok(()) if Stamp::of(built)?.as_ref() == Some(&self.stamp) => Ok(()),
            Ok(()) => {
                swap().map_err(|errno| Error::io("put back", target, errno.into()))?;
                Err(changed_meanwhile(target))
            }
            // Some file systems cannot swap.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::rename(built, target).map_err(|cause| Error::io("replace", target, cause))
            }
            Err(errno) => Err(Error::io("replace", target, errno.into())),
        }
    }
}

fn changed_meanwhile(target: &Path) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "{} was changed by somebody else meanwhile",
            target.display()
        ),
    )
    .remedy("It was left as it is. Start again.")
}

impl LiteWriter {
    /// A writer over the graph's own.
    pub fn new(inner: Box<dyn Writer>, ending: Ending) -> Self {
        Self {
            inner: Some(inner),
            ending: Some(ending),
        }
    }

    fn inner(&mut self) -> Result<&mut Box<dyn Writer>> {
        let after = || Error::internal("a writer was used after its end");
        self.inner.as_mut().ok_or_else(after)
    }

    /// Lets go of everything, off the runtime.
    async fn end(&mut self) -> Result<()> {
        self.inner = None;
        let ending = self.ending.take();
        blocking(move || {
            drop(ending);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Writer for LiteWriter {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.inner()?.find(kind, keys).await
    }

    fn announce(&mut self, next: &Arc<[store::Change]>) {
        if let Some(inner) = &mut self.inner {
            inner.announce(next);
        }
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        self.inner()?.apply(batch).await
    }

    async fn applied(&mut self) -> Result<Option<Box<dyn Snapshot>>> {
        match self.ending {
            Some(Ending::New(_)) => self.inner()?.applied().await,
            // Whoever may write to it meanwhile is found out once all is done.
            _ => Ok(None),
        }
    }

    async fn complete(&mut self) -> Result<()> {
        self.inner()?.complete().await
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        self.inner()?.snapshot().await
    }

    async fn publish(&mut self) -> Result<Applied> {
        match self.inner()?.publish().await? {
            Applied::Done => {}
            other => return Ok(other),
        }
        let Some(ending) = self.ending.take() else {
            return Err(Error::internal("a writer was published twice"));
        };
        if let Ending::Joined(mut joined) = ending {
            let (joined, saved) = blocking(move || {
                let saved = joined.save();
                Ok((joined, saved))
            })
            .await?;
            self.ending = Some(Ending::Joined(joined));
            saved?;
            self.end().await?;
            return Ok(Applied::Done);
        }
        self.inner = None;
        blocking(move || match ending {
            Ending::New(new) => new.publish(),
            Ending::Change(change) => change.publish(),
            Ending::Joined(_) => Ok(()),
        })
        .await?;
        Ok(Applied::Done)
    }

    async fn abandon(&mut self) -> Result<()> {
        let abandoned = match (&mut self.inner, &self.ending) {
            (Some(inner), Some(Ending::Joined(_))) => inner.abandon().await,
            // What only our own server holds goes with it.
            _ => Ok(()),
        };
        self.end().await?;
        abandoned
    }
}

/// Removes what a run left beside a file when it was killed.
pub(super) fn discard(target: &Path, run: &str) -> Result<()> {
    opened::clear(&build_path(target, run)?)?;
    opened::clear(&change_path(target, run)?)?;
    settings::forget(target, run)
}

/// Removes what killed runs left that changed that file.
pub(super) fn sweep(target: &Path) {
    use std::os::unix::ffi::OsStrExt as _;
    let start = change_path(target, "x").unwrap_or_default();
    let name = start.file_name().unwrap_or_default().as_bytes().to_owned();
    let Some(start) = name.strip_suffix(format!("x{CHANGES}").as_bytes()) else {
        return;
    };
    for entry in fs::read_dir(file::folder_of(target))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let ours =
            name.as_bytes().starts_with(start) && name.as_bytes().ends_with(CHANGES.as_bytes());
        if ours && entry.file_type().is_ok_and(|t| t.is_dir()) {
            // One that is locked is at work.
            let _ = opened::clear(&entry.path());
        }
    }
}
