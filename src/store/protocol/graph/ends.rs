//! Keys of nodes by the server's own ids, kept while all nodes are read, so that edges can
//! be read without asking for their ends: that took the server as long as a third of the
//! edge itself.

use crate::model::{Key, Text, Value};
use std::collections::HashMap;

/// Ids whose keys are kept at most: beyond that the server is asked. 16 bytes each.
const MOST: u64 = 1 << 20;

/// Bytes of keys that are no UUIDs, at most.
const MOST_OTHERS: usize = 2 << 20;

/// Bytes that such a key takes beside its text, roughly.
const BESIDE: usize = 100;

/// The keys of all nodes below an id.
#[derive(Default)]
pub(super) struct Ends {
    /// UUIDs by id; zero where there is none.
    uuids: Vec<[u8; 16]>,
    others: HashMap<u64, Key>,
    /// Bytes of the others.
    held: usize,
    /// Below which id nothing is missing.
    next: u64,
    /// There are too many.
    full: bool,
}

impl Ends {
    /// The nodes from one id to below another were read.
    pub(super) fn cover(&mut self, from: u64, to: u64) {
        if from <= self.next && to > self.next {
            self.next = to;
        }
    }

    /// Keeps the key of a node, of those below a bound.
    pub(super) fn put(&mut self, id: u64, key: &Key, bound: u64) {
        if self.full {
            return;
        }
        let uuid = uuid_of(key);
        let size = match (uuid, key) {
            (Some(_), _) => 0,
            (None, Key::Id(Value::Text(text))) => text.len() + BESIDE,
            (None, _) => BESIDE,
        };
        self.held += size;
        if id >= MOST || self.held > MOST_OTHERS {
            *self = Self {
                full: true,
                ..Self::default()
            };
            return;
        }
        let at = id as usize;
        if self.uuids.capacity() == 0 {
            // Growing, it would take half as much again.
            self.uuids.reserve_exact(bound.min(MOST) as usize);
        }
        if self.uuids.len() <= at {
            self.uuids.resize(at + 1, [0; 16]);
        }
        self.uuids[at] = uuid.unwrap_or_default();
        match uuid {
            Some(_) => drop(self.others.remove(&id)),
            None => drop(self.others.insert(id, key.clone())),
        }
    }

    /// Whether it knows all nodes below an id.
    pub(super) fn know(&self, bound: u64) -> bool {
        !self.full && self.next >= bound
    }

    /// The key of a node.
    pub(super) fn get(&self, id: u64) -> Option<Key> {
        let at = usize::try_from(id).ok()?;
        match self.uuids.get(at) {
            Some(uuid) if *uuid != [0; 16] => Some(Key::Id(Value::Text(text_of(uuid)))),
            _ => self.others.get(&id).cloned(),
        }
    }
}

/// Where the digits of a UUID stand in its text; between them stand hyphens.
const PARTS: [std::ops::Range<usize>; 5] = [0..8, 9..13, 14..18, 19..23, 24..36];

/// The bytes of a key that is a UUID in its usual form, and not all zero.
fn uuid_of(key: &Key) -> Option<[u8; 16]> {
    let Key::Id(Value::Text(text)) = key else {
        return None;
    };
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if [8, 13, 18, 23].iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut uuid = [0; 16];
    let digits = PARTS.into_iter().flat_map(|part| &text[part]);
    for (at, digit) in digits.enumerate() {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        uuid[at / 2] = uuid[at / 2] << 4 | value;
    }
    (uuid != [0; 16]).then_some(uuid)
}

fn text_of(uuid: &[u8; 16]) -> Text {
    let mut text = [b'-'; 36];
    let places = PARTS.into_iter().flatten();
    let digits = uuid.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for (at, digit) in places.zip(digits) {
        text[at] = b"0123456789abcdef"[usize::from(digit)];
    }
    Text::from_bytes(text.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_come_back_as_they_were(
            keys in proptest::collection::vec(
                prop_oneof!["[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[0-9a-fA-F-]{0,40}"],
                0..20,
            ),
        ) {
            let mut ends = Ends::default();
            for (id, key) in keys.iter().enumerate() {
                ends.put(id as u64, &Key::text(key.as_str()), 3);
            }
            for (id, key) in keys.iter().enumerate() {
                prop_assert_eq!(ends.get(id as u64), Some(Key::text(key.as_str())));
            }
            prop_assert_eq!(ends.get(keys.len() as u64), None);
        }
    }

    #[test]
    fn odd_keys_come_back_too() {
        let keys = [
            Key::text("00000000-0000-0000-0000-000000000000"),
            Key::text("00000000-0000-0000-0000-00000000000A"),
            Key::text("00000000-0000-0000-0000-000000000001"),
            Key::Id(Value::Int(7)),
            Key::Derived([0; 16]),
        ];
        let mut ends = Ends::default();
        for (id, key) in keys.iter().enumerate() {
            // Whatever was there before.
            ends.put(id as u64, &keys[2], 9);
            ends.put(id as u64, key, 9);
        }
        for (id, key) in keys.iter().enumerate() {
            assert_eq!(ends.get(id as u64).as_ref(), Some(key));
        }
    }

    #[test]
    fn only_what_was_read_from_the_start_is_known() {
        let mut ends = Ends::default();
        assert!(ends.know(0) && !ends.know(1));
        ends.cover(5, 9);
        assert!(!ends.know(1));
        ends.cover(0, 5);
        assert!(ends.know(5) && !ends.know(6));
        ends.cover(3, 9);
        assert!(ends.know(9));
        ends.put(MOST, &Key::text("a"), MOST + 1);
        assert!(!ends.know(0) && ends.get(MOST).is_none());
    }

    #[test]
    fn long_keys_are_not_kept_without_end() {
        let mut ends = Ends::default();
        let long = Key::text("x".repeat(1 << 20));
        ends.cover(0, 9);
        for id in 0..9 {
            ends.put(id, &long, 9);
        }
        assert!(!ends.know(9) && ends.others.is_empty());
    }
}
