//! Publishing: never over anything, and for good.

use crate::help::*;
use crate::{S, behaviors};
use memferry::error::ErrorKind;
use memferry::store::Applied;
use std::os::unix::fs::{MetadataExt as _, symlink};

behaviors! { "publishing";
    one_way:
        reading_is_refused_in_plain_words;
    always:
        publishing_is_durable_across_opening_again;
    target_aside:
        publishing_never_replaces_what_appeared_meanwhile,
        a_refused_publish_can_be_cleaned_up,
        nothing_is_seen_before_publishing,
        what_was_applied_is_read_while_it_is_completed;
    target_absent_file:
        publishing_never_replaces_a_folder,
        publishing_never_replaces_a_dangling_link,
        a_missing_folder_is_refused,
        nothing_is_left_beside_a_published_file,
        a_new_file_is_as_open_as_others_here,
        what_is_not_published_is_private;
}

async fn publishing_never_replaces_what_appeared_meanwhile(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    writer.complete().await.unwrap();
    site.occupy();
    let theirs = site.bytes();
    let error = writer.publish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.what_to_do().is_some());
    assert_eq!(site.bytes(), theirs);
    drop(writer);
    assert_eq!(site.bytes(), theirs);
}

async fn a_refused_publish_can_be_cleaned_up(subject: S) {
    let site = subject.site().await;
    let run = run_name();
    let mut writer = writer_soon(&site.store(), subject.mode(), &run).await;
    apply_all(&mut *writer, &few(), 500).await;
    site.occupy();
    let names: usize = 1;
    let theirs = site.bytes();
    assert!(writer.publish().await.is_err());
    writer.abandon().await.unwrap();
    drop(writer);
    site.store().discard(&run).await.unwrap();
    assert_eq!(site.bytes(), theirs);
    if let Some(path) = site.path() {
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, names);
    }
}

async fn nothing_is_seen_before_publishing(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 3).await;
    writer.complete().await.unwrap();
    assert!(site.bytes().is_none());
    assert!(!site.store().describe().await.unwrap().exists);
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    assert!(site.bytes().is_some());
}

async fn what_was_applied_is_read_while_it_is_completed(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let (records, mut writer) = (memories(0..1500), writer(&*store).await);
    apply_all(&mut *writer, &records, 500).await;
    let Some(mut applied) = writer.applied().await.unwrap() else {
        // Then it is no picture of the half of it either.
        writer.complete().await.unwrap();
        return;
    };
    let (seen, completed) = tokio::join!(picture_of(&mut *applied), writer.complete());
    completed.unwrap();
    seen.unwrap().assert_same(&Picture::of(&records));
    picture_of(&mut *applied)
        .await
        .unwrap()
        .assert_same(&Picture::of(&records));
    drop(applied);
    publish(writer).await;
    look(&*site.store())
        .await
        .assert_same(&Picture::of(&records));
}

async fn publishing_never_replaces_a_folder(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    std::fs::create_dir(path).unwrap();
    assert!(writer.publish().await.is_err());
    drop(writer);
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
}

async fn publishing_never_replaces_a_dangling_link(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    symlink("nowhere", path).unwrap();
    let _ = writer.publish().await;
    drop(writer);
    let link = std::fs::read_link(path).expect("the link is still a link");
    assert_eq!(link.to_str(), Some("nowhere"));
}

async fn a_missing_folder_is_refused(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    let path = path.with_file_name("no such folder").join("store");
    let address = memferry::store::Address::file(subject.descriptor(), &path).unwrap();
    let store = memferry::store::registry::open(&address).unwrap();
    assert!(!store.describe().await.is_ok_and(|d| d.exists));
    let before = site.trace();
    let answer = async {
        let request = request(&*store, &run_name()).await?;
        store.writer(&request).await.map(drop)
    };
    let error = answer.await.expect_err("there is no folder to write in");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(site.trace(), before, "and none is made");
}

async fn a_new_file_is_as_open_as_others_here(subject: S) {
    let site = filled(&*subject).await;
    let path = site.path().unwrap();
    let other = path.with_file_name("other");
    std::fs::write(&other, "").unwrap();
    let [mode, usual] = [path, &other].map(|p| std::fs::metadata(p).unwrap().mode());
    assert_eq!(
        mode & !usual & 0o666,
        0,
        "{mode:o} where {usual:o} is usual"
    );
    assert_eq!(mode & 0o600, 0o600);
}

async fn what_is_not_published_is_private(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    writer.complete().await.unwrap();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let (name, meta) = entry
            .map(|e| (e.file_name(), e.metadata().unwrap()))
            .unwrap();
        assert_eq!(meta.mode() & 0o077, 0, "{name:?} {:o}", meta.mode());
    }
    writer.abandon().await.unwrap();
}

async fn nothing_is_left_beside_a_published_file(subject: S) {
    let site = filled(&*subject).await;
    let folder = site.path().unwrap().parent().unwrap();
    let names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, [site.path().unwrap().file_name().unwrap()]);
}

async fn publishing_is_durable_across_opening_again(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let mut all = few();
    write(&*site.store(), &all).await;
    let mut expected = before.with(&all);
    if crate::subject::when::changeable(&*subject) {
        for n in 1..4 {
            all = memories(n * 100..n * 100 + 50);
            write(&*site.store(), &all).await;
            expected = expected.with(&all);
            look(&*site.store()).await.assert_same(&expected);
        }
    }
    look(&*site.store()).await.assert_same(&expected);
}

async fn reading_is_refused_in_plain_words(subject: S) {
    let site = filled(&*subject).await;
    assert!(site.store().describe().await.unwrap().exists);
    let before = site.trace();
    let how = memferry::store::Consistency::InPlace;
    let error = site.store().snapshot(how).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.what_to_do().is_some() && !error.is_temporary());
    assert_eq!(site.trace(), before);
}
