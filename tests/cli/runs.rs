//! Past runs: listed, shown, verified, reported, taken back, removed; and runs that are
//! stopped.

use crate::sandbox::Sandbox;
use crate::seen;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A sandbox with one finished run.
fn with_run() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let ran = sandbox
        .run(&["migrate", "--from", "a.db", "--to", "b.db", "--json"])
        .exits(0);
    let name = ran.json()["run"].as_str().unwrap().to_owned();
    (sandbox, name)
}

#[test]
fn there_are_none_at_first() {
    let sandbox = Sandbox::new();
    let commands: [&[&str]; 7] = [
        &["runs"],
        &["runs", "show"],
        &["runs", "remove", "x"],
        &["report"],
        &["resume"],
        &["rollback"],
        &["verify"],
    ];
    let shown = commands.map(|args| sandbox.run(args).to_string());
    seen!(sandbox, shown.join("\n"));
    assert_eq!(sandbox.run(&["runs", "--json"]).exits(0).stdout, "[]\n");
    let left: Vec<_> = std::fs::read_dir(sandbox.at("home")).unwrap().collect();
    assert!(left.is_empty(), "looking made {left:?}");
}

#[test]
fn runs_are_listed_and_shown() {
    let (sandbox, name) = with_run();
    let mut settings = sandbox.settings();
    settings.add_filter(r"\d+(\.\d+)? kB", "[SIZE]");
    let list = sandbox.run(&["runs"]).exits(0);
    let show = sandbox.run(&["runs", "show", &name[..18]]).exits(0);
    let shown = format!("{list}\n{}", show.stdout);
    settings.bind(|| insta::assert_snapshot!(shown));
    let list = sandbox.run(&["runs", "list", "--json"]).exits(0).json();
    assert_eq!(list[0]["run"], name.as_str());
    assert_eq!(list[0]["outcome"], "done");
    let show = sandbox.run(&["runs", "show", "--json"]).exits(0).json();
    assert_eq!(show["plan"]["version"], 1);
}

#[test]
fn a_report_has_four_forms() {
    let (sandbox, name) = with_run();
    let text = sandbox.run(&["report", &name]).exits(0).stdout;
    assert!(text.starts_with("✓ Moved and verified"), "{text}");
    let markdown = sandbox.run(&["report", "--format", "markdown"]).exits(0);
    assert!(markdown.stdout.starts_with("# "), "{markdown}");
    assert!(
        markdown.stderr.contains(&name),
        "the run is named: {markdown}"
    );
    let ran = sandbox
        .run(&["report", &name, "--format", "html", "-o", "r.html"])
        .exits(0);
    assert!(
        ran.stdout.is_empty() && ran.stderr.starts_with("Saved r.html"),
        "{ran}"
    );
    let page = std::fs::read_to_string(sandbox.at("r.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    let again = sandbox
        .run(&["report", &name, "--format", "html", "-o", "r.html"])
        .exits(1);
    assert!(again.stderr.contains("is there already"), "{again}");
    sandbox.run(&["report", "nonsense"]).exits(1);
}

#[test]
fn a_run_is_verified_later() {
    let (sandbox, name) = with_run();
    let ran = sandbox.run(&["verify"]).exits(0);
    assert_eq!(ran.stderr, format!("Run {name}\n"));
    let database = rusqlite::Connection::open(sandbox.at("b.db")).unwrap();
    database
        .execute("DELETE FROM relationships WHERE rowid = 5", [])
        .unwrap();
    let ran = sandbox.run(&["verify", &name, "--json"]).exits(3);
    assert_eq!(ran.json()["only_in_source"]["relationships"], 1, "{ran}");
}

#[test]
fn a_run_is_taken_back() {
    let (sandbox, name) = with_run();
    let ran = sandbox.run(&["rollback", &name]).exits(0);
    assert!(ran.stdout.contains("Rolled back"), "{ran}");
    assert!(!sandbox.at("b.db").exists());
    let again = sandbox.run(&["rollback", &name]).exits(1);
    assert!(again.stderr.contains("is rolled back already"), "{again}");
    sandbox.run(&["rollback"]).exits(1);
}

#[test]
fn runs_are_removed_on_request() {
    let (sandbox, name) = with_run();
    let ran = sandbox
        .run(&["runs", "remove", "--older-than", "1"])
        .exits(0);
    assert_eq!(ran.stderr, "Nothing to remove.\n");
    let ran = sandbox.run(&["runs", "remove", &name, &name]).exits(0);
    assert_eq!(ran.stderr, format!("Removed {name}\n"));
    assert_eq!(sandbox.run(&["runs", "--json"]).stdout, "[]\n");
}

#[test]
fn a_run_that_cannot_be_read_is_listed_all_the_same() {
    let (sandbox, name) = with_run();
    let folder = sandbox.at("home/.local/state/memferry/runs").join(&name);
    std::fs::write(folder.join("plan.toml"), "version = 99\n").unwrap();
    let list = sandbox.run(&["runs", "--json"]).exits(0).json();
    assert_eq!(list[0]["state"], "unreadable", "{list}");
    assert!(
        list[0]["summary"].as_str().unwrap().contains("version 99"),
        "{list}"
    );
    sandbox.run(&["resume", &name]).exits(1);
}

#[test]
fn folders_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let (sandbox, name) = with_run();
    let state = sandbox.at("home/.local/state/memferry");
    for path in [
        state.join("runs"),
        state.join("runs").join(&name),
        state.join("locks"),
    ] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", path.display());
    }
    for file in std::fs::read_dir(state.join("runs").join(name)).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.path().display());
    }
}

/// Starts a slow run and sends it a signal once it has begun to export.
fn stopped_by(signal: Signal) -> (Sandbox, crate::sandbox::Ran) {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let args = ["migrate", "--from", "a.db", "--to", "b.db", "--rate", "20"];
    let child = sandbox
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let runs = sandbox.at("home/.local/state/memferry/runs");
    let exporting = || {
        let run = std::fs::read_dir(&runs).ok()?.next()?.ok()?;
        let events = std::fs::read_to_string(run.path().join("events.jsonl")).ok()?;
        (events.contains(r#""phase":"export""#) && events.contains(r#""progress""#)).then_some(())
    };
    let start = Instant::now();
    while exporting().is_none() {
        assert!(start.elapsed() < Duration::from_secs(120), "it never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    kill_process(pid, signal).unwrap();
    let output = child.wait_with_output().unwrap();
    (sandbox, crate::sandbox::ran(&args, output))
}

#[test]
fn a_stopped_run_can_be_resumed() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (sandbox, ran) = stopped_by(signal);
        let ran = ran.exits(4);
        let name = sandbox.run(&["runs", "--json"]).json()[0]["run"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            ran.stderr
                .ends_with(&format!("Go on with: memferry resume {name}\n")),
            "{ran}"
        );
        assert!(!sandbox.at("b.db").exists());
        if signal == Signal::TERM {
            let ran = sandbox.run(&["runs", "remove", &name]).exits(1);
            assert!(ran.stderr.contains("is not finished"), "{ran}");
            sandbox
                .run(&["runs", "remove", &name, "--unfinished"])
                .exits(0);
            sandbox.run(&["resume"]).exits(1);
            continue;
        }
        if signal == Signal::HUP {
            sandbox.run(&["rollback"]).exits(0);
            continue;
        }
        let doctor = sandbox.run(&["doctor"]).exits(0);
        assert!(doctor.stdout.contains("1 run, 1 broken off"), "{doctor}");
        sandbox.run(&["resume"]).exits(0);
        sandbox.run(&["verify", "a.db", "b.db"]).exits(0);
    }
}

#[test]
fn printed_commands_name_a_state_directory_that_was_given() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let args = ["migrate", "--from", "a.db", "--to", "b.db"];
    let usual = sandbox.run(&args).exits(0);
    assert!(usual.stdout.contains("memferry rollback 2"), "{usual}");
    assert!(!usual.stdout.contains("--state-dir"), "{usual}");
    let args = ["migrate", "--from", "a.db", "--to", "c.db"];
    let given = ["--state-dir", "kept here"];
    let ran = sandbox.run(&[&args[..], &given].concat()).exits(0);
    let told = |text: &str, verb: &str| {
        let line = text
            .lines()
            .find(|l| l.contains(&format!("memferry {verb} 2")));
        let line = line.unwrap_or_else(|| panic!("no {verb}: {text}"));
        line.contains("--state-dir '") && line.contains("/kept here'")
    };
    assert!(told(&ran.stdout, "verify") && told(&ran.stdout, "rollback"));
    for format in ["text", "markdown"] {
        let args = ["report", "--format", format];
        let shown = sandbox.run(&[&args[..], &given].concat()).exits(0);
        assert!(told(&shown.stdout, "rollback"), "{shown}");
    }
    let args = ["report", "--format", "json"];
    let report = sandbox.run(&[&args[..], &given].concat()).exits(0).json();
    assert_eq!(report["options"][0], "--state-dir");
    assert_eq!(report["can_roll_back"], true);
    assert_eq!(report["can_resume"], false);
}
