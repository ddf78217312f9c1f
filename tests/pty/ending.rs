//! Runs that are paused, stopped, killed and gone on with; and how the program ends.

use crate::steps::{limit, to_options};
use crate::term::{ENTER, ESC, Term};
use crate::{Sandbox, memories};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// To a run that writes slowly, in the midst of its import.
fn to_slow_run(term: &mut Term) {
    to_options(term);
    limit(term);
    term.key(ENTER)
        .see("Nothing is in the way")
        .key(ENTER)
        .see("will be added");
    term.key(ENTER).see("limit 2,000/s");
}

fn slow() -> (Sandbox, Term) {
    let sandbox = Sandbox::new();
    sandbox.big("home/.memorygraph/memory.db", 12_000);
    let mut term = sandbox.wizard();
    to_slow_run(&mut term);
    (sandbox, term)
}

#[test]
fn a_run_is_paused_hurried_and_finished() {
    let (sandbox, mut term) = slow();
    term.key("\x03")
        .see("A run is going on")
        .key(ESC)
        .gone("A run is going on");
    term.key(" ").see("paused").key(" ").gone("paused");
    term.key("f").see("frozen").key("f").gone("frozen");
    term.key("l").key("l").see("no warnings").key("l");
    term.key("0")
        .see("no limit")
        .see("Moved and verified")
        .key("q");
    assert_eq!(term.end().0, 0);
    assert_eq!(memories(&sandbox.at("work/memory-moved.db")), 12_060);
}

#[test]
fn a_cancelled_run_takes_back_what_it_wrote() {
    let (sandbox, mut term) = slow();
    term.key("c")
        .see("Stop the run")
        .key("\x1b[B")
        .key("\x1b[B")
        .key(ENTER);
    term.see("olled back").key("q");
    assert_eq!(term.end().0, 2);
    assert!(!sandbox.at("work/memory-moved.db").exists());
}

#[test]
fn a_stopped_run_is_gone_on_with_after_a_restart() {
    let (sandbox, mut term) = slow();
    term.key("q")
        .see("A run is going on")
        .key("\x1b[B")
        .key(ENTER);
    let (code, screen) = term.end();
    assert_eq!(code, 4, "{screen}");
    assert!(screen.contains("memferry resume "), "{screen}");
    assert!(!sandbox.at("work/memory-moved.db").exists());
    let mut term = sandbox.wizard();
    term.see("Unfinished")
        .key("r")
        .see("waits for your answer")
        .key(ENTER);
    term.see("limit")
        .key("0")
        .see("Moved and verified")
        .key("q");
    assert_eq!(term.end().0, 0);
    assert_eq!(memories(&sandbox.at("work/memory-moved.db")), 12_060);
}

#[test]
fn a_killed_run_is_gone_on_with_from_home() {
    let (sandbox, mut term) = slow();
    term.signal(Signal::KILL);
    drop(term);
    assert!(!sandbox.at("work/memory-moved.db").exists());
    let mut term = sandbox.wizard();
    term.see("Unfinished")
        .see("unfinished")
        .key(ENTER)
        .see("waits for your answer");
    term.key(ENTER)
        .see("limit")
        .key("0")
        .see("Moved and verified")
        .key("q");
    assert_eq!(term.end().0, 0);
    assert_eq!(memories(&sandbox.at("work/memory-moved.db")), 12_060);
}

#[test]
fn an_unfinished_run_is_taken_back_from_home() {
    let (sandbox, mut term) = slow();
    term.signal(Signal::KILL);
    drop(term);
    let mut term = sandbox.wizard();
    term.see("Unfinished")
        .key("u")
        .see("type the target's name");
    term.send("memory-moved.db")
        .key(ENTER)
        .see("olled back")
        .key("q");
    term.end();
    assert!(!sandbox.at("work/memory-moved.db").exists());
}

#[test]
fn a_terminal_that_is_closed_does_not_lose_the_run() {
    let (sandbox, mut term) = slow();
    term.signal(Signal::HUP);
    let (code, _) = term.end();
    assert_eq!(code, 4);
    let (code, said) = sandbox.run(&["resume"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn keys_are_answered_at_once_while_a_run_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.big("home/.memorygraph/memory.db", 60_000);
    let mut term = sandbox.wizard();
    to_options(&mut term);
    term.key(ENTER);
    // Source and stage are read here.
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let begun = Instant::now();
        term.key("?").see("On the screen you came from");
        slowest = slowest.max(begun.elapsed());
        term.key(ESC).gone("On the screen you came from");
    }
    // The bound is the test machine's, which does other things as well.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    term.see("Nothing is in the way").key("\x03");
    term.end();
}

#[test]
fn a_resize_below_the_least_and_back_keeps_the_run_in_sight() {
    let (_sandbox, mut term) = slow();
    term.resize(20, 5).see("memferry needs");
    // What is pressed there does nothing.
    term.key("c").key(ENTER);
    term.resize(120, 40)
        .see("limit 2,000/s")
        .lacks("Stop the run");
    term.resize(60, 16).see("limit 2,000/s");
    term.key("0").see("Moved and verified").key("q");
    assert_eq!(term.end().0, 0);
}

#[test]
fn control_c_leaves_and_gives_the_terminal_back() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.wizard();
    term.see("Sample");
    assert!(term.is_taken());
    term.key("\x03");
    assert_eq!(term.end().0, 0);
}

#[test]
fn a_termination_gives_the_terminal_back() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.wizard();
    term.see("Sample").signal(Signal::TERM);
    assert_eq!(term.end().0, 0);
}

#[test]
fn suspended_and_brought_back_it_is_as_before() {
    let sandbox = Sandbox::new();
    let mut term = sandbox.wizard();
    term.see("Sample").key(",").see("Theme").key("\x1a");
    let begun = Instant::now();
    while term.is_taken() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{}",
            term.screen()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    term.signal(Signal::CONT).see("Theme");
    assert!(term.is_taken());
    term.key("\x03");
    assert_eq!(term.end().0, 0);
}

#[test]
fn a_panic_gives_the_terminal_back_and_says_where_the_log_is() {
    let sandbox = Sandbox::new();
    let panics = [("MEMFERRY_WIZARD_PANIC", "1")];
    let mut term = sandbox.open(&[], &panics, 80, 24);
    if !cfg!(feature = "failpoints") {
        // The shipped binary has no such switch.
        term.see("Sample").key("\x03");
        term.end();
        return;
    }
    term.see("memferry failed");
    let (code, screen) = term.end();
    assert_eq!(code, 2);
    assert!(screen.contains("wizard.log"), "{screen}");
    let log = sandbox.at("home/.local/state/memferry/wizard.log");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("panicked"), "{log}");
}

#[test]
fn nothing_is_drawn_when_nothing_changed() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.wizard();
    term.see("Migrate").see("60");
    settled(&mut term);
    let (bytes, frames) = (term.raw().len(), term.frames());
    assert!(frames > 0);
    // Time goes by, a key is pressed that means nothing here, and one that moves nowhere.
    std::thread::sleep(Duration::from_millis(1_500));
    term.key("Z").key("\x1b[H").key("\x1b[H");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!((term.raw().len(), term.frames()), (bytes, frames));
    // What does change something is drawn.
    term.key(",").see("Theme");
    assert!(term.frames() > frames);
    term.key("\x03");
    term.end();
}

#[test]
fn keys_are_answered_while_the_threads_that_work_are_kept_from_it() {
    if !cfg!(feature = "failpoints") {
        // The shipped binary has no such switch.
        return;
    }
    let sandbox = Sandbox::new();
    let stalled = Duration::from_secs(60);
    let begun = Instant::now();
    let mut term = sandbox.open(&[], &[("MEMFERRY_WIZARD_STALL", "60")], 80, 24);
    term.see("Sample").see("looking for stores");
    for _ in 0..10 {
        let help = "On the screen you came from";
        term.send("?").see(help).send(ESC).gone(help);
    }
    assert!(begun.elapsed() < stalled, "{:?}", begun.elapsed());
    // Nothing was done meanwhile.
    term.see("looking for stores");
    term.key("\x03");
    assert_eq!(term.end().0, 0);
}

/// Waits until nothing more comes.
fn settled(term: &mut Term) {
    let begun = Instant::now();
    let mut last = (term.raw().len(), Instant::now());
    while last.1.elapsed() < Duration::from_millis(700) {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never rests");
        std::thread::sleep(Duration::from_millis(20));
        if term.raw().len() != last.0 {
            last = (term.raw().len(), Instant::now());
        }
    }
}

#[test]
fn no_more_than_thirty_frames_a_second_are_drawn() {
    let (_sandbox, mut term) = slow();
    let (begun, frames) = (Instant::now(), term.frames());
    // Far more changes than that, while the run itself goes on.
    while begun.elapsed() < Duration::from_secs(3) {
        term.send("f");
        std::thread::sleep(Duration::from_millis(5));
    }
    let drawn = term.frames() - frames;
    let most = (begun.elapsed().as_secs_f64() * 30.0).ceil() as usize + 1;
    assert!(drawn > 10, "{drawn} frames");
    assert!(drawn <= most, "{drawn} frames, {most} at most");
    term.key("\x03")
        .see("A run is going on")
        .key("\x1b[B")
        .key(ENTER);
    term.end();
}
