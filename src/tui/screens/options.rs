//! Which memories, and how they are written. What each conflict policy would do, and how
//! many records a filter selects, is counted in the background, shown as it grows, and
//! given up as soon as the filter is changed.

mod answers;

pub use answers::{form, read};

use crate::config::Config;
use crate::engine::{Filter, Plan, Review};
use crate::error::{Error, Result};
use crate::report::{Failure, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::msg::{Counted, Effect, Foreseen};
use crate::tui::pen::Pen;
use crate::tui::screens::{Screen, preflight};
use crate::tui::theme::Role;
use crate::tui::widgets::form::Form;
use answers::{POLICIES, is_advanced, show};
use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

/// Milliseconds of rest before a change is tried.
const REST: i64 = 350;

/// What it knows.
#[derive(Clone, Debug)]
pub struct State {
    /// The answers.
    pub form: Form,
    /// Number of the last question.
    pub seq: u64,
    due: Option<i64>,
    asking: bool,
    /// What the count is of that goes on, or that is done.
    of: Option<Filter>,
    counted: Counted,
    found: Option<Result<Box<Foreseen>, Failure>>,
}

impl State {
    /// With the defaults of the configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            form: answers::form(config),
            seq: 0,
            due: None,
            asking: false,
            of: None,
            counted: Counted::default(),
            found: None,
        }
    }

    fn is_filtered(&self) -> bool {
        self.of.as_ref().is_some_and(|filter| !filter.is_empty())
    }

    /// Whether it is counted, or about to be.
    pub fn is_asking(&self) -> bool {
        self.asking || self.due.is_some()
    }
}

/// The plan that was answered together; mistakes are marked in the form.
pub fn plan(app: &mut App) -> Result<Plan> {
    let (Some(source), Some(target)) = (app.source.found(), app.target.found()) else {
        return Err(Error::internal("source or target is not chosen"));
    };
    let plan = Plan::new(&source.address, &target.address);
    answers::read(&mut app.options.form, plan)
}

/// Whether the source is to be read from a copy.
pub fn source_copy(app: &App) -> bool {
    app.options.form.get("copy") == "a copy"
}

/// From the target to here.
pub fn enter(app: &mut App) -> Vec<Effect> {
    app.go(Screen::Options);
    app.options.due = Some(app.now);
    app.options.of = None;
    tick(app)
}

/// From here to elsewhere: a count that goes on is given up, and begun anew by whoever
/// comes back. Whether one went on.
pub fn leave(app: &mut App) -> bool {
    let asking = std::mem::take(&mut app.options.asking);
    if asking {
        app.options.of = None;
        app.options.due = Some(app.now);
    }
    asking
}

/// Counts what is due, unless that is being counted already.
pub fn tick(app: &mut App) -> Vec<Effect> {
    if app.screen != Screen::Options || app.options.due.is_none_or(|due| due > app.now) {
        return Vec::new();
    }
    app.options.due = None;
    let readable = app
        .target
        .found()
        .is_some_and(|p| p.address.descriptor().source);
    let there = app.target.found().is_some_and(|p| p.description.exists);
    if there && !readable {
        app.options.found = None;
        return Vec::new();
    }
    let at = app.options.form.at;
    let Ok(plan) = plan(app) else {
        app.options.form.at = at;
        app.options.found = None;
        app.options.of = None;
        app.options.asking = false;
        return vec![Effect::DropForecast];
    };
    if app.options.of.as_ref() == Some(&plan.filter) {
        return Vec::new();
    }
    let (Some(source), Some(target)) = (app.source.found(), app.target.found()) else {
        return Vec::new();
    };
    let stores = (source.address.clone(), target.address.clone());
    app.options.of = Some(plan.filter.clone());
    app.options.counted = Counted::default();
    app.options.found = None;
    app.options.seq += 1;
    app.options.asking = true;
    let (seq, plan) = (app.options.seq, Box::new(plan));
    vec![Effect::Forecast { seq, plan, stores }]
}

/// How far the count is.
pub fn counting(app: &mut App, seq: u64, counted: Counted) {
    if app.options.seq == seq {
        app.options.counted = counted;
    }
}

/// What it would do.
pub fn foreseen(app: &mut App, seq: u64, found: Result<Box<Foreseen>, Failure>) {
    if app.options.seq == seq {
        app.options.asking = false;
        app.options.found = Some(found);
    }
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let mut all = vec![Next];
    if !app.options.form.takes_text() {
        all.extend([Toggle, Left, Right]);
    }
    all.extend([NextField, PreviousField, Advanced, Up, Down]);
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    let advanced = is_advanced(&app.options.form);
    match action {
        Action::Next => match plan(app) {
            Ok(plan) => preflight::enter(app, plan),
            Err(_) => Vec::new(),
        },
        Action::NextField | Action::Down => {
            if !app.options.form.step(false) && action == Action::NextField {
                app.options.form.enter(false);
            }
            Vec::new()
        }
        Action::PreviousField | Action::Up => {
            if !app.options.form.step(true) && action == Action::PreviousField {
                app.options.form.enter(true);
            }
            Vec::new()
        }
        Action::Left | Action::Right | Action::Toggle => {
            if app.options.form.turn(action) {
                show(&mut app.options.form, advanced);
            }
            Vec::new()
        }
        Action::Advanced => {
            show(&mut app.options.form, !advanced);
            let at = app.options.form.at;
            if app.options.form.fields.get(at).is_some_and(|f| !f.shown) {
                app.options.form.enter(false);
            }
            Vec::new()
        }
        Action::Back => {
            app.back();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// A key for the field.
pub fn typed(app: &mut App, event: KeyEvent) -> Option<Vec<Effect>> {
    let changed = app.options.form.key(event)?;
    if changed {
        touched(app);
    }
    Some(Vec::new())
}

/// A paste.
pub fn pasted(app: &mut App, text: &str) -> Vec<Effect> {
    if app.options.form.takes_text()
        && let Some(field) = app.options.form.focused()
    {
        field.text.paste(text);
        touched(app);
    }
    Vec::new()
}

fn touched(app: &mut App) {
    if let Some(field) = app.options.form.focused() {
        field.mistake = None;
    }
    app.options.due = Some(app.now + REST);
}

/// In words, what a policy would do, from what `newest` would.
pub fn would(review: &Review, policy: &str) -> String {
    let conflicts = review.changed.total() + review.kept.total();
    let n = words::number;
    match (policy, conflicts) {
        (_, 0) => "no record is in both with other content".to_owned(),
        ("overwrite", c) => format!("{} would be replaced", n(c)),
        ("newest", c) => format!(
            "{} would be replaced, {} would stay",
            n(review.changed.total()),
            n(c - review.changed.total())
        ),
        ("fail", c) => format!("the run would be refused: {} differ", n(c)),
        (_, c) => format!("{} would stay as the target has them", n(c)),
    }
}

/// The same where there is little room.
fn shortly(review: &Review, policy: &str) -> String {
    let (changed, kept) = (review.changed.total(), review.kept.total());
    let n = words::number;
    match policy {
        "overwrite" => format!("{} replaced", n(changed + kept)),
        "newest" => format!("{} replaced, {} stay", n(changed), n(kept)),
        "fail" => "refused".to_owned(),
        _ => format!("{} stay", n(changed + kept)),
    }
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let state = &app.options;
    let foreseen = match &state.found {
        Some(Ok(found)) if !state.is_asking() => Some(found),
        _ => None,
    };
    let mut form = state.form.clone();
    if let Some(found) = foreseen {
        let policy = form.get("policy").to_owned();
        if let Some(field) = form.field("policy") {
            field.note = would(&found.review, &policy);
            if found.review.changed.total() + found.review.kept.total() > 0 {
                let said = if area.width < 76 { shortly } else { would };
                let each = POLICIES.map(|p| format!("{p}: {}", said(&found.review, p)));
                field.help = each.join(". ") + ".";
            }
        }
        let about = words::duration(found.ms.max(10));
        let level = form.get("verify").to_owned();
        if let Some(field) = form.field("verify") {
            field.note = match level.as_str() {
                "full" => format!("every field of every record, about {about}"),
                "sample" => "every field of some, and all counts".to_owned(),
                _ => "nothing is read back".to_owned(),
            };
        }
    }
    if let Some(field) = form.field("backup") {
        let empty = app.target.found().is_none_or(|p| {
            !p.description.exists || p.description.counts.is_some_and(|c| c.total() == 0)
        });
        let folder = app.setup.paths.state_dir.join("backups");
        let folder = super::home::home_short(&folder.display().to_string());
        field.note = match (empty, field.value() == "yes") {
            (true, _) => "the target holds nothing yet: none is needed".to_owned(),
            (false, true) => format!("in {folder}"),
            (false, false) => "what is replaced is kept in the run for rolling back".to_owned(),
        };
    }
    // Where rows are dear, the stepper alone says where one is.
    let title = if area.height < 16 { 0 } else { 2 };
    if title > 0 {
        let text = "Which memories, and how are they written?";
        pen.text(area.x, area.y, area.width, text, Role::Title);
    }
    let below = Rect::new(
        area.x,
        area.y + title,
        area.width,
        area.height.saturating_sub(2 + title),
    );
    form.view(pen, below, true);
    let below = Rect::new(area.x, area.bottom() - 2, area.width, 2);
    counted(app, pen, below);
}

/// What would be done, or how far the count of it is.
fn counted(app: &App, pen: &mut Pen, area: Rect) {
    let state = &app.options;
    let n = words::number;
    if state.is_asking() {
        let spinner = pen.look.spinner(app.now);
        pen.raw(area.x, area.y, 2, spinner, Role::Accent);
        let at = Rect::new(area.x + 2, area.y, area.width - 2, area.height);
        pen.wrapped(at, &growing(&state.counted), Role::Dim);
        return;
    }
    let text = match &state.found {
        Some(Ok(found)) => {
            let r = &found.review;
            let selected = if state.is_filtered() { " selected" } else { "" };
            format!(
                "{}{selected}: {} new, {} in conflict, {} the same already",
                words::counts(&r.staged),
                n(r.added.total()),
                n(r.changed.total() + r.kept.total()),
                n(r.same.total()),
            )
        }
        Some(Err(failure)) => format!("not counted: {}", failure.message),
        None => "Not counted ahead; the next step reads everything.".to_owned(),
    };
    pen.wrapped(area, &text, Role::Dim);
}

fn growing(counted: &Counted) -> String {
    let n = words::number;
    let read = match (counted.read, counted.total) {
        (0, _) => "counting what would be done".to_owned(),
        (read, Some(total)) => format!("counting: {} of {} records read", n(read), n(total)),
        (read, None) => format!("counting: {} records read", n(read)),
    };
    match counted.selected {
        Some(selected) => format!(
            "{read}, {} selected so far",
            words::count(selected, "memory", "memories")
        ),
        None => read,
    }
}
