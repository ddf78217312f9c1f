//! Describing, fingerprinting, and looking without a trace.

use crate::help::*;
use crate::{S, behaviors};
use memferry::model::Kind;
use memferry::store::{Consistency, Limit, Store};

behaviors! { "looking";
    always:
        leaves_no_trace_where_it_was_written,
        leaves_no_trace_on_a_fresh_place,
        a_store_opened_twice_is_the_same,
        describes_what_is_there,
        fingerprint_stays_until_something_is_written,
        preparing_says_whether_it_is_empty;
    changeable:
        fingerprint_changes_with_every_kind_of_write,
        a_batch_that_is_already_made_changes_nothing;
    target:
        preparing_says_the_mode_and_changes_nothing,
        capabilities_fit_together,
        fingerprint_changes_when_it_comes_to_be;
    target_absent:
        a_fresh_place_does_not_exist;
    target_unpublished:
        fingerprint_stays_when_a_write_is_abandoned;
}

async fn look_in_every_way(store: &dyn Store) {
    store.describe().await.unwrap();
    store.fingerprint().await.unwrap();
    store.identity().await.unwrap();
    let _ = store.prepare().await;
    for how in [Consistency::InPlace, Consistency::Copy] {
        let Ok(mut snapshot) = store.snapshot(how).await else {
            let there = store.describe().await.unwrap().exists;
            assert!(!there, "a store that is there can be read");
            continue;
        };
        snapshot.counts().await.unwrap();
        for kind in Kind::BOTH {
            let limit = Limit {
                rows: 3,
                bytes: 1 << 20,
            };
            scan(&mut *snapshot, kind, limit).await.unwrap();
        }
        snapshot.finish().await.unwrap();
    }
}

async fn leaves_no_trace_where_it_was_written(subject: S) {
    let site = filled(&*subject).await;
    let before = site.trace();
    look_in_every_way(&*site.store()).await;
    soon(before, || site.trace()).await;
}

async fn leaves_no_trace_on_a_fresh_place(subject: S) {
    let site = subject.site().await;
    let before = site.trace();
    look_in_every_way(&*site.store()).await;
    soon(before, || site.trace()).await;
}

async fn a_store_opened_twice_is_the_same(subject: S) {
    let site = filled(&*subject).await;
    let (a, b) = (site.store(), site.store());
    assert_eq!(
        a.fingerprint().await.unwrap(),
        b.fingerprint().await.unwrap()
    );
    assert_eq!(a.identity().await.unwrap(), b.identity().await.unwrap());
    assert_eq!(a.address(), b.address());
    look(&*a).await.assert_same(&look(&*b).await);
}

async fn a_fresh_place_does_not_exist(subject: S) {
    let site = subject.site().await;
    let described = site.store().describe().await.unwrap();
    assert!(!described.exists);
    assert!(site.bytes().is_none());
}

async fn describes_what_is_there(subject: S) {
    let site = subject.site().await;
    let before = counts(&*site.store()).await;
    write(&*site.store(), &few()).await;
    let described = site.store().describe().await.unwrap();
    assert!(described.exists);
    assert!(!described.layout.is_empty(), "names the layout");
    if let Some(counts) = described.counts {
        assert_eq!(counts.memories, before.memories + 10);
        assert_eq!(counts.relationships, before.relationships + 9);
    }
    if let Some(path) = site.path() {
        let bytes = std::fs::metadata(path).unwrap().len();
        assert!(described.bytes.is_some_and(|b| b >= bytes), "its size");
        let now = std::time::SystemTime::now();
        let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let changed = described.changed_at.expect("a file has a time");
        assert!((now - 100..=now + 1).contains(&changed), "{changed}");
    }
}

async fn fingerprint_stays_until_something_is_written(subject: S) {
    let site = filled(&*subject).await;
    let first = site.store().fingerprint().await.unwrap();
    look_in_every_way(&*site.store()).await;
    assert_eq!(site.store().fingerprint().await.unwrap(), first);
}

async fn fingerprint_changes_when_it_comes_to_be(subject: S) {
    let site = subject.site().await;
    let before = site.store().fingerprint().await.unwrap();
    write(&*site.store(), &few()).await;
    assert_ne!(site.store().fingerprint().await.unwrap(), before);
}

async fn fingerprint_changes_with_every_kind_of_write(subject: S) {
    let site = filled(&*subject).await;
    let mut seen = vec![site.store().fingerprint().await.unwrap()];
    let changed = memory("m3", "changed");
    let changes = [
        adding(&[memory("new", "added")]),
        vec![changing(&memories(3..4)[0], changed.clone())],
        vec![removing(&chain(2..3)[0])],
        // Back to what it was: still a write.
        vec![changing(&changed, memories(3..4)[0].clone())],
    ];
    for changes in changes {
        change(&*site.store(), changes).await;
        let fingerprint = site.store().fingerprint().await.unwrap();
        assert!(!seen.contains(&fingerprint), "write {}", seen.len());
        seen.push(fingerprint);
    }
}

async fn a_batch_that_is_already_made_changes_nothing(subject: S) {
    let site = filled(&*subject).await;
    let before = look(&*site.store()).await;
    let made = adding(&memories(2..5));
    change(&*site.store(), made).await;
    look(&*site.store()).await.assert_same(&before);
}

async fn fingerprint_stays_when_a_write_is_abandoned(subject: S) {
    let site = subject.site().await;
    let before = site.store().fingerprint().await.unwrap();
    let store = site.store();
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &memories(100..120), 10).await;
    writer.abandon().await.unwrap();
    drop(writer);
    if !subject.exists() {
        assert_eq!(site.store().fingerprint().await.unwrap(), before);
    }
    assert!(site.store().describe().await.unwrap().exists == subject.exists());
}

async fn preparing_says_the_mode_and_changes_nothing(subject: S) {
    let site = subject.site().await;
    let before = site.trace();
    let prepared = site.store().prepare().await.unwrap();
    assert_eq!(prepared.mode, subject.mode());
    assert!(subject.holds().modes.contains(&prepared.mode));
    assert!(prepared.lock_seconds_per_record >= 0.0);
    if let Some(path) = site.path() {
        let folder = prepared.room_in.expect("a file needs room somewhere");
        assert!(folder.is_dir() && path.starts_with(&folder), "{folder:?}");
    }
    assert_eq!(site.trace(), before);
}

async fn preparing_says_whether_it_is_empty(subject: S) {
    let site = subject.site().await;
    let holds = counts(&*site.store()).await.total();
    assert_eq!(site.store().prepare().await.unwrap().empty, holds == 0);
    write(&*site.store(), &few()).await;
    if let Ok(prepared) = site.store().prepare().await {
        assert!(!prepared.empty);
    }
}

async fn capabilities_fit_together(subject: S) {
    let descriptor = subject.descriptor();
    let holds = &descriptor.capabilities;
    assert_eq!(descriptor.target, !holds.modes.is_empty());
    assert!(holds.modes.contains(&subject.mode()));
    assert!(!descriptor.schemes.is_empty() && descriptor.schemes.contains(&descriptor.kind));
    assert!(!descriptor.title.is_empty() && !descriptor.summary.is_empty());
    let named = |name| {
        descriptor
            .settings
            .iter()
            .filter(|s| s.name == name)
            .count()
    };
    for setting in descriptor.settings {
        assert_eq!(named(setting.name), 1, "{}", setting.name);
        assert!(!setting.label.is_empty() && !setting.help.is_empty());
        assert!(
            !(setting.secret && setting.default.is_some()),
            "a secret has no default"
        );
    }
    let store = subject.site().await.store();
    assert_eq!(store.descriptor(), descriptor);
    assert_eq!(store.address().descriptor(), descriptor);
}
