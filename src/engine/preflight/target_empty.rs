//! Whether the target holds anything already.

use super::{Preflight, pass, warn};
use crate::report::Check;

const NAME: &str = "target-empty";
const TITLE: &str = "Target is empty";

pub fn check(preflight: &Preflight<'_>) -> Check {
    let found = &preflight.target_found;
    match (&found.counts, found.exists) {
        (_, false) => pass(NAME, TITLE, "there is none yet"),
        (Some(c), true) if c.total() == 0 => pass(NAME, TITLE, "it holds no records"),
        (Some(c), true) => warn(
            NAME,
            TITLE,
            format!(
                "it holds {} memories, {} other nodes, {} relationships",
                c.memories, c.other_nodes, c.relationships
            ),
            "They stay as they are, but for conflicts under --on-conflict overwrite or newest.",
        ),
        (None, true) => warn(NAME, TITLE, "it holds records", "They stay as they are."),
    }
}
