//! How long other programs would be shut out of the target.

use super::{Preflight, pass, warn};
use crate::report::Check;

pub const NAME: &str = "target-lock";
const TITLE: &str = "Other programs at the target";

/// Seconds that memorygraph waits for a lock before it fails.
const PATIENCE: f64 = 5.0;

pub fn check(preflight: &Preflight<'_>) -> Check {
    let records = preflight.source_found.counts.map_or(0, |c| c.total());
    let seconds = match &preflight.prepared {
        Some(prepared) => prepared.lock_seconds_per_record * records as f64,
        None => 0.0,
    };
    if seconds < PATIENCE {
        return pass(
            NAME,
            TITLE,
            format!("shut out for less than {:.0} s", seconds.max(1.0).ceil()),
        );
    }
    warn(
        NAME,
        TITLE,
        format!("shut out for about {seconds:.0} s"),
        "Stop them meanwhile, or choose a new file as the target.",
    )
}
