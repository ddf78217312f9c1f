//! The SQLite store against the real memorygraph, against other programs that write
//! meanwhile, and against a full disk. Run by `tests/run`, which makes what is needed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use memferry::error::ErrorKind;
use memferry::model::{Canon, Digest, Key, Kind, Node, Properties, Record, Row, Value};
use memferry::store::{
    Address, Applied, Batch, Change, Consistency, Limit, Store, WriteMode, WriteRequest, registry,
};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

fn needed(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(value) => PathBuf::from(value),
        None => panic!("{variable} is not set: run these tests with `tests/run --test sqlite`"),
    }
}

fn python() -> Command {
    let mut command = Command::new(needed("MEMFERRY_TEST_PYTHON"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MEMORY_")) {
        command.env_remove(name);
    }
    command
}

fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tools")
        .join(name)
}

fn store(path: &Path) -> Arc<dyn Store> {
    let address = Address::parse(&format!("sqlite:{}", path.display())).unwrap();
    registry::open(&address).unwrap()
}

async fn read(path: &Path, how: Consistency) -> memferry::error::Result<Vec<Record>> {
    let mut snapshot = store(path).snapshot(how).await?;
    let mut records = Vec::new();
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            assert_eq!(page.unreadable, []);
            records.extend(page.records);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    snapshot.finish().await?;
    Ok(records)
}

fn digests(records: &[Record]) -> Vec<Digest> {
    let mut canon = Canon::new();
    records.iter().map(|record| canon.digest(record)).collect()
}

fn additions(seq: u64, records: &[Record]) -> Batch {
    let changes = records.iter().map(|record| Change {
        kind: record.kind(),
        key: record.key().clone(),
        before: None,
        after: Some(record.clone()),
    });
    Batch {
        seq,
        changes: changes.collect(),
    }
}

fn request(mode: WriteMode) -> WriteRequest {
    WriteRequest {
        mode,
        run: "test".into(),
        origin: None,
    }
}

async fn write(path: &Path, records: &[Record]) {
    let store = store(path);
    let mode = store.prepare().await.unwrap().mode;
    let mut writer = store.writer(&request(mode)).await.unwrap();
    for (i, some) in records.chunks(500).enumerate() {
        let batch = additions(i as u64 + 1, some);
        assert_eq!(writer.apply(&batch).await.unwrap(), Applied::Done);
    }
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
}

fn memory(id: &str, title: &str) -> Record {
    let date = "2026-01-02T03:04:05+00:00";
    let text = format!(
        "{{\"id\": \"{id}\", \"type\": \"general\", \"title\": \"{title}\", \"content\": \"c\", \
         \"tags\": [], \"importance\": 0.5, \"confidence\": 0.8, \"usage_count\": 0, \
         \"created_at\": \"{date}\", \"updated_at\": \"{date}\"}}"
    );
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Stored(Value::text(text)),
        row: Row::default(),
    })
}

/// What memorygraph sees of a store, looked at in a copy.
fn dump(path: &Path, into: &Path) {
    let copy = into.with_extension("copy.db");
    std::fs::copy(path, &copy).unwrap();
    let status = python()
        .arg(tool("dump_store.py"))
        .args(["--exact", "--raw", "--path"])
        .arg(&copy)
        .arg("-o")
        .arg(into)
        .status();
    assert!(status.unwrap().success(), "{}", path.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn memorygraph_takes_what_we_write_for_its_own_and_sees_the_same() {
    let stores = needed("MEMFERRY_TEST_STORES");
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(stores).unwrap() {
        let source = entry.unwrap().path();
        let name = source.file_stem().unwrap().to_str().unwrap().to_owned();
        let before = std::fs::read(&source).unwrap();
        let records = read(&source, Consistency::InPlace).await.unwrap();
        for mode in ["aside", "transaction"] {
            let target = folder.path().join(format!("{name}-{mode}.db"));
            if mode == "transaction" {
                std::fs::write(&target, b"").unwrap();
            }
            write(&target, &records).await;
            let copy = read(&target, Consistency::InPlace).await.unwrap();
            assert!(digests(&copy) == digests(&records), "{name} {mode}");
            let [one, two] = ["one", "two"].map(|end| folder.path().join(format!("{name}.{end}")));
            dump(&source, &one);
            dump(&target, &two);
            let (one, two) = (std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
            assert!(one == two, "memorygraph sees {name} otherwise ({mode})");
            let opened = python()
                .arg(tool("open_with_memorygraph.py"))
                .arg(&target)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&opened.stderr).into_owned();
            // One malformed row stops memorygraph's every search, in the source as well.
            if name != "adversarial-dirty" {
                assert!(opened.status.success(), "{name} {mode}: {said}");
            }
        }
        assert!(
            std::fs::read(&source).unwrap() == before,
            "{name} was changed"
        );
        seen += 1;
    }
    assert!(seen >= 6, "{seen} stores");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_layouts_become_files_that_memorygraph_opens() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "python-0.8.3",
        "python-0.8-half-migrated",
        "typescript-0.13",
        "hybrid-python-first",
    ] {
        let records = read(&fixtures.join(format!("{name}.db")), Consistency::InPlace).await;
        let target = folder.path().join(format!("{name}.db"));
        write(&target, &records.unwrap()).await;
        let opened = python()
            .arg(tool("open_with_memorygraph.py"))
            .arg(&target)
            .output()
            .unwrap();
        let (said, complained) = (
            String::from_utf8_lossy(&opened.stdout),
            String::from_utf8_lossy(&opened.stderr),
        );
        assert!(opened.status.success(), "{name}: {complained}");
        let count = if name.starts_with("hybrid") { 6 } else { 2 };
        let expected = format!("memorygraph read {count} of {count} memories");
        assert!(said.contains(&expected), "{name}: {said}");
    }
}

/// A program that writes to a store again and again, each time all rows at once. It waits as long for a lock as memorygraph does.
struct Scribbler {
    child: Child,
}

const SCRIBBLE: &str = r#"
import sqlite3, sys, time
path, mode, pause, keep = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "keep"
conn = sqlite3.connect(path, timeout=5.0, isolation_level=None)
conn.execute(f"PRAGMA journal_mode={mode}")
print("ready", flush=True)
for n in range(int(sys.argv[5])):
    conn.execute("BEGIN")
    conn.execute("UPDATE nodes SET label = ?", (f"round {n}",))
    conn.execute("COMMIT")
    time.sleep(pause)
    if not keep:
        conn.close()
        conn = sqlite3.connect(path, timeout=5.0, isolation_level=None)
"#;

impl Scribbler {
    fn start(path: &Path, mode: &str, pause: f64, keep: bool, commits: u32) -> Self {
        let mut child = python()
            .args(["-c", SCRIBBLE])
            .arg(path)
            .args([
                mode,
                &pause.to_string(),
                if keep { "keep" } else { "reopen" },
            ])
            .arg(commits.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready");
        Self { child }
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn must_have_succeeded(mut self) {
        let mut err = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the writer failed: {err}");
    }
}

fn label(record: &Record) -> &[u8] {
    match record {
        Record::Node(node) => node.labels[0].as_bytes(),
        Record::Relationship(r) => r.rel_type.as_bytes(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_is_never_made_to_fail_and_no_half_commit_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let some: Vec<_> = (0..3000)
        .map(|i| memory(&format!("m{i}"), &"x".repeat(1000)))
        .collect();
    for (mode, keep) in [
        ("delete", true),
        ("delete", false),
        ("wal", true),
        ("wal", false),
    ] {
        let path = folder.path().join(format!("{mode}-{keep}.db"));
        write(&path, &some).await;
        let mut writer = Scribbler::start(&path, mode, 0.05, keep, 25);
        let (mut whole, mut drifted, mut copies) = (0, 0, 0);
        while writer.is_running() {
            for how in [Consistency::InPlace, Consistency::Copy] {
                match read(&path, how).await {
                    Ok(records) => {
                        assert_eq!(records.len(), some.len());
                        let first = label(&records[0]).to_vec();
                        assert!(records.iter().all(|r| label(r) == first), "half a commit");
                        whole += 1;
                        copies += u32::from(how == Consistency::Copy);
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Drifted, "{mode} {keep}: {error}");
                        assert!(error.is_temporary());
                        drifted += 1;
                    }
                }
                let _ = store(&path).describe().await;
                store(&path).fingerprint().await.unwrap();
            }
        }
        writer.must_have_succeeded();
        println!("{mode} {keep}: {whole} read whole ({copies} copies), {drifted} drifted");
        assert!(
            whole > 0 && copies > 0,
            "{mode} {keep}: never read, {drifted} drifted"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_commit_changes_the_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    for mode in ["delete", "truncate", "persist", "wal"] {
        let path = folder.path().join(format!("{mode}.db"));
        write(&path, &[memory("a", "b")]).await;
        let mut child = python()
            .args([
                "-c",
                "import sqlite3, sys\n\
                 conn = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                 conn.execute('PRAGMA journal_mode=' + sys.argv[2])\n\
                 conn.execute('PRAGMA wal_autocheckpoint=3')\n\
                 for line in sys.stdin:\n\
                 \x20   conn.execute('UPDATE nodes SET label = ?', ('Memory' + line.strip()[-1],))\n\
                 \x20   print('done', flush=True)\n",
            ])
            .arg(&path)
            .arg(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut to = child.stdin.take().unwrap();
        let mut from = BufReader::new(child.stdout.take().unwrap());
        let store = store(&path);
        let mut seen = std::collections::HashSet::new();
        for i in 0..200 {
            use std::io::Write as _;
            writeln!(to, "{i}").unwrap();
            from.read_line(&mut String::new()).unwrap();
            let now = store.fingerprint().await.unwrap();
            assert!(seen.insert(now.0), "{mode}: commit {i} does not show");
            if i % 20 == 0 {
                let again = store.fingerprint().await.unwrap();
                assert!(!seen.insert(again.0), "{mode}: changed without a commit");
            }
        }
        drop(to);
        assert!(child.wait().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_keeps_its_lock_whatever_else_this_process_looks_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    write(&path, &[memory("a", "b")]).await;
    for mode in ["delete", "wal"] {
        let set = python()
            .args(["-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode=' + sys.argv[2])"])
            .arg(&path)
            .arg(mode)
            .status();
        assert!(set.unwrap().success());
        let target = store(&path);
        let mut writer = target
            .writer(&request(WriteMode::Transaction))
            .await
            .unwrap();
        let new = memory(&format!("new-{mode}"), "new");
        writer
            .apply(&additions(1, std::slice::from_ref(&new)))
            .await
            .unwrap();
        for _ in 0..3 {
            target.fingerprint().await.unwrap();
            let notes = target.describe().await.unwrap().notes;
            assert!(notes.is_empty(), "nobody was killed: {notes:?}");
            target.identity().await.unwrap();
            let records = read(&path, Consistency::InPlace).await.unwrap();
            assert!(
                records.iter().all(|r| r.key() != new.key()),
                "not published"
            );
        }
        let status = python()
            .args([
                "-c",
                "import sqlite3, sys\n\
                 try: sqlite3.connect(sys.argv[1], timeout=0.1, isolation_level=None).execute('BEGIN IMMEDIATE')\n\
                 except sqlite3.OperationalError as e: sys.exit(0 if 'locked' in str(e) else 2)\n\
                 sys.exit(1)",
            ])
            .arg(&path)
            .status();
        assert_eq!(status.unwrap().code(), Some(0), "{mode}: the lock was lost");
        assert_eq!(writer.publish().await.unwrap(), Applied::Done);
        let found = writer.find(Kind::Node, &[new.key().clone()]).await.unwrap();
        assert!(found[0].is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_says_so_and_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    write(&path, &[memory("a", "b")]).await;
    let hold = |lock: &str, seconds: &str| {
        let mut child = python()
            .args([
                "-c",
                "import sqlite3, sys, time\n\
                 conn = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                 conn.execute(sys.argv[2])\n\
                 conn.execute('SELECT * FROM nodes').fetchall()\n\
                 print('held', flush=True)\n\
                 time.sleep(float(sys.argv[3]))\n\
                 conn.execute('ROLLBACK')",
            ])
            .arg(&path)
            .args([lock, seconds])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        child
    };
    // Longer than the five seconds that memferry waits.
    let mut child = hold("BEGIN IMMEDIATE", "8");
    assert!(store(&path).describe().await.unwrap().in_use);
    let refused = store(&path).writer(&request(WriteMode::Transaction)).await;
    let error = refused.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.is_temporary() && error.what_to_do().is_some());
    child.wait().unwrap();
    let mut child = hold("BEGIN EXCLUSIVE", "2");
    read(&path, Consistency::InPlace).await.unwrap();
    child.wait().unwrap();
    // A reader is in the way of a commit for a while.
    let mut child = hold("BEGIN", "7");
    let mut writer = store(&path)
        .writer(&request(WriteMode::Transaction))
        .await
        .unwrap();
    writer
        .apply(&additions(1, &[memory("c", "d")]))
        .await
        .unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    assert_eq!(read(&path, Consistency::InPlace).await.unwrap().len(), 2);
    child.wait().unwrap();
}

/// The part of [`a_full_disk_is_named_and_nothing_is_changed`] that runs in a process
/// of its own, which may not make files larger than the limit.
#[tokio::test]
async fn limited() {
    let Some(path) = std::env::var_os("MEMFERRY_TEST_LIMITED") else {
        return;
    };
    let target = store(Path::new(&path));
    let prepared = target.prepare().await.unwrap();
    let mut writer = target.writer(&request(prepared.mode)).await.unwrap();
    let mut error = None;
    for seq in 1..100 {
        let some: Vec<_> = (0..100)
            .map(|i| memory(&format!("{seq}-{i}"), &"x".repeat(2000)))
            .collect();
        if let Err(failed) = writer.apply(&additions(seq, &some)).await {
            error = Some(failed);
            break;
        }
    }
    let error = match error {
        Some(error) => error,
        None => match writer.complete().await {
            Err(error) => error,
            Ok(()) => writer.publish().await.unwrap_err(),
        },
    };
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert!(error.what_to_do().is_some());
    let again = writer.publish().await;
    assert!(again.is_err(), "nothing is published after a failure");
    writer.abandon().await.unwrap();
    println!("told: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there.db");
    write(&there, &[memory("a", "b")]).await;
    let content = std::fs::read(&there).unwrap();
    for path in [there.clone(), folder.path().join("new.db")] {
        let script = "trap '' XFSZ; ulimit -f 2000; exec \"$@\"";
        let child = Command::new("bash")
            .args(["-c", script, "limited"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "limited", "--nocapture"])
            .env("MEMFERRY_TEST_LIMITED", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            child.status.success(),
            "{said}\n{}",
            String::from_utf8_lossy(&child.stderr)
        );
        assert!(said.contains("told: "), "{said}");
    }
    assert!(std::fs::read(&there).unwrap() == content);
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["there.db"]);
}
