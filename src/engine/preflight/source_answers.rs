//! The source is there and can be read.

use super::{Preflight, fail, fail_of, pass};
use crate::report::{Check, words};

pub const NAME: &str = "source-answers";
const TITLE: &str = "Access to the source";

pub async fn check(preflight: &mut Preflight<'_>) -> Check {
    match preflight.source.describe().await {
        Err(e) => fail_of(NAME, TITLE, &e),
        Ok(found) if !found.exists => fail(
            NAME,
            TITLE,
            format!("{} is not there", preflight.source.address()),
            "Check the address; `memferry stores --found` lists the stores on this machine.",
        ),
        Ok(found) => {
            let numbers = match &found.counts {
                Some(c) => format!(": {}", words::counts(c)),
                None => String::new(),
            };
            let evidence = format!("{}{numbers}", found.layout);
            preflight.source_found = found;
            pass(NAME, TITLE, evidence)
        }
    }
}
