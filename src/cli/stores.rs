//! `memferry stores`: the kinds there are, and with `--found` the stores there are.

use super::args::{self, Stores, StoresCommand};
use super::output::Mark;
use super::table::Table;
use super::{Code, Context};
use crate::config::{self, Config, Side};
use crate::error::{ErrorKind, Result};
use crate::report::Failure;
use crate::report::words;
use crate::store::{Address, Capabilities, Description, Ids, Labels, SettingKind, WriteMode};
use crate::store::{Descriptor, Shape, registry};
use schemars::JsonSchema;
use serde::Serialize;

/// A kind of store.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Kind {
    /// Its name in addresses and flags.
    kind: &'static str,
    /// Its name for people.
    title: &'static str,
    /// What it is.
    summary: &'static str,
    /// `file` or `server`.
    shape: &'static str,
    /// What stands before the `:` of an address.
    schemes: &'static [&'static str],
    /// Endings of file names that tell it.
    extensions: &'static [&'static str],
    /// Whether it can be read.
    source: bool,
    /// Whether it can be written.
    target: bool,
    /// How it is written: `aside`, `transaction` or `journal`.
    modes: &'static [WriteMode],
    /// Longest record in bytes, if there is a limit.
    max_record: Option<u64>,
    /// What of the model it cannot hold as it is; a loss by name, or encoded reversibly.
    lacks: Vec<&'static str>,
    /// What an address can set.
    settings: Vec<Setting>,
}

/// One thing an address can set.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Setting {
    /// Its name.
    name: &'static str,
    /// What it is.
    help: &'static str,
    /// Its value when nothing else says.
    default: Option<&'static str>,
    /// Variables that give it, first wins.
    env: &'static [&'static str],
    /// Whether it is never printed or kept.
    secret: bool,
    /// Whether it must have a value.
    required: bool,
    /// The words it can be, if it is a choice.
    choices: Vec<&'static str>,
}

/// A store on this machine.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FoundStore {
    /// Its kind, memferry's or memorygraph's.
    kind: String,
    /// Its address, or its path if memferry has no such kind.
    address: String,
    /// What told of it: a variable, `default path`, `profile NAME`.
    told_by: String,
    /// Whether memferry has this kind.
    supported: bool,
    /// What was found, if it could be opened.
    description: Option<Description>,
    /// Why it could not.
    failure: Option<Failure>,
}

/// Runs the command.
pub async fn run(args: &Stores, context: &Context<'_>) -> Result<Code> {
    match &args.command {
        Some(StoresCommand::Save { name, store }) => return save(name, store, context).await,
        Some(StoresCommand::Forget { name }) => {
            config::forget_profile(&context.paths, name, context.env())?;
            context.out.say(&format!("Forgot {name}"));
            return Ok(Code::DONE);
        }
        None => {}
    }
    if args.found {
        let all = found(context).await?;
        match args.json.json {
            true => context.out.json(&all)?,
            false => show_found(&all, context),
        }
        return Ok(Code::DONE);
    }
    let all: Vec<Kind> = registry::STORES.iter().map(|d| Kind::of(d)).collect();
    match args.json.json {
        true => context.out.json(&all)?,
        false => show_kinds(&all, context)?,
    }
    Ok(Code::DONE)
}

/// Saves what answers: a profile with a slip in it would be found out only later.
async fn save(name: &str, store: &str, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    let given = args::source(store, &config)?;
    let mut address = context.complete(given.clone(), Side::From, &config)?;
    let mut answer = registry::open(&address)?.describe().await;
    if matches!(&answer, Err(error) if error.kind() == ErrorKind::Auth) && context.out.can_ask {
        for setting in address.descriptor().settings.iter().filter(|s| s.secret) {
            if address.get(setting.name).is_none() {
                let secret = context.ask_secret(&address, setting)?;
                address = address.set(setting.name, secret.expose())?;
            }
        }
        answer = registry::open(&address)?.describe().await;
    }
    answer?;
    let mut saved = given.absolute();
    for setting in address.descriptor().settings.iter().filter(|s| s.secret) {
        if let Some(secret) = address.get(setting.name) {
            saved = saved.set(setting.name, secret)?;
        }
    }
    let saved = config::save_profile(&context.paths, name, &saved, context.env())?;
    context.out.say(&context.out.words.safe(&saved.words()));
    Ok(Code::DONE)
}

impl Kind {
    fn of(d: &Descriptor) -> Self {
        let settings = d.settings.iter().map(|s| Setting {
            name: s.name,
            help: s.help,
            default: s.default,
            env: s.env,
            secret: s.secret,
            required: s.required,
            choices: match s.kind {
                SettingKind::Choice(words) => words.to_vec(),
                _ => Vec::new(),
            },
        });
        Self {
            kind: d.kind,
            title: d.title,
            summary: d.summary,
            shape: match d.shape {
                Shape::File => "file",
                Shape::Server => "server",
                Shape::Memory => "memory",
            },
            schemes: d.schemes,
            extensions: d.extensions,
            source: d.source,
            target: d.target,
            modes: d.capabilities.modes,
            max_record: d.capabilities.max_record,
            lacks: lacks(&d.capabilities),
            settings: settings.collect(),
        }
    }
}

/// What a store cannot hold as it is, in words. Takes the struct apart, so that a new
/// capability cannot be forgotten here.
fn lacks(capabilities: &Capabilities) -> Vec<&'static str> {
    let Capabilities {
        labels,
        ids,
        unique_ids,
        id_beside_properties,
        dangling,
        parallel,
        self_loops,
        rows,
        any_times,
        stored_text,
        nulls,
        maps,
        nested_lists,
        nulls_in_lists,
        mixed_lists,
        big_integers,
        non_finite,
        nul,
        broken_text,
        bytes,
        max_record: _,
        isolated_snapshots: _,
        modes: _,
    } = *capabilities;
    [
        (labels != Labels::MemoryOnly, "nodes that are no memories"),
        (labels != Labels::One, "nodes with several labels"),
        (ids == Ids::Any, "ids that are no text"),
        (!unique_ids, "repeated ids"),
        (
            id_beside_properties,
            "an id that differs from the property id",
        ),
        (dangling, "relationships without both ends"),
        (parallel, "parallel relationships"),
        (self_loops, "relationships of a node with itself"),
        (rows, "times of rows"),
        (any_times, "relationship times that are no time"),
        (stored_text, "stored properties byte for byte"),
        (nulls, "nulls"),
        (maps, "maps"),
        (nested_lists, "lists in lists"),
        (nulls_in_lists, "nulls in lists"),
        (mixed_lists, "lists of several types"),
        (big_integers, "integers beyond 64 bits"),
        (non_finite, "NaN and infinities"),
        (nul, "NUL in text"),
        (broken_text, "text that is not UTF-8"),
        (bytes, "bytes"),
    ]
    .into_iter()
    .filter_map(|(holds, what)| (!holds).then_some(what))
    .collect()
}

fn show_kinds(all: &[Kind], context: &Context<'_>) -> Result<()> {
    let look = context.out.data;
    let mut table = Table::new(
        look,
        &[
            "kind",
            "name",
            "can be",
            "written",
            "file names",
            "what it is",
        ],
    );
    for kind in all {
        let can_be = match (kind.source, kind.target) {
            (true, true) => "source, target",
            (true, false) => "source",
            (false, true) => "target",
            (false, false) => "",
        };
        let modes = kind.modes.iter().map(|mode| match mode {
            WriteMode::Aside => "aside",
            WriteMode::Transaction => "transaction",
            WriteMode::Journal => "journal",
        });
        let endings = kind.extensions.iter().map(|e| format!(".{e}"));
        table.row([
            kind.kind,
            kind.title,
            can_be,
            &modes.collect::<Vec<_>>().join(", "),
            &endings.collect::<Vec<_>>().join(" "),
            kind.summary,
        ]);
    }
    let mut text = table.text();
    text += "\nWhat each cannot hold as it is (named before the first write, or encoded so that it comes back):\n";
    for kind in all {
        let mut lacks = kind.lacks.join(", ");
        if let Some(most) = kind.max_record {
            let limit = format!("records above {}", words::bytes(most));
            lacks = [lacks, limit]
                .into_iter()
                .filter(|s| !s.is_empty())
                .collect::<Vec<_>>()
                .join(", ");
        }
        if lacks.is_empty() {
            lacks = "nothing; it holds every record".to_owned();
        }
        text += &format!("  {}: {lacks}\n", kind.kind);
    }
    let config = context.config()?;
    if !config.profiles.is_empty() {
        text += "\nSaved profiles:\n";
        for (name, profile) in &config.profiles {
            text += &format!("  {name}: {}\n", look.safe(&profile.address.to_string()));
        }
    }
    context.out.data(&text);
    Ok(())
}

/// Every store that something on this machine tells of.
pub async fn found(context: &Context<'_>) -> Result<Vec<FoundStore>> {
    let config = context.config()?;
    let mut all: Vec<FoundStore> = Vec::new();
    for found in config::found(context.env())? {
        let named = found.told_by.starts_with("default path");
        let store = match found.address {
            Some(address) => look_at(address, found.told_by, context, &config).await,
            None => FoundStore {
                kind: found.backend.to_owned(),
                address: found.place.clone(),
                told_by: found.told_by,
                supported: false,
                description: None,
                failure: None,
            },
        };
        let there = match (&store.description, &store.failure) {
            (Some(description), _) => description.exists,
            (None, Some(_)) => true,
            (None, None) => !named || std::path::Path::new(&found.place).exists(),
        };
        if there || !named {
            push(&mut all, store);
        }
    }
    for (name, profile) in &config.profiles {
        let told_by = format!("profile {name}");
        push(
            &mut all,
            look_at(profile.address.clone(), told_by, context, &config).await,
        );
    }
    Ok(all)
}

/// One store is listed once, whatever tells of it.
fn push(all: &mut Vec<FoundStore>, store: FoundStore) {
    let known = all
        .iter_mut()
        .find(|s| s.kind == store.kind && s.address == store.address);
    match known {
        Some(known) => known.told_by += &format!(", {}", store.told_by),
        None => all.push(store),
    }
}

async fn look_at(
    address: Address,
    told_by: String,
    context: &Context<'_>,
    config: &Config,
) -> FoundStore {
    let kind = address.kind().to_owned();
    let shown = address.clone().absolute().to_string();
    // Without asking: somebody who lists stores does not want to type passwords.
    let opened = config::fill(address, Side::From, config, context.env(), None)
        .and_then(|address| registry::open(&address.absolute()));
    let (address, described) = match opened {
        Ok(store) => (store.address().to_string(), store.describe().await),
        Err(error) => (shown, Err(error)),
    };
    let (description, failure) = match described {
        Ok(description) => (Some(description), None),
        Err(error) => (None, Some(Failure::from(&error))),
    };
    FoundStore {
        kind,
        address,
        told_by,
        supported: true,
        description,
        failure,
    }
}

impl FoundStore {
    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How it stands, in a mark and words, with what to do.
    pub fn state(&self) -> (Mark, String, Option<String>) {
        match (&self.description, &self.failure) {
            (Some(d), _) if !d.exists => (
                Mark::Warn,
                "not there".to_owned(),
                Some(format!("Correct what names it: {}.", self.told_by)),
            ),
            (Some(d), _) => {
                let counts = match &d.counts {
                    Some(counts) => words::counts(counts),
                    None => "not counted".to_owned(),
                };
                let in_use = if d.in_use { ", in use" } else { "" };
                (Mark::Good, format!("{counts}; {}{in_use}", d.layout), None)
            }
            (None, Some(failure)) => (Mark::Bad, failure.message.clone(), failure.remedy.clone()),
            (None, None) => (
                Mark::Warn,
                "there, but memferry has no such kind of store".to_owned(),
                None,
            ),
        }
    }
}

fn show_found(all: &[FoundStore], context: &Context<'_>) {
    let look = context.out.data;
    if all.is_empty() {
        context.out.say("No store was found: neither at memorygraph's usual places, nor in its variables, nor in a profile.");
        return;
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let zone = jiff::tz::TimeZone::system();
    let mut text = String::new();
    for store in all {
        let (mark, state, remedy) = store.state();
        text += &format!(
            "{} {}\n",
            look.sign(mark),
            look.bold(&look.safe(&store.address))
        );
        text += &format!("    {}\n", look.safe(&state));
        let mut more = Vec::new();
        if let Some(d) = &store.description {
            more.extend(d.bytes.map(words::bytes));
            more.extend(d.changed_at.map(|at| {
                format!(
                    "last change {}",
                    words::moment(at.saturating_mul(1_000), now, &zone)
                )
            }));
        }
        more.push(format!("from {}", store.told_by));
        text += &format!("    {}\n", look.safe(&more.join(", ")));
        if let Some(remedy) = remedy {
            text += &format!("    {}\n", look.safe(&remedy));
        }
    }
    context.out.data(&text);
}
