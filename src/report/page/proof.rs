//! What a verification proved and what it did not.

use super::{Block, Page, Section, State};
use crate::report::summary::compared;
use crate::report::words::{self, Nodes, number};
use crate::report::{Mark, Verification};
use std::borrow::Cow;

impl Mark {
    /// Its meaning in a few words.
    pub(in crate::report) fn word(self) -> &'static str {
        match self {
            Mark::OnlyInSource => "only in the source",
            Mark::OnlyInTarget => "only in the target",
            Mark::Differs => "differs",
            Mark::Unreadable => "cannot be read",
        }
    }
}

/// The page of a plain comparison of two stores.
pub(in crate::report) fn comparison<'a>(
    v: &'a Verification,
    source: &str,
    target: &str,
) -> Page<'a> {
    let state = match v.identical() {
        true => State::Good,
        false => State::Warn,
    };
    let mut sections = vec![Section {
        id: "verification",
        title: "Verification",
        blocks: vec![numbers(v, Nodes::of(&[v.counts]))],
    }];
    sections.extend(differences(v));
    Page {
        state,
        headline: compared(v),
        about: vec![format!("source {source}"), format!("target {target}")],
        sections,
    }
}

/// The numbers by sign.
pub(super) fn numbers(v: &Verification, nodes: Nodes) -> Block<'static> {
    let rows = [
        ("=  same", v.same),
        ("+  only in the source", v.only_in_source),
        ("-  only in the target", v.only_in_target),
        ("*  differ", v.differ),
        ("!  cannot be read", v.unreadable),
    ];
    Block::Table {
        head: vec![String::new(), nodes.many().into(), "relationships".into()],
        rows: (rows.iter())
            .map(|(name, tally)| {
                vec![
                    (*name).into(),
                    number(tally.nodes),
                    number(tally.relationships),
                ]
            })
            .collect(),
    }
}

/// The records that differ, if there are any.
pub(super) fn differences(v: &Verification) -> Option<Section<'_>> {
    let tallies = [v.only_in_source, v.only_in_target, v.differ, v.unreadable];
    let total = crate::report::summary::sum(&tallies).total();
    let total = total.max(v.differences.len() as u64);
    (total > 0).then(|| Section {
        id: "differences",
        title: "Differences",
        blocks: vec![Block::Differences {
            list: Cow::Borrowed(&v.differences),
            total,
        }],
    })
}

/// How it was verified, what was found, and what that does not prove.
pub(super) fn proof(v: &Verification, nodes: Nodes, ended_at: i64) -> Section<'static> {
    let sample = v.level.strip_prefix("sample:");
    let how = match (v.level.as_str(), sample) {
        ("none", _) => "none: nothing was read back".to_owned(),
        (_, Some(n)) => format!(
            "sample: every field of {} {} of each kind was read back and compared, with its \
             type; all records were counted",
            n.parse().map_or_else(|_| n.to_owned(), number),
            match n {
                "1" => "record",
                _ => "records",
            }
        ),
        ("full", _) => "full: every field of every record was read back from the target and \
                        compared, with its type"
            .to_owned(),
        (other, _) => other.to_owned(),
    };
    let mut blocks = vec![Block::Pairs(vec![("how", vec![how])])];
    if v.level != "none" {
        blocks.push(numbers(v, nodes));
        let mut after = vec![("target now", vec![words::counts(&v.counts)])];
        if let Some(digest) = &v.content_digest {
            let meaning = "BLAKE3 over everything in the target: equal for equal content";
            after.push(("content digest", vec![digest.clone(), meaning.into()]));
        }
        blocks.push(Block::Pairs(after));
    }
    let when = words::date_utc(ended_at);
    let limits = match (v.level.as_str(), sample) {
        ("none", _) => "Nothing is proven about what the target holds.".to_owned(),
        (_, Some(_)) => format!(
            "Not proven: the fields of records outside the sample, that what the source held \
             was right, that searches answer alike in both stores, and anything written after \
             {when}."
        ),
        _ => format!(
            "Not proven: that what the source held was right, that searches answer alike in \
             both stores, and anything written after {when}."
        ),
    };
    blocks.push(Block::Text(limits));
    Section {
        id: "verification",
        title: "Verification",
        blocks,
    }
}
