//! How far, how fast, how long, and is anything wrong? A live dashboard of a run: of this
//! process, of another, or of one that is over and shown again.

mod view;

pub use view::view;

use crate::engine::{Command, RunState};
use crate::report::{Failure, Report};
use crate::tui::action::Action;
use crate::tui::app::{App, Live};
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Effect, Running};
use crate::tui::screens::{Screen, preflight, report, review};
use crate::tui::widgets::list::{List, Move};
use std::sync::Arc;

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The state the screen was frozen at.
    frozen: Option<Arc<RunState>>,
    /// Where the log is read, counted from its end.
    scroll: List,
    /// What stands at full height.
    tall: Tall,
    /// How fast a replay goes.
    pace: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tall {
    #[default]
    None,
    Log,
    Warnings,
}

/// What the head of the screen says.
pub fn title(app: &App) -> String {
    match &app.live {
        Some(live) if app.screen == Screen::Run => match live.how {
            Running::Own | Running::Prepared => format!("Run {}", live.run),
            Running::Watched => format!("Watching run {}", live.run),
            Running::Replayed => format!("Replay of run {}", live.run),
        },
        _ => report::title(app),
    }
}

/// A run was started.
pub fn started(app: &mut App, started: Result<(String, Running), Failure>) -> Vec<Effect> {
    let preparing = std::mem::take(&mut app.preflight.starting);
    match started {
        Err(failure) => {
            app.gone = app.leaving;
            match preparing {
                true => app.preflight.failure = Some(failure),
                false => app.tell(&failure),
            }
            Vec::new()
        }
        // A person has gone back before it began.
        Ok((_, Running::Prepared)) if !preparing => vec![Effect::Withdraw],
        Ok((run, how)) => {
            let prepared = how == Running::Prepared;
            app.live = Some(Live {
                run,
                how: if prepared { Running::Own } else { how },
                state: Arc::default(),
                agreed: false,
                withdrawn: false,
                report: None,
            });
            if !prepared {
                app.run = State::default();
                app.go(Screen::Run);
            }
            Vec::new()
        }
    }
}

/// Its newest state. One that waits is reviewed, also if it was resumed or asks again.
pub fn state(app: &mut App, state: Arc<RunState>) -> Vec<Effect> {
    let Some(live) = &mut app.live else {
        return Vec::new();
    };
    if !state.run.is_empty() && state.run != live.run {
        return Vec::new();
    }
    let asks = state.waiting.is_some() && live.state.waiting.is_none();
    let ends = state.ended.is_some() && live.state.ended.is_none();
    live.state = state;
    if (asks || ends) && app.screen == Screen::Preflight {
        preflight::settle(app);
        return Vec::new();
    }
    if asks && live.how == Running::Own && app.screen == Screen::Run {
        live.agreed = false;
        review::enter(app);
        app.say("The run waits for your answer before it writes.");
    }
    Vec::new()
}

/// It ended.
pub fn ended(app: &mut App, ended: Result<Box<Report>, Failure>) -> Vec<Effect> {
    if app.leaving {
        if let (Some(live), Ok(report)) = (&mut app.live, ended) {
            live.report = Some(report);
        }
        app.gone = true;
        return Vec::new();
    }
    let Some(live) = &mut app.live else {
        // One that was withdrawn is gone now, also from the lists.
        return vec![Effect::ListRuns];
    };
    match ended {
        Ok(report) if report.run == live.run => {
            live.report = Some(report);
            if app.screen == Screen::Review {
                app.screen = Screen::Run;
            }
        }
        Ok(_) => {}
        Err(failure) => app.tell(&failure),
    }
    vec![Effect::ListRuns]
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let Some(live) = &app.live else {
        return Vec::new();
    };
    let over = live.report.is_some() || live.state.ended.is_some();
    let mut all = Vec::new();
    match (live.how, over) {
        (_, true) => all.push(Next),
        (Running::Own | Running::Prepared, false) => {
            all.extend([Pause, Cancel, Faster, Slower, Unlimited]);
        }
        (Running::Replayed, false) => all.extend([Pause, Faster, Slower]),
        (Running::Watched, false) => {}
    }
    all.extend([Log, Freeze, Up, Down, PageUp, PageDown, First, Last]);
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    let Some(live) = &app.live else {
        app.back();
        return Vec::new();
    };
    let state = app.run.frozen.clone().unwrap_or_else(|| live.state.clone());
    let over = live.report.is_some() || live.state.ended.is_some();
    if let Some(way) = Move::of(action) {
        let len = match app.run.tall {
            Tall::Warnings => state.warnings.len(),
            _ => state.log.len(),
        };
        // The end is where news appear, so up means further from the end.
        let turned = match way {
            Move::Up => Move::Down,
            Move::Down => Move::Up,
            Move::PageUp => Move::PageDown,
            Move::PageDown => Move::PageUp,
            Move::First => Move::Last,
            Move::Last => Move::First,
        };
        app.run.scroll.go(turned, len);
        return Vec::new();
    }
    match action {
        Action::Next => match (&live.report, live.how) {
            (Some(report), _) => {
                let report = (**report).clone();
                report::open(app, report);
                Vec::new()
            }
            (None, _) => {
                let home = app.setup.home.clone();
                match home.run(&live.run) {
                    Ok(folder) => vec![Effect::Load(folder)],
                    Err(error) => {
                        app.complain(error.to_string());
                        Vec::new()
                    }
                }
            }
        },
        Action::Pause if live.how == Running::Replayed => {
            let pace = app.run.pace.unwrap_or(1.0);
            let paused = pace == 0.0;
            let pace = if paused { 1.0 } else { 0.0 };
            app.run.pace = Some(pace);
            vec![Effect::Pace(pace)]
        }
        Action::Faster | Action::Slower if live.how == Running::Replayed => {
            let pace = app.run.pace.unwrap_or(1.0).max(0.25);
            let factor = if action == Action::Faster { 2.0 } else { 0.5 };
            let pace = (pace * factor).clamp(0.25, 64.0);
            app.run.pace = Some(pace);
            vec![Effect::Pace(pace)]
        }
        Action::Pause => {
            let command = match live.state.paused {
                true => Command::Continue,
                false => Command::Pause,
            };
            vec![Effect::Send(command)]
        }
        Action::Cancel => {
            app.dialog = Some(Dialog::choose(
                "Stop the run",
                "It goes to a safe point. What is written can stay, to be resumed later, or be taken back.",
                &[
                    ("Go on", Then::Nothing),
                    ("Stop, to be resumed later", Then::Stop(false)),
                    ("Stop, and take back what was written", Then::Stop(true)),
                ],
            ));
            Vec::new()
        }
        Action::Faster | Action::Slower | Action::Unlimited => {
            let rate = rate(&live.state, action);
            vec![Effect::Send(Command::Rate(rate))]
        }
        Action::Freeze => {
            app.run.frozen = match app.run.frozen {
                Some(_) => None,
                None => Some(live.state.clone()),
            };
            Vec::new()
        }
        Action::Log => {
            app.run.scroll = List::default();
            app.run.tall = match app.run.tall {
                Tall::None => Tall::Log,
                Tall::Log => Tall::Warnings,
                Tall::Warnings => Tall::None,
            };
            Vec::new()
        }
        Action::Back if over || live.how != Running::Own => app.go_home(),
        Action::Back => {
            let keys = app.setup.keymap.shown(Action::Cancel);
            app.say(format!("The run goes on; {keys} stops it."));
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// The next limit: half or double, from what it does now.
fn rate(state: &RunState, action: Action) -> u32 {
    let now = match state.rate_limit {
        0 => {
            let current = state.current().and_then(|(_, p)| p.rate.current());
            current.unwrap_or(10_000.0) as u32
        }
        limit => limit,
    };
    match (action, state.rate_limit) {
        (Action::Unlimited, _) | (Action::Faster, 0) => 0,
        (Action::Faster, limit) if limit > 10_000_000 => 0,
        (Action::Faster, limit) => limit.saturating_mul(2),
        _ => (now / 2).max(10),
    }
}
