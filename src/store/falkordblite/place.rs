//! Where a store is: the file of an address, or the folder in which memorygraph for
//! TypeScript keeps one, behind every symbolic link.

use crate::error::{Error, ErrorKind, Result};
use crate::store::Fingerprint;
use crate::store::protocol::file;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file inside a folder of memorygraph for TypeScript.
const IN_FOLDER: &str = "dump.rdb";

/// What is at an address.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// Nothing yet; where it will be.
    Absent(PathBuf),
    /// A database file.
    File(PathBuf),
    /// The file in a folder of memorygraph for TypeScript.
    InFolder(PathBuf),
}

/// What tells one content of a file from another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
    /// The last bytes, which are the checksum of the others.
    sum: Vec<u8>,
}

impl Place {
    /// Looks at a path.
    pub fn of(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(meta) if meta.is_file() => Ok(Self::File(real(path)?)),
            Ok(meta) if meta.is_dir() => Self::in_folder(path),
            Ok(_) => Err(Error::new(
                ErrorKind::NotThisStore,
                format!("{} is no file", path.display()),
            )
            .remedy("Give the path of a database file.")),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Self::absent(path),
            Err(cause) => Err(Error::io("look at", path, cause)),
        }
    }

    fn in_folder(folder: &Path) -> Result<Self> {
        let path = folder.join(IN_FOLDER);
        match fs::metadata(&path) {
            Ok(meta) if meta.is_file() => Ok(Self::InFolder(real(&path)?)),
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                Err(Error::io("look at", &path, cause))
            }
            _ => Err(Error::new(
                ErrorKind::NotThisStore,
                format!("{} is a folder without {IN_FOLDER} in it", folder.display()),
            )
            .remedy(
                "Give the path of a database file, or of the folder of memorygraph for TypeScript.",
            )),
        }
    }

    fn absent(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} is a symbolic link to a file that is not there",
                    path.display()
                ),
            )
            .remedy("Remove the link, or name the file itself."));
        }
        let whole = fs::canonicalize(file::folder_of(path)).ok();
        let path = match (whole, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        };
        Ok(Self::Absent(path))
    }

    /// The database file, there or not.
    pub fn file(&self) -> &Path {
        match self {
            Self::Absent(path) | Self::File(path) | Self::InFolder(path) => path,
        }
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        !matches!(self, Self::Absent(_))
    }

    /// What the lock is taken on: the folder and the name, since every save puts another
    /// file there.
    pub fn identity(&self) -> Result<String> {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = file::folder_of(self.file());
        let meta = fs::metadata(folder)
            .map_err(|cause| Error::io("look into the folder", folder, cause))?;
        let name = self.file().file_name().unwrap_or_default();
        let name: String = name.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        Ok(format!("entry:{}:{}:{name}", meta.dev(), meta.ino()))
    }
}

fn real(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(|cause| Error::io("look at", path, cause))
}

/// The error that there is nothing.
pub(super) fn not_found(path: &Path) -> Error {
    let shown = path.display();
    let tilde = path.components().any(|part| part.as_os_str() == "~");
    Error::new(ErrorKind::NotFound, format!("there is no file {shown}")).remedy(if tilde {
        "The shell left ~ as it is; write the path of the home folder in full."
    } else {
        "Check the path; `memferry stores --found` lists the stores of this machine."
    })
}

/// Opens a database file to look at it.
pub(super) fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|cause| Error::io("read", path, cause))
}

impl Stamp {
    /// Of a file; `None` if it is not there.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        let mut opened = match File::open(path) {
            Ok(opened) => opened,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(Error::io("read", path, cause)),
        };
        let read = || {
            let meta = opened.metadata()?;
            let mut sum = Vec::new();
            opened.seek(SeekFrom::Start(meta.len().saturating_sub(8)))?;
            opened.take(8).read_to_end(&mut sum)?;
            Ok(Self {
                device: meta.dev(),
                inode: meta.ino(),
                size: meta.len(),
                changed: (meta.mtime(), meta.mtime_nsec()),
                sum,
            })
        };
        read()
            .map(Some)
            .map_err(|cause| Error::io("look at", path, cause))
    }

    /// As a fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = blake3::hash(format!("{self:?}").as_bytes()).to_hex();
        Fingerprint(format!("{} bytes, {}", self.size, &hash[..32]))
    }
}
