//! Made-up reports of every outcome, and one whose every text is hostile.

use super::*;
use crate::engine::{Conflict, Filter, Losses, OnConflict, Sample, StoreRef, Tally, Write};

pub(super) const OUTCOMES: [(&str, Outcome); 7] = [
    ("done", Outcome::Done),
    ("dry-run", Outcome::DryRun),
    ("differences", Outcome::Differences),
    ("refused", Outcome::Refused),
    ("failed", Outcome::Failed),
    ("rolled-back", Outcome::RolledBack),
    ("interrupted", Outcome::Interrupted),
];

pub(super) fn tally(nodes: u64, relationships: u64) -> Tally {
    Tally {
        nodes,
        relationships,
    }
}

fn counts(memories: u64, relationships: u64) -> Counts {
    Counts {
        memories,
        other_nodes: 0,
        relationships,
    }
}

fn side(address: &str, title: &str, layout: &str, counts: Option<Counts>) -> Side {
    Side {
        address: address.into(),
        title: title.into(),
        description: Description {
            exists: counts.is_some(),
            layout: layout.into(),
            counts,
            bytes: counts.map(|_| 21_300_000),
            changed_at: counts.map(|_| 1_795_197_600),
            ..Description::default()
        },
    }
}

fn store(kind: &str, settings: &[(&str, &str)]) -> StoreRef {
    StoreRef {
        kind: kind.into(),
        settings: (settings.iter().map(|(n, v)| ((*n).into(), (*v).into()))).collect(),
    }
}

fn check(name: &str, title: &str, verdict: Verdict, evidence: &str, remedy: Option<&str>) -> Check {
    Check {
        name: name.into(),
        title: title.into(),
        verdict,
        evidence: evidence.into(),
        remedy: remedy.map(str::to_owned),
        examples: Vec::new(),
        ms: 120,
    }
}

fn value(type_name: &str, text: &str) -> Option<FieldValue> {
    Some(FieldValue {
        type_name: type_name.into(),
        text: text.into(),
    })
}

fn loss(accepted: bool) -> Loss {
    Loss {
        name: "content:nul".into(),
        what: "the character NUL becomes U+FFFD".into(),
        records: 1,
        examples: vec!["7f3a1c02-91aa-4d15-8d5e-0a4be8a0c391".into()],
        accepted,
    }
}

fn review() -> Review {
    let samples = |title: &str| {
        vec![Sample {
            id: "7f3a".into(),
            title: title.into(),
            updated_at: Some(1_795_197_600_000),
        }]
    };
    Review {
        source: "memory.db".into(),
        target: "memorygraph".into(),
        staged: counts(4_812, 9_377),
        present: Some(counts(212, 340)),
        types: [("solution", 3_002), ("problem", 1_800), ("observation", 10)]
            .map(|(t, n)| (t.to_owned(), n))
            .into(),
        relationship_types: [("SOLVES", 9_000), ("CAUSES", 377)]
            .map(|(t, n)| (t.to_owned(), n))
            .into(),
        newest: samples("Use keyset paging, never OFFSET"),
        newest_present: samples("Retry queue drains twice"),
        added: tally(4_781, 9_377),
        changed: tally(31, 0),
        kept: tally(0, 0),
        same: tally(0, 0),
        removed: tally(0, 0),
        untouched: tally(181, 340),
        conflicts: vec![Conflict {
            kind: Kind::Node,
            key: "7f3a1c02-91aa-4d15-8d5e-0a4be8a0c391".into(),
            title: "Retry queue drains twice".into(),
            replaced: true,
            fields: vec![Field {
                name: "content".into(),
                source: value("text", "The retry queue drains twice after a failover."),
                target: value("text", "The retry queue drains twice."),
            }],
        }],
        losses: vec![loss(false)],
        mode: Some(WriteMode::Journal),
        lock_seconds: 0.0,
    }
}

pub(super) fn verification(differ: bool) -> Verification {
    let mut v = Verification {
        level: "full".into(),
        same: tally(4_812, 9_377),
        counts: counts(4_812, 9_377),
        content_digest: Some(
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262".into(),
        ),
        ..Verification::default()
    };
    if differ {
        v.same = tally(4_811, 9_376);
        v.only_in_source = tally(0, 1);
        v.only_in_target = tally(1, 0);
        v.differ = tally(1, 0);
        v.unreadable = tally(1, 0);
        v.differences = differences();
    }
    v
}

pub(super) fn differences() -> Vec<Difference> {
    let long = "lorem ipsum dolor sit amet ".repeat(400);
    vec![
        Difference {
            mark: Mark::Differs,
            kind: Kind::Node,
            key: "7f3a1c02-91aa-4d15-8d5e-0a4be8a0c391".into(),
            type_name: "solution".into(),
            title: "Retry queue drains twice".into(),
            fields: vec![
                Field {
                    name: "content".into(),
                    source: value("text", "The retry queue drains\0 twice after a failover."),
                    target: value(
                        "text",
                        "The retry queue drains\u{fffd} twice after a crash.",
                    ),
                },
                Field {
                    name: "importance".into(),
                    source: value("float", "1.0"),
                    target: value("integer", "1"),
                },
                Field {
                    name: "summary".into(),
                    source: value("text", ""),
                    target: None,
                },
                Field {
                    name: "context_additional_metadata".into(),
                    source: value("text", &format!("{long}old {long}")),
                    target: value("text", &format!("{long}new {long}")),
                },
            ],
        },
        Difference {
            mark: Mark::OnlyInSource,
            kind: Kind::Relationship,
            key: "11c0f4d2-02".into(),
            type_name: "SOLVES".into(),
            title: "7f3a1c02 -> 99aa0011".into(),
            fields: vec![Field {
                name: "strength".into(),
                source: value("float", "0.9"),
                target: None,
            }],
        },
        Difference {
            mark: Mark::OnlyInTarget,
            kind: Kind::Node,
            key: "11c0".into(),
            type_name: "problem".into(),
            title: "was there before the run".into(),
            fields: Vec::new(),
        },
        Difference {
            mark: Mark::Unreadable,
            kind: Kind::Node,
            key: "row 17".into(),
            type_name: String::new(),
            title: "the page is damaged".into(),
            fields: Vec::new(),
        },
    ]
}

/// A report of that outcome, such as a run writes.
pub(super) fn report(outcome: Outcome) -> Report {
    let mut report = Report {
        version: VERSION,
        memferry: "0.1.0".into(),
        run: "20261120-140207-3f9a1c".into(),
        outcome,
        summary: String::new(),
        started_at: 1_795_183_327_000,
        ended_at: 1_795_183_331_100,
        plan: Plan {
            version: 1,
            source: store("sqlite", &[("path", "/home/ada/.memorygraph/memory.db")]),
            target: store(
                "falkordb",
                &[("host", "localhost"), ("name", "memorygraph")],
            ),
            filter: Filter::default(),
            write: Write::default(),
            losses: Losses::default(),
        },
        source: side(
            "sqlite:/home/ada/.memorygraph/memory.db",
            "SQLite",
            "SQLite, memorygraph 0.10 to 0.12",
            Some(counts(4_812, 9_377)),
        ),
        target: side(
            "falkordb://localhost:6379/memorygraph",
            "FalkorDB",
            "",
            None,
        ),
        mode: Some(WriteMode::Journal),
        phases: vec![
            (Phase::Preflight, 310),
            (Phase::Export, 1_204),
            (Phase::Validate, 220),
        ],
        checks: vec![
            check(
                "target-answers",
                "Target answers",
                Verdict::Pass,
                "will be made",
                None,
            ),
            check(
                "source-answers",
                "Source answers",
                Verdict::Pass,
                "SQLite 3.40",
                None,
            ),
            check(
                "dangling",
                "Dangling relationships",
                Verdict::Warn,
                "2 point at memories that do not exist",
                Some("They move as they are. Remove them at the source if they should not."),
            ),
        ],
        review: Some(review()),
        written: Written::default(),
        losses: vec![loss(true)],
        equivalences: [("null-absent".to_owned(), 470)].into(),
        verification: None,
        warnings: vec!["record 7f3a1c02: content loses 1 NUL (accepted)".into()],
        unreadable: Vec::new(),
        backup: None,
        failure: None,
        rollback: None,
        can_resume: false,
        can_roll_back: matches!(outcome, Outcome::Done | Outcome::Differences),
        may_be_published: matches!(outcome, Outcome::Done | Outcome::Differences),
        options: Vec::new(),
    };
    report.checks[2].examples = vec!["11c0f4d2-02".into(), "11c0f4d2-03".into()];
    let written = Written {
        added: tally(4_812, 9_377),
        ..Written::default()
    };
    let all_phases = [
        (Phase::Import, 2_310),
        (Phase::Verify, 640),
        (Phase::Finish, 4),
    ];
    match outcome {
        Outcome::Done => {
            report.review = Some(Review {
                untouched: tally(0, 0),
                ..review()
            });
            report.written = written;
            report.verification = Some(verification(false));
            report.phases.extend(all_phases);
        }
        Outcome::DryRun => report.losses = vec![loss(false)],
        Outcome::Differences => {
            report.plan.write.on_conflict = OnConflict::Overwrite;
            report.target = side(
                "falkordb://localhost:6379/memorygraph",
                "FalkorDB",
                "FalkorDB 4.22.1, memorygraph",
                Some(counts(212, 340)),
            );
            report.written = Written {
                added: tally(4_781, 9_377),
                changed: tally(31, 0),
                ..Written::default()
            };
            report.verification = Some(verification(true));
            report.unreadable = vec![Unreadable {
                kind: Kind::Node,
                place: "row 17".into(),
                reason: "the properties are not a JSON object".into(),
            }];
            report.backup = Some("archive:/home/ada/.local/state/memferry/backups/b.mfa".into());
            report.phases.push((Phase::Backup, 95));
            report.phases.extend(all_phases);
        }
        Outcome::Refused => {
            report.phases.truncate(1);
            report.review = None;
            report.losses.clear();
            report.warnings.clear();
            report.equivalences.clear();
            report.mode = None;
            report.checks.push(check(
                "room",
                "Room",
                Verdict::Fail,
                "needs 1.9 GB, 1.1 GB free",
                Some("Free 800 MB on /data, or choose another folder with --stage-dir."),
            ));
        }
        Outcome::Failed | Outcome::RolledBack | Outcome::Interrupted => {
            report.phases.push((Phase::Import, 1_900));
            report.written.added = tally(3_911, 0);
            let left = outcome != Outcome::RolledBack;
            (report.can_resume, report.can_roll_back) = (left, left);
            if outcome != Outcome::Interrupted {
                report.failure = Some(Failure {
                    kind: ErrorKind::Full,
                    message: "the server has no room left, at localhost:6379".into(),
                    remedy: Some("Raise maxmemory, then run the same command again.".into()),
                });
            }
            if outcome == Outcome::RolledBack {
                report.phases.push((Phase::Rollback, 400));
                report.rollback = Some(RolledBack {
                    removed: tally(3_909, 0),
                    restored: tally(0, 0),
                    spared: vec!["7f3a".into(), "99aa".into()],
                    spared_count: 2,
                    target_removed: false,
                });
            }
        }
    }
    report.summary = summary(&report);
    report
}

/// What would act in a terminal, in Markdown or in HTML.
pub(super) const HOSTILE: &str = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>]]>--><!--\
    \x1b[2J\x1b]0;owned\x07\0\u{9b}31m\u{202e}dlrow\u{2066}\u{200b}\u{feff}\u{2028}\r\n\
    # heading\n| a | b |\n[link](javascript:alert(3)) ![i](http://evil.example/x.png) `code` ``` \
    <http://evil.example> https://evil.example www.evil.example a@evil.example @user #1 GH-1 \
    **bold** ~~gone~~ &lt;b&gt; &#60; \\ {{x}} $x$ :tada: \u{e000}\t<details open>";

/// A report whose every text is hostile.
pub(super) fn hostile() -> Report {
    fn poison(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = format!("{text} {HOSTILE}"),
            serde_json::Value::Array(list) => list.iter_mut().for_each(poison),
            serde_json::Value::Object(map) => {
                let fixed = [
                    "outcome",
                    "verdict",
                    "kind",
                    "mark",
                    "mode",
                    "on_conflict",
                    "verify",
                    "phases",
                ];
                for (name, value) in map.iter_mut() {
                    if !fixed.contains(&name.as_str()) {
                        poison(value);
                    }
                }
            }
            _ => {}
        }
    }
    let mut report = report(Outcome::Differences);
    report.failure = Some(Failure {
        kind: ErrorKind::Full,
        message: "full".into(),
        remedy: Some("free".into()),
    });
    report.rollback = Some(RolledBack {
        spared: vec!["7f3a".into()],
        spared_count: 1,
        ..RolledBack::default()
    });
    report.plan.filter.since = Some("2026".into());
    report.plan.filter.tags = ["tag".to_owned()].into();
    report.source.description.notes = vec!["note".into()];
    report.source.description.facts = [(HOSTILE.to_owned(), HOSTILE.to_owned())].into();
    report.equivalences = [(HOSTILE.to_owned(), 1)].into();
    let mut value = serde_json::to_value(&report).unwrap();
    poison(&mut value);
    value["plan"]["source"]["kind"] = "sqlite".into();
    value["plan"]["target"]["kind"] = "falkordb".into();
    if let Some(review) = value["review"].as_object_mut() {
        review.insert("types".into(), serde_json::json!({ HOSTILE: 3 }));
    }
    serde_json::from_value(value).unwrap()
}
