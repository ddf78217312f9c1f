//! Refuses every write: a dry run wears it on both stores, so that no mistake further
//! up can change anything. What would be done can still be asked
//! ([`Store::prepare`] changes nothing).

use super::around::{self, Around, Call};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use async_trait::async_trait;
use std::sync::Arc;

/// The store without its writing half.
pub fn wrap(store: Arc<dyn Store>) -> Arc<dyn Store> {
    around::wrap(store, Arc::new(ReadOnly))
}

struct ReadOnly;

#[async_trait]
impl Around for ReadOnly {
    async fn before(&self, call: Call) -> Result<()> {
        if call.is_read() {
            return Ok(());
        }
        Err(
            Error::new(ErrorKind::Refused, "nothing is written in a dry run")
                .remedy("Run it without --dry-run to write."),
        )
    }
}
