//! Writing to a graph: a new one under a name of its own that becomes the real one in one
//! step, or one that is there, batch by batch.

mod bulk;
mod flat;
mod indexes;
mod known;
pub(super) mod lease;
mod places;
mod plan;
mod ready;
mod spilled;
mod statements;
mod work;

use super::Graph;
use super::session::Session;
use super::snapshot::{Of, Picture};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Key, Kind, Record};
use crate::store::protocol::file::blocking;
use crate::store::{Applied, Batch, Change, Snapshot, WriteMode, WriteRequest, Writer};
use async_trait::async_trait;
use lease::Lease;
use ready::Ahead;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use work::Work;

/// The name under which a run builds a graph, in the same slot of a cluster.
pub(super) fn aside_name(graph: &str, run: &str) -> String {
    format!("{{{graph}}}memferry-{run}")
}

/// The stream in which a server keeps the texts of a graph's queries.
pub(super) fn telemetry_of(graph: &str) -> String {
    format!("telemetry{{{graph}}}")
}

/// Removes a graph and what the server noted of its queries.
pub(super) fn erase(session: &mut Session, graph: &str) -> Result<()> {
    let key = graph.as_bytes();
    let is_there = |session: &mut Session| -> Result<bool> {
        Ok(session.conn.call(&[b"TYPE", key])?.text() == Some("graphdata"))
    };
    if is_there(session)?
        && let Err(refusal) = session.conn.ask(&[b"GRAPH.DELETE", key])?
        // Somebody else may have removed it in between: a writer that is still letting go.
        && is_there(session)?
    {
        return Err(session.conn.refused(&refusal));
    }
    // In another slot of a cluster, perhaps; it is a courtesy.
    let _ = session
        .conn
        .ask(&[b"DEL", telemetry_of(graph).as_bytes()])?;
    Ok(())
}

/// Makes an empty graph, by a command that the server also tells its replicas and its log:
/// a mere query makes one, too, but only here, and what follows would be lost with it.
fn make(session: &mut Session) -> Result<()> {
    if !bulk::is_known(session.module) {
        return session.write(b"CREATE (n) DELETE n", |_| Ok(()));
    }
    let graph = session.graph.clone();
    let none: [&[u8]; 7] = [
        b"GRAPH.BULK",
        graph.as_bytes(),
        b"BEGIN",
        b"0",
        b"0",
        b"0",
        b"0",
    ];
    session.conn.call(&none).map(drop)
}

/// A writer.
pub(super) struct GraphWriter {
    graph: Graph,
    aside: Option<String>,
    state: Arc<Mutex<State>>,
    ahead: Ahead,
}

struct State {
    /// None once the writer has ended.
    work: Option<Work>,
    lease: Option<Lease>,
    published: bool,
}

impl GraphWriter {
    /// Opens a graph for writing.
    pub(super) fn open(graph: &Graph, request: &WriteRequest) -> Result<Self> {
        let mut session = graph.session()?;
        let exists = session.exists()?;
        let place = session.conn.place().to_owned();
        match (request.mode, exists) {
            (WriteMode::Aside, false) | (WriteMode::Journal, true) => {}
            (WriteMode::Aside, true) => return Err(graph.appeared()),
            (WriteMode::Journal, false) => {
                return Err(Error::new(
                    ErrorKind::Refused,
                    format!("the graph {:?} is gone", graph.name()),
                )
                .with("server", place)
                .remedy("Start again; a new one will be made."));
            }
            (WriteMode::Transaction, _) => {
                return Err(Error::internal("a graph has no transactions"));
            }
        }
        if session.conn.hello.role == "replica" {
            return Err(Error::new(
                ErrorKind::Denied,
                "this server is a replica and takes no writes",
            )
            .with("server", place)
            .remedy("Name the primary instead; `INFO replication` on the replica tells it."));
        }
        let lease = Lease::take(&session.endpoint, graph.name(), &request.run)?;
        let aside = match request.mode {
            WriteMode::Aside => Some(aside_name(graph.name(), &request.run)),
            _ => None,
        };
        if let Some(aside) = &aside {
            erase(&mut session, aside)?;
            session.graph = aside.clone();
            make(&mut session)?;
        }
        let work = match Work::new(session, aside.is_none()) {
            Ok(work) => work,
            Err(e) => {
                if let (Some(aside), Ok(mut session)) = (&aside, graph.session()) {
                    let _ = erase(&mut session, aside);
                }
                return Err(e);
            }
        };
        Ok(Self {
            graph: graph.clone(),
            aside,
            state: Arc::new(Mutex::new(State {
                work: Some(work),
                lease: Some(lease),
                published: false,
            })),
            ahead: Ahead::default(),
        })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Work) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let state = self.state.clone();
        let graph = self.graph.clone();
        blocking(move || {
            let mut state = lock(&state);
            let State {
                work: Some(open),
                lease,
                ..
            } = &mut *state
            else {
                return Err(Error::internal("a writer was used after its end"));
            };
            if let Some(lease) = lease {
                lease.check(open.session.conn.place(), graph.name())?;
            }
            work(open)
        })
        .await
    }

    /// A picture of the graph as it was written, on a connection of its own.
    async fn picture(&self, of: Of) -> Result<Box<dyn Snapshot>> {
        let (graph, aside, state) = (self.graph.clone(), self.aside.clone(), self.state.clone());
        blocking(move || {
            let published = {
                let mut state = lock(&state);
                if let Some(work) = &mut state.work {
                    work.settle()?;
                }
                state.published
            };
            let mut session = graph.session()?;
            if let Some(aside) = aside.filter(|_| !published) {
                session.graph = aside;
            }
            let picture: Box<dyn Snapshot> = Box::new(Picture::take(session, of)?);
            Ok(picture)
        })
        .await
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a writer: what is not published goes, and others may write.
fn end(graph: &Graph, aside: Option<&str>, state: &mut State) -> Result<()> {
    let work = state.work.take();
    let lease = state.lease.take();
    let mut erased = Ok(());
    if let (Some(aside), false) = (aside, state.published)
        && let Some(mut work) = work
    {
        // What failed goes with the rest.
        let _ = work.settle();
        let mut session = work.session;
        erased = match session.conn.is_broken() {
            false => erase(&mut session, aside),
            true => graph.session().and_then(|mut s| erase(&mut s, aside)),
        };
    }
    if let Some(lease) = lease {
        lease.release();
    }
    erased
}

#[async_trait]
impl Writer for GraphWriter {
    async fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let keys = keys.to_vec();
        self.with(move |work| work.find(kind, &keys)).await
    }

    fn announce(&mut self, next: &Arc<[Change]>) {
        // A graph of our own takes another form, which is made while the server loads.
        if self.aside.is_none() {
            self.ahead.begin(next);
        }
    }

    async fn apply(&mut self, batch: &Batch) -> Result<Applied> {
        let ready = match self.ahead.take(&batch.changes) {
            Some(coming) => coming.get().await.unwrap_or_default(),
            None => None,
        };
        let batch = batch.clone();
        self.with(move |work| work.apply(&batch, ready)).await
    }

    async fn complete(&mut self) -> Result<()> {
        self.ahead = Ahead::default();
        let ours = self.aside.is_some();
        self.with(move |work| {
            work.settle()?;
            match ours {
                true => indexes::make(&mut work.session),
                // The schema of a graph that others use is theirs.
                false => work.forget(),
            }
        })
        .await
    }

    async fn applied(&mut self) -> Result<Option<Box<dyn Snapshot>>> {
        match self.aside.is_some() {
            true => self.picture(Of::Run).await.map(Some),
            false => Ok(None),
        }
    }

    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>> {
        self.picture(Of::All).await
    }

    async fn publish(&mut self) -> Result<Applied> {
        let (graph, aside, state) = (self.graph.clone(), self.aside.clone(), self.state.clone());
        blocking(move || {
            let mut state = lock(&state);
            if state.published {
                return Ok(Applied::Done);
            }
            let Some(work) = &mut state.work else {
                return Err(Error::internal("a writer was used after its end"));
            };
            work.settle()?;
            if let Some(aside) = &aside {
                let conn = &mut work.session.conn;
                let rename: [&[u8]; 3] = [b"RENAMENX", aside.as_bytes(), graph.name().as_bytes()];
                match conn.ask(&rename) {
                    Ok(Ok(reply)) if reply.int() == Some(1) => {}
                    Ok(Ok(_)) => return Err(graph.appeared()),
                    Ok(Err(refusal)) => return Err(conn.refused(&refusal)),
                    Err(_) => return Ok(Applied::Unknown),
                }
                state.published = true;
                if let Some(work) = &mut state.work {
                    let telemetry = telemetry_of(aside);
                    let _ = work.session.conn.ask(&[b"DEL", telemetry.as_bytes()]);
                }
            }
            state.published = true;
            let _ = end(&graph, aside.as_deref(), &mut state);
            Ok(Applied::Done)
        })
        .await
    }

    async fn abandon(&mut self) -> Result<()> {
        let (graph, aside, state) = (self.graph.clone(), self.aside.clone(), self.state.clone());
        blocking(move || end(&graph, aside.as_deref(), &mut lock(&state))).await
    }
}

impl Drop for GraphWriter {
    fn drop(&mut self) {
        let (graph, aside, state) = (self.graph.clone(), self.aside.take(), self.state.clone());
        // A call that was given up may still be going on; what is left waits for it.
        let clean = move || {
            let _ = end(&graph, aside.as_deref(), &mut lock(&state));
        };
        let _ = std::thread::Builder::new()
            .name("let go".into())
            .spawn(clean);
    }
}
