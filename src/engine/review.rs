//! What a run would do to its target: the facts behind the review screen, the prompt
//! of the command line, and a dry run's report.

use crate::report::Loss;
use crate::store::{Counts, WriteMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What would be done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// Source by name, for people.
    pub source: String,
    /// Target by name, for people; what has to be typed.
    pub target: String,
    /// Records staged.
    pub staged: Counts,
    /// Records in the target now; `None` if there is no target yet.
    pub present: Option<Counts>,
    /// Staged records by type, memories first.
    pub types: BTreeMap<String, u64>,
    /// Staged relationships by type.
    pub relationship_types: BTreeMap<String, u64>,
    /// Newest memories of the source.
    pub newest: Vec<Sample>,
    /// Newest memories of the target.
    pub newest_present: Vec<Sample>,
    /// Records that the target does not have.
    pub added: Tally,
    /// Records that it has with other content and that would be changed.
    pub changed: Tally,
    /// Records that it has with other content and that would stay.
    pub kept: Tally,
    /// Records that it has with the same content.
    pub same: Tally,
    /// Records of the target that the source does not have, and that stay.
    pub untouched: Tally,
    /// Those that would be removed, where the target is made equal to the source.
    #[serde(default)]
    pub removed: Tally,
    /// The first conflicts, at most 10,000.
    pub conflicts: Vec<Conflict>,
    /// What the target cannot hold.
    pub losses: Vec<Loss>,
    /// How the target would be written.
    pub mode: Option<WriteMode>,
    /// Seconds for which other programs would be shut out of the target.
    pub lock_seconds: f64,
}

impl Review {
    /// Whether anything that exists would be changed.
    pub fn overwrites(&self) -> bool {
        self.changed.total() + self.removed.total() > 0
    }

    /// The target's name, which a person types to have something overwritten: the last
    /// part of its address, a file's or a graph's.
    pub fn target_name(&self) -> &str {
        last_part(&self.target)
    }

    /// Whether there is nothing to write.
    pub fn nothing_to_do(&self) -> bool {
        self.added.total() + self.changed.total() + self.removed.total() == 0
    }
}

/// The last part of an address: the name of a file or of a graph, without how its server
/// is reached.
pub fn last_part(address: &str) -> &str {
    let place = match address.split_once('?') {
        // A file may be called anything.
        Some((place, _)) if place.contains("://") => place,
        _ => address,
    };
    let last = place.rsplit(['/', ':']).find(|part| !part.is_empty());
    last.unwrap_or(address)
}

/// Nodes and relationships.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Nodes.
    pub nodes: u64,
    /// Relationships.
    pub relationships: u64,
}

impl Tally {
    /// Both.
    pub fn total(&self) -> u64 {
        self.nodes.saturating_add(self.relationships)
    }

    /// The number of a kind, to be changed.
    pub fn of(&mut self, kind: crate::model::Kind) -> &mut u64 {
        match kind {
            crate::model::Kind::Node => &mut self.nodes,
            crate::model::Kind::Relationship => &mut self.relationships,
        }
    }
}

/// A memory as people recognise it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// When it was written last, in milliseconds since 1970.
    pub updated_at: Option<i64>,
}

/// A record that source and target have with different content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conflict {
    /// Kind of record.
    pub kind: crate::model::Kind,
    /// Its key, for people.
    pub key: String,
    /// Title of a memory, or the ends of a relationship, cut where it is long.
    #[serde(default)]
    pub title: String,
    /// Whether the source's would replace the target's.
    pub replaced: bool,
    /// The fields that differ: name, the target's value, the source's.
    pub fields: Vec<crate::report::Field>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_short_name() {
        let name = |target: &str| {
            let target = target.to_owned();
            let review = Review {
                target,
                ..Review::default()
            };
            review.target_name().to_owned()
        };
        assert_eq!(name("sqlite:/a/memory.db"), "memory.db");
        assert_eq!(name("sqlite:memory.db"), "memory.db");
        assert_eq!(name("falkordb://localhost:6379/graph"), "graph");
        assert_eq!(name("markdown:/a/notes/"), "notes");
        let reached = "falkordb://localhost:6379/graph?socket=%2Fa%2Fb&tls=yes";
        assert_eq!(name(reached), "graph");
        assert_eq!(name("sqlite:/a/what?.db"), "what?.db");
        assert_eq!(name("/"), "/");
    }
}
