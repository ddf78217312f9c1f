//! Who has a database file open: a server that `.settings` names, one that it does not
//! (two programs that start at once write over each other's), memferry, or nobody.

use super::settings::{self, Said, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::resp::{Connection, Endpoint, Reply};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a server may take to answer a simple question.
const ANSWERS: Duration = Duration::from_secs(10);

/// How long it may take until it has read its file.
const LOADS: Duration = Duration::from_secs(3_600);

/// Who has a file open.
pub(super) enum Held {
    /// No server.
    Nobody,
    /// Another run of memferry that writes to it.
    Memferry,
    /// A server that can be joined.
    Server(Box<Joined>),
}

/// A server that somebody else started. A connection is kept open, so that the program
/// which started it does not end it under us; therefore whoever is last ends it.
pub(super) struct Joined {
    endpoint: Endpoint,
    database: PathBuf,
    settings: Option<Settings>,
    connection: Connection,
    /// Whether anybody else was connected when we came.
    accompanied: bool,
    /// Whether something was written through it.
    pub(super) wrote: bool,
}

/// How long a server of ours may take to follow its program, which was killed.
const FOLLOWS: Duration = Duration::from_secs(2);

/// Who has that file open. For looking only, doubts count as nobody.
pub(super) fn look(database: &Path, to_write: bool) -> Result<Held> {
    let begun = Instant::now();
    loop {
        match look_once(database, to_write)? {
            Held::Memferry if to_write && begun.elapsed() < FOLLOWS => {
                std::thread::sleep(Duration::from_millis(20));
            }
            held => return Ok(held),
        }
    }
}

fn look_once(database: &Path, to_write: bool) -> Result<Held> {
    let named = match settings::read(database)? {
        Said::Running(settings) if settings.memferry.is_some() => {
            match UnixStream::connect(&settings.unixsocket) {
                Err(cause) if is_gone(&cause) => None,
                _ => return Ok(Held::Memferry),
            }
        }
        Said::Running(settings) => Some(settings),
        Said::Unreadable if to_write => return Err(settings::unreadable(database)),
        _ => None,
    };
    if let Some(settings) = named {
        let socket = settings.unixsocket.clone();
        if let Some(joined) = Joined::at(&socket, database, Some(settings))? {
            return Ok(Held::Server(Box::new(joined)));
        }
    }
    for socket in unnamed(database) {
        if let Some(joined) = Joined::at(&socket, database, None)? {
            return Ok(Held::Server(Box::new(joined)));
        }
    }
    Ok(Held::Nobody)
}

/// Whether nobody listens on a socket any more.
fn is_gone(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// The error that memferry itself keeps others out.
pub(super) fn taken(database: &Path) -> Error {
    Error::new(
        ErrorKind::Locked,
        format!("{} is being written by another run", database.display()),
    )
    .remedy("Wait until it has ended; `memferry runs list` shows it.")
}

/// Sockets of servers that work in the folder of that file, named by nobody.
fn unnamed(database: &Path) -> Vec<PathBuf> {
    let Some(folder) = database.parent() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    // Where memorygraph for TypeScript has its socket.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|e| e == "sock" || e == "socket")
        {
            all.push(path);
        }
    }
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        all.extend(socket_of(&process.path(), folder));
    }
    all
}

/// The socket of a redis-server that works in that folder, by the title it gives itself:
/// `redis-server unixsocket:/path`.
fn socket_of(process: &Path, folder: &Path) -> Option<PathBuf> {
    let mine = fs::metadata(process).ok()?.uid() == rustix::process::geteuid().as_raw();
    let name = fs::read_to_string(process.join("comm")).ok()?;
    if !mine || !name.starts_with("redis") || fs::read_link(process.join("cwd")).ok()? != folder {
        return None;
    }
    let title = fs::read(process.join("cmdline")).ok()?;
    let title = String::from_utf8_lossy(&title).into_owned();
    let (_, socket) = title.split_once("unixsocket:")?;
    Some(PathBuf::from(socket.trim_end_matches(['\0', ' '])))
}

impl Joined {
    /// Joins the server at a socket, if there is one and it serves that file.
    fn at(socket: &Path, database: &Path, settings: Option<Settings>) -> Result<Option<Self>> {
        match UnixStream::connect(socket) {
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Error::new(
                    ErrorKind::Denied,
                    format!(
                        "{} is open in a program of another user",
                        database.display()
                    ),
                )
                .because(cause)
                .remedy("Close that program, or run memferry as its user."));
            }
            Err(_) => return Ok(None),
        }
        let endpoint = Endpoint::unix(socket);
        let opened = Connection::open(&endpoint.clone().timeout(ANSWERS));
        let mut connection = opened.map_err(|error| silent(database, error))?;
        if !serves(&mut connection, database)? {
            return Ok(None);
        }
        let begun = Instant::now();
        loop {
            match connection.call(&[b"PING"]) {
                Ok(_) => break,
                Err(error) if error.is_temporary() && begun.elapsed() < LOADS => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(silent(database, error)),
            }
        }
        let mut joined = Self {
            endpoint,
            database: database.to_owned(),
            settings,
            connection,
            accompanied: false,
            wrote: false,
        };
        joined.accompanied = joined.others()? > 0;
        Ok(Some(joined))
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Connections that are not this one.
    fn others(&mut self) -> Result<usize> {
        let own = self.connection.hello.id;
        let list = self.connection.call(&[b"CLIENT", b"LIST"])?;
        let lines = list.text().unwrap_or_default().lines();
        let id = |line: &str| {
            let (_, rest) = line.split_once("id=")?;
            rest.split(' ').next()?.parse::<i64>().ok()
        };
        Ok(lines.filter(|line| id(line) != Some(own)).count())
    }

    /// Writes everything to the file.
    pub fn save(&mut self) -> Result<()> {
        self.connection.set_timeout(Some(super::server::SAVES))?;
        let begun = Instant::now();
        loop {
            match self.connection.ask(&[b"SAVE"])? {
                Ok(_) => return Ok(()),
                // It is writing by itself at this moment.
                Err(busy) if busy.message.contains("in progress") && begun.elapsed() < LOADS => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(refusal) => return Err(self.connection.refused(&refusal)),
            }
        }
    }

    /// Ends the server if nobody else uses it any more and it is on us to: its program
    /// went while we were connected and left it to us, or we wrote to one that was left
    /// behind already.
    fn leave(&mut self) -> Result<()> {
        if !(self.accompanied || self.wrote) {
            return Ok(());
        }
        // Our own connections take a moment to be gone.
        for _ in 0..10 {
            if self.others()? == 0 {
                // It closes the connection instead of answering.
                let _ = self.connection.set_timeout(Some(super::server::SAVES));
                let _ = self.connection.ask(&[b"SHUTDOWN", b"SAVE"]);
                if let Some(settings) = &self.settings {
                    settings::remove(&self.database, settings)?;
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(15));
        }
        Ok(())
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // A server that answers no more is nobody's to end.
        let _ = self.leave();
    }
}

/// Whether the server's file is that one. One that does not say is taken at its word.
fn serves(connection: &mut Connection, database: &Path) -> Result<bool> {
    let mut get = |name: &[u8]| -> Result<Option<String>> {
        let reply = connection.ask(&[b"CONFIG", b"GET", name])?.ok();
        let value = reply
            .as_ref()
            .and_then(|r| r.list()?.get(1).and_then(Reply::text));
        Ok(value.map(str::to_owned))
    };
    let (Some(folder), Some(name)) = (get(b"dir")?, get(b"dbfilename")?) else {
        return Ok(true);
    };
    let file = Path::new(&folder).join(name);
    let same = |path: &Path| fs::canonicalize(path).ok();
    let absent = || {
        let folder = fs::canonicalize(&folder).ok()?;
        Some(folder.join(file.file_name()?))
    };
    Ok(same(&file).or_else(absent).as_deref() == Some(database))
}

fn silent(database: &Path, cause: Error) -> Error {
    Error::new(
        ErrorKind::Locked,
        format!(
            "{} is open in a server that does not answer as it should",
            database.display()
        ),
    )
    .because(cause)
    .remedy("Close the programs that use the file, then repeat the command.")
}
