//! What cannot be read or written is refused in words that help, never with a panic,
//! a hang or a change.

use crate::child;
use crate::help::*;
use crate::subject::Site;
use crate::{S, behaviors};
use memferry::error::{Error, ErrorKind};
use memferry::model::Kind;
use memferry::store::{Consistency, Limit, Store, WriteMode};
use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

behaviors! { "failing";
    absent:
        what_is_not_there_is_not_found;
    absent_file:
        a_folder_is_refused,
        garbage_is_refused,
        a_pipe_is_refused_without_waiting,
        a_link_to_itself_is_refused,
        a_file_that_may_not_be_read_is_denied,
        what_is_cut_short_is_noticed,
        flipped_bytes_do_no_harm,
        a_path_below_a_file_is_refused,
        a_device_is_refused;
    always:
        a_failed_look_leaves_a_usable_store;
    target_absent_file:
        a_folder_that_may_not_be_written_is_denied;
}

async fn read_error(store: &dyn Store) -> Error {
    let answer = tokio::time::timeout(Duration::from_secs(120), try_look(store)).await;
    let answer = answer.expect("an answer within two minutes");
    let error = answer.map(|_| ()).expect_err("it cannot be read");
    assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'));
    error
}

fn helps(error: &Error, path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let said = error.to_string();
    assert!(said.contains(name), "names the file: {said}");
    assert!(error.what_to_do().is_some(), "says what to do: {said}");
}

async fn what_is_not_there_is_not_found(subject: S) {
    let site = subject.site().await;
    for how in [Consistency::InPlace, Consistency::Copy] {
        let error = site.store().snapshot(how).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(!error.is_temporary());
        if let Some(path) = site.path() {
            helps(&error, path);
        }
    }
}

async fn a_folder_is_refused(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    std::fs::create_dir(path).unwrap();
    std::fs::write(path.join("inside"), "kept").unwrap();
    let before = site.trace();
    let error = read_error(&*site.store()).await;
    helps(&error, path);
    let _ = site.store().describe().await;
    write_is_refused(&*site).await;
    assert_eq!(site.trace(), before);
}

async fn write_is_refused(site: &dyn Site) -> Error {
    let store = site.store();
    let answer = async {
        let request = request(&*store, &run_name()).await?;
        let mut writer = store.writer(&request).await?;
        writer.apply(&batch(1, adding(&few()))).await?;
        writer.publish().await.map(drop)
    };
    let answer = tokio::time::timeout(Duration::from_secs(120), answer).await;
    let answer = answer.expect("an answer within two minutes");
    answer.expect_err("it cannot be written")
}

fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = 1u64;
    let mut noise = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) as u8
    };
    vec![
        ("words", b"just some words\nand lines\n".to_vec()),
        ("zeros", vec![0; 8_192]),
        ("noise", (0..20_000).map(|_| noise()).collect()),
        ("gzip", [&b"\x1f\x8b\x08\0\0\0\0\0"[..], &[7; 500]].concat()),
        ("elf", [&b"\x7fELF\x02\x01\x01"[..], &[0; 900]].concat()),
        ("sqlite header only", b"SQLite format 3\0".to_vec()),
        (
            "sqlite header and noise",
            [&b"SQLite format 3\0"[..], &[0xa5; 5_000]].concat(),
        ),
        (
            "zstd magic",
            [&b"\x28\xb5\x2f\xfd"[..], &[0x55; 300]].concat(),
        ),
        ("json cut short", b"{\"memories\": [{\"id\": \"a".to_vec()),
        (
            "json of another kind",
            b"{\"name\": \"package\", \"version\": 3}".to_vec(),
        ),
        ("json number", b"42".to_vec()),
        ("json bomb", "[".repeat(200_000).into_bytes()),
        (
            "html",
            b"<!DOCTYPE html><html><body>404</body></html>".to_vec(),
        ),
        ("one byte", vec![b'{']),
        (
            "utf-16",
            "{\"memories\": []}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
        ),
    ]
}

async fn garbage_is_refused(subject: S) {
    let allowed = [
        ErrorKind::NotThisStore,
        ErrorKind::Corrupt,
        ErrorKind::UnknownLayout,
    ];
    for (name, bytes) in garbage() {
        let site = subject.site().await;
        let path = site.path().unwrap();
        std::fs::write(path, bytes).unwrap();
        let before = site.trace();
        let _ = site.store().describe().await;
        let _ = site.store().fingerprint().await;
        site.store().identity().await.unwrap();
        let error = read_error(&*site.store()).await;
        assert!(
            allowed.contains(&error.kind()),
            "{name}: {:?}: {error}",
            error.kind()
        );
        assert!(!error.is_temporary(), "{name}");
        helps(&error, path);
        let error = write_is_refused(&*site).await;
        assert!(!error.is_temporary(), "{name}: {error}");
        assert_eq!(site.trace(), before, "{name}");
    }
}

async fn a_pipe_is_refused_without_waiting(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let store = site.store();
    let limit = Duration::from_secs(60);
    let described = tokio::time::timeout(limit, store.describe()).await;
    let looked = tokio::time::timeout(limit, try_look(&*store)).await;
    let written = tokio::time::timeout(limit, write_is_refused(&*site)).await;
    // Frees whatever waits for the other end, or the suite would never end.
    let open = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path);
    let waited = [described.is_err(), looked.is_err(), written.is_err()];
    drop(open);
    assert_eq!(waited, [false; 3], "describe, look, write wait for ever");
    assert!(looked.unwrap().is_err());
}

async fn a_device_is_refused(subject: S) {
    for device in ["/dev/null", "/dev/zero"] {
        let address = memferry::store::Address::file(subject.descriptor(), Path::new(device));
        let store = memferry::store::registry::open(&address.unwrap()).unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(60), store.describe())
            .await
            .expect("describes or refuses, without reading for ever");
        read_error(&*store).await;
    }
}

async fn a_link_to_itself_is_refused(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    symlink(path.file_name().unwrap(), path).unwrap();
    let before = site.trace();
    read_error(&*site.store()).await;
    let _ = site.store().identity().await;
    let _ = site.store().describe().await;
    write_is_refused(&*site).await;
    assert_eq!(site.trace(), before);
}

async fn a_path_below_a_file_is_refused(subject: S) {
    let site = filled(&*subject).await;
    let below = site.path().unwrap().join("below");
    let address = memferry::store::Address::file(subject.descriptor(), &below).unwrap();
    let store = memferry::store::registry::open(&address).unwrap();
    assert!(!store.describe().await.is_ok_and(|d| d.exists));
    read_error(&*store).await;
    assert!(
        store.prepare().await.is_err() || {
            let request = request(&*store, &run_name()).await.unwrap();
            store.writer(&request).await.is_err()
        }
    );
}

/// Lets anybody go through the folders above a path.
fn open_folders(path: &Path) {
    let folder = path.parent().unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn a_file_that_may_not_be_read_is_denied(subject: S) {
    let site = filled(&*subject).await;
    let path = site.path().unwrap();
    open_folders(path);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let address = site.address().to_string();
    let answer = child::asked_without_rights(path.parent().unwrap(), &["look", &address]);
    assert_eq!(answer, "Denied");
}

async fn a_folder_that_may_not_be_written_is_denied(subject: S) {
    let site = subject.site().await;
    let path = site.path().unwrap();
    let closed = path.with_file_name("closed");
    std::fs::create_dir(&closed).unwrap();
    open_folders(path);
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let target = closed.join(path.file_name().unwrap());
    let address = memferry::store::Address::file(subject.descriptor(), &target).unwrap();
    let mode = format!("{:?}", WriteMode::Aside);
    let answer = child::asked_without_rights(
        path.parent().unwrap(),
        &["open-writer", &address.to_string(), &mode],
    );
    assert_eq!(answer, "Denied");
}

/// A store of some size, and its bytes.
async fn bytes_of(subject: &S) -> (Box<dyn Site>, Picture, Vec<u8>) {
    let site = subject.site().await;
    let mut all = memories(0..300);
    all.extend(chain(0..200));
    write(&*site.store(), &all).await;
    let picture = look(&*site.store()).await;
    let bytes = std::fs::read(site.path().unwrap()).unwrap();
    (site, picture, bytes)
}

/// What can be read of a store until it fails, and whether it said that there is more.
async fn read_what_can_be(store: &dyn Store) -> (Picture, bool) {
    let mut picture = Picture::default();
    let Ok(mut snapshot) = store.snapshot(Consistency::InPlace).await else {
        return (picture, true);
    };
    let mut told = snapshot.counts().await.is_err();
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let Ok(page) = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await else {
                told = true;
                break;
            };
            told |= !page.unreadable.is_empty();
            picture = picture.with(&page.records);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    told |= snapshot.finish().await.is_err();
    (picture, told)
}

async fn what_is_cut_short_is_noticed(subject: S) {
    let (site, whole, bytes) = bytes_of(&subject).await;
    let path = site.path().unwrap();
    let cuts: BTreeSet<usize> = (1..24)
        .map(|n| bytes.len() * n / 24)
        .chain([1, 16, 100, bytes.len() - 1, bytes.len() - 7])
        .collect();
    for cut in cuts {
        std::fs::write(path, &bytes[..cut]).unwrap();
        let before = site.trace();
        let _ = site.store().describe().await;
        let (read, told) = read_what_can_be(&*site.store()).await;
        assert!(
            told || read.records == whole.records,
            "cut at {cut} of {}: {} of {} records and no word",
            bytes.len(),
            read.records.len(),
            whole.records.len()
        );
        soon(before, || site.trace()).await;
    }
}

async fn flipped_bytes_do_no_harm(subject: S) {
    let (site, whole, bytes) = bytes_of(&subject).await;
    let path = site.path().unwrap();
    let step = (bytes.len() / 150).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut broken = bytes.clone();
        broken[at] ^= 0x15;
        std::fs::write(path, &broken).unwrap();
        let _ = site.store().describe().await;
        let (read, told) = read_what_can_be(&*site.store()).await;
        let same = read.records == whole.records;
        assert!(
            told || same || !subject.checksummed(),
            "byte {at} of {} flipped and no word",
            bytes.len()
        );
        // Whatever could still be read of a checksummed store is as it was.
        if subject.checksummed() {
            for (key, digest) in &read.records {
                assert_eq!(whole.records.get(key), Some(digest), "byte {at}");
            }
        }
        assert!(std::fs::read(path).unwrap() == broken, "changed by looking");
    }
}

async fn a_failed_look_leaves_a_usable_store(subject: S) {
    let site = subject.site().await;
    let before = look(&*site.store()).await;
    let store = site.store();
    if !subject.exists() {
        assert!(store.snapshot(Consistency::InPlace).await.is_err());
    }
    let mut writer = writer(&*store).await;
    apply_all(&mut *writer, &few(), 500).await;
    publish(writer).await;
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    let seen = picture_of(&mut *snapshot).await.unwrap();
    snapshot.finish().await.unwrap();
    seen.assert_same(&before.with(&few()));
}
