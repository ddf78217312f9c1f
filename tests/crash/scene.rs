//! One migration in a folder of its own, to be broken off and mended.

use memferry::engine;
use memferry::store::{Address, registry};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What the target is before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Not there.
    New,
    /// A store that holds nothing.
    Empty,
    /// A store with records of its own, some of them in conflict with the source's.
    NonEmpty,
}

impl Target {
    pub const ALL: [Target; 3] = [Target::New, Target::Empty, Target::NonEmpty];
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    Killed,
    ByItself,
}

/// What a run does that nothing disturbs.
pub struct Undisturbed {
    /// The digest of the target.
    pub digest: String,
    /// How long the process took.
    pub took: Duration,
}

pub struct Scene {
    dir: TempDir,
    before: Option<String>,
}

/// A store that memorygraph wrote.
fn real(name: &str) -> PathBuf {
    let stores = std::env::var("MEMFERRY_TEST_STORES")
        .expect("MEMFERRY_TEST_STORES names the real stores; use tests/run");
    Path::new(&stores).join(name)
}

impl Scene {
    pub fn new(target: Target) -> Self {
        // A killed process leaves the same in memory as on a disk, and sooner.
        let memory = Path::new("/dev/shm");
        let dir = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let dir = dir.unwrap();
        let mut scene = Self { dir, before: None };
        std::fs::create_dir(scene.path("to")).unwrap();
        std::fs::copy(real("adversarial-200.db"), scene.path("source.db")).unwrap();
        match target {
            Target::New => {}
            Target::Empty => drop(std::fs::copy(real("empty.db"), scene.target()).unwrap()),
            Target::NonEmpty => scene.make_conflicts(),
        }
        if target != Target::New {
            scene.before = Some(content(&scene.target()));
        }
        scene
    }

    /// The source's records with other titles in every fifth, a third of them gone,
    /// and another store's beside them.
    fn make_conflicts(&self) {
        std::fs::copy(real("adversarial-200.db"), self.target()).unwrap();
        let db = rusqlite::Connection::open(self.target()).unwrap();
        db.execute_batch(&format!(
            "DELETE FROM nodes WHERE rowid % 3 = 0;
             DELETE FROM relationships WHERE rowid % 3 = 0;
             UPDATE nodes SET properties = json_set(properties, '$.title', 'another title')
               WHERE rowid % 5 = 0 AND json_valid(properties);
             ATTACH '{}' AS other;
             INSERT INTO nodes SELECT * FROM other.nodes;
             INSERT INTO relationships SELECT * FROM other.relationships;",
            real("plain-100.db").display()
        ))
        .unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn target(&self) -> PathBuf {
        self.path("to").join("target.db")
    }

    fn command(&self, binary: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.dir.path())
            .env("MEMFERRY_STATE_DIR", self.path("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn migrate(&self, binary: &str) -> Command {
        let source = format!("sqlite:{}", self.path("source.db").display());
        let target = format!("sqlite:{}", self.target().display());
        let args = [
            "migrate",
            "--from",
            &source,
            "--to",
            &target,
            "--on-conflict",
            "overwrite",
            "--batch-size",
            "50",
            "--yes",
        ];
        self.command(binary, &args)
    }

    /// A run that nothing disturbs.
    pub fn undisturbed(&self) -> Undisturbed {
        let mut command = self.migrate(env!("CARGO_BIN_EXE_memferry"));
        let begun = Instant::now();
        let out = command.output().unwrap();
        let took = begun.elapsed();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        self.nothing_left_beside("undisturbed");
        Undisturbed {
            digest: content(&self.target()),
            took,
        }
    }

    /// It ended before the kill.
    pub fn undisturbed_after_all(&self, told: &str, undisturbed: &str) {
        self.nothing_left_beside(told);
        assert_eq!(content(&self.target()), undisturbed, "{told}: not killed");
    }

    pub fn killed_at(&self, binary: &str, step: &str) -> Ended {
        let out = self
            .migrate(binary)
            .env("MEMFERRY_KILL_AT", step)
            .output()
            .unwrap();
        ended(out.status, &out.stderr)
    }

    pub fn killed_after(&self, binary: &str, after: Duration) -> Ended {
        let mut child = self.migrate(binary).spawn().unwrap();
        std::thread::sleep(after);
        let _ = child.kill();
        let out = child.wait_with_output().unwrap();
        ended(out.status, &out.stderr)
    }

    /// The same command ends as if nothing had happened, or a rollback leaves what was
    /// there before.
    pub fn after_the_kill(&self, told: &str, undisturbed: &str, back: bool) {
        // Whoever looks at the target now sees all of it or what was there before.
        if self.target().exists() {
            let now = content(&self.target());
            let fits = now == undisturbed || Some(&now) == self.before.as_ref();
            assert!(fits, "{told}: the target is neither as before nor as after");
        }
        match back {
            false => {
                let out = self
                    .migrate(env!("CARGO_BIN_EXE_memferry"))
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&out.stderr);
                assert!(
                    out.status.success(),
                    "{told}: the same command failed: {said}"
                );
                assert_eq!(
                    content(&self.target()),
                    undisturbed,
                    "{told}: resumed otherwise"
                );
            }
            true => self.roll_back(told),
        }
        self.nothing_left_beside(told);
    }

    fn roll_back(&self, told: &str) {
        let listed = self.command(env!("CARGO_BIN_EXE_memferry"), &["runs", "list", "--json"]);
        let listed = { listed }.output().unwrap();
        let none = !String::from_utf8_lossy(&listed.stdout).contains("-");
        if none {
            // Killed before there was a run at all.
            assert_eq!(self.now(), self.before, "{told}: changed without a run");
            return;
        }
        let out = self
            .command(env!("CARGO_BIN_EXE_memferry"), &["rollback"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        if !out.status.success() {
            // Nothing had been started that could be taken back.
            assert_eq!(self.now(), self.before, "{told}: not rolled back: {said}");
            return;
        }
        assert_eq!(
            self.now(),
            self.before,
            "{told}: rolled back to something else: {said}"
        );
    }

    fn now(&self) -> Option<String> {
        self.target().exists().then(|| content(&self.target()))
    }

    /// Beside the target there is nothing.
    fn nothing_left_beside(&self, told: &str) {
        let names: Vec<_> = std::fs::read_dir(self.path("to"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "target.db")
            .collect();
        assert!(
            names.is_empty(),
            "{told}: left beside the target: {names:?}"
        );
    }
}

fn ended(status: ExitStatus, stderr: &[u8]) -> Ended {
    match status.signal() {
        Some(9) => Ended::Killed,
        None if status.success() => Ended::ByItself,
        _ => panic!("{status}: {}", String::from_utf8_lossy(stderr)),
    }
}

/// The content digest of a store.
fn content(path: &Path) -> String {
    let address = Address::parse(&format!("sqlite:{}", path.display())).unwrap();
    let store = registry::open(&address).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(engine::inspect(store))
        .unwrap()
        .content_digest
}
