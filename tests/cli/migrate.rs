//! `migrate`, `run`, `export` and `import`, good and bad.

use crate::sandbox::{Ran, Sandbox, without_indexes};
use crate::seen;
use std::process::Stdio;

fn moved(ran: Ran) -> Ran {
    let ran = ran.exits(0);
    assert!(
        ran.stdout
            .starts_with("✓ Moved and verified: every field of 60 memories and 94 relationships\n"),
        "{ran}"
    );
    ran
}

#[test]
fn a_store_is_moved_and_verified() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let ran = moved(sandbox.run(&["migrate", "--from", "sqlite:a.db", "--to", "sqlite:b.db"]));
    seen!(sandbox, ran.brief());
    sandbox.run(&["verify", "a.db", "b.db"]).exits(0);
    sandbox.run(&["diff", "a.db", "b.db", "--json"]).exits(0);
}

#[test]
fn the_flags_of_memorygraph_work() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let paths = [
        "--from",
        "sqlite",
        "--from-path",
        "a.db",
        "--to",
        "sqlite",
        "--to-path",
        "b.db",
    ];
    let dry: Vec<_> = ["migrate"]
        .iter()
        .chain(&paths)
        .chain(&["--dry-run", "--verbose"])
        .copied()
        .collect();
    let ran = sandbox.run(&dry).exits(0);
    assert!(
        ran.stdout.starts_with("✓ Dry run, nothing was written"),
        "{ran}"
    );
    assert!(ran.stderr.contains("Export begins"), "{ran}");
    assert!(!sandbox.at("b.db").exists());
    let plain: Vec<_> = ["migrate"]
        .iter()
        .chain(&paths)
        .chain(&["--skip-duplicates"])
        .copied()
        .collect();
    moved(sandbox.run(&plain));
    let ran = sandbox
        .run(&["migrate", "--from", "a.db", "--to", "c.db", "--no-verify"])
        .exits(0);
    assert!(ran.stdout.starts_with("✓ Moved, not verified"), "{ran}");
}

#[test]
fn without_a_source_memorygraphs_own_is_found() {
    let mut sandbox = Sandbox::new();
    let own = sandbox.sample("home/.memorygraph/memory.db");
    let ran = moved(sandbox.run(&["migrate", "--to", "one.db"]));
    assert!(
        ran.stderr
            .starts_with(&format!("Source: {} (default path)\n", own.display())),
        "{ran}"
    );
    std::fs::rename(&own, sandbox.at("elsewhere.db")).unwrap();
    sandbox.env("MEMORY_SQLITE_PATH", "elsewhere.db");
    let ran = moved(sandbox.run(&["migrate", "--to", "two.db"]));
    assert!(
        ran.stderr
            .starts_with("Source: elsewhere.db (MEMORY_SQLITE_PATH)\n"),
        "{ran}"
    );
    sandbox.env("MEMORY_BACKEND", "sqlite");
    sandbox.write("home/.memorygraph/falkordblite.db", "something");
    let ran = moved(sandbox.run(&["migrate", "--to", "three.db"]));
    assert!(
        ran.stderr
            .starts_with("Source: elsewhere.db, as MEMORY_BACKEND says\n"),
        "{ran}"
    );
}

#[test]
fn a_profile_is_a_name_and_a_kind_beats_it() {
    let sandbox = Sandbox::new();
    let store = sandbox.sample("a.db").display().to_string();
    sandbox.config(&format!(
        "[profiles.work]\nkind = 'sqlite'\npath = '{store}'\n\
         [profiles.sqlite]\nkind = 'json'\npath = '/nowhere.json'\n"
    ));
    moved(sandbox.run(&["migrate", "--from", "work", "--to", "b.db"]));
    let ran = sandbox.run(&["inspect", "sqlite"]).exits(1);
    assert!(
        ran.stderr.contains(".memorygraph/memory.db is not there"),
        "{ran}"
    );
}

/// Two stores with one memory that differs.
fn conflicting() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let target = sandbox.sample("b.db");
    let change =
        "UPDATE nodes SET properties = json_set(properties, '$.title', 'mine') WHERE rowid = 3";
    let database = rusqlite::Connection::open(target).unwrap();
    assert_eq!(database.execute(change, []).unwrap(), 1);
    sandbox
}

#[test]
fn nothing_is_overwritten_without_being_asked() {
    let sandbox = conflicting();
    let before = std::fs::read(sandbox.at("b.db")).unwrap();
    let command = [
        "migrate",
        "--from",
        "a.db",
        "--to",
        "b.db",
        "--on-conflict",
        "overwrite",
    ];
    let ran = sandbox.run(&command).exits(1);
    seen!(sandbox, ran.brief());
    // Not a terminal, whatever is piped in.
    sandbox.run_with(&command, "b.db\n").exits(1);
    assert_eq!(std::fs::read(sandbox.at("b.db")).unwrap(), before);

    let mut agreed = command.to_vec();
    agreed.push("--yes");
    let report = {
        agreed.push("--json");
        sandbox.run(&agreed).exits(0).json()
    };
    assert_eq!(report["written"]["changed"]["nodes"], 1);
    sandbox.run(&["verify", "a.db", "b.db"]).exits(0);
}

#[test]
fn conflicts_can_be_skipped_or_fatal() {
    let sandbox = conflicting();
    let ran = sandbox.run(&[
        "migrate",
        "--from",
        "a.db",
        "--to",
        "b.db",
        "--on-conflict",
        "fail",
    ]);
    let ran = ran.exits(1);
    assert!(ran.stdout.contains("Refused, nothing was written"), "{ran}");
    let report = sandbox
        .run(&["migrate", "--from", "a.db", "--to", "b.db", "--json"])
        .exits(0);
    assert!(
        report.stderr.lines().all(|l| l.starts_with(['!', ' '])),
        "{report}"
    );
    assert_eq!(report.json()["written"]["skipped"]["nodes"], 1);
    let ran = sandbox.run(&["diff", "a.db", "b.db"]).exits(3);
    assert!(ran.stdout.contains("{+mine+}"), "{ran}");
}

#[test]
fn a_loss_is_accepted_only_by_name() {
    let sandbox = Sandbox::new();
    sandbox.fixture("flipped-page.db");
    let command = ["migrate", "--from", "flipped-page.db", "--to", "b.db"];
    let ran = sandbox.run(&[&command[..], &["--yes"]].concat()).exits(1);
    assert!(
        ran.stderr
            .contains("To accept what would be lost, add: --allow-loss source:unreadable\n"),
        "{ran}"
    );
    assert!(!sandbox.at("b.db").exists());
    let accepted = [&command[..], &["--allow-loss", "source:unreadable"]].concat();
    let ran = sandbox.run(&accepted).exits(0);
    assert!(sandbox.at("b.db").exists(), "{ran}");
}

#[test]
fn sources_that_cannot_be_read_are_refused() {
    let sandbox = Sandbox::new();
    for (name, why) in [
        ("missing.db", "is not there"),
        ("not-a-database.db", "is not an SQLite file"),
        ("truncated.db", "is damaged"),
        ("turso.db", "Turso"),
        ("unknown-layout.db", "some other program"),
    ] {
        sandbox.fixture(name);
        let ran = sandbox
            .run(&["migrate", "--from", name, "--to", "new.db"])
            .exits(1);
        let mut lines = ran.stderr.lines();
        let check = lines.next().unwrap();
        assert!(
            check.starts_with("✗ Access to the source: ") && check.contains(why),
            "{ran}"
        );
        assert!(
            lines.next().unwrap().starts_with("    "),
            "no remedy: {ran}"
        );
        let last = lines.next_back().unwrap();
        assert!(
            last.starts_with("✗ Refused, nothing was written: "),
            "{ran}"
        );
        assert!(!sandbox.at("new.db").exists());
    }
    assert!(!sandbox.at("missing.db").exists(), "looking made a file");
}

#[test]
fn records_that_are_counted_and_not_to_be_found_end_a_run() {
    let sandbox = Sandbox::new();
    without_indexes(
        &sandbox.sample("a.db"),
        "DELETE FROM relationships WHERE rowid = (SELECT max(rowid) FROM relationships)",
    );
    let ran = sandbox
        .run(&["migrate", "--yes", "--from", "a.db", "--to", "b.db"])
        .exits(2);
    assert!(ran.stderr.contains("is not to be found"), "{ran}");
    let last = ran.stderr.lines().next_back().unwrap();
    assert!(last.starts_with("✗ Failed at Export: "), "{ran}");
    assert!(last.ends_with("nothing was written"), "{ran}");
    assert!(ran.stdout.contains("Check and repair the source"), "{ran}");
    assert!(!sandbox.at("b.db").exists());
}

#[test]
fn a_source_that_is_read_again_leaves_no_trace_of_the_first_time() {
    let sandbox = Sandbox::new();
    without_indexes(
        &sandbox.sample("a.db"),
        "INSERT INTO relationships (id, from_id, to_id, rel_type, properties)
            SELECT 'more', from_id, to_id, rel_type, properties FROM relationships LIMIT 1",
    );
    let ran = sandbox
        .run(&["migrate", "--yes", "--from", "a.db", "--to", "b.db"])
        .exits(0);
    assert!(ran.stderr.contains("reading it again"), "{ran}");
    assert!(ran.stderr.contains("155 were read\n"), "{ran}");
    assert!(!ran.stderr.contains('✗'), "{ran}");
    for phase in ["✓ Export ", "✓ Import ", "✓ Verify "] {
        assert_eq!(ran.stderr.matches(phase).count(), 1, "{ran}");
    }
    assert_eq!(ran.stdout.matches("\n  Import ").count(), 1, "{ran}");
}

#[test]
fn a_locked_source_is_named() {
    let sandbox = Sandbox::new();
    let database = rusqlite::Connection::open(sandbox.sample("a.db")).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let ran = sandbox.run(&["inspect", "a.db"]);
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(ran.stderr.contains("locked"), "{ran}");
}

#[test]
fn a_store_is_not_moved_into_itself() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    std::os::unix::fs::symlink(sandbox.at("a.db"), sandbox.at("b.db")).unwrap();
    for to in ["a.db", "./a.db", "b.db"] {
        sandbox
            .run(&["migrate", "--from", "a.db", "--to", to])
            .exits(1);
    }
}

#[test]
fn an_unusable_state_directory_is_named() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    sandbox.write("file", "");
    let command = [
        "migrate",
        "--from",
        "a.db",
        "--to",
        "b.db",
        "--state-dir",
        "file/state",
    ];
    let ran = sandbox.run(&command).exits(2);
    seen!(sandbox, ran);
    assert!(!sandbox.at("b.db").exists());
}

#[test]
fn events_are_lines_of_json() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let ran = sandbox
        .run(&["migrate", "--from", "a.db", "--to", "b.db", "--events"])
        .exits(0);
    let events: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "started");
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["outcome"]),
        (&"finished".into(), &"done".into())
    );
    assert!(
        events
            .windows(2)
            .all(|pair| pair[0]["at"].as_i64() <= pair[1]["at"].as_i64())
    );
    for event in events {
        serde_json::from_value::<memferry::engine::Stamped>(event).unwrap();
    }
}

#[test]
fn a_report_as_json_is_the_one_that_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let ran = sandbox
        .run(&["migrate", "--from", "a.db", "--to", "b.db", "--json"])
        .exits(0);
    assert!(ran.stderr.is_empty(), "{ran}");
    let kept = sandbox.run(&["report", "--format", "json"]).exits(0);
    assert_eq!(ran.json(), kept.json());
    serde_json::from_value::<memferry::report::Report>(ran.json()).unwrap();
    let verbose = [
        "migrate",
        "--from",
        "a.db",
        "--to",
        "c.db",
        "--json",
        "--verbose",
    ];
    let ran = sandbox.run(&verbose).exits(0);
    assert!(ran.stderr.contains("✓ Import"), "{ran}");
}

#[test]
fn a_plan_is_saved_and_run() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let save = [
        "migrate",
        "--from",
        "a.db",
        "--to",
        "b.db",
        "--type",
        "solution",
        "--tag",
        "sql",
        "--since",
        "2025-01-01",
        "--batch-size",
        "7",
        "--verify",
        "sample:3",
        "--save-plan",
        "p.toml",
    ];
    seen!(sandbox, sandbox.run(&save).exits(0));
    let plan = std::fs::read_to_string(sandbox.at("p.toml")).unwrap();
    seen!(sandbox, "the_plan", plan);
    assert!(!sandbox.at("b.db").exists());
    let ran = sandbox.run(&save).exits(1);
    assert!(ran.stderr.contains("p.toml is there already"), "{ran}");
    let ran = sandbox.run(&["run", "p.toml", "--dry-run"]).exits(0);
    assert!(ran.stdout.starts_with("✓ Dry run"), "{ran}");
    sandbox.run(&["run", "p.toml"]).exits(0);
    assert!(sandbox.at("b.db").exists());
}

#[test]
fn plans_that_cannot_be_run_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("garbage.toml", "what is this");
    sandbox.write("newer.toml", "version = 99\nnew = true\n");
    let stores = "version = 1\n[source]\nkind = 'sqlite'\npath = '/a.db'\n[target]\nkind = ";
    sandbox.write("unknown.toml", &format!("{stores}'oracle'\n"));
    sandbox.write(
        "extra.toml",
        &format!("{stores}'sqlite'\npath = '/b.db'\n[write]\nverfy = 'full'\n"),
    );
    let names = [
        "missing.toml",
        "garbage.toml",
        "newer.toml",
        "unknown.toml",
        "extra.toml",
    ];
    let shown = names.map(|name| sandbox.run(&["run", name]).exits(1).to_string());
    seen!(sandbox, shown.join("\n"));
}

#[test]
fn files_are_written_and_read_by_their_ending() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    for file in ["out.memferry", "out.json"] {
        moved(sandbox.run(&["export", "a.db", file]));
        let back = format!("{file}.db");
        moved(sandbox.run(&["import", &back, file]));
        sandbox.run(&["verify", "a.db", &back]).exits(0);
    }
}

#[test]
fn a_reader_that_goes_away_does_not_stop_a_move() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    for (target, how) in [
        ("b.db", "--events"),
        ("c.db", "--json"),
        ("d.db", "--verbose"),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sandbox.command(&["migrate", "--from", "a.db", "--to", target, how]);
        let output = command.stdout(Stdio::from(writer)).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        sandbox.run(&["verify", "a.db", target]).exits(0);
    }
}

#[test]
fn an_unknown_type_is_pointed_out() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let ran = sandbox.run(&[
        "migrate", "--from", "a.db", "--to", "b.db", "--type", "solutoin",
    ]);
    assert!(
        ran.stderr
            .starts_with("warning: memorygraph has no memory type \"solutoin\""),
        "{ran}"
    );
}
