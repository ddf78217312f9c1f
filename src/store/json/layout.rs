//! The file as memorygraph lays it out: two spaces a level, ASCII only. What is ours
//! stands on one line.

use super::extra::Extra;
use super::index::OURS;
use crate::model::json::{self, Style};
use crate::model::{Text, Value};
use crate::store::protocol::tag;
use std::io::Write as _;

/// Level of the keys of an element.
const LEVEL: usize = 3;

/// Appends an element: its keys each on a line, with what is ours behind them, or
/// only what is ours if there are none.
pub(super) fn object(
    out: &mut Vec<u8>,
    standard: Vec<(Text, Value)>,
    extra: Extra,
) -> Result<(), tag::Problem> {
    let mut ours = Vec::new();
    let any = extra.write(&mut ours)?;
    if standard.is_empty() {
        ascii(out, &ours);
        return Ok(());
    }
    out.push(b'{');
    for (i, (key, value)) in standard.iter().enumerate() {
        line(out, i > 0, LEVEL);
        json::write_text(out, key.as_bytes(), Style::PYTHON);
        out.extend_from_slice(b": ");
        pretty(out, value, LEVEL);
    }
    if any {
        line(out, true, LEVEL);
        let _ = write!(out, "\"{OURS}\": ");
        ascii(out, &ours);
    }
    line(out, false, LEVEL - 1);
    out.push(b'}');
    Ok(())
}

/// Ends a line, and indents the next.
pub(super) fn line(out: &mut Vec<u8>, comma: bool, level: usize) {
    out.extend_from_slice(if comma { b",\n" } else { b"\n" });
    out.resize(out.len() + 2 * level, b' ');
}

/// Appends a value over as many lines as Python's `indent=2` takes.
pub(super) fn pretty(out: &mut Vec<u8>, value: &Value, level: usize) {
    match value {
        Value::List(list) if !list.is_empty() => {
            out.push(b'[');
            for (i, item) in list.iter().enumerate() {
                line(out, i > 0, level + 1);
                pretty(out, item, level + 1);
            }
            line(out, false, level);
            out.push(b']');
        }
        Value::Map(map) if !map.is_empty() => {
            out.push(b'{');
            for (i, (key, value)) in map.iter().enumerate() {
                line(out, i > 0, level + 1);
                json::write_text(out, key.as_bytes(), Style::PYTHON);
                out.extend_from_slice(b": ");
                pretty(out, value, level + 1);
            }
            line(out, false, level);
            out.push(b'}');
        }
        plain => json::write_value(out, plain, Style::PYTHON),
    }
}

/// Appends JSON text with everything beyond ASCII as escapes, which is only ever
/// inside strings. Not to depend on the encoding that Python takes from the locale.
pub(super) fn ascii(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid();
        let mut from = 0;
        for (at, c) in valid.char_indices().filter(|(_, c)| !c.is_ascii()) {
            out.extend_from_slice(&valid.as_bytes()[from..at]);
            from = at + c.len_utf8();
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out.extend_from_slice(&valid.as_bytes()[from..]);
    }
}
