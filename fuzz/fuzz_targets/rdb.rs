//! Redis database files: whatever bytes there are, looking at them ends, in bounded
//! memory, with what they say or an error; and a changed byte under a checksum is found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use memferry::store::falkordblite::rdb;

fuzz_target!(|bytes: &[u8]| {
    let start = rdb::read_start(bytes);
    let Ok(whole) = rdb::read(bytes) else { return };
    let start = start.expect("the start of a file that can be read through");
    assert_eq!(start.version, whole.version);
    assert!(whole.graphs.is_empty() || whole.graph_format.is_some());
    if whole.checked {
        let mut broken = bytes.to_vec();
        // Behind the end of a file anything may stand; its first half is inside.
        let at = broken.len() / 2;
        broken[at] ^= 1;
        if let Ok(read) = rdb::read(&broken[..]) {
            assert!(!read.checked || read == whole, "a changed byte was not found");
        }
    }
});
