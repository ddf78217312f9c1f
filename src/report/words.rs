//! Numbers, sizes and times as people read them: thousands separators, units, a time
//! relative up to a day and then a date. ASCII throughout.

use crate::engine::Tally;
use crate::store::Counts;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `9,377`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 memory`, `4,812 memories`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// `21 MB`, `857 bytes`: three figures, units of a thousand.
pub fn bytes(n: u64) -> String {
    if n < 1_000 {
        return count(n, "byte", "bytes");
    }
    let mut value = n as f64;
    for unit in ["kB", "MB", "GB", "TB"] {
        value /= 1_000.0;
        // Not 1000: what would be rounded to that goes to the next unit.
        if value < 999.5 || unit == "TB" {
            return match value {
                v if v < 9.95 => format!("{v:.1} {unit}"),
                v => format!("{} {unit}", number(v.round() as u64)),
            };
        }
    }
    String::new()
}

/// `0.03 s`, `4.1 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`.
pub fn duration(ms: u64) -> String {
    let whole = |big: u64, unit: &str, small: u64, sub: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {sub}"),
    };
    let seconds = (ms + 500) / 1_000;
    match ms {
        0..995 => format!("{:.2} s", ms as f64 / 1_000.0),
        995..59_950 => format!("{:.1} s", ms as f64 / 1_000.0),
        _ if seconds < 3_600 => whole(seconds / 60, "min", seconds % 60, "s"),
        _ if seconds < 86_400 => whole(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => whole(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// `29,800/s`; nothing for a time too short to say.
pub fn rate(records: u64, ms: u64) -> Option<String> {
    let per_second = records as f64 * 1_000.0 / ms as f64;
    match (records, ms) {
        (0, _) | (_, 0..10) => None,
        // Three figures are as many as a rate can be trusted for.
        _ if per_second >= 1_000.0 => {
            let unit = 10_f64.powf(per_second.log10().floor() - 2.0);
            let rounded = (per_second / unit).round() * unit;
            Some(format!("{}/s", number(rounded as u64)))
        }
        _ => Some(format!("{per_second:.0}/s")),
    }
}

/// `just now`, `12 min ago`, `3 h ago`; beyond a day, and for what lies ahead, the date.
/// Both times in milliseconds since 1970.
pub fn moment(at: i64, now: i64, zone: &TimeZone) -> String {
    let seconds = now.saturating_sub(at) / 1_000;
    match seconds {
        // Clocks of two machines differ a little.
        -60..5 => "just now".to_owned(),
        5..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => date(at, zone),
    }
}

/// `20 Nov 2026 18:02`.
pub fn date(at: i64, zone: &TimeZone) -> String {
    formatted(at, zone, "%-d %b %Y %H:%M")
}

/// `20 Nov 2026 18:02:07 UTC`: for what is kept and read elsewhere.
pub fn date_utc(at: i64) -> String {
    formatted(at, &TimeZone::UTC, "%-d %b %Y %H:%M:%S UTC")
}

fn formatted(at: i64, zone: &TimeZone, format: &str) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(time) => time.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => format!("{at} ms after 1970"),
    }
}

/// What nodes are called where only their sum is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// All of them are memories.
    Memories,
    /// Some have other labels.
    Any,
}

impl Nodes {
    /// The word for these.
    pub fn of(counts: &[Counts]) -> Self {
        match counts.iter().all(|counts| counts.other_nodes == 0) {
            true => Self::Memories,
            false => Self::Any,
        }
    }

    /// `memory` or `node`.
    pub fn one(self) -> &'static str {
        match self {
            Self::Memories => "memory",
            Self::Any => "node",
        }
    }

    /// `memories` or `nodes`.
    pub fn many(self) -> &'static str {
        match self {
            Self::Memories => "memories",
            Self::Any => "nodes",
        }
    }

    /// `4,812 memories and 9,377 relationships`.
    pub fn tally(self, tally: Tally) -> String {
        let relationships = relationships(tally.relationships);
        match (tally.nodes, tally.relationships) {
            (0, n) if n > 0 => relationships,
            (n, 0) => count(n, self.one(), self.many()),
            (n, _) => format!("{} and {relationships}", count(n, self.one(), self.many())),
        }
    }
}

/// `4,812 memories, 3 other nodes and 9,377 relationships`.
pub fn counts(counts: &Counts) -> String {
    let memories = count(counts.memories, "memory", "memories");
    let relationships = relationships(counts.relationships);
    match counts.other_nodes {
        0 => format!("{memories} and {relationships}"),
        n => format!(
            "{memories}, {} and {relationships}",
            count(n, "other node", "other nodes")
        ),
    }
}

/// `9,377 relationships`.
pub fn relationships(n: u64) -> String {
    count(n, "relationship", "relationships")
}

/// `1 record`, `31 records`.
pub fn records(n: u64) -> String {
    count(n, "record", "records")
}

/// A word of a shell command: as it is if no shell could take it otherwise, else quoted.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz;

    #[test]
    fn numbers_have_separators_and_units() {
        let numbers = [0, 7, 999, 1_000, 14_188, 1_000_000, u64::MAX].map(number);
        assert_eq!(
            numbers.join(" "),
            "0 7 999 1,000 14,188 1,000,000 18,446,744,073,709,551,615"
        );
        let sizes = [0, 1, 999, 1_000, 9_949, 9_950, 21_000_000, 999_499, 999_500];
        assert_eq!(
            sizes.map(bytes).join(", "),
            "0 bytes, 1 byte, 999 bytes, 1.0 kB, 9.9 kB, 10 kB, 21 MB, 999 kB, 1.0 MB"
        );
        assert_eq!(bytes(1_900_000_000), "1.9 GB");
        assert_eq!(bytes(u64::MAX), "18,446,744 TB");
        assert_eq!(count(1, "memory", "memories"), "1 memory");
        assert_eq!(count(0, "memory", "memories"), "0 memories");
    }

    #[test]
    fn durations_have_the_units_that_matter() {
        let times = [
            0, 3, 120, 994, 995, 4_100, 59_949, 59_950, 125_000, 3_599_700,
        ];
        assert_eq!(
            times.map(duration).join(", "),
            "0.00 s, 0.00 s, 0.12 s, 0.99 s, 1.0 s, 4.1 s, 59.9 s, 1 min, 2 min 5 s, 1 h"
        );
        assert_eq!(duration(11_400_000), "3 h 10 min");
        assert_eq!(duration(187_200_000), "2 d 4 h");
    }

    #[test]
    fn rates_have_three_figures() {
        assert_eq!(rate(14_189, 4_100).as_deref(), Some("3,460/s"));
        assert_eq!(rate(1_234_567, 1_000).as_deref(), Some("1,230,000/s"));
        assert_eq!(rate(50, 1_000).as_deref(), Some("50/s"));
        assert_eq!(rate(50, 3), None);
        assert_eq!(rate(0, 1_000), None);
    }

    #[test]
    fn times_are_relative_up_to_a_day() {
        let now = 1_795_197_727_000;
        let ago = |seconds: i64| moment(now - seconds * 1_000, now, &TimeZone::UTC);
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(-30), "just now");
        assert_eq!(ago(12), "12 s ago");
        assert_eq!(ago(720), "12 min ago");
        assert_eq!(ago(86_399), "23 h ago");
        assert_eq!(ago(86_400), "19 Nov 2026 18:02");
        assert_eq!(ago(-3_600), "20 Nov 2026 19:02");
        assert_eq!(date_utc(now), "20 Nov 2026 18:02:07 UTC");
        let zone = TimeZone::fixed(tz::offset(2));
        assert_eq!(date(now, &zone), "20 Nov 2026 20:02");
        assert_eq!(date_utc(i64::MAX), "9223372036854775807 ms after 1970");
    }

    #[test]
    fn records_are_named() {
        let tally = |nodes, relationships| Tally {
            nodes,
            relationships,
        };
        let say = |t| Nodes::Memories.tally(t);
        assert_eq!(say(tally(2, 1)), "2 memories and 1 relationship");
        assert_eq!(say(tally(1, 0)), "1 memory");
        assert_eq!(say(tally(0, 3)), "3 relationships");
        assert_eq!(say(tally(0, 0)), "0 memories");
        assert_eq!(Nodes::Any.tally(tally(2, 0)), "2 nodes");
        let all = Counts {
            memories: 5,
            other_nodes: 1,
            relationships: 0,
        };
        assert_eq!(counts(&all), "5 memories, 1 other node and 0 relationships");
    }

    #[test]
    fn shell_words_are_quoted() {
        assert_eq!(shell("20261120-140207-3f9a1c"), "20261120-140207-3f9a1c");
        assert_eq!(shell("a b"), "'a b'");
        assert_eq!(shell("it's; rm -rf ~"), r"'it'\''s; rm -rf ~'");
        assert_eq!(shell(""), "''");
    }
}
