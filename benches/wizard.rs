//! How soon the wizard answers a key while a run goes on: the shipped binary in a real
//! pseudo-terminal, from the byte written to the screen that shows its effect.
//!
//! `cargo bench --bench wizard -- [--records N] [--keep DIR]` makes a store of N memories
//! and N relationships (default 100,000), moves it in the wizard, presses a key about
//! every 150 ms as long as the run goes on, and prints the median, the 99th percentile and
//! the longest time, and the frames a second. The aim is 50 ms with 1,000,000. Nothing here
//! asserts: a loaded machine is not a fault.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "store.rs"]
mod store;
#[path = "../tests/support/term.rs"]
mod term;

use std::path::PathBuf;
use std::time::{Duration, Instant};
use term::{ENTER, Term};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|a| a == name)?;
        args.get(at + 1).cloned()
    };
    let records: u64 = value("--records")
        .and_then(|v| v.parse().ok())
        .unwrap_or(100_000);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = value("--keep").map_or(temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&dir).expect("the folder");
    let source = dir.join(format!("bench-{records}.db"));
    if !source.exists() {
        println!("making {records} memories and {records} relationships …");
        store::make(&source, records).expect("the store");
    }
    let home = tempfile::tempdir_in(&dir).expect("a home");
    let path = home.path().to_str().expect("a path");
    let env = [
        ("HOME", path),
        ("TMPDIR", path),
        ("TERM", "xterm-256color"),
        ("LANG", "C.UTF-8"),
        ("PATH", "/usr/bin:/bin"),
        ("MEMORY_SQLITE_PATH", source.to_str().expect("a path")),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()));
    let program = env!("CARGO_BIN_EXE_memferry");
    let mut term = Term::open(program, &[], &env, home.path(), 110, 34);
    term.patience = Duration::from_secs(600);
    term.see("bench-")
        .key("m")
        .see("come from?")
        .see(" memories");
    term.key(ENTER)
        .see("it will be made")
        .key(ENTER)
        .see("Which memories")
        .see("counting");
    report("counting ahead", || {
        press(&mut term, |s| s.contains("counting"))
    });
    term.key(ENTER);
    report("preflight", || {
        press(&mut term, |s| {
            !s.contains("Nothing is in the way") && !s.contains("agree to")
        })
    });
    while !term.screen().contains("Nothing is in the way") {
        let before = term.screen();
        term.key(" ").until("an answer", |s| s != before);
    }
    term.key(ENTER).see("will be added").key(ENTER).see("limit");
    report("run", || {
        press(&mut term, |s| !s.contains("Moved and verified"))
    });
    term.key("q");
    let (code, _) = term.end();
    println!("exit code {code}");
}

/// Opens and closes the help as long as that is so: what each key took, and the frames a
/// second meanwhile.
fn press(term: &mut Term, goes_on: impl Fn(&str) -> bool) -> (Vec<Duration>, f64) {
    let mut took = Vec::new();
    let (begun, frames) = (Instant::now(), term.frames());
    let help = "On the screen you came from";
    while goes_on(&term.screen()) {
        for (key, shown) in [("?", true), ("\x1b", false)] {
            // At odd times, so that no frame is always just due.
            std::thread::sleep(Duration::from_millis(130 + took.len() as u64 * 7 % 41));
            let pressed = Instant::now();
            term.send(key);
            term.at_once(|screen| screen.contains(help) == shown);
            took.push(pressed.elapsed());
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    (took, (term.frames() - frames) as f64 / seconds)
}

fn report(when: &str, press: impl FnOnce() -> (Vec<Duration>, f64)) {
    let (mut took, frames) = press();
    took.sort();
    let ms = |d: Option<&Duration>| d.map_or(0.0, |d| d.as_secs_f64() * 1_000.0);
    println!(
        "{when:<16}{:>6} keys   median {:>5.1} ms   p99 {:>5.1} ms   longest {:>5.1} ms   {frames:>4.1} frames/s",
        took.len(),
        ms(took.get(took.len() / 2)),
        ms(took.get(took.len() * 99 / 100)),
        ms(took.last()),
    );
}
