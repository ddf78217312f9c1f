//! Undo: the inverse of a batch restores exactly what was there, and refuses what
//! somebody else changed since.

use crate::help::*;
use crate::{S, behaviors};
use memferry::error::ErrorKind;
use memferry::model::Key;
use memferry::store::{Applied, Change, Fingerprint, Writer};

behaviors! { "undoing";
    changeable:
        undo_works_after_the_run_has_ended,
        undo_after_the_run_refuses_what_others_changed;
    aside:
        what_a_run_published_can_be_removed;
    target:
        removing_what_is_not_there_is_no_success;
    target_aside:
        removing_refuses_when_somebody_wrote_since,
        removing_leaves_the_neighbours;
    always:
        the_inverse_of_a_batch_restores_everything,
        the_inverse_twice_is_the_same_as_once,
        undo_names_exactly_what_changed_since,
        batches_are_undone_from_the_last_to_the_first;
}

/// Applies changes, and gives what undoes them: made from what the store held before.
async fn apply_with_undo(writer: &mut dyn Writer, seq: u64, changes: Vec<Change>) -> Vec<Change> {
    let mut undo = Vec::new();
    for change in &changes {
        let found = writer.find(change.kind, std::slice::from_ref(&change.key));
        let found = found.await.unwrap().remove(0);
        undo.push(Change {
            kind: change.kind,
            key: change.key.clone(),
            before: change.after.as_ref().map(digest),
            after: found,
        });
    }
    undo.reverse();
    assert_eq!(
        writer.apply(&batch(seq, changes)).await.unwrap(),
        Applied::Done
    );
    undo
}

/// Additions, changes, removals of both kinds.
fn mixed_changes() -> Vec<Change> {
    let mut changes = vec![
        changing(&memories(1..2)[0], memory("m1", "overwritten")),
        removing(&chain(2..3)[0]),
        changing(&chain(3..4)[0], relationship("r3", "m0", "m9")),
        removing(&chain(4..5)[0]),
    ];
    changes.extend(adding(&memories(20..25)));
    changes.extend(adding(&[relationship("new", "m20", "m1")]));
    changes
}

async fn picture(writer: &mut dyn Writer) -> Picture {
    let mut snapshot = writer.snapshot().await.unwrap();
    picture_of(&mut *snapshot).await.unwrap()
}

async fn the_inverse_of_a_batch_restores_everything(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let before = picture(&mut *writer).await;
    let undo = apply_with_undo(&mut *writer, 2, mixed_changes()).await;
    let changed = picture(&mut *writer).await;
    assert_ne!(before.records, changed.records);
    assert_eq!(writer.apply(&batch(3, undo)).await.unwrap(), Applied::Done);
    let after = picture(&mut *writer).await;
    assert_eq!(after.records, before.records, "digests, rows included");
    writer.abandon().await.unwrap();
}

async fn the_inverse_twice_is_the_same_as_once(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let before = picture(&mut *writer).await;
    let undo = apply_with_undo(&mut *writer, 2, mixed_changes()).await;
    let undo = batch(3, undo);
    for _ in 0..2 {
        assert_eq!(writer.apply(&undo).await.unwrap(), Applied::Done);
    }
    assert_eq!(picture(&mut *writer).await.records, before.records);
    writer.abandon().await.unwrap();
}

async fn batches_are_undone_from_the_last_to_the_first(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let mut pictures = vec![picture(&mut *writer).await];
    let mut undos = Vec::new();
    let mut now = memories(1..2).remove(0);
    for n in 0..4 {
        let next = memory("m1", &format!("version {n}"));
        let mut changes = vec![changing(&now, next.clone())];
        changes.extend(adding(&memories(30 + n..31 + n)));
        undos.push(apply_with_undo(&mut *writer, n as u64 + 2, changes).await);
        pictures.push(picture(&mut *writer).await);
        now = next;
    }
    for (n, undo) in undos.into_iter().enumerate().rev() {
        assert_eq!(writer.apply(&batch(9, undo)).await.unwrap(), Applied::Done);
        assert_eq!(picture(&mut *writer).await.records, pictures[n].records);
    }
    writer.abandon().await.unwrap();
}

async fn undo_names_exactly_what_changed_since(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let undo = apply_with_undo(&mut *writer, 2, adding(&memories(20..26))).await;
    // Somebody changes one, and removes another, which is as undo would leave it.
    let theirs = vec![
        changing(&memories(22..23)[0], memory("m22", "theirs")),
        removing(&memories(24..25)[0]),
    ];
    assert_eq!(
        writer.apply(&batch(3, theirs)).await.unwrap(),
        Applied::Done
    );
    let before = picture(&mut *writer).await;
    let position = undo.iter().position(|c| c.key == Key::text("m22")).unwrap();
    let undo = batch(4, undo);
    let answer = writer.apply(&undo).await.unwrap();
    assert_eq!(answer, Applied::Conflict(vec![position]));
    assert_eq!(picture(&mut *writer).await.records, before.records);
    writer.abandon().await.unwrap();
}

async fn undo_works_after_the_run_has_ended(subject: S) {
    let site = filled(&*subject).await;
    let before = look(&*site.store()).await;
    let undo = {
        let store = site.store();
        let mut writer = writer(&*store).await;
        let undo = apply_with_undo(&mut *writer, 1, mixed_changes()).await;
        publish(writer).await;
        undo
    };
    assert_eq!(change(&*site.store(), undo).await, Applied::Done);
    let after = look(&*site.store()).await;
    assert_eq!(after.records, before.records, "digests, rows included");
}

async fn undo_after_the_run_refuses_what_others_changed(subject: S) {
    let site = filled(&*subject).await;
    let undo = {
        let store = site.store();
        let mut writer = writer(&*store).await;
        let undo = apply_with_undo(&mut *writer, 1, mixed_changes()).await;
        publish(writer).await;
        undo
    };
    let theirs = changing(&memory("m1", "overwritten"), memory("m1", "theirs"));
    assert_eq!(change(&*site.store(), vec![theirs]).await, Applied::Done);
    let before = look(&*site.store()).await;
    let position = undo.iter().position(|c| c.key == Key::text("m1")).unwrap();
    let answer = change(&*site.store(), undo).await;
    assert_eq!(answer, Applied::Conflict(vec![position]));
    let after = look(&*site.store()).await;
    assert_eq!(after.records, before.records);
}

async fn what_a_run_published_can_be_removed(subject: S) {
    let site = filled(&*subject).await;
    let fingerprint = site.store().fingerprint().await.unwrap();
    site.store().remove(&fingerprint).await.unwrap();
    assert!(!site.store().describe().await.unwrap().exists);
    assert!(site.bytes().is_none());
    // And the place can be used again.
    write(&*site.store(), &few()).await;
    look(&*site.store()).await.assert_same(&Picture::of(&few()));
}

async fn removing_refuses_when_somebody_wrote_since(subject: S) {
    let site = filled(&*subject).await;
    for stale in [Fingerprint("stale".to_owned()), Fingerprint(String::new())] {
        let before = site.trace();
        let error = site.store().remove(&stale).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(site.trace(), before);
    }
    let fingerprint = site.store().fingerprint().await.unwrap();
    site.occupy();
    let before = site.bytes();
    let error = site.store().remove(&fingerprint).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(site.bytes(), before);
}

async fn removing_leaves_the_neighbours(subject: S) {
    let site = filled(&*subject).await;
    let Some(path) = site.path() else { return };
    let neighbours = ["other.db", "a store", ".hidden", "a store.bak"];
    for name in neighbours {
        std::fs::write(path.with_file_name(name), name).unwrap();
    }
    let fingerprint = site.store().fingerprint().await.unwrap();
    site.store().remove(&fingerprint).await.unwrap();
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, neighbours.len());
}

async fn removing_what_is_not_there_is_no_success(subject: S) {
    let site = subject.site().await;
    let before = site.trace();
    let stale = Fingerprint("never was".to_owned());
    assert!(site.store().remove(&stale).await.is_err());
    assert_eq!(site.trace(), before);
}
