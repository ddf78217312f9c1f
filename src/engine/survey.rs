//! What the target holds before the run, as a ledger. Where source and target count the
//! same, both are read at once: if they turn out to hold the same, that is all there is
//! to do, and nothing was staged.

use super::census::Census;
use super::checkpoint::Step;
use super::control::{Control, is_lost};
use super::event::Phase;
use super::events::Events;
use super::filter::Sieve;
use super::ledger::{LedgerBuilder, LedgerSpool, next_join};
use super::migrate::{READINGS, drifting};
use super::plan::OnConflict;
use super::run::Run;
use super::verify::{Content, read_content};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Outcome, words};
use crate::store::{Consistency, Fingerprint, Prepared, Store};
use std::sync::Arc;
use std::time::Duration;

/// What a survey found.
pub enum Surveyed {
    /// Source and target hold the same: the run is over.
    Same(Outcome),
    /// What the target holds; `None` if it is not there yet, or cannot be read.
    Present(Option<LedgerSpool>),
}

impl Run {
    /// Reads the target, and the source too if they may well be the same.
    pub async fn survey(&mut self, prepared: Option<&Prepared>, sieve: &Sieve) -> Result<Surveyed> {
        let found = &self.report.target.description;
        if !found.exists || !self.stores.target.descriptor().source {
            return Ok(Surveyed::Present(None));
        }
        if prepared.is_some_and(|p| p.empty) {
            let fingerprint = self.stores.target.fingerprint().await?;
            let dir = self.stage_dir();
            let nothing = super::blocking(move || LedgerBuilder::new(&dir).spool(&dir)).await?;
            self.compared_with(fingerprint, &nothing);
            return Ok(Surveyed::Present(Some(nothing)));
        }
        let (there, here) = (found.counts, self.report.source.description.counts);
        let alike = there.is_some() && there == here;
        let newest = self.plan.write.on_conflict == OnConflict::Newest;
        let read = Reading {
            events: self.events.clone(),
            control: self.control.clone(),
        };
        let target = read.at_rest(
            &self.stores.target,
            Census::plain(&self.stage_dir(), newest).with_newest(),
        );
        let (present, source) =
            match alike && sieve.is_open() && self.checkpoint.step == Step::Exporting {
                true => {
                    let source = read.once(
                        &self.stores.source,
                        self.census(sieve),
                        Consistency::InPlace,
                    );
                    let (present, source) = tokio::join!(target, source);
                    (present?, source.ok())
                }
                false => (target.await?, None),
            };
        let spool = self.keep_present(present).await?;
        if let Some(source) = source
            && let Some(outcome) = self.same(source.census, &spool).await?
        {
            return Ok(Surveyed::Same(outcome));
        }
        self.control.check()?;
        Ok(Surveyed::Present(Some(spool)))
    }

    async fn keep_present(
        &mut self,
        (fingerprint, content): (Fingerprint, Content),
    ) -> Result<LedgerSpool> {
        let unreadable = content.census.lost.unreadable.total();
        if unreadable > 0 {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} of the target cannot be read",
                    words::count(unreadable, "place", "places")
                ),
            )
            .remedy("Mend the target, or choose a new one. `memferry inspect` names the places."));
        }
        self.report.target.description.counts = Some(content.counts);
        self.present_newest = content.census.newest.clone();
        let dir = self.stage_dir();
        let spool = super::blocking(move || content.census.ledger.spool(&dir)).await?;
        self.compared_with(fingerprint, &spool);
        Ok(spool)
    }

    /// Notes what the target is compared with, and so must still hold when it is written.
    fn compared_with(&mut self, fingerprint: Fingerprint, spool: &LedgerSpool) {
        self.checkpoint.target_before = Some(fingerprint);
        if self.checkpoint.step < Step::Importing {
            // A backup of what is no longer there would not bring it back.
            if self.checkpoint.content_before.as_ref() != Some(&spool.exact) {
                self.checkpoint.backup = None;
            }
            self.checkpoint.content_before = Some(spool.exact.clone());
        }
    }

    /// Whether everything of the source is in the target with the same content, nothing
    /// else is, and nothing would be lost.
    async fn same(&mut self, census: Census, spool: &LedgerSpool) -> Result<Option<Outcome>> {
        let mut present = spool.read();
        let clean = census.lost.unreadable.total() == 0
            && census.forecast.losses(&Default::default()).is_empty();
        let (census, same) = super::blocking(move || {
            let mut census = census;
            let mut staged = census.collected().ledger.finish()?;
            while let Some((new, old)) = next_join(&mut staged, &mut present)? {
                match (new.as_slice(), old.as_slice()) {
                    ([new], [old]) if new.digest.matches(&old.digest) => {}
                    _ => return Ok((census, false)),
                }
            }
            Ok((census, true))
        })
        .await?;
        if !same || !clean {
            return Ok(None);
        }
        for phase in [Phase::Export, Phase::Backup, Phase::Import] {
            self.events
                .skip(phase, "source and target hold the same records");
        }
        self.report_same(&census, &spool.content);
        Ok(Some(match self.plan.write.dry_run {
            true => Outcome::DryRun,
            false => Outcome::Done,
        }))
    }
}

/// Reads stores whole, told as part of preflight.
struct Reading {
    events: Events,
    control: Control,
}

impl Reading {
    /// A store with the fingerprint it had; again, from a copy, if it is written to.
    async fn at_rest(
        &self,
        store: &Arc<dyn Store>,
        census: Census,
    ) -> Result<(Fingerprint, Content)> {
        let (mut how, mut last) = (Consistency::InPlace, None);
        for _ in 0..READINGS {
            let fingerprint = store.fingerprint().await?;
            match self.once(store, census.anew(), how).await {
                Err(e) if e.kind() == ErrorKind::Drifted => how = Consistency::Copy,
                Err(e) if is_lost(&e) => {
                    last = Some(e);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    self.control.check()?;
                }
                read => return Ok((fingerprint, read?)),
            }
        }
        Err(last.unwrap_or_else(|| drifting("target")))
    }

    async fn once(
        &self,
        store: &Arc<dyn Store>,
        census: Census,
        how: Consistency,
    ) -> Result<Content> {
        let mut snapshot = store.snapshot(how).await?;
        let told = (&self.events, &self.control);
        read_content(&mut *snapshot, census, Phase::Preflight, told).await
    }
}
