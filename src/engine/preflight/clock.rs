//! The clock is believable: names of runs and the mark of `--since last-run` use it.

use super::{pass, warn};
use crate::report::Check;

pub const NAME: &str = "clock";
const TITLE: &str = "Clock";

/// 2026-01-01, before which no memferry existed, in milliseconds.
const EARLIEST: i64 = 1_767_225_600_000;

pub fn check() -> Check {
    let now = jiff::Timestamp::now();
    match now.as_millisecond() >= EARLIEST {
        true => pass(
            NAME,
            TITLE,
            now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        ),
        false => warn(
            NAME,
            TITLE,
            format!("it says {}", now.strftime("%Y-%m-%d %H:%M:%S UTC")),
            "Set it, or runs sort wrongly and --since last-run is not to be trusted.",
        ),
    }
}
