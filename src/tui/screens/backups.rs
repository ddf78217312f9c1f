//! Backups: what they are of, whether they read back, and making a store from one.

use crate::engine::BackupInfo;
use crate::report::{Failure, inert, words};
use crate::store::Address;
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::msg::Effect;
use crate::tui::pen::{BAD, GOOD, Pen, WARN};
use crate::tui::screens::{Screen, home, pick};
use crate::tui::theme::Role;
use crate::tui::widgets::list::{List, Move};
use ratatui::layout::Rect;

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The backups, newest first; `None` while they are read.
    pub rows: Option<Vec<Result<BackupInfo, Failure>>>,
    /// The cursor.
    pub list: List,
}

fn chosen(app: &App) -> Option<&BackupInfo> {
    app.backups
        .rows
        .as_ref()?
        .get(app.backups.list.at)?
        .as_ref()
        .ok()
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let mut all = Vec::new();
    if chosen(app).is_some() {
        all.extend([Restore, CheckBackup]);
    }
    all.extend([Refresh, Up, Down, PageUp, PageDown, First, Last]);
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    if let Some(way) = Move::of(action) {
        let len = app.backups.rows.as_ref().map_or(0, Vec::len);
        app.backups.list.go(way, len);
        return Vec::new();
    }
    match action {
        Action::Back => {
            app.back();
            Vec::new()
        }
        Action::Refresh => vec![Effect::ListBackups],
        Action::CheckBackup => match chosen(app).map(|b| b.path.clone()) {
            Some(path) => {
                app.say("Reading it again.");
                vec![Effect::CheckBackup(path)]
            }
            None => Vec::new(),
        },
        Action::Restore => {
            let path = chosen(app).map(|b| b.path.display().to_string());
            match path.map(|path| Address::parse(&path)) {
                Some(Ok(address)) => {
                    let effects = pick::start(app, Some(pick::Wanted::Address(address)));
                    app.before.push(Screen::Backups);
                    effects
                }
                Some(Err(error)) => {
                    app.complain(error.to_string());
                    Vec::new()
                }
                None => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let Some(rows) = &app.backups.rows else {
        pen.text(area.x, area.y, area.width, "reading", Role::Dim);
        return;
    };
    if rows.is_empty() {
        let text = "There are no backups yet. A target that holds records is backed up before the first write.";
        pen.wrapped(area, text, Role::Dim);
        return;
    }
    let heads = Rect { height: 1, ..area };
    let wide = area.width >= 76;
    // As wide as what stands in it, so that the numbers stand by it.
    let origins = rows.iter().flatten();
    let longest = origins.map(|b| inert::width(&home::home_short(&b.origin)) as u16);
    let origin = area.width.saturating_sub(if wide { 58 } else { 33 });
    let origin = origin.min(longest.max().unwrap_or(0).max(8) + 2);
    let columns = |pen: &mut Pen, x: u16, y: u16, parts: [&str; 5], role: Role| {
        pen.text(x, y, 16, parts[0], role);
        pen.path(x + 18, y, origin, parts[1], role);
        let x = x + 18 + origin;
        pen.right(x, y, 10, parts[2], role);
        if wide {
            pen.right(x + 10, y, 14, parts[3], role);
            pen.right(x + 24, y, 10, parts[4], role);
        }
    };
    let names = ["made", "of", "memories", "relationships", "size"];
    columns(pen, heads.x + 4, heads.y, names, Role::Dim);
    let list = Rect::new(area.x, area.y + 1, area.width, area.height - 1 - BELOW);
    app.backups
        .list
        .view(pen, list, rows.len(), true, |pen, i, at| {
            let selected = i == app.backups.list.at;
            let plain = if selected { Role::Selected } else { Role::Text };
            match &rows[i] {
                Ok(backup) => {
                    let (sign, role) = match backup.finished {
                        true => (GOOD, Role::Good),
                        false => (WARN, Role::Warn),
                    };
                    pen.sign(at.x, at.y, sign, role);
                    let made = match backup.created_at.parse::<jiff::Timestamp>() {
                        Ok(at) => words::moment(at.as_millisecond(), app.now, &app.setup.zone),
                        Err(_) => backup.created_at.clone(),
                    };
                    let counts = [
                        words::number(backup.counts.memories),
                        words::number(backup.counts.relationships),
                        words::bytes(backup.bytes),
                    ];
                    let origin = home::home_short(&backup.origin);
                    let parts = [made.as_str(), &origin, &counts[0], &counts[1], &counts[2]];
                    columns(pen, at.x + 2, at.y, parts, plain);
                }
                Err(failure) => {
                    pen.sign(at.x, at.y, BAD, Role::Bad);
                    pen.text(at.x + 2, at.y, at.width - 2, &failure.message, Role::Bad);
                }
            }
        });
    let below = Rect::new(area.x, area.bottom() + 1 - BELOW, area.width, BELOW - 1);
    match rows.get(app.backups.list.at) {
        Some(Ok(backup)) => {
            let path = home::home_short(&backup.path.display().to_string());
            pen.path(below.x, below.y, below.width, &path, Role::Dim);
            let size = words::bytes(backup.bytes);
            let mut text = format!("{}, {size}", words::counts(&backup.counts));
            if !backup.finished {
                text += "; it was broken off and may not hold everything";
            }
            let y = below.y + 1;
            pen.text(below.x, y, below.width, &text, Role::Dim);
        }
        Some(Err(failure)) => {
            let remedy = failure.remedy.as_deref().unwrap_or_default();
            let text = format!("{}. {remedy}", failure.message);
            pen.wrapped(below, text.trim_end(), Role::Text);
        }
        None => {}
    }
}

/// Rows for what is under the cursor, and one above them.
const BELOW: u16 = 3;
