//! Looking without a run: the stores on this machine, whether one answers and what is in
//! it, past runs, backups, how two stores compare. Nothing that is looked at is changed.

use super::Worker;
use super::locked::Closed;
use crate::config::{self, Config, Side, process_env};
use crate::engine::{self, RunFolder, RunState, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::report::Failure;
use crate::store::{Address, Description, registry};
use crate::tui::msg::{Again, Msg, Place, PlaceState, Probed, RunRow, Seat};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest that a store on this machine is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest that a store somebody asks for is waited for.
pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(30);

/// Stores of up to so many records are read to tell what is in them.
const READ_UP_TO: u64 = 20_000;

fn failure(error: Error) -> Failure {
    Failure::from(&error)
}

/// The address with its secrets, without asking anybody; the keyring may take its time.
pub(super) async fn filled(address: Address, side: Side, config: Config) -> Result<Address> {
    let work = move || {
        let filled = config::fill(address, side, &config, &process_env, None)?;
        Ok(filled.absolute())
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(filled) => filled,
        Err(e) => Err(Error::internal("the secrets were not looked for").because(e)),
    }
}

async fn described(address: &Address, patience: Duration) -> Result<Description> {
    let store = registry::open(address)?;
    match tokio::time::timeout(patience, store.describe()).await {
        Ok(description) => description,
        Err(_) => Err(Error::new(
            ErrorKind::Unreachable,
            format!("no answer within {} s", patience.as_secs()),
        )
        .remedy("Check that it is running, and the address.")),
    }
}

impl Worker {
    /// Finds the stores on this machine, then asks each at once.
    pub(super) async fn look(self) {
        let config = match self.config() {
            Ok(config) => config,
            Err(failure) => return self.tell(Msg::Found(Err(failure))).await,
        };
        let found = tokio::task::spawn_blocking(|| config::found(&process_env)).await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return self.tell(Msg::Found(Err(failure(error)))).await,
            Err(_) => Vec::new(),
        };
        let mut places: Vec<Place> = Vec::new();
        for found in &found {
            let place = Place::of(found);
            let unsaid = found.told_by.starts_with("default path");
            let path = match &found.address {
                Some(address) => address.path(),
                None => PathBuf::from(&found.place),
            };
            // A usual place where nothing is tells nothing.
            if unsaid && !path.exists() {
                continue;
            }
            let same = |p: &&mut Place| p.title == place.title && p.place == place.place;
            match places.iter_mut().find(same) {
                Some(known) => known.told_by += &format!(", {}", place.told_by),
                None => places.push(place),
            }
        }
        for (name, profile) in &config.profiles {
            let same = |p: &&mut Place| p.address.as_ref() == Some(&profile.address);
            if let Some(known) = places.iter_mut().find(same) {
                known.told_by = format!("profile {name}, {}", known.told_by);
                continue;
            }
            places.push(Place {
                title: profile.address.descriptor().title.to_owned(),
                place: profile.address.to_string(),
                address: Some(profile.address.clone()),
                told_by: format!("profile {name}"),
                state: PlaceState::Looking,
            });
        }
        let asked: Vec<_> = places.iter().map(|p| p.address.clone()).collect();
        self.tell(Msg::Found(Ok(places))).await;
        for (i, address) in asked.into_iter().enumerate() {
            let Some(address) = address else { continue };
            let (worker, config) = (self.clone(), config.clone());
            tokio::spawn(async move {
                let described = match filled(address, Side::From, config).await {
                    Ok(address) => described(&address, PATIENCE).await,
                    Err(error) => Err(error),
                };
                worker
                    .tell(Msg::Described(i, described.map_err(failure)))
                    .await;
            });
        }
    }

    /// Asks a store, and if it is small reads it.
    pub(super) async fn probe(self, seat: Seat, seq: u64, address: Address, sample: bool) {
        if sample && let Err(error) = write_sample(address.path()).await {
            return self.tell(Msg::Probed(seat, seq, Err(failure(error)))).await;
        }
        let complete = async {
            let config = Config::load(&self.inner.paths, &process_env)?;
            let address = filled(address, seat.side(), config).await?;
            let begun = Instant::now();
            let description = described(&address, LONG_PATIENCE).await?;
            Ok((address, description, begun.elapsed()))
        };
        let (address, description, took) = match complete.await {
            Ok(complete) => complete,
            Err(error) => return self.tell(Msg::Probed(seat, seq, Err(failure(error)))).await,
        };
        let ms = took.as_secs_f64() * 1_000.0;
        let small = description
            .counts
            .is_some_and(|c| (1..=READ_UP_TO).contains(&c.total()));
        let readable = description.exists && address.descriptor().source;
        let probed = Probed {
            address: address.clone(),
            description,
            ms,
            inspection: None,
        };
        self.tell(Msg::Probed(seat, seq, Ok(Box::new(probed))))
            .await;
        if small
            && readable
            && let Ok(store) = registry::open(&address)
            && let Ok(inspection) = engine::inspect(store).await
        {
            self.tell(Msg::Inspected(seat, seq, Box::new(inspection)))
                .await;
        }
    }

    /// The runs, newest first.
    pub(super) fn list_runs(&self) -> Vec<RunRow> {
        let runs = self.home().runs().unwrap_or_default();
        runs.into_iter().rev().map(row).collect()
    }

    /// The backups, newest first.
    pub(super) fn list_backups(&self) -> Vec<Result<engine::BackupInfo, Failure>> {
        if !self.inner.paths.state_dir.join("backups").is_dir() {
            return Vec::new();
        }
        match self.home().backups() {
            Ok(all) => all.into_iter().rev().map(|b| b.map_err(failure)).collect(),
            Err(error) => vec![Err(failure(error))],
        }
    }

    /// Holds the target of a run against what the run left.
    pub(super) async fn verify_run(&self, run: RunFolder) -> Msg {
        let verified = async {
            let target = self.open_again(&run.plan()?.target, Side::To).await?;
            let source = engine::source_file(&run);
            let told = engine::Telling::nowhere();
            Ok::<_, Closed>(engine::verify_run_watched(&run, target, source, &told).await?)
        };
        match verified.await {
            Ok(found) => Msg::Compared(Ok(Box::new(found))),
            Err(closed) => closed.told(Some(Again::Verify(run)), |f| Msg::Compared(Err(f))),
        }
    }
}

/// Writes the built-in sample store, unless it is there.
async fn write_sample(path: PathBuf) -> Result<()> {
    let work = move || -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            config::private_dir(folder)?;
        }
        std::fs::write(&path, crate::cli::SAMPLE).map_err(|e| Error::io("write", &path, e))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => Err(Error::internal("the sample was not written").because(e)),
    }
}

fn row(folder: RunFolder) -> RunRow {
    let status = folder.status();
    let report = folder.report().ok().flatten();
    let plan = folder.plan();
    let shown = |store: &engine::StoreRef| match store.address(&|_| None) {
        Ok(address) => address.to_string(),
        Err(_) => store.kind.clone(),
    };
    let (source, target) = match &plan {
        Ok(plan) => (shown(&plan.source), shown(&plan.target)),
        Err(_) => Default::default(),
    };
    let began = folder.name.get(..15).and_then(|time| {
        let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", time).ok()?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(time.timestamp().as_millisecond())
    });
    let broken_off = || {
        let file = std::fs::File::open(folder.events_path()).ok()?;
        let state = RunState::replay(&mut std::io::BufReader::new(file));
        let (phase, at) = state.current()?;
        let percent = at
            .fraction()
            .map(|f| format!(" {:.0} %", (f * 100.0).floor()));
        Some(format!(
            "stopped at {}{}",
            phase.title(),
            percent.unwrap_or_default()
        ))
    };
    let summary = match (&status, &report, &plan) {
        (Err(error), ..) => error.to_string(),
        (_, _, Err(error)) => error.to_string(),
        (Ok(RunStatus::Active), ..) => "a process works on it".to_owned(),
        (Ok(RunStatus::Unfinished), ..) => broken_off().unwrap_or_else(|| "stopped".to_owned()),
        (_, Some(report), _) => report.summary.clone(),
        _ => String::new(),
    };
    RunRow {
        at: report
            .as_ref()
            .map(|r| r.started_at)
            .or(began)
            .unwrap_or_default(),
        wrote: report
            .as_ref()
            .is_some_and(crate::tui::screens::runs::can_roll_back),
        status: status.map_err(|e| e.to_string()),
        folder,
        source,
        target,
        summary,
    }
}

/// Compares two stores, complete with their secrets.
pub(super) async fn compare(a: Address, b: Address) -> Msg {
    let compared = async { engine::compare(registry::open(&a)?, registry::open(&b)?).await };
    Msg::Compared(compared.await.map(Box::new).map_err(failure))
}

/// Reads a backup again.
pub(super) async fn check_backup(path: PathBuf) -> Msg {
    let checked = async {
        let address = Address::parse(&path.display().to_string())?;
        let inspection = engine::inspect(registry::open(&address)?).await?;
        match inspection.unreadable.len() {
            0 => Ok(inspection.counts),
            n => Err(Error::new(
                ErrorKind::Corrupt,
                format!("{n} places of {} cannot be read", path.display()),
            )
            .remedy("Restore what can be read, and make a new backup.")),
        }
    };
    Msg::Done(match checked.await {
        Ok(counts) => Ok(format!(
            "Reads back whole: {}",
            crate::report::words::counts(&counts)
        )),
        Err(error) => Err(failure(error)),
    })
}

/// How a path goes on: what its completions have in common, or the first of them.
pub(super) fn completion(typed: &str) -> String {
    let expanded = config::expand_home(typed, &process_env);
    let (folder, start) = match expanded.rsplit_once('/') {
        Some(("", start)) => ("/".to_owned(), start.to_owned()),
        Some((folder, start)) => (folder.to_owned(), start.to_owned()),
        None => (".".to_owned(), expanded.clone()),
    };
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return String::new();
    };
    // A folder of any size costs a bounded time.
    let mut names: Vec<String> = entries
        .flatten()
        .take(10_000)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !start.starts_with('.');
            let fits = name.starts_with(&start) && !hidden && !name.chars().any(char::is_control);
            let slash = if entry.path().is_dir() { "/" } else { "" };
            fits.then(|| format!("{name}{slash}"))
        })
        .collect();
    names.sort();
    let first = names.first().cloned().unwrap_or_default();
    first.get(start.len()..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_completed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::fs::write(dir.path().join("memory.db"), "").unwrap();
        std::fs::write(dir.path().join(".hidden"), "").unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        assert_eq!(completion(&path("fo")), "lder/");
        assert_eq!(completion(&path("mem")), "ory.db");
        assert_eq!(completion(&path("x")), "");
        assert_eq!(completion(&path(".h")), "idden");
        assert_eq!(completion("/no such folder/x"), "");
    }
}
