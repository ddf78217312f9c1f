//! Two stores, compared field by field. Each is chosen as source and target are: from what
//! is on this machine, from a profile, or in the form of its kind.

use super::pick::{self, Pick};
use crate::report::{Failure, Verification};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::msg::{Effect, Seat};
use crate::tui::pen::Pen;
use crate::tui::screens::report;
use crate::tui::theme::Role;
use ratatui::layout::Rect;

/// What it knows.
#[derive(Clone, Debug)]
pub struct State {
    /// The first store.
    pub first: Pick,
    /// The second.
    pub second: Pick,
    /// Which is being chosen.
    pub seat: Seat,
    /// Whether they are being read.
    pub asking: bool,
    /// What is compared, for people.
    pub names: (String, String),
}

impl Default for State {
    fn default() -> Self {
        Self {
            first: Pick::new(Seat::First),
            second: Pick::new(Seat::Second),
            seat: Seat::First,
            asking: false,
            names: Default::default(),
        }
    }
}

impl State {
    /// Whether something is waited for.
    pub fn is_asking(&self) -> bool {
        self.asking || self.first.is_asking() || self.second.is_asking()
    }

    /// The same, to be changed.
    pub fn pick_mut(&mut self) -> &mut Pick {
        match self.seat {
            Seat::Second => &mut self.second,
            _ => &mut self.first,
        }
    }

    /// What is being chosen.
    pub fn pick(&self) -> &Pick {
        match self.seat {
            Seat::Second => &self.second,
            _ => &self.first,
        }
    }
}

/// From the first screen to here. What was compared the last time is still chosen.
pub fn enter(app: &mut App) -> Vec<Effect> {
    app.go(super::Screen::Diff);
    app.diff.seat = Seat::First;
    if app.diff.second.found().is_none() {
        app.diff.first = app.diff.first.anew();
        app.diff.second = app.diff.second.anew();
    }
    pick::begin(app, Seat::First)
}

/// The first is chosen: on to the second.
pub fn second(app: &mut App) -> Vec<Effect> {
    app.diff.seat = Seat::Second;
    pick::begin(app, Seat::Second)
}

/// Both are chosen.
pub fn compare(app: &mut App) -> Vec<Effect> {
    let (Some(a), Some(b)) = (app.diff.first.found(), app.diff.second.found()) else {
        return Vec::new();
    };
    let (a, b) = (a.address.clone(), b.address.clone());
    if pick::is_same(&a, &b) {
        app.complain("Both are the same store. Choose another to compare it with.");
        return Vec::new();
    }
    app.diff.asking = true;
    app.diff.names = (a.to_string(), b.to_string());
    vec![Effect::Compare(a, b)]
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    match app.diff.asking {
        true => Vec::new(),
        false => pick::actions(app, app.diff.seat),
    }
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    if app.diff.asking && action == Action::Back {
        // Nobody waits for it any more.
        app.diff.asking = false;
        app.back();
        return Vec::new();
    }
    pick::act(app, app.diff.seat, action)
}

/// How they compare.
pub fn compared(app: &mut App, compared: Result<Box<Verification>, Failure>) -> Vec<Effect> {
    if !std::mem::take(&mut app.diff.asking) {
        return Vec::new();
    }
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
    pick::view(app, app.diff.seat, pen, area);
    if app.diff.asking {
        let below = Rect::new(area.x, area.bottom() - 1, area.width, 1);
        pen.fill(below, Role::Text);
        let spinner = pen.look.spinner(app.now);
        pen.raw(below.x, below.y, 2, spinner, Role::Accent);
        let text = "reading both, record by record";
        pen.text(below.x + 2, below.y, below.width - 2, text, Role::Dim);
    }
}
