//! The arguments: one struct per command, shared groups beside them. Help is made
//! from the words here; nothing here acts.

mod run;
mod store;

pub use run::{Choose, Drive, Safety, Selection, Writing};
pub use store::{Ends, can, source, target};

use crate::store::falkordblite;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "memferry",
    bin_name = "memferry",
    version,
    about = "Moves an AI agent's memory from any store to any other, loses nothing without being told to, and proves it.",
    after_help = "STORE is an address (sqlite:PATH, archive:FILE, a path whose ending tells its kind), a kind of \
                  store in its usual place (sqlite), or the name of a saved profile.\n\
                  Exit codes: 0 done and verified, 1 refused, 2 failed, 3 finished with differences, \
                  4 interrupted (can be resumed).",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// Where files are.
    #[command(flatten)]
    pub files: Files,
    /// How the wizard looks.
    #[command(flatten)]
    pub wizard: WizardArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Where memferry keeps its own files.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Files {
    /// Folder with runs, backups and locks
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "MEMFERRY_STATE_DIR",
        hide_env_values = true,
        value_hint = ValueHint::DirPath
    )]
    pub state_dir: Option<PathBuf>,
    /// Folder with config.toml, or that file
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "MEMFERRY_CONFIG_DIR",
        hide_env_values = true,
        value_hint = ValueHint::AnyPath
    )]
    pub config: Option<PathBuf>,
}

/// How the wizard looks.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "The wizard")]
pub struct WizardArgs {
    /// Ask and answer in plain lines, for screen readers and simple terminals
    #[arg(long)]
    pub plain: bool,
    /// Theme: default, light, high-contrast, monochrome, or one of your own
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// Only ASCII characters
    #[arg(long)]
    pub ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub no_mouse: bool,
}

/// Data as one JSON document.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Json {
    /// Print one JSON document on standard output (see docs/schema)
    #[arg(long)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Move memories from one store to another
    #[command(
        after_help = "Without --from, the source is memorygraph's own store, found as memorygraph finds it."
    )]
    Migrate(Migrate),
    /// Run a saved plan
    Run(RunPlan),
    /// Go on with a run that was broken off
    Resume(Resume),
    /// Take back what a run wrote
    #[command(
        after_help = "Only what the run added is removed and only what it changed is restored. \
                            Records that somebody changed since are left alone and named."
    )]
    Rollback(Rollback),
    /// Check a past run again, or compare two stores
    #[command(
        after_help = "With nothing or a RUN: is the target still what the run left?\n\
                            With two STOREs: do they hold the same records, field by field?"
    )]
    Verify(Verify),
    /// Show every difference between two stores
    Diff(Diff),
    /// List, show and remove past runs
    Runs(Runs),
    /// Show the report of a run
    Report(Report),
    /// Watch a run that another process carries out
    Watch(Follow),
    /// Watch a past run again
    Replay(Follow),
    /// Write the memories of a store to a file
    Export(Export),
    /// Read the memories of a file into a store
    Import(Import),
    /// Look into a store
    Inspect(Inspect),
    /// List the kinds of store, or the stores on this machine
    Stores(Stores),
    /// Check this installation
    Doctor(Json),
    /// Back up a store into an archive, which is read back and checked
    Backup(Backup),
    /// List, check, restore and clean backups
    Backups(Backups),
    /// Move a sample store in a temporary folder, to see how it works
    Demo(Demo),
    /// Print the completions of a shell
    Completions(Completions),
    /// Print the manual page
    Man,
    /// Print the schema of a JSON document
    #[command(hide = true)]
    Schema(Schema),
    /// Become the server of a database file, which ends with the program that started it
    #[command(hide = true, name = falkordblite::guard::SUBCOMMAND)]
    RunServer(RunServer),
}

/// `migrate`.
#[derive(Args, Debug)]
pub struct Migrate {
    /// Source and target.
    #[command(flatten)]
    pub ends: Ends,
    /// Which memories.
    #[command(flatten)]
    pub selection: Selection,
    /// How they are written.
    #[command(flatten)]
    pub writing: Writing,
    /// How the run goes.
    #[command(flatten)]
    pub choose: Choose,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `run`.
#[derive(Args, Debug)]
pub struct RunPlan {
    /// A plan that the wizard or --save-plan wrote
    #[arg(value_name = "PLAN.toml", value_hint = ValueHint::FilePath)]
    pub plan: PathBuf,
    /// Do everything but write to the target
    #[arg(long)]
    pub dry_run: bool,
    /// How it is confirmed.
    #[command(flatten)]
    pub safety: Safety,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `watch` and `replay`.
#[derive(Args, Debug)]
pub struct Follow {
    /// Name of the run or the start of it; without it, the latest that fits
    pub run: Option<String>,
    /// How it is shown.
    #[command(flatten)]
    pub look: WizardArgs,
}

/// `resume`.
#[derive(Args, Debug)]
pub struct Resume {
    /// Name of the run or the start of it; without it, the latest that can be resumed
    pub run: Option<String>,
    /// Overwrite existing records without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `rollback`.
#[derive(Args, Debug)]
pub struct Rollback {
    /// Name of the run or the start of it; without it, the latest that wrote something
    pub run: Option<String>,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// Name of a run or the start of it, or a store; without it, the latest run
    #[arg(value_name = "RUN | STORE")]
    pub first: Option<String>,
    /// The store to compare with
    #[arg(value_name = "STORE")]
    pub second: Option<String>,
    /// Show every difference, field by field
    #[arg(long, short)]
    pub verbose: bool,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
}

/// `diff`.
#[derive(Args, Debug)]
pub struct Diff {
    /// A store
    #[arg(value_name = "STORE")]
    pub first: String,
    /// The store to compare with
    #[arg(value_name = "STORE")]
    pub second: String,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
}

/// `runs`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Runs {
    /// What to do with them.
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
}

/// Commands of `runs`.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List the runs, newest first
    List(Json),
    /// Show one run
    Show {
        /// Name of the run or the start of it; without it, the latest
        run: Option<String>,
        /// As JSON.
        #[command(flatten)]
        json: Json,
    },
    /// Remove runs: they can then be neither resumed, rolled back nor verified
    Remove {
        /// Names of runs or the starts of them
        #[arg(value_name = "RUN", required_unless_present = "older_than")]
        runs: Vec<String>,
        /// Also every run that ended so many days ago or more
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
        older_than: Option<u32>,
        /// Also runs that were broken off
        #[arg(long)]
        unfinished: bool,
    },
}

/// `report`.
#[derive(Args, Debug)]
pub struct Report {
    /// Name of the run or the start of it; without it, the latest
    pub run: Option<String>,
    /// Its form: text, json, markdown or html
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    pub format: Format,
    /// As text, show every difference, field by field
    #[arg(long, short)]
    pub verbose: bool,
    /// Write it to a new file
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines to read
    #[default]
    Text,
    /// One JSON document
    Json,
    /// Markdown
    Markdown,
    /// A page that needs nothing beside it
    Html,
}

/// `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Where from
    pub store: String,
    /// A file whose ending tells its kind, or KIND:PATH
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: String,
    /// Which memories.
    #[command(flatten)]
    pub selection: Selection,
    /// How they are written.
    #[command(flatten)]
    pub writing: Writing,
    /// How the run goes.
    #[command(flatten)]
    pub choose: Choose,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// Where to
    pub store: String,
    /// A file whose ending tells its kind, or KIND:PATH
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: String,
    /// Which memories.
    #[command(flatten)]
    pub selection: Selection,
    /// How they are written.
    #[command(flatten)]
    pub writing: Writing,
    /// How the run goes.
    #[command(flatten)]
    pub choose: Choose,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `inspect`.
#[derive(Args, Debug)]
pub struct Inspect {
    /// Which store; without it, memorygraph's own
    pub store: Option<String>,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
}

/// `stores`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Stores {
    /// Without it, the kinds are listed.
    #[command(subcommand)]
    pub command: Option<StoresCommand>,
    /// The stores on this machine: usual places, environment variables, saved profiles
    #[arg(long)]
    pub found: bool,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
}

/// `stores` with a word.
#[derive(Subcommand, Debug)]
pub enum StoresCommand {
    /// Save a store as a profile, once it answered; its secrets go to the keyring
    Save {
        /// Name of the profile: letters, digits, - and _
        name: String,
        /// Which store
        store: String,
    },
    /// Forget a profile, and its secrets in the keyring
    Forget {
        /// Name of the profile
        name: String,
    },
}

/// `backup`.
#[derive(Args, Debug)]
pub struct Backup {
    /// Which store; without it, memorygraph's own
    pub store: Option<String>,
    /// A new archive; without it, one among the backups
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
}

/// `backups`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Backups {
    /// What to do with them.
    #[command(subcommand)]
    pub command: Option<BackupsCommand>,
    /// As JSON.
    #[command(flatten)]
    pub json: Json,
}

impl Backups {
    /// Whether it starts a run.
    pub fn restores(&self) -> bool {
        matches!(self.command, Some(BackupsCommand::Restore(_)))
    }
}

/// Commands of `backups`.
#[derive(Debug, Subcommand)]
pub enum BackupsCommand {
    /// List the backups, newest first
    List(Json),
    /// Read a backup again and check every record
    Check {
        /// Its name or the start of it, or a file
        backup: String,
        /// As JSON.
        #[command(flatten)]
        json: Json,
    },
    /// Make a new store of a backup, or with --replace one equal to it
    Restore(Box<Restore>),
    /// Remove all but the newest backups of each store
    Clean {
        /// How many of each store to keep
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        keep_latest: u32,
        /// Only say which would go
        #[arg(long)]
        dry_run: bool,
        /// As JSON.
        #[command(flatten)]
        json: Json,
    },
}

/// `backups restore`.
#[derive(Args, Debug)]
pub struct Restore {
    /// Its name or the start of it, or a file
    pub backup: String,
    /// Where to; without it, where the backup was made from
    #[arg(long, value_name = "STORE")]
    pub to: Option<String>,
    /// Make a store that holds records equal to the backup: what differs is overwritten, what the
    /// backup does not have is removed. It is backed up first
    #[arg(long, conflicts_with_all = ["on_conflict", "skip_duplicates", "no_backup"])]
    pub replace: bool,
    /// How memories are written.
    #[command(flatten)]
    pub writing: Writing,
    /// How the run goes.
    #[command(flatten)]
    pub choose: Choose,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// Work in this new folder and keep it
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub keep: Option<PathBuf>,
    /// What is shown.
    #[command(flatten)]
    pub drive: Drive,
}

/// `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `schema`.
#[derive(Args, Debug)]
pub struct Schema {
    /// Which document; without it, their names
    pub name: Option<String>,
}

/// `run-server`, which memferry itself runs: see [`falkordblite::guard`].
#[derive(Args, Clone, Debug)]
pub struct RunServer {
    /// The process that the server must not outlive
    #[arg(long)]
    pub parent: i32,
    /// Watch a pipe on standard input even where the kernel can do better
    #[arg(long)]
    pub watch: bool,
    /// The server and its arguments
    #[arg(last = true, required = true)]
    pub server: Vec<std::ffi::OsString>,
}
