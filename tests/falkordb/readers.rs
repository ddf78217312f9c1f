//! Other programs at the same time. memorygraph sends its reads by the command that also
//! writes, so that alone says nothing.

use crate::scene::{Before, GRAPH, Scene, Store, said};
use memferry::store::{Address, Consistency, Fingerprint, registry};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

async fn fingerprint(scene: &Scene) -> Fingerprint {
    let store = registry::open(&Address::parse(&scene.address()).unwrap()).unwrap();
    store.fingerprint().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_may_have_changed_the_graph_changes_its_fingerprint() {
    let scene = Scene::new(Store::FalkorDb, Before::NonEmpty);
    let mut client = scene.client();
    let first = fingerprint(&scene).await;
    for read in [
        "MATCH (m:Memory) RETURN m.id LIMIT 5",
        "MATCH (m:Memory) WHERE m.title CONTAINS 'a' RETURN count(m)",
        "MATCH (m:Nothing) SET m.x = 1",
    ] {
        client.query(GRAPH, read);
        assert_eq!(fingerprint(&scene).await, first, "{read}");
    }
    // Other keys, and reads, in turn.
    for _ in 0..3 {
        client.say(&["SET", "another", "value"]);
        assert_eq!(fingerprint(&scene).await, first);
        client.query(GRAPH, "MATCH (m:Memory) RETURN count(m)");
        assert_eq!(fingerprint(&scene).await, first);
    }
    let mut last = first;
    for change in [
        "MATCH (m:Memory) WITH m LIMIT 1 SET m.title = 'changed just now'",
        "CREATE (:Memory {id: 'one more'})",
        "MATCH (m {id: 'one more'}) DELETE m CREATE (:Memory {id: 'another'})",
        "MATCH (m {id: 'another'}) SET m.id = 'one more'",
    ] {
        client.query(GRAPH, change);
        let now = fingerprint(&scene).await;
        assert_ne!(now, last, "{change}");
        last = now;
    }
    // What is written and saved at once changes it, too.
    client.query(GRAPH, "MATCH (m {id: 'one more'}) SET m.id = 'the last'");
    assert!(client.say(&["SAVE"]).contains("OK"));
    assert_ne!(fingerprint(&scene).await, last);
}

/// Reads what is there all the time, as memorygraph would.
fn while_others_read<T>(scene: &Scene, work: impl FnOnce() -> T) -> T {
    let (over, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = scene.client();
            while !over.load(Ordering::Relaxed) {
                client.query(GRAPH, "MATCH (m:Memory) RETURN m.id, m.title LIMIT 20");
                reads.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        assert!(reads.load(Ordering::Relaxed) > 5, "somebody read");
        done
    })
}

#[test]
fn a_run_into_a_graph_goes_on_while_others_read_it() {
    let scene = Scene::new(Store::FalkorDb, Before::NonEmpty);
    let out = while_others_read(&scene, || scene.migrate().output().unwrap());
    assert!(out.status.success(), "{}", said(&out));
    let calm = Scene::new(Store::FalkorDb, Before::NonEmpty);
    assert!(calm.migrate().output().unwrap().status.success());
    assert_eq!(scene.content(), calm.content());
}

#[test]
fn a_graph_is_read_in_place_while_others_read_it() {
    let scene = Scene::new(Store::FalkorDb, Before::NonEmpty);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    while_others_read(&scene, || {
        runtime.block_on(async {
            let address = Address::parse(&scene.address()).unwrap();
            let store = registry::open(&address).unwrap();
            for _ in 0..5 {
                let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
                snapshot.counts().await.unwrap();
                tokio::time::sleep(Duration::from_millis(30)).await;
                snapshot.finish().await.unwrap();
            }
        });
    });
}
