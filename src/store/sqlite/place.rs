//! Where a database file is: the path of an address, or the `file:` URI it holds, and
//! the names that belong to it.

use crate::error::{Error, ErrorKind, Result};
use crate::store::Address;
use crate::store::protocol::file;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A database file by its path.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As addressed, absolute.
    path: PathBuf,
    /// A URI said `mode=ro`: it must not be a target.
    pub(super) read_only: bool,
    /// A URI said `immutable=1`: nobody writes to it and nothing beside it counts.
    pub(super) immutable: bool,
}

/// What stands beside a database file while it is written, or after a crash.
pub(super) const SIDES: [&str; 3] = ["-journal", "-wal", "-shm"];

impl Place {
    pub(super) fn of(address: &Address) -> Result<Self> {
        let text = address.get("path").unwrap_or_default();
        let plain = match text.strip_prefix("file:") {
            Some(rest) => Self::of_uri(rest)?,
            None if text == ":memory:" || text.is_empty() => {
                return Err(
                    Error::new(ErrorKind::Usage, "a database in memory is no store")
                        .remedy("Give the path of a file."),
                );
            }
            None => Self::plain(text),
        };
        let path = std::path::absolute(&plain.path)
            .map_err(|cause| Error::io("find", &plain.path, cause))?;
        short_enough(&path)?;
        Ok(Self { path, ..plain })
    }

    fn plain(path: &str) -> Self {
        Self {
            path: PathBuf::from(path),
            read_only: false,
            immutable: false,
        }
    }

    /// What stands behind `file:`, as SQLite reads it.
    fn of_uri(rest: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Usage, format!("the URI file:{rest} {what}"))
                .remedy("Write file:PATH, with %3F for a question mark in the path.")
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = match path.strip_prefix("//") {
            None => path,
            Some(authority) => match authority.find('/') {
                Some(at) if matches!(&authority[..at], "" | "localhost") => &authority[at..],
                _ => return Err(wrong("names a host")),
            },
        };
        let path = decode(path).ok_or_else(|| wrong("is not UTF-8 once decoded"))?;
        if path.is_empty() || path == ":memory:" || path.contains('\0') {
            return Err(wrong("names no file"));
        }
        let mut place = Self::plain(&path);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (name, value) {
                ("mode", "ro") => place.read_only = true,
                ("mode", "rw" | "rwc") => {}
                ("mode", _) => return Err(wrong("asks for a mode that is no file's")),
                ("vfs", "unix") => {}
                ("vfs", _) => return Err(wrong("asks for another file system layer")),
                ("immutable", "" | "0" | "no" | "off" | "false") => {}
                ("immutable", _) => place.immutable = true,
                _ => {}
            }
        }
        Ok(place)
    }

    /// As addressed, for people.
    pub(super) fn shown(&self) -> &Path {
        &self.path
    }

    /// The file itself, behind every symbolic link, where SQLite puts what stands beside
    /// it; for one that is not there yet, where it will be.
    pub(super) fn real(&self) -> Result<PathBuf> {
        let real = self.resolved()?;
        short_enough(&real)?;
        Ok(real)
    }

    fn resolved(&self) -> Result<PathBuf> {
        match std::fs::canonicalize(&self.path) {
            Ok(real) => Ok(real),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                if self.path.symlink_metadata().is_ok() {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        format!(
                            "{} is a symbolic link to a file that is not there",
                            self.path.display()
                        ),
                    )
                    .remedy("Remove the link, or name the file itself."));
                }
                match (
                    std::fs::canonicalize(file::folder_of(&self.path)),
                    self.path.file_name(),
                ) {
                    (Ok(folder), Some(name)) => Ok(folder.join(name)),
                    _ => Ok(self.path.clone()),
                }
            }
            Err(cause) => Err(Error::io("look at", &self.path, cause)),
        }
    }

    /// The error that there is nothing.
    pub(super) fn not_found(&self) -> Error {
        let shown = self.path.display();
        let tilde = self.path.components().any(|part| part.as_os_str() == "~");
        Error::new(ErrorKind::NotFound, format!("there is no file {shown}")).remedy(if tilde {
            "The shell left ~ as it is; write the path of the home folder in full."
        } else {
            "Check the path; `memferry stores --found` lists the stores of this machine."
        })
    }
}

/// The name of a file that SQLite keeps beside a database file.
pub(super) fn beside(database: &Path, side: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(side);
    PathBuf::from(name)
}

/// The URI by which SQLite opens exactly that file.
pub(super) fn uri(path: &Path, query: &str) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut out = String::from("file:");
    if path.is_absolute() {
        out.push_str("//");
    }
    for &b in path.as_os_str().as_bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(b));
            }
            _ => {
                let _ = write!(out, "%{b:02X}");
            }
        }
    }
    out.push('?');
    out.push_str(query);
    out
}

/// As SQLite decodes: a `%` that no two digits follow stands for itself.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok())
            .filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match (bytes[at], digits) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// Bytes of a file's name that every file system allows.
const LONGEST_NAME: usize = 255;

/// Refuses a name so long that those of the files beside it would not fit.
fn short_enough(path: &Path) -> Result<()> {
    let longest = LONGEST_NAME - SIDES.map(str::len).into_iter().max().unwrap_or(0);
    match path.file_name().map_or(0, |name| name.len()) {
        length if length > longest => Err(Error::new(
            ErrorKind::Usage,
            format!(
                "the name of {} is too long: SQLite puts files with longer names beside it",
                path.display()
            ),
        )
        .remedy(format!(
            "Give it a name of at most {longest} bytes; it has {length}."
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Result<Place> {
        let address = Address::new(&super::super::DESCRIPTOR).set("path", path)?;
        Place::of(&address)
    }

    #[test]
    fn a_path_is_literal_and_a_uri_is_decoded() {
        let shown = |path: &str| place(path).unwrap().path.to_str().unwrap().to_owned();
        assert_eq!(shown("/a b/c%20d?x#y.db"), "/a b/c%20d?x#y.db");
        assert_eq!(shown("file:/a%20b/c.db?mode=ro"), "/a b/c.db");
        assert_eq!(shown("file:///a/b.db#part"), "/a/b.db");
        assert_eq!(shown("file://localhost/a/b.db"), "/a/b.db");
        assert_eq!(shown("file:/100%/%zz.db"), "/100%/%zz.db");
        assert!(place("file:/a.db?mode=ro").unwrap().read_only);
        assert!(place("file:/a.db?immutable=1").unwrap().immutable);
        assert!(!place("file:/a.db?immutable=0").unwrap().immutable);
        for wrong in [
            ":memory:",
            "file:",
            "file::memory:",
            "file:/a?mode=memory",
            "file://host/a",
            "file:/a?vfs=unix-none",
            "file:/%ff",
            "file:/%00",
        ] {
            assert_eq!(
                place(wrong).unwrap_err().kind(),
                ErrorKind::Usage,
                "{wrong}"
            );
        }
    }

    #[test]
    fn sqlite_opens_by_our_uri_what_we_mean() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a?b#c%20d 'é\".db");
        std::fs::write(&path, b"").unwrap();
        let flags =
            rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_URI;
        let conn = rusqlite::Connection::open_with_flags(uri(&path, "mode=rw"), flags).unwrap();
        conn.execute_batch("CREATE TABLE t(x)").unwrap();
        assert!(path.metadata().unwrap().len() > 0);
    }
}
