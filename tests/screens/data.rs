//! What the screens show: stores, checks, reviews, runs and reports as the engine makes
//! them.

use crate::support::NOW;
use memferry::engine::{
    BackupInfo, Conflict, Event, Home, OnConflict, Phase, Plan, Review, RunFolder, RunState,
    RunStatus, Sample, Stamped, Tally,
};
use memferry::error::ErrorKind;
use memferry::model::Kind;
use memferry::report::{
    Check, Difference, Failure, Field, FieldValue, Loss, Mark, Outcome, Report, Side, Verdict,
    Verification, Written,
};
use memferry::store::{Address, Counts, Description, WriteMode};
use memferry::tui::msg::{Place, PlaceState, Probed, RunRow};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const RUN: &str = "20261120-180203-3f9a1c";

pub fn counts(memories: u64, relationships: u64) -> Counts {
    Counts {
        memories,
        other_nodes: 0,
        relationships,
    }
}

pub fn tally(nodes: u64, relationships: u64) -> Tally {
    Tally {
        nodes,
        relationships,
    }
}

pub fn description(memories: u64, relationships: u64) -> Description {
    Description {
        exists: true,
        layout: "SQLite, memorygraph 0.10 to 0.12".into(),
        counts: Some(counts(memories, relationships)),
        bytes: Some(21_000_000),
        changed_at: Some(NOW / 1_000 - 120),
        ..Description::default()
    }
}

pub fn failure(message: &str, remedy: &str) -> Failure {
    Failure {
        kind: ErrorKind::Auth,
        message: message.into(),
        remedy: Some(remedy.into()),
    }
}

pub fn source() -> Address {
    Address::parse("/home/ada/.memorygraph/memory.db").unwrap()
}

pub fn target() -> Address {
    Address::parse("/srv/team/shared.db").unwrap()
}

pub fn server() -> Address {
    Address::parse("falkordb://team@harbour:6379/memorygraph").unwrap()
}

fn place(address: Address, told_by: &str, state: PlaceState) -> Place {
    Place {
        title: address.descriptor().title.into(),
        place: address.path().display().to_string(),
        address: Some(address),
        told_by: told_by.into(),
        state,
    }
}

pub fn places() -> Vec<Place> {
    let old = Address::parse("/home/ada/.claude-memory/memory.db").unwrap();
    let broken = Address::parse("/home/ada/notes/export.json").unwrap();
    vec![
        place(
            source(),
            "default path",
            PlaceState::Known(description(4_812, 9_377)),
        ),
        place(old, "default path of old versions", PlaceState::Looking),
        place(
            broken,
            "profile notes",
            PlaceState::Failed(failure("the file is cut off", "Export it again.")),
        ),
        place(
            target(),
            "profile team",
            PlaceState::Known(description(212, 340)),
        ),
        Place {
            title: "turso".into(),
            place: "libsql://ada.turso.io".into(),
            address: None,
            told_by: "TURSO_DATABASE_URL".into(),
            state: PlaceState::Unsupported,
        },
    ]
}

pub fn probed(address: Address, description: Description) -> Box<Probed> {
    Box::new(Probed {
        address,
        description,
        ms: 0.4,
        inspection: None,
    })
}

pub fn check(title: &str, verdict: Verdict, evidence: &str, remedy: &str) -> Check {
    Check {
        name: title.to_lowercase().replace(' ', "-"),
        title: title.into(),
        verdict,
        evidence: evidence.into(),
        remedy: (!remedy.is_empty()).then(|| remedy.to_owned()),
        examples: match verdict {
            Verdict::Pass => Vec::new(),
            _ => vec!["7f3a0c91-55aa-4d4e-9d2b-0a6f1f2b7c91".into(), "11c0".into()],
        },
        ms: if verdict == Verdict::Pass { 12 } else { 0 },
    }
}

pub fn checks() -> Vec<Check> {
    use Verdict::{Pass, Warn};
    vec![
        check(
            "Source answers",
            Pass,
            "SQLite, memorygraph 0.10 to 0.12",
            "",
        ),
        check(
            "Target answers",
            Pass,
            "SQLite, memorygraph 0.10 to 0.12",
            "",
        ),
        check("Source and target differ", Pass, "two stores", ""),
        check(
            "Target is not empty",
            Warn,
            "212 memories, 31 with an id of the source",
            "Choose what happens to records that are in both.",
        ),
        check(
            "Relationships with an end that is not there",
            Warn,
            "2 relationships",
            "They are moved as they are where the target can hold them.",
        ),
        check(
            "Room on disk",
            Pass,
            "at most 68 MB needed, 57,192 MB free",
            "",
        ),
    ]
}

pub fn losses() -> Vec<Loss> {
    vec![Loss {
        name: "content:nul".into(),
        what: "the character NUL in text becomes U+FFFD".into(),
        records: 1,
        examples: vec!["7f3a0c91-55aa-4d4e-9d2b-0a6f1f2b7c91".into()],
        accepted: false,
    }]
}

pub fn text(value: &str) -> Option<FieldValue> {
    Some(FieldValue {
        type_name: "text".into(),
        text: value.into(),
    })
}

pub fn review(overwrites: bool) -> Review {
    let changed = if overwrites {
        tally(31, 0)
    } else {
        tally(0, 0)
    };
    let conflict = |key: &str, old: &str, new: &str| Conflict {
        kind: Kind::Node,
        key: key.into(),
        title: "Retry queue drains twice".into(),
        replaced: true,
        fields: vec![
            Field {
                name: "content".into(),
                source: text(new),
                target: text(old),
            },
            Field {
                name: "importance".into(),
                source: text("0.9"),
                target: None,
            },
        ],
    };
    let sample = |id: &str, title: &str, ago: i64| Sample {
        id: id.into(),
        title: title.into(),
        updated_at: Some(NOW - ago),
    };
    Review {
        source: source().to_string(),
        target: target().to_string(),
        staged: counts(4_812, 9_377),
        present: Some(counts(212, 340)),
        types: BTreeMap::from([
            ("solution".into(), 2_101),
            ("problem".into(), 1_404),
            ("fix".into(), 907),
            ("general".into(), 300),
            ("task".into(), 100),
        ]),
        relationship_types: BTreeMap::from([("SOLVES".into(), 9_377)]),
        newest: vec![sample("a", "Use keyset paging in the export", 120_000)],
        newest_present: vec![sample("b", "Retry queue drains twice", 172_800_000)],
        added: tally(4_781, 9_377),
        changed,
        kept: tally(0, 0),
        same: tally(0, 0),
        untouched: tally(181, 340),
        removed: tally(0, 0),
        conflicts: match overwrites {
            true => vec![
                conflict(
                    "7f3a0c91-55aa-4d4e-9d2b-0a6f1f2b7c91",
                    "The queue is drained by one worker at a time.",
                    "The queue is drained by every worker at a time, which is wrong.",
                ),
                conflict("11c0f3de", "old", "new"),
            ],
            false => Vec::new(),
        },
        losses: Vec::new(),
        mode: Some(WriteMode::Transaction),
        lock_seconds: 0.4,
    }
}

pub fn plan(on_conflict: OnConflict) -> Plan {
    let mut plan = Plan::new(&source(), &target());
    plan.write.on_conflict = on_conflict;
    plan
}

/// A state that events make.
pub fn state(events: &[(i64, Event)]) -> Arc<RunState> {
    let mut state = RunState::default();
    let started = Event::Started {
        run: RUN.into(),
        source: source().to_string(),
        target: target().to_string(),
        resumed: false,
        dry_run: false,
    };
    state.apply(&Stamped {
        at: NOW - 10_000,
        event: started,
    });
    for (at, event) in events {
        state.apply(&Stamped {
            at: NOW - 10_000 + at,
            event: event.clone(),
        });
    }
    Arc::new(state)
}

pub fn checked(checks: Vec<Check>) -> Vec<(i64, Event)> {
    let mut all = vec![(
        0,
        Event::PhaseStarted {
            phase: Phase::Preflight,
        },
    )];
    all.extend(
        checks
            .into_iter()
            .map(|check| (5, Event::Checked { check })),
    );
    all
}

fn over(phase: Phase, at: i64, ms: u64) -> [(i64, Event); 2] {
    [
        (at, Event::PhaseStarted { phase }),
        (
            at + ms as i64,
            Event::PhaseEnded {
                phase,
                ok: true,
                ms,
            },
        ),
    ]
}

/// In the middle of an import.
pub fn importing() -> Vec<(i64, Event)> {
    let phase = Phase::Import;
    let mut all = Vec::new();
    all.extend(over(Phase::Preflight, 0, 300));
    all.extend(over(Phase::Export, 300, 1_200));
    all.extend(over(Phase::Validate, 1_500, 90));
    all.extend(over(Phase::Backup, 1_600, 120));
    all.push((1_800, Event::PhaseStarted { phase }));
    all.push((
        1_800,
        Event::Expected {
            phase,
            nodes: 4_812,
            relationships: 9_377,
        },
    ));
    for tenth in 0..=80_u64 {
        all.push((
            1_800 + tenth as i64 * 100,
            Event::Progress {
                phase,
                kind: Kind::Node,
                done: 3_911 * tenth / 80,
                bytes: 9_400_000 * tenth / 80,
            },
        ));
    }
    all.push((
        9_000,
        Event::Note {
            message: "index memory_id made".into(),
        },
    ));
    all.push((
        9_500,
        Event::Warning {
            code: "lossy".into(),
            message: "record 7f3a…91: content loses 1 NUL".into(),
        },
    ));
    all.push((
        9_700,
        Event::Acknowledged {
            batch: 12,
            records: 2_000,
        },
    ));
    all
}

pub fn differences() -> Vec<Difference> {
    let one = |mark, kind, key: &str, type_name: &str, title: &str, fields| Difference {
        mark,
        kind,
        key: key.into(),
        type_name: type_name.into(),
        title: title.into(),
        fields,
    };
    let content = Field {
        name: "content".into(),
        source: text("Retries are spread by jitter of 20 %.\nSee the runbook for the numbers."),
        target: text("Retries are spread by jitter of 50 %.\nSee the runbook for the numbers."),
    };
    vec![
        one(
            Mark::Differs,
            Kind::Node,
            "7f3a0c91-55aa-4d4e-9d2b-0a6f1f2b7c91",
            "solution",
            "Retry queue drains twice",
            vec![content],
        ),
        one(
            Mark::OnlyInTarget,
            Kind::Node,
            "11c0f3de-0000-4d4e-9d2b-0a6f1f2b7c02",
            "general",
            "Was there before",
            vec![Field {
                name: "title".into(),
                source: None,
                target: text("Was there before"),
            }],
        ),
        one(
            Mark::OnlyInSource,
            Kind::Relationship,
            "65957b8e-f205-4bcd-8479-2d350b6b530c",
            "DEPENDS_ON",
            "1050a334 to c5d407fe",
            Vec::new(),
        ),
    ]
}

pub fn report(outcome: Outcome) -> Report {
    let differs = outcome == Outcome::Differences;
    let verification = Verification {
        level: "full".into(),
        same: tally(4_811, 9_377),
        only_in_source: tally(0, u64::from(differs)),
        only_in_target: tally(u64::from(differs), 0),
        differ: tally(u64::from(differs), 0),
        counts: counts(4_812, 9_377),
        differences: if differs { differences() } else { Vec::new() },
        ..Verification::default()
    };
    let mut report = Report {
        version: 1,
        memferry: "0.1.0".into(),
        run: RUN.into(),
        outcome,
        summary: String::new(),
        started_at: NOW - 4_100,
        ended_at: NOW,
        plan: plan(OnConflict::Skip),
        source: Side {
            address: source().to_string(),
            title: "SQLite".into(),
            description: description(4_812, 9_377),
        },
        target: Side {
            address: target().to_string(),
            title: "SQLite".into(),
            description: description(212, 340),
        },
        mode: Some(WriteMode::Transaction),
        phases: vec![
            (Phase::Preflight, 300),
            (Phase::Export, 1_200),
            (Phase::Import, 2_000),
        ],
        checks: checks(),
        review: Some(review(false)),
        written: Written {
            added: tally(4_781, 9_377),
            ..Written::default()
        },
        losses: Vec::new(),
        equivalences: BTreeMap::new(),
        verification: Some(verification),
        warnings: vec!["the source was written to while it was read; reading a copy of it".into()],
        unreadable: Vec::new(),
        backup: Some(
            "/home/ada/.local/state/memferry/backups/20261120-180206-shared.memferry".into(),
        ),
        failure: None,
        rollback: None,
        can_resume: outcome == Outcome::Interrupted,
        can_roll_back: matches!(outcome, Outcome::Done | Outcome::Differences),
        may_be_published: matches!(outcome, Outcome::Done | Outcome::Differences),
        options: Vec::new(),
    };
    if outcome == Outcome::Failed {
        report.failure = Some(failure(
            "cannot write /srv/team/shared.db: no space left on device",
            "Free some room there, or choose another folder.",
        ));
        report.written = Written::default();
        report.verification = None;
    }
    report.summary = memferry::report::summary(&report);
    report
}

/// The folder of a run, which only a state directory gives.
fn folder(name: &str) -> RunFolder {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("runs").join("a-run");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::write(run.join("plan.toml"), "").unwrap();
    let mut folder = Home::new(dir.path()).runs().unwrap().remove(0);
    folder.name = name.to_owned();
    folder
}

pub fn row(name: &str, status: RunStatus, summary: &str, ago: i64, wrote: bool) -> RunRow {
    RunRow {
        folder: folder(name),
        status: Ok(status),
        source: source().to_string(),
        target: target().to_string(),
        at: NOW - ago,
        summary: summary.into(),
        wrote,
    }
}

pub fn rows() -> Vec<RunRow> {
    let moved = "Moved and verified: every field of 4,812 memories and 9,377 relationships";
    vec![
        row(
            "20261120-175003-aa11bb",
            RunStatus::Unfinished,
            "stopped at Import 62 %",
            720_000,
            true,
        ),
        row(
            "20261120-160203-3f9a1c",
            RunStatus::Finished(Outcome::Done),
            moved,
            7_200_000,
            true,
        ),
        row(
            "20261114-091103-0c0ffe",
            RunStatus::Finished(Outcome::Differences),
            "Moved, with 3 differences",
            550_000_000,
            true,
        ),
        row(
            "20261101-091103-0c0ffe",
            RunStatus::Finished(Outcome::Refused),
            "Refused, nothing was written: room on disk: needs 1.9 GB",
            1_650_000_000,
            false,
        ),
    ]
}

pub fn backups() -> Vec<Result<BackupInfo, Failure>> {
    let one = |name: &str, memories, finished| BackupInfo {
        name: name.into(),
        path: format!("/home/ada/.local/state/memferry/backups/{name}.memferry").into(),
        origin: target().to_string(),
        created_at: "2026-11-20T18:02:06Z".into(),
        counts: counts(memories, 340),
        bytes: 412_000,
        finished,
    };
    vec![
        Ok(one("20261120-180206-1a2b3c-sqlite", 212, true)),
        Ok(one("20261101-180206-1a2b3c-sqlite", 198, false)),
        Err(failure("old.memferry is no archive", "Remove it.")),
    ]
}
