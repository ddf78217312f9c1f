//! The source's layout is known, and what is remarkable about it.

use super::{Preflight, pass, warn};
use crate::report::Check;

pub const NAME: &str = "source-layout";
const TITLE: &str = "Layout of the source";

pub fn check(preflight: &Preflight<'_>) -> Check {
    let found = &preflight.source_found;
    match found.notes.is_empty() {
        true => pass(NAME, TITLE, &found.layout),
        false => warn(
            NAME,
            TITLE,
            format!("{}: {}", found.layout, found.notes.join("; ")),
            "Nothing need be done; it is read as it is.",
        ),
    }
}
