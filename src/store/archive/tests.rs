//! Archives as files: written, cut, flipped, resumed.

use super::*;
use crate::error::ErrorKind;
use crate::model::{Key, Node, Properties, Record, Relationship, Row, Text, Value};
use crate::store::Counts;
use serde_json::Map;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn node(i: usize) -> Record {
    let text = format!("{{\"id\": \"m{i}\", \"title\": \"T {i}\", \"importance\": 0.5}}");
    Record::Node(Node {
        key: Key::text(format!("m{i}")),
        labels: vec![if i % 3 == 2 { "Entity" } else { "Memory" }.into()],
        properties: Properties::Stored(Value::text(text)),
        row: Row {
            created_at: Some(Value::text("2026-11-21 07:56:44")),
            ..Row::default()
        },
    })
}

pub(super) fn relationship(i: usize) -> Record {
    Record::Relationship(Relationship {
        key: Key::text(format!("r{i}")),
        from: Key::text(format!("m{i}")),
        to: Key::text("m0"),
        rel_type: "SOLVES".into(),
        properties: Properties::Stored(Value::text("{\"strength\": NaN}")),
        row: Row::default(),
    })
}

pub(super) fn header() -> Header {
    Header::new(Origin {
        kind: "sqlite".to_owned(),
        address: "sqlite:/a/b.db".to_owned(),
        layout: "memorygraph 0.10 to 0.12".to_owned(),
    })
}

pub(super) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.memferry");
    (folder, path)
}

/// Three frames of nodes and two of relationships, with `per_frame` records each.
pub(super) fn write_small(path: &Path, per_frame: usize, finish: bool) -> Vec<Record> {
    let mut writer = ArchiveWriter::create(path, &header()).unwrap();
    let mut all = Vec::new();
    for frame in 0..5 {
        for i in frame * per_frame..(frame + 1) * per_frame {
            let record = if frame < 3 { node(i) } else { relationship(i) };
            assert_eq!(writer.push(&record).unwrap(), all.len() as u64 + 1);
            all.push(record);
        }
        writer.end_frame().unwrap();
    }
    if finish {
        writer.finish(Map::new()).unwrap();
    }
    all
}

fn shown(record: &Record) -> String {
    format!("{record:?}")
}

pub(super) fn same(a: &[Record], b: &[Record]) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

fn read_all(reader: &mut ArchiveReader) -> Vec<Record> {
    let mut all = Vec::new();
    for i in 1..reader.frame_count() {
        reader.read_frame(i, &mut all).unwrap();
    }
    all
}

#[test]
fn what_is_written_is_read() {
    let (_folder, path) = folder();
    let all = write_small(&path, 4, true);
    let mut reader = ArchiveReader::open(&path).unwrap();
    assert!(reader.is_finished());
    assert_eq!(reader.frame_count(), 6);
    assert_eq!(reader.header().origin, header().origin);
    let counts = Counts {
        memories: 8,
        other_nodes: 4,
        relationships: 8,
    };
    assert_eq!(reader.counts(), counts);
    assert_eq!(reader.facts().unwrap().counts, counts);
    assert!(reader.damage().is_empty());
    assert!(same(&read_all(&mut reader), &all));
    for (i, record) in all.iter().enumerate().rev() {
        let read = reader.record(i as u64 + 1).unwrap();
        assert!(same(&[read], std::slice::from_ref(record)));
    }
    for missing in [0, 21, u64::MAX] {
        let error = reader.record(missing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let again = ArchiveWriter::create(&path, &header()).err().unwrap();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    // Killed between the end and whoever was to note it: goes on where it ended.
    let resumed = ArchiveWriter::resume(&path).unwrap();
    assert_eq!(resumed.position().records, 20);
    resumed.finish(Map::new()).unwrap();
    assert!(verify(&path).unwrap().is_empty());
}

#[test]
fn frames_are_cut_at_their_limit_and_giants_travel_alone() {
    let (_folder, path) = folder();
    let mut writer = ArchiveWriter::create(&path, &header()).unwrap();
    let sized = |bytes: usize| {
        let mut record = node(0);
        if let Record::Node(node) = &mut record {
            let text = format!("{{\"content\": \"{}\"}}", "x".repeat(bytes));
            node.properties = Properties::Stored(Value::text(text));
        }
        record
    };
    let sizes = [10, 3 << 20, 2 << 20, 16 << 20, 5, 1 << 20, 4 << 20, 7];
    let all: Vec<_> = sizes.into_iter().map(sized).collect();
    for record in &all {
        writer.push(record).unwrap();
    }
    writer.finish(Map::new()).unwrap();
    let mut reader = ArchiveReader::open(&path).unwrap();
    let held: Vec<_> = (1..reader.frame_count())
        .map(|i| reader.frame(i).unwrap().records)
        .collect();
    assert_eq!(held, [2, 1, 1, 2, 1, 1]);
    assert!(same(&read_all(&mut reader), &all));
}

#[test]
fn finished_frames_are_read_while_more_are_written() {
    let (_folder, path) = folder();
    let mut writer = ArchiveWriter::create(&path, &header()).unwrap();
    let mut reader = writer.reader().unwrap();
    assert_eq!(reader.frame_count(), 1);
    writer.push(&node(1)).unwrap();
    assert_eq!(reader.frame_count(), 1);
    writer.end_frame().unwrap();
    assert_eq!(reader.frame_count(), 2);
    assert!(same(&[reader.record(1).unwrap()], &[node(1)]));
    writer.push(&relationship(1)).unwrap();
    assert_eq!(writer.position().records, 1);
    assert_eq!(writer.position().taken, 2);
    assert!(writer.push(&node(2)).is_err(), "nodes come first");
    writer.finish(Map::new()).unwrap();
    assert!(same(&[reader.record(2).unwrap()], &[relationship(1)]));
    assert!(reader.damage().is_empty());
}

#[test]
fn a_stage_is_resumed_at_its_last_whole_frame_wherever_it_was_cut() {
    let (folder, path) = folder();
    let all = write_small(&path, 2, true);
    let bytes = fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    let ends: Vec<u64> = {
        let reader = ArchiveReader::open(&path).unwrap();
        let frames = (0..6).map(|i| reader.frame(i).unwrap());
        frames.map(|f| f.end() + frame::SEAL as u64).collect()
    };
    for length in 0..=bytes.len() {
        fs::write(&cut, &bytes[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length as u64).count();
        let resumed = ArchiveWriter::resume(&cut);
        if whole == 0 {
            assert!(resumed.is_err(), "{length}");
            continue;
        }
        let mut writer = resumed.unwrap();
        let there = writer.position();
        assert_eq!(there.bytes, ends[whole - 1]);
        assert_eq!(there.records, 2 * (whole as u64 - 1));
        for record in &all[there.records as usize..] {
            writer.push(record).unwrap();
        }
        writer.finish(Map::new()).unwrap();
        let mut reader = ArchiveReader::open(&cut).unwrap();
        assert!(same(&read_all(&mut reader), &all), "{length}");
    }
}

#[test]
fn a_damaged_stage_is_resumed_before_the_damage() {
    let (_folder, path) = folder();
    write_small(&path, 2, false);
    let mut bytes = fs::read(&path).unwrap();
    let frame = ArchiveReader::open(&path).unwrap().frame(3).unwrap();
    bytes[frame.offset as usize + 9] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let writer = ArchiveWriter::resume(&path).unwrap();
    assert_eq!(writer.position().records, 4);
    assert_eq!(fs::metadata(&path).unwrap().len(), frame.offset);
}

#[test]
fn what_is_no_archive_is_said_to_be_none() {
    let (_folder, path) = folder();
    let kind_of = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = ArchiveReader::open(&path).err().unwrap();
        assert!(error.what_to_do().is_some(), "{error}");
        error.kind()
    };
    assert_eq!(kind_of(b""), ErrorKind::NotThisStore);
    assert_eq!(kind_of(b"{}"), ErrorKind::NotThisStore);
    assert_eq!(kind_of(&[0; 5000]), ErrorKind::NotThisStore);
    let zipped = zstd::encode_all(&b"{\"a\":1}\n"[..], 1).unwrap();
    assert_eq!(kind_of(&zipped), ErrorKind::NotThisStore);
    let newer = b"{\"format\":\"memferry\",\"version\":7,\"records\":\"elsewhere\"}\nmore\n";
    let newer = zstd::encode_all(&newer[..], 1).unwrap();
    assert_eq!(kind_of(&newer), ErrorKind::UnknownLayout);
    let error = ArchiveReader::open(&path).err().unwrap().to_string();
    assert!(
        error.contains("version 7") && error.contains("version 1"),
        "{error}"
    );
    let bomb = zstd::encode_all(std::io::repeat(b' ').take_bytes(1 << 30), 1).unwrap();
    assert_eq!(kind_of(&bomb), ErrorKind::NotThisStore);
    let folder = ArchiveReader::open(path.parent().unwrap()).err().unwrap();
    assert_eq!(folder.kind(), ErrorKind::NotThisStore);
    let missing = ArchiveReader::open(Path::new("/no/such")).err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

trait TakeBytes: std::io::Read + Sized {
    fn take_bytes(self, n: u64) -> std::io::Take<Self> {
        self.take(n)
    }
}
impl<R: std::io::Read> TakeBytes for R {}

#[test]
fn what_stands_before_or_behind_an_archive_is_noticed() {
    let (_folder, path) = folder();
    let all = write_small(&path, 2, true);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, [b"garbage".as_slice(), &bytes].concat()).unwrap();
    let error = ArchiveReader::open(&path).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotThisStore);
    assert!(
        error.what_to_do().unwrap().contains("tail -c +8"),
        "{error}"
    );
    fs::write(&path, [&bytes, b"garbage".as_slice()].concat()).unwrap();
    let mut reader = ArchiveReader::open(&path).unwrap();
    assert!(same(&read_all(&mut reader), &all));
    assert!(reader.damage().is_empty());
    let problems = verify(&path).unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].reason, "7 bytes follow the archive");
}

#[test]
fn a_record_too_large_is_not_taken() {
    let (_folder, path) = folder();
    let mut writer = ArchiveWriter::create(&path, &header()).unwrap();
    writer.push(&node(0)).unwrap();
    let mut giant = node(1);
    if let Record::Node(node) = &mut giant {
        let text = Text::from_bytes(vec![1; 33 << 20]);
        node.properties = Properties::Stored(Value::Text(text));
    }
    let error = writer.push(&giant).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(writer.push(&node(2)).unwrap(), 2);
    writer.finish(Map::new()).unwrap();
    let mut reader = ArchiveReader::open(&path).unwrap();
    assert!(same(&read_all(&mut reader), &[node(0), node(2)]));
}

/// Opens, reads what can be read, and counts what is named as unreadable.
fn read_what_is_left(path: &Path) -> crate::error::Result<(Vec<Record>, Vec<String>)> {
    let mut reader = ArchiveReader::open(path)?;
    let mut named: Vec<_> = reader.damage().into_iter().map(|d| d.place).collect();
    let mut all = Vec::new();
    for i in 0..reader.frame_count() {
        let Some(frame) = reader.frame(i).filter(|f| f.kind.is_some()) else {
            continue;
        };
        let mut some = Vec::new();
        match reader.read_frame(i, &mut some) {
            Ok(()) => all.append(&mut some),
            Err(_) => named.push(frame.place()),
        }
    }
    Ok((all, named))
}

#[test]
fn every_flipped_byte_is_detected_and_costs_one_frame_at_most() {
    let (folder, path) = folder();
    let all = write_small(&path, 2, true);
    assert!(verify(&path).unwrap().is_empty());
    let bytes = fs::read(&path).unwrap();
    let flipped = folder.path().join("flipped");
    for at in 0..bytes.len() {
        {
            let flip = [0x01, 0x80, 0xFF][at % 3];
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            fs::write(&flipped, &bytes).unwrap();
            let problems = verify(&flipped).unwrap();
            assert!(!problems.is_empty(), "byte {at} is not noticed");
            let lost: u64 = problems.iter().map(|p| p.lost).sum();
            let (read, named) = read_what_is_left(&flipped).unwrap();
            assert_eq!(read.len() + lost as usize, all.len(), "byte {at}");
            if lost == 0 {
                assert!(same(&read, &all), "byte {at}");
            } else {
                assert_eq!((lost, named.len()), (2, 1), "byte {at}");
                assert!(problems.iter().any(|p| p.place == named[0]));
            }
        }
    }
}

#[test]
fn a_flipped_byte_in_an_unfinished_archive_costs_one_frame_at_most() {
    let (folder, path) = folder();
    let all = write_small(&path, 2, false);
    let bytes = fs::read(&path).unwrap();
    let flipped = folder.path().join("flipped");
    let expected = verify(&path).unwrap();
    assert_eq!(expected.len(), 1, "it is cut off");
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= [0x01, 0x80, 0xFF][at % 3];
        fs::write(&flipped, &bytes).unwrap();
        let (read, named) = read_what_is_left(&flipped).unwrap();
        assert_ne!(verify(&flipped).unwrap(), expected, "byte {at}");
        assert!(read.len() == all.len() || read.len() + 2 == all.len());
        assert!(
            read.iter()
                .all(|r| all.iter().any(|a| shown(a) == shown(r)))
        );
        assert!(read.len() == all.len() || named.len() <= 2, "byte {at}");
    }
}

#[test]
fn an_archive_cut_anywhere_gives_what_is_whole_and_says_so() {
    let (folder, path) = folder();
    let all = write_small(&path, 2, true);
    let bytes = fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    for length in 0..bytes.len() {
        fs::write(&cut, &bytes[..length]).unwrap();
        let Ok((read, named)) = read_what_is_left(&cut) else {
            assert!(length < 400);
            continue;
        };
        assert!(same(&read, &all[..read.len()]), "{length}");
        assert!(read.len() == all.len() || named.len() == 1, "{length}");
        assert!(!verify(&cut).unwrap().is_empty(), "{length}");
    }
}
