//! What memorygraph's own `migrate` (0.12.4, and the TypeScript port 0.13) loses or
//! destroys, one test for each, by name. The stores are memorygraph's own; that it reads
//! every field again is told by its own classes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;
mod falkordblite;

use bench::{Bench, real};
use rusqlite::Connection;

/// memorygraph dumps the same before and after: every field of every memory and
/// relationship that it can read, and every row that it cannot.
#[test]
fn memorygraph_reads_every_field_again() {
    for name in [
        "adversarial-200.db",
        "adversarial-dirty.db",
        "hub.db",
        "plain-1500.db",
        "multi-tenant.db",
    ] {
        let bench = Bench::new();
        bench.migrate(&real(name), "sqlite", "out.db").exits(0);
        bench.same_dump(&real(name), &bench.at("out.db"));
    }
}

#[test]
fn every_field_survives_the_archive() {
    let bench = Bench::new();
    bench
        .migrate(&real("adversarial-dirty.db"), "archive", "out.memferry")
        .exits(0);
    bench
        .migrate_from("archive", "out.memferry", "sqlite", "back.db")
        .exits(0);
    bench.identical(&real("adversarial-dirty.db"), "back.db");
    bench.same_dump(&real("adversarial-dirty.db"), &bench.at("back.db"));
}

#[test]
fn every_field_survives_json() {
    let bench = Bench::new();
    bench
        .migrate(&real("adversarial-dirty.db"), "json", "out.json")
        .exits(0);
    bench
        .migrate_from("json", "out.json", "sqlite", "back.db")
        .exits(0);
    bench.identical(&real("adversarial-dirty.db"), "back.db");
    bench.same_dump(&real("adversarial-dirty.db"), &bench.at("back.db"));
}

/// The peer's export goes through the search, which needs `json_extract` of every row:
/// one damaged row and nothing is exported. An unreadable memory also makes its counts
/// differ, upon which it empties the target.
#[test]
fn a_row_that_memorygraph_cannot_read_does_not_stop_the_others() {
    let bench = Bench::new();
    bench
        .migrate(&real("adversarial-dirty.db"), "sqlite", "out.db")
        .exits(0);
    let db = bench.open("out.db");
    let bad = "SELECT properties FROM nodes WHERE id = 'dirty-badjson'";
    let text: String = db.query_row(bad, [], |row| row.get(0)).unwrap();
    assert_eq!(text, r#"{"id": "dirty-badjson", "type": "gen"#);
    assert_eq!(count(&db, "nodes"), 216);
}

/// The TypeScript port reads at most 1,000 memories and reports success.
#[test]
fn more_than_a_thousand_memories_are_not_truncated() {
    let bench = Bench::new();
    bench
        .migrate(&real("plain-1500.db"), "sqlite", "out.db")
        .exits(0);
    let db = bench.open("out.db");
    assert_eq!(
        (count(&db, "nodes"), count(&db, "relationships")),
        (1500, 3000)
    );
}

macro_rules! kept {
    ($($name:ident: $what:literal,)*) => {
        $(
            #[test]
            fn $name() {
                kept($what);
            }
        )*
    };
}

kept! {
    created_at_and_updated_at_are_not_reset: "json_extract(properties,'$.created_at') || json_extract(properties,'$.updated_at')",
    usage_count_is_not_reset: "json_extract(properties,'$.usage_count')",
    effectiveness_is_not_dropped: "json_extract(properties,'$.effectiveness')",
    last_accessed_is_not_dropped: "json_extract(properties,'$.last_accessed')",
    private_memories_do_not_become_project_wide: "json_extract(properties,'$.context_visibility')",
    tenants_are_not_dropped: "json_extract(properties,'$.context_tenant_id') || json_extract(properties,'$.context_team_id')",
    who_made_it_is_not_dropped: "json_extract(properties,'$.context_created_by') || json_extract(properties,'$.context_user_id')",
    git_and_session_are_not_dropped: "json_extract(properties,'$.context_git_commit') || json_extract(properties,'$.context_git_branch') || json_extract(properties,'$.context_session_id') || json_extract(properties,'$.context_working_directory')",
    the_context_time_is_not_reset: "json_extract(properties,'$.context_timestamp')",
    row_times_are_not_reset: "created_at || updated_at",
}

/// A column of every memory is the same on both sides, and is there in some.
fn kept(what: &str) {
    let bench = Bench::new();
    bench
        .migrate(&real("adversarial-200.db"), "sqlite", "out.db")
        .exits(0);
    let query = format!("SELECT id, {what} FROM nodes ORDER BY id");
    let before = rows(
        &Connection::open(real("adversarial-200.db")).unwrap(),
        &query,
    );
    assert!(before.iter().any(|row| row[1] != "Null"), "{what}");
    assert_eq!(before, rows(&bench.open("out.db"), &query));
}

#[test]
fn relationships_keep_their_ids_and_all_their_times() {
    let query = "SELECT id, from_id, to_id, rel_type, created_at, valid_from, valid_until, recorded_at, invalidated_by, properties FROM relationships ORDER BY id";
    let bench = Bench::new();
    bench
        .migrate(&real("adversarial-200.db"), "sqlite", "out.db")
        .exits(0);
    let before = rows(
        &Connection::open(real("adversarial-200.db")).unwrap(),
        query,
    );
    assert_eq!(before.len(), 458);
    assert_eq!(before, rows(&bench.open("out.db"), query));
}

/// The peer hides 122 of 458 relationships because they were invalidated; its
/// TypeScript port brings them back to life.
#[test]
fn invalidated_relationships_stay_and_stay_invalidated() {
    same_number("SELECT count(*) FROM relationships WHERE valid_until IS NOT NULL");
}

#[test]
fn parallel_relationships_are_not_collapsed() {
    same_number(
        "SELECT count(*) - count(DISTINCT from_id || rel_type || to_id) FROM relationships",
    );
}

#[test]
fn self_loops_are_not_refused() {
    same_number("SELECT count(*) FROM relationships WHERE from_id = to_id");
}

#[test]
fn cycles_are_not_refused() {
    same_number(
        "SELECT count(*) FROM relationships a JOIN relationships b ON a.from_id = b.to_id AND a.to_id = b.from_id AND a.rel_type = b.rel_type WHERE a.id < b.id",
    );
}

/// A number of the source that is not zero is the same in the target.
fn same_number(query: &str) {
    let bench = Bench::new();
    bench
        .migrate(&real("adversarial-200.db"), "sqlite", "out.db")
        .exits(0);
    let ask = |db: &Connection| db.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    let before = ask(&Connection::open(real("adversarial-200.db")).unwrap());
    assert!(before > 0, "{query}");
    assert_eq!(before, ask(&bench.open("out.db")));
}

/// The peer reads 20 relationships of each memory: of a hub's, 15 of 151 are lost, and
/// its verification, which reads the same way, passes.
#[test]
fn a_hub_keeps_more_than_twenty_relationships() {
    let bench = Bench::new();
    bench.migrate(&real("hub.db"), "sqlite", "out.db").exits(0);
    assert_eq!(count(&bench.open("out.db"), "relationships"), 151);
}

#[test]
fn nodes_that_are_no_memories_are_moved_with_their_relationships() {
    let bench = Bench::new();
    bench
        .migrate(&real("adversarial-dirty.db"), "sqlite", "out.db")
        .exits(0);
    let query =
        "SELECT label, count(*) FROM nodes WHERE label <> 'Memory' GROUP BY label ORDER BY label";
    let found = rows(&bench.open("out.db"), query);
    assert_eq!(
        found,
        [
            ["Text(\"Entity\")", "Integer(1)"],
            ["Text(\"Outcome\")", "Integer(1)"]
        ]
    );
}

/// The peer compares ten memories at random.
#[test]
fn one_wrong_row_in_fifteen_hundred_is_found() {
    let bench = Bench::new();
    bench
        .migrate(&real("plain-1500.db"), "sqlite", "out.db")
        .exits(0);
    let db = bench.open("out.db");
    let change = "UPDATE nodes SET properties = replace(properties, '\"usage_count\": ', '\"usage_count\": 1') WHERE rowid = 777";
    assert_eq!(db.execute(change, []).unwrap(), 1);
    drop(db);
    let said = bench.run(&[
        "verify",
        &address("sqlite", &real("plain-1500.db")),
        &address("sqlite", &bench.at("out.db")),
    ]);
    said.exits(3);
}

/// On any mismatch the peer deletes every memory of the target, also those that it
/// never wrote.
#[test]
fn a_target_that_holds_other_memories_is_not_emptied() {
    let bench = Bench::new();
    std::fs::copy(real("plain-100.db"), bench.at("out.db")).unwrap();
    let before = rows(&bench.open("out.db"), "SELECT * FROM nodes ORDER BY id");
    bench
        .migrate(&real("adversarial-200.db"), "sqlite", "out.db")
        .exits(0);
    let db = bench.open("out.db");
    assert_eq!(count(&db, "nodes"), 300);
    let ids = "SELECT * FROM nodes WHERE id IN (SELECT id FROM other.nodes) ORDER BY id";
    db.execute_batch(&format!(
        "ATTACH '{}' AS other",
        real("plain-100.db").display()
    ))
    .unwrap();
    assert_eq!(before, rows(&db, ids));
}

/// The peer makes an empty store at the mistyped path, finds that the numbers differ
/// and empties the target.
#[test]
fn a_mistyped_source_neither_appears_nor_empties_the_target() {
    let bench = Bench::new();
    std::fs::copy(real("plain-100.db"), bench.at("out.db")).unwrap();
    let before = std::fs::read(bench.at("out.db")).unwrap();
    let ran = bench
        .migrate(&bench.at("mistyped.db"), "sqlite", "out.db")
        .exits(1);
    assert!(ran.stderr.contains("is not there"), "{}", ran.stderr);
    assert!(!bench.at("mistyped.db").exists());
    assert_eq!(before, std::fs::read(bench.at("out.db")).unwrap());
}

/// The peer skips ids that the target has, then finds that their content differs and
/// empties the target.
#[test]
fn the_same_ids_with_other_content_empty_nothing() {
    let bench = Bench::new();
    std::fs::copy(real("plain-100.db"), bench.at("out.db")).unwrap();
    let db = bench.open("out.db");
    db.execute_batch("UPDATE nodes SET properties = replace(properties, '\"usage_count\": ', '\"usage_count\": 1')").unwrap();
    let before = rows(&db, "SELECT * FROM nodes ORDER BY id");
    drop(db);
    bench
        .migrate(&real("plain-100.db"), "sqlite", "out.db")
        .exits(0);
    assert_eq!(
        before,
        rows(&bench.open("out.db"), "SELECT * FROM nodes ORDER BY id")
    );
}

/// Each further import of the peer adds every relationship again.
#[test]
fn a_second_run_adds_nothing() {
    let bench = Bench::new();
    for _ in 0..2 {
        bench
            .migrate(&real("adversarial-200.db"), "sqlite", "out.db")
            .exits(0);
        let db = bench.open("out.db");
        assert_eq!(
            (count(&db, "nodes"), count(&db, "relationships")),
            (200, 458)
        );
    }
}

/// The peer runs its schema on the source.
#[test]
fn the_source_is_not_touched() {
    let bench = Bench::new();
    std::fs::copy(real("adversarial-200.db"), bench.at("source.db")).unwrap();
    let seen = |path| {
        let about = std::fs::metadata(&path).unwrap();
        (std::fs::read(&path).unwrap(), about.modified().unwrap())
    };
    let before = seen(bench.at("source.db"));
    bench
        .migrate(&bench.at("source.db"), "sqlite", "out.db")
        .exits(0);
    assert_eq!(before, seen(bench.at("source.db")));
}

/// memorygraph 0.10 and newer cannot open what 0.5 to 0.9 wrote, nor what its own
/// migration of such a file leaves when it fails half-way.
#[test]
fn files_of_old_versions_can_be_read_and_come_out_readable() {
    for old in ["python-0.8.3.db", "python-0.8-half-migrated.db"] {
        let bench = Bench::new();
        let source = bench::fixture(old);
        bench.migrate(&source, "sqlite", "out.db").exits(0);
        bench.opens_with_memorygraph(&bench.at("out.db"));
        let derived = "SELECT count(*) FROM relationships WHERE valid_from IS NOT json_extract(properties,'$.created_at')";
        let wrong: i64 = bench
            .open("out.db")
            .query_row(derived, [], |row| row.get(0))
            .unwrap();
        assert_eq!(wrong, 0, "{old}: a time was made up");
    }
}

/// memorygraph opens what was written as its own: it adds, links, finds and removes.
#[test]
fn memorygraph_goes_on_with_what_was_written() {
    for name in ["adversarial-200.db", "empty.db", "plain-100.db"] {
        let bench = Bench::new();
        bench.migrate(&real(name), "sqlite", "out.db").exits(0);
        bench.opens_with_memorygraph(&bench.at("out.db"));
    }
}

fn address(kind: &str, path: &std::path::Path) -> String {
    format!("{kind}:{}", path.display())
}

fn count(db: &Connection, table: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table}");
    db.query_row(&query, [], |row| row.get(0)).unwrap()
}

/// Every cell with its storage class.
fn rows(db: &Connection, query: &str) -> Vec<Vec<String>> {
    let mut statement = db.prepare(query).unwrap();
    let columns = statement.column_count();
    let read = statement.query_map([], |row| {
        (0..columns)
            .map(|i| {
                row.get::<_, rusqlite::types::Value>(i)
                    .map(|v| format!("{v:?}"))
            })
            .collect()
    });
    read.unwrap().collect::<Result<_, _>>().unwrap()
}
