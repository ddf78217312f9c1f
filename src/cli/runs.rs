//! `runs` and `report`: what was done before.

use super::args::{Format, Json, Report as ReportArgs, Runs, RunsCommand};
use super::migrate::write_new;
use super::resume::choose;
use super::table::Table;
use super::{Code, Context};
use crate::engine::{Plan, RunFolder, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Outcome, Report, html, json, markdown, text, words};
use schemars::JsonSchema;
use serde::Serialize;

/// A run in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunInfo {
    /// Its name.
    run: String,
    /// `active`, `unfinished`, `finished` or `unreadable`.
    state: &'static str,
    /// How it ended, if it did.
    outcome: Option<Outcome>,
    /// That in one line; for one that cannot be read, why.
    summary: Option<String>,
    /// Source, without secrets.
    source: Option<String>,
    /// Target, without secrets.
    target: Option<String>,
    /// When it began, in milliseconds since 1970.
    started_at: Option<i64>,
    /// When it ended.
    ended_at: Option<i64>,
    /// Bytes of its folder.
    bytes: u64,
}

/// One run in full.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunShown {
    /// As in a list.
    #[serde(flatten)]
    info: RunInfo,
    /// Its folder.
    folder: String,
    /// What it was to do.
    plan: Plan,
}

/// `runs`.
pub fn runs(args: &Runs, context: &Context<'_>) -> Result<Code> {
    match &args.command {
        None => list(args.json, context),
        Some(RunsCommand::List(json)) => list(*json, context),
        Some(RunsCommand::Show { run, json }) => show(run.as_deref(), *json, context),
        Some(RunsCommand::Remove {
            runs,
            older_than,
            unfinished,
        }) => remove(runs, *older_than, *unfinished, context),
    }
}

impl RunInfo {
    /// What can be said of it, however broken it is.
    fn of(run: &RunFolder) -> Self {
        let mut info = Self {
            run: run.name.clone(),
            state: "unreadable",
            outcome: None,
            summary: None,
            source: None,
            target: None,
            started_at: started(&run.name),
            ended_at: None,
            bytes: run.size(),
        };
        if let Err(error) = info.fill(run) {
            info.state = "unreadable";
            info.summary = Some(error.to_string());
        }
        info
    }

    fn fill(&mut self, run: &RunFolder) -> Result<()> {
        let plan = run.plan()?;
        let shown = |store| super::context::address_of(store).map(|a| a.to_string());
        self.source = Some(shown(&plan.source)?);
        self.target = Some(shown(&plan.target)?);
        (self.state, self.outcome) = match run.status()? {
            RunStatus::Active => ("active", None),
            RunStatus::Unfinished => ("unfinished", None),
            RunStatus::Finished(outcome) => ("finished", Some(outcome)),
        };
        if let Some(report) = run.report()? {
            self.summary = Some(report.summary);
            self.started_at = Some(report.started_at);
            self.ended_at = Some(report.ended_at);
        }
        Ok(())
    }

    fn words(&self) -> &'static str {
        match (self.state, self.outcome) {
            (_, Some(Outcome::Done)) => "done",
            (_, Some(Outcome::DryRun)) => "dry run",
            (_, Some(Outcome::Differences)) => "differences",
            (_, Some(Outcome::Refused)) => "refused",
            (_, Some(Outcome::Failed)) => "failed",
            (_, Some(Outcome::RolledBack)) => "rolled back",
            (_, Some(Outcome::Interrupted)) => "interrupted",
            (state, None) => state,
        }
    }
}

/// The time that the name of a run begins with, in milliseconds since 1970.
fn started(name: &str) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", name.get(..15)?).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(time.timestamp().as_millisecond())
}

fn list(json: Json, context: &Context<'_>) -> Result<Code> {
    let runs = context.home().runs()?;
    let all: Vec<_> = runs.iter().rev().map(RunInfo::of).collect();
    if json.json {
        context.out.json(&all)?;
        return Ok(Code::DONE);
    }
    if all.is_empty() {
        context.out.say("There are no runs yet.");
        return Ok(Code::DONE);
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let zone = jiff::tz::TimeZone::system();
    let headings = ["run", "began", "state", "from", "to", ">size"];
    let mut table = Table::new(context.out.data, &headings);
    for info in &all {
        let began = info.started_at.map(|at| words::moment(at, now, &zone));
        table.row([
            &info.run,
            &began.unwrap_or_default(),
            info.words(),
            info.source.as_deref().unwrap_or("?"),
            info.target.as_deref().unwrap_or("?"),
            &words::bytes(info.bytes),
        ]);
    }
    context.out.data(&table.text());
    Ok(Code::DONE)
}

fn show(name: Option<&str>, json: Json, context: &Context<'_>) -> Result<Code> {
    let run = choose(name, context, "shown", |_| Ok(true))?;
    let shown = RunShown {
        info: RunInfo::of(&run),
        folder: run.dir.display().to_string(),
        plan: run.plan()?,
    };
    if json.json {
        context.out.json(&shown)?;
        return Ok(Code::DONE);
    }
    let look = context.out.data;
    let info = &shown.info;
    let mut lines = vec![
        ("run", info.run.clone()),
        ("state", info.words().to_owned()),
    ];
    lines.extend(info.summary.clone().map(|s| ("summary", s)));
    lines.extend(info.started_at.map(|at| ("began", words::date_utc(at))));
    lines.extend(info.ended_at.map(|at| ("ended", words::date_utc(at))));
    lines.extend(info.source.clone().map(|s| ("source", s)));
    lines.extend(info.target.clone().map(|s| ("target", s)));
    lines.push((
        "folder",
        format!("{} ({})", shown.folder, words::bytes(info.bytes)),
    ));
    let mut out = String::new();
    for (name, value) in lines {
        let name = look.dim(&format!("{name:<8}"));
        out += &format!("{name} {}\n", look.safe(&value));
    }
    out += "\n";
    for line in shown.plan.to_toml()?.lines() {
        out += &format!("{}\n", look.safe(line));
    }
    context.out.data(&out);
    Ok(Code::DONE)
}

fn remove(
    names: &[String],
    older_than: Option<u32>,
    unfinished: bool,
    context: &Context<'_>,
) -> Result<Code> {
    let home = context.home();
    let mut chosen: Vec<RunFolder> = Vec::new();
    for name in names {
        let run = home.run(name)?;
        if !chosen.contains(&run) {
            chosen.push(run);
        }
    }
    // All are looked at before the first is removed.
    for run in &chosen {
        let broken_off = !matches!(run.status(), Ok(RunStatus::Finished(_)));
        if broken_off && !unfinished {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("run {} is not finished", run.name),
            )
            .remedy("Resume it or roll it back; to drop it as it is, add --unfinished."));
        }
    }
    let mut removed: Vec<String> = Vec::new();
    for run in chosen {
        run.remove()?;
        removed.push(run.name);
    }
    if let Some(days) = older_than {
        removed.extend(home.remove_old(days)?);
    }
    for name in &removed {
        context
            .out
            .say(&format!("Removed {}", context.out.words.safe(name)));
    }
    if removed.is_empty() {
        context.out.say("Nothing to remove.");
    }
    Ok(Code::DONE)
}

/// `report`.
pub fn report(args: &ReportArgs, context: &Context<'_>) -> Result<Code> {
    let run = choose(args.run.as_deref(), context, "reported", |run| {
        Ok(run.report()?.is_some())
    })?;
    let Some(report) = run.report()? else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("run {} has no report yet", run.name),
        )
        .remedy(format!(
            "It is not over: `{}`.",
            context.command(&["resume", &run.name])
        )));
    };
    let shown = render(&report, args, context)?;
    match &args.output {
        None => context.out.data(&shown),
        Some(path) => {
            write_new(path, shown.as_bytes())?;
            let path = path.display().to_string();
            context
                .out
                .say(&format!("Saved {}", context.out.words.safe(&path)));
        }
    }
    Ok(Code::DONE)
}

fn render(report: &Report, args: &ReportArgs, context: &Context<'_>) -> Result<String> {
    Ok(match args.format {
        Format::Text => {
            let look = match args.output {
                None => context.look(args.verbose),
                Some(_) => text::Look {
                    verbose: args.verbose,
                    ..text::Look::default()
                },
            };
            text::render(report, &look)
        }
        Format::Json => json::render(report)?,
        Format::Markdown => markdown::render(report),
        Format::Html => html::render(report),
    })
}
