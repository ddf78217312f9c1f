//! What a front end can change while a run goes on: pause, stop, rate, answers. Asked
//! between pages and batches, never in the middle of one.

use super::event::Event;
use super::events::Events;
use super::handle::Command;
use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A clonable view of the controls.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    paused: watch::Sender<bool>,
    stop: watch::Sender<u8>,
    answer: watch::Sender<Option<bool>>,
    rate: AtomicU32,
    bucket: Mutex<Bucket>,
}

/// Records that were let through in the present interval.
struct Bucket {
    since: Instant,
    records: u64,
}

const GO: u8 = 0;
const KEEP: u8 = 1;
const TAKE_BACK: u8 = 2;

impl Control {
    /// Controls with a limit in records a second; 0 for none.
    pub fn new(rate: u32) -> Self {
        Self(Arc::new(Inner {
            paused: watch::Sender::new(false),
            stop: watch::Sender::new(GO),
            answer: watch::Sender::new(None),
            rate: AtomicU32::new(rate),
            bucket: Mutex::new(Bucket {
                since: Instant::now(),
                records: 0,
            }),
        }))
    }

    /// Obeys commands until their sender is gone.
    pub async fn listen(self, mut commands: mpsc::Receiver<Command>, events: Events) {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Pause => {
                    if !self.0.paused.send_replace(true) {
                        events.emit(Event::Paused);
                    }
                }
                Command::Continue => {
                    if self.0.paused.send_replace(false) {
                        events.emit(Event::Unpaused);
                    }
                }
                Command::Stop { rollback } => {
                    let how = if rollback { TAKE_BACK } else { KEEP };
                    if self.0.stop.send_replace(how) != how {
                        events.emit(Event::Stopping { rollback });
                    }
                }
                Command::Rate(rate) => {
                    self.0.rate.store(rate, Ordering::Relaxed);
                    events.emit(Event::RateLimited { rate });
                }
                Command::Answer { proceed } => {
                    self.0.answer.send_replace(Some(proceed));
                }
            }
        }
    }

    /// Whether the run shall stop, and if so whether its writes are to be taken back.
    pub fn stopping(&self) -> Option<bool> {
        match *self.0.stop.borrow() {
            GO => None,
            how => Some(how == TAKE_BACK),
        }
    }

    /// Whether a pause was asked for.
    pub fn pausing(&self) -> bool {
        *self.0.paused.borrow()
    }

    /// Forgets that the run shall stop, so that its rollback can work.
    pub fn clear_stop(&self) {
        self.0.stop.send_replace(GO);
    }

    /// `Interrupted` if the run shall stop.
    pub fn check(&self) -> Result<()> {
        match self.stopping() {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::Interrupted, "stopped on request")
                .remedy("Repeat the command, or `memferry resume`, to go on.")),
        }
    }

    /// Waits while paused.
    pub async fn unpaused(&self) -> Result<()> {
        let (mut paused, mut stop) = (self.0.paused.subscribe(), self.0.stop.subscribe());
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
            let rate = u64::from(self.0.rate.load(Ordering::Relaxed));
            if rate == 0 {
                return Ok(());
            }
            let wait = {
                let mut bucket = self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner);
                let due = Duration::from_secs_f64(bucket.records as f64 / rate as f64);
                let elapsed = bucket.since.elapsed();
                if due <= elapsed {
                    // A long rest earns no burst of more than a second's worth.
                    if elapsed - due > Duration::from_secs(1) {
                        *bucket = Bucket {
                            since: Instant::now(),
                            records: 0,
                        };
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

    /// Waits for the answer to a review.
    pub async fn answer(&self) -> Result<bool> {
        let (mut answer, mut stop) = (self.0.answer.subscribe(), self.0.stop.subscribe());
        let got = tokio::select! {
            got = answer.wait_for(Option::is_some) => got.ok().and_then(|a| *a),
            _ = stop.wait_for(|stop| *stop != GO) => None,
        };
        self.check()?;
        self.0.answer.send_replace(None);
        Ok(got.unwrap_or(false))
    }
}
