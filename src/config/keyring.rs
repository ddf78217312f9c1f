//! The keyring of the system, where secrets of saved stores may lie: the desktop's
//! (the Secret Service of GNOME Keyring, KWallet, KeePassXC; the keychain of macOS), else
//! the kernel's, which forgets them when the machine restarts. Where there is none, nothing
//! is kept, and a person is asked each time. A keyring can wait for somebody to unlock it,
//! so it is only used where that holds nothing up, and no longer than [`PATIENCE`].

use super::Secret;
use keyring_core::api::CredentialStoreApi;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// Longest that a keyring is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Under what its entries stand.
const SERVICE: &str = "memferry";

/// Which keyring is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keyring {
    /// The desktop's if it answers, else the kernel's.
    #[default]
    Auto,
    /// Only the desktop's.
    Desktop,
    /// Only the kernel's.
    Kernel,
    /// None.
    None,
}

/// Where a secret was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the keyring of the desktop.
    Desktop,
    /// In the keyring of the kernel, until the machine restarts.
    Kernel,
}

impl Kept {
    /// Where, in words.
    pub fn words(self) -> &'static str {
        match self {
            Kept::Desktop if cfg!(target_os = "macos") => "in the keychain",
            Kept::Desktop => "in the desktop's keyring",
            Kept::Kernel => "in the kernel's keyring until this machine restarts",
        }
    }
}

type Opened = Arc<dyn CredentialStoreApi + Send + Sync>;

impl Keyring {
    fn kinds(self) -> &'static [Kept] {
        match self {
            Keyring::Auto => &[Kept::Desktop, Kept::Kernel],
            Keyring::Desktop => &[Kept::Desktop],
            Keyring::Kernel => &[Kept::Kernel],
            Keyring::None => &[],
        }
    }

    /// Puts a secret under a name, in the place of one that is there, and reads it back.
    /// `None`: no keyring takes it.
    pub fn keep(self, name: &str, secret: &Secret) -> Option<Kept> {
        self.kinds().iter().copied().find(|kind| {
            let text = secret.expose().to_owned();
            let kept = in_time(*kind, name, move |entry| entry.set_password(&text));
            // On another thread, as later: the kernel keeps some keys for one thread only.
            let read = kept.and_then(|()| in_time(*kind, name, |entry| entry.get_password()));
            read.as_deref() == Some(secret.expose())
        })
    }

    /// The secret under a name. `None`: no keyring answers, or none has it.
    pub fn recall(self, name: &str) -> Option<Secret> {
        let mut kinds = self.kinds().iter();
        kinds.find_map(|kind| in_time(*kind, name, |entry| entry.get_password()).map(Secret::new))
    }

    /// Forgets what is under a name, wherever it is.
    pub fn forget(self, name: &str) {
        for kind in self.kinds() {
            let _ = in_time(*kind, name, |entry| entry.delete_credential());
        }
    }
}

/// Does it on a thread of its own, since a keyring may block, and may not be used on a
/// thread of the runtime. One that does not answer counts as one that is not there.
fn in_time<T: Send + 'static>(
    kind: Kept,
    name: &str,
    work: impl FnOnce(keyring_core::Entry) -> keyring_core::Result<T> + Send + 'static,
) -> Option<T> {
    let (to, from) = mpsc::channel();
    let name = name.to_owned();
    std::thread::spawn(move || {
        let done = open(kind).and_then(|store| work(store.build(SERVICE, &name, None)?));
        // Nobody listens any more once it took too long.
        let _ = to.send(done);
    });
    from.recv_timeout(PATIENCE).ok()?.ok()
}

#[cfg(target_os = "linux")]
fn open(kind: Kept) -> keyring_core::Result<Opened> {
    Ok(match kind {
        Kept::Desktop => zbus_secret_service_keyring_store::Store::new()?,
        Kept::Kernel => {
            use linux_keyutils::{KeyRing, KeyRingIdentifier};
            // Without a session keyring, as in a container or under cron, the kernel would
            // take the key and not let it be read again.
            KeyRing::from_special_id(KeyRingIdentifier::Session, true)
                .map_err(|e| keyring_core::Error::NoStorageAccess(e.into()))?;
            linux_keyutils_keyring_store::Store::new()?
        }
    })
}

#[cfg(target_os = "macos")]
fn open(kind: Kept) -> keyring_core::Result<Opened> {
    match kind {
        Kept::Desktop => Ok(apple_native_keyring_store::keychain::Store::new()?),
        Kept::Kernel => Err(keyring_core::Error::NoDefaultStore),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn open(_: Kept) -> keyring_core::Result<Opened> {
    Err(keyring_core::Error::NoDefaultStore)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_keyring_nothing_is_kept() {
        let secret = Secret::new("hunter2");
        assert_eq!(Keyring::None.keep("nobody", &secret), None);
        assert_eq!(Keyring::None.recall("nobody"), None);
    }

    /// The kernel's own keyring; a sandbox may forbid it, and then nothing is kept.
    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_keeps_and_forgets() {
        let name = format!("test of process {}", std::process::id());
        let secret = Secret::new("hunter2 with spaces");
        let allowed = std::fs::read_to_string("/proc/keys").is_ok();
        match Keyring::Kernel.keep(&name, &secret) {
            Some(kept) => assert_eq!(kept, Kept::Kernel),
            None => return assert!(!allowed, "the kernel has keyrings and none took it"),
        }
        assert_eq!(Keyring::Kernel.recall(&name), Some(secret));
        Keyring::Kernel.forget(&name);
        assert_eq!(Keyring::Kernel.recall(&name), None);
    }
}
