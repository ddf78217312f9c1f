//! How fast memories move to and from a FalkorDB server, as ratios to the server's and
//! SQLite's own limits in the same run, and how much memory that takes.
//!
//! `cargo bench --bench falkordb -- [--memories N] [--keep DIR] [--only bulk,cypher,second,
//! read,back]` makes a SQLite store of N memories and N relationships (default 100,000) and
//! starts a server of its own, for which MEMFERRY_TEST_FALKORDB must name the binaries (see
//! tests/services/falkordb). What is asked stands under each figure, and whether it was
//! met; a loaded machine is not a fault, so nothing here fails for it.
//!
//! What a bulk load is held against is making its bytes of records in memory and sending
//! them, call by call, with no stage, digest or journal. Beside it stand the sending alone,
//! and the same with the indexes that an import ends with. Each way has a server of its
//! own: one that just gave up a graph is slower for a while.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../../tests/support/falkordb.rs"]
mod falkordb;
mod raw;
#[path = "../store.rs"]
mod store;

use falkordb::{Client, Server};
use memferry::engine::{self, Ask, Command, Home, Options, Phase, Plan, Stores, Verify};
use memferry::model::{Canon, Kind, Record};
use memferry::report::Outcome;
use memferry::store::{
    Address, Batch, Change, Consistency, Limit, Page, Store, WriteRequest, registry,
};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The program's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Records that the raw ways are measured with, at most.
const RAW: usize = 100_000;

/// Rows of a batch.
const ROWS: usize = 1_500;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|a| a == name)?;
        args.get(at + 1).cloned()
    };
    let memories: u64 = value("--memories").map_or(100_000, |v| v.parse().expect("a number"));
    let only = value("--only");
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = value("--keep").map_or(temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&dir).expect("the folder");
    let source = dir.join(format!("bench-{memories}.db"));
    if !source.exists() {
        println!("making {memories} memories and {memories} relationships …");
        store::make(&source, memories).expect("the store");
    }
    let bench = Bench {
        server: served(),
        slowest: Default::default(),
        runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        total: 2.0 * memories as f64,
        source,
        dir,
    };
    println!(
        "\n{memories} memories and as many relationships; raw ways with up to {RAW} of each\n\n{:<44}{:>12}{:>9}{:>9}",
        "", "records/s", "of raw", "MiB"
    );
    let wanted = |name: &str| {
        only.as_deref()
            .is_none_or(|only| only.split(',').any(|o| o == name))
    };
    let sample = bench.runtime.block_on(read(&sqlite(&bench.source), RAW));
    let loaded = wanted("bulk").then(|| bench.bulk(&sample));
    if wanted("cypher") {
        bench.cypher(&sample);
    }
    drop(sample);
    let first = bench.whole();
    if wanted("second") {
        bench.again(&graph_at(&bench.server, "bench"), first);
    }
    let read = wanted("read").then(|| bench.read_back());
    if let (Some(loaded), Some(read)) = (loaded, read) {
        let raw = 1.0 / (1.0 / loaded + read / bench.total);
        line("raw, loaded, indexed and read", raw, None, None);
        let rate = bench.total / first;
        line("  SQLite to FalkorDB, verified", rate, Some(raw), None);
    }
    if wanted("back") {
        bench.back();
    }
    bench.note_slowest(&bench.server);
    let (most, what) = bench.slowest.take();
    println!(
        "{:<44}{most:>9.0} ms  {what}",
        "longest query on the server"
    );
    told(most <= 250.0, "at most 250 ms");
}

/// A server that lists what took it long.
fn served() -> Server {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.say(&["CONFIG", "SET", "slowlog-log-slower-than", "50000"]);
    client.say(&["CONFIG", "SET", "slowlog-max-len", "1000"]);
    server
}

struct Bench {
    /// Where a whole run goes to, and is read from.
    server: Server,
    /// The longest time that a query or another command kept a server busy, in milliseconds.
    slowest: std::cell::RefCell<(f64, String)>,
    runtime: tokio::runtime::Runtime,
    /// Records in the source.
    total: f64,
    source: PathBuf,
    dir: PathBuf,
}

impl Bench {
    /// Into a new graph: the bulk form, the writer alone, and the import phase of a run
    /// whose stage is finished. The rate of the bulk form with indexes.
    fn bulk(&self, sample: &[Record]) -> f64 {
        let raw = raw::bulk(&mut served().client(), sample);
        line("raw GRAPH.BULK, made and sent", raw.made, None, None);
        line("raw GRAPH.BULK, sent alone", raw.sent, None, None);
        line("raw GRAPH.BULK, and then indexes", raw.indexed, None, None);
        let server = served();
        let built = self.runtime.block_on(write(&server, "built", sample));
        line("  writer, new graph", built, Some(raw.made), None);
        self.note_slowest(&server);
        let server = served();
        let took = self.runtime.block_on(self.import_phase(&server, "staged"));
        let rate = self.total / took;
        goal(
            "  import from a finished stage",
            rate,
            Some((raw.made, 0.60)),
            100_000.0,
            None,
        );
        line("    of raw with indexes", rate, Some(raw.indexed), None);
        self.note_slowest(&server);
        raw.indexed
    }

    /// Into a graph that is there.
    fn cypher(&self, sample: &[Record]) {
        let (nodes, all) = raw::unwind(&mut served().client(), sample);
        line("raw UNWIND, inline properties, nodes", nodes, None, None);
        line("raw UNWIND, inline properties, all", all, None, None);
        let held = || {
            let server = served();
            let mut client = server.client();
            client.query("added", "CREATE (:Memory {id: 'first'})");
            server
        };
        let server = held();
        let some = of(sample, Kind::Node);
        let grown = self.runtime.block_on(write(&server, "added", &some));
        goal(
            "  writer, graph that is there, nodes",
            grown,
            Some((nodes, 0.90)),
            0.0,
            None,
        );
        self.note_slowest(&server);
        let server = held();
        let took = self.runtime.block_on(self.import_phase(&server, "added"));
        let rate = self.total / took;
        goal(
            "  import phase, journalled",
            rate,
            Some((all, 0.90)),
            0.0,
            None,
        );
        self.note_slowest(&server);
        let server = held();
        let to = graph_at(&server, "added");
        let (first, peak) = migrate(&self.dir, &sqlite_at(&self.source), &to, &[]);
        line(
            "  end to end and verified",
            self.total / first,
            Some(all),
            Some(peak),
        );
        told(peak <= 96.0, "peak at most 96 MiB");
        self.again(&to, first);
        self.note_slowest(&server);
    }

    /// The whole of it; its seconds.
    fn whole(&self) -> f64 {
        let to = graph_at(&self.server, "bench");
        rest(&self.server);
        let (took, peak) = migrate(&self.dir, &sqlite_at(&self.source), &to, &[]);
        goal(
            "SQLite to FalkorDB, verified",
            self.total / took,
            None,
            70_000.0,
            Some((peak, 128.0)),
        );
        took
    }

    /// A run with nothing to do, against the one before it.
    fn again(&self, to: &Address, first: f64) {
        let (took, peak) = migrate(&self.dir, &sqlite_at(&self.source), to, &[]);
        let rates = (self.total / took, self.total / first);
        goal(
            "  again, nothing to do (of the first)",
            rates.0,
            Some((rates.1, 3.0)),
            0.0,
            Some((peak, 96.0)),
        );
    }

    /// What verification reads. The seconds that the server takes to send it.
    fn read_back(&self) -> f64 {
        let graph = registry::open(&graph_at(&self.server, "bench")).expect("the graph");
        let mut sending = 0.0;
        for (kind, least) in [(Kind::Node, 150_000.0), (Kind::Relationship, 0.0)] {
            rest(&self.server);
            let nodes = self.total as u64 / 2;
            let took = raw::read(&self.server.socket(), "bench", nodes, kind);
            sending += took;
            let raw = nodes as f64 / took;
            line(&format!("raw read of {kind:?}s, dropped"), raw, None, None);
            for (digest, what) in [(false, "read back"), (true, "read back and digested")] {
                rest(&self.server);
                let begun = Instant::now();
                let n = self.runtime.block_on(scan(&graph, kind, digest));
                let rate = n as f64 / begun.elapsed().as_secs_f64();
                line(&format!("  {what}"), rate, Some(raw), None);
                if digest && least > 0.0 {
                    told(rate >= least, &format!("at least {least:.0}/s"));
                }
            }
        }
        sending
    }

    fn back(&self) {
        rest(&self.server);
        let raw = self.total / raw::sqlite(&self.source, &self.dir.join("raw.db"));
        line("raw SQLite write, indexes, fsync", raw, None, None);
        let back = self.dir.join("back.db");
        let from = graph_at(&self.server, "bench");
        for (name, args) in [
            (
                "  FalkorDB to SQLite, not verified",
                &["--verify", "none"][..],
            ),
            ("  FalkorDB to SQLite, verified", &[]),
        ] {
            let _ = std::fs::remove_file(&back);
            rest(&self.server);
            let (took, peak) = migrate(&self.dir, &from, &sqlite_at(&back), args);
            goal(
                name,
                self.total / took,
                Some((raw, 0.55)),
                0.0,
                Some((peak, 96.0)),
            );
        }
        let _ = std::fs::remove_file(&back);
    }

    fn note_slowest(&self, server: &Server) {
        let found = slowest(&mut server.client());
        let mut slowest = self.slowest.borrow_mut();
        if found.0 > slowest.0 {
            *slowest = found;
        }
    }

    /// Seconds that a run imports for, once its stage is finished and reviewed.
    async fn import_phase(&self, server: &Server, graph: &str) -> f64 {
        let stores = Stores {
            source: sqlite(&self.source),
            target: registry::open(&graph_at(server, graph)).unwrap(),
        };
        let mut plan = Plan::new(stores.source.address(), stores.target.address());
        plan.write.verify = Verify::None;
        let options = Options {
            home: Home::new(self.dir.join("state")),
            ask: Ask::Always,
            restart: true,
            source_copy: false,
        };
        let run = engine::start(plan, stores, options).await.expect("a run");
        let (mut state, commands) = (run.state(), run.commands());
        tokio::spawn(async move {
            while state.changed().await.is_ok() {
                if state.borrow_and_update().waiting.is_some() {
                    let _ = commands.send(Command::Answer { proceed: true }).await;
                    return;
                }
            }
        });
        let report = run.report().await.expect("a report");
        assert_eq!(report.outcome, Outcome::Done, "{}", report.summary);
        let of_import = report
            .phases
            .iter()
            .find(|(phase, _)| *phase == Phase::Import);
        of_import.expect("an import").1 as f64 / 1_000.0
    }
}

/// Waits until the server and the disk have done what they do behind their answers, such
/// as giving back the memory of a removed graph: it is no part of what comes next.
fn rest(server: &Server) {
    let mut client = server.client();
    let mut used = || -> f64 {
        let info = client.say(&["INFO", "cpu"]);
        let of = |name: &str| {
            let found = info.lines().find_map(|l| l.trim().strip_prefix(name));
            found.and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0)
        };
        of("used_cpu_user:") + of("used_cpu_sys:")
    };
    let _ = std::process::Command::new("sync").status();
    let mut before = used();
    for _ in 0..300 {
        std::thread::sleep(Duration::from_millis(100));
        let now = used();
        if now - before < 0.01 {
            return;
        }
        before = now;
    }
}

/// The longest time that a query or another command kept the server busy.
fn slowest(client: &mut Client) -> (f64, String) {
    let (mut most, mut what) = (0.0, String::new());
    let graphs: Vec<String> = client
        .say(&["GRAPH.LIST"])
        .lines()
        .map(|l| l.trim().to_owned())
        .collect();
    for graph in graphs {
        let log = client.say(&["GRAPH.SLOWLOG", &graph]);
        let lines: Vec<&str> = log.lines().map(str::trim).collect();
        for entry in lines.windows(4).filter(|l| l[1].starts_with("GRAPH.")) {
            let took = entry[3].parse().unwrap_or(0.0);
            if took > most {
                (most, what) = (took, format!("{} {:.60}", entry[1], entry[2]));
            }
        }
    }
    // Commands, bulk ones included, in microseconds; the raw ways are not ours.
    let log = client.say(&["SLOWLOG", "GET", "1000"]);
    let lines: Vec<&str> = log.lines().map(str::trim).collect();
    for entry in lines
        .windows(5)
        .filter(|l| l[2].starts_with("GRAPH.") || l[2].starts_with("INFO"))
        .filter(|l| l[3] != "raw")
    {
        let took = entry[1].parse().unwrap_or(0.0) / 1_000.0;
        if took > most {
            (most, what) = (took, format!("{} {:.60}", entry[2], entry[4]));
        }
    }
    (most, what)
}

/// A rate, as a part of the raw one; peak memory.
fn line(name: &str, rate: f64, raw: Option<f64>, peak: Option<f64>) {
    let of_raw = raw.map_or(String::new(), |raw| format!("{:.2}", rate / raw));
    let peak = peak.map_or(String::new(), |peak| format!("{peak:.1}"));
    println!("{name:<44}{rate:>12.0}{of_raw:>9}{peak:>9}");
}

/// The same with what is asked of it: a part of the raw rate, a rate, a peak.
fn goal(name: &str, rate: f64, raw: Option<(f64, f64)>, least: f64, peak: Option<(f64, f64)>) {
    line(name, rate, raw.map(|r| r.0), peak.map(|p| p.0));
    if let Some((raw, part)) = raw {
        told(rate / raw >= part, &format!("at least {part:.2}"));
    }
    if least > 0.0 {
        told(rate >= least, &format!("at least {least:.0}/s"));
    }
    if let Some((peak, most)) = peak {
        told(peak <= most, &format!("peak at most {most} MiB"));
    }
}

fn told(met: bool, what: &str) {
    println!("{:>44}  {what}", if met { "met:" } else { "MISSED:" });
}

fn sqlite_at(path: &Path) -> Address {
    Address::file(registry::find("sqlite").unwrap(), path).unwrap()
}

fn sqlite(path: &Path) -> Arc<dyn Store> {
    registry::open(&sqlite_at(path)).unwrap()
}

fn graph_at(server: &Server, name: &str) -> Address {
    let socket = server.socket();
    Address::new(registry::find("falkordb").unwrap())
        .set("name", name)
        .and_then(|a| a.set("socket", socket.to_str().unwrap()))
        .unwrap()
}

/// The first records of each kind, as a store without rows takes them; relationships
/// between the nodes that are among them.
async fn read(store: &Arc<dyn Store>, most: usize) -> Vec<Record> {
    let mut all = Vec::new();
    let mut nodes = HashSet::new();
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    for kind in Kind::BOTH {
        let (mut after, mut left) = (None, most);
        while left > 0 {
            let page = snapshot
                .scan(kind, after.as_ref(), Limit::PAGE)
                .await
                .unwrap();
            let before = all.len();
            for record in page.records {
                if all.len() - before == left {
                    break;
                }
                let fits = match &record {
                    Record::Node(node) => nodes.insert(node.key.display()),
                    Record::Relationship(r) => [&r.from, &r.to]
                        .iter()
                        .all(|end| nodes.contains(&end.display())),
                };
                if fits {
                    all.push(typed(record));
                }
            }
            left -= all.len() - before;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    all
}

fn typed(mut record: Record) -> Record {
    let map = record.properties().map().unwrap().into_owned();
    let properties = memferry::model::Properties::Typed(map);
    match &mut record {
        Record::Node(n) => n.properties = properties,
        Record::Relationship(r) => r.properties = properties,
    }
    record
}

pub(crate) fn of(records: &[Record], kind: Kind) -> Vec<Record> {
    records
        .iter()
        .filter(|r| r.kind() == kind)
        .cloned()
        .collect()
}

/// Records a second of a writer, indexes and publishing included.
async fn write(server: &Server, name: &str, records: &[Record]) -> f64 {
    let store = registry::open(&graph_at(server, name)).unwrap();
    let request = WriteRequest {
        mode: store.prepare().await.unwrap().mode,
        run: "bench".to_owned(),
        origin: None,
    };
    let batches: Vec<Arc<[Change]>> = Kind::BOTH
        .into_iter()
        .flat_map(|kind| {
            let all = of(records, kind);
            all.chunks(ROWS)
                .map(|part| part.iter().map(adding).collect())
                .collect::<Vec<_>>()
        })
        .collect();
    let begun = Instant::now();
    let mut writer = store.writer(&request).await.unwrap();
    for (at, changes) in batches.iter().enumerate() {
        // As the engine does it, which knows one batch ahead.
        if let Some(next) = batches.get(at + 1) {
            writer.announce(next);
        }
        let batch = Batch {
            seq: at as u64 + 1,
            changes: changes.clone(),
        };
        writer.apply(&batch).await.unwrap();
    }
    let written = begun.elapsed();
    writer.complete().await.unwrap();
    writer.publish().await.unwrap();
    records.len() as f64 / written.as_secs_f64()
}

fn adding(record: &Record) -> Change {
    Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    }
}

/// Reads all of a kind; pages are digested while others are read, as verification does it.
async fn scan(store: &Arc<dyn Store>, kind: Kind, digest: bool) -> usize {
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    let (pages, mut read) = tokio::sync::mpsc::channel::<Page>(2);
    let digesting = tokio::task::spawn_blocking(move || {
        let (mut canon, mut n) = (Canon::new(), 0);
        while let Some(page) = read.blocking_recv() {
            n += page.records.len();
            for record in page.records.iter().filter(|_| digest) {
                canon.digest(record);
            }
        }
        n
    });
    let mut after = None;
    loop {
        let mut page = snapshot
            .scan(kind, after.as_ref(), Limit::PAGE)
            .await
            .unwrap();
        after = page.next.take();
        pages.send(page).await.unwrap();
        if after.is_none() {
            drop(pages);
            return digesting.await.unwrap();
        }
    }
}

/// Seconds and peak memory in MiB of the shipped program.
fn migrate(dir: &Path, from: &Address, to: &Address, more: &[&str]) -> (f64, f64) {
    let figures = tempfile::NamedTempFile::new().expect("a temporary file");
    let begun = Instant::now();
    // GNU time tells what the standard library does not: the peak of one child.
    let status = std::process::Command::new("/usr/bin/time")
        .args(["-f", "%M", "-o"])
        .arg(figures.path())
        .arg("--")
        .arg(env!("CARGO_BIN_EXE_memferry"))
        .args(["migrate", "--yes", "--from"])
        .arg(from.to_string())
        .arg("--to")
        .arg(to.to_string())
        .args(more)
        .env("MEMFERRY_STATE_DIR", dir.join("state"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("GNU time, from Debian's package `time`");
    assert!(status.success(), "{status}");
    let took = begun.elapsed().as_secs_f64();
    let text = std::fs::read_to_string(figures.path()).expect("the figures");
    let peak: f64 = text.trim().parse().unwrap_or(0.0);
    (took, peak / 1024.0)
}
