//! What of a batch can be made before its turn comes, while the server is at work on
//! another: the texts of new records, and the hashes by which their places are found. Only
//! a batch that adds records of one kind and nothing else is made ready; whatever is met in
//! their places is for the plan.

use super::super::record::stored;
use super::places::short;
use super::plan::ends_of;
use super::statements::{self, Addition, Statement};
use super::work::{Ran, Work};
use crate::error::{Error, Result};
use crate::model::{Canon, Kind, Record};
use crate::store::protocol::thread::{Coming, Own};
use crate::store::{Applied, Change};
use std::collections::VecDeque;
use std::sync::Arc;

/// Batches that are kept ready at most: the one to come, and the one behind it.
const MOST: usize = 2;

/// A batch made ready.
pub(super) struct Ready {
    kind: Kind,
    /// Hashes of the keys.
    hashes: Vec<u64>,
    /// Hashes of the keys of the ends of edges.
    ends: Vec<[u64; 2]>,
    additions: Vec<Addition>,
}

impl Ready {
    /// None where that is not all there is to it, or where it fails: doing it in its turn
    /// tells why.
    fn of(changes: &[Change], canon: &mut Canon) -> Option<Self> {
        let kind = changes.first()?.kind;
        let (mut hashes, mut ends, mut forms) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            let after = change.after.as_ref()?;
            if change.kind != kind || after.kind() != kind || change.before.is_some() {
                return None;
            }
            if let Record::Relationship(r) = after {
                ends.push(ends_of(r));
            }
            hashes.push(short(kind, &change.key));
            forms.push(stored(after, canon).ok()?);
        }
        let rows: Vec<_> = forms.iter().enumerate().collect();
        let additions = statements::additions(kind, &rows).ok()?;
        Some(Self {
            kind,
            hashes,
            ends,
            additions,
        })
    }
}

/// The changes of a batch, and what is made of them.
type Announced = (Arc<[Change]>, Coming<Option<Ready>>);

/// Makes batches ready, one after the other, on a thread of its own.
#[derive(Default)]
pub(super) struct Ahead {
    /// None until it is needed.
    thread: Option<Own<Canon>>,
    coming: VecDeque<Announced>,
}

impl Ahead {
    /// Begins with a batch; without a thread it is made in its turn.
    pub(super) fn begin(&mut self, next: &Arc<[Change]>) {
        if self.thread.is_none() {
            self.thread = Own::new("ahead", Canon::new()).ok();
        }
        let changes = next.clone();
        let begun = self.thread.as_ref().and_then(|thread| {
            thread
                .begin(move |canon| Ok(Ready::of(&changes, canon)))
                .ok()
        });
        if self.coming.len() >= MOST {
            self.coming.pop_front();
        }
        if let Some(begun) = begun {
            self.coming.push_back((next.clone(), begun));
        }
    }

    /// What was begun of exactly these changes.
    pub(super) fn take(&mut self, changes: &Arc<[Change]>) -> Option<Coming<Option<Ready>>> {
        let at = (self.coming.iter()).position(|(announced, _)| Arc::ptr_eq(announced, changes))?;
        self.coming.drain(..at);
        self.coming.pop_front().map(|(_, coming)| coming)
    }
}

impl Work {
    /// Adds what was made ready; `None` if the batch is to be planned: others wrote, or
    /// something stands in the place of what is new, or an end is not there.
    pub(super) fn add(&mut self, ready: Ready) -> Result<Option<Applied>> {
        if !self.watching {
            return Ok(None);
        }
        let kind = ready.kind;
        let mut ends = Vec::with_capacity(ready.ends.len());
        if kind == Kind::Relationship {
            self.learn_edges()?;
            for [from, to] in &ready.ends {
                match (self.nodes.get(*from)?, self.nodes.get(*to)?) {
                    (Some(from), Some(to)) => ends.push([from, to]),
                    _ => return Ok(None),
                }
            }
        }
        let Some(places) = self.places(kind) else {
            return Ok(None);
        };
        for hash in &ready.hashes {
            if places.get(*hash)?.is_some() {
                return Ok(None);
            }
        }
        let made: Vec<Statement> = (ready.additions.into_iter())
            .map(|addition| addition.statement(|row| ends[row]))
            .collect();
        let answers = match self.run(&made)? {
            Ran::Conflict => return Ok(None),
            Ran::Unknown => return Ok(Some(Applied::Unknown)),
            Ran::Done(answers) => answers,
        };
        let added = ready.hashes.len() as u64;
        self.counts[kind as usize] += added;
        let Some(places) = self.places(kind) else {
            return Ok(Some(Applied::Done));
        };
        match kind {
            Kind::Relationship => {
                for (hash, [from, _]) in ready.hashes.into_iter().zip(ends) {
                    places.set(hash, from)?;
                }
            }
            Kind::Node => {
                for (statement, ids) in made.iter().zip(answers) {
                    if statement.rows.len() != ids.len() {
                        return Err(Error::internal("the server made another number of nodes"));
                    }
                    for (row, id) in statement.rows.iter().zip(ids) {
                        places.set(ready.hashes[*row], id)?;
                    }
                }
            }
        }
        Ok(Some(Applied::Done))
    }
}
