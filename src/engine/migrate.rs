//! The phases of a migration, in their order, and where one that was broken off goes on.

use super::census::{Census, Staged};
use super::checkpoint::{Checkpoint, Step};
use super::compare::{Compared, Sides, Terms, compare};
use super::control::is_lost;
use super::decide::Decisions;
use super::event::Phase;
use super::export::{Export, open_stage, recount};
use super::filter::Sieve;
use super::home::{Home, make_folder};
use super::import::Import;
use super::journal::Journal;
use super::ledger::LedgerSpool;
use super::loss::Fit;
use super::plan::{Filter, OnConflict, Plan};
use super::preflight::Preflight;
use super::run::Run;
use super::step::step;
use super::survey::Surveyed;
use crate::error::{Error, ErrorKind, Result};
use crate::model::time::Instant;
use crate::report::{Check, Outcome, Verdict};
use crate::store::archive::{Header, Origin};
use crate::store::{Consistency, Description, Prepared, Store, WriteMode, WriteRequest, Writer};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Times a source that is written to meanwhile is read again.
pub const READINGS: u32 = 3;

/// What to do about a source that is never at rest. One that can be copied here was.
const AT_REST: &str = "Stop the program that writes to it, then repeat the command; or add --source-copy, for which its server makes a copy and needs memory for both.";

/// An import that goes on while the source is still read.
pub(super) type Overlapped = JoinHandle<Result<Box<Import>>>;

impl Run {
    /// From wherever the run is to its outcome.
    pub async fn migrate(&mut self) -> Result<Outcome> {
        match self.checkpoint.step {
            Step::RollingBack => return self.roll_back().await,
            Step::Publishing => {
                if let Some(outcome) = self.settle().await? {
                    return Ok(outcome);
                }
            }
            Step::Published => return Ok(self.resume_published().await),
            _ => {}
        }
        // A target that is written to between the comparison and the write is compared
        // again.
        for _ in 1..READINGS {
            match self.migrate_once().await {
                Err(e) if e.kind() == ErrorKind::Conflict && e.is_temporary() && !self.written => {
                    self.events.warn("target-changed", e.to_string());
                }
                done => return done,
            }
        }
        self.migrate_once().await
    }

    async fn migrate_once(&mut self) -> Result<Outcome> {
        let prepared = self.preflight().await?;
        let dir = self.stage_dir();
        super::blocking(move || make_folder(&dir)).await?;
        let sieve = self.sieve()?;
        let present = match self.survey(prepared.as_ref(), &sieve).await? {
            Surveyed::Same(outcome) => return Ok(outcome),
            Surveyed::Present(present) => present,
        };
        let (mut census, overlapped) = self.staged(&sieve, prepared.as_ref()).await?;
        self.all_fit = census.all_fit();
        let decided = self
            .decided(&mut census, &sieve, &present, prepared.as_ref())
            .await;
        let compared = match decided {
            Ok(compared) => compared,
            Err(e) => {
                self.stop_overlapped(overlapped).await;
                return Err(e);
            }
        };
        drop(census);
        if self.plan.write.dry_run {
            return Ok(Outcome::DryRun);
        }
        let Some(prepared) = prepared else {
            return Err(Error::internal("the target was not prepared"));
        };
        if compared.added.total() + compared.changed.total() + compared.removed.total() == 0
            && present.is_some()
            && self.checkpoint.step < Step::Importing
        {
            return self.nothing_to_do(&compared, &present).await;
        }
        self.back_up(&prepared).await?;
        let overlapped = match compared.again || !compared.decisions.is_empty() {
            true => {
                self.stop_overlapped(overlapped).await;
                None
            }
            false => overlapped,
        };
        self.write(overlapped, &prepared, &sieve, compared, present.as_ref())
            .await
    }

    /// The stage, whole: read from the source, or from an earlier part of the run.
    async fn staged(
        &mut self,
        sieve: &Sieve,
        prepared: Option<&Prepared>,
    ) -> Result<(Census, Option<Overlapped>)> {
        if self.checkpoint.step == Step::Exporting {
            return self.export(sieve, prepared).await;
        }
        // Nothing of it is in the target yet: a source that was changed is read again.
        let replaceable = self.checkpoint.step == Step::Staged;
        if replaceable {
            let fingerprint = self.stores.source.fingerprint().await?;
            if self.checkpoint.source.as_ref() != Some(&fingerprint) {
                return self.export(sieve, prepared).await;
            }
        }
        match self.count_again(sieve, None).await {
            Ok(census) => Ok((census, None)),
            Err(e) if replaceable => {
                self.events.warn(
                    "stage-damaged",
                    format!("{e}; reading the source from its start"),
                );
                self.export(sieve, prepared).await
            }
            Err(e) => Err(e),
        }
    }

    /// Holds the stage against the target and asks whoever must agree.
    async fn decided(
        &mut self,
        census: &mut Census,
        sieve: &Sieve,
        present: &Option<LedgerSpool>,
        prepared: Option<&Prepared>,
    ) -> Result<Compared> {
        self.events.begin(Phase::Validate);
        let (compared, again) = self.validate(census, sieve, present).await?;
        let census = again.as_ref().unwrap_or(census);
        step("compared");
        self.events.end(Phase::Validate, true);
        match self.review(&compared, census, sieve, prepared).await? {
            true => Ok(compared),
            false => Err(Error::new(
                ErrorKind::Refused,
                "the review was answered with no",
            )),
        }
    }

    async fn preflight(&mut self) -> Result<Option<Prepared>> {
        self.events.begin(Phase::Preflight);
        let stage_dir = self.stage_dir();
        let around = stage_dir.parent().unwrap_or(&stage_dir).to_owned();
        let mut preflight = Preflight {
            plan: &self.plan,
            source: &self.stores.source,
            target: &self.stores.target,
            stage_dir: &around,
            source_found: Description::default(),
            target_found: Description::default(),
            prepared: None,
            refused: None,
        };
        let good = preflight.run(&self.events).await;
        let (source, target) = (preflight.source_found, preflight.target_found);
        let prepared = preflight.prepared;
        self.report.source.description = source;
        self.report.target.description = target;
        self.events.end(Phase::Preflight, good);
        if !good {
            let failed = self.events.told().0;
            return Err(refused_by(&failed));
        }
        step("preflight-passed");
        Ok(prepared)
    }

    fn sieve(&mut self) -> Result<Sieve> {
        let last_run = match self.plan.filter.since.as_deref() {
            Some("last-run") => match &self.checkpoint.since {
                Some(since) => since.parse().ok().map(Instant),
                None => {
                    let found = last_run(&self.home, &self.plan)?;
                    self.checkpoint.since = found.map(|at| at.0.to_string());
                    found
                }
            },
            _ => None,
        };
        Sieve::new(&self.plan.filter, last_run)
    }

    pub fn census(&self, sieve: &Sieve) -> Census {
        let to = self.stores.target.descriptor().capabilities;
        let newest = self.plan.write.on_conflict == OnConflict::Newest;
        Census::new(
            &self.stage_dir(),
            Fit::new(to),
            to.parallel,
            sieve.clone(),
            newest,
        )
    }

    /// One that only fits records again, for an import; not even that, if it is known that
    /// all of them fit.
    pub fn light_census(&self, sieve: &Sieve) -> Census {
        let to = self.stores.target.descriptor().capabilities;
        let fit = (!self.all_fit).then(|| Fit::new(to));
        Census::light(&self.stage_dir(), fit, sieve.clone())
    }

    /// Reads the source into the stage, and imports meanwhile where that is safe.
    async fn export(
        &mut self,
        sieve: &Sieve,
        prepared: Option<&Prepared>,
    ) -> Result<(Census, Option<Overlapped>)> {
        self.events.begin(Phase::Export);
        let mut how = match self.source_copy {
            true => Consistency::Copy,
            false => Consistency::InPlace,
        };
        let mut last = drifting("source").remedy(AT_REST);
        for reading in 0..READINGS {
            match self.export_once(sieve, prepared, how).await {
                Err(e) if e.kind() == ErrorKind::Drifted => {
                    self.events.warn(
                        "drifted",
                        "the source was written to while it was read; reading it again",
                    );
                    if how == Consistency::InPlace {
                        how = Consistency::LocalCopy;
                    }
                    last = drifting("source").remedy(AT_REST);
                    self.forget_stage().await?;
                }
                Err(e) if is_lost(&e) && reading + 1 < READINGS => {
                    self.events
                        .warn("lost", format!("{e}; going on with the source"));
                    let folder = self.folder.clone();
                    let loaded = super::blocking(move || Checkpoint::load(&folder)).await?;
                    if let Some(loaded) = loaded {
                        self.checkpoint.export = loaded.export;
                        self.checkpoint.lost = loaded.lost;
                    }
                    last = e;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    self.control.check()?;
                }
                done => {
                    let (census, checkpoint, overlapped) = done?;
                    self.checkpoint = checkpoint;
                    self.events.end(Phase::Export, true);
                    return Ok((census, overlapped));
                }
            }
        }
        Err(last)
    }

    async fn export_once(
        &mut self,
        sieve: &Sieve,
        prepared: Option<&Prepared>,
        how: Consistency,
    ) -> Result<(Census, Checkpoint, Option<Overlapped>)> {
        let fingerprint = self.stores.source.fingerprint().await?;
        if self.checkpoint.source.as_ref() != Some(&fingerprint) {
            let begun = self.checkpoint.export.take().is_some();
            if begun || self.checkpoint.step == Step::Staged {
                self.events.warn(
                    "source-changed",
                    "the source was changed since the run was broken off; reading it again",
                );
            }
            self.checkpoint.source = Some(fingerprint);
        }
        self.checkpoint.step = Step::Exporting;
        let source = self.stores.source.clone();
        let isolated = source.descriptor().capabilities.isolated_snapshots;
        let snapshot = source.snapshot(how).await?;
        let (feed, overlapped) = self.overlap(sieve, prepared).await?;
        let origin = Origin {
            kind: source.address().kind().to_owned(),
            address: source.address().to_string(),
            layout: self.report.source.description.layout.clone(),
        };
        let export = Export {
            snapshot,
            may_drift: how == Consistency::InPlace && !isolated,
            stage: self.stage(),
            header: Header::new(origin),
            folder: self.folder.clone(),
            checkpoint: self.checkpoint.clone(),
            census: self.census(sieve),
            feed,
            events: self.events.clone(),
            control: self.control.clone(),
        };
        match export.run().await {
            Ok((census, checkpoint)) => Ok((census, checkpoint, overlapped)),
            Err(e) => {
                self.stop_overlapped(overlapped).await;
                Err(e)
            }
        }
    }

    /// What was read belongs to no one picture.
    async fn forget_stage(&mut self) -> Result<()> {
        self.checkpoint.export = None;
        self.checkpoint.source = None;
        let (stage, checkpoint) = (self.stage(), self.checkpoint.clone());
        let folder = self.folder.clone();
        super::blocking(move || {
            checkpoint.save(&folder)?;
            match std::fs::remove_file(&stage) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::io("remove", &stage, e))
                }
                _ => Ok(()),
            }
        })
        .await
    }

    /// Starts importing what is exported, if nobody can see the target before all of it
    /// was validated, and no answer is awaited before the first write.
    async fn overlap(
        &mut self,
        sieve: &Sieve,
        prepared: Option<&Prepared>,
    ) -> Result<(Option<mpsc::Sender<Vec<Staged>>>, Option<Overlapped>)> {
        let aside = prepared.is_some_and(|p| p.mode == WriteMode::Aside);
        if !aside || !sieve.is_open() || self.plan.write.dry_run || self.ask == super::Ask::Always {
            return Ok((None, None));
        }
        let mut import = match self.importer(WriteMode::Aside).await {
            // There will be another chance, once all is staged.
            Err(e) if is_lost(&e) => return Ok((None, None)),
            import => import?.behind_export(),
        };
        let (feed, fed) = mpsc::channel(2);
        self.events.begin(Phase::Import);
        let reading_back = self.reading_back();
        let overlapped = tokio::spawn(async move {
            let imported = match (import.run(fed).await, reading_back) {
                (Ok(()), Some(census)) => import.complete_reading(census).await,
                (Ok(()), None) => import.complete().await,
                (failed, _) => failed,
            };
            match imported {
                Ok(()) => Ok(Box::new(import)),
                Err(e) => {
                    let _ = import.abandon().await;
                    Err(e)
                }
            }
        });
        Ok((Some(feed), Some(overlapped)))
    }

    /// Gives up an import that went on meanwhile.
    pub async fn stop_overlapped(&mut self, overlapped: Option<Overlapped>) {
        if let Some(overlapped) = overlapped {
            if let Ok(Ok(mut import)) = overlapped.await {
                let _ = import.abandon().await;
            }
            let _ = self.stores.target.discard(&self.folder.name).await;
            for phase in [Phase::Import, Phase::Verify] {
                self.events.withdraw(phase);
            }
        }
    }

    /// Opens the target for an import.
    pub async fn importer(&mut self, mode: WriteMode) -> Result<Import> {
        let request = WriteRequest {
            mode,
            run: self.folder.name.clone(),
            origin: Some(self.stores.source.address().to_string()),
        };
        if mode == WriteMode::Aside {
            self.stores.target.discard(&self.folder.name).await?;
        }
        let writer: Box<dyn Writer> = self.stores.target.writer(&request).await?;
        self.checkpoint.mode = Some(mode);
        step("writer-opened");
        let path = self.folder.dir.join("undo.journal");
        let acknowledged = match mode {
            WriteMode::Journal => self.checkpoint.acknowledged,
            WriteMode::Aside | WriteMode::Transaction => 0,
        };
        let journal = match mode {
            WriteMode::Aside => None,
            _ => Some(super::blocking(move || Journal::open(&path, acknowledged)).await?),
        };
        let target: Arc<dyn Store> = self.stores.target.clone();
        Ok(Import::new(
            target,
            (request, writer),
            journal,
            &self.plan.write,
            (
                self.folder.clone(),
                self.checkpoint.clone(),
                &self.stage_dir(),
            ),
            (self.events.clone(), self.control.clone()),
        ))
    }

    /// A census of what is staged already.
    pub async fn count_again(
        &mut self,
        sieve: &Sieve,
        decisions: Option<Decisions>,
    ) -> Result<Census> {
        let mut census = self.census(sieve);
        census.lost = self.checkpoint.lost.clone();
        let stage = self.stage();
        super::blocking(move || {
            let mut stage = open_stage(&stage)?;
            recount(&mut stage, &mut census, decisions.as_ref(), |_| true)?;
            Ok(census)
        })
        .await
    }

    /// Holds what is staged against the target; again, if that made records drop out.
    async fn validate(
        &mut self,
        census: &mut Census,
        sieve: &Sieve,
        present: &Option<LedgerSpool>,
    ) -> Result<(Compared, Option<Census>)> {
        let first = self.compare(census, sieve, present, None).await?;
        if !first.again {
            return Ok((first, None));
        }
        let mut census = self
            .count_again(sieve, Some(first.decisions.clone()))
            .await?;
        let mut second = self
            .compare(&mut census, sieve, present, Some(first.decisions.clone()))
            .await?;
        if second.again {
            return Err(Error::internal("records could not be told apart"));
        }
        second.again = true;
        second.dangling = first.dangling;
        second.unselected = first.unselected;
        second.parallel = first.parallel;
        second.repeated_nodes = first.repeated_nodes;
        second.repeated_relationships = first.repeated_relationships;
        Ok((second, Some(census)))
    }

    async fn compare(
        &mut self,
        census: &mut Census,
        sieve: &Sieve,
        present: &Option<LedgerSpool>,
        earlier: Option<Decisions>,
    ) -> Result<Compared> {
        let (dir, open) = (self.stage_dir(), sieve.is_open());
        let target = self.stores.target.descriptor().capabilities;
        let policy = self.plan.write.on_conflict;
        let replace = self.plan.write.replace;
        let (collected, present) = (census.collected(), present.clone());
        super::blocking(move || {
            let terms = Terms {
                dir: &dir,
                policy,
                target: &target,
                open,
                replace,
                earlier: earlier.as_ref(),
            };
            compare(Sides::of(collected, &dir, present)?, &terms)
        })
        .await
    }
}

/// The mark of the last finished run of the same source, target and filter: the time
/// of the newest memory it met, but never one later than its own start.
pub(super) fn last_run(home: &Home, plan: &Plan) -> Result<Option<Instant>> {
    let filter = |filter: &Filter| Filter {
        since: None,
        ..filter.clone()
    };
    for run in home.runs()?.into_iter().rev() {
        let Ok(Some(report)) = run.report() else {
            continue;
        };
        let newest = report.review.as_ref().and_then(|r| r.newest.first());
        let Some(newest) = newest.and_then(|n| n.updated_at) else {
            continue;
        };
        if report.outcome == Outcome::Done
            && report.plan.source == plan.source
            && report.plan.target == plan.target
            && filter(&report.plan.filter) == filter(&plan.filter)
        {
            let mark = newest.min(report.started_at);
            return Ok(Some(Instant(i128::from(mark) * 1_000_000)));
        }
    }
    Ok(None)
}

pub fn drifting(what: &str) -> Error {
    Error::new(
        ErrorKind::Drifted,
        format!("the {what} is written to all the time and could not be read at rest"),
    )
    .temporary()
    .remedy("Stop the program that writes to it, then repeat the command.")
}

/// The error of a preflight that failed.
fn refused_by(checks: &[Check]) -> Error {
    let failed: Vec<&Check> = checks
        .iter()
        .filter(|c| c.verdict == Verdict::Fail)
        .collect();
    let said = |c: &&Check| format!("{}: {}", c.title, c.evidence);
    let messages: Vec<String> = failed.iter().map(said).collect();
    let error = Error::new(ErrorKind::Refused, messages.join("; "));
    match failed.first().and_then(|c| c.remedy.clone()) {
        Some(remedy) => error.remedy(remedy),
        None => error,
    }
}
