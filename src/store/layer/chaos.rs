//! Seeded faults on any call of any store: delays, temporary and permanent errors,
//! before the call or after it took effect. For tests. The same seed and the same
//! order of calls give the same faults.

use super::around::{self, Around, Call, Load};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use async_trait::async_trait;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How wild it gets. Shares are of a thousand calls.
#[derive(Clone, Debug)]
pub struct Weather {
    /// Where the sequence starts.
    pub seed: u64,
    /// Calls that fail for the moment.
    pub temporary: u16,
    /// Calls that fail for good.
    pub permanent: u16,
    /// Of the failing writes, those that took effect before.
    pub lost_answers: u16,
    /// Calls that are delayed.
    pub delayed: u16,
    /// The longest delay.
    pub delay: Duration,
    /// Faults at most; delays are not counted.
    pub faults: u64,
    /// Which calls; empty: all.
    pub calls: Vec<Call>,
}

impl Weather {
    /// Nothing but temporary errors, on a tenth of all calls.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            temporary: 100,
            permanent: 0,
            lost_answers: 0,
            delayed: 0,
            delay: Duration::ZERO,
            faults: u64::MAX,
            calls: Vec::new(),
        }
    }
}

/// Says how many faults there have been.
#[derive(Clone)]
pub struct Storm(Arc<Chaos>);

impl Storm {
    /// Faults so far.
    pub fn faults(&self) -> u64 {
        self.0.faults.load(Ordering::Relaxed)
    }
}

/// The store in bad weather.
pub fn wrap(store: Arc<dyn Store>, weather: Weather) -> (Arc<dyn Store>, Storm) {
    let chaos = Arc::new(Chaos {
        random: Mutex::new(weather.seed),
        faults: AtomicU64::new(0),
        weather,
    });
    (around::wrap(store, chaos.clone()), Storm(chaos))
}

struct Chaos {
    weather: Weather,
    random: Mutex<u64>,
    faults: AtomicU64,
}

impl Chaos {
    /// splitmix64, by its public description.
    fn random(&self) -> u64 {
        let mut state = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn chance(&self, of_a_thousand: u16) -> bool {
        self.random() % 1_000 < u64::from(of_a_thousand)
    }

    fn concerns(&self, call: Call) -> bool {
        self.weather.calls.is_empty() || self.weather.calls.contains(&call)
    }

    fn fault(&self, temporary: u16, permanent: u16) -> Result<()> {
        let error = if self.chance(temporary) {
            Error::new(ErrorKind::Unreachable, "the connection was reset (chaos)").temporary()
        } else if self.chance(permanent) {
            Error::new(ErrorKind::Io, "the store broke down (chaos)")
        } else {
            return Ok(());
        };
        if self.faults.load(Ordering::Relaxed) >= self.weather.faults {
            return Ok(());
        }
        self.faults.fetch_add(1, Ordering::Relaxed);
        Err(error)
    }

    /// What part of failing writes fail after they took effect, or before.
    fn share(&self, call: Call, after: bool, of: u16) -> u16 {
        let lost = match call.is_read() {
            true => 0,
            false => u32::from(self.weather.lost_answers.min(1_000)),
        };
        let part = if after { lost } else { 1_000 - lost };
        (u32::from(of) * part / 1_000) as u16
    }

    fn strike(&self, call: Call, after: bool) -> Result<()> {
        if !self.concerns(call) {
            return Ok(());
        }
        self.fault(
            self.share(call, after, self.weather.temporary),
            self.share(call, after, self.weather.permanent),
        )
    }
}

#[async_trait]
impl Around for Chaos {
    async fn before(&self, call: Call) -> Result<()> {
        if self.concerns(call) && self.chance(self.weather.delayed) {
            let part = self.random() % 1_000;
            tokio::time::sleep(self.weather.delay * part as u32 / 1_000).await;
        }
        self.strike(call, false)
    }

    async fn after(&self, call: Call, _load: Load) -> Result<()> {
        self.strike(call, true)
    }
}
