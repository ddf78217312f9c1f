//! Which memories, and how they are written. What each conflict policy would do, and how
//! many records a filter selects, is found out by a dry run in the background.

use crate::config::Config;
use crate::engine::{Filter, OnConflict, Plan, Review, Verify};
use crate::error::{Error, ErrorKind, Result};
use crate::model::time::Instant;
use crate::report::{Failure, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::msg::{Effect, Foreseen};
use crate::tui::pen::Pen;
use crate::tui::screens::{Screen, preflight};
use crate::tui::theme::Role;
use crate::tui::widgets::form::{Field, Form};
use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

/// Above so many records nothing is tried ahead: it would read them all.
const MOST: u64 = 200_000;

/// Milliseconds of rest before a change is tried.
const REST: i64 = 350;

const ADVANCED: [&str; 5] = ["rollback", "batch", "rate", "stage_dir", "copy"];

/// What it knows.
#[derive(Clone, Debug)]
pub struct State {
    /// The answers.
    pub form: Form,
    /// Number of the last question.
    pub seq: u64,
    due: Option<i64>,
    asking: bool,
    found: Option<Result<Box<Foreseen>, Failure>>,
}

impl State {
    /// With the defaults of the configuration.
    pub fn new(config: &Config) -> Self {
        let yes = |b: bool| if b { "yes" } else { "no" };
        let (level, sample) = match config.verify {
            Verify::Full => ("full", 1_000),
            Verify::Sample(n) => ("sample", n),
            Verify::None => ("none", 1_000),
        };
        let stage = config.stage_dir.as_ref().map(|p| p.display().to_string());
        let words = ["yes", "no"];
        let mut form = Form::new(vec![
            Field::choice(
                "policy",
                "Conflicts",
                "What happens to a record that the target has with other content: it stays, is replaced, the newer one stays, or the run is refused.",
                &["skip", "overwrite", "newest", "fail"],
            ),
            Field::choice(
                "verify",
                "Verify",
                "How much of the target is read back and compared, field by field.",
                &["full", "sample", "none"],
            )
            .with(level),
            Field::text(
                "sample",
                "Sample of",
                "How many records of each kind are compared.",
            )
            .with(&sample.to_string()),
            Field::choice(
                "backup",
                "Backup",
                "A target that holds records is backed up before the first write.",
                &words,
            )
            .with(yes(config.backup)),
            Field::text(
                "since",
                "Only since",
                "Only memories updated at or after this time, such as 2026-11-20T18:00:00Z, or last-run. Empty: all.",
            ),
            Field::text(
                "types",
                "Only types",
                "Only these memory types, with commas between them. Empty: all.",
            ),
            Field::text(
                "tags",
                "Only tags",
                "Only memories with one of these tags, with commas between them. Empty: all.",
            ),
            Field::text(
                "project",
                "Only project",
                "Only memories of this project path. Empty: all.",
            ),
            Field::text(
                "tenant",
                "Only tenant",
                "Only memories of this tenant. Empty: all.",
            ),
            Field::choice(
                "rollback",
                "If it fails",
                "Whether a run that fails takes its writes back by itself.",
                &["take back", "leave"],
            ),
            Field::text(
                "batch",
                "Batch",
                "Most records of a batch, from 1 to 100,000.",
            )
            .with("2000"),
            Field::text("rate", "Limit", "Most records a second; 0 for no limit.").with("0"),
            Field::path(
                "stage_dir",
                "Stage in",
                "Folder for the copy on disk that is made first. Empty: the folder of the run.",
            )
            .with(&stage.unwrap_or_default()),
            Field::choice(
                "copy",
                "Read from",
                "Whether the source is read in place, or from a private copy from the start.",
                &["in place", "a copy"],
            ),
        ]);
        show(&mut form, false);
        Self {
            form,
            seq: 0,
            due: None,
            asking: false,
            found: None,
        }
    }

    /// Whether a dry run goes on, or is about to.
    pub fn is_asking(&self) -> bool {
        self.asking || self.due.is_some()
    }
}

fn show(form: &mut Form, advanced: bool) {
    let sample = form.get("verify") == "sample";
    for field in &mut form.fields {
        field.shown = match field.name {
            "sample" => sample,
            name if ADVANCED.contains(&name) => advanced,
            _ => true,
        };
    }
}

fn is_advanced(form: &Form) -> bool {
    form.fields.iter().any(|f| f.name == "batch" && f.shown)
}

/// The plan that was answered together; mistakes are marked in the form.
pub fn plan(app: &mut App) -> Result<Plan> {
    let (Some(source), Some(target)) = (app.source.found(), app.target.found()) else {
        return Err(Error::internal("source or target is not chosen"));
    };
    let mut plan = Plan::new(&source.address, &target.address);
    let form = &mut app.options.form;
    form.fields.iter_mut().for_each(|f| f.mistake = None);
    let mut first: Option<Error> = None;
    let mut wrong = |form: &mut Form, name: &str, what: &str| {
        let error = Error::new(ErrorKind::Usage, what);
        form.blame(name, &error);
        first.get_or_insert(error);
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let list = |text: &str| {
        let parts = text.split(',').map(str::trim).filter(|t| !t.is_empty());
        parts.map(str::to_owned).collect()
    };
    let since = some(form.get("since"));
    if let Some(since) = &since
        && since != "last-run"
        && Instant::parse(since).is_none()
    {
        wrong(
            form,
            "since",
            "Give a time such as 2026-11-20T18:00:00Z, or last-run.",
        );
    }
    plan.filter = Filter {
        since,
        types: list(form.get("types")),
        tags: list(form.get("tags")),
        project: some(form.get("project")),
        tenant: some(form.get("tenant")),
    };
    plan.write.on_conflict = match form.get("policy") {
        "overwrite" => OnConflict::Overwrite,
        "newest" => OnConflict::Newest,
        "fail" => OnConflict::Fail,
        _ => OnConflict::Skip,
    };
    plan.write.verify = match form.get("verify") {
        "none" => Verify::None,
        "sample" => match form.get("sample").replace(',', "").parse() {
            Ok(n) if n > 0 => Verify::Sample(n),
            _ => {
                wrong(form, "sample", "Give a whole number from 1.");
                Verify::Full
            }
        },
        _ => Verify::Full,
    };
    plan.write.backup = form.get("backup") == "yes";
    plan.write.rollback = form.get("rollback") == "take back";
    match form.get("batch").replace(',', "").parse() {
        Ok(n @ 1..=100_000) => plan.write.batch = n,
        _ => wrong(form, "batch", "Give a whole number from 1 to 100,000."),
    }
    match form.get("rate").replace(',', "").parse() {
        Ok(n) => plan.write.rate = n,
        _ => wrong(form, "rate", "Give a whole number; 0 for no limit."),
    }
    let stage = crate::config::expand_home(form.get("stage_dir"), &crate::config::process_env);
    match (stage.is_empty(), stage.starts_with('/')) {
        (true, _) => {}
        (false, true) => plan.write.stage_dir = Some(stage.into()),
        (false, false) => wrong(form, "stage_dir", "Write it from the root, or from ~/."),
    }
    match first {
        Some(error) => {
            let hidden = form.fields.iter().any(|f| f.mistake.is_some() && !f.shown);
            if hidden {
                show(form, true);
            }
            form.to_mistake();
            Err(error)
        }
        None => Ok(plan),
    }
}

/// Whether the source is to be read from a copy.
pub fn source_copy(app: &App) -> bool {
    app.options.form.get("copy") == "a copy"
}

/// From the target to here.
pub fn enter(app: &mut App) -> Vec<Effect> {
    app.go(Screen::Options);
    app.options.due = Some(app.now);
    tick(app)
}

/// Tries what is due.
pub fn tick(app: &mut App) -> Vec<Effect> {
    if app.screen != Screen::Options || app.options.due.is_none_or(|due| due > app.now) {
        return Vec::new();
    }
    app.options.due = None;
    let records = app.source.found().and_then(|p| p.description.counts);
    let readable = app
        .target
        .found()
        .is_some_and(|p| p.address.descriptor().source);
    let there = app.target.found().is_some_and(|p| p.description.exists);
    if records.is_none_or(|c| c.total() > MOST) || (there && !readable) {
        app.options.found = None;
        return Vec::new();
    }
    let at = app.options.form.at;
    let Ok(mut plan) = plan(app) else {
        app.options.form.at = at;
        app.options.found = None;
        return vec![Effect::DropForecast];
    };
    let (Some(source), Some(target)) = (app.source.found(), app.target.found()) else {
        return Vec::new();
    };
    let stores = (source.address.clone(), target.address.clone());
    // What `newest` would do tells what the others would.
    plan.write.on_conflict = OnConflict::Newest;
    plan.write.dry_run = true;
    plan.write.rate = 0;
    app.options.seq += 1;
    app.options.asking = true;
    let (seq, plan) = (app.options.seq, Box::new(plan));
    vec![Effect::Forecast { seq, plan, stores }]
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
            Ok(plan) => {
                let mut effects = vec![Effect::DropForecast];
                effects.extend(preflight::enter(app, plan));
                effects
            }
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
            vec![Effect::DropForecast]
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
    pen.text(
        area.x,
        area.y,
        area.width,
        "Which memories, and how are they written?",
        Role::Title,
    );
    let below = Rect::new(
        area.x,
        area.y + 2,
        area.width,
        area.height.saturating_sub(4),
    );
    form.view(pen, below, true);
    let y = area.bottom() - 1;
    match (&state.found, state.is_asking()) {
        (_, true) => {
            let spinner = pen.look.spinner(app.now);
            pen.raw(area.x, y, 2, spinner, Role::Accent);
            pen.text(
                area.x + 2,
                y,
                area.width - 2,
                "counting what would be done",
                Role::Dim,
            );
        }
        (Some(Ok(found)), _) => {
            let r = &found.review;
            let text = format!(
                "{} selected: {} new, {} in both with other content, {} the same already",
                words::counts(&r.staged),
                words::number(r.added.total()),
                words::number(r.changed.total() + r.kept.total()),
                words::number(r.same.total()),
            );
            pen.text(area.x, y, area.width, &text, Role::Dim);
        }
        (Some(Err(failure)), _) => {
            pen.text(
                area.x,
                y,
                area.width,
                &format!("not counted: {}", failure.message),
                Role::Dim,
            );
        }
        (None, _) => {
            let text = "Not counted ahead; the next step reads everything.";
            pen.text(area.x, y, area.width, text, Role::Dim);
        }
    }
}
