//! Writing: aside and in a transaction.

use super::*;

#[tokio::test]
async fn old_layouts_become_new_files_that_hold_the_same() {
    for name in [
        "python-0.8.3.db",
        "python-0.8-half-migrated.db",
        "typescript-0.13.db",
        "hybrid-python-first.db",
        "export-source.db",
        "null-and-blob-ids.db",
        "hot-journal.db",
        "empty-file.db",
    ] {
        let (folder, path) = copied(name);
        let mut records = read(&path).await;
        // The two rows without id that are alike have one key; the engine numbers them.
        let mut seen = std::collections::HashSet::new();
        records.retain(|r| seen.insert(Canon::key_hash(r.kind(), r.key())));
        let target = folder.path().join("new.db");
        write(&target, &records).await;
        let copy = read(&target).await;
        let (old, new) = (digests(&records), digests(&copy));
        assert_eq!(old.len(), new.len(), "{name}");
        for ((old, new), record) in old.iter().zip(&new).zip(&records) {
            assert!(old.matches(new), "{name}: {record:?}");
        }
        let expected = schema(&fixture("export-source.db"));
        assert_eq!(schema(&target), expected, "{name}");
        if name != "null-and-blob-ids.db" {
            assert_eq!(check_integrity(&target), "ok", "{name}");
        }
        let names: Vec<_> = trace(folder.path()).into_keys().collect();
        assert!(!names.iter().any(|n| n.contains("memferry")), "{names:?}");
    }
}

#[tokio::test]
async fn an_existing_file_is_changed_in_one_transaction() {
    let (_folder, path) = copied("export-source.db");
    let old = read(&path).await;
    let before = schema(&path);
    let mut writer = open_writer(&path).await;
    let new = node("new-one", "New");
    let key = old[0].key().clone();
    let keys = [key.clone(), Key::text("new-one")];
    let found = writer.find(Kind::Node, &keys).await.unwrap();
    assert!(found[0].is_some() && found[1].is_none());
    let mut canon = Canon::new();
    let digest = canon.digest(&old[0]);
    let Record::Node(mut changed) = old[0].clone() else {
        panic!("a node");
    };
    changed.properties = Properties::Stored(Value::text("{\"id\": \"changed\"}"));
    let changed = Record::Node(changed);
    let removed = &old[1];
    let batch = Batch {
        seq: 1,
        changes: vec![
            Change {
                kind: Kind::Node,
                key: key.clone(),
                before: Some(digest),
                after: Some(changed.clone()),
            },
            Change {
                kind: Kind::Node,
                key: removed.key().clone(),
                before: Some(canon.digest(removed)),
                after: None,
            },
            additions(1, std::slice::from_ref(&new)).changes[0].clone(),
        ]
        .into(),
    };
    for _ in 0..3 {
        assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
    }
    // Its own picture has them, the file does not yet.
    let mut own = writer.snapshot().await.unwrap();
    assert_eq!(own.counts().await.unwrap().memories, 15);
    assert_eq!(digests(&read(&path).await), digests(&old));
    // Neither as it was nor as it should become: nothing of the batch is made.
    let conflict = Batch {
        seq: 2,
        changes: vec![
            additions(2, &[node("another", "x")]).changes[0].clone(),
            additions(2, &[node("new-one", "other title")]).changes[0].clone(),
            Change {
                kind: Kind::Node,
                key: key.clone(),
                before: Some(digest),
                after: None,
            },
        ]
        .into(),
    };
    let answer = writer.apply(&conflict).await.unwrap();
    assert_eq!(answer, Applied::Conflict(vec![1, 2]));
    let absent = writer.find(Kind::Node, &[Key::text("another")]).await;
    assert!(absent.unwrap()[0].is_none());
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    let found = writer.find(Kind::Node, &keys).await.unwrap();
    assert!(
        found.iter().all(Option::is_some),
        "a fresh look after the end"
    );
    drop(writer);
    let now = read(&path).await;
    assert_eq!(now.len(), old.len());
    assert_eq!(canon.digest(&now[0]), canon.digest(&changed));
    assert_eq!(schema(&path), before);
    assert_eq!(check_integrity(&path), "ok");
}

#[tokio::test]
async fn a_dropped_writer_leaves_no_trace() {
    for name in ["export-source.db", "none.db"] {
        let (folder, path) = copied(name);
        for abandon in [false, true] {
            let before = trace(folder.path());
            let mut writer = open_writer(&path).await;
            let batch = additions(1, &[node("x", "y")]);
            assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
            if abandon {
                writer.abandon().await.unwrap();
                assert!(writer.apply(&batch).await.is_err());
            }
            drop(writer);
            let mut after = trace(folder.path());
            let mut before = before;
            // A new file came and went.
            before.remove(".");
            after.remove(".");
            assert_eq!(after, before, "{name}");
        }
    }
}

#[tokio::test]
async fn a_new_file_is_private_until_it_is_whole_and_never_replaces() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let mut writer = open_writer(&path).await;
    writer
        .apply(&additions(1, &[node("a", "b")]))
        .await
        .unwrap();
    let aside = folder.path().join(".new.db.memferry-run-1");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&aside), 0o600);
    assert!(!path.exists());
    writer.complete().await.unwrap();
    std::fs::write(&path, b"somebody else's").unwrap();
    let error = writer.publish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    drop(writer);
    assert_eq!(std::fs::read(&path).unwrap(), b"somebody else's");
    std::fs::remove_file(&path).unwrap();
    for side in ["-journal", "-wal", "-shm"] {
        let left = folder.path().join(format!("new.db{side}"));
        std::fs::write(&left, b"left").unwrap();
        let error = store(&path).prepare().await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.what_to_do().is_some());
        std::fs::remove_file(&left).unwrap();
    }
    // A killed run's file is thrown away, and so is one that starts again.
    std::fs::write(&aside, b"half").unwrap();
    store(&path).discard("run-1").await.unwrap();
    store(&path).discard("run-1").await.unwrap();
    assert!(!aside.exists());
    std::fs::write(&aside, b"half").unwrap();
    write(&path, &[node("a", "b")]).await;
    let probe = folder.path().join("probe");
    Connection::open(&probe)
        .unwrap()
        .execute_batch("CREATE TABLE t(x)")
        .unwrap();
    assert_eq!(mode(&path), mode(&probe));
}

#[tokio::test]
async fn removing_asks_the_fingerprint_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    write(&path, &[node("a", "b")]).await;
    let store = store(&path);
    let fingerprint = store.fingerprint().await.unwrap();
    let conn = Connection::open(&path).unwrap();
    conn.execute("UPDATE nodes SET label = 'x'", []).unwrap();
    let error = store.remove(&fingerprint).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let fingerprint = store.fingerprint().await.unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(conn);
    store.remove(&fingerprint).await.unwrap();
    assert!(!path.exists());
    assert!(!store.describe().await.unwrap().exists);
}

#[tokio::test]
async fn typed_records_become_rows_that_memorygraph_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let pairs = |pairs: &[(&str, Value)]| {
        Map::from_pairs(
            pairs
                .iter()
                .map(|(k, v)| ((*k).into(), v.clone()))
                .collect(),
        )
    };
    let memory = Record::Node(Node {
        key: Key::text("m1"),
        labels: vec!["Other".into(), "Memory".into()],
        properties: Properties::Typed(pairs(&[
            ("title", Value::text("é\u{1F600}")),
            ("importance", Value::Float(1.0)),
            ("created_at", Value::text("2024-03-01T12:00:00.5+05:30")),
            ("picture", Value::Bytes(vec![0, 255])),
            ("odd", Value::Text(Text::from_bytes(b"a\xff".to_vec()))),
            (
                "high",
                Value::Text(Text::from_bytes(b"\xed\xa0\xbd".to_vec())),
            ),
            ("nan", Value::Float(f64::NAN)),
        ])),
        row: Row::default(),
    });
    let relationship = |id: &str, map: Map| {
        Record::Relationship(Relationship {
            key: Key::text(id),
            from: Key::text("m1"),
            to: Key::text("nowhere"),
            rel_type: "SOLVES".into(),
            properties: Properties::Typed(map),
            row: Row::default(),
        })
    };
    let whole = relationship(
        "r1",
        pairs(&[
            ("strength", Value::Float(0.5)),
            ("valid_from", Value::text("2024-01-01T00:00:00+00:00")),
            ("recorded_at", Value::text("2024-01-02T00:00:00+00:00")),
            ("valid_until", Value::text("2024-01-03T00:00:00+00:00")),
        ]),
    );
    let bare = relationship("r2", Map::new());
    let derived = Record::Relationship(Relationship {
        key: Key::Derived([7; 16]),
        ..match whole.clone() {
            Record::Relationship(r) => r,
            Record::Node(_) => unreachable!(),
        }
    });
    let records = [memory, whole, bare, derived];
    write(&path, &records).await;
    let read = read(&path).await;
    let (written, now) = (digests(&records), digests(&read));
    assert!(written[1].matches(&now[1]), "{:?}", read[1]);
    assert!(written[3].matches(&now[3]), "{:?}", read[3]);
    let Record::Node(node) = &read[0] else {
        panic!("a node");
    };
    assert_eq!(node.labels, [Text::from("Memory")]);
    assert_eq!(
        node.row.created_at,
        Some(Value::text("2024-03-01 06:30:00")),
        "UTC, from the JSON"
    );
    let Properties::Typed(map) = &node.properties else {
        panic!("bytes make it typed");
    };
    assert_eq!(map.get("picture"), Some(&Value::Bytes(vec![0, 255])));
    assert_eq!(map.get("id"), Some(&Value::text("m1")));
    let Record::Relationship(r) = &read[2] else {
        panic!("a relationship");
    };
    assert_eq!(r.row.valid_from, None, "what had to be made up is left out");
    assert!(written[2].matches(&now[2]), "{:?}", read[2]);
    let conn = Connection::open(&path).unwrap();
    let text: String = conn
        .query_row(
            "SELECT properties FROM relationships WHERE id = 'r1'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(
        text,
        "{\"strength\": 0.5, \"valid_from\": \"2024-01-01T00:00:00+00:00\", \
         \"recorded_at\": \"2024-01-02T00:00:00+00:00\", \
         \"valid_until\": \"2024-01-03T00:00:00+00:00\", \
         \"invalidated_by\": null, \"id\": \"r1\"}"
    );
}

#[tokio::test]
async fn layouts_that_cannot_be_a_target_say_so() {
    for name in [
        "python-0.8.3.db",
        "python-0.8-half-migrated.db",
        "typescript-0.13.db",
        "hybrid-python-first.db",
    ] {
        let (folder, path) = copied(name);
        let before = trace(folder.path());
        let error = store(&path).prepare().await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UnknownLayout, "{name}");
        assert!(error.what_to_do().unwrap().contains("new file"), "{name}");
        let request = WriteRequest {
            mode: WriteMode::Transaction,
            run: "r".into(),
            origin: None,
        };
        assert!(store(&path).writer(&request).await.is_err());
        assert_eq!(trace(folder.path()), before);
    }
}

#[tokio::test]
async fn an_existing_file_keeps_what_its_types_would_change_out() {
    let (_folder, path) = copied("export-source.db");
    let odd = read(&fixture("null-and-blob-ids.db")).await;
    let number = odd.iter().find(|r| *r.key() == Key::Id(Value::Int(7)));
    let mut writer = open_writer(&path).await;
    let batch = additions(1, std::slice::from_ref(number.unwrap()));
    let error = writer.apply(&batch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("column id"), "{error}");
    // Bytes, and rows that have no id any more, fit.
    let fit: Vec<_> = odd
        .iter()
        .filter(|r| {
            matches!(r.key(), Key::Derived(_) | Key::Id(Value::Bytes(_))) && r.kind() == Kind::Node
        })
        .take(2)
        .cloned()
        .collect();
    assert_eq!(
        writer.apply(&additions(2, &fit)).await.unwrap(),
        Applied::Done
    );
    assert_eq!(
        writer.apply(&additions(2, &fit)).await.unwrap(),
        Applied::Done
    );
}

#[tokio::test]
async fn a_name_that_leaves_no_room_for_longer_ones_is_refused() {
    let (folder, path) = copied("export-source.db");
    for length in [247, 248, 255, 300] {
        let long = folder.path().join("x".repeat(length));
        let there = std::fs::copy(&path, &long).is_ok();
        if length == 247 {
            assert!(there && store(&long).describe().await.unwrap().exists);
            continue;
        }
        let address = Address::parse(&format!("sqlite:{}", long.display())).unwrap();
        let error = crate::store::registry::open(&address).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage, "{length}: {error}");
        assert!(error.what_to_do().unwrap().contains("247"));
    }
}

#[tokio::test]
async fn null_is_no_key_to_write_under() {
    let (_folder, path) = copied("export-source.db");
    let before = read(&path).await;
    let mut writer = open_writer(&path).await;
    let record = Record::Node(Node {
        key: Key::Id(Value::Null),
        labels: vec!["Memory".into()],
        properties: Properties::Stored(Value::text("{}")),
        row: Row::default(),
    });
    let batch = additions(1, std::slice::from_ref(&record));
    let error = writer.apply(&batch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    drop(writer);
    assert_eq!(read(&path).await.len(), before.len());
}

#[tokio::test]
async fn rows_without_an_id_are_found_by_their_content() {
    let (_folder, path) = copied("null-and-blob-ids.db");
    let old = read(&path).await;
    let derived: Vec<_> = old
        .iter()
        .filter(|r| r.kind() == Kind::Node && matches!(r.key(), Key::Derived(_)))
        .collect();
    assert_eq!(derived.len(), 3);
    let mut writer = open_writer(&path).await;
    let key = derived[0].key().clone();
    let shown = Key::text(key.display());
    let found = writer
        .find(Kind::Node, &[key.clone(), shown])
        .await
        .unwrap();
    assert!(found.iter().all(Option::is_some));
    let remove = Batch {
        seq: 1,
        changes: vec![Change {
            kind: Kind::Node,
            key: key.clone(),
            before: Some(Canon::new().digest(derived[0])),
            after: None,
        }]
        .into(),
    };
    for _ in 0..2 {
        assert_eq!(writer.apply(&remove).await.unwrap(), Applied::Done);
    }
    writer.publish().await.unwrap();
    assert_eq!(read(&path).await.len(), old.len() - 1);
}

#[tokio::test]
async fn an_empty_target_gets_its_tables_and_indexes_inside_the_transaction() {
    let records = read(&fixture("export-source.db")).await;
    let (folder, path) = copied("empty-file.db");
    let store = store(&path);
    let prepared = store.prepare().await.unwrap();
    assert_eq!(prepared.mode, WriteMode::Transaction);
    assert!(prepared.empty);
    write(&path, &records).await;
    let expected = schema(&fixture("export-source.db"));
    assert_eq!(schema(&path), expected);
    assert_eq!(digests(&read(&path).await), digests(&records));
    // A store whose rows were deleted: the indexes are its own, in whatever order.
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "DELETE FROM relationships; DELETE FROM nodes;
             CREATE UNIQUE INDEX mine ON nodes(properties);
             CREATE INDEX \"odd \"\" name\" ON nodes(updated_at)",
        )
        .unwrap();
    let mut before = schema(&path);
    assert!(store.prepare().await.unwrap().empty);
    write(&path, &records).await;
    let mut after = schema(&path);
    before.sort();
    after.sort();
    assert_eq!(after, before);
    assert_eq!(digests(&read(&path).await), digests(&records));
    assert_eq!(check_integrity(&path), "ok");
    drop(folder);
}
