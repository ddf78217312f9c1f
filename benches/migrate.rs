//! How fast and how lean a migration is, as ratios within one run: the shipped binary
//! against `sqlite3 src .dump | sqlite3 dst` on the same store.
//!
//! `cargo bench --bench migrate -- [--records N] [--repeat N] [--keep DIR]` makes a
//! store of N memories and N relationships (default 1,000,000; 3 GB on disk, room for
//! three such files is needed) and prints a table. Times are wall clock; memory is the
//! peak resident set. Nothing here asserts: a loaded machine is not a fault.

#![allow(clippy::expect_used)]

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "store.rs"]
mod store;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|a| a == name)?;
        args.get(at + 1).cloned()
    };
    let number =
        |name: &str, default: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let records = number("--records", 1_000_000);
    let repeat = number("--repeat", 1);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = value("--keep").map_or(temporary.path().to_owned(), PathBuf::from);
    // Nobody's own configuration counts.
    std::fs::create_dir_all(dir.join("config")).expect("the folder");
    for records in [records / 10, records] {
        let source = dir.join(format!("bench-{records}.db"));
        if !source.exists() {
            println!("making {records} memories and {records} relationships …");
            store::make(&source, records).expect("the store");
        }
        for _ in 0..repeat {
            measure(&dir, &source, records);
        }
    }
    small(&dir);
}

/// One row of each: the baseline, then each way of migrating.
fn measure(dir: &Path, source: &Path, records: u64) {
    println!("\n{records} memories, {records} relationships");
    println!(
        "{:<34}{:>9}{:>8}{:>10}{:>9}",
        "", "wall s", "ratio", "peak MiB", "cpu s"
    );
    let target = dir.join("target.db");
    let _ = std::fs::remove_file(&target);
    let dump = format!(
        "sqlite3 '{}' .dump | sqlite3 '{}'",
        source.display(),
        target.display()
    );
    let baseline = run(Command::new("sh").args(["-c", &dump]));
    row("sqlite3 .dump | sqlite3", &baseline, &baseline);
    let _ = std::fs::remove_file(&target);
    let first = migrate(dir, source, &target, &["--verify", "full"]);
    row("memferry, verified in full", &first, &baseline);
    let second = migrate(dir, source, &target, &["--verify", "full"]);
    row("memferry again, nothing to do", &second, &baseline);
    println!(
        "{:<34}{:>17.2}",
        "  first / second",
        first.wall.as_secs_f64() / second.wall.as_secs_f64()
    );
    let _ = std::fs::remove_file(&target);
    let unverified = migrate(dir, source, &target, &["--verify", "none"]);
    row("memferry, verification off", &unverified, &baseline);
    let _ = std::fs::remove_file(&target);
}

/// 1,000 memories and 2,000 relationships, which take memorygraph's own migration 670
/// seconds of CPU.
fn small(dir: &Path) {
    let (source, target) = (dir.join("bench-small.db"), dir.join("small-target.db"));
    let _ = std::fs::remove_file(&source);
    store::make_with(&source, 1_000, 2_000).expect("the store");
    let _ = std::fs::remove_file(&target);
    let run = migrate(dir, &source, &target, &["--verify", "full"]);
    println!(
        "\n1,000 memories, 2,000 relationships, verified: {:.3} s of CPU",
        run.cpu.as_secs_f64()
    );
    let _ = std::fs::remove_file(&target);
}

struct Run {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

fn migrate(dir: &Path, source: &Path, target: &Path, more: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memferry"));
    command
        .args(["migrate", "--yes", "--from"])
        .arg(format!("sqlite:{}", source.display()))
        .arg("--to")
        .arg(format!("sqlite:{}", target.display()))
        .args(more)
        .env("MEMFERRY_STATE_DIR", dir.join("state"))
        .env("MEMFERRY_CONFIG_DIR", dir.join("config"));
    run(&mut command)
}

/// Runs a command to its end. CPU and peak memory are those of it and its children.
fn run(command: &mut Command) -> Run {
    // GNU time tells what the standard library does not: the peak of one child.
    let figures = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut timed = Command::new("/usr/bin/time");
    timed
        .args(["-f", "%U %S %M", "-o"])
        .arg(figures.path())
        .arg("--");
    timed.arg(command.get_program()).args(command.get_args());
    timed.envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let begun = Instant::now();
    let status = timed
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("GNU time, from Debian's package `time`");
    let wall = begun.elapsed();
    assert!(
        status.success(),
        "{command:?} failed: {status} {:?}",
        status.signal()
    );
    let text = std::fs::read_to_string(figures.path()).expect("the figures");
    let mut parts = text.split_whitespace().rev();
    let mut part = || {
        parts
            .next()
            .and_then(|p| p.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    let (peak, system, user) = (part(), part(), part());
    Run {
        wall,
        cpu: Duration::from_secs_f64(user + system),
        peak_kib: peak as u64,
    }
}

fn row(name: &str, run: &Run, baseline: &Run) {
    println!(
        "{name:<34}{:>9.2}{:>8.2}{:>10.1}{:>9.2}",
        run.wall.as_secs_f64(),
        run.wall.as_secs_f64() / baseline.wall.as_secs_f64(),
        run.peak_kib as f64 / 1024.0,
        run.cpu.as_secs_f64(),
    );
}
