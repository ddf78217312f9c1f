//! Reading a store again and holding it against what it shall hold, field by field.

use super::census::{Census, Taken};
use super::control::Control;
use super::event::{Event, Phase};
use super::events::Events;
use super::ledger::{Entry, Ledger, next_join};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, KeyHash, Kind, Record, memory};
use crate::report::{Difference, Field, FieldValue, MOST_KEPT, Mark, Verification};
use crate::store::archive::ArchiveReader;
use crate::store::{Counts, Limit, Page, Snapshot};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tokio::sync::mpsc;

/// A store's content, as a ledger and numbers.
pub struct Content {
    /// Its census; the ledger is in it.
    pub census: Census,
    /// Its own count.
    pub counts: Counts,
}

/// Reads all of a snapshot into a census: pages are read while earlier ones are
/// digested.
pub async fn read_content(
    snapshot: &mut dyn Snapshot,
    mut census: Census,
    phase: Phase,
    (events, control): (&Events, &Control),
) -> Result<Content> {
    let counts = snapshot.counts().await?;
    events.emit(Event::Expected {
        phase,
        nodes: counts.of(Kind::Node),
        relationships: counts.relationships,
    });
    let (pages, mut received) = mpsc::channel::<(Kind, Page)>(2);
    let told = events.clone();
    let worker = tokio::task::spawn_blocking(move || -> Result<Census> {
        let (mut done, mut last) = ([0u64; 2], None);
        while let Some((kind, page)) = received.blocking_recv() {
            census.unreadable(page.unreadable);
            done[kind as usize] += page.records.len() as u64;
            for record in page.records {
                if let Taken::Staged { .. } = census.take(record)? {}
            }
            let bytes = census.bytes[kind as usize];
            if last.is_some_and(|l| l != kind) {
                told.reached(phase, Kind::Node, done[0], census.bytes[0]);
            }
            told.progress(phase, kind, done[kind as usize], bytes);
            last = Some(kind);
        }
        told.reached(phase, Kind::Relationship, done[1], census.bytes[1]);
        Ok(census)
    });
    let read = async {
        for kind in Kind::BOTH {
            let mut after = None;
            loop {
                control.unpaused().await?;
                let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
                after = page.next.clone();
                if pages.send((kind, page)).await.is_err() {
                    return Ok(());
                }
                if after.is_none() {
                    break;
                }
            }
        }
        drop(pages);
        Ok::<(), Error>(())
    }
    .await;
    let census = worker
        .await
        .map_err(|e| Error::internal("reading stopped").because(e))?;
    read?;
    snapshot.finish().await?;
    Ok(Content {
        census: census?,
        counts,
    })
}

/// A record that is not as it shall be.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// What sort.
    pub mark: Mark,
    /// What it is known by on both sides.
    pub key: KeyHash,
    /// Position on the expected side, if it is there.
    pub expected: Option<u64>,
}

/// Joins what shall be with what is. The differences, at most 10,000, still lack
/// their values.
pub fn join(expected: &mut Ledger, actual: &mut Ledger) -> Result<(Verification, Vec<Found>)> {
    let mut out = Verification::default();
    let mut found = Vec::new();
    let mut content = super::ledger::ContentDigest::default();
    while let Some((shall, mut is)) = next_join(expected, actual)? {
        is.iter().for_each(|entry| content.push(entry));
        let mut rest: Vec<Entry> = Vec::new();
        for entry in shall {
            match is.iter().position(|i| i.digest.matches(&entry.digest)) {
                Some(at) => {
                    is.remove(at);
                    *out.same.of(entry.kind) += 1;
                }
                None => rest.push(entry),
            }
        }
        let mut tell = |mark, entry: &Entry, expected| {
            let tally = match mark {
                Mark::OnlyInSource => &mut out.only_in_source,
                Mark::OnlyInTarget => &mut out.only_in_target,
                Mark::Differs => &mut out.differ,
                Mark::Unreadable => &mut out.unreadable,
            };
            *tally.of(entry.kind) += 1;
            if found.len() < MOST_KEPT {
                found.push(Found {
                    mark,
                    key: entry.key,
                    expected,
                });
            }
        };
        for entry in rest {
            match is.pop() {
                Some(_) => tell(Mark::Differs, &entry, Some(entry.seq)),
                None => tell(Mark::OnlyInSource, &entry, Some(entry.seq)),
            }
        }
        for entry in is {
            tell(Mark::OnlyInTarget, &entry, None);
        }
    }
    out.content_digest = Some(content.finish());
    Ok((out, found))
}

/// The records of a snapshot with these keys, by hash: one more scan, so only for
/// differences.
pub async fn fetch(
    snapshot: &mut dyn Snapshot,
    wanted: &HashMap<KeyHash, ()>,
) -> Result<HashMap<KeyHash, Record>> {
    let mut out = HashMap::new();
    for kind in Kind::BOTH {
        let mut after = None;
        while out.len() < wanted.len() {
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            for record in page.records {
                let key = Canon::key_hash(kind, record.key());
                if wanted.contains_key(&key) {
                    out.insert(key, record);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(out)
}

/// The staged records at these positions.
pub fn fetch_staged(stage: &Path, mut positions: Vec<u64>) -> Result<HashMap<u64, Record>> {
    positions.sort_unstable();
    let mut stage = ArchiveReader::open(stage)?;
    let mut out = HashMap::new();
    for position in positions {
        // An archive counts its records from 1.
        match stage.record(position + 1) {
            Ok(record) => drop(out.insert(position, record)),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(out)
}

/// A difference with its values.
pub fn difference(
    mark: Mark,
    source: Option<&Record>,
    target: Option<&Record>,
    key: &KeyHash,
) -> Difference {
    let Some(known) = source.or(target) else {
        let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
        return Difference {
            mark,
            kind: Kind::Node,
            key: format!("#{hex}"),
            type_name: String::new(),
            title: String::new(),
            fields: Vec::new(),
        };
    };
    let mut canon = Canon::new();
    canon.digest(known);
    let title = match known {
        Record::Node(n) => memory::Memory::of(n).title.unwrap_or_default(),
        Record::Relationship(r) => format!("{} → {}", r.from.display(), r.to.display()),
    };
    Difference {
        mark,
        kind: known.kind(),
        key: known.key().display(),
        type_name: memory::type_name(known, &canon),
        title,
        fields: fields(source, target),
    }
}

/// The fields in which two records differ, by name.
pub fn fields(source: Option<&Record>, target: Option<&Record>) -> Vec<Field> {
    let (source, target) = (source.map(flat), target.map(flat));
    let empty = BTreeMap::new();
    let (s, t) = (
        source.as_ref().unwrap_or(&empty),
        target.as_ref().unwrap_or(&empty),
    );
    let names: std::collections::BTreeSet<&String> = s.keys().chain(t.keys()).collect();
    names
        .into_iter()
        .filter(|name| s.get(*name) != t.get(*name))
        .map(|name| Field {
            name: name.clone(),
            source: s.get(name).map(shown),
            target: t.get(name).map(shown),
        })
        .collect()
}

/// Most characters of a value in a report.
const LONGEST: usize = 64 << 10;

fn shown(value: &crate::model::Value) -> FieldValue {
    let mut text = match value {
        crate::model::Value::Text(t) => t.to_lossy().into_owned(),
        other => crate::model::json::to_string(other),
    };
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(at);
        text.push('…');
    }
    FieldValue {
        type_name: value.type_name().to_owned(),
        text,
    }
}

/// Everything that the digest covers, by name.
fn flat(record: &Record) -> BTreeMap<String, crate::model::Value> {
    use crate::model::{Properties, Text, Value, equal};
    let mut out = BTreeMap::new();
    match record.properties().map() {
        Some(map) => {
            for (name, value) in map.iter() {
                let name = name.to_lossy().into_owned();
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
    for (name, column) in [
        ("(row created_at)", &row.created_at),
        ("(row updated_at)", &row.updated_at),
    ] {
        if let Some(value) = column {
            out.insert(name.into(), value.clone());
        }
    }
    out
}

/// Differences with their values, in the order found.
pub async fn explain(
    found: &[Found],
    stage: Option<&Path>,
    actual: &mut dyn Snapshot,
) -> Result<Vec<Difference>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: HashMap<KeyHash, ()> = found.iter().map(|f| (f.key, ())).collect();
    let there = fetch(actual, &wanted).await?;
    let staged = match stage {
        None => HashMap::new(),
        Some(stage) => {
            let positions = found.iter().filter_map(|f| f.expected).collect();
            let stage = stage.to_owned();
            super::blocking(move || fetch_staged(&stage, positions)).await?
        }
    };
    Ok(found
        .iter()
        .map(|f| {
            let source = f.expected.and_then(|at| staged.get(&at));
            // A position can be the target's own: only a record with that key is meant.
            let source = source.filter(|r| Canon::key_hash(r.kind(), r.key()) == f.key);
            difference(f.mark, source, there.get(&f.key), &f.key)
        })
        .collect())
}
