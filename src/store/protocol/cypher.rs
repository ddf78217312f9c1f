//! Cypher as text: names between backticks, and values as the literals that a parameter
//! header takes. Nothing from a store gets into a query but through here.

use crate::model::{Map, Text, Value};
use std::io::Write as _;

/// Longest name of a label, type or property that is written, in bytes.
pub(crate) const LONGEST_NAME: usize = 512;

/// Whether a name can stand in a query. Between backticks anything can but the backtick,
/// for which there is no escape, and NUL, which ends the text.
pub(crate) fn name_fits(name: &Text) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= LONGEST_NAME
        && !bytes.contains(&b'`')
        && !bytes.contains(&0)
        && name.as_str().is_some()
}

/// A name that fits, for one that does not.
pub(crate) fn free_name(name: &Text) -> Text {
    let mut out = String::new();
    for c in name.to_lossy().chars() {
        if out.len() + c.len_utf8() > LONGEST_NAME / 2 {
            break;
        }
        out.push(if matches!(c, '`' | '\0') { '_' } else { c });
    }
    out.into()
}

/// Appends a name for which [`name_fits`] holds.
pub(crate) fn write_name(out: &mut Vec<u8>, name: &Text) {
    out.push(b'`');
    out.extend_from_slice(name.as_bytes());
    out.push(b'`');
}

/// Appends text as a literal: only the quote and the backslash are escaped, since that is
/// all that every server reads back.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Appends a double in its shortest exact form, which always shows that it is one.
pub(crate) fn write_float(out: &mut Vec<u8>, value: f64) {
    let text = format!("{value:?}");
    out.extend_from_slice(text.as_bytes());
    if !text.contains(['.', 'e', 'E']) {
        out.extend_from_slice(b".0");
    }
}

/// A value that a literal cannot say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Unsayable(pub(crate) &'static str);

/// Appends a value as a literal of a parameter header.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), Unsayable> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(i) => {
            // Writing to memory cannot fail.
            let _ = write!(out, "{i}");
        }
        Value::Float(f) if f.is_finite() => write_float(out, *f),
        Value::Float(_) => return Err(Unsayable("NaN or infinity")),
        Value::BigInt(_) => return Err(Unsayable("integer beyond 64 bits")),
        Value::Bytes(_) => return Err(Unsayable("bytes")),
        Value::Text(text) if text.as_bytes().contains(&0) => {
            return Err(Unsayable("NUL inside text"));
        }
        Value::Text(text) => write_text(out, text.as_bytes()),
        Value::List(list) => {
            out.push(b'[');
            for (at, item) in list.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(out, item)?;
            }
            out.push(b']');
        }
        Value::Map(map) => write_map(out, map)?,
    }
    Ok(())
}

/// Appends a map whose names fit (see [`name_fits`]).
pub(crate) fn write_map(out: &mut Vec<u8>, map: &Map) -> Result<(), Unsayable> {
    out.push(b'{');
    for (at, (name, value)) in map.iter().enumerate() {
        if !name_fits(name) {
            return Err(Unsayable("a property of that name"));
        }
        if at > 0 {
            out.push(b',');
        }
        write_name(out, name);
        out.push(b':');
        write_value(out, value)?;
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(value: &Value) -> Result<String, Unsayable> {
        let mut out = Vec::new();
        write_value(&mut out, value)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn literals_show_their_type() {
        let list = Value::List(vec![
            Value::Int(1),
            Value::Float(1.0),
            Value::Bool(true),
            Value::text("1"),
            Value::Null,
            Value::Float(-0.0),
            Value::Float(5e-324),
            Value::Float(1e22),
            Value::Int(i64::MIN),
        ]);
        let text = r#"[1,1.0,true,"1",null,-0.0,5e-324,1e22,-9223372036854775808]"#;
        assert_eq!(literal(&list).unwrap(), text);
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        for value in [
            Value::Float(f64::NAN),
            Value::integer("99999999999999999999"),
            Value::Bytes(vec![1]),
            Value::text("a\0b"),
            Value::Map(Map::from_pairs(vec![("a`b".into(), Value::Int(1))])),
        ] {
            assert!(literal(&Value::List(vec![value])).is_err());
        }
        for name in ["a`b", "a\0b", &"n".repeat(513)] {
            assert!(!name_fits(&name.into()), "{name}");
        }
        for name in ["", " ", "a\"b'c\\d\ne", "\u{1f600}", &"n".repeat(512)] {
            assert!(name_fits(&name.into()), "{name}");
        }
    }

    /// What the literal of a text says, as servers read it.
    fn read_back(literal: &[u8]) -> Vec<u8> {
        let inner = &literal[1..literal.len() - 1];
        let (mut out, mut escaped) = (Vec::new(), false);
        for &b in inner {
            match (escaped, b) {
                (false, b'\\') => escaped = true,
                (false, b'"') => panic!("ends early"),
                (_, b) => {
                    out.push(b);
                    escaped = false;
                }
            }
        }
        assert!(!escaped, "swallows the quote");
        out
    }

    proptest! {
        #[test]
        fn no_text_gets_out_of_its_literal(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut out = Vec::new();
            write_text(&mut out, &bytes);
            prop_assert_eq!(read_back(&out), bytes);
        }

        #[test]
        fn floats_are_exact(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = literal(&Value::Float(value)).unwrap();
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
            prop_assert!(text.contains(['.', 'e']));
        }
    }
}
