//! The bulk form of a graph server: five to ten times as fast as queries, exact for
//! doubles, and trusting; so it is used for a graph of our own alone, which nobody sees
//! before all of it was read back. The form is that of
//! <https://docs.falkordb.com/design/bulk_spec.html>.

use super::super::record::Stored;
use crate::model::{Text, Value};
use std::collections::BTreeMap;

/// Versions of the module whose bulk form was tried: 4.16 to 4.22.
const KNOWN: std::ops::Range<u64> = 41_600..42_300;

/// Whether a version of the module is known to take the bulk form as it is written here.
pub(super) fn is_known(module: u64) -> bool {
    KNOWN.contains(&module)
}

/// Whether a record can be written in this form: its labels or type must be named, a colon
/// parts several, and there are no functions.
pub(super) fn takes(stored: &Stored) -> bool {
    let plain = |name: &Text| !name.is_empty() && !name.as_bytes().contains(&b':');
    stored.natives.is_empty() && !stored.names.is_empty() && stored.names.iter().all(plain)
}

/// What one call carries.
#[derive(Default)]
pub(super) struct Load {
    pub(super) blobs: Vec<Vec<u8>>,
    /// Which of the rows given each record of the blobs is, in order.
    pub(super) order: Vec<usize>,
}

/// Records of one shape: their names and the names of their properties.
type Shape<'a> = (&'a [Text], Vec<&'a Text>);

/// An edge's or a node's row: its number, its ends, itself.
pub(super) type Item<'a> = (usize, Option<(u64, u64)>, &'a Stored);

/// Nodes or edges as blobs, one for each shape.
pub(super) fn load(items: &[Item<'_>]) -> Load {
    let mut shapes: BTreeMap<Shape<'_>, Vec<&Item<'_>>> = BTreeMap::new();
    for item in items {
        let stored = item.2;
        let mut keys: Vec<&Text> = stored.properties.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        shapes.entry((&stored.names, keys)).or_default().push(item);
    }
    let mut load = Load::default();
    for ((names, keys), items) in shapes {
        let mut blob = Vec::new();
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                blob.push(b':');
            }
            blob.extend_from_slice(name.as_bytes());
        }
        blob.push(0);
        blob.extend_from_slice(&(keys.len() as u32).to_le_bytes());
        for key in &keys {
            blob.extend_from_slice(key.as_bytes());
            blob.push(0);
        }
        for (row, ends, stored) in items {
            if let Some((from, to)) = ends {
                blob.extend_from_slice(&from.to_le_bytes());
                blob.extend_from_slice(&to.to_le_bytes());
            }
            let mut sorted: Vec<(&Text, &Value)> = stored.properties.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            for (_, value) in sorted {
                write(&mut blob, value);
            }
            load.order.push(*row);
        }
        load.blobs.push(blob);
    }
    load
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(b) => out.extend_from_slice(&[1, u8::from(*b)]),
        Value::Float(f) => {
            out.push(2);
            out.extend_from_slice(&f.to_bits().to_le_bytes());
        }
        Value::Text(text) => {
            out.push(3);
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        Value::Int(i) => {
            out.push(4);
            out.extend_from_slice(&i.to_le_bytes());
        }
        Value::List(list) => {
            out.push(5);
            out.extend_from_slice(&(list.len() as i64).to_le_bytes());
            for item in list {
                write(out, item);
            }
        }
        // No other type is left once a record was made to fit.
        Value::Null | Value::BigInt(_) | Value::Bytes(_) | Value::Map(_) => out.push(0),
    }
}
