//! Which store, and does it answer? Source and target alike: what is on this machine and
//! every kind of store on the left, a form made from its settings on the right.

mod choices;
mod view;

pub use choices::{choose_kind, form_of, proposal, sample_path};
pub use view::view;

use crate::config::{self, Side, expand_home, process_env};
use crate::engine::Inspection;
use crate::error::{Error, Result};
use crate::report::Failure;
use crate::store::{Address, Descriptor, Shape};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Effect, Probed};
use crate::tui::screens::{Screen, home, options};
use crate::tui::widgets::form::{Field, Form};
use crate::tui::widgets::list::{List, Move};
use choices::{choices, propose};
use crossterm::event::{KeyCode, KeyEvent};

/// What a migration begins with.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// The sample store.
    Sample,
    /// This store.
    Address(Address),
}

/// One of the stores to choose from.
#[derive(Clone, Debug)]
struct Choice {
    label: String,
    detail: String,
    descriptor: &'static Descriptor,
    preset: Option<Address>,
    sample: bool,
    form: Form,
}

/// What is known of the chosen store.
#[derive(Clone, Debug, Default)]
enum Probe {
    #[default]
    None,
    Asking,
    Here(Box<Probed>),
    Failed(Failure),
}

/// One end of a migration.
#[derive(Clone, Debug)]
pub struct Pick {
    side: Side,
    choices: Vec<Choice>,
    list: List,
    on_form: bool,
    seq: u64,
    probe: Probe,
    /// Goes on by itself once the store answered.
    eager: bool,
}

impl Pick {
    /// One end, with nothing to choose from yet.
    pub fn new(side: Side) -> Self {
        Self {
            side,
            choices: Vec::new(),
            list: List::default(),
            on_form: false,
            seq: 0,
            probe: Probe::None,
            eager: false,
        }
    }

    /// Whether an answer is waited for.
    pub fn is_asking(&self) -> bool {
        matches!(self.probe, Probe::Asking)
    }

    /// Whether letters are typed into a field.
    pub fn is_typing(&self) -> bool {
        let form = self.choices.get(self.list.at).map(|c| &c.form);
        self.on_form && form.is_some_and(Form::takes_text)
    }

    /// The form of the chosen store; a click puts the cursor in it.
    pub fn form(&mut self) -> Option<&mut Form> {
        self.on_form = true;
        self.choices.get_mut(self.list.at).map(|c| &mut c.form)
    }

    /// The store, if it answered.
    pub fn found(&self) -> Option<&Probed> {
        match &self.probe {
            Probe::Here(probed) => Some(probed),
            _ => None,
        }
    }

    fn chosen(&self) -> Option<&Choice> {
        self.choices.get(self.list.at)
    }

    /// What was known of the chosen store is void.
    fn forget(&mut self) {
        self.probe = Probe::None;
        self.eager = false;
        self.seq += 1;
    }

    /// The chosen store's name for people.
    pub fn title(&self) -> &str {
        self.chosen().map_or("", |c| c.descriptor.title)
    }

    /// The address that the form makes; mistakes are marked in it.
    fn address(&mut self, app: &config::Config) -> Result<Address> {
        let side = self.side;
        let Some(choice) = self.choices.get_mut(self.list.at) else {
            return Err(Error::internal("no store is chosen"));
        };
        let mut address = Address::new(choice.descriptor);
        let mut first: Option<Error> = None;
        for field in &mut choice.form.fields {
            field.mistake = None;
            let typed = field.said().to_owned();
            if typed.is_empty() {
                continue;
            }
            let typed = expand_home(&typed, &process_env);
            match address.clone().set(field.name, &typed) {
                Ok(set) => address = set,
                Err(error) => {
                    field.mistake = Some(error.what_to_do().unwrap_or(error.message()).to_owned());
                    first.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first {
            return Err(error);
        }
        let filled = config::fill(address.clone(), side, app, &process_env, None);
        filled.map(Address::absolute).inspect_err(|error| {
            let missing = |f: &&mut Field| {
                let setting = choice.descriptor.settings.iter().find(|s| s.name == f.name);
                f.value().trim().is_empty()
                    && f.instead.is_none()
                    && setting.is_some_and(|s| s.required)
            };
            if let Some(field) = choice.form.fields.iter_mut().find(missing) {
                field.mistake = Some(error.what_to_do().unwrap_or(error.message()).to_owned());
            }
        })
    }
}

/// One end of the application.
fn end(app: &mut App, side: Side) -> &mut Pick {
    match side {
        Side::From => &mut app.source,
        Side::To => &mut app.target,
    }
}

fn end_of(app: &App, side: Side) -> &Pick {
    match side {
        Side::From => &app.source,
        Side::To => &app.target,
    }
}

/// Begins a migration, from this store or from the first that holds something.
pub fn start(app: &mut App, wanted: Option<Wanted>) -> Vec<Effect> {
    let mut source = Pick::new(Side::From);
    source.seq = app.source.seq + 1;
    source.choices = choices(app, Side::From);
    let at = match &wanted {
        Some(Wanted::Sample) => source.choices.iter().position(|c| c.sample),
        Some(Wanted::Address(address)) => {
            let same = |c: &Choice| c.preset.as_ref() == Some(address);
            source.choices.iter().position(same)
        }
        None => None,
    };
    if at.is_none()
        && let Some(Wanted::Address(address)) = &wanted
    {
        let descriptor = address.descriptor();
        source.choices.insert(
            0,
            Choice {
                label: home::short(&address.to_string()).to_owned(),
                detail: address.to_string(),
                descriptor,
                preset: Some(address.clone()),
                sample: false,
                form: form_of(descriptor, Some(address)),
            },
        );
    }
    source.list.at = at.unwrap_or(0);
    app.source = source;
    app.target = Pick::new(Side::To);
    app.target.seq = app.source.seq;
    app.options = options::State::new(&app.setup.config);
    app.options.seq = app.source.seq;
    app.live = None;
    app.before = vec![Screen::Home];
    app.screen = Screen::Source;
    look(app, Side::From)
}

fn enter_target(app: &mut App) -> Vec<Effect> {
    app.go(Screen::Target);
    if app.target.choices.is_empty() {
        app.target.choices = choices(app, Side::To);
        let source = app.source.found().map(|p| p.address.clone());
        app.target
            .choices
            .retain(|c| c.preset.is_none() || c.preset != source);
        propose(app);
        let new = app.target.choices.iter().position(|c| c.preset.is_none());
        app.target.list.at = new.unwrap_or(0);
    }
    look(app, Side::To)
}

/// Asks a store that nothing has to be typed for.
fn look(app: &mut App, side: Side) -> Vec<Effect> {
    let pick = end(app, side);
    let quiet = pick
        .chosen()
        .is_some_and(|c| c.descriptor.shape == Shape::File);
    pick.probe = Probe::None;
    pick.seq += 1;
    match quiet {
        true => ask(app, side, true),
        false => Vec::new(),
    }
}

/// Asks the chosen store; unless quietly, mistakes are gone to.
fn ask(app: &mut App, side: Side, quietly: bool) -> Vec<Effect> {
    let config = app.setup.config.clone();
    let pick = end(app, side);
    pick.seq += 1;
    match pick.address(&config) {
        Ok(address) => {
            pick.probe = Probe::Asking;
            let sample = pick.chosen().is_some_and(|c| c.sample);
            let seq = pick.seq;
            vec![Effect::Probe {
                side,
                seq,
                address,
                sample,
            }]
        }
        Err(error) => {
            pick.eager = false;
            pick.probe = Probe::None;
            if quietly {
                if let Some(choice) = pick.choices.get_mut(pick.list.at) {
                    choice.form.fields.iter_mut().for_each(|f| f.mistake = None);
                }
                return Vec::new();
            }
            let at = pick.list.at;
            let gone = pick
                .choices
                .get_mut(at)
                .is_some_and(|c| c.form.to_mistake());
            pick.on_form |= gone;
            pick.probe = Probe::Failed(Failure::from(&error));
            Vec::new()
        }
    }
}

/// The store answered, or not.
pub fn probed(
    app: &mut App,
    side: Side,
    seq: u64,
    probed: Result<Box<Probed>, Failure>,
) -> Vec<Effect> {
    let pick = end(app, side);
    if pick.seq != seq {
        return Vec::new();
    }
    pick.probe = match probed {
        Ok(probed) => Probe::Here(probed),
        Err(failure) => Probe::Failed(failure),
    };
    match std::mem::take(&mut pick.eager) {
        true => go_on(app, side),
        false => Vec::new(),
    }
}

/// What is in it.
pub fn inspected(app: &mut App, side: Side, seq: u64, inspection: Box<Inspection>) {
    let pick = end(app, side);
    if let (Probe::Here(probed), true) = (&mut pick.probe, pick.seq == seq) {
        probed.inspection = Some(inspection);
    }
}

/// A path goes on like this.
pub fn completed(app: &mut App, seq: u64, rest: &str) {
    let side = match app.screen {
        Screen::Source => Side::From,
        Screen::Target => Side::To,
        _ => return,
    };
    let pick = end(app, side);
    if pick.seq == seq
        && let Some(field) = pick
            .choices
            .get_mut(pick.list.at)
            .and_then(|c| c.form.focused())
    {
        field.ghost = rest.to_owned();
    }
}

/// What can be done.
pub fn actions(app: &App, side: Side) -> Vec<Action> {
    use Action::*;
    let pick = end_of(app, side);
    let mut all = vec![Next, Test, NextField];
    if pick.on_form {
        all.push(PreviousField);
        let form = pick.chosen().map(|c| &c.form);
        if form.is_some_and(Form::takes_path) {
            all.push(Complete);
        }
        if !pick.is_typing() {
            all.extend([Left, Right, Toggle]);
        }
    }
    if matches!(pick.probe, Probe::Here(_)) {
        all.push(SaveProfile);
    }
    all.extend([Up, Down, PageUp, PageDown, First, Last]);
    all
}

/// A click on a store.
pub fn click(app: &mut App, side: Side, line: usize) -> bool {
    let pick = end(app, side);
    pick.on_form = false;
    let again = pick.list.at == line;
    pick.list.at = line.min(pick.choices.len().saturating_sub(1));
    if !again {
        pick.probe = Probe::None;
        pick.seq += 1;
    }
    false
}

/// Does it.
pub fn act(app: &mut App, side: Side, action: Action) -> Vec<Effect> {
    let pick = end(app, side);
    if let Some(way) = Move::of(action) {
        if pick.on_form {
            if let Some(choice) = pick.choices.get_mut(pick.list.at) {
                match way {
                    Move::Up => choice.form.step(true),
                    Move::Down => choice.form.step(false),
                    _ => false,
                };
            }
            return Vec::new();
        }
        let before = pick.list.at;
        pick.list.go(way, pick.choices.len());
        return match pick.list.at == before {
            true => Vec::new(),
            false => look(app, side),
        };
    }
    match action {
        Action::Next => {
            let at = pick.list.at;
            let typing = pick.on_form;
            if let (true, Some(choice)) = (typing, pick.choices.get_mut(at)) {
                // In a form, Enter goes through what is still empty and required.
                let settings = choice.descriptor.settings;
                let open = choice.form.fields.iter().position(|f| {
                    let required = settings.iter().any(|s| s.name == f.name && s.required);
                    required && f.value().trim().is_empty() && f.instead.is_none()
                });
                if let Some(i) = open.filter(|i| *i > choice.form.at) {
                    choice.form.at = i;
                    return Vec::new();
                }
            }
            match pick.probe {
                Probe::Here(_) => go_on(app, side),
                Probe::Asking => {
                    pick.eager = true;
                    Vec::new()
                }
                _ => {
                    pick.eager = true;
                    ask(app, side, false)
                }
            }
        }
        Action::Test => ask(app, side, false),
        Action::NextField | Action::PreviousField => {
            let back = action == Action::PreviousField;
            let on_form = pick.on_form;
            let Some(choice) = pick.choices.get_mut(pick.list.at) else {
                return Vec::new();
            };
            match on_form {
                true => pick.on_form = choice.form.step(back),
                false => {
                    choice.form.enter(back);
                    pick.on_form = !choice.form.fields.is_empty();
                }
            }
            complete(app, side)
        }
        Action::Left | Action::Right | Action::Toggle => {
            if let Some(choice) = pick.choices.get_mut(pick.list.at)
                && choice.form.turn(action)
            {
                changed(app, side);
            }
            Vec::new()
        }
        Action::Complete => accept(app, side),
        Action::SaveProfile => {
            let name = pick.chosen().map(|c| c.label.clone()).unwrap_or_default();
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let name: String = name.chars().map(plain).collect();
            app.dialog = Some(Dialog::ask(
                "Save as profile",
                "Under which name? Letters, digits, - and _. Secrets are not kept: they are asked for each time, or named in config.toml.",
                name.trim_matches('-'),
                Then::SaveProfile,
            ));
            Vec::new()
        }
        Action::Back => {
            if pick.on_form {
                pick.on_form = false;
            } else {
                app.back();
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Keeps the store under that name.
pub fn save_profile(app: &mut App, name: &str) -> Vec<Effect> {
    let side = if app.screen == Screen::Target {
        Side::To
    } else {
        Side::From
    };
    match end_of(app, side).found() {
        Some(probed) => vec![Effect::SaveProfile(name.to_owned(), probed.address.clone())],
        None => Vec::new(),
    }
}

fn go_on(app: &mut App, side: Side) -> Vec<Effect> {
    let Probe::Here(probed) = &end_of(app, side).probe else {
        return Vec::new();
    };
    match side {
        Side::From if !probed.description.exists => {
            app.source.probe = Probe::Failed(Failure {
                kind: crate::error::ErrorKind::NotFound,
                message: format!("{} is not there", probed.address),
                remedy: Some("Correct where it is, or choose another store.".into()),
            });
            Vec::new()
        }
        Side::From => enter_target(app),
        Side::To => options::enter(app),
    }
}

/// What was typed makes what is known of the store void.
fn changed(app: &mut App, side: Side) {
    let pick = end(app, side);
    pick.forget();
    let Some(choice) = pick.choices.get_mut(pick.list.at) else {
        return;
    };
    if choice.sample {
        // It is the sample only as long as it is where the sample is.
        choice.sample = false;
    }
    let descriptor = choice.descriptor;
    for field in &mut choice.form.fields {
        let typed = expand_home(field.value().trim(), &process_env);
        let set = Address::new(descriptor).set(field.name, &typed);
        field.mistake = match (typed.is_empty(), set) {
            (false, Err(error)) => Some(error.what_to_do().unwrap_or(error.message()).to_owned()),
            _ => None,
        };
    }
}

/// A key for the field.
pub fn typed(app: &mut App, side: Side, event: KeyEvent) -> Option<Vec<Effect>> {
    let pick = end(app, side);
    let choice = pick.choices.get_mut(pick.list.at)?;
    let field = choice.form.focused()?;
    let takes = event.code == KeyCode::Right && event.modifiers.is_empty();
    if takes && field.text.at_end() && !field.ghost.is_empty() {
        return Some(accept(app, side));
    }
    let did = choice.form.key(event)?;
    if did {
        changed(app, side);
        return Some(complete(app, side));
    }
    Some(Vec::new())
}

/// A paste.
pub fn pasted(app: &mut App, side: Side, text: &str) -> Vec<Effect> {
    let pick = end(app, side);
    if !pick.on_form {
        return Vec::new();
    }
    if let Some(field) = pick
        .choices
        .get_mut(pick.list.at)
        .and_then(|c| c.form.focused())
    {
        field.text.paste(text);
    }
    changed(app, side);
    complete(app, side)
}

fn complete(app: &mut App, side: Side) -> Vec<Effect> {
    let pick = end(app, side);
    let seq = pick.seq;
    let Some(choice) = pick.choices.get_mut(pick.list.at) else {
        return Vec::new();
    };
    if !pick.on_form || !choice.form.takes_path() {
        return Vec::new();
    }
    let value = choice.form.focused().map(|f| f.value().to_owned());
    match value.filter(|v| !v.is_empty()) {
        Some(value) => vec![Effect::Complete(seq, value)],
        None => Vec::new(),
    }
}

fn accept(app: &mut App, side: Side) -> Vec<Effect> {
    let pick = end(app, side);
    if let Some(field) = pick
        .choices
        .get_mut(pick.list.at)
        .and_then(|c| c.form.focused())
    {
        let ghost = std::mem::take(&mut field.ghost);
        if ghost.is_empty() {
            return complete(app, side);
        }
        field.text.set(&format!("{}{ghost}", field.value()));
    }
    changed(app, side);
    complete(app, side)
}
