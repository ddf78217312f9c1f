//! Whether a program has the source open: it may write while it is read.

use super::{Preflight, pass, warn};
use crate::report::Check;

pub const NAME: &str = "source-in-use";
const TITLE: &str = "Other programs at the source";

pub fn check(preflight: &Preflight<'_>) -> Check {
    match preflight.source_found.in_use {
        false => pass(NAME, TITLE, "none is seen to have it open"),
        true => warn(
            NAME,
            TITLE,
            "one has it open",
            "What it writes from now on may not be moved. Stop it, or move again with --since last-run.",
        ),
    }
}
