//! Where memferry keeps its own files: the configuration, and the state directory
//! with runs, backups and locks. Folders are made for their owner only.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Name of the configuration file in its folder.
const CONFIG_FILE: &str = "config.toml";

/// Where things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The configuration file, which need not exist.
    pub config_file: PathBuf,
    /// Whether a person said where it is, so that printed commands must say so too.
    pub config_given: bool,
    /// Whether a person named the file itself, and not its folder, so that its absence
    /// is an error.
    pub config_named: bool,
    /// Runs, backups and locks; need not exist.
    pub state_dir: PathBuf,
    /// Whether a person said where it is, so that printed commands must say so too.
    pub state_given: bool,
}

impl Paths {
    /// Those given, else those of the platform. `config` is the file or its folder.
    pub fn find(config: Option<&Path>, state: Option<&Path>) -> Result<Self> {
        let given = |path: Option<&Path>| -> Result<Option<PathBuf>> {
            match path.filter(|p| !p.as_os_str().is_empty()) {
                None => Ok(None),
                Some(path) => std::path::absolute(path)
                    .map(Some)
                    .map_err(|cause| Error::io("find", path, cause)),
            }
        };
        let (config, state) = (given(config)?, given(state)?);
        let (config_given, state_given) = (config.is_some(), state.is_some());
        let platform = directories::ProjectDirs::from("", "", "memferry");
        let homeless = |flag: &str| {
            Error::new(ErrorKind::Usage, "there is no home folder to keep files in")
                .remedy(format!("Set HOME, or say where with {flag}."))
        };
        let is_file = |path: &Path| path.extension().is_some_and(|e| e == "toml") && !path.is_dir();
        let config_named = config.as_deref().is_some_and(is_file);
        let config_file = match (config, &platform) {
            (Some(path), _) if config_named => path,
            (Some(path), _) => path.join(CONFIG_FILE),
            (None, Some(dirs)) => dirs.config_dir().join(CONFIG_FILE),
            (None, None) => return Err(homeless("--config")),
        };
        let state_dir = match (state, &platform) {
            (Some(path), _) => path,
            (None, Some(dirs)) => dirs
                .state_dir()
                .unwrap_or_else(|| dirs.data_local_dir())
                .to_owned(),
            (None, None) => return Err(homeless("--state-dir")),
        };
        Ok(Self {
            config_file,
            config_given,
            config_named,
            state_dir,
            state_given,
        })
    }

    /// Whether there need be no configuration file.
    pub fn config_may_lack(&self) -> bool {
        let folder = self.config_file.parent();
        !self.config_given || !self.config_named && folder.is_some_and(Path::is_dir)
    }
}

/// Makes a folder, and those above it, for its owner only; one that is there already
/// is closed to others.
pub fn private_dir(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        .map_err(|cause| Error::io("make the folder", path, cause))?;
    let mode = std::fs::metadata(path)
        .map_err(|cause| Error::io("look at", path, cause))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))
            .map_err(|cause| Error::io("close to others", path, cause))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_wins_and_becomes_absolute() {
        let paths = Paths::find(Some("here".as_ref()), Some("there".as_ref())).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(paths.config_file, here.join("here/config.toml"));
        assert_eq!(paths.state_dir, here.join("there"));
        assert!(paths.config_given && !paths.config_named && paths.state_given);
        let file = Paths::find(Some("/x/my.toml".as_ref()), None).unwrap();
        assert_eq!(file.config_file, Path::new("/x/my.toml"));
        assert!(file.config_given && file.config_named);
        let empty = Paths::find(Some("".as_ref()), Some("/s".as_ref())).unwrap();
        assert!(!empty.config_given);
    }

    #[test]
    fn a_private_folder_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        private_dir(&path).unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        private_dir(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(private_dir(&file.join("below")).is_err());
    }
}
