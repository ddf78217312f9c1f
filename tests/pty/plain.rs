//! The wizard in plain lines, in a terminal and without one.

use crate::{Sandbox, memories};
use std::io::Write as _;
use std::process::{Command, Stdio};

fn with_input(sandbox: &Sandbox, args: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(crate::PROGRAM)
        .args(args)
        .current_dir(sandbox.at("work"))
        .env_clear()
        .envs(sandbox.env())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn from_end_to_end_in_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.open(&["--plain"], &[], 80, 60);
    term.see("What shall be done?")
        .send("1\r")
        .see("Where do memories come from?");
    term.send("\r")
        .see("60 memories and 94 relationships")
        .see("Where do they go?");
    term.send("\r")
        .see("memory-moved.db")
        .send("\r")
        .see("will be made");
    // One filter is set, seen, and emptied again.
    term.see("Go on with these")
        .send("6\r")
        .see("Only these memory types");
    term.send("fix\r")
        .see("Only types: fix")
        .send("6\r")
        .see("[fix]:");
    term.send("-\r").see("Only types: not set").send("\r");
    term.see("Good: Access to the source")
        .see("Begin to write?");
    term.send("\r")
        .see("Import is done")
        .see("Moved and verified")
        .see("What shall be done?");
    assert!(!term.is_taken());
    assert!(!term.raw().contains("\x1b[?1049h"));
    term.send("b\r");
    assert_eq!(term.end().0, 0);
    assert_eq!(memories(&sandbox.at("work/memory-moved.db")), 60);
}

#[test]
fn a_dumb_terminal_and_a_screen_reader_get_it_by_themselves() {
    let sandbox = Sandbox::new();
    for env in [("TERM", "dumb"), ("ACCESSIBLE", "1")] {
        let mut term = sandbox.open(&[], &[env], 80, 24);
        term.see("What shall be done?").send("b\r");
        assert_eq!(term.end().0, 0);
    }
}

#[test]
fn without_a_terminal_it_reads_its_answers() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let answers = "1\n\n\n\n\n\nb\n";
    let (code, said) = with_input(&sandbox, &["--plain"], answers);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Moved and verified"), "{said}");
    assert!(!said.contains('\x1b'));
    let (code, said) = with_input(&sandbox, &[], "");
    assert_eq!(code, Some(1));
    assert!(said.contains("Usage: memferry"), "{said}");
}

#[test]
fn it_overwrites_only_what_was_named() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let target = sandbox.sample("work/team.db");
    let db = rusqlite::Connection::open(&target).unwrap();
    db.execute_batch("UPDATE nodes SET properties = json_set(properties, '$.title', 'Ours') WHERE id = (SELECT id FROM nodes LIMIT 1);").unwrap();
    drop(db);
    let before = std::fs::read(&target).unwrap();
    // Migrate, the first store, the first kind, its path, conflicts: overwrite, go on;
    // then every warning, and a wrong name.
    let path = target.display();
    let begin = format!("1\n\n1\n{path}\n2\n2\n1\n");
    let (_, said) = with_input(
        &sandbox,
        &["--plain"],
        &format!("{begin}1\n1\n1\nwrong\n\nb\n"),
    );
    assert!(said.contains("type the target's name: team.db"), "{said}");
    assert!(said.contains("Refused, nothing was written"), "{said}");
    assert_eq!(std::fs::read(&target).unwrap(), before);
}

#[test]
fn an_input_that_ends_leaves() {
    let sandbox = Sandbox::new();
    let (code, said) = with_input(&sandbox, &["--plain"], "1\n");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_report_is_saved_verified_and_taken_back_and_stores_compared() {
    let sandbox = Sandbox::new();
    crate::steps::moved(&sandbox);
    let file = sandbox.at("work/report.md");
    // Look at past runs, the first; save, verify again, take back by name.
    let answers = format!("2\n\n2\n{}\n3\n4\nmoved.db\nb\n", file.display());
    let (code, said) = with_input(&sandbox, &["--plain"], &answers);
    // The code of the last run, which was taken back.
    assert_eq!(code, Some(2), "{said}");
    assert!(
        std::fs::read_to_string(file)
            .unwrap()
            .contains("Moved and verified")
    );
    for words in ["Saved ", "Identical", "Rolled back"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!sandbox.at("work/moved.db").exists());
    // Compare the first store that was found with the sample.
    let (code, said) = with_input(&sandbox, &["--plain"], "4\n1\n2\nb\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("Compare which store?") && said.contains("Identical"),
        "{said}"
    );
}
