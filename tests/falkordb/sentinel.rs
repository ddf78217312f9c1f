//! A group behind real sentinels: whoever is the primary is written to.

use crate::ports::free_port;
use crate::scene::{Before, GRAPH, Scene, Store, real, said};
use crate::server::{Client, Server};
use memferry::error::{Error, ErrorKind};
use memferry::store::{Address, registry};
use std::process::Output;
use std::time::Duration;

/// Name of the group.
const GROUP: &str = "memories";

/// A primary, a replica, and a sentinel.
struct Group {
    servers: [Server; 2],
    ports: [u16; 2],
    sentinel: Server,
    port: u16,
}

impl Group {
    fn start(extra: &str) -> Self {
        let [one, two, port] = [free_port(), free_port(), free_port()];
        let listening = |port: u16| {
            [
                "--bind".into(),
                "127.0.0.1".into(),
                "--port".into(),
                port.to_string(),
            ]
        };
        let primary = listening(one);
        let mut replica = listening(two).to_vec();
        replica.extend(["--replicaof".to_owned(), format!("127.0.0.1 {one}")]);
        let start = |args: &[String]| {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            Server::start(&args)
        };
        let servers = [start(&primary), start(&replica)];
        let sentinel = Server::sentinel(&format!(
            "port {port}\nbind 127.0.0.1\n\
             sentinel monitor {GROUP} 127.0.0.1 {one} 1\n\
             sentinel down-after-milliseconds {GROUP} 1000\n\
             sentinel failover-timeout {GROUP} 3000\n{extra}"
        ));
        Self {
            servers,
            ports: [one, two],
            sentinel,
            port,
        }
    }

    /// Waits until the sentinel has found the replica, and that is up to date.
    fn settle(&self, sentinel: &mut Client) {
        for _ in 0..600 {
            let replicas = sentinel.say(&["SENTINEL", "REPLICAS", GROUP]);
            let lines: Vec<&str> = replicas.lines().map(str::trim).collect();
            let value = |name: &str| {
                let at = lines.iter().position(|line| *line == name)?;
                lines.get(at + 1).copied()
            };
            if value("flags") == Some("slave") && value("master-link-status") == Some("ok") {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the sentinel finds no replica");
    }

    /// Makes the replica the primary.
    fn switch(&self) {
        let mut sentinel = self.sentinel.client();
        self.settle(&mut sentinel);
        for _ in 0..200 {
            let answer = sentinel.say(&["SENTINEL", "FAILOVER", GROUP]);
            if answer.contains("OK") {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let new = self.ports[1].to_string();
        for _ in 0..600 {
            let told = sentinel.say(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP]);
            let info = self.servers[1].client().say(&["INFO", "replication"]);
            let old = self.servers[0].client().say(&["INFO", "replication"]);
            let settled = info.contains("role:master") && old.contains("role:slave");
            if told.contains(&new) && settled {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the group does not switch");
    }

    fn address(&self, group: &str) -> String {
        let port = self.port;
        format!("falkordb://127.0.0.1:{port}/{GRAPH}?sentinel={group}&timeout=5")
    }
}

fn moved(scene: &Scene, address: &str, name: &str) -> Output {
    let source = real(name);
    scene.migrate_to(&source, address).output().unwrap()
}

async fn refused(address: &Address) -> Error {
    let store = registry::open(address).unwrap();
    store.describe().await.unwrap_err()
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, words: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    let all = format!("{error} / {}", error.what_to_do().unwrap_or_default());
    for word in words {
        assert!(all.contains(word), "{word:?} in: {all}");
    }
}

fn count(server: &Server) -> String {
    server
        .client()
        .look(GRAPH, "MATCH (m:Memory) RETURN count(m)")
}

#[test]
fn a_group_whose_primary_changes() {
    let group = Group::start("");
    // The scene's own server is another.
    let scene = Scene::new(Store::FalkorDb, Before::New);
    // One that is gone does not matter.
    let gone = free_port();
    let address = format!(
        "falkordb://127.0.0.1:{gone},127.0.0.1:{}/{GRAPH}?sentinel={GROUP}&timeout=5",
        group.port
    );
    let out = moved(&scene, &address, "plain-100.db");
    assert!(out.status.success(), "{}", said(&out));
    assert!(count(&group.servers[0]).contains("100"));
    group.switch();
    assert!(count(&group.servers[1]).contains("100"), "replicated");
    let out = moved(&scene, &address, "hub.db");
    assert!(out.status.success(), "{}", said(&out));
    assert!(count(&group.servers[1]).contains("160"));
    let keys = Scene::keys_of(&mut group.servers[1].client());
    assert_eq!(keys, [GRAPH]);
}

/// Killed in the middle of a move, the primary is followed by its replica; the same command
/// ends in all of the source, on the new primary.
#[test]
fn a_primary_that_is_lost_in_the_middle() {
    let mut group = Group::start("");
    let scene = Scene::new(Store::FalkorDb, Before::New);
    group.settle(&mut group.sentinel.client());
    let source = real("plain-1500.db");
    let mut child = scene
        .migrate_to(&source, &group.address(GROUP))
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    group.servers[0].kill();
    let ended = child.wait().unwrap();
    let mut last = String::new();
    for _ in 0..10 {
        let out = moved(&scene, &group.address(GROUP), "plain-1500.db");
        last = said(&out);
        if out.status.success() {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(count(&group.servers[1]).contains("1500"), "{ended}: {last}");
    let source = format!("sqlite:{}", source.display());
    let out = scene
        .command(&["verify", &source, &group.address(GROUP)])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", said(&out));
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_do_not_know_or_do_not_answer() {
    let group = Group::start("requirepass guarded");
    let address = |group_name: &str| Address::parse(&group.address(group_name)).unwrap();
    let with = |password: &str| address(GROUP).set("sentinel_password", password).unwrap();
    says(
        &refused(&address(GROUP)).await,
        ErrorKind::Auth,
        &["sentinel", "sentinel_password"],
    );
    let error = refused(&with("wrong-one")).await;
    says(&error, ErrorKind::Auth, &["sentinel", "sentinel_password"]);
    assert!(!format!("{error:?}{error}").contains("wrong-one"));
    let described = registry::open(&with("guarded")).unwrap().describe().await;
    assert!(!described.unwrap().exists);
    let other = address("others").set("sentinel_password", "guarded");
    says(
        &refused(&other.unwrap()).await,
        ErrorKind::NotFound,
        &["\"others\"", GROUP, "SENTINEL MASTERS"],
    );
    // A server is no sentinel.
    let text = group
        .address(GROUP)
        .replace(&group.port.to_string(), &group.ports[0].to_string());
    says(
        &refused(&Address::parse(&text).unwrap()).await,
        ErrorKind::NotThisStore,
        &["no sentinel"],
    );
    // A group that is gone.
    let text = group
        .address(GROUP)
        .replace(&group.port.to_string(), &free_port().to_string());
    says(
        &refused(&Address::parse(&text).unwrap()).await,
        ErrorKind::Unreachable,
        &["running"],
    );
}
