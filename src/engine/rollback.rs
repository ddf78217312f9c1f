//! Taking a run's writes back: what it added is removed, what it changed is restored,
//! and whatever somebody changed since is spared and named. Every record is looked at
//! before it is touched, so that a rollback that was broken off can be repeated.

use super::census::Census;
use super::control::{Control, is_lost};
use super::event::Phase;
use super::events::Events;
use super::foreign::Foreign;
use super::journal::{JournalReader, Undo};
use super::ledger::{Entry, Ledger, LedgerFile, next_join, pair};
use super::loss::short_key;
use super::sorted::{Sorter, Spool};
use super::verify::read_content;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Digest, Key, KeyHash, Kind};
use crate::report::{MOST_KEPT, RolledBack};
use crate::store::{Applied, Batch, Consistency, Limit, Store, WriteMode, WriteRequest, Writer};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Times that it is begun again after the connection was lost or somebody else wrote.
const ATTEMPTS: u32 = 7;

/// What a rollback works with.
pub struct Rollback {
    /// The target.
    pub target: Arc<dyn Store>,
    /// The run's folder: its journal, its digests.
    pub dir: PathBuf,
    /// Where entries are sorted.
    pub sort_in: PathBuf,
    /// Name of the run.
    pub run: String,
    /// The command that forgets it.
    pub forget: String,
    /// The last batch that must be in the journal.
    pub acknowledged: u64,
    /// Whether it is not known that the run had published what it built aside.
    pub uncertain: bool,
    /// Where events go.
    pub events: Events,
    /// The controls.
    pub control: Control,
}

/// How far it is.
#[derive(Default)]
struct Work {
    out: RolledBack,
    spared: Vec<Key>,
    spared_count: u64,
    /// Keys of a batch that got no answer.
    unanswered: HashSet<KeyHash>,
    /// What was done by a commit that got no answer.
    committed: Option<RolledBack>,
    /// Whether the target was to be removed and did not answer.
    removing: bool,
}

impl Work {
    fn spare(&mut self, key: &Key) {
        self.spared_count += 1;
        if self.spared.len() < MOST_KEPT {
            self.spared.push(key.clone());
        }
    }

    fn count(&mut self, undo: &Undo) {
        let tally = match undo.before {
            None => &mut self.out.removed,
            Some(_) => &mut self.out.restored,
        };
        *tally.of(undo.kind) += 1;
    }

    fn did(&self) -> u64 {
        self.out.removed.total() + self.out.restored.total()
    }

    /// Another attempt: what a transaction had done is undone.
    fn again(&mut self, mode: WriteMode) {
        (self.spared, self.spared_count) = (Vec::new(), 0);
        if mode == WriteMode::Transaction {
            self.out = RolledBack::default();
        }
    }

    fn done(self) -> RolledBack {
        RolledBack {
            spared: self.spared.iter().map(short_key).collect(),
            spared_count: self.spared_count,
            ..self.out
        }
    }
}

impl Rollback {
    /// Takes back what a run in that mode wrote.
    pub async fn run(&self, mode: Option<WriteMode>) -> Result<RolledBack> {
        let mut work = Work::default();
        for attempt in 0.. {
            let done = match mode {
                Some(WriteMode::Aside) => self.by_digests(&mut work).await,
                _ => self.by_journal(&mut work).await,
            };
            match done {
                Ok(()) => break,
                Err(e) if attempt + 1 == ATTEMPTS => return Err(e),
                Err(e) if is_lost(&e) || e.kind() == ErrorKind::Drifted => {
                    self.events.note(format!("the rollback begins again: {e}"));
                    tokio::time::sleep(Duration::from_millis(100 << (2 * attempt).min(8))).await;
                    self.control.check()?;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(work.done())
    }

    /// What the undo journal tells.
    async fn by_journal(&self, work: &mut Work) -> Result<()> {
        let path = self.dir.join("undo.journal");
        let acknowledged = self.acknowledged;
        let digests = self.dir.join("digests");
        let dir = self.sort_in.clone();
        let opened = super::blocking(move || {
            if acknowledged == 0 && !path.exists() {
                return Ok(None);
            }
            let reader = JournalReader::open(&path, acknowledged)?.at_end()?;
            let removed = removed_keys(&path, acknowledged, &dir)?;
            let left = match LedgerFile::open(&digests) {
                Ok(left) => left,
                Err(_) => journalled(&path, acknowledged, &dir)?,
            };
            Ok(Some((reader, removed, left)))
        });
        let Some((mut reader, removed, left)) = opened.await? else {
            return Ok(());
        };
        let (mut writer, mode) = self.writer().await?;
        work.again(mode);
        let foreign = self.foreign(&mut *writer, left, removed).await?;
        let mut seq = 0;
        loop {
            let (back, entry) = super::blocking(move || {
                let entry = reader.previous()?;
                Ok((reader, entry))
            })
            .await?;
            reader = back;
            let Some((_, undos)) = entry else { break };
            self.control.unpaused().await?;
            self.undo(&mut *writer, &mut seq, undos, &foreign, work)
                .await?;
        }
        self.publish(writer, work).await
    }

    /// What was built aside: the whole target, if it still is what the run left; else
    /// record by record.
    async fn by_digests(&self, work: &mut Work) -> Result<()> {
        if !self.target.describe().await?.exists {
            work.out.target_removed = work.removing;
            return Ok(());
        }
        let path = self.dir.join("digests");
        let fingerprint = self.target.fingerprint().await?;
        let mut snapshot = self.target.snapshot(Consistency::LocalCopy).await?;
        let census = Census::plain(&self.sort_in, false);
        let told = (&self.events, &self.control);
        let content = read_content(&mut *snapshot, census, Phase::Rollback, told).await?;
        drop(snapshot);
        let (counts, unreadable) = (content.counts, content.census.lost.unreadable.total());
        let dir = self.sort_in.clone();
        let doomed = super::blocking(move || {
            let mut left = LedgerFile::open(&path)?;
            Doomed::of(&mut left, &mut content.census.ledger.finish()?, &dir)
        })
        .await?;
        let only_ours = doomed.others == 0 && unreadable == 0 && counts.total() == doomed.count;
        if self.uncertain && !(only_ours && doomed.missing == 0) {
            return Err(Error::new(
                ErrorKind::Conflict,
                "the run was broken off while it published, and the target is not what it was about to publish",
            )
            .remedy(format!(
                "Somebody else may have made it, so it is left alone. Remove it yourself if nothing in it is needed; then `{}`.",
                self.forget
            )));
        }
        if only_ours {
            work.removing = true;
            match self.target.remove(&fingerprint).await {
                Err(e) if e.kind() == ErrorKind::Conflict => {
                    return Err(Error::new(ErrorKind::Drifted, e.to_string()).temporary());
                }
                removed => removed?,
            }
            work.out.target_removed = true;
            work.out.removed.nodes = counts.of(Kind::Node);
            work.out.removed.relationships = counts.relationships;
            return Ok(());
        }
        self.remove_each(doomed, work).await
    }

    async fn remove_each(&self, doomed: Doomed, work: &mut Work) -> Result<()> {
        let (mut writer, mode) = self.writer().await.map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists | ErrorKind::Unsupported => Error::new(
                ErrorKind::Conflict,
                "the target was changed since the run, and cannot be changed in part",
            )
            .remedy("Remove it yourself if nothing in it is needed."),
            _ => e,
        })?;
        work.again(mode);
        let path = self.dir.join("digests");
        let left = super::blocking(move || LedgerFile::open(&path)).await?;
        let foreign = self
            .foreign(&mut *writer, left, doomed.keys.clone())
            .await?;
        let mut seq = 0;
        for kind in [Kind::Relationship, Kind::Node] {
            let mut snapshot = writer.snapshot().await?;
            let mut scan = Doom::of(&doomed, kind)?;
            let mut after = None;
            loop {
                self.control.unpaused().await?;
                let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
                after = page.next;
                let records = page.records;
                let (back, undos, spared) = super::blocking(move || {
                    let (mut undos, mut spared) = (Vec::new(), Vec::new());
                    for record in &records {
                        match scan.meet(record.key(), kind)? {
                            Met::Ours(digest) => undos.push(Undo {
                                kind,
                                key: record.key().clone(),
                                before: None,
                                after: Some(digest),
                            }),
                            Met::Changed => spared.push(record.key().clone()),
                            Met::Other => {}
                        }
                    }
                    Ok((scan, undos, spared))
                })
                .await?;
                scan = back;
                spared.iter().for_each(|key| work.spare(key));
                if !undos.is_empty() {
                    self.undo(&mut *writer, &mut seq, undos, &foreign, work)
                        .await?;
                }
                if after.is_none() {
                    break;
                }
            }
        }
        self.publish(writer, work).await
    }

    async fn foreign(
        &self,
        writer: &mut dyn Writer,
        left: Ledger,
        ours: Spool<16>,
    ) -> Result<HashSet<KeyHash>> {
        let mut snapshot = writer.snapshot().await?;
        let mut foreign = Foreign::new(&self.sort_in);
        let mut after = None;
        loop {
            self.control.unpaused().await?;
            let page = snapshot
                .scan(Kind::Relationship, after.as_ref(), Limit::PAGE)
                .await?;
            after = page.next;
            let records = page.records;
            foreign = super::blocking(move || {
                records.iter().try_for_each(|record| foreign.add(record))?;
                Ok(foreign)
            })
            .await?;
            if after.is_none() {
                break;
            }
        }
        super::blocking(move || foreign.holds(left, &ours)).await
    }

    async fn writer(&self) -> Result<(Box<dyn Writer>, WriteMode)> {
        let mode = match self.target.prepare().await?.mode {
            WriteMode::Aside => {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    "the target is not there, or cannot be changed in part",
                ));
            }
            mode => mode,
        };
        let request = WriteRequest {
            mode,
            run: self.run.clone(),
            origin: None,
        };
        Ok((self.target.writer(&request).await?, mode))
    }

    /// Makes the undoing durable, and finds out if there is no answer.
    async fn publish(&self, mut writer: Box<dyn Writer>, work: &mut Work) -> Result<()> {
        if work.did() == 0 {
            if let Some(committed) = work.committed.take() {
                work.out = committed;
            }
            let _ = writer.abandon().await;
            return Ok(());
        }
        let published = writer.publish().await;
        if matches!(published, Ok(Applied::Done)) {
            return Ok(());
        }
        work.committed = Some(work.out.clone());
        let _ = writer.abandon().await;
        Err(match published {
            Err(e) => e,
            Ok(_) => Error::new(
                ErrorKind::Unreachable,
                "the target did not say whether the rollback took effect",
            )
            .temporary()
            .remedy("Repeat the rollback: what is undone already is left alone."),
        })
    }

    /// Undoes what one batch did, in smaller batches if need be.
    async fn undo(
        &self,
        writer: &mut dyn Writer,
        seq: &mut u64,
        undos: Vec<Undo>,
        foreign: &HashSet<KeyHash>,
        work: &mut Work,
    ) -> Result<()> {
        let mut rest = vec![undos];
        while let Some(mut undos) = rest.pop() {
            match self.undo_batch(writer, seq, &undos, foreign, work).await {
                Err(e) if e.kind() == ErrorKind::TooLarge && undos.len() > 1 => {
                    let second = undos.split_off(undos.len() / 2);
                    rest.extend([second, undos]);
                }
                done => done?,
            }
        }
        Ok(())
    }

    async fn undo_batch(
        &self,
        writer: &mut dyn Writer,
        seq: &mut u64,
        undos: &[Undo],
        foreign: &HashSet<KeyHash>,
        work: &mut Work,
    ) -> Result<()> {
        let Some(kind) = undos.first().map(|u| u.kind) else {
            return Ok(());
        };
        let keys: Vec<_> = undos.iter().map(|u| u.key.clone()).collect();
        let mut canon = Canon::new();
        for _ in 0..ATTEMPTS {
            let now = writer.find(kind, &keys).await?;
            let (mut todo, mut spared) = (Vec::new(), Vec::new());
            for (undo, now) in undos.iter().zip(now) {
                let now = now.map(|record| canon.digest(&record));
                let before = undo.before.as_ref().map(|record| canon.digest(record));
                let hash = Canon::key_hash(kind, &undo.key);
                if fits(now.as_ref(), before.as_ref()) {
                    // Undone already: by this rollback, if that got no answer.
                    if work.unanswered.remove(&hash) {
                        work.count(undo);
                    }
                } else if !fits(now.as_ref(), undo.after.as_ref())
                    || undo.before.is_none() && foreign.contains(&hash)
                {
                    spared.push(&undo.key);
                } else {
                    todo.push(undo);
                }
            }
            *seq += 1;
            let batch = Batch {
                seq: *seq,
                changes: todo.iter().map(|undo| undo.change()).collect(),
            };
            let answer = match todo.is_empty() {
                true => Ok(Applied::Done),
                false => writer.apply(&batch).await,
            };
            match answer {
                Ok(Applied::Done) => {
                    todo.iter().for_each(|undo| work.count(undo));
                    spared.iter().for_each(|key| work.spare(key));
                    return Ok(());
                }
                Ok(Applied::Conflict(_)) => {}
                Ok(Applied::Unknown) => {
                    let hashes = todo.iter().map(|u| Canon::key_hash(kind, &u.key));
                    work.unanswered = hashes.collect();
                }
                Err(e) => {
                    if is_lost(&e) {
                        let hashes = todo.iter().map(|u| Canon::key_hash(kind, &u.key));
                        work.unanswered = hashes.collect();
                    }
                    return Err(e);
                }
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "the target is changed by somebody else faster than it can be rolled back",
        )
        .remedy("Stop the other program, then repeat the rollback."))
    }
}

fn fits(a: Option<&Digest>, b: Option<&Digest>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.matches(b),
        _ => false,
    }
}

/// Keys of all records that the journal's run added.
fn removed_keys(journal: &Path, acknowledged: u64, dir: &Path) -> Result<Spool<16>> {
    let mut reader = JournalReader::open(journal, acknowledged)?;
    let mut keys = Sorter::new(dir);
    while let Some((_, undos)) = reader.next()? {
        for undo in undos.iter().filter(|u| u.before.is_none()) {
            keys.push(Canon::key_hash(undo.kind, &undo.key))?;
        }
    }
    let mut keys = keys.sorted()?;
    Spool::write(dir, || keys.next())
}

/// What the run left, as far as its journal tells: all that is known of a run that was
/// broken off early.
fn journalled(journal: &Path, acknowledged: u64, dir: &Path) -> Result<Ledger> {
    let mut reader = JournalReader::open(journal, acknowledged)?;
    let mut ledger = super::ledger::LedgerBuilder::new(dir);
    while let Some((_, undos)) = reader.next()? {
        for undo in undos {
            if let Some(digest) = undo.after {
                ledger.push(Entry {
                    key: Canon::key_hash(undo.kind, &undo.key),
                    digest,
                    kind: undo.kind,
                    seq: 0,
                    size: 0,
                    ours: true,
                    time: super::ledger::NO_TIME,
                })?;
            }
        }
    }
    ledger.finish()
}

const PLACE: usize = 8 + 16 + 32 + 16;

/// Records of a target that still are as a run left them, by their position in a scan.
struct Doomed {
    /// Position, key, digest; an empty digest: somebody changed it since.
    places: [Spool<PLACE>; 2],
    keys: Spool<16>,
    first_relationship: u64,
    /// Records that are not as the run left them.
    others: u64,
    /// Records that it left and that are gone.
    missing: u64,
    /// All records.
    count: u64,
}

impl Doomed {
    fn of(left: &mut Ledger, now: &mut Ledger, dir: &Path) -> Result<Self> {
        let mut places = [Sorter::<PLACE>::new(dir), Sorter::<PLACE>::new(dir)];
        let mut keys = Sorter::new(dir);
        let (mut others, mut missing, mut count) = (0, 0, 0);
        let mut first_relationship = u64::MAX;
        while let Some((mut shall, mut is)) = next_join(left, now)? {
            count += is.len() as u64;
            let relationships = is.iter().filter(|e| e.kind == Kind::Relationship);
            if let Some(first) = relationships.map(|e| e.seq).min() {
                first_relationship = first_relationship.min(first);
            }
            pair(&mut shall, &mut is, |_, entry| {
                keys.push(entry.key)?;
                places[entry.kind as usize].push(place(&entry, Some(entry.digest)))
            })?;
            for entry in is {
                others += 1;
                if shall.pop().is_some() {
                    places[entry.kind as usize].push(place(&entry, None))?;
                }
            }
            missing += shall.len() as u64;
        }
        let spooled = |sorter: Sorter<PLACE>| {
            let mut sorted = sorter.sorted()?;
            Spool::write(dir, || sorted.next())
        };
        let [nodes, relationships] = places;
        let mut keys = keys.sorted()?;
        Ok(Self {
            places: [spooled(nodes)?, spooled(relationships)?],
            keys: Spool::write(dir, || keys.next())?,
            first_relationship,
            others,
            missing,
            count,
        })
    }
}

fn place(entry: &Entry, digest: Option<Digest>) -> [u8; PLACE] {
    let mut out = [0; PLACE];
    out[..8].copy_from_slice(&entry.seq.to_be_bytes());
    out[8..24].copy_from_slice(&entry.key);
    if let Some(digest) = digest {
        out[24..56].copy_from_slice(&digest.core);
        out[56..].copy_from_slice(&digest.row.unwrap_or_default());
    }
    out
}

/// The doomed records of a kind beside a scan.
struct Doom {
    places: super::sorted::Sorted<PLACE>,
    next: Option<[u8; PLACE]>,
    at: u64,
}

/// What a scanned record is.
enum Met {
    /// As the run left it, with this digest.
    Ours(Digest),
    /// The run's, changed since.
    Changed,
    /// Not the run's.
    Other,
}

impl Doom {
    fn of(doomed: &Doomed, kind: Kind) -> Result<Self> {
        let mut places = doomed.places[kind as usize].read();
        Ok(Self {
            next: places.next()?,
            places,
            at: match kind {
                Kind::Node => 0,
                Kind::Relationship => doomed.first_relationship,
            },
        })
    }

    fn meet(&mut self, key: &Key, kind: Kind) -> Result<Met> {
        let at = self.at;
        self.at = self.at.saturating_add(1);
        let Some(place) = self.next.filter(|place| place[..8] == at.to_be_bytes()) else {
            return Ok(Met::Other);
        };
        self.next = self.places.next()?;
        if Canon::key_hash(kind, key)[..] != place[8..24] {
            return Err(Error::new(
                ErrorKind::Drifted,
                "the target was written to while it was rolled back",
            )
            .temporary());
        }
        let (mut core, mut row) = ([0; 32], [0; 16]);
        core.copy_from_slice(&place[24..56]);
        row.copy_from_slice(&place[56..]);
        Ok(match core == [0; 32] {
            true => Met::Changed,
            false => Met::Ours(Digest {
                core,
                row: (row != [0; 16]).then_some(row),
            }),
        })
    }
}
