//! Which memories move: the filter of a plan, ready to be asked record by record.

use super::ledger::NO_TIME;
use super::plan::Filter;
use crate::error::{Error, ErrorKind, Result};
use crate::model::memory::{self, Memory};
use crate::model::time::Instant;
use crate::model::{Node, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A filter with its time resolved.
#[derive(Clone, Debug)]
pub struct Sieve {
    filter: Filter,
    since: Option<Instant>,
    /// Counts the memories that pass.
    passed: Option<Arc<AtomicU64>>,
}

impl Sieve {
    /// Of a plan's filter. `last_run` is what `last-run` stands for.
    pub fn new(filter: &Filter, last_run: Option<Instant>) -> Result<Self> {
        let since = match filter.since.as_deref() {
            None => None,
            Some("last-run") => last_run,
            Some(text) => match Instant::parse(text) {
                Some(instant) => Some(instant),
                None => {
                    return Err(Error::new(
                        ErrorKind::Usage,
                        format!("--since cannot be {text:?}"),
                    )
                    .remedy(
                        "Give a date, a date and time as in 2026-11-21T07:56:44Z, or last-run.",
                    ));
                }
            },
        };
        Ok(Self {
            filter: filter.clone(),
            since,
            passed: None,
        })
    }

    /// One that also counts the memories that pass, unless everything does.
    pub fn counting(self, passed: Arc<AtomicU64>) -> Self {
        Self {
            passed: Some(passed),
            ..self
        }
    }

    /// Whether everything passes.
    pub fn is_open(&self) -> bool {
        self.filter.is_empty()
    }

    /// Whether a record passes. Relationships do, here: whether their ends did is told
    /// once all nodes are known.
    pub fn passes(&self, record: &Record) -> bool {
        match record {
            _ if self.is_open() => true,
            Record::Relationship(_) => true,
            Record::Node(node) => {
                let passes = memory::is_memory(node) && self.passes_memory(node);
                if let (true, Some(passed)) = (passes, &self.passed) {
                    passed.fetch_add(1, Ordering::Relaxed);
                }
                passes
            }
        }
    }

    fn passes_memory(&self, node: &Node) -> bool {
        let memory = Memory::of(node);
        let f = &self.filter;
        let is = |wanted: &Option<String>, found: &Option<String>| {
            wanted.is_none() || wanted.as_deref() == found.as_deref()
        };
        let in_time = match self.since {
            None => true,
            // A memory whose time cannot be read moves: leaving it out could lose it.
            Some(since) => memory.updated_at.is_none_or(|at| at >= since),
        };
        let typed = memory.memory_type.as_deref().unwrap_or_default();
        in_time
            && (f.types.is_empty() || f.types.contains(typed))
            && (f.tags.is_empty() || memory.tags.iter().any(|t| f.tags.contains(t)))
            && is(&f.project, &memory.project)
            && is(&f.tenant, &memory.tenant)
    }
}

/// The time from which on records move.
#[derive(Clone, Copy, Debug)]
pub struct Since(Instant);

impl Since {
    /// Whether it is after a time in microseconds; one that cannot be read is never too
    /// old.
    pub fn is_after(self, time: i64) -> bool {
        time != NO_TIME && i128::from(time) < self.0.0.div_euclid(1_000)
    }
}

impl Sieve {
    /// The time from which on records move, if that is part of the filter.
    pub fn since(&self) -> Option<Since> {
        self.since.map(Since)
    }

    /// One that everything passes.
    pub fn open() -> Self {
        Self {
            filter: Filter::default(),
            since: None,
            passed: None,
        }
    }
}
