//! A place as a test holds it, and as the engine does.

use super::contents::Contents;
use super::faults::{Fault, Met, Script};
use super::snapshot::Picture;
use super::writer::Writing;
use super::{Drift, Manners, descriptor_of, process};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Key, Kind, Record};
use crate::store::layer::Call;
use crate::store::{
    Address, Consistency, Description, Descriptor, Fingerprint, Prepared, Snapshot, Store,
    WriteMode, WriteRequest, Writer,
};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A named place, held by the test that made it. Gone from the process when dropped.
pub struct Place {
    inner: Arc<Inner>,
    owner: bool,
}

/// What every handle on a place shares.
pub(super) struct Inner {
    pub(super) name: String,
    pub(super) descriptor: &'static Descriptor,
    pub(super) address: Address,
    pub(super) manners: Manners,
    state: Mutex<State>,
    script: Mutex<Script>,
}

/// What a place holds and who is at it.
#[derive(Default)]
pub(super) struct State {
    pub(super) exists: bool,
    pub(super) contents: Contents,
    pub(super) version: u64,
    pub(super) aside: HashMap<String, Contents>,
    pub(super) lock: Option<Lock>,
    pub(super) tokens: u64,
    /// Snapshots and writers of an earlier session are dead.
    pub(super) session: u64,
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) token: u64,
    pub(super) mode: WriteMode,
}

impl Place {
    /// Makes a place that does not exist yet as a store. The name must be new.
    pub fn new(name: &str, manners: Manners) -> Result<Self> {
        let descriptor = descriptor_of(manners.capabilities);
        let inner = Arc::new(Inner {
            name: name.to_owned(),
            descriptor,
            address: Address::new(descriptor).set("path", name)?,
            manners,
            state: Mutex::default(),
            script: Mutex::default(),
        });
        let mut process = process();
        if process.places.contains_key(name) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("there is a place called {name:?} already"),
            ));
        }
        process.places.insert(name.to_owned(), inner.clone());
        Ok(Self { inner, owner: true })
    }

    /// As the engine sees it.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(Handle(self.inner.clone()))
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// Makes it exist, holding nothing.
    pub fn create(&self) {
        let mut state = self.inner.state();
        state.exists = true;
        state.version += 1;
    }

    /// Somebody else writes a record. `Locked` while a transaction is open.
    pub fn put(&self, record: Record) -> Result<()> {
        self.others(|contents| contents.put(record))
    }

    /// Somebody else removes a record.
    pub fn remove(&self, kind: Kind, key: &Key) -> Result<()> {
        self.others(|contents| {
            contents.remove(kind, key);
        })
    }

    fn others(&self, change: impl FnOnce(&mut Contents)) -> Result<()> {
        let mut state = self.inner.state();
        if state.lock.is_some_and(|l| l.mode == WriteMode::Transaction) {
            return Err(locked());
        }
        state.exists = true;
        change(&mut state.contents);
        if self.inner.manners.drift != Drift::Silent {
            state.version += 1;
        }
        Ok(())
    }

    /// What it holds, in its order.
    pub fn records(&self, kind: Kind) -> Vec<Record> {
        let state = self.inner.state();
        let all = state.contents.after(kind, 0);
        all.map(|(_, record)| (**record).clone()).collect()
    }

    /// Plans a fault for the `nth` call of that method from now, or of any with `None`.
    pub fn fault(&self, call: impl Into<Option<Call>>, nth: u32, fault: Fault) {
        self.inner.script().add(call.into(), nth, fault);
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.script().calls().to_vec()
    }

    /// As if every program using it had been killed: locks are gone, transactions
    /// undone, open snapshots and writers dead; what stood aside stays.
    pub fn kill_sessions(&self) {
        self.inner.state().kill_sessions();
    }

    /// Names of the runs that left something aside.
    pub fn leftovers(&self) -> Vec<String> {
        let mut names: Vec<_> = self.inner.state().aside.keys().cloned().collect();
        names.sort();
        names
    }

    /// Whether it exists as a store.
    pub fn exists(&self) -> bool {
        self.inner.state().exists
    }

    /// Changes with everything that is done to what it holds, others' writes included.
    pub fn state_name(&self) -> String {
        let state = self.inner.state();
        format!("{}, {} writes", state.exists, state.contents.writes())
    }

    /// Whether somebody has it open for writing.
    pub fn is_locked(&self) -> bool {
        self.inner.state().lock.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.owner {
            process().places.remove(&self.inner.name);
        }
    }
}

impl State {
    fn kill_sessions(&mut self) {
        self.session += 1;
        self.lock = None;
    }
}

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call; what happens meanwhile has happened on return.
    pub(super) fn enter(self: &Arc<Self>, call: Call) -> Result<Met> {
        let mut met = self.script().enter(call);
        if met.sessions_lost {
            self.state().kill_sessions();
        }
        if !met.meanwhile.is_empty() {
            let place = Place {
                inner: self.clone(),
                owner: false,
            };
            for then in met.meanwhile.drain(..) {
                then(&place);
            }
        }
        met.take_error()?;
        Ok(met)
    }

    /// The same for a call on a snapshot or writer, which may be dead.
    pub(super) fn enter_session(self: &Arc<Self>, call: Call, session: u64) -> Result<Met> {
        let met = self.enter(call)?;
        if self.state().session != session {
            return Err(Error::new(
                ErrorKind::Unreachable,
                "the connection was lost, and what was open on it",
            )
            .remedy("Open it again."));
        }
        Ok(met)
    }
}

/// The error of a target that must not be there.
pub(super) fn appeared(address: &Address) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{address} exists"))
        .remedy("Choose a place that does not exist yet.")
}

fn locked() -> Error {
    Error::new(ErrorKind::Locked, "somebody else is writing to it")
        .remedy("Wait until they have finished, then try again.")
}

/// A place as the engine has it.
pub(super) struct Handle(pub(super) Arc<Inner>);

impl Handle {
    fn mode(&self, exists: bool) -> Result<WriteMode> {
        let mut modes = self.0.manners.capabilities.modes.iter().copied();
        match modes.find(|mode| !(exists && *mode == WriteMode::Aside)) {
            Some(mode) => Ok(mode),
            None if self.0.manners.capabilities.modes.is_empty() => Err(self.cannot_be_written()),
            None => Err(appeared(&self.0.address)),
        }
    }
}

#[async_trait]
impl Store for Handle {
    fn descriptor(&self) -> &'static Descriptor {
        self.0.descriptor
    }

    fn address(&self) -> &Address {
        &self.0.address
    }

    async fn describe(&self) -> Result<Description> {
        self.0.enter(Call::Describe)?;
        let state = self.0.state();
        Ok(Description {
            exists: state.exists,
            layout: "in memory".to_owned(),
            counts: Some(state.contents.counts()),
            in_use: state.lock.is_some(),
            ..Description::default()
        })
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        self.0.enter(Call::Fingerprint)?;
        Ok(self.0.state().fingerprint())
    }

    async fn identity(&self) -> Result<String> {
        self.0.enter(Call::Identity)?;
        Ok(format!("{}:{}", super::KIND, self.0.name))
    }

    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        let inner = &self.0;
        inner.enter(Call::Snapshot)?;
        let state = self.0.state();
        if !state.exists {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} is not there", self.0.address),
            )
            .remedy("Check the name."));
        }
        let live = how == Consistency::InPlace && self.0.manners.drift != Drift::Never;
        let taken = (!live).then(|| state.contents.clone());
        Ok(Box::new(Picture::new(inner.clone(), taken, &state)))
    }

    async fn prepare(&self) -> Result<Prepared> {
        self.0.enter(Call::Prepare)?;
        let state = self.0.state();
        Ok(Prepared {
            mode: self.mode(state.exists)?,
            room_in: None,
            empty: state.contents.is_empty(),
            lock_seconds_per_record: 0.0,
        })
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        let inner = &self.0;
        inner.enter(Call::Writer)?;
        let mut state = self.0.state();
        let mode = self.mode(state.exists)?;
        if mode != request.mode {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("{} is not written to in that mode now", self.0.address),
            )
            .remedy("Prepare the run again."));
        }
        if state.lock.is_some() {
            return Err(locked());
        }
        state.tokens += 1;
        let lock = Lock {
            token: state.tokens,
            mode,
        };
        state.lock = Some(lock);
        if mode == WriteMode::Aside {
            state.aside.insert(request.run.clone(), Contents::default());
        }
        let writing = Writing::new(inner.clone(), request.run.clone(), lock, &state);
        Ok(Box::new(writing))
    }

    async fn discard(&self, run: &str) -> Result<()> {
        self.0.enter(Call::Discard)?;
        self.0.state().aside.remove(run);
        Ok(())
    }

    async fn remove(&self, fingerprint: &Fingerprint) -> Result<()> {
        self.0.enter(Call::Remove)?;
        let mut state = self.0.state();
        if state.lock.is_some() {
            return Err(locked());
        }
        if !state.exists || state.fingerprint() != *fingerprint {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{} was changed", self.0.address),
            )
            .remedy("Look at it, then remove it by hand."));
        }
        state.exists = false;
        state.contents = Contents::default();
        state.version += 1;
        Ok(())
    }
}

impl State {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(format!("{}:{}", self.exists, self.version))
    }
}
