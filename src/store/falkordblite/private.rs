//! Private folders for servers of our own: socket, configuration, log. A lock inside
//! says that its program is alive; one without its program is removed by the next that
//! makes one, so that nothing stays behind a kill.

use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::file;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const PREFIX: &str = "memferry-lite-";

/// The name of the lock inside.
const LOCK: &str = "lock";

/// Longest path of a folder in which a socket still has a name: the shortest limit is
/// macOS's, 104 bytes with the zero behind.
const MAX_BASE: usize = 70;

/// How old a folder without a lock must be to be taken for a left one: it is locked
/// within moments.
const UNLOCKED: Duration = Duration::from_secs(600);

/// A folder that only its owner can enter, removed when dropped.
#[derive(Debug)]
pub(super) struct Private {
    folder: tempfile::TempDir,
    /// Open as long as this program lives.
    _lock: File,
}

impl Private {
    /// A new one, after those of killed programs are gone.
    pub fn new() -> Result<Self> {
        let base = base();
        sweep(&base);
        Self::within(&base)
    }

    fn within(base: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(8)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(base)
            .map_err(|cause| Error::io("make a folder in", base, cause))?;
        let (coming, path) = (folder.path().join("locking"), folder.path().join(LOCK));
        let lock = file::create_private(&coming)?;
        let locked = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        locked.map_err(|errno| Error::io("lock", &coming, errno.into()))?;
        fs::rename(&coming, &path).map_err(|cause| Error::io("make", &path, cause))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of something in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        use std::io::Write as _;
        let path = self.join(name);
        let written = file::create_private(&path)?.write_all(bytes);
        written.map_err(|cause| Error::io("write", &path, cause))?;
        Ok(path)
    }
}

/// The folder for temporary files, unless its name is too long for a socket in it.
fn base() -> PathBuf {
    let usual = std::env::temp_dir();
    match usual.as_os_str().len() <= MAX_BASE {
        true => usual,
        false => PathBuf::from("/tmp"),
    }
}

/// Removes what killed programs of this user left. Whatever cannot be removed stays.
fn sweep(base: &Path) {
    let me = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().as_bytes().starts_with(PREFIX.as_bytes());
        let mine = || {
            let meta = fs::symlink_metadata(entry.path()).ok()?;
            (meta.is_dir() && meta.uid() == me).then_some(meta)
        };
        let Some(meta) = ours.then(mine).flatten() else {
            continue;
        };
        if is_left(&entry.path(), &meta) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_left(folder: &Path, meta: &fs::Metadata) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(_) => {
            let age = meta
                .modified()
                .ok()
                .map(|t| SystemTime::now().duration_since(t));
            age.and_then(|age| age.ok())
                .is_some_and(|age| age > UNLOCKED)
        }
    }
}

/// Makes a folder that only its owner can enter; one that is there is an error.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => Error::new(
            ErrorKind::Locked,
            format!("{} is there: another run builds here", path.display()),
        )
        .remedy("Wait for it, or remove that folder if no run is going on."),
        _ => Error::io("make", path, cause),
    })
}

/// Removes a folder with all that is in it; nothing there is no error.
pub(super) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, cause))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_goes_with_its_owner() {
        let base = tempfile::tempdir().unwrap();
        let private = Private::within(base.path()).unwrap();
        let path = private.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        let file = private.write("conf", b"x").unwrap();
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
        sweep(base.path());
        assert!(path.exists(), "its program is alive");
        drop(private);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_program_left_is_swept_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let left = base.path().join(format!("{PREFIX}abcdefgh"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let (fresh, other) = (
            base.path().join(format!("{PREFIX}ijklmnop")),
            base.path().join("another"),
        );
        fs::create_dir(&fresh).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join(LOCK), "").unwrap();
        sweep(base.path());
        assert!(!left.exists());
        assert!(fresh.exists(), "its lock is still to come");
        assert!(other.exists());
    }
}
