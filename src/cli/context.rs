//! What commands share: the streams, the configuration, the state directory, and how
//! a word becomes a store.

use super::args::{self, Files};
use super::output::Output;
use crate::config::{self, Config, Env, Found, Paths, Secret, Side};
use crate::engine::{Home, StoreRef};
use crate::error::{Error, ErrorKind, Result};
use crate::report::text;
use crate::store::{Address, Setting, Store, registry};
use std::sync::Arc;

/// What commands share.
pub struct Context<'a> {
    /// The streams.
    pub out: &'a Output,
    /// Where files are.
    pub paths: Paths,
}

impl<'a> Context<'a> {
    /// Of these places.
    pub fn new(files: &Files, out: &'a Output) -> Result<Self> {
        let paths = Paths::find(files.config.as_deref(), files.state_dir.as_deref())?;
        Ok(Self { out, paths })
    }

    /// The environment.
    pub fn env(&self) -> Env<'static> {
        &config::process_env
    }

    /// The configuration, read anew.
    pub fn config(&self) -> Result<Config> {
        Config::load(&self.paths, self.env())
    }

    /// The state directory.
    pub fn home(&self) -> Home {
        Home::new(&self.paths.state_dir).with_options(self.options())
    }

    /// The store at an address, complete with secrets, which a person is asked for if
    /// there is one.
    pub fn open(&self, address: Address, side: Side, config: &Config) -> Result<Arc<dyn Store>> {
        registry::open(&self.complete(address, side, config)?)
    }

    /// The address with everything that is not said, made absolute.
    pub fn complete(&self, address: Address, side: Side, config: &Config) -> Result<Address> {
        let mut ask = |address: &Address, setting: &Setting| self.ask_secret(address, setting);
        let prompt: Option<config::Prompt> = match self.out.can_ask {
            true => Some(&mut ask),
            false => None,
        };
        Ok(config::fill(address, side, config, self.env(), prompt)?.absolute())
    }

    /// Asks a person at the terminal.
    pub fn ask_secret(&self, address: &Address, setting: &Setting) -> Result<Secret> {
        let question = format!("{} of {address}", setting.label);
        config::ask_secret(&self.out.words.safe(&question))
    }

    /// The store that STORE means, or memorygraph's own.
    pub async fn source(&self, word: Option<&str>, config: &Config) -> Result<Arc<dyn Store>> {
        let address = match word {
            Some(word) => args::source(word, config)?,
            None => self.default_source(config).await?,
        };
        self.open(address, Side::From, config)
    }

    /// memorygraph's own store: what `MEMORY_BACKEND` says; without it, the one usual
    /// file that holds memories.
    pub async fn default_source(&self, config: &Config) -> Result<Address> {
        let env = self.env();
        if let Some(found) = config::current_backend(env)? {
            let missing = || Error::internal("a backend without an address");
            let address = found.address.ok_or_else(missing)?;
            self.out.say(&format!(
                "Source: {}, as MEMORY_BACKEND says",
                self.out.words.safe(&found.place)
            ));
            return Ok(address);
        }
        let mut holding: Vec<Found> = Vec::new();
        let looked = config::default_stores(env)?;
        for found in &looked {
            if self.may_hold_memories(found, config).await? {
                holding.push(found.clone());
            }
        }
        let named = |all: &[Found]| {
            let names = all.iter().map(|f| format!("{} {}", f.backend, f.place));
            names.collect::<Vec<_>>().join(" and ")
        };
        match holding.as_slice() {
            [only] => match &only.address {
                Some(address) => {
                    let place = self.out.words.safe(&only.place);
                    self.out.say(&format!("Source: {place} ({})", only.told_by));
                    Ok(address.clone())
                }
                None => Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "{} is a kind of store that memferry cannot read",
                        named(&holding)
                    ),
                )
                .remedy("Name another source with --from.")),
            },
            [] => Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "no store of memorygraph holds memories; looked at {}",
                    named(&looked)
                ),
            )
            .remedy("Name the source with --from, for example --from sqlite:PATH.")),
            _ => Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "there are two stores that may hold memories: {}",
                    named(&holding)
                ),
            )
            .remedy("Say which with --from, or with MEMORY_BACKEND.")),
        }
    }

    /// Whether it could be the one. What cannot be looked into might be.
    async fn may_hold_memories(&self, found: &Found, config: &Config) -> Result<bool> {
        let Some(address) = &found.address else {
            return Ok(std::path::Path::new(&found.place).exists());
        };
        let store = self.open(address.clone(), Side::From, config)?;
        Ok(match store.describe().await {
            Ok(description) if !description.exists => false,
            Ok(description) => description.counts.is_none_or(|counts| counts.total() > 0),
            Err(_) => true,
        })
    }

    /// How reports are drawn on standard output.
    pub fn look(&self, verbose: bool) -> text::Look {
        let data = self.out.data;
        text::Look {
            marks: data.marks,
            colour: data.color,
            columns: match data.terminal {
                true => self.out.width(),
                false => text::Look::default().columns,
            },
            verbose,
            next: true,
        }
    }

    /// A command to be printed: absolute, quoted, and meaning the same state directory.
    pub fn command(&self, words: &[&str]) -> String {
        self.home().command(words)
    }

    /// What a printed command needs to mean the same places.
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if self.paths.state_given {
            options.push("--state-dir".to_owned());
            options.push(self.paths.state_dir.display().to_string());
        }
        if self.paths.config_given {
            options.push("--config".to_owned());
            options.push(self.paths.config_file.display().to_string());
        }
        options
    }
}

/// The address a plan has, without what it does not say.
pub fn address_of(store: &StoreRef) -> Result<Address> {
    let Some(descriptor) = registry::find(&store.kind) else {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("there is no kind of store called {:?}", store.kind),
        )
        .remedy("`memferry stores` lists the kinds."));
    };
    let mut address = Address::new(descriptor);
    for (name, value) in &store.settings {
        address = address.set(name, value)?;
    }
    Ok(address)
}
