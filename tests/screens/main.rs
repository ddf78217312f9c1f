//! Every screen of the wizard in its main states, at three sizes and in ASCII. The state
//! is brought about as the program does it: by messages, and by keys.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod actions;
mod answers;
mod data;
mod forms;
mod hostile;
mod states;
mod support;

use support::{Wizard, shown_at};

/// A state: its name, and how to get there.
type State = (&'static str, fn(&mut Wizard));

/// The sizes that everything has to look well in.
const SIZES: [(u16, u16); 3] = [(60, 16), (80, 24), (120, 40)];

#[test]
fn every_screen_at_every_size() {
    for (name, reach) in states::ALL {
        let mut wizard = Wizard::new();
        reach(&mut wizard);
        let mut all = String::new();
        for (width, height) in SIZES {
            all += &format!("{width} x {height}\n{}", shown_at(&wizard, width, height));
        }
        wizard.ascii();
        let ascii = shown_at(&wizard, 80, 24);
        assert!(ascii.is_ascii(), "{name}: {ascii}");
        all += &format!("80 x 24, ASCII\n{ascii}");
        insta::with_settings!({ omit_expression => true, snapshot_path => "snapshots" }, {
            insta::assert_snapshot!(*name, all);
        });
    }
}

/// Without colour every screen says the same: no state is told by colour alone.
#[test]
fn without_colour_the_words_are_the_same() {
    for (name, reach) in states::ALL {
        let mut wizard = Wizard::new();
        reach(&mut wizard);
        let coloured = shown_at(&wizard, 80, 24);
        wizard.theme("monochrome");
        assert_eq!(shown_at(&wizard, 80, 24), coloured, "{name}");
        for cell in wizard.buffer(80, 24).content() {
            assert_eq!(cell.fg, ratatui::style::Color::Reset, "{name}");
            assert_eq!(cell.bg, ratatui::style::Color::Reset, "{name}");
        }
        // The line with the cursor stands out without colour too.
        for theme in ["light", "high-contrast"] {
            wizard.theme(theme);
            assert_eq!(shown_at(&wizard, 80, 24), coloured, "{name} in {theme}");
        }
    }
}

/// Every size from the least to the greatest is drawn; what is smaller says so.
#[test]
fn any_size_is_drawn() {
    for (name, reach) in states::ALL {
        let mut wizard = Wizard::new();
        reach(&mut wizard);
        for (width, height) in [
            (1, 1),
            (20, 5),
            (59, 16),
            (60, 15),
            (300, 100),
            (61, 17),
            (100, 30),
        ] {
            let shown = shown_at(&wizard, width, height);
            if width >= 20 && (width < 60 || height < 16) {
                assert!(shown.contains("memferry needs"), "{name}: {shown}");
            }
        }
    }
}

/// In a great window what belongs together stands together: nobody has to follow a line
/// across half of it.
#[test]
fn nothing_is_torn_apart_by_width() {
    let mut torn = Vec::new();
    for (name, reach) in states::ALL {
        let mut wizard = Wizard::new();
        reach(&mut wizard);
        let shown = shown_at(&wizard, 300, 100);
        // The head has its own two ends; two panes, and the two stores of a review, their own.
        for line in shown.lines().skip(2) {
            for pane in line.split('│') {
                let text = pane.trim();
                if text.contains(&" ".repeat(80)) && !name.starts_with("review") {
                    torn.push(format!("{name}: {text}"));
                }
            }
        }
    }
    assert!(torn.is_empty(), "{torn:#?}");
}

/// The answer of a store stands under its form, not at the other end of the window.
#[test]
fn an_answer_stands_under_its_form() {
    let mut wizard = Wizard::new();
    states::source_screen(&mut wizard);
    for (width, height) in [(60, 16), (80, 24), (120, 40), (300, 100)] {
        let shown = shown_at(&wizard, width, height);
        let row = |text: &str| shown.lines().position(|l| l.contains(text)).unwrap();
        let apart = row("0.4 ms") - row("File  ");
        assert!(apart <= 7, "{apart} rows at {width} x {height}: {shown}");
    }
}

/// Nothing that was drawn stands beyond its border or runs into the next column: the
/// last column stays free of text on every screen.
#[test]
fn nothing_runs_out_of_the_screen() {
    for (name, reach) in states::ALL {
        let mut wizard = Wizard::new();
        reach(&mut wizard);
        for (width, height) in SIZES {
            let buffer = wizard.buffer(width, height);
            for y in 0..height {
                let last = buffer[(width - 1, y)].symbol();
                assert_eq!(last, " ", "{name} at {width} x {height}, row {y}");
            }
        }
    }
}
