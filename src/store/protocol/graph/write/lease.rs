//! One writer for a graph, whoever the others are: a key on the server that names its
//! holder's connection. It ends after a minute unless renewed; a holder whose connection
//! is gone has lost it at once.

use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::resp::{Connection, Endpoint, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a lease lasts without renewal, in milliseconds.
const LASTS: &str = "60000";

/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(15);

/// A lease that is held; let go of in the background when dropped.
pub(super) struct Lease {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    lost: Arc<AtomicBool>,
}

/// The key of a graph's lease, in the graph's own slot of a cluster.
fn key_of(graph: &str) -> String {
    format!("memferry:lease:{{{graph}}}")
}

fn locked(place: &str, graph: &str) -> Error {
    Error::new(
        ErrorKind::Locked,
        format!("somebody else is writing to the graph {graph:?}"),
    )
    .with("server", place)
    .remedy("Wait until they have finished, then repeat the command. What a killed program held ends within a minute.")
}

/// Identifies a running server.
pub(in super::super) fn run_id(conn: &mut Connection) -> Result<String> {
    let info = conn.call(&[b"INFO", b"server"])?;
    let found = info.text().unwrap_or_default().lines().find_map(|line| {
        let id = line.strip_prefix("run_id:")?;
        Some(id.trim().to_owned())
    });
    found.ok_or_else(|| {
        Error::new(ErrorKind::NotThisStore, "the server does not name itself")
            .with("server", conn.place())
    })
}

/// What stands in a lease.
struct Note {
    server: String,
    client: i64,
    run: String,
}

impl Note {
    fn of(conn: &mut Connection, run: &str) -> Result<Self> {
        Ok(Self {
            server: run_id(conn)?,
            client: conn.hello.id,
            run: run.to_owned(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        Some(Self {
            server: words.next()?.to_owned(),
            client: words.next()?.parse().ok()?,
            run: words.next()?.to_owned(),
        })
    }

    fn text(&self) -> String {
        format!("{} {} {}", self.server, self.client, self.run)
    }
}

/// Whether the holder of a lease is still connected; not known counts as yes.
fn is_alive(conn: &mut Connection, note: &Note) -> Result<bool> {
    if run_id(conn)? != note.server {
        return Ok(false);
    }
    let client = note.client.to_string();
    let listed = conn.ask(&[b"CLIENT", b"LIST", b"ID", client.as_bytes()])?;
    Ok(match listed {
        Ok(reply) => !reply.text().unwrap_or_default().trim().is_empty(),
        Err(_) => true,
    })
}

/// Replaces what stands in a lease, if that still is what it was. `None` removes it.
fn swap(conn: &mut Connection, key: &str, old: &str, new: Option<&str>) -> Result<bool> {
    conn.call(&[b"WATCH", key.as_bytes()])?;
    if conn.call(&[b"GET", key.as_bytes()])?.text() != Some(old) {
        conn.call(&[b"UNWATCH"])?;
        return Ok(false);
    }
    conn.call(&[b"MULTI"])?;
    match new {
        Some(new) => conn.call(&[
            b"SET",
            key.as_bytes(),
            new.as_bytes(),
            b"PX",
            LASTS.as_bytes(),
        ])?,
        None => conn.call(&[b"DEL", key.as_bytes()])?,
    };
    Ok(conn.call(&[b"EXEC"])? != Reply::Nil)
}

fn take(conn: &mut Connection, graph: &str, note: &Note) -> Result<()> {
    let key = key_of(graph);
    let text = note.text();
    for _ in 0..3 {
        let set: [&[u8]; 6] = [
            b"SET",
            key.as_bytes(),
            text.as_bytes(),
            b"NX",
            b"PX",
            LASTS.as_bytes(),
        ];
        if conn.call(&set)? != Reply::Nil {
            return Ok(());
        }
        let reply = conn.call(&[b"GET", key.as_bytes()])?;
        let Some(old) = reply.text() else { continue };
        let dead = match Note::parse(old) {
            Some(holder) => !is_alive(conn, &holder)?,
            None => false,
        };
        if !dead {
            break;
        }
        if swap(conn, &key, old, Some(&text))? {
            return Ok(());
        }
    }
    Err(locked(conn.place(), graph))
}

/// Removes the lease of a run whose program is gone.
pub(in super::super) fn sweep(conn: &mut Connection, graph: &str, run: &str) -> Result<()> {
    let key = key_of(graph);
    let reply = conn.call(&[b"GET", key.as_bytes()])?;
    if let Some(old) = reply.text()
        && let Some(note) = Note::parse(old)
        && note.run == run
        && !is_alive(conn, &note)?
    {
        swap(conn, &key, old, None)?;
    }
    Ok(())
}

impl Lease {
    /// Takes the lease of a graph, or says who is in the way.
    pub(super) fn take(endpoint: &Endpoint, graph: &str, run: &str) -> Result<Self> {
        let mut conn = Connection::open(endpoint)?;
        let note = Note::of(&mut conn, run)?;
        take(&mut conn, graph, &note)?;
        let (stop, stopped) = channel();
        let lost = Arc::new(AtomicBool::new(false));
        let (endpoint, graph, run) = (endpoint.clone(), graph.to_owned(), run.to_owned());
        let told = lost.clone();
        let thread = std::thread::Builder::new()
            .name("lease".into())
            .spawn(move || {
                let (mut conn, mut note) = (conn, note);
                let key = key_of(&graph);
                while stopped.recv_timeout(RENEW) == Err(RecvTimeoutError::Timeout) {
                    let text = note.text();
                    match swap(&mut conn, &key, &text, Some(&text)) {
                        Ok(true) => {}
                        Ok(false) => {
                            told.store(true, Ordering::Relaxed);
                            return;
                        }
                        // The connection is gone; the writer's own tells how that is.
                        Err(_) => {
                            let again = Connection::open(&endpoint).and_then(|mut new| {
                                let fresh = Note::of(&mut new, &run)?;
                                swap(&mut new, &key, &text, Some(&fresh.text()))?;
                                Ok((new, fresh))
                            });
                            if let Ok((new, fresh)) = again {
                                (conn, note) = (new, fresh);
                            }
                        }
                    }
                }
                let _ = swap(&mut conn, &key, &note.text(), None);
            })
            .map_err(|e| Error::internal("no thread can be started").because(e))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
            lost,
        })
    }

    /// An error if somebody else has taken the lease.
    pub(super) fn check(&self, place: &str, graph: &str) -> Result<()> {
        match self.lost.load(Ordering::Relaxed) {
            true => Err(locked(place, graph)),
            false => Ok(()),
        }
    }

    /// Lets go, and waits until the server knows.
    pub(super) fn release(mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
