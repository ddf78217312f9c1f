//! The command line program.

use std::process::ExitCode;

/// Records are made in one thread and freed in another, which suits this one: with glibc's,
/// a migration takes a tenth more time. `src/allocator.c` sets it up.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    ExitCode::from(memferry::cli::main().0)
}
