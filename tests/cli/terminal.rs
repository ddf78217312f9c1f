//! At a terminal: the question before something is overwritten, and progress on one
//! line that is drawn again.

use crate::sandbox::Sandbox;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The program at a terminal of its own, with standard output elsewhere.
struct Terminal {
    child: std::process::Child,
    keys: File,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(sandbox: &Sandbox, args: &[&str], columns: u16) -> Self {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let line = File::options().read(true).write(true).open(path).unwrap();
        let child = sandbox
            .command(args)
            .env("TERM", "xterm")
            .stdin(line.try_clone().unwrap())
            .stdout(File::create(sandbox.at("stdout")).unwrap())
            .stderr(line)
            .spawn()
            .unwrap();
        let keys = File::from(master);
        let mut screen = keys.try_clone().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..n]);
            }
        });
        Self { child, keys, seen }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.text().contains(text) {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn ends(mut self, code: i32) -> String {
        let ended = self.child.wait().unwrap();
        // What it said last may still be under way.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(ended.code(), Some(code), "{}", self.text());
        self.text()
    }
}

/// Two stores with one memory that differs.
fn conflicting() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let target = sandbox.sample("b.db");
    let database = rusqlite::Connection::open(target).unwrap();
    let change =
        "UPDATE nodes SET properties = json_set(properties, '$.title', 'mine') WHERE rowid = 3";
    database.execute(change, []).unwrap();
    sandbox
}

/// A store of 20,000 memories more.
fn large() -> Sandbox {
    let sandbox = Sandbox::new();
    let database = rusqlite::Connection::open(sandbox.sample("a.db")).unwrap();
    let more = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
                INSERT INTO nodes(id, label, properties)
                SELECT 'm' || i, 'Memory', json_set(properties, '$.id', 'm' || i)
                FROM n, (SELECT properties FROM nodes LIMIT 1)";
    database.execute(more, []).unwrap();
    sandbox
}

const OVERWRITE: &[&str] = &[
    "migrate",
    "--from",
    "a.db",
    "--to",
    "b.db",
    "--on-conflict",
    "overwrite",
];

#[test]
fn the_name_of_the_target_is_typed() {
    let sandbox = conflicting();
    let mut terminal = Terminal::start(&sandbox, OVERWRITE, 80);
    terminal.wait_for("type its name: b.db");
    terminal.type_keys("c.db\n");
    terminal.wait_for("Once more:");
    terminal.type_keys("b.db\n");
    let seen = terminal.ends(0);
    assert!(seen.contains("1 memory of sqlite:"), "{seen}");
    sandbox.run(&["verify", "a.db", "b.db"]).exits(0);
}

#[test]
fn anything_else_is_a_no() {
    for keys in ["\n", "y\ny\nyes\n", "\u{4}", "B.DB\nb.db \n b.db\n"] {
        let sandbox = conflicting();
        let before = std::fs::read(sandbox.at("b.db")).unwrap();
        let mut terminal = Terminal::start(&sandbox, OVERWRITE, 80);
        terminal.wait_for("type its name");
        terminal.type_keys(keys);
        let seen = terminal.ends(1);
        assert!(
            seen.contains("Refused, nothing was written"),
            "{keys:?}: {seen}"
        );
        assert_eq!(std::fs::read(sandbox.at("b.db")).unwrap(), before);
    }
}

#[test]
fn a_signal_during_the_question_stops_the_run() {
    let sandbox = conflicting();
    let terminal = Terminal::start(&sandbox, OVERWRITE, 80);
    terminal.wait_for("type its name");
    let pid = rustix::process::Pid::from_raw(terminal.child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let start = Instant::now();
    let seen = terminal.ends(4);
    assert!(start.elapsed() < Duration::from_secs(60), "{seen}");
    assert!(seen.contains("Go on with: memferry resume"), "{seen}");
}

#[test]
fn a_second_signal_leaves_at_once() {
    let sandbox = large();
    let args = [
        "migrate", "--from", "a.db", "--to", "new.db", "--rate", "50",
    ];
    let terminal = Terminal::start(&sandbox, &args, 80);
    terminal.wait_for("Export ");
    let pid = rustix::process::Pid::from_raw(terminal.child.id() as i32).unwrap();
    let interrupt = || rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    interrupt();
    terminal.wait_for("once more to leave at once");
    interrupt();
    let seen = terminal.ends(4);
    assert!(seen.contains("memferry resume"), "{seen}");
    assert!(!sandbox.at("new.db").exists());
    sandbox.run(&["rollback"]).exits(0);
}

#[test]
fn progress_is_one_line_of_any_width() {
    for columns in [20, 60, 120] {
        let sandbox = large();
        let args = [
            "migrate", "--from", "a.db", "--to", "b.db", "--rate", "8000",
        ];
        let seen = Terminal::start(&sandbox, &args, columns).ends(0);
        let drawn = seen
            .split('\r')
            .filter_map(|part| part.strip_suffix("\x1b[K"));
        let drawn: Vec<_> = drawn.map(plain).filter(|line| !line.is_empty()).collect();
        assert!(drawn.len() > 5, "{seen:?}");
        for line in &drawn {
            assert!(line.chars().count() < usize::from(columns), "{line:?}");
        }
        if columns == 120 {
            assert!(
                drawn.iter().any(|line| line.contains(" left (")),
                "{drawn:?}"
            );
            assert!(drawn.iter().any(|line| line.contains("█")), "{drawn:?}");
        }
    }
}

/// Without colours.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\x1b[") {
        out += before;
        rest = behind.split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[test]
fn looking_shows_how_far_it_is() {
    let sandbox = large();
    sandbox
        .run(&["migrate", "--from", "a.db", "--to", "b.db"])
        .exits(0);
    let cases: [(&[&str], &str); 5] = [
        (&["inspect", "a.db"], "Reading"),
        (&["verify"], "Verify"),
        (&["verify", "a.db", "b.db"], "Reading"),
        (&["diff", "a.db", "b.db", "--json"], "Reading"),
        (&["backup", "a.db"], "Backup"),
    ];
    for (args, word) in cases {
        let seen = Terminal::start(&sandbox, args, 60).ends(0);
        let drawn = seen.split('\r').filter(|part| part.ends_with("\x1b[K"));
        let lines: Vec<_> = drawn.map(plain).collect();
        assert!(lines.iter().any(|line| line.contains(word)), "{seen:?}");
        assert!(lines.iter().all(|l| l.chars().count() < 60), "{seen:?}");
        // Nothing of it is left, and standard output is data only.
        assert!(seen.contains("\r\x1b[K"), "{seen:?}");
        let data = std::fs::read_to_string(sandbox.at("stdout")).unwrap();
        assert!(!data.is_empty() && !data.contains('\r'), "{data}");
    }
}
