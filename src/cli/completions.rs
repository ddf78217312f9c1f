//! `memferry completions`.

use super::args::{Cli, Completions};
use super::{Code, Output};
use crate::error::Result;
use clap::CommandFactory as _;

/// Prints the completions of a shell.
pub fn run(args: &Completions, out: &Output) -> Result<Code> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "memferry", &mut bytes);
    out.data(&String::from_utf8_lossy(&bytes));
    Ok(Code::DONE)
}
