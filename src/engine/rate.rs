//! How fast a phase goes: one-second buckets in a sliding window, so that the rate
//! and the time left do not jump.

use std::collections::VecDeque;

/// Seconds in the window.
const WINDOW: usize = 20;

/// Seconds of history kept for the sparkline.
const HISTORY: usize = 120;

/// Seconds before a time left is named at all.
const SETTLE: f64 = 2.0;

/// Records over time. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    first: Option<i64>,
    last: i64,
    done: u64,
    /// (second, records that fell into it), oldest first.
    buckets: VecDeque<(i64, u64)>,
}

impl Rate {
    /// Notes that so many records are done at that time. Numbers that fall are taken
    /// as a new start.
    pub fn record(&mut self, at: i64, done: u64) {
        if done < self.done || self.first.is_none() {
            *self = Self {
                first: Some(at),
                last: at,
                done,
                buckets: VecDeque::new(),
            };
            return;
        }
        let (second, more) = (at.div_euclid(1_000), done - self.done);
        match self.buckets.back_mut() {
            Some((s, n)) if *s >= second => *n = n.saturating_add(more),
            _ => self.buckets.push_back((second, more)),
        }
        while self.buckets.len() > HISTORY {
            self.buckets.pop_front();
        }
        self.last = self.last.max(at);
        self.done = done;
    }

    /// Records a second over the last 20 seconds; `None` in the first two.
    pub fn current(&self) -> Option<f64> {
        let first = self.first?;
        let from = self.last.saturating_sub(WINDOW as i64 * 1_000).max(first);
        let seconds = self.last.saturating_sub(from) as f64 / 1_000.0;
        let floor = from.div_euclid(1_000);
        let window = self.buckets.iter().filter(|(s, _)| *s >= floor);
        let records = window.fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
        (seconds >= SETTLE).then(|| records as f64 / seconds)
    }

    /// Seconds left for `remaining` records: the least, the likely and the most, from
    /// the spread of the window's seconds. `None` before that means something.
    pub fn left(&self, remaining: u64) -> Option<(f64, f64, f64)> {
        let likely = self.current().filter(|r| *r > 0.0)?;
        let mut window: Vec<f64> = self
            .buckets
            .iter()
            .rev()
            .skip(1)
            .take(WINDOW)
            .map(|(_, n)| *n as f64)
            .collect();
        window.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (window.len() as f64 * share) as usize;
            window
                .get(index.min(window.len().saturating_sub(1)))
                .copied()
        };
        let left = |rate: f64| remaining as f64 / rate.max(likely / 4.0);
        let slow = at(0.25).map_or(likely, |r| r.min(likely));
        let fast = at(0.75).map_or(likely, |r| r.max(likely));
        Some((left(fast), left(likely), left(slow)))
    }

    /// Records in each of the last seconds, oldest first, gaps as zero: the sparkline.
    pub fn history(&self) -> Vec<u64> {
        let Some((mut next, _)) = self.buckets.front().copied() else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for (second, records) in &self.buckets {
            let gap = second.saturating_sub(next).clamp(0, HISTORY as i64);
            out.extend(std::iter::repeat_n(0, gap as usize));
            out.push(*records);
            next = second.saturating_add(1);
        }
        out.split_off(out.len().saturating_sub(HISTORY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_run_has_a_steady_time_left() {
        let mut rate = Rate::default();
        for tenth in 0..100 {
            rate.record(1_000_000 + tenth * 100, tenth as u64 * 100);
        }
        let (least, likely, most) = rate.left(10_000).unwrap();
        assert!((9.0..11.5).contains(&likely), "{likely}");
        assert!(least <= likely && likely <= most);
    }

    #[test]
    fn no_time_left_before_it_means_something() {
        let mut rate = Rate::default();
        rate.record(0, 0);
        rate.record(500, 5_000);
        assert_eq!(rate.left(1), None);
    }

    #[test]
    fn gaps_are_seen() {
        let mut rate = Rate::default();
        rate.record(0, 0);
        rate.record(1_000, 5);
        rate.record(4_000, 9);
        assert_eq!(rate.history(), [5, 0, 0, 4]);
    }
}
