//! `backup` and `backups`: making, listing, checking, restoring, cleaning.

use super::args::{Backup, Backups, BackupsCommand, Json, Restore};
use super::migrate::Job;
use super::table::Table;
use super::watch::watching;
use super::{Code, Context, args, keep};
use crate::config::{Config, Side};
use crate::engine::{self, BackupInfo, RunFolder, RunStatus, StoreRef};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Failure, words};
use crate::store::Address;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// The backups there are.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BackupList {
    /// Those that can be read, newest first.
    backups: Vec<BackupInfo>,
    /// Files among them that cannot, and why.
    unreadable: Vec<Failure>,
}

/// What was removed, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cleaned {
    /// Whether they are gone.
    removed: bool,
    /// Which.
    backups: Vec<BackupInfo>,
}

/// `backup`.
pub async fn backup(args: &Backup, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    let store = context.source(args.store.as_deref(), &config).await?;
    let to = match &args.output {
        None => None,
        Some(path) => {
            Some(std::path::absolute(path).map_err(|cause| Error::io("find", path, cause))?)
        }
    };
    let home = context.home();
    let made = watching("Backup", context, async |telling| {
        engine::backup_watched(store, &home, to, &telling).await
    })
    .await?;
    keep::tidy(context);
    if args.json.json {
        context.out.json(&made)?;
        return Ok(Code::DONE);
    }
    let look = context.out.data;
    context.out.data(&format!(
        "{}\n",
        look.safe(&made.path.display().to_string())
    ));
    context.out.say(&format!(
        "Backed up {} of {}, read back and checked, {}",
        words::counts(&made.counts),
        context.out.words.safe(&made.origin),
        words::bytes(made.bytes)
    ));
    Ok(Code::DONE)
}

/// `backups`.
pub async fn backups(args: &Backups, context: &Context<'_>) -> Result<Code> {
    match &args.command {
        None => list(args.json, context),
        Some(BackupsCommand::List(json)) => list(*json, context),
        Some(BackupsCommand::Check { backup, json }) => check(backup, *json, context).await,
        Some(BackupsCommand::Restore(args)) => restore(args, context).await,
        Some(BackupsCommand::Clean {
            keep_latest,
            dry_run,
            json,
        }) => clean(*keep_latest, *dry_run, *json, context),
    }
}

fn all(context: &Context<'_>) -> Result<BackupList> {
    let mut list = BackupList {
        backups: Vec::new(),
        unreadable: Vec::new(),
    };
    if context.paths.state_dir.join("backups").is_dir() {
        for found in context.home().backups()?.into_iter().rev() {
            match found {
                Ok(backup) => list.backups.push(backup),
                Err(error) => list.unreadable.push(Failure::from(&error)),
            }
        }
    }
    Ok(list)
}

fn list(json: Json, context: &Context<'_>) -> Result<Code> {
    let list = all(context)?;
    if json.json {
        context.out.json(&list)?;
        return Ok(Code::DONE);
    }
    for failure in &list.unreadable {
        context.out.warn(&failure.message);
    }
    if list.backups.is_empty() {
        context.out.say("There are no backups yet.");
        return Ok(Code::DONE);
    }
    show(&list.backups, context);
    Ok(Code::DONE)
}

fn show(backups: &[BackupInfo], context: &Context<'_>) {
    let headings = [
        "backup",
        "made",
        "of",
        ">memories",
        ">relationships",
        ">size",
    ];
    let mut table = Table::new(context.out.data, &headings);
    for backup in backups {
        let made = match backup.finished {
            true => backup.created_at.clone(),
            false => format!("{} (not finished)", backup.created_at),
        };
        table.row([
            &backup.name,
            &made,
            &backup.origin,
            &words::number(backup.counts.memories),
            &words::number(backup.counts.relationships),
            &words::bytes(backup.bytes),
        ]);
    }
    context.out.data(&table.text());
}

/// The archive that a word means: a backup's name or the start of it, or a file.
fn archive(word: &str, context: &Context<'_>) -> Result<Address> {
    let like: Vec<_> = all(context)?
        .backups
        .into_iter()
        .filter(|b| !word.is_empty() && b.name.starts_with(word))
        .collect();
    if let Some(exact) = like.iter().find(|b| b.name == word) {
        return file(&exact.path);
    }
    match like.as_slice() {
        [one] => file(&one.path),
        [] if Path::new(word).exists() || word.contains(':') => Address::parse(word),
        [] => Err(
            Error::new(ErrorKind::NotFound, format!("there is no backup {word:?}"))
                .remedy("`memferry backups list` lists them; a file can be named by its path."),
        ),
        _ => Err(Error::new(
            ErrorKind::Usage,
            format!("several backups are called like {word:?}"),
        )
        .remedy("Give more of the name; `memferry backups list` lists them.")),
    }
}

fn file(path: &Path) -> Result<Address> {
    Address::parse(&path.display().to_string())
}

async fn check(word: &str, json: Json, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    let store = context.open(archive(word, context)?, Side::From, &config)?;
    let found = watching("Reading", context, async |telling| {
        engine::inspect_watched(store, &telling).await
    })
    .await?;
    if json.json {
        context.out.json(&found)?;
    } else {
        context.out.data(&super::inspect::text(&found, context));
    }
    Ok(match found.unreadable.is_empty() {
        true => Code::DONE,
        false => Code::DIFFERENCES,
    })
}

async fn restore(args: &Restore, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    let source = archive(&args.backup, context)?;
    let target = match &args.to {
        Some(word) => args::target(word, &config)?,
        None => {
            let path = source.path();
            let known = all(context)?.backups.into_iter().find(|b| b.path == path);
            let known = known.ok_or_else(|| {
                Error::new(ErrorKind::Usage, "nothing says where to")
                    .remedy("Name the store with --to.")
            })?;
            context
                .out
                .say(&format!("To {}", context.out.words.safe(&known.origin)));
            Address::parse(&known.origin)?
        }
    };
    if !args.replace {
        refuse_held(&target, &config, context).await?;
    }
    Job {
        source,
        target,
        selection: None,
        writing: &args.writing,
        choose: &args.choose,
        drive: &args.drive,
        replace: args.replace,
    }
    .run(&config, context)
    .await
}

/// Refuses a target that holds records, unless a run that was broken off is to go on.
async fn refuse_held(target: &Address, config: &Config, context: &Context<'_>) -> Result<()> {
    let store = context.open(target.clone(), Side::To, config)?;
    let found = store.describe().await?;
    let empty = found.counts.is_some_and(|counts| counts.total() == 0);
    let meant = StoreRef::of(store.address());
    let broken_off = |run: &RunFolder| {
        matches!(run.status(), Ok(RunStatus::Unfinished))
            && run.plan().is_ok_and(|plan| plan.target == meant)
    };
    if !found.exists || empty || context.home().runs()?.iter().any(broken_off) {
        return Ok(());
    }
    let holds = match &found.counts {
        Some(counts) => words::counts(counts),
        None => "records".to_owned(),
    };
    Err(Error::new(
        ErrorKind::Refused,
        format!("{} holds {holds}", store.address()),
    )
    .remedy("Name a new store with --to; or add --replace to make this one equal to the backup."))
}

fn clean(keep: u32, dry_run: bool, json: Json, context: &Context<'_>) -> Result<Code> {
    let keep = keep as usize;
    let backups = match dry_run {
        false if !context.paths.state_dir.join("backups").is_dir() => Vec::new(),
        false => context.home().clean_backups(keep)?,
        true => beyond(all(context)?.backups, keep),
    };
    let cleaned = Cleaned {
        removed: !dry_run,
        backups,
    };
    if json.json {
        context.out.json(&cleaned)?;
        return Ok(Code::DONE);
    }
    if cleaned.backups.is_empty() {
        context.out.say("Nothing to remove.");
        return Ok(Code::DONE);
    }
    let verb = if dry_run { "Would remove" } else { "Removed" };
    let bytes = cleaned.backups.iter().map(|b| b.bytes).sum();
    let number = words::count(cleaned.backups.len() as u64, "backup", "backups");
    context
        .out
        .say(&format!("{verb} {number}, {}:", words::bytes(bytes)));
    show(&cleaned.backups, context);
    Ok(Code::DONE)
}

/// Those that are not among the newest of their store; `all` is newest first.
fn beyond(all: Vec<BackupInfo>, keep: usize) -> Vec<BackupInfo> {
    let mut seen = std::collections::HashMap::<String, usize>::new();
    let kept = |backup: &BackupInfo| {
        let n = seen.entry(backup.origin.clone()).or_default();
        *n += 1;
        *n > keep
    };
    all.into_iter().filter(kept).collect()
}
