//! The one table of what counts as equal though it is not the same bytes. Neither
//! a loss nor a difference; runs count how often each was used.

/// One equivalence.
#[derive(Clone, Copy, Debug)]
pub struct Equivalence {
    /// Its name in reports.
    pub name: &'static str,
    /// What counts as the same, as a sentence without a full stop.
    pub rule: &'static str,
}

/// All of them; [`super::canonical`] is where they are put to work.
pub const TABLE: [Equivalence; 6] = [
    Equivalence {
        name: "null-absent",
        rule: "a relationship's null `context`, `success_rate`, `valid_until` or `invalidated_by` \
               is the same as its absence; any other null is a value",
    },
    Equivalence {
        name: "empty-list-text",
        rule: "the text `[]` in a memory's context lists is an empty list, since that is how \
               memorygraph stores one",
    },
    Equivalence {
        name: "row-times",
        rule: "the columns `created_at` and `updated_at` of SQLite's rows, which memorygraph \
               never reads, are compared among stores that keep rows and left out elsewhere",
    },
    Equivalence {
        name: "stale-copy",
        rule: "where a temporal column and the property of its name differ, the column is the \
               value; the stale copy is compared among stores that keep rows and left out elsewhere",
    },
    Equivalence {
        name: "own-id",
        rule: "a property `id` that repeats the record's key is no value of its own",
    },
    Equivalence {
        name: "derived-id",
        rule: "the text `~` and 32 hexadecimal digits is the same key as the one derived for a \
               relationship that has no id",
    },
];

/// The rule of an equivalence by its name.
pub fn rule(name: &str) -> Option<&'static str> {
    TABLE.iter().find(|e| e.name == name).map(|e| e.rule)
}

/// Properties of a relationship whose null is the same as their absence.
pub const NULL_IS_ABSENT: [&str; 4] = ["context", "success_rate", "valid_until", "invalidated_by"];

/// Context lists of a memory, whose text `[]` is an empty list.
pub const EMPTY_LIST_AS_TEXT: [&str; 4] = [
    "context_files_involved",
    "context_frameworks",
    "context_languages",
    "context_technologies",
];
