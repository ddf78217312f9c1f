//! What opens the wizard: no command at a terminal, `watch` and `replay`.

use super::args::{Follow, WizardArgs};
use super::resume::choose;
use super::{Code, Context};
use crate::config::process_env;
use crate::engine::RunStatus;
use crate::error::Result;
use crate::report::inert::Marks;
use crate::tui::{self, msg::Running};
use std::io::{IsTerminal as _, stdin, stdout};

/// How it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// On the whole screen.
    Screen,
    /// In plain lines.
    Plain,
    /// Not at all: nobody is at a terminal.
    None,
}

/// How it opens here.
pub fn way(args: &WizardArgs) -> Way {
    let set = |name: &str| process_env(name).filter(|v| !v.is_empty());
    let terminal = stdin().is_terminal() && stdout().is_terminal();
    let plain =
        set("ACCESSIBLE").is_some_and(|v| v != "0") || set("TERM").is_some_and(|t| t == "dumb");
    match (args.plain, terminal, plain) {
        (true, ..) | (false, true, true) => Way::Plain,
        (false, true, false) => Way::Screen,
        (false, false, _) => Way::None,
    }
}

fn wanted(args: &WizardArgs) -> tui::Wanted {
    tui::Wanted {
        theme: args.theme.clone(),
        ascii: args.ascii,
        no_mouse: args.no_mouse,
        follow: None,
    }
}

/// Opens it.
pub async fn run(way: Way, args: &WizardArgs, context: &Context<'_>) -> Result<Code> {
    match way {
        Way::Plain => {
            let marks = marks(args, context);
            let left = tui::plain::run(context.paths.clone(), context.home(), marks).await?;
            Ok(Code(left))
        }
        _ => show(wanted(args), context).await,
    }
}

async fn show(wanted: tui::Wanted, context: &Context<'_>) -> Result<Code> {
    let left = tui::run(context.paths.clone(), context.home(), wanted).await?;
    for line in left.lines {
        context.out.say(&line);
    }
    Ok(Code(left.code))
}

/// `watch`.
pub async fn watch(args: &Follow, wizard: &WizardArgs, context: &Context<'_>) -> Result<Code> {
    let run = choose(args.run.as_deref(), context, "watched", |run| {
        Ok(run.status()? == RunStatus::Active)
    })?;
    follow(
        &either(&args.look, wizard),
        context,
        (run, Running::Watched),
    )
    .await
}

/// `replay`.
pub async fn replay(args: &Follow, wizard: &WizardArgs, context: &Context<'_>) -> Result<Code> {
    let run = choose(args.run.as_deref(), context, "replayed", |run| {
        Ok(run.status()? != RunStatus::Active)
    })?;
    follow(
        &either(&args.look, wizard),
        context,
        (run, Running::Replayed),
    )
    .await
}

/// What was said behind the command, or before it.
fn either(behind: &WizardArgs, before: &WizardArgs) -> WizardArgs {
    WizardArgs {
        plain: behind.plain || before.plain,
        theme: behind.theme.clone().or(before.theme.clone()),
        ascii: behind.ascii || before.ascii,
        no_mouse: behind.no_mouse || before.no_mouse,
    }
}

async fn follow(
    wizard: &WizardArgs,
    context: &Context<'_>,
    run: (crate::engine::RunFolder, Running),
) -> Result<Code> {
    if way(wizard) == Way::Screen {
        let wanted = tui::Wanted {
            follow: Some(run),
            ..wanted(wizard)
        };
        return show(wanted, context).await;
    }
    // In plain lines, with or without a terminal: it asks nothing.
    let (run, how) = run;
    let code = tui::plain::watch(run, &context.home(), marks(wizard, context)).await?;
    Ok(match how {
        Running::Replayed => Code::DONE,
        _ => Code(code),
    })
}

fn marks(args: &WizardArgs, context: &Context<'_>) -> Marks {
    match args.ascii {
        true => Marks::Ascii,
        false => context.out.data.marks,
    }
}
