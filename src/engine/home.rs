//! Where memferry keeps what must outlive a run: `runs/`, `backups/` and `locks/`
//! under the state directory. Folders are 0700, files 0600.

use super::Plan;
use super::checkpoint::{Checkpoint, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Outcome, Report};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
    options: Vec<String>,
}

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    /// Its name: UTC time and six hexadecimal digits.
    pub name: String,
    /// Where it is.
    pub dir: PathBuf,
    options: Vec<String>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// A living process works on it.
    Active,
    /// Broken off; can be resumed or rolled back.
    Unfinished,
    /// Over.
    Finished(Outcome),
}

impl Home {
    /// The state directory at that place. Nothing is made before it is needed.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            options: Vec::new(),
        }
    }

    /// The same, where printed commands need these options to find it.
    pub fn with_options(self, options: Vec<String>) -> Self {
        Self { options, ..self }
    }

    /// What printed commands need to find it.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// A command about what is kept here, to be printed and typed.
    pub fn command(&self, words: &[&str]) -> String {
        command(words, &self.options)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of backups, made if need be.
    pub fn backups_dir(&self) -> Result<PathBuf> {
        make_folder(&self.dir.join("backups"))
    }

    /// All runs, oldest first.
    pub fn runs(&self) -> Result<Vec<RunFolder>> {
        let dir = self.dir.join("runs");
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read the folder", &dir, e)),
        };
        let mut runs: Vec<RunFolder> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                let dir = entry.path();
                let options = self.options.clone();
                dir.join("plan.toml")
                    .is_file()
                    .then_some(RunFolder { name, dir, options })
            })
            .collect();
        runs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(runs)
    }

    /// The run with that name, or the only one whose name begins or ends so.
    pub fn run(&self, name: &str) -> Result<RunFolder> {
        let runs = self.runs()?;
        if let Some(exact) = runs.iter().find(|r| r.name == name) {
            return Ok(exact.clone());
        }
        let mut like: Vec<_> = runs
            .into_iter()
            .filter(|r| !name.is_empty() && (r.name.starts_with(name) || r.name.ends_with(name)))
            .collect();
        match (like.pop(), like.is_empty()) {
            (Some(run), true) => Ok(run),
            (None, _) => Err(
                Error::new(ErrorKind::NotFound, format!("there is no run {name:?}"))
                    .remedy(format!("`{}` lists them.", self.command(&["runs", "list"]))),
            ),
            (Some(_), false) => Err(Error::new(
                ErrorKind::Usage,
                format!("several runs are called like {name:?}"),
            )
            .remedy(format!(
                "Give more of the name; `{}` lists them.",
                self.command(&["runs", "list"])
            ))),
        }
    }

    /// The run that began last.
    pub fn last(&self) -> Result<Option<RunFolder>> {
        Ok(self.runs()?.pop())
    }

    /// Makes the folder of a new run, with its plan in it.
    pub(super) fn create_run(&self, plan: &Plan) -> Result<RunFolder> {
        let runs = make_folder(&self.dir.join("runs"))?;
        for _ in 0..100 {
            // The digits are the part of the second, so that names sort by time.
            let now = jiff::Timestamp::now();
            let part = (now.subsec_nanosecond().unsigned_abs() as u64) << 24;
            let name = format!(
                "{}-{:06x}",
                now.strftime("%Y%m%d-%H%M%S"),
                part / 1_000_000_000
            );
            let dir = runs.join(&name);
            match rustix::fs::mkdir(&dir, Mode::RWXU) {
                Ok(()) => {
                    let options = self.options.clone();
                    let run = RunFolder { name, dir, options };
                    write_durably(&run.dir.join("plan.toml"), plan.to_toml()?.as_bytes())?;
                    return Ok(run);
                }
                Err(rustix::io::Errno::EXIST) => {}
                Err(e) => return Err(Error::io("make the folder", &dir, e.into())),
            }
        }
        Err(Error::internal("no free name for a run"))
    }

    /// Takes the lock of a target, for as long as the returned file lives.
    pub(super) fn lock(&self, identity: &str) -> Result<File> {
        let dir = make_folder(&self.dir.join("locks"))?;
        let name = blake3::hash(identity.as_bytes()).to_hex();
        let path = dir.join(format!("{}.lock", &name[..32]));
        let file = open_private(&path)?;
        flock(&file).map_err(|_| {
            Error::new(
                ErrorKind::Locked,
                "another memferry run is writing to this target",
            )
            .remedy(format!(
                "Wait for it; `{}` shows it as active.",
                self.command(&["runs", "list"])
            ))
            .temporary()
        })?;
        Ok(file)
    }

    /// Removes runs that ended more than `days` ago, oldest first, and says which.
    pub fn remove_old(&self, days: u32) -> Result<Vec<String>> {
        let oldest = jiff::Timestamp::now().as_millisecond() - i64::from(days) * 86_400_000;
        let mut removed = Vec::new();
        for run in self.runs()? {
            if let Ok(Some(report)) = run.report()
                && report.ended_at < oldest
                && matches!(run.status(), Ok(RunStatus::Finished(_)))
            {
                run.remove()?;
                removed.push(run.name);
            }
        }
        Ok(removed)
    }
}

impl RunFolder {
    /// The plan it was started with.
    pub fn plan(&self) -> Result<Plan> {
        let path = self.dir.join("plan.toml");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        Plan::from_toml(&text)
    }

    /// Its report, if it ended.
    pub fn report(&self) -> Result<Option<Report>> {
        let path = self.dir.join("report.json");
        match std::fs::read_to_string(&path) {
            Ok(text) => crate::report::json::read(&text).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read", &path, e)),
        }
    }

    /// How it stands.
    pub fn status(&self) -> Result<RunStatus> {
        if self.dir.join("active").exists() && self.take().is_err() {
            return Ok(RunStatus::Active);
        }
        if Checkpoint::load(self)?.is_none_or(|c| c.step != Step::Over) {
            return Ok(RunStatus::Unfinished);
        }
        match self.report()? {
            Some(report) => Ok(RunStatus::Finished(report.outcome)),
            None => Err(Error::new(
                ErrorKind::Corrupt,
                format!("run {} is over and its report is gone", self.name),
            )
            .remedy(format!(
                "Forget it with `{}`.",
                self.command(&["runs", "remove"])
            ))),
        }
    }

    /// A command about this run, to be printed and typed.
    pub fn command(&self, words: &[&str]) -> String {
        let words = [words, &[self.name.as_str()]].concat();
        command(&words, &self.options)
    }

    /// The command that does the same as this run, anew.
    pub fn command_with_plan(&self) -> String {
        let plan = self.dir.join("plan.toml").display().to_string();
        command(&["run", &plan], &self.options)
    }

    /// What printed commands need beside its name.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// Where its events are.
    pub fn events_path(&self) -> PathBuf {
        self.dir.join("events.jsonl")
    }

    /// Bytes it takes on disk.
    pub fn size(&self) -> u64 {
        fn of(dir: &Path) -> u64 {
            let Ok(entries) = std::fs::read_dir(dir) else {
                return 0;
            };
            let sizes = entries.flatten().map(|e| match e.metadata() {
                Ok(m) if m.is_dir() => of(&e.path()),
                Ok(m) => m.len(),
                Err(_) => 0,
            });
            sizes.sum()
        }
        of(&self.dir)
    }

    /// Removes it: after that it can be neither resumed, rolled back nor verified.
    pub fn remove(&self) -> Result<()> {
        let held = self.take()?;
        std::fs::remove_dir_all(&self.dir).map_err(|e| Error::io("remove", &self.dir, e))?;
        drop(held);
        Ok(())
    }

    /// Marks it as worked on by this process, for as long as the file lives.
    pub(super) fn take(&self) -> Result<File> {
        let file = open_private(&self.dir.join("active"))?;
        flock(&file).map_err(|_| {
            Error::new(ErrorKind::Locked, format!("run {} is active", self.name))
                .remedy("Wait for it to end, or stop its process.")
                .temporary()
        })?;
        Ok(file)
    }
}

fn command(words: &[&str], options: &[String]) -> String {
    let words = words
        .iter()
        .copied()
        .chain(options.iter().map(String::as_str));
    let words = words.map(crate::report::words::shell);
    let all: Vec<String> = std::iter::once("memferry".to_owned())
        .chain(words)
        .collect();
    all.join(" ")
}

fn flock(file: &File) -> rustix::io::Result<()> {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)
}

/// Makes a folder and its parents; the folder itself for its owner only.
pub(super) fn make_folder(dir: &Path) -> Result<PathBuf> {
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Error::io("make the folder", parent, e))?;
    }
    match rustix::fs::mkdir(dir, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) if dir.is_dir() => Ok(dir.to_owned()),
        Ok(()) => Ok(dir.to_owned()),
        Err(e) => Err(Error::io("make the folder", dir, e.into())),
    }
}

/// Opens a file for reading and writing by its owner only, made if need be.
pub(super) fn open_private(path: &Path) -> Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
        .map(File::from)
        .map_err(|e| Error::io("open", path, e.into()))
}

/// Writes a small file whole: to a temporary name, fsynced, renamed, folder fsynced.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let wrap = |e| Error::io("write", path, e);
    let temporary = path.with_extension("new");
    let _ = std::fs::remove_file(&temporary);
    let mut file = open_private(&temporary)?;
    file.write_all(bytes).map_err(wrap)?;
    file.sync_data().map_err(wrap)?;
    std::fs::rename(&temporary, path).map_err(wrap)?;
    if let Some(parent) = path.parent() {
        let folder = File::open(parent).map_err(wrap)?;
        folder.sync_all().map_err(wrap)?;
    }
    Ok(())
}
