//! A pseudo-terminal with the program in it.

#![allow(dead_code)]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longest that something on the screen is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

pub const UP: &str = "\x1b[A";
pub const DOWN: &str = "\x1b[B";
pub const RIGHT: &str = "\x1b[C";
pub const LEFT: &str = "\x1b[D";
pub const ESC: &str = "\x1b";
pub const ENTER: &str = "\r";
pub const TAB: &str = "\t";

pub struct Term {
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    pub keys: usize,
    /// Longest that something is waited for.
    pub patience: Duration,
    came: Arc<(Mutex<usize>, Condvar)>,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Term {
    pub fn open(
        program: &str,
        args: &[&str],
        env: &[(String, String)],
        folder: &Path,
        columns: u16,
        rows: u16,
    ) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(folder);
        command.env_clear();
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 1_000)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let came = Arc::new((Mutex::new(0), Condvar::new()));
        let (to, kept, tell) = (parser.clone(), raw.clone(), came.clone());
        std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut chunk) {
                to.lock().unwrap().process(&chunk[..n]);
                kept.lock().unwrap().extend_from_slice(&chunk[..n]);
                *tell.0.lock().unwrap() += n;
                tell.1.notify_all();
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self {
            parser,
            raw,
            master: pair.master,
            writer,
            child,
            keys: 0,
            patience: PATIENCE,
            came,
        }
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// Looks at the cells.
    pub fn with<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.parser.lock().unwrap().screen())
    }

    /// Every byte that came.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw.lock().unwrap()).into_owned()
    }

    /// Whether the whole screen is the program's.
    pub fn is_taken(&self) -> bool {
        self.parser.lock().unwrap().screen().alternate_screen()
    }

    /// How many frames were drawn. Each leaves the cursor either hidden or shown.
    pub fn frames(&self) -> usize {
        let raw = self.raw();
        raw.matches("\x1b[?25l").count() + raw.matches("\x1b[?25h").count()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &str) -> &mut Self {
        self.writer.write_all(bytes.as_bytes()).unwrap();
        self.writer.flush().unwrap();
        self
    }

    /// Presses one key.
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.keys += 1;
        self.send(key);
        // An escape is told from the start of a longer key by what does not follow it.
        if key == ESC {
            std::thread::sleep(Duration::from_millis(120));
        }
        self
    }

    /// Waits until the screen shows this.
    pub fn see(&mut self, text: &str) -> &mut Self {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits until the screen shows this no more.
    pub fn gone(&mut self, text: &str) -> &mut Self {
        self.until(text, |screen| !screen.contains(text))
    }

    pub fn until(&mut self, what: &str, seen: impl Fn(&str) -> bool) -> &mut Self {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if seen(&screen) {
                return self;
            }
            assert!(
                begun.elapsed() < self.patience,
                "{what:?} in vain:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// Waits for this, and looks as soon as anything comes: for measuring.
    pub fn at_once(&mut self, seen: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let came = *self.came.0.lock().unwrap();
            if seen(&self.screen()) {
                return;
            }
            assert!(begun.elapsed() < self.patience, "{}", self.screen());
            let all = self.came.0.lock().unwrap();
            if *all == came {
                let wait = Duration::from_millis(100);
                drop(self.came.1.wait_timeout(all, wait).unwrap());
            }
        }
    }

    /// Checks that the screen has not shown this.
    pub fn lacks(&mut self, text: &str) -> &mut Self {
        let screen = self.screen();
        assert!(!screen.contains(text), "{text:?} is there:\n{screen}");
        self
    }

    pub fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        self.parser
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(rows, columns);
        self.master.resize(size(columns, rows)).unwrap();
        self
    }

    pub fn pid(&self) -> i32 {
        self.child.process_id().unwrap() as i32
    }

    pub fn signal(&mut self, signal: rustix::process::Signal) -> &mut Self {
        let pid = rustix::process::Pid::from_raw(self.pid()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        self
    }

    /// Waits for the program to end: its exit code, and what the ordinary screen shows.
    pub fn end(mut self) -> (u32, String) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(100));
                assert!(!self.is_taken(), "the terminal was not given back");
                return (status.exit_code(), self.screen());
            }
            assert!(
                begun.elapsed() < self.patience,
                "it does not end:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
