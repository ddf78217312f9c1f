//! What stays the same from run to run: where memferry keeps things, the defaults of
//! its options, saved stores (profiles), and where secrets come from. It reads
//! `config.toml`; only [`save_profile`] and [`forget_profile`] write it, and never a secret.

mod file;
mod keyring;
mod memorygraph;
mod paths;
mod profile;
mod prompt;
mod saving;
mod secret;

pub use file::Config;
pub use keyring::{Kept, Keyring};
pub use memorygraph::{
    Backend, Found, backends, current_backend, default_stores, found, switch_to,
};
pub use paths::{Paths, private_dir};
pub use profile::{Profile, SecretRef};
pub use prompt::ask_secret;
pub use saving::{Saved, forget_profile, save_profile};
pub use secret::{Prompt, Secret, Side, askable, fill, known};

/// The environment, as functions here take it so that tests can make one up.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this process. A variable that is not UTF-8 counts as absent.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A leading `~/` replaced by the home folder, for paths no shell has seen.
pub fn expand_home(path: &str, env: Env) -> String {
    match (path.strip_prefix("~/"), env("HOME")) {
        (Some(rest), Some(home)) if !home.is_empty() => {
            format!("{}/{rest}", home.trim_end_matches('/'))
        }
        _ => path.to_owned(),
    }
}
