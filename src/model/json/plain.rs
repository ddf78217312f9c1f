//! Runs of characters that stand in a string as they are, found eight bytes at a time.

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES * 0x80;

/// What ends a run beside quotes, backslashes and control characters.
#[derive(Clone, Copy)]
pub enum Stop {
    /// Nothing.
    Special,
    /// All that is not ASCII.
    Foreign,
}

impl Stop {
    fn highs(self) -> u64 {
        match self {
            Self::Special => 0,
            Self::Foreign => HIGHS,
        }
    }

    /// Whether it ends a run.
    fn at(self, b: u8) -> bool {
        b == b'"' || b == b'\\' || b < 0x20 || self.highs() as u8 & b != 0
    }

    /// The high bit of each byte that ends a run. Exact up to the first of them, in the
    /// order of the text; what follows may be wrong.
    fn among(self, eight: [u8; 8]) -> u64 {
        let word = u64::from_le_bytes(eight);
        // A byte that is too small borrows from its own high bit, which was clear.
        let quotes = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
        let backslashes = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
        let controls = word.wrapping_sub(ONES * 0x20);
        (quotes | backslashes | controls) & !word & HIGHS | word & self.highs()
    }
}

fn eight(bytes: &[u8], at: usize) -> Option<[u8; 8]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Where the run that begins at `from` ends.
pub fn end(bytes: &[u8], mut from: usize, stop: Stop) -> usize {
    while let Some(eight) = eight(bytes, from) {
        match stop.among(eight) {
            0 => from += 8,
            found => return from + found.trailing_zeros() as usize / 8,
        }
    }
    let rest = bytes.get(from..).unwrap_or_default();
    let end = rest.iter().position(|b| stop.at(*b));
    from + end.unwrap_or(rest.len())
}

/// The same, and appends the run: most are short, so it is copied while its end is sought.
pub fn copy(out: &mut Vec<u8>, bytes: &[u8], mut from: usize, stop: Stop) -> usize {
    while let Some(eight) = eight(bytes, from) {
        out.extend_from_slice(&eight);
        match stop.among(eight) {
            0 => from += 8,
            found => {
                let plain = found.trailing_zeros() as usize / 8;
                out.truncate(out.len() - (8 - plain));
                return from + plain;
            }
        }
    }
    let end = end(bytes, from, stop);
    out.extend_from_slice(bytes.get(from..end).unwrap_or_default());
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_they_end() {
        // Every byte at every place of a run that spans several machine words.
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut text = [b'a'; 22];
                text[at] = byte;
                for stop in [Stop::Special, Stop::Foreign] {
                    let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                    let foreign = matches!(stop, Stop::Foreign) && byte > 0x7F;
                    let shall = if special || foreign { at } else { text.len() };
                    assert_eq!(end(&text, 0, stop), shall, "{byte} at {at}");
                    let mut out = b"before".to_vec();
                    assert_eq!(copy(&mut out, &text, 0, stop), shall, "{byte} at {at}");
                    assert_eq!(out, [b"before", &text[..shall]].concat());
                }
            }
        }
        assert_eq!(end(b"ab", 2, Stop::Special), 2);
    }
}
