//! Migrations from the first key to the report.

use crate::steps::{agree, to_options, to_review, to_target, type_path};
use crate::term::{DOWN, ENTER, ESC, LEFT, RIGHT, TAB, Term, UP};
use crate::{Sandbox, memories};
use std::path::Path;

#[test]
fn the_sample_is_moved_within_twelve_keys() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.wizard();
    term.see("Sample")
        .key(ENTER)
        .see("60 memories and 94 relationships");
    term.key(ENTER).see("it will be made");
    term.key(ENTER).see("Which memories");
    term.key(ENTER).see("Nothing is in the way");
    term.key(ENTER).see("Nothing that exists will be changed");
    term.key(ENTER).see("Moved and verified");
    term.key(ENTER).see("= same 154");
    assert!(term.keys <= 12, "{} keys", term.keys);
    term.key("q");
    let (code, screen) = term.end();
    assert_eq!(code, 0);
    assert!(screen.contains("Moved and verified: every field of 60 memories and 94 relationships"));
    assert!(screen.contains("memferry rollback "), "{screen}");
    assert_eq!(memories(&sandbox.at("work/sample-moved.db")), 60);
}

#[test]
fn a_store_where_memorygraph_keeps_it_is_found_and_moved() {
    let sandbox = Sandbox::new();
    let source = sandbox.default_store();
    let mut term = sandbox.wizard();
    term.see("~/.memory").see("60");
    to_review(&mut term);
    term.key(ENTER).see("Moved and verified").key("q");
    assert_eq!(term.end().0, 0);
    assert_eq!(
        memories(&sandbox.at("work/memory-moved.db")),
        memories(&source)
    );
}

#[test]
fn a_store_written_by_memorygraph_is_moved_whole() {
    let Ok(stores) = std::env::var("MEMFERRY_TEST_STORES") else {
        eprintln!("skipped: MEMFERRY_TEST_STORES names no folder of stores");
        return;
    };
    let sandbox = Sandbox::new();
    let path = sandbox.at("home/.memorygraph/memory.db");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::copy(Path::new(&stores).join("plain-1500.db"), &path).unwrap();
    let mut term = sandbox.wizard();
    to_options(&mut term);
    term.key(ENTER);
    agree(&mut term);
    term.key(ENTER)
        .see("will be added")
        .key(ENTER)
        .see("Moved and verified")
        .key("q");
    assert_eq!(term.end().0, 0);
    let (code, said) = sandbox.run(&["verify", &path.display().to_string(), "memory-moved.db"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn going_back_keeps_every_answer() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.wizard();
    to_target(&mut term);
    type_path(&mut term, &sandbox.at("work/elsewhere.db"));
    term.key(ENTER)
        .see("Which memories")
        .key(RIGHT)
        .see("overwrite");
    term.key(TAB)
        .key(TAB)
        .key(TAB)
        .key(TAB)
        .see("Only these memory types");
    term.send("solution").see("solution").key(ENTER);
    agree(&mut term);
    term.key(ESC)
        .see("Which memories")
        .see("overwrite")
        .see("solution");
    term.key(ESC)
        .see("elsewhere.db")
        .key(ESC)
        .key(ESC)
        .see("come from?");
    term.key(ENTER)
        .see("elsewhere.db")
        .key(ENTER)
        .see("solution")
        .see("overwrite");
    // The warning stays acknowledged.
    term.key(ENTER)
        .see("Nothing is in the way")
        .key(ENTER)
        .see("will be added");
    term.key(ENTER).see("Moved and verified").key("q");
    assert_eq!(term.end().0, 0);
    assert_eq!(memories(&sandbox.at("work/elsewhere.db")), 8);
    // What was begun and left is not among the runs.
    let (_, runs) = sandbox.run(&["runs"]);
    assert_eq!(runs.lines().count(), 2, "{runs}");
}

/// A target that holds the same memories, one of them changed.
fn conflict(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.default_store();
    let target = sandbox.sample("work/team.db");
    let db = rusqlite::Connection::open(&target).unwrap();
    let changed = db
        .execute(
            "UPDATE nodes SET properties = json_set(properties, '$.title', 'Ours') WHERE id = (SELECT id FROM nodes WHERE label = 'Memory' LIMIT 1)",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    target
}

fn titles(path: &Path, title: &str) -> i64 {
    let db = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT count(*) FROM nodes WHERE json_extract(properties, '$.title') = ?1";
    db.query_row(sql, [title], |r| r.get(0)).unwrap()
}

fn to_conflict_review(term: &mut Term, target: &Path) {
    to_target(term);
    type_path(term, target);
    term.key(ENTER)
        .see("Which memories")
        .key(RIGHT)
        .see("would be replaced");
    term.key(ENTER);
    agree(term);
    term.key(ENTER).see("will be changed");
}

#[test]
fn nothing_is_overwritten_before_the_name_is_typed() {
    let sandbox = Sandbox::new();
    let target = conflict(&sandbox);
    let mut term = sandbox.wizard();
    to_conflict_review(&mut term, &target);
    term.see("1 memory")
        .key("c")
        .see("replaced")
        .key(ENTER)
        .see("Ours")
        .key(ESC)
        .key(ESC);
    term.see("will be changed");
    // Enter alone, and a wrong name, do nothing.
    term.key(ENTER)
        .see("type its name")
        .key(ENTER)
        .see("Nothing is typed yet");
    term.send("team").key(ENTER).see("That is not team.db");
    assert_eq!(titles(&target, "Ours"), 1);
    term.send(".db").key(ENTER).see("Moved and verified");
    assert_eq!(titles(&target, "Ours"), 0);
    // And it is taken back from the report, again by typing the name.
    term.key(ENTER)
        .see("Summary")
        .key("u")
        .see("type the target's name");
    term.send("team.db").key(ENTER).see("Rolled back");
    assert_eq!(titles(&target, "Ours"), 1);
    term.key("q");
    term.end();
}

#[test]
fn a_backup_is_listed_checked_and_begun_from() {
    let sandbox = Sandbox::new();
    let target = conflict(&sandbox);
    let mut term = sandbox.wizard();
    to_conflict_review(&mut term, &target);
    term.key(ENTER)
        .see("type its name")
        .send("team.db")
        .key(ENTER)
        .see("Moved and verified");
    term.key(ENTER)
        .see("Summary")
        .key("h")
        .see("Stores on this machine");
    term.key("b")
        .see("Restore")
        .key("c")
        .see("Reads back whole: 60 memories");
    term.key(ENTER)
        .see("come from?")
        .see("Archive")
        .see("60 memories");
    term.key("q");
    term.end();
}

#[test]
fn a_target_that_is_the_source_is_refused() {
    let sandbox = Sandbox::new();
    let source = sandbox.default_store();
    let before = std::fs::read(&source).unwrap();
    let mut term = sandbox.wizard();
    to_target(&mut term);
    type_path(&mut term, &source);
    term.key(ENTER)
        .see("Which memories")
        .key(ENTER)
        .see("Source and target");
    term.see("Nothing was written");
    // Enter does not go past a failed check.
    term.key(ENTER).see("Preflight").lacks("will be added");
    term.key(ESC).see("Which memories").key("\x03");
    term.end();
    assert_eq!(std::fs::read(&source).unwrap(), before);
}

#[test]
fn a_target_that_holds_the_same_needs_nothing() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let target = sandbox.sample("work/same.db");
    let before = std::fs::read(&target).unwrap();
    let mut term = sandbox.wizard();
    to_target(&mut term);
    type_path(&mut term, &target);
    term.key(ENTER).see("Which memories").key(ENTER);
    term.see("there is nothing to do")
        .key(ENTER)
        .see("= same 154");
    term.key("q");
    assert_eq!(term.end().0, 0);
    assert_eq!(std::fs::read(&target).unwrap(), before);
}

#[test]
fn an_empty_source_has_nothing_to_write() {
    let sandbox = Sandbox::new();
    let source = sandbox.default_store();
    let db = rusqlite::Connection::open(&source).unwrap();
    db.execute_batch("DELETE FROM relationships; DELETE FROM nodes;")
        .unwrap();
    drop(db);
    let mut term = sandbox.wizard();
    term.see("memory.db")
        .key("m")
        .see("come from?")
        .see("nothing in it")
        .key(ENTER);
    term.see("it will be made")
        .key(ENTER)
        .see("Which memories")
        .key(ENTER);
    term.see("Nothing is in the way")
        .key(ENTER)
        .see("There is nothing to write");
    term.key(ENTER).see("Nothing to move").key("q");
    assert_eq!(term.end().0, 0);
}

#[test]
fn what_is_no_store_is_said_where_it_is_typed() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.at("work/notes.txt"), "not a store").unwrap();
    let mut term = sandbox.wizard();
    term.see("Sample")
        .key("m")
        .see("come from?")
        .key(DOWN)
        .key(TAB)
        .see("Path of");
    term.key("\x15");
    // A paste, and its end completed.
    let path = sandbox.at("work/not").display().to_string();
    term.send(&format!("\x1b[200~{path}\x1b[201~")).see("/not");
    term.see("es.txt").key(RIGHT).key(ENTER);
    term.until("the mistake", |s| {
        s.contains("not a") || s.contains("is no")
    });
    term.lacks("Where do they go?");
    term.key(UP).key(LEFT).key("\x03");
    assert_eq!(term.end().0, 0);
}

#[test]
fn what_was_in_the_way_is_mended_and_that_check_alone_made_again() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.wizard();
    to_target(&mut term);
    // What another program left there would corrupt a new file.
    let left = sandbox.at("work/new.db-journal");
    std::fs::write(&left, "left").unwrap();
    type_path(&mut term, &sandbox.at("work/new.db"));
    term.key(ENTER).see("Which memories").key(ENTER);
    term.see("Nothing was written").see("new.db-journal");
    // Alone, it fails as before; once that is gone, the run goes on by itself.
    term.key("o")
        .see("Nothing was written")
        .see("new.db-journal");
    std::fs::remove_file(left).unwrap();
    term.key("o").see("Nothing is in the way");
    term.key(ENTER).see("will be added").key(ENTER);
    term.see("Moved and verified").key("q");
    assert_eq!(term.end().0, 0);
    assert_eq!(memories(&sandbox.at("work/new.db")), 60);
}

#[test]
fn what_a_filter_selects_is_counted_as_it_is_typed() {
    let sandbox = Sandbox::new();
    sandbox.big("home/.memorygraph/memory.db", 20_000);
    let mut term = sandbox.wizard();
    to_target(&mut term);
    term.key(ENTER)
        .see("Which memories")
        .see("20,060 memories and 94 relationships: 20,154 new");
    for _ in 0..4 {
        term.key(TAB);
    }
    term.see("Only these memory types").send("solution");
    term.see("8 memories").see("selected: ");
    term.send(",nothing-of-that-type").see("selected: ");
    term.key("\x15").see("20,154 new").key("\x03");
    term.end();
}
