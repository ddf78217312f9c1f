//! The steps that journeys have in common.

use crate::Sandbox;
use crate::term::{ENTER, TAB, Term};
use std::path::Path;

/// From the first screen to the target's form, with the source that the cursor is on.
pub fn to_target(term: &mut Term) {
    term.see("memory.db")
        .key("m")
        .see("Where do memories come from?")
        .see("relationships");
    term.key(ENTER).see("Where do they go?");
}

/// Puts this path into the form of the target's first kind.
pub fn type_path(term: &mut Term, path: &Path) {
    term.key(TAB).see("Path of").key("\x15").gone("moved");
    term.send(&path.display().to_string());
    term.until("the end of the path", |s| {
        s.contains(path.file_name().unwrap().to_str().unwrap())
    });
}

/// Acknowledges every warning.
pub fn agree(term: &mut Term) {
    let ready = |s: &str| s.contains("Nothing is in the way");
    // How many things are still to be agreed to, in the words of the screen.
    let open = |s: &str| {
        s.lines()
            .find(|l| l.contains("agree to"))
            .map(str::to_owned)
    };
    term.until("the checks", |s| open(s).is_some() || ready(s));
    while let Some(before) = open(&term.screen()) {
        // The cursor stands on the first that is open, and goes on to the next.
        term.key(" ").until("an answer", |s| {
            ready(s) || open(s).is_some_and(|now| now != before)
        });
    }
    term.see("Nothing is in the way");
}

/// From the first screen to the review, as [`to_options`] goes.
pub fn to_review(term: &mut Term) {
    to_options(term);
    term.key(ENTER).see("Nothing is in the way");
    term.key(ENTER).see("will be added");
}

/// From the first screen to the options, with the first store and the new file that is
/// proposed for it.
pub fn to_options(term: &mut Term) {
    to_target(term);
    term.see("it will be made").key(ENTER).see("Which memories");
}

/// A run, made by the command line.
pub fn moved(sandbox: &Sandbox) {
    sandbox.default_store();
    let (code, said) = sandbox.run(&[
        "migrate",
        "--from",
        "../home/.memorygraph/memory.db",
        "--to",
        "moved.db",
    ]);
    assert_eq!(code, Some(0), "{said}");
}

/// From the options, the limit of 2,000 records a second; the cursor stays there.
pub fn limit(term: &mut Term) {
    // Advanced, down to the limit.
    term.key("\x01").see("Limit");
    for _ in 0..10 {
        term.key("\t");
    }
    term.see("Most records a second").key("\x15").send("2000");
}
