//! Reading a store again and holding it against what it shall hold, digest by digest.

use super::census::{Census, Taken};
use super::control::Control;
use super::event::{Event, Phase};
use super::events::Events;
use super::ledger::{Entry, Ledger, next_join, pair};
use crate::error::{Error, Result};
use crate::model::{KeyHash, Kind, Record};
use crate::report::{MOST_KEPT, Mark, Verification};
use crate::store::{Counts, Limit, Page, Snapshot};
use tokio::sync::mpsc;

/// A store's content, as a ledger and numbers.
pub struct Content {
    /// Its census; the ledger is in it.
    pub census: Census,
    /// Its own count.
    pub counts: Counts,
    /// Whether another store, read beside it, gave the same records in the same order.
    pub same: bool,
}

/// Pages of another store, to be held against those that are read.
pub type Beside = mpsc::Receiver<(Kind, Page)>;

/// Reads all of a snapshot into a census: pages are read while earlier ones are
/// digested.
pub async fn read_content(
    snapshot: &mut dyn Snapshot,
    census: Census,
    phase: Phase,
    told: (&Events, &Control),
) -> Result<Content> {
    read_beside(snapshot, census, phase, told, None).await
}

/// The same, beside another store. What is equal in place needs no digest of its own.
pub async fn read_beside(
    snapshot: &mut dyn Snapshot,
    mut census: Census,
    phase: Phase,
    (events, control): (&Events, &Control),
    beside: Option<Beside>,
) -> Result<Content> {
    let counts = snapshot.counts().await?;
    events.emit(Event::Expected {
        phase,
        nodes: counts.of(Kind::Node),
        relationships: counts.relationships,
    });
    let (pages, read) = mpsc::channel::<(Kind, Page)>(2);
    let (mut received, following) = match beside {
        Some(beside) => {
            let (on, received) = mpsc::channel(1);
            let follow = move || Follower::new(beside).follow(read, &on);
            (received, Some(tokio::task::spawn_blocking(follow)))
        }
        None => (read, None),
    };
    let told = events.clone();
    let worker = tokio::task::spawn_blocking(move || -> Result<Census> {
        let (mut done, mut last) = ([0u64; 2], None);
        while let Some((kind, page)) = received.blocking_recv() {
            census.lost.unreadable(page.unreadable);
            done[kind as usize] += page.records.len() as u64;
            for record in page.records {
                if let Taken::Staged { .. } = census.take(record)? {}
            }
            let bytes = census.bytes[kind as usize];
            if last.is_some_and(|l| l != kind) {
                told.reached(phase, Kind::Node, done[0], census.bytes[0]);
            }
            told.progress(phase, kind, done[kind as usize], bytes);
            last = Some(kind);
        }
        told.reached(phase, Kind::Relationship, done[1], census.bytes[1]);
        Ok(census)
    });
    let read = send_pages(snapshot, pages, control).await;
    let stopped = |e| Error::internal("reading stopped").because(e);
    let worked = worker.await.map_err(stopped)?;
    let same = match following {
        Some(following) => following.await.map_err(stopped)?,
        None => false,
    };
    read?;
    snapshot.finish().await?;
    let census = worked?;
    Ok(Content {
        census,
        counts,
        same,
    })
}

/// Sends all pages of a snapshot; whether somebody took all of them.
pub async fn send_pages(
    snapshot: &mut dyn Snapshot,
    to: mpsc::Sender<(Kind, Page)>,
    control: &Control,
) -> Result<bool> {
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            control.unpaused().await?;
            let page = snapshot.scan(kind, after.as_ref(), Limit::PAGE).await?;
            after = page.next.clone();
            if to.send((kind, page)).await.is_err() {
                return Ok(false);
            }
            if after.is_none() {
                break;
            }
        }
    }
    Ok(true)
}

/// Takes the records of another store one by one.
struct Follower {
    pages: Beside,
    records: std::vec::IntoIter<Record>,
}

impl Follower {
    /// Hands pages on; whether the other store gave the same records in the same order.
    /// From the first that differs on, the other store is not read any more.
    fn follow(self, mut read: Beside, on: &mpsc::Sender<(Kind, Page)>) -> bool {
        let mut follower = Some(self);
        while let Some((kind, page)) = read.blocking_recv() {
            follower = follower.filter(|_| page.unreadable.is_empty());
            for record in &page.records {
                follower = follower.and_then(|f| f.meets(record));
            }
            if on.blocking_send((kind, page)).is_err() {
                return false;
            }
        }
        follower.is_some_and(Self::ends)
    }

    fn new(pages: Beside) -> Self {
        Self {
            pages,
            records: Vec::new().into_iter(),
        }
    }

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.records.next() {
                return Some(record);
            }
            let (_, page) = self.pages.blocking_recv()?;
            if !page.unreadable.is_empty() {
                return None;
            }
            self.records = page.records.into_iter();
        }
    }

    /// Itself, if the other store's next record is this one.
    fn meets(mut self, record: &Record) -> Option<Self> {
        self.next()
            .is_some_and(|next| next.is_identical(record))
            .then_some(self)
    }

    fn ends(mut self) -> bool {
        self.next().is_none()
    }
}

/// A record that is not as it shall be.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// What sort.
    pub mark: Mark,
    /// Its kind.
    pub kind: Kind,
    /// What it is known by on both sides.
    pub key: KeyHash,
    /// Position in the stage, if the run is to put it there.
    pub staged: Option<u64>,
}

/// What shall be, joined with what is.
#[derive(Debug, Default)]
pub struct Joined {
    /// The numbers; the differences are not in it yet.
    pub verification: Verification,
    /// The first 10,000 differences.
    pub found: Vec<Found>,
    /// Records that the run put there and that are there.
    pub ours: u64,
    /// Differences that are this run's: its own records, or a key that is there twice.
    pub our_fault: u64,
}

/// Joins what shall be with what is.
pub fn join(expected: &mut Ledger, actual: &mut Ledger) -> Result<Joined> {
    let mut out = Joined::default();
    let verification = &mut out.verification;
    let mut content = super::ledger::ContentDigest::default();
    while let Some((mut shall, mut is)) = next_join(expected, actual)? {
        is.iter().for_each(|entry| content.push(entry));
        let known = !shall.is_empty();
        pair(&mut shall, &mut is, |shall, _| {
            *verification.same.of(shall.kind) += 1;
            out.ours += u64::from(shall.ours);
            Ok(())
        })?;
        let mut tell = |mark, entry: &Entry| {
            let tally = match mark {
                Mark::OnlyInSource => &mut verification.only_in_source,
                Mark::OnlyInTarget => &mut verification.only_in_target,
                Mark::Differs => &mut verification.differ,
                Mark::Unreadable => &mut verification.unreadable,
            };
            *tally.of(entry.kind) += 1;
            out.our_fault += u64::from(entry.ours || known && mark == Mark::OnlyInTarget);
            if out.found.len() < MOST_KEPT {
                out.found.push(Found {
                    mark,
                    kind: entry.kind,
                    key: entry.key,
                    staged: entry.ours.then_some(entry.seq),
                });
            }
        };
        for entry in shall {
            match is.pop() {
                Some(_) => tell(Mark::Differs, &entry),
                None => tell(Mark::OnlyInSource, &entry),
            }
        }
        for entry in is {
            tell(Mark::OnlyInTarget, &entry);
        }
    }
    out.verification.content_digest = Some(content.finish());
    Ok(out)
}
