//! One run from its folder to its report: starting, resuming and taking back, and what
//! is said at the end, however it ends.

use super::checkpoint::{Checkpoint, Step};
use super::control::{Control, is_lost};
use super::event::{Event, Phase};
use super::events::{Events, now_ms};
use super::handle::{Ask, Command, Handle};
use super::home::{Home, RunFolder, RunStatus, write_durably};
use super::plan::Plan;
use super::rollback::Rollback;
use super::step::step;
use super::unfinished::{other_plan, refuse_finished, unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{self, Failure, Outcome, Report, RolledBack, Side, words};
use crate::store::layer::{Attempt, Dress, Patience};
use crate::store::{Store, WriteMode};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What a run needs beside its plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where runs, backups and locks are kept.
    pub home: Home,
    /// When to wait for an answer to the review.
    pub ask: Ask,
    /// Drop an unfinished run of the same plan, rolled back first, instead of resuming it.
    pub restart: bool,
    /// Read the source from a private copy from the start.
    pub source_copy: bool,
}

/// The two stores of a run, opened from its plan.
#[derive(Clone)]
pub struct Stores {
    /// Where memories come from.
    pub source: Arc<dyn Store>,
    /// Where they go.
    pub target: Arc<dyn Store>,
}

/// A run at work.
pub(super) struct Run {
    pub folder: RunFolder,
    pub home: Home,
    pub plan: Plan,
    pub stores: Stores,
    pub events: Events,
    pub control: Control,
    pub checkpoint: Checkpoint,
    pub ask: Ask,
    pub source_copy: bool,
    pub report: Report,
    /// Whether something of this run is, or may be, in the target.
    pub written: bool,
    /// Whether it can go on after a failure though nothing is in the target.
    resumable: bool,
    /// Warnings and phases of its earlier parts.
    earlier: (Vec<String>, Vec<(Phase, u64)>),
    /// Every record that is staged and to be moved fits the target as it is.
    pub all_fit: bool,
    /// Newest memories of the target, for the review.
    pub present_newest: Vec<super::Sample>,
    _held: (Option<File>, File),
}

/// Starts a run; an unfinished one of the same plan goes on instead.
pub async fn start(plan: Plan, stores: Stores, options: Options) -> Result<Handle> {
    super::filter::Sieve::new(&plan.filter, None)?;
    plan.check()?;
    let identity = stores.target.identity().await?;
    // A dry run writes nothing, so it neither waits for others nor holds them up.
    let lock = match plan.write.dry_run {
        true => None,
        false => Some(options.home.lock(&identity)?),
    };
    if lock.is_some()
        && let Some(found) = unfinished(&options.home, &identity, &plan)?
    {
        if found.plan()?.digest() != plan.digest() {
            return Err(other_plan(&found));
        }
        match options.restart {
            false => return go_on(found, plan, stores, options, lock).await,
            true => {
                let back = take_back(found, stores.target.clone(), &options, lock).await?;
                return begin(plan, stores, options, back).await;
            }
        }
    }
    begin(plan, stores, options, lock).await
}

/// Goes on with a run that was broken off.
pub async fn resume(run: &RunFolder, stores: Stores, options: Options) -> Result<Handle> {
    refuse_finished(run, "resumed")?;
    let identity = stores.target.identity().await?;
    let lock = options.home.lock(&identity)?;
    let plan = run.plan()?;
    go_on(run.clone(), plan, stores, options, Some(lock)).await
}

/// Takes back what a run wrote, whether it ended or not.
pub async fn rollback(run: &RunFolder, target: Arc<dyn Store>, options: Options) -> Result<Handle> {
    let lock = options.home.lock(&target.identity().await?)?;
    if let RunStatus::Finished(outcome) = run.status()? {
        let why = match outcome {
            Outcome::RolledBack => Some("is rolled back already"),
            // One that failed after it wrote is not over before that is taken back.
            Outcome::Refused | Outcome::DryRun | Outcome::Failed => Some("wrote nothing"),
            Outcome::Done | Outcome::Differences | Outcome::Interrupted => None,
        };
        if let Some(why) = why {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("run {} {why}", run.name),
            ));
        }
    }
    let plan = run.plan()?;
    // The source is not touched; the target stands in for it.
    let stores = Stores {
        source: target.clone(),
        target,
    };
    let (work, handle) = open(run.clone(), plan, stores, &options, Some(lock), true).await?;
    Ok(handle.spawn(work.only_rollback()))
}

async fn begin(plan: Plan, stores: Stores, options: Options, lock: Option<File>) -> Result<Handle> {
    let folder = options.home.create_run(&plan)?;
    step("run-created");
    let (run, handle) = open(folder, plan, stores, &options, lock, false).await?;
    Ok(handle.spawn(run.work()))
}

async fn go_on(
    folder: RunFolder,
    plan: Plan,
    stores: Stores,
    options: Options,
    lock: Option<File>,
) -> Result<Handle> {
    let (run, handle) = open(folder, plan, stores, &options, lock, true).await?;
    Ok(handle.spawn(run.work()))
}

/// Rolls an unfinished run back and hands the lock on.
async fn take_back(
    found: RunFolder,
    target: Arc<dyn Store>,
    options: &Options,
    lock: Option<File>,
) -> Result<Option<File>> {
    let plan = found.plan()?;
    let stores = Stores {
        source: target.clone(),
        target,
    };
    let (run, handle) = open(found, plan, stores, options, None, true).await?;
    let report = handle.spawn(run.only_rollback()).report().await?;
    match report.outcome {
        Outcome::RolledBack => Ok(lock),
        _ => Err(Error::new(
            ErrorKind::Refused,
            format!("the unfinished run {} could not be rolled back", report.run),
        )
        .remedy(format!(
            "See `{}`.",
            options.home.command(&["report", &report.run])
        ))),
    }
}

/// A handle whose run is not yet going.
struct Ready {
    run: String,
    state: watch::Receiver<super::RunState>,
    commands: mpsc::Sender<Command>,
}

impl Ready {
    fn spawn(self, work: impl Future<Output = Result<Report>> + Send + 'static) -> Handle {
        Handle {
            run: self.run,
            state: self.state,
            commands: self.commands,
            done: tokio::spawn(work),
        }
    }
}

async fn open(
    folder: RunFolder,
    plan: Plan,
    stores: Stores,
    options: &Options,
    lock: Option<File>,
    resumed: bool,
) -> Result<(Run, Ready)> {
    let identity = stores.target.identity().await?;
    let (of, digest) = (folder.clone(), plan.digest());
    let (active, checkpoint, (events, state)) = super::blocking(move || {
        let active = of.take()?;
        let checkpoint = checkpoint_of(&of, digest, identity)?;
        Ok((active, checkpoint, Events::of(&of)?))
    })
    .await?;
    let stores = Stores {
        source: dressed(stores.source, "source", &plan, &events),
        target: dressed(stores.target, "target", &plan, &events),
    };
    let control = Control::of_run(plan.write.rate, &folder);
    let (commands, received) = mpsc::channel(16);
    tokio::spawn(control.clone().listen(received, events.clone()));
    events.emit(Event::Started {
        run: folder.name.clone(),
        source: stores.source.address().to_string(),
        target: stores.target.address().to_string(),
        resumed,
        dry_run: plan.write.dry_run,
    });
    let side = |store: &Arc<dyn Store>| Side {
        address: store.address().to_string(),
        title: store.descriptor().title.to_owned(),
        ..Side::default()
    };
    let report = Report {
        version: report::VERSION,
        memferry: env!("CARGO_PKG_VERSION").to_owned(),
        run: folder.name.clone(),
        outcome: Outcome::Interrupted,
        summary: String::new(),
        started_at: checkpoint.started_at,
        ended_at: 0,
        source: side(&stores.source),
        target: side(&stores.target),
        plan: plan.clone(),
        mode: checkpoint.mode,
        phases: Vec::new(),
        checks: Vec::new(),
        review: None,
        written: checkpoint.written,
        losses: Vec::new(),
        equivalences: Default::default(),
        verification: None,
        warnings: Vec::new(),
        unreadable: Vec::new(),
        backup: checkpoint.backup.clone(),
        failure: None,
        rollback: None,
        can_resume: false,
        can_roll_back: false,
        may_be_published: checkpoint.step >= Step::Publishing,
        options: folder.options().to_vec(),
    };
    let earlier = match folder.report() {
        Ok(Some(before)) => (before.warnings, before.phases),
        _ => Default::default(),
    };
    let ready = Ready {
        run: folder.name.clone(),
        state,
        commands,
    };
    let run = Run {
        home: options.home.clone(),
        ask: options.ask,
        source_copy: options.source_copy,
        written: checkpoint.step >= Step::Importing,
        resumable: false,
        earlier,
        folder,
        plan,
        stores,
        events,
        control,
        checkpoint,
        report,
        all_fit: false,
        present_newest: Vec::new(),
        _held: (lock, active),
    };
    Ok((run, ready))
}

/// The checkpoint of a run, made if it has none yet.
fn checkpoint_of(folder: &RunFolder, plan: String, identity: String) -> Result<Checkpoint> {
    match Checkpoint::load(folder)? {
        Some(checkpoint) if checkpoint.plan != plan => Err(Error::new(
            ErrorKind::Refused,
            format!(
                "the checkpoint of run {} belongs to another plan",
                folder.name
            ),
        )
        .remedy("Start a new run.")),
        Some(checkpoint) => Ok(checkpoint),
        None => {
            let new = Checkpoint::new(plan, identity, now_ms());
            new.save(folder)?;
            Ok(new)
        }
    }
}

/// A store whose reads are repeated, and which a dry run cannot write to.
fn dressed(store: Arc<dyn Store>, which: &str, plan: &Plan, events: &Events) -> Arc<dyn Store> {
    let (which, events) = (which.to_owned(), events.clone());
    let told = move |attempt: &Attempt<'_>| {
        let seconds = attempt.pause.as_secs_f32();
        events.note(format!(
            "{which}: {}; asking again in {seconds} s",
            attempt.error
        ));
    };
    let dress = Dress {
        patience: Some(Patience {
            told: Some(Arc::new(told)),
            ..Patience::default()
        }),
        read_only: plan.write.dry_run,
        ..Dress::default()
    };
    dress.wear(store)
}

impl Run {
    /// Folder of the stage and of whatever is sorted.
    pub fn stage_dir(&self) -> PathBuf {
        match &self.plan.write.stage_dir {
            Some(dir) => dir.join(format!("memferry-{}", self.folder.name)),
            None => self.folder.dir.join("stage"),
        }
    }

    /// The stage.
    pub fn stage(&self) -> PathBuf {
        self.stage_dir().join("stage.memferry")
    }

    /// Sets how far the run is, durably.
    pub async fn reach(&mut self, step: Step) -> Result<()> {
        self.checkpoint.step = step;
        let (checkpoint, folder) = (self.checkpoint.clone(), self.folder.clone());
        super::blocking(move || checkpoint.save(&folder)).await
    }

    async fn work(mut self) -> Result<Report> {
        let result = self.migrate().await;
        self.events.end_all();
        self.conclude(result).await
    }

    async fn only_rollback(mut self) -> Result<Report> {
        if let Ok(Some(before)) = self.folder.report() {
            self.report = Report {
                failure: None,
                ..before
            };
        }
        let outcome = match self.roll_back().await {
            Ok(outcome) => outcome,
            Err(e) => {
                self.written = true;
                self.fail(e)
            }
        };
        self.events.end_all();
        self.finish(outcome).await
    }

    /// From how the work ended to the report.
    async fn conclude(mut self, result: Result<Outcome>) -> Result<Report> {
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(e) if e.kind() == ErrorKind::Interrupted => match self.control.stopping() {
                Some(true) => match self.roll_back().await {
                    Ok(outcome) => outcome,
                    Err(e) => self.fail(e),
                },
                _ => Outcome::Interrupted,
            },
            Err(e) if e.kind() == ErrorKind::Refused && !self.written => {
                self.fail(e);
                Outcome::Refused
            }
            Err(e) => self.give_up(e).await,
        };
        self.finish(outcome).await
    }

    /// After a failure: what is in the target is taken back, unless that was declined, or
    /// the failure may pass and the run can go on behind it.
    async fn give_up(&mut self, error: Error) -> Outcome {
        let passing = is_lost(&error);
        let rolling_back = self.checkpoint.step == Step::RollingBack;
        let outcome = self.fail(error);
        if passing {
            self.resumable |= self.checkpoint.step > Step::Exporting
                || self.checkpoint.export.is_some()
                || Checkpoint::load(&self.folder)
                    .is_ok_and(|c| c.is_some_and(|c| c.export.is_some()));
        }
        if !self.written || rolling_back {
            return outcome;
        }
        let (go_on, back) = (
            self.folder.command(&["resume"]),
            self.folder.command(&["rollback"]),
        );
        let stays = match self.checkpoint.mode {
            _ if passing => Some(format!(
                "what was written stays for now; `{go_on}` goes on, `{back}` takes it back"
            )),
            _ if !self.plan.write.rollback => {
                Some(format!("what was written stays; `{back}` takes it back"))
            }
            _ => None,
        };
        if let Some(stays) = stays {
            self.events.warn("not-rolled-back", stays);
            return outcome;
        }
        match self.roll_back().await {
            Ok(outcome) => outcome,
            Err(e) => {
                self.events
                    .warn("rollback-failed", format!("the rollback failed: {e}"));
                outcome
            }
        }
    }

    /// Notes what failed; the first failure is the one that counts.
    fn fail(&mut self, error: Error) -> Outcome {
        let failure = Failure::from(&error);
        self.events.emit(Event::Failed {
            failure: failure.clone(),
        });
        self.report.failure.get_or_insert(failure);
        Outcome::Failed
    }

    /// Takes everything back.
    pub async fn roll_back(&mut self) -> Result<Outcome> {
        self.control.clear(&self.events);
        self.events.begin(Phase::Rollback);
        let step_before = self.checkpoint.step;
        let mode = self.checkpoint.mode;
        let done = self.undo(step_before, mode).await?;
        self.written = false;
        self.resumable = false;
        self.events.end(Phase::Rollback, true);
        if done.spared_count > 0 {
            self.events.warn(
                "spared",
                format!(
                    "{}, changed by somebody else since, {} left alone",
                    words::records(done.spared_count),
                    if done.spared_count == 1 {
                        "was"
                    } else {
                        "were"
                    }
                ),
            );
        }
        self.report.rollback = Some(done);
        Ok(Outcome::RolledBack)
    }

    async fn undo(&mut self, before: Step, mode: Option<WriteMode>) -> Result<RolledBack> {
        let target = self.stores.target.clone();
        if before < Step::Importing || mode.is_none() {
            target.discard(&self.folder.name).await?;
            super::recover::recover(&target, &self.folder.name, mode).await?;
            return Ok(RolledBack::default());
        }
        if before != Step::RollingBack {
            self.checkpoint.uncertain = before == Step::Publishing;
            self.reach(Step::RollingBack).await?;
        }
        let dir = self.stage_dir();
        let made = dir.clone();
        super::blocking(move || super::home::make_folder(&made)).await?;
        let rollback = Rollback {
            target: target.clone(),
            dir: self.folder.dir.clone(),
            sort_in: dir,
            run: format!("{}-back", self.folder.name),
            forget: self.folder.command(&["runs", "remove", "--unfinished"]),
            acknowledged: self.checkpoint.acknowledged,
            uncertain: self.checkpoint.uncertain,
            events: self.events.clone(),
            control: self.control.clone(),
        };
        if mode == Some(WriteMode::Aside) {
            target.discard(&self.folder.name).await?;
        }
        rollback.run(mode).await
    }

    /// Writes the report as it stands.
    pub async fn write_report(&mut self, outcome: Outcome) -> Result<()> {
        let (checks, warnings, phases) = self.events.told();
        if !checks.is_empty() {
            self.report.checks = checks;
        }
        self.report.warnings = [self.earlier.0.clone(), warnings].concat();
        self.report.phases = [self.earlier.1.clone(), phases].concat();
        self.report.outcome = outcome;
        self.report.mode = self.checkpoint.mode;
        self.report.backup = self.checkpoint.backup.clone();
        self.report.ended_at = now_ms();
        self.report.summary = report::summary(&self.report);
        let bytes = report::json::render(&self.report)?.into_bytes();
        let path = self.folder.dir.join("report.json");
        super::blocking(move || write_durably(&path, &bytes)).await
    }

    /// Whether the run can go on, and whether it can be taken back: also for the report.
    fn say_what_is_left(&mut self, outcome: Outcome) -> bool {
        let resumable = match outcome {
            _ if self.plan.write.dry_run => false,
            Outcome::Interrupted => true,
            Outcome::Failed => self.written || self.resumable,
            _ => false,
        };
        // What was built aside is told from what somebody wrote since by reading it.
        let readable = self.checkpoint.mode != Some(WriteMode::Aside)
            || self.stores.target.descriptor().source;
        let published = matches!(outcome, Outcome::Done | Outcome::Differences)
            && self.checkpoint.step == Step::Published;
        self.report.can_resume = resumable && self.checkpoint.step != Step::RollingBack;
        self.report.can_roll_back = resumable || published && readable;
        resumable
    }

    /// Writes the report and lets go of what is no longer needed.
    async fn finish(mut self, outcome: Outcome) -> Result<Report> {
        let resumable = self.say_what_is_left(outcome);
        self.write_report(outcome).await?;
        step("report-written");
        if !resumable {
            let stage = self.stage_dir();
            super::blocking(move || match std::fs::remove_dir_all(&stage) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::io("remove", &stage, e))
                }
                _ => Ok(()),
            })
            .await?;
            step("stage-removed");
            self.reach(Step::Over).await?;
        }
        self.events.emit(Event::Finished {
            outcome,
            summary: self.report.summary.clone(),
        });
        Ok(self.report)
    }
}
