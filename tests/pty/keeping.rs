//! What is kept of a migration that was prepared: a profile, a plan, the command line.

use crate::steps::to_review;
use crate::term::{ENTER, ESC};
use crate::{Sandbox, memories};
use base64::Engine as _;

#[test]
fn a_store_is_kept_as_a_profile_and_found_by_its_name() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.wizard();
    term.see("Sample")
        .key("m")
        .see("come from?")
        .see("relationships");
    term.key("\x13")
        .see("Under which name?")
        .key("\x15")
        .send("not a name")
        .key(ENTER);
    term.see("a profile cannot be called")
        .key("\x13")
        .see("Under which name?")
        .key("\x15");
    term.send("laptop")
        .key(ENTER)
        .see("Saved as laptop")
        .key(ESC)
        .key("\x12");
    term.see("laptop: ").key("\x03");
    assert_eq!(term.end().0, 0);
    let (code, said) = sandbox.run(&["migrate", "--from", "laptop", "--to", "copy.db"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn keys_that_come_before_the_stores_are_found_choose_among_them() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.wizard();
    term.key("m").see("come from?").see("~/.memory");
    term.see("relationships").key(ENTER);
    term.see("memory-moved.db");
    term.key("\x03");
    assert_eq!(term.end().0, 0);
    let mut term = sandbox.wizard();
    term.key("d").see("Compare which").see("~/.memory");
    term.key("\x03");
    assert_eq!(term.end().0, 0);
}

#[test]
fn the_plan_and_the_command_do_the_same() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.wizard();
    to_review(&mut term);
    term.key("y")
        .see("Copied")
        .key("w")
        .see("To which new file?")
        .key(ENTER)
        .see("Saved");
    // Twice under one name is refused, and nothing is lost.
    term.key("w")
        .see("To which new file?")
        .key(ENTER)
        .see("is there already");
    let raw = term.raw();
    term.key("\x03");
    assert_eq!(term.end().0, 0);
    let copied = raw.split("\x1b]52;c;").nth(1).unwrap();
    let copied = copied.split('\x07').next().unwrap();
    let copied = base64::engine::general_purpose::STANDARD
        .decode(copied)
        .unwrap();
    let copied = String::from_utf8(copied).unwrap();
    let words: Vec<&str> = copied.split_whitespace().collect();
    assert_eq!(&words[..3], ["memferry", "migrate", "--from"], "{copied}");
    // What was only prepared is no run, and wrote nothing.
    let target = sandbox.at("work/memory-moved.db");
    assert!(!target.exists());
    assert!(sandbox.run(&["runs"]).1.contains("no runs"));
    let (code, said) = sandbox.run(&words[1..]);
    assert_eq!(code, Some(0), "{said}");
    assert!(target.exists(), "{copied}: {said}");
    assert_eq!(memories(&target), 60);
    std::fs::remove_file(&target).unwrap();
    let (code, said) = sandbox.run(&["run", "plan.toml"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(target.exists(), "{said}");
    assert_eq!(memories(&target), 60);
}
