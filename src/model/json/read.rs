//! The reader: one pass, events to a [`Visit`], no allocation for plain text.

use super::plain::{self, Stop};
use crate::model::{Map, Text, Value};

/// Depth of nesting at which reading stops. Python stops near 1,000.
pub const MAX_DEPTH: usize = 400;

/// Where and why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Offset in bytes.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

/// Receives the parts of a value in order. A key is followed by its value.
pub trait Visit {
    /// null
    fn null(&mut self);
    /// true, false
    fn bool(&mut self, value: bool);
    /// An integer by its digits: no `.`, no exponent, maybe a `-`, never `-0`.
    fn integer(&mut self, digits: &str);
    /// Any other number, and `NaN`, `Infinity`, `-Infinity`.
    fn float(&mut self, value: f64);
    /// The string or key that comes next has lone surrogates.
    fn broken(&mut self) {}
    /// The string or key that comes next has a NUL.
    fn nul(&mut self) {}
    /// A string: UTF-8, or WTF-8 where it has lone surrogates.
    fn text(&mut self, bytes: &[u8]);
    /// `[`
    fn begin_list(&mut self);
    /// `]`
    fn end_list(&mut self);
    /// `{`
    fn begin_map(&mut self);
    /// A key of the map that was begun last.
    fn key(&mut self, bytes: &[u8]);
    /// `}`
    fn end_map(&mut self);
}

/// Reads one value to the end of the text.
pub fn visit(text: &[u8], to: &mut impl Visit) -> Result<(), Problem> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(Problem {
            at: 0,
            what: "not UTF-8",
        });
    };
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        scratch: Vec::new(),
    };
    reader.space();
    reader.value(to, 0)?;
    reader.space();
    if reader.at != reader.bytes.len() {
        return Err(reader.problem("something follows the value"));
    }
    Ok(())
}

/// Reads one value into a tree.
pub fn parse(text: &[u8]) -> Result<Value, Problem> {
    let mut tree = Tree::default();
    visit(text, &mut tree)?;
    Ok(tree.done.unwrap_or(Value::Null))
}

/// Reads one object into a tree, if it is one and no key stands twice in it.
pub fn parse_object(text: &[u8]) -> Option<Map> {
    let mut tree = Tree::default();
    visit(text, &mut tree).ok()?;
    match tree.done {
        Some(Value::Map(map)) if !tree.repeated => Some(map),
        _ => None,
    }
}

/// Bytes that are made room for at once where a string has escapes, at most.
const ROOM: usize = 4 << 10;

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    scratch: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn problem(&self, what: &'static str) -> Problem {
        Problem { at: self.at, what }
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Problem> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.problem("not a JSON value"))
        }
    }

    fn value(&mut self, to: &mut impl Visit, depth: usize) -> Result<(), Problem> {
        if depth > MAX_DEPTH {
            return Err(self.problem("nested too deep"));
        }
        match self.peek() {
            b'"' => {
                let plain = self.string(to)?;
                to.text(plain.unwrap_or(&self.scratch));
                Ok(())
            }
            b'{' => self.map(to, depth),
            b'[' => self.list(to, depth),
            b'n' => self.word(b"null").map(|()| to.null()),
            b't' => self.word(b"true").map(|()| to.bool(true)),
            b'f' => self.word(b"false").map(|()| to.bool(false)),
            b'N' => self.word(b"NaN").map(|()| to.float(f64::NAN)),
            b'I' => self.word(b"Infinity").map(|()| to.float(f64::INFINITY)),
            b'-' | b'0'..=b'9' => self.number(to),
            _ => Err(self.problem("not a JSON value")),
        }
    }

    fn list(&mut self, to: &mut impl Visit, depth: usize) -> Result<(), Problem> {
        self.at += 1;
        to.begin_list();
        self.space();
        if self.peek() == b']' {
            self.at += 1;
            to.end_list();
            return Ok(());
        }
        loop {
            self.space();
            self.value(to, depth + 1)?;
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    to.end_list();
                    return Ok(());
                }
                _ => return Err(self.problem("expected , or ]")),
            }
        }
    }

    fn map(&mut self, to: &mut impl Visit, depth: usize) -> Result<(), Problem> {
        self.at += 1;
        to.begin_map();
        self.space();
        if self.peek() == b'}' {
            self.at += 1;
            to.end_map();
            return Ok(());
        }
        loop {
            self.space();
            if self.peek() != b'"' {
                return Err(self.problem("expected a key"));
            }
            let plain = self.string(to)?;
            to.key(plain.unwrap_or(&self.scratch));
            self.space();
            if self.peek() != b':' {
                return Err(self.problem("expected :"));
            }
            self.at += 1;
            self.space();
            self.value(to, depth + 1)?;
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    to.end_map();
                    return Ok(());
                }
                _ => return Err(self.problem("expected , or }")),
            }
        }
    }

    /// A string without escapes lies in the input; one with escapes is decoded into the
    /// scratch.
    fn string(&mut self, to: &mut impl Visit) -> Result<Option<&'a [u8]>, Problem> {
        self.at += 1;
        let (start, stop) = (self.at, plain::end(self.bytes, self.at, Stop::Special));
        if self.bytes.get(stop) == Some(&b'"') {
            self.at = stop + 1;
            return Ok(Some(&self.bytes[start..stop]));
        }
        self.scratch.clear();
        self.scratch.reserve((self.bytes.len() - start).min(ROOM));
        self.scratch.extend_from_slice(&self.bytes[start..stop]);
        self.at = stop;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(None);
                }
                Some(b'\\') => self.escape(to)?,
                Some(_) => return Err(self.problem("a control character inside a string")),
                None => return Err(self.problem("the string does not end")),
            }
            self.at = plain::copy(&mut self.scratch, self.bytes, self.at, Stop::Special);
        }
    }

    fn escape(&mut self, to: &mut impl Visit) -> Result<(), Problem> {
        self.at += 1;
        let plain = match self.peek() {
            b'"' => b'"',
            b'\\' => b'\\',
            b'/' => b'/',
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode_escape(to),
            _ => return Err(self.problem("not an escape")),
        };
        self.at += 1;
        self.scratch.push(plain);
        Ok(())
    }

    fn unicode_escape(&mut self, to: &mut impl Visit) -> Result<(), Problem> {
        let mut code = self.hex()?;
        if (0xD800..0xDC00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 1;
            let low = self.hex()?;
            if (0xDC00..0xE000).contains(&low) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            } else {
                self.at = back;
            }
        }
        let part = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
        match code {
            ..0x80 => {
                if code == 0 {
                    to.nul();
                }
                self.scratch.push(code as u8);
            }
            0x80..0x800 => {
                let two = [0xC0 | (code >> 6) as u8, part(0)];
                self.scratch.extend_from_slice(&two);
            }
            0x800..0x10000 => {
                // A lone surrogate stands in the three bytes that UTF-8 would give it.
                if (0xD800..0xE000).contains(&code) {
                    to.broken();
                }
                let three = [0xE0 | (code >> 12) as u8, part(6), part(0)];
                self.scratch.extend_from_slice(&three);
            }
            _ => {
                let four = [0xF0 | (code >> 18) as u8, part(12), part(6), part(0)];
                self.scratch.extend_from_slice(&four);
            }
        }
        Ok(())
    }

    /// At the `u` of an escape: its four digits.
    fn hex(&mut self) -> Result<u32, Problem> {
        let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
        let code = digits.iter().fold(0, |code, digit| {
            code << 4 | u32::from(HEX[usize::from(*digit)])
        });
        if digits.len() < 4 || digits.iter().any(|d| HEX[usize::from(*d)] > 15) {
            return Err(self.problem("not four hexadecimal digits"));
        }
        self.at += 5;
        Ok(code)
    }

    fn number(&mut self, to: &mut impl Visit) -> Result<(), Problem> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
            if self.peek() == b'I' {
                return self.word(b"Infinity").map(|()| to.float(f64::NEG_INFINITY));
            }
        }
        match self.peek() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err(self.problem("not a number")),
        }
        let mut whole = true;
        if self.peek() == b'.' && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
            self.digits();
            whole = false;
        }
        if matches!(self.peek(), b'e' | b'E') {
            let sign = usize::from(matches!(
                self.bytes.get(self.at + 1),
                Some(b'+') | Some(b'-')
            ));
            if self
                .bytes
                .get(self.at + 1 + sign)
                .is_some_and(u8::is_ascii_digit)
            {
                self.at += 1 + sign;
                self.digits();
                whole = false;
            }
        }
        let text = &self.text[start..self.at];
        match whole {
            true if text == "-0" => to.integer("0"),
            true => to.integer(text),
            false => match text.parse() {
                Ok(float) => to.float(float),
                Err(_) => return Err(self.problem("not a number")),
            },
        }
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }
}

/// The value of each hexadecimal digit; 255 for other characters.
const HEX: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        values[digit as usize] = value as u8;
        values[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
};

/// Builds a [`Value`].
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    done: Option<Value>,
    /// Whether a key stands twice in one object.
    repeated: bool,
}

enum Open {
    List(Vec<Value>),
    Map(Vec<(Text, Value)>, Text),
}

impl Tree {
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(pairs, key)) => {
                let key = std::mem::take(key);
                pairs.push((key, value));
            }
            None => self.done = Some(value),
        }
    }
}

impl Visit for Tree {
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn bool(&mut self, value: bool) {
        self.put(Value::Bool(value));
    }
    fn integer(&mut self, digits: &str) {
        self.put(Value::integer(digits));
    }
    fn float(&mut self, value: f64) {
        self.put(Value::Float(value));
    }
    fn text(&mut self, bytes: &[u8]) {
        self.put(Value::Text(Text::from_bytes(bytes)));
    }
    fn begin_list(&mut self) {
        self.open.push(Open::List(Vec::new()));
    }
    fn end_list(&mut self) {
        if let Some(Open::List(list)) = self.open.pop() {
            self.put(Value::List(list));
        }
    }
    fn begin_map(&mut self) {
        let pairs = Vec::with_capacity(if self.open.is_empty() { 24 } else { 0 });
        self.open.push(Open::Map(pairs, Text::default()));
    }
    fn key(&mut self, bytes: &[u8]) {
        if let Some(Open::Map(_, key)) = self.open.last_mut() {
            *key = Text::from_bytes(bytes);
        }
    }
    fn end_map(&mut self) {
        if let Some(Open::Map(pairs, _)) = self.open.pop() {
            let met = pairs.len();
            let map = Map::from_pairs(pairs);
            self.repeated |= map.len() != met;
            self.put(Value::Map(map));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_where_they_end() {
        // Every byte at every place of a string that spans several machine words.
        for byte in 0..=0x7F_u8 {
            for at in 0..20 {
                let mut text = vec![b'a'; 22];
                text[0] = b'"';
                text[21] = b'"';
                text[at + 1] = byte;
                let read = parse(&text);
                match byte {
                    b'"' | b'\\' | 0..0x20 => assert!(read.is_err(), "{byte} at {at}"),
                    _ => assert_eq!(
                        read,
                        Ok(Value::Text(Text::from_bytes(&text[1..21]))),
                        "{byte} at {at}"
                    ),
                }
                if byte < 0x20 {
                    assert_eq!(read.unwrap_err().at, at + 1);
                }
            }
        }
        assert!(parse_object(br#"{"a": {"b": 1, "c": 2}}"#).is_some());
        for no in [
            r#"{"a": {"b": 1, "b": 2}}"#,
            r#"{"a": 1, "a": 1}"#,
            "[]",
            "{",
        ] {
            assert!(parse_object(no.as_bytes()).is_none(), "{no}");
        }
        let long = format!("\"{}é\\n{}\"", "x".repeat(13), "y".repeat(9));
        let expected = format!("{}é\n{}", "x".repeat(13), "y".repeat(9));
        assert_eq!(parse(long.as_bytes()), Ok(Value::text(expected)));
    }
}
