//! What the suite has to know of a store: how to get a fresh place for one, and how to
//! look at that place from outside.

use async_trait::async_trait;
use memferry::store::{Address, Capabilities, Descriptor, Shape, Store, WriteMode, registry};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A kind of store, in one of the states a run may find it in.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Its name in trials.
    fn name(&self) -> &'static str;

    /// Its kind, with what it declares.
    fn descriptor(&self) -> &'static Descriptor;

    /// The mode in which a fresh place of it is written to.
    fn mode(&self) -> WriteMode;

    /// Whether a fresh place is there already as a store.
    fn exists(&self) -> bool {
        false
    }

    /// Whether it is a file that a server has open, so that what counts is in the server.
    fn is_served(&self) -> bool {
        false
    }

    /// Whether it finds out about every changed byte.
    fn checksummed(&self) -> bool {
        false
    }

    /// A fresh place.
    async fn site(&self) -> Box<dyn Site>;
}

impl dyn Subject + '_ {
    /// What it declares.
    pub fn holds(&self) -> &'static Capabilities {
        &self.descriptor().capabilities
    }
}

/// A place for a store, removed when dropped.
#[async_trait]
pub trait Site: Send + Sync {
    /// Its address.
    fn address(&self) -> Address;

    /// The store, opened anew.
    fn store(&self) -> Arc<dyn Store> {
        registry::open(&self.address()).expect("the store opens")
    }

    /// Its file, where it is one.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// Everything in which a look could leave a trace, times included.
    fn trace(&self) -> BTreeMap<String, String>;

    /// What the place itself consists of, without times; `None` if nothing is there.
    fn bytes(&self) -> Option<String>;

    /// Somebody else makes something there.
    fn occupy(&self);

    /// A program opens a writer for `run`, writes `records` memories (see
    /// `help::memories`, from number 1000) in batches of ten, and is killed.
    async fn killed_while_writing(&self, run: &str, mode: WriteMode, records: usize);
}

/// When a behaviour applies. `target…` is for those that need not read what was
/// published, which some stores cannot.
pub mod when {
    use super::*;

    pub fn target(_: &dyn Subject) -> bool {
        true
    }

    pub fn target_file(subject: &dyn Subject) -> bool {
        subject.descriptor().shape == Shape::File && !subject.is_served()
    }

    pub fn target_absent(subject: &dyn Subject) -> bool {
        !subject.exists()
    }

    pub fn target_absent_file(subject: &dyn Subject) -> bool {
        target_file(subject) && target_absent(subject)
    }

    pub fn target_aside(subject: &dyn Subject) -> bool {
        subject.mode() == WriteMode::Aside
    }

    /// What is not published can be taken back.
    pub fn target_unpublished(subject: &dyn Subject) -> bool {
        subject.mode() != WriteMode::Journal
    }

    pub fn always(subject: &dyn Subject) -> bool {
        subject.descriptor().source
    }

    pub fn is_file(subject: &dyn Subject) -> bool {
        always(subject) && target_file(subject)
    }

    pub fn absent(subject: &dyn Subject) -> bool {
        always(subject) && target_absent(subject)
    }

    pub fn absent_file(subject: &dyn Subject) -> bool {
        is_file(subject) && absent(subject)
    }

    pub fn aside(subject: &dyn Subject) -> bool {
        always(subject) && target_aside(subject)
    }

    pub fn unpublished(subject: &dyn Subject) -> bool {
        always(subject) && target_unpublished(subject)
    }

    pub fn transaction(subject: &dyn Subject) -> bool {
        always(subject) && subject.mode() == WriteMode::Transaction
    }

    pub fn journal(subject: &dyn Subject) -> bool {
        always(subject) && subject.mode() == WriteMode::Journal
    }

    /// Published, it can be written to again.
    pub fn changeable(subject: &dyn Subject) -> bool {
        let modes = subject.holds().modes;
        always(subject) && modes.iter().any(|mode| *mode != WriteMode::Aside)
    }

    pub fn one_way(subject: &dyn Subject) -> bool {
        !subject.descriptor().source
    }

    pub fn has_secret(subject: &dyn Subject) -> bool {
        subject.descriptor().settings.iter().any(|s| s.secret)
    }
}
