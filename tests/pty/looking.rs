//! Reports, replays, comparisons, settings, the mouse.

use crate::Sandbox;
use crate::steps::moved;
use crate::term::{DOWN, ENTER, ESC, RIGHT, TAB};
use std::io::{BufRead as _, BufReader};

fn change(sandbox: &Sandbox, sql: &str) {
    let db = rusqlite::Connection::open(sandbox.at("work/moved.db")).unwrap();
    db.execute_batch(sql).unwrap();
}

#[test]
fn a_report_is_opened_verified_again_searched_and_drilled_into() {
    let sandbox = Sandbox::new();
    moved(&sandbox);
    let mut term = sandbox.wizard();
    term.see("Last reports")
        .key("p")
        .see("Moved and verified")
        .key(ENTER)
        .see("Summary");
    term.key("v").see("Identical");
    term.key(ESC).see("Report of run");
    change(
        &sandbox,
        "UPDATE nodes SET properties = json_set(properties, '$.title', 'Changed by hand', '$.content', 'Other words') WHERE id = (SELECT id FROM nodes LIMIT 1); DELETE FROM relationships WHERE id = (SELECT id FROM relationships LIMIT 1);",
    );
    term.key("v").see("Different").see("* ").see("+ ");
    // What is gone is called as it was in the source.
    term.lacks("+ relationship");
    term.key("/")
        .send("changed by hand")
        .see("1 of 2")
        .key(ENTER)
        .key(ENTER);
    // Of what the run left only a digest is there: it is not said to be absent.
    term.see("Changed by hand")
        .see("Only a digest is kept")
        .lacks("absent");
    term.key(ESC).see("1 of 2");
    term.key("y").see("Copied");
    assert!(term.raw().contains("\x1b]52;c;"));
    term.key("q");
    term.end();
}

#[test]
fn a_report_is_saved() {
    let sandbox = Sandbox::new();
    moved(&sandbox);
    let mut term = sandbox.wizard();
    term.see("Last reports")
        .key("p")
        .see("Moved and verified")
        .key(ENTER)
        .see("Summary");
    for name in ["report.html", "report.json", "report.md"] {
        term.key("s").see("To which new file?").key("\x15");
        term.send(&sandbox.at(&format!("work/{name}")).display().to_string());
        term.key(ENTER).see(name);
        term.see("Saved");
    }
    term.key("s")
        .see("To which new file?")
        .key("\x15")
        .send("report.doc")
        .key(ENTER);
    term.see("ending tells the format").key("q");
    term.end();
    let html = std::fs::read_to_string(sandbox.at("work/report.html")).unwrap();
    assert!(html.contains("<html"));
    for name in ["report.json", "report.md"] {
        assert!(sandbox.at(&format!("work/{name}")).is_file());
    }
}

#[test]
fn a_finished_run_is_replayed() {
    let sandbox = Sandbox::new();
    moved(&sandbox);
    let mut term = sandbox.open(&["replay"], &[], 100, 30);
    term.see("Replay of run").key("+").see("Moved and verified");
    term.key(ENTER).see("Summary").key("q");
    assert_eq!(term.end().0, 0);
}

/// A slow run of a process of its own, once it is at work.
fn run_elsewhere(sandbox: &Sandbox) -> std::process::Child {
    sandbox.big("home/.memorygraph/memory.db", 12_000);
    let child = sandbox.spawn(&[
        "migrate",
        "--from",
        "../home/.memorygraph/memory.db",
        "--to",
        "moved.db",
        "--rate",
        "3000",
    ]);
    let begun = std::time::Instant::now();
    while !sandbox.run(&["runs"]).1.contains("active") {
        assert!(begun.elapsed().as_secs() < 120);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    child
}

#[test]
fn a_run_of_another_process_is_watched() {
    let sandbox = Sandbox::new();
    let mut child = run_elsewhere(&sandbox);
    let mut term = sandbox.open(&["watch"], &[], 100, 30);
    term.see("Watching run")
        .see("another process runs it")
        .see("Moved and verified");
    term.key("q");
    term.end();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_run_is_watched_and_replayed_in_lines_without_a_terminal() {
    let sandbox = Sandbox::new();
    let mut child = run_elsewhere(&sandbox);
    let (code, said) = sandbox.run(&["watch"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(child.wait().unwrap().success());
    let (code, again) = sandbox.run(&["replay"]);
    assert_eq!(code, Some(0), "{again}");
    for told in [&said, &again] {
        for line in [
            "Good: Access to the source.",
            "Export begins.",
            "Import is done, 12,154 records.",
            "Moved and verified: ",
            "The report: memferry report ",
        ] {
            // Each change once.
            assert_eq!(told.matches(line).count(), 1, "{line}: {told}");
        }
        assert!(!told.contains('\x1b'), "{told}");
    }
    // The same in a terminal that asks for it.
    for (args, env) in [
        (&["replay", "--plain"][..], &[][..]),
        (&["replay"], &[("TERM", "dumb")]),
    ] {
        let mut term = sandbox.open(args, env, 80, 60);
        term.see("Import is done, 12,154 records.")
            .see("The report:");
        assert_eq!(term.end().0, 0);
    }
}

#[test]
fn a_run_that_was_broken_off_is_said_to_be_in_lines() {
    let sandbox = Sandbox::new();
    let mut child = run_elsewhere(&sandbox);
    let state = sandbox.at("home/.local/state/memferry");
    let state = state.display().to_string();
    let mut watched = sandbox.spawn(&["watch", "--state-dir", &state]);
    let mut lines = BufReader::new(watched.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert_eq!(first, "Preflight begins.");
    child.kill().unwrap();
    child.wait().unwrap();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    let said = said.join("\n");
    assert_eq!(watched.wait().unwrap().code(), Some(4), "{said}");
    // What is to be typed finds the same state.
    let line = said.lines().find(|l| l.contains("has stopped")).unwrap();
    let command = line.split("memferry ").nth(1).unwrap();
    assert!(command.ends_with(&format!("--state-dir {state}")), "{line}");
    let words: Vec<&str> = command.split_whitespace().collect();
    let (code, said) = sandbox.run(&words);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(crate::memories(&sandbox.at("work/moved.db")), 12_060);
}

#[test]
fn two_stores_are_compared() {
    let sandbox = Sandbox::new();
    moved(&sandbox);
    change(
        &sandbox,
        "DELETE FROM relationships WHERE id = (SELECT id FROM relationships LIMIT 1);",
    );
    let mut term = sandbox.wizard();
    // The first from what is on this machine, and where the run went from it.
    term.see("Last reports")
        .key("d")
        .see("Compare which store?")
        .see("60 memories")
        .key(ENTER)
        .see("With which other?")
        .see("▸ moved.db")
        .see("60 memories and 93 relationships");
    // Or in the form of its kind.
    term.until("a kind", |s| s.contains("SQLite  "));
    while !term.screen().contains("▸ SQLite  ") {
        let before = term.screen();
        term.key(DOWN).until("the next", |s| s != before);
    }
    term.key(TAB).see("Path of").send("moved.db");
    // Back to the first, and on again: nothing that was chosen is lost.
    term.key(ESC)
        .key(ESC)
        .see("Compare which store?")
        .key(ENTER)
        .see("With which other?")
        .see("moved.db");
    term.key(ENTER)
        .see("Different: 1 record is only in the source");
    term.key("\x03");
    term.end();
}

#[test]
fn settings_are_kept() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.wizard();
    term.see("Sample")
        .key(",")
        .see("Theme")
        .key(DOWN)
        .see("ASCII for")
        .key(RIGHT)
        .see("< ascii >");
    term.key("q");
    term.key("\x03");
    term.end();
    let mut term = sandbox.wizard();
    term.see("Sample").see("> o Sample");
    term.key("\x03");
    term.end();
}

#[test]
fn the_mouse_clicks_and_scrolls() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.wizard();
    term.see("Sample").see("Keys");
    // On `Settings` of the key bar, in the last row.
    let row = term.screen().lines().count();
    let line = term.screen().lines().last().unwrap().to_owned();
    let column = line[..line.find("Settings").unwrap()].chars().count() + 1;
    term.send(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"))
        .see("Theme");
    term.key(ESC)
        .see("Sample")
        .key("?")
        .see("On the screen you came from");
    term.send("\x1b[<65;10;10M\x1b[<65;10;10M")
        .gone("On the screen you came from");
    term.key("\x03");
    term.end();
    let mut term = sandbox.open(&["--no-mouse"], &[], 80, 24);
    term.see("Sample");
    assert!(!term.raw().contains("\x1b[?1000h"));
    term.key("\x03");
    term.end();
}

#[test]
fn an_action_is_found_by_its_name() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.wizard();
    term.see("Sample")
        .key(":")
        .see("Actions")
        .send("backup")
        .see("List, check and restore");
    term.key(ENTER).see("There are no backups yet");
    term.key("\x03");
    term.end();
}

#[test]
fn without_colour_none_is_sent() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.open(&[], &[("NO_COLOR", "1")], 80, 24);
    term.see("Sample");
    let raw = term.raw();
    for colour in ["\x1b[38;", "\x1b[48;"] {
        assert!(!raw.contains(colour));
    }
    term.key("\x03");
    term.end();
}

#[test]
fn an_unknown_theme_is_named() {
    let sandbox = Sandbox::new();
    let term = sandbox.open(&["--theme", "nonsense"], &[], 80, 24);
    let (code, screen) = term.end();
    assert_eq!(code, 1);
    assert!(
        screen.contains("there is no theme \"nonsense\""),
        "{screen}"
    );
    assert!(screen.contains("high-contrast"), "{screen}");
}

#[test]
fn hostile_text_stays_inert() {
    let sandbox = Sandbox::new();
    moved(&sandbox);
    change(
        &sandbox,
        "UPDATE nodes SET properties = json_set(properties, '$.title', char(27) || ']0;owned' || char(7) || char(27) || '[2J') WHERE id = (SELECT id FROM nodes LIMIT 1);",
    );
    let mut term = sandbox.wizard();
    term.see("Last reports")
        .key("p")
        .see("Moved and verified")
        .key(ENTER)
        .see("Summary");
    term.key("v").see("Different").key(ENTER).see("␛]0;owned");
    assert!(!term.raw().contains("\x1b]0;"));
    term.key("q");
    term.end();
}
