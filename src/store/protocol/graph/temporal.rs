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
}
