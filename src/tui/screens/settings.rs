//! How the wizard looks and listens, and where memferry keeps its files.

use crate::tui::action::Action;
use crate::tui::app::{App, Setup};
use crate::tui::msg::Effect;
use crate::tui::pen::Pen;
use crate::tui::prefs;
use crate::tui::screens::home;
use crate::tui::theme::Role;
use crate::tui::widgets::form::{Field, Form};
use ratatui::layout::Rect;

/// What it knows.
#[derive(Clone, Debug)]
pub struct State {
    /// The choices.
    pub form: Form,
}

impl State {
    /// As they are.
    pub fn new(setup: &Setup) -> Self {
        let themes = prefs::themes(&setup.paths);
        let themes: Vec<&str> = themes.iter().map(String::as_str).collect();
        let now = &setup.prefs;
        Self {
            form: Form::new(vec![
                Field::choice("theme", "Theme", "Colours. NO_COLOR wins over this. Your own themes stand in the folder themes, beside config.toml.", &themes).with(&now.theme),
                Field::choice("symbols", "Symbols", "ASCII for terminals that lack other characters.", &["unicode", "ascii"]).with(if now.ascii { "ascii" } else { "unicode" }),
                Field::choice("mouse", "Mouse", "Off leaves the mouse to the terminal, for selecting text.", &["on", "off"]).with(if now.mouse { "on" } else { "off" }),
            ]),
        }
    }
}

/// What can be done.
pub fn actions(_: &App) -> Vec<Action> {
    use Action::*;
    vec![Toggle, Left, Right, NextField, PreviousField, Up, Down]
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    match action {
        Action::Up | Action::PreviousField => {
            app.settings.form.step(true);
        }
        Action::Down | Action::NextField => {
            app.settings.form.step(false);
        }
        Action::Back => app.back(),
        Action::Left | Action::Right | Action::Toggle => {
            app.settings.form.turn(action);
            return take(app);
        }
        _ => {}
    }
    Vec::new()
}

fn take(app: &mut App) -> Vec<Effect> {
    let form = &app.settings.form;
    let prefs = prefs::Prefs {
        theme: form.get("theme").to_owned(),
        ascii: form.get("symbols") == "ascii",
        mouse: form.get("mouse") == "on",
    };
    let mouse = prefs.mouse;
    match prefs.look(&app.setup.paths, &crate::config::process_env) {
        Ok(look) => {
            app.setup.look = look;
            app.setup.prefs = prefs.clone();
            vec![Effect::SavePrefs(prefs), Effect::Mouse(mouse)]
        }
        Err(error) => {
            app.complain(error.to_string());
            Vec::new()
        }
    }
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let form = Rect::new(area.x, area.y, area.width, 8.min(area.height));
    app.settings.form.view(pen, form, true);
    let paths = &app.setup.paths;
    let mut y = area.y + 9;
    for (name, path) in [
        ("configuration", &paths.config_file),
        ("runs, backups", &paths.state_dir),
    ] {
        if y < area.bottom() {
            pen.text(area.x, y, 15, name, Role::Dim);
            let shown = home::home_short(&path.display().to_string());
            pen.path(area.x + 16, y, area.width - 16, &shown, Role::Text);
            y += 1;
        }
    }
    let profiles: Vec<_> = app.setup.config.profiles.keys().cloned().collect();
    if y < area.bottom() {
        pen.text(area.x, y, 15, "profiles", Role::Dim);
        let text = match profiles.is_empty() {
            true => "none saved".to_owned(),
            false => profiles.join(", "),
        };
        pen.text(area.x + 16, y, area.width - 16, &text, Role::Text);
    }
}
