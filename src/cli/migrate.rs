//! `migrate`, `export`, `import`, `run` and `backups restore`: all make a plan and run it.

use super::args::{
    self, Choose, Drive, Export, Import, Migrate, RunPlan, Safety, Selection, Writing,
};
use super::context::address_of;
use super::drive::drive;
use super::tail::Lengths;
use super::{Code, Context};
use crate::config::{Config, Side};
use crate::engine::{self, Ask, OnConflict, Options, Plan, Stores};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, registry};
use std::path::Path;

/// `migrate`.
pub async fn migrate(args: &Migrate, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    let target = args.ends.target(&config)?;
    let source = match args.ends.source(&config)? {
        Some(source) => source,
        None => context.default_source(&config).await?,
    };
    Job {
        source,
        target,
        selection: Some(&args.selection),
        writing: &args.writing,
        choose: &args.choose,
        drive: &args.drive,
        replace: false,
    }
    .run(&config, context)
    .await
}

/// `export`.
pub async fn export(args: &Export, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    Job {
        source: args::source(&args.store, &config)?,
        target: Address::parse(&args.file)?,
        selection: Some(&args.selection),
        writing: &args.writing,
        choose: &args.choose,
        drive: &args.drive,
        replace: false,
    }
    .run(&config, context)
    .await
}

/// `import`.
pub async fn import(args: &Import, context: &Context<'_>) -> Result<Code> {
    let config = context.config()?;
    Job {
        source: Address::parse(&args.file)?,
        target: args::target(&args.store, &config)?,
        selection: Some(&args.selection),
        writing: &args.writing,
        choose: &args.choose,
        drive: &args.drive,
        replace: false,
    }
    .run(&config, context)
    .await
}

/// `run`.
pub async fn run(args: &RunPlan, context: &Context<'_>) -> Result<Code> {
    let path = &args.plan;
    let text = std::fs::read_to_string(path).map_err(|cause| Error::io("read", path, cause))?;
    let mut plan = Plan::from_toml(&text).map_err(|error| error.with("in", path.display()))?;
    plan.write.dry_run |= args.dry_run;
    let config = context.config()?;
    let source = context.complete(address_of(&plan.source)?, Side::From, &config)?;
    let target = context.complete(address_of(&plan.target)?, Side::To, &config)?;
    // Paths of a plan written by hand may be relative, and settings left out.
    let meaning = Plan::new(&source, &target);
    (plan.source, plan.target) = (meaning.source, meaning.target);
    begin(plan, &source, &target, &args.safety, &args.drive, context).await
}

/// A plan to be made and run.
pub struct Job<'a> {
    /// Where memories come from.
    pub source: Address,
    /// Where they go.
    pub target: Address,
    /// Which of them; `None`: all.
    pub selection: Option<&'a Selection>,
    /// How they are written.
    pub writing: &'a Writing,
    /// Whether it is carried out.
    pub choose: &'a Choose,
    /// What is shown.
    pub drive: &'a Drive,
    /// Whether the target is made equal to the source.
    pub replace: bool,
}

impl Job<'_> {
    /// Makes the plan, and saves or runs it.
    pub async fn run(self, config: &Config, context: &Context<'_>) -> Result<Code> {
        let source = args::can(self.source, |d| d.source, "source")?;
        let target = args::can(self.target, |d| d.target, "target")?;
        let source = context.complete(source, Side::From, config)?;
        let target = context.complete(target, Side::To, config)?;
        let mut plan = Plan::new(&source, &target);
        if let Some(selection) = self.selection {
            for unknown in selection.unknown_types() {
                let known = crate::model::memory::TYPES.join(", ");
                context.out.warn(&format!(
                    "memorygraph has no memory type {unknown:?}; it has {known}"
                ));
            }
            plan.filter = selection.filter();
        }
        plan.write = self.writing.write(config)?;
        plan.write.dry_run = self.choose.dry_run;
        if self.replace {
            plan.write.replace = true;
            plan.write.backup = true;
            plan.write.on_conflict = OnConflict::Overwrite;
        }
        plan.losses = self.writing.losses()?;
        if let Some(path) = &self.choose.save_plan {
            return save(&plan, path, context);
        }
        begin(
            plan,
            &source,
            &target,
            &self.choose.safety,
            self.drive,
            context,
        )
        .await
    }
}

async fn begin(
    plan: Plan,
    source: &Address,
    target: &Address,
    safety: &Safety,
    shown: &Drive,
    context: &Context<'_>,
) -> Result<Code> {
    let stores = Stores {
        source: registry::open(source)?,
        target: registry::open(target)?,
    };
    let options = Options {
        home: context.home(),
        ask: ask(safety.yes),
        restart: safety.restart,
        source_copy: safety.source_copy,
    };
    let before = Lengths::of(&options.home);
    let handle = engine::start(plan, stores, options).await?;
    drive(handle, &before, context, shown).await
}

/// When a run waits for an answer.
pub fn ask(yes: bool) -> Ask {
    match yes {
        true => Ask::Never,
        false => Ask::WhenOverwriting,
    }
}

/// Writes the plan to a new file.
fn save(plan: &Plan, path: &Path, context: &Context<'_>) -> Result<Code> {
    write_new(path, plan.to_toml()?.as_bytes())?;
    let absolute = std::path::absolute(path).map_err(|cause| Error::io("find", path, cause))?;
    let command = context.command(&["run", &absolute.display().to_string()]);
    context.out.say(&format!(
        "Saved. Run it with: {}",
        context.out.words.safe(&command)
    ));
    Ok(Code::DONE)
}

/// Writes a file that is not there yet, whole or not at all.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = match options.write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} is there already", path.display()),
            )
            .remedy("Choose another name, or remove that file."));
        }
        Err(cause) => return Err(Error::io("write", path, cause)),
    };
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|cause| {
        let _ = std::fs::remove_file(path);
        Error::io("write", path, cause)
    })
}
