//! RESP, the protocol of Redis and what speaks like it: versions 2 and 3 as
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/> has them. Blocking; callers are on
//! threads for that. A reply is read whole into a [`Reply`], or piece by piece from
//! the [`Reader`], which never holds more than one piece.

mod connection;
mod endpoint;
mod fault;
mod reader;
mod sentinel;
mod tls;

pub(crate) use connection::{Connection, Stream};
pub(crate) use endpoint::Endpoint;
pub(crate) use fault::Refusal;
pub(crate) use reader::{Head, Reader, double};
pub(crate) use sentinel::Group;
pub(crate) use tls::Trust;

/// A reply that was read whole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// No value.
    Nil,
    /// An integer.
    Int(i64),
    /// A double (version 3).
    Double(f64),
    /// true or false (version 3).
    Bool(bool),
    /// A word such as `OK`.
    Status(Vec<u8>),
    /// A string.
    Bulk(Vec<u8>),
    /// Replies in order; a map of version 3 is its keys and values in turns.
    List(Vec<Reply>),
    /// An error inside a list.
    Refused(Refusal),
}

impl Reply {
    /// The text of a string or status.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Status(bytes) | Self::Bulk(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// An integer, also one that stands as text.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            other => other.text()?.parse().ok(),
        }
    }

    /// The elements of a list.
    pub(crate) fn list(&self) -> Option<&[Reply]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }
}
