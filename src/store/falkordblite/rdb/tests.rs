//! Reading the head and the module of a saved file.

use super::*;

/// A file of these bytes, with its checksum.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut file = b"REDIS0012".to_vec();
    file.extend_from_slice(body);
    let sum = CRC.checksum(&file);
    file.extend_from_slice(&sum.to_le_bytes());
    file
}

const AUX: &[u8] = b"\xfa\x09redis-ver\x068.10.2\xfa\x05ctime\xc2e\xd1\x01k";

/// `graphdata` in encoding 20, as a length of 64 bits.
const GRAPH: &[u8] = b"\x81\x82\xb6\xa9\x85\xd6\xad\x68\x14";

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn a_file_says_who_wrote_it_and_what_is_in_it() {
    let stream = b"\x15\x14telemetry{memorygrap\x01\x0212\x03abc\x01\x05\x06\x05\x06\0\0\x01\0";
    let file = sealed(&joined(&[
        AUX,
        b"\xf7",
        GRAPH,
        b"\x02\x01\x02\0\0\xfe\0\xfb\x02\x01",
        stream,
        b"\xfc\0\0\0\0\0\0\0\0\x04\x02ha\x01\x01a\xc0\x07",
        b"\x07\x0bmemorygraph",
        GRAPH,
        b"\x02\x01\x05\x03abc\x04\0\0\0\0\0\0\0\0\0",
        b"\xff",
    ]));
    let rdb = read(&file[..]).unwrap();
    assert_eq!(rdb.version, 12);
    assert_eq!(rdb.redis.as_deref(), Some("8.10.2"));
    assert_eq!(rdb.written_at, Some(0x6b01_d165));
    assert_eq!(rdb.graph_format, Some(20));
    assert_eq!(rdb.graphs, ["memorygraph"]);
    assert_eq!(rdb.others, ["telemetry{memorygrap", "ha"]);
    assert!(rdb.whole && rdb.checked);
    let start = read_start(&file[..]).unwrap();
    assert_eq!(start.redis, rdb.redis);
    assert!(start.graphs.is_empty());
    let behind = [&file[..], b"garbage"].concat();
    assert_eq!(read(&behind[..]).unwrap(), rdb);
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    let file = sealed(&joined(&[
        AUX,
        b"\xfe\0\x07\x02mg",
        GRAPH,
        b"\x05\x03abc\0\xff",
    ]));
    assert!(read(&file[..]).unwrap().checked);
    for cut in 0..file.len() {
        assert!(read(&file[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..file.len() {
        let mut broken = file.clone();
        broken[at] ^= 0x15;
        assert!(read(&broken[..]).is_err(), "byte {at}");
    }
}

#[test]
fn what_is_not_known_is_no_damage() {
    // A type of key that is still to be invented, and an unknown mark.
    for unknown in [&b"\x63\x01kwhatever"[..], b"\xf2\x01\x02"] {
        let file = sealed(&joined(&[AUX, unknown]));
        let rdb = read(&file[..]).unwrap();
        assert!(!rdb.whole && rdb.checked);
        assert_eq!(rdb.redis.as_deref(), Some("8.10.2"));
    }
    let mut unsealed = sealed(b"\xff");
    let at = unsealed.len() - 8;
    unsealed[at..].fill(0);
    assert!(!read(&unsealed[..]).unwrap().checked);
}

#[test]
fn other_files_are_none() {
    for other in [
        &b""[..],
        b"SQLite format 3\0",
        b"REDIX0001",
        b"REDISabcd\xff",
        b"{}",
    ] {
        let error = read(other).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotThisStore, "{other:?}");
    }
}

#[test]
fn packed_names_are_read() {
    // Twenty times `a`: one, then a copy of the nineteen behind it.
    let packed = b"\xc3\x05\x14\0a\xe0\x0a\0";
    let file = sealed(&joined(&[b"\0", packed, b"\x01v\xff"]));
    let rdb = read(&file[..]).unwrap();
    assert_eq!(rdb.others, ["a".repeat(20)]);
    // A copy from before the start is cut, not followed.
    assert_eq!(unpack(b"\0a\x20\x05"), b"a");
}
