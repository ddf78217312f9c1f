//! A store of a past run that asks for secrets which are kept nowhere: they are typed here,
//! one after the other, and hold as long as the wizard is open.

use crate::config::Secret;
use crate::tui::app::App;
use crate::tui::dialog::Dialog;
use crate::tui::msg::{Again, Effect, Locked};

/// What is asked, and what was told so far.
#[derive(Clone, Debug)]
pub struct State {
    locked: Locked,
    told: Vec<(&'static str, Secret)>,
}

/// A store does not open.
pub fn ask(app: &mut App, locked: Locked) {
    if app.leaving {
        app.gone = true;
        return;
    }
    app.diff.asking = false;
    let (why, told) = (locked.why.clone(), Vec::new());
    app.unlock = Some(State { locked, told });
    if !next(app) {
        app.tell(&why);
    }
}

/// Asks for the next secret; whether there is one.
fn next(app: &mut App) -> bool {
    let Some(State { locked, told }) = &app.unlock else {
        return false;
    };
    let Some(setting) = locked.secrets.get(told.len()) else {
        return false;
    };
    // Of several, not every store asks for all.
    let optional = locked.secrets.len() > 1;
    let alone = if optional {
        " Enter alone: it has none."
    } else {
        ""
    };
    let text = format!(
        "{}: {}. Type its {}; it is kept only as long as the wizard is open.{alone}",
        locked.address,
        locked.why.message,
        setting.label_within(),
    );
    app.dialog = Some(Dialog::secret(setting.label, text, optional));
    true
}

/// A secret was typed.
pub fn told(app: &mut App, secret: Secret) -> Vec<Effect> {
    if let Some(State { locked, told }) = &mut app.unlock
        && let Some(setting) = locked.secrets.get(told.len())
    {
        told.push((setting.name, secret));
    }
    if next(app) {
        return Vec::new();
    }
    match app.unlock.take() {
        Some(State { locked, mut told }) => {
            told.retain(|(_, secret)| !secret.expose().is_empty());
            app.diff.asking = matches!(locked.again, Again::Verify(_));
            vec![Effect::Unlock(locked.again, locked.address, told)]
        }
        None => Vec::new(),
    }
}
