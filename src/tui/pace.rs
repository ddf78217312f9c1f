//! When the next frame may be drawn: never more than thirty in any second. What changes by
//! itself waits for its turn; a key is shown at once, as long as there were not too many.

use super::worker::FRAME;
use std::time::{Duration, Instant};

/// Frames that keys may have at once.
const BURST: f64 = 4.0;

/// Frames that are earned in a second. With those of a burst they are thirty.
const EARNED: f64 = 30.0 - BURST;

/// How many frames may be drawn, and when the last was.
#[derive(Debug)]
pub struct Pace {
    left: f64,
    /// When that was counted.
    counted: Instant,
    drawn: Option<Instant>,
}

impl Pace {
    /// With nothing drawn yet.
    pub fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            counted: now,
            drawn: None,
        }
    }

    fn left(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.counted);
        (self.left + since.as_secs_f64() * EARNED).min(BURST)
    }

    /// How long the next frame has to wait; `asked`: somebody waits for what it shows.
    pub fn wait(&self, now: Instant, asked: bool) -> Duration {
        let lacking = (1.0 - self.left(now)).max(0.0) / EARNED;
        let earned = Duration::from_secs_f64(lacking);
        match (self.drawn, asked) {
            (Some(drawn), false) => earned.max((drawn + FRAME).saturating_duration_since(now)),
            _ => earned,
        }
    }

    /// A frame is drawn.
    pub fn drew(&mut self, now: Instant) {
        self.left = (self.left(now) - 1.0).max(0.0);
        (self.counted, self.drawn) = (now, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws as often as it may, and says when.
    fn drawn(seconds: u64, asked: impl Fn(usize) -> bool) -> Vec<Duration> {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        let (mut at, mut all) = (Duration::ZERO, Vec::new());
        while at < Duration::from_secs(seconds) {
            match pace.wait(begun + at, asked(all.len())) {
                Duration::ZERO => {
                    pace.drew(begun + at);
                    all.push(at);
                }
                wait => at += wait.max(Duration::from_nanos(1)),
            }
        }
        all
    }

    #[test]
    fn no_second_has_more_than_thirty_frames() {
        let mixed = |i: usize| i % 7 < 3;
        for all in [drawn(5, |_| true), drawn(5, |_| false), drawn(5, mixed)] {
            assert!(all.len() > 100, "{}", all.len());
            for (i, first) in all.iter().enumerate() {
                let within = all[i..]
                    .iter()
                    .take_while(|at| **at < *first + Duration::from_secs(1));
                assert!(within.count() <= 30, "from {first:?} on");
            }
        }
    }

    #[test]
    fn a_key_is_shown_at_once_and_what_moves_by_itself_waits() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        pace.drew(begun);
        let soon = begun + Duration::from_millis(1);
        assert_eq!(pace.wait(soon, true), Duration::ZERO);
        assert!(pace.wait(soon, false) > Duration::from_millis(30));
        // Many keys in a moment wait as well.
        for _ in 0..4 {
            pace.drew(soon);
        }
        assert!(pace.wait(soon, true) > Duration::from_millis(30));
    }
}
