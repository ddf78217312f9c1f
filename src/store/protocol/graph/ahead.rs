//! Ranges of a graph that are asked for ahead of being read: while one reply is taken
//! apart the server is at the next. They come in on a connection of their own, so that
//! something else can be asked meanwhile; on two, the server would only take longer.

use super::compact::{RawEdge, RawNode};
use super::floats::{Beside, Columns};
use super::names::Names;
use super::session::{Row, Session};
use crate::error::{Error, Result};
use crate::model::Value;
use crate::model::packed::Packer;
use crate::store::protocol::resp::Refusal;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Bytes of one reply of which no more is kept.
const MOST_BYTES: u64 = 8 << 20;

/// Edges in one reply at most.
const MOST_EDGES: usize = 20_000;

/// The connection that ranges come in on, opened when the first is asked for.
#[derive(Default)]
pub(super) struct Wire(Option<Session>);

impl Wire {
    /// To the graph of that session.
    fn of(&mut self, session: &Session) -> Result<&mut Session> {
        Ok(match &mut self.0 {
            Some(open) => open,
            none => none.insert(Session::open(&session.endpoint, &session.graph)?),
        })
    }

    fn open(&mut self) -> Result<&mut Session> {
        let open = self.0.as_mut();
        open.ok_or_else(|| Error::internal("a range is under way on no connection"))
    }
}

/// Which records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ask {
    /// Nodes from one id to below another.
    Nodes(u64, u64),
    /// Edges of the sources from one id to below another.
    From(u64, u64),
    /// Edges of one source, to destinations from one id to below another.
    Into(u64, u64, u64),
}

impl Ask {
    /// The ids of the range: from one to below another.
    pub(super) fn ids(self) -> (u64, u64) {
        match self {
            Self::Nodes(start, end) | Self::From(start, end) | Self::Into(_, start, end) => {
                (start, end)
            }
        }
    }

    /// Whether there is no smaller range.
    pub(super) fn is_one(self) -> bool {
        let (start, end) = self.ids();
        end - start <= 1
    }

    /// The query, for so many edges at most.
    fn query(self, columns: &Columns, names: &Names, edges: usize) -> Vec<u8> {
        let mut query = match self {
            Self::Nodes(start, end) => format!(
                "CYPHER a={start} b={end} MATCH (m) WHERE ID(m)>=$a AND ID(m)<$b RETURN m"
            ),
            Self::From(start, end) => format!(
                "CYPHER a={start} b={end} MATCH (a) WHERE ID(a)>=$a AND ID(a)<$b MATCH (a)-[m]->(b) RETURN m"
            ),
            Self::Into(source, start, end) => format!(
                "CYPHER s={source} a={start} b={end} MATCH (b) WHERE ID(b)>=$a AND ID(b)<$b MATCH (a)-[m]->(b) WHERE ID(a)=$s RETURN m"
            ),
        }
        .into_bytes();
        columns.write(&mut query, "m", names);
        if edges < usize::MAX && !matches!(self, Self::Nodes(..)) {
            query.extend_from_slice(format!(" LIMIT {}", edges + 1).as_bytes());
        }
        query
    }
}

/// What came of one range.
pub(super) struct Range<T> {
    pub(super) records: Vec<(T, Beside)>,
    /// What each edge's ends say of their keys, if they were asked.
    pub(super) ends: Option<Vec<[Value; 2]>>,
    /// Some of it was left in the wire.
    pub(super) cut: bool,
    pub(super) bytes: u64,
    /// How long the server was at it.
    pub(super) took: Duration,
}

/// A record as a row of such a range has it.
pub(super) trait Raw: Sized {
    fn take(row: &mut Row<'_>, names: &Names, packer: &mut Packer) -> io::Result<Self>;
}

impl Raw for RawNode {
    fn take(row: &mut Row<'_>, names: &Names, packer: &mut Packer) -> io::Result<Self> {
        row.node(names, packer)
    }
}

impl Raw for RawEdge {
    fn take(row: &mut Row<'_>, names: &Names, packer: &mut Packer) -> io::Result<Self> {
        row.edge(names, packer)
    }
}

/// What a range brought, or why the server refused it.
type Came<T> = Result<Range<T>, Refusal>;

/// A range that was asked for.
struct Asked<T> {
    ask: Ask,
    /// Columns beside each record, and whether those of its ends are in front of them.
    columns: (usize, bool),
    /// Taken in already.
    came: Option<Came<T>>,
}

impl<T: Raw> Asked<T> {
    fn take(&self, wire: &mut Wire, names: &Names) -> Result<Came<T>> {
        take(
            wire.open()?,
            (names, self.columns),
            (MOST_EDGES, MOST_BYTES),
        )
    }
}

/// Ranges of one kind that were asked for, in order.
pub(super) struct Line<T>(VecDeque<Asked<T>>);

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Raw> Line<T> {
    /// Asks for a range, behind those that were asked for before.
    pub(super) fn ask(
        &mut self,
        (wire, session): (&mut Wire, &Session),
        ask: Ask,
        (columns, names): (&Columns, &Names),
    ) -> Result<()> {
        let query = ask.query(columns, names, MOST_EDGES);
        wire.of(session)?.send(b"GRAPH.RO_QUERY", &query)?;
        self.0.push_back(Asked {
            ask,
            columns: (columns.len(), columns.ends),
            came: None,
        });
        Ok(())
    }

    /// The range that comes next.
    pub(super) fn front(&self) -> Option<Ask> {
        self.0.front().map(|asked| asked.ask)
    }

    /// The one that comes last.
    pub(super) fn back(&self) -> Option<Ask> {
        self.0.back().map(|asked| asked.ask)
    }

    /// How many were asked for.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the next in; `None` if none was asked for.
    pub(super) fn next(&mut self, wire: &mut Wire, names: &Names) -> Result<Option<Came<T>>> {
        Ok(match self.0.pop_front() {
            None => None,
            Some(Asked {
                came: Some(came), ..
            }) => Some(came),
            Some(asked) => Some(asked.take(wire, names)?),
        })
    }

    /// Takes all of them in, so that others can be asked for.
    pub(super) fn calm(&mut self, wire: &mut Wire, names: &Names) -> Result<()> {
        for asked in &mut self.0 {
            if asked.came.is_none() {
                asked.came = Some(asked.take(wire, names)?);
            }
        }
        Ok(())
    }

    /// Gives up all of them: what is next is another range.
    pub(super) fn forget(&mut self, wire: &mut Wire) -> Result<()> {
        while let Some(asked) = self.0.pop_front() {
            if asked.came.is_none() {
                // A range that nobody wants was refused, or not: it is all the same.
                let _ = wire.open()?.take(|_| Ok(()))?;
            }
        }
        Ok(())
    }
}

/// Reads a range whatever its size.
pub(super) fn read_all<T: Raw>(
    session: &mut Session,
    ask: Ask,
    columns: &Columns,
    names: &Names,
) -> Result<Came<T>> {
    let query = ask.query(columns, names, usize::MAX);
    session.send(b"GRAPH.RO_QUERY", &query)?;
    let columns = (columns.len(), columns.ends);
    take(session, (names, columns), (usize::MAX, u64::MAX))
}

fn take<T: Raw>(
    session: &mut Session,
    (names, (columns, ends)): (&Names, (usize, bool)),
    (rows, bytes): (usize, u64),
) -> Result<Came<T>> {
    let mut packer = Packer::default();
    let mut range = Range {
        records: Vec::new(),
        ends: ends.then(Vec::new),
        cut: false,
        bytes: 0,
        took: Duration::ZERO,
    };
    let mut first = None;
    let done = session.take(|row| {
        let begun = *first.get_or_insert(row.taken());
        let much = row.taken() - begun > bytes && !range.records.is_empty();
        if range.cut || much || range.records.len() >= rows {
            range.cut = true;
            return Ok(());
        }
        let record = T::take(row, names, &mut packer)?;
        if let Some(ends) = &mut range.ends {
            ends.push([row.value()?, row.value()?]);
        }
        range.records.push((record, Columns::read(columns, row)?));
        range.bytes = row.taken() - begun;
        Ok(())
    })?;
    range.took = session.took.unwrap_or_default();
    Ok(done.map(|()| range))
}
