//! Is anything in the way, and what would be lost? The run has begun, and waits before
//! its first write: its checks, then what the target cannot hold. Failures block;
//! warnings are acknowledged one by one; each loss is accepted by its name.

use crate::engine::{self, Phase, Plan, Review, Status};
use crate::report::{Check, Failure, Loss, Outcome, Report, Verdict, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Effect, Running};
use crate::tui::pen::{ARROW, BAD, GOOD, Pen, WAITING, WARN};
use crate::tui::screens::{Screen, options, report, review};
use crate::tui::theme::Role;
use crate::tui::widgets::list::{List, Move};
use ratatui::layout::Rect;
use std::collections::{BTreeMap, BTreeSet};

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The cursor.
    pub list: List,
    /// Warnings that were acknowledged, by what they said.
    acknowledged: BTreeSet<String>,
    /// Losses that were accepted, by name.
    pub accepted: BTreeSet<String>,
    /// Why the run could not even begin.
    pub failure: Option<Failure>,
    /// What shall be done.
    pub plan: Option<Plan>,
    /// Whether a run is being started.
    pub starting: bool,
    /// Checks that were made again alone, by name.
    redone: BTreeMap<String, Check>,
    /// The check that is being made again, with the number of the question.
    redoing: Option<String>,
    asked: u64,
}

impl State {
    /// A check as it was made the last time.
    fn newest<'a>(&'a self, check: &'a Check) -> &'a Check {
        self.redone.get(&check.name).unwrap_or(check)
    }

    /// Whether a check is being made again.
    pub fn is_asking(&self) -> bool {
        self.redoing.is_some()
    }
}

enum Item<'a> {
    Check(&'a Check),
    Loss(&'a Loss),
    Failure(&'a Failure),
}

fn key(check: &Check) -> String {
    format!("{}: {}", check.name, check.evidence)
}

/// The review that the run waits on.
pub fn waiting(app: &App) -> Option<&Review> {
    app.live.as_ref()?.state.waiting.as_deref()
}

fn items(app: &App) -> Vec<Item<'_>> {
    let mut all = Vec::new();
    if let Some(failure) = &app.preflight.failure {
        all.push(Item::Failure(failure));
    }
    if let Some(live) = &app.live {
        let newest = |c| app.preflight.newest(c);
        all.extend(live.state.checks.iter().map(newest).map(Item::Check));
        let failed = live.state.failure.as_ref();
        let told = live.state.checks.iter().any(|c| c.verdict == Verdict::Fail);
        all.extend(failed.filter(|_| !told).map(Item::Failure));
        let losses = live.state.waiting.iter().flat_map(|r| &r.losses);
        all.extend(losses.map(Item::Loss));
    }
    all
}

/// From the options to here: the run begins.
pub fn enter(app: &mut App, plan: Plan) -> Vec<Effect> {
    let same = app.preflight.plan.as_ref() == Some(&plan);
    if !same {
        app.preflight.acknowledged.clear();
        app.preflight.accepted.clear();
    }
    app.preflight.plan = Some(plan);
    app.preflight.list = List::default();
    app.go(Screen::Preflight);
    start(app)
}

fn start(app: &mut App) -> Vec<Effect> {
    app.live = None;
    app.review = review::State::default();
    app.preflight.failure = None;
    app.preflight.starting = true;
    forget_redone(app);
    let source_copy = options::source_copy(app);
    let (Some(plan), Some(source), Some(target)) =
        (&app.preflight.plan, app.source.found(), app.target.found())
    else {
        return Vec::new();
    };
    vec![Effect::Start {
        plan: Box::new(plan.clone()),
        stores: (source.address.clone(), target.address.clone()),
        source_copy,
    }]
}

fn forget_redone(app: &mut App) {
    app.preflight.redone.clear();
    app.preflight.redoing = None;
    app.preflight.asked += 1;
}

/// Asks for the check under the cursor alone.
fn recheck_one(app: &mut App) -> Vec<Effect> {
    let name = match items(app).get(app.preflight.list.at) {
        Some(Item::Check(check)) => check.name.clone(),
        _ => return Vec::new(),
    };
    let (Some(plan), Some(source), Some(target)) =
        (&app.preflight.plan, app.source.found(), app.target.found())
    else {
        return Vec::new();
    };
    let plan = Box::new(plan.clone());
    let stores = (source.address.clone(), target.address.clone());
    app.preflight.asked += 1;
    app.preflight.redoing = Some(name.clone());
    let seq = app.preflight.asked;
    vec![Effect::CheckAlone {
        seq,
        name,
        plan,
        stores,
    }]
}

/// A check was made again. If nothing stops the run any more, it begins anew.
pub fn rechecked(app: &mut App, seq: u64, check: Result<Box<Check>, Failure>) -> Vec<Effect> {
    if app.preflight.asked != seq {
        return Vec::new();
    }
    app.preflight.redoing = None;
    let check = match check {
        Ok(check) => check,
        Err(failure) => {
            app.tell(&failure);
            return Vec::new();
        }
    };
    let good = check.verdict != Verdict::Fail;
    app.preflight.redone.insert(check.name.clone(), *check);
    let Some(live) = &app.live else {
        return Vec::new();
    };
    let checks = &live.state.checks;
    let over = live.state.ended.is_some() || live.report.is_some();
    let stopped = |c: &Check| app.preflight.newest(c).verdict == Verdict::Fail;
    let was = checks.iter().any(|c| c.verdict == Verdict::Fail);
    if good && over && was && !checks.iter().any(stopped) {
        app.say("Mended: nothing stops the run any more, so all checks are made again.");
        let mut effects = vec![Effect::Withdraw];
        effects.extend(start(app));
        return effects;
    }
    Vec::new()
}

/// The report of a run that found nothing to do: both stores hold the same.
fn finished(app: &App) -> Option<&Report> {
    let report = app.live.as_ref()?.report.as_deref()?;
    (report.outcome == Outcome::Done).then_some(report)
}

/// What is still in the way: the first line of it, and in words.
fn in_the_way(app: &App) -> Option<(usize, String)> {
    if finished(app).is_some() {
        return None;
    }
    let items = items(app);
    for (i, item) in items.iter().enumerate() {
        match item {
            Item::Failure(_) => {
                return Some((i, "This stops the run; mend it, then check again.".into()));
            }
            Item::Check(c) if c.verdict == Verdict::Fail => {
                return Some((i, "This stops the run; mend it, then check again.".into()));
            }
            _ => {}
        }
    }
    if waiting(app).is_none() {
        return Some((app.preflight.list.at, "The checks are not done yet.".into()));
    }
    for (i, item) in items.iter().enumerate() {
        match item {
            Item::Check(c)
                if c.verdict == Verdict::Warn && !app.preflight.acknowledged.contains(&key(c)) =>
            {
                let space = app.setup.keymap.shown(Action::Toggle);
                return Some((
                    i,
                    format!("Read this warning and acknowledge it with {space}."),
                ));
            }
            Item::Loss(l) if !l.accepted && !app.preflight.accepted.contains(&l.name) => {
                let a = app.setup.keymap.shown(Action::AcceptLoss);
                return Some((
                    i,
                    format!("Accept this loss by its name with {a}, or go back."),
                ));
            }
            _ => {}
        }
    }
    None
}

/// Puts the cursor on what is in the way, once that is known.
pub fn settle(app: &mut App) {
    if let Some((at, _)) = in_the_way(app) {
        app.preflight.list.at = at;
    }
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let items = items(app);
    let mut all = Vec::new();
    let own = app
        .live
        .as_ref()
        .is_none_or(|l| l.how == Running::Own && !l.state.resumed);
    let own = own && !app.preflight.starting;
    if in_the_way(app).is_none() || waiting(app).is_some() {
        all.push(Next);
    }
    match items.get(app.preflight.list.at) {
        Some(Item::Check(c)) => {
            if c.verdict == Verdict::Warn {
                all.push(Toggle);
            }
            if !c.examples.is_empty() {
                all.push(Details);
            }
            if own && engine::can_be_made_alone(&c.name) {
                all.push(RecheckOne);
            }
        }
        Some(Item::Loss(l)) => {
            all.push(AcceptLoss);
            if !l.examples.is_empty() {
                all.push(Details);
            }
        }
        _ => {}
    }
    if own {
        all.push(Recheck);
    }
    all.extend([Up, Down, PageUp, PageDown, First, Last]);
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    let len = items(app).len();
    if let Some(way) = Move::of(action) {
        app.preflight.list.go(way, len);
        return Vec::new();
    }
    match action {
        Action::Next => match in_the_way(app) {
            Some((i, text)) => {
                app.preflight.list.at = i;
                app.complain(text);
                Vec::new()
            }
            None => {
                app.toast = None;
                match finished(app).cloned() {
                    Some(done) => report::open(app, done),
                    None => review::enter(app),
                }
                Vec::new()
            }
        },
        Action::Toggle => {
            let at = app.preflight.list.at;
            let found = match items(app).get(at) {
                Some(Item::Check(c)) if c.verdict == Verdict::Warn => Some(key(c)),
                _ => None,
            };
            if let Some(key) = found
                && !app.preflight.acknowledged.remove(&key)
            {
                app.preflight.acknowledged.insert(key);
                app.toast = None;
                if let Some((next, _)) = in_the_way(app) {
                    app.preflight.list.at = next;
                }
            }
            Vec::new()
        }
        Action::AcceptLoss => {
            let name = match items(app).get(app.preflight.list.at) {
                Some(Item::Loss(loss)) => {
                    Some((loss.name.clone(), loss.what.clone(), loss.records))
                }
                _ => None,
            };
            if let Some((name, what, records)) = name {
                let text = format!(
                    "{} would lose this: {what}. To accept that, type its name: {name}",
                    words::records(records)
                );
                app.dialog = Some(Dialog::confirm("Accept a loss", text, &name, Then::Accept));
            }
            Vec::new()
        }
        Action::Details => {
            let shown = match items(app).get(app.preflight.list.at) {
                Some(Item::Check(c)) => Some((c.title.clone(), c.examples.clone())),
                Some(Item::Loss(l)) => Some((l.name.clone(), l.examples.clone())),
                _ => None,
            };
            if let Some((title, lines)) = shown {
                app.dialog = Some(Dialog::note(title, lines));
            }
            Vec::new()
        }
        Action::RecheckOne => recheck_one(app),
        Action::Recheck => {
            let mut effects = vec![Effect::Withdraw];
            effects.extend(start(app));
            effects
        }
        Action::Back => {
            app.back();
            app.live = None;
            app.preflight.starting = false;
            forget_redone(app);
            vec![Effect::Withdraw]
        }
        _ => Vec::new(),
    }
}

/// A loss was accepted by its name.
pub fn accept(app: &mut App, name: &str) -> Vec<Effect> {
    app.preflight.accepted.insert(name.to_owned());
    app.say(format!("Accepted: {name}"));
    if let Some((next, _)) = in_the_way(app) {
        app.preflight.list.at = next;
    }
    Vec::new()
}

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
    app.preflight
        .list
        .view(pen, rows, items.len(), true, |pen, i, row| {
            line(app, pen, row, &items[i], i == at);
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

fn line(app: &App, pen: &mut Pen, row: Rect, item: &Item, chosen: bool) {
    let plain = if chosen { Role::Selected } else { Role::Text };
    let dim = if chosen { Role::Selected } else { Role::Dim };
    let title = (row.width / 2).min(54);
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
            pen.text(x + 2, y, title - 3, &format!("Loss: {}", loss.name), plain);
            let rest = row.right().saturating_sub(x + title);
            let word = if accepted { "accepted" } else { "not accepted" };
            let role = if accepted { dim } else { Role::Bad };
            let took = pen.right(x + title, y, rest, word, role);
            let text = words::records(loss.records);
            pen.text(x + title, y, rest.saturating_sub(took + 1), &text, dim);
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
                "reading the source: {} of {}",
                words::number(p.done()),
                words::number(total)
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
