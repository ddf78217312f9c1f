//! Files as stores: building beside, publishing in one step that never replaces,
//! leftovers, room, identity. Everything here blocks; [`blocking`] takes it off the
//! async runtime.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Longest name of a file, in bytes, on the file systems in use.
pub const MAX_NAME: usize = 255;

/// Runs blocking work on a thread for it.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => Err(Error::internal("a blocking task ended early").because(failed)),
    }
}

/// The folder a path stands in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Where a run builds what shall become `target`: `.NAME.memferry-RUN` beside it, on
/// the same file system. A name too long for that is cut and told apart by its hash.
pub fn aside_path(target: &Path, run: &str) -> Result<PathBuf> {
    let name = target.file_name().ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            format!("{} does not name a file", target.display()),
        )
        .remedy("Give the path of a file, not of a folder.")
    })?;
    let run_is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if run.is_empty() || run.len() > 100 || !run.bytes().all(run_is_plain) {
        return Err(Error::internal(format!("{run:?} is no name of a run")));
    }
    let tail = format!(".memferry-{run}");
    let mut beside = vec![b'.'];
    if 1 + name.len() + tail.len() <= MAX_NAME {
        beside.extend_from_slice(name.as_bytes());
    } else {
        beside.extend_from_slice(&blake3::hash(name.as_bytes()).to_hex().as_bytes()[..32]);
    }
    beside.extend_from_slice(tail.as_bytes());
    Ok(folder_of(target).join(std::ffi::OsString::from_vec(beside)))
}

/// The folder of a target that can only be made new: it must be there, and the target
/// must not.
pub fn new_target(path: &Path) -> Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(Error::io("look at", path, cause)),
        Ok(_) => {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{} exists, and only a new one is written", path.display()),
            )
            .remedy("Choose another name, or move it away."));
        }
    }
    let folder = folder_of(path);
    match fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} is not a folder", folder.display()),
            )
            .remedy("Check the path."));
        }
        Err(cause) => return Err(Error::io("find the folder", folder, cause)),
    }
    aside_path(path, "x")?;
    Ok(folder.to_owned())
}

/// Makes a new file that only its owner can read.
pub fn create_private(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .map_err(|cause| Error::io("create", path, cause))
}

/// Makes what was built at `aside` appear at `target`, durably, in one step that
/// never replaces anything: `AlreadyExists` if something is there by then.
pub fn publish_new(aside: &Path, target: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    let taken = || {
        Error::new(
            ErrorKind::AlreadyExists,
            format!("{} exists by now; it was left as it is", target.display()),
        )
        .remedy("Choose another name, or move that file away.")
    };
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::AlreadyExists => taken(),
        _ => Error::io("publish", target, cause),
    };
    sync(aside)?;
    match renameat_with(CWD, aside, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        // Network and FUSE file systems may lack the flag; a link never replaces either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::hard_link(aside, target).map_err(failed)?;
            fs::remove_file(aside).map_err(|cause| Error::io("remove", aside, cause))?;
        }
        Err(errno) => return Err(failed(errno.into())),
    }
    sync(folder_of(target))
}

/// Makes a file's content, or a folder's names, durable.
pub fn sync(path: &Path) -> Result<()> {
    let file = File::open(path).map_err(|cause| Error::io("open", path, cause))?;
    match file.sync_all() {
        // Some file systems cannot sync a folder.
        Err(cause) if cause.kind() == io::ErrorKind::InvalidInput && path.is_dir() => Ok(()),
        other => other.map_err(|cause| Error::io("write", path, cause)),
    }
}

/// Removes a file; one that is not there is no error. Tells whether it was.
pub fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => sync(folder_of(path)).map(|()| true),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::io("remove", path, cause)),
    }
}

/// Bytes that this user can still write into a folder.
pub fn free_room(folder: &Path) -> Result<u64> {
    let stat =
        rustix::fs::statvfs(folder).map_err(|errno| Error::io("look at", folder, errno.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// What tells a file from every other on this machine, by whatever path it is reached:
/// device and inode; for one that is not there yet, those of its folder and its name.
pub fn identity(path: &Path) -> Result<String> {
    match fs::metadata(path) {
        Ok(meta) => Ok(format!("file:{}:{}", meta.dev(), meta.ino())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let folder = folder_of(path);
            let meta = fs::metadata(folder)
                .map_err(|cause| Error::io("look into the folder", folder, cause))?;
            let name = path.file_name().unwrap_or_default();
            let name: String = name.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
            Ok(format!("new:{}:{}:{name}", meta.dev(), meta.ino()))
        }
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}

/// Size and time of last change (nanoseconds since 1970), which any ordinary write
/// changes; `None` if nothing is there.
pub fn stamp(path: &Path) -> Result<Option<(u64, i128)>> {
    match fs::metadata(path) {
        Ok(meta) => {
            let nanoseconds = i128::from(meta.mtime()) * 1_000_000_000;
            Ok(Some((
                meta.len(),
                nanoseconds + i128::from(meta.mtime_nsec()),
            )))
        }
        // Nothing can be there under a name that is too long.
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename
            ) =>
        {
            Ok(None)
        }
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.memferry");
        let aside = aside_path(&target, "20260101-abcdef").unwrap();
        let name = aside.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, ".a.memferry.memferry-20260101-abcdef");
        create_private(&aside).unwrap();
        let before = identity(&target).unwrap();
        publish_new(&aside, &target).unwrap();
        assert_ne!(before, identity(&target).unwrap());
        assert!(!aside.exists());
        fs::write(&target, "mine").unwrap();
        fs::write(&aside, "other").unwrap();
        let refused = publish_new(&aside, &target).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"mine");
        assert!(aside.exists(), "what was built is kept");
        assert!(remove(&aside).unwrap());
        assert!(!remove(&aside).unwrap());
        assert_eq!(
            create_private(&target).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
    }

    #[test]
    fn names_are_private_short_enough_and_safe() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("é".repeat(127));
        let aside = aside_path(&long, "r-1").unwrap();
        let file = create_private(&aside).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert!(aside_path(&long, "../x").is_err());
        assert!(aside_path(Path::new("/"), "r").is_err());
        assert_eq!(folder_of(Path::new("a")), Path::new("."));
        assert!(free_room(folder.path()).unwrap() > 0);
        let missing = folder.path().join("no/such");
        assert_eq!(identity(&missing).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_hard_link_and_a_symbolic_link_are_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b, c) = (
            folder.path().join("a"),
            folder.path().join("b"),
            folder.path().join("c"),
        );
        fs::write(&a, "x").unwrap();
        fs::hard_link(&a, &b).unwrap();
        std::os::unix::fs::symlink(&a, &c).unwrap();
        assert_eq!(identity(&a).unwrap(), identity(&b).unwrap());
        assert_eq!(identity(&a).unwrap(), identity(&c).unwrap());
        assert_eq!(stamp(&a).unwrap(), stamp(&c).unwrap());
        assert_eq!(stamp(&folder.path().join("d")).unwrap(), None);
    }
}
