//! Runs of the engine from plan to report, on stores with the worst manners and on real
//! files: what is moved, what is proven, what a broken run leaves, what a rollback brings
//! back.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod ahead;
mod damage;
mod faults;
mod files;
mod filters;
mod interruption;
mod meanwhile;
mod plain;
mod policies;
mod records;
mod replacing;
mod rollback;
mod support;
