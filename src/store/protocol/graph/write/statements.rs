//! The texts that change a graph: rows in the parameter header, one plan for all of a
//! shape in the body. What is new is made with its properties in the pattern, whose cost
//! does not grow with the graph.

use super::super::record::Stored;
use super::super::temporal::Maker;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kind, Map, Text, Value};
use crate::store::protocol::cypher::{self, Unsayable};
use std::collections::BTreeMap;
use std::io::Write as _;

/// Rows of one query at most.
const MOST_ROWS: usize = 2_000;

/// Bytes of one query at which no further row is added.
const MOST_BYTES: usize = 4 << 20;

/// Properties in the pattern of one query at most; rows with others go apart.
const MOST_KEYS: usize = 256;

/// A query, and which of the rows given each of its rows is.
pub(super) struct Statement {
    pub(super) text: Vec<u8>,
    pub(super) rows: Vec<usize>,
}

fn unsayable(what: Unsayable) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("a graph server holds no {}", what.0),
    )
}

/// Rows of a parameter header, closed where they become many.
struct Rows {
    head: &'static [u8],
    text: Vec<u8>,
    rows: Vec<usize>,
}

impl Rows {
    fn new() -> Self {
        let head = b"CYPHER rows=[";
        Self {
            head,
            text: head.to_vec(),
            rows: Vec::new(),
        }
    }

    fn add(&mut self, row: usize, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        if !self.rows.is_empty() {
            self.text.push(b',');
        }
        self.rows.push(row);
        write(&mut self.text)
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= MOST_ROWS || self.text.len() >= MOST_BYTES
    }

    fn close(&mut self, body: &[u8], to: &mut Vec<Statement>) {
        if self.rows.is_empty() {
            return;
        }
        let mut text = std::mem::replace(&mut self.text, self.head.to_vec());
        text.extend_from_slice(b"] UNWIND $rows AS r ");
        text.extend_from_slice(body);
        to.push(Statement {
            text,
            rows: std::mem::take(&mut self.rows),
        });
    }
}

fn value(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    cypher::write_value(out, value).map_err(unsayable)
}

fn map(out: &mut Vec<u8>, map: &Map) -> Result<()> {
    cypher::write_map(out, map).map_err(unsayable)
}

fn labels(out: &mut Vec<u8>, labels: &[Text]) {
    for label in labels {
        out.push(b':');
        cypher::write_name(out, label);
    }
}

/// What records of one statement have in common: labels or type, and the properties that
/// functions make.
type Shape<'a> = (&'a [Text], Vec<(&'a Text, Maker)>);

fn shape(stored: &Stored) -> Shape<'_> {
    let natives = stored.natives.iter().map(|(name, f, _)| (name, *f));
    (&stored.names, natives.collect())
}

/// Appends what the functions take.
fn arguments(out: &mut Vec<u8>, stored: &Stored) -> Result<()> {
    for (_, _, taken) in &stored.natives {
        out.push(b',');
        value(out, taken)?;
    }
    Ok(())
}

/// The expression that makes a value of what is at that place of a row.
fn making(Maker { function, each }: Maker, at: usize) -> String {
    match each {
        false => format!("{function}(r[{at}])"),
        true => format!("[i IN r[{at}] | {function}(i)]"),
    }
}

/// Appends the properties of `variable` that functions make from a row, from `first` on.
fn set_natives(body: &mut Vec<u8>, variable: char, shape: &Shape<'_>, first: usize) {
    for (at, (name, maker)) in shape.1.iter().enumerate() {
        body.extend_from_slice(format!(", {variable}.").as_bytes());
        cypher::write_name(body, name);
        body.push(b'=');
        body.extend_from_slice(making(*maker, first + at).as_bytes());
    }
}

/// New records of one shape as text: all of a statement but the ends of edges.
pub(super) struct Addition {
    kind: Kind,
    body: Vec<u8>,
    /// The rows one behind the other, without the beginning of each.
    text: Vec<u8>,
    /// Which row each is, and where its text ends.
    rows: Vec<(usize, usize)>,
}

impl Addition {
    /// The statement; `ends` of an edge are looked up by its row. Each row of the answer to
    /// one that makes nodes is the id of one, in order.
    pub(super) fn statement(self, ends: impl Fn(usize) -> [u64; 2]) -> Statement {
        let room = self.text.len() + self.body.len() + 24 * self.rows.len() + 64;
        let mut text = Vec::with_capacity(room);
        text.extend_from_slice(b"CYPHER rows=");
        let mut start = 0;
        for (row, end) in &self.rows {
            text.push(if start == 0 { b'[' } else { b',' });
            text.push(b'[');
            if self.kind == Kind::Relationship {
                let [from, to] = ends(*row);
                // Writing to memory cannot fail.
                let _ = write!(text, "{from},{to}");
            }
            text.extend_from_slice(&self.text[start..*end]);
            start = *end;
        }
        text.extend_from_slice(b"] UNWIND $rows AS r ");
        text.extend_from_slice(&self.body);
        Statement {
            text,
            rows: self.rows.into_iter().map(|(row, _)| row).collect(),
        }
    }
}

/// What makes records of one kind, each with its row.
pub(super) fn additions(kind: Kind, records: &[(usize, &Stored)]) -> Result<Vec<Addition>> {
    let mut groups: BTreeMap<Shape<'_>, Vec<(usize, &Stored)>> = BTreeMap::new();
    for (row, record) in records {
        groups
            .entry(shape(record))
            .or_default()
            .push((*row, record));
    }
    let mut out = Vec::new();
    for (shape, group) in groups {
        for part in parts(&group) {
            add_alike(kind, &shape, part, &mut out)?;
        }
    }
    Ok(out)
}

/// Makes nodes; each row of the answer is the id of one, in order.
pub(super) fn create_nodes(nodes: &[(usize, &Stored)]) -> Result<Vec<Statement>> {
    let made = additions(Kind::Node, nodes)?;
    Ok(made.into_iter().map(|a| a.statement(|_| [0; 2])).collect())
}

/// An edge to be made: its row, its ends, itself.
pub(super) type NewEdge<'a> = (usize, u64, u64, &'a Stored);

/// Makes edges.
pub(super) fn create_edges(edges: &[NewEdge<'_>]) -> Result<Vec<Statement>> {
    let numbered: Vec<_> = edges.iter().enumerate().map(|(at, e)| (at, e.3)).collect();
    let made = additions(Kind::Relationship, &numbered)?;
    let ends = |at: usize| [edges[at].1, edges[at].2];
    Ok(made.into_iter().map(|a| a.statement(ends)).collect())
}

/// Stretches whose properties together are not too many for a pattern.
fn parts<'a, 'b>(group: &'a [(usize, &'b Stored)]) -> Vec<&'a [(usize, &'b Stored)]> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let mut keys = std::collections::HashSet::new();
    for (at, (_, record)) in group.iter().enumerate() {
        let before = keys.len();
        keys.extend(record.properties.iter().map(|(key, _)| key));
        let grown = keys.len() > MOST_KEYS && before > 0 && keys.len() > before;
        if grown || at - start >= MOST_ROWS {
            parts.push(&group[start..at]);
            start = at;
            keys = record.properties.iter().map(|(key, _)| key).collect();
        }
    }
    parts.push(&group[start..]);
    parts
}

/// What makes records of one shape: the values of all keys stand in each row, in order,
/// behind the ends of an edge. The server takes lists in half the time of maps.
fn add_alike(
    kind: Kind,
    shape: &Shape<'_>,
    records: &[(usize, &Stored)],
    to: &mut Vec<Addition>,
) -> Result<()> {
    let mut keys: Vec<&Text> = records
        .iter()
        .flat_map(|(_, record)| record.properties.iter().map(|(key, _)| key))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let body = pattern(kind, shape, &keys);
    let begun = || Addition {
        kind,
        body: body.clone(),
        text: Vec::new(),
        rows: Vec::new(),
    };
    let mut at_hand = begun();
    for (row, record) in records {
        let mut sorted: Vec<(&Text, &Value)> = record.properties.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let out = &mut at_hand.text;
        let mut first = kind == Kind::Node;
        let mut separate = |out: &mut Vec<u8>| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
        };
        let mut own = sorted.into_iter().peekable();
        for key in &keys {
            separate(out);
            match own.next_if(|(k, _)| k == key) {
                Some((_, v)) => value(out, v)?,
                None => out.extend_from_slice(b"null"),
            }
        }
        for (_, _, taken) in &record.natives {
            separate(out);
            value(out, taken)?;
        }
        out.push(b']');
        at_hand.rows.push((*row, at_hand.text.len()));
        if at_hand.rows.len() >= MOST_ROWS || at_hand.text.len() >= MOST_BYTES {
            to.push(std::mem::replace(&mut at_hand, begun()));
        }
    }
    if !at_hand.rows.is_empty() {
        to.push(at_hand);
    }
    Ok(())
}

/// The pattern that makes a record from a row.
fn pattern(kind: Kind, shape: &Shape<'_>, keys: &[&Text]) -> Vec<u8> {
    let (begin, end, first): (&[u8], &[u8], usize) = match kind {
        Kind::Node => (b"CREATE (n", b"}) RETURN ID(n)", 0),
        Kind::Relationship => (
            b"MATCH (a) WHERE ID(a)=r[0] MATCH (b) WHERE ID(b)=r[1] CREATE (a)-[e",
            b"}]->(b)",
            2,
        ),
    };
    let mut body = begin.to_vec();
    labels(&mut body, shape.0);
    body.extend_from_slice(b" {");
    for (at, key) in keys.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        cypher::write_name(&mut body, key);
        body.extend_from_slice(format!(":r[{}]", first + at).as_bytes());
    }
    for (at, (name, maker)) in shape.1.iter().enumerate() {
        if at + keys.len() > 0 {
            body.push(b',');
        }
        cypher::write_name(&mut body, name);
        body.push(b':');
        body.extend_from_slice(making(*maker, first + keys.len() + at).as_bytes());
    }
    body.extend_from_slice(end);
    body
}

/// Gives nodes other properties.
pub(super) fn change_nodes(nodes: &[(u64, &Stored)]) -> Result<Vec<Statement>> {
    let changed: Vec<_> = nodes.iter().map(|(id, node)| (0, *id, *node)).collect();
    change(&changed, b"MATCH (e) WHERE ID(e)=r[1] SET e=r[2]")
}

/// Gives a node other labels.
pub(super) fn relabel(id: u64, gone: &[Text], come: &[Text]) -> Vec<Statement> {
    let mut out = Vec::new();
    for (word, names) in [("REMOVE", gone), ("SET", come)] {
        if names.is_empty() {
            continue;
        }
        let mut text = format!("CYPHER i={id} MATCH (n) WHERE ID(n)=$i {word} n").into_bytes();
        labels(&mut text, names);
        out.push(Statement {
            text,
            rows: Vec::new(),
        });
    }
    out
}

/// Gives edges other properties: source, id, the edge.
pub(super) fn change_edges(edges: &[(u64, u64, &Stored)]) -> Result<Vec<Statement>> {
    let body = b"MATCH (a)-[e]->() WHERE ID(a)=r[0] AND ID(e)=r[1] SET e=r[2]";
    change(edges, body)
}

fn change(all: &[(u64, u64, &Stored)], find: &[u8]) -> Result<Vec<Statement>> {
    let mut groups: BTreeMap<Vec<(&Text, Maker)>, Vec<_>> = BTreeMap::new();
    for one in all {
        groups.entry(shape(one.2).1).or_default().push(one);
    }
    let mut out = Vec::new();
    for (natives, group) in groups {
        let mut body = find.to_vec();
        set_natives(&mut body, 'e', &(&[], natives), 3);
        let mut rows = Rows::new();
        for (at, (from, id, stored)) in group.into_iter().enumerate() {
            rows.add(at, |out| {
                out.extend_from_slice(format!("[{from},{id},").as_bytes());
                map(out, &stored.properties)?;
                arguments(out, stored)?;
                out.push(b']');
                Ok(())
            })?;
            if rows.is_full() {
                rows.close(&body, &mut out);
            }
        }
        rows.close(&body, &mut out);
    }
    Ok(out)
}

/// Removes nodes.
pub(super) fn remove_nodes(ids: &[u64]) -> Vec<Statement> {
    let mut out = Vec::new();
    for part in ids.chunks(MOST_ROWS) {
        let list: Vec<String> = part.iter().map(u64::to_string).collect();
        let text = format!(
            "CYPHER rows=[{}] UNWIND $rows AS r MATCH (n) WHERE ID(n)=r DELETE n",
            list.join(",")
        );
        out.push(Statement {
            text: text.into_bytes(),
            rows: Vec::new(),
        });
    }
    out
}

/// Removes edges: source and id.
pub(super) fn remove_edges(edges: &[(u64, u64)]) -> Vec<Statement> {
    let mut out = Vec::new();
    for part in edges.chunks(MOST_ROWS) {
        let list: Vec<String> = part.iter().map(|(a, e)| format!("[{a},{e}]")).collect();
        let text = format!(
            "CYPHER rows=[{}] UNWIND $rows AS r MATCH (a)-[e]->() WHERE ID(a)=r[0] AND ID(e)=r[1] DELETE e",
            list.join(",")
        );
        out.push(Statement {
            text: text.into_bytes(),
            rows: Vec::new(),
        });
    }
    out
}
