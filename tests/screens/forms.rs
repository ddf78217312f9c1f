//! The wizard names no store: one that nobody has heard of gets its form, its help, its
//! checks and its address like any other.

use crate::states::source_screen;
use crate::support::{Wizard, shown_at};
use memferry::error::Result;
use memferry::store::{Address, Capabilities, Descriptor, Setting, SettingKind, Shape, Store};
use memferry::tui::msg::{Effect, Seat};
use memferry::tui::screens::pick;
use std::sync::Arc;

const fn setting(name: &'static str, label: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        label,
        help,
        kind: SettingKind::Text,
        default: None,
        env: &[],
        secret: false,
        required: false,
    }
}

static SETTINGS: [Setting; 6] = [
    Setting {
        required: true,
        ..setting("host", "Harbour", "Where the ship lies")
    },
    Setting {
        kind: SettingKind::Integer {
            min: 1,
            max: 65_535,
        },
        default: Some("7007"),
        ..setting("port", "Berth", "The number of the berth")
    },
    Setting {
        secret: true,
        ..setting("password", "Pass phrase", "What the guard wants to hear")
    },
    Setting {
        kind: SettingKind::Choice(&["calm", "rough"]),
        default: Some("calm"),
        ..setting("sea", "Sea", "How the sea is")
    },
    Setting {
        kind: SettingKind::Flag,
        ..setting("flag", "Flag", "Whether she flies one")
    },
    Setting {
        kind: SettingKind::Path,
        ..setting("chart", "Chart", "The file with the chart")
    },
];

static MADE_UP: Descriptor = Descriptor {
    kind: "ferryboat",
    title: "Ferryboat",
    summary: "A store that is made up for this test",
    shape: Shape::Server,
    schemes: &["ferryboat"],
    extensions: &[],
    settings: &SETTINGS,
    capabilities: Capabilities::EVERYTHING,
    source: true,
    target: true,
    open: never,
};

fn never(_: Address) -> Result<Arc<dyn Store>> {
    Err(memferry::error::Error::internal("it is made up"))
}

fn form() -> Wizard {
    let mut wizard = Wizard::new();
    source_screen(&mut wizard);
    pick::choose_kind(&mut wizard.app, Seat::Source, &MADE_UP);
    wizard.asked.clear();
    wizard
}

#[test]
fn a_store_nobody_heard_of_has_a_form() {
    let mut wizard = form();
    wizard.keys("\t");
    let shown = shown_at(&wizard, 120, 40);
    for setting in &SETTINGS {
        assert!(shown.contains(setting.label), "{shown}");
    }
    assert!(shown.contains("Where the ship lies"), "{shown}");
    assert!(shown.contains("7007  default"), "{shown}");
    insta::assert_snapshot!("made-up-store", shown);
}

#[test]
fn its_mistakes_are_said_as_they_are_typed() {
    let mut wizard = form();
    wizard.keys("\tport-of-call\t99999");
    let shown = shown_at(&wizard, 120, 40);
    assert!(
        shown.contains("Give a whole number from 1 to 65535."),
        "{shown}"
    );
    // Enter does not go past it.
    wizard.keys("\n");
    assert!(
        wizard
            .asked
            .iter()
            .all(|e| !matches!(e, Effect::Probe { .. }))
    );
}

#[test]
fn what_is_required_is_asked_for() {
    let mut wizard = form();
    wizard.keys("\n");
    assert!(
        wizard
            .asked
            .iter()
            .all(|e| !matches!(e, Effect::Probe { .. }))
    );
    let shown = shown_at(&wizard, 120, 40);
    assert!(shown.contains("Where the ship lies."), "{shown}");
}

#[test]
fn its_answers_make_its_address_and_its_secret_is_not_shown() {
    let mut wizard = form();
    wizard.keys("\tlisbon\t\thunter2\t \t→");
    let shown = shown_at(&wizard, 120, 40);
    assert!(
        shown.contains("•••••••") && !shown.contains("hunter2"),
        "{shown}"
    );
    assert!(
        shown.contains("‹ rough ›") && shown.contains("‹ yes ›"),
        "{shown}"
    );
    wizard.keys("\n");
    let asked = wizard.asked.iter().find_map(|effect| match effect {
        Effect::Probe { address, .. } => Some(address.clone()),
        _ => None,
    });
    let address = asked.expect("the store is asked");
    assert_eq!(
        address.to_string(),
        "ferryboat://lisbon:7007?flag=yes&sea=rough"
    );
    assert_eq!(address.get("password"), Some("hunter2"));
    assert_eq!(address.get("sea"), Some("rough"));
    assert_eq!(address.get("flag"), Some("yes"));
    assert!(!format!("{:?}", wizard.asked).contains("hunter2"));
}
