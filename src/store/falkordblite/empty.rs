//! The picture of a file without any graph, which is what memorygraph's server saves
//! before the first memory.

use crate::error::Result;
use crate::model::Kind;
use crate::store::{Counts, Cursor, Limit, Page, Snapshot};
use async_trait::async_trait;

/// Nothing.
pub(super) struct Empty;

#[async_trait]
impl Snapshot for Empty {
    async fn counts(&mut self) -> Result<Counts> {
        Ok(Counts::default())
    }

    async fn scan(&mut self, _: Kind, _: Option<&Cursor>, _: Limit) -> Result<Page> {
        Ok(Page::default())
    }
}
