//! What makes memorygraph use the new store, and the old one again: said at the end of
//! a run, since a moved memory that nobody reads is not moved.

use super::Context;
use crate::config::switch_to;
use crate::engine::StoreRef;
use crate::report::Report;
use crate::report::words::shell;

/// Says it, if memorygraph can use the target.
pub fn tell(report: &Report, context: &Context<'_>) {
    let out = context.out;
    let line = |store: &StoreRef| {
        let variables = switch_to(&super::context::address_of(store).ok()?)?;
        let words = variables
            .iter()
            .map(|(name, value)| format!("{name}={}", shell(value)));
        Some(format!("export {}", words.collect::<Vec<_>>().join(" ")))
    };
    let Some(to) = line(&report.plan.target) else {
        return;
    };
    out.say(&format!(
        "memorygraph uses the new store with: {}",
        out.words.safe(&to)
    ));
    if let Some(back) = line(&report.plan.source) {
        out.say(&format!(
            "and the old one again with:          {}",
            out.words.safe(&back)
        ));
    }
}
