//! The stores of past runs, which ask for their secrets again: what was told in this
//! session is tried first, and what nothing tells is asked for.

use super::Worker;
use super::looking::{LONG_PATIENCE, filled};
use crate::config::{self, Config, Secret, Side, process_env};
use crate::engine::StoreRef;
use crate::error::{Error, ErrorKind, Result};
use crate::report::Failure;
use crate::store::{Address, Store, registry};
use crate::tui::msg::{Again, Locked, Msg};
use std::sync::Arc;

/// Why a store does not open.
pub(super) enum Closed {
    /// It asks for what only a person can tell.
    Locked(Address, Error),
    /// Something else.
    Failed(Error),
}

impl From<Error> for Closed {
    fn from(error: Error) -> Self {
        Closed::Failed(error)
    }
}

impl Closed {
    /// What is said of it: that something failed, or the question for the secrets.
    pub fn told(self, again: Option<Again>, failed: impl FnOnce(Failure) -> Msg) -> Msg {
        match (self, again) {
            (Closed::Locked(address, why), Some(again)) => Msg::Locked(Box::new(Locked {
                again,
                secrets: config::askable(&address),
                address,
                why: Failure::from(&why),
            })),
            (Closed::Locked(_, error) | Closed::Failed(error), _) => failed(Failure::from(&error)),
        }
    }
}

/// The address as a plan keeps it.
fn kept(address: &Address) -> Result<Address> {
    StoreRef::of(address).address(&|_| None)
}

impl Worker {
    /// Keeps what a person told of a store as long as the wizard is open.
    pub(super) fn tell_of(&self, address: &Address, secrets: Vec<(&'static str, Secret)>) {
        let Ok(address) = kept(address) else { return };
        let name = address.to_string();
        self.now(|now| {
            now.told.retain(|(known, _)| *known != name);
            if !secrets.is_empty() {
                now.told.push((name, secrets));
            }
        });
    }

    /// The same, of the secrets that an address has.
    pub(super) fn remember(&self, address: &Address) {
        let secrets = config::askable(address).into_iter();
        let secrets = secrets.filter_map(|s| Some((s.name, Secret::new(address.get(s.name)?))));
        self.tell_of(address, secrets.collect());
    }

    /// The store of a past run, once it is known to open.
    pub(super) async fn open_again(
        &self,
        store: &StoreRef,
        side: Side,
    ) -> Result<Arc<dyn Store>, Closed> {
        let config = Config::load(&self.inner.paths, &process_env)?;
        let plain = store.address(&|_| None)?;
        let name = plain.to_string();
        let told = self.now(|now| now.told.iter().find(|(known, _)| *known == name).cloned());
        let mut address = plain.clone();
        for (setting, secret) in told.iter().flat_map(|(_, secrets)| secrets) {
            address = address.set(setting, secret.expose())?;
        }
        let opened = async {
            let store = registry::open(&filled(address, side, config).await?)?;
            if !config::askable(&plain).is_empty() {
                let answer = tokio::time::timeout(LONG_PATIENCE, store.identity());
                // What else is wrong with it is said by what is done with it.
                if let Ok(Err(error)) = answer.await
                    && error.kind() == ErrorKind::Auth
                {
                    return Err(error);
                }
            }
            Ok(store)
        };
        opened.await.map_err(|error: Error| {
            match error.kind() == ErrorKind::Auth && !config::askable(&plain).is_empty() {
                true => Closed::Locked(plain, error),
                false => Closed::Failed(error),
            }
        })
    }
}
