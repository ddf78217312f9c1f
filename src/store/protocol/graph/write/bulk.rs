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

/// An edge's or a node's row: its number, its ends, itself.
pub(super) type Item<'a> = (usize, Option<(u64, u64)>, &'a Stored);

/// Records of one shape: their names and the names of their properties.
struct Group<'a> {
    names: &'a [Text],
    /// As the first of them has them.
    keys: Vec<&'a Text>,
    /// Which of the keys comes when, sorted.
    sorted: Vec<usize>,
    blob: Vec<u8>,
    rows: Vec<usize>,
}

impl<'a> Group<'a> {
    fn of(stored: &'a Stored) -> Self {
        let keys: Vec<&Text> = stored.properties.iter().map(|(key, _)| key).collect();
        let mut sorted: Vec<usize> = (0..keys.len()).collect();
        sorted.sort_unstable_by_key(|at| keys[*at]);
        let mut blob = Vec::with_capacity(BLOB);
        head(&mut blob, &stored.names, keys.iter().copied());
        Self {
            names: &stored.names,
            keys,
            sorted,
            blob,
            rows: Vec::new(),
        }
    }

    /// Whether a record has these names, and these keys in this order.
    fn is_alike(&self, stored: &Stored) -> bool {
        self.keys.len() == stored.properties.len()
            && self.names == stored.names.as_slice()
            && stored
                .properties
                .iter()
                .map(|(k, _)| k)
                .eq(self.keys.iter().copied())
    }

    fn add(&mut self, (row, ends, stored): &Item<'_>) {
        self.rows.push(*row);
        if let Some((from, to)) = ends {
            self.blob.extend_from_slice(&from.to_le_bytes());
            self.blob.extend_from_slice(&to.to_le_bytes());
        }
        if stored
            .properties
            .iter()
            .map(|(k, _)| k)
            .eq(self.keys.iter().copied())
        {
            stored
                .properties
                .iter()
                .for_each(|(_, v)| write(&mut self.blob, v));
            return;
        }
        // The same keys in another order.
        let mut pairs: Vec<(&Text, &Value)> = stored.properties.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        let mut values = vec![&Value::Null; pairs.len()];
        for (at, (_, value)) in self.sorted.iter().zip(pairs) {
            values[*at] = value;
        }
        values.into_iter().for_each(|v| write(&mut self.blob, v));
    }
}

/// What a blob begins with.
pub(super) fn head<'a>(
    blob: &mut Vec<u8>,
    names: &[Text],
    keys: impl ExactSizeIterator<Item = &'a Text>,
) {
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            blob.push(b':');
        }
        blob.extend_from_slice(name.as_bytes());
    }
    blob.push(0);
    blob.extend_from_slice(&(keys.len() as u32).to_le_bytes());
    for key in keys {
        blob.extend_from_slice(key.as_bytes());
        blob.push(0);
    }
}

/// Bytes that a blob has room for at first.
const BLOB: usize = 16 << 10;

/// Names of records and, sorted, of their properties.
type Shape<'a> = (&'a [Text], Vec<&'a Text>);

/// Nodes or edges as blobs, one for each shape.
pub(super) fn load(items: &[Item<'_>]) -> Load {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut shapes: BTreeMap<Shape<'_>, usize> = BTreeMap::new();
    for item in items {
        let stored = item.2;
        // Records of one store mostly have the same keys in the same order.
        let near = groups
            .iter()
            .rev()
            .take(NEAR)
            .position(|g| g.is_alike(stored));
        let at = match near {
            Some(back) => groups.len() - 1 - back,
            None => {
                let mut keys: Vec<&Text> = stored.properties.iter().map(|(key, _)| key).collect();
                keys.sort_unstable();
                *shapes.entry((&stored.names, keys)).or_insert_with(|| {
                    groups.push(Group::of(stored));
                    groups.len() - 1
                })
            }
        };
        groups[at].add(item);
    }
    let mut load = Load::default();
    for group in groups {
        load.order.extend(group.rows);
        load.blobs.push(group.blob);
    }
    load
}

/// Shapes that a record is held against before its keys are sorted.
const NEAR: usize = 40;

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
