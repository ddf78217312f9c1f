//! `verify` and `diff`: is a target still what a run left, and do two stores hold the
//! same?

use super::args::{self, Diff, Verify};
use super::context::address_of;
use super::resume::choose;
use super::watch::watching;
use super::{Code, Context};
use crate::config::Side;
use crate::engine::{self, RunStatus};
use crate::error::Result;
use crate::report::{Outcome, Verification, text};
use crate::store::{Store, registry};
use std::sync::Arc;

/// `verify`.
pub async fn verify(args: &Verify, context: &Context<'_>) -> Result<Code> {
    if let (Some(first), Some(second)) = (&args.first, &args.second) {
        return compare(first, second, args.json.json, args.verbose, context).await;
    }
    let run = choose(args.first.as_deref(), context, "verified", |run| {
        let ended = run.status()?;
        Ok(matches!(
            ended,
            RunStatus::Finished(Outcome::Done | Outcome::Differences)
        ))
    })?;
    let config = context.config()?;
    let target = address_of(&run.plan()?.target)?;
    let target = registry::open(&context.complete(target, Side::To, &config)?)?;
    let source = engine::source_file(&run);
    let name = target.address().to_string();
    let verification = watching("Verify", context, async |telling| {
        engine::verify_run_watched(&run, target, source, &telling).await
    })
    .await?;
    let left = format!("what run {} left", run.name);
    tell(
        &verification,
        (&left, &name),
        args.json.json,
        args.verbose,
        context,
    )
}

/// `diff`.
pub async fn diff(args: &Diff, context: &Context<'_>) -> Result<Code> {
    compare(&args.first, &args.second, args.json.json, true, context).await
}

async fn compare(
    first: &str,
    second: &str,
    json: bool,
    every: bool,
    context: &Context<'_>,
) -> Result<Code> {
    let config = context.config()?;
    let open = |word: &str, side| -> Result<Arc<dyn Store>> {
        let address = args::source(word, &config)?;
        context.open(address, side, &config)
    };
    let (a, b) = (open(first, Side::From)?, open(second, Side::To)?);
    let names = (a.address().to_string(), b.address().to_string());
    let verification = watching("Reading", context, async |telling| {
        engine::compare_watched(a, b, &telling).await
    })
    .await?;
    tell(&verification, (&names.0, &names.1), json, every, context)
}

fn tell(
    verification: &Verification,
    (first, second): (&str, &str),
    json: bool,
    every: bool,
    context: &Context<'_>,
) -> Result<Code> {
    match json {
        true => context.out.json(verification)?,
        false => {
            let look = context.look(every);
            let shown = text::verification(verification, first, second, &look);
            context.out.data(&shown);
        }
    }
    Ok(match verification.identical() {
        true => Code::DONE,
        false => Code::DIFFERENCES,
    })
}
