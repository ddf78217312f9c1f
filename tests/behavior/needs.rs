//! What records ask of a store, worked out from the records alone: the suite's own
//! reading of what each capability means.

use crate::help::digest;
use memferry::model::time::Instant;
use memferry::model::{Canon, Key, Kind, Properties, Record, Relationship, Text, Value};
use memferry::store::{Capabilities, Ids, Labels};
use std::collections::{BTreeSet, HashSet};

/// Names of capabilities, as their fields are called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Those for which a store that lacks them has no other form.
    pub shape: BTreeSet<&'static str>,
    /// Those for which every store has an encoding.
    pub values: BTreeSet<&'static str>,
}

impl Needs {
    /// Whether nothing is lacking.
    pub fn none(&self) -> bool {
        self.shape.is_empty() && self.values.is_empty()
    }
}

/// What these records need and a store does not declare.
pub fn lacking(records: &[Record], holds: &Capabilities) -> Needs {
    let mut needs = Needs::default();
    let mut looker = Looker {
        holds,
        needs: &mut needs,
    };
    for record in records {
        looker.record(record);
    }
    looker.ends(records);
    needs
}

struct Looker<'a> {
    holds: &'a Capabilities,
    needs: &'a mut Needs,
}

impl Looker<'_> {
    fn shape(&mut self, held: bool, name: &'static str) {
        if !held {
            self.needs.shape.insert(name);
        }
    }

    fn value_kind(&mut self, held: bool, name: &'static str) {
        if !held {
            self.needs.values.insert(name);
        }
    }

    fn record(&mut self, record: &Record) {
        let holds = self.holds;
        let fits = holds
            .max_record
            .is_none_or(|max| record.size() as u64 <= max);
        self.shape(fits, "max_record");
        self.key(record.key());
        match record {
            Record::Node(node) => {
                let memory = node.labels.len() == 1 && node.labels[0] == *"Memory";
                let fits = match holds.labels {
                    Labels::Any => true,
                    Labels::One => node.labels.len() == 1,
                    Labels::MemoryOnly => memory,
                };
                self.shape(fits, "labels");
                node.labels.iter().for_each(|l| self.plain_text(l));
            }
            Record::Relationship(r) => {
                self.key(&r.from);
                self.key(&r.to);
                self.plain_text(&r.rel_type);
                self.shape(holds.any_times || has_times(r), "any_times");
                self.shape(holds.self_loops || r.from != r.to, "self_loops");
                for (_, value) in r.row.temporal() {
                    value.iter().for_each(|v| self.value(v));
                }
            }
        }
        if let Properties::Stored(_) = record.properties() {
            let mut canon = Canon::new();
            canon.digest(record);
            let plain = canon.is_map() && !canon.has_repeated_key();
            self.shape(holds.stored_text || plain, "stored_text");
        }
        let Some(map) = record.properties().map() else {
            return;
        };
        let own = match record.key() {
            Key::Id(value) => value.clone(),
            derived => Value::text(derived.display()),
        };
        let same = map.get("id").is_none_or(|id| *id == own);
        self.shape(holds.id_beside_properties || same, "id_beside_properties");
        if matches!(record.properties(), Properties::Stored(_)) && holds.stored_text {
            return;
        }
        for (key, value) in map.iter() {
            self.text(key);
            self.value(value);
        }
    }

    fn key(&mut self, key: &Key) {
        match key {
            Key::Derived(_) => {}
            Key::Id(Value::Text(text)) => self.plain_text(text),
            Key::Id(_) => self.shape(self.holds.ids == Ids::Any, "ids"),
        }
    }

    /// Text that has no place for an encoding beside it.
    fn plain_text(&mut self, text: &Text) {
        let whole = self.holds.broken_text || text.as_str().is_some();
        self.shape(whole, "broken_text");
        self.shape(self.holds.nul || !text.as_bytes().contains(&0), "nul");
    }

    fn text(&mut self, text: &Text) {
        let whole = self.holds.broken_text || text.as_str().is_some();
        self.value_kind(whole, "broken_text");
        self.shape(self.holds.nul || !text.as_bytes().contains(&0), "nul");
    }

    fn value(&mut self, value: &Value) {
        let holds = self.holds;
        match value {
            Value::Null => self.value_kind(holds.nulls, "nulls"),
            Value::Bool(_) | Value::Int(_) => {}
            Value::BigInt(_) => self.value_kind(holds.big_integers, "big_integers"),
            Value::Float(f) => self.value_kind(holds.non_finite || f.is_finite(), "non_finite"),
            Value::Text(text) => self.text(text),
            Value::Bytes(_) => self.value_kind(holds.bytes, "bytes"),
            Value::List(list) => self.list(list),
            Value::Map(map) => {
                self.value_kind(holds.maps, "maps");
                for (key, value) in map.iter() {
                    self.text(key);
                    self.value(value);
                }
            }
        }
    }

    fn list(&mut self, list: &[Value]) {
        let holds = self.holds;
        let of = |test: fn(&Value) -> bool| list.iter().any(test);
        let nested = of(|v| matches!(v, Value::List(_)));
        self.value_kind(holds.nested_lists || !nested, "nested_lists");
        let null = of(|v| matches!(v, Value::Null));
        self.value_kind(holds.nulls_in_lists || !null, "nulls_in_lists");
        let types: HashSet<_> = list
            .iter()
            .filter(|v| !matches!(v, Value::Null))
            .map(std::mem::discriminant)
            .collect();
        self.value_kind(holds.mixed_lists || types.len() < 2, "mixed_lists");
        for item in list.iter().filter(|v| !matches!(v, Value::Null)) {
            self.value(item);
        }
    }

    fn ends(&mut self, records: &[Record]) {
        let nodes: HashSet<_> = records
            .iter()
            .filter(|r| r.kind() == Kind::Node)
            .map(|r| Canon::key_hash(Kind::Node, r.key()))
            .collect();
        let mut triples = HashSet::new();
        for record in records {
            let Record::Relationship(r) = record else {
                continue;
            };
            let [from, to] = [&r.from, &r.to].map(|end| Canon::key_hash(Kind::Node, end));
            let whole = nodes.contains(&from) && nodes.contains(&to);
            self.shape(self.holds.dangling || whole, "dangling");
            let first = triples.insert((from, r.rel_type.clone(), to));
            self.shape(self.holds.parallel || first, "parallel");
        }
    }
}

/// Whether a relationship's times are there and look like times.
fn has_times(r: &Relationship) -> bool {
    let map = r.properties.map();
    let columns = [
        ("valid_from", &r.row.valid_from),
        ("recorded_at", &r.row.recorded_at),
    ];
    columns.into_iter().all(|(name, column)| {
        let property = map.as_deref().and_then(|map| map.get(name));
        match column.as_ref().or(property) {
            Some(Value::Int(_)) => true,
            Some(Value::Text(text)) => text.as_str().and_then(Instant::parse).is_some(),
            _ => false,
        }
    })
}

/// Fails unless the record that was read is the one that was written.
pub fn assert_kept(written: &Record, read: Option<&Record>, holds: &Capabilities) {
    let name = written.key().display();
    let read = read.unwrap_or_else(|| panic!("{name:.80?} is missing"));
    let (a, b) = (digest(written), digest(read));
    assert!(a.matches(&b), "{name:.80?} differs: {read:.2000?}");
    if holds.rows && a.row.is_some() {
        assert!(b.row.is_some(), "{name:.80?} lost its row");
    }
}
