//! A graph under a key of a Redis server that has the graph module (`GRAPH.QUERY` and its
//! like): read in compact form by ranges of ids, written aside or batch by batch. Which
//! server, and who started it, is for the store that uses this.

mod ahead;
mod compact;
mod ends;
mod fingerprint;
mod floats;
mod names;
mod pick;
mod record;
mod scan;
mod session;
mod snapshot;
mod temporal;
mod write;

use super::file::blocking;
use super::resp::{Connection, Endpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{
    Capabilities, Consistency, Counts, Description, Fingerprint, Ids, Labels, Prepared, Snapshot,
    WriteMode, WriteRequest, Writer,
};
use session::Session;
use snapshot::{Of, Picture};
use std::collections::BTreeMap;
use std::sync::Arc;
use write::GraphWriter;

/// What such a graph holds and does.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    labels: Labels::Any,
    ids: Ids::Text,
    unique_ids: true,
    id_beside_properties: false,
    dangling: false,
    parallel: true,
    self_loops: true,
    rows: false,
    any_times: true,
    stored_text: false,
    nulls: false,
    maps: false,
    nested_lists: true,
    nulls_in_lists: false,
    mixed_lists: true,
    big_integers: false,
    // Bulk form stores them, queries cannot say them.
    non_finite: false,
    nul: false,
    // Servers take any bytes; programs that read them do not.
    broken_text: false,
    bytes: false,
    max_record: None,
    isolated_snapshots: false,
    modes: &[WriteMode::Aside, WriteMode::Journal],
};

/// A graph on a server, there or not.
#[derive(Clone, Debug)]
pub(crate) struct Graph(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    name: String,
    title: &'static str,
    shown: String,
}

impl Graph {
    /// A graph by its name; `title` and `shown` are the store's name and address for
    /// people.
    pub(crate) fn new(endpoint: Endpoint, name: &str, title: &'static str, shown: String) -> Self {
        Self(Arc::new(Inner {
            endpoint,
            name: name.to_owned(),
            title,
            shown,
        }))
    }

    /// Its name on the server.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    fn session(&self) -> Result<Session> {
        Session::open(self.endpoint(), self.name())
    }

    /// Blocking work, on a thread for it.
    async fn on<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Graph) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let graph = self.clone();
        blocking(move || work(&graph)).await
    }

    fn appeared(&self) -> Error {
        Error::new(
            ErrorKind::AlreadyExists,
            format!("{} exists by now", self.0.shown),
        )
        .remedy("Start again; it will then be added to, or choose another name for the graph.")
    }

    fn absent(&self) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!("there is no graph {:?}", self.name()),
        )
        .with("server", self.endpoint())
        .remedy("Check its name; `GRAPH.LIST` on the server tells which there are.")
    }

    /// See [`crate::store::Store::describe`].
    pub(crate) async fn describe(&self) -> Result<Description> {
        self.on(describe).await
    }

    /// See [`crate::store::Store::fingerprint`].
    pub(crate) async fn fingerprint(&self) -> Result<Fingerprint> {
        self.on(|graph| fingerprint::fingerprint(&mut graph.session()?))
            .await
    }

    /// The running server and the graph's name.
    pub(crate) async fn identity(&self) -> Result<String> {
        self.on(|graph| {
            let mut session = graph.session()?;
            let server = write::lease::run_id(&mut session.conn)?;
            Ok(format!("graph:{server}:{}", graph.name()))
        })
        .await
    }

    /// See [`crate::store::Store::snapshot`].
    pub(crate) async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        self.on(move |graph| {
            let mut session = graph.session()?;
            if !session.exists()? {
                return Err(graph.absent());
            }
            // On the server, which then holds it twice: only when that was asked for.
            let mut of = Of::All;
            if how == Consistency::Copy {
                of = Of::Picture;
                let name = copy_name(graph.name());
                let parts: [&[u8]; 3] = [b"GRAPH.COPY", graph.name().as_bytes(), name.as_bytes()];
                // A large graph takes minutes.
                session.conn.set_timeout(None)?;
                session.conn.call(&parts)?;
                session
                    .conn
                    .set_timeout(Some(graph.endpoint().patience()))?;
                session.graph = name;
            }
            let picture: Box<dyn Snapshot> = Box::new(Picture::take(session, of)?);
            Ok(picture)
        })
        .await
    }

    /// See [`crate::store::Store::prepare`].
    pub(crate) async fn prepare(&self) -> Result<Prepared> {
        self.on(|graph| {
            let mut session = graph.session()?;
            let exists = session.exists()?;
            let empty = !exists || snapshot::count(&mut session)?.total() == 0;
            Ok(Prepared {
                mode: match exists {
                    true => WriteMode::Journal,
                    false => WriteMode::Aside,
                },
                room_in: None,
                empty,
                lock_seconds_per_record: 0.0,
            })
        })
        .await
    }

    /// See [`crate::store::Store::writer`].
    pub(crate) async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        let request = request.clone();
        self.on(move |graph| {
            let writer: Box<dyn Writer> = Box::new(GraphWriter::open(graph, &request)?);
            Ok(writer)
        })
        .await
    }

    /// See [`crate::store::Store::discard`].
    pub(crate) async fn discard(&self, run: &str) -> Result<()> {
        let run = run.to_owned();
        self.on(move |graph| {
            let mut session = graph.session()?;
            write::erase(&mut session, &write::aside_name(graph.name(), &run))?;
            write::lease::sweep(&mut session.conn, graph.name(), &run)
        })
        .await
    }

    /// See [`crate::store::Store::remove`].
    pub(crate) async fn remove(&self, fingerprint: &Fingerprint) -> Result<()> {
        let expected = fingerprint.clone();
        self.on(move |graph| {
            let mut session = graph.session()?;
            let changed = || {
                Error::new(
                    ErrorKind::Conflict,
                    format!("{} was changed", graph.0.shown),
                )
                .remedy("Look at it, then remove it by hand.")
            };
            session.watch()?;
            if !session.exists()? || fingerprint::fingerprint(&mut session)? != expected {
                return Err(changed());
            }
            session.conn.call(&[b"MULTI"])?;
            session
                .conn
                .call(&[b"GRAPH.DELETE", graph.name().as_bytes()])?;
            match session.conn.call(&[b"EXEC"])? {
                super::resp::Reply::Nil => Err(changed()),
                _ => write::erase(&mut session, graph.name()),
            }
        })
        .await
    }
}

/// The names of the graphs that a server has.
fn list(conn: &mut Connection) -> Result<Vec<String>> {
    let reply = conn.call(&[b"GRAPH.LIST"])?;
    let names = reply.list().unwrap_or_default().iter();
    Ok(names.filter_map(|n| n.text().map(str::to_owned)).collect())
}

/// A name nobody has for a copy.
fn copy_name(graph: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let now = crate::model::time::Instant::now().0;
    format!("{{{graph}}}memferry-copy-{process}-{number}-{now}")
}

fn version(module: u64) -> String {
    format!(
        "{}.{}.{}",
        module / 10_000,
        module / 100 % 100,
        module % 100
    )
}

fn describe(graph: &Graph) -> Result<Description> {
    let mut session = graph.session()?;
    let exists = session.exists()?;
    let title = graph.0.title;
    let mut facts = BTreeMap::new();
    facts.insert("server".to_owned(), session.conn.hello.version.clone());
    facts.insert("module".to_owned(), version(session.module));
    let graphs = list(&mut session.conn).unwrap_or_default();
    facts.insert("graphs".to_owned(), graphs.join(", "));
    let counts: Option<Counts> = match exists {
        true => Some(snapshot::count(&mut session)?),
        false => None,
    };
    Ok(Description {
        exists,
        layout: format!("{title} {}", version(session.module)),
        counts,
        facts,
        ..Description::default()
    })
}
