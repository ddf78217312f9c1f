//! Text as stores really hold it: nearly always UTF-8, sometimes with lone
//! surrogates (from JSON escapes, kept as WTF-8) or plainly broken bytes.
//! Compared byte for byte; never normalised. Short ones, which most names and many
//! values are, take no memory of their own.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Bytes of the longest text that is kept in place: as many as make it no larger than a
/// vector.
const SHORT: usize = 22;

/// A piece of text, byte for byte.
#[derive(Clone)]
pub struct Text(Bytes);

#[derive(Clone)]
enum Bytes {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl Text {
    /// Takes bytes as they are.
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Into<Vec<u8>>) -> Self {
        let own = bytes.as_ref();
        if own.len() > SHORT {
            return Self(Bytes::Long(bytes.into().into_boxed_slice()));
        }
        let mut short = [0; SHORT];
        short[..own.len()].copy_from_slice(own);
        Self(Bytes::Short {
            length: own.len() as u8,
            bytes: short,
        })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short { length, bytes } => &bytes[..usize::from(*length)],
            Bytes::Long(bytes) => bytes,
        }
    }

    /// The bytes, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            Bytes::Short { length, bytes } => bytes[..usize::from(length)].to_vec(),
            Bytes::Long(bytes) => bytes.into_vec(),
        }
    }

    /// As a string slice, if it is valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// For display: each undecodable byte becomes U+FFFD. Not for comparing.
    pub fn to_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Bytes it takes in memory beside itself, roughly.
    pub(super) fn held(&self) -> usize {
        match &self.0 {
            Bytes::Short { .. } => 0,
            Bytes::Long(bytes) => bytes.len() + super::record::ALLOCATED,
        }
    }

    /// Whether it is the empty text.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from_bytes([])
    }
}

impl From<&str> for Text {
    fn from(s: &str) -> Self {
        Self::from_bytes(s.as_bytes())
    }
}

impl From<String> for Text {
    fn from(s: String) -> Self {
        Self::from_bytes(s.into_bytes())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(s) => fmt::Debug::fmt(s, f),
            None => write!(f, "wtf8{:?}", self.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_are_alike() {
        let mut texts = Vec::new();
        for n in [0, 1, SHORT - 1, SHORT, SHORT + 1, 1_000] {
            let bytes = vec![b'x'; n];
            let text = Text::from_bytes(bytes.clone());
            assert_eq!((text.len(), text.is_empty()), (n, n == 0));
            assert_eq!(text.as_bytes(), bytes);
            assert_eq!(text, Text::from_bytes(bytes.as_slice()));
            assert_eq!(text.clone().into_bytes(), bytes);
            texts.push(text);
        }
        assert!(texts.is_sorted());
        assert_eq!(size_of::<Text>(), size_of::<Vec<u8>>());
    }
}
