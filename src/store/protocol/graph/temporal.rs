//! Values of a graph server that no other store has: each is a map of one name, which
//! begins with `$` and tells the type. So they move anywhere a map does, and are known
//! again.

use crate::model::{Map, Value};
use jiff::civil;

fn tagged(tag: &str, value: Value) -> Value {
    Value::Map(Map::from_pairs(vec![(tag.into(), value)]))
}

/// A point on earth, in degrees.
pub(super) fn point(latitude: f32, longitude: f32) -> Value {
    let degrees = |f: f32| Value::Float(f64::from(f));
    let map = Map::from_pairs(vec![
        ("latitude".into(), degrees(latitude)),
        ("longitude".into(), degrees(longitude)),
    ]);
    tagged("$point", Value::Map(map))
}

/// A vector of 32-bit floats.
pub(super) fn vector(items: Vec<f32>) -> Value {
    let items = items.into_iter().map(|f| Value::Float(f64::from(f)));
    tagged("$vectorf32", Value::List(items.collect()))
}

/// A moment without a time zone, in seconds since 1970.
pub(super) fn datetime(seconds: i64) -> Value {
    said("$datetime", seconds, |t| t.to_string())
}

/// A day, by its first second.
pub(super) fn date(seconds: i64) -> Value {
    said("$date", seconds, |t| t.date().to_string())
}

/// A time of day, which servers count from 1900-01-01.
pub(super) fn time(seconds: i64) -> Value {
    said("$time", seconds, |t| t.time().to_string())
}

/// A length of time in seconds.
pub(super) fn duration(seconds: i64) -> Value {
    tagged("$duration", Value::Int(seconds))
}

/// As ISO 8601, or the seconds where that has no form.
fn said(tag: &str, seconds: i64, form: impl Fn(civil::DateTime) -> String) -> Value {
    let value = match jiff::Timestamp::from_second(seconds) {
        Ok(t) => Value::text(form(t.to_zoned(jiff::tz::TimeZone::UTC).datetime())),
        Err(_) => Value::Int(seconds),
    };
    tagged(tag, value)
}

/// How a server makes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Maker {
    /// The name of a function.
    pub(super) function: &'static str,
    /// Whether it makes each item of a list.
    pub(super) each: bool,
}

/// What makes such a value on the server, or a list of values of one such type, and from
/// what; `None` for any other value, and for one that would not come back the same.
pub(super) fn native(value: &Value) -> Option<(Maker, Value)> {
    let Value::List(items) = value else {
        let (function, taken) = single(value)?;
        let maker = Maker {
            function,
            each: false,
        };
        return Some((maker, taken));
    };
    let (function, _) = single(items.first()?)?;
    let taken = items.iter().map(|item| {
        let (same, taken) = single(item)?;
        (same == function).then_some(taken)
    });
    let maker = Maker {
        function,
        each: true,
    };
    Some((maker, Value::List(taken.collect::<Option<_>>()?)))
}

fn single(value: &Value) -> Option<(&'static str, Value)> {
    let Value::Map(map) = value else { return None };
    let (tag, inner) = map.iter().next().filter(|_| map.len() == 1)?;
    let whole = |t: civil::Time| t.subsec_nanosecond() == 0;
    let say = |function, form: Option<String>| {
        let same = form.as_deref() == inner.as_str();
        same.then(|| (function, inner.clone()))
    };
    match tag.as_str()? {
        "$date" => {
            let date = inner.as_str()?.parse::<civil::Date>().ok()?;
            say("date", in_range(date).then(|| date.to_string()))
        }
        "$time" => {
            let time = inner.as_str()?.parse::<civil::Time>().ok()?;
            say("localtime", whole(time).then(|| time.to_string()))
        }
        "$datetime" => {
            let moment = inner.as_str()?.parse::<civil::DateTime>().ok()?;
            let fits = in_range(moment.date()) && whole(moment.time());
            say("localdatetime", fits.then(|| moment.to_string()))
        }
        "$duration" => match inner {
            // Its parts are read as 32-bit floats, so none may be large.
            Value::Int(n @ 0..=86_400_000_000) => {
                let (days, rest) = (n / 86_400, n % 86_400);
                let (hours, minutes, seconds) = (rest / 3_600, rest / 60 % 60, rest % 60);
                let text = format!("P{days}DT{hours}H{minutes}M{seconds}S");
                Some(("duration", Value::text(text)))
            }
            _ => None,
        },
        "$point" => match inner {
            Value::Map(at) if at.len() == 2 => {
                let within = |name: &str, most: f64| match at.get(name) {
                    Some(Value::Float(f)) => is_single(*f) && f.abs() <= most,
                    _ => false,
                };
                let fits = within("latitude", 90.0) && within("longitude", 180.0);
                fits.then(|| ("point", inner.clone()))
            }
            _ => None,
        },
        "$vectorf32" => match inner {
            Value::List(items) => {
                let fits = |v: &Value| matches!(v, Value::Float(f) if is_single(*f));
                let all = !items.is_empty() && items.iter().all(fits);
                all.then(|| ("vecf32", inner.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn in_range(date: civil::Date) -> bool {
    (1..=9_999).contains(&date.year())
}

/// Whether a double is one of 32 bits.
fn is_single(value: f64) -> bool {
    value.is_finite() && f64::from(value as f32).to_bits() == value.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json;

    #[test]
    fn each_tells_its_type() {
        let all = [
            date(1_709_251_200),
            datetime(1_709_294_400),
            time(-2_208_945_599),
            duration(86_402),
            point(1.5, -2.0),
            vector(vec![1.0, 0.25]),
        ];
        let said: Vec<_> = all.iter().map(json::to_string).collect();
        assert_eq!(
            said,
            [
                r#"{"$date": "2024-03-01"}"#,
                r#"{"$datetime": "2024-03-01T12:00:00"}"#,
                r#"{"$time": "12:00:01"}"#,
                r#"{"$duration": 86402}"#,
                r#"{"$point": {"latitude": 1.5, "longitude": -2.0}}"#,
                r#"{"$vectorf32": [1.0, 0.25]}"#,
            ]
        );
    }

    #[test]
    fn only_what_comes_back_the_same_is_native() {
        let made = |value: &Value| native(value).map(|(maker, _)| (maker.function, maker.each));
        let tag = |tag: &str, value| tagged(tag, value);
        for (value, function) in [
            (date(1_709_251_200), "date"),
            (datetime(1_709_294_400), "localdatetime"),
            (time(-2_208_945_599), "localtime"),
            (duration(36_907_506), "duration"),
            (point(1.5, -2.0), "point"),
            (vector(vec![1.0, 0.1]), "vecf32"),
        ] {
            assert_eq!(made(&value), Some((function, false)));
            let list = Value::List(vec![value.clone(), value.clone()]);
            assert_eq!(made(&list), Some((function, true)));
            let mixed = Value::List(vec![value, Value::Int(1)]);
            assert_eq!(made(&mixed), None);
        }
        for value in [
            tag("$date", Value::text("2024-3-1")),
            tag("$date", Value::text("soon")),
            tag("$datetime", Value::text("2024-03-01T12:00:00.5")),
            tag("$duration", Value::Int(-5)),
            tag("$vectorf32", Value::List(vec![Value::Float(0.1)])),
            tag("$point", Value::Int(1)),
            tag("$other", Value::Int(1)),
            Value::text("2024-03-01"),
            Value::Map(Map::new()),
            Value::List(Vec::new()),
            Value::List(vec![date(1_709_251_200), time(-2_208_945_599)]),
        ] {
            assert_eq!(made(&value), None, "{}", json::to_string(&value));
        }
    }
}
