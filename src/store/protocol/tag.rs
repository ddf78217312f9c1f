//! Values of any type as JSON that programs with doubles and UTF-8 read alike.
//!
//! A value JSON cannot carry safely is an object with one key, its tag: `$float`
//! (NaN by its bits, infinities), `$int` (beyond 2^53), `$bytes` and `$text` (base64;
//! text that is not UTF-8), `$json` (base64 of such JSON: what is nested deeper than
//! readers go). A real key that starts with `$` gets one more; one that is not UTF-8
//! becomes `$key:` and base64. Different values have different forms.

use crate::model::json::{self, MAX_DEPTH, MAX_EXACT, Style};
use crate::model::packed::{self, Packed, Seen};
use crate::model::{Map, Text, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::io::Write as _;

/// Levels of nesting that are written plainly before the rest goes into `$json`.
const LEVELS: usize = 100;

/// Why a value cannot be written or read.
pub(crate) type Problem = &'static str;

const TOO_DEEP: Problem = "nested too deep";

/// Appends a value.
pub(crate) fn write(out: &mut Vec<u8>, value: &Value) -> Result<(), Problem> {
    write_at(out, value, 0)
}

/// Appends a map.
pub(crate) fn write_map(out: &mut Vec<u8>, map: &Map) -> Result<(), Problem> {
    write_map_at(out, map, 0)
}

/// Appends properties that are packed, as those of a map.
pub(crate) fn write_packed(out: &mut Vec<u8>, packed: &Packed) -> Result<(), Problem> {
    out.push(b'{');
    for (i, (key, value)) in packed.members().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_key(out, key);
        match packed::see(value) {
            Seen::Text(text) => write_bytes(out, text),
            Seen::Int(digits) => out.extend_from_slice(digits),
            Seen::Float(f) => write_at(out, &Value::Float(f), 1)?,
            Seen::Other(value) => write_at(out, &value, 1)?,
        }
    }
    out.push(b'}');
    Ok(())
}

/// Appends text.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &Text) {
    write_bytes(out, text.as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, text: &[u8]) {
    match std::str::from_utf8(text) {
        Ok(s) => json::write_str(out, s),
        Err(_) => write_tag(out, "$text", &BASE64.encode(text)),
    }
}

/// Appends a tag with its text, which needs no escapes.
pub(crate) fn write_tag(out: &mut Vec<u8>, tag: &str, text: &str) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(tag.as_bytes());
    out.extend_from_slice(b"\":\"");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\"}");
}

fn write_at(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), Problem> {
    match value {
        Value::Int(i) if i.unsigned_abs() > MAX_EXACT => write_tag(out, "$int", &i.to_string()),
        Value::BigInt(digits) => write_tag(out, "$int", digits),
        Value::Float(f) if f.is_nan() && f.to_bits() != f64::NAN.to_bits() => {
            write_tag(out, "$float", &format!("NaN:{:016x}", f.to_bits()));
        }
        Value::Float(f) if !f.is_finite() => write_tag(out, "$float", &json::to_string(value)),
        Value::Text(text) => write_text(out, text),
        Value::Bytes(bytes) => write_tag(out, "$bytes", &BASE64.encode(bytes)),
        Value::List(_) | Value::Map(_) if depth > 0 && depth.is_multiple_of(LEVELS) => {
            if depth >= MAX_DEPTH {
                return Err(TOO_DEEP);
            }
            let mut inner = Vec::new();
            write_container(&mut inner, value, depth)?;
            write_tag(out, "$json", &BASE64.encode(inner));
        }
        Value::List(_) | Value::Map(_) => write_container(out, value, depth)?,
        plain => json::write_value(out, plain, Style::COMPACT),
    }
    Ok(())
}

fn write_container(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), Problem> {
    match value {
        Value::Map(map) => write_map_at(out, map, depth),
        Value::List(list) => {
            out.push(b'[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_at(out, item, depth + 1)?;
            }
            out.push(b']');
            Ok(())
        }
        _ => Ok(()),
    }
}

fn write_map_at(out: &mut Vec<u8>, map: &Map, depth: usize) -> Result<(), Problem> {
    out.push(b'{');
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_key(out, key.as_bytes());
        write_at(out, value, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_key(out: &mut Vec<u8>, key: &[u8]) {
    match std::str::from_utf8(key) {
        Err(_) => {
            let _ = write!(out, "\"$key:{}\"", BASE64.encode(key));
        }
        Ok(s) if s.starts_with('$') => {
            json::write_text(out, format!("${s}").as_bytes(), Style::COMPACT);
        }
        Ok(s) => json::write_str(out, s),
    }
    out.push(b':');
}

/// Reads a value that stands alone in `text`.
pub(crate) fn read(text: &[u8]) -> Result<Value, Problem> {
    read_at(text, 0)
}

fn read_at(text: &[u8], depth: usize) -> Result<Value, Problem> {
    let value = json::parse(text).map_err(|p| p.what)?;
    match memchr::memmem::find(text, b"\"$").is_some() {
        true => untag_at(value, depth),
        false => Ok(value),
    }
}

/// Undoes the tags of a value that was parsed with everything around it.
pub(crate) fn untag(value: Value) -> Result<Value, Problem> {
    untag_at(value, 0)
}

fn untag_at(value: Value, depth: usize) -> Result<Value, Problem> {
    if depth > MAX_DEPTH {
        return Err(TOO_DEEP);
    }
    Ok(match value {
        Value::List(list) => {
            let items = list.into_iter().map(|item| untag_at(item, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Value::Map(map) => match tagged(&map) {
            Some((tag, text)) => untagged(tag, text, depth)?,
            None => {
                let pairs = map
                    .into_iter()
                    .map(|(key, value)| Ok((untag_key(key)?, untag_at(value, depth + 1)?)));
                Value::Map(Map::from_pairs(pairs.collect::<Result<_, Problem>>()?))
            }
        },
        plain => plain,
    })
}

/// The tag and its text, if this is the form of a tagged value.
pub(crate) fn tagged(map: &Map) -> Option<(&str, &str)> {
    let (key, value) = map.iter().next().filter(|_| map.len() == 1)?;
    let tag = key.as_str()?.strip_prefix('$')?;
    let is_tag = !tag.starts_with('$') && !tag.starts_with("key:");
    Some((tag, value.as_str()?)).filter(|_| is_tag)
}

fn untagged(tag: &str, text: &str, depth: usize) -> Result<Value, Problem> {
    let bytes = || BASE64.decode(text).map_err(|_| "not base64");
    Ok(match tag {
        "int" => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err("not an integer");
            }
            Value::integer(text)
        }
        "float" => Value::Float(match text {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => {
                let bits = text
                    .strip_prefix("NaN:")
                    .map(|hex| u64::from_str_radix(hex, 16));
                f64::from_bits(bits.and_then(Result::ok).ok_or("not a float")?)
            }
        }),
        "bytes" => Value::Bytes(bytes()?),
        "text" => Value::Text(Text::from_bytes(bytes()?)),
        "json" => read_at(&bytes()?, depth)?,
        _ => return Err("an unknown tag"),
    })
}

fn untag_key(key: Text) -> Result<Text, Problem> {
    match key.as_bytes() {
        [b'$', b'$', ..] => Ok(Text::from_bytes(&key.as_bytes()[1..])),
        [b'$', b'k', b'e', b'y', b':', encoded @ ..] => {
            let bytes = BASE64.decode(encoded).map_err(|_| "not base64")?;
            Ok(Text::from_bytes(bytes))
        }
        [b'$', ..] => Err("an unknown tag"),
        _ => Ok(key),
    }
}
