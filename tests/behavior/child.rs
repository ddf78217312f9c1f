//! This program again, as another process: one that is killed while it writes, or one
//! that has fewer rights.

use crate::help::{self, memories};
use memferry::error::Error;
use memferry::store::{Address, Consistency, WriteMode, WriteRequest, registry};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FLAG: &str = "--as-child";

/// User and group `nobody`.
const NOBODY: &str = "65534";

/// Does a child's work, if this process is one.
pub fn was_asked() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_none_or(|a| a != FLAG) {
        return false;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let arguments: Vec<&str> = arguments[2..].iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["write", address, run, mode, records] => {
            let records = records.parse().unwrap();
            runtime.block_on(write_and_die(address, run, mode_of(mode), records));
        }
        ["look", address] => println!("{}", answer(runtime.block_on(look(address)))),
        ["open-writer", address, mode] => {
            println!(
                "{}",
                answer(runtime.block_on(open_writer(address, mode_of(mode))))
            );
        }
        other => panic!("no such work: {other:?}"),
    }
    true
}

fn answer(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "Ok".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn mode_of(name: &str) -> WriteMode {
    let modes = [WriteMode::Aside, WriteMode::Transaction, WriteMode::Journal];
    *modes.iter().find(|m| format!("{m:?}") == name).unwrap()
}

async fn write_and_die(address: &str, run: &str, mode: WriteMode, records: usize) {
    let store = registry::open(&Address::parse(address).unwrap()).unwrap();
    let request = WriteRequest {
        mode,
        run: run.to_owned(),
        origin: None,
    };
    let mut writer = store.writer(&request).await.unwrap();
    help::apply_all(&mut *writer, &memories(1_000..1_000 + records), 10).await;
    println!("written");
    std::io::stdout().flush().unwrap();
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::thread::sleep(std::time::Duration::from_secs(60));
}

async fn look(address: &str) -> Result<(), Error> {
    let store = registry::open(&Address::parse(address)?)?;
    let mut snapshot = store.snapshot(Consistency::InPlace).await?;
    snapshot.counts().await?;
    Ok(())
}

async fn open_writer(address: &str, mode: WriteMode) -> Result<(), Error> {
    let store = registry::open(&Address::parse(address)?)?;
    let request = WriteRequest {
        mode,
        run: "child".to_owned(),
        origin: None,
    };
    let mut writer = store.writer(&request).await?;
    writer.find(memferry::model::Kind::Node, &[]).await?;
    writer
        .apply(&help::batch(1, help::adding(&memories(0..1))))
        .await?;
    writer.abandon().await
}

/// Another process opens a writer, writes and is killed.
pub fn killed_while_writing(address: &Address, run: &str, mode: WriteMode, records: usize) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([FLAG, "write", &address.to_string(), run])
        .args([format!("{mode:?}"), records.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"written\n", "the child wrote");
    assert_eq!(output.status.code(), None, "the child was killed");
}

/// What another process answers to `look` or `open-writer` on an address.
pub fn asked(what: &[&str]) -> String {
    let program = std::env::current_exe().unwrap();
    said(Command::new(program).arg(FLAG).args(what))
}

/// The same as a user without rights: when run by root, as `nobody`.
pub fn asked_without_rights(within: &Path, what: &[&str]) -> String {
    if !rustix::process::geteuid().is_root() {
        return asked(what);
    }
    let program = reachable_copy(within);
    let ids = [
        format!("--reuid={NOBODY}"),
        format!("--regid={NOBODY}"),
        "--clear-groups".to_owned(),
    ];
    said(
        Command::new("setpriv")
            .args(ids)
            .arg(program)
            .arg(FLAG)
            .args(what),
    )
}

/// This program where everybody may run it: the build folder may be private. Another process
/// copies it: a file that this one has open for writing is so in a child that another thread
/// starts just then, too, and cannot be run.
fn reachable_copy(within: &Path) -> PathBuf {
    let copy = within.join("suite");
    let program = std::env::current_exe().unwrap();
    let copied = Command::new("cp").arg(program).arg(&copy).status();
    assert!(copied.unwrap().success(), "the program is copied");
    copy
}

fn said(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output();
    let output =
        output.expect("a child process starts (as root this needs setpriv, of util-linux)");
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
