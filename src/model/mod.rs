//! What moves: nodes and relationships with every property in its own type.
//!
//! The raw record is the carrier; the typed [`memory::Memory`] is only a view of
//! it, for validation and display. Two records are compared by the digest of
//! their [`canonical`] bytes, under the equivalences named in [`equal`].

pub mod canonical;
pub mod equal;
pub mod json;
pub mod memory;
pub mod packed;
mod record;
mod text;
pub mod time;
mod value;

pub use canonical::{Canon, Digest, KeyHash};
pub use packed::Packed;
pub use record::{Key, Kind, Node, Parsed, Properties, Record, Relationship, Row};
pub use text::Text;
pub use value::{Map, Value};
