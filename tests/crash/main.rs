//! The plug is pulled: the program is killed with SIGKILL, at every declared step and
//! at random instants, while it moves a store into a new, an empty and a non-empty
//! target. The same command then ends in the digest of an undisturbed run, and a
//! rollback in the digest from before.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod scene;

use memferry::engine::step::STEPS;
use scene::{Ended, Scene, Target};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Kills at random instants.
const INSTANTS: u32 = 200;

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

/// Each step is reached in at least one of the three targets, so no name in the list
/// is dead.
#[test]
fn killed_at_every_step() {
    let binary = std::env::var("MEMFERRY_FAILPOINTS_BIN")
        .expect("MEMFERRY_FAILPOINTS_BIN names a build with the feature failpoints; use tests/run");
    let undisturbed = Target::ALL.map(|target| Scene::new(target).undisturbed().digest);
    let mut jobs = Vec::new();
    for (target, digest) in Target::ALL.iter().zip(&undisturbed) {
        for step in STEPS {
            for nth in [1, 3] {
                jobs.extend([false, true].map(|back| (*target, digest, step, nth, back)));
            }
        }
    }
    let reached: Mutex<BTreeMap<&str, u32>> = Mutex::new(STEPS.iter().map(|s| (*s, 0)).collect());
    together(|n| {
        let Some((target, digest, step, nth, back)) = jobs.get(n as usize) else {
            return false;
        };
        let scene = Scene::new(*target);
        let at = format!("{step}:{nth}");
        let told = format!("{target:?} target, killed at {at}");
        match scene.killed_at(&binary, &at) {
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

/// The instants are spread over the length of a run as it is with that much else going
/// on; in each stretch of it, one at random.
#[test]
fn killed_at_two_hundred_random_instants() {
    let binary = env!("CARGO_BIN_EXE_memferry");
    let seed = std::process::id();
    println!("seed {seed}");
    let measured = Mutex::new(Vec::new());
    together(|n| {
        let Some(target) = Target::ALL.get(n as usize % 3).filter(|_| n < 12) else {
            return false;
        };
        let done = Scene::new(*target).undisturbed();
        measured.lock().unwrap().push((*target, done));
        true
    });
    let measured = measured.into_inner().unwrap();
    let scenes = Target::ALL.map(|target| {
        let of_target = measured.iter().filter(|(t, _)| *t == target);
        let mut runs: Vec<_> = of_target.map(|(_, done)| done).collect();
        assert!(runs.iter().all(|done| done.digest == runs[0].digest));
        runs.sort_by_key(|done| done.took);
        (target, runs[0].digest.clone(), runs[runs.len() / 2].took)
    });
    // A run that ended before its instant is no kill, and another takes its place.
    let killed: [[AtomicU32; 2]; 3] = Default::default();
    let total = || -> u32 {
        let all = killed.iter().flatten();
        all.map(|n| n.load(Ordering::Relaxed)).sum()
    };
    let stretches = INSTANTS / 6 + 1;
    together(|n| {
        if total() >= INSTANTS {
            return false;
        }
        assert!(n < INSTANTS * 4, "only {} of {n} were killed", total());
        let (of, back, stretch) = (n as usize % 3, n / 3 % 2 == 1, n / 6 % stretches);
        let (target, digest, took) = &scenes[of];
        let mut random = Random(u64::from(seed) << 32 | u64::from(n));
        let place = (f64::from(stretch) + random.fraction()) / f64::from(stretches);
        let after = took.mul_f64(place);
        let told = format!("{target:?} target, killed after {after:?} of {took:?}");
        let scene = Scene::new(*target);
        match scene.killed_after(binary, after) {
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
    assert!(each.min().unwrap() >= INSTANTS / 10, "{killed:?}");
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

/// A process that was killed twice, while it resumed, still ends right.
#[test]
fn killed_again_while_resuming() {
    let binary = env!("CARGO_BIN_EXE_memferry");
    for target in Target::ALL {
        let undisturbed = Scene::new(target).undisturbed();
        for parts in [8, 4, 2] {
            let scene = Scene::new(target);
            let mut ended = Ended::Killed;
            for _ in 0..4 {
                if ended == Ended::Killed {
                    let after = undisturbed.took / parts + Duration::from_millis(1);
                    ended = scene.killed_after(binary, after);
                }
            }
            let told = format!("{target:?} target, killed again and again");
            match ended {
                Ended::Killed => scene.after_the_kill(&told, &undisturbed.digest, parts == 4),
                Ended::ByItself => scene.undisturbed_after_all(&told, &undisturbed.digest),
            }
        }
    }
}
