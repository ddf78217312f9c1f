//! The command line: arguments, one file per command, and how a run is shown in lines.
//! It only asks and tells; what is done is done by the engine.

mod args;
mod confirm;
mod context;
mod drive;
mod output;
mod progress;
pub(crate) mod signals;
mod table;
mod tail;
mod watch;

mod backups;
mod completions;
mod demo;
mod doctor;
mod inspect;
mod keep;
mod man;
mod migrate;
mod resume;
mod run_server;
mod runs;
mod schema;
mod stores;
mod switch;
mod verify;
mod wizard;

pub use args::Cli;
pub use context::Context;
pub use demo::SAMPLE;
pub use migrate::write_new;
pub use output::Output;

use crate::error::{Error, ErrorKind, Result};
use args::Command;
use clap::{CommandFactory as _, Parser as _};

/// How the program ends, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u8);

impl Code {
    /// Done.
    pub const DONE: Code = Code(0);
    /// Refused: usage, a check, no confirmation.
    pub const REFUSED: Code = Code(1);
    /// Failed.
    pub const FAILED: Code = Code(2);
    /// Finished with differences.
    pub const DIFFERENCES: Code = Code(3);
    /// Interrupted.
    pub const INTERRUPTED: Code = Code(4);

    /// The code of an error that ends a command.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage
            | ErrorKind::Refused
            | ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::NotThisStore
            | ErrorKind::UnknownLayout
            | ErrorKind::Auth
            | ErrorKind::Unsupported => Self::REFUSED,
            ErrorKind::Interrupted => Self::INTERRUPTED,
            _ => Self::FAILED,
        }
    }
}

/// Runs the program with the arguments of this process.
pub fn main() -> Code {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => {
            // Also where the parser would say 2; a closed pipe is no reason to panic.
            let _ = said.print();
            return match said.use_stderr() {
                true => Code::REFUSED,
                false => Code::DONE,
            };
        }
    };
    let output = Output::of_process();
    let ended = run(cli, &output).and_then(|code| output.finish().map(|()| code));
    match ended {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            Code::of(&error)
        }
    }
}

fn run(cli: Cli, output: &Output) -> Result<Code> {
    let Some(command) = cli.command else {
        return match wizard::way(&cli.wizard) {
            wizard::Way::None => {
                output.data(&Cli::command().render_help().to_string());
                Ok(Code::REFUSED)
            }
            way => {
                let context = Context::new(&cli.files, output)?;
                with_threads(wizard::run(way, &cli.wizard, &context))
            }
        };
    };
    match command {
        Command::Completions(args) => return completions::run(&args, output),
        Command::Man => return man::run(output),
        Command::Schema(args) => return schema::run(&args, output),
        Command::RunServer(args) => return run_server::run(args),
        _ => {}
    }
    let context = Context::new(&cli.files, output)?;
    let wizard = cli.wizard;
    with_threads(async {
        match command {
            Command::Watch(args) => wizard::watch(&args, &wizard, &context).await,
            Command::Replay(args) => wizard::replay(&args, &wizard, &context).await,
            command => dispatch(command, &context).await,
        }
    })
}

fn with_threads(work: impl Future<Output = Result<Code>>) -> Result<Code> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(ErrorKind::Io, "cannot start threads").because(e))?;
    let code = runtime.block_on(work);
    // A thread that waits for the disk or a person must not keep the program alive.
    runtime.shutdown_timeout(std::time::Duration::from_millis(300));
    code
}

async fn dispatch(command: Command, context: &Context<'_>) -> Result<Code> {
    match command {
        Command::Migrate(args) => migrate::migrate(&args, context).await,
        Command::Export(args) => migrate::export(&args, context).await,
        Command::Import(args) => migrate::import(&args, context).await,
        Command::Run(args) => migrate::run(&args, context).await,
        Command::Resume(args) => resume::resume(&args, context).await,
        Command::Rollback(args) => resume::rollback(&args, context).await,
        Command::Demo(args) => demo::run(&args, context).await,
        Command::Backups(args) if args.restores() => backups::backups(&args, context).await,
        other => until_stopped(looking(other, context)).await,
    }
}

/// Commands that start no run: a signal ends them where they are, and what they keep
/// in temporary files goes with them.
async fn looking(command: Command, context: &Context<'_>) -> Result<Code> {
    match command {
        Command::Verify(args) => verify::verify(&args, context).await,
        Command::Diff(args) => verify::diff(&args, context).await,
        Command::Runs(args) => runs::runs(&args, context),
        Command::Report(args) => runs::report(&args, context),
        Command::Inspect(args) => inspect::run(&args, context).await,
        Command::Stores(args) => stores::run(&args, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Backup(args) => backups::backup(&args, context).await,
        Command::Backups(args) => backups::backups(&args, context).await,
        _ => Err(Error::internal("a command without its code")),
    }
}

async fn until_stopped(work: impl Future<Output = Result<Code>>) -> Result<Code> {
    let mut signals = signals::Signals::new()?;
    tokio::select! {
        code = work => code,
        () = signals.next() => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
    }
}
