//! What a batch asks for, held against what is there: the steps to take, or the changes
//! that meet something else. Nothing is done here.

use super::super::record::{Stored, stored};
use super::known::There;
use super::places::short;
use super::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Digest, Key, Kind, Record};
use crate::store::Change;
use std::collections::HashSet;

/// What is done to one record.
pub(super) enum Step {
    AddNode(Stored),
    AddEdge(Stored, Key, Key),
    ChangeNode(There, Stored),
    ChangeEdge(There, Stored),
    RemoveNode(There),
    RemoveEdge(There),
}

/// A step and the change it is of.
pub(super) type Planned = (usize, Step);

impl Work {
    /// What is to do, or the changes that meet something else.
    pub(super) fn plan(&mut self, changes: &[Change]) -> Result<Result<Vec<Planned>, Vec<usize>>> {
        let mut now: Vec<Option<There>> = vec![None; changes.len()];
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
                let hash = short(kind, &change.key);
                if change.kind != kind || places.get(hash).is_none() {
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
                now[number] = there;
            }
        }
        let (mut steps, mut conflicts) = (Vec::new(), Vec::new());
        for (number, (change, now)) in changes.iter().zip(now).enumerate() {
            let is = now.as_ref().map(|now| self.canon.digest(&now.record));
            if fits(change.before.as_ref(), is.as_ref()) {
                if let Some(step) = self.step(change, now)? {
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

    fn step(&mut self, change: &Change, now: Option<There>) -> Result<Option<Step>> {
        let Some(after) = &change.after else {
            return Ok(now.map(|there| match change.kind {
                Kind::Node => Step::RemoveNode(there),
                Kind::Relationship => Step::RemoveEdge(there),
            }));
        };
        let new = stored(after, &mut self.canon)?;
        Ok(Some(match (now, after) {
            (None, Record::Node(_)) => Step::AddNode(new),
            (None, Record::Relationship(r)) => Step::AddEdge(new, r.from.clone(), r.to.clone()),
            (Some(there), Record::Node(_)) => Step::ChangeNode(there, new),
            (Some(there), Record::Relationship(r)) => match &there.record {
                Record::Relationship(old)
                    if old.from == r.from && old.to == r.to && old.rel_type == r.rel_type =>
                {
                    Step::ChangeEdge(there, new)
                }
                // An edge cannot be moved: it goes, and another comes.
                _ => Step::AddEdge(new, r.from.clone(), r.to.clone()),
            },
        }))
    }

    /// Every new edge needs its ends.
    fn check_ends(&self, changes: &[Change], steps: &[Planned]) -> Result<()> {
        let mut come = HashSet::new();
        let mut gone = HashSet::new();
        for (number, step) in steps {
            let hash = short(Kind::Node, &changes[*number].key);
            match step {
                Step::AddNode(_) => come.insert(hash),
                Step::RemoveNode(_) => gone.insert(hash),
                _ => false,
            };
        }
        for (_, step) in steps {
            let Step::AddEdge(_, from, to) = step else {
                continue;
            };
            for end in [from, to] {
                let hash = short(Kind::Node, end);
                let there = self.nodes.get(hash).is_some() && !gone.contains(&hash);
                if !there && !come.contains(&hash) {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "a graph server holds no relationship without both its ends",
                    )
                    .with("end", end.display())
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

fn fits(expected: Option<&Digest>, found: Option<&Digest>) -> bool {
    match (expected, found) {
        (None, None) => true,
        (Some(a), Some(b)) => a.matches(b),
        _ => false,
    }
}
