//! What have I got, and what was I doing? Unfinished runs, the stores on this machine,
//! the last reports.

use crate::engine::RunStatus;
use crate::report::{Failure, Outcome, inert, words};
use crate::store::Address;
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Again, Effect, Place, PlaceState, RunRow, Running};
use crate::tui::pen::{ARROW, BAD, CHOSEN, GOOD, PROSE, Pen, Sign, WAITING, WARN};
use crate::tui::screens::{Screen, diff, pick, runs};
use crate::tui::theme::Role;
use crate::tui::widgets::list::{List, Move};
use ratatui::layout::Rect;

/// Reports that are shown here; the others are under Reports.
const LAST: usize = 5;

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The stores that may be on this machine; `None` while looking for them.
    pub places: Option<Vec<Place>>,
    /// Past runs.
    pub runs: Vec<RunRow>,
    /// Why nothing could be found.
    pub failure: Option<Failure>,
    list: List,
}

enum Line {
    Heading(&'static str),
    Unfinished(usize),
    Place(usize),
    Sample,
    Report(usize),
    Gap,
}

impl State {
    /// Whether anything is still looked at.
    pub fn is_looking(&self) -> bool {
        let looking = |p: &Place| matches!(p.state, PlaceState::Looking);
        self.places
            .as_ref()
            .is_none_or(|all| all.iter().any(looking))
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let open = |r: &RunRow| matches!(r.status, Ok(RunStatus::Unfinished | RunStatus::Active));
        let unfinished: Vec<_> = (0..self.runs.len())
            .filter(|i| open(&self.runs[*i]))
            .collect();
        if !unfinished.is_empty() {
            lines.push(Line::Heading("Unfinished"));
            lines.extend(unfinished.into_iter().take(LAST).map(Line::Unfinished));
            lines.push(Line::Gap);
        }
        lines.push(Line::Heading("Stores on this machine"));
        let places = self.places.as_ref().map_or(0, Vec::len);
        lines.extend((0..places).map(Line::Place));
        lines.push(Line::Sample);
        let ended: Vec<_> = (0..self.runs.len())
            .filter(|i| !open(&self.runs[*i]))
            .collect();
        if !ended.is_empty() {
            lines.push(Line::Gap);
            lines.push(Line::Heading("Last reports"));
            lines.extend(ended.into_iter().take(LAST).map(Line::Report));
        }
        lines
    }
}

impl Line {
    fn is_row(&self) -> bool {
        !matches!(self, Line::Heading(_) | Line::Gap)
    }
}

/// Puts the cursor on a line that can be opened.
pub fn settle(app: &mut App) {
    let lines = app.home.lines();
    let at = app.home.list.at.min(lines.len().saturating_sub(1));
    let below = (at..lines.len()).find(|i| lines[*i].is_row());
    let above = (0..at).rev().find(|i| lines[*i].is_row());
    app.home.list.at = below.or(above).unwrap_or(0);
}

/// The stores that may be there.
pub fn found(app: &mut App, found: Result<Vec<Place>, Failure>) -> Vec<Effect> {
    match found {
        Ok(places) => {
            app.home.places = Some(places);
            app.home.failure = None;
        }
        Err(failure) => {
            app.home.places = Some(Vec::new());
            app.home.failure = Some(failure);
        }
    }
    settle(app);
    match app.screen {
        Screen::Source if app.source.is_early() => pick::start(app, None),
        Screen::Diff if app.diff.pick().is_early() => diff::enter(app),
        _ => Vec::new(),
    }
}

/// What one of them is. A default place with nothing in it is not worth a line.
pub fn described(app: &mut App, i: usize, found: Result<crate::store::Description, Failure>) {
    let Some(place) = app.home.places.as_mut().and_then(|all| all.get_mut(i)) else {
        return;
    };
    place.state = match found {
        Ok(description) => PlaceState::Known(description),
        Err(failure) => PlaceState::Failed(failure),
    };
}

/// How many were found.
pub fn count(app: &App) -> String {
    let all = app.home.places.iter().flatten();
    let there = |p: &&Place| match &p.state {
        PlaceState::Known(d) => d.exists,
        PlaceState::Failed(_) | PlaceState::Unsupported => true,
        PlaceState::Looking => false,
    };
    words::count(
        all.filter(there).count() as u64,
        "store found",
        "stores found",
    )
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let mut all = vec![Migrate];
    if let Some(Line::Unfinished(_)) = app.home.lines().get(app.home.list.at) {
        all.extend([Resume, RollBack]);
    }
    all.extend([Runs, Backups, Diff, Settings, Open]);
    all.extend([Refresh, Up, Down, PageUp, PageDown, First, Last]);
    all
}

/// A click on a line.
pub fn click(app: &mut App, line: usize) -> bool {
    let lines = app.home.lines();
    match lines.get(line).is_some_and(Line::is_row) {
        true => std::mem::replace(&mut app.home.list.at, line) == line,
        false => false,
    }
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    let lines = app.home.lines();
    if let Some(way) = Move::of(action) {
        let before = app.home.list.at;
        app.home.list.go(way, lines.len());
        let row = |i: &usize| lines.get(*i).is_some_and(Line::is_row);
        let at = app.home.list.at;
        let on = match way {
            Move::Up | Move::PageUp | Move::First => {
                (0..=at).rev().find(row).or((at..lines.len()).find(row))
            }
            _ => (at..lines.len()).find(row).or((0..at).rev().find(row)),
        };
        app.home.list.at = on.unwrap_or(before);
        return Vec::new();
    }
    match action {
        Action::Migrate => pick::start(app, None),
        Action::Runs => {
            app.go(Screen::Runs);
            vec![Effect::ListRuns]
        }
        Action::Backups => {
            app.go(Screen::Backups);
            vec![Effect::ListBackups]
        }
        Action::Diff => diff::enter(app),
        Action::Settings => {
            app.go(Screen::Settings);
            Vec::new()
        }
        Action::Refresh => {
            app.home.places = None;
            vec![Effect::Look, Effect::ListRuns]
        }
        Action::Open | Action::Resume | Action::RollBack => match lines.get(app.home.list.at) {
            Some(Line::Unfinished(i)) => {
                let row = app.home.runs[*i].clone();
                unfinished(app, action, row)
            }
            Some(Line::Place(i)) => open_place(app, *i),
            Some(Line::Sample) => pick::start(app, Some(pick::Wanted::Sample)),
            Some(Line::Report(i)) => vec![Effect::Load(app.home.runs[*i].folder.clone())],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn unfinished(app: &mut App, action: Action, row: RunRow) -> Vec<Effect> {
    if action == Action::RollBack {
        return runs::ask_roll_back(app, &row);
    }
    app.live = None;
    match row.status {
        Ok(RunStatus::Active) => vec![Effect::Follow(row.folder, Running::Watched)],
        _ => vec![Effect::Again(Again::Resume(row.folder))],
    }
}

fn open_place(app: &mut App, i: usize) -> Vec<Effect> {
    let Some(place) = app.home.places.as_ref().and_then(|all| all.get(i)).cloned() else {
        return Vec::new();
    };
    match (&place.address, &place.state) {
        (Some(address), _) => {
            let address: Address = address.clone();
            pick::start(app, Some(pick::Wanted::Address(address)))
        }
        (None, _) => {
            let text = format!("memferry has no such kind of store yet: {}", place.title);
            app.dialog = Some(Dialog::choose(
                "Not supported",
                text,
                &[("Back", Then::Nothing)],
            ));
            Vec::new()
        }
    }
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let lines = app.home.lines();
    let body = Rect::new(area.x, area.y, area.width, area.height - BELOW);
    let columns = Columns::of(body.width, longest(app));
    let at = app.home.list.at;
    let under = Rect::new(area.x, body.bottom() + 1, area.width, BELOW - 1);
    if let Some(line) = lines.get(at) {
        told(app, pen, under, line);
    }
    app.home
        .list
        .view(pen, body, lines.len(), true, |pen, i, row| {
            let chosen = i == at;
            match &lines[i] {
                Line::Gap => {}
                Line::Heading(text) => {
                    pen.text(row.x - 2, row.y, row.width, text, Role::Title);
                    if *text == "Stores on this machine" {
                        columns.headings(pen, row);
                    }
                }
                Line::Unfinished(i) => run_line(app, pen, row, &app.home.runs[*i], chosen),
                Line::Report(i) => run_line(app, pen, row, &app.home.runs[*i], chosen),
                Line::Sample => {
                    let role = if chosen { Role::Selected } else { Role::Text };
                    pen.sign(row.x, row.y, CHOSEN, Role::Dim);
                    pen.text(row.x + 2, row.y, 12, "Sample", role);
                    let dim = if chosen { Role::Selected } else { Role::Dim };
                    let text = "a small store to try memferry with; it is built in";
                    pen.text(row.x + 15, row.y, row.width.saturating_sub(15), text, dim);
                }
                Line::Place(i) => {
                    if let Some(place) = app.home.places.as_ref().and_then(|all| all.get(*i)) {
                        columns.place(app, pen, row, place, chosen);
                    }
                }
            }
        });
    let used = lines.len() as u16;
    let below = Rect::new(
        body.x,
        body.y + used + 1,
        body.width,
        body.height.saturating_sub(used + 1),
    );
    if below.height == 0 {
        return;
    }
    if app.home.places.is_none() {
        let spinner = pen.look.spinner(app.now);
        pen.raw(below.x, below.y, 2, spinner, Role::Accent);
        pen.text(
            below.x + 2,
            below.y,
            below.width,
            "looking for stores",
            Role::Dim,
        );
    } else if let Some(failure) = &app.home.failure {
        pen.wrapped(below, &failure.message, Role::Bad);
    }
}

/// Rows for what is under the cursor in full, and one above them.
const BELOW: u16 = 3;

/// Columns that the longest name of a store takes.
fn longest(app: &App) -> u16 {
    let all = app.home.places.iter().flatten();
    all.map(|p| inert::width(&named(p)) as u16)
        .max()
        .unwrap_or(0)
}

/// A store by its profile and its place.
fn named(place: &Place) -> String {
    let short = home_short(&place.place);
    match place.profile() {
        Some(name) => format!("{name}: {short}"),
        None => short,
    }
}

/// What is known of a line in full, also where its columns have no room for it.
fn told(app: &App, pen: &mut Pen, area: Rect, line: &Line) {
    let (x, y, width) = (area.x, area.y, area.width);
    match line {
        Line::Heading(_) | Line::Gap => {}
        Line::Sample => {
            let text = "A store to try memferry with; it is written where memferry keeps its own.";
            pen.wrapped(area, text, Role::Dim);
        }
        Line::Unfinished(i) | Line::Report(i) => {
            let Some(run) = app.home.runs.get(*i) else {
                return;
            };
            runs::ends(pen, Rect { height: 1, ..area }, run, Role::Dim);
            pen.text(x, y + 1, width, &run.summary, Role::Dim);
        }
        Line::Place(i) => {
            let places = app.home.places.as_ref();
            let Some(place) = places.and_then(|all| all.get(*i)) else {
                return;
            };
            if let PlaceState::Failed(failure) = &place.state {
                let remedy = failure.remedy.as_deref().unwrap_or_default();
                let text = format!("{}. {remedy}", failure.message);
                pen.wrapped(area, text.trim_end(), Role::Text);
                return;
            }
            pen.path(x, y, width, &named(place), Role::Dim);
            let known = match &place.state {
                PlaceState::Known(d) if d.exists => facts(app, d),
                PlaceState::Known(_) => "not there".to_owned(),
                PlaceState::Looking => "looking".to_owned(),
                _ => "memferry has no such kind of store yet".to_owned(),
            };
            pen.text(x, y + 1, width, &known, Role::Dim);
        }
    }
}

fn facts(app: &App, d: &crate::store::Description) -> String {
    let mut parts = Vec::new();
    parts.extend(d.counts.as_ref().map(words::counts));
    parts.extend(d.bytes.map(words::bytes));
    parts.extend(d.changed_at.map(|at| {
        let at = at.saturating_mul(1_000);
        words::moment(at, app.now, &app.setup.zone)
    }));
    parts.push(d.layout.clone());
    parts.join(", ")
}

/// Where the numbers of a store stand: all of them where there is room.
struct Columns {
    size: bool,
    wide: bool,
    place: u16,
}

const MEMORIES: u16 = 9;
const RELATIONSHIPS: u16 = 14;
const SIZE: u16 = 10;
const CHANGE: u16 = 12;

impl Columns {
    fn of(width: u16, longest: u16) -> Self {
        let (wide, size) = (width >= 76, width >= 98);
        let mut numbers = MEMORIES + 2;
        if wide {
            numbers += RELATIONSHIPS + CHANGE;
        }
        if size {
            numbers += SIZE;
        }
        Self {
            size,
            wide,
            // As wide as what stands in it, so that the numbers stand by it.
            place: width
                .saturating_sub(2 + 15 + numbers + 2)
                .min(longest.max(20)),
        }
    }

    /// Writes the numbers from a column on, the last first where there is no room.
    fn numbers(&self, pen: &mut Pen, x: u16, y: u16, parts: [&str; 4], roles: [Role; 2]) {
        let mut x = x;
        pen.right(x, y, MEMORIES, parts[0], roles[0]);
        x += MEMORIES;
        if self.wide {
            pen.right(x, y, RELATIONSHIPS, parts[1], roles[0]);
            x += RELATIONSHIPS;
        }
        if self.size {
            pen.right(x, y, SIZE, parts[2], roles[1]);
            x += SIZE;
        }
        if self.wide {
            pen.right(x, y, CHANGE, parts[3], roles[1]);
        }
    }

    fn headings(&self, pen: &mut Pen, row: Rect) {
        let x = row.x + 15 + self.place + 1;
        let names = ["memories", "relationships", "size", "last change"];
        self.numbers(pen, x, row.y, names, [Role::Dim; 2]);
    }

    fn place(&self, app: &App, pen: &mut Pen, row: Rect, place: &Place, chosen: bool) {
        let plain = if chosen { Role::Selected } else { Role::Text };
        let dim = if chosen { Role::Selected } else { Role::Dim };
        let (sign, role): (Sign, Role) = match &place.state {
            PlaceState::Looking => (WAITING, Role::Accent),
            PlaceState::Known(d) if d.exists => (GOOD, Role::Good),
            PlaceState::Known(_) => (WARN, Role::Warn),
            PlaceState::Failed(_) | PlaceState::Unsupported => (BAD, Role::Bad),
        };
        match place.state {
            PlaceState::Looking => {
                let spinner = pen.look.spinner(app.now);
                pen.raw(row.x, row.y, 2, spinner, role);
            }
            _ => {
                pen.sign(row.x, row.y, sign, role);
            }
        }
        pen.text(row.x + 2, row.y, 12, &place.title, plain);
        let x = row.x + 15;
        let tail = x + self.place + 1;
        let rest = row.right().saturating_sub(tail);
        let state = match &place.state {
            PlaceState::Looking => Some("looking".to_owned()),
            PlaceState::Unsupported => Some("no such kind of store".to_owned()),
            PlaceState::Failed(failure) => Some(failure.message.clone()),
            PlaceState::Known(d) if !d.exists => Some("not there".to_owned()),
            PlaceState::Known(_) => None,
        };
        pen.path(x, row.y, self.place, &named(place), dim);
        if let Some(state) = state {
            pen.text(tail + 1, row.y, rest.saturating_sub(1), &state, role);
            return;
        }
        let PlaceState::Known(d) = &place.state else {
            return;
        };
        let counted = |n: Option<u64>| n.map_or("?".to_owned(), words::number);
        let moment = d.changed_at.map(|at| {
            let at = at.saturating_mul(1_000);
            let text = words::moment(at, app.now, &app.setup.zone);
            // A date without its time is enough here.
            let short = text.rsplit_once(' ').filter(|(_, time)| time.contains(':'));
            short.map_or(text.clone(), |(date, _)| date.to_owned())
        });
        let parts = [
            counted(d.counts.map(|c| c.memories)),
            counted(d.counts.map(|c| c.relationships)),
            d.bytes.map(words::bytes).unwrap_or_default(),
            moment.unwrap_or_default(),
        ];
        let [a, b, c, e] = &parts;
        self.numbers(pen, tail, row.y, [a, b, c, e], [plain, dim]);
    }
}

/// A path, or the address of a file, with the home folder as `~`.
pub fn home_short(path: &str) -> String {
    let (kind, rest) = match path.split_once(":/") {
        Some((kind, _)) => path.split_at(kind.len() + 1),
        None => ("", path),
    };
    let home = crate::config::process_env("HOME").filter(|h| h.len() > 1);
    match home.and_then(|home| rest.strip_prefix(&format!("{home}/")).map(str::to_owned)) {
        Some(rest) => format!("{kind}~/{rest}"),
        None => path.to_owned(),
    }
}

/// The last part of an address.
pub fn short(address: &str) -> &str {
    crate::engine::last_part(address)
}

/// The sign, the role and the word of a run.
pub fn run_sign(row: &RunRow) -> (Sign, Role, &'static str) {
    match &row.status {
        Err(_) => (BAD, Role::Bad, "unreadable"),
        Ok(RunStatus::Active) => (CHOSEN, Role::Accent, "running"),
        Ok(RunStatus::Unfinished) => (WARN, Role::Warn, "unfinished"),
        Ok(RunStatus::Finished(outcome)) => match outcome {
            Outcome::Done => (GOOD, Role::Good, "done"),
            Outcome::DryRun => (GOOD, Role::Good, "dry run"),
            Outcome::Differences => (WARN, Role::Warn, "differences"),
            Outcome::RolledBack => (WARN, Role::Warn, "rolled back"),
            Outcome::Interrupted => (WARN, Role::Warn, "interrupted"),
            Outcome::Refused => (BAD, Role::Bad, "refused"),
            Outcome::Failed => (BAD, Role::Bad, "failed"),
        },
    }
}

fn run_line(app: &App, pen: &mut Pen, row: Rect, run: &RunRow, chosen: bool) {
    let plain = if chosen { Role::Selected } else { Role::Text };
    let dim = if chosen { Role::Selected } else { Role::Dim };
    // No wider than is read well.
    let row = Rect {
        width: row.width.min(PROSE),
        ..row
    };
    let (sign, role, word) = run_sign(run);
    pen.sign(row.x, row.y, sign, role);
    let mut x = row.x + 2;
    pen.text(x, row.y, 12, word, role);
    x += 13;
    x += pen.path(x, row.y, 18, short(&run.source), plain) + 1;
    x += pen.sign(x, row.y, ARROW, dim) + 1;
    x += pen.path(x, row.y, 18, short(&run.target), plain) + 2;
    let moment = words::moment(run.at, app.now, &app.setup.zone);
    let when = moment.len() as u16;
    let room = row.right().saturating_sub(x + when + 2);
    if room > 12 {
        pen.text(x, row.y, room, &run.summary, dim);
    }
    pen.right(row.x, row.y, row.width, &moment, dim);
}
