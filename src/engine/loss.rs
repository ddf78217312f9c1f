//! What a target cannot hold: each record is fitted to the target's capabilities, and
//! what that costs is counted by name. The stage keeps the record as it was; import
//! and verification both work with what fits.

use crate::model::equal::NULL_IS_ABSENT;
use crate::model::json::MAX_DEPTH;
use crate::model::memory::{self};
use crate::model::time::Instant;
use crate::model::{Canon, Key, Map, Node, Properties, Record, Relationship, Row, Text, Value};
use crate::report::Loss;
use crate::store::{Capabilities, Ids, Labels};
use std::collections::{BTreeMap, BTreeSet};

/// Largest record that moves at all, in bytes.
pub const MAX_RECORD: usize = 32 << 20;

/// The loss of a record that is larger than that, or than the target takes.
pub const TOO_LARGE: &str = "record:too-large";

/// What becomes of it.
pub const TOO_LARGE_MEANS: &str = "records larger than can be moved are left out";

/// Examples kept of each loss.
pub const EXAMPLES: usize = 5;

/// Losses told apart by name; a store in which every record has a field of its own would
/// fill memory.
const MOST_NAMES: usize = 1_000;

/// Characters of a key or a name that are kept for people.
const LONGEST: usize = 200;

/// A key for people, cut where it is very long.
pub fn short_key(key: &Key) -> String {
    short(key.display())
}

/// A name for people, cut where it is very long.
pub fn short(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// A record as the target can hold it.
pub enum Fitted {
    /// As it is.
    AsIs,
    /// As it is, but for what its row alone keeps.
    Bare,
    /// With something changed.
    Changed(Box<Record>),
    /// Not at all.
    LeftOut,
}

/// Losses and equivalences, counted.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    /// With the last record that suffered it: what one record loses twice counts once.
    losses: BTreeMap<String, (u64, Loss)>,
    /// How often each equivalence was used.
    pub equivalences: BTreeMap<String, u64>,
    /// Records so far.
    record: u64,
}

impl Forecast {
    /// Counts a loss.
    pub fn lose(&mut self, name: &str, what: &str, key: &Key) {
        let record = self.record;
        let (last, loss) = self.entry(name, what);
        if loss.records > 0 && *last == record {
            return;
        }
        *last = record;
        loss.records += 1;
        if loss.examples.len() < EXAMPLES {
            loss.examples.push(short_key(key));
        }
    }

    /// Counts a loss of so many records at once, some of them by key.
    pub fn lose_many(&mut self, name: &str, what: &str, records: u64, examples: &[String]) {
        if records == 0 {
            return;
        }
        let loss = &mut self.entry(name, what).1;
        loss.records += records;
        let room = EXAMPLES.saturating_sub(loss.examples.len());
        loss.examples.extend(examples.iter().take(room).cloned());
    }

    fn entry(&mut self, name: &str, what: &str) -> &mut (u64, Loss) {
        let name = match self.losses.len() < MOST_NAMES || self.losses.contains_key(name) {
            true => name.to_owned(),
            // The part behind the colon says what is lost; the field is one of many.
            false => format!("(other){}", name.rfind(':').map_or("", |at| &name[at..])),
        };
        self.losses.entry(name.clone()).or_insert_with(|| {
            let loss = Loss {
                name,
                what: what.to_owned(),
                records: 0,
                examples: Vec::new(),
                accepted: false,
            };
            (0, loss)
        })
    }

    fn equal(&mut self, name: &str) {
        match self.equivalences.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.equivalences.insert(name.to_owned(), 1);
            }
        }
    }

    /// The losses by name, with those marked that were accepted.
    pub fn losses(&self, accepted: &BTreeSet<String>) -> Vec<Loss> {
        let mut losses: Vec<Loss> = self.losses.values().map(|(_, l)| l.clone()).collect();
        for loss in &mut losses {
            loss.accepted = accepted.contains(&loss.name);
        }
        losses
    }
}

/// Counts what equals without being the same, of a record that is taken as it is.
fn count_equals(record: &Record, canon: &Canon, forecast: &mut Forecast) {
    let row = record.row();
    if row.created_at.is_some() || row.updated_at.is_some() {
        forecast.equal("row-times");
    }
    if canon.property("id").is_none() {
        forecast.equal("own-id");
    }
    let Record::Relationship(_) = record else {
        return;
    };
    let columns = row.temporal();
    for (name, value) in &columns {
        let (Some(Value::Text(value)), Some(copy)) = (value, canon.property(name)) else {
            continue;
        };
        if copy.first() != Some(&b'S') || canon.text(name) != Some(value.as_bytes()) {
            forecast.equal("stale-copy");
        }
    }
    for name in NULL_IS_ABSENT {
        let from_row = columns.iter().any(|(n, v)| *n == name && v.is_some());
        if !from_row && canon.property(name) == Some(b"N") {
            forecast.equal("null-absent");
        }
    }
}

/// Fits records to a target.
#[derive(Clone, Copy)]
pub struct Fit {
    to: Capabilities,
    holds_all: bool,
    /// Takes stored text that is plain for the values it says.
    reads_text: bool,
}

impl Fit {
    /// To a target with these capabilities.
    pub fn new(to: Capabilities) -> Self {
        let holds_all = to.stored_text
            && to.rows
            && to.ids == Ids::Any
            && to.id_beside_properties
            && to.nul
            && to.broken_text
            && to.labels != Labels::MemoryOnly
            && to.self_loops;
        let reads_text =
            !to.stored_text && !to.rows && !to.id_beside_properties && !to.nulls && to.any_times;
        Self {
            to,
            holds_all,
            reads_text,
        }
    }

    /// A record as the target can hold it. `canon` has just digested it.
    pub fn fit(&self, record: &Record, canon: &Canon, forecast: &mut Forecast) -> Fitted {
        forecast.record += 1;
        if self
            .to
            .max_record
            .is_some_and(|most| record.size() as u64 > most)
        {
            forecast.lose(TOO_LARGE, TOO_LARGE_MEANS, record.key());
            return Fitted::LeftOut;
        }
        let one_label = match record {
            Record::Node(n) => n.labels.len() == 1,
            Record::Relationship(_) => true,
        };
        if self.holds_all && (one_label || self.to.labels == Labels::Any) {
            return match record {
                Record::Relationship(r) if !self.to.any_times => fit_times(r, forecast),
                _ => Fitted::AsIs,
            };
        }
        if self.reads_text && self.is_plain(record, canon) {
            count_equals(record, canon, forecast);
            return Fitted::Bare;
        }
        match record {
            Record::Node(node) => self.fit_node(node, canon, forecast),
            Record::Relationship(relationship) => {
                self.fit_relationship(relationship, canon, forecast)
            }
        }
    }

    /// Whether nothing of a record would be lost or changed, as far as a look at what was
    /// digested tells: most are, and need not be taken apart for it.
    fn is_plain(&self, record: &Record, canon: &Canon) -> bool {
        let says =
            |text: &Text| (self.to.nul || !text.as_bytes().contains(&0)) && text.as_str().is_some();
        let names = |key: &Key| matches!(key, Key::Id(Value::Text(text)) if says(text));
        let of_kind = match record {
            Record::Node(n) => {
                let fits = match self.to.labels {
                    Labels::Any => true,
                    Labels::One => n.labels.len() == 1,
                    Labels::MemoryOnly => n.labels.len() == 1 && memory::is_memory(n),
                };
                fits && n.labels.iter().all(says)
            }
            Record::Relationship(r) => {
                let columns = r.row.temporal();
                let mut columns = columns
                    .iter()
                    .filter_map(|(name, v)| Some((name, v.as_ref()?)));
                names(&r.from)
                    && names(&r.to)
                    && (self.to.self_loops || r.from != r.to)
                    && says(&r.rel_type)
                    && columns.all(|(name, value)| match value {
                        Value::Text(text) => says(text),
                        Value::Null => NULL_IS_ABSENT.contains(name),
                        _ => false,
                    })
            }
        };
        let own_id = match (canon.property("id"), record.key()) {
            (None, _) => true,
            (Some(_), Key::Id(Value::Text(key))) => canon.text("id") == Some(key.as_bytes()),
            _ => false,
        };
        of_kind
            && own_id
            && names(record.key())
            && canon.is_portable(record.properties())
            && (self.to.nul || !canon.has_nul())
    }

    fn fit_node(&self, node: &Node, canon: &Canon, forecast: &mut Forecast) -> Fitted {
        let mut new = node.clone();
        match self.to.labels {
            Labels::MemoryOnly if !memory::is_memory(node) => {
                forecast.lose(
                    "node:not-a-memory",
                    "nodes that are no memories are left out",
                    &node.key,
                );
                return Fitted::LeftOut;
            }
            Labels::MemoryOnly | Labels::One if node.labels.len() > 1 => {
                forecast.lose(
                    "labels:several",
                    "only one label of each node is kept",
                    &node.key,
                );
                let kept = node.labels.iter().find(|l| **l == *memory::LABEL);
                new.labels = vec![kept.unwrap_or(&node.labels[0]).clone()];
            }
            Labels::One if node.labels.is_empty() => {
                forecast.lose(
                    "labels:none",
                    "nodes without a label get the label Node",
                    &node.key,
                );
                new.labels = vec!["Node".into()];
            }
            _ => {}
        }
        for label in &mut new.labels {
            self.fit_name("labels", label, &node.key, forecast);
        }
        new.key = self.fit_key("id", &node.key, &node.key, forecast);
        let Some(properties) =
            self.fit_properties(&node.properties, &new.key, canon, forecast, &[])
        else {
            return Fitted::LeftOut;
        };
        new.properties = properties;
        new.row = self.fit_row(&node.row, forecast);
        Fitted::Changed(Box::new(Record::Node(new)))
    }

    fn fit_relationship(
        &self,
        old: &Relationship,
        canon: &Canon,
        forecast: &mut Forecast,
    ) -> Fitted {
        if !self.to.self_loops && old.from == old.to {
            forecast.lose(
                "relationship:self-loop",
                "relationships from a node to itself are left out",
                &old.key,
            );
            return Fitted::LeftOut;
        }
        let mut new = old.clone();
        self.fit_name("type", &mut new.rel_type, &old.key, forecast);
        new.key = self.fit_key("id", &old.key, &old.key, forecast);
        new.from = self.fit_key("from", &old.from, &old.key, forecast);
        new.to = self.fit_key("to", &old.to, &old.key, forecast);
        let columns = old.row.temporal();
        let Some(properties) =
            self.fit_properties(&old.properties, &new.key, canon, forecast, &columns)
        else {
            return Fitted::LeftOut;
        };
        new.properties = properties;
        new.row = self.fit_row(&old.row, forecast);
        if !self.to.any_times
            && let Fitted::Changed(timed) = fit_times(&new, forecast)
        {
            return Fitted::Changed(timed);
        }
        Fitted::Changed(Box::new(Record::Relationship(new)))
    }

    fn fit_row(&self, row: &Row, forecast: &mut Forecast) -> Row {
        if self.to.rows {
            return row.clone();
        }
        if row.created_at.is_some() || row.updated_at.is_some() {
            forecast.equal("row-times");
        }
        Row::default()
    }

    fn fit_key(&self, field: &str, key: &Key, of: &Key, forecast: &mut Forecast) -> Key {
        match key {
            Key::Id(Value::Text(text)) => {
                let mut text = text.clone();
                self.fit_name(field, &mut text, of, forecast);
                Key::Id(Value::Text(text))
            }
            Key::Id(_) if self.to.ids == Ids::Text => {
                let name = format!("{field}:type");
                forecast.lose(&name, "an id that is no text becomes text", of);
                Key::text(key.display())
            }
            other => other.clone(),
        }
    }

    /// The properties in a type the target has; `None` if the record cannot move.
    fn fit_properties(
        &self,
        properties: &Properties,
        key: &Key,
        canon: &Canon,
        forecast: &mut Forecast,
        columns: &[(&'static str, &Option<Value>)],
    ) -> Option<Properties> {
        if self.to.stored_text && self.to.nul && self.to.broken_text && self.to.id_beside_properties
        {
            return Some(properties.clone());
        }
        let Some(map) = properties.map() else {
            let what = "records whose properties are no JSON object are left out";
            forecast.lose("properties:unreadable", what, key);
            return None;
        };
        if canon.has_repeated_key() {
            let what = "of a key that stands twice, only the last value is kept";
            forecast.lose("properties:repeated-key", what, key);
        }
        let mut map = map.into_owned();
        if !self.to.rows {
            self.merge_columns(&mut map, columns, forecast);
        }
        let relationship = !columns.is_empty();
        let mut pairs = Vec::with_capacity(map.len());
        for (mut name, mut value) in map {
            let shown = short(name.to_lossy().into_owned());
            if relationship
                && !self.to.nulls
                && matches!(value, Value::Null)
                && NULL_IS_ABSENT.contains(&shown.as_str())
            {
                forecast.equal("null-absent");
                continue;
            }
            self.fit_text("properties", &mut name, key, forecast);
            self.fit_value(&shown, &mut value, key, forecast, 0);
            pairs.push((name, value));
        }
        let mut map = Map::from_pairs(pairs);
        if !self.to.id_beside_properties {
            self.fit_own_id(&mut map, key, forecast);
        }
        Some(Properties::Typed(map))
    }

    /// A temporal column wins over the property of its name.
    fn merge_columns(
        &self,
        map: &mut Map,
        columns: &[(&'static str, &Option<Value>)],
        forecast: &mut Forecast,
    ) {
        for (name, value) in columns {
            match value {
                Some(Value::Null) if NULL_IS_ABSENT.contains(name) => {
                    map.remove(name);
                }
                Some(value) => {
                    if map.get(name).is_some_and(|old| old != value) {
                        forecast.equal("stale-copy");
                    }
                    map.insert(*name, value.clone());
                }
                None => {}
            }
        }
    }

    /// The property `id` is the key there.
    fn fit_own_id(&self, map: &mut Map, key: &Key, forecast: &mut Forecast) {
        let own = match key {
            Key::Id(value) => value.clone(),
            Key::Derived(_) => Value::text(key.display()),
        };
        match map.get("id") {
            Some(id) if *id != own => {
                let what = "a property id that differs from the record's key is replaced by it";
                forecast.lose("id:mismatch", what, key);
            }
            Some(_) => {}
            None => forecast.equal("own-id"),
        }
        map.insert("id", own);
    }

    fn fit_value(
        &self,
        field: &str,
        value: &mut Value,
        key: &Key,
        forecast: &mut Forecast,
        depth: usize,
    ) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::Text(text) => self.fit_text(field, text, key, forecast),
            Value::List(list) => {
                for item in list {
                    self.fit_value(field, item, key, forecast, depth + 1);
                }
            }
            Value::Map(map) => {
                let pairs = std::mem::take(map)
                    .into_iter()
                    .map(|(mut name, mut value)| {
                        self.fit_text(field, &mut name, key, forecast);
                        self.fit_value(field, &mut value, key, forecast, depth + 1);
                        (name, value)
                    });
                *map = Map::from_pairs(pairs.collect());
            }
            _ => {}
        }
    }

    /// Text that cannot be encoded behind the reserved property: a key, label or type.
    fn fit_name(&self, field: &str, text: &mut Text, key: &Key, forecast: &mut Forecast) {
        self.fit_text(field, text, key, forecast);
        if !self.to.broken_text && text.as_str().is_none() {
            let name = format!("{field}:broken-text");
            forecast.lose(&name, "each byte that is no UTF-8 becomes U+FFFD", key);
            *text = Text::from(text.to_lossy().into_owned());
        }
    }

    fn fit_text(&self, field: &str, text: &mut Text, key: &Key, forecast: &mut Forecast) {
        if !self.to.nul && text.as_bytes().contains(&0) {
            let name = format!("{field}:nul");
            forecast.lose(&name, "each NUL character becomes U+FFFD", key);
            let mut out = Vec::with_capacity(text.len() + 8);
            for (i, part) in text.as_bytes().split(|b| *b == 0).enumerate() {
                if i > 0 {
                    out.extend_from_slice("\u{FFFD}".as_bytes());
                }
                out.extend_from_slice(part);
            }
            *text = Text::from_bytes(out);
        }
    }
}

/// Where a relationship says nothing of when it was made.
const NO_TIME: &str = "1970-01-01 00:00:00";

/// Gives a relationship the times that the target must have: those it lacks, or has in
/// another form, from its `created_at`.
fn fit_times(old: &Relationship, forecast: &mut Forecast) -> Fitted {
    let row = &old.row;
    // What stood in such a column fits into one.
    let fits = |column: &Option<Value>| column.as_ref().is_some_and(|v| *v != Value::Null);
    if fits(&row.valid_from) && fits(&row.recorded_at) {
        return Fitted::AsIs;
    }
    let map = old.properties.map();
    let property = |name: &str| {
        let value = map.as_deref()?.get(name)?;
        let is_time = match value {
            Value::Int(_) => true,
            Value::Text(text) => text.as_str().and_then(Instant::parse).is_some(),
            _ => false,
        };
        is_time.then(|| value.clone())
    };
    let mut new_row = row.clone();
    let mut made = false;
    for (name, column) in [
        ("valid_from", &mut new_row.valid_from),
        ("recorded_at", &mut new_row.recorded_at),
    ] {
        if !fits(column) && (column.is_some() || property(name).is_none()) {
            let time = property("created_at").unwrap_or_else(|| Value::text(NO_TIME));
            *column = Some(time);
            made = true;
        }
    }
    if !made {
        return Fitted::AsIs;
    }
    forecast.lose(
        "relationship:times",
        "relationships that do not say when they hold get the time they were made, or 1970",
        &old.key,
    );
    Fitted::Changed(Box::new(Record::Relationship(Relationship {
        row: new_row,
        ..old.clone()
    })))
}

#[cfg(test)]
mod tests;
