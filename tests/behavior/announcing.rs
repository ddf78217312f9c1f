//! What is announced is made ready ahead of its turn: that changes nothing in what is
//! written, whatever comes instead or in between.

use crate::help::*;
use crate::{S, behaviors};
use memferry::model::Record;
use memferry::store::{Applied, Batch, Writer};

behaviors! { "announcing";
    always:
        what_is_announced_is_written_as_any_other,
        another_batch_than_the_announced_is_written_as_it_is,
        what_stands_in_the_way_of_the_announced_is_met,
        what_is_announced_and_never_comes_is_not_written,
        ends_that_come_after_the_announcement_are_found;
}

/// Announces one behind the other, as far ahead as the engine does, and applies each.
async fn apply_announced(writer: &mut dyn Writer, batches: &[Batch]) {
    for (at, batch) in batches.iter().enumerate() {
        if at == 0 {
            writer.announce(&batch.changes);
        }
        if let Some(next) = batches.get(at + 1) {
            writer.announce(&next.changes);
        }
        assert_eq!(writer.apply(batch).await.unwrap(), Applied::Done);
    }
}

fn batches(records: &[Record], rows: usize) -> Vec<Batch> {
    let parts = records.chunks(rows).enumerate();
    parts
        .map(|(at, part)| batch(at as u64 + 1, adding(part)))
        .collect()
}

async fn what_is_announced_is_written_as_any_other(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    // One of the batches holds both kinds.
    let all = few();
    let batches = batches(&all, 4);
    for _ in 0..2 {
        apply_announced(&mut *writer, &batches).await;
    }
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&all));
}

async fn another_batch_than_the_announced_is_written_as_it_is(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let announced = batch(1, adding(&memories(0..6)));
    let mut other = memories(2..8);
    other[1] = memory("m3", "not what was announced");
    let kept = batch(2, adding(&memories(8..10)));
    for batch in [&announced, &kept, &announced, &announced] {
        writer.announce(&batch.changes);
    }
    let instead = batch(1, adding(&other));
    assert_eq!(writer.apply(&instead).await.unwrap(), Applied::Done);
    assert_eq!(writer.apply(&kept).await.unwrap(), Applied::Done);
    publish(writer).await;
    other.extend(memories(8..10));
    look(&*store).await.assert_same(&before.with(&other));
}

async fn what_stands_in_the_way_of_the_announced_is_met(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    let announced = batch(2, adding(&memories(0..6)));
    writer.announce(&announced.changes);
    let there = [memory("m4", "something else"), memories(1..2).remove(0)];
    let first = batch(1, adding(&there));
    assert_eq!(writer.apply(&first).await.unwrap(), Applied::Done);
    let met = writer.apply(&announced).await.unwrap();
    assert_eq!(met, Applied::Conflict(vec![4]));
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&there));
}

async fn what_is_announced_and_never_comes_is_not_written(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_announced(&mut *writer, &batches(&memories(0..3), 3)).await;
    writer.announce(&batch(2, adding(&memories(3..9))).changes);
    publish(writer).await;
    look(&*store)
        .await
        .assert_same(&before.with(&memories(0..3)));
}

async fn ends_that_come_after_the_announcement_are_found(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    let mut writer = writer(&*store).await;
    // A batch of relationships alone, known before the nodes that they connect are there.
    let edges = batch(3, adding(&chain(0..9)));
    let nodes = batch(1, adding(&memories(0..10)));
    writer.announce(&nodes.changes);
    writer.announce(&edges.changes);
    assert_eq!(writer.apply(&nodes).await.unwrap(), Applied::Done);
    // Ids that are free again are given to others.
    let moved = memories(0..10);
    let away = batch(2, vec![removing(&moved[9]), removing(&moved[2])]);
    assert_eq!(writer.apply(&away).await.unwrap(), Applied::Done);
    let back = batch(2, adding(&[moved[2].clone(), moved[9].clone()]));
    assert_eq!(writer.apply(&back).await.unwrap(), Applied::Done);
    assert_eq!(writer.apply(&edges).await.unwrap(), Applied::Done);
    publish(writer).await;
    look(&*store).await.assert_same(&before.with(&few()));
}
