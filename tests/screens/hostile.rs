//! Text from elsewhere cannot act on the terminal or break a border: escape sequences,
//! controls, bidi overrides, a line of a megabyte, wide and combined characters.

use crate::SIZES;
use crate::data::*;
use crate::support::{Wizard, shown_at};
use memferry::engine::{Event, RunStatus};
use memferry::report::{Difference, Outcome, Verdict};
use memferry::tui::msg::{Msg, PlaceState, Running, Seat};

fn texts() -> Vec<String> {
    vec![
        "\x1b[2J\x1b[31mred\x1b]0;title\x07".into(),
        "\u{202e}evil\u{2066}\u{200b}".into(),
        "line\r\nfeed\ttab\u{0}nul\u{7f}\u{9b}31m".into(),
        "日本語のとても長いテキスト👨‍👩‍👧‍👦👍🏽e\u{301}".into(),
        "שלום עולם مرحبا بالعالم".into(),
        "x".repeat(1_000_000),
    ]
}

fn inert(wizard: &Wizard, what: &str) {
    for (width, height) in SIZES {
        let buffer = wizard.buffer(width, height);
        for cell in buffer.content() {
            let bad = |c: char| {
                c.is_control()
                    || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            assert!(!cell.symbol().contains(bad), "{what}: {:?}", cell.symbol());
        }
        for y in 0..height {
            assert_eq!(buffer[(width - 1, y)].symbol(), " ", "{what}: row {y}");
        }
    }
}

#[test]
fn it_is_inert_on_every_screen() {
    for text in texts() {
        let t = text.as_str();
        let mut w = Wizard::new();
        let mut all = places();
        for place in &mut all {
            place.place = text.clone();
            place.title = text.clone();
            if let PlaceState::Failed(failure) = &mut place.state {
                failure.message = text.clone();
            }
        }
        w.tell(Msg::Found(Ok(all)));
        let mut runs = rows();
        for row in &mut runs {
            (row.source, row.target, row.summary) = (text.clone(), text.clone(), text.clone());
        }
        w.tell(Msg::Runs(runs));
        inert(&w, "home");
        w.keys("p");
        inert(&w, "runs");
        w.keys("\x1bm");
        let seq = crate::states::last_probe(&w);
        w.tell(Msg::Probed(Seat::Source, seq, Err(failure(t, t))));
        inert(&w, "a failure");

        let mut w = Wizard::new();
        w.tell(Msg::Started(Ok((RUN.into(), Running::Own))));
        let mut events = importing();
        let message = text.clone();
        events.push((
            9_990,
            Event::Warning {
                code: "x".into(),
                message,
            },
        ));
        w.tell(Msg::State(state(&events)));
        inert(&w, "run");
        w.keys("ll");
        inert(&w, "warnings");

        let mut w = Wizard::new();
        let mut report = report(Outcome::Differences);
        report.summary = text.clone();
        let checked = check(t, Verdict::Warn, t, t);
        report.checks.push(checked);
        let verification = report.verification.as_mut().unwrap();
        let hostile = Difference {
            key: text.clone(),
            type_name: text.clone(),
            title: text.clone(),
            ..verification.differences[0].clone()
        };
        verification.differences.insert(0, hostile);
        verification.differences[0].fields[0].source = crate::data::text(t);
        verification.differences[0].fields[0].name = text.clone();
        w.tell(Msg::Report(Ok(Box::new(report))));
        inert(&w, "differences");
        w.keys("\n");
        inert(&w, "a difference");
        w.keys("\x1b←");
        inert(&w, "checks");
        w.keys("←");
        inert(&w, "summary");

        let mut w = Wizard::new();
        w.tell(Msg::Runs(vec![row(t, RunStatus::Unfinished, t, 0, false)]));
        w.keys("dx");
        w.tell(Msg::Terminal(crossterm::event::Event::Paste(text.clone())));
        inert(&w, "a paste");
    }
}

/// The same text twice takes the same room, so that columns stay where they are.
#[test]
fn columns_stay_where_they_are() {
    for text in texts() {
        let mut w = Wizard::new();
        let mut runs = rows();
        runs[1].source = text.clone();
        w.tell(Msg::Found(Ok(Vec::new())));
        w.tell(Msg::Runs(runs));
        w.keys("p");
        let shown = shown_at(&w, 80, 24);
        assert!(shown.contains("→ shared.db"), "{shown}");
    }
}
