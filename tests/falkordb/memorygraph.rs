//! What the real memorygraph sees of what was moved to a server, and the cases in which its
//! own migration fails there: they are named after what goes wrong.

use crate::ports::free_port;
use crate::scene::{Before, GRAPH, Scene, Store, real, said};
use crate::server::folder;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A tool of the tests, run by memorygraph's Python.
fn python(args: &[&str]) -> (bool, String) {
    let python = std::env::var("MEMFERRY_TEST_PYTHON")
        .expect("MEMFERRY_TEST_PYTHON names memorygraph's python; use tests/run");
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/dump_store.py");
    let packages = folder().unwrap().join("../..");
    let out = Command::new(python)
        .arg(tool)
        .args(args)
        .env("PYTHONPATH", packages)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    (out.status.success(), said)
}

/// memorygraph opens the graph, and its dump is that of the origin: every field of every
/// memory, and of every relationship through its `execute_query`, since it has no other
/// way to see them. Its own reading of doubles has 15 digits.
#[test]
fn memorygraph_sees_the_same_on_a_server() {
    for name in [
        "plain-1500.db",
        "hub.db",
        "multi-tenant.db",
        "adversarial-200.db",
    ] {
        let port = free_port().to_string();
        let listening = ["--port", &port, "--bind", "127.0.0.1"];
        let scene = Scene::with(Store::FalkorDb, Before::New, &listening);
        let source = scene.path("origin.db");
        std::fs::copy(real(name), &source).unwrap();
        // The one character that no graph server holds.
        let db = rusqlite::Connection::open(&source).unwrap();
        let nul = "UPDATE nodes SET properties = replace(properties, '\\u0000', '')";
        db.execute(nul, []).unwrap();
        drop(db);
        let mut command = scene.migrate_to(&source, &scene.address());
        let out = command.output().unwrap();
        assert!(out.status.success(), "{name}: {}", said(&out));
        let (one, two) = (scene.path("one.jsonl"), scene.path("two.jsonl"));
        let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
        let source = source.to_str().unwrap();
        let digits = ["--exact", "--float-digits", "15"];
        for args in [
            ["--path", source, "-o", one].as_slice(),
            &[
                "--backend",
                "falkordb",
                "--host",
                "127.0.0.1",
                "--port",
                &port,
                "-o",
                two,
            ],
        ] {
            let (done, said) = python(&[args, &digits].concat());
            assert!(done, "{name}: {said}");
        }
        let (same, said) = python(&["--diff", one, two]);
        assert!(same, "{name}: {said:.3000}");
    }
}

/// memorygraph's own migration stops at 1,000 and says that it succeeded.
#[test]
fn more_than_a_thousand_memories_reach_a_server() {
    let scene = Scene::new(Store::FalkorDb, Before::New);
    let source = real("plain-1500.db");
    let copy = scene.path("many.db");
    std::fs::copy(source, &copy).unwrap();
    let db = rusqlite::Connection::open(&copy).unwrap();
    let rest = "DELETE FROM relationships; DELETE FROM nodes WHERE rowid NOT IN (SELECT rowid FROM nodes LIMIT 1001)";
    db.execute_batch(rest).unwrap();
    drop(db);
    let mut command = scene.migrate_to(&copy, &scene.address());
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let counted = scene
        .client()
        .look(GRAPH, "MATCH (m:Memory) RETURN count(m)");
    assert!(counted.lines().any(|l| l.trim() == "1001"), "{counted}");
}

/// memorygraph's own migration empties the target when verification fails. Somebody
/// changes what is being moved, again and again: what was there before stays.
#[test]
fn a_failing_verification_leaves_what_was_there() {
    let scene = Scene::new(Store::FalkorDb, Before::NonEmpty);
    let own = "MATCH (m:Memory) WHERE m.title = 'theirs' RETURN m.id, m.importance ORDER BY m.id";
    let before = scene.client().look(GRAPH, own);
    assert!(before.lines().count() > 200, "{before}");
    let ids: Vec<String> = {
        let db = rusqlite::Connection::open(scene.source()).unwrap();
        let mut ids = db
            .prepare("SELECT id FROM nodes ORDER BY rowid DESC LIMIT 5")
            .unwrap();
        let ids = ids.query_map([], |row| row.get(0)).unwrap();
        ids.flatten().collect()
    };
    let over = AtomicBool::new(false);
    let out = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = scene.client();
            let list = ids.iter().filter(|id| !id.contains(['\'', '\\']));
            let list: Vec<String> = list.map(|id| format!("'{id}'")).collect();
            let list = list.join(",");
            let change = format!(
                "MATCH (m:Memory) WHERE m.id IN [{list}] SET m.content = 'changed by somebody'"
            );
            while !over.load(Ordering::Relaxed) {
                client.query(GRAPH, &change);
                std::thread::sleep(Duration::from_millis(60));
            }
        });
        let out = scene.migrate().output().unwrap();
        over.store(true, Ordering::Relaxed);
        out
    });
    assert!(
        !out.status.success(),
        "the change is noticed: {}",
        said(&out)
    );
    let after = scene.client().look(GRAPH, own);
    let after: Vec<&str> = after.lines().collect();
    for line in before.lines() {
        assert!(after.contains(&line), "gone: {line}");
    }
    let out = scene.command(&["inspect", &scene.address()]).output();
    assert!(out.unwrap().status.success());
}
