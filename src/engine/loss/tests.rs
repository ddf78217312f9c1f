//! What a target can hold, and what is told to be lost.

use super::*;

fn made(map: &[(&str, Value)], row: Row) -> Option<(Value, Value)> {
    let pairs = map.iter().map(|(k, v)| ((*k).into(), v.clone())).collect();
    let relationship = Relationship {
        key: Key::text("r"),
        from: Key::text("a"),
        to: Key::text("b"),
        rel_type: "SOLVES".into(),
        properties: Properties::Typed(Map::from_pairs(pairs)),
        row,
    };
    let to = Capabilities {
        any_times: false,
        ..Capabilities::EVERYTHING
    };
    let mut forecast = Forecast::default();
    let record = Record::Relationship(relationship);
    let fitted = Fit::new(to).fit(&record, &Canon::new(), &mut forecast);
    let told = !forecast.losses(&BTreeSet::new()).is_empty();
    match fitted {
        Fitted::Changed(new) => {
            let row = new.row();
            assert!(told, "a loss is named");
            Some((row.valid_from.clone()?, row.recorded_at.clone()?))
        }
        _ => {
            assert!(!told);
            None
        }
    }
}

#[test]
fn times_that_a_target_must_have_are_made_and_named() {
    let time = || Value::text("2024-03-01T12:00:00Z");
    let both = [("valid_from", time()), ("recorded_at", Value::Int(5))];
    assert_eq!(made(&both, Row::default()), None);
    let column = Row {
        valid_from: Some(Value::text("whatever")),
        recorded_at: Some(Value::Float(1.5)),
        ..Row::default()
    };
    assert_eq!(made(&[], column), None, "came from such a column");
    let none = Value::text(NO_TIME);
    assert_eq!(made(&[], Row::default()), Some((none.clone(), none)));
    let odd = [
        ("created_at", time()),
        ("valid_from", Value::text("2024")),
        ("recorded_at", Value::Null),
    ];
    assert_eq!(made(&odd, Row::default()), Some((time(), time())));
}
