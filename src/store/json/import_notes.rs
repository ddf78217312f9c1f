//! What memorygraph itself leaves behind when it imports a file of ours: for the
//! forecast, before the file is written. Our own reader gives everything back.

use super::shape::{MEMORY, RELATIONSHIP};
use super::split;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Kind, Record, Text};
use std::collections::BTreeMap;

/// One thing that `memorygraph import` does not take over of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dropped {
    /// A property of a memory, by name; `None`: one it does not know.
    Memory(Option<&'static str>),
    /// A property of a relationship, by name; `None`: one it does not know.
    Relationship(Option<&'static str>),
    /// A node that is no memory.
    OtherNode,
    /// A memory without what every memory has; it would refuse the whole file.
    UnfitMemory,
    /// A relationship that is over; it would bring it back to life.
    Invalidated,
    /// A relationship whose ends are no text, or whose properties are no object.
    UnfitRelationship,
    /// A memory that its checks refuse.
    RefusedMemory,
    /// A relationship of a type it does not know.
    RefusedRelationship,
}

impl Dropped {
    /// A property that is not taken over.
    pub fn field(kind: Kind, name: &Text) -> Self {
        let known = |names: &[&'static str]| names.iter().copied().find(|n| *name == **n);
        match kind {
            Kind::Node => Self::Memory(known(&MEMORY)),
            Kind::Relationship => Self::Relationship(match *name == *"id" {
                true => Some("id"),
                false => known(&RELATIONSHIP),
            }),
        }
    }
}

/// Counts what `memorygraph import` leaves behind of the records shown to it.
/// Bounded, however many they are.
#[derive(Default)]
pub struct ImportNotes {
    canon: Canon,
    counts: BTreeMap<Dropped, u64>,
}

impl ImportNotes {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one record.
    pub fn see(&mut self, record: &Record) -> Result<()> {
        let element = split::split(record, &mut self.canon).map_err(|problem| {
            Error::new(
                ErrorKind::Unsupported,
                format!("a record cannot be written as JSON: {problem}"),
            )
            .with("id", record.key().display())
        })?;
        self.count(&element.drops);
        Ok(())
    }

    pub(super) fn count(&mut self, drops: &[Dropped]) {
        for drop in drops {
            *self.counts.entry(*drop).or_default() += 1;
        }
    }

    /// One line for each thing it leaves behind, none if it takes everything.
    pub fn lines(&self) -> Vec<String> {
        let count = |drop| self.counts.get(&drop).copied().unwrap_or(0);
        let mut lines = Vec::new();
        let mut say = |count: u64, one: &str, many: &str, what: &str| match count {
            0 => {}
            1 => lines.push(format!("1 {one} {what}")),
            n => lines.push(format!("{n} {many} {what}")),
        };
        let unseen = "in the section memferry, which memorygraph ignores";
        say(
            count(Dropped::OtherNode),
            "node that is no memory stands",
            "nodes that are no memories stand",
            unseen,
        );
        say(
            count(Dropped::UnfitMemory),
            "memory whose id, type, title or content is missing, blank or no Unicode text stands",
            "memories whose id, type, title or content is missing, blank or no Unicode text stand",
            unseen,
        );
        say(
            count(Dropped::Invalidated),
            "invalidated relationship stands",
            "invalidated relationships stand",
            unseen,
        );
        say(
            count(Dropped::UnfitRelationship),
            "relationship whose ends are no Unicode text, or whose properties are broken, stands",
            "relationships whose ends are no Unicode text, or whose properties are broken, stand",
            unseen,
        );
        say(
            count(Dropped::RefusedMemory),
            "memory",
            "memories",
            "will be skipped by memorygraph: an unknown type, no content, or a title that is \
             empty or longer than 200 characters",
        );
        say(
            count(Dropped::RefusedRelationship),
            "relationship",
            "relationships",
            "will be skipped by memorygraph: an unknown type",
        );
        for (fields, one, many) in [
            (self.fields(Kind::Node), "memory", "memories"),
            (
                self.fields(Kind::Relationship),
                "relationship",
                "relationships",
            ),
        ] {
            for (names, count) in fields {
                let noun = if count == 1 { one } else { many };
                lines.push(format!(
                    "memorygraph does not take over {} of {count} {noun}",
                    names.join(", ")
                ));
            }
        }
        lines
    }

    /// Names of dropped fields together with those dropped equally often.
    fn fields(&self, kind: Kind) -> Vec<(Vec<&'static str>, u64)> {
        let mut groups: Vec<(Vec<&'static str>, u64)> = Vec::new();
        let mut others = 0;
        for (drop, count) in &self.counts {
            let name = match (kind, drop) {
                (Kind::Node, Dropped::Memory(name)) => name,
                (Kind::Relationship, Dropped::Relationship(name)) => name,
                _ => continue,
            };
            match (name, groups.iter_mut().find(|(_, n)| n == count)) {
                (Some(name), Some((names, _))) => names.push(name),
                (Some(name), None) => groups.push((vec![name], *count)),
                (None, _) => others = *count,
            }
        }
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if others > 0 {
            groups.push((vec!["other properties"], others));
        }
        groups
    }
}

/// What `memorygraph import` will leave behind of these records, one line for each.
pub fn import_notes<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Vec<String>> {
    let mut notes = ImportNotes::new();
    for record in records {
        notes.see(record)?;
    }
    Ok(notes.lines())
}
