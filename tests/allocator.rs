//! What `src/allocator.c` says of the allocator holds in the real program: it was linked in,
//! and is understood.

#![allow(clippy::expect_used)]
#![cfg(target_os = "linux")]

#[test]
fn the_allocator_is_set_up() {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_memferry"))
        .arg("--version")
        .env("MALLOC_CONF", "stats_print:true")
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&ran.stderr);
    for setting in [
        "opt.narenas: 4",
        "opt.dirty_decay_ms: 1000",
        "opt.muzzy_decay_ms: 0",
    ] {
        assert!(told.contains(setting), "{setting} is not in {told}");
    }
}
