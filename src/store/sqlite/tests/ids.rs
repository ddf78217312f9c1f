//! Ids that come twice in a new file, whose indexes are made last.

use super::*;

fn titles(records: &[Record]) -> Vec<String> {
    let title = |r: &Record| format!("{} {:?}", r.key().display(), r.properties());
    records.iter().map(title).collect()
}

async fn finish(mut writer: Box<dyn Writer>) {
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
}

#[tokio::test]
async fn another_record_under_a_known_id_conflicts_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let mut writer = open_writer(&path).await;
    let first = [node("a", "A"), node("b", "B")];
    let more = [node("c", "C"), node("b", "other"), node("d", "D")];
    assert_eq!(
        writer.apply(&additions(1, &first)).await.unwrap(),
        Applied::Done
    );
    let answer = writer.apply(&additions(2, &more)).await.unwrap();
    assert_eq!(answer, Applied::Conflict(vec![1]));
    assert_eq!(
        writer.apply(&additions(3, &more[2..])).await.unwrap(),
        Applied::Done
    );
    finish(writer).await;
    let expected = [first[0].clone(), first[1].clone(), more[2].clone()];
    assert_eq!(titles(&read(&path).await), titles(&expected));
    assert_eq!(check_integrity(&path), "ok");
    assert_eq!(schema(&path), schema(&fixture("export-source.db")));
}

#[tokio::test]
async fn a_new_file_is_searched_before_its_indexes_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let mut writer = open_writer(&path).await;
    let records = [node("a", "A"), node("b", "B")];
    writer.apply(&additions(1, &records)).await.unwrap();
    let keys = [Key::text("b"), Key::text("z")];
    let found = writer.find(Kind::Node, &keys).await.unwrap();
    assert!(
        found[0]
            .as_ref()
            .is_some_and(|b| b.is_identical(&records[1]))
    );
    assert!(found[1].is_none());
    writer
        .apply(&additions(2, &[node("z", "Z")]))
        .await
        .unwrap();
    finish(writer).await;
    assert_eq!(read(&path).await.len(), 3);
    assert_eq!(schema(&path), schema(&fixture("export-source.db")));
}

#[tokio::test]
async fn ids_that_only_sqlite_takes_for_the_same_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let mut writer = open_writer(&path).await;
    let with = |id| match node("x", "X") {
        Record::Node(n) => Record::Node(Node {
            key: Key::Id(id),
            ..n
        }),
        other => other,
    };
    let records = [with(Value::Int(7)), with(Value::Float(7.0))];
    assert_eq!(
        writer.apply(&additions(1, &records)).await.unwrap(),
        Applied::Done
    );
    let error = writer.complete().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(format!("{error:?}").contains('7'), "{error:?}");
    assert!(writer.publish().await.is_err());
    writer.abandon().await.unwrap();
    assert!(trace(folder.path()).len() == 1, "only the folder itself");
}
