//! Reading: every layout, no trace, damage, garbage.

use super::*;

#[test]
fn the_default_is_in_the_home_folder_and_a_path_is_literal() {
    let env = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
    let default = Address::new(&DESCRIPTOR).complete(&env).unwrap();
    assert_eq!(
        default.to_string(),
        "sqlite:/home/me/.memorygraph/memory.db"
    );
    let env = |name: &str| (name == "MEMORY_SQLITE_PATH").then(|| "~/x.db".to_owned());
    let set = Address::new(&DESCRIPTOR).complete(&env).unwrap();
    assert_eq!(set.get("path"), Some("~/x.db"), "as memorygraph takes it");
    let parsed = |text: &str| {
        Address::parse(text)
            .unwrap()
            .get("path")
            .unwrap()
            .to_owned()
    };
    assert_eq!(parsed("sqlite:/a%20b.db"), "/a%20b.db");
    assert_eq!(parsed("sqlite:///a%20b.db"), "/a b.db");
    assert_eq!(parsed("x/y.SQLite3"), "x/y.SQLite3");
}

#[tokio::test]
async fn every_layout_is_read_and_told() {
    for (name, layout, memories, others, relationships) in [
        ("python-0.8.3.db", "P1", 2, 0, 1),
        ("python-0.8-half-migrated.db", "P1b", 2, 0, 1),
        ("typescript-0.13.db", "T", 2, 0, 1),
        ("hybrid-python-first.db", "H", 6, 0, 5),
        ("export-source.db", "P2", 15, 0, 20),
        ("null-and-blob-ids.db", "P2", 46, 3, 21),
        ("wal-closed.db", "P2", 3, 0, 0),
        ("wal-unclean.db", "P2", 5, 0, 0),
        ("hot-journal.db", "P2", 30, 0, 0),
        ("empty-file.db", "empty", 0, 0, 0),
    ] {
        let (folder, path) = copied(name);
        let before = trace(folder.path());
        let store = store(&path);
        let fingerprint = store.fingerprint().await.unwrap();
        let description = store.describe().await.unwrap();
        assert!(description.exists, "{name}");
        let counts = description.counts.unwrap();
        assert_eq!(
            (counts.memories, counts.other_nodes, counts.relationships),
            (memories, others, relationships),
            "{name}"
        );
        if layout != "empty" {
            assert_eq!(description.facts["layout"], layout, "{name}");
        }
        let killed = description.notes.iter().any(|note| note.contains("killed"));
        let left = matches!(name, "wal-unclean.db" | "hot-journal.db");
        assert_eq!(killed, left, "{name}: {:?}", description.notes);
        for how in [Consistency::InPlace, Consistency::Copy] {
            let mut snapshot = store.snapshot(how).await.unwrap();
            assert_eq!(snapshot.counts().await.unwrap(), counts, "{name}");
            let tiny = Limit { rows: 3, bytes: 1 };
            let (records, lost) = read_with(&mut *snapshot, tiny).await.unwrap();
            assert_eq!(lost, [], "{name}");
            assert_eq!(records.len() as u64, counts.total(), "{name} {how:?}");
            let mut snapshot = store.snapshot(how).await.unwrap();
            let (same, _) = read_with(&mut *snapshot, Limit::PAGE).await.unwrap();
            assert_eq!(digests(&records), digests(&same), "{name}");
        }
        let _ = store.prepare().await;
        assert_eq!(store.fingerprint().await.unwrap(), fingerprint, "{name}");
        assert_eq!(trace(folder.path()), before, "{name} was left with a trace");
    }
}

#[tokio::test]
async fn what_stays_behind_is_named() {
    let (_folder, path) = copied("export-source.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE \"my \"\"notes\" (x); INSERT INTO \"my \"\"notes\" VALUES (1), (2);
             ALTER TABLE nodes ADD COLUMN colour TEXT;
             CREATE TRIGGER t AFTER INSERT ON nodes BEGIN
                 INSERT INTO \"my \"\"notes\" VALUES (3); END",
        )
        .unwrap();
    let description = store(&path).describe().await.unwrap();
    let notes = description.notes.join("\n");
    assert!(notes.contains("my \"notes (2 rows)"), "{notes}");
    assert!(notes.contains("nodes.colour"), "{notes}");
    write(&path, &[node("new", "x")]).await;
    let rows: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM \"my \"\"notes\"", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(rows, 3, "a trigger is the file's own and fires");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t AS SELECT * FROM nodes; DROP TABLE nodes;
             CREATE TABLE nodes (id TEXT PRIMARY KEY, label, properties, created_at, updated_at, must NOT NULL)")
        .unwrap();
    let error = store(&path).prepare().await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnknownLayout, "{error}");
}

#[tokio::test]
async fn what_is_no_store_is_refused_by_kind_and_left_alone() {
    for (name, kind) in [
        ("not-a-database.db", ErrorKind::NotThisStore),
        ("truncated.db", ErrorKind::Corrupt),
        ("turso.db", ErrorKind::UnknownLayout),
        ("unknown-layout.db", ErrorKind::UnknownLayout),
    ] {
        let (folder, path) = copied(name);
        let before = trace(folder.path());
        let store = store(&path);
        for error in [
            store.describe().await.unwrap_err(),
            store.snapshot(Consistency::InPlace).await.err().unwrap(),
            store.prepare().await.err().unwrap(),
        ] {
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert!(error.what_to_do().is_some(), "{name}");
        }
        assert_eq!(trace(folder.path()), before, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let none = store(&folder.path().join("none.db"));
    assert!(!none.describe().await.unwrap().exists);
    let missing = none.snapshot(Consistency::InPlace).await.err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let error = store(folder.path()).describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotThisStore);
    let lost = store(&folder.path().join("no/such/folder.db"));
    assert_eq!(
        lost.prepare().await.err().unwrap().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_relationship_of_before_0_10_was_valid_from_its_creation() {
    for name in ["python-0.8.3.db", "python-0.8-half-migrated.db"] {
        let records = read(&fixture(name)).await;
        let Some(Record::Relationship(r)) = records.last() else {
            panic!("{name} holds a relationship");
        };
        let created = r.properties.map().unwrap().get("created_at").cloned();
        assert!(created.is_some());
        assert_eq!(r.row.valid_from, created, "{name}");
        assert_eq!(r.row.recorded_at, created, "{name}");
        let map = r.properties.map().unwrap();
        assert_eq!(map.get("valid_from"), None, "never into the JSON");
    }
}

#[tokio::test]
async fn typescript_rows_are_what_python_would_have_stored() {
    let records = read(&fixture("typescript-0.13.db")).await;
    let Record::Node(node) = &records[0] else {
        panic!("a memory");
    };
    let Properties::Stored(Value::Text(text)) = &node.properties else {
        panic!("as JSON text");
    };
    let text = text.as_str().unwrap();
    assert!(text.starts_with("{\"id\": \""), "{text}");
    let map = node.properties.map().unwrap();
    assert!(matches!(map.get("importance"), Some(Value::Float(_))));
    assert!(matches!(map.get("usage_count"), Some(Value::Int(_))));
    assert!(matches!(map.get("tags"), Some(Value::List(_))));
    assert!(map.get("version").is_some());
    assert!(map.get("context").is_none());
    let Some(Record::Relationship(r)) = records.last() else {
        panic!("a relationship");
    };
    let map = r.properties.map().unwrap();
    assert_eq!(map.len(), 14, "13 properties and the id: {map:?}");
    assert_eq!(map.get("valid_from"), r.row.valid_from.as_ref());
}

#[tokio::test]
async fn damage_costs_only_what_it_hit_and_is_named() {
    let (folder, path) = copied("flipped-page.db");
    let before = trace(folder.path());
    let mut snapshot = store(&path).snapshot(Consistency::InPlace).await.unwrap();
    let counts = snapshot.counts().await.unwrap();
    let (records, lost) = read_with(&mut *snapshot, Limit::PAGE).await.unwrap();
    let nodes = records.iter().filter(|r| r.kind() == Kind::Node).count();
    assert!(!lost.is_empty());
    assert_eq!(
        nodes + lost.len(),
        counts.of(Kind::Node) as usize,
        "each lost row is named: {lost:?}"
    );
    assert!(nodes > 20, "{nodes}");
    assert!(lost.iter().all(|l| l.place.contains(", id ")), "{lost:?}");
    assert_eq!(
        records.len() - nodes,
        counts.of(Kind::Relationship) as usize
    );
    assert_eq!(trace(folder.path()), before);
}

#[tokio::test]
async fn a_large_record_travels_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let records = [
        node("a", "small"),
        node("b", &"x".repeat(16 << 20)),
        node("c", "small"),
    ];
    write(&path, &records).await;
    let mut snapshot = store(&path).snapshot(Consistency::InPlace).await.unwrap();
    let mut after = None;
    let mut sizes = Vec::new();
    loop {
        let page = snapshot
            .scan(Kind::Node, after.as_ref(), Limit::PAGE)
            .await
            .unwrap();
        sizes.push(page.records.len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [1, 1, 1]);
    assert_eq!(digests(&read(&path).await), digests(&records));
}

#[tokio::test]
async fn any_garbage_is_an_error_or_is_read_and_never_a_panic() {
    let source = std::fs::read(fixture("export-source.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garbage.db");
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let (mut readable, mut refused) = (0, 0);
    for round in 0..120 {
        let mut bytes = source.clone();
        if round % 10 == 0 {
            bytes.truncate(random() % bytes.len());
        }
        for _ in 0..(random() % 40) {
            if !bytes.is_empty() {
                let at = random() % bytes.len();
                bytes[at] = random() as u8;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let store = store(&path);
        let _ = store.describe().await;
        let _ = store.prepare().await;
        match store.snapshot(Consistency::InPlace).await {
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
                refused += 1;
            }
            Ok(mut snapshot) => match read_with(&mut *snapshot, Limit::PAGE).await {
                Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{error}"),
                Ok(_) => readable += 1,
            },
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    assert!(readable > 20 && refused > 5, "{readable} {refused}");
}
