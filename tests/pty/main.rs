//! Journeys of the real program in a pseudo-terminal: keys go in, the screen that a
//! terminal would show comes out.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod ending;
#[path = "../support/falkordb.rs"]
mod falkordb;
mod flow;
mod keeping;
mod looking;
mod plain;
mod servers;
mod steps;
#[path = "../support/term.rs"]
mod term;

use std::path::{Path, PathBuf};
use term::Term;

const PROGRAM: &str = env!("CARGO_BIN_EXE_memferry");

/// A home of its own for the program.
struct Sandbox {
    dir: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mfw").tempdir().unwrap();
        for below in ["home", "work"] {
            std::fs::create_dir(dir.path().join(below)).unwrap();
        }
        Self { dir }
    }

    pub fn at(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// The sample store, under that name.
    pub fn sample(&self, to: &str) -> PathBuf {
        let target = self.at(to);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sample.db");
        std::fs::copy(sample, &target).unwrap();
        target
    }

    /// A store of memorygraph where it keeps it by default.
    pub fn default_store(&self) -> PathBuf {
        self.sample("home/.memorygraph/memory.db")
    }

    /// Writes the configuration; where it is.
    pub fn configured(&self, text: &str) -> PathBuf {
        let path = self.at("home/.config/memferry/config.toml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program on its own, to its end.
    pub fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        said(self.spawn(args).wait_with_output().unwrap())
    }

    /// The same, with variables.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut child = self.command(args);
        let output = child.envs(env.iter().copied()).output().unwrap();
        said(output)
    }

    /// The program on its own, without a terminal.
    pub fn spawn(&self, args: &[&str]) -> std::process::Child {
        self.command(args).spawn().unwrap()
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(PROGRAM);
        command
            .args(args)
            .current_dir(self.at("work"))
            .env_clear()
            .envs(self.env())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command
    }

    pub fn env(&self) -> Vec<(String, String)> {
        let home = self.at("home").display().to_string();
        [
            ("HOME", home.as_str()),
            ("TMPDIR", &home),
            ("TZ", "UTC"),
            ("LANG", "C.UTF-8"),
            ("TERM", "xterm-256color"),
            ("PATH", "/usr/bin:/bin"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .into()
    }

    /// Opens the wizard.
    pub fn wizard(&self) -> Term {
        self.open(&[], &[], 80, 24)
    }

    /// Opens the program with arguments, variables and a size.
    pub fn open(&self, args: &[&str], env: &[(&str, &str)], columns: u16, rows: u16) -> Term {
        let mut all = self.env();
        all.extend(env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        Term::open(PROGRAM, args, &all, &self.at("work"), columns, rows)
    }

    /// A store with so many memories, written as memorygraph writes it.
    pub fn big(&self, to: &str, memories: usize) -> PathBuf {
        let path = self.sample(to);
        let db = rusqlite::Connection::open(&path).unwrap();
        let (sql, properties): (String, String) = db
            .query_row("SELECT id, properties FROM nodes LIMIT 1", [], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })
            .unwrap();
        let mut insert = db
            .prepare(
                "INSERT INTO nodes SELECT ?1, label, ?2, created_at, updated_at FROM nodes WHERE id = ?3",
            )
            .unwrap();
        db.execute_batch("BEGIN").unwrap();
        for i in 0..memories {
            let id = format!("00000000-0000-4000-8000-{i:012}");
            let properties = properties.replace(&sql, &id);
            insert.execute([&id, &properties, &sql]).unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
        drop(insert);
        path
    }
}

fn said(output: std::process::Output) -> (Option<i32>, String) {
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code(), text)
}

/// Number of memories in a store.
pub fn memories(path: &Path) -> u64 {
    let db = rusqlite::Connection::open(path).unwrap();
    let n: i64 = db
        .query_row("SELECT count(*) FROM nodes", [], |r| r.get(0))
        .unwrap();
    n as u64
}
