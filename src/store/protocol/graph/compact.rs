//! Replies of a graph server in compact form, decoded as they come in. Each value is a
//! pair of its type and itself; names stand as numbers (see [`super::names`]).
//!
//! | type | value |
//! |---|---|
//! | 1 null, 2 string, 3 integer, 4 boolean, 5 double | itself; booleans and doubles as text |
//! | 6 array, 10 map | pairs; a map has a name before each |
//! | 7 edge | id, type, source, destination, properties |
//! | 8 node | id, labels, properties: [name, type, value] each |
//! | 11 point, 12 vector | latitude and longitude, elements: 32-bit floats as text |
//! | 13 datetime, 14 date, 15 time, 16 duration | seconds |
//!
//! A path (9) is no property, and is never asked for.
//!
//! Source: <https://docs.falkordb.com/design/client_spec.html>, and the replies themselves.

use super::names::Names;
use super::temporal;
use crate::model::packed::{Packer, Unsettled};
use crate::model::{Map, Text, Value};
use crate::store::protocol::resp::{Head, Reader, double};
use std::io::{self, Read};

/// Values inside values that are read; servers nest less.
const DEEPEST: usize = 512;

/// Longest string that is looked at in the buffer before it is copied, once.
const MOST_IN_PLACE: usize = 32 << 10;

/// A node as it comes.
#[derive(Debug)]
pub(super) struct RawNode {
    pub(super) id: u64,
    pub(super) labels: Vec<u32>,
    pub(super) held: Held,
}

/// An edge as it comes.
#[derive(Debug)]
pub(super) struct RawEdge {
    pub(super) id: u64,
    pub(super) rel_type: u32,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) held: Held,
}

/// The properties of either.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) packed: Unsettled,
    pub(super) floats: Vec<FloatAt>,
    /// Where the value of the property that is the key begins.
    pub(super) id: Option<usize>,
    /// Whether the reserved property is among them.
    pub(super) reserved: bool,
    /// Whether no name stands twice, as far as a quick look tells.
    pub(super) distinct: bool,
    /// Whether all names are known.
    pub(super) known: bool,
}

/// Where a double stands that was printed with 15 digits and may have more.
#[derive(Debug)]
pub(super) struct FloatAt {
    /// The name of its property.
    pub(super) key: u32,
    /// Where it begins in what is packed.
    pub(super) at: usize,
    /// Positions inside lists; none for the property itself.
    pub(super) path: Vec<usize>,
}

pub(super) fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn refused(head: Head) -> io::Error {
    match head {
        Head::Refused(refusal) => io::Error::other(refusal.message),
        _ => odd("the server's reply has another form"),
    }
}

pub(super) fn list<R: Read>(reader: &mut Reader<R>) -> io::Result<usize> {
    if let Some(n) = reader.short(b'*') {
        return Ok(n as usize);
    }
    match reader.head()? {
        Head::List(n) => Ok(n),
        other => Err(refused(other)),
    }
}

fn list_of<R: Read>(reader: &mut Reader<R>, length: usize) -> io::Result<()> {
    match list(reader)? {
        n if n == length => Ok(()),
        _ => Err(odd("a list of the server's reply has another length")),
    }
}

fn int<R: Read>(reader: &mut Reader<R>) -> io::Result<i64> {
    if let Some(n) = reader.short(b':') {
        return Ok(n as i64);
    }
    match reader.head()? {
        Head::Int(i) => Ok(i),
        other => Err(refused(other)),
    }
}

fn id<R: Read>(reader: &mut Reader<R>) -> io::Result<u64> {
    u64::try_from(int(reader)?).map_err(|_| odd("an id below zero"))
}

fn name<R: Read>(reader: &mut Reader<R>) -> io::Result<u32> {
    u32::try_from(int(reader)?).map_err(|_| odd("a name's number below zero"))
}

/// A text that says a number.
fn number<R: Read>(reader: &mut Reader<R>) -> io::Result<f64> {
    match reader.head()? {
        Head::Bulk(n) if n < 400 => {
            double(reader.bulk_ref(n)?).ok_or_else(|| odd("a double that is none"))
        }
        Head::Status(text) => double(&text).ok_or_else(|| odd("a double that is none")),
        Head::Double(f) => Ok(f),
        Head::Int(i) => Ok(i as f64),
        other => Err(refused(other)),
    }
}

/// Properties of one record while they are read.
struct Holding<'a> {
    packer: &'a mut Packer,
    floats: Vec<FloatAt>,
    key: u32,
    path: Vec<usize>,
}

impl Holding<'_> {
    fn float(&mut self, value: f64) {
        // Zero, NaN and the infinities are printed exactly.
        if value != 0.0 && value.is_finite() {
            self.floats.push(FloatAt {
                key: self.key,
                at: self.packer.place(),
                path: self.path.clone(),
            });
        }
        self.packer.value(&Value::Float(value));
    }
}

/// A pair of type and plain value.
pub(super) fn cell<R: Read>(reader: &mut Reader<R>) -> io::Result<Value> {
    list_of(reader, 2)?;
    match int(reader)? {
        7..=9 => Err(odd("a row holds something else")),
        kind => value(reader, kind, 0),
    }
}

/// A value behind its type.
fn value<R: Read>(reader: &mut Reader<R>, kind: i64, depth: usize) -> io::Result<Value> {
    if depth > DEEPEST {
        return Err(odd("a value of the server's reply is nested too deep"));
    }
    Ok(match kind {
        1 => {
            reader.skip()?;
            Value::Null
        }
        2 => match reader.short(b'$') {
            Some(n) => Value::Text(text(reader, n as usize)?),
            None => match reader.head()? {
                Head::Bulk(n) => Value::Text(text(reader, n)?),
                Head::Status(text) => Value::Text(Text::from_bytes(text)),
                other => return Err(refused(other)),
            },
        },
        3 => Value::Int(int(reader)?),
        4 => match reader.head()? {
            Head::Bulk(n) if n < 8 => Value::Bool(reader.bulk_ref(n)? == b"true"),
            Head::Status(text) => Value::Bool(text == b"true"),
            Head::Bool(b) => Value::Bool(b),
            other => return Err(refused(other)),
        },
        5 => Value::Float(number(reader)?),
        6 => {
            let n = list(reader)?;
            let mut items = Vec::with_capacity(n.min(1 << 12));
            for _ in 0..n {
                list_of(reader, 2)?;
                let kind = int(reader)?;
                items.push(value(reader, kind, depth + 1)?);
            }
            Value::List(items)
        }
        10 => {
            let n = list(reader)?;
            let mut pairs = Vec::with_capacity((n / 2).min(1 << 12));
            for _ in 0..n / 2 {
                let key = match reader.head()? {
                    Head::Bulk(n) => text(reader, n)?,
                    other => return Err(refused(other)),
                };
                list_of(reader, 2)?;
                let kind = int(reader)?;
                pairs.push((key, value(reader, kind, depth + 1)?));
            }
            Value::Map(Map::from_pairs(pairs))
        }
        11 => {
            list_of(reader, 2)?;
            temporal::point(single(reader)?, single(reader)?)
        }
        12 => {
            let n = list(reader)?;
            let mut items = Vec::with_capacity(n.min(1 << 16));
            for _ in 0..n {
                items.push(single(reader)?);
            }
            temporal::vector(items)
        }
        13 => temporal::datetime(int(reader)?),
        14 => temporal::date(int(reader)?),
        15 => temporal::time(int(reader)?),
        16 => temporal::duration(int(reader)?),
        _ => return Err(odd("the server sends a type of value that is not known")),
    })
}

/// Packs the value of a property behind its type.
fn pack<R: Read>(
    reader: &mut Reader<R>,
    kind: i64,
    to: &mut Holding<'_>,
    depth: usize,
) -> io::Result<()> {
    if depth > DEEPEST {
        return Err(odd("a value of the server's reply is nested too deep"));
    }
    match kind {
        2 => {
            let length = match reader.short(b'$') {
                Some(n) => n as usize,
                None => match reader.head()? {
                    Head::Bulk(n) => n,
                    Head::Status(text) => {
                        to.packer.text(&text);
                        return Ok(());
                    }
                    other => return Err(refused(other)),
                },
            };
            match length {
                ..=MOST_IN_PLACE => to.packer.text(reader.bulk_ref(length)?),
                _ => to
                    .packer
                    .text_from(length, |out| reader.bulk_into(length, out))?,
            }
        }
        5 => to.float(number(reader)?),
        6 => {
            to.packer.begin_list();
            for at in 0..list(reader)? {
                list_of(reader, 2)?;
                let kind = int(reader)?;
                to.path.push(at);
                pack(reader, kind, to, depth + 1)?;
                to.path.pop();
            }
            to.packer.end_list();
        }
        // Properties hold no maps, so nobody asks where the doubles of these stand.
        kind => to.packer.value(&value(reader, kind, depth)?),
    }
    Ok(())
}

/// A string of that length.
fn text<R: Read>(reader: &mut Reader<R>, length: usize) -> io::Result<Text> {
    match length {
        ..=MOST_IN_PLACE => Ok(Text::from_bytes(reader.bulk_ref(length)?)),
        _ => Ok(Text::from_bytes(reader.bulk(length)?)),
    }
}

/// A 32-bit float, whose 15 digits are more than enough.
fn single<R: Read>(reader: &mut Reader<R>) -> io::Result<f32> {
    Ok(number(reader)? as f32)
}

/// A pair of type and node.
pub(super) fn node<R: Read>(
    reader: &mut Reader<R>,
    names: &Names,
    packer: &mut Packer,
) -> io::Result<RawNode> {
    list_of(reader, 2)?;
    if int(reader)? != 8 {
        return Err(odd("a row holds no node"));
    }
    list_of(reader, 3)?;
    let id = id(reader)?;
    let count = list(reader)?;
    let mut labels = Vec::with_capacity(count.min(1 << 8));
    for _ in 0..count {
        labels.push(name(reader)?);
    }
    Ok(RawNode {
        id,
        labels,
        held: properties(reader, names, packer)?,
    })
}

/// A pair of type and edge.
pub(super) fn edge<R: Read>(
    reader: &mut Reader<R>,
    names: &Names,
    packer: &mut Packer,
) -> io::Result<RawEdge> {
    list_of(reader, 2)?;
    if int(reader)? != 7 {
        return Err(odd("a row holds no edge"));
    }
    list_of(reader, 5)?;
    Ok(RawEdge {
        id: id(reader)?,
        rel_type: name(reader)?,
        from: id(reader)?,
        to: id(reader)?,
        held: properties(reader, names, packer)?,
    })
}

fn properties<R: Read>(
    reader: &mut Reader<R>,
    names: &Names,
    packer: &mut Packer,
) -> io::Result<Held> {
    // A row that was given up may have left something.
    packer.clear();
    let mut holding = Holding {
        packer,
        floats: Vec::new(),
        key: 0,
        path: Vec::new(),
    };
    let (mut key, mut reserved, mut distinct, mut known) = (None, false, true, true);
    let mut seen = 0u128;
    for _ in 0..list(reader)? {
        list_of(reader, 3)?;
        let number = name(reader)?;
        let kind = int(reader)?;
        let bit = 1u128.checked_shl(number).unwrap_or(0);
        distinct &= bit & !seen != 0;
        seen |= bit;
        let name = names.keys.get(number as usize);
        known &= name.is_some();
        reserved |= names.reserved == Some(number);
        holding
            .packer
            .key(name.map_or(b"".as_slice(), Text::as_bytes));
        if names.id == Some(number) {
            key = Some(holding.packer.place());
        }
        holding.key = number;
        pack(reader, kind, &mut holding, 0)?;
    }
    let floats = holding.floats;
    Ok(Held {
        packed: packer.finish(),
        floats,
        id: key,
        reserved,
        distinct,
        known,
    })
}
