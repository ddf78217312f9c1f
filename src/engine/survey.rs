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
use super::verify::{Beside, Content, read_beside, send_pages};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::report::{Outcome, words};
use crate::store::{Consistency, Fingerprint, Page, Prepared, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

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
        let census = Census::plain(&self.stage_dir(), newest).with_newest();
        let alike = alike && sieve.is_open() && self.checkpoint.step == Step::Exporting;
        if !alike {
            let present = read.at_rest(&self.stores.target, census, None).await?;
            let (spool, _) = self.keep_present(present).await?;
            return Ok(Surveyed::Present(Some(spool)));
        }
        let (pages, beside) = mpsc::channel(2);
        let target = read.at_rest(&self.stores.target, census, Some(beside));
        let source = read.beside(&self.stores.source, pages, self.census(sieve));
        let (present, source) = tokio::join!(target, source);
        let present = present?;
        let same = present.1.same;
        let (spool, present) = self.keep_present(present).await?;
        match source {
            Ok(Read::SentOn) if same => {
                return Ok(Surveyed::Same(self.nothing_to_move(&present, &spool)));
            }
            Ok(Read::Apart(source)) => {
                if let Some(outcome) = self.same(source.census, &spool).await? {
                    return Ok(Surveyed::Same(outcome));
                }
            }
            // What is wrong with the source is told when it is read for the move.
            Ok(Read::SentOn) | Err(_) => {}
        }
        self.control.check()?;
        Ok(Surveyed::Present(Some(spool)))
    }

    async fn keep_present(
        &mut self,
        (fingerprint, content): (Fingerprint, Content),
    ) -> Result<(LedgerSpool, Census)> {
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
        let mut census = content.census;
        let ledger = census.collected().ledger;
        let spool = super::blocking(move || ledger.spool(&dir)).await?;
        self.compared_with(fingerprint, &spool);
        Ok((spool, census))
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
        Ok((same && clean).then(|| self.nothing_to_move(&census, spool)))
    }

    fn nothing_to_move(&mut self, census: &Census, spool: &LedgerSpool) -> Outcome {
        for phase in [Phase::Export, Phase::Backup, Phase::Import] {
            self.events
                .skip(phase, "source and target hold the same records");
        }
        self.report_same(census, &spool.content);
        match self.plan.write.dry_run {
            true => Outcome::DryRun,
            false => Outcome::Done,
        }
    }
}

/// What became of a source that was read beside its target.
enum Read {
    /// All its pages were taken.
    SentOn,
    /// It parted from the target, and was read on its own.
    Apart(Box<Content>),
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
        mut beside: Option<Beside>,
    ) -> Result<(Fingerprint, Content)> {
        let (mut how, mut last) = (Consistency::InPlace, None);
        for _ in 0..READINGS {
            let fingerprint = store.fingerprint().await?;
            match self.once(store, census.anew(), how, beside.take()).await {
                Err(e) if e.kind() == ErrorKind::Drifted => how = Consistency::LocalCopy,
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
        beside: Option<Beside>,
    ) -> Result<Content> {
        let mut snapshot = store.snapshot(how).await?;
        let told = (&self.events, &self.control);
        read_beside(&mut *snapshot, census, Phase::Preflight, told, beside).await
    }

    /// Sends a store's pages to whoever reads another one, as long as the two agree; then
    /// reads it into a census of its own.
    async fn beside(
        &self,
        store: &Arc<dyn Store>,
        pages: mpsc::Sender<(Kind, Page)>,
        census: Census,
    ) -> Result<Read> {
        let mut snapshot = store.snapshot(Consistency::InPlace).await?;
        if send_pages(&mut *snapshot, pages, &self.control).await? {
            snapshot.finish().await?;
            return Ok(Read::SentOn);
        }
        drop(snapshot);
        let content = self.once(store, census, Consistency::InPlace, None).await?;
        Ok(Read::Apart(Box::new(content)))
    }
}
