//! The limits that the product is held against: what the server and SQLite take when
//! nothing is read, checked or kept beside.

use crate::falkordb::Client;
use crate::{ROWS, of};
use memferry::model::{Key, Kind, Properties, Record, Text, Value};
use rusqlite::types::ToSqlOutput;
use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Records a second of the server's own bulk form.
pub struct Bulk {
    /// Made from records in memory and sent, one call after the other.
    pub made: f64,
    /// The sending alone.
    pub sent: f64,
    /// Made, sent, and then the indexes of memorygraph built.
    pub indexed: f64,
}

/// Measures it.
pub fn bulk(client: &mut Client, records: &[Record]) -> Bulk {
    let mut ids: HashMap<&Text, u64> = HashMap::with_capacity(records.len());
    let (begun, mut sending) = (Instant::now(), Duration::ZERO);
    for kind in Kind::BOTH {
        let all: Vec<&Record> = records.iter().filter(|r| r.kind() == kind).collect();
        for part in all.chunks(ROWS) {
            let blobs = encode(part, &mut ids);
            let n = part.len().to_string();
            let kinds = blobs.len().to_string();
            let mut call: Vec<&[u8]> = vec![b"GRAPH.BULK", b"raw"];
            if sending.is_zero() {
                call.push(b"BEGIN");
            }
            call.extend(match kind {
                Kind::Node => [n.as_bytes(), b"0", kinds.as_bytes(), b"0"],
                Kind::Relationship => [b"0", n.as_bytes(), b"0", kinds.as_bytes()],
            });
            call.extend(blobs.iter().map(Vec::as_slice));
            let begun = Instant::now();
            let answer = client.send(&call).unwrap();
            sending += begun.elapsed();
            assert!(answer.contains("created"), "{answer}");
        }
    }
    let rate = |took: Duration| records.len() as f64 / took.as_secs_f64();
    let made = rate(begun.elapsed());
    index(client, "m.type, m.created_at, m.importance, m.confidence");
    Bulk {
        made,
        sent: rate(sending),
        indexed: rate(begun.elapsed()),
    }
}

/// Seconds that the server takes to send all nodes, or all relationships, of a graph of so
/// many nodes, with what tells doubles exactly beside them, to a client that drops what
/// comes: one range is asked for ahead.
pub fn read(socket: &Path, graph: &str, nodes: u64, kind: Kind) -> f64 {
    let mut server = UnixStream::connect(socket).expect("the server");
    // About as many bytes in a range of either.
    let (range, what, doubles) = match kind {
        Kind::Node => (
            500,
            "MATCH (m) WHERE ID(m)>=$a AND ID(m)<$b",
            ["importance", "confidence", "effectiveness"],
        ),
        Kind::Relationship => (
            1_500,
            "MATCH (a) WHERE ID(a)>=$a AND ID(a)<$b MATCH (a)-[m]->()",
            ["strength", "confidence", "success_rate"],
        ),
    };
    let exact = doubles
        .map(|name| format!(", toInteger(m.{name}*{:.1})", 2f64.powi(62)))
        .concat();
    let ask = |server: &mut UnixStream, start: u64| {
        let end = start + range;
        let query = format!("CYPHER a={start} b={end} {what} RETURN m{exact}");
        let mut call = b"*4\r\n".to_vec();
        for word in ["GRAPH.RO_QUERY", graph, query.as_str(), "--compact"] {
            call.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        server.write_all(&call).expect("a query sent");
    };
    // The last word of an answer says how long it took.
    let last = b"internal execution time";
    let (mut buffer, mut kept) = (vec![0; 1 << 20], 0);
    let begun = Instant::now();
    let mut ranges = (0..nodes).step_by(range as usize);
    let mut left = nodes.div_ceil(range);
    let ahead = ranges.by_ref().take(2);
    ahead.for_each(|start| ask(&mut server, start));
    while left > 0 {
        let n = server.read(&mut buffer[kept..]).expect("an answer");
        assert!(n > 0, "the server has gone");
        let there = &buffer[..kept + n];
        for _ in memchr::memmem::find_iter(there, last) {
            left -= 1;
            if let Some(start) = ranges.next() {
                ask(&mut server, start);
            }
        }
        let rest = there.len().saturating_sub(last.len() - 1);
        buffer.copy_within(rest..kept + n, 0);
        kept = kept + n - rest;
    }
    begun.elapsed().as_secs_f64()
}

/// Has the server build an index of these properties of memories.
fn index(client: &mut Client, properties: &str) {
    let query = format!("CREATE INDEX FOR (m:Memory) ON ({properties})");
    client.query("raw", &query);
    while !client
        .look("raw", "CALL db.indexes() YIELD status RETURN status")
        .contains("OPERATIONAL")
    {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One blob for each label or type with its keys.
fn encode<'a>(part: &[&'a Record], ids: &mut HashMap<&'a Text, u64>) -> Vec<Vec<u8>> {
    let mut shapes: Vec<(&Text, Vec<&Text>)> = Vec::new();
    let mut blobs: Vec<Vec<u8>> = Vec::new();
    for record in part {
        let name = match record {
            Record::Node(n) => &n.labels[0],
            Record::Relationship(r) => &r.rel_type,
        };
        let Properties::Typed(map) = record.properties() else {
            panic!("records of the sample are typed");
        };
        let filled = || map.iter().filter(|(_, v)| **v != Value::Null);
        let known = (shapes.iter())
            .position(|s| s.0 == name && filled().map(|(k, _)| k).eq(s.1.iter().copied()));
        let at = known.unwrap_or_else(|| {
            let keys: Vec<&Text> = filled().map(|(k, _)| k).collect();
            let mut blob = name.as_bytes().to_vec();
            blob.push(0);
            blob.extend_from_slice(&(keys.len() as u32).to_le_bytes());
            for key in &keys {
                blob.extend_from_slice(key.as_bytes());
                blob.push(0);
            }
            shapes.push((name, keys));
            blobs.push(blob);
            blobs.len() - 1
        });
        let blob = &mut blobs[at];
        match record {
            Record::Node(n) => {
                ids.insert(text(&n.key), ids.len() as u64);
            }
            Record::Relationship(r) => {
                for end in [&r.from, &r.to] {
                    let id: u64 = ids.get(text(end)).copied().unwrap_or(0);
                    blob.extend_from_slice(&id.to_le_bytes());
                }
            }
        }
        for (_, value) in filled() {
            push(blob, value);
        }
    }
    blobs
}

fn text(key: &Key) -> &Text {
    match key {
        Key::Id(Value::Text(text)) => text,
        other => panic!("{other:?}"),
    }
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

/// Records a second of UNWIND with inline properties, nodes alone and then edges between
/// them, found by an index; queries made before the clock starts.
pub fn unwind(client: &mut Client, records: &[Record]) -> (f64, f64) {
    let nodes = of(records, Kind::Node);
    let parts = nodes.chunks(2_000);
    let first: Vec<String> = parts.map(|part| create(part, "CREATE (:Memory ")).collect();
    let mut types: BTreeMap<Text, Vec<Record>> = BTreeMap::new();
    for edge in of(records, Kind::Relationship) {
        if let Record::Relationship(r) = &edge {
            types.entry(r.rel_type.clone()).or_default().push(edge);
        }
    }
    let mut edges = 0;
    let mut then = Vec::new();
    for (name, records) in types {
        edges += records.len();
        let made = format!(
            "MATCH (a:Memory {{id: r.`a`}}) MATCH (b:Memory {{id: r.`b`}}) CREATE (a)-[:`{}` ",
            name.to_lossy()
        );
        then.extend(records.chunks(2_000).map(|part| create(part, &made)));
    }
    let run = |client: &mut Client, queries: &[String], word: &str| {
        let begun = Instant::now();
        for query in queries {
            let answer = client.query("raw", query);
            assert!(answer.contains(word), "{answer:.300}");
        }
        begun.elapsed().as_secs_f64()
    };
    let took = run(client, &first, "Nodes created");
    index(client, "m.id");
    let both = took + run(client, &then, "Relationships created");
    let all = nodes.len() + edges;
    (nodes.len() as f64 / took, all as f64 / both)
}

fn create(part: &[Record], made: &str) -> String {
    let mut keys = std::collections::BTreeSet::new();
    let mut rows = Vec::with_capacity(part.len());
    for record in part {
        let map = record.properties().map().unwrap();
        let filled = map.iter().filter(|(_, v)| **v != Value::Null);
        let mut pairs: Vec<String> = filled
            .map(|(k, v)| {
                keys.insert(k.to_lossy().into_owned());
                format!("`{}`:{}", k.to_lossy(), literal(v))
            })
            .collect();
        if let Record::Relationship(r) = record {
            pairs.push(format!("`a`:\"{}\"", r.from.display()));
            pairs.push(format!("`b`:\"{}\"", r.to.display()));
        }
        rows.push(format!("{{{}}}", pairs.join(",")));
    }
    let body: Vec<String> = keys.iter().map(|k| format!("`{k}`:r.`{k}`")).collect();
    let end = match part[0].kind() {
        Kind::Node => ")",
        Kind::Relationship => "]->(b)",
    };
    format!(
        "CYPHER rows=[{}] UNWIND $rows AS r {made}{{{}}}{end}",
        rows.join(","),
        body.join(",")
    )
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
pub fn sqlite(source: &Path, target: &Path) -> f64 {
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
