//! FalkorDB as a subject, on real servers: each place has one to itself while it is in
//! use, since a server counts the writes of all its graphs together.

#[path = "../support/falkordb.rs"]
mod support;

use crate::child;
use crate::help;
use crate::subject::{Site, Subject};
use async_trait::async_trait;
use memferry::store::{Address, Descriptor, WriteMode, registry};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
pub use support::{Client, Server};

/// Servers at rest.
static IDLE: Mutex<Vec<Server>> = Mutex::new(Vec::new());

const GRAPH: &str = "memory graph";

/// Whether this machine can run the server; says so if not.
pub fn is_here() -> bool {
    let here = support::folder().is_some();
    if !here {
        let variable = support::VARIABLE;
        assert!(
            std::env::var_os("CI").is_none(),
            "{variable} is not set: FalkorDB is not tested"
        );
        eprintln!("{variable} is not set: FalkorDB is not tested (see tests/services/falkordb)");
    }
    here
}

/// Stops what was started.
pub fn stop() {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// A graph on a server.
pub struct FalkorDb {
    /// Its name in trials.
    pub name: &'static str,
    /// Whether a fresh place is a graph that holds something.
    pub filled: bool,
}

#[async_trait]
impl Subject for FalkorDb {
    fn name(&self) -> &'static str {
        self.name
    }

    fn descriptor(&self) -> &'static Descriptor {
        registry::find("falkordb").expect("the kind is registered")
    }

    fn mode(&self) -> WriteMode {
        match self.filled {
            true => WriteMode::Journal,
            false => WriteMode::Aside,
        }
    }

    fn exists(&self) -> bool {
        self.filled
    }

    async fn site(&self) -> Box<dyn Site> {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let server = idle.unwrap_or_else(|| Server::start(&[]));
        let place = Place(Some(server));
        if self.filled {
            let mut records = help::few();
            let others = ["was here", "and here"].map(|id| help::memory(id, "before"));
            records.splice(.., others);
            help::write(&*place.store(), &records).await;
        }
        Box::new(place)
    }
}

struct Place(Option<Server>);

impl Place {
    fn client(&self) -> Client {
        self.0.as_ref().expect("a server").client()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(server) = self.0.take() else { return };
        // One on which a test failed is not used again.
        if !std::thread::panicking() {
            server.client().say(&["FLUSHALL"]);
            IDLE.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(server);
        }
    }
}

/// The keys of a server and what they hold.
pub fn keys(client: &mut Client) -> BTreeMap<String, String> {
    let keys = client.say(&["KEYS", "*"]);
    let keys = keys.lines().map(str::trim);
    let mut trace = BTreeMap::new();
    for key in keys.filter(|k| !k.starts_with("telemetry{") && *k != "(empty)") {
        let kind = client.say(&["TYPE", key]);
        let held = match kind.trim() {
            "graphdata" => content(client, key),
            other => other.to_owned(),
        };
        trace.insert(key.to_owned(), held);
    }
    trace
}

/// All that a graph holds, as the server shows it.
pub fn content(client: &mut Client, graph: &str) -> String {
    let nodes = client.look(graph, "MATCH (n) RETURN n ORDER BY ID(n)");
    let edges = client.look(graph, "MATCH ()-[r]->() RETURN r ORDER BY ID(r)");
    let indexes = client.look(graph, "CALL db.indexes() YIELD label, properties");
    blake3::hash(format!("{nodes}\n{edges}\n{indexes}").as_bytes()).to_string()
}

#[async_trait]
impl Site for Place {
    fn address(&self) -> Address {
        let server = self.0.as_ref().expect("a server");
        Address::new(registry::find("falkordb").unwrap())
            .set("name", GRAPH)
            .and_then(|a| a.set("socket", server.socket().to_str().unwrap()))
            .unwrap()
    }

    /// Keys of the server and what they hold. What the server notes of every query, and a
    /// look's own, is its own affair.
    fn trace(&self) -> BTreeMap<String, String> {
        keys(&mut self.client())
    }

    fn bytes(&self) -> Option<String> {
        let mut client = self.client();
        let there = client.say(&["EXISTS", GRAPH]).trim() == "1";
        there.then(|| content(&mut client, GRAPH))
    }

    fn occupy(&self) {
        self.client()
            .query(GRAPH, "CREATE (:Memory {id: 'theirs', title: 'appeared'})");
    }

    async fn killed_while_writing(&self, run: &str, mode: WriteMode, records: usize) {
        child::killed_while_writing(&self.address(), run, mode, records);
    }
}
