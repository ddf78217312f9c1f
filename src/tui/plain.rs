//! The whole wizard in plain lines, for screen readers and simple terminals: a question
//! at a time with numbered answers, one line for each change of state, nothing drawn
//! twice. It asks for the same plan, and the same agreement, as the screens do.

mod ask;
mod follow;

use super::screens::pick::form_of;
use super::widgets::form::{Field, Takes};
use crate::config::{self, Config, Paths, Side, process_env};
use crate::engine::{
    self, Ask, Home, OnConflict, Options, Plan, RunFolder, RunStatus, Stores, Verify,
};
use crate::error::{Error, ErrorKind, Result};
use crate::report::inert::Marks;
use crate::report::{Outcome, text, words};
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
        ask: Asker::new(marks),
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
        let mut plan: Option<Plan> = None;
        loop {
            match (&source, &target, &plan) {
                (None, ..) => match self.store(Side::From, None).await? {
                    Some(found) => source = Some(found),
                    None => return Ok(()),
                },
                (Some(from), None, _) => {
                    let from = from.clone();
                    match self.store(Side::To, Some(&from)).await? {
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
                    let chosen = chosen.clone();
                    let handle = engine::start(chosen, stores, self.run_options()).await?;
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

    fn filled(&self, address: Address, side: Side) -> Result<Address> {
        let mut ask = |address: &Address, setting: &crate::store::Setting| {
            let label = setting.label;
            config::ask_secret(&crate::report::inert::line(
                format!("{label} of {address}"),
                self.ask.marks,
            ))
        };
        let filled = config::fill(address, side, &self.config, &process_env, Some(&mut ask))?;
        Ok(filled.absolute())
    }

    async fn store(&mut self, side: Side, other: Option<&Address>) -> Result<Option<Address>> {
        let fits = |d: &Descriptor| match side {
            Side::From => d.source,
            Side::To => d.target,
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
        if side == Side::From {
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
        let question = match side {
            Side::From => "Where do memories come from?",
            Side::To => "Where do they go?",
        };
        loop {
            let default = if side == Side::From { 0 } else { first_kind };
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
                    Some(kind) => self.form(kind, side, other).await?,
                    None => None,
                },
            };
            let Some(address) = address else { continue };
            match self.answers(address, side).await {
                Ok(address) => return Ok(Some(address)),
                Err(error) => self.fail(&error),
            }
        }
    }

    /// The settings of a kind of store, one question each.
    async fn form(
        &mut self,
        kind: &'static Descriptor,
        side: Side,
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
            let proposal = match (side, &field.takes) {
                (Side::To, Takes::Path) => super::screens::pick::proposal(kind, other),
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
    async fn answers(&mut self, address: Address, side: Side) -> Result<Address> {
        let address = self.filled(address, side)?;
        let description: Description = registry::open(&address)?.describe().await?;
        match (description.exists, side) {
            (false, Side::From) => {
                return Err(
                    Error::new(ErrorKind::NotFound, format!("{address} is not there"))
                        .remedy("Correct where it is, or choose another store."),
                );
            }
            (false, Side::To) => self.ask.say(&format!("{address} will be made.")),
            (true, _) => {
                let counts = description.counts.map(|c| words::counts(&c));
                let counts = counts.unwrap_or_else(|| "not counted".to_owned());
                self.ask
                    .say(&format!("{address}: {}, {counts}.", description.layout));
            }
        }
        Ok(address)
    }

    async fn options(&mut self, mut plan: Plan) -> Result<Option<Plan>> {
        plan.write.backup = self.config.backup;
        plan.write.verify = self.config.verify;
        plan.write.stage_dir = self.config.stage_dir.clone();
        let policies = [
            "The target's stays (skip)",
            "The source's replaces it (overwrite)",
            "The newer one stays (newest)",
            "The run is refused (fail)",
        ]
        .map(str::to_owned);
        let question = "A record that the target has with other content:";
        let Some(at) = self.ask.choose(question, &policies, 0).await? else {
            return Ok(None);
        };
        plan.write.on_conflict = [
            OnConflict::Skip,
            OnConflict::Overwrite,
            OnConflict::Newest,
            OnConflict::Fail,
        ][at.min(3)];
        let levels = [
            "Every field of every record",
            "A sample of 1,000 of each kind",
            "Nothing",
        ];
        let at = self
            .ask
            .choose(
                "What is read back and compared?",
                &levels.map(str::to_owned),
                0,
            )
            .await?;
        plan.write.verify = match at {
            None => return Ok(None),
            Some(1) => Verify::Sample(1_000),
            Some(2) => Verify::None,
            Some(_) => Verify::Full,
        };
        let question = "Only these memory types, with commas between them; nothing for all:";
        let Some(types) = self.ask.text(question, None).await? else {
            return Ok(None);
        };
        let parts = types.split(',').map(str::trim).filter(|t| !t.is_empty());
        plan.filter.types = parts.map(str::to_owned).collect();
        Ok(Some(plan))
    }

    async fn resume(&mut self, run: &RunFolder) -> Result<()> {
        let plan = run.plan()?;
        let open = |store: &engine::StoreRef, side| -> Result<_> {
            registry::open(&self.filled(store.address(&|_| None)?, side)?)
        };
        let stores = Stores {
            source: open(&plan.source, Side::From)?,
            target: open(&plan.target, Side::To)?,
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
        let target = registry::open(&self.filled(target, Side::To)?)?;
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
        if super::screens::runs::can_roll_back(&report) {
            let words = ["Nothing".to_owned(), "Take it back".to_owned()];
            if self
                .ask
                .choose("What shall be done with it?", &words, 0)
                .await?
                == Some(1)
            {
                return self.roll_back(run).await;
            }
        }
        Ok(())
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
        let mut stores = Vec::new();
        for (question, side) in [
            ("The one store:", Side::From),
            ("The other store:", Side::To),
        ] {
            let Some(word) = self.ask.text(question, None).await? else {
                return Ok(());
            };
            let address = super::screens::diff::address(&word, side, &self.config)?;
            stores.push(address);
        }
        let (Some(b), Some(a)) = (stores.pop(), stores.pop()) else {
            return Ok(());
        };
        let names = (a.to_string(), b.to_string());
        let verification = engine::compare(registry::open(&a)?, registry::open(&b)?).await?;
        let look = text::Look {
            marks: self.ask.marks,
            columns: 78,
            verbose: true,
            ..text::Look::default()
        };
        self.ask.page(&text::verification(
            &verification,
            &names.0,
            &names.1,
            &look,
        ));
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
