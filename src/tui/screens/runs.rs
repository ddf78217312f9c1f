//! Past runs: open their reports, go on with one, take one back, watch one, remove one.

use crate::engine::RunStatus;
use crate::report::{Outcome, Report, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Again, Effect, RunRow, Running};
use crate::tui::pen::{ARROW, Pen};
use crate::tui::screens::home;
use crate::tui::theme::Role;
use crate::tui::widgets::list::{List, Move};
use ratatui::layout::Rect;

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The runs, newest first; `None` while they are read.
    pub rows: Option<Vec<RunRow>>,
    /// The cursor.
    pub list: List,
}

fn chosen(app: &App) -> Option<&RunRow> {
    app.runs.rows.as_ref()?.get(app.runs.list.at)
}

/// Whether something of that run is in its target.
pub fn can_roll_back(report: &Report) -> bool {
    report.can_roll_back && report.outcome != Outcome::RolledBack
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let mut all = Vec::new();
    if let Some(row) = chosen(app) {
        all.push(Open);
        match row.status {
            Ok(RunStatus::Unfinished) => all.extend([Resume, RollBack]),
            Ok(RunStatus::Finished(_)) if row.wrote => all.push(RollBack),
            _ => {}
        }
        all.push(Replay);
        if row.status != Ok(RunStatus::Active) {
            all.push(Remove);
        }
    }
    all.extend([Refresh, Up, Down, PageUp, PageDown, First, Last]);
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    if let Some(way) = Move::of(action) {
        let len = app.runs.rows.as_ref().map_or(0, Vec::len);
        app.runs.list.go(way, len);
        return Vec::new();
    }
    match action {
        Action::Back => {
            app.back();
            return Vec::new();
        }
        Action::Refresh => return vec![Effect::ListRuns],
        _ => {}
    }
    let Some(row) = chosen(app).cloned() else {
        return Vec::new();
    };
    match action {
        Action::Open => match row.status {
            Ok(RunStatus::Active) => vec![Effect::Follow(row.folder, Running::Watched)],
            Ok(RunStatus::Finished(_)) => vec![Effect::Load(row.folder)],
            Ok(RunStatus::Unfinished) => vec![Effect::Follow(row.folder, Running::Replayed)],
            Err(_) => {
                app.complain(row.summary);
                Vec::new()
            }
        },
        Action::Resume => {
            app.live = None;
            vec![Effect::Again(Again::Resume(row.folder))]
        }
        Action::Replay => vec![Effect::Follow(row.folder, Running::Replayed)],
        Action::RollBack => ask_roll_back(app, &row),
        Action::Remove => {
            let text = format!(
                "Run {} can then be neither resumed, rolled back nor verified. What it wrote stays.",
                row.folder.name
            );
            let answers = [("Keep it", Then::Nothing), ("Remove it", Then::RemoveRun)];
            app.dialog = Some(Dialog::choose("Remove a run", text, &answers));
            app.chosen_run = Some(row.folder);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Asks before a run is taken back.
pub fn ask_roll_back(app: &mut App, row: &RunRow) -> Vec<Effect> {
    ask_roll_back_of(app, &row.folder.name, &row.target)
}

/// The same, of a run by name. The target's name has to be typed.
pub fn ask_roll_back_of(app: &mut App, run: &str, target: &str) -> Vec<Effect> {
    let home = app.setup.home.clone();
    let folder = match home.run(run) {
        Ok(folder) => folder,
        Err(error) => {
            app.complain(error.to_string());
            return Vec::new();
        }
    };
    let name = home::short(target).to_owned();
    let text = format!(
        "What run {run} added to {target} is removed, and what it changed is restored. Records that somebody changed since are left alone. To go on, type the target's name: {name}"
    );
    app.dialog = Some(Dialog::confirm("Roll back", text, &name, Then::RollBack));
    app.chosen_run = Some(folder);
    Vec::new()
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let Some(rows) = &app.runs.rows else {
        pen.text(area.x, area.y, area.width, "reading", Role::Dim);
        return;
    };
    if rows.is_empty() {
        pen.text(
            area.x,
            area.y,
            area.width,
            "There are no runs yet.",
            Role::Dim,
        );
        return;
    }
    let detail = 4.min(area.height / 3);
    let list = Rect {
        height: area.height - detail - 1,
        ..area
    };
    let wide = area.width >= 100;
    let moment = |row: &RunRow| words::moment(row.at, app.now, &app.setup.zone).len();
    let moments = rows.iter().map(moment).max().unwrap_or(0) as u16;
    app.runs
        .list
        .view(pen, list, rows.len(), true, |pen, i, at| {
            let row = &rows[i];
            let chosen = i == app.runs.list.at;
            let plain = if chosen { Role::Selected } else { Role::Text };
            let dim = if chosen { Role::Selected } else { Role::Dim };
            let (sign, role, word) = home::run_sign(row);
            pen.sign(at.x, at.y, sign, role);
            pen.text(at.x + 2, at.y, 12, word, role);
            let mut x = at.x + 15;
            let moment = words::moment(row.at, app.now, &app.setup.zone);
            pen.text(x, at.y, moments, &moment, dim);
            x += moments + 2;
            let room = at.right().saturating_sub(x);
            let names = if wide { 24 } else { room.saturating_sub(4) / 2 };
            x += pen.path(x, at.y, names, home::short(&row.source), plain) + 1;
            x += pen.sign(x, at.y, ARROW, dim) + 1;
            x += pen.path(x, at.y, names, home::short(&row.target), plain) + 2;
            if wide {
                pen.text(x, at.y, at.right().saturating_sub(x), &row.summary, dim);
            }
        });
    pen.rule(area.x, list.bottom(), area.width);
    if let Some(row) = chosen(app) {
        let below = Rect::new(area.x, list.bottom() + 1, area.width, detail);
        let took = pen
            .text(
                area.x,
                below.y,
                area.width,
                &format!("run {}", row.folder.name),
                Role::Dim,
            )
            .min(1);
        let (x, y) = (area.x, below.y + took);
        ends(pen, Rect::new(x, y, area.width, 1), row, Role::Text);
        let rest = Rect::new(x, y + 1, area.width, detail.saturating_sub(took + 1));
        pen.wrapped(rest, &row.summary, Role::Text);
    }
}

/// Where a run went from, and where to.
pub fn ends(pen: &mut Pen, at: Rect, run: &RunRow, role: Role) {
    let half = at.width / 2 - 2;
    let mut x = at.x + pen.path(at.x, at.y, half, &home::home_short(&run.source), role) + 1;
    x += pen.sign(x, at.y, ARROW, Role::Dim) + 1;
    let room = at.right().saturating_sub(x);
    pen.path(x, at.y, room, &home::home_short(&run.target), role);
}
