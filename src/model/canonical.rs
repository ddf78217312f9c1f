//! Canonical bytes of a record and their digest: what "equal" means.
//!
//! Every value is a tag and its content, so that different values have different
//! bytes whatever surrounds them:
//!
//! | tag | content |
//! |---|---|
//! | `N` | null |
//! | `T` `F` | true, false |
//! | `I` | length, decimal digits |
//! | `D` | eight bytes, the bits of the double, big-endian |
//! | `S` | length, the bytes of the text |
//! | `B` | length, bytes |
//! | `L` | values, `E` |
//! | `M` | for each key in byte order: length, key, value; then `E`. In front of each key stands `K` |
//!
//! A length is LEB128. A record is a format byte, its kind, key, labels or type and
//! ends, then its properties as `M`, under the rules of [`super::equal`]. Stored
//! properties that are no JSON object, or hold a key twice, also enter as their raw
//! cell behind `R`. BLAKE3 of that is the digest.

mod bytes;

pub use bytes::write_value;
use bytes::{text_of, write_key};
pub(super) use bytes::{write_bytes, write_length};

use super::equal::{EMPTY_LIST_AS_TEXT, NULL_IS_ABSENT};
use super::json::{self, Visit};
use super::packed::{self, Packed};
use super::{Key, Kind, Node, Properties, Record, Relationship, Row, Text, Value};

/// Version of the canonical bytes; the first byte of every record's.
pub const FORMAT: u8 = 1;

/// First 16 bytes of BLAKE3 over kind and key: what joins two sides of a record.
pub type KeyHash = [u8; 16];

/// The digest of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest {
    /// BLAKE3 of the canonical bytes: what every store can be compared by.
    pub core: [u8; 32],
    /// First 16 bytes of BLAKE3 over what only stores with rows keep (`row-times`,
    /// `stale-copy`); `None` for a record that comes from elsewhere.
    pub row: Option<[u8; 16]>,
}

impl Digest {
    /// Whether two records are equal, as far as both sides can tell.
    pub fn matches(&self, other: &Digest) -> bool {
        self.core == other.core
            && match (self.row, other.row) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            }
    }
}

/// Members among which one is sought one by one.
const FEW: usize = 40;

/// Makes canonical bytes and digests, keeping its buffers from record to record.
///
/// After [`Canon::digest`] or [`Canon::look`], [`Canon::text`] and its like answer
/// questions about the record's own properties without parsing it again.
#[derive(Default)]
pub struct Canon {
    buffer: Vec<u8>,
    members: Vec<Member>,
    /// Which member stood where after sorting, the last time.
    order: Vec<usize>,
    sorted: Vec<Member>,
    open: Vec<Open>,
    spare: Vec<u8>,
    out: Vec<u8>,
    row: Vec<u8>,
    is_map: bool,
    repeated: bool,
    foreign: bool,
    nul: bool,
    /// Whether a map is inside.
    nested: bool,
    /// How much of the buffer is the properties as they were read.
    read: usize,
}

/// Where a key and its value lie in the buffer, one behind the other as they are hashed.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    key: usize,
    value: usize,
    end: usize,
}

impl Member {
    fn key<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        &buffer[self.key..self.value]
    }

    fn value<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        &buffer[self.value..self.end]
    }

    fn whole<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        &buffer[self.start..self.end]
    }
}

enum Open {
    List,
    Map { start: usize, members: usize },
}

impl Canon {
    /// Fresh, with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The digest of a record.
    pub fn digest(&mut self, record: &Record) -> Digest {
        match record {
            Record::Node(node) => self.node(node),
            Record::Relationship(relationship) => self.relationship(relationship),
        }
    }

    /// Reads a record without digesting it: what [`Canon::text`] and its like answer is the
    /// same.
    pub fn look(&mut self, record: &Record) {
        self.read(record.properties());
    }

    /// The canonical bytes of the record digested last.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// The digest of a node.
    pub fn node(&mut self, node: &Node) -> Digest {
        self.read(&node.properties);
        for m in 0..self.members.len() {
            let (key, value) = self.member(m);
            if value == b"S\x02[]" && EMPTY_LIST_AS_TEXT.iter().any(|k| k.as_bytes() == key) {
                let name = key.to_vec();
                self.begin(&name);
                self.buffer.extend_from_slice(b"LE");
                self.close_last();
                self.members.swap_remove(m);
            }
        }
        self.out.clear();
        self.out.extend_from_slice(&[FORMAT, b'n']);
        write_key(&mut self.out, &node.key);
        let mut labels: Vec<&[u8]> = node.labels.iter().map(Text::as_bytes).collect();
        labels.sort_unstable();
        labels.dedup();
        self.out.push(b'L');
        for label in labels {
            write_bytes(&mut self.out, b'S', label);
        }
        self.out.push(b'E');
        self.finish(&node.key, &node.properties, &node.row, &[])
    }

    /// The digest of a relationship.
    pub fn relationship(&mut self, relationship: &Relationship) -> Digest {
        self.read(&relationship.properties);
        self.out.clear();
        self.write_ends(relationship);
        let row = &relationship.row;
        let columns: Vec<(&str, &Value)> = row
            .temporal()
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|v| (name, v)))
            .collect();
        self.finish(&relationship.key, &relationship.properties, row, &columns)
    }

    /// The hash of a key.
    pub fn key_hash(kind: Kind, key: &Key) -> KeyHash {
        // Room for most ids, so that it need not grow.
        let mut bytes = Vec::with_capacity(64);
        bytes.push(match kind {
            Kind::Node => b'n',
            Kind::Relationship => b'r',
        });
        write_key(&mut bytes, key);
        short(blake3::hash(&bytes))
    }

    /// The key of a record that its store keeps no id for, from its content and its
    /// ordinal among equals (or among those that repeat an id).
    pub fn derive(&mut self, record: &Record, ordinal: u64) -> Key {
        let mut bare = record.clone();
        match &mut bare {
            Record::Node(n) => n.key = Key::Id(Value::Null),
            Record::Relationship(r) => r.key = Key::Id(Value::Null),
        }
        self.digest(&bare);
        self.out.extend_from_slice(&ordinal.to_be_bytes());
        Key::Derived(short(blake3::hash(&self.out)))
    }

    /// Whether the properties of the record digested last are a JSON object.
    pub fn is_map(&self) -> bool {
        self.is_map
    }

    /// Whether they hold a key twice somewhere.
    pub fn has_repeated_key(&self) -> bool {
        self.repeated
    }

    /// Whether they are stored text with a NUL somewhere in what it says.
    pub fn has_nul(&self) -> bool {
        self.nul
    }

    /// Whether they are stored text for which [`json::is_portable_object`] holds, known
    /// without another pass over it.
    pub fn is_portable(&self, properties: &Properties) -> bool {
        let Properties::Stored(Value::Text(text)) = properties else {
            return false;
        };
        self.is_map && !self.repeated && !self.foreign && json::is_one_line_object(text.as_bytes())
    }

    /// The properties of the record looked at last, if they are stored text for which
    /// [`Canon::is_portable`] holds, without maps inside: there they are sorted by now.
    pub fn packed(&self) -> Option<Packed> {
        let plain = self.is_map && !self.repeated && !self.foreign && !self.nested;
        plain.then(|| Packed::of_canonical(&self.buffer[..self.read], !self.nul))
    }

    /// The canonical bytes of one of its top-level properties.
    pub fn property(&self, key: &str) -> Option<&[u8]> {
        let key = key.as_bytes();
        let at = match self.members.len() {
            // Most keys differ in length already.
            ..=FEW => self
                .members
                .iter()
                .position(|m| m.value - m.key == key.len() && m.key(&self.buffer) == key),
            _ => {
                let by = |m: &Member| m.key(&self.buffer).cmp(key);
                self.members.binary_search_by(by).ok()
            }
        };
        Some(self.member(at?).1)
    }

    /// The bytes of one of its top-level properties that is text.
    pub fn text(&self, key: &str) -> Option<&[u8]> {
        text_of(self.property(key)?)
    }

    fn member(&self, m: usize) -> (&[u8], &[u8]) {
        let member = &self.members[m];
        (member.key(&self.buffer), member.value(&self.buffer))
    }

    /// Parses properties into the buffer; their top-level members are sorted.
    fn read(&mut self, properties: &Properties) {
        self.reset();
        match properties {
            Properties::Typed(map) => {
                self.is_map = true;
                for (key, value) in map.iter() {
                    self.begin(key.as_bytes());
                    write_value(&mut self.buffer, value);
                    self.close_last();
                }
            }
            Properties::Packed(packed) => {
                self.is_map = true;
                self.read_packed(packed);
            }
            Properties::Stored(Value::Text(text)) => {
                if json::visit(text.as_bytes(), self).is_err() || !self.is_map {
                    self.reset();
                }
            }
            Properties::Stored(_) => {}
        }
        self.read = self.buffer.len();
        self.sort_top();
    }

    /// Takes members over as they lie there; only those with maps inside are sorted anew.
    fn read_packed(&mut self, packed: &Packed) {
        let bytes = packed.bytes();
        self.buffer.extend_from_slice(bytes);
        for at in packed::spans(bytes) {
            match at.has_map {
                false => self.members.push(Member {
                    start: at.start,
                    key: at.key,
                    value: at.value,
                    end: at.end,
                }),
                true => {
                    self.begin(&bytes[at.key..at.value]);
                    let value = packed::value_of(&bytes[at.value..at.end]);
                    write_value(&mut self.buffer, &value.unwrap_or(Value::Null));
                    self.close_last();
                }
            }
        }
    }

    fn reset(&mut self) {
        self.buffer.clear();
        self.members.clear();
        self.open.clear();
        self.is_map = false;
        self.repeated = false;
        self.foreign = false;
        self.nul = false;
        self.nested = false;
    }

    fn write_ends(&mut self, relationship: &Relationship) {
        self.out.extend_from_slice(&[FORMAT, b'r']);
        write_key(&mut self.out, &relationship.key);
        write_key(&mut self.out, &relationship.from);
        write_bytes(&mut self.out, b'S', relationship.rel_type.as_bytes());
        write_key(&mut self.out, &relationship.to);
    }

    /// Writes the properties under the columns that win over them, and hashes.
    fn finish(
        &mut self,
        key: &Key,
        properties: &Properties,
        row: &Row,
        columns: &[(&str, &Value)],
    ) -> Digest {
        let relationship = self.out[1] == b'r';
        let mut own_key = Vec::with_capacity(48);
        write_key(&mut own_key, key);
        self.row.clear();
        let mut has_id = false;
        let mut columns = columns.iter().peekable();
        let mut column = std::mem::take(&mut self.spare);
        self.out.push(b'M');
        for m in 0..self.members.len() {
            let member = self.members[m];
            let name = member.key(&self.buffer);
            let mut content = member.value(&self.buffer);
            let mut whole = member.whole(&self.buffer);
            while let Some((earlier, v)) = columns.next_if(|(c, _)| c.as_bytes() < name) {
                write_column(&mut self.out, earlier, v);
            }
            if let Some((_, v)) = columns.next_if(|(c, _)| c.as_bytes() == name) {
                column.clear();
                write_bytes(&mut column, b'K', name);
                let at = column.len();
                write_value(&mut column, v);
                if column[at..] != *content {
                    write_bytes(&mut self.row, b'C', name);
                    self.row.extend_from_slice(content);
                }
                (content, whole) = (&column[at..], &column);
            }
            if name == b"id" {
                has_id = true;
                if content == own_key {
                    continue;
                }
            }
            if relationship && content == b"N" && nullable(name) {
                continue;
            }
            self.out.extend_from_slice(whole);
        }
        for (later, v) in columns {
            write_column(&mut self.out, later, v);
        }
        self.spare = column;
        self.out.push(b'E');
        if let Properties::Stored(cell) = properties
            && (!self.is_map || self.repeated)
        {
            self.out.push(b'R');
            write_value(&mut self.out, cell);
        }
        let core = *blake3::hash(&self.out).as_bytes();
        let kept = row.created_at.is_some() || row.updated_at.is_some();
        let row = kept.then(|| {
            self.row.push(if has_id { b'i' } else { b'-' });
            for column in [&row.created_at, &row.updated_at, &row.label] {
                match column {
                    Some(v) => write_value(&mut self.row, v),
                    None => self.row.push(b'-'),
                }
            }
            short(blake3::hash(&self.row))
        });
        Digest { core, row }
    }

    /// Sorts the top-level members by key and keeps the last of equal ones. Records of
    /// one store mostly have the same keys in the same order: that of the last one is
    /// tried first.
    fn sort_top(&mut self) {
        if self.order.len() != self.members.len() || !self.put_in_order() {
            self.order.clear();
            self.order.extend(0..self.members.len());
            let (members, buffer) = (&self.members, &self.buffer);
            self.order
                .sort_by(|&a, &b| by_key(&members[a], &members[b], buffer));
            if !self.put_in_order() {
                self.repeated |= drop_repeated(&mut self.sorted, &self.buffer);
            }
        }
        std::mem::swap(&mut self.members, &mut self.sorted);
    }

    /// Puts the members in the known order; whether that sorts them.
    fn put_in_order(&mut self) -> bool {
        self.sorted.clear();
        self.sorted
            .extend(self.order.iter().map(|&at| self.members[at]));
        is_sorted(&self.sorted, &self.buffer)
    }

    /// Begins a member; its value comes next.
    fn begin(&mut self, key: &[u8]) {
        let start = self.buffer.len();
        write_bytes(&mut self.buffer, b'K', key);
        let value = self.buffer.len();
        self.members.push(Member {
            start,
            key: value - key.len(),
            value,
            end: value,
        });
    }

    /// The member begun last ends here.
    fn close_last(&mut self) {
        if let Some(last) = self.members.last_mut() {
            last.end = self.buffer.len();
        }
    }

    /// The same, if one was begun in the map that is open.
    fn close_in_map(&mut self) {
        if let Some(Open::Map { members, .. }) = self.open.last()
            && self.members.len() > *members
        {
            self.close_last();
        }
    }
}

/// Sorts by key; of equal keys the last stays. Tells whether there were any.
fn sort_members(members: &mut Vec<Member>, buffer: &[u8]) -> bool {
    if is_sorted(members, buffer) {
        return false;
    }
    members.sort_by(|a, b| by_key(a, b, buffer));
    drop_repeated(members, buffer)
}

/// By key; of equal keys the last one first.
fn by_key(a: &Member, b: &Member, buffer: &[u8]) -> std::cmp::Ordering {
    let order = a.key(buffer).cmp(b.key(buffer));
    order.then(b.start.cmp(&a.start))
}

/// Keeps the first of equal keys. Tells whether there were any.
fn drop_repeated(members: &mut Vec<Member>, buffer: &[u8]) -> bool {
    let before = members.len();
    members.dedup_by(|later, first| later.key(buffer) == first.key(buffer));
    members.len() != before
}

/// Whether each key is greater than the one before.
fn is_sorted(members: &[Member], buffer: &[u8]) -> bool {
    members
        .windows(2)
        .all(|w| w[0].key(buffer) < w[1].key(buffer))
}

fn nullable(name: &[u8]) -> bool {
    NULL_IS_ABSENT.iter().any(|k| k.as_bytes() == name)
}

fn write_column(out: &mut Vec<u8>, column: &str, value: &Value) {
    if *value == Value::Null && nullable(column.as_bytes()) {
        return;
    }
    write_bytes(out, b'K', column.as_bytes());
    write_value(out, value);
}

fn short(hash: blake3::Hash) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&hash.as_bytes()[..16]);
    out
}

impl Visit for Canon {
    fn null(&mut self) {
        self.buffer.push(b'N');
    }
    fn bool(&mut self, value: bool) {
        self.buffer.push(if value { b'T' } else { b'F' });
    }
    fn integer(&mut self, digits: &str) {
        self.foreign |= !json::is_exact(digits);
        write_bytes(&mut self.buffer, b'I', digits.as_bytes());
    }
    fn float(&mut self, value: f64) {
        self.foreign |= !value.is_finite();
        self.buffer.push(b'D');
        self.buffer
            .extend_from_slice(&value.to_bits().to_be_bytes());
    }
    fn broken(&mut self) {
        self.foreign = true;
    }
    fn nul(&mut self) {
        self.nul = true;
    }
    fn text(&mut self, bytes: &[u8]) {
        write_bytes(&mut self.buffer, b'S', bytes);
    }

    fn begin_list(&mut self) {
        self.buffer.push(b'L');
        self.open.push(Open::List);
        self.foreign |= self.open.len() > json::MAX_PORTABLE_DEPTH;
    }
    fn end_list(&mut self) {
        self.buffer.push(b'E');
        self.open.pop();
    }
    fn begin_map(&mut self) {
        if !self.open.is_empty() {
            self.buffer.push(b'M');
        }
        self.open.push(Open::Map {
            start: self.buffer.len(),
            members: self.members.len(),
        });
        self.foreign |= self.open.len() > json::MAX_PORTABLE_DEPTH;
    }
    fn key(&mut self, bytes: &[u8]) {
        self.foreign |= bytes.first() == Some(&b'$');
        self.close_in_map();
        self.begin(bytes);
    }
    fn end_map(&mut self) {
        self.close_in_map();
        let Some(Open::Map { start, members }) = self.open.pop() else {
            return;
        };
        if self.open.is_empty() {
            self.is_map = true;
            return;
        }
        self.nested = true;
        let mut inner = self.members.split_off(members);
        self.repeated |= sort_members(&mut inner, &self.buffer);
        self.spare.clear();
        for member in inner {
            self.spare.extend_from_slice(member.whole(&self.buffer));
        }
        self.buffer.truncate(start);
        self.buffer.extend_from_slice(&self.spare);
        self.buffer.push(b'E');
    }
}

#[cfg(test)]
mod tests;
