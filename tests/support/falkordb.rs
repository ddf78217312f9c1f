//! A real FalkorDB server of its own for a test, and a client that shares no code with
//! what is tested: it sends words and shows what comes back.

#![allow(dead_code)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Folder of `redis-server` and `falkordb.so`, as `tests/services/falkordb` prints it.
pub const VARIABLE: &str = "MEMFERRY_TEST_FALKORDB";

/// The folder, if this machine has one.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).map(PathBuf::from)
}

/// A server; stopped when dropped, or when this process ends, however it does.
pub struct Server {
    child: Option<Child>,
    folder: tempfile::TempDir,
    extra: Vec<String>,
    kind: Kind,
}

/// What a server is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Graphs,
    Plain,
    Sentinel,
}

impl Server {
    /// Starts one on a socket, with further arguments.
    pub fn start(extra: &[&str]) -> Self {
        let mut server = Self::prepare(extra);
        server.run();
        server.wait();
        server
    }

    /// A plain Redis.
    pub fn without_module() -> Self {
        let mut server = Self::prepare(&[]);
        server.kind = Kind::Plain;
        server.run();
        server.wait();
        server
    }

    /// A sentinel with that configuration, which it writes on.
    pub fn sentinel(config: &str) -> Self {
        let mut server = Self::prepare(&[]);
        server.kind = Kind::Sentinel;
        let socket = server.socket();
        let config = format!("{config}\nunixsocket {}\n", socket.display());
        std::fs::write(server.config(), config).unwrap();
        server.run();
        server.wait();
        server
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("conf")
    }

    fn prepare(extra: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("memferry-server-")
            .tempdir()
            .unwrap();
        Self {
            child: None,
            folder,
            extra: extra.iter().map(|s| (*s).to_owned()).collect(),
            kind: Kind::Graphs,
        }
    }

    /// Further arguments for when it is started again.
    pub fn add(&mut self, extra: &[&str]) {
        self.extra.extend(extra.iter().map(|s| (*s).to_owned()));
    }

    fn run(&mut self) {
        let binaries = folder().unwrap_or_else(|| panic!("{VARIABLE} is not set"));
        let dir = self.folder.path().to_str().unwrap().to_owned();
        // The shell waits for the end of its input, which is the end of this process.
        let script = "\"$0\" \"$@\" & p=$!; cat >/dev/null; kill -9 $p";
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .arg(binaries.join("redis-server"));
        match self.kind {
            Kind::Sentinel => command.arg(self.config()).arg("--sentinel"),
            _ => command
                .args(["--port", "0", "--unixsocket"])
                .arg(self.socket())
                .args(["--dir", &dir, "--save", "", "--appendonly", "no"]),
        };
        command
            .args(["--logfile", &format!("{dir}/log")])
            .args(&self.extra);
        if self.kind == Kind::Graphs {
            command
                .arg("--loadmodule")
                .arg(binaries.join("falkordb.so"))
                .args(["THREAD_COUNT", "2"]);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        self.child = Some(child.unwrap());
    }

    /// Waits until it answers. A start was seen to hang while it loaded a file
    /// (module 4.22.1, behind "Done decoding graph"): such a server is started again.
    fn wait(&mut self) {
        for _ in 0..3 {
            if self.answers_soon() {
                return;
            }
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            eprintln!("the server does not start: {}", log.unwrap_or_default());
            self.kill();
            self.run();
        }
        panic!("the server does not start");
    }

    fn answers_soon(&self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if let Ok(mut client) = Client::connect(&self.socket()) {
                let answer = client.try_say(&["PING"]).unwrap_or_default();
                if answer.contains("PONG") || answer.contains("NOAUTH") {
                    return true;
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// A connection.
    pub fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap()
    }

    /// Kills it as a failing machine would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again, with what it last saved.
    pub fn restart(&mut self) {
        self.restart_without_waiting();
        self.wait();
    }

    /// The same without waiting until it answers.
    pub fn restart_without_waiting(&mut self) {
        self.kill();
        self.run();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A plain connection.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// To a socket.
    pub fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// A command; what is answered, as text with one line for each piece.
    pub fn say(&mut self, words: &[&str]) -> String {
        self.try_say(words).unwrap()
    }

    /// The same where the server may be gone.
    pub fn try_say(&mut self, words: &[&str]) -> std::io::Result<String> {
        let words: Vec<&[u8]> = words.iter().map(|w| w.as_bytes()).collect();
        self.send(&words)
    }

    /// A command of any bytes.
    pub fn send(&mut self, words: &[&[u8]]) -> std::io::Result<String> {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&out)?;
        let mut text = String::new();
        self.read(0, &mut text)?;
        Ok(text)
    }

    /// A query; what is answered, without the times that it took.
    pub fn query(&mut self, graph: &str, query: &str) -> String {
        let answer = self.say(&["GRAPH.QUERY", graph, query]);
        without_times(&answer)
    }

    /// A query that only reads.
    pub fn look(&mut self, graph: &str, query: &str) -> String {
        let answer = self.say(&["GRAPH.RO_QUERY", graph, query]);
        without_times(&answer)
    }

    fn read(&mut self, depth: usize, to: &mut String) -> std::io::Result<()> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        let rest = String::from_utf8_lossy(&line[1.min(line.len())..]).into_owned();
        let rest = rest.trim_end();
        let pad = " ".repeat(depth);
        match line.first() {
            Some(b'$') => {
                let n: i64 = rest.parse().unwrap();
                if n < 0 {
                    *to += &format!("{pad}(nil)\n");
                    return Ok(());
                }
                let mut bytes = vec![0; n as usize + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(n as usize);
                *to += &format!("{pad}{}\n", String::from_utf8_lossy(&bytes));
            }
            Some(b'*') => {
                let n: i64 = rest.parse().unwrap();
                if n <= 0 {
                    *to += &format!("{pad}(empty)\n");
                }
                for _ in 0..n {
                    self.read(depth + 1, to)?;
                }
            }
            Some(_) => *to += &format!("{pad}{rest}\n"),
            None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }
}

fn without_times(answer: &str) -> String {
    let told = |line: &&str| {
        !line.contains("internal execution time") && !line.contains("Cached execution")
    };
    let lines: Vec<&str> = answer.lines().filter(told).collect();
    lines.join("\n")
}
