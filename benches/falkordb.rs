//! How fast memories move to and from a FalkorDB server, as ratios to the server's and
//! SQLite's own limits in the same run, and how much memory that takes.
//!
//! `cargo bench --bench falkordb -- [--records N] [--keep DIR]` makes a SQLite store of N
//! memories and N relationships (default 100,000) and starts a server of its own, for
//! which MEMFERRY_TEST_FALKORDB must name the binaries (see tests/services/falkordb).
//! Nothing here asserts: a loaded machine is not a fault.

#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../tests/support/falkordb.rs"]
mod falkordb;
#[path = "store.rs"]
mod store;

use falkordb::{Client, Server};
use memferry::model::{Canon, Kind, Record, Text, Value};
use memferry::store::{Address, Batch, Change, Consistency, Limit, Store, WriteRequest, registry};
use rusqlite::types::ToSqlOutput;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

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
    let records: u64 = value("--records").map_or(100_000, |v| v.parse().expect("a number"));
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = value("--keep").map_or(temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&dir).expect("the folder");
    let source = dir.join(format!("bench-{records}.db"));
    if !source.exists() {
        println!("making {records} memories and {records} relationships …");
        store::make(&source, records).expect("the store");
    }
    let server = Server::start(&[]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let sample = runtime.block_on(read(&sqlite(&source), RAW)).0;
    println!("\n{records} memories, {records} relationships; raw ways with {RAW} of each");

    let raw_bulk = raw_bulk(&mut server.client(), &sample);
    rate("raw GRAPH.BULK, nodes and edges", raw_bulk, raw_bulk);
    let built = runtime.block_on(write(&server, "built", &sample));
    rate("writer, new graph", built, raw_bulk);
    let raw_unwind = raw_unwind(&mut server.client(), &sample);
    rate(
        "raw UNWIND, inline properties, nodes",
        raw_unwind,
        raw_unwind,
    );
    server
        .client()
        .query("grown", "CREATE (:Memory {id: 'first'})");
    let nodes: Vec<Record> = of(&sample, Kind::Node);
    let grown = runtime.block_on(write(&server, "grown", &nodes));
    rate("writer, graph that is there, nodes", grown, raw_unwind);

    let first = migrate(&dir, &sqlite_at(&source), &graph_at(&server, "bench"));
    let total = 2.0 * records as f64;
    row("SQLite to FalkorDB, verified", total / first.0, first.1);
    let second = migrate(&dir, &sqlite_at(&source), &graph_at(&server, "bench"));
    row("the same again, nothing to do", total / second.0, second.1);
    println!("{:<40}{:>22.2}", "  first / second", first.0 / second.0);

    let graph = registry::open(&graph_at(&server, "bench")).expect("the graph");
    for kind in Kind::BOTH {
        let begun = Instant::now();
        let n = runtime.block_on(scan(&graph, kind, false));
        println!(
            "{:<40}{:>10.0}/s",
            format!("read back, {kind:?}"),
            n as f64 / begun.elapsed().as_secs_f64()
        );
        let begun = Instant::now();
        let n = runtime.block_on(scan(&graph, kind, true));
        println!(
            "{:<40}{:>10.0}/s",
            format!("read back and digested, {kind:?}"),
            n as f64 / begun.elapsed().as_secs_f64()
        );
    }
    let raw_sqlite = total / raw_sqlite(&source, &dir.join("raw.db"));
    rate("raw SQLite write, indexes, fsync", raw_sqlite, raw_sqlite);
    let back = dir.join("back.db");
    let _ = std::fs::remove_file(&back);
    let home = migrate(&dir, &graph_at(&server, "bench"), &sqlite_at(&back));
    rate("FalkorDB to SQLite, verified", total / home.0, raw_sqlite);
    println!("{:<40}{:>22.1} MiB", "  peak", home.1);
    let _ = std::fs::remove_file(&back);
}

fn rate(name: &str, rate: f64, raw: f64) {
    println!("{name:<40}{rate:>10.0}/s{:>10.2}", rate / raw);
}

fn row(name: &str, rate: f64, peak: f64) {
    println!("{name:<40}{rate:>10.0}/s{peak:>10.1} MiB");
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

/// The first records of each kind, as a store without rows takes them.
async fn read(store: &Arc<dyn Store>, most: usize) -> (Vec<Record>, usize) {
    let mut all = Vec::new();
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    for kind in Kind::BOTH {
        let (mut after, mut left) = (None, most);
        while left > 0 {
            let page = snapshot
                .scan(kind, after.as_ref(), Limit::PAGE)
                .await
                .unwrap();
            let n = page.records.len().min(left);
            all.extend(page.records.into_iter().take(n).map(typed));
            left -= n;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let n = all.len();
    (all, n)
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

fn of(records: &[Record], kind: Kind) -> Vec<Record> {
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
    let batches: Vec<Vec<Change>> = Kind::BOTH
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
    for (seq, changes) in batches.into_iter().enumerate() {
        let batch = Batch {
            seq: seq as u64 + 1,
            changes: changes.into(),
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

async fn scan(store: &Arc<dyn Store>, kind: Kind, digest: bool) -> usize {
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    let (mut canon, mut after, mut n) = (Canon::new(), None, 0);
    loop {
        let page = snapshot
            .scan(kind, after.as_ref(), Limit::PAGE)
            .await
            .unwrap();
        n += page.records.len();
        if digest {
            for record in &page.records {
                canon.digest(record);
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return n,
        }
    }
}

/// Records a second of the server's own bulk form, blobs made before the clock starts.
fn raw_bulk(client: &mut Client, records: &[Record]) -> f64 {
    let mut ids = BTreeMap::new();
    let mut calls: Vec<Vec<Vec<u8>>> = Vec::new();
    for kind in Kind::BOTH {
        for part in of(records, kind).chunks(ROWS) {
            let mut blobs: BTreeMap<(String, Vec<Text>), Vec<&Record>> = BTreeMap::new();
            for record in part {
                let name = match record {
                    Record::Node(n) => n.labels[0].to_lossy().into_owned(),
                    Record::Relationship(r) => r.rel_type.to_lossy().into_owned(),
                };
                let map = record.properties().map().unwrap();
                let filled = map.iter().filter(|(_, v)| **v != Value::Null);
                let keys = filled.map(|(k, _)| k.clone()).collect();
                blobs.entry((name, keys)).or_default().push(record);
            }
            let n = part.len().to_string().into_bytes();
            let kinds = blobs.len().to_string().into_bytes();
            let zero = b"0".to_vec();
            let mut call = vec![b"GRAPH.BULK".to_vec(), b"raw".to_vec()];
            if calls.is_empty() {
                call.push(b"BEGIN".to_vec());
            }
            call.extend(match kind {
                Kind::Node => [n, zero.clone(), kinds, zero],
                Kind::Relationship => [zero.clone(), n, zero, kinds],
            });
            for ((name, keys), records) in blobs {
                let mut blob = name.into_bytes();
                blob.push(0);
                blob.extend_from_slice(&(keys.len() as u32).to_le_bytes());
                for key in &keys {
                    blob.extend_from_slice(key.as_bytes());
                    blob.push(0);
                }
                for record in records {
                    match record {
                        Record::Node(n) => {
                            ids.insert(n.key.display(), ids.len() as u64);
                        }
                        Record::Relationship(r) => {
                            for end in [&r.from, &r.to] {
                                let id: u64 = ids.get(&end.display()).copied().unwrap_or(0);
                                blob.extend_from_slice(&id.to_le_bytes());
                            }
                        }
                    }
                    let map = record.properties().map().unwrap();
                    for (_, value) in map.iter().filter(|(_, v)| **v != Value::Null) {
                        push(&mut blob, value);
                    }
                }
                call.push(blob);
            }
            calls.push(call);
        }
    }
    let begun = Instant::now();
    for call in &calls {
        let words: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
        let answer = client.send(&words).unwrap();
        assert!(answer.contains("created"), "{answer}");
    }
    let rate = records.len() as f64 / begun.elapsed().as_secs_f64();
    client.say(&["GRAPH.DELETE", "raw"]);
    rate
}

fn push(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(b) => out.extend([1, u8::from(*b)]),
        Value::Float(f) => {
            out.push(2);
            out.extend(f.to_le_bytes());
        }
        Value::Text(t) => {
            out.push(3);
            out.extend_from_slice(t.as_bytes());
            out.push(0);
        }
        Value::Int(i) => {
            out.push(4);
            out.extend(i.to_le_bytes());
        }
        Value::List(list) => {
            out.push(5);
            out.extend((list.len() as i64).to_le_bytes());
            list.iter().for_each(|v| push(out, v));
        }
        other => panic!("{other:?}"),
    }
}

/// Nodes a second of UNWIND with inline properties, queries made before the clock starts.
fn raw_unwind(client: &mut Client, records: &[Record]) -> f64 {
    let nodes = of(records, Kind::Node);
    let mut queries = Vec::new();
    for part in nodes.chunks(2_000) {
        let keys: std::collections::BTreeSet<String> = part
            .iter()
            .flat_map(|r| {
                let map = r.properties().map().unwrap();
                let keys: Vec<String> = map.iter().map(|(k, _)| k.to_lossy().into()).collect();
                keys
            })
            .collect();
        let rows: Vec<String> = part
            .iter()
            .map(|r| {
                let map = r.properties().map().unwrap();
                let filled = map.iter().filter(|(_, v)| **v != Value::Null);
                let pairs = filled.map(|(k, v)| format!("`{}`:{}", k.to_lossy(), literal(v)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            })
            .collect();
        let body = keys.iter().map(|k| format!("`{k}`:r.`{k}`"));
        let body = body.collect::<Vec<_>>().join(",");
        queries.push(format!(
            "CYPHER rows=[{}] UNWIND $rows AS r CREATE (:Memory {{{body}}})",
            rows.join(",")
        ));
    }
    let begun = Instant::now();
    for query in &queries {
        let answer = client.query("raw", query);
        assert!(answer.contains("Nodes created"), "{answer:.300}");
    }
    let rate = nodes.len() as f64 / begun.elapsed().as_secs_f64();
    client.say(&["GRAPH.DELETE", "raw"]);
    rate
}

fn literal(value: &Value) -> String {
    match value {
        Value::Text(t) => {
            let text = t.to_lossy().replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{text}\"")
        }
        Value::Float(f) => format!("{f:?}"),
        Value::Int(i) => i.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(literal).collect();
            format!("[{}]", items.join(","))
        }
        other => panic!("{other:?}"),
    }
}

/// Seconds that SQLite takes for the same rows, one by one, without a journal, with the
/// indexes made after and all of it on the disk.
fn raw_sqlite(source: &Path, target: &Path) -> f64 {
    let _ = std::fs::remove_file(target);
    let from = rusqlite::Connection::open(source).unwrap();
    let schema: Vec<String> = from
        .prepare(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'nodes_fts%'",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .flatten()
        .collect();
    let begun = Instant::now();
    let mut to = rusqlite::Connection::open(target).unwrap();
    to.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000")
        .unwrap();
    for sql in schema.iter().filter(|s| s.starts_with("CREATE TABLE")) {
        to.execute_batch(sql).unwrap();
    }
    let transaction = to.transaction().unwrap();
    for table in ["nodes", "relationships"] {
        let mut select = from.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = select.column_count();
        let marks = vec!["?"; columns].join(",");
        let insert = format!("INSERT INTO {table} VALUES ({marks})");
        let mut insert = transaction.prepare(&insert).unwrap();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for at in 0..columns {
                insert
                    .raw_bind_parameter(at + 1, ToSqlOutput::Borrowed(row.get_ref(at).unwrap()))
                    .unwrap();
            }
            insert.raw_execute().unwrap();
        }
    }
    transaction.commit().unwrap();
    for sql in schema.iter().filter(|s| s.starts_with("CREATE INDEX")) {
        to.execute_batch(sql).unwrap();
    }
    drop(to);
    std::fs::File::open(target).unwrap().sync_all().unwrap();
    let took = begun.elapsed().as_secs_f64();
    let _ = std::fs::remove_file(target);
    took
}

/// Seconds and peak memory in MiB of the shipped program.
fn migrate(dir: &Path, from: &Address, to: &Address) -> (f64, f64) {
    let figures = tempfile::NamedTempFile::new().expect("a temporary file");
    let begun = Instant::now();
    // GNU time tells what the standard library does not: the peak of one child.
    let status = Command::new("/usr/bin/time")
        .args(["-f", "%M", "-o"])
        .arg(figures.path())
        .arg("--")
        .arg(env!("CARGO_BIN_EXE_memferry"))
        .args(["migrate", "--yes", "--from"])
        .arg(from.to_string())
        .arg("--to")
        .arg(to.to_string())
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
