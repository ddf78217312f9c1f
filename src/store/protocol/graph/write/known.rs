//! What is known of a graph while it is written: where its records are, and whether that
//! still holds. Read once, kept up with what we write ourselves, and read anew as soon as
//! somebody else writes.

use super::super::pick::{Found, edges_of, nodes_by_id};
use super::super::record::plain_key;
use super::super::session::Session;
use super::places::{Places, short};
use super::work::Work;
use crate::error::Result;
use crate::model::{Canon, Key, Kind, Record, Value};
use crate::store::protocol::resp::Refusal;
use std::collections::{HashMap, HashSet};

/// Ids of nodes whose keys are read at once.
const STRETCH: u64 = 20_000;

/// A record that is there.
#[derive(Clone)]
pub(super) struct There {
    pub(super) id: u64,
    /// The source of an edge.
    pub(super) from: u64,
    pub(super) record: Record,
}

impl Work {
    /// Reads anew where everything is.
    pub(super) fn learn(&mut self) -> Result<()> {
        self.settle()?;
        if !self.watching {
            self.session.watch()?;
            self.watching = true;
        }
        self.counts = totals(&mut self.session)?;
        self.nodes = Places::default();
        self.edges = None;
        self.scanner.forget_ends();
        let bound = self.session.bound()?;
        let mut odd = Vec::new();
        for start in (0..bound).step_by(STRETCH as usize) {
            let query = format!(
                "CYPHER a={start} b={} MATCH (n) WHERE ID(n)>=$a AND ID(n)<$b RETURN ID(n), n.id",
                start + STRETCH
            );
            let mut found: Vec<(u64, Value)> = Vec::new();
            self.session.read(query.as_bytes(), |row| {
                found.push((row.id()?, row.value()?));
                Ok(())
            })?;
            for (id, value) in found {
                match plain_key(value) {
                    Some(key) => self.nodes.meet(short(Kind::Node, &key), id)?,
                    None => odd.push(id),
                }
            }
        }
        for part in odd.chunks(256) {
            let names = &mut self.scanner.names;
            for (id, node) in nodes_by_id(&mut self.session, names, &mut self.canon, part)? {
                self.nodes.meet(short(Kind::Node, node.key()), id)?;
            }
        }
        Ok(())
    }

    /// Forgets where everything is, which takes much memory: it is learnt anew if it is
    /// needed after all.
    pub(super) fn forget(&mut self) -> Result<()> {
        self.nodes = Places::default();
        self.edges = None;
        if std::mem::take(&mut self.watching) {
            self.session.unchanged()?;
        }
        Ok(())
    }

    /// Where edges are, read if that is not known.
    pub(super) fn learn_edges(&mut self) -> Result<()> {
        if self.edges.is_some() {
            return Ok(());
        }
        let mut edges = Places::default();
        let bound = self.session.bound()?;
        let mut odd = HashSet::new();
        for start in (0..bound).step_by(STRETCH as usize / 4) {
            let query = format!(
                "CYPHER a={start} b={} MATCH (a) WHERE ID(a)>=$a AND ID(a)<$b MATCH (a)-[e]->() RETURN ID(a), e.id",
                start + STRETCH / 4
            );
            let mut found: Vec<(u64, Value)> = Vec::new();
            self.session.read(query.as_bytes(), |row| {
                found.push((row.id()?, row.value()?));
                Ok(())
            })?;
            for (from, value) in found {
                match plain_key(value) {
                    Some(key) => edges.meet(short(Kind::Relationship, &key), from)?,
                    None => {
                        odd.insert(from);
                    }
                }
            }
        }
        let odd: Vec<u64> = odd.into_iter().collect();
        for part in odd.chunks(64) {
            for found in edges_of(&mut self.session, &mut self.scanner, part, None)? {
                if let Record::Relationship(r) = &found.record
                    && !has_plain_id(&found.record)
                {
                    edges.meet(short(Kind::Relationship, &r.key), found.from)?;
                }
            }
        }
        self.edges = Some(edges);
        Ok(())
    }

    /// The places of a kind, if they are known.
    pub(super) fn places(&mut self, kind: Kind) -> Option<&mut Places> {
        match kind {
            Kind::Node => Some(&mut self.nodes),
            Kind::Relationship => self.edges.as_mut(),
        }
    }

    /// Makes sure that what is known of the graph still holds, and watches it.
    pub(super) fn refresh(&mut self) -> Result<()> {
        if !self.shared {
            return Ok(());
        }
        let held = self.watching && {
            self.watching = false;
            self.session.unchanged()?
        };
        self.session.watch()?;
        self.watching = true;
        match held && totals(&mut self.session)? == self.counts {
            true => Ok(()),
            false => self.learn(),
        }
    }

    /// The records with these keys, in the order asked.
    pub(super) fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.refresh()?;
        let there = self.look_up(kind, keys)?;
        Ok(there.into_iter().map(|t| t.map(|t| t.record)).collect())
    }

    pub(super) fn look_up(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<There>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.settle()?;
        let mut by_key: HashMap<[u8; 16], There> = HashMap::new();
        match kind {
            Kind::Node => {
                let mut ids = Vec::with_capacity(keys.len());
                for key in keys {
                    ids.extend(self.nodes.get(short(kind, key))?);
                }
                for part in ids.chunks(256) {
                    let names = &mut self.scanner.names;
                    let found = nodes_by_id(&mut self.session, names, &mut self.canon, part)?;
                    for (id, record) in found {
                        let hash = Canon::key_hash(kind, record.key());
                        let from = 0;
                        by_key.insert(hash, There { id, from, record });
                    }
                }
            }
            Kind::Relationship => self.look_up_edges(keys, &mut by_key)?,
        }
        let found = |key: &Key| by_key.get(&Canon::key_hash(kind, key)).cloned();
        Ok(keys.iter().map(found).collect())
    }

    fn look_up_edges(&mut self, keys: &[Key], to: &mut HashMap<[u8; 16], There>) -> Result<()> {
        let kind = Kind::Relationship;
        if keys.is_empty() {
            return Ok(());
        }
        self.learn_edges()?;
        let Some(edges) = &self.edges else {
            return Ok(());
        };
        let (mut plain, mut other) = (Vec::new(), Vec::new());
        for key in keys {
            let Some(from) = edges.get(short(kind, key))? else {
                continue;
            };
            match key {
                Key::Id(value) if !looks_derived(value) => plain.push((from, value)),
                _ => other.push(from),
            }
        }
        let mut take = |found: Vec<Found>| {
            for f in found {
                let hash = Canon::key_hash(kind, f.record.key());
                to.insert(
                    hash,
                    There {
                        id: f.id,
                        from: f.from,
                        record: f.record,
                    },
                );
            }
        };
        plain.sort_by_key(|(from, _)| *from);
        for part in plain.chunks(256) {
            let mut sources: Vec<u64> = part.iter().map(|(from, _)| *from).collect();
            sources.dedup();
            let values: Vec<&Value> = part.iter().map(|(_, value)| *value).collect();
            let found = edges_of(
                &mut self.session,
                &mut self.scanner,
                &sources,
                Some(&values),
            )?;
            take(found);
        }
        other.sort_unstable();
        other.dedup();
        for part in other.chunks(16) {
            take(edges_of(&mut self.session, &mut self.scanner, part, None)?);
        }
        Ok(())
    }
}

/// Nodes and edges that a graph has.
fn totals(session: &mut Session) -> Result<[u64; 2]> {
    ask_totals(session)?;
    let totals = take_totals(session)?;
    totals.map_err(|refusal| session.refused(&refusal))
}

/// Asks for them without waiting; the server keeps these numbers.
pub(super) fn ask_totals(session: &mut Session) -> Result<()> {
    session.send(b"GRAPH.RO_QUERY", b"MATCH (n) RETURN count(n)")?;
    session.send(b"GRAPH.RO_QUERY", b"MATCH ()-[e]->() RETURN count(e)")
}

/// Takes what was asked for.
pub(super) fn take_totals(session: &mut Session) -> Result<std::result::Result<[u64; 2], Refusal>> {
    let mut totals = Ok([0; 2]);
    for at in 0..2 {
        let answer = session.take(|row| {
            if let (Ok(totals), Some(number)) = (&mut totals, row.number()?) {
                totals[at] = number;
            }
            Ok(())
        })?;
        if let Err(refusal) = answer {
            totals = Err(refusal);
        }
    }
    Ok(totals)
}

fn has_plain_id(record: &Record) -> bool {
    matches!(record.key(), Key::Id(_))
}

/// Whether an id has the form of one that was made from content.
fn looks_derived(id: &Value) -> bool {
    id.as_str().is_some_and(|text| text.starts_with('~'))
}
