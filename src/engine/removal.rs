//! What a target holds and its source does not, taken out of it where the two shall be
//! equal: relationships first, so that none loses an end before it goes itself.

use super::control::is_lost;
use super::import::Import;
use super::sorted::{Sorted, Spool};
use super::work::Work;
use crate::error::Result;
use crate::model::{Canon, KeyHash, Kind, Record};
use crate::store::{Change, Limit};
use std::sync::Arc;

/// Keys looked for in one pass over the target: 16 MiB of them.
const AT_ONCE: usize = 1 << 20;

/// Times that a pass begins again after the connection was lost.
const ATTEMPTS: u32 = 5;

impl Import {
    /// Removes the records with these keys.
    pub async fn remove(&mut self, doomed: &Spool<16>) -> Result<()> {
        if doomed.is_empty() {
            return Ok(());
        }
        for kind in [Kind::Relationship, Kind::Node] {
            let mut keys = doomed.read();
            loop {
                let (rest, chunk) = super::blocking(move || some(keys)).await?;
                keys = rest;
                if chunk.is_empty() {
                    break;
                }
                self.remove_some(kind, Arc::new(chunk)).await?;
            }
        }
        Ok(())
    }

    async fn remove_some(&mut self, kind: Kind, keys: Arc<Vec<KeyHash>>) -> Result<()> {
        for _ in 1..ATTEMPTS {
            match self.remove_once(kind, &keys).await {
                // What is gone already is not met again.
                Err(e) if is_lost(&e) => self.reopen(e).await?,
                done => return done,
            }
        }
        self.remove_once(kind, &keys).await
    }

    async fn remove_once(&mut self, kind: Kind, keys: &Arc<Vec<KeyHash>>) -> Result<()> {
        let mut snapshot = self.snapshot().await?;
        let (most_rows, most_bytes) = self.most();
        let mut after = None;
        loop {
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            after = page.next;
            let (records, keys) = (page.records, keys.clone());
            let found = super::blocking(move || Ok(among(records, &keys))).await?;
            let mut found = found.into_iter().peekable();
            while let Some(first) = found.next() {
                let mut bytes = first.1.size();
                let mut batch = vec![first];
                while batch.len() < most_rows
                    && let Some(next) = found.next_if(|next| bytes + next.1.size() <= most_bytes)
                {
                    bytes += next.1.size();
                    batch.push(next);
                }
                let removed = batch.len() as u64;
                self.write_parts(Work::removing(batch), None).await?;
                self.tell_more(kind, removed);
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// The next of the keys.
fn some(mut keys: Sorted<16>) -> Result<(Sorted<16>, Vec<KeyHash>)> {
    let mut chunk = Vec::new();
    while chunk.len() < AT_ONCE
        && let Some(key) = keys.next()?
    {
        chunk.push(key);
    }
    Ok((keys, chunk))
}

/// Those of the records that have one of the keys, each with its removal.
fn among(records: Vec<Record>, keys: &[KeyHash]) -> Vec<(Change, Record)> {
    let mut canon = Canon::new();
    let mut found = Vec::new();
    for record in records {
        let (kind, key) = (record.kind(), record.key().clone());
        if keys.binary_search(&Canon::key_hash(kind, &key)).is_ok() {
            let change = Change {
                kind,
                key,
                before: Some(canon.digest(&record)),
                after: None,
            };
            found.push((change, record));
        }
    }
    found
}
