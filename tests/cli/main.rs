//! The command line as a person or a script meets it: exit code, standard output and
//! standard error of the real program, in a sandbox of its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod backups;
mod demo;
mod doctor;
mod help;
mod inspect;
mod migrate;
mod naming;
mod output;
mod runs;
mod sandbox;
mod schema;
mod stores;
mod terminal;

use sandbox::Sandbox;

/// Compares what was seen with the snapshot of that name, with what differs from run
/// to run replaced.
#[macro_export]
macro_rules! seen {
    ($sandbox:expr, $ran:expr) => {
        $sandbox
            .settings()
            .bind(|| insta::assert_snapshot!($ran.to_string()))
    };
    ($sandbox:expr, $name:expr, $ran:expr) => {
        $sandbox
            .settings()
            .bind(|| insta::assert_snapshot!($name, $ran.to_string()))
    };
}
