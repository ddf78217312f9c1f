//! The report of a run, answer by answer.

use super::proof::{differences, proof};
use super::review::{losses, sections as review_sections, written_how};
use super::{Block, Item, Page, Section, State, items};
use crate::engine::{OnConflict, Phase, Tally};
use crate::model::{Kind, equal};
use crate::report::summary::{Left, left_behind, nodes, sum};
use crate::report::words::{self, Nodes, number};
use crate::report::{Check, Outcome, Report, Side, Verdict};

/// Milliseconds from which the time of a check is worth saying.
const WORTH_SAYING: u64 = 100;

/// The page of a report.
pub(in crate::report) fn page(report: &Report) -> Page<'_> {
    let took = report.ended_at.saturating_sub(report.started_at).max(0);
    let mut about = vec![
        format!("run {}", report.run),
        words::date_utc(report.started_at),
        format!("took {}", words::duration(took as u64)),
        format!("memferry {}", report.memferry),
    ];
    if report.outcome == Outcome::DryRun {
        about.push("dry run".to_owned());
    }
    let mut sections = vec![stores(report)];
    match (&report.review, report.outcome) {
        (Some(review), Outcome::DryRun | Outcome::Refused) => {
            sections.extend(review_sections(review));
        }
        _ => sections.push(written(report)),
    }
    if let Some(v) = &report.verification {
        let mut proof = proof(v, nodes(report), report.ended_at);
        if report.rollback.is_some() {
            let line = "This was verified before the rollback.";
            proof.blocks.insert(0, Block::Text(line.to_owned()));
        }
        sections.push(proof);
        sections.extend(differences(v));
    }
    if !sections.iter().any(|s| s.id == "losses") {
        sections.extend(losses("Losses", &report.losses));
    }
    sections.extend(equivalences(report));
    sections.extend(list("checks", "Checks", &report.checks, check));
    sections.extend(list("warnings", "Warnings", &report.warnings, |line| {
        Item {
            state: State::Warn,
            title: String::new(),
            detail: line.clone(),
            aside: String::new(),
            notes: Vec::new(),
        }
    }));
    sections.extend(list(
        "unreadable",
        "Unreadable in the source",
        &report.unreadable,
        |u| Item {
            state: State::Warn,
            title: format!("{}, {}", kind(u.kind), u.place),
            detail: u.reason.clone(),
            aside: String::new(),
            notes: Vec::new(),
        },
    ));
    sections.extend(phases(report));
    sections.extend(failure(report));
    sections.push(next(report));
    Page {
        state: state(report),
        headline: report.summary.clone(),
        about,
        sections,
    }
}

/// How a report is marked.
fn state(report: &Report) -> State {
    match report.outcome {
        // It could not run as it stands.
        Outcome::DryRun if report.losses.iter().any(|loss| !loss.accepted) => State::Warn,
        Outcome::Done | Outcome::DryRun => State::Good,
        Outcome::Differences | Outcome::RolledBack | Outcome::Interrupted => State::Warn,
        Outcome::Refused | Outcome::Failed => State::Bad,
    }
}

/// What a record is called. The type of a node that is no memory begins with `:`.
pub(in crate::report) fn noun(kind: Kind, type_name: &str) -> &'static str {
    match kind {
        Kind::Node if !type_name.is_empty() && !type_name.starts_with(':') => "memory",
        kind => self::kind(kind),
    }
}

/// The word for a kind of record.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "node",
        Kind::Relationship => "relationship",
    }
}

fn list<T>(
    id: &'static str,
    title: &'static str,
    all: &[T],
    to_item: impl Fn(&T) -> Item,
) -> Option<Section<'static>> {
    (!all.is_empty()).then(|| Section {
        id,
        title,
        blocks: items(all, to_item),
    })
}

fn stores(report: &Report) -> Section<'static> {
    let mut pairs = vec![("source", side(&report.source, "", false))];
    let filter = filter(report);
    if !filter.is_empty() {
        pairs.push(("selected", filter));
    }
    // A run that stopped before it looked at its target cannot say what was there.
    let looked = (report.checks.iter())
        .any(|check| check.name == "target-answers" && check.verdict == Verdict::Pass);
    let absent = match looked {
        true => "was not there before the run",
        false => "was not looked at",
    };
    pairs.push(("target", side(&report.target, absent, true)));
    Section {
        id: "stores",
        title: "Source and target",
        blocks: vec![Block::Pairs(pairs)],
    }
}

fn side(side: &Side, absent: &str, is_target: bool) -> Vec<String> {
    let found = &side.description;
    let mut lines = vec![side.address.clone()];
    if !found.exists {
        lines.push(match is_target {
            true => format!("{}, {absent}", side.title),
            false => side.title.clone(),
        });
        return lines;
    }
    lines.push(match found.layout.starts_with(&side.title) {
        true => found.layout.clone(),
        false if found.layout.is_empty() => side.title.clone(),
        false => format!("{}, {}", side.title, found.layout),
    });
    let mut facts = Vec::new();
    facts.extend(found.counts.as_ref().map(words::counts));
    facts.extend(found.bytes.map(words::bytes));
    let changed = found.changed_at.map(|at| at.saturating_mul(1_000));
    facts.extend(changed.map(|at| format!("last changed {}", words::date_utc(at))));
    if found.in_use {
        facts.push("open in another program".to_owned());
    }
    if !facts.is_empty() {
        let before = if is_target { "before the run: " } else { "" };
        lines.push(format!("{before}{}", facts.join(", ")));
    }
    lines.extend(found.notes.iter().cloned());
    lines.extend(
        found
            .facts
            .iter()
            .map(|(name, fact)| format!("{name}: {fact}")),
    );
    lines
}

fn filter(report: &Report) -> Vec<String> {
    let filter = &report.plan.filter;
    let joined = |set: &std::collections::BTreeSet<String>| -> Option<String> {
        let all: Vec<_> = set.iter().map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    [
        ("written since", filter.since.clone()),
        ("of type", joined(&filter.types)),
        ("with tag", joined(&filter.tags)),
        ("of project", filter.project.clone()),
        ("of tenant", filter.tenant.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name} {}", value?)))
    .collect()
}

fn written(report: &Report) -> Section<'static> {
    let done = report.written;
    let kept = matches!(report.outcome, Outcome::Done | Outcome::Differences);
    let mut blocks = Vec::new();
    let all = [
        done.added,
        done.changed,
        done.same,
        done.skipped,
        done.removed,
    ];
    if sum(&all).total() > 0 {
        let mut rows = vec![
            ("added", done.added),
            ("changed", done.changed),
            ("only in the target, removed", done.removed),
            ("the same already, not written", done.same),
            ("differ, left as the target had them", done.skipped),
        ];
        if let Some(review) = &report.review {
            rows.push(("only in the target, not touched", review.untouched));
        }
        blocks.push(table(&rows, nodes(report)));
    } else if kept || report.rollback.is_none() {
        let line = match left_behind(report) {
            _ if kept => "Nothing was written.",
            Left::Nothing => "Nothing was written.",
            Left::Written => "Part of it is written; it was not counted.",
            Left::Unpublished => "Nothing of it was published.",
            Left::Unknown => "It stopped while it was being published: look at the target.",
        };
        blocks.push(Block::Text(line.to_owned()));
    }
    let mut pairs = Vec::new();
    let began = report
        .phases
        .iter()
        .any(|(phase, _)| *phase == Phase::Import);
    if let (Some(mode), true) = (report.mode, began) {
        pairs.push(("how", vec![written_how(mode).to_owned()]));
        pairs.push((
            "conflicts",
            vec![match report.plan.write.replace {
                true => "replace: the target is made equal to the source".to_owned(),
                false => policy(report.plan.write.on_conflict).to_owned(),
            }],
        ));
    }
    if let Some(backup) = &report.backup {
        pairs.push(("backup", vec![backup.clone()]));
    }
    if !pairs.is_empty() {
        blocks.push(Block::Pairs(pairs));
    }
    blocks.extend(rolled_back(report));
    Section {
        id: "written",
        title: "Written",
        blocks,
    }
}

/// Numbers by name; what did not occur is left out.
pub(super) fn table(rows: &[(&str, Tally)], nodes: Nodes) -> Block<'static> {
    let rows = rows.iter().filter(|(_, tally)| tally.total() > 0);
    let rows = rows.map(|(name, tally)| {
        let (nodes, relationships) = (number(tally.nodes), number(tally.relationships));
        vec![(*name).to_owned(), nodes, relationships]
    });
    Block::Table {
        head: vec![String::new(), nodes.many().into(), "relationships".into()],
        rows: rows.collect(),
    }
}

fn policy(policy: OnConflict) -> &'static str {
    match policy {
        OnConflict::Skip => "skip: what the target has stays",
        OnConflict::Overwrite => "overwrite: the source's replaces the target's",
        OnConflict::Newest => "newest: the one written later stays",
        OnConflict::Fail => "fail: none was met, or the run would have been refused",
    }
}

fn rolled_back(report: &Report) -> Vec<Block<'static>> {
    let Some(rollback) = &report.rollback else {
        return Vec::new();
    };
    let mut blocks = Vec::new();
    if rollback.target_removed {
        let line = "Rolled back: the target was removed, since this run had made it.";
        blocks.push(Block::Text(line.to_owned()));
    } else {
        blocks.push(Block::Text("Rolled back:".to_owned()));
        let rows = [
            ("added by the run, removed", rollback.removed),
            ("changed by the run, restored", rollback.restored),
        ];
        match sum(&[rollback.removed, rollback.restored]).total() {
            0 => blocks.push(Block::Text("Nothing was left to take back.".to_owned())),
            _ => blocks.push(table(&rows, nodes(report))),
        }
    }
    if rollback.spared_count > 0 {
        let shown: Vec<_> = rollback.spared.iter().take(100).cloned().collect();
        let spared = words::records(rollback.spared_count);
        let mut lines = vec![format!("{spared}, changed by somebody else since the run")];
        if !shown.is_empty() {
            lines.push(shown.join(", "));
        }
        blocks.push(Block::Pairs(vec![("left alone", lines)]));
    }
    blocks
}

fn equivalences(report: &Report) -> Option<Section<'static>> {
    let used: Vec<_> = report
        .equivalences
        .iter()
        .filter(|(_, n)| **n > 0)
        .collect();
    list("equivalences", "Counted as equal", &used, |(name, n)| {
        Item {
            state: State::Plain,
            title: (*name).clone(),
            detail: equal::rule(name).unwrap_or_default().replace('`', ""),
            aside: words::count(**n, "time", "times"),
            notes: Vec::new(),
        }
    })
}

fn check(check: &Check) -> Item {
    let mut notes = Vec::new();
    if let Some(remedy) = &check.remedy {
        notes.push(("what to do", remedy.clone()));
    }
    if !check.examples.is_empty() {
        let more = check.examples.len().saturating_sub(10);
        let mut shown: Vec<_> = check.examples.iter().take(10).cloned().collect();
        if more > 0 {
            shown.push(format!("{more} more"));
        }
        notes.push(("records", shown.join(", ")));
    }
    Item {
        state: check.verdict.into(),
        title: check.title.clone(),
        detail: check.evidence.clone(),
        aside: match check.ms {
            0..WORTH_SAYING => String::new(),
            ms => words::duration(ms),
        },
        notes,
    }
}

fn phases(report: &Report) -> Option<Section<'static>> {
    let rows = report.phases.iter().map(|(phase, ms)| {
        let records = handled(report, *phase);
        vec![
            phase.title().to_owned(),
            words::duration(*ms),
            records.map(number).unwrap_or_default(),
            records
                .and_then(|n| words::rate(n, *ms))
                .unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    (!rows.is_empty()).then(|| Section {
        id: "phases",
        title: "Phases",
        blocks: vec![Block::Table {
            head: ["", "time", "records", "rate"].map(str::to_owned).to_vec(),
            rows,
        }],
    })
}

/// Records a phase went through, where the report can say.
fn handled(report: &Report, phase: Phase) -> Option<u64> {
    let staged = report.review.as_ref().map(|review| review.staged.total());
    let v = report.verification.as_ref();
    let found = v.map(|v| sum(&[v.same, v.only_in_source, v.only_in_target, v.differ]).total());
    let done = match phase {
        Phase::Export | Phase::Validate => staged,
        Phase::Import => Some(report.written.changes()),
        Phase::Verify => found,
        Phase::Rollback => report
            .rollback
            .as_ref()
            .map(|r| sum(&[r.removed, r.restored]).total()),
        _ => None,
    };
    done.filter(|n| *n > 0)
}

fn failure(report: &Report) -> Option<Section<'static>> {
    let failure = report.failure.as_ref()?;
    let remedy = failure.remedy.iter().map(|r| ("what to do", r.clone()));
    Some(Section {
        id: "failure",
        title: "What stopped it",
        blocks: vec![Block::Items(vec![Item {
            state: State::Bad,
            title: String::new(),
            detail: failure.message.clone(),
            aside: String::new(),
            notes: remedy.collect(),
        }])],
    })
}

fn next(report: &Report) -> Section<'static> {
    let wrote = report.written.changes() > 0;
    let command = |words: &[&str]| {
        let words = words.iter().copied();
        let options = report.options.iter().map(String::as_str);
        let all: Vec<_> = words.chain(options).map(words::shell).collect();
        format!("memferry {}", all.join(" "))
    };
    let run = report.run.as_str();
    let mut commands = Vec::new();
    if report.can_resume {
        commands.push(("go on", command(&["resume", run])));
    }
    if matches!(report.outcome, Outcome::Done | Outcome::Differences) && wrote {
        commands.push(("verify again", command(&["verify", run])));
    }
    if report.can_roll_back {
        commands.push(("take it back", command(&["rollback", run])));
    }
    commands.push(("see this again", command(&["report", run])));
    let file = format!("{run}.html");
    let page = ["report", run, "--format", "html", "--output", &file];
    commands.push(("as a page", command(&page)));
    Section {
        id: "next",
        title: "What can be done now",
        blocks: vec![Block::Commands(commands)],
    }
}
