//! What becomes of a batch that met something else in the target than was expected, or was
//! never answered: what is there now decides.

use super::super::census::time_of;
use super::super::compare::is_newer;
use super::super::ledger::{Entry, NO_TIME};
use super::super::loss::short_key;
use super::super::plan::OnConflict;
use super::super::work::Work;
use super::Import;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Canon;
use crate::store::{Change, WriteMode};

impl Import {
    /// Somebody changed some of these records meanwhile: what is there now decides.
    pub(super) async fn look_again(&mut self, work: Work, at: &[usize]) -> Result<Work> {
        let Some(kind) = work.changes.first().map(|c| c.kind) else {
            return Ok(work);
        };
        if self.mode() == WriteMode::Aside {
            return Err(Error::new(
                ErrorKind::Conflict,
                "a key was met twice while the target was built",
            ));
        }
        let mut at: Vec<_> = at.to_vec();
        at.sort_unstable();
        let keys: Vec<_> = at
            .iter()
            .filter_map(|i| work.changes.get(*i))
            .map(|c| c.key.clone())
            .collect();
        let mut now = self.find(kind, &keys).await?.into_iter();
        let mut met = at.iter().copied().peekable();
        let (mut changes, mut befores) = (Vec::new(), Vec::new());
        for (i, (change, before)) in work.each().enumerate() {
            if met.next_if_eq(&i).is_none() {
                changes.push(change.clone());
                befores.push(before.cloned().map(Box::new));
                continue;
            }
            let now = now.next().flatten();
            let digest = now.as_ref().map(|n| self.canon.digest(n));
            let present = now.as_ref().map_or(NO_TIME, |n| time_of(n, &self.canon));
            let wanted = change.after.as_ref().map(|a| self.canon.digest(a));
            let staged = change
                .after
                .as_ref()
                .map_or(NO_TIME, |a| time_of(a, &self.canon));
            let stays = match self.policy {
                OnConflict::Overwrite => false,
                OnConflict::Newest => now.is_some() && !is_newer(staged, present),
                OnConflict::Skip | OnConflict::Fail => now.is_some(),
            };
            if digest.is_none() && wanted.is_none() {
                // Somebody else removed it.
            } else if matches!((digest, wanted), (Some(a), Some(b)) if a.matches(&b)) {
                *self.written.same.of(kind) += 1;
            } else if let (true, Some(digest)) = (stays, digest) {
                if self.policy == OnConflict::Fail {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "a record came to the target meanwhile with other content",
                    )
                    .with("id", change.key.display())
                    .remedy("Stop the other program, then repeat the command."));
                }
                let key = short_key(&change.key);
                self.events.warn(
                    "appeared",
                    format!("{key} came to the target meanwhile and stays as it is"),
                );
                *self.written.skipped.of(kind) += 1;
                self.theirs.push(Entry {
                    key: Canon::key_hash(kind, &change.key),
                    digest,
                    kind,
                    seq: 0,
                    size: 0,
                    ours: false,
                    time: NO_TIME,
                })?;
            } else {
                changes.push(Change {
                    before: digest,
                    ..change.clone()
                });
                befores.push(now.map(Box::new));
            }
        }
        Ok(Work {
            changes: changes.into(),
            before: befores.into(),
        })
    }

    /// Asks the target whether all of a batch without an answer is in it. If not, the
    /// batch can be applied again: a change that is made is left alone, and a record of
    /// somebody else's is a conflict then.
    pub(super) async fn is_there(&mut self, work: &Work) -> Result<bool> {
        let Some(kind) = work.changes.first().map(|c| c.kind) else {
            return Ok(true);
        };
        let found = self.find(kind, &work.keys()).await?;
        let mut all = true;
        for ((change, _), now) in work.each().zip(found) {
            let now = now.map(|n| self.canon.digest(&n));
            let after = change.after.as_ref().map(|a| self.canon.digest(a));
            all &= match (now, after) {
                (Some(now), Some(after)) => now.matches(&after),
                (now, after) => now.is_none() && after.is_none(),
            };
        }
        Ok(all)
    }
}
