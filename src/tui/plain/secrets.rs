//! Asking for the secrets of a store: those that nothing tells, and all of them again where
//! the store refuses.

use super::Plain;
use crate::config::{self, Side, process_env};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, Setting, registry};

impl Plain {
    /// The address with its secrets; what nothing tells is asked for.
    async fn filled(&mut self, mut address: Address, side: Side) -> Result<Address> {
        loop {
            let mut open = None;
            let mut ask = |_: &Address, setting: &'static Setting| {
                open = Some(setting);
                Err(Error::internal("it is asked for below"))
            };
            let prompt: Option<config::Prompt> = match self.ask.types() {
                true => Some(&mut ask),
                false => None,
            };
            let filled = config::fill(address.clone(), side, &self.config, &process_env, prompt);
            match open {
                Some(setting) => {
                    address = self.told(address, setting).await?;
                    if address.get(setting.name).is_none() {
                        let what = format!("{address} needs its {}", setting.label_within());
                        return Err(Error::new(ErrorKind::Auth, what));
                    }
                }
                None => return Ok(filled?.absolute()),
            }
        }
    }

    async fn told(&mut self, address: Address, setting: &Setting) -> Result<Address> {
        let question = format!("{} of {address}", setting.label);
        let secret = self.ask.secret(&question).await?;
        match secret.expose() {
            "" => Ok(address),
            secret => address.set(setting.name, secret),
        }
    }

    /// The same, once the store opens with them.
    pub(super) async fn unlocked(&mut self, address: Address, side: Side) -> Result<Address> {
        let mut filled = self.filled(address, side).await?;
        for attempt in 0.. {
            match registry::open(&filled)?.identity().await {
                Err(error) if error.kind() == ErrorKind::Auth => {
                    let asked = config::askable(&filled);
                    if attempt == 3 || !self.ask.types() || asked.is_empty() {
                        return Err(error);
                    }
                    self.ask.say(&format!("{error}."));
                    for setting in asked {
                        filled = self.told(filled, setting).await?;
                    }
                }
                // What else is wrong with it is said by what is done with it.
                _ => break,
            }
        }
        Ok(filled)
    }
}
