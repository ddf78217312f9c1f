//! Differences with their values, for people: records are looked up again, taken apart
//! into named parts and held against each other. However large they are, only so many
//! bytes of values are kept; beyond that, a difference is named without them.

use super::census::Census;
use super::decide::Decisions;
use super::export::open_stage;
use super::loss::short;
use super::verify::Found;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, KeyHash, Kind, Record, Value, memory};
use crate::report::{Difference, Field, FieldValue, Mark};
use crate::store::{Limit, Snapshot, Unreadable};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// Most characters of a value.
const LONGEST: usize = 64 << 10;

/// Bytes of values kept of one side.
const MOST: usize = 24 << 20;

/// What is shown of records, by what joins them.
#[derive(Default)]
pub struct Shown {
    portraits: HashMap<KeyHash, Portrait>,
    bytes: usize,
    canon: Canon,
}

/// What is shown of a record.
struct Portrait {
    kind: Kind,
    key: String,
    type_name: String,
    title: String,
    /// None: there was no more room.
    parts: Option<BTreeMap<String, Part>>,
}

struct Part {
    shown: FieldValue,
    hash: blake3::Hash,
}

impl Shown {
    /// Takes in a record.
    pub fn add(&mut self, key: KeyHash, record: &Record) {
        self.canon.digest(record);
        let title = match record {
            Record::Node(n) => memory::Memory::of(n).title.unwrap_or_default(),
            Record::Relationship(r) => format!("{} → {}", r.from.display(), r.to.display()),
        };
        let mut parts = None;
        if self.bytes < MOST {
            let flat = flat(record);
            let made: BTreeMap<_, _> = flat.into_iter().map(|(n, v)| (n, part(&v))).collect();
            let size = |(name, part): (&String, &Part)| name.len() + part.shown.text.len() + 100;
            self.bytes += made.iter().map(size).sum::<usize>();
            parts = Some(made);
        }
        let portrait = Portrait {
            kind: record.kind(),
            key: short(record.key().display()),
            type_name: short(memory::type_name(record, &self.canon)),
            title: short(title),
            parts,
        };
        self.portraits.insert(key, portrait);
    }

    /// Takes in what a record is called, where nothing else is known of it.
    pub fn name(&mut self, hash: KeyHash, kind: Kind, key: &Key) {
        let portrait = Portrait {
            kind,
            key: short(key.display()),
            type_name: String::new(),
            title: String::new(),
            parts: None,
        };
        self.portraits.entry(hash).or_insert(portrait);
    }

    /// Forgets all values: they may not be those that were meant.
    pub fn names_only(mut self) -> Self {
        self.portraits.values_mut().for_each(|p| p.parts = None);
        self
    }

    /// Takes over what it does not know itself.
    pub fn merge(&mut self, other: Self) {
        for (key, portrait) in other.portraits {
            self.portraits.entry(key).or_insert(portrait);
        }
    }

    /// Whether it knows that record.
    pub fn has(&self, key: &KeyHash) -> bool {
        self.portraits.contains_key(key)
    }
}

fn part(value: &Value) -> Part {
    let mut text = match value {
        Value::Text(t) => t.to_lossy().into_owned(),
        other => crate::model::json::to_string(other),
    };
    let mut bytes = Vec::new();
    crate::model::canonical::write_value(&mut bytes, value);
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(at);
        text.push('…');
    }
    Part {
        shown: FieldValue {
            type_name: value.type_name().to_owned(),
            text,
        },
        hash: blake3::hash(&bytes),
    }
}

/// A difference between what is shown of two sides.
pub fn difference(found: &Found, source: &Shown, target: &Shown) -> Difference {
    let (mark, key) = (found.mark, &found.key);
    let (source, target) = (source.portraits.get(key), target.portraits.get(key));
    let Some(known) = source.or(target) else {
        let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
        return Difference {
            mark,
            kind: found.kind,
            key: format!("#{hex}"),
            type_name: String::new(),
            title: "only this digest of its id is known".to_owned(),
            fields: Vec::new(),
        };
    };
    Difference {
        mark,
        kind: known.kind,
        key: known.key.clone(),
        type_name: known.type_name.clone(),
        title: known.title.clone(),
        fields: fields(source, target),
    }
}

/// The fields in which both sides of a key differ, and what it is: its kind, key and title.
pub fn conflict(
    key: &KeyHash,
    source: &Shown,
    target: &Shown,
) -> Option<(Kind, [String; 2], Vec<Field>)> {
    let (source, target) = (source.portraits.get(key)?, target.portraits.get(key)?);
    let fields = fields(Some(source), Some(target));
    let names = [source.key.clone(), source.title.clone()];
    Some((source.kind, names, fields))
}

fn fields(source: Option<&Portrait>, target: Option<&Portrait>) -> Vec<Field> {
    // Without the values of one side there is nothing to hold against the other.
    if [source, target].iter().flatten().any(|p| p.parts.is_none()) {
        return Vec::new();
    }
    let empty = BTreeMap::new();
    let left = source.and_then(|p| p.parts.as_ref()).unwrap_or(&empty);
    let right = target.and_then(|p| p.parts.as_ref()).unwrap_or(&empty);
    let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let hash = |part: Option<&Part>| part.map(|p| p.hash);
    // A column that one of the two stores does not have is no difference between them.
    let both = [source, target].iter().all(|side| side.is_some());
    names
        .into_iter()
        .filter(|name| {
            let of_both = left.contains_key(*name) && right.contains_key(*name);
            !both || of_both || !ROW.contains(&name.as_str())
        })
        .filter(|name| hash(left.get(*name)) != hash(right.get(*name)))
        .map(|name| Field {
            name: name.clone(),
            source: left.get(name).map(|p| p.shown.clone()),
            target: right.get(name).map(|p| p.shown.clone()),
        })
        .collect()
}

/// The columns of a row that memorygraph never reads (`row-times`).
const ROW: [&str; 2] = ["(row created_at)", "(row updated_at)"];

/// Everything that the digest covers, by name.
fn flat(record: &Record) -> BTreeMap<String, Value> {
    use crate::model::{Properties, Text, equal};
    let mut out = BTreeMap::new();
    match record.properties().map() {
        Some(map) => {
            for (name, value) in map.iter() {
                let name = short(name.to_lossy().into_owned());
                let absent = record.kind() == Kind::Relationship
                    && *value == Value::Null
                    && equal::NULL_IS_ABSENT.contains(&name.as_str());
                if !absent {
                    out.insert(name, value.clone());
                }
            }
        }
        None => {
            if let Properties::Stored(cell) = record.properties() {
                out.insert("(properties)".into(), cell.clone());
            }
        }
    }
    let row = record.row();
    match record {
        Record::Node(node) => {
            let labels = node.labels.iter().cloned().map(Value::Text).collect();
            out.insert("(labels)".into(), Value::List(labels));
        }
        Record::Relationship(r) => {
            for (name, value) in row.temporal() {
                match value {
                    Some(Value::Null) if equal::NULL_IS_ABSENT.contains(&name) => {
                        out.remove(name);
                    }
                    Some(value) => {
                        out.insert(name.to_owned(), value.clone());
                    }
                    None => {}
                }
            }
            out.insert("(from)".into(), Value::Text(Text::from(r.from.display())));
            out.insert("(to)".into(), Value::Text(Text::from(r.to.display())));
            out.insert("(type)".into(), Value::Text(r.rel_type.clone()));
        }
    }
    for (name, column) in ROW.into_iter().zip([&row.created_at, &row.updated_at]) {
        if let Some(value) = column {
            out.insert(name.into(), value.clone());
        }
    }
    out
}

/// What a snapshot shows of these keys: one more scan, so only for differences.
pub async fn fetch(
    snapshot: &mut dyn Snapshot,
    wanted: impl IntoIterator<Item = KeyHash>,
) -> Result<Shown> {
    let wanted: std::collections::HashSet<_> = wanted.into_iter().collect();
    let mut state = (Shown::default(), wanted);
    for kind in Kind::BOTH {
        let mut after = None;
        while state.0.portraits.len() < state.1.len() {
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            after = page.next;
            let records = page.records;
            state = super::blocking(move || {
                let (mut shown, wanted) = state;
                for record in &records {
                    let key = Canon::key_hash(kind, record.key());
                    if wanted.contains(&key) && !shown.has(&key) {
                        shown.add(key, record);
                    }
                }
                Ok((shown, wanted))
            })
            .await?;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(state.0)
}

/// A stage, and how its records become those of the target.
pub struct Staging {
    /// The archive.
    pub path: PathBuf,
    /// Fits records to the target.
    pub census: Census,
    /// What was decided about them.
    pub decisions: Decisions,
}

/// What a stage shows of the records at these positions, as the target shall have them.
pub async fn fetch_staged(staging: Staging, mut positions: Vec<u64>) -> Result<Shown> {
    positions.sort_unstable();
    positions.dedup();
    super::blocking(move || {
        let mut shown = Shown::default();
        if positions.is_empty() {
            return Ok(shown);
        }
        let mut stage = open_stage(&staging.path)?;
        let (mut census, mut decided) = (staging.census, staging.decisions.read());
        for position in positions {
            // An archive counts its records from 1.
            let record = match stage.record(position + 1) {
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                found => found?,
            };
            census.next = position;
            if let Some(staged) = census.take_as(record, decided.of(position)?)? {
                let key = Canon::key_hash(staged.record.kind(), staged.record.key());
                shown.add(key, &staged.record);
            }
        }
        Ok(shown)
    })
    .await
}

/// Differences with their values, in the order found.
pub async fn explain(
    found: &[Found],
    staging: Staging,
    actual: &mut dyn Snapshot,
) -> Result<Vec<Difference>> {
    let there = fetch(actual, found.iter().map(|f| f.key)).await?;
    let positions = found.iter().filter_map(|f| f.staged).collect();
    let staged = fetch_staged(staging, positions).await?;
    let told = found.iter().map(|f| difference(f, &staged, &there));
    Ok(told.collect())
}

/// What could not be read, as differences; `side` says of which store, where it is one of
/// two.
pub fn unreadable(places: Vec<Unreadable>, side: &str) -> impl Iterator<Item = Difference> {
    places.into_iter().map(move |u| Difference {
        mark: Mark::Unreadable,
        kind: u.kind,
        key: format!("{side}{}", u.place),
        type_name: String::new(),
        title: u.reason,
        fields: Vec::new(),
    })
}

/// Keys of the staged records at these positions, for people.
pub fn keys_at(stage: &std::path::Path, positions: &[u64]) -> Result<Vec<String>, Error> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let mut stage = open_stage(stage)?;
    let mut keys = Vec::with_capacity(positions.len());
    for position in positions {
        keys.push(short(stage.record(position + 1)?.key().display()));
    }
    Ok(keys)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Node, Properties, Row};

    fn shown(content: &str, made: Option<&str>) -> Shown {
        let record = Record::Node(Node {
            key: Key::text("a"),
            labels: vec!["Memory".into()],
            properties: Properties::Stored(Value::Text(
                format!(r#"{{"id": "a", "content": "{content}"}}"#).into(),
            )),
            row: Row {
                created_at: made.map(|at| Value::Text(at.into())),
                ..Row::default()
            },
        });
        let mut shown = Shown::default();
        shown.add(Canon::key_hash(Kind::Node, record.key()), &record);
        shown
    }

    #[test]
    fn a_column_that_one_store_does_not_have_is_no_difference() {
        let key = Canon::key_hash(Kind::Node, &Key::text("a"));
        let names = |source: &Shown, target: &Shown| {
            let (_, _, fields) = conflict(&key, source, target).unwrap();
            fields.into_iter().map(|f| f.name).collect::<Vec<_>>()
        };
        let row = shown("ours", Some("2026"));
        assert_eq!(names(&row, &shown("theirs", None)), ["content"]);
        // Between two stores that have it, it is.
        let other = shown("ours", Some("2025"));
        assert_eq!(names(&row, &other), ["(row created_at)"]);
    }
}
