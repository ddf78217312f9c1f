//! Where events go: to `events.jsonl` and into the state that front ends watch.

use super::event::{Event, Phase, Stamped};
use super::home::{RunFolder, open_private};
use super::state::RunState;
use crate::error::{Error, Result};
use crate::model::Kind;
use crate::report::{Check, Verdict};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// Milliseconds between two progress events of one phase in the state.
const DRAW_MS: u128 = 50;

/// Milliseconds between two in the file.
const WRITE_MS: u128 = 1_000;

/// Warnings of one sort that are told; more are only counted.
const MOST_ALIKE: u64 = 100;

/// A clonable sink of events.
#[derive(Clone)]
pub struct Events(Arc<Mutex<Inner>>);

struct Inner {
    file: Option<File>,
    watch: watch::Sender<RunState>,
    drawn: Instant,
    written: Instant,
    checks: Vec<Check>,
    warnings: Vec<String>,
    alike: BTreeMap<String, u64>,
    phases: Vec<(Phase, u64)>,
    begun: Vec<(Phase, Instant)>,
}

/// Now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Events {
    /// Appends to the events of that run; the state begins with what it did before.
    pub fn of(run: &RunFolder) -> Result<(Self, watch::Receiver<RunState>)> {
        let path = run.events_path();
        let wrap = |e| Error::io("append to", &path, e);
        let mut file = open_private(&path)?;
        let state = RunState::replay(&mut BufReader::new(&mut file));
        let end = file.seek(SeekFrom::End(0)).map_err(wrap)?;
        // A process that was killed may have left half a line.
        let mut last = [b'\n'];
        if end > 0 {
            file.seek(SeekFrom::Start(end - 1)).map_err(wrap)?;
            file.read_exact(&mut last).map_err(wrap)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n").map_err(wrap)?;
        }
        Ok(Self::new(Some(file), state))
    }

    /// Kept nowhere: for work that is no run.
    pub fn nowhere() -> Self {
        Self::watched().0
    }

    /// The same, watched.
    pub fn watched() -> (Self, watch::Receiver<RunState>) {
        Self::new(None, RunState::default())
    }

    fn new(file: Option<File>, state: RunState) -> (Self, watch::Receiver<RunState>) {
        let (watch, receiver) = watch::channel(state);
        let inner = Inner {
            file,
            watch,
            drawn: Instant::now(),
            written: Instant::now(),
            checks: Vec::new(),
            warnings: Vec::new(),
            alike: BTreeMap::new(),
            phases: Vec::new(),
            begun: Vec::new(),
        };
        (Self(Arc::new(Mutex::new(inner))), receiver)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells an event. One that cannot be written to the file is still seen: a full
    /// disk must not end a run that does not need it.
    pub fn emit(&self, event: Event) {
        self.with(|inner| inner.emit(event, true));
    }

    /// Tells progress, as often as is worth it.
    pub fn progress(&self, phase: Phase, kind: Kind, done: u64, bytes: u64) {
        self.with(|inner| {
            if inner.drawn.elapsed().as_millis() < DRAW_MS {
                return;
            }
            inner.drawn = Instant::now();
            let write = inner.written.elapsed().as_millis() >= WRITE_MS;
            if write {
                inner.written = Instant::now();
            }
            inner.emit(
                Event::Progress {
                    phase,
                    kind,
                    done,
                    bytes,
                },
                write,
            );
        });
    }

    /// Tells the last progress of a kind, always.
    pub fn reached(&self, phase: Phase, kind: Kind, done: u64, bytes: u64) {
        self.emit(Event::Progress {
            phase,
            kind,
            done,
            bytes,
        });
    }

    /// A phase begins.
    pub fn begin(&self, phase: Phase) {
        self.with(|inner| inner.begun.push((phase, Instant::now())));
        self.emit(Event::PhaseStarted { phase });
    }

    /// Whether a phase has begun and not ended.
    pub fn is_open(&self, phase: Phase) -> bool {
        self.with(|inner| inner.begun.iter().any(|(p, _)| *p == phase))
    }

    /// A phase ended.
    pub fn end(&self, phase: Phase, ok: bool) {
        let ms = self.with(|inner| {
            let at = inner.begun.iter().rposition(|(p, _)| *p == phase);
            let ms = at.map_or(0, |at| {
                inner.begun.remove(at).1.elapsed().as_millis() as u64
            });
            inner.phases.push((phase, ms));
            ms
        });
        self.emit(Event::PhaseEnded { phase, ok, ms });
    }

    /// Ends the phases that an error left open.
    pub fn end_all(&self) {
        let open = self.with(|inner| inner.begun.iter().map(|(p, _)| *p).collect::<Vec<_>>());
        for phase in open {
            self.end(phase, false);
        }
    }

    /// What a phase did was thrown away, so that it counts for nothing; it may begin anew.
    pub fn withdraw(&self, phase: Phase) {
        if self.is_open(phase) {
            self.with(|inner| inner.begun.retain(|(p, _)| *p != phase));
            self.emit(Event::PhaseWithdrawn { phase });
        }
    }

    /// A phase is not needed.
    pub fn skip(&self, phase: Phase, why: &str) {
        self.emit(Event::PhaseSkipped {
            phase,
            why: why.to_owned(),
        });
    }

    /// Tells a check, and whether it let the run go on.
    pub fn check(&self, check: Check) -> bool {
        let good = check.verdict != Verdict::Fail;
        self.with(|inner| inner.checks.push(check.clone()));
        self.emit(Event::Checked { check });
        good
    }

    /// Tells a warning.
    pub fn warn(&self, code: &str, message: impl Into<String>) {
        let message = message.into();
        let many = self.with(|inner| {
            let alike = inner.alike.entry(code.to_owned()).or_default();
            *alike += 1;
            if *alike <= MOST_ALIKE {
                inner.warnings.push(message.clone());
            }
            *alike > MOST_ALIKE
        });
        if many {
            return;
        }
        self.emit(Event::Warning {
            code: code.to_owned(),
            message,
        });
    }

    /// Tells a line for the log.
    pub fn note(&self, message: impl Into<String>) {
        self.emit(Event::Note {
            message: message.into(),
        });
    }

    /// The checks, warnings and phases so far, for the report.
    pub fn told(&self) -> (Vec<Check>, Vec<String>, Vec<(Phase, u64)>) {
        self.with(|inner| {
            let mut warnings = inner.warnings.clone();
            for (code, count) in inner.alike.iter().filter(|(_, n)| **n > MOST_ALIKE) {
                warnings.push(format!("{} more of the sort {code:?}", count - MOST_ALIKE));
            }
            (inner.checks.clone(), warnings, inner.phases.clone())
        })
    }
}

impl Inner {
    fn emit(&mut self, event: Event, write: bool) {
        let stamped = Stamped {
            at: now_ms(),
            event,
        };
        if write
            && let Some(file) = &mut self.file
            && let Ok(mut line) = crate::report::json::line(&stamped)
        {
            line.push('\n');
            let _ = file.write_all(line.as_bytes());
        }
        self.watch.send_modify(|state| state.apply(&stamped));
    }
}
