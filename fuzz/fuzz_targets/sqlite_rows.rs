//! SQLite files by anybody. The first byte chooses: the rest is the file itself; or it
//! is the rows of a store in one of the layouts, of values in every storage class. What
//! can be opened is read whole: every row is a record or is named, the same however
//! large the pages are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use memferry::model::{Canon, Kind, Record};
use memferry::store::{Address, Consistency, Limit, Snapshot, registry};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_current_thread();
    builder.max_blocking_threads(1).build().expect("a runtime")
});

/// Folder of the file and of whatever is put beside it, in memory where there is such a
/// place.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    folder.expect("a folder")
});

/// The columns of the tables `nodes` and `relationships`, from each layout.
const LAYOUTS: [[&str; 2]; 2] = [
    [
        "id, label, properties, created_at, updated_at",
        "id, from_id, to_id, rel_type, properties, created_at, valid_from, valid_until, \
         recorded_at, invalidated_by",
    ],
    [
        "id, label, properties, created_at, updated_at",
        "id, from_id, to_id, rel_type, properties, created_at",
    ],
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let path = FOLDER.path().join("store.db");
    let rows = match choice % 4 {
        0 => {
            std::fs::write(&path, rest).expect("room");
            None
        }
        other => Some(fill(&path, usize::from(other % 2), rest)),
    };
    RUNTIME.block_on(read(&path, rows));
    let entries = std::fs::read_dir(FOLDER.path()).expect("the folder");
    for entry in entries.flatten() {
        std::fs::remove_file(entry.path()).expect("removed");
    }
});

/// Makes a store of those rows; how many it took of each kind.
fn fill(path: &PathBuf, layout: usize, mut bytes: &[u8]) -> [u64; 2] {
    let db = Connection::open(path).expect("a new file");
    db.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        .expect("set");
    let tables = ["nodes", "relationships"];
    for (table, columns) in tables.iter().zip(LAYOUTS[layout]) {
        db.execute(&format!("CREATE TABLE {table} ({columns})"), [])
            .expect("a table");
    }
    let mut rows = [0; 2];
    while let Some((kind, rest)) = bytes.split_first() {
        bytes = rest;
        let kind = usize::from(kind % 2);
        let width = LAYOUTS[layout][kind].split(',').count();
        let mut values = Vec::new();
        let mut cells = Vec::new();
        for i in 1..=width {
            let (value, is_text) = value(&mut bytes);
            values.push(value);
            // The only way to text that is no UTF-8.
            cells.push(match is_text {
                true => format!("CAST(?{i} AS TEXT)"),
                false => format!("?{i}"),
            });
        }
        let sql = format!("INSERT INTO {} VALUES ({})", tables[kind], cells.join(", "));
        db.execute(&sql, rusqlite::params_from_iter(values))
            .expect("a row");
        rows[kind] += 1;
    }
    rows
}

/// A value of any storage class, and whether it is to be text.
fn value(bytes: &mut &[u8]) -> (Value, bool) {
    let mut take = |n: usize| {
        let (taken, rest) = bytes.split_at(n.min(bytes.len()));
        *bytes = rest;
        taken
    };
    let tag = take(1).first().copied().unwrap_or_default();
    let number = |bytes: &[u8]| {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        i64::from_le_bytes(all)
    };
    match tag % 5 {
        0 => (Value::Null, false),
        1 => (Value::Integer(number(take(8))), false),
        2 => (
            Value::Real(f64::from_bits(number(take(8)) as u64)),
            false,
        ),
        kind => {
            let length = take(1).first().copied().unwrap_or_default();
            (Value::Blob(take(usize::from(length)).to_vec()), kind == 3)
        }
    }
}

async fn read(path: &Path, rows: Option<[u64; 2]>) {
    let sqlite = registry::find("sqlite").expect("the store");
    let address = Address::file(sqlite, path).expect("an address");
    let store = registry::open(&address).expect("a store");
    let before = std::fs::read(path).expect("the file");
    let described = store.describe().await;
    let snapshot = store.snapshot(Consistency::InPlace).await;
    let mut snapshot = match (described, snapshot) {
        (Ok(_), Ok(snapshot)) => snapshot,
        (described, snapshot) => {
            let described = described.err().map(|e| e.to_string());
            let snapshot = snapshot.err().map(|e| e.to_string());
            assert!(rows.is_none(), "{described:?} {snapshot:?}");
            return;
        }
    };
    let small = Limit {
        rows: 2,
        bytes: 100,
    };
    let mut canon = Canon::new();
    let mut found = Vec::new();
    for limit in [small, Limit::PAGE] {
        let mut keys = Vec::new();
        let (mut numbers, mut whole) = ([0; 2], true);
        for kind in Kind::BOTH {
            match scan(&mut *snapshot, kind, limit).await {
                Some((records, unreadable)) => {
                    numbers[kind as usize] = records.len() as u64 + unreadable;
                    for record in &records {
                        canon.digest(record);
                        keys.push((kind, canon.bytes().to_vec()));
                    }
                }
                // A file that is damaged further on.
                None => whole = false,
            }
        }
        assert!(whole || rows.is_none(), "good rows can be read");
        if let Some(rows) = rows {
            assert_eq!(numbers, rows);
            let counts = snapshot.counts().await.expect("counted");
            assert_eq!([counts.of(Kind::Node), counts.relationships], rows);
        }
        found.push(keys);
    }
    assert!(rows.is_none() || found[0] == found[1]);
    let _ = snapshot.finish().await;
    drop(snapshot);
    assert_eq!(std::fs::read(path).expect("the file"), before);
}

/// All of a kind, and what is there and cannot be read.
async fn scan(
    snapshot: &mut dyn Snapshot,
    kind: Kind,
    limit: Limit,
) -> Option<(Vec<Record>, u64)> {
    let (mut records, mut unreadable, mut after) = (Vec::new(), 0, None);
    loop {
        let page = snapshot.scan(kind, after.as_ref(), limit).await.ok()?;
        unreadable += page.unreadable.len() as u64;
        records.extend(page.records);
        match page.next {
            Some(next) => after = Some(next),
            None => return Some((records, unreadable)),
        }
    }
}
