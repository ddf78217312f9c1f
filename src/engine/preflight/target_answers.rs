//! The target can be looked at, or made.

use super::{Preflight, fail_of, pass};
use crate::report::Check;

pub const NAME: &str = "target-answers";
const TITLE: &str = "Access to the target";

pub async fn check(preflight: &mut Preflight<'_>) -> Check {
    match preflight.target.describe().await {
        Err(e) => fail_of(NAME, TITLE, &e),
        Ok(found) => {
            match preflight.target.prepare().await {
                Ok(prepared) => preflight.prepared = Some(prepared),
                Err(e) => preflight.refused = Some(e),
            }
            let evidence = match found.exists {
                true => found.layout.clone(),
                false => "will be made".to_owned(),
            };
            preflight.target_found = found;
            pass(NAME, TITLE, evidence)
        }
    }
}
