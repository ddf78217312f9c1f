//! A second copy of a graph on its server: only when that was asked for.

use crate::server::Server;
use memferry::error::ErrorKind;
use memferry::model::Kind;
use memferry::store::{Address, Consistency, Limit, registry};

fn graphs(server: &Server) -> usize {
    server.client().say(&["GRAPH.LIST"]).lines().count()
}

#[tokio::test]
async fn a_graph_is_copied_on_its_server_only_when_asked_for() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.query("g", "CREATE (:Memory {id: 'a'})");
    let address = Address::new(registry::find("falkordb").unwrap())
        .set("name", "g")
        .and_then(|a| a.set("socket", server.socket().to_str().unwrap()))
        .unwrap();
    let store = registry::open(&address).unwrap();
    for how in [Consistency::InPlace, Consistency::LocalCopy] {
        let mut snapshot = store.snapshot(how).await.unwrap();
        assert_eq!(graphs(&server), 1, "{how:?}");
        client.query("g", "CREATE (:Memory {id: 'b'})");
        let ended = snapshot.finish().await.unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::Drifted, "{how:?}");
    }
    let mut snapshot = store.snapshot(Consistency::Copy).await.unwrap();
    assert_eq!(graphs(&server), 2);
    client.query("g", "CREATE (:Memory {id: 'c'})");
    let page = snapshot.scan(Kind::Node, None, Limit::PAGE).await.unwrap();
    assert_eq!(page.records.len(), 3);
    snapshot.finish().await.unwrap();
    drop(snapshot);
    assert_eq!(graphs(&server), 1);
}
