//! Reading replies piece by piece through a buffer of its own, so that a reply of any
//! size passes in bounded memory and its texts are copied once, to where they stay.

use super::{Refusal, Reply};
use std::io::{self, Read};

/// Bytes asked of the connection at once.
const CHUNK: usize = 64 << 10;

/// Longest line: a number, a status, an error.
const LONGEST_LINE: usize = 1 << 20;

/// Longest string, as servers have it.
const LONGEST_BULK: i64 = 1 << 30;

/// Lists inside lists that are read; servers nest less.
const DEEPEST: usize = 1_024;

/// The beginning of a reply.
#[derive(Debug, PartialEq)]
pub(crate) enum Head {
    /// No value.
    Nil,
    /// An integer.
    Int(i64),
    /// A double (version 3).
    Double(f64),
    /// true or false (version 3).
    Bool(bool),
    /// A word.
    Status(Vec<u8>),
    /// A string of so many bytes follows: [`Reader::bulk`].
    Bulk(usize),
    /// So many replies follow.
    List(usize),
    /// The server refuses.
    Refused(Refusal),
}

/// The reading side of a connection.
pub(crate) struct Reader<R> {
    from: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes taken in so far.
    taken: u64,
}

fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl<R: Read> Reader<R> {
    /// With nothing read yet.
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            taken: 0,
        }
    }

    /// What is read from.
    pub(crate) fn inner(&mut self) -> &mut R {
        &mut self.from
    }

    /// Bytes of replies read so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken - (self.end - self.start) as u64
    }

    /// Reads more; at least `room` bytes fit behind what is there.
    fn fill(&mut self, room: usize) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buffer.len() - self.end < room {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.buffer.len() - self.end < room {
                self.buffer.resize(self.end + room, 0);
            }
        }
        loop {
            match self.from.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    self.end += n;
                    self.taken += n as u64;
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// A line without its end: where it lies in the buffer.
    fn line(&mut self) -> io::Result<(usize, usize)> {
        let mut seen = 0;
        loop {
            let there = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memchr(b'\n', &there[seen..]) {
                let end = self.start + seen + at;
                let line = (self.start, end);
                self.start = end + 1;
                if end == line.0 || self.buffer[end - 1] != b'\r' {
                    return Err(odd("a line of the server's reply has no proper end"));
                }
                return Ok((line.0, end - 1));
            }
            seen = there.len();
            if seen > LONGEST_LINE {
                return Err(odd("a line of the server's reply is too long"));
            }
            self.fill(CHUNK.min(4 << 10))?;
        }
    }

    /// The beginning of the next reply. What version 3 adds around replies (attributes,
    /// pushes) is read over.
    pub(crate) fn head(&mut self) -> io::Result<Head> {
        if let Some(head) = self.short_head() {
            return Ok(head);
        }
        loop {
            let (start, end) = self.line()?;
            let kind = *self.buffer.get(start).unwrap_or(&b'\r');
            let rest = &self.buffer[(start + 1).min(end)..end];
            return Ok(match kind {
                b'+' => Head::Status(rest.to_vec()),
                b'-' => Head::Refused(Refusal::parse(rest)),
                b':' => Head::Int(number(rest)?),
                b'$' | b'=' => match number(rest)? {
                    -1 => Head::Nil,
                    n @ 0..=LONGEST_BULK => Head::Bulk(n as usize),
                    _ => return Err(odd("a string of the server's reply has no proper length")),
                },
                b'!' => {
                    let length = number(rest)?;
                    let length = usize::try_from(length).map_err(|_| odd("a length below zero"))?;
                    let mut text = Vec::new();
                    self.bulk_into(length.min(LONGEST_LINE), &mut text)?;
                    Head::Refused(Refusal::parse(&text))
                }
                b'*' | b'~' => match number(rest)? {
                    -1 => Head::Nil,
                    n => Head::List(usize::try_from(n).map_err(|_| odd("a length below zero"))?),
                },
                b'%' => {
                    let n = usize::try_from(number(rest)?).ok();
                    let n = n.and_then(|n| n.checked_mul(2));
                    Head::List(n.ok_or_else(|| odd("a length below zero"))?)
                }
                b'_' => Head::Nil,
                b'#' => Head::Bool(rest == b"t"),
                b',' => Head::Double(double(rest).ok_or_else(|| odd("no double"))?),
                b'(' => Head::Status(rest.to_vec()),
                b'>' | b'|' => {
                    let n = number(rest)?.max(0) * if kind == b'|' { 2 } else { 1 };
                    for _ in 0..n {
                        self.skip()?;
                    }
                    continue;
                }
                _ => return Err(odd("that is no reply of this protocol")),
            });
        }
    }

    /// The same for what nearly all of a large reply is.
    fn short_head(&mut self) -> Option<Head> {
        Some(match self.buffer[self.start..self.end].first()? {
            b':' => Head::Int(self.short(b':')? as i64),
            b'$' => Head::Bulk(self.short(b'$')? as usize),
            b'*' => Head::List(self.short(b'*')? as usize),
            _ => return None,
        })
    }

    /// The number of a head of that kind (an integer, a string's length or a list's), if
    /// it comes next, is whole in the buffer and not below zero: nearly always.
    #[inline]
    pub(crate) fn short(&mut self, kind: u8) -> Option<u64> {
        let rest = match &self.buffer[self.start..self.end] {
            [first, digit @ b'0'..=b'9', b'\r', b'\n', ..] if *first == kind => {
                self.start += 4;
                return Some(u64::from(digit - b'0'));
            }
            [first, rest @ ..] if *first == kind => rest,
            _ => return None,
        };
        let (mut number, mut digits) = (0, 0);
        while let Some(digit @ b'0'..=b'9') = rest.get(digits) {
            // One more and it might not fit.
            if digits == 19 {
                return None;
            }
            number = number * 10 + u64::from(digit - b'0');
            digits += 1;
        }
        let most = match kind {
            b':' => i64::MAX as u64,
            _ => LONGEST_BULK as u64,
        };
        if digits == 0 || number > most || rest.get(digits..digits + 2) != Some(b"\r\n") {
            return None;
        }
        self.start += digits + 3;
        Some(number)
    }

    /// Appends a string of that length, announced by [`Head::Bulk`].
    pub(crate) fn bulk_into(&mut self, length: usize, to: &mut Vec<u8>) -> io::Result<()> {
        let mut left = length;
        // Never more than was really sent: a length alone takes no memory.
        to.reserve(left.min(1 << 20));
        while left > 0 {
            if self.start == self.end {
                self.fill(CHUNK)?;
            }
            let n = left.min(self.end - self.start);
            to.extend_from_slice(&self.buffer[self.start..self.start + n]);
            self.start += n;
            left -= n;
        }
        self.bulk_end()
    }

    fn bulk_end(&mut self) -> io::Result<()> {
        while self.end - self.start < 2 {
            self.fill(2)?;
        }
        let ended = &self.buffer[self.start..self.start + 2] == b"\r\n";
        self.start += 2;
        match ended {
            true => Ok(()),
            false => Err(odd("a string of the server's reply has no proper end")),
        }
    }

    /// A string of that length, taken out.
    pub(crate) fn bulk(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        if length <= self.end - self.start {
            out.reserve_exact(length);
        }
        self.bulk_into(length, &mut out)?;
        Ok(out)
    }

    /// A short string, looked at in place.
    pub(crate) fn bulk_ref(&mut self, length: usize) -> io::Result<&[u8]> {
        while self.end - self.start < length + 2 {
            let room = length + 2 - (self.end - self.start);
            self.fill(room.max(4 << 10))?;
        }
        let start = self.start;
        self.start += length;
        self.bulk_end()?;
        Ok(&self.buffer[start..start + length])
    }

    /// The next reply, whole.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        self.reply_at(0)
    }

    fn reply_at(&mut self, depth: usize) -> io::Result<Reply> {
        Ok(match self.head()? {
            Head::Nil => Reply::Nil,
            Head::Int(i) => Reply::Int(i),
            Head::Double(f) => Reply::Double(f),
            Head::Bool(b) => Reply::Bool(b),
            Head::Status(s) => Reply::Status(s),
            Head::Bulk(n) => Reply::Bulk(self.bulk(n)?),
            Head::Refused(refusal) => Reply::Refused(refusal),
            Head::List(n) => {
                if depth > DEEPEST {
                    return Err(odd("the server's reply is nested too deep"));
                }
                let mut list = Vec::with_capacity(n.min(1 << 12));
                for _ in 0..n {
                    list.push(self.reply_at(depth + 1)?);
                }
                Reply::List(list)
            }
        })
    }

    /// Reads over the next reply.
    pub(crate) fn skip(&mut self) -> io::Result<()> {
        let mut left = 1u64;
        while left > 0 {
            left -= 1;
            match self.head()? {
                Head::Bulk(n) => self.skip_bulk(n)?,
                Head::List(n) => left += n as u64,
                _ => {}
            }
        }
        Ok(())
    }

    fn skip_bulk(&mut self, length: usize) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            if self.start == self.end {
                self.fill(CHUNK)?;
            }
            let n = left.min(self.end - self.start);
            self.start += n;
            left -= n;
        }
        self.bulk_end()
    }
}

fn number(digits: &[u8]) -> io::Result<i64> {
    let mut value = 0i64;
    let (negative, digits) = match digits {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return Err(odd("a number of the server's reply is empty"));
    }
    for &d in digits {
        if !d.is_ascii_digit() {
            return Err(odd("a number of the server's reply has other characters"));
        }
        let next = value.checked_mul(10);
        let digit = i64::from(d - b'0');
        // Downwards, since the smallest has no positive counterpart.
        value = next
            .and_then(|v| v.checked_sub(digit))
            .ok_or_else(|| odd("a number of the server's reply is too large"))?;
    }
    match negative {
        true => Ok(value),
        false => value
            .checked_neg()
            .ok_or_else(|| odd("a number of the server's reply is too large")),
    }
}

/// A double as servers print it.
pub(crate) fn double(text: &[u8]) -> Option<f64> {
    match text {
        b"inf" | b"+inf" | b"Inf" | b"infinity" => Some(f64::INFINITY),
        b"-inf" | b"-Inf" | b"-infinity" => Some(f64::NEG_INFINITY),
        b"nan" | b"+nan" | b"NaN" => Some(f64::NAN),
        b"-nan" => Some(f64::from_bits(f64::NAN.to_bits() | 1 << 63)),
        _ => {
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            // Rounded to fewer digits, the greatest doubles lie beyond all of them.
            Some(value.clamp(f64::MIN, f64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(self.1).min(to.len());
            to[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    const ALL: &[u8] = b"*9\r\n:-9223372036854775808\r\n$5\r\na\r\nbc\r\n$-1\r\n+OK\r\n-WRONGTYPE no\r\n*0\r\n,1.5\r\n#t\r\n%1\r\n+k\r\n_\r\n";

    fn all() -> Reply {
        Reply::List(vec![
            Reply::Int(i64::MIN),
            Reply::Bulk(b"a\r\nbc".to_vec()),
            Reply::Nil,
            Reply::Status(b"OK".to_vec()),
            Reply::Refused(Refusal::parse(b"WRONGTYPE no")),
            Reply::List(Vec::new()),
            Reply::Double(1.5),
            Reply::Bool(true),
            Reply::List(vec![Reply::Status(b"k".to_vec()), Reply::Nil]),
        ])
    }

    #[test]
    fn replies_come_in_pieces_of_any_size() {
        for step in 1..40 {
            let mut reader = Reader::new(Drip(ALL, step));
            assert_eq!(reader.reply().unwrap(), all(), "{step}");
            assert_eq!(reader.taken(), ALL.len() as u64);
            let mut reader = Reader::new(Drip(ALL, step));
            reader.skip().unwrap();
            let ended = reader.reply().unwrap_err().kind();
            assert_eq!(ended, io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn whatever_is_cut_short_is_an_error() {
        for cut in 0..ALL.len() {
            let mut reader = Reader::new(Drip(&ALL[..cut], 7));
            assert!(reader.reply().is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_takes_no_memory(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = Reader::new(Drip(&bytes, 3));
            while reader.reply().is_ok() {}
            prop_assert!(reader.buffer.len() < 1 << 20);
        }

        #[test]
        fn numbers_are_read_as_they_are(n in any::<i64>()) {
            let text = format!(":{n}\r\n");
            let mut reader = Reader::new(text.as_bytes());
            prop_assert_eq!(reader.reply().unwrap(), Reply::Int(n));
        }
    }
}
