//! `resume` and `rollback`: going on with a run, or taking it back. Without a name they
//! take the latest run that can be, and name it.

use super::args::{Resume, Rollback};
use super::context::address_of;
use super::drive::drive;
use super::migrate::ask;
use super::tail::Lengths;
use super::{Code, Context};
use crate::config::Side;
use crate::engine::{self, Ask, Options, RunFolder, RunStatus, Stores};
use crate::error::{Error, ErrorKind, Result};
use crate::report::Outcome;
use crate::store::registry;

/// `resume`.
pub async fn resume(args: &Resume, context: &Context<'_>) -> Result<Code> {
    let run = choose(args.run.as_deref(), context, "resumed", |run| {
        Ok(run.status()? == RunStatus::Unfinished)
    })?;
    let (config, plan) = (context.config()?, run.plan()?);
    let source = context.complete(address_of(&plan.source)?, Side::From, &config)?;
    let target = context.complete(address_of(&plan.target)?, Side::To, &config)?;
    let stores = Stores {
        source: registry::open(&source)?,
        target: registry::open(&target)?,
    };
    let options = options(context, ask(args.yes));
    let before = Lengths::of(&options.home);
    let handle = engine::resume(&run, stores, options).await?;
    drive(handle, &before, context, &args.drive).await
}

/// `rollback`.
pub async fn rollback(args: &Rollback, context: &Context<'_>) -> Result<Code> {
    let run = choose(args.run.as_deref(), context, "rolled back", |run| {
        Ok(match run.status()? {
            RunStatus::Active => false,
            RunStatus::Unfinished => true,
            RunStatus::Finished(_) => run.report()?.is_some_and(|report| {
                let wrote = report.written.changes() > 0;
                wrote && report.rollback.is_none() && report.outcome != Outcome::RolledBack
            }),
        })
    })?;
    let (config, plan) = (context.config()?, run.plan()?);
    let target = context.complete(address_of(&plan.target)?, Side::To, &config)?;
    let options = options(context, Ask::Never);
    let before = Lengths::of(&options.home);
    let handle = engine::rollback(&run, registry::open(&target)?, options).await?;
    let code = drive(handle, &before, context, &args.drive).await?;
    // A rollback that was asked for and worked is no failure.
    let rolled_back = run.status()? == RunStatus::Finished(Outcome::RolledBack);
    Ok(match code {
        Code::FAILED if rolled_back => Code::DONE,
        other => other,
    })
}

fn options(context: &Context<'_>, ask: Ask) -> Options {
    Options {
        home: context.home(),
        ask,
        restart: false,
        source_copy: false,
    }
}

/// The run with that name, or the latest that fits, which is named.
pub fn choose(
    name: Option<&str>,
    context: &Context<'_>,
    what: &str,
    fits: impl Fn(&RunFolder) -> Result<bool>,
) -> Result<RunFolder> {
    let home = context.home();
    if let Some(name) = name {
        return home.run(name);
    }
    for run in home.runs()?.into_iter().rev() {
        // A run that cannot be read is not the one that was meant; `runs list` shows it.
        if fits(&run).unwrap_or(false) {
            context
                .out
                .say(&format!("Run {}", context.out.words.safe(&run.name)));
            return Ok(run);
        }
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!("there is no run that can be {what}"),
    )
    .remedy(format!(
        "`{}` lists the runs.",
        context.command(&["runs", "list"])
    )))
}
