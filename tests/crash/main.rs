//! The plug is pulled: the program is killed with SIGKILL, at every declared step and
//! at random instants, while it moves a store into a new, an empty and a non-empty
//! target. The same command then ends in the digest of an undisturbed run, and a
//! rollback in the digest from before.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod scene;

use memferry::engine::step::STEPS;
use scene::{Ended, Scene, Target};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Kills at random instants.
const INSTANTS: u32 = 200;

/// Each step is reached in at least one of the three targets, so no name in the list
/// is dead.
#[test]
fn killed_at_every_step() {
    let binary = std::env::var("MEMFERRY_FAILPOINTS_BIN")
        .expect("MEMFERRY_FAILPOINTS_BIN names a build with the feature failpoints; use tests/run");
    let mut reached: BTreeMap<&str, u32> = STEPS.iter().map(|s| (*s, 0)).collect();
    for target in Target::ALL {
        let undisturbed = Scene::new(target).undisturbed();
        for step in STEPS {
            for nth in [1, 3] {
                for back in [false, true] {
                    let scene = Scene::new(target);
                    let at = format!("{step}:{nth}");
                    let ended = scene.killed_at(&binary, &at);
                    if ended == Ended::Killed {
                        *reached.get_mut(step).unwrap() += 1;
                    }
                    let told = format!("{target:?} target, killed at {at}");
                    scene.after_the_kill(&told, &undisturbed, ended, back);
                }
            }
        }
    }
    let never: Vec<_> = reached.iter().filter(|(_, n)| **n == 0).collect();
    assert!(never.is_empty(), "never reached: {never:?}");
}

#[test]
fn killed_at_two_hundred_random_instants() {
    let binary = env!("CARGO_BIN_EXE_memferry");
    let mut random = Random(std::process::id().into());
    println!("seed {}", random.0);
    let (mut killed, mut runs) = (0, 0);
    let scenes: Vec<_> = Target::ALL
        .into_iter()
        .map(|target| {
            let begun = Instant::now();
            let digest = Scene::new(target).undisturbed();
            (target, digest, begun.elapsed())
        })
        .collect();
    // An instant behind the end kills nothing; so many instants that do are wanted.
    while killed < INSTANTS {
        runs += 1;
        assert!(
            runs < INSTANTS * 4,
            "only {killed} of {runs} runs were killed in time"
        );
        let (target, undisturbed, took) = &scenes[runs as usize % scenes.len()];
        let scene = Scene::new(*target);
        let after = took.mul_f64(random.fraction());
        let ended = scene.killed_after(binary, after);
        killed += u32::from(ended == Ended::Killed);
        let told = format!("{target:?} target, killed after {after:?}");
        scene.after_the_kill(&told, undisturbed, ended, runs % 2 == 0);
    }
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
        let begun = Instant::now();
        let undisturbed = Scene::new(target).undisturbed();
        let took = begun.elapsed();
        for parts in [8, 4, 2] {
            let scene = Scene::new(target);
            let mut ended = Ended::Killed;
            for _ in 0..4 {
                if ended == Ended::Killed {
                    ended = scene.killed_after(binary, took / parts + Duration::from_millis(1));
                }
            }
            let told = format!("{target:?} target, killed again and again");
            scene.after_the_kill(&told, &undisturbed, ended, parts == 4);
        }
    }
}
