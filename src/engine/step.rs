//! Named step boundaries, at which a test can kill the process. Without the feature
//! `failpoints`, which no shipped binary has, a step is nothing.
//!
//! `MEMFERRY_KILL_AT=name` kills at the first time that step is reached,
//! `MEMFERRY_KILL_AT=name:3` at the third.

/// Every step, in the order of a run. The crash test goes through all of them.
pub const STEPS: [&str; 20] = [
    "run-created",
    "preflight-passed",
    "export-begun",
    "export-page",
    "export-checkpoint",
    "stage-finished",
    "compared",
    "backup-written",
    "writer-opened",
    "undo-durable",
    "batch-applied",
    "batch-acknowledged",
    "import-complete",
    "verified",
    "digests-durable",
    "publishing",
    "published",
    "publish-acknowledged",
    "stage-removed",
    "report-written",
];

/// Passes a step boundary.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn step(_name: &str) {}

/// Passes a step boundary, or dies there.
#[cfg(feature = "failpoints")]
pub fn step(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);
    let target = TARGET.get_or_init(|| {
        let text = std::env::var("MEMFERRY_KILL_AT").ok()?;
        let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), nth.parse().unwrap_or(1)))
    });
    debug_assert!(STEPS.contains(&name), "{name} is not declared");
    if let Some((wanted, nth)) = target
        && wanted == name
        && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
}
