//! Real clusters: one server that has all slots, and two of which the other one has the
//! graph's.

use crate::ports::free_port;
use crate::scene::{Before, GRAPH, Scene, Store, real, said};
use crate::server::Server;
use std::time::Duration;

/// A server of a cluster, and its port.
fn member() -> (Server, u16) {
    // The bus between them has a port of its own.
    let (port, bus) = (free_port(), free_port());
    let server = Server::start(&[
        "--bind",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "--cluster-port",
        &bus.to_string(),
        "--cluster-enabled",
        "yes",
    ]);
    (server, port)
}

fn say(server: &Server, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    server.client().say(&words)
}

fn wait_until_it_works(servers: &[&Server]) {
    for _ in 0..600 {
        let works = |server: &&Server| say(server, "CLUSTER INFO").contains("cluster_state:ok");
        if servers.iter().all(works) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{}", say(servers[0], "CLUSTER INFO"));
}

/// Into a new graph, into it again, back, and looked at, all by way of that port.
fn everything_works(port: u16, holder: &Server) {
    let scene = Scene::new(Store::FalkorDb, Before::New);
    let address = format!("falkordb://127.0.0.1:{port}/{GRAPH}");
    let count = || {
        holder
            .client()
            .look(GRAPH, "MATCH (m:Memory) RETURN count(m)")
    };
    for (name, expected) in [("plain-100.db", "100"), ("hub.db", "160")] {
        let mut command = scene.migrate_to(&real(name), &address);
        let out = command.output().unwrap();
        assert!(out.status.success(), "{name}: {}", said(&out));
        assert!(count().contains(expected), "{}", count());
        assert_eq!(Scene::keys_of(&mut holder.client()), [GRAPH]);
    }
    let out = scene.command(&["rollback"]).output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    assert!(count().contains("100"), "{}", count());
    let source = format!("sqlite:{}", real("plain-100.db").display());
    let out = scene
        .command(&["verify", &source, &address])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", said(&out));
}

#[test]
fn a_cluster_of_one() {
    let (server, port) = member();
    assert!(say(&server, "CLUSTER ADDSLOTSRANGE 0 16383").contains("OK"));
    wait_until_it_works(&[&server]);
    everything_works(port, &server);
}

#[test]
fn a_cluster_in_which_another_server_has_the_graph() {
    let ((one, port), (two, other)) = (member(), member());
    let slot: u16 = say(&one, &format!("CLUSTER KEYSLOT {GRAPH}"))
        .trim()
        .parse()
        .unwrap();
    // The graph's slot and those above belong to the second.
    say(&one, &format!("CLUSTER ADDSLOTSRANGE 0 {}", slot - 1));
    say(&two, &format!("CLUSTER ADDSLOTSRANGE {slot} 16383"));
    say(&one, "CLUSTER SET-CONFIG-EPOCH 1");
    say(&two, "CLUSTER SET-CONFIG-EPOCH 2");
    let bus = say(&two, "CONFIG GET cluster-port");
    let bus = bus.lines().nth(1).unwrap().trim().to_owned();
    assert!(say(&one, &format!("CLUSTER MEET 127.0.0.1 {other} {bus}")).contains("OK"));
    wait_until_it_works(&[&one, &two]);
    assert!(say(&one, &format!("TYPE {GRAPH}")).contains("MOVED"));
    everything_works(port, &two);
    assert!(!say(&one, "KEYS *").contains(GRAPH));
}
