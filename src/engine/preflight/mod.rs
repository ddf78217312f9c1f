//! Named checks before anything is read at length or written: each in its own file,
//! each with what was found and what to do.

mod clock;
mod room;
mod same_store;
mod source_answers;
mod source_in_use;
mod source_layout;
mod target_answers;
mod target_empty;
mod target_lock;
mod target_writable;

use super::Plan;
use super::events::Events;
use super::home::Home;
use super::run::Stores;
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Check, Verdict};
use crate::store::{Description, Prepared, Store};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What the checks look at, and what they found out for later.
pub struct Preflight<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The source.
    pub source: &'a Arc<dyn Store>,
    /// The target.
    pub target: &'a Arc<dyn Store>,
    /// Folder of the stage.
    pub stage_dir: &'a Path,
    /// What the source is.
    pub source_found: Description,
    /// What the target is.
    pub target_found: Description,
    /// How the target would be written; `None` if it cannot be.
    pub prepared: Option<Prepared>,
    /// Why not.
    pub refused: Option<Error>,
}

impl Preflight<'_> {
    /// Makes all checks. Whether the run may go on.
    pub async fn run(&mut self, events: &Events) -> bool {
        let answers = told(events, source_answers::check(self)).await;
        if !answers {
            return false;
        }
        let mut good = told(events, target_answers::check(self)).await;
        good &= told(events, async { same_store::check(self).await }).await;
        good &= told(events, async { source_layout::check(self) }).await;
        good &= told(events, async { source_in_use::check(self) }).await;
        good &= told(events, async { target_writable::check(self) }).await;
        good &= told(events, async { target_empty::check(self) }).await;
        good &= told(events, async { target_lock::check(self) }).await;
        good &= told(events, async { room::check(self).await }).await;
        good & told(events, async { clock::check() }).await
    }
}

/// Whether a check of that name can be made again alone: it looks at the stores and the
/// machine, and not at what was staged.
pub fn can_be_made_alone(name: &str) -> bool {
    let all = [
        source_answers::NAME,
        target_answers::NAME,
        same_store::NAME,
        source_layout::NAME,
        source_in_use::NAME,
        target_writable::NAME,
        target_empty::NAME,
        target_lock::NAME,
        room::NAME,
        clock::NAME,
    ];
    all.contains(&name)
}

/// Makes one check of a plan again, and nothing else: no run is begun. Those it builds
/// upon are looked at first, and if one of them fails, it is what comes back.
///
/// # Errors
///
/// `Usage` if there is no such check, or it cannot be made alone.
pub async fn check_alone(plan: &Plan, stores: &Stores, home: &Home, name: &str) -> Result<Check> {
    if !can_be_made_alone(name) {
        return Err(
            Error::new(ErrorKind::Usage, format!("{name} cannot be made alone"))
                .remedy("Make all checks again."),
        );
    }
    let stage_dir = match &plan.write.stage_dir {
        Some(dir) => dir.clone(),
        None => home.dir().to_owned(),
    };
    let mut preflight = Preflight {
        plan,
        source: &stores.source,
        target: &stores.target,
        stage_dir: &stage_dir,
        source_found: Description::default(),
        target_found: Description::default(),
        prepared: None,
        refused: None,
    };
    let begun = Instant::now();
    let mut check = preflight.alone(name).await;
    check.ms = begun.elapsed().as_millis() as u64;
    Ok(check)
}

impl Preflight<'_> {
    async fn alone(&mut self, name: &str) -> Check {
        if name == clock::NAME {
            return clock::check();
        }
        let source = source_answers::check(self).await;
        let alone = [
            source_answers::NAME,
            source_layout::NAME,
            source_in_use::NAME,
        ];
        if name == source_answers::NAME || source.verdict == Verdict::Fail {
            return source;
        }
        if !alone.contains(&name) {
            let target = target_answers::check(self).await;
            if name == target_answers::NAME || target.verdict == Verdict::Fail {
                return target;
            }
        }
        match name {
            same_store::NAME => same_store::check(self).await,
            source_layout::NAME => source_layout::check(self),
            source_in_use::NAME => source_in_use::check(self),
            target_writable::NAME => target_writable::check(self),
            target_empty::NAME => target_empty::check(self),
            target_lock::NAME => target_lock::check(self),
            _ => room::check(self).await,
        }
    }
}

async fn told(events: &Events, check: impl Future<Output = Check>) -> bool {
    let begun = Instant::now();
    let mut check = check.await;
    check.ms = begun.elapsed().as_millis() as u64;
    events.check(check)
}

/// A check that passed.
pub fn pass(name: &str, title: &str, evidence: impl Into<String>) -> Check {
    Check {
        name: name.to_owned(),
        title: title.to_owned(),
        verdict: Verdict::Pass,
        evidence: evidence.into(),
        remedy: None,
        examples: Vec::new(),
        ms: 0,
    }
}

/// A check worth reading.
pub fn warn(name: &str, title: &str, evidence: impl Into<String>, remedy: &str) -> Check {
    Check {
        verdict: Verdict::Warn,
        remedy: Some(remedy.to_owned()),
        ..pass(name, title, evidence)
    }
}

/// A check that stops the run.
pub fn fail(name: &str, title: &str, evidence: impl Into<String>, remedy: &str) -> Check {
    Check {
        verdict: Verdict::Fail,
        remedy: Some(remedy.to_owned()),
        ..pass(name, title, evidence)
    }
}

/// A check that an error stops.
pub fn fail_of(name: &str, title: &str, error: &Error) -> Check {
    Check {
        remedy: error.what_to_do().map(str::to_owned),
        ..fail(name, title, error.to_string(), "")
    }
}
