//! Properties in one piece of memory: what is read in great numbers takes one allocation
//! for each record instead of one for each value, and is digested as it lies there.
//!
//! Names and values stand one behind the other in the order they were met, each in the
//! form that [`super::canonical`] gives it; only the keys of maps inside are not sorted.

use super::canonical::{write_bytes, write_length, write_value};
use super::{Map, Text, Value};

/// Properties of which no key stands twice.
#[derive(Clone, Debug)]
pub struct Packed {
    bytes: Box<[u8]>,
    plain: bool,
}

/// A key and the packed form of its value.
pub type Member<'a> = (&'a [u8], &'a [u8]);

/// Where a member lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where its key begins.
    pub key: usize,
    /// Where its value begins, and its key has ended.
    pub value: usize,
    /// Where it has ended.
    pub end: usize,
    /// Whether a map is in its value.
    pub has_map: bool,
}

impl Packed {
    /// Each key and the packed form of its value.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        let bytes = &self.bytes;
        spans(bytes).map(|at| (&bytes[at.key..at.value], &bytes[at.value..at.end]))
    }

    /// The same as values of their own.
    pub fn to_map(&self) -> Map {
        Map::from_distinct(self.pairs())
    }

    /// From canonical bytes of members, no key of which stands twice, without maps inside;
    /// `plain`: see [`Packed::is_plain`].
    pub(super) fn of_canonical(members: &[u8], plain: bool) -> Self {
        Self {
            bytes: members.into(),
            plain,
        }
    }

    /// Whether all names and texts are known to be UTF-8 without a NUL.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn pairs(&self) -> Vec<(Text, Value)> {
        let value = |bytes| value_of(bytes).unwrap_or(Value::Null);
        let members = self.members();
        members
            .map(|(key, bytes)| (Text::from_bytes(key), value(bytes)))
            .collect()
    }
}

impl From<&Map> for Packed {
    fn from(map: &Map) -> Self {
        let mut packer = Packer::default();
        for (key, value) in map.iter() {
            packer.key(key.as_bytes());
            packer.value(value);
        }
        packer.finish().distinct()
    }
}

/// A value as far as it can be told where it lies.
pub enum Seen<'a> {
    /// Text.
    Text(&'a [u8]),
    /// An integer of few digits, which every number can hold.
    Int(&'a [u8]),
    /// A double.
    Float(f64),
    /// Anything else.
    Other(Value),
}

/// Digits that every number can hold, and a sign.
const FEW_DIGITS: usize = 15;

/// Looks at the packed form of a value.
pub fn see(mut bytes: &[u8]) -> Seen<'_> {
    match bytes.first() {
        Some(b'S' | b'I') => {
            let behind = bytes;
            match head(&mut bytes) {
                Some((b'S', text)) => Seen::Text(text),
                Some((_, digits)) if digits.len() <= FEW_DIGITS => Seen::Int(digits),
                _ => Seen::Other(value_of(behind).unwrap_or(Value::Null)),
            }
        }
        _ => match value_of(bytes) {
            Some(Value::Float(f)) => Seen::Float(f),
            other => Seen::Other(other.unwrap_or(Value::Null)),
        },
    }
}

/// The value whose packed form these bytes are.
pub fn value_of(mut bytes: &[u8]) -> Option<Value> {
    take(&mut bytes)
}

/// Bytes of its buffer that a packer keeps.
const MOST_KEPT: usize = 1 << 20;

/// Packs properties one by one, keeping its buffer.
#[derive(Debug, Default)]
pub struct Packer {
    bytes: Vec<u8>,
}

impl Packer {
    /// The key of the value that comes next.
    pub fn key(&mut self, key: &[u8]) {
        write_bytes(&mut self.bytes, b'K', key);
    }

    /// Text.
    pub fn text(&mut self, text: &[u8]) {
        write_bytes(&mut self.bytes, b'S', text);
    }

    /// Text of that length, which is filled in.
    pub fn text_from<E>(
        &mut self,
        length: usize,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        write_length(&mut self.bytes, b'S', length);
        fill(&mut self.bytes)
    }

    /// Any value.
    pub fn value(&mut self, value: &Value) {
        write(&mut self.bytes, value);
    }

    /// A list begins; its items come next.
    pub fn begin_list(&mut self) {
        self.bytes.push(b'L');
    }

    /// The list begun last ends.
    pub fn end_list(&mut self) {
        self.bytes.push(b'E');
    }

    /// Where the next key or value begins.
    pub fn place(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets what was packed.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// What was packed, taken out.
    pub fn finish(&mut self) -> Unsettled {
        if self.bytes.capacity() > MOST_KEPT {
            return Unsettled(std::mem::take(&mut self.bytes).into_boxed_slice());
        }
        let bytes = self.bytes.as_slice().into();
        self.bytes.clear();
        Unsettled(bytes)
    }
}

/// What was packed, some doubles of which may have to be set, and some key of which may
/// stand twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled(Box<[u8]>);

impl Unsettled {
    /// The double whose packed form begins there.
    pub fn float(&self, at: usize) -> Option<f64> {
        let (tag, bits) = self.0.get(at..at + 9)?.split_first_chunk::<1>()?;
        let bits = u64::from_be_bytes(bits.try_into().ok()?);
        (tag == b"D").then(|| f64::from_bits(bits))
    }

    /// Sets that double.
    pub fn set_float(&mut self, at: usize, value: f64) {
        if self.float(at).is_some() {
            self.0[at + 1..at + 9].copy_from_slice(&value.to_bits().to_be_bytes());
        }
    }

    /// The value that begins there.
    pub fn value(&self, at: usize) -> Option<Value> {
        take(&mut self.0.get(at..)?)
    }

    /// As properties, if the caller knows that no key stands twice.
    pub(crate) fn distinct(self) -> Packed {
        Packed {
            bytes: self.0,
            plain: false,
        }
    }

    /// As properties; the last of equal keys wins.
    pub fn to_map(self) -> Map {
        Map::from_pairs(self.distinct().pairs())
    }
}

/// Appends a value as it is packed: as its canonical bytes, but for the order of keys.
fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::List(list) => {
            out.push(b'L');
            list.iter().for_each(|item| write(out, item));
            out.push(b'E');
        }
        Value::Map(map) => {
            out.push(b'M');
            for (key, value) in map.iter() {
                write_bytes(out, b'K', key.as_bytes());
                write(out, value);
            }
            out.push(b'E');
        }
        flat => write_value(out, flat),
    }
}

/// Where the members of packed bytes lie.
pub(super) fn spans(bytes: &[u8]) -> impl Iterator<Item = Span> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let place = |rest: &[u8]| bytes.len() - rest.len();
        let start = place(rest);
        let (b'K', key) = head(&mut rest)? else {
            return None;
        };
        let value = place(rest);
        let mut has_map = false;
        skip(&mut rest, &mut has_map)?;
        Some(Span {
            start,
            key: value - key.len(),
            value,
            end: place(rest),
            has_map,
        })
    })
}

/// A tag with a length, and what is so long.
#[inline]
pub(crate) fn head<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, mut behind) = match **rest {
        [tag, length @ 0..0x80, ref behind @ ..] => {
            let (content, next) = behind.split_at_checked(usize::from(length))?;
            *rest = next;
            return Some((tag, content));
        }
        _ => rest.split_first()?,
    };
    let mut length = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, next) = behind.split_first()?;
        behind = next;
        length |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            let (content, next) = behind.split_at_checked(length)?;
            *rest = next;
            return Some((*tag, content));
        }
    }
    None
}

/// Goes behind a value.
fn skip(rest: &mut &[u8], has_map: &mut bool) -> Option<()> {
    let mut open = 0_usize;
    loop {
        match rest.first()? {
            b'N' | b'T' | b'F' => *rest = &rest[1..],
            b'D' => *rest = rest.get(9..)?,
            b'L' | b'M' => {
                *has_map |= rest[0] == b'M';
                open += 1;
                *rest = &rest[1..];
            }
            b'E' => {
                open = open.checked_sub(1)?;
                *rest = &rest[1..];
            }
            _ => drop(head(rest)?),
        }
        if open == 0 {
            return Some(());
        }
    }
}

/// The value that comes next.
fn take(rest: &mut &[u8]) -> Option<Value> {
    let tag = *rest.first()?;
    let behind = &rest[1..];
    match tag {
        b'N' | b'T' | b'F' => {
            *rest = behind;
            Some(match tag {
                b'N' => Value::Null,
                tag => Value::Bool(tag == b'T'),
            })
        }
        b'D' => {
            let (bits, behind) = behind.split_first_chunk()?;
            *rest = behind;
            Some(Value::Float(f64::from_bits(u64::from_be_bytes(*bits))))
        }
        b'L' => {
            *rest = behind;
            let mut items = Vec::new();
            while rest.first()? != &b'E' {
                items.push(take(rest)?);
            }
            *rest = &rest[1..];
            Some(Value::List(items))
        }
        b'M' => {
            *rest = behind;
            let mut pairs = Vec::new();
            while rest.first()? != &b'E' {
                let (_, key) = head(rest)?;
                pairs.push((Text::from_bytes(key), take(rest)?));
            }
            *rest = &rest[1..];
            Some(Value::Map(Map::from_distinct(pairs)))
        }
        _ => Some(match head(rest)? {
            (b'I', digits) => Value::integer(std::str::from_utf8(digits).ok()?),
            (b'B', bytes) => Value::Bytes(bytes.to_vec()),
            (_, text) => Value::Text(Text::from_bytes(text)),
        }),
    }
}
