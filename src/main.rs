//! The command line program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(memferry::cli::main().0)
}
