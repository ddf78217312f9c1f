//! What becomes of each staged record: added, left, replaced, dropped, renamed. Kept on
//! disk as (position, decision) in order of position, and read beside the stage, which is
//! read in order. Whatever is not listed is added.

use super::sorted::{Sorted, Sorter, Spool};
use crate::error::Result;
use std::path::Path;

/// What becomes of a staged record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Added.
    #[default]
    Add,
    /// The target has it with the same content.
    Same,
    /// The target has it with other content, which stays.
    Skip,
    /// It replaces the target's.
    Replace,
    /// It is not moved: an end did not pass the filter, or the target cannot hold it.
    Drop,
}

/// All that was decided about a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub action: Action,
    /// It repeats a key and gets one of its own, made with this ordinal.
    pub rename: Option<u32>,
    /// The power of two that the size of what it replaces does not exceed.
    pub replaces: u8,
}

const SIZE: usize = 13;

const REPLACE: u8 = 3;
const RENAME: u8 = 5;

/// Collects decisions in any order.
pub struct DecisionsBuilder(Sorter<SIZE>);

impl DecisionsBuilder {
    /// None yet.
    pub fn new(dir: &Path) -> Self {
        Self(Sorter::new(dir))
    }

    /// Decides.
    pub fn push(&mut self, seq: u64, action: Action) -> Result<()> {
        match action {
            Action::Add => Ok(()),
            Action::Same => self.entry(seq, 1, 0),
            Action::Skip => self.entry(seq, 2, 0),
            Action::Replace => self.replace(seq, 0),
            Action::Drop => self.entry(seq, 4, 0),
        }
    }

    /// Lets it replace something of that size, as a power of two.
    pub fn replace(&mut self, seq: u64, size: u8) -> Result<()> {
        self.entry(seq, REPLACE, u32::from(size))
    }

    /// Gives it a key of its own.
    pub fn rename(&mut self, seq: u64, ordinal: u32) -> Result<()> {
        self.entry(seq, RENAME, ordinal)
    }

    /// Decides as was decided before.
    pub fn again(&mut self, seq: u64, decision: Decision) -> Result<()> {
        if let Some(ordinal) = decision.rename {
            self.rename(seq, ordinal)?;
        }
        match decision.action {
            Action::Replace => self.replace(seq, decision.replaces),
            action => self.push(seq, action),
        }
    }

    fn entry(&mut self, seq: u64, code: u8, ordinal: u32) -> Result<()> {
        let mut entry = [0; SIZE];
        entry[..8].copy_from_slice(&seq.to_be_bytes());
        entry[8] = code;
        entry[9..].copy_from_slice(&ordinal.to_be_bytes());
        self.0.push(entry)
    }

    /// In order, to be read more than once.
    pub fn finish(self, dir: &Path) -> Result<Decisions> {
        let mut sorted = self.0.sorted()?;
        Ok(Decisions(Spool::write(dir, || sorted.next())?))
    }
}

/// Decisions in order of position.
#[derive(Clone)]
pub struct Decisions(Spool<SIZE>);

impl Decisions {
    /// From the start.
    pub fn read(&self) -> Decided {
        Decided {
            entries: self.0.read(),
            ahead: None,
            next: None,
            ended: false,
        }
    }

    /// Tells every record that is not simply added.
    pub fn each(&self, mut then: impl FnMut(u64, Decision) -> Result<()>) -> Result<()> {
        let mut decided = self.read();
        while let Some((seq, decision)) = decided.pull()? {
            then(seq, decision)?;
        }
        Ok(())
    }

    /// Whether everything is added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Answers in order of position.
pub struct Decided {
    entries: Sorted<SIZE>,
    /// The first entry of the next position.
    ahead: Option<[u8; SIZE]>,
    next: Option<(u64, Decision)>,
    ended: bool,
}

impl Decided {
    /// What becomes of the record at that position, which must not fall.
    pub fn of(&mut self, seq: u64) -> Result<Decision> {
        loop {
            match self.next {
                Some((at, decision)) if at == seq => return Ok(decision),
                Some((at, _)) if at > seq => return Ok(Decision::default()),
                _ if self.ended => return Ok(Decision::default()),
                _ => self.next = self.pull()?,
            }
        }
    }

    /// All that is said of the next position.
    fn pull(&mut self) -> Result<Option<(u64, Decision)>> {
        let first = match self.ahead.take() {
            Some(entry) => Some(entry),
            None => self.entries.next()?,
        };
        let Some(first) = first else {
            self.ended = true;
            return Ok(None);
        };
        let (seq, mut decision) = (position(&first), Decision::default());
        add(&mut decision, &first);
        while let Some(entry) = self.entries.next()? {
            if position(&entry) != seq {
                self.ahead = Some(entry);
                break;
            }
            add(&mut decision, &entry);
        }
        Ok(Some((seq, decision)))
    }
}

fn position(entry: &[u8; SIZE]) -> u64 {
    let mut seq = [0; 8];
    seq.copy_from_slice(&entry[..8]);
    u64::from_be_bytes(seq)
}

fn add(decision: &mut Decision, entry: &[u8; SIZE]) {
    let mut number = [0; 4];
    number.copy_from_slice(&entry[9..]);
    let number = u32::from_be_bytes(number);
    match entry[8] {
        1 => decision.action = Action::Same,
        2 => decision.action = Action::Skip,
        REPLACE => {
            decision.action = Action::Replace;
            decision.replaces = number.min(63) as u8;
        }
        4 => decision.action = Action::Drop,
        _ => decision.rename = Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_added() {
        let dir = tempfile::tempdir().unwrap();
        let mut builder = DecisionsBuilder::new(dir.path());
        builder.rename(7, 3).unwrap();
        builder.push(2, Action::Drop).unwrap();
        builder.push(5, Action::Add).unwrap();
        builder.replace(7, 21).unwrap();
        builder.push(8, Action::Skip).unwrap();
        let decisions = builder.finish(dir.path()).unwrap();
        let only = |action| Decision {
            action,
            ..Decision::default()
        };
        let renamed = Decision {
            action: Action::Replace,
            rename: Some(3),
            replaces: 21,
        };
        for _ in 0..2 {
            let mut decided = decisions.read();
            let all: Vec<_> = (0..10).map(|seq| decided.of(seq).unwrap()).collect();
            for (seq, decision) in all.into_iter().enumerate() {
                let expected = match seq {
                    2 => only(Action::Drop),
                    7 => renamed,
                    8 => only(Action::Skip),
                    _ => Decision::default(),
                };
                assert_eq!(decision, expected, "{seq}");
            }
        }
        let mut told = Vec::new();
        decisions
            .each(|seq, decision| {
                told.push((seq, decision));
                Ok(())
            })
            .unwrap();
        assert_eq!(told.len(), 3);
    }
}
