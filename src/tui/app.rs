//! The wizard's state and how it changes: [`App::update`] takes in what happened and says
//! what is to be done; it does nothing itself. [`App::draw`] shows the state.

mod draw;
mod input;

use super::action::Action;
use super::dialog::{Dialog, Then};
use super::keymap::Keymap;
use super::msg::{Again, Effect, Msg, Running, Seat, Usage};
use super::pen::{Left, Look};
use super::prefs::Prefs;
use super::screens::{self, Screen, backups, diff, help, home, options, pick, preflight};
use super::screens::{report, review, run, runs, settings, unlock};
use crate::config::{Config, Paths};
use crate::engine::{Command, Home, RunState};
use crate::report::Report;
use jiff::tz::TimeZone;
use std::path::PathBuf;
use std::sync::Arc;

/// Fewest columns and rows.
pub const LEAST: (u16, u16) = (60, 16);

/// How long a message stays, in milliseconds.
const TOAST: i64 = 6_000;

/// What the wizard starts from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where files are.
    pub paths: Paths,
    /// Where runs are.
    pub home: Home,
    /// The configuration.
    pub config: Config,
    /// Theme, symbols, mouse.
    pub prefs: Prefs,
    /// How that looks here.
    pub look: Look,
    /// The keys.
    pub keymap: Keymap,
    /// Time zone of the times that are shown.
    pub zone: TimeZone,
    /// Folder that proposed files are put in.
    pub folder: PathBuf,
    /// Now, in milliseconds since 1970.
    pub now: i64,
}

/// A run that is looked at.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its name.
    pub run: String,
    /// How it is looked at.
    pub how: Running,
    /// Its newest state.
    pub state: Arc<RunState>,
    /// Whether its review was answered with yes.
    pub agreed: bool,
    /// Whether nobody wants it any more, so that it leaves no trace.
    pub withdrawn: bool,
    /// Its report, once it ended.
    pub report: Option<Box<Report>>,
}

/// The whole state.
pub struct App {
    /// What it started from, with what was changed since.
    pub setup: Setup,
    /// Now, in milliseconds since 1970.
    pub now: i64,
    /// Where one is.
    pub screen: Screen,
    /// Where one was, the last at the end.
    pub before: Vec<Screen>,
    /// The first screen.
    pub home: home::State,
    /// The source.
    pub source: pick::Pick,
    /// The target.
    pub target: pick::Pick,
    /// The options.
    pub options: options::State,
    /// The checks.
    pub preflight: preflight::State,
    /// What would be done.
    pub review: review::State,
    /// The run that is looked at.
    pub live: Option<Live>,
    /// How the run is shown.
    pub run: run::State,
    /// The report, or the comparison.
    pub report: Option<report::State>,
    /// Past runs.
    pub runs: runs::State,
    /// Backups.
    pub backups: backups::State,
    /// Two stores to be compared.
    pub diff: diff::State,
    /// Settings.
    pub settings: settings::State,
    /// Help.
    pub help: help::State,
    /// What lies on top.
    pub dialog: Option<Dialog>,
    /// A message, whether it is bad, and until when it stays.
    pub toast: Option<(String, bool, i64)>,
    /// What this process takes.
    pub usage: Usage,
    /// Whether a rollback of this run was asked for from a list.
    pub chosen_run: Option<crate::engine::RunFolder>,
    /// A store that a secret is asked for.
    pub unlock: Option<unlock::State>,
    /// On the way out.
    pub leaving: bool,
    /// Out.
    pub gone: bool,
    left: Left,
    size: (u16, u16),
}

impl App {
    /// At its start.
    pub fn new(setup: Setup) -> Self {
        Self {
            now: setup.now,
            screen: Screen::Home,
            before: Vec::new(),
            home: home::State::default(),
            source: pick::Pick::new(Seat::Source),
            target: pick::Pick::new(Seat::Target),
            options: options::State::new(&setup.config),
            preflight: preflight::State::default(),
            review: review::State::default(),
            live: None,
            run: run::State::default(),
            report: None,
            runs: runs::State::default(),
            backups: backups::State::default(),
            diff: diff::State::default(),
            settings: settings::State::new(&setup),
            help: help::State::default(),
            dialog: None,
            toast: None,
            usage: Usage::default(),
            chosen_run: None,
            unlock: None,
            leaving: false,
            gone: false,
            left: Left::default(),
            size: (80, 24),
            setup,
        }
    }

    /// What is done first.
    pub fn begin(&mut self) -> Vec<Effect> {
        // A key that comes before anything was found means the line that can be seen.
        home::settle(self);
        vec![Effect::Look, Effect::ListRuns]
    }

    /// Whether something moves by itself.
    pub fn is_moving(&self) -> bool {
        self.home.is_looking() && self.screen == Screen::Home
            || self.source.is_asking()
            || self.target.is_asking()
            || self.options.is_asking() && self.screen == Screen::Options
            || self.preflight.is_asking()
            || self.diff.is_asking()
            || self.toast.is_some()
            || self.leaving
            || self
                .live
                .as_ref()
                .is_some_and(|l| l.state.ended.is_none() && l.report.is_none())
    }

    /// Says something in the line above the keys.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some((text.into(), false, self.now + TOAST));
    }

    /// The same, of something that went wrong.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.toast = Some((text.into(), true, self.now + 2 * TOAST));
    }

    /// Tells a failure, with what to do.
    pub fn tell(&mut self, failure: &crate::report::Failure) {
        let text = match &failure.remedy {
            Some(remedy) => format!("{}. {remedy}", failure.message),
            None => failure.message.clone(),
        };
        self.complain(text);
    }

    /// Goes to a screen; back leads here again.
    pub fn go(&mut self, screen: Screen) {
        if self.screen != screen {
            self.before.push(self.screen);
            self.screen = screen;
        }
    }

    /// Goes back.
    pub fn back(&mut self) {
        self.screen = self.before.pop().unwrap_or(Screen::Home);
    }

    /// To the first screen, from where nothing leads back.
    pub fn go_home(&mut self) -> Vec<Effect> {
        self.before.clear();
        self.screen = Screen::Home;
        vec![Effect::ListRuns, Effect::Look]
    }

    /// Takes in what happened.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let before = self.screen;
        let mut effects = self.take(msg);
        if before == Screen::Options && self.screen != before && options::leave(self) {
            effects.push(Effect::DropForecast);
        }
        effects
    }

    fn take(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Terminal(event) => self.event(event),
            Msg::Tick => {
                if self
                    .toast
                    .as_ref()
                    .is_some_and(|(_, _, until)| *until <= self.now)
                {
                    self.toast = None;
                }
                options::tick(self)
            }
            Msg::Terminate => self.then(Then::Leave, ""),
            Msg::Usage(usage) => {
                self.usage = usage;
                Vec::new()
            }
            Msg::Resumed => vec![Effect::Redraw],
            Msg::Found(found) => home::found(self, found),
            Msg::Described(i, description) => {
                home::described(self, i, description);
                Vec::new()
            }
            Msg::Probed(seat, seq, probed) => pick::probed(self, seat, seq, probed),
            Msg::Inspected(seat, seq, inspection) => {
                pick::inspected(self, seat, seq, inspection);
                Vec::new()
            }
            Msg::Completed(seq, text) => {
                pick::completed(self, seq, &text);
                Vec::new()
            }
            Msg::Forecast(seq, found) => {
                options::foreseen(self, seq, found);
                Vec::new()
            }
            Msg::Counting(seq, counted) => {
                options::counting(self, seq, counted);
                Vec::new()
            }
            Msg::Rechecked(seq, check) => preflight::rechecked(self, seq, check),
            Msg::Locked(locked) => {
                unlock::ask(self, *locked);
                Vec::new()
            }
            Msg::Started(started) => run::started(self, started),
            Msg::State(state) => run::state(self, state),
            Msg::Ended(ended) => run::ended(self, ended),
            Msg::Runs(rows) => {
                self.runs.list.at = self.runs.list.at.min(rows.len().saturating_sub(1));
                self.home.runs = rows.clone();
                self.runs.rows = Some(rows);
                home::settle(self);
                Vec::new()
            }
            Msg::Backups(rows) => {
                self.backups.rows = Some(rows);
                Vec::new()
            }
            Msg::Report(loaded) => {
                match loaded {
                    Ok(loaded) => report::open(self, *loaded),
                    Err(failure) => self.tell(&failure),
                }
                Vec::new()
            }
            Msg::Compared(compared) => diff::compared(self, compared),
            Msg::Saved(Ok((words, config))) => {
                self.setup.config = *config;
                self.say(words);
                pick::kept(self)
            }
            Msg::Saved(Err(failure)) => {
                self.tell(&failure);
                Vec::new()
            }
            Msg::Done(done) => {
                match done {
                    Ok(words) => self.say(words),
                    Err(failure) => self.tell(&failure),
                }
                match self.screen {
                    Screen::Runs => vec![Effect::ListRuns],
                    Screen::Backups => vec![Effect::ListBackups],
                    _ => Vec::new(),
                }
            }
        }
    }

    /// What can be done now, what belongs to the screen first.
    pub fn actions(&self) -> Vec<Action> {
        let mut all = match self.screen {
            Screen::Home => home::actions(self),
            Screen::Source => pick::actions(self, Seat::Source),
            Screen::Target => pick::actions(self, Seat::Target),
            Screen::Options => options::actions(self),
            Screen::Preflight => preflight::actions(self),
            Screen::Review => review::actions(self),
            Screen::Run => run::actions(self),
            Screen::Report => report::actions(self),
            Screen::Runs => runs::actions(self),
            Screen::Backups => backups::actions(self),
            Screen::Diff => diff::actions(self),
            Screen::Settings => settings::actions(self),
            Screen::Help => help::actions(self),
        };
        if self.screen != Screen::Home {
            all.push(Action::Back);
            if self.screen.step().is_none_or(|step| step == 6) {
                all.push(Action::GoHome);
            }
        }
        if self.screen != Screen::Help {
            all.push(Action::Help);
        }
        all.extend([
            Action::Palette,
            Action::Quit,
            Action::Redraw,
            Action::Suspend,
        ]);
        all
    }

    /// Does it.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Help => {
                self.help = help::State::of(self.actions());
                self.go(Screen::Help);
                return Vec::new();
            }
            Action::Palette => {
                self.dialog = Some(Dialog::palette(self.actions()));
                return Vec::new();
            }
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend],
            Action::GoHome => return self.go_home(),
            Action::Quit => return self.quit(),
            _ => {}
        }
        match self.screen {
            Screen::Home => home::act(self, action),
            Screen::Source => pick::act(self, Seat::Source, action),
            Screen::Target => pick::act(self, Seat::Target, action),
            Screen::Options => options::act(self, action),
            Screen::Preflight => preflight::act(self, action),
            Screen::Review => review::act(self, action),
            Screen::Run => run::act(self, action),
            Screen::Report => report::act(self, action),
            Screen::Runs => runs::act(self, action),
            Screen::Backups => backups::act(self, action),
            Screen::Diff => diff::act(self, action),
            Screen::Settings => settings::act(self, action),
            Screen::Help => help::act(self, action),
        }
    }

    /// Whether a run of this process may be writing.
    pub fn is_running(&self) -> bool {
        self.live.as_ref().is_some_and(|live| {
            live.how == Running::Own && live.report.is_none() && (live.agreed || live.state.resumed)
        })
    }

    fn quit(&mut self) -> Vec<Effect> {
        if !self.is_running() {
            return self.then(Then::Leave, "");
        }
        if self.live.as_ref().is_some_and(|l| l.state.ended.is_some()) {
            // Its report is still on its way, and taken in on the way out.
            self.gone = true;
            return Vec::new();
        }
        self.dialog = Some(Dialog::choose(
            "A run is going on",
            format!(
                "It can go to a safe point and be resumed later with `{}`, or it can take back what it wrote.",
                self.setup.home.command(&["resume"])
            ),
            &[
                ("Stay", Then::Nothing),
                ("Leave: stop at a safe point, resume later", Then::Leave),
                (
                    "Leave: take back what the run wrote",
                    Then::LeaveRollingBack,
                ),
            ],
        ));
        Vec::new()
    }

    /// Does what a dialog was answered with.
    pub fn then(&mut self, then: Then, text: &str) -> Vec<Effect> {
        match then {
            Then::Nothing => Vec::new(),
            Then::Leave | Then::LeaveRollingBack => {
                let own = |l: &Live| l.how == Running::Own && l.report.is_none();
                if !self.preflight.starting && !self.live.as_ref().is_some_and(own) {
                    self.gone = true;
                    return Vec::new();
                }
                self.leaving = true;
                let rollback = then == Then::LeaveRollingBack;
                match self.is_running() {
                    true => vec![Effect::Send(Command::Stop { rollback })],
                    false => {
                        if let Some(live) = &mut self.live {
                            live.withdrawn = true;
                        }
                        vec![Effect::Withdraw]
                    }
                }
            }
            Then::Stop(rollback) => vec![Effect::Send(Command::Stop { rollback })],
            Then::Proceed => review::proceed(self),
            Then::Accept => preflight::accept(self, text),
            Then::SavePlan => review::save_plan(self, text),
            Then::SaveProfile => pick::save_profile(self, text),
            Then::SaveReport => report::save(self, text),
            Then::RollBack => match self.chosen_run.take() {
                Some(folder) => {
                    self.live = None;
                    vec![Effect::Again(Again::RollBack(folder))]
                }
                None => Vec::new(),
            },
            Then::RemoveRun => match self.chosen_run.take() {
                Some(folder) => vec![Effect::Remove(folder)],
                None => Vec::new(),
            },
        }
    }
}

/// The screens, for tests that go through all of them.
pub use screens::Screen as Where;
