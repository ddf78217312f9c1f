//! Single nodes and edges, by the server's own ids.

use super::compact::{RawEdge, RawNode};
use super::floats::{self, Beside, Columns};
use super::names::Names;
use super::record;
use super::scan::{Scanner, odd};
use super::session::Session;
use crate::error::Result;
use crate::model::packed::Packer;
use crate::model::{Canon, Kind, Record, Value};
use crate::store::protocol::cypher;

/// Nodes by the server's own ids, in any order; those that are gone are left out.
pub(super) fn nodes_by_id(
    session: &mut Session,
    names: &mut Names,
    canon: &mut Canon,
    ids: &[u64],
) -> Result<Vec<(u64, Record)>> {
    let list: Vec<String> = ids.iter().map(u64::to_string).collect();
    let query = format!(
        "CYPHER ids=[{}] UNWIND $ids AS i MATCH (m) WHERE ID(m)=i RETURN m",
        list.join(",")
    );
    let mut raw: Vec<(RawNode, Beside)> = Vec::with_capacity(ids.len());
    let mut packer = Packer::default();
    for _ in 0..2 {
        raw.clear();
        session.read(query.as_bytes(), |row| {
            raw.push((row.node(names, &mut packer)?, Vec::new()));
            Ok(())
        })?;
        if raw.iter().all(|(raw, _)| record::node_is_known(raw, names)) {
            break;
        }
        *names = Names::read(session)?;
    }
    let mut none = Columns::default();
    floats::settle(session, names, &mut none, Kind::Node, &mut raw)?;
    let mut nodes = Vec::with_capacity(raw.len());
    for (raw, _) in raw {
        let id = raw.id;
        let node = record::node(raw, names, canon).map_err(|e| odd(&e))?;
        nodes.push((id, Record::Node(node)));
    }
    Ok(nodes)
}

/// An edge with the server's own ids of it and its ends.
pub(super) struct Found {
    pub(super) id: u64,
    pub(super) from: u64,
    pub(super) record: Record,
}

/// Edges of some sources: all, or those whose property `id` is among `keys`.
pub(super) fn edges_of(
    session: &mut Session,
    scanner: &mut Scanner,
    sources: &[u64],
    keys: Option<&[&Value]>,
) -> Result<Vec<Found>> {
    let list: Vec<String> = sources.iter().map(u64::to_string).collect();
    let mut query = format!("CYPHER s=[{}] k=[", list.join(",")).into_bytes();
    for (at, key) in keys.unwrap_or_default().iter().enumerate() {
        if at > 0 {
            query.push(b',');
        }
        // Whatever cannot be said is no key of an edge there.
        let _ = cypher::write_value(&mut query, key);
    }
    query.extend_from_slice(b"] UNWIND $s AS i MATCH (a)-[m]->(b) WHERE ID(a)=i");
    if keys.is_some() {
        query.extend_from_slice(b" AND m.id IN $k");
    }
    query.extend_from_slice(b" RETURN m, a.id, b.id");
    let mut raw: Vec<(RawEdge, Beside)> = Vec::new();
    let mut ends: Vec<[Value; 2]> = Vec::new();
    let mut packer = Packer::default();
    for _ in 0..2 {
        raw.clear();
        ends.clear();
        session.read(&query, |row| {
            raw.push((row.edge(&scanner.names, &mut packer)?, Vec::new()));
            ends.push([row.value()?, row.value()?]);
            Ok(())
        })?;
        let known = |(raw, _): &(RawEdge, Beside)| record::edge_is_known(raw, &scanner.names);
        if raw.iter().all(known) {
            break;
        }
        scanner.names = Names::read(session)?;
    }
    let mut none = Columns::default();
    floats::settle(
        session,
        &scanner.names,
        &mut none,
        Kind::Relationship,
        &mut raw,
    )?;
    let keys = scanner.keys_of_ends(session, &raw, Some(ends))?;
    let mut found = Vec::with_capacity(raw.len());
    for ((raw, _), keys) in raw.into_iter().zip(keys) {
        let Some(keys) = keys else { continue };
        let (id, from) = (raw.id, raw.from);
        let record = record::edge(raw, keys, &scanner.names, &mut scanner.canon);
        let record = record.map_err(|e| odd(&e))?;
        found.push(Found { id, from, record });
    }
    Ok(found)
}
