//! Is anything in the way, and what would be lost? The run has begun, and waits before
//! its first write: its checks, then what the target cannot hold. Failures block;
//! warnings are acknowledged one by one; each loss is accepted by its name.

mod view;

pub use view::view;

use crate::engine::{self, Plan, Review};
use crate::report::{Check, Failure, Loss, Outcome, Report, Verdict, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Effect, Running};
use crate::tui::screens::{Screen, options, report, review};
use crate::tui::widgets::list::{List, Move};
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
