//! What a server refuses, in words that say what to do.

use crate::ports::free_port;
use crate::scene::{self, GRAPH};
use crate::server::Server;
use memferry::error::{Error, ErrorKind};
use memferry::model::{Key, Kind, Map, Node, Properties, Record, Row, Value};
use memferry::store::{
    Address, Batch, Change, Consistency, Limit, Store, WriteMode, WriteRequest, registry,
};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn address(socket: &Path) -> String {
    scene::address(socket, 2)
}

fn store(socket: &Path) -> Arc<dyn Store> {
    registry::open(&Address::parse(&address(socket)).unwrap()).unwrap()
}

fn as_user(socket: &Path, user: &str, password: &str) -> Arc<dyn Store> {
    let address = Address::parse(&address(socket)).unwrap();
    let address = address
        .set("user", user)
        .and_then(|a| a.set("password", password));
    registry::open(&address.unwrap()).unwrap()
}

async fn read(store: &Arc<dyn Store>) -> Result<u64, Error> {
    let mut snapshot = store.snapshot(Consistency::InPlace).await?;
    let counts = snapshot.counts().await?;
    snapshot.finish().await?;
    Ok(counts.total())
}

fn memory(n: usize) -> Change {
    let key = Key::text(format!("m{n}"));
    let pairs = vec![
        ("id".into(), Value::text(format!("m{n}"))),
        ("content".into(), Value::text("x".repeat(2_000))),
    ];
    Change {
        kind: Kind::Node,
        key: key.clone(),
        before: None,
        after: Some(Record::Node(Node {
            key,
            labels: vec!["Memory".into()],
            properties: Properties::Typed(Map::from_pairs(pairs)),
            row: Row::default(),
        })),
    }
}

async fn write(store: &Arc<dyn Store>, memories: usize) -> Result<(), Error> {
    let request = WriteRequest {
        mode: store.prepare().await?.mode,
        run: "20260102T030405Z-abcdef".to_owned(),
        origin: None,
    };
    let mut writer = store.writer(&request).await?;
    let changes: Vec<Change> = (0..memories).map(memory).collect();
    let batch = Batch {
        seq: 1,
        changes: changes.into(),
    };
    let applied = writer.apply(&batch).await;
    let published = match applied {
        Ok(_) => writer.publish().await.map(drop),
        Err(e) => Err(e),
    };
    let _ = writer.abandon().await;
    published
}

fn fill(server: &Server) {
    server.client().query(
        GRAPH,
        "UNWIND range(1, 1000) AS n CREATE (:Memory {id: toString(n)})",
    );
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, word: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    let remedy = error.what_to_do().unwrap_or_default();
    assert!(
        format!("{error} {remedy}").contains(word),
        "{word:?} in: {error} / {remedy}"
    );
    assert!(!remedy.is_empty(), "says what to do: {error}");
}

#[tokio::test]
async fn a_password_that_is_missing_or_wrong() {
    let server = Server::start(&["--requirepass", "secret1234"]);
    let socket = server.socket();
    let error = read(&store(&socket)).await.unwrap_err();
    says(&error, ErrorKind::Auth, "password");
    let error = read(&as_user(&socket, "", "wrong")).await.unwrap_err();
    says(&error, ErrorKind::Auth, "password");
    assert!(!error.to_string().contains("wrong"), "{error}");
    let error = read(&as_user(&socket, "", "secret1234")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "then there is no graph");
}

#[tokio::test]
async fn a_user_who_may_only_read() {
    let server = Server::start(&[]);
    fill(&server);
    let rules = "on >reading ~* &* +@read +@connection +@transaction +info +graph.ro_query +graph.list +graph.config";
    let mut words = vec!["ACL", "SETUSER", "reader"];
    words.extend(rules.split(' '));
    assert!(server.client().say(&words).contains("OK"));
    let store = as_user(&server.socket(), "reader", "reading");
    assert_eq!(read(&store).await.unwrap(), 1_000);
    let error = write(&store, 3).await.unwrap_err();
    says(&error, ErrorKind::Denied, "ACL");
}

#[tokio::test]
async fn a_replica() {
    let port = free_port();
    let primary = Server::start(&["--port", &port.to_string()]);
    fill(&primary);
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {port}")]);
    let store = store(&replica.socket());
    for _ in 0..200 {
        if read(&store).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(read(&store).await.unwrap(), 1_000, "it can be read");
    let error = write(&store, 3).await.unwrap_err();
    says(&error, ErrorKind::Denied, "primary");
}

#[tokio::test]
async fn a_server_without_memory() {
    for filled in [false, true] {
        let server = Server::start(&[]);
        if filled {
            fill(&server);
        }
        let mut client = server.client();
        client.say(&["CONFIG", "SET", "maxmemory", "3mb"]);
        let error = write(&store(&server.socket()), 4_000).await.unwrap_err();
        says(&error, ErrorKind::Full, "maxmemory");
        client.say(&["CONFIG", "SET", "maxmemory", "0"]);
        write(&store(&server.socket()), 10).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_still_loading() {
    let mut server = Server::start(&[]);
    fill(&server);
    let mut client = server.client();
    for n in 0..300 {
        client.say(&["SET", &format!("key {n}"), &"x".repeat(5_000)]);
    }
    client.say(&["SAVE"]);
    server.add(&[
        "--key-load-delay",
        "20000",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    server.restart_without_waiting();
    let store = store(&server.socket());
    let mut met = None;
    for _ in 0..2_000 {
        match store.describe().await {
            // Not even listening yet.
            Err(e) if !e.message().contains("loading") => {}
            Err(e) => {
                met = Some(e);
                break;
            }
            Ok(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let error = met.expect("it was met while it was loading");
    says(&error, ErrorKind::Unreachable, "loading");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_server_busy_with_a_script() {
    let server = Server::start(&["--busy-reply-threshold", "1"]);
    fill(&server);
    let socket = server.socket();
    let script = std::thread::spawn(move || {
        let mut client = crate::server::Client::connect(&socket).unwrap();
        client.say(&["EVAL", "while true do end", "0"])
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = read(&store(&server.socket())).await.unwrap_err();
    says(&error, ErrorKind::Locked, "SCRIPT KILL");
    assert!(error.is_temporary());
    assert!(server.client().say(&["SCRIPT", "KILL"]).contains("OK"));
    script.join().unwrap();
    assert_eq!(read(&store(&server.socket())).await.unwrap(), 1_000);
}

#[tokio::test]
async fn a_server_that_limits_the_time_of_queries() {
    let server = Server::start(&[]);
    fill(&server);
    let mut client = server.client();
    client.query(
        GRAPH,
        "UNWIND range(1, 300000) AS n CREATE (:Memory {id: toString(n)})",
    );
    client.say(&["GRAPH.CONFIG", "SET", "TIMEOUT_MAX", "1"]);
    client.say(&["GRAPH.CONFIG", "SET", "TIMEOUT_DEFAULT", "1"]);
    let address = address(&server.socket()).replace("timeout=2", "timeout=60");
    let store = registry::open(&Address::parse(&address).unwrap()).unwrap();
    let error = write(&store, 4_000).await.unwrap_err();
    says(&error, error.kind(), "TIMEOUT_MAX");
    assert!(error.to_string().contains("timed out"), "{error}");
    let limit = Limit {
        rows: 20_000,
        bytes: 16 << 20,
    };
    let read = async {
        let mut snapshot = store.snapshot(Consistency::InPlace).await?;
        snapshot.scan(Kind::Node, None, limit).await
    };
    let error = read.await.unwrap_err();
    says(&error, error.kind(), "TIMEOUT_MAX");
    assert!(error.to_string().contains("timed out"), "{error}");
    client.say(&["GRAPH.CONFIG", "SET", "TIMEOUT_DEFAULT", "0"]);
    client.say(&["GRAPH.CONFIG", "SET", "TIMEOUT_MAX", "0"]);
    write(&store, 100).await.unwrap();
}

#[tokio::test]
async fn a_redis_without_the_module_and_what_is_no_redis() {
    let server = Server::without_module();
    let error = read(&store(&server.socket())).await.unwrap_err();
    says(&error, ErrorKind::NotThisStore, "module");
    let dir = tempfile::tempdir().unwrap();
    for (name, answer, kind, word) in [
        (
            "web",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            ErrorKind::NotThisStore,
            "Redis",
        ),
        (
            "old",
            "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n6.2.6\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:3\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*1\r\n*4\r\n$4\r\nname\r\n$5\r\ngraph\r\n$3\r\nver\r\n:20811\r\n",
            ErrorKind::UnknownLayout,
            "2.8.11",
        ),
    ] {
        let socket = dir.path().join(name);
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let _ = stream.read(&mut [0; 500]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let error = read(&store(&socket)).await.unwrap_err();
        says(&error, kind, word);
    }
    let error = read(&store(&dir.path().join("nothing"))).await.unwrap_err();
    says(&error, ErrorKind::Unreachable, "socket");
    let port = free_port();
    let address = Address::parse(&format!("falkordb://127.0.0.1:{port}/g")).unwrap();
    let error = read(&registry::open(&address).unwrap()).await.unwrap_err();
    says(&error, ErrorKind::Unreachable, "running");
}

#[tokio::test]
async fn a_name_that_is_something_else() {
    let server = Server::start(&[]);
    server.client().say(&["SET", GRAPH, "a text"]);
    let store = store(&server.socket());
    for error in [
        read(&store).await.unwrap_err(),
        store.describe().await.unwrap_err(),
        store.prepare().await.unwrap_err(),
    ] {
        says(&error, ErrorKind::NotThisStore, "string");
    }
    assert_eq!(server.client().say(&["GET", GRAPH]).trim(), "a text");
}

#[tokio::test]
async fn a_graph_that_somebody_else_writes() {
    let server = Server::start(&[]);
    fill(&server);
    let store = store(&server.socket());
    let request = |run: &str| WriteRequest {
        mode: WriteMode::Journal,
        run: run.to_owned(),
        origin: None,
    };
    let mut first = store.writer(&request("one")).await.unwrap();
    let error = store.writer(&request("two")).await.map(drop).unwrap_err();
    says(&error, ErrorKind::Locked, "else");
    first.abandon().await.unwrap();
    store.writer(&request("two")).await.map(drop).unwrap();
}
