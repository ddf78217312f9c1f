//! The wizard in plain lines, in a terminal and without one.

use crate::{Sandbox, memories};
use std::io::Write as _;
use std::process::{Command, Stdio};

fn with_input(sandbox: &Sandbox, args: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_memferry"))
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
    term.see("with other content")
        .send("\r")
        .see("read back")
        .send("\r");
    term.see("memory types")
        .send("\r")
        .see("Good: Access to the source")
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
    let answers = "1\n\n\n\n\n\n\n\nb\n";
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
    // Migrate, the first store, the first kind, its path, overwrite, full, all types;
    // then every warning, and a wrong name.
    let path = target.display();
    let begin = format!("1\n\n1\n{path}\n2\n\n\n");
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
