//! Looking without a run: what a store holds, whether two stores hold the same, and
//! whether a target still holds what a run left.

use super::census::Census;
use super::compare::{Sides, Terms, compare as compare_sides};
use super::control::Control;
use super::event::Phase;
use super::events::Events;
use super::explain::{self, Shown, difference, fetch};
use super::filter::Sieve;
use super::home::RunFolder;
use super::journal::JournalReader;
use super::ledger::LedgerFile;
use super::loss::Fit;
use super::plan::OnConflict;
use super::review::Sample;
use super::telling::Telling;
use super::verify::{Content, join, read_content};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, KeyHash};
use crate::report::Verification;
use crate::store::{
    Address, Capabilities, Consistency, Counts, Description, Shape, Store, Unreadable, archive,
    registry,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What a store holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inspection {
    /// Address without secrets.
    pub address: String,
    /// Kind for people.
    pub title: String,
    /// What it is.
    pub description: Description,
    /// Numbers of records, by reading them all.
    pub counts: Counts,
    /// Nodes by memory type, others by label.
    pub types: BTreeMap<String, u64>,
    /// Relationships by type.
    pub relationship_types: BTreeMap<String, u64>,
    /// The newest memories.
    pub newest: Vec<Sample>,
    /// What is odd: a name, how many, some of them.
    pub oddities: Vec<Oddity>,
    /// What cannot be read, the first 10,000.
    pub unreadable: Vec<Unreadable>,
    /// BLAKE3 over the sorted digests of everything: equal for equal content.
    pub content_digest: String,
}

/// Something odd in a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Oddity {
    /// What it is.
    pub what: String,
    /// How many records.
    pub records: u64,
    /// Some of them, the first 100.
    pub examples: Vec<String>,
}

/// Reads all of a store and says what is in it.
pub async fn inspect(store: Arc<dyn Store>) -> Result<Inspection> {
    inspect_watched(store, &Telling::nowhere()).await
}

/// The same, watched.
pub async fn inspect_watched(store: Arc<dyn Store>, telling: &Telling) -> Result<Inspection> {
    telling.0.begin(Phase::Verify);
    let description = there(&store).await?;
    let dir = scratch()?;
    let census = Census::new(
        dir.path(),
        Fit::new(Capabilities::EVERYTHING),
        true,
        Sieve::open(),
        false,
    );
    let mut census = read(&store, census, &telling.0).await?.census;
    let sort_in = dir.path().to_owned();
    let (census, compared, content_digest) = super::blocking(move || {
        let sides = Sides::of(census.collected(), &sort_in, None)?;
        let content_digest = sides.staged.content.clone();
        let terms = Terms {
            dir: &sort_in,
            policy: OnConflict::Skip,
            target: &Capabilities::EVERYTHING,
            open: true,
            replace: false,
            earlier: None,
        };
        Ok((census, compare_sides(sides, &terms)?, content_digest))
    })
    .await?;
    let repeated = compared.repeated_nodes.count + compared.repeated_relationships.count;
    let odd = |what: &str, (records, examples): (u64, Vec<String>)| Oddity {
        what: what.to_owned(),
        records,
        examples,
    };
    let oddities = [
        odd(
            "memories that memorygraph cannot read",
            census.unreadable_memories,
        ),
        odd(
            "memories of a type that memorygraph does not know",
            census.unknown_types,
        ),
        odd(
            "relationships of a type that memorygraph does not know",
            census.unknown_relationships,
        ),
        odd("records without an id", census.without_id),
        odd("records that repeat an id", (repeated, Vec::new())),
        odd(
            "relationships with an end that is not there",
            (compared.dangling.count, Vec::new()),
        ),
    ];
    Ok(Inspection {
        address: store.address().to_string(),
        title: store.descriptor().title.to_owned(),
        description,
        counts: census.counts,
        types: census.types,
        relationship_types: census.relationship_types,
        newest: census.newest,
        oddities: oddities.into_iter().filter(|o| o.records > 0).collect(),
        unreadable: census.lost.places,
        content_digest,
    })
}

/// Compares two stores, plainly and in full.
pub async fn compare(a: Arc<dyn Store>, b: Arc<dyn Store>) -> Result<Verification> {
    compare_watched(a, b, &Telling::nowhere()).await
}

/// The same, watched.
pub async fn compare_watched(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    telling: &Telling,
) -> Result<Verification> {
    telling.0.begin(Phase::Verify);
    there(&a).await?;
    there(&b).await?;
    let dir = scratch()?;
    let plain = || Census::plain(dir.path(), false);
    let ((left_told, left), (right_told, right)) = (Events::watched(), Events::watched());
    let both = async {
        tokio::join!(
            read(&a, plain(), &left_told),
            read(&b, plain(), &right_told)
        )
    };
    let (left, right) = tokio::select! {
        both = both => both,
        () = telling.sum(Phase::Verify, [left, right]) => return Err(Error::internal("it is told without end")),
    };
    let (left, right) = (left?, right?);
    let (counts, lost) = (
        right.counts,
        (left.census.lost.places, right.census.lost.places),
    );
    let mut unreadable = left.census.lost.unreadable;
    unreadable.nodes += right.census.lost.unreadable.nodes;
    unreadable.relationships += right.census.lost.unreadable.relationships;
    let (left, right) = (left.census.ledger, right.census.ledger);
    let joined = super::blocking(move || join(&mut left.finish()?, &mut right.finish()?)).await?;
    let (mut verification, found) = (joined.verification, joined.found);
    verification.level = "full".into();
    verification.counts = counts;
    verification.unreadable = unreadable;
    if !found.is_empty() {
        let keys = || found.iter().map(|f| f.key);
        let left = fetch(&mut *a.snapshot(Consistency::InPlace).await?, keys()).await?;
        let right = fetch(&mut *b.snapshot(Consistency::InPlace).await?, keys()).await?;
        let told = found.iter().map(|f| difference(f, &left, &right));
        verification.differences = told.collect();
    }
    for (side, lost) in [("source: ", lost.0), ("target: ", lost.1)] {
        verification
            .differences
            .extend(explain::unreadable(lost, side));
    }
    Ok(verification)
}

/// Whether a target still holds what a run left in it.
pub async fn verify_run(run: &RunFolder, target: Arc<dyn Store>) -> Result<Verification> {
    verify_run_watched(run, target, None, &Telling::nowhere()).await
}

/// The source of a run, if it is a file: only to say how records are called, which is not
/// worth asking anybody for a password.
pub fn source_file(run: &RunFolder) -> Option<Arc<dyn Store>> {
    let address = run.plan().ok()?.source.address(&|_| None).ok()?;
    match address.descriptor().shape {
        Shape::Server => None,
        _ => registry::open(&address).ok(),
    }
}

/// The same, watched. Of the source, if it can be read, is learned how records are called
/// that are gone from the target.
pub async fn verify_run_watched(
    run: &RunFolder,
    target: Arc<dyn Store>,
    source: Option<Arc<dyn Store>>,
    telling: &Telling,
) -> Result<Verification> {
    telling.0.begin(Phase::Verify);
    let path = run.dir.join("digests");
    if !path.exists() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("run {} left nothing to verify", run.name),
        )
        .remedy("Only a run that wrote to its target can be verified again."));
    }
    there(&target).await?;
    let dir = scratch()?;
    let content = read(&target, Census::plain(dir.path(), false), &telling.0).await?;
    let (counts, lost) = (content.counts, content.census.lost.clone());
    let joined = super::blocking(move || {
        join(
            &mut LedgerFile::open(&path)?,
            &mut content.census.ledger.finish()?,
        )
    })
    .await?;
    let (mut verification, found) = (joined.verification, joined.found);
    verification.level = "full".into();
    verification.counts = counts;
    verification.unreadable = lost.unreadable;
    if !found.is_empty() {
        // The stage is gone: only what is there now can be shown.
        let mut now = target.snapshot(Consistency::InPlace).await?;
        let now = fetch(&mut *now, found.iter().map(|f| f.key)).await?;
        let gone = found.iter().map(|f| f.key).filter(|key| !now.has(key));
        let gone = called(run, source, gone.collect()).await;
        let told = found.iter().map(|f| difference(f, &gone, &now));
        verification.differences = told.collect();
    }
    verification
        .differences
        .extend(explain::unreadable(lost.places, ""));
    Ok(verification)
}

/// What records are called that are gone: from the run's journal, the backup made for it,
/// and the source, whichever can still be read.
async fn called(run: &RunFolder, source: Option<Arc<dyn Store>>, gone: HashSet<KeyHash>) -> Shown {
    let (journal, wanted) = (run.dir.join("undo.journal"), gone.clone());
    let journalled = super::blocking(move || {
        let mut shown = Shown::default();
        let mut reader = JournalReader::open(&journal, 0)?;
        while let Some((_, undos)) = reader.next()? {
            for undo in undos {
                let hash = Canon::key_hash(undo.kind, &undo.key);
                if wanted.contains(&hash) {
                    shown.name(hash, undo.kind, &undo.key);
                }
            }
        }
        Ok(shown)
    });
    let mut shown = Shown::default();
    let report = run.report().ok().flatten();
    let backup = report.and_then(|report| report.backup).and_then(|path| {
        let address = Address::file(&archive::DESCRIPTOR, path.as_ref()).ok()?;
        registry::open(&address).ok()
    });
    for store in [source, backup].into_iter().flatten() {
        let missing: Vec<_> = gone.iter().filter(|key| !shown.has(key)).copied().collect();
        if missing.is_empty() {
            break;
        }
        let names = async {
            let mut snapshot = store.snapshot(Consistency::InPlace).await?;
            fetch(&mut *snapshot, missing).await
        };
        if let Ok(names) = names.await {
            shown.merge(names.names_only());
        }
    }
    if let Ok(names) = journalled.await {
        shown.merge(names);
    }
    shown
}

async fn there(store: &Arc<dyn Store>) -> Result<Description> {
    let description = store.describe().await?;
    match description.exists {
        true => Ok(description),
        false => Err(Error::new(
            ErrorKind::NotFound,
            format!("{} is not there", store.address()),
        )
        .remedy("Check the address; `memferry stores --found` lists the stores on this machine.")),
    }
}

pub(super) fn scratch() -> Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("memferry-")
        .tempdir()
        .map_err(|e| Error::io("make a folder in", &std::env::temp_dir(), e))
}

/// Times that a store which is written to meanwhile is read.
const READINGS: u32 = 3;

/// Reads a store whole; again, from a copy if it can be made here, if it is written to
/// meanwhile.
pub(super) async fn read(
    store: &Arc<dyn Store>,
    census: Census,
    events: &Events,
) -> Result<Content> {
    let control = Control::anew();
    let told = (events, &control);
    let mut how = Consistency::InPlace;
    for _ in 1..READINGS {
        let mut snapshot = store.snapshot(how).await?;
        match read_content(&mut *snapshot, census.anew(), Phase::Verify, told).await {
            Err(e) if e.kind() == ErrorKind::Drifted => how = Consistency::LocalCopy,
            read => return read,
        }
    }
    let mut snapshot = store.snapshot(how).await?;
    read_content(&mut *snapshot, census, Phase::Verify, told).await
}
