//! One connection to a server: commands out, replies in. It breaks at the first failure
//! and stays broken, since nobody knows which reply would come next.

use super::tls::Encrypted;
use super::{Endpoint, Reader, Refusal, Reply, fault};
use crate::error::{Error, ErrorKind, Result};
use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What bytes go through.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Encrypted>),
}

impl Stream {
    pub(super) fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(s) => {
                s.set_read_timeout(timeout)?;
                s.set_write_timeout(timeout)
            }
            Self::Tls(s) => {
                s.sock.set_read_timeout(timeout)?;
                s.sock.set_write_timeout(timeout)
            }
            Self::Unix(s) => {
                s.set_read_timeout(timeout)?;
                s.set_write_timeout(timeout)
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.write_all(bytes),
            Self::Unix(s) => s.write_all(bytes),
            Self::Tls(s) => {
                s.write_all(bytes)?;
                s.flush()
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read(to),
            Self::Unix(s) => s.read(to),
            Self::Tls(s) => s.read(to),
        }
    }
}

/// A connection.
pub(crate) struct Connection {
    reader: Reader<Stream>,
    place: String,
    /// Why it can be used no more.
    broken: Option<String>,
    out: Vec<u8>,
    /// What the server said of itself.
    pub(crate) hello: Hello,
}

/// What a server says of itself at the beginning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hello {
    /// Its version, for example `8.2.1`.
    pub(crate) version: String,
    /// `master` or `replica`.
    pub(crate) role: String,
    /// `standalone`, `cluster` or `sentinel`.
    pub(crate) mode: String,
    /// This connection's number there.
    pub(crate) id: i64,
    /// Its modules and their versions.
    pub(crate) modules: Vec<(String, u64)>,
}

/// Bytes from which on a part of a command goes out by itself, and is not copied before.
const LARGE: usize = 64 << 10;

/// Sends a command; `out` is room for what is small in it.
fn write(to: &mut Stream, out: &mut Vec<u8>, parts: &[&[u8]]) -> io::Result<()> {
    out.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        if part.len() >= LARGE {
            to.write_all(out)?;
            out.clear();
            to.write_all(part)?;
        } else {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n");
    }
    to.write_all(out)
}

impl Connection {
    /// Connects and logs in.
    pub(crate) fn open(endpoint: &Endpoint) -> Result<Self> {
        let mut connection = Self {
            reader: Reader::new(endpoint.open()?),
            place: endpoint.to_string(),
            broken: None,
            out: Vec::new(),
            hello: Hello::default(),
        };
        let user = endpoint.user.as_deref().unwrap_or("default");
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"2"];
        if let Some(password) = &endpoint.password {
            hello.extend([b"AUTH", user.as_bytes(), password.as_bytes()]);
        }
        match connection.ask(&hello)? {
            Ok(reply) => connection.hello = Hello::of(&reply),
            Err(refusal) => return Err(refusal.error().with("server", &connection.place)),
        }
        if endpoint.is_behind_sentinels() && connection.hello.role == "replica" {
            return Err(Error::new(
                ErrorKind::Unreachable,
                "the sentinels name a server that is a replica by now",
            )
            .with("server", &connection.place)
            .temporary()
            .remedy("Repeat the command once the group has agreed on its primary."));
        }
        Ok(connection)
    }

    /// Where it leads.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether it can be used no more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Waits so long for the answers that follow.
    pub(crate) fn set_timeout(&mut self, timeout: Option<Duration>) -> Result<()> {
        let set = self.reader.inner().set_timeout(timeout);
        self.checked("setting a time limit", set)
    }

    /// Sends a command without waiting for its reply, which [`Connection::read`] or
    /// [`Connection::reader`] must then take.
    pub(crate) fn send(&mut self, parts: &[&[u8]]) -> Result<()> {
        self.check()?;
        self.out.clear();
        let sent = write(self.reader.inner(), &mut self.out, parts);
        // A command of many parts must not keep its room for ever.
        if self.out.capacity() > LARGE << 4 {
            self.out = Vec::new();
        }
        self.checked("sending a command", sent)
    }

    /// The next reply, whole; the server's refusal is a value.
    pub(crate) fn read(&mut self) -> Result<Result<Reply, Refusal>> {
        self.check()?;
        let reply = self.reader.reply();
        Ok(match self.checked("waiting for an answer", reply)? {
            Reply::Refused(refusal) => Err(refusal),
            reply => Ok(reply),
        })
    }

    /// A command and its reply; the server's refusal is a value.
    pub(crate) fn ask(&mut self, parts: &[&[u8]]) -> Result<Result<Reply, Refusal>> {
        self.send(parts)?;
        self.read()
    }

    /// A command and its reply.
    pub(crate) fn call(&mut self, parts: &[&[u8]]) -> Result<Reply> {
        self.ask(parts)?.map_err(|refusal| self.refused(&refusal))
    }

    /// A refusal of this server as an error.
    pub(crate) fn refused(&self, refusal: &Refusal) -> Error {
        refusal.error().with("server", &self.place)
    }

    /// Reads piece by piece; whatever fails breaks the connection.
    pub(crate) fn piecewise<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<Stream>) -> io::Result<T>,
    ) -> Result<T> {
        self.check()?;
        let out = read(&mut self.reader);
        self.checked("reading an answer", out)
    }

    fn checked<T>(&mut self, doing: &str, result: io::Result<T>) -> Result<T> {
        result.map_err(|e| {
            let lost = fault::lost(doing, &self.place, e);
            self.broken = Some(lost.to_string());
            lost
        })
    }

    /// Not for the moment: this connection stays lost, and only another one mends that.
    fn check(&self) -> Result<()> {
        let Some(why) = &self.broken else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Unreachable,
            "the connection to the server was lost",
        )
        .because(io::Error::other(why.clone()))
        .remedy("Repeat the command."))
    }
}

impl Hello {
    fn of(reply: &Reply) -> Self {
        let mut hello = Self::default();
        let pairs = reply.list().unwrap_or_default().chunks_exact(2);
        for (name, value) in pairs.filter_map(|p| Some((p[0].text()?, &p[1]))) {
            let text = || value.text().unwrap_or_default().to_owned();
            match name {
                "version" => hello.version = text(),
                "role" => hello.role = text(),
                "mode" => hello.mode = text(),
                "id" => hello.id = value.int().unwrap_or_default(),
                "modules" => {
                    let modules = value.list().unwrap_or_default();
                    hello.modules = modules.iter().filter_map(module).collect();
                }
                _ => {}
            }
        }
        hello
    }
}

fn module(reply: &Reply) -> Option<(String, u64)> {
    let pairs = reply.list()?.chunks_exact(2);
    let (mut name, mut version) = (None, 0);
    for pair in pairs {
        match pair[0].text() {
            Some("name") => name = pair[1].text().map(str::to_owned),
            Some("ver") => {
                version = pair[1]
                    .int()
                    .and_then(|v| u64::try_from(v).ok())
                    .unwrap_or(0)
            }
            _ => {}
        }
    }
    Some((name?, version))
}
