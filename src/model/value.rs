//! A value in its own type. `1`, `1.0`, `true` and `"1"` are four values.

use super::Text;

/// One value of a property or a column.
///
/// `PartialEq` compares floats by bits, so `NaN == NaN` and `-0.0 != 0.0`, and
/// maps without regard to the order of their keys: the same equality that the
/// canonical bytes have.
#[derive(Clone, Debug)]
pub enum Value {
    /// A stored null; not the same as an absent property.
    Null,
    /// true or false.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer beyond 64 bits: decimal digits, `-` in front if negative, no leading zero.
    BigInt(Box<str>),
    /// A double, kept by its bits.
    Float(f64),
    /// Text.
    Text(Text),
    /// Bytes that are not text.
    Bytes(Vec<u8>),
    /// A list, in order; its elements may be of any type.
    List(Vec<Value>),
    /// A nested map.
    Map(Map),
}

/// Named values in the order they were met. A key appears once.
#[derive(Clone, Debug, Default)]
pub struct Map(Vec<(Text, Value)>);

impl Value {
    /// An integer from its decimal digits, in the smallest type that holds it.
    /// Takes what JSON calls an integer: an optional `-`, then digits.
    pub fn integer(digits: &str) -> Self {
        match digits.parse::<i64>() {
            Ok(i) => Self::Int(i),
            Err(_) => Self::BigInt(digits.into()),
        }
    }

    /// Text from a string.
    pub fn text(s: impl Into<Text>) -> Self {
        Self::Text(s.into())
    }

    /// The text, if it is one and valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(t) => t.as_str(),
            _ => None,
        }
    }

    /// The field's word for this value's type, as shown to people.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::BigInt(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::BigInt(a), Self::BigInt(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(k, v)| other.get_bytes(k.as_bytes()) == Some(v))
    }
}

impl Eq for Map {}

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.get_bytes(key.as_bytes())
    }

    /// The value of a key given as bytes.
    pub fn get_bytes(&self, key: &[u8]) -> Option<&Value> {
        self.0
            .iter()
            .find(|(k, _)| k.as_bytes() == key)
            .map(|(_, v)| v)
    }

    /// Sets a key: in place if it is there, else at the end. Looks through all keys.
    pub fn insert(&mut self, key: impl Into<Text>, value: Value) -> Option<Value> {
        let key = key.into();
        for (k, v) in &mut self.0 {
            if *k == key {
                return Some(std::mem::replace(v, value));
            }
        }
        self.0.push((key, value));
        None
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(at).1)
    }

    /// The keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter().map(|(k, v)| (k, v))
    }

    /// From pairs in order, of which the caller knows that no key stands twice.
    pub(crate) fn from_distinct(pairs: Vec<(Text, Value)>) -> Self {
        Self(pairs)
    }

    /// From pairs in order; the last of equal keys wins and takes the first's place,
    /// as in Python. Sorting, so that a map of a million keys stays cheap.
    pub fn from_pairs(pairs: Vec<(Text, Value)>) -> Self {
        if pairs.len() <= FEW && are_distinct(&pairs) {
            return Self(pairs);
        }
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|&a, &b| pairs[a].0.cmp(&pairs[b].0).then(a.cmp(&b)));
        if order.windows(2).all(|w| pairs[w[0]].0 != pairs[w[1]].0) {
            return Self(pairs);
        }
        let mut place: Vec<Option<usize>> = vec![None; pairs.len()];
        let mut first = 0;
        for (i, &at) in order.iter().enumerate() {
            if i == 0 || pairs[order[i - 1]].0 != pairs[at].0 {
                first = at;
            }
            place[first] = Some(at);
        }
        let mut slots: Vec<Option<(Text, Value)>> = pairs.into_iter().map(Some).collect();
        Self(
            place
                .into_iter()
                .flatten()
                .filter_map(|at| slots[at].take())
                .collect(),
        )
    }
}

/// Keys that are told apart without sorting.
const FEW: usize = 48;

/// Whether no key stands twice: each is compared with those before it only where its
/// length and ends do not tell it from all of them.
fn are_distinct(pairs: &[(Text, Value)]) -> bool {
    let mut seen = 0u64;
    for (at, (key, _)) in pairs.iter().enumerate() {
        let bytes = key.as_bytes();
        let ends = match bytes {
            [first, .., last] => usize::from(*first) * 7 + usize::from(*last) * 13,
            _ => 0,
        };
        let mark = 1 << ((bytes.len() * 31 + ends) % 64);
        if seen & mark != 0 && pairs[..at].iter().any(|(k, _)| k == key) {
            return false;
        }
        seen |= mark;
    }
    true
}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
