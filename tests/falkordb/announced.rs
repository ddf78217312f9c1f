//! What was made ready while somebody else wrote to the graph, by queries, which a watch
//! tells, and by bulk loads, which it does not: it goes where it belongs, or is a conflict.

use crate::server::{Client, Server};
use memferry::model::{Key, Kind, Map, Node, Properties, Record, Relationship, Row, Text, Value};
use memferry::store::{Address, Applied, Batch, Change, WriteRequest, Writer, registry};

const GRAPH: &str = "shared";

const TYPES: [&str; 2] = ["SOLVES", "CAUSES"];

fn properties(id: &str) -> Properties {
    let pairs = vec![
        ("id".into(), Value::text(id)),
        ("title".into(), Value::text(format!("title of {id}"))),
        ("confidence".into(), Value::Float(0.1 + 0.2)),
    ];
    Properties::Typed(Map::from_pairs(pairs))
}

fn nodes(numbers: std::ops::Range<usize>) -> Vec<Record> {
    let node = |n| {
        let id = format!("m{n}");
        Record::Node(Node {
            key: Key::text(id.as_str()),
            labels: vec!["Memory".into()],
            properties: properties(&id),
            row: Row::default(),
        })
    };
    numbers.map(node).collect()
}

/// From each node to the next.
fn edges(numbers: std::ops::Range<usize>) -> Vec<Record> {
    let edge = |n| {
        let id = format!("r{n}");
        Record::Relationship(Relationship {
            key: Key::text(id.as_str()),
            from: Key::text(format!("m{n}")),
            to: Key::text(format!("m{}", n + 1)),
            rel_type: Text::from(TYPES[n % 2]),
            properties: properties(&id),
            row: Row::default(),
        })
    };
    numbers.map(edge).collect()
}

fn batch(seq: u64, records: &[Record]) -> Batch {
    let add = |record: &Record| Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    };
    Batch {
        seq,
        changes: records.iter().map(add).collect(),
    }
}

/// A load of one memory with nothing but its id, behind what is there.
fn bulk(client: &mut Client, id: &str) {
    let mut blob = b"Memory\0\x01\0\0\0id\0\x03".to_vec();
    blob.extend_from_slice(id.as_bytes());
    blob.push(0);
    let words: [&[u8]; 7] = [
        b"GRAPH.BULK",
        GRAPH.as_bytes(),
        b"1",
        b"0",
        b"1",
        b"0",
        &blob,
    ];
    let answer = client.send(&words).unwrap();
    assert!(answer.contains("1 nodes created"), "{answer}");
}

async fn writer(server: &Server) -> Box<dyn Writer> {
    let address = Address::new(registry::find("falkordb").unwrap())
        .set("name", GRAPH)
        .and_then(|a| a.set("socket", server.socket().to_str().unwrap()))
        .unwrap();
    let store = registry::open(&address).unwrap();
    let request = WriteRequest {
        mode: store.prepare().await.unwrap().mode,
        run: "20260102T030405Z-000001".to_owned(),
        origin: None,
    };
    store.writer(&request).await.unwrap()
}

/// Announces twelve nodes and the edges between them, lets somebody write, and applies the
/// nodes; if that is done, the edges, with somebody writing before them, too.
async fn disturbed(others: impl Fn(&mut Client, Kind)) -> (Applied, String, String) {
    let server = Server::start(&[]);
    let mut client = server.client();
    let made = "UNWIND range(0, 4) AS i CREATE (:Memory {id: 'old' + toString(i)})";
    assert!(client.query(GRAPH, made).contains("Nodes created: 5"));
    let mut writer = writer(&server).await;
    let (first, second) = (batch(1, &nodes(0..12)), batch(2, &edges(0..11)));
    writer.announce(&first.changes);
    others(&mut client, Kind::Node);
    writer.announce(&second.changes);
    let applied = writer.apply(&first).await.unwrap();
    if applied == Applied::Done {
        others(&mut client, Kind::Relationship);
        assert_eq!(writer.apply(&second).await.unwrap(), Applied::Done);
        // Once more is the same as once.
        assert_eq!(writer.apply(&first).await.unwrap(), Applied::Done);
        assert_eq!(writer.apply(&second).await.unwrap(), Applied::Done);
    }
    writer.publish().await.unwrap();
    let nodes = client.look(GRAPH, "MATCH (n) RETURN n.id, n.title ORDER BY n.id");
    let edges = "MATCH (a)-[e]->(b) RETURN a.id + ' ' + type(e) + ' ' + e.id + ' ' + b.id + ' ' + e.title ORDER BY e.id";
    let edges = client.look(GRAPH, edges);
    (applied, nodes, edges)
}

fn assert_all(nodes: &str, edges: &str) {
    let times = |text: &str, line: &str| text.lines().filter(|l| l.trim() == line).count();
    for n in 0..12 {
        let title = format!("title of m{n}");
        assert_eq!(times(nodes, &title), 1, "m{n}: {nodes}");
    }
    for n in 0..11 {
        let edge = format!("m{n} {} r{n} m{} title of r{n}", TYPES[n % 2], n + 1);
        assert_eq!(times(edges, &edge), 1, "{edge}: {edges}");
    }
}

#[tokio::test]
async fn nobody_writes_in_between() {
    let (applied, nodes, edges) = disturbed(|_, _| {}).await;
    assert_eq!(applied, Applied::Done);
    assert_all(&nodes, &edges);
}

/// Ids that others have freed are given again, in no order.
#[tokio::test]
async fn others_remove_and_add_by_queries() {
    let (applied, nodes, edges) = disturbed(|client, kind| {
        let (gone, come) = match kind {
            Kind::Node => ("old1", "new1"),
            Kind::Relationship => ("m3", "m3"),
        };
        let remove = format!("MATCH (n {{id: '{gone}'}}) DELETE n");
        assert!(client.query(GRAPH, &remove).contains("Nodes deleted: 1"));
        let others =
            format!("UNWIND range(1, 3) AS i CREATE (:Other {{id: '{come}-' + toString(i)}})");
        assert!(client.query(GRAPH, &others).contains("created: 3"));
        if kind == Kind::Relationship {
            let again = "CREATE (:Memory {id: 'm3', title: 'title of m3', confidence: 0.1 + 0.2})";
            assert!(client.query(GRAPH, again).contains("created: 1"));
        }
    })
    .await;
    assert_eq!(applied, Applied::Done);
    assert_all(&nodes, &edges);
    for id in ["old0", "old2", "new1-1", "new1-3", "m3-2"] {
        assert!(nodes.contains(id), "{id}: {nodes}");
    }
    assert!(!nodes.contains("old1"), "{nodes}");
}

#[tokio::test]
async fn others_load_in_bulk_which_passes_unwatched() {
    let (applied, nodes, edges) =
        disturbed(|client, kind| bulk(client, &format!("theirs {kind:?}"))).await;
    assert_eq!(applied, Applied::Done);
    assert_all(&nodes, &edges);
    assert!(nodes.contains("theirs Node") && nodes.contains("theirs Relationship"));
}

#[tokio::test]
async fn others_were_there_first() {
    let by_query = |client: &mut Client, _| {
        let theirs = "CREATE (:Memory {id: 'm7', title: 'theirs'})";
        assert!(client.query(GRAPH, theirs).contains("created: 1"));
    };
    let by_load = |client: &mut Client, _| bulk(client, "m7");
    let (query, load) = tokio::join!(disturbed(by_query), disturbed(by_load));
    for (applied, nodes, edges) in [query, load] {
        assert_eq!(applied, Applied::Conflict(vec![7]));
        assert!(nodes.contains("m7") && nodes.contains("old4"), "{nodes}");
        assert!(!nodes.contains("title of"), "{nodes}");
        assert!(!edges.contains("SOLVES"), "{edges}");
    }
}
