//! Does what the wizard asks for, on the runtime, and tells what came of it. Channels are
//! bounded, and of a run only the newest state is kept, so that a slow terminal holds
//! nothing up.

mod ahead;
mod locked;
mod looking;
mod running;

use super::msg::{Again, Effect, Msg};
use crate::config::{Config, Paths, Secret};
use crate::engine::{Command, Home, RunState};
use crate::error::Error;
use crate::report::Failure;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Least time between two frames: at most thirty a second.
pub const FRAME: std::time::Duration = std::time::Duration::from_micros(33_334);

/// The newest state of the run that is looked at.
pub type Newest = watch::Receiver<Option<Arc<RunState>>>;

/// What does it.
#[derive(Clone)]
pub struct Worker {
    inner: Arc<Inner>,
}

struct Inner {
    to: mpsc::Sender<Msg>,
    state: watch::Sender<Option<Arc<RunState>>>,
    /// What it is done on: never the runtime that draws.
    runtime: Handle,
    paths: Paths,
    home: Home,
    now: Mutex<Now>,
}

/// What goes on.
#[derive(Default)]
struct Now {
    /// The commands of the run of this process.
    commands: Option<mpsc::Sender<Command>>,
    /// Its task, which ends with it.
    task: Option<JoinHandle<()>>,
    /// Whether its folder is to go once it ended: it wrote nothing, and nobody wants it.
    withdrawn: Option<Arc<std::sync::atomic::AtomicBool>>,
    /// What counts ahead.
    forecast: Option<JoinHandle<()>>,
    /// The run that is followed.
    following: Option<JoinHandle<()>>,
    /// Secrets that a person told, with the address they are of.
    told: Vec<(String, Vec<(&'static str, Secret)>)>,
    /// How fast a replay goes.
    pace: Option<watch::Sender<f64>>,
}

impl Worker {
    /// One that works on this runtime and tells this end.
    pub fn new(runtime: Handle, to: mpsc::Sender<Msg>, paths: Paths, home: Home) -> (Self, Newest) {
        let (state, newest) = watch::channel(None);
        let inner = Arc::new(Inner {
            to,
            state,
            runtime,
            paths,
            home,
            now: Mutex::default(),
        });
        (Self { inner }, newest)
    }

    fn home(&self) -> Home {
        self.inner.home.clone()
    }

    fn config(&self) -> Result<Config, Failure> {
        let config = Config::load(&self.inner.paths, &crate::config::process_env);
        config.map_err(|e| Failure::from(&e))
    }

    async fn tell(&self, msg: Msg) {
        // Nobody listens any more only once the wizard has ended.
        let _ = self.inner.to.send(msg).await;
    }

    fn now<T>(&self, f: impl FnOnce(&mut Now) -> T) -> T {
        f(&mut self
            .inner
            .now
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    fn spawn(&self, work: impl Future<Output = Msg> + Send + 'static) {
        let worker = self.clone();
        self.on_runtime(async move {
            let msg = work.await;
            worker.tell(msg).await;
        });
    }

    fn on_runtime(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.inner.runtime.spawn(work)
    }

    /// Does it, without waiting for it.
    pub fn start(&self, effect: Effect) {
        let worker = self.clone();
        match effect {
            Effect::Look => {
                self.on_runtime(worker.look());
            }
            Effect::ListRuns => self.spawn(blocking(move || Msg::Runs(worker.list_runs()))),
            Effect::ListBackups => {
                self.spawn(blocking(move || Msg::Backups(worker.list_backups())));
            }
            Effect::Probe {
                seat,
                seq,
                address,
                sample,
            } => {
                self.on_runtime(worker.probe(seat, seq, address, sample));
            }
            Effect::Complete(seq, text) => self.spawn(blocking(move || {
                Msg::Completed(seq, looking::completion(&text))
            })),
            Effect::Forecast { seq, plan, stores } => self.count_ahead(seq, *plan, stores),
            Effect::CheckAlone {
                seq,
                name,
                plan,
                stores,
            } => self.spawn(async move { worker.check_alone(seq, name, *plan, stores).await }),
            Effect::DropForecast => self.drop_forecast(),
            Effect::Start {
                plan,
                stores,
                source_copy,
            } => self.begin(running::Begin::Start(plan, stores, source_copy)),
            Effect::Again(again) => self.again(again),
            Effect::Unlock(again, address, secrets) => {
                self.tell_of(&address, secrets);
                self.again(again);
            }
            Effect::Send(command) => self.send(command),
            Effect::Withdraw => self.withdraw(),
            Effect::Follow(run, how) => self.follow(run, how),
            Effect::Pace(pace) => self.now(|now| {
                if let Some(to) = &now.pace {
                    to.send_replace(pace);
                }
            }),
            Effect::Load(run) => self.spawn(blocking(move || {
                Msg::Report(match run.report() {
                    Ok(Some(report)) => Ok(Box::new(report)),
                    Ok(None) => Err(Failure {
                        kind: crate::error::ErrorKind::NotFound,
                        message: format!("run {} has no report yet", run.name),
                        remedy: Some("It is not over.".into()),
                    }),
                    Err(error) => Err(Failure::from(&error)),
                })
            })),
            Effect::Remove(run) => self.spawn(blocking(move || {
                let removed = run.remove().map_err(|e| Failure::from(&e));
                Msg::Done(removed.map(|()| format!("Removed run {}", run.name)))
            })),
            Effect::Compare(a, b) => self.spawn(looking::compare(a, b)),
            Effect::CheckBackup(path) => self.spawn(looking::check_backup(path)),
            Effect::Save(path, bytes) => self.spawn(blocking(move || {
                let saved = crate::cli::write_new(&path, &bytes);
                let words = format!("Saved {}", path.display());
                Msg::Done(saved.map(|()| words).map_err(|e| Failure::from(&e)))
            })),
            Effect::SaveProfile(name, address) => self.spawn(blocking(move || {
                let env = &crate::config::process_env;
                let saved = crate::config::save_profile(&worker.inner.paths, &name, &address, env);
                let saved = saved.map_err(|e| Failure::from(&e));
                Msg::Saved(saved.and_then(|s| Ok((s.words(), Box::new(worker.config()?)))))
            })),
            Effect::SavePrefs(prefs) => {
                self.inner.runtime.spawn_blocking(move || {
                    // A look that cannot be kept is still seen.
                    let _ = prefs.save(&worker.inner.paths);
                });
            }
            // These are the terminal's.
            Effect::Copy(_) | Effect::Suspend | Effect::Redraw | Effect::Mouse(_) => {}
        }
    }

    fn again(&self, what: Again) {
        let worker = self.clone();
        match what {
            Again::Resume(run) => self.begin(running::Begin::Resume(run)),
            Again::RollBack(run) => self.begin(running::Begin::RollBack(run)),
            Again::Verify(run) => self.spawn(async move { worker.verify_run(run).await }),
        }
    }

    /// Waits until the run of this process has ended, if there is one.
    pub async fn settled(&self) {
        let task = self.now(|now| now.task.take());
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

/// Blocking work off the runtime.
async fn blocking(work: impl FnOnce() -> Msg + Send + 'static) -> Msg {
    match tokio::task::spawn_blocking(work).await {
        Ok(msg) => msg,
        Err(panicked) => {
            let error = Error::internal("work was broken off").because(panicked);
            Msg::Done(Err(Failure::from(&error)))
        }
    }
}
