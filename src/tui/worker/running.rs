//! Runs: starting, resuming and taking back, following one of another process, showing
//! one again, and trying a plan ahead without writing.

use super::locked::Closed;
use super::{FRAME, Worker};
use crate::config::Side;
use crate::engine::{
    self, Ask, Command, Handle, Options, Plan, RunFolder, RunState, RunStatus, Stamped, Stores,
};
use crate::report::Failure;
use crate::store::{Address, registry};
use crate::tui::msg::{Again, Msg, Running};
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What begins.
pub(super) enum Begin {
    /// A new run.
    Start(Box<Plan>, (Address, Address), bool),
    /// One that was broken off.
    Resume(RunFolder),
    /// Taking one back.
    RollBack(RunFolder),
}

/// Between two looks at the events of another process.
const TAIL: Duration = Duration::from_millis(100);

/// Longest rest of a replay, however long the run rested.
const LONGEST_REST: Duration = Duration::from_secs(2);

impl Worker {
    /// Begins once what went on before has ended.
    pub(super) fn begin(&self, what: Begin) {
        let worker = self.clone();
        self.now(|now| {
            let before = now.task.take();
            let withdrawn = Arc::new(AtomicBool::new(false));
            now.withdrawn = Some(withdrawn.clone());
            now.commands = None;
            if let Some(following) = now.following.take() {
                following.abort();
            }
            now.task = Some(self.on_runtime(async move {
                if let Some(before) = before {
                    let _ = before.await;
                }
                worker.run(what, withdrawn).await;
            }));
        });
    }

    async fn run(&self, what: Begin, withdrawn: Arc<AtomicBool>) {
        let fresh = matches!(what, Begin::Start(..));
        let again = match &what {
            Begin::Start(..) => None,
            Begin::Resume(run) => Some(Again::Resume(run.clone())),
            Begin::RollBack(run) => Some(Again::RollBack(run.clone())),
        };
        let (handle, rate) = match self.handle(what).await {
            Ok(begun) => begun,
            Err(closed) => {
                return self
                    .tell(closed.told(again, |f| Msg::Started(Err(f))))
                    .await;
            }
        };
        let (name, commands, states) = (handle.run.clone(), handle.commands(), handle.state());
        self.now(|now| now.commands = Some(commands.clone()));
        let how = if fresh {
            Running::Prepared
        } else {
            Running::Own
        };
        self.tell(Msg::Started(Ok((name.clone(), how)))).await;
        if rate > 0 {
            // So that everybody who watches knows of it.
            let _ = commands.send(Command::Rate(rate)).await;
        }
        if withdrawn.load(Ordering::SeqCst) {
            let _ = commands.send(Command::Stop { rollback: false }).await;
        }
        let forward = tokio::spawn(self.clone().forward(states.clone()));
        let report = handle.report().await;
        forward.abort();
        let _ = forward.await;
        self.now(|now| now.commands = None);
        let resumed = states.borrow().resumed;
        if fresh && !resumed && withdrawn.load(Ordering::SeqCst) {
            // It wrote nothing: its answer was never yes.
            if let Ok(folder) = self.home().run(&name) {
                let _ = tokio::task::spawn_blocking(move || folder.remove()).await;
            }
        } else {
            let last = Arc::new(states.borrow().clone());
            self.inner.state.send_replace(Some(last));
            self.tidy().await;
        }
        let ended = report.map(Box::new).map_err(|e| Failure::from(&e));
        self.tell(Msg::Ended(ended)).await;
    }

    /// Old runs and backups go, as the configuration says.
    async fn tidy(&self) {
        let (home, Ok(config)) = (self.home(), self.config()) else {
            return;
        };
        let work = move || {
            if let Some(days) = config.keep_runs_days {
                let _ = home.remove_old(days);
            }
            if let Some(keep) = config.keep_backups
                && home.dir().join("backups").is_dir()
            {
                let _ = home.clean_backups(keep as usize);
            }
        };
        let _ = tokio::task::spawn_blocking(work).await;
    }

    async fn handle(&self, what: Begin) -> Result<(Handle, u32), Closed> {
        let options = |source_copy| Options {
            home: self.home(),
            ask: Ask::Always,
            restart: false,
            source_copy,
        };
        match what {
            Begin::Start(plan, (source, target), copy) => {
                let stores = Stores {
                    source: registry::open(&source)?,
                    target: registry::open(&target)?,
                };
                self.remember(&source);
                self.remember(&target);
                let rate = plan.write.rate;
                Ok((engine::start(*plan, stores, options(copy)).await?, rate))
            }
            Begin::Resume(run) => {
                let plan = run.plan()?;
                let stores = Stores {
                    source: self.open_again(&plan.source, Side::From).await?,
                    target: self.open_again(&plan.target, Side::To).await?,
                };
                let rate = plan.write.rate;
                Ok((engine::resume(&run, stores, options(false)).await?, rate))
            }
            Begin::RollBack(run) => {
                let target = self.open_again(&run.plan()?.target, Side::To).await?;
                Ok((engine::rollback(&run, target, options(false)).await?, 0))
            }
        }
    }

    /// Hands the newest state on, at most once a frame.
    async fn forward(self, mut states: watch::Receiver<RunState>) {
        loop {
            let state = Arc::new(states.borrow_and_update().clone());
            self.inner.state.send_replace(Some(state));
            tokio::time::sleep(FRAME).await;
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells the run something.
    pub(super) fn send(&self, command: Command) {
        let commands = self.now(|now| now.commands.clone());
        if let Some(commands) = commands {
            self.on_runtime(async move {
                let _ = commands.send(command).await;
            });
        }
    }

    /// Nobody wants the run any more; it has written nothing.
    pub(super) fn withdraw(&self) {
        let commands = self.now(|now| {
            if let Some(withdrawn) = &now.withdrawn {
                withdrawn.store(true, Ordering::SeqCst);
            }
            now.commands.clone()
        });
        if let Some(commands) = commands {
            self.on_runtime(async move {
                let _ = commands.send(Command::Stop { rollback: false }).await;
            });
        }
    }

    /// Shows a run of another process, or one that is over.
    pub(super) fn follow(&self, run: RunFolder, how: Running) {
        let worker = self.clone();
        let (pace, paced) = watch::channel(1.0);
        self.inner.state.send_replace(None);
        self.now(|now| {
            if let Some(before) = now.following.take() {
                before.abort();
            }
            now.pace = Some(pace);
            now.following = Some(self.on_runtime(async move {
                worker.tell(Msg::Started(Ok((run.name.clone(), how)))).await;
                match how {
                    Running::Replayed => worker.replay(run, paced).await,
                    _ => worker.watch(run).await,
                }
            }));
        });
    }

    /// Reads the events of another process as they come.
    async fn watch(&self, run: RunFolder) {
        let mut reader: Option<BufReader<std::fs::File>> = None;
        let (mut state, mut line) = (RunState::default(), Vec::new());
        let mut idle = 0_u32;
        loop {
            if reader.is_none() {
                reader = std::fs::File::open(run.events_path())
                    .ok()
                    .map(BufReader::new);
            }
            let mut more = false;
            if let Some(reader) = &mut reader {
                // A line that is still being written is read on the next time.
                while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
                    if !line.ends_with(b"\n") {
                        break;
                    }
                    if let Ok(stamped) = serde_json::from_slice::<Stamped>(&line) {
                        state.apply(&stamped);
                        more = true;
                    }
                    line.clear();
                }
            }
            if more {
                idle = 0;
                self.inner.state.send_replace(Some(Arc::new(state.clone())));
            }
            if state.ended.is_some() {
                return;
            }
            idle += 1;
            // Its process may be gone without a word.
            if idle.is_multiple_of(20) && matches!(run.status(), Ok(RunStatus::Unfinished)) {
                let words = format!("run {} has stopped; it can be resumed", run.name);
                return self.tell(Msg::Done(Ok(words))).await;
            }
            tokio::time::sleep(TAIL).await;
        }
    }

    /// Shows the events of a run again, as fast as is asked for.
    async fn replay(&self, run: RunFolder, mut pace: watch::Receiver<f64>) {
        let Ok(file) = std::fs::File::open(run.events_path()) else {
            let words = format!("run {} has no events", run.name);
            return self.tell(Msg::Done(Ok(words))).await;
        };
        let (mut state, mut last) = (RunState::default(), None);
        let mut drawn = Instant::now();
        for line in BufReader::new(file).split(b'\n') {
            let Ok(line) = line else { break };
            let Ok(stamped) = serde_json::from_slice::<Stamped>(&line) else {
                continue;
            };
            let rest = stamped.at - last.unwrap_or(stamped.at);
            last = Some(stamped.at);
            if rest > 0 {
                self.inner.state.send_replace(Some(Arc::new(state.clone())));
                drawn = Instant::now();
                let _ = pace.wait_for(|pace| *pace > 0.0).await;
                let pace = pace.borrow().max(0.01);
                let rest = Duration::from_millis(rest.unsigned_abs()).min(LONGEST_REST);
                tokio::time::sleep(rest.div_f64(pace)).await;
            }
            state.apply(&stamped);
            if drawn.elapsed() > FRAME {
                drawn = Instant::now();
                self.inner.state.send_replace(Some(Arc::new(state.clone())));
            }
        }
        self.inner.state.send_replace(Some(Arc::new(state)));
    }
}
