//! `memferry man`: one page with every command.

use super::args::Cli;
use super::{Code, Output};
use crate::error::{Error, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold};

/// Prints the manual page.
pub fn run(out: &Output) -> Result<Code> {
    out.data(&page()?);
    Ok(Code::DONE)
}

fn page() -> Result<String> {
    let failed = |e| Error::internal("cannot write the manual page").because(e);
    let mut command = Cli::command().after_help(None::<&str>);
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page).map_err(failed)?;
    man.render_name_section(&mut page).map_err(failed)?;
    man.render_synopsis_section(&mut page).map_err(failed)?;
    man.render_description_section(&mut page).map_err(failed)?;
    let mut rest = Roff::new();
    rest.control("SH", ["STORES"]);
    rest.text([STORES.into()]);
    rest.control("SH", ["COMMANDS"]);
    for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        section(&mut rest, below);
    }
    rest.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT {
        rest.control("TP", []);
        rest.text([bold(*code)]);
        rest.text([(*meaning).into()]);
    }
    rest.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in ENVIRONMENT {
        rest.control("TP", []);
        rest.text([bold(*name)]);
        rest.text([(*meaning).into()]);
    }
    rest.to_writer(&mut page).map_err(failed)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// A command with its usage, options and commands below.
fn section(roff: &mut Roff, command: &Command) {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    roff.control("SS", [name.as_str()]);
    if let Some(about) = command.get_about() {
        roff.text([format!("{about}.").into()]);
    }
    if let Some(more) = command.get_after_help() {
        roff.control("PP", []);
        roff.text([more.to_string().into()]);
    }
    let shown = |a: &&clap::Arg| !a.is_hide_set() && !a.is_global_set() && a.get_id() != "help";
    for argument in command.get_arguments().filter(shown) {
        let values = argument.get_value_names().unwrap_or_default();
        let takes = argument.get_action().takes_values();
        let value = values
            .iter()
            .map(|v| v.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        let mut head = Vec::new();
        if let Some(short) = argument.get_short() {
            head.push(format!("-{short}"));
        }
        if let Some(long) = argument.get_long() {
            head.push(match takes {
                true => format!("--{long} {value}"),
                false => format!("--{long}"),
            });
        }
        if head.is_empty() {
            head.push(value);
        }
        let mut help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let names = argument.get_possible_values();
        if takes && !names.is_empty() && !argument.is_hide_possible_values_set() {
            let names: Vec<_> = names.iter().map(|v| v.get_name().to_owned()).collect();
            help += &format!(": {}", names.join(", "));
        }
        roff.control("TP", []);
        roff.text([bold(head.join(", "))]);
        roff.text([format!("{help}.").into()]);
    }
    for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
        section(roff, below);
    }
}

const STORES: &str = "STORE is an address (sqlite:PATH, archive:FILE, or a path whose ending tells \
its kind), a kind of store in its usual place (sqlite), or the name of a profile saved in \
config.toml. A kind wins over a profile of the same name. memferry stores lists the kinds.";

const EXIT: &[(&str, &str)] = &[
    (
        "0",
        "Done and verified, or a dry run that found nothing in the way.",
    ),
    (
        "1",
        "Refused: the command is wrong, a check failed, or it was not confirmed. Nothing was written.",
    ),
    (
        "2",
        "Failed. The target is as before, or what is not is named.",
    ),
    ("3", "Finished with differences."),
    ("4", "Interrupted; memferry resume goes on."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "MEMFERRY_STATE_DIR, MEMFERRY_CONFIG_DIR",
        "As --state-dir and --config.",
    ),
    (
        "MEMFERRY_FROM_PASSWORD, MEMFERRY_TO_PASSWORD",
        "Secrets of the source and the target, here their password; with _FILE behind, a file that holds it.",
    ),
    (
        "MEMORY_BACKEND, MEMORY_SQLITE_PATH, …",
        "As memorygraph reads them, to find its store.",
    ),
    ("NO_COLOR", "If set and not empty, no colours."),
];
