//! Whether the target holds anything already.

use super::{Preflight, pass, warn};
use crate::report::{Check, words};

pub const NAME: &str = "target-empty";
const TITLE: &str = "Content of the target";

pub fn check(preflight: &Preflight<'_>) -> Check {
    let found = &preflight.target_found;
    match (&found.counts, found.exists) {
        (_, false) => pass(NAME, TITLE, "there is none yet"),
        (Some(c), true) if c.total() == 0 => pass(NAME, TITLE, "none"),
        (Some(c), true) => warn(
            NAME,
            TITLE,
            words::counts(c),
            "They stay as they are, but for conflicts under --on-conflict overwrite or newest.",
        ),
        (None, true) => warn(NAME, TITLE, "not counted", "Its records stay as they are."),
    }
}
