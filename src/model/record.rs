//! Nodes and relationships as they travel: labels, ends, every property, and what
//! a table row keeps beside them.

use super::json;
use super::packed;
use super::{Map, Packed, Text, Value};
use std::borrow::Cow;

/// Which of the two kinds of record.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A node: a memory, or a node with other labels.
    Node,
    /// A relationship between two nodes.
    Relationship,
}

impl Kind {
    /// Both kinds, in the order they are moved: ends before what joins them.
    pub const BOTH: [Kind; 2] = [Kind::Node, Kind::Relationship];
}

/// What tells a record from the others of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The id the store keeps, in its own type (text; NULL and bytes also occur in SQLite).
    Id(Value),
    /// The store keeps no id: the first 16 bytes of BLAKE3 over the record's content
    /// and its ordinal among equals. Shown as `~` and 32 hexadecimal digits.
    Derived([u8; 16]),
}

impl Key {
    /// A key that is text.
    pub fn text(s: impl Into<Text>) -> Self {
        Self::Id(Value::Text(s.into()))
    }

    /// For display; not unique among ids of different types.
    pub fn display(&self) -> String {
        match self {
            Self::Id(Value::Text(t)) => t.to_lossy().into_owned(),
            Self::Id(Value::Bytes(b)) => format!("x'{}'", hex(b)),
            Self::Id(v) => json::to_string(v),
            Self::Derived(d) => format!("~{}", hex(d)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The properties of a record.
#[derive(Clone, Debug)]
pub enum Properties {
    /// The cell of a store that keeps properties as JSON text, byte for byte:
    /// `Text` nearly always; `Null`, `Bytes`, `Int`, `Float` where somebody wrote that.
    Stored(Value),
    /// Values of a store that has types of its own.
    Typed(Map),
    /// The same in one piece of memory, from a store that is read in great numbers.
    Packed(Packed),
}

impl Properties {
    /// The parsed properties; `None` if what is stored is not a JSON object.
    pub fn map(&self) -> Option<Cow<'_, Map>> {
        match self {
            Self::Typed(map) => Some(Cow::Borrowed(map)),
            Self::Packed(packed) => Some(Cow::Owned(packed.to_map())),
            Self::Stored(Value::Text(t)) => match json::parse(t.as_bytes()) {
                Ok(Value::Map(map)) => Some(Cow::Owned(map)),
                _ => None,
            },
            Self::Stored(_) => None,
        }
    }

    /// The same to be asked by name, which takes nothing apart that need not be.
    pub fn parsed(&self) -> Option<Parsed<'_>> {
        match self {
            Self::Packed(packed) => {
                let mut members = Vec::with_capacity(USUAL);
                members.extend(packed.members());
                Some(Parsed::Members(members))
            }
            other => other.map().map(Parsed::Map),
        }
    }

    /// Whether they are values of their own types, not text that a store keeps.
    pub fn is_typed(&self) -> bool {
        matches!(self, Self::Typed(_) | Self::Packed(_))
    }

    /// Bytes they would take as text, roughly; what limits count.
    pub fn size(&self) -> usize {
        self.sizes().0
    }

    /// The same, and the bytes they take in memory beside themselves, roughly.
    fn sizes(&self) -> (usize, usize) {
        fn add(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
            (a.0 + b.0, a.1 + b.1)
        }
        fn of(value: &Value) -> (usize, usize) {
            match value {
                Value::Text(t) => (t.len() + 8, t.held()),
                Value::Bytes(b) => (b.len() + 8, b.len() + ALLOCATED),
                Value::BigInt(d) => (d.len() + 8, d.len() + ALLOCATED),
                Value::List(l) => {
                    (l.iter().map(of)).fold((8, l.len() * size_of::<Value>() + ALLOCATED), add)
                }
                Value::Map(m) => of_map(m),
                _ => (8, 0),
            }
        }
        fn of_map(map: &Map) -> (usize, usize) {
            let begun = (8, map.len() * size_of::<(Text, Value)>() + ALLOCATED);
            let pairs = map.iter().map(|(k, v)| add((k.len(), k.held()), of(v)));
            pairs.fold(begun, add)
        }
        match self {
            Self::Stored(v) => of(v),
            Self::Typed(m) => of_map(m),
            Self::Packed(p) => (p.bytes().len() + 8, p.bytes().len() + ALLOCATED),
        }
    }
}

/// As many members as most records have, or fewer.
const USUAL: usize = 24;

/// Properties that are parsed.
#[derive(Clone, Debug)]
pub enum Parsed<'a> {
    /// By values.
    Map(Cow<'a, Map>),
    /// The members of what is in one piece.
    Members(Vec<packed::Member<'a>>),
}

impl Parsed<'_> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        match self {
            Self::Map(map) => map.get(key).map(Cow::Borrowed),
            Self::Members(members) => {
                let member = members.iter().find(|(name, _)| *name == key.as_bytes());
                packed::value_of(member?.1).map(Cow::Owned)
            }
        }
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        match self {
            Self::Map(map) => map.get(key).is_some(),
            Self::Members(members) => members.iter().any(|(name, _)| *name == key.as_bytes()),
        }
    }
}

/// Bytes that an allocation takes beside its content.
pub(super) const ALLOCATED: usize = 16;

/// What a table row keeps beside the properties. `None`: the store has no such
/// column; `Some(Null)`: it has, and it is NULL.
///
/// `valid_from` to `invalidated_by` are values of the relationship and win over a
/// property of the same name; `created_at` and `updated_at` are the row's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// When the row was made.
    pub created_at: Option<Value>,
    /// When the row was last written (nodes).
    pub updated_at: Option<Value>,
    /// Start of validity (relationships).
    pub valid_from: Option<Value>,
    /// End of validity (relationships).
    pub valid_until: Option<Value>,
    /// When the fact was recorded (relationships).
    pub recorded_at: Option<Value>,
    /// Id of the relationship that replaced it (relationships).
    pub invalidated_by: Option<Value>,
    /// The label or type column where it is something other than text; the record's
    /// label or type is then the display of it.
    pub label: Option<Value>,
}

impl Row {
    /// The temporal columns of a relationship with their names, as properties have them.
    pub fn temporal(&self) -> [(&'static str, &Option<Value>); 4] {
        [
            ("invalidated_by", &self.invalidated_by),
            ("recorded_at", &self.recorded_at),
            ("valid_from", &self.valid_from),
            ("valid_until", &self.valid_until),
        ]
    }
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id.
    pub key: Key,
    /// Its labels, in the store's order; compared as a set.
    pub labels: Vec<Text>,
    /// Everything it holds.
    pub properties: Properties,
    /// What its table row keeps beside.
    pub row: Row,
}

/// A relationship.
#[derive(Clone, Debug)]
pub struct Relationship {
    /// Its id.
    pub key: Key,
    /// Key of the node it starts at, which need not exist.
    pub from: Key,
    /// Key of the node it ends at, which need not exist.
    pub to: Key,
    /// Its type.
    pub rel_type: Text,
    /// Everything it holds.
    pub properties: Properties,
    /// What its table row keeps beside.
    pub row: Row,
}

/// A record of either kind.
#[derive(Clone, Debug)]
pub enum Record {
    /// A node.
    Node(Node),
    /// A relationship.
    Relationship(Relationship),
}

impl Record {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Node(_) => Kind::Node,
            Self::Relationship(_) => Kind::Relationship,
        }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        match self {
            Self::Node(n) => &n.key,
            Self::Relationship(r) => &r.key,
        }
    }

    /// Its properties.
    pub fn properties(&self) -> &Properties {
        match self {
            Self::Node(n) => &n.properties,
            Self::Relationship(r) => &r.properties,
        }
    }

    /// The same with properties that were parsed meanwhile, if they were.
    pub fn packed(mut self, packed: Option<Packed>) -> Self {
        if let Some(packed) = packed {
            match &mut self {
                Self::Node(n) => n.properties = Properties::Packed(packed),
                Self::Relationship(r) => r.properties = Properties::Packed(packed),
            }
        }
        self
    }

    /// What its row keeps beside.
    pub fn row(&self) -> &Row {
        match self {
            Self::Node(n) => &n.row,
            Self::Relationship(r) => &r.row,
        }
    }

    /// Whether both are carried alike to the last byte. Then they are equal; records that
    /// are not may be equal all the same, as their digests tell.
    pub fn is_identical(&self, other: &Record) -> bool {
        let alike = |a: &Properties, b: &Properties| match (a, b) {
            (Properties::Stored(a), Properties::Stored(b)) => a == b,
            (Properties::Stored(_), _) | (_, Properties::Stored(_)) => false,
            (Properties::Packed(a), Properties::Packed(b)) if a.bytes() == b.bytes() => true,
            (a, b) => a.map() == b.map(),
        };
        match (self, other) {
            (Record::Node(a), Record::Node(b)) => {
                (&a.key, &a.labels, &a.row) == (&b.key, &b.labels, &b.row)
                    && alike(&a.properties, &b.properties)
            }
            (Record::Relationship(a), Record::Relationship(b)) => {
                (&a.key, &a.from, &a.to) == (&b.key, &b.from, &b.to)
                    && (&a.rel_type, &a.row) == (&b.rel_type, &b.row)
                    && alike(&a.properties, &b.properties)
            }
            _ => false,
        }
    }

    /// Bytes it would take as text, roughly; what limits count.
    pub fn size(&self) -> usize {
        self.properties().size() + 200
    }

    /// Bytes it takes in memory, roughly, and no fewer than [`Record::size`]: what pages
    /// and batches count. Values of their own types take more than their text.
    pub fn footprint(&self) -> usize {
        let (text, held) = self.properties().sizes();
        200 + text.max(size_of::<Self>() + held)
    }
}
