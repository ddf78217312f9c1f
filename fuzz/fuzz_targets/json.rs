//! JSON as memorygraph writes it: whatever is read is written and read back equal, and
//! text has the digest of the values in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use memferry::model::json::{self, Style};
use memferry::model::{Canon, Key, Node, Properties, Record, Row, Text, Value};

fn node(properties: Properties) -> Record {
    Record::Node(Node {
        key: Key::text("k"),
        labels: vec!["Memory".into()],
        properties,
        row: Row::default(),
    })
}

fuzz_target!(|bytes: &[u8]| {
    let mut canon = Canon::new();
    let stored = node(Properties::Stored(Value::Text(Text::from_bytes(bytes))));
    canon.digest(&stored);
    let of_text = canon.bytes().to_vec();
    let repeated = canon.has_repeated_key();
    let portable = canon.is_portable(stored.properties());
    assert_eq!(portable, json::is_portable_object(bytes));

    let value = match json::parse(bytes) {
        Ok(value) => value,
        Err(problem) => {
            assert!(problem.at <= bytes.len());
            assert!(!canon.is_map() && !portable);
            return;
        }
    };
    for style in [Style::PYTHON, Style::COMPACT] {
        let mut text = Vec::new();
        json::write_value(&mut text, &value, style);
        let again = json::parse(&text).expect("what is written can be read");
        assert_eq!(again, value);
        assert!(!style.ascii || text.is_ascii());
    }
    if portable && let Err(refused) = serde_json::from_slice::<serde_json::Value>(bytes) {
        // Its own limit is lower than ours; anything else it must take.
        assert!(refused.to_string().contains("recursion"), "{refused}");
    }
    let Value::Map(map) = value else {
        assert!(!canon.is_map());
        return;
    };
    assert!(canon.is_map());
    if !repeated {
        canon.digest(&node(Properties::Typed(map)));
        assert_eq!(canon.bytes(), of_text);
    }
});
