//! How a run ended, in one line that claims no more than was proven. The line may hold
//! text from stores: show it through [`super::inert`].

use super::words::{self, Nodes, records};
use super::{Outcome, Report, Verdict, Verification};
use crate::engine::{Phase, Tally, Verify};
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
    let wrote = sum(&[written.added, written.changed]).total() > 0;
    let mut line = match (&report.verification, report.plan.write.verify) {
        _ if there.total() + written.skipped.total() == 0 => {
            "Nothing to move: no record of the source was selected".to_owned()
        }
        (None, _) | (_, Verify::None) if wrote => format!(
            "Moved, not verified: {} written, nothing was read back",
            nodes.tally(sum(&[written.added, written.changed]))
        ),
        (None, _) | (_, Verify::None) => "Nothing to write, and nothing was verified".to_owned(),
        (Some(v), Verify::Sample(_)) => format!(
            "Moved, a sample verified: every field of {}, and the number of all {}",
            nodes.tally(v.same),
            nodes.tally(there)
        ),
        (Some(_), Verify::Full) if wrote => {
            format!("Moved and verified: every field of {}", nodes.tally(there))
        }
        (Some(_), Verify::Full) => format!(
            "Verified, nothing to write: every field of {} was there already",
            nodes.tally(there)
        ),
    };
    let skipped = written.skipped.total();
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
    let at = report.phases.last().map(|(phase, _)| *phase);
    let at = at.filter(|phase| *phase != Phase::Finish);
    let at = at.map_or_else(String::new, |phase| format!(" at {}", phase.title()));
    let wrote = sum(&[report.written.added, report.written.changed]);
    let left = match report.mode {
        _ if wrote.total() == 0 => "; nothing was written".to_owned(),
        Some(WriteMode::Journal) | None => format!(
            "; {} written so far are still in the target",
            nodes(report).tally(wrote)
        ),
        Some(WriteMode::Aside | WriteMode::Transaction) => {
            "; nothing of it was published".to_owned()
        }
    };
    format!("Failed{at}: {}{left}", reason(report))
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
    let at = report.phases.last().map(|(phase, _)| *phase);
    let at = at.map_or_else(String::new, |phase| format!(" at {}", phase.title()));
    let wrote = sum(&[report.written.added, report.written.changed]);
    let so_far = match (wrote.total(), report.mode) {
        (0, _) => "nothing was written yet".to_owned(),
        (_, Some(WriteMode::Journal)) => format!("{} written", nodes(report).tally(wrote)),
        _ => "nothing was published yet".to_owned(),
    };
    format!("Interrupted{at}, can be resumed: {so_far}")
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
