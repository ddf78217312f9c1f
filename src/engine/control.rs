//! What a front end can change while a run goes on: pause, stop, rate, answers. Asked
//! between pages and batches, never in the middle of one.

use super::event::Event;
use super::events::Events;
use super::handle::Command;
use super::home::RunFolder;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Limit;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A clonable view of the controls.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
    holding: bool,
}

struct Inner {
    paused: watch::Sender<bool>,
    stop: watch::Sender<u8>,
    answer: watch::Sender<Option<bool>>,
    rate: AtomicU32,
    bucket: Mutex<Bucket>,
    /// What to do when it was stopped.
    go_on: String,
}

/// Records that were let through in the present interval.
struct Bucket {
    since: Instant,
    records: u64,
}

impl Bucket {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            records: 0,
        }
    }
}

const GO: u8 = 0;
const KEEP: u8 = 1;
const TAKE_BACK: u8 = 2;

impl Control {
    /// Controls of a run, with a limit in records a second; 0 for none.
    pub fn of_run(rate: u32, run: &RunFolder) -> Self {
        let resume = run.command(&["resume"]);
        Self::new(
            rate,
            format!("Repeat the command, or `{resume}`, to go on."),
        )
    }

    /// Controls of work that begins anew when it is asked for again.
    pub fn anew() -> Self {
        Self::new(0, "Repeat the command.".to_owned())
    }

    fn new(rate: u32, go_on: String) -> Self {
        let inner = Arc::new(Inner {
            paused: watch::Sender::new(false),
            stop: watch::Sender::new(GO),
            answer: watch::Sender::new(None),
            rate: AtomicU32::new(rate),
            bucket: Mutex::new(Bucket::new()),
            go_on,
        });
        let holding = false;
        Self { inner, holding }
    }

    /// For work that holds the target shut: a pause is an error there ([`is_pause`]),
    /// upon which it lets go and begins again, and the limit does not apply.
    pub fn holding(&self) -> Self {
        Self {
            holding: true,
            ..self.clone()
        }
    }

    /// Obeys commands until their sender is gone.
    pub async fn listen(self, mut commands: mpsc::Receiver<Command>, events: Events) {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Pause => {
                    if !self.inner.paused.send_replace(true) {
                        events.emit(Event::Paused);
                    }
                }
                Command::Continue => {
                    if self.inner.paused.send_replace(false) {
                        events.emit(Event::Unpaused);
                    }
                }
                Command::Stop { rollback } => {
                    let how = if rollback { TAKE_BACK } else { KEEP };
                    if self.inner.stop.send_replace(how) != how {
                        events.emit(Event::Stopping { rollback });
                    }
                }
                Command::Rate(rate) => {
                    self.inner.rate.store(rate, Ordering::Relaxed);
                    // What was let through under the old limit is no debt under the new.
                    *self.bucket() = Bucket::new();
                    events.emit(Event::RateLimited { rate });
                }
                Command::Answer { proceed } => {
                    self.inner.answer.send_replace(Some(proceed));
                }
            }
        }
    }

    /// Whether the run shall stop, and if so whether its writes are to be taken back.
    pub fn stopping(&self) -> Option<bool> {
        match *self.inner.stop.borrow() {
            GO => None,
            how => Some(how == TAKE_BACK),
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.inner
            .bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets that the run shall stop, or pause, so that its rollback can work.
    pub fn clear(&self, events: &Events) {
        self.inner.stop.send_replace(GO);
        if self.inner.paused.send_replace(false) {
            events.emit(Event::Unpaused);
        }
    }

    /// `Interrupted` if the run shall stop.
    pub fn check(&self) -> Result<()> {
        match self.stopping() {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::Interrupted, "stopped on request")
                .remedy(self.inner.go_on.as_str())),
        }
    }

    /// Waits while paused.
    pub async fn unpaused(&self) -> Result<()> {
        // Work that never has to wait would never let a command through.
        tokio::task::yield_now().await;
        if self.holding && *self.inner.paused.borrow() {
            self.check()?;
            return Err(Error::new(ErrorKind::Interrupted, "paused").temporary());
        }
        let (mut paused, mut stop) = (self.inner.paused.subscribe(), self.inner.stop.subscribe());
        tokio::select! {
            _ = paused.wait_for(|paused| !paused) => {}
            _ = stop.wait_for(|stop| *stop != GO) => {}
        }
        self.check()
    }

    /// Lets so many records through: waits while paused and as the limit says.
    pub async fn pass(&self, records: u64) -> Result<()> {
        self.unpaused().await?;
        loop {
            if self.holding {
                return Ok(());
            }
            let rate = u64::from(self.inner.rate.load(Ordering::Relaxed));
            if rate == 0 {
                return Ok(());
            }
            let wait = {
                let mut bucket = self.bucket();
                let due = Duration::from_secs_f64(bucket.records as f64 / rate as f64);
                let elapsed = bucket.since.elapsed();
                if due <= elapsed {
                    // A long rest earns no burst of more than a second's worth.
                    if elapsed - due > Duration::from_secs(1) {
                        *bucket = Bucket::new();
                    }
                    bucket.records += records;
                    return Ok(());
                }
                due - elapsed
            };
            tokio::time::sleep(wait.min(Duration::from_millis(200))).await;
            self.unpaused().await?;
        }
    }

    /// How much to read at once, so that a low limit does not come in great lumps.
    pub fn page(&self) -> Limit {
        match self.inner.rate.load(Ordering::Relaxed) as usize {
            0 => Limit::PAGE,
            rate => Limit {
                rows: rate.min(Limit::PAGE.rows),
                ..Limit::PAGE
            },
        }
    }

    /// Waits for the answer to a review.
    pub async fn answer(&self) -> Result<bool> {
        let (mut answer, mut stop) = (self.inner.answer.subscribe(), self.inner.stop.subscribe());
        let got = tokio::select! {
            got = answer.wait_for(Option::is_some) => got.ok().and_then(|a| *a),
            _ = stop.wait_for(|stop| *stop != GO) => None,
        };
        self.check()?;
        self.inner.answer.send_replace(None);
        Ok(got.unwrap_or(false))
    }
}

/// Whether work was given up only to let go of the target during a pause.
pub fn is_pause(error: &Error) -> bool {
    error.kind() == ErrorKind::Interrupted && error.is_temporary()
}

/// Whether the connection is gone, so that what was open on it may be opened again.
pub fn is_lost(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Unreachable => true,
        ErrorKind::Interrupted | ErrorKind::Conflict | ErrorKind::Drifted => false,
        _ => error.is_temporary(),
    }
}
