//! Every action can be found, is explained, and has a key that means one thing only.

use crate::states;
use crate::support::{Wizard, shown_at};
use memferry::tui::action::Action;
use memferry::tui::keymap::Keymap;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_action_has_a_key_a_help_text_and_a_palette_entry() {
    let keymap = Keymap::default();
    for action in Action::ALL {
        let shown = keymap.shown(*action);
        assert!(!shown.is_empty(), "{} has no key", action.name());
        let mut wizard = Wizard::new();
        wizard.keys(":");
        wizard.keys(action.name());
        let palette = shown_at(&wizard, 120, 40);
        assert!(
            palette.contains(action.name()),
            "{}: {palette}",
            action.name()
        );
        let help = keymap.markdown();
        assert!(help.contains(action.help()), "{}", action.name());
    }
}

#[test]
fn every_action_can_be_done_somewhere() {
    let mut seen = BTreeSet::new();
    for (_, reach) in states::ALL {
        let mut wizard = Wizard::new();
        reach(&mut wizard);
        seen.extend(wizard.app.actions());
    }
    let missing: Vec<_> = Action::ALL.iter().filter(|a| !seen.contains(a)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_key_means_one_thing_on_a_screen() {
    let keymap = Keymap::default();
    for (name, reach) in states::ALL {
        let mut wizard = Wizard::new();
        reach(&mut wizard);
        let mut taken: BTreeMap<String, Action> = BTreeMap::new();
        let actions: BTreeSet<_> = wizard.app.actions().into_iter().collect();
        for action in actions {
            for key in keymap.keys(action) {
                if let Some(other) = taken.insert(key.to_string(), action) {
                    panic!("{name}: {key} is {} and {}", other.name(), action.name());
                }
            }
        }
    }
}

/// No key makes it panic, wherever one is.
#[test]
fn any_key_can_be_pressed_anywhere() {
    let keys = "qh?: \n\t\x1b↓↑→←mrpbd,xuvcyYwaoftsl+-0eGgjk/";
    for (_, reach) in states::ALL {
        for key in keys.chars() {
            let mut wizard = Wizard::new();
            reach(&mut wizard);
            for key in [key, '\n', '\x1b', '↓', key] {
                wizard.keys(&key.to_string());
            }
            wizard.buffer(60, 16);
        }
    }
}
