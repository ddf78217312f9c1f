//! Files that are no export, or a damaged one, and files that change while read.

use super::support::*;
use memferry::error::ErrorKind;
use memferry::model::Kind;
use memferry::store::Consistency;

/// Files that are no export, or a broken one, say what is wrong and what to do.
#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(fixture("export-2.0.json")).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let lists = r#""memories": [], "relationships": []"#;
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("blank", b" \n".to_vec()),
        ("words", b"hello".to_vec()),
        ("list", b"[]".to_vec()),
        ("object", b"{}".to_vec()),
        ("number", b"12".to_vec()),
        ("brace", b"{".to_vec()),
        ("bom", [b"\xEF\xBB\xBF", &good[..]].concat()),
        ("utf16", b"\xFF\xFE{\0}\0".to_vec()),
        (
            "sqlite",
            std::fs::read(fixture("export-source.db")).unwrap(),
        ),
        ("tail", [&good[..], b"x"].concat()),
        (
            "comma",
            text.replacen("\"backend_type\"", ",\"backend_type\"", 1)
                .into(),
        ),
        ("version", text.replace("\"2.0\"", "\"3.0\"").into()),
        (
            "old",
            format!(r#"{{"export_version": "3.0", {lists}}}"#).into(),
        ),
        ("no-version", format!("{{{lists}}}").into()),
        (
            "no-list",
            br#"{"format_version": "2.0", "memories": {}, "relationships": []}"#.to_vec(),
        ),
        (
            "twice",
            format!(r#"{{"format_version": "2.0", "memories": [], {lists}}}"#).into(),
        ),
        (
            "ours",
            format!(r#"{{"format_version": "2.0", {lists}, "memferry": {{"format": 2}}}}"#).into(),
        ),
        (
            "nobodys",
            format!(r#"{{"format_version": "2.0", {lists}, "memferry": {{}}}}"#).into(),
        ),
    ];
    for cut in [100, 300, 1_000, good.len() - 2] {
        cases.push(("cut", good[..cut].to_vec()));
    }
    let path = folder.path().join("x.json");
    let mut said = String::new();
    for (name, bytes) in cases {
        std::fs::write(&path, bytes).unwrap();
        let store = open(&path);
        let error = store.describe().await.unwrap_err();
        let other = store.snapshot(Consistency::InPlace).await.err().unwrap();
        assert_eq!(error.kind(), other.kind());
        let text = error.to_string().replace(path.to_str().unwrap(), "FILE");
        let (kind, remedy) = (error.kind(), error.what_to_do().unwrap());
        said.push_str(&format!("{name}: {kind:?}: {text}. {remedy}\n"));
    }
    insta::assert_snapshot!(said, @r#"
    empty: NotThisStore: FILE is empty. Give the path of a file made by `memorygraph export --format json`.
    blank: NotThisStore: FILE holds nothing but white space. Give the path of a file made by `memorygraph export --format json`.
    words: NotThisStore: FILE is not an export of memorygraph in JSON. Give the path of a file made by `memorygraph export --format json`.
    list: NotThisStore: FILE holds a JSON list, not an export of memorygraph. Give the path of a file made by `memorygraph export --format json`.
    object: NotThisStore: FILE is not an export of memorygraph: it has no list "memories". Give the path of a file made by `memorygraph export --format json`.
    number: NotThisStore: FILE is not an export of memorygraph in JSON. Give the path of a file made by `memorygraph export --format json`.
    brace: Corrupt: FILE is cut off: it ends at byte 1 in the middle of a value. Copy it again in full, or export again.
    bom: NotThisStore: FILE begins with a byte order mark, which JSON does not allow. Save it as UTF-8 without a byte order mark.
    utf16: NotThisStore: FILE is not UTF-8; by its byte order mark it is UTF-16. Save it as UTF-8.
    sqlite: NotThisStore: FILE is not an export of memorygraph in JSON. Give the path of a file made by `memorygraph export --format json`.
    tail: Corrupt: FILE is not JSON: something follows the end of the export at byte 22624. Export again, or repair the file there.
    comma: Corrupt: FILE is not JSON: expected a key at byte 111. Export again, or repair the file there.
    version: UnknownLayout: FILE has an unknown layout: format_version "3.0". memferry reads exports of versions 1.0 and 2.0; a newer memferry may read this one.
    old: UnknownLayout: FILE has an unknown layout: export_version "3.0". memferry reads exports of versions 1.0 and 2.0; a newer memferry may read this one.
    no-version: NotThisStore: FILE is not an export of memorygraph: it names no version. Give the path of a file made by `memorygraph export --format json`.
    no-list: NotThisStore: FILE is not an export of memorygraph: its "memories" is not a list. Give the path of a file made by `memorygraph export --format json`.
    twice: Corrupt: FILE has "memories" twice. Keep one of the two; programs differ in which one they read.
    ours: UnknownLayout: FILE has an unknown layout: memferry format 2. memferry reads exports of versions 1.0 and 2.0; a newer memferry may read this one.
    nobodys: UnknownLayout: FILE has an unknown layout: a section memferry that names no format. memferry reads exports of versions 1.0 and 2.0; a newer memferry may read this one.
    cut: Corrupt: FILE is cut off: it ends at byte 100 in the middle of a value. Copy it again in full, or export again.
    cut: Corrupt: FILE is cut off: it ends at byte 300 in the middle of a value. Copy it again in full, or export again.
    cut: Corrupt: FILE is cut off: it ends at byte 1000 in the middle of a value. Copy it again in full, or export again.
    cut: Corrupt: FILE is cut off: it ends at byte 22622 in the middle of a value. Copy it again in full, or export again.
    "#);
    let store = open(folder.path());
    let folder_error = store.describe().await.unwrap_err();
    assert_eq!(folder_error.kind(), ErrorKind::NotThisStore);
    let store = open(&folder.path().join("none.json"));
    assert!(!store.describe().await.unwrap().exists);
    let missing = store.snapshot(Consistency::InPlace).await.err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

/// One broken element costs only itself.
#[tokio::test]
async fn a_broken_element_is_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    let long = "x".repeat(33 << 20);
    let text = format!(
        r#"{{"relationships": [{{"type": "A"}}, {{"from_memory_id": "a", "to_memory_id": "b", "type": "T"}}, 5],
        "other": 1, "memories": [{{"id": "a"}}, {{"id": tru}}, [], {{}}, {{"id": []}}, {{"id": "b", "title": "{long}"}},
        {{"id": "c", "context": {{"x": 1}}, "context_x": 2}}, {{"id": "z", "memferry": 1, "context": null}}],
        "export_version": "1.0", "memory_count": 3}}"#
    );
    std::fs::write(&path, &text).unwrap();
    let (read, unreadable) = records(&path).await;
    let keys: Vec<_> = read.iter().map(|r| r.key().display()).collect();
    assert_eq!(keys[..2], ["a", "z"]);
    assert_eq!(keys.len(), 3);
    let named: Vec<_> = unreadable
        .iter()
        .map(|u| format!("{:?} {}: {}", u.kind, u.place, u.reason))
        .collect();
    insta::assert_snapshot!(named.join("\n"), @r#"
    Node byte 143: it is not JSON: not a JSON value at byte 7 of it
    Node byte 156: it is no object (list)
    Node byte 160: it has no id
    Node byte 164: its id is no text
    Node byte 176: it is larger than 32 MiB
    Node byte 34603218: it gives one field in two places
    Relationship byte 19: it has no from_memory_id
    Relationship byte 93: it is no object (integer)
    "#);
    let notes = open(&path).describe().await.unwrap().notes;
    assert_eq!(
        notes,
        ["memory_count says 3, the file holds 8", "not read: other"]
    );
}

/// A scan says so when the file is written to meanwhile; a private copy never does.
#[tokio::test]
async fn drift_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    std::fs::copy(fixture("export-2.0.json"), &path).unwrap();
    let store = open(&path);
    let mut in_place = store.snapshot(Consistency::InPlace).await.unwrap();
    let mut copy = store.snapshot(Consistency::Copy).await.unwrap();
    let page = in_place.scan(Kind::Node, None, FEW).await.unwrap();
    std::fs::write(&path, "{}").unwrap();
    let next = page.next.as_ref();
    let error = in_place.scan(Kind::Node, next, FEW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Drifted);
    let error = in_place.finish().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Drifted);
    let page = copy.scan(Kind::Node, next, FEW).await.unwrap();
    assert_eq!(page.records.len(), 7);
    copy.finish().await.unwrap();
}
