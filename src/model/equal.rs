//! The one table of what counts as equal though it is not the same bytes. Neither
//! a loss nor a difference; runs count how often each was used.
//!
//! | name | the rule |
//! |---|---|
//! | `null-absent` | a relationship's null `context`, `success_rate`, `valid_until`, `invalidated_by` is the same as its absence; any other null is a value |
//! | `empty-list-text` | the text `[]` in a memory's context lists is an empty list, since that is how memorygraph stores one |
//! | `row-times` | `nodes.created_at`, `nodes.updated_at`, `relationships.created_at`, which memorygraph never reads, are compared among stores that keep rows and left out elsewhere |
//! | `stale-copy` | where a temporal column and the property of its name differ, the column is the value; the stale copy is compared like `row-times` |
//! | `own-id` | a property `id` that repeats the record's key is no value of its own |
//! | `derived-id` | the text `~` and 32 hexadecimal digits is the same key as a derived one |

/// Properties of a relationship whose null is the same as their absence.
pub const NULL_IS_ABSENT: [&str; 4] = ["context", "success_rate", "valid_until", "invalidated_by"];

/// Context lists of a memory, whose text `[]` is an empty list.
pub const EMPTY_LIST_AS_TEXT: [&str; 4] = [
    "context_files_involved",
    "context_frameworks",
    "context_languages",
    "context_technologies",
];
