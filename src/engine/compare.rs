//! What is staged against what the target holds: one pass over both ledgers, sorted by
//! key, decides every record, tells what verification must find, and finds ends that
//! are missing and keys that are repeated.

use super::census::Collected;
use super::decide::{Action, Decisions, DecisionsBuilder};
use super::ledger::{Entry, LedgerSpool, NO_TIME, next_join, pair};
use super::plan::OnConflict;
use super::review::Tally;
use super::sorted::{Sorted, Sorter, Spool};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{KeyHash, Kind};
use crate::report::words::number;
use crate::store::Capabilities;
use std::path::Path;

/// Conflicts whose keys are kept, to be shown.
pub const SHOWN: usize = 10_000;

/// What the comparison needs beside the two ledgers.
pub struct Terms<'a> {
    /// Where entries are sorted.
    pub dir: &'a Path,
    /// The policy for conflicts.
    pub policy: OnConflict,
    /// What the target can hold.
    pub target: &'a Capabilities,
    /// Whether everything passes the filter.
    pub open: bool,
    /// Whether what is not staged is removed from the target.
    pub replace: bool,
    /// Decisions of an earlier pass, which stay.
    pub earlier: Option<&'a Decisions>,
}

/// What came out.
pub struct Compared {
    /// What becomes of each record.
    pub decisions: Decisions,
    /// Everything the target shall hold afterwards.
    pub expected: LedgerSpool,
    /// Staged records that the target does not have.
    pub added: Tally,
    /// Those that replace the target's.
    pub changed: Tally,
    /// Those whose target's version stays.
    pub kept: Tally,
    /// Those that the target has with the same content.
    pub same: Tally,
    /// Records of the target that are not staged, and stay.
    pub untouched: Tally,
    /// Those that are removed.
    pub removed: Tally,
    /// Their keys, in order.
    pub doomed: Spool<16>,
    /// Conflicts by key, with the staged position; the first 10,000.
    pub conflicts: Vec<Conflicting>,
    /// Relationships with an end that is neither staged nor in the target.
    pub dangling: Found,
    /// Relationships that do not move because an end is not selected.
    pub unselected: Found,
    /// Relationships that repeat from, type and to where the target keeps one.
    pub parallel: Found,
    /// Nodes that repeat a key, and so get one of their own.
    pub repeated_nodes: Found,
    /// Relationships that do.
    pub repeated_relationships: Found,
    /// Keys that the target itself holds several times.
    pub repeated_in_target: u64,
    /// Whether records must be dropped or renamed: then the stage is counted again
    /// under `decisions`, and compared again.
    pub again: bool,
}

/// A conflict.
#[derive(Clone, Copy, Debug)]
pub struct Conflicting {
    /// Hash of the key.
    pub key: KeyHash,
    /// Position in the stage.
    pub seq: u64,
    /// Whether the staged one replaces the target's.
    pub replaced: bool,
}

/// Records by position: how many, and the first 100.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<u64>,
}

impl Found {
    fn push(&mut self, seq: u64) {
        self.count += 1;
        if self.first.len() < 100 {
            self.first.push(seq);
        }
    }
}

/// What a census leaves for comparing.
pub struct Sides {
    /// What is staged.
    pub staged: LedgerSpool,
    /// Ends of relationships, sorted by the node's key.
    pub ends: Sorted<24>,
    /// From, type and to of relationships, where that matters.
    pub triples: Option<Sorted<24>>,
    /// What the target holds.
    pub present: Option<LedgerSpool>,
}

impl Sides {
    /// Sorts what a census collected.
    pub fn of(collected: Collected, dir: &Path, present: Option<LedgerSpool>) -> Result<Self> {
        let triples = collected.triples.map(Sorter::sorted).transpose()?;
        Ok(Self {
            staged: collected.ledger.spool(dir)?,
            ends: collected.ends.sorted()?,
            triples,
            present,
        })
    }
}

/// Compares.
pub fn compare(mut sides: Sides, terms: &Terms<'_>) -> Result<Compared> {
    let mut pass = Pass {
        terms,
        decisions: DecisionsBuilder::new(terms.dir),
        missing: Sorter::new(terms.dir),
        doomed: Sorter::new(terms.dir),
        out: Compared {
            decisions: DecisionsBuilder::new(terms.dir).finish(terms.dir)?,
            expected: super::ledger::LedgerBuilder::new(terms.dir).spool(terms.dir)?,
            added: Tally::default(),
            changed: Tally::default(),
            kept: Tally::default(),
            same: Tally::default(),
            untouched: Tally::default(),
            removed: Tally::default(),
            doomed: Spool::write(terms.dir, || Ok(None))?,
            conflicts: Vec::new(),
            dangling: Found::default(),
            unselected: Found::default(),
            parallel: Found::default(),
            repeated_nodes: Found::default(),
            repeated_relationships: Found::default(),
            repeated_in_target: 0,
            again: false,
        },
    };
    if let Some(earlier) = terms.earlier {
        earlier.each(|seq, decision| pass.decisions.again(seq, decision))?;
    }
    let mut staged = sides.staged.read();
    let mut present = match &sides.present {
        Some(present) => present.read(),
        None => super::ledger::Ledger::empty(),
    };
    let mut ends = sides.ends.next()?;
    let mut ready = Vec::<Entry>::new();
    let expected = LedgerSpool::write(terms.dir, || {
        loop {
            if let Some(entry) = ready.pop() {
                return Ok(Some(entry));
            }
            let Some((new, old)) = next_join(&mut staged, &mut present)? else {
                return Ok(None);
            };
            let key = new
                .first()
                .or(old.first())
                .map(|e| e.key)
                .unwrap_or_default();
            // An end is there if its node is staged, or in the target already; that
            // saves no relationship that is itself older than what is moved.
            while let Some(end) = ends.filter(|end| end[..16] <= key[..]) {
                let stays = !old.is_empty() && !terms.replace;
                let there = !new.is_empty() || stays && !is_old(&end);
                if end[..16] != key || !there {
                    pass.missing.push(seq_of(&end).to_be_bytes())?;
                }
                ends = sides.ends.next()?;
            }
            pass.decide(new, old, &mut ready)?;
        }
    })?;
    while let Some(end) = ends {
        pass.missing.push(seq_of(&end).to_be_bytes())?;
        ends = sides.ends.next()?;
    }
    pass.missing()?;
    if let Some(triples) = &mut sides.triples {
        pass.parallel(triples)?;
    }
    let mut out = pass.out;
    out.expected = expected;
    out.decisions = pass.decisions.finish(terms.dir)?;
    let mut doomed = pass.doomed.sorted()?;
    out.doomed = Spool::write(terms.dir, || doomed.next())?;
    Ok(out)
}

struct Pass<'a> {
    terms: &'a Terms<'a>,
    decisions: DecisionsBuilder,
    /// Positions of relationships with an end that is not there, once for each.
    missing: Sorter<8>,
    doomed: Sorter<16>,
    out: Compared,
}

impl Pass<'_> {
    fn missing(&mut self) -> Result<()> {
        let missing = std::mem::replace(&mut self.missing, Sorter::new(self.terms.dir));
        let (mut missing, mut last) = (missing.sorted()?, None);
        while let Some(entry) = missing.next()? {
            if last.replace(entry) == Some(entry) {
                continue;
            }
            let seq = u64::from_be_bytes(entry);
            match self.terms.open {
                true => self.out.dangling.push(seq),
                false => self.out.unselected.push(seq),
            }
            if !self.terms.open || !self.terms.target.dangling {
                self.out.again = true;
                self.decisions.push(seq, Action::Drop)?;
            }
        }
        Ok(())
    }

    fn parallel(&mut self, triples: &mut Sorted<24>) -> Result<()> {
        let mut last = None;
        while let Some(triple) = triples.next()? {
            let mut key = [0; 16];
            key.copy_from_slice(&triple[..16]);
            if last.replace(key) == Some(key) {
                self.out.parallel.push(seq_of(&triple));
                self.out.again = true;
                self.decisions.push(seq_of(&triple), Action::Drop)?;
            }
        }
        Ok(())
    }

    /// Decides the records of one key. What the target shall hold goes to `ready`, in
    /// reverse order.
    fn decide(
        &mut self,
        mut new: Vec<Entry>,
        mut old: Vec<Entry>,
        ready: &mut Vec<Entry>,
    ) -> Result<()> {
        self.out.repeated_in_target += old.len().saturating_sub(1) as u64;
        if self.terms.replace && old.len() > 1 {
            return Err(Error::new(
                ErrorKind::Refused,
                "the target holds several records under one id, of which one cannot be chosen",
            )
            .remedy("Restore into a new store, and put it in the other's place."));
        }
        self.rename(&mut new)?;
        // Equal content first: that is the same under every policy.
        pair(&mut new, &mut old, |staged, present| {
            ready.push(present);
            *self.out.same.of(staged.kind) += 1;
            self.decisions.push(staged.seq, Action::Same)
        })?;
        for mut staged in new {
            staged.ours = true;
            let Some(present) = old.pop() else {
                *self.out.added.of(staged.kind) += 1;
                ready.push(staged);
                continue;
            };
            let replaced = self.replaces(&staged, &present);
            let (kept, tally) = match replaced {
                true => (staged, &mut self.out.changed),
                false => (present, &mut self.out.kept),
            };
            *tally.of(staged.kind) += 1;
            ready.push(kept);
            match replaced {
                true => self.decisions.replace(staged.seq, present.size)?,
                false => self.decisions.push(staged.seq, Action::Skip)?,
            }
            if self.out.conflicts.len() < SHOWN {
                self.out.conflicts.push(Conflicting {
                    key: staged.key,
                    seq: staged.seq,
                    replaced,
                });
            }
        }
        for present in old {
            if self.terms.replace {
                *self.out.removed.of(present.kind) += 1;
                self.doomed.push(present.key)?;
                continue;
            }
            *self.out.untouched.of(present.kind) += 1;
            ready.push(present);
        }
        if ready.len() > 1 {
            ready.sort_by_key(|e| std::cmp::Reverse((e.digest.core, e.digest.row)));
        }
        Ok(())
    }

    /// All but the first of several staged records with one key get keys of their own,
    /// since no target is written to by a key that stands for several.
    fn rename(&mut self, new: &mut Vec<Entry>) -> Result<()> {
        if new.len() < 2 {
            return Ok(());
        }
        new.sort_by_key(|e| e.seq);
        for (ordinal, entry) in new.drain(1..).enumerate() {
            match entry.kind {
                Kind::Node => self.out.repeated_nodes.push(entry.seq),
                Kind::Relationship => self.out.repeated_relationships.push(entry.seq),
            }
            self.out.again = true;
            self.decisions.rename(entry.seq, ordinal as u32 + 1)?;
        }
        Ok(())
    }

    fn replaces(&self, staged: &Entry, present: &Entry) -> bool {
        match self.terms.policy {
            OnConflict::Skip | OnConflict::Fail => false,
            OnConflict::Overwrite => true,
            OnConflict::Newest => is_newer(staged.time, present.time),
        }
    }
}

/// Whether the staged record is the newer one: a tie, or a time that cannot be read, is
/// no reason to replace anything.
pub fn is_newer(staged: i64, present: i64) -> bool {
    staged != NO_TIME && present != NO_TIME && staged > present
}

/// Marks an end of a relationship that is older than what is moved.
pub const OLD: u64 = 1 << 63;

fn seq_and_mark(entry: &[u8; 24]) -> u64 {
    let mut seq = [0; 8];
    seq.copy_from_slice(&entry[16..]);
    u64::from_be_bytes(seq)
}

fn seq_of(entry: &[u8; 24]) -> u64 {
    seq_and_mark(entry) & !OLD
}

fn is_old(entry: &[u8; 24]) -> bool {
    seq_and_mark(entry) & OLD != 0
}

/// The error of the policy `fail`.
pub fn refuse_conflicts(count: u64) -> Error {
    Error::new(
        ErrorKind::Refused,
        match count {
            1 => "1 record is in the target with other content".to_owned(),
            n => format!("{} records are in the target with other content", number(n)),
        },
    )
    .remedy("Choose what happens to them: --on-conflict skip, overwrite or newest.")
}
