//! What a run would do, before it does it.

use super::run::table;
use super::{Block, Item, Page, Section, State, items};
use crate::engine::{Conflict, Review, Sample};
use crate::report::words::{self, Nodes, number, records};
use crate::report::{Difference, Loss, Mark};
use crate::store::WriteMode;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most types named; the rest are added up.
const MOST_TYPES: usize = 12;

/// The page of a review.
pub(in crate::report) fn page(review: &Review) -> Page<'static> {
    let nodes = Nodes::of(&[review.staged, review.present.unwrap_or_default()]);
    let would = match (review.nothing_to_do(), review.overwrites()) {
        (true, _) => "Nothing would be written".to_owned(),
        (false, true) => format!("Would change {}", nodes.tally(review.changed)),
        (false, false) => format!("Would add {}", nodes.tally(review.added)),
    };
    let state = match review.overwrites() {
        true => State::Warn,
        false => State::Plain,
    };
    Page {
        state,
        headline: would,
        about: vec![
            format!("source {}", review.source),
            format!("target {}", review.target),
        ],
        sections: sections(review),
    }
}

/// The sections of a review, for a page of its own and for a report.
pub(super) fn sections(review: &Review) -> Vec<Section<'static>> {
    let mut sections = vec![Section {
        id: "would-be-done",
        title: "What would be done",
        blocks: what(review),
    }];
    let mut conflicts = review.conflicts.iter().peekable();
    if conflicts.peek().is_some() {
        let total = review.changed.total().saturating_add(review.kept.total());
        let list: Vec<_> = conflicts.map(as_difference).collect();
        sections.push(Section {
            id: "conflicts",
            title: "Records both have, with other content",
            blocks: vec![Block::Differences {
                total: total.max(list.len() as u64),
                list: Cow::Owned(list),
            }],
        });
    }
    sections.extend(losses("Losses", &review.losses));
    sections
}

fn what(review: &Review) -> Vec<Block<'static>> {
    let nodes = Nodes::of(&[review.staged, review.present.unwrap_or_default()]);
    let mut blocks = vec![held(review), changes(review, nodes)];
    for (head, types) in [
        ("selected memories, by type", &review.types),
        (
            "selected relationships, by type",
            &review.relationship_types,
        ),
    ] {
        let rows: Vec<_> = by_number(types).collect();
        if !rows.is_empty() {
            let head = vec![head.to_owned(), "records".to_owned()];
            blocks.push(Block::Table { head, rows });
        }
    }
    let newest = [
        ("newest in the source", &review.newest),
        ("newest in the target", &review.newest_present),
    ];
    let mut how: Vec<_> = (newest.iter())
        .filter_map(|(name, samples)| Some((*name, vec![newest_of(samples.first()?)])))
        .collect();
    if let Some(mode) = review.mode {
        how.push(("how", vec![written_how(mode).to_owned()]));
    }
    if review.lock_seconds >= 0.5 {
        let time = words::duration((review.lock_seconds * 1_000.0) as u64);
        let line = format!("other programs cannot write the target for about {time}");
        how.push(("lock", vec![line]));
    }
    if !how.is_empty() {
        blocks.push(Block::Pairs(how));
    }
    blocks
}

/// Source and target side by side.
fn held(review: &Review) -> Block<'static> {
    let row = |name: &str, staged: u64, present: Option<u64>| {
        let present = present.map_or_else(|| "none yet".to_owned(), number);
        vec![name.to_owned(), number(staged), present]
    };
    let there = review.present;
    let mut rows = vec![row(
        "memories",
        review.staged.memories,
        there.map(|c| c.memories),
    )];
    if review.staged.other_nodes + there.map_or(0, |c| c.other_nodes) > 0 {
        let present = there.map(|c| c.other_nodes);
        rows.push(row("other nodes", review.staged.other_nodes, present));
    }
    let present = there.map(|c| c.relationships);
    rows.push(row("relationships", review.staged.relationships, present));
    Block::Table {
        head: vec![
            String::new(),
            "selected in the source".into(),
            "in the target now".into(),
        ],
        rows,
    }
}

fn newest_of(sample: &Sample) -> String {
    match sample.updated_at {
        Some(at) => format!("{} ({})", sample.title, words::date_utc(at)),
        None => sample.title.clone(),
    }
}

fn changes(review: &Review, nodes: Nodes) -> Block<'static> {
    let rows = [
        ("will be added", review.added),
        ("will be changed", review.changed),
        ("differ, and stay as the target has them", review.kept),
        ("are there already, the same", review.same),
        ("only in the target, not touched", review.untouched),
    ];
    table(&rows, nodes)
}

fn by_number(types: &BTreeMap<String, u64>) -> impl Iterator<Item = Vec<String>> {
    let mut all: Vec<_> = types.iter().collect();
    all.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let rest: u64 = all.iter().skip(MOST_TYPES).map(|(_, n)| **n).sum();
    let more = all.len().saturating_sub(MOST_TYPES) as u64;
    let mut rows: Vec<_> = (all.iter().take(MOST_TYPES))
        .map(|(name, n)| vec![(*name).clone(), number(**n)])
        .collect();
    if more > 0 {
        let name = format!("{} more", words::count(more, "type", "types"));
        rows.push(vec![name, number(rest)]);
    }
    rows.into_iter()
}

fn as_difference(conflict: &Conflict) -> Difference {
    Difference {
        mark: Mark::Differs,
        kind: conflict.kind,
        key: conflict.key.clone(),
        type_name: match conflict.replaced {
            true => "will be changed".into(),
            false => "stays as the target has it".into(),
        },
        title: conflict.title.clone(),
        fields: conflict.fields.clone(),
    }
}

/// How a target is written.
pub(super) fn written_how(mode: WriteMode) -> &'static str {
    match mode {
        WriteMode::Aside => "built where nobody sees it, verified, then published in one step",
        WriteMode::Transaction => "one transaction, verified before its commit",
        WriteMode::Journal => "batch by batch, each with what undoes it on disk first",
    }
}

/// What the target cannot hold, if there is anything.
pub(super) fn losses(title: &'static str, losses: &[Loss]) -> Option<Section<'static>> {
    (!losses.is_empty()).then(|| Section {
        id: "losses",
        title,
        blocks: items(losses, |loss| {
            let mut notes = Vec::new();
            if !loss.examples.is_empty() {
                notes.push(("for example", loss.examples.join(", ")));
            }
            if !loss.accepted {
                let flag = format!("--allow-loss {}", words::shell(&loss.name));
                notes.push(("to accept it", flag));
            }
            Item {
                state: match loss.accepted {
                    true => State::Warn,
                    false => State::Bad,
                },
                title: loss.name.clone(),
                detail: match loss.accepted {
                    true => format!("{} (accepted)", loss.what),
                    false => format!("{} (not accepted)", loss.what),
                },
                aside: records(loss.records),
                notes,
            }
        }),
    })
}
