//! Values a store has no type for travel as text; one reserved property,
//! `memferry`, holds a JSON object of path to type and only stands on records that
//! need it.

use crate::model::Map;
use crate::store::Capabilities;

/// Name of the reserved property.
pub const PROPERTY: &str = "memferry";

/// The properties as a store with these capabilities can hold them; `None` if they
/// fit as they are.
pub fn encode(_map: &Map, _to: &Capabilities) -> Option<Map> {
    None
}

/// The properties as they were before [`encode`]; `None` if they were never encoded.
pub fn decode(_map: &Map) -> Option<Map> {
    None
}
