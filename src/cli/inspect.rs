//! `memferry inspect`: what is in a store, read in full.

use super::args::Inspect;
use super::output::Mark;
use super::table::Table;
use super::watch::watching;
use super::{Code, Context};
use crate::engine::{self, Inspection};
use crate::error::Result;
use crate::report::words;
use std::collections::BTreeMap;

/// Most names listed of one sort.
const LISTED: usize = 40;

/// Runs the command.
pub async fn run(args: &Inspect, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    let store = context.source(args.store.as_deref(), &config).await?;
    let found = watching("Reading", context, async |telling| {
        engine::inspect_watched(store, &telling).await
    })
    .await?;
    match args.json.json {
        true => context.out.json(&found)?,
        false => context.out.data(&text(&found, context)),
    }
    Ok(Code::DONE)
}

/// What was found, in lines.
pub fn text(found: &Inspection, context: &Context<'_>) -> String {
    let look = context.out.data;
    let now = jiff::Timestamp::now().as_millisecond();
    let zone = jiff::tz::TimeZone::system();
    let described = &found.description;
    let mut out = format!("{}\n", look.bold(&look.safe(&found.address)));
    let mut line = |name: &str, value: String| {
        let name = look.dim(&format!("{name:<12}"));
        out += &format!("  {name} {}\n", look.safe(&value));
    };
    line("layout", described.layout.clone());
    line("holds", words::counts(&found.counts));
    if let Some(bytes) = described.bytes {
        line("size", words::bytes(bytes));
    }
    if let Some(at) = described.changed_at {
        line(
            "last change",
            words::moment(at.saturating_mul(1_000), now, &zone),
        );
    }
    if described.in_use {
        line("in use", "another process has it open".to_owned());
    }
    for note in &described.notes {
        line("note", note.clone());
    }
    for (name, fact) in &described.facts {
        line(name, fact.clone());
    }
    line("content", found.content_digest.clone());
    names("Nodes by type", &found.types, context, &mut out);
    names(
        "Relationships by type",
        &found.relationship_types,
        context,
        &mut out,
    );
    if !found.newest.is_empty() {
        out += &format!("\n{}\n", look.bold("Newest memories"));
        let mut table = Table::new(look, &["updated", "id", "title"]);
        for sample in &found.newest {
            let at = sample.updated_at.map(|at| words::moment(at, now, &zone));
            table.row([&at.unwrap_or_default(), &sample.id, &sample.title]);
        }
        out += &indented(&table.text());
    }
    if !found.oddities.is_empty() {
        out += &format!("\n{}\n", look.bold("Oddities"));
        for oddity in &found.oddities {
            let examples = match oddity.examples.is_empty() {
                true => String::new(),
                false => {
                    let some: Vec<_> = oddity.examples.iter().take(5).cloned().collect();
                    format!(", for example {}", some.join(", "))
                }
            };
            let what = format!(
                "{}: {}{examples}",
                oddity.what,
                words::number(oddity.records)
            );
            out += &format!("  {} {}\n", look.sign(Mark::Warn), look.safe(&what));
        }
    }
    if !found.unreadable.is_empty() {
        let number = words::number(found.unreadable.len() as u64);
        out += &format!("\n{}\n", look.bold(&format!("Unreadable: {number}")));
        for place in found.unreadable.iter().take(LISTED) {
            let what = format!("{}: {}", place.place, place.reason);
            out += &format!("  {} {}\n", look.sign(Mark::Bad), look.safe(&what));
        }
    }
    out
}

fn names(title: &str, all: &BTreeMap<String, u64>, context: &Context<'_>, out: &mut String) {
    if all.is_empty() {
        return;
    }
    let look = context.out.data;
    *out += &format!("\n{}\n", look.bold(title));
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), *name));
    let mut table = Table::new(look, &[">number", "name"]);
    for (name, n) in sorted.iter().take(LISTED) {
        table.row([&words::number(**n), name.as_str()]);
    }
    // Without the headings, which the title makes plain.
    let text = table.text();
    *out += &indented(text.split_once('\n').map_or("", |(_, rows)| rows));
    if sorted.len() > LISTED {
        *out += &format!(
            "  and {} more\n",
            words::number((sorted.len() - LISTED) as u64)
        );
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
