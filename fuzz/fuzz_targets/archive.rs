//! Archives made by anybody. The first byte chooses: the bytes are a file; they are the
//! lines of a file whose digests are right (made here by the documented format, not by
//! memferry's writer); or they are changes to a good archive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use memferry::model::{Key, Node, Properties, Record, Row, Value};
use memferry::store::archive::{ArchiveReader, ArchiveWriter, Header, Origin, verify};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    match choice % 3 {
        0 => {
            read(&in_file(rest));
        }
        1 => lines(*choice, rest),
        _ => flips(rest),
    }
});

/// In memory where there is such a place: writing through to a disk is slow.
fn somewhere() -> &'static Path {
    static PLACE: LazyLock<PathBuf> = LazyLock::new(|| match Path::new("/dev/shm") {
        memory if memory.is_dir() => memory.to_owned(),
        _ => std::env::temp_dir(),
    });
    &PLACE
}

fn in_file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new_in(somewhere()).expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    file
}

/// Everything that can be read, with the number of each record.
fn read(file: &tempfile::NamedTempFile) -> Vec<(u64, Record)> {
    let path = file.path();
    let mut all = Vec::new();
    let Ok(mut reader) = ArchiveReader::open(path) else {
        assert!(verify(path).is_err());
        return all;
    };
    let _ = (reader.header(), reader.counts(), reader.digest());
    let problems = verify(path).expect("what opens can be checked");
    let mut damaged = reader.damage().len();
    for i in 0..reader.frame_count() {
        let Some(frame) = reader.frame(i).filter(|frame| frame.kind.is_some()) else {
            continue;
        };
        let Ok(lines) = reader.load(i) else {
            damaged += 1;
            continue;
        };
        for n in 0..lines {
            match reader.loaded_record(n) {
                Ok(record) => all.push((frame.first + n as u64, record)),
                Err(_) => damaged += 1,
            }
        }
    }
    assert!(
        damaged == 0 || !problems.is_empty(),
        "damage is found by the check"
    );
    if let Some((number, record)) = all.last() {
        let again = reader.record(*number).expect("read a moment ago");
        assert_eq!(format!("{again:?}"), format!("{record:?}"));
    }
    if let Ok(writer) = ArchiveWriter::resume(path) {
        let there = writer.position();
        drop(writer);
        assert_eq!(
            std::fs::metadata(path).expect("still there").len(),
            there.bytes
        );
    }
    all
}

/// The lines in frames with good seals, divided at empty lines.
fn lines(choice: u8, bytes: &[u8]) {
    let mut file = Vec::new();
    let header: &[u8] = b"{\"format\":\"memferry\",\"version\":1,\"created_at\":\"\",\
        \"origin\":{\"kind\":\"\",\"address\":\"\",\"layout\":\"\"}}\n";
    let (mut number, mut first) = (0, 1);
    seal(&mut file, number, 0, 0, first, header);
    let kind = 1 + u32::from(choice > 127);
    for part in bytes.split(|b| *b == 0) {
        let content = [part, b"\n"].concat();
        let records = content.iter().filter(|b| **b == b'\n').count() as u32;
        number += 1;
        seal(&mut file, number, kind, records, first, &content);
        first += u64::from(records);
    }
    let read = read(&in_file(&file));
    // Whatever could be read can be written, and is read the same.
    let folder = tempfile::tempdir_in(somewhere()).expect("a temporary folder");
    let path = folder.path().join("again");
    let header = Header::new(Origin::default());
    let mut writer = ArchiveWriter::create(&path, &header).expect("a new archive");
    let mut written = Vec::new();
    for kind in memferry::model::Kind::BOTH {
        for (_, record) in read.iter().filter(|(_, record)| record.kind() == kind) {
            if writer.push(record).is_ok() {
                written.push(record);
            }
        }
    }
    writer.finish(Default::default()).expect("finished");
    assert_eq!(verify(&path).expect("an archive"), []);
    let mut reader = ArchiveReader::open(&path).expect("an archive");
    for (i, record) in written.iter().enumerate() {
        let again = reader.record(i as u64 + 1).expect("it was written");
        assert_eq!(format!("{again:?}"), format!("{record:?}"));
    }
}

/// A frame with its seal.
fn seal(file: &mut Vec<u8>, number: u32, kind: u32, records: u32, first: u64, content: &[u8]) {
    let offset = file.len() as u64;
    let packed = zstd::bulk::compress(content, 1).expect("compressed");
    file.extend_from_slice(&packed);
    let start = file.len();
    file.extend_from_slice(&[0x5D, 0x2A, 0x4D, 0x18, 88, 0, 0, 0]);
    file.extend_from_slice(b"mfryseal");
    for n in [number, kind, records, 0] {
        file.extend_from_slice(&n.to_le_bytes());
    }
    file.extend_from_slice(&first.to_le_bytes());
    file.extend_from_slice(&offset.to_le_bytes());
    file.extend_from_slice(&(packed.len() as u32).to_le_bytes());
    file.extend_from_slice(&(content.len() as u32).to_le_bytes());
    file.extend_from_slice(blake3::hash(&packed).as_bytes());
    let check = blake3::hash(&file[start..]);
    file.extend_from_slice(&check.as_bytes()[..8]);
}

static GOOD: LazyLock<(Vec<u8>, Vec<String>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in(somewhere()).expect("a temporary folder");
    let path = folder.path().join("good");
    let mut records = Vec::new();
    let mut writer =
        ArchiveWriter::create(&path, &Header::new(Origin::default())).expect("a new archive");
    for i in 0..9 {
        let record = Record::Node(Node {
            key: Key::text(format!("m{i}")),
            labels: vec!["Memory".into()],
            properties: Properties::Stored(Value::text(format!("{{\"title\": \"T {i}\"}}"))),
            row: Row::default(),
        });
        writer.push(&record).expect("taken");
        if i % 3 == 2 {
            writer.end_frame().expect("written");
        }
        records.push(format!("{record:?}"));
    }
    writer.finish(Default::default()).expect("finished");
    (bytes_of(&path), records)
});

fn bytes_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("just written")
}

/// A good archive with bytes changed: what is still read is what was written.
fn flips(changes: &[u8]) {
    let (good, records) = &*GOOD;
    let mut bytes = good.clone();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[at] ^= change[2];
    }
    if changes.len() % 3 == 2 {
        let length = usize::from(u16::from_le_bytes([changes[0], changes[1]]));
        bytes.truncate(length);
    }
    let file = in_file(&bytes);
    let whole = bytes == *good;
    let checked = verify(file.path());
    assert_eq!(
        whole,
        matches!(checked, Ok(problems) if problems.is_empty())
    );
    for (number, record) in read(&file) {
        assert_eq!(format!("{record:?}"), records[number as usize - 1]);
    }
}
