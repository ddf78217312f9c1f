//! Times as stores really write them, as one instant: ISO 8601 with any offset
//! (seconds in it too), `Z`, naive (UTC, as memorygraph up to 0.8 wrote), a space
//! for the `T`, and integers in milliseconds or, above 10^14, microseconds.

use super::Value;
use jiff::civil;

/// Nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i128);

impl Instant {
    /// The time a value says, if it says one.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Text(t) => Self::parse(t.as_str()?),
            Value::Int(n) if n.unsigned_abs() >= 100_000_000_000_000 => {
                Some(Self(i128::from(*n) * 1_000))
            }
            Value::Int(n) => Some(Self(i128::from(*n) * 1_000_000)),
            _ => None,
        }
    }

    /// Reads a date, or a date and time.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, rest) = text.split_at_checked(10)?;
        let date = plain_date(date).or_else(|| date.parse().ok())?;
        let (clock, offset) = match rest.get(1..) {
            None => ("00:00:00", 0),
            Some(rest) => match rest.find(['Z', 'z', '+', '-']) {
                Some(at) => (rest[..at].trim_end(), offset_seconds(&rest[at..])?),
                None => (rest, 0),
            },
        };
        if !rest.is_empty() && !rest.starts_with(['T', 't', ' ']) {
            return None;
        }
        let clock = plain_clock(clock).or_else(|| clock.parse().ok())?;
        let moment = date.to_datetime(clock);
        let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let since = moment.duration_since(epoch);
        Some(Self(since.as_nanos() - i128::from(offset) * 1_000_000_000))
    }

    /// Now.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_nanosecond())
    }

    /// As SQLite's CURRENT_TIMESTAMP: `2026-11-21 07:56:44`, for the years 0 to 9999.
    pub fn to_row_time(self) -> Option<String> {
        let t = jiff::Timestamp::from_nanosecond(self.0).ok()?;
        let t = jiff::tz::Offset::UTC.to_datetime(t);
        let year = u8::try_from(t.year() / 100).ok()?;
        let rest = t.year() % 100;
        let parts = [
            ("", year),
            ("", u8::try_from(rest).ok()?),
            ("-", t.month() as u8),
            ("-", t.day() as u8),
            (" ", t.hour() as u8),
            (":", t.minute() as u8),
            (":", t.second() as u8),
        ];
        let mut out = String::with_capacity(19);
        for (before, two) in parts {
            out.push_str(before);
            out.push(char::from(b'0' + two / 10));
            out.push(char::from(b'0' + two % 10));
        }
        Some(out)
    }

    /// As `2026-11-21T07:56:44.123456+00:00`, if the year is within jiff's range.
    pub fn to_iso(self) -> String {
        match jiff::Timestamp::from_nanosecond(self.0) {
            Ok(t) => {
                let t = t.to_zoned(jiff::tz::TimeZone::UTC).datetime();
                let fraction = t.subsec_nanosecond() / 1_000;
                let base = format!(
                    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                    t.year(),
                    t.month(),
                    t.day(),
                    t.hour(),
                    t.minute(),
                    t.second()
                );
                match fraction {
                    0 => format!("{base}+00:00"),
                    f => format!("{base}.{f:06}+00:00"),
                }
            }
            Err(_) => format!("{} ns", self.0),
        }
    }
}

/// `YYYY-MM-DD`, as nearly all are: every memory's time is read.
fn plain_date(text: &str) -> Option<civil::Date> {
    let [y, z, u, v, b'-', m, n, b'-', d, e] = text.as_bytes() else {
        return None;
    };
    let (year, month) = (number(&[*y, *z, *u, *v])?, number(&[*m, *n])?);
    civil::Date::new(year as i16, month as i8, number(&[*d, *e])? as i8).ok()
}

/// `HH:MM:SS`, with a fraction of six digits or none.
fn plain_clock(text: &str) -> Option<civil::Time> {
    let (whole, fraction) = text.as_bytes().split_at_checked(8)?;
    let [h, i, b':', m, n, b':', s, t] = whole else {
        return None;
    };
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if digits.len() == 6 => number(digits)?,
        _ => return None,
    };
    let part = |digits: [u8; 2]| number(&digits).map(|n| n as i8);
    let (hour, minute, second) = (part([*h, *i])?, part([*m, *n])?, part([*s, *t])?);
    civil::Time::new(hour, minute, second, micros * 1_000).ok()
}

/// Few decimal digits.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |n, digit| {
        digit
            .is_ascii_digit()
            .then(|| n * 10 + i32::from(digit - b'0'))
    })
}

/// Seconds east of UTC: `Z`, `+05`, `+0530`, `+05:30`, `+02:00:30`.
fn offset_seconds(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", d) => (1, d.replace(':', "")),
        ("-", d) => (-1, d.replace(':', "")),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| {
        digits
            .get(at..at + 2)
            .map_or(Some(0), |d| d.parse::<i64>().ok())
    };
    Some(sign * (part(0)? * 3600 + part(2)? * 60 + part(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_seen_in_the_wild() {
        let same = Instant::parse("2024-03-01T12:00:00+00:00").unwrap();
        for text in [
            "2024-03-01T12:00:00Z",
            "2024-03-01T12:00:00",
            "2024-03-01 12:00:00",
            "2024-03-01T17:30:00+05:30",
            "2024-03-01T14:00:30+02:00:30",
            "2024-03-01T04:00-08:00",
            "2024-03-01T12:00:00.000000+00:00",
            "2024-03-01T12:00:00.000000000Z",
            "2024-03-01T12:00:00.0Z",
        ] {
            assert_eq!(Instant::parse(text), Some(same), "{text}");
        }
        assert_eq!(Instant::of(&Value::Int(1_709_294_400_000)), Some(same));
        assert_eq!(Instant::of(&Value::Int(1_709_294_400_000_000)), Some(same));
        assert!(Instant::parse("1969-07-20T20:17:40Z").unwrap().0 < 0);
        assert!(Instant::parse("9999-12-31T23:59:59+00:00").is_some());
        for text in [
            "",
            "2024",
            "2024-02-30T25:61:61Z",
            "2024-03-01x12:00",
            "2024-13-01T12:00:00",
            "2024-03-01T24:00:00",
            "2024-03-01T1\u{663}:00:00",
            "2024-03-01T12:00+5",
            "nan",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
        let micros = Instant::parse("2024-03-01T12:00:00.000250").unwrap();
        assert_eq!(micros.0 - same.0, 250_000);
        assert_eq!(same.to_iso(), "2024-03-01T12:00:00+00:00");
        for (text, time) in [
            (
                "2024-03-01T12:00:07.999999+00:00",
                Some("2024-03-01 12:00:07"),
            ),
            ("0099-12-31T23:59:59Z", Some("0099-12-31 23:59:59")),
            ("0000-01-01", Some("0000-01-01 00:00:00")),
            ("0000-01-01T00:00:00+01:00", None),
            ("-000001-01-01", None),
        ] {
            let shown = Instant::parse(text).and_then(Instant::to_row_time);
            assert_eq!(shown.as_deref(), time, "{text}");
        }
    }
}
