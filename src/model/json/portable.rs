//! Whether JSON text means the same to every program that reads JSON, so that it can
//! stand inside another document as it is. Not so: `NaN`, integers that a double
//! rounds, lone surrogates, keys held twice, nesting that other readers give up on.

use super::{Visit, visit};

/// Largest integer below which a double holds every one.
pub const MAX_EXACT: u64 = 1 << 53;

/// Deepest nesting that counts as portable; jq 1.6 stops at 256.
pub const MAX_PORTABLE_DEPTH: usize = 200;

/// Whether a double holds this integer exactly, whoever reads it.
pub fn is_exact(digits: &str) -> bool {
    digits.len() <= 15
        || digits
            .parse::<i64>()
            .is_ok_and(|i| i.unsigned_abs() <= MAX_EXACT)
}

/// Whether text is one JSON object that is portable, on one line, with nothing around
/// it and no key that starts with `$`. One pass; never says yes wrongly, and no to an
/// object whose keys collide in a 64-bit hash.
pub fn is_portable_object(text: &[u8]) -> bool {
    let mut check = Check::default();
    is_one_line_object(text) && visit(text, &mut check).is_ok() && !check.found
}

/// Whether text begins and ends as an object does and stands on one line.
pub fn is_one_line_object(text: &[u8]) -> bool {
    matches!(text, [b'{', .., b'}']) && memchr::memchr2(b'\n', b'\r', text).is_none()
}

#[derive(Default)]
struct Check {
    found: bool,
    /// Hashes of the keys of all open maps.
    keys: Vec<u64>,
    /// For each open list or map, where its keys start.
    open: Vec<usize>,
}

impl Check {
    fn begin(&mut self) {
        self.open.push(self.keys.len());
        self.found |= self.open.len() > MAX_PORTABLE_DEPTH;
    }
}

impl Visit for Check {
    fn null(&mut self) {}
    fn bool(&mut self, _: bool) {}
    fn integer(&mut self, digits: &str) {
        self.found |= !is_exact(digits);
    }
    fn float(&mut self, value: f64) {
        self.found |= !value.is_finite();
    }
    fn broken(&mut self) {
        self.found = true;
    }
    fn text(&mut self, _: &[u8]) {}
    fn begin_list(&mut self) {
        self.begin();
    }
    fn end_list(&mut self) {
        self.open.pop();
    }
    fn begin_map(&mut self) {
        self.begin();
    }
    fn key(&mut self, bytes: &[u8]) {
        self.found |= bytes.first() == Some(&b'$');
        self.keys.push(hash(bytes));
    }
    fn end_map(&mut self) {
        let start = self.open.pop().unwrap_or(0);
        let keys = &mut self.keys[start..];
        if keys.len() <= 24 {
            for (i, key) in keys.iter().enumerate() {
                self.found |= keys[..i].contains(key);
            }
        } else {
            keys.sort_unstable();
            self.found |= keys.windows(2).any(|w| w[0] == w[1]);
        }
        self.keys.truncate(start);
    }
}

/// Fast rather than strong: a collision only costs the short form.
fn hash(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |state: u64, word: u64| {
        let mixed = (state ^ word).wrapping_mul(ODD);
        mixed ^ (mixed >> 29)
    };
    // A length by itself would be undone by a first word that is the same number.
    let mut state = (bytes.len() as u64 + 1).wrapping_mul(ODD);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        state = mix(state, u64::from_le_bytes(eight));
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(mix(state, u64::from_le_bytes(last)), ODD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_reader_understands_alike() {
        for yes in [
            "{}",
            r#"{"a": 1, "b": [1.5, -9007199254740992, null], "c": {"a": "\ud83d\ude00 한"}}"#,
            r#"{"a": [{"x": 1}, {"x": 2}], "": 1e300, "b$": "$"}"#,
            r#"{"": 1, "\u0001": 2, "\u0002\u0000": 3, "\u0003": 4, "\u0000": 5}"#,
        ] {
            assert!(is_portable_object(yes.as_bytes()), "{yes}");
        }
        let many = |last: &str| {
            let keys: Vec<_> = (0..500).map(|i| format!("\"k{i}\":0")).collect();
            format!("{{{},\"{last}\":0}}", keys.join(","))
        };
        assert!(is_portable_object(many("k500").as_bytes()));
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(is_portable_object(deep(199).as_bytes()));
        for no in [
            "",
            "[]",
            "{",
            " {}",
            "{}\n",
            "{\n}",
            "{\r}",
            r#"{"a":NaN}"#,
            r#"{"a":[-Infinity]}"#,
            r#"{"a":1e400}"#,
            r#"{"a":9007199254740993}"#,
            r#"{"a":-9007199254740993}"#,
            r#"{"a":123456789012345678901234567890}"#,
            r#"{"a":"\ud83d"}"#,
            r#"{"\udc00":1}"#,
            r#"{"a":{"b":1,"\u0062":2}}"#,
            r#"{"$a":1}"#,
            r#"{"\u0024":1}"#,
            "{\"a\":\"\u{1}\"}",
            &many("k77"),
            &deep(200),
        ] {
            assert!(!is_portable_object(no.as_bytes()), "{no}");
        }
        assert!(!is_portable_object(b"{\"a\":\"\xff\"}"));
    }
}
