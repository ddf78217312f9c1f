//! How fast records go into an archive and come out of it, for one record of ordinary
//! size. `cargo bench --bench archive`; prints nanoseconds per record and the share of
//! each step.

use memferry::error::Result;
use memferry::model::{Canon, Key, Node, Properties, Record, Row, Value, json};
use memferry::store::archive::{ArchiveReader, ArchiveWriter, Header, Origin, verify};
use std::hint::black_box;
use std::time::Instant;

const RECORDS: usize = 50_000;
const ROUNDS: usize = 5;

/// A memory of about 1.4 kB as memorygraph stores it, with words that compress as
/// words do.
fn record(i: usize) -> Record {
    const WORDS: [&str; 16] = [
        "cache",
        "latency",
        "index",
        "the",
        "deploy",
        "queue",
        "of",
        "retry",
        "schema",
        "and",
        "\\u00e9chec",
        "token",
        "leader",
        "with",
        "timeout",
        "canary",
    ];
    let mut state = i as u64 * 0x9E37_79B9_7F4A_7C15 + 1;
    let mut words = String::new();
    while words.len() < 850 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        words.push_str(WORDS[(state >> 60) as usize]);
        words.push(' ');
        if state >> 40 & 31 == 0 {
            words.push_str(&format!("{:x} ", state >> 30));
        }
    }
    let id = format!(
        "{:08x}-{:04x}-4000-8000-{:012x}",
        state as u32,
        i & 0xFFFF,
        i
    );
    let text = format!(
        "{{\"id\": \"{id}\", \"type\": \"solution\", \"title\": \"T {i}\", \"content\": \"{words}\", \
         \"tags\": [\"foo\", \"bar\"], \"importance\": 0.{i}, \"confidence\": 0.8, \
         \"usage_count\": {i}, \"created_at\": \"2024-03-01T12:00:00.123456+00:00\", \
         \"updated_at\": \"2024-03-01T12:00:00.123456+00:00\", \
         \"context_project_path\": \"/home/user/project\", \"context_languages\": [\"rust\"], \
         \"context_frameworks\": \"[]\", \"context_timestamp\": \"2024-03-01T12:00:00+00:00\", \
         \"context_additional_metadata\": \"{{}}\", \"context_visibility\": \"project\"}}"
    );
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: Properties::Stored(Value::text(text)),
        row: Row {
            created_at: Some(Value::text("2026-11-21 07:56:44")),
            updated_at: Some(Value::text("2026-11-21 07:56:44")),
            ..Row::default()
        },
    })
}

fn typed(record: &Record) -> Record {
    let mut record = record.clone();
    if let Record::Node(node) = &mut record
        && let Some(map) = node.properties.map()
    {
        node.properties = Properties::Typed(map.into_owned());
    }
    record
}

/// Time on a processor where the system tells it, so that a busy machine does not count.
fn now(start: Instant) -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| start.elapsed().as_nanos() as u64)
}

/// The best of some rounds, in nanoseconds of processor per record.
fn time(name: &str, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    let (mut best, start) = (f64::MAX, Instant::now());
    for _ in 0..ROUNDS {
        let before = now(start);
        work()?;
        best = best.min((now(start) - before) as f64 / RECORDS as f64);
    }
    println!("{name:<44}{best:>8.0} ns/record");
    Ok(())
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("memferry-bench-{}", std::process::id()));
    let _ = std::fs::create_dir(&folder);
    let path = folder.join("a.memferry");
    let records: Vec<Record> = (0..RECORDS).map(record).collect();
    let typed: Vec<Record> = records.iter().map(typed).collect();
    let size: usize = records.iter().map(Record::size).sum();
    println!("{} bytes/record", size / RECORDS);

    time("digest", || {
        let mut canon = Canon::new();
        records.iter().for_each(|r| {
            black_box(canon.digest(r));
        });
        Ok(())
    })?;
    time("is it portable", || {
        for record in &records {
            if let Properties::Stored(Value::Text(t)) = record.properties() {
                black_box(json::is_portable_object(t.as_bytes()));
            }
        }
        Ok(())
    })?;
    let write = |records: &[Record], known: Option<bool>| {
        let _ = std::fs::remove_file(&path);
        let mut writer = ArchiveWriter::create(&path, &Header::new(Origin::default()))?;
        for record in records {
            match known {
                Some(known) => writer.push_known(record, known)?,
                None => writer.push(record)?,
            };
        }
        writer.end_frame()
    };
    time("write typed", || write(&typed, None))?;
    time("write", || write(&records, None))?;
    time("write, known to be portable", || {
        write(&records, Some(true))
    })?;
    let finished = {
        let mut writer = ArchiveWriter::resume(&path)?;
        writer.end_frame()?;
        writer.finish(serde_json::Map::new())?
    };
    println!(
        "{} bytes/record in the archive",
        finished.bytes / RECORDS as u64
    );
    time("read", || {
        let mut reader = ArchiveReader::open(&path)?;
        let mut out = Vec::new();
        for i in 1..reader.frame_count() {
            out.clear();
            reader.read_frame(i, &mut out)?;
            black_box(&out);
        }
        Ok(())
    })?;
    time("read without decoding", || {
        let mut reader = ArchiveReader::open(&path)?;
        for i in 1..reader.frame_count() {
            black_box(reader.load(i)?);
        }
        Ok(())
    })?;
    time("verify", || {
        black_box(verify(&path)?);
        Ok(())
    })?;
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}
