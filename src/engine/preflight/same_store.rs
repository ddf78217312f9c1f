//! Source and target are two stores.

use super::{Preflight, fail, fail_of, pass};
use crate::report::Check;

pub const NAME: &str = "two-stores";
const TITLE: &str = "Source and target";

pub async fn check(preflight: &Preflight<'_>) -> Check {
    let both = async {
        let source = preflight.source.identity().await?;
        Ok((source, preflight.target.identity().await?))
    };
    match both.await {
        Err(e) => fail_of(NAME, TITLE, &e),
        Ok((source, target)) if source == target => fail(
            NAME,
            TITLE,
            "both addresses lead to the same store",
            "Choose another target.",
        ),
        Ok(_) => pass(NAME, TITLE, "two stores"),
    }
}
