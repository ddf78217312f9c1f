//! One migration from a SQLite file of the real memorygraph into a graph, by the shipped
//! program.

use crate::server::{Client, Server};
use memferry::engine;
use memferry::store::{Address, registry};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Name of the graph.
pub const GRAPH: &str = "memorygraph";

/// What the target is before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    New,
    NonEmpty,
}

impl Target {
    pub const BOTH: [Target; 2] = [Target::New, Target::NonEmpty];
}

/// A store that memorygraph wrote.
pub fn real(name: &str) -> PathBuf {
    let stores = std::env::var("MEMFERRY_TEST_STORES")
        .expect("MEMFERRY_TEST_STORES names the real stores; use tests/run");
    Path::new(&stores).join(name)
}

/// The address of the graph on a socket.
pub fn address(socket: &Path) -> String {
    let socket = socket.display().to_string().replace('/', "%2F");
    format!("falkordb://localhost/{GRAPH}?socket={socket}&timeout=2")
}

pub struct Scene {
    pub dir: TempDir,
    pub server: Server,
}

impl Scene {
    pub fn new(target: Target, extra: &[&str]) -> Self {
        let scene = Self {
            dir: tempfile::tempdir().unwrap(),
            server: Server::start(extra),
        };
        std::fs::copy(real("adversarial-200.db"), scene.path("source.db")).unwrap();
        if target == Target::NonEmpty {
            std::fs::copy(real("plain-100.db"), scene.path("first.db")).unwrap();
            let out = scene
                .migrate(&scene.path("first.db"), &scene.server.socket())
                .env("MEMFERRY_STATE_DIR", scene.path("first"))
                .output()
                .unwrap();
            assert!(out.status.success(), "{}", said(&out));
            // Some of the source's memories are there already with other content.
            let mut client = scene.client();
            let db = rusqlite::Connection::open(scene.path("source.db")).unwrap();
            let mut ids = db.prepare("SELECT id FROM nodes LIMIT 20").unwrap();
            let ids = ids.query_map([], |row| row.get::<_, String>(0)).unwrap();
            for id in ids.flatten().filter(|id| !id.contains(['\'', '\\'])) {
                let node = format!("CREATE (:Memory {{id: '{id}', title: 'theirs'}})");
                client.query(GRAPH, &node);
            }
        }
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn client(&self) -> Client {
        self.server.client()
    }

    /// The program with these words.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memferry"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("MEMFERRY_STATE_DIR", self.path("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The migration, over that socket.
    pub fn migrate(&self, source: &Path, socket: &Path) -> Command {
        let source = format!("sqlite:{}", source.display());
        let target = address(socket);
        let args = [
            "migrate",
            "--from",
            &source,
            "--to",
            &target,
            "--on-conflict",
            "overwrite",
            "--batch-size",
            "50",
            "--allow-loss",
            "content:nul",
            "--yes",
        ];
        self.command(&args)
    }

    /// The migration straight to the server.
    pub fn plainly(&self) -> Command {
        self.migrate(&self.path("source.db"), &self.server.socket())
    }

    /// The digest of what the graph holds, read by the engine; `None` if it is not there.
    pub async fn content(&self) -> Option<String> {
        let address = Address::parse(&address(&self.server.socket())).unwrap();
        let store = registry::open(&address).unwrap();
        match store.describe().await.unwrap().exists {
            true => Some(engine::inspect(store).await.unwrap().content_digest),
            false => None,
        }
    }

    /// The keys of the server but for what it notes of queries.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.client().say(&["KEYS", "*"]);
        let keys = keys.lines().map(|k| k.trim().to_owned());
        let mut keys: Vec<String> = keys.filter(|k| !k.starts_with("telemetry{")).collect();
        keys.retain(|k| k != "(empty)");
        keys.sort();
        keys
    }

    /// Nothing is on the server but the graph.
    pub fn nothing_is_left(&self, told: &str) {
        for _ in 0..100 {
            if self.keys() == [GRAPH] {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.keys(), [GRAPH], "{told}: left on the server");
    }
}

/// What a process said.
pub fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}
