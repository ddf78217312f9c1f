//! The target can be written, and how.

use super::{Preflight, fail, fail_of, pass};
use crate::report::Check;
use crate::store::WriteMode;

pub const NAME: &str = "target-writable";
const TITLE: &str = "Writing to the target";

pub fn check(preflight: &Preflight<'_>) -> Check {
    let how = match (&preflight.prepared, &preflight.refused) {
        (Some(prepared), _) => match prepared.mode {
            WriteMode::Aside => "built beside, verified, then put in place in one step",
            WriteMode::Transaction => "changed in one transaction, verified before its commit",
            WriteMode::Journal => "changed batch by batch, each with its undo record first",
        },
        (None, Some(e)) => return fail_of(NAME, TITLE, e),
        (None, None) => return fail(NAME, TITLE, "it did not say", "Choose another target."),
    };
    pass(NAME, TITLE, how)
}
