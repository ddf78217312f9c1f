//! A connection that asks about one graph: queries out, rows in as they come.

use super::compact::{self, RawEdge, RawNode, odd};
use super::names::Names;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Value;
use crate::model::packed::Packer;
use crate::store::protocol::resp::{Connection, Endpoint, Head, Reader, Refusal, Reply, Stream};
use std::io;
use std::time::Duration;

/// Versions of the module that are too old to read or write: those before FalkorDB 4.
const OLDEST: u64 = 40_000;

/// Name of the module.
const MODULE: &str = "graph";

/// A connection and the name of a graph.
pub(super) struct Session {
    pub(super) conn: Connection,
    pub(super) graph: String,
    /// Version of the module, for example 42201 for 4.22.1.
    pub(super) module: u64,
    /// Where the graph was found: in a cluster, not always where it was looked for.
    pub(super) endpoint: Endpoint,
    /// How long the server was at the query whose rows were taken last, if it says that.
    pub(super) took: Option<Duration>,
}

/// One row of a reply; its cells are read in order.
pub(super) struct Row<'a> {
    reader: &'a mut Reader<Stream>,
    left: usize,
}

impl Row<'_> {
    /// The next cell, a plain value.
    pub(super) fn value(&mut self) -> io::Result<Value> {
        compact::cell(self.next()?)
    }

    /// The next cell, an internal id.
    pub(super) fn id(&mut self) -> io::Result<u64> {
        self.number()?.ok_or_else(|| odd("a row holds no id"))
    }

    /// The next cell, if it is a number that is not below zero.
    pub(super) fn number(&mut self) -> io::Result<Option<u64>> {
        Ok(match self.value()? {
            Value::Int(i) => u64::try_from(i).ok(),
            _ => None,
        })
    }

    /// The next cell, a node.
    pub(super) fn node(&mut self, names: &Names, packer: &mut Packer) -> io::Result<RawNode> {
        compact::node(self.next()?, names, packer)
    }

    /// The next cell, an edge.
    pub(super) fn edge(&mut self, names: &Names, packer: &mut Packer) -> io::Result<RawEdge> {
        compact::edge(self.next()?, names, packer)
    }

    /// The reader in front of the next cell.
    fn next(&mut self) -> io::Result<&mut Reader<Stream>> {
        self.left = (self.left.checked_sub(1)).ok_or_else(|| odd("a row is too short"))?;
        Ok(self.reader)
    }

    /// Leaves the rest of the row out.
    pub(super) fn skip(&mut self) -> io::Result<()> {
        for _ in 0..std::mem::take(&mut self.left) {
            self.reader.skip()?;
        }
        Ok(())
    }

    /// Bytes of replies that this connection has read.
    pub(super) fn taken(&self) -> u64 {
        self.reader.taken()
    }
}

impl Session {
    /// Connects, and makes sure that the server has the module.
    pub(super) fn open(endpoint: &Endpoint, graph: &str) -> Result<Self> {
        let mut endpoint = endpoint.clone();
        for _ in 0..4 {
            let mut conn = Connection::open(&endpoint)?;
            let modules = &conn.hello.modules;
            let module = match modules.iter().find(|(name, _)| name == MODULE) {
                Some((_, version)) => *version,
                None => return Err(no_module(&conn)),
            };
            if module < OLDEST {
                return Err(too_old(&conn, module));
            }
            if conn.hello.mode == "cluster"
                && let Err(refusal) = conn.ask(&[b"TYPE", graph.as_bytes()])?
            {
                match moved(&refusal) {
                    Some((host, port)) => endpoint = endpoint.moved_to(&host, port),
                    None => return Err(conn.refused(&refusal)),
                }
                continue;
            }
            return Ok(Self {
                conn,
                graph: graph.to_owned(),
                module,
                endpoint,
                took: None,
            });
        }
        Err(Error::new(
            ErrorKind::Unreachable,
            "the cluster sends this graph from server to server",
        )
        .remedy("See `CLUSTER SLOTS`; repeat the command once the cluster is settled."))
    }

    /// Whether the graph is there; an error if something else is under its name.
    pub(super) fn exists(&mut self) -> Result<bool> {
        let reply = self.conn.call(&[b"TYPE", self.graph.as_bytes()])?;
        match reply.text() {
            Some("none") => Ok(false),
            Some("graphdata") => Ok(true),
            other => Err(Error::new(
                ErrorKind::NotThisStore,
                format!(
                    "under the name {:?} the server keeps no graph but a {}",
                    self.graph,
                    other.unwrap_or("value")
                ),
            )
            .with("server", self.conn.place())
            .remedy("Choose another graph name.")),
        }
    }

    /// Asks without changing anything; each row is handed on as it comes.
    pub(super) fn read(
        &mut self,
        query: &[u8],
        each: impl FnMut(&mut Row<'_>) -> io::Result<()>,
    ) -> Result<()> {
        let done = self.try_read(query, each)?;
        done.map_err(|refusal| self.refused(&refusal))
    }

    /// The same with the server's refusal as a value.
    pub(super) fn try_read(
        &mut self,
        query: &[u8],
        each: impl FnMut(&mut Row<'_>) -> io::Result<()>,
    ) -> Result<Result<(), Refusal>> {
        self.send(b"GRAPH.RO_QUERY", query)?;
        self.take(each)
    }

    /// Changes the graph; each row of the answer is handed on.
    pub(super) fn write(
        &mut self,
        query: &[u8],
        each: impl FnMut(&mut Row<'_>) -> io::Result<()>,
    ) -> Result<()> {
        self.send(b"GRAPH.QUERY", query)?;
        let done = self.take(each)?;
        done.map_err(|refusal| self.refused(&refusal))
    }

    /// Sends a query without waiting.
    pub(super) fn send(&mut self, verb: &[u8], query: &[u8]) -> Result<()> {
        let graph = self.graph.clone();
        self.conn
            .send(&[verb, graph.as_bytes(), query, b"--compact"])
    }

    /// Takes the rows of a query that was sent.
    pub(super) fn take(
        &mut self,
        mut each: impl FnMut(&mut Row<'_>) -> io::Result<()>,
    ) -> Result<Result<(), Refusal>> {
        let took = &mut self.took;
        *took = None;
        self.conn.piecewise(|reader| {
            match reader.head()? {
                // Statistics alone.
                Head::List(1) => reader.skip()?,
                Head::List(3) => {
                    reader.skip()?;
                    for _ in 0..compact::list(reader)? {
                        let left = compact::list(reader)?;
                        let mut row = Row { reader, left };
                        each(&mut row)?;
                        row.skip()?;
                    }
                    *took = took_of(&reader.reply()?);
                }
                Head::Refused(refusal) => return Ok(Err(refusal)),
                _ => return Err(odd("the server's reply has another form")),
            }
            Ok(Ok(()))
        })
    }

    /// One number that a query answers.
    pub(super) fn number(&mut self, query: &[u8]) -> Result<Option<u64>> {
        let mut number = None;
        self.read(query, |row| {
            number = row.number()?;
            Ok(())
        })?;
        Ok(number)
    }

    /// An id that is above those of all nodes. Asking for the highest would have the server
    /// look at every node; it knows how many there are, and finds the next one from an id on.
    pub(super) fn bound(&mut self) -> Result<u64> {
        let count = self.number(b"MATCH (n) RETURN count(n)")?;
        let mut bound = count.unwrap_or(0);
        loop {
            let query = format!("CYPHER a={bound} MATCH (n) WHERE ID(n)>=$a RETURN ID(n) LIMIT 1");
            match self.number(query.as_bytes())? {
                // Where nodes were removed, ids go beyond their number.
                Some(id) if id >= bound => {
                    bound = id.saturating_add(1).max(bound.saturating_mul(2));
                }
                // Another answer than was asked for must not keep us asking.
                _ => return Ok(bound),
            }
        }
    }

    /// What a refusal means here.
    pub(super) fn refused(&mut self, refusal: &Refusal) -> Error {
        let error = self.conn.refused(refusal).with("graph", &self.graph);
        match self.time_limit() {
            // Only where a limit is set can it have been reached.
            Some(limit) if refusal.code.is_empty() => error.remedy(format!(
                "The server ends queries after {limit} ms: if that was it, raise TIMEOUT_MAX with `GRAPH.CONFIG SET`, or write smaller batches."
            )),
            _ => error,
        }
    }

    /// The server's limit for a query in milliseconds, if it has one.
    fn time_limit(&mut self) -> Option<i64> {
        if self.conn.is_broken() {
            return None;
        }
        let names: [&[u8]; 3] = [b"TIMEOUT_MAX", b"TIMEOUT_DEFAULT", b"TIMEOUT"];
        names.into_iter().find_map(|name| {
            let reply = self.conn.ask(&[b"GRAPH.CONFIG", b"GET", name]).ok()?.ok()?;
            reply.list()?.get(1)?.int().filter(|limit| *limit > 0)
        })
    }

    /// Watches the graph: [`Session::unchanged`] tells whether anybody wrote since.
    pub(super) fn watch(&mut self) -> Result<()> {
        let graph = self.graph.clone();
        self.conn.call(&[b"WATCH", graph.as_bytes()]).map(drop)
    }

    /// Whether nobody wrote to the graph since it was watched, which ends with this.
    pub(super) fn unchanged(&mut self) -> Result<bool> {
        self.conn.call(&[b"MULTI"])?;
        self.conn.call(&[b"PING"])?;
        Ok(self.conn.call(&[b"EXEC"])? != Reply::Nil)
    }
}

/// What statistics say of the time that a query took.
fn took_of(statistics: &Reply) -> Option<Duration> {
    let lines = statistics.list()?.iter().filter_map(Reply::text);
    let mut said = lines.filter_map(|line| line.strip_prefix("Query internal execution time: "));
    let ms: f64 = said.next()?.strip_suffix(" milliseconds")?.parse().ok()?;
    Duration::try_from_secs_f64(ms / 1_000.0).ok()
}

fn no_module(conn: &Connection) -> Error {
    Error::new(
        ErrorKind::NotThisStore,
        "that server is a Redis without the graph module",
    )
    .with("server", conn.place())
    .remedy("Name a FalkorDB server, or load the module with `--loadmodule falkordb.so`.")
}

fn too_old(conn: &Connection, version: u64) -> Error {
    let shown = |v: u64| format!("{}.{}.{}", v / 10_000, v / 100 % 100, v % 100);
    Error::new(
        ErrorKind::UnknownLayout,
        format!(
            "the server's graph module is version {}, and {} is the oldest that is understood",
            shown(version),
            shown(OLDEST)
        ),
    )
    .with("server", conn.place())
    .remedy("Bring the server up to FalkorDB 4 or later.")
}

/// Where a cluster says that a key is.
fn moved(refusal: &Refusal) -> Option<(String, u16)> {
    if refusal.code != "MOVED" {
        return None;
    }
    let (host, port) = refusal.message.rsplit(' ').next()?.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_tell_how_long_a_query_took() {
        let told = |lines: &[&str]| {
            let lines = lines.iter().map(|l| Reply::Bulk(l.as_bytes().to_vec()));
            took_of(&Reply::List(lines.collect()))
        };
        let took = "Query internal execution time: 0.308500 milliseconds";
        let expected = Some(Duration::from_nanos(308_500));
        assert_eq!(told(&["Cached execution: 0", took]), expected);
        let others = [
            "Query internal execution time: -1 milliseconds",
            "Query internal execution time: NaN milliseconds",
            "Query internal execution time: 1 second",
            "Cached execution: 0",
        ];
        for other in others {
            assert_eq!(told(&[other]), None, "{other}");
        }
        assert_eq!(told(&[]), None);
        assert_eq!(took_of(&Reply::Nil), None);
    }
}
