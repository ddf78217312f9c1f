//! How a run ended, in one line that claims no more than was proven. The line may hold
//! text from stores: show it through [`super::inert`].

use super::words::{self, Nodes, records};
use super::{Outcome, Report, Verdict, Verification};
use crate::engine::{Phase, Tally};
use crate::store::WriteMode;

/// How a run ended, in one line without a full stop.
pub fn summary(report: &Report) -> String {
    match report.outcome {
        Outcome::Done => done(report),
        Outcome::DryRun => dry_run(report),
        Outcome::Differences => differences(report),
        Outcome::Refused => format!("Refused, nothing was written: {}", reason(report)),
        Outcome::Failed => failed(report),
        Outcome::RolledBack => rolled_back(report),
        Outcome::Interrupted => interrupted(report),
    }
}

/// How two stores compare, in one line without a full stop.
pub fn compared(verification: &Verification) -> String {
    let nodes = Nodes::of(&[verification.counts]);
    let v = verification;
    let others = differing(v);
    match v.identical() {
        true => format!("Identical: every field of {}", nodes.tally(v.same)),
        false => format!("Different: {others}; {} the same", is(v.same.total())),
    }
}

/// What this run's nodes are called.
pub(super) fn nodes(report: &Report) -> Nodes {
    let staged = report.review.as_ref().map(|review| review.staged);
    let found = report.verification.as_ref().map(|v| v.counts);
    let source = report.source.description.counts;
    let target = report.target.description.counts;
    let all: Vec<_> = [staged, found, source, target]
        .into_iter()
        .flatten()
        .collect();
    Nodes::of(&all)
}

fn done(report: &Report) -> String {
    let (nodes, written) = (nodes(report), report.written);
    let there = sum(&[written.added, written.changed, written.same]);
    let wrote = sum(&[written.added, written.changed, written.removed]);
    let skipped = written.skipped.total();
    let level = report.verification.as_ref().map_or("none", |v| &v.level);
    let same = report.verification.as_ref().map(|v| v.same);
    let mut line = match level {
        _ if there.total() == 0 && wrote.total() > 0 => "Emptied, as the source is".to_owned(),
        _ if there.total() == 0 && skipped == 0 => {
            "Nothing to move: no record of the source was selected".to_owned()
        }
        _ if there.total() == 0 => "Nothing was written".to_owned(),
        "none" if wrote.total() > 0 => format!(
            "Moved, not verified: {} written, nothing was read back",
            nodes.tally(wrote)
        ),
        "none" => "Nothing to write, and nothing was verified".to_owned(),
        "full" if wrote.total() > 0 => {
            format!("Moved and verified: every field of {}", nodes.tally(there))
        }
        "full" => format!(
            "Verified, nothing to write: every field of {} was there already",
            nodes.tally(there)
        ),
        _ => format!(
            "Moved, a sample verified: every field of {}, and the number of all {}",
            nodes.tally(same.unwrap_or_default()),
            nodes.tally(there)
        ),
    };
    if written.removed.total() > 0 {
        let removed = nodes.tally(written.removed);
        line += &format!("; {removed} that only the target had removed");
    }
    if skipped > 0 {
        line += &format!("; {} left as the target had them", records(skipped));
    }
    let losses = report.losses.iter().filter(|l| l.accepted && l.records > 0);
    match losses.count() as u64 {
        0 => {}
        n => line += &format!("; {}", words::count(n, "accepted loss", "accepted losses")),
    }
    line + &unread(report)
}

fn dry_run(report: &Report) -> String {
    let nodes = nodes(report);
    let Some(review) = &report.review else {
        return "Dry run, nothing was written".to_owned();
    };
    let mut parts = Vec::new();
    for (verb, tally) in [
        ("add", review.added),
        ("change", review.changed),
        ("remove", review.removed),
        ("leave as the target has them", review.kept),
    ] {
        if tally.total() > 0 {
            parts.push(format!("{verb} {}", nodes.tally(tally)));
        }
    }
    let would = match parts.is_empty() {
        true if review.staged.total() == 0 => "no record of the source was selected".to_owned(),
        true => format!("all {} are there already", nodes.tally(review.same)),
        false => format!("would {}", parts.join(", ")),
    };
    let mut line = format!("Dry run, nothing was written: {would}");
    let open = report
        .losses
        .iter()
        .filter(|l| !l.accepted && l.records > 0);
    match open.count() as u64 {
        0 => {}
        n => {
            let losses = words::count(n, "loss", "losses");
            line += &format!("; {losses} to accept before it can run");
        }
    }
    line + &unread(report)
}

fn differences(report: &Report) -> String {
    let Some(v) = &report.verification else {
        return format!("Written, and not as expected: {}", reason(report));
    };
    format!(
        "Written, and not as expected: {}; {} as expected",
        differing(v),
        is(v.same.total())
    )
}

/// `1 record differs, 2 are missing in the target, …`.
fn differing(v: &Verification) -> String {
    let mut parts = Vec::new();
    for (tally, one, many) in [
        (v.differ, "differs", "differ"),
        (
            v.only_in_source,
            "is only in the source",
            "are only in the source",
        ),
        (
            v.only_in_target,
            "is only in the target",
            "are only in the target",
        ),
        (v.unreadable, "cannot be read", "cannot be read"),
    ] {
        let n = tally.total();
        if n > 0 {
            let subject = match parts.is_empty() {
                true => records(n),
                false => words::number(n),
            };
            parts.push(format!("{subject} {}", if n == 1 { one } else { many }));
        }
    }
    match parts.is_empty() {
        true => "no record differs".to_owned(),
        false => parts.join(", "),
    }
}

fn failed(report: &Report) -> String {
    let nodes = nodes(report);
    let wrote = sum(&[
        report.written.added,
        report.written.changed,
        report.written.removed,
    ]);
    let left = match left_behind(report) {
        Left::Nothing => "nothing was written".to_owned(),
        Left::Written if wrote.total() > 0 => {
            format!("{} written so far stay in the target", nodes.tally(wrote))
        }
        Left::Written => "what was written so far stays in the target".to_owned(),
        Left::Unpublished => "nothing of it was published".to_owned(),
        Left::Unknown => "look at the target before you go on".to_owned(),
    };
    format!("Failed{}: {}; {left}", at(report), reason(report))
}

/// What a run that did not end well left in its target, as far as its report can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It did not come to writing.
    Nothing,
    /// Some or all of it.
    Written,
    /// Only what nobody else sees, and what is thrown away.
    Unpublished,
    /// It was on the point of publishing.
    Unknown,
}

pub(super) fn left_behind(report: &Report) -> Left {
    let began = |phase| report.phases.iter().any(|(p, _)| *p == phase);
    match report.mode {
        _ if !began(Phase::Import) => Left::Nothing,
        Some(WriteMode::Journal) | None => Left::Written,
        _ if report.may_be_published => Left::Unknown,
        _ => Left::Unpublished,
    }
}

/// Where it stopped.
fn at(report: &Report) -> String {
    let mut phases = report.phases.iter().rev().map(|(phase, _)| *phase);
    let at = phases.find(|phase| !matches!(phase, Phase::Finish | Phase::Rollback));
    at.map_or_else(String::new, |phase| format!(" at {}", phase.title()))
}

fn rolled_back(report: &Report) -> String {
    let nodes = nodes(report);
    let begin = match &report.failure {
        Some(_) => format!("Failed and rolled back: {}; ", reason(report)),
        None => "Rolled back: ".to_owned(),
    };
    let Some(rollback) = &report.rollback else {
        return begin + "nothing had been written";
    };
    let mut line = match rollback.target_removed {
        true => format!("{begin}the target, which the run had made, is gone again"),
        false => {
            let done = [
                (rollback.removed, "removed"),
                (rollback.restored, "restored"),
            ];
            let done = done.iter().filter(|(tally, _)| tally.total() > 0);
            let parts: Vec<_> = done
                .map(|(t, verb)| format!("{} {verb}", nodes.tally(*t)))
                .collect();
            match parts.is_empty() {
                true => format!("{begin}nothing was left to take back"),
                false => begin + &parts.join(", "),
            }
        }
    };
    if rollback.spared_count > 0 {
        let spared = records(rollback.spared_count);
        line += &format!("; {spared} left alone, changed by somebody else since");
    }
    line
}

fn interrupted(report: &Report) -> String {
    let wrote = sum(&[
        report.written.added,
        report.written.changed,
        report.written.removed,
    ]);
    let so_far = match left_behind(report) {
        Left::Nothing => "nothing was written yet".to_owned(),
        Left::Written if wrote.total() > 0 => {
            format!("{} written so far", nodes(report).tally(wrote))
        }
        Left::Written => "part of it is written".to_owned(),
        Left::Unpublished => "nothing was published yet".to_owned(),
        Left::Unknown => "whether it was published shows when it goes on".to_owned(),
    };
    format!("Interrupted{}, can be resumed: {so_far}", at(report))
}

/// Why it did not go on: the failure, or the first check that failed.
fn reason(report: &Report) -> String {
    if let Some(failure) = &report.failure {
        return failure.message.clone();
    }
    let mut failed = report.checks.iter().filter(|c| c.verdict == Verdict::Fail);
    match failed.next() {
        Some(check) => format!("{}: {}", check.title, check.evidence),
        None => "no reason was recorded".to_owned(),
    }
}

fn unread(report: &Report) -> String {
    match report.unreadable.len() as u64 {
        0 => String::new(),
        n => {
            let more = if n >= super::MOST_KEPT as u64 {
                " or more"
            } else {
                ""
            };
            format!("; {}{more} of the source could not be read", records(n))
        }
    }
}

fn is(n: u64) -> String {
    format!("{} {}", words::number(n), if n == 1 { "is" } else { "are" })
}

/// All of these together.
pub(super) fn sum(tallies: &[Tally]) -> Tally {
    tallies.iter().fold(Tally::default(), |sum, t| Tally {
        nodes: sum.nodes.saturating_add(t.nodes),
        relationships: sum.relationships.saturating_add(t.relationships),
    })
}
