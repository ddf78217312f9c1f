//! What a store can hold and do, as plain data: read by preflight, the loss forecast,
//! the documentation and the tests, which hold what is declared against what is observed.

use super::WriteMode;

/// How many labels a node can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Exactly one.
    One,
    /// Any number, none included.
    Any,
    /// Only memories.
    MemoryOnly,
}

/// What a record's key can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Any value, and a record may do without.
    Any,
    /// Text, given or derived.
    Text,
}

/// What a store can hold and do. A `false` is either a loss by name or, for values,
/// an encoding that the store's own reader reverses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capabilities {
    /// Labels of a node.
    pub labels: Labels,
    /// Keys.
    pub ids: Ids,
    /// Refuses two records of a kind with one key.
    pub unique_ids: bool,
    /// Keeps the key apart from the property `id`, so that the two may differ.
    pub id_beside_properties: bool,
    /// Keeps relationships whose ends are not there.
    pub dangling: bool,
    /// Keeps several relationships of one type between one pair.
    pub parallel: bool,
    /// Keeps relationships from a node to itself.
    pub self_loops: bool,
    /// Keeps a row's own times beside the properties.
    pub rows: bool,
    /// Keeps `valid_from` and `recorded_at` of a relationship as they are, also where they
    /// are absent, null, or no time. Without: text that is a time, or an integer; anything
    /// else is a loss by name.
    pub any_times: bool,
    /// Keeps stored properties byte for byte, whatever they are.
    pub stored_text: bool,
    /// Null is a value.
    pub nulls: bool,
    /// Nested maps.
    pub maps: bool,
    /// Lists inside lists.
    pub nested_lists: bool,
    /// Nulls inside lists.
    pub nulls_in_lists: bool,
    /// Elements of several types in one list.
    pub mixed_lists: bool,
    /// Integers beyond 64 bits.
    pub big_integers: bool,
    /// NaN and the infinities.
    pub non_finite: bool,
    /// The character NUL inside text.
    pub nul: bool,
    /// Text that is not UTF-8: lone surrogates and broken bytes.
    pub broken_text: bool,
    /// Bytes that are not text.
    pub bytes: bool,
    /// Longest record in bytes, if there is a limit.
    pub max_record: Option<u64>,
    /// Whether a snapshot never drifts.
    pub isolated_snapshots: bool,
    /// How it can be written; empty for a source only.
    pub modes: &'static [WriteMode],
}

impl Capabilities {
    /// Holds every record of the model.
    pub const EVERYTHING: Capabilities = Capabilities {
        labels: Labels::Any,
        ids: Ids::Any,
        unique_ids: false,
        id_beside_properties: true,
        dangling: true,
        parallel: true,
        self_loops: true,
        rows: true,
        any_times: true,
        stored_text: true,
        nulls: true,
        maps: true,
        nested_lists: true,
        nulls_in_lists: true,
        mixed_lists: true,
        big_integers: true,
        non_finite: true,
        nul: true,
        broken_text: true,
        bytes: true,
        max_record: None,
        isolated_snapshots: true,
        modes: &[],
    };
}
