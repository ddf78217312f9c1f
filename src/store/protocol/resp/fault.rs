//! What servers refuse, by the code in front of their message, in words that help.
//! Whatever has no code of its own keeps the server's words.

use crate::error::{Error, ErrorKind};
use std::io;

/// An error reply of a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// The code, for example `WRONGTYPE`; empty where the server gives none.
    pub(crate) code: String,
    /// Everything it said.
    pub(crate) message: String,
}

impl Refusal {
    /// From the text behind the `-`.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let message = String::from_utf8_lossy(text).into_owned();
        let first = message.split(' ').next().unwrap_or_default();
        let is_code = !first.is_empty() && first.bytes().all(|b| b.is_ascii_uppercase());
        Self {
            code: if is_code {
                first.to_owned()
            } else {
                String::new()
            },
            message,
        }
    }

    /// As an error, with what to do.
    pub(crate) fn error(&self) -> Error {
        let (kind, what, remedy) = match self.code.as_str() {
            "NOAUTH" => (
                ErrorKind::Auth,
                "the server asks for a password",
                "Give its password (and user) in the environment or the profile.",
            ),
            "WRONGPASS" => (
                ErrorKind::Auth,
                "the server refuses this user or password",
                "Check both; `ACL WHOAMI` and `ACL LIST` on the server tell who exists.",
            ),
            "NOPERM" => (
                ErrorKind::Denied,
                "this user may not do that on the server",
                "Give the user the right (`ACL SETUSER`), or name another user.",
            ),
            "READONLY" => (
                ErrorKind::Denied,
                "this server is a replica and takes no writes",
                "Name the primary instead; `INFO replication` on the replica tells it.",
            ),
            "OOM" => (
                ErrorKind::Full,
                "the server has no memory left for writes",
                "Raise its `maxmemory`, or free some, then repeat the command.",
            ),
            "MISCONF" => (
                ErrorKind::Full,
                "the server cannot save to its disk, so it takes no writes",
                "See its log; free room on its disk, then repeat the command.",
            ),
            "LOADING" => (
                ErrorKind::Unreachable,
                "the server is still loading its data",
                "Wait until it has, then repeat the command.",
            ),
            "BUSY" => (
                ErrorKind::Locked,
                "the server is busy with a script",
                "Wait, or end the script with `SCRIPT KILL`, then repeat the command.",
            ),
            "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOREPLICAS" => (
                ErrorKind::Unreachable,
                "the server's group is not able to work at the moment",
                "Repair the group, then repeat the command.",
            ),
            "WRONGTYPE" => (
                ErrorKind::NotThisStore,
                "under that name the server keeps something else",
                "Choose another name; `TYPE NAME` on the server tells what it is.",
            ),
            "MOVED" | "ASK" => (
                ErrorKind::Unreachable,
                "the cluster has moved the data to another server",
                "Repeat the command.",
            ),
            _ => (
                ErrorKind::Unsupported,
                "the server refuses a command",
                "See what it says; its log may tell more.",
            ),
        };
        let temporary = matches!(
            self.code.as_str(),
            "LOADING"
                | "BUSY"
                | "MASTERDOWN"
                | "CLUSTERDOWN"
                | "TRYAGAIN"
                | "NOREPLICAS"
                | "MOVED"
                | "ASK"
        );
        let error = Error::new(kind, what)
            .because(io::Error::other(one_line(&self.message)))
            .remedy(remedy);
        if temporary { error.temporary() } else { error }
    }
}

/// A server's words without what would break a line or run on for ever.
fn one_line(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(300)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(300).is_some() {
        out.push('…');
    }
    out
}

/// A connection that failed, or cannot be made.
pub(super) fn lost(doing: &str, place: &str, cause: io::Error) -> Error {
    use io::ErrorKind as Io;
    let (kind, what, remedy, temporary) = match cause.kind() {
        Io::NotFound => (
            // Also while the server is started again.
            ErrorKind::Unreachable,
            "there is no such socket",
            "Check the path, and that the server is running.",
            false,
        ),
        Io::PermissionDenied => (
            ErrorKind::Denied,
            "the server's socket may not be used",
            "Check the socket's permissions.",
            false,
        ),
        Io::InvalidData => (
            ErrorKind::NotThisStore,
            "what answers there does not speak the protocol of Redis",
            "Check host and port, and whether the server asks for TLS.",
            false,
        ),
        Io::UnexpectedEof | Io::ConnectionReset => (
            ErrorKind::Unreachable,
            "the server closed the connection",
            "Check that it is running, and whether it asks for TLS on that port, then repeat the command.",
            true,
        ),
        Io::WouldBlock | Io::TimedOut => (
            ErrorKind::Unreachable,
            "the server does not answer in time",
            "Check that it is up and not overloaded, then repeat the command.",
            true,
        ),
        _ => (
            ErrorKind::Unreachable,
            "the server cannot be reached",
            "Check host and port, and that it is running.",
            true,
        ),
    };
    let error = Error::new(kind, what)
        .with("server", place)
        .with("while", doing)
        .because(cause)
        .remedy(remedy);
    if temporary { error.temporary() } else { error }
}
