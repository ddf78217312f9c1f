//! Walks the bytes of a JSON file of any size by its strings and brackets alone, in
//! one buffer. It finds where values begin and end; whether a value is good JSON is
//! for [`crate::model::json`] to say.

use crate::error::{Error, ErrorKind, Result};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

const BUFFER: usize = 256 << 10;

/// A file open for reading, and its name for messages.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub file: Arc<File>,
    pub path: PathBuf,
}

/// A place in a file, reading forward.
pub(super) struct Scanner {
    source: Source,
    buffer: Vec<u8>,
    /// Offset in the file of the buffer's first byte.
    base: u64,
    /// Position within the buffer.
    at: usize,
}

/// An element of a list.
pub(super) enum Element {
    /// Its text.
    Text(Vec<u8>),
    /// So many bytes, more than the limit; skipped.
    TooLong(u64),
}

impl Scanner {
    pub fn new(source: &Source, offset: u64) -> Self {
        Self {
            source: source.clone(),
            buffer: Vec::new(),
            base: offset,
            at: 0,
        }
    }

    /// Offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The next byte, or `None` at the end of the file.
    pub fn peek(&mut self) -> Result<Option<u8>> {
        Ok(self.rest()?.first().copied())
    }

    pub fn step(&mut self) {
        self.at += 1;
    }

    /// What is left of the buffer, filled again if that is nothing.
    fn rest(&mut self) -> Result<&[u8]> {
        if self.at >= self.buffer.len() {
            self.base += self.at as u64;
            self.at = 0;
            self.buffer.resize(BUFFER, 0);
            let read = loop {
                match self.source.file.read_at(&mut self.buffer, self.base) {
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(Error::io("read", &self.source.path, e)),
                    Ok(read) => break read,
                }
            };
            self.buffer.truncate(read);
        }
        Ok(&self.buffer[self.at..])
    }

    /// Skips white space; the byte behind it.
    pub fn space(&mut self) -> Result<Option<u8>> {
        loop {
            let rest = self.rest()?;
            let blank = |b: &u8| matches!(b, b' ' | b'\n' | b'\t' | b'\r');
            let skipped = rest.iter().take_while(|b| blank(b)).count();
            let next = rest.get(skipped).copied();
            let empty = rest.is_empty();
            self.at += skipped;
            if next.is_some() || empty {
                return Ok(next);
            }
        }
    }

    /// Skips white space and one expected byte.
    pub fn expect(&mut self, byte: u8) -> Result<()> {
        match self.space()? {
            Some(b) if b == byte => {
                self.step();
                Ok(())
            }
            Some(_) => Err(self.broken(&format!("expected {:?}", byte as char))),
            None => Err(self.cut_off()),
        }
    }

    /// Passes one value, white space in front of it already skipped.
    pub fn skip_value(&mut self) -> Result<()> {
        self.pass(&mut |_| {})
    }

    /// Passes one value and returns its text if it is no longer than `limit`.
    pub fn take_value(&mut self, limit: usize) -> Result<Element> {
        let (mut text, mut length) = (Vec::new(), 0);
        self.pass(&mut |bytes| {
            length += bytes.len() as u64;
            if length <= limit as u64 {
                text.extend_from_slice(bytes);
            } else {
                text = Vec::new();
            }
        })?;
        Ok(if length <= limit as u64 {
            Element::Text(text)
        } else {
            Element::TooLong(length)
        })
    }

    fn pass(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let mut depth = 0_u64;
        let mut started = false;
        loop {
            let rest = self.rest()?;
            if rest.is_empty() {
                // A number or word may be the last thing in the file.
                return if started && depth == 0 {
                    Ok(())
                } else {
                    Err(self.cut_off())
                };
            }
            let mut end = None;
            let mut string = false;
            let mut used = rest.len();
            for (i, &b) in rest.iter().enumerate() {
                match b {
                    b'"' => {
                        string = true;
                        used = i + 1;
                        break;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 0 => end = Some(i),
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            end = Some(i + 1);
                        }
                    }
                    b',' if depth == 0 => end = Some(i),
                    b' ' | b'\n' | b'\t' | b'\r' if depth == 0 => end = Some(i),
                    _ => {}
                }
                if end.is_some() {
                    break;
                }
            }
            let used = end.unwrap_or(used);
            started |= used > 0;
            sink(&rest[..used]);
            self.at += used;
            if end.is_some() {
                return if started {
                    Ok(())
                } else {
                    Err(self.broken("expected a value"))
                };
            }
            if string {
                self.string(sink)?;
                if depth == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Passes the rest of a string, behind its opening quote.
    fn string(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let mut escaped = false;
        loop {
            let rest = self.rest()?;
            if rest.is_empty() {
                return Err(self.cut_off());
            }
            if escaped {
                sink(&rest[..1]);
                self.at += 1;
                escaped = false;
                continue;
            }
            let found = memchr::memchr2(b'"', b'\\', rest);
            let used = found.map_or(rest.len(), |i| i + 1);
            let quote = found.is_some_and(|i| rest[i] == b'"');
            sink(&rest[..used]);
            self.at += used;
            if quote {
                return Ok(());
            }
            escaped = found.is_some();
        }
    }

    /// At the start of a list or behind a comma in it: whether an element follows.
    /// Passes the closing bracket if not.
    pub fn element(&mut self) -> Result<bool> {
        match self.space()? {
            Some(b']') => {
                self.step();
                Ok(false)
            }
            Some(_) => Ok(true),
            None => Err(self.cut_off()),
        }
    }

    /// Behind an element: passes the comma, or stays in front of the closing bracket.
    pub fn between(&mut self) -> Result<()> {
        match self.space()? {
            Some(b',') => {
                self.step();
                match self.space()? {
                    Some(b']' | b'}') => Err(self.broken("nothing follows a comma")),
                    _ => Ok(()),
                }
            }
            Some(b']' | b'}') => Ok(()),
            Some(_) => Err(self.broken("expected a comma or a closing bracket")),
            None => Err(self.cut_off()),
        }
    }

    /// The error of a file that is no JSON here.
    pub fn broken(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "{} is not JSON: {what} at byte {}",
                self.source.path.display(),
                self.offset()
            ),
        )
        .remedy("Export again, or repair the file there.")
    }

    /// The error of a file that ends too early.
    pub fn cut_off(&self) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "{} is cut off: it ends at byte {} in the middle of a value",
                self.source.path.display(),
                self.offset()
            ),
        )
        .remedy("Copy it again in full, or export again.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner(text: &[u8]) -> Scanner {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(text, 0).unwrap();
        let source = Source {
            file: Arc::new(file),
            path: "x.json".into(),
        };
        Scanner::new(&source, 0)
    }

    fn first(text: &[u8], limit: usize) -> Result<Option<Vec<u8>>> {
        match scanner(text).take_value(limit)? {
            Element::Text(text) => Ok(Some(text)),
            Element::TooLong(_) => Ok(None),
        }
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, value) in [
            (r#"{"a":"}\"]\\"},{"#, r#"{"a":"}\"]\\"}"#),
            (r#"[[],"[",{"]":1}] "#, r#"[[],"[",{"]":1}]"#),
            (r#"12.5,3"#, "12.5"),
            ("true\n]", "true"),
            ("null", "null"),
            (r#""a,b"x"#, r#""a,b""#),
        ] {
            assert_eq!(
                first(text.as_bytes(), 100).unwrap().unwrap(),
                value.as_bytes()
            );
        }
        for cut in ["{", r#"{"a"#, r#"{"a\"#, "[1,[2]", ""] {
            let error = first(cut.as_bytes(), 100).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{cut}");
        }
    }

    #[test]
    fn across_buffers() {
        for pad in [BUFFER - 3, BUFFER - 2, BUFFER - 1, BUFFER, BUFFER + 1] {
            let value = format!("{{\"{}\\\"}}\":[\"\\\\\"]}}", "é".repeat(pad / 2));
            let text = format!("{value},1");
            assert_eq!(
                first(text.as_bytes(), usize::MAX).unwrap().unwrap(),
                value.as_bytes()
            );
            assert_eq!(first(text.as_bytes(), 10).unwrap(), None);
        }
    }

    #[test]
    fn nesting_costs_nothing() {
        let deep = "[".repeat(3 << 20);
        assert!(first(deep.as_bytes(), 10).is_err());
    }
}
