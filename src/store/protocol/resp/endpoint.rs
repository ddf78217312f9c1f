//! Where a server is and who asks: a host or a socket, user and password, how long to
//! wait. Printed without secrets.

use super::connection::Stream;
use super::fault;
use super::sentinel::Group;
use super::tls::Trust;
use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a connection may take to come about, for each address of a host.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may take for one answer, unless said otherwise.
const ANSWER: Duration = Duration::from_secs(60);

/// A server.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(super) place: Place,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) timeout: Duration,
    trust: Option<Trust>,
    group: Option<Group>,
}

/// Where it listens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Endpoint {
    /// A host and port.
    pub(crate) fn tcp(host: &str, port: u16) -> Self {
        Self::at(Place::Tcp(host.to_owned(), port))
    }

    /// A socket in the file system.
    pub(crate) fn unix(path: &Path) -> Self {
        Self::at(Place::Unix(path.to_owned()))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            user: None,
            password: None,
            timeout: ANSWER,
            trust: None,
            group: None,
        }
    }

    /// The same with a login; a password without a user is that of the default user.
    pub(crate) fn login(self, user: Option<&str>, password: Option<&str>) -> Self {
        let given = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        Self {
            user: user.and_then(given),
            password: password.and_then(given),
            ..self
        }
    }

    /// The same with another time to wait for an answer.
    pub(crate) fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same, encrypted.
    pub(crate) fn encrypted(self, trust: Trust) -> Self {
        Self {
            trust: Some(trust),
            ..self
        }
    }

    /// The primary of a group, which these sentinels tell at every connection.
    pub(crate) fn behind(self, group: Group) -> Self {
        Self {
            group: Some(group),
            ..self
        }
    }

    /// Whether sentinels tell which server is meant.
    pub(super) fn is_behind_sentinels(&self) -> bool {
        self.group.is_some()
    }

    /// How long an answer may take.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout
    }

    /// The same server group at another address, as a cluster names it.
    pub(crate) fn moved_to(&self, host: &str, port: u16) -> Self {
        let host = match (&self.place, host) {
            (Place::Tcp(own, _), "") => own.clone(),
            _ => host.to_owned(),
        };
        Self {
            place: Place::Tcp(host, port),
            group: None,
            ..self.clone()
        }
    }

    pub(super) fn open(&self) -> Result<Stream> {
        let failed = |e| fault::lost("connecting", &self.to_string(), e);
        let found;
        let place = match &self.group {
            None => &self.place,
            Some(group) => {
                found = group.primary(self.trust.as_ref(), self.timeout.min(CONNECT))?;
                &found
            }
        };
        let stream = match place {
            Place::Unix(path) => Stream::Unix(UnixStream::connect(path).map_err(failed)?),
            Place::Tcp(host, port) => {
                let plain = tcp(host, *port, self)?;
                // A server that speaks no TLS may wait for ever for the rest of a command.
                let limit = Some(self.timeout.min(CONNECT));
                plain.set_read_timeout(limit).map_err(failed)?;
                plain.set_write_timeout(limit).map_err(failed)?;
                match &self.trust {
                    None => Stream::Tcp(plain),
                    Some(trust) => {
                        let worn = trust.wear(host, plain, &self.to_string())?;
                        Stream::Tls(Box::new(worn))
                    }
                }
            }
        };
        stream.set_timeout(Some(self.timeout)).map_err(failed)?;
        Ok(stream)
    }
}

fn tcp(host: &str, port: u16, endpoint: &Endpoint) -> Result<TcpStream> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = (bare, port).to_socket_addrs().map_err(|e| {
        Error::new(ErrorKind::Unreachable, format!("there is no host {host:?}"))
            .because(e)
            .remedy("Check the name of the host.")
    })?;
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in found {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                // Without, a batch waits for the acknowledgement of its first part.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(fault::lost("connecting", &endpoint.to_string(), last))
}

/// The place alone.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(host, port) => write!(f, "{host}:{port}")?,
            Place::Unix(path) => write!(f, "{}", path.display())?,
        }
        match &self.group {
            Some(group) => write!(f, " ({})", group.name),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}
