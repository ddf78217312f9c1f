//! From consent to the target as it shall be: import, verification, publication; and
//! again from the stage, where the target was let go of in between.

use super::checkpoint::Step;
use super::compare::Compared;
use super::control::{is_lost, is_pause};
use super::event::{Event, Phase};
use super::export::{open_stage, recount};
use super::filter::Sieve;
use super::import::Import;
use super::journal::JournalReader;
use super::ledger::{LedgerBuilder, LedgerFile, LedgerSpool, next_join};
use super::migrate::Overlapped;
use super::run::Run;
use super::sorted::Sorter;
use super::step::step;
use super::verify::{Joined, join, read_content};
use super::{census::Census, census::Staged};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Kind};
use crate::report::{Outcome, Written, words};
use crate::store::{Applied, Consistency, Prepared, WriteMode};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// Times that a target is written anew after the connection was lost, or a commit was.
const ATTEMPTS: u32 = 5;

impl Run {
    /// Backs the target up, if there is anything in it that could be lost.
    pub async fn back_up(&mut self, prepared: &Prepared) -> Result<()> {
        if self.checkpoint.backup.is_some() {
            return Ok(());
        }
        let why = match (self.plan.write.backup, prepared.mode, prepared.empty) {
            (_, WriteMode::Aside, _) => "there is no target yet",
            (_, _, true) => "the target holds nothing",
            (false, ..) => "declined",
            _ => {
                self.events.begin(Phase::Backup);
                let target = self.stores.target.clone();
                let told = (&self.events, &self.control);
                let made = super::backup::backup_told(&target, &self.home, None, told).await?;
                self.checkpoint.backup = Some(made.path.display().to_string());
                self.events.end(Phase::Backup, true);
                let step = self.checkpoint.step;
                return self.reach(step).await;
            }
        };
        self.events.skip(Phase::Backup, why);
        Ok(())
    }

    /// Writes what was decided, verifies it and makes it visible.
    pub async fn write(
        &mut self,
        mut overlapped: Option<Overlapped>,
        prepared: &Prepared,
        sieve: &Sieve,
        mut compared: Compared,
        present: Option<&LedgerSpool>,
    ) -> Result<Outcome> {
        let mut attempt = 0;
        loop {
            if let Err(e) = self.control.unpaused().await {
                // It must not go on writing behind whoever takes the run back.
                self.stop_overlapped(overlapped.take()).await;
                return Err(e);
            }
            let imported = match overlapped.take() {
                Some(overlapped) => Self::overlapped(overlapped).await,
                None => self.import(prepared, sieve, &compared, present).await,
            };
            let written = match imported {
                Ok(mut import) => {
                    let done = self.settle_import(&mut import, sieve, &mut compared).await;
                    if !matches!(done, Ok(Some(_))) {
                        let _ = import.abandon().await;
                        if import.mode() != WriteMode::Journal {
                            self.report.written = Written::default();
                        }
                    }
                    done
                }
                Err(e) => Err(e),
            };
            let why = match written {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => Error::new(
                    ErrorKind::Unreachable,
                    "the target did not take the changes",
                )
                .temporary()
                .remedy("Repeat the command: it goes on from the stage."),
                Err(e) if self.written => return Err(e),
                Err(e) if is_pause(&e) => {
                    self.events
                        .note("paused: the target is let go of; what is staged stays");
                    continue;
                }
                Err(e) if is_lost(&e) => e,
                Err(e) => return Err(e),
            };
            attempt += 1;
            if attempt == ATTEMPTS {
                return Err(why);
            }
            self.events.note(format!("writing begins again: {why}"));
            tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
            self.control.check()?;
        }
    }

    async fn overlapped(overlapped: Overlapped) -> Result<Import> {
        let done = overlapped
            .await
            .map_err(|e| Error::internal("the import stopped").because(e))?;
        done.map(|import| *import)
    }

    /// From an import to its outcome; `None` if the target did not take it.
    async fn settle_import(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &mut Compared,
    ) -> Result<Option<Outcome>> {
        step("import-complete");
        self.events.end(Phase::Import, true);
        self.report.written = import.written;
        self.checkpoint.acknowledged = import.checkpoint.acknowledged;
        self.checkpoint.written = import.checkpoint.written;
        self.expect_theirs(import, compared).await?;
        let mode = import.mode();
        let proven = self.verify(import, sieve, compared).await?;
        step("verified");
        let back = self.plan.write.rollback;
        if proven.our_fault && mode != WriteMode::Journal && back {
            self.report.written = Written::default();
            return Err(Error::new(
                ErrorKind::Corrupt,
                "what was written does not read back as it should; nothing was changed",
            )
            .remedy("See the differences in the report; please report this with them."));
        }
        self.keep_expected(compared).await?;
        step("digests-durable");
        if proven.our_fault && back {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "what was written does not read back as it should",
            )
            .remedy("See the differences in the report."));
        }
        // The last place at which to stop, or to wait.
        self.control_of(import).unpaused().await?;
        if !self.publish(import).await? {
            return Ok(None);
        }
        self.count_published().await;
        Ok(Some(match proven.identical {
            true => Outcome::Done,
            false => Outcome::Differences,
        }))
    }

    /// Imports from the stage, once.
    async fn import(
        &mut self,
        prepared: &Prepared,
        sieve: &Sieve,
        compared: &Compared,
        present: Option<&LedgerSpool>,
    ) -> Result<Import> {
        self.events.begin(Phase::Import);
        let all = [
            compared.added,
            compared.changed,
            compared.kept,
            compared.same,
            compared.removed,
        ];
        self.events.emit(Event::Expected {
            phase: Phase::Import,
            nodes: all.iter().map(|t| t.nodes).sum(),
            relationships: all.iter().map(|t| t.relationships).sum(),
        });
        let mut import = self.importer(prepared.mode).await?;
        let ran = self
            .import_with(&mut import, sieve, compared, present)
            .await;
        match ran {
            Ok(()) => Ok(import),
            Err(e) => {
                self.report.written = match import.mode() {
                    WriteMode::Journal => import.written,
                    WriteMode::Aside | WriteMode::Transaction => Written::default(),
                };
                self.checkpoint.acknowledged = import.checkpoint.acknowledged;
                self.checkpoint.written = import.checkpoint.written;
                let _ = import.abandon().await;
                Err(e)
            }
        }
    }

    async fn import_with(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &Compared,
        present: Option<&LedgerSpool>,
    ) -> Result<()> {
        match import.mode() {
            WriteMode::Journal => {
                self.count_earlier(import, present).await?;
                if self.checkpoint.step < Step::Importing {
                    self.keep_expected(compared).await?;
                }
                self.written = true;
                self.reach(Step::Importing).await?;
                import.checkpoint = self.checkpoint.clone();
            }
            WriteMode::Transaction => {
                self.same_target().await?;
                import.begin_again().await?;
            }
            WriteMode::Aside => {}
        }
        let (feed, reading) = self.feed(sieve, compared);
        import.run(feed).await?;
        reading
            .await
            .map_err(|e| Error::internal("reading the stage stopped").because(e))??;
        import.remove(&compared.doomed).await?;
        match self.reading_back() {
            Some(census) => import.complete_reading(census).await,
            None => import.complete().await,
        }
    }

    /// The target must still be as it was compared; held open, nobody else can change it
    /// now.
    async fn same_target(&mut self) -> Result<()> {
        let now = self.stores.target.fingerprint().await?;
        match &self.checkpoint.target_before {
            Some(before) if *before != now => Err(Error::new(
                ErrorKind::Conflict,
                "the target was changed by somebody else after it was compared",
            )
            .temporary()
            .remedy("Stop the other program, then repeat the command.")),
            _ => Ok(()),
        }
    }

    /// What an earlier part of this run wrote, and is still there, counts as written by
    /// it and not as found there.
    async fn count_earlier(
        &mut self,
        import: &mut Import,
        present: Option<&LedgerSpool>,
    ) -> Result<()> {
        let Some(present) = present.filter(|_| self.checkpoint.step >= Step::Importing) else {
            return Ok(());
        };
        let (path, dir) = (self.folder.dir.join("undo.journal"), self.stage_dir());
        let (acknowledged, mut present) = (self.checkpoint.acknowledged, present.read());
        let earlier = super::blocking(move || {
            // Key, number of the entry, what it did, beginning of the digest: the first
            // entry of a key tells whether the run added it.
            let mut entries = Sorter::<41>::new(&dir);
            let mut reader = JournalReader::open(&path, acknowledged)?;
            while let Some((seq, undos)) = reader.next()? {
                for undo in &undos {
                    let mut entry = [0; 41];
                    entry[..16].copy_from_slice(&Canon::key_hash(undo.kind, &undo.key));
                    entry[16..24].copy_from_slice(&seq.to_be_bytes());
                    entry[24] = u8::from(undo.before.is_none())
                        | u8::from(undo.after.is_none()) << 1
                        | (undo.kind as u8) << 2;
                    if let Some(after) = undo.after {
                        entry[25..].copy_from_slice(&after.core[..16]);
                    }
                    entries.push(entry)?;
                }
            }
            let (mut entries, mut written) = (entries.sorted()?, Written::default());
            let mut next = entries.next()?;
            while let Some(entry) = next {
                while present.peek()?.is_some_and(|p| p.key[..] < entry[..16]) {
                    present.next()?;
                }
                let there = present.peek()?.filter(|p| p.key[..] == entry[..16]);
                let (mut ours, mut removed, added) = (false, false, entry[24] & 1 == 1);
                while let Some(same) = next.filter(|n| n[..16] == entry[..16]) {
                    ours |= there.is_some_and(|t| t.digest.core[..16] == same[25..]);
                    removed = same[24] & 2 != 0;
                    next = entries.next()?;
                }
                let kind = match entry[24] & 4 == 0 {
                    true => Kind::Node,
                    false => Kind::Relationship,
                };
                let tally = match (added, removed && there.is_none()) {
                    (false, true) => &mut written.removed,
                    (true, _) => &mut written.added,
                    (false, false) => &mut written.changed,
                };
                *tally.of(kind) += u64::from(ours || removed && there.is_none() && !added);
            }
            Ok(written)
        })
        .await?;
        let (added, changed) = (earlier.added, earlier.changed);
        import.met_again = [
            added.nodes + changed.nodes,
            added.relationships + changed.relationships,
        ];
        import.written.added = earlier.added;
        import.written.changed = earlier.changed;
        import.written.removed = earlier.removed;
        Ok(())
    }

    /// Reads the stage again for an import.
    fn feed(
        &self,
        sieve: &Sieve,
        compared: &Compared,
    ) -> (
        mpsc::Receiver<Vec<Staged>>,
        tokio::task::JoinHandle<Result<()>>,
    ) {
        let (feed, fed) = mpsc::channel(2);
        let (stage, decisions) = (self.stage(), compared.decisions.clone());
        let mut census = self.light_census(sieve);
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = open_stage(&stage)?;
            recount(&mut reader, &mut census, Some(&decisions), |batch| {
                feed.blocking_send(batch).is_ok()
            })
        });
        (fed, reading)
    }

    /// Where somebody else came first and was left alone, theirs is what the target shall
    /// hold.
    async fn expect_theirs(&mut self, import: &mut Import, compared: &mut Compared) -> Result<()> {
        let dir = self.stage_dir();
        let theirs = std::mem::replace(&mut import.theirs, LedgerBuilder::new(&dir));
        if theirs.is_empty() {
            return Ok(());
        }
        let expected = compared.expected.clone();
        compared.expected = super::blocking(move || {
            let (mut expected, mut theirs) = (expected.read(), theirs.finish()?);
            let mut ready = Vec::new();
            LedgerSpool::write(&dir, || {
                if let Some(entry) = ready.pop() {
                    return Ok(Some(entry));
                }
                let Some((shall, theirs)) = next_join(&mut expected, &mut theirs)? else {
                    return Ok(None);
                };
                ready = match theirs.last() {
                    Some(last) => vec![*last],
                    None => shall.into_iter().rev().collect(),
                };
                Ok(ready.pop())
            })
        })
        .await?;
        Ok(())
    }

    /// Keeps what the target shall hold, for `verify RUN` and `rollback RUN`.
    async fn keep_expected(&self, compared: &Compared) -> Result<()> {
        let (expected, path) = (compared.expected.clone(), self.folder.dir.join("digests"));
        super::blocking(move || keep(&expected, &path)).await
    }

    /// Makes it visible. Whether the target took it.
    async fn publish(&mut self, import: &mut Import) -> Result<bool> {
        if let Some(journal) = import.journal.take() {
            import.journal = Some(
                super::blocking(move || {
                    journal.sync()?;
                    Ok(journal)
                })
                .await?,
            );
        }
        // A run that is killed behind this point has no other report than this.
        (self.report.can_resume, self.report.can_roll_back) = (true, true);
        self.report.may_be_published = true;
        self.write_report(Outcome::Interrupted).await?;
        self.written = true;
        self.reach(Step::Publishing).await?;
        step("publishing");
        let published = import.publish().await;
        step("published");
        let journal = import.mode() == WriteMode::Journal;
        match published {
            Ok(Applied::Done) => {}
            // Everything was acknowledged and verified already.
            Ok(_) if journal => {}
            Err(e) if journal && is_lost(&e) => {
                self.events.warn("lost", e.to_string());
            }
            Err(e) if !is_lost(&e) => {
                // It said no: nothing was published.
                if !journal {
                    self.not_published().await?;
                }
                return Err(e);
            }
            unanswered => {
                if let Err(e) = unanswered {
                    self.events.warn("lost", format!("{e}; asking the target"));
                }
                let _ = import.abandon().await;
                if !self.is_published().await? {
                    self.not_published().await?;
                    return Ok(false);
                }
            }
        }
        self.reach(Step::Published).await?;
        step("publish-acknowledged");
        Ok(true)
    }

    /// Nothing of the run is in the target: it goes on from the stage.
    async fn not_published(&mut self) -> Result<()> {
        self.written = false;
        self.report.may_be_published = false;
        self.reach(Step::Staged).await
    }

    /// Whether the target holds what the run was about to publish. A commit is all or
    /// nothing: one record of the run's that is there tells. What was built aside is
    /// known only by all of it, since anybody can make a file of that name.
    async fn is_published(&mut self) -> Result<bool> {
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            match self.joined_with_target().await {
                Ok(None) => return Ok(false),
                Ok(Some(joined)) => {
                    let mut verification = joined.verification;
                    let identical = verification.identical();
                    if self.checkpoint.mode == Some(WriteMode::Aside) {
                        if identical {
                            self.report.verification.get_or_insert(verification);
                        }
                        return Ok(identical);
                    }
                    if joined.ours == 0 {
                        return Ok(identical);
                    }
                    if !identical {
                        self.events.warn(
                            "counts",
                            "somebody else has changed the target since this run wrote to it",
                        );
                    }
                    verification.level = "full".into();
                    self.report.verification.get_or_insert(verification);
                    return Ok(true);
                }
                Err(e) if is_lost(&e) || e.kind() == ErrorKind::Drifted => {
                    last = Some(e);
                    tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
                }
                Err(e) => return Err(e),
            }
        }
        Err(last.unwrap_or_else(|| Error::internal("the target was not asked")))
    }

    async fn joined_with_target(&self) -> Result<Option<Joined>> {
        let target = self.stores.target.clone();
        if !target.describe().await?.exists {
            return Ok(None);
        }
        let dir = self.stage_dir();
        let made = dir.clone();
        super::blocking(move || super::home::make_folder(&made)).await?;
        let mut snapshot = target.snapshot(Consistency::LocalCopy).await?;
        let census = Census::plain(&dir, false);
        let told = (&self.events, &self.control);
        let content = read_content(&mut *snapshot, census, Phase::Verify, told).await?;
        let path = self.folder.dir.join("digests");
        super::blocking(move || {
            let mut shall = LedgerFile::open(&path)?;
            let mut joined = join(&mut shall, &mut content.census.ledger.finish()?)?;
            joined.verification.level = "full".into();
            joined.verification.counts = content.counts;
            Ok(Some(joined))
        })
        .await
    }

    /// A run that was broken off while it published: either it is done, or it goes on
    /// from the stage.
    pub async fn settle(&mut self) -> Result<Option<Outcome>> {
        let journal = self.checkpoint.mode == Some(WriteMode::Journal);
        if journal || self.is_published().await? {
            self.reach(Step::Published).await?;
            return Ok(Some(self.resume_published().await));
        }
        self.not_published().await?;
        let target = self.stores.target.clone();
        if self.checkpoint.mode == Some(WriteMode::Aside) && target.describe().await?.exists {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                "somebody else made the target, or changed it, while the run was broken off",
            )
            .remedy("Choose another target, or move that one away."));
        }
        target.discard(&self.folder.name).await?;
        Ok(None)
    }

    /// A run that was broken off when everything was in the target: what it had found out
    /// by then is in its report.
    pub async fn resume_published(&mut self) -> Outcome {
        if let Ok(Some(before)) = self.folder.report() {
            let verification = self.report.verification.take();
            self.report = before;
            if self.report.verification.is_none() {
                self.report.verification = verification;
            }
        }
        self.count_published().await;
        match &self.report.verification {
            Some(v) if !v.identical() => Outcome::Differences,
            _ => Outcome::Done,
        }
    }

    /// Takes the target's numbers once more, from outside. Nothing depends on it any more.
    async fn count_published(&mut self) {
        if !self.stores.target.descriptor().source {
            return;
        }
        let path = self.folder.dir.join("digests");
        let counted = async {
            let shall = super::blocking(move || Ok(LedgerFile::open(&path)?.count)).await?;
            let mut snapshot = self.stores.target.snapshot(Consistency::InPlace).await?;
            Ok::<_, Error>((snapshot.counts().await?.total(), shall))
        };
        match counted.await {
            Ok((is, shall)) if is == shall => {}
            Ok((is, shall)) => self.events.warn(
                "counts",
                format!(
                    "the target holds {} where {} expected; somebody else has changed it",
                    words::records(is),
                    words::count(shall, "was", "were")
                ),
            ),
            Err(e) => self.events.warn(
                "counts",
                format!("the target could not be counted at the end: {e}"),
            ),
        }
    }
}

fn keep(expected: &LedgerSpool, path: &Path) -> Result<()> {
    let mut file = LedgerFile::create(path)?;
    let mut entries = expected.read();
    while let Some(entry) = entries.next()? {
        file.push(&entry)?;
    }
    file.finish().map(drop)
}
