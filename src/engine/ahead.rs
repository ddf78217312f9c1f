//! What a run would do, counted ahead: both stores are read once, side by side, and held
//! against each other by key. Nothing is staged or written; what is sorted lies on disk, so
//! memory is bounded. Whoever drops it has stopped it.

use super::census::Census;
use super::compare::{Sides, Terms, compare};
use super::decide::{Action, Decisions};
use super::event::{Event, Phase};
use super::events::Events;
use super::filter::Sieve;
use super::home::Home;
use super::ledger::LedgerSpool;
use super::look::{read, scratch};
use super::loss::Fit;
use super::migrate::last_run;
use super::plan::{OnConflict, Plan};
use super::review::Review;
use super::run::Stores;
use super::sorted::Sorter;
use super::telling::Telling;
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Counts what a plan would do under the policy `newest`, from which the others follow.
/// `selected` grows with the memories that pass the filter; `telling` tells how much is read.
pub async fn ahead(
    plan: &Plan,
    stores: &Stores,
    home: &Home,
    telling: &Telling,
    selected: Arc<AtomicU64>,
) -> Result<Review> {
    telling.0.begin(Phase::Verify);
    let since = match plan.filter.since.as_deref() {
        Some("last-run") => last_run(home, plan)?,
        _ => None,
    };
    let sieve = Sieve::new(&plan.filter, since)?.counting(selected);
    let open = sieve.is_open();
    let target = stores.target.describe().await?;
    let dir = scratch()?;
    let to = stores.target.descriptor().capabilities;
    let wanted = Census::new(dir.path(), Fit::new(to), to.parallel, sieve, true);
    let there = target.exists && stores.target.descriptor().source;
    let ((left_told, left), (right_told, right)) = (Events::watched(), Events::watched());
    let present = async {
        match there {
            true => {
                let census = Census::plain(dir.path(), true);
                read(&stores.target, census, &right_told).await.map(Some)
            }
            false => {
                right_told.begin(Phase::Verify);
                right_told.emit(Event::Expected {
                    phase: Phase::Verify,
                    nodes: 0,
                    relationships: 0,
                });
                Ok(None)
            }
        }
    };
    let (wanted, present) = tokio::select! {
        both = async { tokio::try_join!(read(&stores.source, wanted, &left_told), present) } => both?,
        () = telling.sum(Phase::Verify, [left, right]) => {
            return Err(Error::internal("it is told without end"));
        }
    };
    let replace = plan.write.replace;
    let (census, compared, left_out) = super::blocking(move || {
        // The folder lives as long as somebody sorts in it.
        let (dir, mut census) = (dir, wanted.census);
        let present = match present {
            Some(mut present) => Some(present.census.collected().ledger.spool(dir.path())?),
            None => None,
        };
        let sides = Sides::of(census.collected(), dir.path(), present)?;
        let (spool, present) = (sides.staged.clone(), sides.present.clone());
        let terms = Terms {
            dir: dir.path(),
            policy: OnConflict::Newest,
            target: &to,
            open,
            replace,
            earlier: None,
        };
        let compared = compare(sides, &terms)?;
        let left_out = LeftOut::of(&compared.decisions, census.next)?;
        if left_out.count == 0 {
            return Ok((census, compared, 0));
        }
        // What will not move is no part of what would be done: once more without it.
        let mut all = spool.read();
        let staged = LedgerSpool::write(dir.path(), || {
            loop {
                match all.next()? {
                    Some(entry) if left_out.has(entry.seq) => {}
                    next => return Ok(next),
                }
            }
        })?;
        let sides = Sides {
            staged,
            ends: Sorter::new(dir.path()).sorted()?,
            triples: None,
            present,
        };
        Ok((census, compare(sides, &terms)?, left_out.count))
    })
    .await?;
    let mut staged = census.counts;
    staged.relationships = staged.relationships.saturating_sub(left_out);
    Ok(Review {
        source: stores.source.address().to_string(),
        target: stores.target.address().to_string(),
        staged,
        present: target.counts.filter(|_| target.exists),
        types: census.types,
        relationship_types: census.relationship_types,
        newest: census.newest,
        added: compared.added,
        changed: compared.changed,
        kept: compared.kept,
        same: compared.same,
        untouched: compared.untouched,
        removed: compared.removed,
        ..Review::default()
    })
}

/// The positions that will not move: one bit for each record.
struct LeftOut {
    bits: Vec<u64>,
    count: u64,
}

impl LeftOut {
    fn of(decisions: &Decisions, records: u64) -> Result<Self> {
        let mut bits = vec![0; (records / 64) as usize + 1];
        let mut count = 0;
        decisions.each(|seq, decision| {
            if decision.action == Action::Drop
                && let Some(word) = bits.get_mut((seq / 64) as usize)
            {
                *word |= 1 << (seq % 64);
                count += 1;
            }
            Ok(())
        })?;
        Ok(Self { bits, count })
    }

    fn has(&self, seq: u64) -> bool {
        let word = self.bits.get((seq / 64) as usize);
        word.is_some_and(|word| word >> (seq % 64) & 1 == 1)
    }
}
