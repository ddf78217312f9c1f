//! What is staged against what the target holds: one pass over both ledgers, sorted by
//! key, decides every record, tells what verification must find, and finds ends that
//! are missing and keys that are repeated.

use super::census::Census;
use super::decide::{Action, Decisions, DecisionsBuilder};
use super::ledger::{Entry, LedgerSpool, NO_TIME, next_join};
use super::plan::OnConflict;
use super::review::Tally;
use super::sorted::{Sorted, Sorter};
use crate::error::{Error, ErrorKind, Result};
use crate::model::KeyHash;
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
    /// Records of the target that are not staged.
    pub untouched: Tally,
    /// Conflicts by key, with the staged position; the first 10,000.
    pub conflicts: Vec<Conflicting>,
    /// Relationships with an end that is neither staged nor in the target.
    pub dangling: Found,
    /// Relationships that repeat from, type and to where the target keeps one.
    pub parallel: Found,
    /// Staged records that repeat a key: renamed if the target needs keys of their own.
    pub repeated: Found,
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
    /// Takes what a census collected.
    pub fn of(census: &mut Census, dir: &Path, present: Option<LedgerSpool>) -> Result<Self> {
        let ledger = std::mem::replace(&mut census.ledger, super::ledger::LedgerBuilder::new(dir));
        let ends = std::mem::replace(&mut census.ends_of, Sorter::new(dir));
        Ok(Self {
            staged: ledger.spool(dir)?,
            ends: ends.sorted()?,
            triples: match census.triples.take() {
                Some(triples) => Some(triples.sorted()?),
                None => None,
            },
            present,
        })
    }
}

/// Compares.
pub fn compare(mut sides: Sides, terms: &Terms<'_>) -> Result<Compared> {
    let mut pass = Pass {
        terms,
        decisions: DecisionsBuilder::new(terms.dir),
        out: Compared {
            decisions: DecisionsBuilder::new(terms.dir).finish(terms.dir)?,
            expected: super::ledger::LedgerBuilder::new(terms.dir).spool(terms.dir)?,
            added: Tally::default(),
            changed: Tally::default(),
            kept: Tally::default(),
            same: Tally::default(),
            untouched: Tally::default(),
            conflicts: Vec::new(),
            dangling: Found::default(),
            parallel: Found::default(),
            repeated: Found::default(),
            repeated_in_target: 0,
            again: false,
        },
    };
    if let Some(earlier) = terms.earlier {
        earlier.each(|seq, action| pass.decisions.push(seq, action))?;
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
            // An end counts as there if its node is staged, or in the target already;
            // under a filter only if it is staged.
            let there = !new.is_empty() || terms.open;
            while let Some(end) = ends.filter(|end| end[..16] <= key[..]) {
                if end[..16] != key || !there {
                    pass.missing_end(&end)?;
                }
                ends = sides.ends.next()?;
            }
            pass.decide(new, old, &mut ready)?;
        }
    })?;
    while let Some(end) = ends {
        pass.missing_end(&end)?;
        ends = sides.ends.next()?;
    }
    if let Some(triples) = &mut sides.triples {
        pass.parallel(triples)?;
    }
    let mut out = pass.out;
    out.expected = expected;
    out.decisions = pass.decisions.finish(terms.dir)?;
    Ok(out)
}

struct Pass<'a> {
    terms: &'a Terms<'a>,
    decisions: DecisionsBuilder,
    out: Compared,
}

impl Pass<'_> {
    fn missing_end(&mut self, end: &[u8; 24]) -> Result<()> {
        let seq = seq_of(end);
        if self.terms.open {
            self.out.dangling.push(seq);
        }
        if !self.terms.open || !self.terms.target.dangling {
            self.out.again = true;
            self.decisions.push(seq, Action::Drop)?;
        }
        Ok(())
    }

    fn parallel(&mut self, triples: &mut Sorted<24>) -> Result<()> {
        let mut last = None;
        while let Some(triple) = triples.next()? {
            if last == Some(triple[..16].to_vec()) {
                self.out.parallel.push(seq_of(&triple));
                self.out.again = true;
                self.decisions.push(seq_of(&triple), Action::Drop)?;
            }
            last = Some(triple[..16].to_vec());
        }
        Ok(())
    }

    /// Decides the records of one key. What the target shall hold goes to `ready`, in
    /// reverse order.
    fn decide(
        &mut self,
        new: Vec<Entry>,
        mut old: Vec<Entry>,
        ready: &mut Vec<Entry>,
    ) -> Result<()> {
        self.out.repeated_in_target += old.len().saturating_sub(1) as u64;
        let mut shall = Vec::with_capacity(new.len() + old.len());
        // Equal content first: that is the same under every policy.
        let mut rest = Vec::new();
        for staged in self.rename(new)? {
            match old.iter().position(|o| o.digest.matches(&staged.digest)) {
                Some(at) => {
                    shall.push(old.remove(at));
                    *self.out.same.of(staged.kind) += 1;
                    self.decisions.push(staged.seq, Action::Same)?;
                }
                None => rest.push(staged),
            }
        }
        for staged in rest {
            match old.pop() {
                None => {
                    *self.out.added.of(staged.kind) += 1;
                    shall.push(staged);
                }
                Some(present) => {
                    let replaced = self.replaces(&staged, &present)?;
                    let (kept, tally) = match replaced {
                        true => (staged, &mut self.out.changed),
                        false => (present, &mut self.out.kept),
                    };
                    *tally.of(staged.kind) += 1;
                    shall.push(kept);
                    self.decisions.push(
                        staged.seq,
                        if replaced {
                            Action::Replace
                        } else {
                            Action::Skip
                        },
                    )?;
                    if self.out.conflicts.len() < SHOWN {
                        self.out.conflicts.push(Conflicting {
                            key: staged.key,
                            seq: staged.seq,
                            replaced,
                        });
                    }
                }
            }
        }
        for present in old {
            *self.out.untouched.of(present.kind) += 1;
            shall.push(present);
        }
        ready.append(&mut shall);
        ready.sort_by_key(|e| std::cmp::Reverse((e.digest.core, e.digest.row)));
        Ok(())
    }

    /// All but the first of several staged records with one key get keys of their own,
    /// where the target needs that.
    fn rename(&mut self, mut new: Vec<Entry>) -> Result<Vec<Entry>> {
        if new.len() < 2 {
            return Ok(new);
        }
        new.sort_by_key(|e| e.seq);
        for (ordinal, entry) in new.iter().enumerate().skip(1) {
            self.out.repeated.push(entry.seq);
            if self.terms.target.unique_ids {
                self.out.again = true;
                self.decisions
                    .push(entry.seq, Action::Rename(ordinal as u32))?;
            }
        }
        if self.terms.target.unique_ids {
            new.truncate(1);
        }
        Ok(new)
    }

    fn replaces(&self, staged: &Entry, present: &Entry) -> Result<bool> {
        Ok(match self.terms.policy {
            OnConflict::Skip | OnConflict::Fail => false,
            OnConflict::Overwrite => true,
            OnConflict::Newest => {
                staged.time != NO_TIME && present.time != NO_TIME && staged.time > present.time
            }
        })
    }
}

fn seq_of(entry: &[u8; 24]) -> u64 {
    let mut seq = [0; 8];
    seq.copy_from_slice(&entry[16..]);
    u64::from_be_bytes(seq)
}

/// The error of the policy `fail`.
pub fn refuse_conflicts(count: u64) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!("{count} records are in the target with other content"),
    )
    .remedy("Choose what happens to them: --on-conflict skip, overwrite or newest.")
}
