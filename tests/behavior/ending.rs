//! Runs that end early: dropped, cancelled within a call, abandoned, killed.

use crate::help::*;
use crate::{S, behaviors};
use memferry::store::{Applied, WriteMode};
use std::time::Duration;

behaviors! { "ending";
    always:
        a_writer_can_be_opened_after_one_was_dropped,
        a_writer_can_be_opened_after_one_was_abandoned,
        a_run_succeeds_after_one_was_killed,
        a_published_writer_dropped_keeps_what_it_wrote,
        abandoning_after_publishing_keeps_what_was_written;
    journal:
        a_cancelled_run_goes_on_behind_its_last_batch,
        a_killed_run_goes_on_behind_its_last_batch,
        an_abandoned_journal_keeps_what_was_acknowledged;
    target_unpublished:
        a_dropped_writer_leaves_the_target_as_it_was,
        a_writer_dropped_after_complete_leaves_the_target_as_it_was,
        a_call_cancelled_half_way_leaves_the_target_as_it_was,
        an_abandoned_writer_leaves_nothing_at_all,
        a_killed_run_leaves_the_target_as_it_was;
    target:
        discarding_what_is_not_there_is_no_error;
    target_aside:
        discarding_removes_what_a_killed_run_left,
        discarding_leaves_everything_else,
        discarding_is_for_that_run_only,
        discarding_after_publishing_keeps_the_store;
}

async fn a_dropped_writer_leaves_the_target_as_it_was(subject: S) {
    let site = subject.site().await;
    let (bytes, before) = (site.bytes(), look(&*site.store()).await);
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &memories(50..2_000), 300).await;
    drop(writer);
    soon(bytes, || site.bytes()).await;
    look(&*site.store()).await.assert_same(&before);
}

async fn a_writer_dropped_after_complete_leaves_the_target_as_it_was(subject: S) {
    let site = subject.site().await;
    let (bytes, before) = (site.bytes(), look(&*site.store()).await);
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &memories(50..100), 30).await;
    writer.complete().await.unwrap();
    drop(writer);
    soon(bytes, || site.bytes()).await;
    look(&*site.store()).await.assert_same(&before);
}

async fn a_call_cancelled_half_way_leaves_the_target_as_it_was(subject: S) {
    let site = subject.site().await;
    let (bytes, before) = (site.bytes(), look(&*site.store()).await);
    for micros in [0, 300, 3_000] {
        let run = run_name();
        let store = site.store();
        let mut writer = writer_soon(&store, subject.mode(), &run).await;
        let large = batch(1, adding(&memories(50..1_500)));
        let limit = Duration::from_micros(micros);
        let _ = tokio::time::timeout(limit, writer.apply(&large)).await;
        drop(writer);
        soon(bytes.clone(), || site.bytes()).await;
        site.store().discard(&run).await.unwrap();
    }
    look(&*site.store()).await.assert_same(&before);
}

async fn an_abandoned_writer_leaves_nothing_at_all(subject: S) {
    let site = subject.site().await;
    let names: Vec<String> = site.trace().into_keys().collect();
    let bytes = site.bytes();
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &memories(50..100), 10).await;
    writer.abandon().await.unwrap();
    drop(writer);
    soon(bytes, || site.bytes()).await;
    soon(names, || site.trace().into_keys().collect()).await;
}

async fn a_killed_run_leaves_the_target_as_it_was(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let run = run_name();
    site.killed_while_writing(&run, subject.mode(), 40).await;
    look(&*site.store()).await.assert_same(&before);
    site.store().discard(&run).await.unwrap();
    assert_eq!(
        site.store().describe().await.unwrap().exists,
        subject.exists()
    );
}

async fn a_writer_can_be_opened_after_one_was_dropped(subject: S) {
    let site = subject.site().await;
    let run = run_name();
    drop(writer_soon(&site.store(), subject.mode(), &run).await);
    // The same run again, as after a crash that nobody cleaned up behind.
    let mut writer = writer_soon(&site.store(), subject.mode(), &run).await;
    apply_all(&mut *writer, &few(), 500).await;
    publish(writer).await;
    assert!(look(&*site.store()).await.records.len() >= few().len());
}

async fn a_writer_can_be_opened_after_one_was_abandoned(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut first = writer(&*store).await;
    first.abandon().await.unwrap();
    // Not dropped yet: to abandon is to let go.
    let mode = store.prepare().await.unwrap().mode;
    let mut second = writer_soon(&store, mode, &run_name()).await;
    apply_all(&mut *second, &few(), 500).await;
    publish(second).await;
    drop(first);
    look(&*site.store()).await.assert_same(&before.with(&few()));
}

async fn a_run_succeeds_after_one_was_killed(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let run = run_name();
    site.killed_while_writing(&run, subject.mode(), 40).await;
    site.store().discard(&run).await.unwrap();
    let store = site.store();
    let mode = store.prepare().await.unwrap().mode;
    let mut writer = writer_soon(&store, mode, &run_name()).await;
    let all = memories(1_000..1_060);
    apply_all(&mut *writer, &all, 500).await;
    publish(writer).await;
    look(&*site.store()).await.assert_same(&before.with(&all));
}

async fn discarding_what_is_not_there_is_no_error(subject: S) {
    let site = subject.site().await;
    let before = site.trace();
    site.store().discard(&run_name()).await.unwrap();
    assert_eq!(site.trace(), before);
}

async fn a_published_writer_dropped_keeps_what_it_wrote(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    drop(writer);
    drop(store);
    look(&*site.store()).await.assert_same(&before.with(&few()));
}

async fn abandoning_after_publishing_keeps_what_was_written(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    let _ = writer.abandon().await;
    drop(writer);
    look(&*site.store()).await.assert_same(&before.with(&few()));
}

async fn discarding_removes_what_a_killed_run_left(subject: S) {
    let site = subject.site().await;
    let names: Vec<String> = site.trace().into_keys().collect();
    let run = run_name();
    site.killed_while_writing(&run, WriteMode::Aside, 40).await;
    assert!(site.bytes().is_none(), "unseen until it is published");
    for _ in 0..2 {
        site.store().discard(&run).await.unwrap();
        let left: Vec<String> = site.trace().into_keys().collect();
        assert_eq!(left, names);
    }
}

async fn discarding_leaves_everything_else(subject: S) {
    let site = subject.site().await;
    let Some(path) = site.path() else { return };
    let run = run_name();
    let name = path.file_name().unwrap().to_str().unwrap();
    for neighbour in [
        format!("{name}.bak"),
        format!(".{name}.swp"),
        format!(".{name}.memferry"),
        format!(".other.memferry-{run}"),
        format!("{name}.memferry-{run}x"),
        run.clone(),
    ] {
        std::fs::write(path.with_file_name(neighbour), "mine").unwrap();
    }
    let names: Vec<String> = site.trace().into_keys().collect();
    site.killed_while_writing(&run, WriteMode::Aside, 40).await;
    site.store().discard(&run).await.unwrap();
    let left: Vec<String> = site.trace().into_keys().collect();
    assert_eq!(left, names);
}

async fn discarding_is_for_that_run_only(subject: S) {
    let site = subject.site().await;
    let (one, other) = (run_name(), run_name());
    site.killed_while_writing(&one, WriteMode::Aside, 40).await;
    let before = site.trace();
    site.store().discard(&other).await.unwrap();
    assert_eq!(site.trace(), before);
}

async fn discarding_after_publishing_keeps_the_store(subject: S) {
    let site = subject.site().await;
    let run = run_name();
    let mut writer = writer_soon(&site.store(), WriteMode::Aside, &run).await;
    apply_all(&mut *writer, &few(), 500).await;
    publish(writer).await;
    let before = site.bytes();
    site.store().discard(&run).await.unwrap();
    assert_eq!(site.bytes(), before);
}

async fn a_cancelled_run_goes_on_behind_its_last_batch(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let all = memories(0..30);
    let run = run_name();
    let mut writer = writer_soon(&site.store(), WriteMode::Journal, &run).await;
    apply_all(&mut *writer, &all[..10], 10).await;
    // The second batch: whether it was done is not known.
    let second = batch(2, adding(&all[10..20]));
    let _ = tokio::time::timeout(Duration::ZERO, writer.apply(&second)).await;
    drop(writer);
    let mut writer = writer_soon(&site.store(), WriteMode::Journal, &run).await;
    assert_eq!(writer.apply(&second).await.unwrap(), Applied::Done);
    let third = batch(3, adding(&all[20..]));
    assert_eq!(writer.apply(&third).await.unwrap(), Applied::Done);
    publish(writer).await;
    look(&*site.store()).await.assert_same(&before.with(&all));
}

async fn a_killed_run_goes_on_behind_its_last_batch(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let run = run_name();
    site.killed_while_writing(&run, WriteMode::Journal, 20)
        .await;
    let all = memories(1_000..1_040);
    let mut writer = writer_soon(&site.store(), WriteMode::Journal, &run).await;
    apply_all(&mut *writer, &all, 10).await;
    publish(writer).await;
    look(&*site.store()).await.assert_same(&before.with(&all));
}

async fn an_abandoned_journal_keeps_what_was_acknowledged(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 5).await;
    writer.abandon().await.unwrap();
    drop(writer);
    look(&*site.store()).await.assert_same(&before.with(&few()));
}
