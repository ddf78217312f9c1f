//! What a run would do, counted ahead: both stores are read once, side by side, and held
//! against each other by key. Nothing is staged or written; what is sorted lies on disk, so
//! memory is bounded. Whoever drops it has stopped it.

use super::census::Census;
use super::compare::{Sides, Terms, compare};
use super::event::{Event, Phase};
use super::events::Events;
use super::filter::Sieve;
use super::home::Home;
use super::look::{read, scratch};
use super::loss::Fit;
use super::migrate::last_run;
use super::plan::{OnConflict, Plan};
use super::review::Review;
use super::run::Stores;
use super::telling::Telling;
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Counts what a plan would do under the policy `newest`, from which the others follow.
/// `selected` grows with the memories that pass the filter; `telling` tells how much is read.
/// Of a record that gets an id of its own, or a relationship whose end is left out, only
/// the number is known.
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
    let (census, compared) = super::blocking(move || {
        // The folder lives as long as somebody sorts in it.
        let (dir, mut census) = (dir, wanted.census);
        let present = match present {
            Some(mut present) => Some(present.census.collected().ledger.spool(dir.path())?),
            None => None,
        };
        let sides = Sides::of(census.collected(), dir.path(), present)?;
        let terms = Terms {
            dir: dir.path(),
            policy: OnConflict::Newest,
            target: &to,
            open,
            replace,
            earlier: None,
        };
        let compared = compare(sides, &terms)?;
        Ok((census, compared))
    })
    .await?;
    // Relationships that will not move were counted as new.
    let left_out = [
        (true, &compared.unselected),
        (!to.dangling, &compared.dangling),
        (!to.parallel, &compared.parallel),
    ];
    let left_out = left_out.iter().filter(|(is, _)| *is);
    let left_out: u64 = left_out.map(|(_, found)| found.count).sum();
    let (mut staged, mut added) = (census.counts, compared.added);
    staged.relationships = staged.relationships.saturating_sub(left_out);
    added.relationships = added.relationships.saturating_sub(left_out);
    Ok(Review {
        source: stores.source.address().to_string(),
        target: stores.target.address().to_string(),
        staged,
        present: target.counts.filter(|_| target.exists),
        types: census.types,
        relationship_types: census.relationship_types,
        newest: census.newest,
        added,
        changed: compared.changed,
        kept: compared.kept,
        same: compared.same,
        untouched: compared.untouched,
        removed: compared.removed,
        ..Review::default()
    })
}
