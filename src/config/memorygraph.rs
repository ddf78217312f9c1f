//! How memorygraph finds its store: `MEMORY_BACKEND`, the variables of each backend,
//! and default paths under the home folder. memferry looks in the same places, takes
//! paths from the environment as they are (no `~`), and names what it cannot read.

use super::Env;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Address, Shape, registry};

/// One of memorygraph's backends.
#[derive(Debug)]
pub struct Backend {
    /// Its name in `MEMORY_BACKEND`, and the kind of store it is here.
    pub name: &'static str,
    /// Variables that hold its path, first wins.
    path: &'static [&'static str],
    /// Its path without them, below the home folder.
    default_path: Option<&'static str>,
    /// Whether memorygraph uses it when `MEMORY_BACKEND` is unset: one for Python,
    /// one for TypeScript.
    default: bool,
    /// Variables that tell that somebody uses it.
    told_by: &'static [&'static str],
}

const fn backend(name: &'static str) -> Backend {
    Backend {
        name,
        path: &[],
        default_path: None,
        default: false,
        told_by: &[],
    }
}

static BACKENDS: [Backend; 8] = [
    Backend {
        path: &["MEMORY_SQLITE_PATH"],
        default_path: Some(".memorygraph/memory.db"),
        default: true,
        ..backend("sqlite")
    },
    Backend {
        path: &["MEMORY_FALKORDBLITE_PATH", "FALKORDBLITE_PATH"],
        default_path: Some(".memorygraph/falkordblite.db"),
        default: true,
        ..backend("falkordblite")
    },
    Backend {
        told_by: &["MEMORY_FALKORDB_HOST", "FALKORDB_HOST"],
        ..backend("falkordb")
    },
    Backend {
        told_by: &[
            "MEMORY_NEO4J_URI",
            "NEO4J_URI",
            "MEMORY_NEO4J_PASSWORD",
            "NEO4J_PASSWORD",
        ],
        ..backend("neo4j")
    },
    Backend {
        told_by: &["MEMORY_MEMGRAPH_URI"],
        ..backend("memgraph")
    },
    Backend {
        told_by: &["MEMORY_TURSO_PATH", "TURSO_DATABASE_URL"],
        ..backend("turso")
    },
    Backend {
        path: &["MEMORY_LADYBUGDB_PATH", "LADYBUGDB_PATH"],
        default_path: Some(".memorygraph/ladybugdb.db"),
        ..backend("ladybugdb")
    },
    Backend {
        told_by: &["MEMORYGRAPH_API_KEY"],
        ..backend("cloud")
    },
];

/// Where old versions kept their SQLite file, below the home folder.
const OLD_SQLITE: &str = ".claude-memory/memory.db";

/// All of memorygraph's backends, memferry's own kinds or not.
pub fn backends() -> impl Iterator<Item = &'static Backend> {
    BACKENDS.iter()
}

/// A place where memorygraph would keep memories.
#[derive(Clone, Debug)]
pub struct Found {
    /// The backend.
    pub backend: &'static str,
    /// Where, for people.
    pub place: String,
    /// Its address; `None` if memferry has no such kind of store.
    pub address: Option<Address>,
    /// What says so: a variable, or `default path`.
    pub told_by: String,
}

impl Backend {
    /// Its path: from its variables, else its default.
    fn path(&self, env: Env) -> Option<(String, String)> {
        let mut variables = self.path.iter();
        if let Some(found) = variables.find_map(|v| Some((env(v)?, (*v).to_owned()))) {
            return Some(found);
        }
        let home = env("HOME").filter(|home| !home.is_empty())?;
        let path = format!("{}/{}", home.trim_end_matches('/'), self.default_path?);
        Some((path, "default path".to_owned()))
    }

    /// Where it is, if anything says so.
    fn place(&self, env: Env) -> Result<Option<Found>> {
        let told = |name: &&&str| env(name).is_some();
        let (path, told_by) = match (self.path(env), self.told_by.iter().find(told)) {
            (Some((path, told_by)), _) => (Some(path), told_by),
            (None, Some(told_by)) => (None, (*told_by).to_owned()),
            (None, None) => return Ok(None),
        };
        let address = match registry::find(self.name) {
            None => None,
            Some(descriptor) => {
                let address = Address::new(descriptor);
                Some(match (&path, descriptor.shape) {
                    (Some(path), Shape::File) => address.set("path", path)?,
                    _ => address,
                })
            }
        };
        let shown = address
            .clone()
            .map(|a| a.clone().complete(env).unwrap_or(a));
        let place = match (path, shown) {
            (Some(path), _) => path,
            (None, Some(address)) => address.to_string(),
            (None, None) => self.name.to_owned(),
        };
        Ok(Some(Found {
            backend: self.name,
            place,
            address,
            told_by,
        }))
    }
}

/// What `MEMORY_BACKEND` says, if anything: a store, or an error that names what it
/// says and why that cannot be the source.
pub fn current_backend(env: Env) -> Result<Option<Found>> {
    const NAME: &str = "MEMORY_BACKEND";
    let Some(said) = env(NAME) else {
        return Ok(None);
    };
    let word = said.to_ascii_lowercase();
    let name = match word.as_str() {
        // As the Python program decides; without a server, the files are looked at.
        "auto" => {
            let set = |names: &[&str]| names.iter().any(|n| env(n).is_some_and(|v| !v.is_empty()));
            if set(&["MEMORY_NEO4J_PASSWORD", "NEO4J_PASSWORD"]) {
                "neo4j"
            } else if set(&["MEMORY_MEMGRAPH_URI"]) {
                "memgraph"
            } else {
                return Ok(None);
            }
        }
        other => other,
    };
    let Some(backend) = BACKENDS.iter().find(|b| b.name == name) else {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("{NAME} is {said:?}, which memorygraph does not know"),
        )
        .remedy("Correct it, or name the source with --from."));
    };
    let Some(descriptor) = registry::find(backend.name) else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{NAME} is {said:?}, a kind of store that memferry cannot read"),
        )
        .remedy("Name another source with --from; `memferry stores` lists the kinds."));
    };
    let place = backend.place(env)?.unwrap_or_else(|| Found {
        backend: backend.name,
        place: backend.name.to_owned(),
        address: None,
        told_by: String::new(),
    });
    Ok(Some(Found {
        told_by: NAME.to_owned(),
        address: place.address.or(Some(Address::new(descriptor))),
        ..place
    }))
}

/// The files memorygraph uses when nothing says which backend: one for each of its
/// two programs.
pub fn default_stores(env: Env) -> Result<Vec<Found>> {
    places(env, |backend| backend.default)
}

/// Everything that may be on this machine, the places of old versions included.
pub fn found(env: Env) -> Result<Vec<Found>> {
    let mut all = places(env, |_| true)?;
    let sqlite = registry::find("sqlite");
    if let (Some(descriptor), Some(home)) = (sqlite, env("HOME").filter(|h| !h.is_empty())) {
        let path = format!("{}/{OLD_SQLITE}", home.trim_end_matches('/'));
        all.push(Found {
            backend: "sqlite",
            address: Some(Address::new(descriptor).set("path", &path)?),
            place: path,
            told_by: "default path of old versions".to_owned(),
        });
    }
    Ok(all)
}

fn places(env: Env, which: impl Fn(&Backend) -> bool) -> Result<Vec<Found>> {
    BACKENDS
        .iter()
        .filter(|b| which(b))
        .filter_map(|b| b.place(env).transpose())
        .collect()
}

/// The variables that make memorygraph use that store; `None` if it cannot. Without
/// secrets.
pub fn switch_to(address: &Address) -> Option<Vec<(&'static str, String)>> {
    let backend = BACKENDS.iter().find(|b| b.name == address.kind())?;
    let mut variables = vec![("MEMORY_BACKEND", backend.name.to_owned())];
    let path = address.get("path").zip(backend.path.first());
    variables.extend(path.map(|(path, name)| (*name, path.to_owned())));
    let settings = address.descriptor().settings;
    for setting in settings.iter().filter(|s| !s.secret && s.name != "path") {
        // Ours say nothing to memorygraph.
        let theirs = setting
            .env
            .iter()
            .find(|name| !name.starts_with("MEMFERRY_"));
        let named = address.get(setting.name).zip(theirs);
        variables.extend(named.map(|(value, name)| (*name, value.to_owned())));
    }
    Some(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(all: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = all.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn default_paths_and_their_variables() {
        let home = [("HOME", "/home/me")];
        let all = default_stores(&env(&home)).unwrap();
        let places: Vec<_> = all.iter().map(|f| f.place.as_str()).collect();
        assert_eq!(
            places,
            [
                "/home/me/.memorygraph/memory.db",
                "/home/me/.memorygraph/falkordblite.db"
            ]
        );
        let set = [("HOME", "/h"), ("MEMORY_SQLITE_PATH", "~/m.db")];
        let all = default_stores(&env(&set)).unwrap();
        assert_eq!(all[0].place, "~/m.db", "memorygraph does not expand it");
        assert_eq!(all[0].told_by, "MEMORY_SQLITE_PATH");
        assert!(default_stores(&env(&[])).unwrap().is_empty());
    }

    #[test]
    fn a_backend_that_cannot_be_read_is_named() {
        for (value, kind) in [
            ("turso", ErrorKind::Unsupported),
            ("cloud", ErrorKind::Unsupported),
            ("", ErrorKind::Usage),
            ("oracle", ErrorKind::Usage),
        ] {
            let error = current_backend(&env(&[("MEMORY_BACKEND", value)])).unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.message().contains(&format!("{value:?}")), "{error}");
        }
        assert!(current_backend(&env(&[])).unwrap().is_none());
        assert!(
            current_backend(&env(&[("MEMORY_BACKEND", "auto")]))
                .unwrap()
                .is_none()
        );
    }
}
