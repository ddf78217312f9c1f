//! The whole wizard in plain lines, for screen readers and simple terminals: a question
//! at a time with numbered answers, one line for each change of state, nothing drawn
//! twice. It asks for the same plan, and the same agreement, as the screens do.

mod ask;
mod follow;
mod secrets;
mod telling;
mod watch;

pub use watch::watch;

use super::msg::Seat;
use super::screens::options;
use super::screens::pick::form_of;
use super::widgets::form::{Field, Takes};
use crate::config::{self, Config, Paths, Side, process_env};
use crate::engine::{self, Ask, Home, Options, Plan, RunFolder, RunStatus, Stores};
use crate::error::{Error, ErrorKind, Result};
use crate::report::inert::Marks;
use crate::report::{Outcome, Report, Verification, text, words};
use crate::store::{Address, Description, Descriptor, registry};
use ask::Asker;
use std::path::Path;

/// What the plain wizard was left with: the exit code.
pub type Code = u8;

/// What somebody can begin with.
enum Begin {
    Migrate,
    Resume(RunFolder),
    RollBack(RunFolder),
    Reports,
    Backups,
    Compare,
    Quit,
}

/// Asks and answers until somebody leaves.
pub async fn run(paths: Paths, home: Home, marks: Marks) -> Result<Code> {
    let config = Config::load(&paths, &process_env)?;
    let mut plain = Plain {
        ask: Asker::new(marks)?,
        home,
        paths,
        config,
        code: 0,
    };
    plain
        .ask
        .say("memferry moves an agent's memories from one store to another.");
    plain.ask.say("Each question has a number or a text as its answer. Enter alone takes the answer in brackets; b goes back.");
    match plain.top().await {
        Ok(()) => Ok(plain.code),
        // Whoever closes the input has left.
        Err(error) if ask::is_over(&error) => Ok(plain.code),
        Err(error) => Err(error),
    }
}

/// What was answered of how memories are written.
struct Chosen {
    plan: Plan,
    /// Whether the source is read from a copy.
    copy: bool,
}

struct Plain {
    ask: Asker,
    home: Home,
    paths: Paths,
    config: Config,
    code: Code,
}

impl Plain {
    async fn top(&mut self) -> Result<()> {
        loop {
            let begin = self.begin().await?;
            let done = match begin {
                Begin::Quit => return Ok(()),
                Begin::Migrate => self.migrate().await,
                Begin::Resume(run) => self.resume(&run).await,
                Begin::RollBack(run) => self.roll_back(&run).await,
                Begin::Reports => self.reports().await,
                Begin::Backups => self.backups(),
                Begin::Compare => self.compare().await,
            };
            match done {
                Err(error) if ask::is_over(&error) => return Err(error),
                Err(error) => self.fail(&error),
                Ok(()) => {}
            }
        }
    }

    fn fail(&mut self, error: &Error) {
        self.ask.say(&format!("Error: {error}."));
        if let Some(remedy) = error.what_to_do() {
            self.ask.say(remedy);
        }
    }

    async fn begin(&mut self) -> Result<Begin> {
        let mut answers = vec![("Begin a migration".to_owned(), Begin::Migrate)];
        for run in self.home.runs()?.into_iter().rev().take(50) {
            if matches!(run.status(), Ok(RunStatus::Unfinished)) {
                let name = &run.name;
                answers.push((
                    format!("Go on with the unfinished run {name}"),
                    Begin::Resume(run.clone()),
                ));
                answers.push((
                    format!("Take back the unfinished run {name}"),
                    Begin::RollBack(run),
                ));
            }
        }
        answers.push(("Look at past runs".to_owned(), Begin::Reports));
        answers.push(("List the backups".to_owned(), Begin::Backups));
        answers.push(("Compare two stores".to_owned(), Begin::Compare));
        answers.push(("Leave".to_owned(), Begin::Quit));
        let names: Vec<_> = answers.iter().map(|(name, _)| name.clone()).collect();
        let at = self.ask.choose("What shall be done?", &names, 0).await?;
        match at {
            Some(at) if at < answers.len() => Ok(answers.swap_remove(at).1),
            _ => Ok(Begin::Quit),
        }
    }

    /// The steps of a migration; `b` goes one back.
    async fn migrate(&mut self) -> Result<()> {
        let mut source: Option<Address> = None;
        let mut target: Option<Address> = None;
        let mut plan: Option<Chosen> = None;
        loop {
            match (&source, &target, &plan) {
                (None, ..) => match self.store(Seat::Source, None).await? {
                    Some(found) => source = Some(found),
                    None => return Ok(()),
                },
                (Some(from), None, _) => {
                    let from = from.clone();
                    match self.store(Seat::Target, Some(&from)).await? {
                        Some(found) => target = Some(found),
                        None => source = None,
                    }
                }
                (Some(from), Some(to), None) => {
                    let proposed = Plan::new(from, to);
                    match self.options(proposed).await? {
                        Some(chosen) => plan = Some(chosen),
                        None => target = None,
                    }
                }
                (Some(from), Some(to), Some(chosen)) => {
                    let stores = Stores {
                        source: registry::open(from)?,
                        target: registry::open(to)?,
                    };
                    let mut options = self.run_options();
                    options.source_copy = chosen.copy;
                    let handle = engine::start(chosen.plan.clone(), stores, options).await?;
                    return self.follow(handle).await;
                }
            }
        }
    }

    fn run_options(&self) -> Options {
        Options {
            home: self.home.clone(),
            ask: Ask::Always,
            restart: false,
            source_copy: false,
        }
    }

    async fn store(&mut self, seat: Seat, other: Option<&Address>) -> Result<Option<Address>> {
        let fits = |d: &Descriptor| match seat {
            Seat::Target => d.target,
            _ => d.source,
        };
        let mut names = Vec::new();
        let mut known: Vec<Option<Address>> = Vec::new();
        for found in config::found(&process_env)? {
            let Some(address) = found.address.filter(|a| fits(a.descriptor())) else {
                continue;
            };
            let there = !found.told_by.starts_with("default path") || address.path().exists();
            if there && Some(&address) != other {
                names.push(format!("{} {}", address.descriptor().title, found.place));
                known.push(Some(address));
            }
        }
        for (name, profile) in &self.config.profiles {
            if fits(profile.address.descriptor()) {
                names.push(format!("profile {name}: {}", profile.address));
                known.push(Some(profile.address.clone()));
            }
        }
        let sample = self.paths.state_dir.join("sample").join("sample.db");
        if seat != Seat::Target {
            names.push("The built-in sample store, to try memferry with".to_owned());
            known.push(Address::parse(&sample.display().to_string()).ok());
        }
        let kinds: Vec<_> = registry::STORES.iter().filter(|d| fits(d)).collect();
        let first_kind = names.len();
        names.extend(
            kinds
                .iter()
                .map(|d| format!("Another: {}, {}", d.title, d.summary)),
        );
        let question = match seat {
            Seat::Source => "Where do memories come from?",
            Seat::Target => "Where do they go?",
            Seat::First => "Compare which store?",
            Seat::Second => "With which other?",
        };
        loop {
            let default = if seat == Seat::Target { first_kind } else { 0 };
            let Some(at) = self.ask.choose(question, &names, default).await? else {
                return Ok(None);
            };
            let address = match known.get(at) {
                Some(address) => {
                    let address = address.clone();
                    if address.as_ref().is_some_and(|a| a.path() == sample) {
                        write_sample(&sample)?;
                    }
                    address
                }
                None => match kinds.get(at - first_kind) {
                    Some(kind) => self.form(kind, seat, other).await?,
                    None => None,
                },
            };
            let Some(address) = address else { continue };
            match self.answers(address, seat).await {
                Ok(address) => return Ok(Some(address)),
                Err(error) => self.fail(&error),
            }
        }
    }

    /// The settings of a kind of store, one question each.
    async fn form(
        &mut self,
        kind: &'static Descriptor,
        seat: Seat,
        other: Option<&Address>,
    ) -> Result<Option<Address>> {
        let form = form_of(kind, None);
        let mut address = Address::new(kind);
        for field in form.fields {
            let setting = kind.settings.iter().find(|s| s.name == field.name);
            if setting.is_some_and(|s| s.secret) {
                // It is asked for where nothing is shown of it, and only if it is needed.
                continue;
            }
            let proposal = match (seat, &field.takes) {
                (Seat::Target, Takes::Path) => super::screens::pick::proposal(kind, other),
                _ => None,
            };
            loop {
                let Some(value) = self.field(&field, proposal.as_deref()).await? else {
                    return Ok(None);
                };
                if value.is_empty() {
                    break;
                }
                let value = config::expand_home(&value, &process_env);
                match address.clone().set(field.name, &value) {
                    Ok(set) => {
                        address = set;
                        break;
                    }
                    Err(error) => self.fail(&error),
                }
            }
        }
        Ok(Some(address))
    }

    async fn field(&mut self, field: &Field, proposal: Option<&str>) -> Result<Option<String>> {
        match &field.takes {
            Takes::Choice(words) => {
                let now = words.iter().position(|w| w == field.value()).unwrap_or(0);
                let question = format!("{}: {}", field.label, field.help);
                let at = self.ask.choose(&question, words, now).await?;
                Ok(at.and_then(|at| words.get(at).cloned()))
            }
            Takes::Text | Takes::Path => {
                let instead = field
                    .instead
                    .as_ref()
                    .map(|(v, from)| format!("{v}, {from}"));
                let shown = proposal.map(str::to_owned).or(instead);
                let question = format!("{}: {}", field.label, field.help);
                let typed = self.ask.text(&question, shown.as_deref()).await?;
                Ok(typed.map(|typed| match (typed.is_empty(), proposal) {
                    (true, Some(proposal)) => proposal.to_owned(),
                    _ => typed,
                }))
            }
        }
    }

    /// Asks the store, and says what it answers.
    async fn answers(&mut self, address: Address, seat: Seat) -> Result<Address> {
        let address = self.unlocked(address, seat.side()).await?;
        let description: Description = registry::open(&address)?.describe().await?;
        match (description.exists, seat) {
            (false, Seat::Source | Seat::First | Seat::Second) => {
                return Err(
                    Error::new(ErrorKind::NotFound, format!("{address} is not there"))
                        .remedy("Correct where it is, or choose another store."),
                );
            }
            (false, Seat::Target) => self.ask.say(&format!("{address} will be made.")),
            (true, _) => {
                let counts = description.counts.map(|c| words::counts(&c));
                let counts = counts.unwrap_or_else(|| "not counted".to_owned());
                self.ask
                    .say(&format!("{address}: {}, {counts}.", description.layout));
            }
        }
        Ok(address)
    }

    /// The options, of which each keeps what is in brackets until it is changed.
    async fn options(&mut self, plan: Plan) -> Result<Option<Chosen>> {
        let mut form = options::form(&self.config);
        let mut answers = vec!["Go on with these".to_owned()];
        loop {
            answers.truncate(1);
            let sample = form.get("verify") == "sample";
            let fields: Vec<usize> = (0..form.fields.len())
                .filter(|i| form.fields[*i].name != "sample" || sample)
                .collect();
            for i in &fields {
                let field = &form.fields[*i];
                let value = match field.value() {
                    "" => "not set",
                    value => value,
                };
                answers.push(format!("{}: {value}", field.label));
            }
            let question = "Which memories, and how are they written?";
            let Some(at) = self.ask.choose(question, &answers, 0).await? else {
                return Ok(None);
            };
            let Some(i) = at.checked_sub(1).and_then(|at| fields.get(at)) else {
                match options::read(&mut form, plan.clone()) {
                    Ok(plan) => {
                        let copy = form.get("copy") == "a copy";
                        return Ok(Some(Chosen { plan, copy }));
                    }
                    Err(error) => self.fail(&error),
                }
                continue;
            };
            let field = form.fields[*i].clone();
            if let Some(value) = self.option(&field).await? {
                form.fields[*i].text.set(&value);
                if let Err(error) = options::read(&mut form, plan.clone()) {
                    self.fail(&error);
                }
            }
        }
    }

    /// One option; what is typed replaces what it was, and `-` empties it.
    async fn option(&mut self, field: &Field) -> Result<Option<String>> {
        let question = format!("{}: {}", field.label, field.help);
        if let Takes::Choice(words) = &field.takes {
            let now = words.iter().position(|w| w == field.value()).unwrap_or(0);
            let at = self.ask.choose(&question, words, now).await?;
            return Ok(at.and_then(|at| words.get(at).cloned()));
        }
        let before = field.value();
        let question = format!("{question} Type - to empty it.");
        let shown = (!before.is_empty()).then_some(before);
        let typed = self.ask.text(&question, shown).await?;
        Ok(typed.map(|typed| match typed.as_str() {
            "" => before.to_owned(),
            "-" => String::new(),
            _ => typed,
        }))
    }

    async fn resume(&mut self, run: &RunFolder) -> Result<()> {
        let plan = run.plan()?;
        let source = plan.source.address(&|_| None)?;
        let target = plan.target.address(&|_| None)?;
        let stores = Stores {
            source: registry::open(&self.unlocked(source, Side::From).await?)?,
            target: registry::open(&self.unlocked(target, Side::To).await?)?,
        };
        let handle = engine::resume(run, stores, self.run_options()).await?;
        self.follow(handle).await
    }

    async fn roll_back(&mut self, run: &RunFolder) -> Result<()> {
        let target = run.plan()?.target.address(&|_| None)?;
        let shown = target.to_string();
        let name = super::screens::home::short(&shown).to_owned();
        let question = format!(
            "What run {} wrote to {target} is taken back. To go on, type the target's name: {name}",
            run.name
        );
        if !self.ask.exactly(&question, &name).await? {
            self.ask.say("Nothing was done.");
            return Ok(());
        }
        let target = registry::open(&self.unlocked(target, Side::To).await?)?;
        let handle = engine::rollback(run, target, self.run_options()).await?;
        self.follow(handle).await
    }

    async fn reports(&mut self) -> Result<()> {
        let runs: Vec<_> = self.home.runs()?.into_iter().rev().take(50).collect();
        if runs.is_empty() {
            self.ask.say("There are no runs yet.");
            return Ok(());
        }
        let line = |run: &RunFolder| match run.report() {
            Ok(Some(report)) => format!("{}: {}", run.name, report.summary),
            Ok(None) => format!("{}: not over", run.name),
            Err(error) => format!("{}: {error}", run.name),
        };
        let names: Vec<_> = runs.iter().map(line).collect();
        let Some(at) = self.ask.choose("Which run?", &names, 0).await? else {
            return Ok(());
        };
        let Some(run) = runs.get(at) else {
            return Ok(());
        };
        let Some(report) = run.report()? else {
            self.ask.say("It has no report yet.");
            return Ok(());
        };
        let look = text::Look {
            marks: self.ask.marks,
            columns: 78,
            verbose: true,
            ..text::Look::default()
        };
        self.ask.page(&text::render(&report, &look));
        self.with_report(run, &report).await
    }

    /// What can be done with a report, as often as is wanted.
    async fn with_report(&mut self, run: &RunFolder, report: &Report) -> Result<()> {
        loop {
            let mut words = vec!["Nothing".to_owned(), "Save it as a file".to_owned()];
            if super::screens::runs::can_roll_back(report) {
                words.push("See whether the target still holds what it left".to_owned());
                words.push("Take it back".to_owned());
            }
            let question = "What shall be done with it?";
            match self.ask.choose(question, &words, 0).await? {
                Some(1) => {
                    let question = "To which new file? Its ending tells the format: .json, .md, .html or .txt.";
                    let Some(path) = self.ask.text(question, None).await? else {
                        continue;
                    };
                    let path = config::expand_home(&path, &process_env);
                    match super::screens::report::save_as(report, path.as_ref()) {
                        Ok(()) => self.ask.say(&format!("Saved {path}.")),
                        Err(error) => self.fail(&error),
                    }
                }
                Some(2) => {
                    let target = run.plan()?.target.address(&|_| None)?;
                    let target = self.unlocked(target, Side::To).await?;
                    let names = (format!("what run {} left", run.name), target.to_string());
                    let found = engine::verify_run(run, registry::open(&target)?).await?;
                    self.verification(&found, &names);
                }
                Some(3) => return self.roll_back(run).await,
                _ => return Ok(()),
            }
        }
    }

    fn verification(&mut self, found: &Verification, names: &(String, String)) {
        let look = text::Look {
            marks: self.ask.marks,
            columns: 78,
            verbose: true,
            ..text::Look::default()
        };
        let page = text::verification(found, &names.0, &names.1, &look);
        self.ask.page(&page);
    }

    fn backups(&mut self) -> Result<()> {
        if !self.paths.state_dir.join("backups").is_dir() {
            self.ask.say("There are no backups yet.");
            return Ok(());
        }
        for backup in self.home.backups()?.into_iter().rev() {
            let line = match backup {
                Ok(b) => format!(
                    "{}: of {}, made {}, {}, {}. It is in {}",
                    b.name,
                    b.origin,
                    b.created_at,
                    words::counts(&b.counts),
                    words::bytes(b.bytes),
                    b.path.display()
                ),
                Err(error) => error.to_string(),
            };
            self.ask.say(&line);
        }
        self.ask.say("A migration from such a file restores it.");
        Ok(())
    }

    async fn compare(&mut self) -> Result<()> {
        let mut stores: Vec<Address> = Vec::new();
        for seat in [Seat::First, Seat::Second] {
            match self.store(seat, None).await? {
                Some(address) => stores.push(address),
                None => return Ok(()),
            }
        }
        let (Some(b), Some(a)) = (stores.pop(), stores.pop()) else {
            return Ok(());
        };
        let names = (a.to_string(), b.to_string());
        let found = engine::compare(registry::open(&a)?, registry::open(&b)?).await?;
        self.verification(&found, &names);
        Ok(())
    }

    fn ended(&mut self, outcome: Outcome) {
        self.code = outcome.exit_code();
    }
}

fn write_sample(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        config::private_dir(folder)?;
    }
    std::fs::write(path, crate::cli::SAMPLE).map_err(|e| Error::io("write", path, e))
}
