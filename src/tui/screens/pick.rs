//! Which store, and does it answer? Source, target and two to be compared alike: what is
//! on this machine and every kind of store on the left, a form made from its settings on
//! the right.

mod choices;
mod second;
mod typing;
mod view;

pub use choices::{choose_kind, form_of, proposal, sample_path};
pub use second::is_same;
pub use typing::{completed, pasted, typed};
pub use view::view;

use crate::config::{self, SecretRef, expand_home, process_env};
use crate::engine::Inspection;
use crate::error::{Error, Result};
use crate::report::Failure;
use crate::store::{Address, Descriptor, Shape};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Effect, Probed, Seat};
use crate::tui::screens::{Screen, diff, options};
use crate::tui::widgets::form::{Field, Form};
use crate::tui::widgets::list::{List, Move};
use choices::{choices, propose};
use typing::{accept, changed, complete};

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

/// A store that is being chosen.
#[derive(Clone, Debug)]
pub struct Pick {
    seat: Seat,
    choices: Vec<Choice>,
    list: List,
    on_form: bool,
    seq: u64,
    probe: Probe,
    /// Goes on by itself once the store answered.
    eager: bool,
    /// Opened before the stores on this machine were found.
    early: bool,
}

impl Pick {
    /// With nothing to choose from yet.
    pub fn new(seat: Seat) -> Self {
        Self {
            seat,
            choices: Vec::new(),
            list: List::default(),
            on_form: false,
            seq: 0,
            probe: Probe::None,
            eager: false,
            early: false,
        }
    }

    /// Whether nobody chose anything while the stores on this machine were not yet found.
    pub fn is_early(&self) -> bool {
        self.early && self.list.at == 0 && !self.on_form && !self.eager
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
        let side = self.seat.side();
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
        let profile = app.profile_of(&address);
        let asked = |name| {
            let place = profile.and_then(|p| p.secrets.get(name));
            place.is_some_and(SecretRef::may_be_asked)
        };
        // What is in the keyring is fetched where that holds nothing up.
        let known = config::known(address.clone(), side, app, &process_env);
        known.map(Address::absolute).inspect_err(|error| {
            let missing = |f: &&mut Field| {
                let setting = choice.descriptor.settings.iter().find(|s| s.name == f.name);
                f.value().trim().is_empty()
                    && f.instead.is_none()
                    && setting.is_some_and(|s| s.required || asked(s.name))
            };
            if let Some(field) = choice.form.fields.iter_mut().find(missing) {
                field.mistake = Some(error.what_to_do().unwrap_or(error.message()).to_owned());
            }
        })
    }
}

/// The choice for a seat.
fn end(app: &mut App, seat: Seat) -> &mut Pick {
    match seat {
        Seat::Source => &mut app.source,
        Seat::Target => &mut app.target,
        Seat::First => &mut app.diff.first,
        Seat::Second => &mut app.diff.second,
    }
}

/// The store that is chosen on this screen.
pub fn seat(app: &App) -> Option<Seat> {
    match app.screen {
        Screen::Source => Some(Seat::Source),
        Screen::Target => Some(Seat::Target),
        Screen::Diff => Some(app.diff.seat),
        _ => None,
    }
}

fn end_of(app: &App, seat: Seat) -> &Pick {
    match seat {
        Seat::Source => &app.source,
        Seat::Target => &app.target,
        Seat::First => &app.diff.first,
        Seat::Second => &app.diff.second,
    }
}

/// Begins a migration, from this store or from the first that holds something.
pub fn start(app: &mut App, wanted: Option<Wanted>) -> Vec<Effect> {
    let mut source = Pick::new(Seat::Source);
    source.seq = app.source.seq + 1;
    source.early = wanted.is_none() && app.home.places.is_none();
    source.choices = choices(app, Seat::Source);
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
        source.choices.insert(0, choices::of_address(app, address));
    }
    source.list.at = at.unwrap_or(0);
    app.source = source;
    app.target = Pick::new(Seat::Target);
    app.target.seq = app.source.seq;
    app.options = options::State::new(&app.setup.config);
    app.options.seq = app.source.seq;
    app.live = None;
    app.before = vec![Screen::Home];
    app.screen = Screen::Source;
    look(app, Seat::Source)
}

fn enter_target(app: &mut App) -> Vec<Effect> {
    app.go(Screen::Target);
    if app.target.choices.is_empty() {
        app.target.choices = choices(app, Seat::Target);
        let source = app.source.found().map(|p| p.address.clone());
        app.target
            .choices
            .retain(|c| c.preset.is_none() || c.preset != source);
        propose(app);
        let new = app.target.choices.iter().position(|c| c.preset.is_none());
        app.target.list.at = new.unwrap_or(0);
    }
    look(app, Seat::Target)
}

/// Begins to choose one of two stores that are compared; one that is chosen already stays.
pub fn begin(app: &mut App, seat: Seat) -> Vec<Effect> {
    if !end(app, seat).choices.is_empty() {
        return Vec::new();
    }
    end(app, seat).choices = choices(app, seat);
    end(app, seat).early = app.home.places.is_none();
    if seat == Seat::Second {
        return second::propose(app);
    }
    look(app, seat)
}

impl Pick {
    /// As at first; an answer to what was asked before is passed over.
    pub fn anew(&self) -> Self {
        Self {
            seq: self.seq + 1,
            ..Self::new(self.seat)
        }
    }
}

/// Asks a store that nothing has to be typed for.
fn look(app: &mut App, seat: Seat) -> Vec<Effect> {
    let pick = end(app, seat);
    let quiet = pick
        .chosen()
        .is_some_and(|c| c.descriptor.shape == Shape::File);
    pick.probe = Probe::None;
    pick.seq += 1;
    match quiet {
        true => ask(app, seat, true),
        false => Vec::new(),
    }
}

/// Asks the chosen store; unless quietly, mistakes are gone to.
fn ask(app: &mut App, seat: Seat, quietly: bool) -> Vec<Effect> {
    let config = app.setup.config.clone();
    let pick = end(app, seat);
    pick.seq += 1;
    match pick.address(&config) {
        Ok(address) => {
            pick.probe = Probe::Asking;
            let sample = pick.chosen().is_some_and(|c| c.sample);
            let seq = pick.seq;
            vec![Effect::Probe {
                seat,
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
    seat: Seat,
    seq: u64,
    probed: Result<Box<Probed>, Failure>,
) -> Vec<Effect> {
    let pick = end(app, seat);
    if pick.seq != seq {
        return Vec::new();
    }
    pick.probe = match probed {
        Ok(probed) => Probe::Here(probed),
        Err(failure) => Probe::Failed(failure),
    };
    match std::mem::take(&mut pick.eager) {
        true => go_on(app, seat),
        false => Vec::new(),
    }
}

/// What is in it.
pub fn inspected(app: &mut App, seat: Seat, seq: u64, inspection: Box<Inspection>) {
    let pick = end(app, seat);
    if let (Probe::Here(probed), true) = (&mut pick.probe, pick.seq == seq) {
        probed.inspection = Some(inspection);
    }
}

/// What can be done.
pub fn actions(app: &App, seat: Seat) -> Vec<Action> {
    use Action::*;
    let pick = end_of(app, seat);
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
pub fn click(app: &mut App, seat: Seat, line: usize) -> bool {
    let pick = end(app, seat);
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
pub fn act(app: &mut App, seat: Seat, action: Action) -> Vec<Effect> {
    let pick = end(app, seat);
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
            false => look(app, seat),
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
                Probe::Here(_) => go_on(app, seat),
                Probe::Asking => {
                    pick.eager = true;
                    Vec::new()
                }
                _ => {
                    pick.eager = true;
                    ask(app, seat, false)
                }
            }
        }
        Action::Test => ask(app, seat, false),
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
            complete(app, seat)
        }
        Action::Left | Action::Right | Action::Toggle => {
            if let Some(choice) = pick.choices.get_mut(pick.list.at)
                && choice.form.turn(action)
            {
                changed(app, seat);
            }
            Vec::new()
        }
        Action::Complete => accept(app, seat),
        Action::SaveProfile => {
            let name = pick.chosen().map(|c| c.label.clone()).unwrap_or_default();
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let name: String = name.chars().map(plain).collect();
            app.dialog = Some(Dialog::ask(
                "Save as profile",
                "Under which name? Letters, digits, - and _. Its secrets go to the keyring of this machine; without one they are asked for each time.",
                name.trim_matches('-'),
                Then::SaveProfile,
            ));
            Vec::new()
        }
        Action::Back => {
            if pick.on_form {
                pick.on_form = false;
            } else if seat == Seat::Second {
                app.diff.seat = Seat::First;
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
    match seat(app).and_then(|seat| end_of(app, seat).found()) {
        Some(probed) => vec![Effect::SaveProfile(name.to_owned(), probed.address.clone())],
        None => Vec::new(),
    }
}

/// A store was kept under a name, by which the first screen finds it.
pub fn kept(app: &mut App) -> Vec<Effect> {
    if let Some(seat) = seat(app) {
        // What was chosen stays, whatever is found now.
        end(app, seat).early = false;
    }
    vec![Effect::Look]
}

fn go_on(app: &mut App, seat: Seat) -> Vec<Effect> {
    let Probe::Here(probed) = &end_of(app, seat).probe else {
        return Vec::new();
    };
    if seat != Seat::Target && !probed.description.exists {
        let missing = Failure {
            kind: crate::error::ErrorKind::NotFound,
            message: format!("{} is not there", probed.address),
            remedy: Some("Correct where it is, or choose another store.".into()),
        };
        end(app, seat).probe = Probe::Failed(missing);
        return Vec::new();
    }
    match seat {
        Seat::Source => enter_target(app),
        Seat::Target => options::enter(app),
        Seat::First => diff::second(app),
        Seat::Second => diff::compare(app),
    }
}
