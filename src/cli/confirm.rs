//! The question before something that exists is overwritten: the target's name has to
//! be typed. Without a person at a terminal the answer is no.

use super::output::Output;
use crate::engine::{Conflict, Review};
use crate::report::words::{self, Nodes};
use tokio::task::JoinHandle;

/// Most conflicts listed before the question.
const LISTED: usize = 5;

/// How often a wrong name is asked for again.
const ATTEMPTS: usize = 3;

/// Says what would be overwritten.
pub fn tell(review: &Review, out: &Output) {
    let look = out.words;
    let nodes = match review.staged.other_nodes {
        0 => Nodes::Memories,
        _ => Nodes::Any,
    };
    let target = look.safe(&review.target);
    if review.removed.total() > 0 {
        let removed = nodes.tally(review.removed);
        out.say(&look.bold(&format!("{removed} of {target} would be removed.")));
    }
    if review.changed.total() == 0 {
        return;
    }
    let changed = nodes.tally(review.changed);
    out.say(&look.bold(&format!("{changed} of {target} would be overwritten:")));
    let replaced: Vec<&Conflict> = review.conflicts.iter().filter(|c| c.replaced).collect();
    for conflict in replaced.iter().take(LISTED) {
        let fields: Vec<_> = conflict.fields.iter().map(|f| f.name.as_str()).collect();
        let fields = fields.join(", ");
        let line = match conflict.title.is_empty() {
            true => format!("  {}  {fields}", conflict.key),
            false => format!("  {}  {}: {fields}", conflict.key, conflict.title),
        };
        out.say(&look.safe(&line));
    }
    let more = review
        .changed
        .total()
        .saturating_sub(replaced.len().min(LISTED) as u64);
    if more > 0 && !replaced.is_empty() {
        out.say(&format!("  and {} more", words::number(more)));
    }
}

/// Asks on a thread of its own, since a line of a terminal can be waited for only so.
pub fn ask(review: &Review, out: &Output) -> JoinHandle<bool> {
    let name = review.target_name().to_owned();
    out.say(&format!(
        "To go on, type its name: {}",
        out.words.safe(&name)
    ));
    tokio::task::spawn_blocking(move || {
        for attempt in 1..=ATTEMPTS {
            let mut line = String::new();
            match std::io::stdin().read_line(&mut line) {
                Ok(0) | Err(_) => return false,
                Ok(_) if line.trim_end_matches(['\n', '\r']) == name => return true,
                Ok(_) if line.trim().is_empty() => return false,
                Ok(_) if attempt < ATTEMPTS => eprintln!("That is not its name. Once more:"),
                Ok(_) => {}
            }
        }
        false
    })
}
