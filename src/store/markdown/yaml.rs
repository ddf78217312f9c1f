//! Front matter: values as YAML that any parser reads as just that value. Text stands
//! plain where that is beyond doubt, as memorygraph writes it, else in double quotes
//! with everything escaped that could end the line or act on a terminal.

use crate::model::{Map, Text, Value, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt::Write as _;

/// Appends `key: value` and a line feed.
pub(super) fn line(out: &mut String, key: &str, value: &Value) {
    text(out, key, false);
    out.push_str(": ");
    write(out, value, false);
    out.push('\n');
}

/// Appends `key: value` for a time, plain as memorygraph writes it.
pub(super) fn time_line(out: &mut String, key: &str, value: &Value) {
    let is_time = |s: &&str| {
        let mark =
            |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b':' | b'.' | b'T' | b'Z');
        s.len() >= 19 && s.bytes().all(mark) && crate::model::time::Instant::parse(s).is_some()
    };
    match value.as_str().filter(is_time) {
        Some(time) => {
            let _ = writeln!(out, "{key}: {time}");
        }
        None => line(out, key, value),
    }
}

fn write(out: &mut String, value: &Value, in_flow: bool) {
    match value {
        Value::Float(f) if f.is_nan() => out.push_str(".nan"),
        Value::Float(f) if f.is_infinite() => {
            out.push_str(if *f > 0.0 { ".inf" } else { "-.inf" });
        }
        // YAML 1.1 takes `5e-07` for text.
        Value::Float(_) => {
            let digits = json::to_string(value);
            match digits.split_once('e') {
                Some((mantissa, e)) if !mantissa.contains('.') => {
                    let _ = write!(out, "{mantissa}.0e{e}");
                }
                _ => out.push_str(&digits),
            }
        }
        Value::Text(t) => text(out, &t.to_lossy(), in_flow),
        Value::Bytes(bytes) => {
            let _ = write!(out, "!!binary \"{}\"", BASE64.encode(bytes));
        }
        Value::List(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write(out, item, true);
            }
            out.push(']');
        }
        Value::Map(map) => write_map(out, map),
        plain => out.push_str(&json::to_string(plain)),
    }
}

fn write_map(out: &mut String, map: &Map) {
    out.push('{');
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        let key: &Text = key;
        quoted(out, &key.to_lossy());
        out.push_str(": ");
        write(out, value, true);
    }
    out.push('}');
}

fn text(out: &mut String, text: &str, in_flow: bool) {
    match is_plain(text, in_flow) {
        true => out.push_str(text),
        false => quoted(out, text),
    }
}

/// Whether YAML 1.1 and 1.2 both read this, unquoted, as this very text.
fn is_plain(text: &str, in_flow: bool) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let inside = |c: char| {
        c.is_alphanumeric() || " _-./()+@%=;'!?$*&^~".contains(c) || (c == ',' && !in_flow)
    };
    (first.is_alphanumeric() || matches!(first, '_' | '/' | '('))
        && text.chars().all(inside)
        && !text.ends_with(' ')
        && !is_word(text)
        && !is_number(text)
}

/// Words that some version of YAML takes for true, false or null.
fn is_word(text: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether some version of YAML may take this for a number or a date.
fn is_number(text: &str) -> bool {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let lower = digits.to_ascii_lowercase();
    let based = ["0x", "0o", "0b"].iter().any(|p| lower.starts_with(p));
    let date = digits.as_bytes().get(4) == Some(&b'-')
        && digits.bytes().take(4).all(|b| b.is_ascii_digit());
    based || date || digits.parse::<f64>().is_ok() || lower.chars().all(|c| c.is_ascii_digit())
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if acts(c) || is_break(c) => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xFF => write!(out, "\\x{code:02x}"),
                    0x100..=0xFFFF => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Characters that end a line, or that YAML does not allow as they are.
fn is_break(c: char) -> bool {
    let code = u32::from(c);
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') || code & 0xFFFE == 0xFFFE
}

/// Characters that act on a terminal or turn the order of what follows, rather than
/// show something. The line feed and the tab aside.
pub(super) fn acts(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: Value) -> String {
        let mut out = String::new();
        write(&mut out, &value, false);
        out
    }

    #[test]
    fn plain_only_where_beyond_doubt() {
        for plain in [
            "Use Redis",
            "solution",
            "7172318b-c794-4e35-8205-0aaf5926a384",
            "/home/dev/x",
            "你好 世界",
            "a, b",
            "it's",
        ] {
            assert_eq!(one(Value::text(plain)), plain);
        }
        for quoted in [
            "",
            " a",
            "a ",
            "- a",
            "a: b",
            "a:",
            "a #b",
            "true",
            "No",
            "null",
            "007",
            "1e5",
            "0x1F",
            "1_000",
            "2024-03-01",
            "2024-03-01T12:00:00",
            "12:30",
            "nan",
            "inf",
            "[a]",
            "{a}",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a`",
            "\"a\"",
            "'a'",
            "a\\b",
            "---",
            "...",
            "? a",
            "> a",
            "| a",
            "~",
        ] {
            assert!(one(Value::text(quoted)).starts_with('"'), "{quoted}");
        }
    }

    #[test]
    fn nothing_ends_the_line_or_acts() {
        let text = "a\nb\r\u{85}\u{2028}\u{1b}[31m\0\u{202e}\u{feff}\u{ffff}\u{9b}é😀\"\\";
        assert_eq!(
            one(Value::text(text)),
            r#""a\nb\r\x85\u2028\x1b[31m\x00\u202e\ufeff\uffff\x9bé😀\"\\""#
        );
    }

    #[test]
    fn every_type_has_its_own_form() {
        let map = json::parse(
            br#"{"a": [1, 1.0, true, null, "1", "a, b", {"k: ": []}], "b": 36893488147419103232}"#,
        );
        assert_eq!(
            one(map.unwrap()),
            r#"{"a": [1, 1.0, true, null, "1", "a, b", {"k: ": []}], "b": 36893488147419103232}"#
        );
        assert_eq!(one(Value::Float(f64::NEG_INFINITY)), "-.inf");
        assert_eq!(one(Value::Float(5e-7)), "5.0e-07");
        assert_eq!(one(Value::Float(-1.5e300)), "-1.5e+300");
        assert_eq!(one(Value::Bytes(vec![0, 255])), "!!binary \"AP8=\"");
        let mut out = String::new();
        time_line(
            &mut out,
            "created_at",
            &Value::text("2024-03-01T12:00:00+00:00"),
        );
        time_line(
            &mut out,
            "created_at",
            &Value::text("2024-03-01T12:00:00\nid: x"),
        );
        time_line(&mut out, "created_at", &Value::Int(5));
        line(&mut out, "a: b", &Value::Null);
        assert_eq!(
            out,
            "created_at: 2024-03-01T12:00:00+00:00\ncreated_at: \"2024-03-01T12:00:00\\nid: x\"\ncreated_at: 5\n\"a: b\": null\n"
        );
    }
}
