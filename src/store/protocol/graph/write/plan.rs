//! What a batch asks for, held against what is there: the steps to take, or the changes
//! that meet something else. Nothing is done here.

use super::super::record::{Stored, stored};
use super::flat::Flats;
use super::known::There;
use super::places::short;
use super::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, Key, Kind, Record, Relationship};
use crate::store::Change;
use std::collections::HashSet;

/// What is done to one record. What is there is boxed, since most records meet nothing and a
/// batch has a step for each.
pub(super) enum Step {
    AddNode(Stored),
    /// Taken in by [`super::flat`]: an edge with the id of its source.
    Load(Option<u64>),
    /// With the hashes of its ends' keys.
    AddEdge(Stored, [u64; 2]),
    ChangeNode(Box<There>, Stored),
    ChangeEdge(Box<There>, Stored),
    RemoveNode(Box<There>),
    RemoveEdge(Box<There>),
}

/// A step and the change it is of.
pub(super) type Planned = (usize, Step);

impl Work {
    /// What is to do, or the changes that meet something else.
    pub(super) fn plan(&mut self, changes: &[Change]) -> Result<Result<Vec<Planned>, Vec<usize>>> {
        let mut now: Vec<Option<Box<There>>> = vec![None; changes.len()];
        if (changes.iter()).any(|c| c.before.is_some() || c.after.is_none()) {
            // Ids that are free again are given first.
            self.bulk = false;
        }
        self.flats.iter_mut().for_each(Flats::clear);
        self.hashes.clear();
        self.hashes
            .extend(changes.iter().map(|c| short(c.kind, &c.key)));
        for kind in Kind::BOTH {
            if kind == Kind::Relationship && changes.iter().any(|c| c.kind == kind) {
                self.learn_edges()?;
            }
            let places = match kind {
                Kind::Node => Some(&self.nodes),
                Kind::Relationship => self.edges.as_ref(),
            };
            let Some(places) = places else { continue };
            let mut at = Vec::new();
            for (number, change) in changes.iter().enumerate() {
                if change.kind != kind {
                    continue;
                }
                let hash = self.hashes[number];
                if places.get(hash)?.is_none() {
                    continue;
                }
                if places.is_repeated(hash) {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "several records of the graph have the same id",
                    )
                    .with("id", change.key.display())
                    .remedy("Give them ids of their own, or leave that record out."));
                }
                at.push(number);
            }
            let keys: Vec<Key> = at.iter().map(|n| changes[*n].key.clone()).collect();
            for (number, there) in at.into_iter().zip(self.look_up(kind, &keys)?) {
                now[number] = there.map(Box::new);
            }
        }
        let (mut steps, mut conflicts) = (Vec::with_capacity(changes.len()), Vec::new());
        for (number, (change, now)) in changes.iter().zip(now).enumerate() {
            let is = now.as_ref().map(|now| self.canon.digest(&now.record));
            if fits(change.before.as_ref(), is.as_ref()) {
                if let Some(step) = self.step(number, change, now)? {
                    steps.push((number, step));
                }
                continue;
            }
            let after = change.after.as_ref().map(|after| self.canon.digest(after));
            if !fits(after.as_ref(), is.as_ref()) {
                conflicts.push(number);
            }
        }
        if conflicts.is_empty() {
            self.check_ends(changes, &steps)?;
            conflicts = self.held(&steps)?;
        }
        Ok(match conflicts.is_empty() {
            true => Ok(steps),
            false => Err(conflicts),
        })
    }

    fn step(
        &mut self,
        number: usize,
        change: &Change,
        now: Option<Box<There>>,
    ) -> Result<Option<Step>> {
        let Some(after) = &change.after else {
            return Ok(now.map(|there| match change.kind {
                Kind::Node => Step::RemoveNode(there),
                Kind::Relationship => Step::RemoveEdge(there),
            }));
        };
        if self.bulk
            && now.is_none()
            && let Some(step) = self.load_step(number, change, after)?
        {
            return Ok(Some(step));
        }
        let new = stored(after, &mut self.canon)?;
        Ok(Some(match (now, after) {
            (None, Record::Node(_)) => Step::AddNode(new),
            (None, Record::Relationship(r)) => Step::AddEdge(new, ends_of(r)),
            (Some(there), Record::Node(_)) => Step::ChangeNode(there, new),
            (Some(there), Record::Relationship(r)) => match &there.record {
                Record::Relationship(old)
                    if old.from == r.from && old.to == r.to && old.rel_type == r.rel_type =>
                {
                    Step::ChangeEdge(there, new)
                }
                // An edge cannot be moved: it goes, and another comes.
                _ => Step::AddEdge(new, ends_of(r)),
            },
        }))
    }

    /// Most of what is new in a graph of our own needs no other form than its text.
    fn load_step(
        &mut self,
        number: usize,
        change: &Change,
        after: &Record,
    ) -> Result<Option<Step>> {
        let ends = match after {
            _ if change.before.is_some() => return Ok(None),
            Record::Node(_) => None,
            Record::Relationship(r) => {
                let [from, to] = ends_of(r);
                match (self.nodes.get(from)?, self.nodes.get(to)?) {
                    (Some(from), Some(to)) => Some((from, to)),
                    // They may come with the same batch.
                    _ => return Ok(None),
                }
            }
        };
        let taken = self.flats[after.kind() as usize].take(number, after, ends);
        Ok(taken.then_some(Step::Load(ends.map(|(from, _)| from))))
    }

    /// Every new edge needs its ends.
    fn check_ends(&self, changes: &[Change], steps: &[Planned]) -> Result<()> {
        let adds_edges = steps
            .iter()
            .any(|(_, step)| matches!(step, Step::AddEdge(..)));
        if !adds_edges {
            return Ok(());
        }
        let mut come = HashSet::new();
        let mut gone = HashSet::new();
        for (number, step) in steps {
            let hash = self.hashes[*number];
            match step {
                Step::AddNode(_) => come.insert(hash),
                Step::RemoveNode(_) => gone.insert(hash),
                _ => false,
            };
        }
        for (number, step) in steps {
            let Step::AddEdge(_, ends) = step else {
                continue;
            };
            for (side, hash) in ends.iter().enumerate() {
                let there = self.nodes.get(*hash)?.is_some() && !gone.contains(hash);
                if !there && !come.contains(hash) {
                    let end = match &changes[*number].after {
                        Some(Record::Relationship(r)) => [&r.from, &r.to][side].display(),
                        _ => String::new(),
                    };
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "a graph server holds no relationship without both its ends",
                    )
                    .with("end", end)
                    .remedy("Leave such relationships out, or move the missing nodes, too."));
                }
            }
        }
        Ok(())
    }

    /// Nodes that cannot go because edges would go with them that are not to.
    fn held(&mut self, steps: &[Planned]) -> Result<Vec<usize>> {
        let doomed: Vec<(usize, u64)> = steps
            .iter()
            .filter_map(|(number, step)| match step {
                Step::RemoveNode(there) => Some((*number, there.id)),
                _ => None,
            })
            .collect();
        if doomed.is_empty() {
            return Ok(Vec::new());
        }
        self.settle()?;
        let going: HashSet<u64> = steps
            .iter()
            .filter_map(|(_, step)| match step {
                Step::RemoveEdge(there) => Some(there.id),
                _ => None,
            })
            .collect();
        let mut held = Vec::new();
        for part in doomed.chunks(500) {
            let list: Vec<String> = part.iter().map(|(_, id)| id.to_string()).collect();
            let query = format!(
                "CYPHER ids=[{}] UNWIND $ids AS i MATCH (n)-[e]-() WHERE ID(n)=i RETURN i, ID(e)",
                list.join(",")
            );
            let mut hold = HashSet::new();
            self.session.read(query.as_bytes(), |row| {
                let (node, edge) = (row.id()?, row.id()?);
                if !going.contains(&edge) {
                    hold.insert(node);
                }
                Ok(())
            })?;
            let mut numbers: Vec<usize> = part
                .iter()
                .filter(|(_, id)| hold.contains(id))
                .map(|(number, _)| *number)
                .collect();
            held.append(&mut numbers);
        }
        Ok(held)
    }
}

/// Hashes of the keys of its ends.
pub(super) fn ends_of(r: &Relationship) -> [u64; 2] {
    [&r.from, &r.to].map(|end| short(Kind::Node, end))
}

fn fits(expected: Option<&Digest>, found: Option<&Digest>) -> bool {
    match (expected, found) {
        (None, None) => true,
        (Some(a), Some(b)) => a.matches(b),
        _ => false,
    }
}
