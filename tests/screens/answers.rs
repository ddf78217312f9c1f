//! What becomes of answers that come while somebody goes on: counts that grow and are given
//! up, checks that are made again.

use crate::data::{
    backups, check, description, failure, importing, places, probed, rows, source, state,
};
use crate::states::{
    last_count, last_probe, no_room, options, password_asked, running, source_screen,
};
use crate::support::{Wizard, shown_at};
use memferry::config::{Config, Profile, SecretRef, askable};
use memferry::engine::Event;
use memferry::report::{Outcome, Verdict};
use memferry::store::Address;
use memferry::tui::msg::{Again, Counted, Effect, Msg, Place, RunRow, Seat};

fn counts(wizard: &Wizard) -> usize {
    let is = |e: &&Effect| matches!(e, Effect::Forecast { .. });
    wizard.asked.iter().filter(is).count()
}

fn drops(wizard: &Wizard) -> usize {
    let is = |e: &&Effect| matches!(e, Effect::DropForecast);
    wizard.asked.iter().filter(is).count()
}

fn rest(wizard: &mut Wizard) {
    wizard.app.now += 1_000;
    wizard.tell(Msg::Tick);
}

#[test]
fn only_what_changes_the_selection_is_counted_again() {
    let mut wizard = Wizard::new();
    options(&mut wizard);
    let before = counts(&wizard);
    // Another policy, another level, no backup: what was counted holds.
    wizard.keys("→\t→→\t→");
    rest(&mut wizard);
    assert_eq!(counts(&wizard), before);
    assert!(shown_at(&wizard, 120, 40).contains("would be replaced"));
    wizard.keys("\t\tsolution");
    rest(&mut wizard);
    assert_eq!(counts(&wizard), before + 1);
    let old = last_count(&wizard);
    wizard.keys(",fix");
    rest(&mut wizard);
    assert_eq!(counts(&wizard), before + 2);
    // A late word of the count that was given up changes nothing.
    let late = Counted {
        read: 777,
        total: Some(778),
        selected: Some(5),
    };
    wizard.tell(Msg::Counting(old, late));
    assert!(!shown_at(&wizard, 120, 40).contains("777"));
}

#[test]
fn a_count_is_given_up_by_leaving_and_begun_anew_by_coming_back() {
    let mut wizard = Wizard::new();
    options(&mut wizard);
    wizard.keys("\t\t\t\tsolution");
    rest(&mut wizard);
    let (counted, dropped) = (counts(&wizard), drops(&wizard));
    wizard.keys("\x1b");
    assert_eq!(drops(&wizard), dropped + 1);
    wizard.keys("\n");
    rest(&mut wizard);
    assert_eq!(counts(&wizard), counted + 1);
}

fn asked_alone(wizard: &Wizard) -> Option<(u64, String)> {
    wizard.asked.iter().rev().find_map(|effect| match effect {
        Effect::CheckAlone { seq, name, .. } => Some((*seq, name.clone())),
        _ => None,
    })
}

fn starts(wizard: &Wizard) -> usize {
    let is = |e: &&Effect| matches!(e, Effect::Start { .. });
    wizard.asked.iter().filter(is).count()
}

#[test]
fn a_check_is_made_again_alone_and_what_is_mended_goes_on() {
    let mut wizard = Wizard::new();
    no_room(&mut wizard);
    let begun = starts(&wizard);
    wizard.keys("o");
    let (seq, name) = asked_alone(&wizard).expect("the check is asked for");
    assert_eq!(name, "room");
    // It still fails: its row says what is found now, and nothing begins.
    let still = check(
        "Room",
        Verdict::Fail,
        "needs 1.9 GB, 1.8 GB free",
        "Free 100 MB.",
    );
    wizard.tell(Msg::Rechecked(seq, Ok(Box::new(still))));
    let shown = shown_at(&wizard, 120, 40);
    assert!(
        shown.contains("1.8 GB free") && !shown.contains("1.1 GB free"),
        "{shown}"
    );
    assert_eq!(starts(&wizard), begun);
    // It could not be made: that is said, and changes no row.
    wizard.keys("o");
    let (seq, _) = asked_alone(&wizard).expect("the check is asked for");
    wizard.tell(Msg::Rechecked(seq, Err(failure("no answer", "Wait."))));
    let shown = shown_at(&wizard, 120, 40);
    assert!(
        shown.contains("no answer") && shown.contains("1.8 GB free"),
        "{shown}"
    );
    // It passes: nothing stops the run any more, so all checks are made again.
    wizard.keys("o");
    let (seq, _) = asked_alone(&wizard).expect("the check is asked for");
    let good = check("Room", Verdict::Pass, "9 GB free", "");
    wizard.tell(Msg::Rechecked(seq, Ok(Box::new(good))));
    assert_eq!(starts(&wizard), begun + 1);
}

#[test]
fn a_check_of_what_was_staged_is_not_made_alone() {
    let mut wizard = Wizard::new();
    no_room(&mut wizard);
    // Up to the check of dangling relationships, which only reading the source can make.
    wizard.keys("↑↑");
    let shown = shown_at(&wizard, 120, 40);
    assert!(shown.contains("2 relationships"), "{shown}");
    wizard.asked.clear();
    wizard.keys("o");
    assert!(asked_alone(&wizard).is_none());
}

#[test]
fn a_password_is_told_to_what_asked_for_it_and_shown_nowhere() {
    let mut wizard = Wizard::new();
    password_asked(&mut wizard);
    let shown = shown_at(&wizard, 80, 24);
    assert!(shown.contains("•••••••"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    wizard.asked.clear();
    wizard.keys("\n");
    let [Effect::Unlock(Again::Resume(_), address, told)] = &wizard.asked[..] else {
        panic!("{:?}", wizard.asked);
    };
    assert_eq!(address.to_string(), crate::data::server().to_string());
    let told: Vec<_> = told.iter().map(|(name, s)| (*name, s.expose())).collect();
    assert_eq!(told, [("password", "hunter2")]);
    assert!(!format!("{:?}", wizard.asked).contains("hunter2"));
    // Left alone, nothing is done, and nothing stays of what was typed.
    let mut wizard = Wizard::new();
    password_asked(&mut wizard);
    wizard.asked.clear();
    wizard.keys("\x1b\n");
    assert!(!wizard.asked.iter().any(|e| matches!(e, Effect::Unlock(..))));
}

#[test]
fn only_the_secrets_that_belong_to_what_is_set_are_asked_for() {
    let asked = |text: &str| {
        let address = Address::parse(text).unwrap();
        let names = askable(&address).into_iter().map(|s| s.name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(asked("falkordb://localhost/team"), ["password"]);
    assert_eq!(
        asked("falkordb://localhost/team?sentinel=main"),
        ["password", "sentinel_password"]
    );
    assert!(asked("sqlite:/a/memory.db").is_empty());
}

/// Goes to the second of two stores to be compared, the first being the default store.
fn second(places: Vec<Place>, runs: Vec<RunRow>) -> Wizard {
    let mut wizard = Wizard::new();
    wizard.tell(Msg::Found(Ok(places)));
    wizard.tell(Msg::Runs(runs));
    wizard.keys("d");
    let found = probed(source(), description(60, 94));
    let seq = last_probe(&wizard);
    wizard.tell(Msg::Probed(Seat::First, seq, Ok(found)));
    wizard.asked.clear();
    wizard.keys("\n");
    wizard
}

fn asked_of(wizard: &Wizard) -> Vec<String> {
    let probes = wizard.asked.iter().filter_map(|effect| match effect {
        Effect::Probe { address, .. } => Some(address.to_string()),
        _ => None,
    });
    probes.collect()
}

#[test]
fn a_store_is_compared_with_where_it_went_or_with_another_never_with_itself() {
    // Where the last run went, on this machine's list or not.
    let wizard = second(places(), rows());
    assert_eq!(asked_of(&wizard), ["sqlite:/srv/team/shared.db"]);
    let wizard = second(places()[..1].to_vec(), rows());
    assert_eq!(asked_of(&wizard), ["sqlite:/srv/team/shared.db"]);
    assert!(shown_at(&wizard, 80, 24).contains("▸ shared.db"));
    // Without a run, another store that was found.
    let wizard = second(places(), Vec::new());
    assert_eq!(
        asked_of(&wizard),
        ["sqlite:/home/ada/.claude-memory/memory.db"]
    );
    // With neither, none is asked before somebody says which.
    let mut wizard = second(places()[..1].to_vec(), Vec::new());
    assert_eq!(asked_of(&wizard), [""; 0]);
    // The same once more is no comparison.
    wizard.keys("↑");
    let seq = last_probe(&wizard);
    let found = probed(source(), description(60, 94));
    wizard.tell(Msg::Probed(Seat::Second, seq, Ok(found)));
    wizard.asked.clear();
    wizard.keys("\n");
    let shown = shown_at(&wizard, 80, 24);
    assert!(shown.contains("Both are the same store"), "{shown}");
    assert!(wizard.asked.is_empty(), "{:?}", wizard.asked);
}

/// Between its last event and its report a run is over already.
#[test]
fn leaving_asks_as_long_as_a_run_goes_on_and_no_longer() {
    let mut wizard = Wizard::new();
    running(&mut wizard);
    wizard.keys("q");
    assert!(shown_at(&wizard, 80, 24).contains("A run is going on"));
    wizard.keys("\x1b");
    let mut events = importing();
    let finished = Event::Finished {
        outcome: Outcome::Done,
        summary: "Moved and verified".into(),
    };
    events.push((20_000, finished));
    wizard.tell(Msg::State(state(&events)));
    wizard.asked.clear();
    wizard.keys("q");
    assert!(wizard.app.gone);
    // Nothing of it is stopped or withdrawn.
    assert!(wizard.asked.is_empty(), "{:?}", wizard.asked);
}

#[test]
fn back_from_restoring_leads_to_the_backups() {
    let mut wizard = Wizard::new();
    wizard.keys("b");
    wizard.tell(Msg::Backups(backups()));
    wizard.keys("\n");
    assert!(shown_at(&wizard, 80, 24).contains("come from?"));
    wizard.keys("\x1b");
    let shown = shown_at(&wizard, 80, 24);
    assert!(shown.contains("memferry   Backups"), "{shown}");
}

#[test]
fn a_profile_that_was_just_saved_shows_what_the_keyring_has() {
    let mut wizard = Wizard::new();
    source_screen(&mut wizard);
    let mut config = Config::default();
    let address = Address::parse("falkordb://harbour:6379/dock").unwrap();
    let place = SecretRef::Keyring("dock: password".into());
    let secrets = [("password", place)].into();
    config
        .profiles
        .insert("dock".into(), Profile { address, secrets });
    let saved = ("Saved as dock".to_owned(), Box::new(config));
    wizard.asked.clear();
    wizard.tell(Msg::Saved(Ok(saved)));
    let shown = shown_at(&wizard, 120, 40);
    assert!(shown.contains("Saved as dock"), "{shown}");
    // The first screen looks again, so that it is among the stores there.
    assert!(matches!(wizard.asked[..], [Effect::Look]));
    wizard.keys("\x1bm");
    for _ in 0..12 {
        if shown_at(&wizard, 120, 40).contains("▸ dock") {
            break;
        }
        wizard.keys("↓");
    }
    let shown = shown_at(&wizard, 120, 40);
    assert!(shown.contains("▸ dock"), "{shown}");
    assert!(shown.contains("in the keyring"), "{shown}");
}
