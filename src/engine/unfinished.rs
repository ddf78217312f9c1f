//! Runs that were broken off: which one a plan goes on with, and which one is in its way.

use super::checkpoint::{Checkpoint, Step};
use super::home::{Home, RunFolder, RunStatus};
use super::plan::Plan;
use crate::error::{Error, ErrorKind, Result};

/// An error if a run is over, so that it cannot be gone on with.
pub fn refuse_finished(run: &RunFolder, what: &str) -> Result<()> {
    match run.status()? {
        RunStatus::Finished(_) => Err(Error::new(
            ErrorKind::Refused,
            format!("run {} is over and cannot be {what}", run.name),
        )
        .remedy(format!(
            "Start a new one with its plan: `{}`.",
            run.command_with_plan()
        ))),
        _ => Ok(()),
    }
}

/// The unfinished run of the same plan, or else one of another plan on that target.
pub fn unfinished(home: &Home, identity: &str, plan: &Plan) -> Result<Option<RunFolder>> {
    let digest = plan.digest();
    let mut other = None;
    for run in home.runs()?.into_iter().rev() {
        let Ok(its) = run.plan() else { continue };
        if its.write.dry_run {
            continue;
        }
        let checkpoint = match Checkpoint::load(&run) {
            // Killed before its first checkpoint: it wrote nothing.
            Ok(None) if its.digest() == digest => return Ok(Some(run)),
            Ok(None) => continue,
            Ok(Some(checkpoint)) => checkpoint,
            // What cannot be read hinders nobody but its own target.
            Err(e) if its.target == plan.target => return Err(e),
            Err(_) => continue,
        };
        // A target that was made meanwhile has become another to the system.
        let here = checkpoint.target_identity == identity || its.target == plan.target;
        match checkpoint.step == Step::Over {
            false if its.digest() == digest => return Ok(Some(run)),
            false if here => other = other.or(Some(run)),
            _ => {}
        }
    }
    Ok(other)
}

/// The error of a target on which another plan's run is unfinished.
pub fn other_plan(run: &RunFolder) -> Error {
    let name = &run.name;
    Error::new(
        ErrorKind::Refused,
        format!("run {name}, with another plan, is unfinished on this target"),
    )
    .remedy(format!(
        "Finish it with `{}`, take it back with `{}`, or forget it with `{}`.",
        run.command(&["resume"]),
        run.command(&["rollback"]),
        run.command(&["runs", "remove", "--unfinished"])
    ))
}
