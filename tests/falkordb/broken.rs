//! Broken off: the line cut, stalled and truncated at many places, the program killed, the
//! server killed and started again. The same command then ends in what an undisturbed
//! run leaves, and nothing else is left on the server.

use crate::proxy::{Fault, Proxy, Way};
use crate::scene::{Scene, Target, said};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Scenes at a time.
const AT_A_TIME: usize = 3;

fn together(jobs: usize, job: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= jobs {
                        return;
                    }
                    job(n);
                }
            });
        }
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// What an undisturbed run leaves, how many bytes went each way, and how long it took.
struct Undisturbed {
    content: String,
    bytes: [i64; 2],
    took: Duration,
}

fn undisturbed(target: Target) -> Undisturbed {
    let scene = Scene::new(target, &[]);
    let socket = scene.path("line");
    let server = scene.server.socket();
    let proxy = Proxy::start(&server, socket.clone(), Fault::Cut, Way::ToServer, i64::MAX);
    let begun = Instant::now();
    let out = scene.migrate(&scene.path("source.db"), &socket).output();
    let out = out.unwrap();
    assert!(out.status.success(), "{}", said(&out));
    scene.nothing_is_left("undisturbed");
    Undisturbed {
        content: block_on(scene.content()).unwrap(),
        bytes: [Way::ToServer, Way::FromServer].map(|way| proxy.passed(way)),
        took: begun.elapsed(),
    }
}

/// The same command, by way of the same socket, until it has done its work: at most three
/// times more.
fn until_done(scene: &Scene, socket: &Path, told: &str, content: &str) {
    let mut last = String::new();
    for _ in 0..3 {
        let out = scene.migrate(&scene.path("source.db"), socket).output();
        let out = out.unwrap();
        last = said(&out);
        if out.status.success() {
            assert_eq!(
                block_on(scene.content()).as_deref(),
                Some(content),
                "{told}: ends otherwise"
            );
            scene.nothing_is_left(told);
            return;
        }
    }
    panic!("{told}: the same command fails: {last}");
}

#[test]
fn a_line_that_is_cut_stalled_or_truncated_anywhere_does_no_harm() {
    let calm = Target::BOTH.map(undisturbed);
    let mut jobs = Vec::new();
    for (target, calm) in Target::BOTH.iter().zip(&calm) {
        for fault in [Fault::Cut, Fault::Truncate, Fault::Stall] {
            for way in [Way::ToServer, Way::FromServer] {
                let places = if fault == Fault::Stall { 2 } else { 4 };
                for place in 0..places {
                    let all = calm.bytes[way as usize];
                    let after = all * (2 * place + 1) / (2 * places) + 1;
                    jobs.push((*target, calm, fault, way, after));
                }
            }
        }
    }
    let happened = AtomicUsize::new(0);
    together(jobs.len(), |n| {
        let (target, calm, fault, way, after) = jobs[n];
        let told = format!("{target:?} target, {fault:?} {way:?} after {after} bytes");
        let scene = Scene::new(target, &[]);
        let socket = scene.path("line");
        let server = scene.server.socket();
        let proxy = Proxy::start(&server, socket.clone(), fault, way, after);
        let out = scene.migrate(&scene.path("source.db"), &socket).output();
        let out = out.unwrap();
        happened.fetch_add(usize::from(proxy.happened()), Ordering::Relaxed);
        let text = said(&out);
        assert!(!text.contains("panicked"), "{told}: {text}");
        if out.status.success() {
            let content = block_on(scene.content());
            assert_eq!(content.as_ref(), Some(&calm.content), "{told}");
            scene.nothing_is_left(&told);
        } else {
            // The line is whole again.
            until_done(&scene, &socket, &told, &calm.content);
        }
    });
    let happened = happened.into_inner();
    assert!(
        happened * 10 >= jobs.len() * 8,
        "{happened} of {}",
        jobs.len()
    );
}

#[test]
fn killed_at_any_instant_the_same_command_ends_the_same() {
    let calm = Target::BOTH.map(undisturbed);
    let (killed, spared) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    together(24, |n| {
        let (target, calm) = (Target::BOTH[n % 2], &calm[n % 2]);
        let scene = Scene::new(target, &[]);
        let after = calm.took.mul_f64((n as f64 + 0.5) / 24.0);
        let told = format!("{target:?} target, killed after {after:?}");
        let mut child = scene.plainly().spawn().unwrap();
        std::thread::sleep(after);
        let _ = child.kill();
        let out = child.wait_with_output().unwrap();
        match out.status.success() {
            true => spared.lock().unwrap().push(told.clone()),
            false => drop(killed.fetch_add(1, Ordering::Relaxed)),
        }
        until_done(&scene, &scene.server.socket(), &told, &calm.content);
    });
    assert!(killed.into_inner() >= 8, "{:?}", spared.lock().unwrap());
}

#[test]
fn a_server_that_is_killed_and_started_again_ends_the_same() {
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let calm = Target::BOTH.map(undisturbed);
    together(8, |n| {
        let (target, calm) = (Target::BOTH[n % 2], &calm[n % 2]);
        let mut scene = Scene::new(target, &durable);
        let after = calm.took.mul_f64((n as f64 + 1.0) / 9.0);
        let told = format!("{target:?} target, server killed after {after:?}");
        let child = scene.plainly().spawn().unwrap();
        std::thread::sleep(after);
        scene.server.restart();
        let out = child.wait_with_output().unwrap();
        if !out.status.success() {
            println!("{told}: {}", said(&out).lines().last().unwrap_or_default());
        }
        until_done(&scene, &scene.server.socket(), &told, &calm.content);
    });
}

/// What a run has written into a graph that was there is taken back exactly.
#[test]
fn a_run_into_a_graph_is_taken_back() {
    for target in Target::BOTH {
        let scene = Scene::new(target, &[]);
        let before = block_on(scene.content());
        let out = scene.plainly().output().unwrap();
        assert!(out.status.success(), "{}", said(&out));
        assert_ne!(block_on(scene.content()), before);
        let out = scene.command(&["rollback", "--yes"]).output().unwrap();
        let out = match out.status.code() {
            Some(1) => scene.command(&["rollback"]).output().unwrap(),
            _ => out,
        };
        assert!(out.status.success(), "{target:?}: {}", said(&out));
        assert_eq!(block_on(scene.content()), before, "{target:?}");
    }
}
