//! A folder with a home, a state directory and copies of fixtures, and the program run
//! in it with nothing of this machine's environment.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub struct Sandbox {
    dir: TempDir,
    env: Vec<(String, String)>,
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    pub args: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ memferry {}", self.args)?;
        match self.code {
            Some(code) => writeln!(f, "exit {code}")?,
            None => writeln!(f, "killed")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "--- {name}\n{text}")?;
                if !text.ends_with('\n') {
                    writeln!(f, "(no line end)")?;
                }
            }
        }
        Ok(())
    }
}

impl Ran {
    /// Without the body of the report, which has tests of its own.
    pub fn brief(&self) -> String {
        // Paths of any length may follow, and wrap.
        let head = |line: &str| line.chars().take(30).collect::<String>() + " (…)\n";
        let head = self.stdout.lines().next().map(head);
        let brief = Self {
            args: self.args.clone(),
            stdout: head.unwrap_or_default(),
            stderr: self.stderr.clone(),
            ..*self
        };
        brief.to_string()
    }

    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    /// Checks the exit code.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mf").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        Self {
            dir,
            env: Vec::new(),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path below the sandbox.
    pub fn at(&self, below: &str) -> PathBuf {
        self.path().join(below)
    }

    /// Copies a fixture, with the journals beside it.
    pub fn fixture(&self, name: &str) -> PathBuf {
        self.fixture_as(name, name)
    }

    /// The same, under another name.
    pub fn fixture_as(&self, name: &str, to: &str) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let target = self.at(to);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        for suffix in ["", "-wal", "-journal"] {
            let source = from.join(format!("{name}{suffix}"));
            if source.exists() {
                std::fs::copy(source, self.at(&format!("{to}{suffix}"))).unwrap();
            }
        }
        target
    }

    /// Copies the sample store.
    pub fn sample(&self, to: &str) -> PathBuf {
        let target = self.at(to);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/sample.db");
        std::fs::copy(sample, &target).unwrap();
        target
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The configuration of this sandbox.
    pub fn config(&self, text: &str) {
        self.write("home/.config/memferry/config.toml", text);
    }

    pub fn env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memferry"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.at("home"))
            .env("TMPDIR", self.at("home"))
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        ran(args, output)
    }

    /// With something on standard input.
    pub fn run_with(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        ran(args, child.wait_with_output().unwrap())
    }

    /// What differs from run to run, replaced, and columns drawn together, since their
    /// width differs too.
    pub fn settings(&self) -> insta::Settings {
        let mut settings = self.exact();
        settings.add_filter("(\\S) {2,}", "$1  ");
        settings
    }

    /// The same with every space as it is.
    pub fn exact(&self) -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(true);
        settings.set_omit_expression(true);
        let here = self.path().display().to_string();
        let real = std::fs::canonicalize(self.path()).unwrap();
        settings.add_filter(&escaped(&real.display().to_string()), "[DIR]");
        settings.add_filter(&escaped(&here), "[DIR]");
        settings.add_filter(r"memferry-demo-\w{6}", "memferry-demo-[X]");
        settings.add_filter(r"\b\d{8}-\d{6}-[0-9a-f]{6}\b", "[RUN]");
        // What is told as `3 h ago` today is a date tomorrow.
        settings.add_filter(
            r"\b\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d UTC)?|just now|\d+ (s|min|h) ago",
            "[WHEN]",
        );
        settings.add_filter(
            r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.0-9]*(Z|\+00:00)",
            "[TIME]",
        );
        // A line of progress comes every five seconds, which a busy machine can take.
        settings.add_filter(
            r"(?m)^(Preflight|Export|Validate|Backup|Import|Verify): (\d+ %, [\d,]+ of [\d,]+ records|[\d,]+ records?|for \d+ s).*\n",
            "",
        );
        settings.add_filter(r"\b\d+\.\d+ s\b", "[SECONDS]");
        settings.add_filter(r"  [\d,]+/s\b", "");
        settings.add_filter(r"with one of [a-z, ]+\.", "with one of [KINDS].");
        settings.add_filter(r"SQLite \d+\.\d+\.\d+", "SQLite [VERSION]");
        settings.add_filter(r"\d+(\.\d+)? [GT]B in", "[ROOM] in");
        settings
    }
}

/// What a run of the program came to.
pub fn ran(args: &[&str], output: std::process::Output) -> Ran {
    let ran = Ran {
        args: args.join(" "),
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!ran.stderr.contains("panicked"), "{ran}");
    ran
}

fn escaped(text: &str) -> String {
    let special = |c: char| !c.is_ascii_alphanumeric() && !"/_-".contains(c);
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// Makes an index of relationships differ from the table, by doing this while the table
/// has no index.
pub fn without_indexes(path: &Path, change: &str) {
    let hide = "CREATE TABLE kept AS SELECT * FROM sqlite_master
            WHERE tbl_name = 'relationships' AND type = 'index' AND sql IS NOT NULL;
        PRAGMA writable_schema = ON;
        DELETE FROM sqlite_master WHERE name IN (SELECT name FROM kept);";
    let show = "PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master SELECT * FROM kept;
        DROP TABLE kept;";
    for step in [hide, change, show] {
        let database = rusqlite::Connection::open(path).unwrap();
        database.execute_batch(step).unwrap();
    }
}
