//! What is known of the records that went by: each is digested, fitted to the target and
//! counted, once, on its way to the stage (or again from it, when a run is resumed).

use super::checkpoint::Lost;
use super::compare::OLD;
use super::decide::{Action, Decision};
use super::filter::Sieve;
use super::ledger::{Entry, LedgerBuilder, NO_TIME, power_of};
use super::loss::{Fit, Fitted, Forecast, short, short_key};
use super::review::Sample;
use super::sorted::Sorter;
use crate::error::Result;
use crate::model::memory::{self, Memory, RELATIONSHIP_TYPES, TYPES};
use crate::model::time::Instant;
use crate::model::{Canon, Key, Kind, Packed, Record, Value};
use crate::store::Counts;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Newest memories kept for the review.
const NEWEST: usize = 5;

/// Types counted apart; a store with one for each record would fill memory.
const MOST_TYPES: usize = 1_000;

/// Examples kept of each oddity.
const EXAMPLES: usize = 100;

/// A staged record with its place in the stage.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Position in the stage.
    pub seq: u64,
    /// The record as the target can hold it.
    pub record: Record,
    /// What becomes of it.
    pub decision: Decision,
}

/// What is known of the records that went through: made while exporting, or again
/// from the stage when a run is resumed.
pub struct Census {
    dir: PathBuf,
    canon: Canon,
    /// None where all records are known to fit.
    fit: Option<Fit>,
    /// Records that did not fit as they are.
    changed: u64,
    sieve: Sieve,
    wants_time: bool,
    ends: bool,
    /// Whether the newest memories are kept.
    keeps_newest: bool,
    keeps: bool,
    /// Whether what is staged is imported meanwhile, by a target that wants values: they are
    /// handed on as they were parsed.
    pub packs: bool,
    /// Position of the next record.
    pub next: u64,
    /// Staged records by key.
    pub ledger: LedgerBuilder,
    /// For each end of each relationship: hash of the node's key, then the
    /// relationship's position.
    pub ends_of: Sorter<24>,
    /// Hash of from, type and to, then the position, where the target keeps only one
    /// of parallel relationships.
    pub triples: Option<Sorter<24>>,
    /// What the target cannot hold.
    pub forecast: Forecast,
    /// Numbers of records staged.
    pub counts: Counts,
    /// Nodes by type or label.
    pub types: BTreeMap<String, u64>,
    /// Relationships by type.
    pub relationship_types: BTreeMap<String, u64>,
    /// Memories of a type that memorygraph does not know: how many, the first of them.
    pub unknown_types: (u64, Vec<String>),
    /// Relationships of a type that it does not know.
    pub unknown_relationships: (u64, Vec<String>),
    /// Memories that it cannot read: properties that are no object, or no id, type,
    /// title or content.
    pub unreadable_memories: (u64, Vec<String>),
    /// Records whose key is missing.
    pub without_id: (u64, Vec<String>),
    /// The newest memories.
    pub newest: Vec<Sample>,
    /// What went by unstaged.
    pub lost: Lost,
    /// Bytes of records, by kind.
    pub bytes: [u64; 2],
}

impl Census {
    /// An empty one.
    pub fn new(dir: &Path, fit: Fit, parallel: bool, sieve: Sieve, wants_time: bool) -> Self {
        Self {
            dir: dir.to_owned(),
            canon: Canon::new(),
            fit: Some(fit),
            changed: 0,
            sieve,
            wants_time,
            ends: true,
            keeps_newest: true,
            keeps: true,
            packs: false,
            next: 0,
            ledger: LedgerBuilder::new(dir),
            ends_of: Sorter::new(dir),
            triples: (!parallel).then(|| Sorter::new(dir)),
            forecast: Forecast::default(),
            counts: Counts::default(),
            types: BTreeMap::new(),
            relationship_types: BTreeMap::new(),
            unknown_types: Default::default(),
            unknown_relationships: Default::default(),
            unreadable_memories: Default::default(),
            without_id: Default::default(),
            newest: Vec::new(),
            lost: Lost::default(),
            bytes: [0; 2],
        }
    }

    /// One that only fills the ledger: for the target's content, and for comparing.
    pub fn plain(dir: &Path, wants_time: bool) -> Self {
        let fit = Fit::new(crate::store::Capabilities::EVERYTHING);
        let sieve = Sieve::open();
        Self {
            ends: false,
            keeps_newest: false,
            ..Self::new(dir, fit, true, sieve, wants_time)
        }
    }

    /// The same, that also keeps the newest memories.
    pub fn with_newest(self) -> Self {
        Self {
            keeps_newest: true,
            ..self
        }
    }

    /// An empty one with the same terms.
    pub fn anew(&self) -> Self {
        Self {
            ends: self.ends,
            keeps_newest: self.keeps_newest,
            keeps: self.keeps,
            fit: self.fit,
            ..Self::new(
                &self.dir,
                Fit::new(crate::store::Capabilities::EVERYTHING),
                self.triples.is_none(),
                self.sieve.clone(),
                self.wants_time,
            )
        }
    }

    /// One that only fits: it digests, counts and sorts nothing. Without a fit, all records
    /// are known to fit as they are.
    pub fn light(dir: &Path, fit: Option<Fit>, sieve: Sieve) -> Self {
        let everything = Fit::new(crate::store::Capabilities::EVERYTHING);
        Self {
            ends: false,
            keeps: false,
            fit,
            ..Self::new(dir, everything, true, sieve, false)
        }
    }

    /// Whether all records so far fit as they are.
    pub fn all_fit(&self) -> bool {
        self.changed == 0
    }

    /// Takes in a record: what becomes of it.
    pub fn take(&mut self, mut record: Record) -> Result<Taken> {
        // NULL is no key, whatever store it comes from.
        if *record.key() == Key::Id(Value::Null) {
            let derived = self.canon.derive(&record, 0);
            match &mut record {
                Record::Node(n) => n.key = derived,
                Record::Relationship(r) => r.key = derived,
            }
        }
        if !self.sieve.passes(&record) {
            return Ok(Taken::Filtered);
        }
        let seq = self.next;
        self.next += 1;
        let size = record.size();
        self.bytes[record.kind() as usize] += size as u64;
        let mut digest = None;
        if self.keeps {
            digest = Some(self.canon.digest(&record));
            self.count(&record);
        } else if self.fit.is_some() {
            self.canon.look(&record);
        }
        let fitted = match self.fit {
            Some(fit) => fit.fit(&record, &self.canon, &mut self.forecast),
            None => Fitted::AsIs,
        };
        self.changed += u64::from(matches!(fitted, Fitted::Changed(_) | Fitted::LeftOut));
        let portable = self.canon.is_portable(record.properties());
        let packed = match fitted {
            Fitted::Bare if self.packs => self.canon.packed(),
            _ => None,
        };
        let (original, fitted) = match fitted {
            Fitted::AsIs => (None, record),
            Fitted::Bare => {
                if let Some(digest) = &mut digest {
                    digest.row = None;
                }
                (None, record)
            }
            Fitted::Changed(changed) => {
                digest = digest.map(|_| self.canon.digest(&changed));
                (Some(Box::new(record)), *changed)
            }
            Fitted::LeftOut => {
                return Ok(Taken::LeftOut {
                    record: Box::new(record),
                    portable,
                });
            }
        };
        let Some(digest) = digest else {
            return Ok(Taken::Staged {
                original: None,
                portable,
                packed,
                staged: Staged {
                    seq,
                    record: fitted,
                    decision: Decision::default(),
                },
            });
        };
        self.ledger.push(Entry {
            key: Canon::key_hash(fitted.kind(), fitted.key()),
            digest,
            kind: fitted.kind(),
            seq,
            size: power_of(match original {
                Some(_) => fitted.size(),
                None => size,
            }),
            ours: false,
            time: if self.wants_time {
                time_of(&fitted, &self.canon)
            } else {
                NO_TIME
            },
        })?;
        if let Record::Relationship(r) = &fitted
            && self.ends
        {
            let is_old = match self.sieve.since() {
                Some(since) => since.is_after(time_of(&fitted, &self.canon)),
                None => false,
            };
            let mark = if is_old { OLD } else { 0 };
            for end in [&r.from, &r.to] {
                self.ends_of
                    .push(keyed(Canon::key_hash(Kind::Node, end), seq | mark))?;
            }
            if let Some(triples) = &mut self.triples {
                let mut hash = blake3::Hasher::new();
                hash.update(&Canon::key_hash(Kind::Node, &r.from));
                hash.update(&Canon::key_hash(Kind::Node, &r.to));
                hash.update(r.rel_type.as_bytes());
                let mut key = [0; 16];
                key.copy_from_slice(&hash.finalize().as_bytes()[..16]);
                triples.push(keyed(key, seq))?;
            }
        }
        Ok(Taken::Staged {
            original,
            portable,
            packed,
            staged: Staged {
                seq,
                record: fitted,
                decision: Decision::default(),
            },
        })
    }

    /// Takes in a record of the stage, as was decided: what to import, if anything.
    pub fn take_as(&mut self, mut record: Record, decision: Decision) -> Result<Option<Staged>> {
        if decision.action == Action::Drop {
            self.next += 1;
            return Ok(None);
        }
        if let Some(ordinal) = decision.rename {
            let key = self.canon.derive(&record, u64::from(ordinal));
            match &mut record {
                Record::Node(n) => n.key = key,
                Record::Relationship(r) => r.key = key,
            }
        }
        Ok(match self.take(record)? {
            Taken::Staged { staged, packed, .. } => Some(Staged {
                decision,
                record: staged.record.packed(packed),
                ..staged
            }),
            Taken::LeftOut { .. } | Taken::Filtered => None,
        })
    }

    /// Takes out what it collected for comparing.
    pub fn collected(&mut self) -> Collected {
        Collected {
            ledger: std::mem::replace(&mut self.ledger, LedgerBuilder::new(&self.dir)),
            ends: std::mem::replace(&mut self.ends_of, Sorter::new(&self.dir)),
            triples: self.triples.take(),
        }
    }

    /// Whether the filter lets a record through.
    pub fn passes(&self, record: &Record) -> bool {
        self.sieve.passes(record)
    }

    /// Whether the filter lets everything through.
    pub fn is_open(&self) -> bool {
        self.sieve.is_open()
    }

    fn count(&mut self, record: &Record) {
        let name = short(memory::type_name(record, &self.canon));
        let by_type = match record {
            Record::Node(_) => &mut self.types,
            Record::Relationship(_) => &mut self.relationship_types,
        };
        match by_type.get_mut(&name) {
            Some(count) => *count += 1,
            None => {
                let counted_as = match by_type.len() < MOST_TYPES {
                    true => name.clone(),
                    false => "(others)".to_owned(),
                };
                *by_type.entry(counted_as).or_default() += 1;
            }
        }
        if matches!(record.key(), Key::Derived(_) | Key::Id(Value::Null)) {
            note(&mut self.without_id, record);
        }
        match record {
            Record::Node(node) if memory::is_memory(node) => {
                self.counts.memories += 1;
                if self.keeps_newest {
                    self.keep_newest(record);
                }
                if !self.ends {
                    return;
                }
                let has = |key| self.canon.text(key).is_some_and(|t| !t.is_empty());
                if !self.canon.is_map() || !["type", "title", "content"].iter().all(|k| has(k)) {
                    note(&mut self.unreadable_memories, record);
                } else if !TYPES.contains(&name.as_str()) {
                    note(&mut self.unknown_types, record);
                }
            }
            Record::Node(_) => self.counts.other_nodes += 1,
            Record::Relationship(_) => {
                self.counts.relationships += 1;
                if self.ends && !RELATIONSHIP_TYPES.contains(&name.as_str()) {
                    note(&mut self.unknown_relationships, record);
                }
            }
        }
    }

    fn keep_newest(&mut self, record: &Record) {
        let time = time_of(record, &self.canon);
        let updated_at = (time != NO_TIME).then_some(time.div_euclid(1_000));
        if self.newest.len() == NEWEST
            && self
                .newest
                .last()
                .is_some_and(|n| n.updated_at >= updated_at)
        {
            return;
        }
        if let Record::Node(node) = record {
            let title = Memory::of(node).title.unwrap_or_default();
            let sample = Sample {
                id: short_key(&node.key),
                title: short(title),
                updated_at,
            };
            let at = self.newest.partition_point(|n| n.updated_at >= updated_at);
            self.newest.insert(at, sample);
            self.newest.truncate(NEWEST);
        }
    }
}

/// What comparing needs of a census.
pub struct Collected {
    /// Staged records by key.
    pub ledger: LedgerBuilder,
    /// See [`Census::ends_of`].
    pub ends: Sorter<24>,
    /// See [`Census::triples`].
    pub triples: Option<Sorter<24>>,
}

/// What became of a record.
#[allow(clippy::large_enum_variant)]
pub enum Taken {
    /// The filter leaves it out.
    Filtered,
    /// The target cannot hold it; the stage keeps it.
    LeftOut {
        /// As it was.
        record: Box<Record>,
        /// See [`Canon::is_portable`].
        portable: bool,
    },
    /// To be imported.
    Staged {
        /// As it was, if fitting changed it.
        original: Option<Box<Record>>,
        /// See [`Canon::is_portable`], of the record as it was.
        portable: bool,
        /// Its properties in one piece, if they are to be handed on like that.
        packed: Option<Packed>,
        /// As the target shall have it.
        staged: Staged,
    },
}

fn note(list: &mut (u64, Vec<String>), record: &Record) {
    list.0 += 1;
    if list.1.len() < EXAMPLES {
        list.1.push(short_key(record.key()));
    }
}

fn keyed(key: [u8; 16], seq: u64) -> [u8; 24] {
    let mut out = [0; 24];
    out[..16].copy_from_slice(&key);
    out[16..].copy_from_slice(&seq.to_be_bytes());
    out
}

/// When a record was written, in microseconds: `updated_at` of a node, `recorded_at`
/// of a relationship. `canon` has just digested it.
pub fn time_of(record: &Record, canon: &Canon) -> i64 {
    let parse = |bytes: &[u8]| Instant::parse(std::str::from_utf8(bytes).ok()?);
    let found = match record {
        Record::Node(_) => match canon.text("updated_at") {
            Some(text) => parse(text),
            None => record
                .properties()
                .map()
                .and_then(|map| map.get("updated_at").and_then(Instant::of)),
        },
        Record::Relationship(r) => match &r.row.recorded_at {
            Some(value) => Instant::of(value),
            None => canon.text("recorded_at").and_then(parse),
        },
    };
    found
        .and_then(|at| i64::try_from(at.0 / 1_000).ok())
        .unwrap_or(NO_TIME)
}
