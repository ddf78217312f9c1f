//! Help, the manual page and the completions: made from the arguments, so their
//! snapshots show every change of the command line.

use crate::{Sandbox, seen};
use std::process::{Command, Stdio};

const COMMANDS: &[&str] = &[
    "",
    "migrate",
    "run",
    "resume",
    "rollback",
    "verify",
    "diff",
    "runs",
    "runs list",
    "runs show",
    "runs remove",
    "report",
    "watch",
    "replay",
    "export",
    "import",
    "inspect",
    "stores",
    "stores save",
    "stores forget",
    "doctor",
    "backup",
    "backups",
    "backups list",
    "backups check",
    "backups restore",
    "backups clean",
    "demo",
    "completions",
    "man",
];

#[test]
fn every_command_explains_itself() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let mut args: Vec<_> = command.split_whitespace().collect();
        args.push("--help");
        let ran = sandbox.run(&args).exits(0);
        assert!(ran.stderr.is_empty());
        for line in ran.stdout.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        let name = format!("help_{}", command.replace(' ', "_"));
        let name = name.trim_end_matches('_');
        sandbox
            .exact()
            .bind(|| insta::assert_snapshot!(name, ran.to_string()));
    }
}

/// A command that is added must be added above.
#[test]
fn no_command_is_left_out() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let mut args: Vec<_> = command.split_whitespace().collect();
        args.push("--help");
        let help = sandbox.run(&args).stdout;
        let listed = help.lines().skip_while(|l| *l != "Commands:").skip(1);
        for line in listed.take_while(|l| !l.is_empty()) {
            let below = line.split_whitespace().next().unwrap();
            let full = format!("{command} {below}");
            assert!(COMMANDS.contains(&full.trim()), "{full}");
        }
    }
}

#[test]
fn without_arguments_and_terminal_help_and_exit_1() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&[]).exits(1);
    assert!(ran.stdout.contains("Usage: memferry"));
    assert!(ran.stderr.is_empty());
}

#[test]
fn the_version_is_known() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["--version"]).exits(0);
    assert_eq!(
        ran.stdout,
        concat!("memferry ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn the_manual_page_has_every_command() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["man"]).exits(0);
    for command in COMMANDS.iter().filter(|c| !c.is_empty()) {
        assert!(
            ran.stdout.contains(&format!(".SS \"memferry {command}\"")),
            "{command}"
        );
    }
    let mut settings = sandbox.exact();
    settings.add_filter(env!("CARGO_PKG_VERSION"), "[VERSION]");
    settings.bind(|| insta::assert_snapshot!(ran.to_string()));
}

#[test]
fn completions_are_whole() {
    let sandbox = Sandbox::new();
    seen!(sandbox, sandbox.run(&["completions", "fish"]).exits(0));
    for shell in ["bash", "zsh"] {
        let script = sandbox.run(&["completions", shell]).exits(0).stdout;
        let path = sandbox.write(shell, &script);
        let check = Command::new(shell)
            .arg("-n")
            .arg(path)
            .stderr(Stdio::piped())
            .output();
        match check {
            Ok(check) => assert!(check.status.success(), "{check:?}"),
            Err(_) => eprintln!("{shell} is not installed: its completions were not checked"),
        }
    }
    for shell in ["elvish", "powershell"] {
        assert!(
            !sandbox
                .run(&["completions", shell])
                .exits(0)
                .stdout
                .is_empty()
        );
    }
}

#[test]
fn usage_errors_exit_1() {
    let sandbox = Sandbox::new();
    let all: &[&[&str]] = &[
        &["--bogus"],
        &["bogus"],
        &["migrate", "--verify", "half"],
        &["migrate", "--no-verify", "--verify", "full"],
        &["migrate", "--since", "yesterday"],
        &["migrate", "--batch-size", "0"],
        &["migrate", "--on-conflict", "merge"],
        &["migrate", "--json", "--events"],
        &["backups", "clean"],
        &["backups", "clean", "--keep-latest", "0"],
        &["runs", "remove"],
        &["run"],
        &["completions", "tcsh"],
    ];
    let seen: Vec<_> = all
        .iter()
        .map(|args| sandbox.run(args).exits(1).to_string())
        .collect();
    sandbox
        .settings()
        .bind(|| insta::assert_snapshot!(seen.join("\n")));
}
