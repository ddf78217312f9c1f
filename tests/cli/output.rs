//! Streams: data and words apart, closed pipes, full disks.

use crate::Sandbox;
use std::fs::OpenOptions;
use std::process::Stdio;

/// Commands with much or little to say on standard output.
const TALKATIVE: &[&[&str]] = &[
    &["--help"],
    &[],
    &["man"],
    &["completions", "bash"],
    &["stores"],
    &["doctor"],
    &["schema", "report"],
];

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = Sandbox::new();
    for args in TALKATIVE {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sandbox.command(args);
        let output = command
            .stdout(Stdio::from(writer))
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.is_empty(), "{args:?}: {words}");
        let expected = if args.is_empty() { 1 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let sandbox = Sandbox::new();
    for args in [&["man"][..], &["stores"], &["doctor", "--json"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = sandbox.command(args);
        let output = command
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(
            words.starts_with("error: cannot write to standard output"),
            "{words}"
        );
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn words_that_nobody_reads_are_no_failure() {
    let sandbox = Sandbox::new();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = sandbox
        .command(&["stores", "--found"])
        .stderr(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let output = sandbox
        .command(&["inspect", "nonsense"])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}
