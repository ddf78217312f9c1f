//! Taking a run's writes back: what it added is removed, what it changed is restored,
//! and whatever somebody changed since is spared and named.

use super::census::Census;
use super::control::Control;
use super::event::Phase;
use super::events::Events;
use super::journal::{JournalReader, Undo};
use super::ledger::{Ledger, LedgerFile, next_join};
use super::sorted::{Sorted, Sorter, Spool};
use super::verify::read_content;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Digest, Key, KeyHash, Kind, Record};
use crate::report::{MOST_KEPT, RolledBack};
use crate::store::{Applied, Batch, Consistency, Limit, Store, WriteMode, WriteRequest, Writer};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Where events go.
    pub events: Events,
    /// The controls.
    pub control: Control,
}

impl Rollback {
    /// Takes back what the undo journal tells.
    pub async fn by_journal(&self) -> Result<RolledBack> {
        let path = self.dir.join("undo.journal");
        let mut out = RolledBack::default();
        if !path.exists() {
            return Ok(out);
        }
        let mut writer = self.writer().await?;
        let (mut reader, places, removed) = {
            let (path, dir) = (path.clone(), self.sort_in.clone());
            super::blocking(move || {
                let places = JournalReader::open(&path)?.places()?;
                let removed = removed_keys(&path, &dir)?;
                Ok((JournalReader::open(&path)?, places, removed))
            })
            .await?
        };
        let linked = self.linked(&mut *writer, Some(removed)).await?;
        for (n, place) in places.iter().rev().enumerate() {
            let (back, entry) = {
                let place = *place;
                super::blocking(move || {
                    let entry = reader.entry(place)?;
                    Ok((reader, entry))
                })
                .await?
            };
            reader = back;
            let Some((_, undos)) = entry else { continue };
            let undos = spare_linked(undos, &linked, &mut out);
            self.undo(&mut *writer, n as u64 + 1, undos, &mut out)
                .await?;
        }
        self.publish(writer).await?;
        Ok(out)
    }

    /// Takes back what was built aside: the whole target, if it still is what the run
    /// left; else record by record.
    pub async fn by_digests(&self) -> Result<RolledBack> {
        let mut out = RolledBack::default();
        if !self.target.describe().await?.exists {
            return Ok(out);
        }
        let path = self.dir.join("digests");
        let fingerprint = self.target.fingerprint().await?;
        let mut snapshot = self.target.snapshot(Consistency::Copy).await?;
        let census = Census::plain(&self.sort_in, false);
        let content = read_content(
            &mut *snapshot,
            census,
            Phase::Rollback,
            (&self.events, &self.control),
        )
        .await?;
        drop(snapshot);
        let (counts, unreadable) = (content.counts, content.census.unreadable_count.total());
        let dir = self.sort_in.clone();
        let (doomed, others) = super::blocking(move || {
            let mut left = LedgerFile::open(&path)?;
            doomed(&mut left, &mut content.census.ledger.finish()?, &dir)
        })
        .await?;
        if others == 0 && unreadable == 0 {
            self.target.remove(&fingerprint).await?;
            out.target_removed = true;
            out.removed.nodes = counts.of(Kind::Node);
            out.removed.relationships = counts.relationships;
            return Ok(out);
        }
        self.remove_each(doomed, &mut out).await?;
        Ok(out)
    }

    async fn remove_each(&self, mut doomed: Doomed, out: &mut RolledBack) -> Result<()> {
        let mut writer = self.writer().await.map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists | ErrorKind::Unsupported => Error::new(
                ErrorKind::Conflict,
                "the target was changed since the run, and cannot be changed in part",
            )
            .remedy("Remove it yourself if nothing in it is needed."),
            _ => e,
        })?;
        let linked = self.linked(&mut *writer, doomed.keys.take()).await?;
        let mut seq = 0;
        for kind in [Kind::Relationship, Kind::Node] {
            let mut snapshot = writer.snapshot().await?;
            let mut places = match kind {
                Kind::Node => doomed.nodes.read(),
                Kind::Relationship => doomed.relationships.read(),
            };
            let (mut next, mut at, mut after) = (places.next()?, doomed.first(kind), None);
            loop {
                let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
                after = page.next.clone();
                let mut undos = Vec::new();
                let mut canon = Canon::new();
                for record in page.records {
                    if next.is_some_and(|n| u64::from_be_bytes(n) == at) {
                        next = places.next()?;
                        undos.push(Undo {
                            kind,
                            after: Some(canon.digest(&record)),
                            key: record.key().clone(),
                            before: None,
                        });
                    }
                    at += 1;
                }
                let undos = spare_linked(undos, &linked, out);
                if !undos.is_empty() {
                    seq += 1;
                    self.undo(&mut *writer, seq, undos, out).await?;
                }
                if after.is_none() {
                    break;
                }
            }
            let spared = match kind {
                Kind::Node => doomed.changed_nodes,
                Kind::Relationship => doomed.changed_relationships,
            };
            out.spared_count += spared;
        }
        self.publish(writer).await
    }

    async fn writer(&self) -> Result<Box<dyn Writer>> {
        let prepared = self.target.prepare().await?;
        let request = WriteRequest {
            mode: match prepared.mode {
                WriteMode::Aside => {
                    return Err(Error::new(
                        ErrorKind::AlreadyExists,
                        "the target cannot be changed in part",
                    ));
                }
                mode => mode,
            },
            run: self.run.clone(),
            origin: None,
        };
        self.target.writer(&request).await
    }

    /// Makes the undoing durable, and finds out if there is no answer.
    async fn publish(&self, mut writer: Box<dyn Writer>) -> Result<()> {
        match writer.publish().await? {
            Applied::Done => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Unreachable,
                "the target did not say whether the rollback took effect",
            )
            .temporary()
            .remedy("Repeat the rollback: what is undone already is left alone.")),
        }
    }

    /// Applies one batch of undoing; what conflicts is spared.
    async fn undo(
        &self,
        writer: &mut dyn Writer,
        seq: u64,
        mut undos: Vec<Undo>,
        out: &mut RolledBack,
    ) -> Result<()> {
        while !undos.is_empty() {
            let batch = Batch {
                seq,
                changes: undos.iter().map(Undo::change).collect(),
            };
            match writer.apply(&batch).await? {
                Applied::Done => {
                    for undo in &undos {
                        let tally = match undo.before {
                            None => &mut out.removed,
                            Some(_) => &mut out.restored,
                        };
                        *tally.of(undo.kind) += 1;
                    }
                    return Ok(());
                }
                Applied::Conflict(at) => {
                    let mut i = 0;
                    undos.retain(|undo| {
                        let spare = at.contains(&i);
                        i += 1;
                        if spare {
                            spared(out, &undo.key);
                        }
                        !spare
                    });
                }
                Applied::Unknown => {
                    return Err(Error::new(
                        ErrorKind::Unreachable,
                        "the target did not answer while the run was rolled back",
                    )
                    .temporary()
                    .remedy("Repeat the rollback: what is undone already is left alone."));
                }
            }
        }
        Ok(())
    }

    /// Nodes to be removed that a relationship of somebody else's has come to hold on
    /// to: removing them would leave it dangling.
    async fn linked(
        &self,
        writer: &mut dyn Writer,
        keys: Option<Sorted<16>>,
    ) -> Result<HashSet<KeyHash>> {
        let Some(mut keys) = keys else {
            return Ok(HashSet::new());
        };
        let mut snapshot = writer.snapshot().await?;
        let mut ends = Sorter::<48>::new(&self.sort_in);
        let mut after = None;
        loop {
            let page = snapshot
                .scan(Kind::Relationship, after.as_ref(), Limit::PAGE)
                .await?;
            for record in &page.records {
                if let Record::Relationship(r) = record {
                    let mut entry = [0; 48];
                    entry[..16].copy_from_slice(&Canon::key_hash(Kind::Relationship, &r.key));
                    entry[16..32].copy_from_slice(&Canon::key_hash(Kind::Node, &r.from));
                    entry[32..].copy_from_slice(&Canon::key_hash(Kind::Node, &r.to));
                    ends.push(entry)?;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let dir = self.sort_in.clone();
        super::blocking(move || {
            let keys = Spool::write(&dir, || keys.next())?;
            let (mut ends, mut ours) = (ends.sorted()?, keys.read());
            let (mut held, mut our) = (Sorter::<16>::new(&dir), ours.next()?);
            while let Some(end) = ends.next()? {
                while our.is_some_and(|o| o[..] < end[..16]) {
                    our = ours.next()?;
                }
                if our.is_none_or(|o| o[..] != end[..16]) {
                    for half in [16..32, 32..48] {
                        let mut key = [0; 16];
                        key.copy_from_slice(&end[half]);
                        held.push(key)?;
                    }
                }
            }
            let (mut held, mut ours) = (held.sorted()?, keys.read());
            let (mut linked, mut our) = (HashSet::new(), ours.next()?);
            while let Some(key) = held.next()? {
                while our.is_some_and(|o| o < key) {
                    our = ours.next()?;
                }
                if our == Some(key) {
                    linked.insert(key);
                }
            }
            Ok(linked)
        })
        .await
    }
}

fn spared(out: &mut RolledBack, key: &Key) {
    out.spared_count += 1;
    if out.spared.len() < MOST_KEPT {
        out.spared.push(key.display());
    }
}

fn spare_linked(undos: Vec<Undo>, linked: &HashSet<KeyHash>, out: &mut RolledBack) -> Vec<Undo> {
    let hold = |undo: &Undo| {
        undo.before.is_none()
            && undo.kind == Kind::Node
            && !linked.is_empty()
            && linked.contains(&Canon::key_hash(Kind::Node, &undo.key))
    };
    let (held, free): (Vec<_>, Vec<_>) = undos.into_iter().partition(hold);
    held.iter().for_each(|undo| spared(out, &undo.key));
    free
}

/// Keys of all records that the journal's run added.
fn removed_keys(journal: &Path, dir: &Path) -> Result<Sorted<16>> {
    let mut reader = JournalReader::open(journal)?;
    let mut keys = Sorter::new(dir);
    while let Some((_, undos)) = reader.next()? {
        for undo in undos.iter().filter(|u| u.before.is_none()) {
            keys.push(Canon::key_hash(undo.kind, &undo.key))?;
        }
    }
    keys.sorted()
}

/// Records of a target that still are as a run left them.
struct Doomed {
    nodes: Spool<8>,
    relationships: Spool<8>,
    keys: Option<Sorted<16>>,
    first_relationship: u64,
    changed_nodes: u64,
    changed_relationships: u64,
}

impl Doomed {
    /// Scan position of the first record of a kind.
    fn first(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Node => 0,
            Kind::Relationship => self.first_relationship,
        }
    }
}

/// What of the target is as the run left it, and how much is not.
fn doomed(left: &mut Ledger, now: &mut Ledger, dir: &Path) -> Result<(Doomed, u64)> {
    let (mut nodes, mut relationships) = (Sorter::<8>::new(dir), Sorter::<8>::new(dir));
    let mut keys = Sorter::new(dir);
    let (mut others, mut changed, mut first) = (0, [0u64; 2], u64::MAX);
    while let Some((shall, is)) = next_join(left, now)? {
        let mut shall: Vec<Digest> = shall.iter().map(|e| e.digest).collect();
        for entry in is {
            if entry.kind == Kind::Relationship {
                first = first.min(entry.seq);
            }
            match shall.iter().position(|d| d.matches(&entry.digest)) {
                Some(at) => {
                    shall.remove(at);
                    let places = match entry.kind {
                        Kind::Node => &mut nodes,
                        Kind::Relationship => &mut relationships,
                    };
                    places.push(entry.seq.to_be_bytes())?;
                    keys.push(entry.key)?;
                }
                None => {
                    others += 1;
                    if !shall.is_empty() {
                        shall.pop();
                        changed[entry.kind as usize] += 1;
                    }
                }
            }
        }
    }
    let (mut n, mut r) = (nodes.sorted()?, relationships.sorted()?);
    let doomed = Doomed {
        nodes: Spool::write(dir, || n.next())?,
        relationships: Spool::write(dir, || r.next())?,
        keys: Some(keys.sorted()?),
        first_relationship: first,
        changed_nodes: changed[0],
        changed_relationships: changed[1],
    };
    Ok((doomed, others))
}
