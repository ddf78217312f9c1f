//! FalkorDB, a graph module of Redis, on a server: what memorygraph's `falkordb` backend
//! writes to. The graph itself is read and written by [`super::protocol::graph`]; here is
//! how an address leads to the server.

mod settings;

use super::protocol::graph::{CAPABILITIES, Graph};
use super::{
    Address, Consistency, Description, Descriptor, Fingerprint, Prepared, Shape, Snapshot, Store,
    WriteRequest, Writer,
};
use crate::error::Result;
use async_trait::async_trait;
use std::sync::Arc;

/// FalkorDB.
pub static DESCRIPTOR: Descriptor = Descriptor {
    kind: "falkordb",
    title: "FalkorDB",
    summary: "A graph on a FalkorDB server, memorygraph's `falkordb` backend",
    shape: Shape::Server,
    schemes: &["falkordb", "redis", "rediss"],
    extensions: &[],
    settings: settings::SETTINGS,
    capabilities: CAPABILITIES,
    source: true,
    target: true,
    open,
};

fn open(address: Address) -> Result<Arc<dyn Store>> {
    let endpoint = settings::endpoint(&address)?;
    let name = settings::graph(&address);
    let graph = Graph::new(endpoint, &name, DESCRIPTOR.title, address.to_string());
    Ok(Arc::new(FalkorDb { address, graph }))
}

/// A graph on a server.
struct FalkorDb {
    address: Address,
    graph: Graph,
}

#[async_trait]
impl Store for FalkorDb {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn address(&self) -> &Address {
        &self.address
    }

    async fn describe(&self) -> Result<Description> {
        self.graph.describe().await
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        self.graph.fingerprint().await
    }

    async fn identity(&self) -> Result<String> {
        self.graph.identity().await
    }

    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        self.graph.snapshot(how).await
    }

    async fn prepare(&self) -> Result<Prepared> {
        self.graph.prepare().await
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        self.graph.writer(request).await
    }

    async fn discard(&self, run: &str) -> Result<()> {
        self.graph.discard(run).await
    }

    async fn remove(&self, fingerprint: &Fingerprint) -> Result<()> {
        self.graph.remove(fingerprint).await
    }
}
