//! Replies of a graph server in compact form, decoded as they come in. Each value is a
//! pair of its type and itself; names stand as numbers (see [`super::names`]).
//!
//! | type | value |
//! |---|---|
//! | 1 null, 2 string, 3 integer, 4 boolean, 5 double | itself; booleans and doubles as text |
//! | 6 array, 10 map | pairs; a map has a name before each |
//! | 7 edge | id, type, source, destination, properties |
//! | 8 node | id, labels, properties: [name, type, value] each |
//! | 9 path | an array of nodes and one of edges |
//! | 11 point, 12 vector | latitude and longitude, elements: 32-bit floats as text |
//! | 13 datetime, 14 date, 15 time, 16 duration | seconds |
//!
//! Source: <https://docs.falkordb.com/design/client_spec.html>, and the replies themselves.

use super::temporal;
use crate::model::{Map, Text, Value};
use crate::store::protocol::resp::{Head, Reader, double};
use std::io::{self, Read};

/// Values inside values that are read; servers nest less.
const DEEPEST: usize = 512;

/// Longest string that is looked at in the buffer before it is copied, once.
const MOST_IN_PLACE: usize = 32 << 10;

/// A node as it comes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RawNode {
    pub(super) id: u64,
    pub(super) labels: Vec<u32>,
    pub(super) properties: Vec<(u32, Value)>,
    pub(super) floats: Vec<FloatAt>,
}

/// An edge as it comes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RawEdge {
    pub(super) id: u64,
    pub(super) rel_type: u32,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) properties: Vec<(u32, Value)>,
    pub(super) floats: Vec<FloatAt>,
}

/// Where a double stands that was printed with 15 digits and may have more.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FloatAt {
    /// Which of the properties.
    pub(super) property: usize,
    /// Positions inside lists; none for the property itself.
    pub(super) path: Vec<usize>,
}

/// Any value of a reply.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    Value(Value),
    Node(RawNode),
    Edge(RawEdge),
    /// Nodes and edges in turns' order.
    Path(Vec<Cell>),
}

impl Cell {
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Value(Value::Int(i)) => Some(*i),
            _ => None,
        }
    }

    pub(super) fn id(&self) -> Option<u64> {
        self.int().and_then(|i| u64::try_from(i).ok())
    }
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

/// Collects where doubles stand while the value of a property is read.
struct Floats<'a> {
    found: &'a mut Vec<FloatAt>,
    property: usize,
    path: Vec<usize>,
}

impl Floats<'_> {
    fn met(&mut self, value: f64) {
        // Zero, NaN and the infinities are printed exactly.
        if value != 0.0 && value.is_finite() {
            self.found.push(FloatAt {
                property: self.property,
                path: self.path.clone(),
            });
        }
    }
}

/// A pair of type and value.
pub(super) fn cell<R: Read>(reader: &mut Reader<R>) -> io::Result<Cell> {
    list_of(reader, 2)?;
    Ok(match int(reader)? {
        7 => Cell::Edge(edge(reader)?),
        8 => Cell::Node(node(reader)?),
        9 => {
            list_of(reader, 2)?;
            let mut parts = Vec::new();
            for _ in 0..2 {
                list_of(reader, 2)?;
                if int(reader)? != 6 {
                    return Err(odd("a path has another form"));
                }
                for _ in 0..list(reader)? {
                    parts.push(cell(reader)?);
                }
            }
            Cell::Path(parts)
        }
        kind => {
            let mut found = Vec::new();
            let mut floats = Floats {
                found: &mut found,
                property: 0,
                path: Vec::new(),
            };
            Cell::Value(value(reader, kind, &mut floats, 0)?)
        }
    })
}

/// A value behind its type.
fn value<R: Read>(
    reader: &mut Reader<R>,
    kind: i64,
    floats: &mut Floats<'_>,
    depth: usize,
) -> io::Result<Value> {
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
        5 => {
            let value = number(reader)?;
            floats.met(value);
            Value::Float(value)
        }
        6 => {
            let n = list(reader)?;
            let mut items = Vec::with_capacity(n.min(1 << 12));
            for at in 0..n {
                list_of(reader, 2)?;
                let kind = int(reader)?;
                floats.path.push(at);
                items.push(value(reader, kind, floats, depth + 1)?);
                floats.path.pop();
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
                // Properties hold no maps, so nobody asks where these doubles stand.
                let mut aside = Vec::new();
                let mut inner = Floats {
                    found: &mut aside,
                    property: 0,
                    path: Vec::new(),
                };
                pairs.push((key, value(reader, kind, &mut inner, depth + 1)?));
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

/// A node behind its type.
fn node<R: Read>(reader: &mut Reader<R>) -> io::Result<RawNode> {
    list_of(reader, 3)?;
    let mut node = RawNode {
        id: id(reader)?,
        ..RawNode::default()
    };
    for _ in 0..list(reader)? {
        node.labels.push(name(reader)?);
    }
    properties(reader, &mut node.properties, &mut node.floats)?;
    Ok(node)
}

/// An edge behind its type.
fn edge<R: Read>(reader: &mut Reader<R>) -> io::Result<RawEdge> {
    list_of(reader, 5)?;
    let mut edge = RawEdge {
        id: id(reader)?,
        rel_type: name(reader)?,
        from: id(reader)?,
        to: id(reader)?,
        ..RawEdge::default()
    };
    properties(reader, &mut edge.properties, &mut edge.floats)?;
    Ok(edge)
}

fn properties<R: Read>(
    reader: &mut Reader<R>,
    to: &mut Vec<(u32, Value)>,
    found: &mut Vec<FloatAt>,
) -> io::Result<()> {
    let n = list(reader)?;
    to.reserve_exact(n.min(1 << 12));
    let mut floats = Floats {
        found,
        property: 0,
        path: Vec::new(),
    };
    for at in 0..n {
        list_of(reader, 3)?;
        let key = name(reader)?;
        let kind = int(reader)?;
        floats.property = at;
        to.push((key, value(reader, kind, &mut floats, 0)?));
    }
    Ok(())
}
