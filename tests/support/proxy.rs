//! A bad line to a server: lets so many bytes through one way, then cuts both ways, stops
//! passing anything on, or hands over half of what it has and hangs up. Once; whoever
//! connects later gets through.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The connection is closed.
    Cut,
    /// Nothing comes any more, and nobody says so.
    Stall,
    /// Half of a piece comes, then the connection is closed.
    Truncate,
}

/// Which way it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    ToServer,
    FromServer,
}

/// The line.
pub struct Proxy {
    state: Arc<State>,
}

struct State {
    fault: Fault,
    way: Way,
    /// Bytes that still pass.
    left: AtomicI64,
    happened: AtomicBool,
    /// Bytes that passed each way.
    passed: [AtomicI64; 2],
}

impl Proxy {
    /// In front of a server; the fault comes after so many bytes that way.
    pub fn start(server: &Path, socket: PathBuf, fault: Fault, way: Way, after: i64) -> Self {
        let listener = UnixListener::bind(&socket).unwrap();
        let state = Arc::new(State {
            fault,
            way,
            left: AtomicI64::new(after),
            happened: AtomicBool::new(false),
            passed: Default::default(),
        });
        let (shared, server) = (state.clone(), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, UnixStream::connect(&server)) else {
                    continue;
                };
                for (way, mut from, mut to) in [
                    (Way::ToServer, clone(&client), clone(&server)),
                    (Way::FromServer, clone(&server), clone(&client)),
                ] {
                    let state = shared.clone();
                    std::thread::spawn(move || pass(&state, way, &mut from, &mut to));
                }
            }
        });
        Self { state }
    }

    /// Whether it went wrong.
    pub fn happened(&self) -> bool {
        self.state.happened.load(Ordering::SeqCst)
    }

    /// Bytes that passed that way.
    pub fn passed(&self, way: Way) -> i64 {
        self.state.passed[way as usize].load(Ordering::SeqCst)
    }
}

fn clone(stream: &UnixStream) -> UnixStream {
    stream.try_clone().unwrap()
}

fn pass(state: &State, way: Way, from: &mut UnixStream, to: &mut UnixStream) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let mut end = n;
        if way == state.way && !state.happened.load(Ordering::SeqCst) {
            let left = state.left.fetch_sub(n as i64, Ordering::SeqCst);
            if left <= n as i64 && !state.happened.swap(true, Ordering::SeqCst) {
                match state.fault {
                    Fault::Cut => break,
                    Fault::Truncate => end = (n / 2).max(1),
                    Fault::Stall => {
                        // Held open for longer than anybody waits.
                        std::thread::sleep(std::time::Duration::from_secs(30));
                        break;
                    }
                }
            }
        }
        state.passed[way as usize].fetch_add(end as i64, Ordering::SeqCst);
        if to.write_all(&buffer[..end]).is_err() || end < n {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
