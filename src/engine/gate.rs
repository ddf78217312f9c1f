//! Between the stage and the first write: what was found is told as checks, what would
//! be done as a review, and whoever must agree is asked.

use super::census::Census;
use super::compare::{self, Compared};
use super::event::{Event, Phase};
use super::explain::{self, Staging};
use super::filter::Sieve;
use super::handle::Ask;
use super::ledger::LedgerSpool;
use super::loss::{TOO_LARGE, TOO_LARGE_MEANS};
use super::plan::OnConflict;
use super::preflight::{pass, warn};
use super::review::{Conflict, Review, Tally};
use super::run::Run;
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Check, Loss, Outcome, Verification, words};
use crate::store::{Consistency, Prepared};

/// Conflicts whose fields are shown.
const SHOWN: usize = 1_000;

impl Run {
    /// Tells what was found and asks for consent. Whether to go on.
    pub async fn review(
        &mut self,
        compared: &Compared,
        census: &Census,
        sieve: &Sieve,
        prepared: Option<&Prepared>,
    ) -> Result<bool> {
        self.tell_checks(compared, census).await?;
        let mut forecast = census.forecast.clone();
        let target = &self.stores.target.descriptor().capabilities;
        for (is_lost, name, what, found) in [
            (
                !target.dangling,
                "relationship:dangling",
                "relationships with an end that is not there are left out",
                &compared.dangling,
            ),
            (
                !target.parallel,
                "relationship:parallel",
                "of several relationships of one type between one pair, one is kept",
                &compared.parallel,
            ),
            (
                true,
                "id:repeated",
                "memories that repeat an id get one of their own; relationships to that id lead to the first",
                &compared.repeated_nodes,
            ),
        ] {
            if is_lost && found.count > 0 {
                let examples = self.keys_at(&found.first).await?;
                forecast.lose_many(name, what, found.count, &examples);
            }
        }
        let lost = &census.lost;
        let places: Vec<String> = lost.places.iter().map(|u| u.place.clone()).collect();
        let what = "what cannot be read in the source is left out";
        forecast.lose_many("source:unreadable", what, lost.unreadable.total(), &places);
        forecast.lose_many(
            TOO_LARGE,
            TOO_LARGE_MEANS,
            lost.too_large.total(),
            &lost.examples,
        );
        self.report.unreadable = lost.places.clone();
        self.report.losses = forecast.losses(&self.plan.losses.accept);
        self.report.equivalences = forecast.equivalences.clone();
        let review = Review {
            source: self.report.source.address.clone(),
            target: self.report.target.address.clone(),
            staged: census.counts,
            present: match self.report.target.description.exists {
                true => self.report.target.description.counts,
                false => None,
            },
            types: census.types.clone(),
            relationship_types: census.relationship_types.clone(),
            newest: census.newest.clone(),
            newest_present: self.present_newest.clone(),
            added: compared.added,
            changed: compared.changed,
            kept: compared.kept,
            same: compared.same,
            untouched: compared.untouched,
            removed: compared.removed,
            conflicts: self.conflicts(compared, sieve).await?,
            losses: self.report.losses.clone(),
            mode: prepared.map(|p| p.mode),
            lock_seconds: prepared.map_or(0.0, |p| {
                let records =
                    [compared.added, compared.changed, compared.removed].map(|t| t.total());
                p.lock_seconds_per_record * records.iter().sum::<u64>() as f64
            }),
        };
        self.report.review = Some(review.clone());
        if self.plan.write.dry_run {
            return Ok(true);
        }
        if self.plan.write.on_conflict == OnConflict::Fail && compared.kept.total() > 0 {
            return Err(compare::refuse_conflicts(compared.kept.total()));
        }
        let ask = match self.ask {
            Ask::Never => false,
            Ask::WhenOverwriting => review.overwrites(),
            Ask::Always => true,
        };
        // A front end that reviews accepts losses there, by name.
        if self.ask != Ask::Always {
            refuse_losses(&self.report.losses)?;
        }
        if !ask {
            return Ok(true);
        }
        self.events.emit(Event::Waiting {
            review: Box::new(review),
        });
        let proceed = self.control.answer().await?;
        self.events.emit(Event::Answered { proceed });
        if proceed {
            let review = self.report.review.iter_mut().flat_map(|r| &mut r.losses);
            let losses = self.report.losses.iter_mut().chain(review);
            losses.for_each(|loss| loss.accepted = true);
        }
        Ok(proceed)
    }

    async fn tell_checks(&mut self, compared: &Compared, census: &Census) -> Result<()> {
        let told = |name: &str,
                    title: &str,
                    count: u64,
                    of: (&str, &str),
                    remedy: &str,
                    examples: Vec<String>| {
            let check = match count {
                0 => pass(name, title, "none"),
                n => warn(name, title, words::count(n, of.0, of.1), remedy),
            };
            Check { examples, ..check }
        };
        let list = |(count, first): &(u64, Vec<String>)| (*count, first.clone());
        let (dangling, unselected) = (&compared.dangling, &compared.unselected);
        let (nodes, relationships) = (&compared.repeated_nodes, &compared.repeated_relationships);
        let (n, first) = list(&census.unreadable_memories);
        self.events.check(told(
            "memories-readable",
            "Memories that memorygraph cannot read",
            n,
            (
                "lacks a type, title or content, or is no JSON object",
                "lack a type, title or content, or are no JSON object",
            ),
            "They are moved as they are.",
            first,
        ));
        let (n, first) = list(&census.unknown_types);
        self.events.check(told(
            "memory-types",
            "Memory types that memorygraph does not know",
            n,
            ("memory", "memories"),
            "They are moved as they are.",
            first,
        ));
        let (n, first) = list(&census.unknown_relationships);
        self.events.check(told(
            "relationship-types",
            "Relationship types that memorygraph does not know",
            n,
            ("relationship", "relationships"),
            "They are moved as they are; memorygraph reads them as RELATED_TO.",
            first,
        ));
        let (n, first) = list(&census.without_id);
        self.events.check(told(
            "ids",
            "Records without an id",
            n,
            ("record", "records"),
            "They are known by their content.",
            first,
        ));
        let mut first = self.keys_at(&nodes.first).await?;
        first.extend(self.keys_at(&relationships.first).await?);
        first.truncate(100);
        self.events.check(told(
            "repeated-ids",
            "Ids that are repeated",
            nodes.count + relationships.count,
            ("record", "records"),
            "Each later one gets an id of its own.",
            first,
        ));
        self.events.check(told(
            "dangling",
            "Relationships with an end that is not there",
            dangling.count,
            ("relationship", "relationships"),
            "They are moved as they are where the target can hold them.",
            self.keys_at(&dangling.first).await?,
        ));
        if !self.plan.filter.is_empty() {
            self.events.check(told(
                "unselected-ends",
                "Relationships with an end that is not selected",
                unselected.count,
                ("relationship", "relationships"),
                "They are not moved, unless the target holds the other end.",
                self.keys_at(&unselected.first).await?,
            ));
        }
        Ok(())
    }

    /// Keys of the staged records at these positions, for people.
    async fn keys_at(&self, positions: &[u64]) -> Result<Vec<String>> {
        let (stage, positions) = (self.stage(), positions.to_vec());
        super::blocking(move || explain::keys_at(&stage, &positions)).await
    }

    /// The first conflicts with their fields, where somebody will look at them.
    async fn conflicts(&self, compared: &Compared, sieve: &Sieve) -> Result<Vec<Conflict>> {
        let first: Vec<_> = compared.conflicts.iter().take(SHOWN).copied().collect();
        if first.is_empty() {
            return Ok(Vec::new());
        }
        let mut snapshot = self.stores.target.snapshot(Consistency::InPlace).await?;
        let present = explain::fetch(&mut *snapshot, first.iter().map(|c| c.key)).await?;
        let positions = first.iter().map(|c| c.seq).collect();
        let staged = explain::fetch_staged(self.staging(sieve, compared), positions).await?;
        let shown = first.iter().filter_map(|c| {
            let (kind, [key, title], fields) = explain::conflict(&c.key, &staged, &present)?;
            Some(Conflict {
                kind,
                key,
                title,
                replaced: c.replaced,
                fields,
            })
        });
        Ok(shown.collect())
    }

    /// The stage with what was decided about it.
    pub fn staging(&self, sieve: &Sieve, compared: &Compared) -> Staging {
        Staging {
            path: self.stage(),
            census: self.light_census(sieve),
            decisions: compared.decisions.clone(),
        }
    }

    /// Everything is in the target already: what was compared is what is proven.
    pub async fn nothing_to_do(
        &mut self,
        compared: &Compared,
        present: &Option<LedgerSpool>,
    ) -> Result<Outcome> {
        for phase in [Phase::Backup, Phase::Import, Phase::Verify] {
            self.events.skip(phase, "there is nothing to write");
        }
        self.report.written.same = compared.same;
        self.report.written.skipped = compared.kept;
        let counts = self.report.target.description.counts.unwrap_or_default();
        let mut same = compared.same;
        for tally in [compared.kept, compared.untouched] {
            same.nodes += tally.nodes;
            same.relationships += tally.relationships;
        }
        self.report.verification = Some(Verification {
            level: "full".into(),
            same,
            counts,
            content_digest: present.as_ref().map(|p| p.content.clone()),
            ..Verification::default()
        });
        Ok(Outcome::Done)
    }

    /// Both stores were read whole and are the same.
    pub fn report_same(&mut self, census: &Census, content: &str) {
        let same = Tally {
            nodes: census.counts.memories + census.counts.other_nodes,
            relationships: census.counts.relationships,
        };
        self.report.written.same = same;
        self.report.equivalences = census.forecast.equivalences.clone();
        self.report.review = Some(Review {
            source: self.report.source.address.clone(),
            target: self.report.target.address.clone(),
            staged: census.counts,
            present: self.report.target.description.counts,
            types: census.types.clone(),
            relationship_types: census.relationship_types.clone(),
            newest: census.newest.clone(),
            newest_present: self.present_newest.clone(),
            same,
            ..Review::default()
        });
        self.report.verification = Some(Verification {
            level: "full".into(),
            same,
            counts: census.counts,
            content_digest: Some(content.to_owned()),
            ..Verification::default()
        });
    }
}

/// Refuses losses that nobody accepted.
fn refuse_losses(losses: &[Loss]) -> Result<()> {
    let refused: Vec<&Loss> = losses.iter().filter(|l| !l.accepted).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let said = |l: &&Loss| format!("{} ({})", l.name, words::records(l.records));
    let flags: Vec<String> = refused
        .iter()
        .map(|l| format!("--allow-loss {}", l.name))
        .collect();
    let names: Vec<String> = refused.iter().map(said).collect();
    Err(Error::new(
        ErrorKind::Refused,
        format!("the target cannot hold everything: {}", names.join(", ")),
    )
    .remedy(format!("Accept each by name: {}", flags.join(" "))))
}
