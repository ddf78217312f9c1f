//! The suite itself: stores with a known fault must not pass.

use crate::subjects::Reference;
use crate::{Behavior, S};
use libtest_mimic::Trial;
use memferry::store::reference::{Drift, Manners, Misfits};
use memferry::store::{Capabilities, WriteMode};
use std::sync::Arc;

/// A store with a fault, and the behaviours that must find it.
fn faulty() -> Vec<(&'static str, Manners, &'static [&'static str])> {
    let poor = Capabilities {
        mixed_lists: false,
        big_integers: false,
        ..Capabilities::EVERYTHING
    };
    let changes = Manners {
        misfits: Misfits::Changed,
        ..Manners::new(&[WriteMode::Journal]).holding(poor)
    };
    let drifts = Manners::new(&[WriteMode::Journal]).drifting(Drift::Silent);
    let mut too_proud = Manners::new(&[WriteMode::Journal]).drifting(Drift::ToldByScan);
    too_proud.capabilities.isolated_snapshots = true;
    let mut too_modest = Manners::new(&[WriteMode::Journal]);
    too_modest.misfits = Misfits::Changed;
    too_modest.capabilities.dangling = false;
    let limited = Manners {
        max_batch_rows: Some(100),
        ..Manners::new(&[WriteMode::Journal])
    };
    vec![
        (
            "values_changed_without_a_word",
            changes,
            &["capability::mixed_lists", "capability::big_integers"],
        ),
        (
            "drift_without_a_word",
            drifts,
            &["meanwhile::a_scan_in_place_is_of_one_moment_or_says_so"],
        ),
        (
            "isolation_that_is_none",
            too_proud,
            &["meanwhile::a_scan_in_place_is_of_one_moment_or_says_so"],
        ),
        (
            "a_capability_not_declared",
            too_modest,
            &["capability::dangling"],
        ),
        (
            "a_limit_not_declared",
            limited,
            &["writing::a_large_batch_is_done"],
        ),
    ]
}

/// One trial for each fault.
pub fn trials(behaviors: &[Arc<Behavior>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, manners, finders) in faulty() {
        let found: Vec<Arc<Behavior>> = behaviors
            .iter()
            .filter(|b| finders.contains(&b.full_name().as_str()))
            .cloned()
            .collect();
        assert_eq!(found.len(), finders.len(), "{finders:?}");
        trials.push(Trial::test(format!("suite::finds::{name}"), move || {
            let subject: S = Arc::new(Reference::new("faulty", manners));
            for behavior in found {
                let subject = subject.clone();
                let run = move || crate::run(&behavior, subject);
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_ok() {
                    return Err("passes, though the store is faulty".into());
                }
            }
            Ok(())
        }));
    }
    trials
}
