//! What becomes of each staged record, by its position: kept on disk, read in order.
//! Whatever is not listed is added.

use super::sorted::{Sorted, Sorter, Spool};
use crate::error::Result;
use std::path::Path;

/// What becomes of a staged record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Added.
    Add,
    /// The target has it with the same content.
    Same,
    /// The target has it with other content, which stays.
    Skip,
    /// It replaces the target's.
    Replace,
    /// It is not moved: an end did not pass the filter, or the target cannot hold it.
    Drop,
    /// It repeats a key and gets one of its own, with this ordinal.
    Rename(u32),
}

const SIZE: usize = 13;

/// Collects decisions in any order.
pub struct DecisionsBuilder(Sorter<SIZE>);

impl DecisionsBuilder {
    /// None yet.
    pub fn new(dir: &Path) -> Self {
        Self(Sorter::new(dir))
    }

    /// Decides.
    pub fn push(&mut self, seq: u64, action: Action) -> Result<()> {
        let (code, ordinal) = match action {
            Action::Add => return Ok(()),
            Action::Same => (1, 0),
            Action::Skip => (2, 0),
            Action::Replace => (3, 0),
            Action::Drop => (4, 0),
            Action::Rename(ordinal) => (5, ordinal),
        };
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
            next: None,
            ended: false,
        }
    }

    /// Tells every record that is not added.
    pub fn each(&self, mut then: impl FnMut(u64, Action) -> Result<()>) -> Result<()> {
        let mut decided = self.read();
        while let Some((seq, action)) = decided.pull()? {
            then(seq, action)?;
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
    next: Option<(u64, Action)>,
    ended: bool,
}

impl Decided {
    /// What becomes of the record at that position, which must not fall.
    pub fn of(&mut self, seq: u64) -> Result<Action> {
        loop {
            match self.next {
                Some((at, action)) if at == seq => return Ok(action),
                Some((at, _)) if at > seq => return Ok(Action::Add),
                _ if self.ended => return Ok(Action::Add),
                _ => self.next = self.pull()?,
            }
        }
    }

    fn pull(&mut self) -> Result<Option<(u64, Action)>> {
        let Some(entry) = self.entries.next()? else {
            self.ended = true;
            return Ok(None);
        };
        let mut seq = [0; 8];
        seq.copy_from_slice(&entry[..8]);
        let mut ordinal = [0; 4];
        ordinal.copy_from_slice(&entry[9..]);
        let action = match entry[8] {
            1 => Action::Same,
            2 => Action::Skip,
            3 => Action::Replace,
            4 => Action::Drop,
            _ => Action::Rename(u32::from_be_bytes(ordinal)),
        };
        Ok(Some((u64::from_be_bytes(seq), action)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_added() {
        let dir = tempfile::tempdir().unwrap();
        let mut builder = DecisionsBuilder::new(dir.path());
        builder.push(7, Action::Rename(3)).unwrap();
        builder.push(2, Action::Drop).unwrap();
        builder.push(5, Action::Add).unwrap();
        let decisions = builder.finish(dir.path()).unwrap();
        for _ in 0..2 {
            let mut decided = decisions.read();
            let all: Vec<_> = (0..9).map(|seq| decided.of(seq).unwrap()).collect();
            let add = Action::Add;
            let expected = [
                add,
                add,
                Action::Drop,
                add,
                add,
                add,
                add,
                Action::Rename(3),
                add,
            ];
            assert_eq!(all, expected);
        }
    }
}
