//! A target whose transaction was killed: the database undoes it, but only once somebody
//! opens it to write. A rollback that has nothing else to do sees to that.

use crate::error::Result;
use crate::store::{Store, WriteMode, WriteRequest};
use std::sync::Arc;

/// Lets the target recover, if it is one that transactions are made in. `mode` is how the
/// run wrote, if it was noted before the kill.
pub async fn recover(target: &Arc<dyn Store>, run: &str, mode: Option<WriteMode>) -> Result<()> {
    let transaction = match mode {
        Some(mode) => mode == WriteMode::Transaction,
        // Killed before the mode was noted.
        None => {
            target.describe().await?.exists
                && target.prepare().await?.mode == WriteMode::Transaction
        }
    };
    if !transaction {
        return Ok(());
    }
    let request = WriteRequest {
        mode: WriteMode::Transaction,
        run: run.to_owned(),
        origin: None,
    };
    target.writer(&request).await?.abandon().await
}
