//! Typing into the form of a store: keys, pastes, and paths that are completed.

use super::{end, seat};
use crate::config::{expand_home, process_env};
use crate::store::Address;
use crate::tui::app::App;
use crate::tui::msg::{Effect, Seat};
use crossterm::event::{KeyCode, KeyEvent};

/// A path goes on like this.
pub fn completed(app: &mut App, seq: u64, rest: &str) {
    let Some(seat) = seat(app) else { return };
    let pick = end(app, seat);
    if pick.seq == seq
        && let Some(field) = pick
            .choices
            .get_mut(pick.list.at)
            .and_then(|c| c.form.focused())
    {
        field.ghost = rest.to_owned();
    }
}

/// What was typed makes what is known of the store void.
pub(super) fn changed(app: &mut App, seat: Seat) {
    let pick = end(app, seat);
    pick.forget();
    let Some(choice) = pick.choices.get_mut(pick.list.at) else {
        return;
    };
    if choice.sample {
        // It is the sample only as long as it is where the sample is.
        choice.sample = false;
    }
    let descriptor = choice.descriptor;
    for field in &mut choice.form.fields {
        let typed = expand_home(field.value().trim(), &process_env);
        let set = Address::new(descriptor).set(field.name, &typed);
        field.mistake = match (typed.is_empty(), set) {
            (false, Err(error)) => Some(error.what_to_do().unwrap_or(error.message()).to_owned()),
            _ => None,
        };
    }
}

/// A key for the field.
pub fn typed(app: &mut App, seat: Seat, event: KeyEvent) -> Option<Vec<Effect>> {
    let pick = end(app, seat);
    let choice = pick.choices.get_mut(pick.list.at)?;
    let field = choice.form.focused()?;
    let takes = event.code == KeyCode::Right && event.modifiers.is_empty();
    if takes && field.text.at_end() && !field.ghost.is_empty() {
        return Some(accept(app, seat));
    }
    let did = choice.form.key(event)?;
    if did {
        changed(app, seat);
        return Some(complete(app, seat));
    }
    Some(Vec::new())
}

/// A paste.
pub fn pasted(app: &mut App, seat: Seat, text: &str) -> Vec<Effect> {
    let pick = end(app, seat);
    if !pick.on_form {
        return Vec::new();
    }
    if let Some(field) = pick
        .choices
        .get_mut(pick.list.at)
        .and_then(|c| c.form.focused())
    {
        field.text.paste(text);
    }
    changed(app, seat);
    complete(app, seat)
}

/// Asks how the path goes on that is being typed.
pub(super) fn complete(app: &mut App, seat: Seat) -> Vec<Effect> {
    let pick = end(app, seat);
    let seq = pick.seq;
    let Some(choice) = pick.choices.get_mut(pick.list.at) else {
        return Vec::new();
    };
    if !pick.on_form || !choice.form.takes_path() {
        return Vec::new();
    }
    let value = choice.form.focused().map(|f| f.value().to_owned());
    match value.filter(|v| !v.is_empty()) {
        Some(value) => vec![Effect::Complete(seq, value)],
        None => Vec::new(),
    }
}

/// Takes what would complete the path.
pub(super) fn accept(app: &mut App, seat: Seat) -> Vec<Effect> {
    let pick = end(app, seat);
    if let Some(field) = pick
        .choices
        .get_mut(pick.list.at)
        .and_then(|c| c.form.focused())
    {
        let ghost = std::mem::take(&mut field.ghost);
        if ghost.is_empty() {
            return complete(app, seat);
        }
        field.text.set(&format!("{}{ghost}", field.value()));
    }
    changed(app, seat);
    complete(app, seat)
}
