//! Two stores, compared field by field.

use crate::config::{self, Side, process_env};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Failure, Verification};
use crate::store::{Address, registry};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::msg::Effect;
use crate::tui::pen::Pen;
use crate::tui::screens::report;
use crate::tui::theme::Role;
use crate::tui::widgets::form::{Field, Form};
use ratatui::layout::Rect;

/// What it knows.
#[derive(Clone, Debug)]
pub struct State {
    /// The two stores.
    pub form: Form,
    /// Whether they are being read.
    pub asking: bool,
    /// What is compared, for people.
    pub names: (String, String),
}

impl Default for State {
    fn default() -> Self {
        let help = "An address such as KIND:PATH, a path whose ending tells its kind, or the name of a saved profile.";
        Self {
            form: Form::new(vec![
                Field::path("first", "This store", help),
                Field::path("second", "and this one", help),
            ]),
            asking: false,
            names: Default::default(),
        }
    }
}

impl State {
    /// Whether they are being read.
    pub fn is_asking(&self) -> bool {
        self.asking
    }
}

/// The address that a word means: a profile, an address, a path.
pub fn address(word: &str, side: Side, config: &config::Config) -> Result<Address> {
    let address = match (config.profiles.get(word), registry::find(word)) {
        (_, Some(descriptor)) => Address::new(descriptor),
        (Some(profile), None) => profile.address.clone(),
        (None, None) => Address::parse(&config::expand_home(word, &process_env))?,
    };
    Ok(config::fill(address, side, config, &process_env, None)?.absolute())
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let mut all = Vec::new();
    if !app.diff.asking {
        all.push(Next);
    }
    all.extend([NextField, PreviousField, Up, Down]);
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    match action {
        Action::Back => {
            app.back();
            Vec::new()
        }
        Action::Up | Action::PreviousField => {
            app.diff.form.step(true);
            Vec::new()
        }
        Action::Down | Action::NextField => {
            app.diff.form.step(false);
            Vec::new()
        }
        Action::Next => compare(app),
        _ => Vec::new(),
    }
}

fn compare(app: &mut App) -> Vec<Effect> {
    let config = app.setup.config.clone();
    let mut found = Vec::new();
    for (name, side) in [("first", Side::From), ("second", Side::To)] {
        let word = app.diff.form.get(name).to_owned();
        let read = match word.is_empty() {
            true => Err(Error::new(ErrorKind::Usage, "Say which store.")),
            false => address(&word, side, &config),
        };
        match read {
            Ok(address) => {
                if let Some(field) = app.diff.form.field(name) {
                    field.mistake = None;
                }
                found.push(address);
            }
            Err(error) => {
                let text = match error.what_to_do() {
                    Some(remedy) => format!("{}. {remedy}", error.message()),
                    None => error.message().to_owned(),
                };
                if let Some(field) = app.diff.form.field(name) {
                    field.mistake = Some(text);
                }
                app.diff.form.to_mistake();
                return Vec::new();
            }
        }
    }
    let (Some(b), Some(a)) = (found.pop(), found.pop()) else {
        return Vec::new();
    };
    app.diff.asking = true;
    app.diff.names = (a.to_string(), b.to_string());
    vec![Effect::Compare(a, b)]
}

/// How they compare.
pub fn compared(app: &mut App, compared: Result<Box<Verification>, Failure>) -> Vec<Effect> {
    app.diff.asking = false;
    match compared {
        Ok(verification) => {
            let (a, b) = app.diff.names.clone();
            report::open_comparison(app, a, b, *verification);
        }
        Err(failure) => app.tell(&failure),
    }
    Vec::new()
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    pen.text(
        area.x,
        area.y,
        area.width,
        "Do two stores hold the same records, field by field?",
        Role::Title,
    );
    let form = Rect::new(
        area.x,
        area.y + 2,
        area.width.min(90),
        area.height.saturating_sub(4).min(9),
    );
    app.diff.form.view(pen, form, true);
    if app.diff.asking {
        let spinner = pen.look.spinner(app.now);
        let y = area.bottom() - 1;
        pen.raw(area.x, y, 2, spinner, Role::Accent);
        pen.text(area.x + 2, y, area.width - 2, "reading both", Role::Dim);
    }
}
