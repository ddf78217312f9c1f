//! Batches: what they add, change and remove, what they refuse, and that a batch twice
//! is the same as once.

use crate::help::*;
use crate::{S, behaviors};
use memferry::error::ErrorKind;
use memferry::model::{Key, Kind, Record};
use memferry::store::{Applied, WriteMode, WriteRequest};

behaviors! { "writing";
    always:
        what_is_published_is_there_for_everyone,
        a_batch_twice_is_the_same_as_once,
        a_batch_twice_with_changes_is_the_same_as_once,
        an_overwrite_replaces_the_whole_record,
        a_removal_removes_only_that,
        what_is_removed_can_be_added_again,
        a_run_without_records_publishes,
        a_large_batch_is_done,
        a_node_and_a_relationship_may_share_an_id,
        a_relationship_can_change_its_ends_and_type,
        a_conflict_leaves_the_whole_batch_undone,
        the_writer_sees_its_own_writes,
        indexes_do_not_change_content;
    changeable:
        a_second_run_goes_on_from_the_first;
    target:
        an_empty_batch_is_done,
        finding_keeps_the_order_asked,
        finding_nothing_is_no_error,
        finding_many_at_once,
        finding_sees_what_was_just_written,
        adding_what_is_there_with_other_content_is_a_conflict,
        changing_what_is_not_there_is_a_conflict,
        removing_what_changed_is_a_conflict,
        a_conflict_names_exactly_its_changes,
        the_wrong_mode_is_refused;
}

async fn what_is_published_is_there_for_everyone(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    write(&*site.store(), &few()).await;
    let expected = before.with(&few());
    look(&*site.store()).await.assert_same(&expected);
}

async fn a_batch_twice_is_the_same_as_once(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let batch = batch(1, adding(&few()));
    for _ in 0..3 {
        assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
    }
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&few()));
}

async fn a_batch_twice_with_changes_is_the_same_as_once(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let (new, other) = (memory("m3", "changed"), relationship("r5", "m9", "m0"));
    let changes = vec![
        changing(&memories(3..4)[0], new.clone()),
        removing(&chain(4..5)[0]),
        changing(&chain(5..6)[0], other.clone()),
    ];
    let changes = batch(2, changes);
    for _ in 0..2 {
        assert_eq!(writer.apply(&changes).await.unwrap(), Applied::Done);
    }
    publish(writer).await;
    let mut left = few();
    left.retain(|r| r.key() != &Key::text("r4"));
    look(&*store)
        .await
        .assert_same(&before.with(&left).with(&[new, other]));
}

async fn an_overwrite_replaces_the_whole_record(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let mut first = memory("m1", "first");
    if let Record::Node(node) = &mut first {
        node.properties = memferry::model::Properties::Typed(map([
            ("id", text("m1")),
            ("only_before", text("must not stay")),
            ("title", text("t")),
        ]));
    }
    let second = memory("m1", "second");
    apply_all(&mut *writer, &[first.clone()], 1).await;
    let over = batch(2, vec![changing(&first, second.clone())]);
    assert_eq!(writer.apply(&over).await.unwrap(), Applied::Done);
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&[second]));
}

async fn a_removal_removes_only_that(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let gone = ["r0", "r1", "m0"];
    let removals: Vec<_> = few()
        .iter()
        .filter(|r| gone.contains(&r.key().display().as_str()))
        .map(removing)
        .rev()
        .collect();
    assert_eq!(removals.len(), 3);
    assert_eq!(
        writer.apply(&batch(2, removals)).await.unwrap(),
        Applied::Done
    );
    publish(writer).await;
    let mut left = few();
    left.retain(|r| !gone.contains(&r.key().display().as_str()));
    look(&*store).await.assert_same(&before.with(&left));
}

async fn what_is_removed_can_be_added_again(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let all = memories(0..3);
    apply_all(&mut *writer, &all, 9).await;
    let away = batch(2, all.iter().map(removing).collect());
    assert_eq!(writer.apply(&away).await.unwrap(), Applied::Done);
    assert_eq!(
        writer.apply(&batch(3, adding(&all))).await.unwrap(),
        Applied::Done
    );
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&all));
}

async fn an_empty_batch_is_done(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    assert_eq!(
        writer.apply(&batch(1, Vec::new())).await.unwrap(),
        Applied::Done
    );
    writer.abandon().await.unwrap();
}

async fn a_run_without_records_publishes(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    write(&*site.store(), &[]).await;
    assert!(site.store().describe().await.unwrap().exists);
    look(&*site.store()).await.assert_same(&before);
}

async fn a_large_batch_is_done(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let all = memories(0..5_000);
    apply_all(&mut *writer, &all, 5_000).await;
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&all));
}

async fn finding_keeps_the_order_asked(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let asked = ["m7", "absent", "m0", "m9", "", "m3", "also absent"];
    let keys: Vec<Key> = asked.iter().map(|k| Key::text(*k)).collect();
    let found = writer.find(Kind::Node, &keys).await.unwrap();
    assert_eq!(found.len(), keys.len());
    for (name, found) in asked.iter().zip(&found) {
        let expected = name.strip_prefix('m').and_then(|n| n.parse::<usize>().ok());
        match expected {
            Some(n) => {
                let found = digest(found.as_ref().expect(name));
                assert!(found.matches(&digest(&memories(n..n + 1)[0])), "{name}");
            }
            None => assert!(found.is_none(), "{name}"),
        }
    }
    let relationships = writer
        .find(Kind::Relationship, &["r4", "m4"].map(Key::text))
        .await;
    let relationships = relationships.unwrap();
    assert!(relationships[0].is_some() && relationships[1].is_none());
    writer.abandon().await.unwrap();
}

async fn finding_nothing_is_no_error(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    for kind in Kind::BOTH {
        assert_eq!(writer.find(kind, &[]).await.unwrap().len(), 0);
        assert!(writer.find(kind, &[Key::text("x")]).await.unwrap()[0].is_none());
    }
    writer.abandon().await.unwrap();
}

async fn finding_many_at_once(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let all = memories(0..3_000);
    apply_all(&mut *writer, &all, 1_000).await;
    let keys: Vec<Key> = all.iter().rev().map(|r| r.key().clone()).collect();
    let found = writer.find(Kind::Node, &keys).await.unwrap();
    assert!(
        found
            .iter()
            .zip(&keys)
            .all(|(r, k)| r.as_ref().is_some_and(|r| r.key() == k))
    );
    writer.abandon().await.unwrap();
}

async fn finding_sees_what_was_just_written(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let key = [Key::text("m5")];
    let first = memories(5..6);
    apply_all(&mut *writer, &first, 1).await;
    let found = writer.find(Kind::Node, &key).await.unwrap();
    assert!(digest(found[0].as_ref().unwrap()).matches(&digest(&first[0])));
    let second = memory("m5", "second");
    writer
        .apply(&batch(2, vec![changing(&first[0], second.clone())]))
        .await
        .unwrap();
    let found = writer.find(Kind::Node, &key).await.unwrap();
    assert!(digest(found[0].as_ref().unwrap()).matches(&digest(&second)));
    writer
        .apply(&batch(3, vec![removing(&second)]))
        .await
        .unwrap();
    assert!(writer.find(Kind::Node, &key).await.unwrap()[0].is_none());
    writer.abandon().await.unwrap();
}

async fn a_node_and_a_relationship_may_share_an_id(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let mut all = memories(0..2);
    all.push(relationship("m0", "m0", "m1"));
    write(&*site.store(), &all).await;
    look(&*site.store()).await.assert_same(&before.with(&all));
}

async fn a_relationship_can_change_its_ends_and_type(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let mut turned = relationship("r2", "m8", "m1");
    if let Record::Relationship(r) = &mut turned {
        r.rel_type = "CONTRADICTS".into();
    }
    let turn = batch(2, vec![changing(&chain(2..3)[0], turned.clone())]);
    assert_eq!(writer.apply(&turn).await.unwrap(), Applied::Done);
    publish(writer).await;
    look(&*store)
        .await
        .assert_same(&before.with(&few()).with(&[turned]));
}

async fn adding_what_is_there_with_other_content_is_a_conflict(subject: S) {
    conflicts(subject, adding(&[memory("m2", "other content")])).await;
}

async fn changing_what_is_not_there_is_a_conflict(subject: S) {
    let absent = memory("absent", "before");
    conflicts(subject, vec![changing(&absent, memory("absent", "after"))]).await;
}

async fn removing_what_changed_is_a_conflict(subject: S) {
    conflicts(subject, vec![removing(&memory("m2", "as it was long ago"))]).await;
}

async fn conflicts(subject: S, changes: Vec<memferry::store::Change>) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let answer = writer.apply(&batch(2, changes)).await.unwrap();
    assert_eq!(answer, Applied::Conflict(vec![0]));
    writer.abandon().await.unwrap();
}

async fn a_conflict_names_exactly_its_changes(subject: S) {
    let site = subject.site().await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let changes = vec![
        changing(&memories(0..1)[0], memory("m0", "fine")),
        changing(&memory("m1", "never was"), memory("m1", "wrong")),
        adding(&memories(50..51)).remove(0),
        removing(&memory("absent", "is gone already, as it should")),
        adding(&[memory("m4", "is there with other content")]).remove(0),
        removing(&relationship("r3", "m3", "m7")),
        changing(
            &relationship("none", "m0", "m1"),
            relationship("none", "m1", "m0"),
        ),
    ];
    let answer = writer.apply(&batch(2, changes)).await.unwrap();
    assert_eq!(answer, Applied::Conflict(vec![1, 4, 5, 6]));
    writer.abandon().await.unwrap();
}

async fn a_conflict_leaves_the_whole_batch_undone(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    let mut changes = adding(&memories(100..200));
    changes.push(changing(&memories(0..1)[0], memory("m0", "must not stay")));
    changes.extend(adding(&[memory("m4", "in the way")]));
    let answer = writer.apply(&batch(2, changes)).await.unwrap();
    assert_eq!(answer, Applied::Conflict(vec![101]));
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&few()));
}

async fn the_wrong_mode_is_refused(subject: S) {
    let site = subject.site().await;
    let before = site.trace();
    for mode in [WriteMode::Aside, WriteMode::Transaction, WriteMode::Journal] {
        if mode == subject.mode() {
            continue;
        }
        let request = WriteRequest {
            mode,
            run: run_name(),
            origin: None,
        };
        let error = site.store().writer(&request).await.map(drop).unwrap_err();
        assert!(!error.is_temporary(), "{error}");
        let kinds = [
            ErrorKind::Refused,
            ErrorKind::Unsupported,
            ErrorKind::AlreadyExists,
            ErrorKind::NotFound,
            // Nobody asks for a mode that the store never has, but by a fault.
            ErrorKind::Internal,
        ];
        assert!(
            kinds.contains(&error.kind()),
            "{mode:?}: {:?}",
            error.kind()
        );
    }
    assert_eq!(site.trace(), before);
}

async fn the_writer_sees_its_own_writes(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 5).await;
    writer.complete().await.unwrap();
    let mut snapshot = writer.snapshot().await.unwrap();
    let expected = before.with(&few());
    picture_of(&mut *snapshot)
        .await
        .unwrap()
        .assert_same(&expected);
    let counts = snapshot.counts().await.unwrap();
    assert_eq!(counts.total() as usize, expected.records.len());
    snapshot.finish().await.unwrap();
    drop(snapshot);
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    drop(writer);
    look(&*store).await.assert_same(&expected);
}

async fn indexes_do_not_change_content(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    writer.complete().await.unwrap();
    writer.complete().await.unwrap();
    let found = writer.find(Kind::Node, &[Key::text("m1")]).await.unwrap();
    assert!(found[0].is_some());
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&few()));
}

async fn a_second_run_goes_on_from_the_first(subject: S) {
    let site = filled(&*subject).await;
    let first = look(&*site.store()).await;
    let prepared = site.store().prepare().await.unwrap();
    assert_ne!(prepared.mode, WriteMode::Aside);
    let more = memories(100..1_100);
    write(&*site.store(), &more).await;
    look(&*site.store()).await.assert_same(&first.with(&more));
}
