//! How the checks are drawn: a line each, what is under the cursor in full below.

use super::{Item, finished, items, key};
use crate::engine::{Phase, Status};
use crate::report::{Loss, Verdict, inert, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::pen::{ARROW, BAD, GOOD, PROSE, Pen, WAITING, WARN};
use crate::tui::theme::Role;
use ratatui::layout::Rect;

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let items = items(app);
    let at = app.preflight.list.at.min(items.len().saturating_sub(1));
    let detail_rows = (area.height / 3).clamp(3, 7);
    let list = Rect::new(
        area.x,
        area.y,
        area.width,
        area.height.saturating_sub(detail_rows + 1),
    );
    let status = status(app);
    let rows = Rect {
        height: list.height.saturating_sub(1),
        ..list
    };
    let columns = Columns::of(&items, rows.width.saturating_sub(3));
    app.preflight
        .list
        .view(pen, rows, items.len(), true, |pen, i, row| {
            let row = Rect {
                width: row.width.min(columns.all),
                ..row
            };
            line(app, pen, row, columns.title, &items[i], i == at);
        });
    let y = rows.y + (items.len() as u16).min(rows.height);
    status.draw(app, pen, Rect::new(area.x, y, area.width, 1));
    let y = area.bottom() - detail_rows - 1;
    pen.rule(area.x, y, area.width);
    let below = Rect::new(area.x, y + 1, area.width, detail_rows);
    if let Some(item) = items.get(at) {
        detail(app, pen, below, item);
    }
}

/// Columns as wide as what stands in them, and no wider than there is room.
struct Columns {
    title: u16,
    all: u16,
}

impl Columns {
    fn of(items: &[Item], width: u16) -> Self {
        let longest = |of: &dyn Fn(&Item) -> usize| items.iter().map(of).max().unwrap_or(0) as u16;
        let title = longest(&|item| match item {
            Item::Check(c) => inert::width(&c.title),
            Item::Loss(l) => inert::width(&l.name) + LOSS.len(),
            Item::Failure(_) => 0,
        });
        let evidence = longest(&|item| match item {
            Item::Check(c) => inert::width(&c.evidence),
            Item::Loss(l) => inert::width(&lost(l)),
            Item::Failure(f) => inert::width(&f.message),
        });
        let title = (title + 4).min(width / 2);
        let all = title
            .saturating_add(evidence.min(PROSE))
            .saturating_add(STATE);
        Self { title, all }
    }
}

/// Columns for how it stands.
const STATE: u16 = 14;

const LOSS: &str = "Loss: ";

/// How many, and what becomes of them.
fn lost(loss: &Loss) -> String {
    format!("{}: {}", words::records(loss.records), loss.what)
}

fn line(app: &App, pen: &mut Pen, row: Rect, title: u16, item: &Item, chosen: bool) {
    let plain = if chosen { Role::Selected } else { Role::Text };
    let dim = if chosen { Role::Selected } else { Role::Dim };
    let (x, y) = (row.x, row.y);
    match item {
        Item::Failure(failure) => {
            pen.sign(x, y, BAD, Role::Bad);
            pen.text(x + 2, y, row.width - 2, &failure.message, Role::Bad);
        }
        Item::Check(check) => {
            let (sign, role) = match check.verdict {
                Verdict::Pass => (GOOD, Role::Good),
                Verdict::Warn => (WARN, Role::Warn),
                Verdict::Fail => (BAD, Role::Bad),
            };
            match app.preflight.redoing.as_ref() == Some(&check.name) {
                true => pen.raw(x, y, 2, pen.look.spinner(app.now), Role::Accent),
                false => pen.sign(x, y, sign, role),
            };
            pen.text(x + 2, y, title - 3, &check.title, plain);
            let rest = row.right().saturating_sub(x + title);
            let took = match check.verdict {
                Verdict::Warn => match app.preflight.acknowledged.contains(&key(check)) {
                    true => pen.right(x + title, y, rest, "acknowledged", dim),
                    false => pen.right(x + title, y, rest, "not yet read", Role::Warn),
                },
                _ if check.ms > 0 => pen.right(x + title, y, rest, &words::duration(check.ms), dim),
                _ => 0,
            };
            pen.text(
                x + title,
                y,
                rest.saturating_sub(took + 1),
                &check.evidence,
                dim,
            );
        }
        Item::Loss(loss) => {
            let accepted = loss.accepted || app.preflight.accepted.contains(&loss.name);
            pen.sign(x, y, WARN, if accepted { Role::Warn } else { Role::Bad });
            pen.text(x + 2, y, title - 3, &format!("{LOSS}{}", loss.name), plain);
            let rest = row.right().saturating_sub(x + title);
            let word = if accepted { "accepted" } else { "not accepted" };
            let role = if accepted { dim } else { Role::Bad };
            let took = pen.right(x + title, y, rest, word, role);
            let room = rest.saturating_sub(took + 1);
            pen.text(x + title, y, room, &lost(loss), dim);
        }
    }
}

fn detail(app: &App, pen: &mut Pen, area: Rect, item: &Item) {
    let (said, remedy, examples) = match item {
        Item::Failure(f) => (f.message.clone(), f.remedy.clone(), &[][..]),
        Item::Check(c) => (
            format!("{}: {}", c.title, c.evidence),
            c.remedy.clone().filter(|r| !r.is_empty()),
            &c.examples[..],
        ),
        Item::Loss(l) => (
            format!("{} ({})", l.what, words::records(l.records)),
            None,
            &l.examples[..],
        ),
    };
    let mut y = area.y;
    let room = |y: u16| Rect::new(area.x, y, area.width, area.bottom().saturating_sub(y));
    y += pen.wrapped(room(y), &said, Role::Text);
    if let (Some(remedy), true) = (remedy, y < area.bottom()) {
        pen.sign(area.x, y, ARROW, Role::Accent);
        let at = Rect::new(area.x + 3, y, area.width - 3, area.bottom() - y);
        y += pen.wrapped(at, &remedy, Role::Text);
    }
    if let (Some(first), true) = (examples.first(), y < area.bottom()) {
        let key = app.setup.keymap.shown(Action::Details);
        let text = match examples.len() {
            1 => format!("for example {first}"),
            n => format!("for example {first}; {key} shows {n}"),
        };
        pen.text(area.x, y, area.width, &text, Role::Dim);
    }
}

enum Stands {
    Busy(String),
    Ready,
    Same,
    Blocked(String),
    Over(String),
}

fn status(app: &App) -> Stands {
    let Some(live) = &app.live else {
        return match (&app.preflight.failure, app.preflight.starting) {
            (Some(_), _) => Stands::Over("The run could not begin.".into()),
            (None, _) => Stands::Busy("beginning".into()),
        };
    };
    if finished(app).is_some() {
        return Stands::Same;
    }
    if live.state.ended.is_some() || live.report.is_some() {
        return Stands::Over("Nothing was written.".into());
    }
    if live.state.waiting.is_some() {
        let open = items(app)
            .iter()
            .filter(|item| match item {
                Item::Check(c) => {
                    c.verdict == Verdict::Warn && !app.preflight.acknowledged.contains(&key(c))
                }
                Item::Loss(l) => !l.accepted && !app.preflight.accepted.contains(&l.name),
                Item::Failure(_) => true,
            })
            .count() as u64;
        return match open {
            0 => Stands::Ready,
            n => Stands::Blocked(words::count(n, "thing to agree to", "things to agree to")),
        };
    }
    let active = live
        .state
        .phases
        .iter()
        .rfind(|(_, p)| p.status == Status::Active);
    Stands::Busy(match active {
        Some((Phase::Preflight, p)) if p.done() == 0 => "checking".into(),
        Some((Phase::Preflight, p)) => {
            format!(
                "reading what the target holds: {}",
                words::records(p.done())
            )
        }
        Some((Phase::Export, p)) => match p.total() {
            Some(total) if total > 0 => format!(
                "reading the source: {} of {}, {} %",
                words::number(p.done()),
                words::number(total),
                (p.done().saturating_mul(100) / total).min(100)
            ),
            _ => format!("reading the source: {}", words::records(p.done())),
        },
        Some((phase, _)) => phase.title().to_lowercase(),
        None => "beginning".into(),
    })
}

impl Stands {
    fn draw(&self, app: &App, pen: &mut Pen, at: Rect) {
        let (x, y, rest) = (at.x + 4, at.y, at.width.saturating_sub(4));
        match self {
            Stands::Busy(text) => {
                let spinner = pen.look.spinner(app.now);
                pen.raw(at.x + 2, y, 2, spinner, Role::Accent);
                pen.text(x, y, rest, text, Role::Dim);
            }
            Stands::Ready => {
                pen.sign(at.x + 2, y, GOOD, Role::Good);
                pen.text(
                    x,
                    y,
                    rest,
                    "Nothing is in the way, and nothing is written yet.",
                    Role::Good,
                );
            }
            Stands::Same => {
                pen.sign(at.x + 2, y, GOOD, Role::Good);
                let text = "Both hold the same records: there is nothing to do.";
                pen.text(x, y, rest, text, Role::Good);
            }
            Stands::Blocked(text) => {
                pen.sign(at.x + 2, y, WAITING, Role::Warn);
                pen.text(x, y, rest, text, Role::Warn);
            }
            Stands::Over(text) => {
                pen.sign(at.x + 2, y, BAD, Role::Bad);
                pen.text(x, y, rest, text, Role::Bad);
            }
        }
    }
}
