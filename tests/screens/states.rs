//! The states of every screen, by their names in the snapshots.

use crate::State;
use crate::data::*;
use crate::support::Wizard;
use crossterm::event::Event as Terminal;
use memferry::config::askable;
use memferry::engine::{Event, Phase};
use memferry::report::{Outcome, Verdict};
use memferry::store::Description;
use memferry::tui::msg::{Counted, Effect, Foreseen, Locked, Msg, Running, Seat};

pub const ALL: &[State] = &[
    ("home-fresh", |w| w.tell(Msg::Found(Ok(Vec::new())))),
    ("home-looking", |_| {}),
    ("home-found", home),
    ("password-asked", password_asked),
    ("source", source_screen),
    ("source-form", |w| {
        source_screen(w);
        w.keys("\t");
    }),
    ("source-fails", |w| {
        source_screen(w);
        let seq = last_probe(w);
        let refused = failure("the password was refused", "Correct it, or the user.");
        w.tell(Msg::Probed(Seat::Source, seq, Err(refused)));
    }),
    ("target-new", target_new),
    ("target-not-empty", target_full),
    ("options", options),
    ("options-counting", |w| {
        options(w);
        w.keys("\t\t\t\tsolution");
        w.app.now += 1_000;
        w.tell(Msg::Tick);
        let counted = Counted {
            read: 340_000,
            total: Some(2_000_000),
            selected: Some(1_204),
        };
        let seq = last_count(w);
        w.tell(Msg::Counting(seq, counted));
    }),
    ("options-advanced", |w| {
        options(w);
        w.control('a');
        w.keys("\t\t\t\tnever\n");
    }),
    ("preflight-busy", |w| {
        preflight(w);
        let mut events = checked(checks()[..3].to_vec());
        events.push((
            100,
            Event::PhaseEnded {
                phase: Phase::Preflight,
                ok: true,
                ms: 100,
            },
        ));
        events.push((
            100,
            Event::PhaseStarted {
                phase: Phase::Export,
            },
        ));
        let phase = Phase::Export;
        events.push((
            100,
            Event::Expected {
                phase,
                nodes: 4_812,
                relationships: 9_377,
            },
        ));
        let kind = memferry::model::Kind::Node;
        events.push((
            900,
            Event::Progress {
                phase,
                kind,
                done: 2_400,
                bytes: 1_000_000,
            },
        ));
        w.tell(Msg::State(state(&events)));
    }),
    ("preflight-warnings", warnings),
    ("preflight-loss", |w| {
        warnings(w);
        w.keys("\n  a");
    }),
    ("preflight-fails", no_room),
    ("preflight-again", |w| {
        no_room(w);
        w.keys("o");
    }),
    ("review-new", |w| review_of(w, false)),
    ("review-overwrites", |w| review_of(w, true)),
    ("review-name", |w| {
        review_of(w, true);
        w.keys("\nshar\n");
    }),
    ("review-changes", |w| {
        review_of(w, true);
        w.keys("c");
    }),
    ("review-change", |w| {
        review_of(w, true);
        w.keys("c\n");
    }),
    ("run", running),
    ("run-log", |w| {
        running(w);
        w.keys("l");
    }),
    ("run-cancel", |w| {
        running(w);
        w.keys("c");
    }),
    ("run-quit", |w| {
        running(w);
        w.keys("q");
    }),
    ("run-failed", |w| {
        running(w);
        w.tell(Msg::Ended(Ok(Box::new(report(Outcome::Failed)))));
    }),
    ("run-watched", |w| {
        w.tell(Msg::Found(Ok(Vec::new())));
        w.tell(Msg::Started(Ok((RUN.into(), Running::Watched))));
        w.tell(Msg::State(state(&importing())));
    }),
    ("report-done", |w| {
        w.tell(Msg::Report(Ok(Box::new(report(Outcome::Done)))))
    }),
    ("report-checks", |w| {
        w.tell(Msg::Report(Ok(Box::new(report(Outcome::Done)))));
        w.keys("→");
    }),
    ("report-differences", differing),
    ("report-difference", |w| {
        differing(w);
        w.keys("\n");
    }),
    ("report-digest", |w| {
        let mut report = report(Outcome::Differences);
        let verification = report.verification.as_mut().unwrap();
        verification.differ.nodes = 12_000;
        verification.differences[0].fields[0].source = None;
        w.tell(Msg::Report(Ok(Box::new(report))));
        w.keys("\n");
    }),
    ("report-search", |w| {
        differing(w);
        w.keys("/jitter");
    }),
    ("runs", |w| {
        home(w);
        w.keys("p↓");
    }),
    ("runs-none", |w| {
        w.keys("p");
        w.tell(Msg::Runs(Vec::new()));
    }),
    ("runs-roll-back", |w| {
        home(w);
        w.keys("p↓x");
    }),
    ("backups", |w| {
        w.keys("b");
        w.tell(Msg::Backups(backups()));
    }),
    ("backups-none", |w| {
        w.keys("b");
        w.tell(Msg::Backups(Vec::new()));
    }),
    ("diff", |w| diff_first(w)),
    ("diff-second", |w| {
        diff_first(w);
        w.keys("\n");
    }),
    ("diff-reading", |w| {
        diff_first(w);
        w.keys("\n");
        let seq = last_probe(w);
        let found = probed(target(), description(212, 340));
        w.tell(Msg::Probed(Seat::Second, seq, Ok(found)));
        w.keys("\n");
    }),
    ("settings", |w| w.keys(",")),
    ("help", |w| {
        home(w);
        w.keys("?");
    }),
    ("palette", |w| w.keys(":run")),
];

fn diff_first(w: &mut Wizard) {
    home(w);
    w.keys("d");
    let seq = last_probe(w);
    let found = probed(source(), description(4_812, 9_377));
    w.tell(Msg::Probed(Seat::First, seq, Ok(found)));
}

pub fn home(w: &mut Wizard) {
    w.tell(Msg::Found(Ok(places())));
    w.tell(Msg::Runs(rows()));
}

/// The number of the last question to a store.
/// A run is to be gone on with, and its target wants to hear its password.
pub fn password_asked(w: &mut Wizard) {
    home(w);
    w.keys("r");
    let asked = w.asked.iter().rev().find_map(|effect| match effect {
        Effect::Again(again) => Some(again.clone()),
        _ => None,
    });
    let address = server();
    w.tell(Msg::Locked(Box::new(Locked {
        again: asked.expect("the run is asked for"),
        secrets: askable(&address),
        address,
        why: failure("the server asks for a password", "Give it."),
    })));
    w.keys("hunter2");
}

pub fn last_probe(w: &Wizard) -> u64 {
    let asked = w.asked.iter().rev().find_map(|effect| match effect {
        Effect::Probe { seq, .. } => Some(*seq),
        _ => None,
    });
    asked.expect("a store was asked")
}

pub fn source_screen(w: &mut Wizard) {
    home(w);
    w.keys("m");
    let seq = last_probe(w);
    w.tell(Msg::Probed(
        Seat::Source,
        seq,
        Ok(probed(source(), description(4_812, 9_377))),
    ));
}

fn target_new(w: &mut Wizard) {
    source_screen(w);
    w.keys("\n");
    let seq = last_probe(w);
    let address = memferry::store::Address::parse("/home/ada/memory-moved.db").unwrap();
    w.tell(Msg::Probed(
        Seat::Target,
        seq,
        Ok(probed(address, Description::default())),
    ));
}

fn target_full(w: &mut Wizard) {
    source_screen(w);
    w.keys("\n");
    w.keys("↑↑↑↑");
    let seq = last_probe(w);
    w.tell(Msg::Probed(
        Seat::Target,
        seq,
        Ok(probed(target(), description(212, 340))),
    ));
}

pub fn options(w: &mut Wizard) {
    target_full(w);
    w.keys("\n");
    let seq = last_count(w);
    let mut review = review(true);
    review.kept.nodes = 5;
    let found = Foreseen { review, ms: 240 };
    w.tell(Msg::Forecast(seq, Ok(Box::new(found))));
}

/// The number of the last count.
pub fn last_count(w: &Wizard) -> u64 {
    let asked = w.asked.iter().rev().find_map(|effect| match effect {
        Effect::Forecast { seq, .. } => Some(*seq),
        _ => None,
    });
    asked.expect("it is counted ahead")
}

pub fn preflight(w: &mut Wizard) {
    options(w);
    w.keys("\n");
    w.tell(Msg::Started(Ok((RUN.into(), Running::Prepared))));
}

/// A check that stops the run.
pub fn no_room(w: &mut Wizard) {
    preflight(w);
    let mut all = checks();
    all.push(check(
        "Room",
        Verdict::Fail,
        "needs 1.9 GB, 1.1 GB free",
        "Free 800 MB on /data, or choose another folder for the stage.",
    ));
    let mut events = checked(all);
    let told = failure("room: needs 1.9 GB, 1.1 GB free", "Free 800 MB.");
    events.push((100, Event::Failed { failure: told }));
    let summary = "Refused, nothing was written: room".to_owned();
    events.push((
        110,
        Event::Finished {
            outcome: Outcome::Refused,
            summary,
        },
    ));
    w.tell(Msg::State(state(&events)));
    w.keys("\n");
}

fn waiting(w: &mut Wizard, overwrites: bool, lossy: bool, quiet: bool) {
    let mut all = checks();
    if quiet {
        all.retain(|c| c.verdict == Verdict::Pass);
    }
    let mut review = review(overwrites);
    if lossy {
        review.losses = losses();
    }
    let mut events = checked(all);
    events.push((
        100,
        Event::PhaseEnded {
            phase: Phase::Preflight,
            ok: true,
            ms: 100,
        },
    ));
    events.push((
        900,
        Event::Waiting {
            review: Box::new(review),
        },
    ));
    w.tell(Msg::State(state(&events)));
}

fn warnings(w: &mut Wizard) {
    preflight(w);
    waiting(w, true, true, false);
    w.keys("↓↓↓");
}

fn review_of(w: &mut Wizard, overwrites: bool) {
    preflight(w);
    waiting(w, overwrites, false, true);
    w.keys("\n");
}

pub fn running(w: &mut Wizard) {
    review_of(w, false);
    w.keys("\n");
    w.app.usage = memferry::tui::msg::Usage {
        memory: 41_000_000,
        cpu: 118.0,
    };
    let mut events = checked(checks());
    events.push((200, Event::Answered { proceed: true }));
    events.extend(importing());
    w.tell(Msg::State(state(&events)));
}

pub fn differing(w: &mut Wizard) {
    w.tell(Msg::Terminal(Terminal::Resize(80, 24)));
    w.tell(Msg::Report(Ok(Box::new(report(Outcome::Differences)))));
}
