//! The writer. What it writes, [`super::parse`] reads back equal, but for bytes,
//! which JSON has no form for (callers encode those first), and text that is
//! neither UTF-8 nor WTF-8.

use super::plain::{self, Stop};
use crate::model::{Map, Text, Value};
use std::io::Write as _;

/// How the text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Only ASCII: everything else as escapes of four hexadecimal digits.
    pub ascii: bool,
    /// `", "` and `": "` as Python separates, else `","` and `":"`.
    pub spaced: bool,
}

impl Style {
    /// As `json.dumps` of Python writes, and so memorygraph.
    pub const PYTHON: Style = Style {
        ascii: true,
        spaced: true,
    };
    /// Shortest, raw UTF-8.
    pub const COMPACT: Style = Style {
        ascii: false,
        spaced: false,
    };
}

/// A value as a string in Python's style.
pub fn to_string(value: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value, Style::PYTHON);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends a value. Bytes are written as text of hexadecimal digits.
pub fn write_value(out: &mut Vec<u8>, value: &Value, style: Style) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Float(f) => write_float(out, *f),
        Value::Text(text) => {
            write_text(out, text.as_bytes(), style);
        }
        Value::Bytes(bytes) => {
            out.push(b'"');
            for b in bytes {
                let _ = write!(out, "{b:02x}");
            }
            out.push(b'"');
        }
        Value::List(list) => {
            out.push(b'[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    separate(out, b',', style);
                }
                write_value(out, item, style);
            }
            out.push(b']');
        }
        Value::Map(map) => write_map(out, map, style),
    }
}

fn write_map(out: &mut Vec<u8>, map: &Map, style: Style) {
    out.push(b'{');
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            separate(out, b',', style);
        }
        write_text(out, key.as_bytes(), style);
        separate(out, b':', style);
        write_value(out, value, style);
    }
    out.push(b'}');
}

fn separate(out: &mut Vec<u8>, mark: u8, style: Style) {
    out.push(mark);
    if style.spaced {
        out.push(b' ');
    }
}

/// As `repr` of Python: shortest digits that read back to the same bits.
fn write_float(out: &mut Vec<u8>, f: f64) {
    if f.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if f.is_infinite() {
        let word: &[u8] = if f > 0.0 { b"Infinity" } else { b"-Infinity" };
        return out.extend_from_slice(word);
    }
    if f == 0.0 || (1e-4..1e16).contains(&f.abs()) {
        let _ = write!(out, "{f:?}");
        return;
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "{digits}e{sign}{:02}", exponent.abs());
}

/// Appends a string in quotes. Lone surrogates (WTF-8) are written as their escape
/// in every style; other undecodable bytes become U+FFFD. Tells whether there were none
/// of either.
pub fn write_text(out: &mut Vec<u8>, bytes: &[u8], style: Style) -> bool {
    if !style.ascii
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        write_str(out, text);
        return true;
    }
    out.push(b'"');
    let whole = write_by_char(out, bytes, style);
    out.push(b'"');
    whole
}

/// Appends a string in quotes, in the style [`Style::COMPACT`].
pub fn write_str(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut from = plain::copy(out, bytes, 0, Stop::Special);
    while let Some(special) = bytes.get(from) {
        write_escape(out, char::from(*special));
        from = plain::copy(out, bytes, from + 1, Stop::Special);
    }
    out.push(b'"');
}

/// Takes what is not ASCII character by character.
fn write_by_char(out: &mut Vec<u8>, bytes: &[u8], style: Style) -> bool {
    let (mut from, mut whole) = (0, true);
    loop {
        from = plain::copy(out, bytes, from, Stop::Foreign);
        // No character is longer than four bytes.
        let next = &bytes[from..bytes.len().min(from + 4)];
        let Some(chunk) = next.utf8_chunks().next() else {
            return whole;
        };
        whole &= !chunk.valid().is_empty();
        from += match (chunk.valid().chars().next(), next) {
            (Some(c), _) => {
                match style.ascii || c.is_ascii() {
                    true => write_escape(out, c),
                    false => out.extend_from_slice(&next[..c.len_utf8()]),
                }
                c.len_utf8()
            }
            (None, [0xED, b @ 0xA0..=0xBF, c @ 0x80..=0xBF, ..]) => {
                write_unit(out, 0xD000 | u16::from(b & 0x3F) << 6 | u16::from(c & 0x3F));
                3
            }
            (None, _) => {
                match style.ascii {
                    true => write_unit(out, 0xFFFD),
                    false => out.extend_from_slice("\u{FFFD}".as_bytes()),
                }
                1
            }
        };
    }
}

/// Appends a character as its escape.
fn write_escape(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write_unit(out, *unit);
            }
        }
    }
}

/// Appends a unit of UTF-16 as its escape.
fn write_unit(out: &mut Vec<u8>, unit: u16) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| HEX[usize::from(unit >> shift & 15)];
    let escape = [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)];
    out.extend_from_slice(&escape);
}

/// Whether bytes are UTF-8 but for lone surrogates, so that an escape can carry them.
impl Text {
    /// Whether JSON can carry this text: UTF-8, but for lone surrogates. A pair of
    /// surrogates in WTF-8 is not such a text: its escapes read as one character.
    pub fn fits_json(&self) -> bool {
        let mut rest = self.as_bytes();
        if rest.is_ascii() {
            return true;
        }
        let mut after_high = false;
        while let Err(broken) = std::str::from_utf8(rest) {
            let (valid, bad) = rest.split_at(broken.valid_up_to());
            let [0xED, b @ 0xA0..=0xBF, 0x80..=0xBF, tail @ ..] = bad else {
                return false;
            };
            let high = *b < 0xB0;
            if !high && after_high && valid.is_empty() {
                return false;
            }
            after_high = high;
            rest = tail;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::parse;

    fn round(text: &str) -> String {
        to_string(&parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn writes_numbers_as_python_does() {
        for same in [
            "1.0",
            "1",
            "-0.0",
            "0.1",
            "1e+16",
            "1e-05",
            "0.0001",
            "1.5e-07",
            "123456789012345.6",
            "1e+22",
            "5e-324",
            "1.7976931348623157e+308",
            "NaN",
            "Infinity",
            "-Infinity",
            "1180591620717411303424",
            "-9223372036854775809",
            "0",
        ] {
            assert_eq!(round(same), same);
        }
        assert_eq!(round("-0"), "0");
        assert_eq!(round("1E400"), "Infinity");
    }

    #[test]
    fn escapes_as_python_does() {
        let text = "\"T \\u00e9\\ud83d\\ude00 \\\\ \\n\\u001b\\u0000 \\ud83d x\u{7f}\"";
        assert_eq!(round(text), text);
        assert_eq!(round("\"\\/\\b\\f\""), "\"/\\b\\f\"");
    }

    #[test]
    fn what_is_no_character_is_replaced() {
        let bytes = b"\xffa\xed\xa0\x80\"\xc3\xa9\x7f\xf0\x9f\x98";
        let written = |style| {
            let mut out = Vec::new();
            write_text(&mut out, bytes, style);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(Style::PYTHON),
            "\"\\ufffda\\ud800\\\"\\u00e9\u{7f}\\ufffd\\ufffd\\ufffd\""
        );
        assert_eq!(
            written(Style::COMPACT),
            "\"\u{fffd}a\\ud800\\\"\u{e9}\u{7f}\u{fffd}\u{fffd}\u{fffd}\""
        );
    }

    #[test]
    fn refuses_what_python_refuses() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "01",
            "1.",
            ".5",
            "+1",
            "\"\n\"",
            "nul",
            "{} {}",
            "'a'",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\u{feff}{}",
            "-",
            "1e",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(parse(&b"[".repeat(100_000)).is_err());
    }

    #[test]
    fn the_last_of_equal_keys_wins() {
        assert_eq!(round(r#"{"a": 1, "b": 2, "a": 3}"#), r#"{"a": 3, "b": 2}"#);
    }
}
