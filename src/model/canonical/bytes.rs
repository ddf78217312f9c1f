//! The canonical form of single values.

use crate::model::{Key, Text, Value};

/// Appends the canonical bytes of a key.
pub(super) fn write_key(out: &mut Vec<u8>, key: &Key) {
    match key {
        Key::Id(value) => write_value(out, value),
        Key::Derived(_) => write_bytes(out, b'S', key.display().as_bytes()),
    }
}

/// Appends a tag and bytes behind their length.
pub(in crate::model) fn write_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    write_length(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a tag and a length.
pub(in crate::model) fn write_length(out: &mut Vec<u8>, tag: u8, mut length: usize) {
    if length < 0x80 {
        return out.extend_from_slice(&[tag, length as u8]);
    }
    out.push(tag);
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// The bytes of the canonical form of a text.
pub(super) fn text_of(canonical: &[u8]) -> Option<&[u8]> {
    let [b'S', rest @ ..] = canonical else {
        return None;
    };
    let length = rest.iter().position(|b| b & 0x80 == 0)?;
    Some(&rest[length + 1..])
}

/// Appends the canonical bytes of a value.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(b'N'),
        Value::Bool(true) => out.push(b'T'),
        Value::Bool(false) => out.push(b'F'),
        Value::Int(i) => write_bytes(out, b'I', i.to_string().as_bytes()),
        Value::BigInt(digits) => write_bytes(out, b'I', digits.as_bytes()),
        Value::Float(f) => {
            out.push(b'D');
            out.extend_from_slice(&f.to_bits().to_be_bytes());
        }
        Value::Text(t) => write_bytes(out, b'S', t.as_bytes()),
        Value::Bytes(b) => write_bytes(out, b'B', b),
        Value::List(list) => {
            out.push(b'L');
            for item in list {
                write_value(out, item);
            }
            out.push(b'E');
        }
        Value::Map(map) => {
            let mut pairs: Vec<(&Text, &Value)> = map.iter().collect();
            pairs.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'M');
            for (key, value) in pairs {
                write_bytes(out, b'K', key.as_bytes());
                write_value(out, value);
            }
            out.push(b'E');
        }
    }
}
