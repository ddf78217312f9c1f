//! Keeps a server from outliving this program, `kill -9` included. The server is not
//! started directly but through this program again, by a subcommand that nobody types:
//! it asks the kernel to be killed with its parent and becomes the server. Where the
//! kernel cannot do that, it stays beside the server and watches a pipe.

use crate::error::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The name of the subcommand.
pub const SUBCOMMAND: &str = "run-server";

/// What the subcommand is told.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The process it must not outlive.
    pub parent: i32,
    /// Watch a pipe on standard input, even if the kernel can do better.
    pub watch: bool,
    /// The server.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Names the program that knows the subcommand, where it is not this one: for tests
/// and for programs that use this crate as a library. The first call counts.
pub fn started_by(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

/// The program that knows the subcommand.
fn program() -> Result<PathBuf> {
    match PROGRAM.get() {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe().map_err(|cause| {
            Error::new(ErrorKind::Io, "cannot find this program's own file").because(cause)
        }),
    }
}

/// Whether the kernel kills a child with its parent.
const KERNEL_KILLS: bool = cfg!(target_os = "linux");

/// The command that starts a server which does not outlive the *thread* that spawns
/// it, nor this process.
pub(super) fn command(server: &Path, arguments: &[OsString], watch: bool) -> Result<Command> {
    use std::os::unix::process::CommandExt as _;
    let watch = watch || !KERNEL_KILLS;
    let mut command = Command::new(program()?);
    // Ctrl-C at a terminal goes to a whole group; when the server ends is for us to say.
    command.process_group(0);
    command.arg(SUBCOMMAND);
    command.args(["--parent", &std::process::id().to_string()]);
    if watch {
        command.arg("--watch");
    }
    command.arg("--").arg(server).args(arguments);
    command.stdin(match watch {
        true => Stdio::piped(),
        false => Stdio::null(),
    });
    // The environment may hold passwords, which are none of the server's business.
    command.env_clear();
    for name in [
        "PATH",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "TMPDIR",
        "TZ",
    ] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    Ok(command)
}

/// The subcommand: returns only if the server could not be started, or, when watching,
/// with its exit code.
pub fn run(guarded: &Guarded) -> Result<i32> {
    match KERNEL_KILLS && !guarded.watch {
        true => become_server(guarded),
        false => watch(guarded),
    }
}

fn failed(guarded: &Guarded, cause: std::io::Error) -> Error {
    Error::io("start", &guarded.program, cause)
}

#[cfg(target_os = "linux")]
fn become_server(guarded: &Guarded) -> Result<i32> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt as _;
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| failed(guarded, errno.into()))?;
    // It may have died before it was asked for.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(guarded.parent) {
        return Err(Error::new(
            ErrorKind::Interrupted,
            "the program that wanted the server is gone",
        ));
    }
    let cause = Command::new(&guarded.program)
        .args(&guarded.arguments)
        .exec();
    Err(failed(guarded, cause))
}

#[cfg(not(target_os = "linux"))]
fn become_server(guarded: &Guarded) -> Result<i32> {
    watch(guarded)
}

/// Ends the server when standard input ends, which it does with the parent.
fn watch(guarded: &Guarded) -> Result<i32> {
    use std::io::Read as _;
    use std::sync::{Arc, Mutex, PoisonError};
    let server = Command::new(&guarded.program)
        .args(&guarded.arguments)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|cause| failed(guarded, cause))?;
    let server = Arc::new(Mutex::new(server));
    let lock = |server: &Arc<Mutex<std::process::Child>>,
                ask: fn(&mut std::process::Child) -> _| {
        ask(&mut server.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let watched = server.clone();
    std::thread::spawn(move || {
        let mut byte = [0];
        while std::io::stdin().read(&mut byte).is_ok_and(|n| n > 0) {}
        // It may have ended by itself; there is nobody left to tell.
        let _ = watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .kill();
    });
    loop {
        match lock(&server, std::process::Child::try_wait) {
            Ok(Some(status)) => return Ok(status.code().unwrap_or(1)),
            Ok(None) => std::thread::sleep(std::time::Duration::from_millis(50)),
            Err(cause) => return Err(failed(guarded, cause)),
        }
    }
}
