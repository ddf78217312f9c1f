//! Import, verification, publication: from consent to the target as it shall be.

use super::census::Staged;
use super::checkpoint::Step;
use super::compare::Compared;
use super::event::{Event, Phase};
use super::export::recount;
use super::filter::Sieve;
use super::import::Import;
use super::journal::JournalReader;
use super::ledger::{LedgerFile, LedgerSpool};
use super::migrate::Overlapped;
use super::plan::Verify;
use super::run::Run;
use super::step::step;
use super::verify::{explain, join, read_content};
use super::{Tally, census::Census};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Kind};
use crate::report::{Difference, Mark, Outcome, Verification, Written};
use crate::store::archive::ArchiveReader;
use crate::store::{Applied, Consistency, Prepared, WriteMode};
use tokio::sync::mpsc;

/// Times that an import is begun again after it was paused or cut off.
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
        overlapped: Option<Overlapped>,
        prepared: &Prepared,
        sieve: &Sieve,
        compared: &Compared,
    ) -> Result<Outcome> {
        let mut import = match overlapped {
            Some(overlapped) => {
                let done = overlapped
                    .await
                    .map_err(|e| Error::internal("the import stopped").because(e))?;
                match done {
                    Ok(import) => *import,
                    // A repeated key is found while importing, and told apart only now.
                    Err(e) if e.kind() == ErrorKind::Conflict => {
                        self.stores.target.discard(&self.folder.name).await?;
                        self.import(prepared, sieve, compared).await?
                    }
                    Err(e) => return Err(e),
                }
            }
            None => self.import(prepared, sieve, compared).await?,
        };
        step("import-complete");
        self.events.end(Phase::Import, true);
        self.report.written = import.written;
        let verified = self.verify(&mut import, sieve, compared).await;
        let identical = match verified {
            Ok(identical) => identical,
            Err(e) => {
                let _ = import.writer.abandon().await;
                return Err(e);
            }
        };
        step("verified");
        if !identical && (prepared.mode != WriteMode::Journal && self.plan.write.rollback) {
            import.writer.abandon().await?;
            self.report.written = Written::default();
            return Err(Error::new(
                ErrorKind::Corrupt,
                "what was written does not read back as it should; nothing was changed",
            )
            .remedy("See the differences in the report; please report this with them."));
        }
        let (expected, path) = (compared.expected.clone(), self.folder.dir.join("digests"));
        super::blocking(move || keep(&expected, &path)).await?;
        step("digests-durable");
        self.publish(&mut import).await?;
        if !identical && self.plan.write.rollback {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "what was written does not read back as it should",
            )
            .remedy("See the differences in the report."));
        }
        let done = self.after_publishing().await?;
        Ok(if identical {
            done
        } else {
            Outcome::Differences
        })
    }

    /// Imports from the stage. A transaction that was given up for a pause begins again.
    async fn import(
        &mut self,
        prepared: &Prepared,
        sieve: &Sieve,
        compared: &Compared,
    ) -> Result<Import> {
        self.events.begin(Phase::Import);
        let total = |tally: fn(&Compared) -> Tally| tally(compared);
        let all = [
            total(|c| c.added),
            total(|c| c.changed),
            total(|c| c.kept),
            total(|c| c.same),
        ];
        self.events.emit(Event::Expected {
            phase: Phase::Import,
            nodes: all.iter().map(|t| t.nodes).sum(),
            relationships: all.iter().map(|t| t.relationships).sum(),
        });
        let mut last = Error::internal("nothing was tried");
        for _ in 0..ATTEMPTS {
            self.control.unpaused().await?;
            let mut import = match self.importer(prepared.mode).await {
                Ok(import) => import,
                Err(e) if e.is_temporary() => {
                    last = e;
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    continue;
                }
                Err(e) => return Err(e),
            };
            self.same_target(prepared, &mut import).await?;
            if prepared.mode == WriteMode::Journal {
                self.written = true;
                self.reach(Step::Importing).await?;
                import.checkpoint = self.checkpoint.clone();
                self.count_earlier(&mut import).await?;
            } else if let Some(journal) = &mut import.journal {
                journal.clear()?;
                import.seq = 0;
            }
            let (feed, reading) = self.feed(sieve, compared);
            let decided = compared.decisions.read();
            let ran = match import.run(feed, Some(decided)).await {
                Ok(()) => match reading.await {
                    Ok(Ok(())) => import.writer.complete().await,
                    Ok(Err(e)) => Err(e),
                    Err(e) => Err(Error::internal("reading the stage stopped").because(e)),
                },
                failed => failed,
            };
            match ran {
                Ok(()) => return Ok(import),
                Err(e) if e.is_temporary() && prepared.mode != WriteMode::Journal => {
                    let _ = import.writer.abandon().await;
                    self.events.note(format!("import begins again: {e}"));
                    last = e;
                }
                Err(e) => {
                    let _ = import.writer.abandon().await;
                    return Err(e);
                }
            }
        }
        Err(last)
    }

    /// The target must still be as it was compared; holding it, nobody else can change
    /// it now.
    async fn same_target(&mut self, prepared: &Prepared, import: &mut Import) -> Result<()> {
        let Some(before) = &self.checkpoint.target_before else {
            return Ok(());
        };
        if prepared.mode != WriteMode::Transaction
            || self.stores.target.fingerprint().await? == *before
        {
            return Ok(());
        }
        import.writer.abandon().await?;
        Err(Error::new(
            ErrorKind::Conflict,
            "the target was changed by somebody else after it was compared",
        )
        .remedy("Stop the other program, then repeat the command."))
    }

    /// What an earlier part of this run wrote counts as written by it.
    async fn count_earlier(&mut self, import: &mut Import) -> Result<()> {
        let path = self.folder.dir.join("undo.journal");
        let acknowledged = self.checkpoint.acknowledged;
        let written = super::blocking(move || {
            let mut written = Written::default();
            let mut reader = JournalReader::open(&path)?;
            while let Some((seq, undos)) = reader.next()? {
                for undo in undos.iter().filter(|_| seq <= acknowledged) {
                    let tally = match undo.before {
                        None => &mut written.added,
                        Some(_) => &mut written.changed,
                    };
                    *tally.of(undo.kind) += 1;
                }
            }
            Ok(written)
        })
        .await?;
        import.earlier = written;
        import.written = written;
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
            let mut reader = ArchiveReader::open(&stage)?;
            recount(&mut reader, &mut census, Some(&decisions), |batch| {
                let _ = feed.blocking_send(batch);
            })
        });
        (fed, reading)
    }

    /// Verifies as the plan says. Whether everything is as it shall be.
    async fn verify(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &Compared,
    ) -> Result<bool> {
        let level = self.plan.write.verify;
        let readable = self.stores.target.descriptor().source;
        if level == Verify::None || !readable {
            let why = match readable {
                true => "declined",
                false => "this kind of store cannot be read back",
            };
            self.events.skip(Phase::Verify, why);
            self.report.verification = Some(Verification {
                level: "none".into(),
                ..Verification::default()
            });
            return Ok(true);
        }
        self.events.begin(Phase::Verify);
        let verification = match level {
            Verify::Sample(n) => self.verify_sample(import, sieve, compared, n).await?,
            _ => self.verify_all(import, compared).await?,
        };
        let identical = verification.identical();
        for difference in &verification.differences {
            self.events.emit(Event::Differs {
                difference: Box::new(difference.clone()),
            });
        }
        self.report.verification = Some(verification);
        self.events.end(Phase::Verify, identical);
        Ok(identical)
    }

    async fn verify_all(
        &mut self,
        import: &mut Import,
        compared: &Compared,
    ) -> Result<Verification> {
        let mut snapshot = import.writer.snapshot().await?;
        let dir = self.stage_dir();
        let census = Census::plain(&dir, false);
        let content = read_content(
            &mut *snapshot,
            census,
            Phase::Verify,
            (&self.events, &self.control),
        )
        .await?;
        drop(snapshot);
        let (unreadable, places) = (
            content.census.unreadable_count,
            content.census.unreadable.clone(),
        );
        let mut expected = compared.expected.read();
        let (mut verification, found) = super::blocking(move || {
            let mut actual = content.census.ledger.finish()?;
            join(&mut expected, &mut actual)
        })
        .await?;
        verification.level = "full".into();
        verification.counts = content.counts;
        verification.unreadable = unreadable;
        if !found.is_empty() {
            let mut snapshot = import.writer.snapshot().await?;
            let stage = self.stage();
            verification.differences = explain(&found, Some(&stage), &mut *snapshot).await?;
        }
        verification
            .differences
            .extend(places.into_iter().map(|u| Difference {
                mark: Mark::Unreadable,
                kind: u.kind,
                key: u.place,
                type_name: String::new(),
                title: u.reason,
                fields: Vec::new(),
            }));
        Ok(verification)
    }

    /// Some records of each kind, evenly spread, and all counts.
    async fn verify_sample(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &Compared,
        n: u64,
    ) -> Result<Verification> {
        let mut census = self.light_census(sieve);
        let (stage, decisions) = (self.stage(), compared.decisions.clone());
        let picked = super::blocking(move || {
            let mut reader = ArchiveReader::open(&stage)?;
            let counts = reader.counts();
            let total = [counts.of(Kind::Node), counts.relationships];
            let (mut met, mut picked) = ([0u64; 2], Vec::new());
            let mut decided = decisions.read();
            recount(&mut reader, &mut census, Some(&decisions), |batch| {
                for staged in batch {
                    let k = staged.record.kind() as usize;
                    let apart = (total[k] / n).max(1);
                    let skipped = matches!(decided.of(staged.seq), Ok(super::decide::Action::Skip));
                    if met[k].is_multiple_of(apart) && met[k] / apart < n && !skipped {
                        picked.push(staged);
                    }
                    met[k] += 1;
                }
            })?;
            Ok(picked)
        })
        .await?;
        let mut out = Verification {
            level: self.plan.write.verify.to_string(),
            ..Verification::default()
        };
        let mut canon = Canon::new();
        for staged in picked.chunks(500) {
            for kind in Kind::BOTH {
                let of_kind: Vec<&Staged> =
                    staged.iter().filter(|s| s.record.kind() == kind).collect();
                let keys: Vec<_> = of_kind.iter().map(|s| s.record.key().clone()).collect();
                let found = import.writer.find(kind, &keys).await?;
                for (staged, found) in of_kind.into_iter().zip(found) {
                    let mark = match &found {
                        Some(record) if canon.digest(record).matches(&staged.digest) => {
                            *out.same.of(kind) += 1;
                            continue;
                        }
                        Some(_) => Mark::Differs,
                        None => Mark::OnlyInSource,
                    };
                    let tally = match mark {
                        Mark::Differs => &mut out.differ,
                        _ => &mut out.only_in_source,
                    };
                    *tally.of(kind) += 1;
                    let key = Canon::key_hash(kind, staged.record.key());
                    let source = Some(&staged.record);
                    out.differences.push(super::verify::difference(
                        mark,
                        source,
                        found.as_ref(),
                        &key,
                    ));
                }
            }
        }
        out.counts = import.writer.snapshot().await?.counts().await?;
        let (shall, is) = (compared.expected.len(), out.counts.total());
        if shall != is {
            let tally = match shall > is {
                true => &mut out.only_in_source,
                false => &mut out.only_in_target,
            };
            tally.nodes += shall.abs_diff(is);
        }
        Ok(out)
    }

    async fn publish(&mut self, import: &mut Import) -> Result<()> {
        if let Some(journal) = &import.journal {
            journal.sync()?;
        }
        self.written = true;
        self.reach(Step::Publishing).await?;
        step("publishing");
        let published = import.writer.publish().await;
        step("published");
        match published {
            Ok(Applied::Done) => {}
            Ok(_) => self.settle_unknown().await?,
            Err(e) if e.is_temporary() => {
                self.events.warn("lost", format!("{e}; asking the target"));
                self.settle_unknown().await?;
            }
            Err(e) => {
                // It said no: nothing was published.
                if self.checkpoint.mode != Some(WriteMode::Journal) {
                    self.written = false;
                    self.reach(Step::Staged).await?;
                }
                return Err(e);
            }
        }
        self.reach(Step::Published).await?;
        step("publish-acknowledged");
        Ok(())
    }

    /// The target did not say whether it was published: it is read and compared.
    async fn settle_unknown(&mut self) -> Result<()> {
        match self.is_published().await? {
            true => Ok(()),
            false => {
                self.written = self.checkpoint.mode == Some(WriteMode::Journal);
                Err(Error::new(
                    ErrorKind::Unreachable,
                    "the target did not take the changes",
                )
                .temporary()
                .remedy("Repeat the command: it goes on from the stage."))
            }
        }
    }

    /// Whether the target holds what the run was about to publish.
    async fn is_published(&mut self) -> Result<bool> {
        let target = self.stores.target.clone();
        if !target.describe().await?.exists {
            return Ok(false);
        }
        let dir = self.stage_dir();
        super::home::make_folder(&dir)?;
        let mut snapshot = target.snapshot(Consistency::Copy).await?;
        let census = Census::plain(&dir, false);
        let content = read_content(
            &mut *snapshot,
            census,
            Phase::Verify,
            (&self.events, &self.control),
        )
        .await?;
        let path = self.folder.dir.join("digests");
        let (now, (verification, _)) = super::blocking(move || {
            let now = content.census.ledger.spool(&dir)?;
            let mut shall = LedgerFile::open(&path)?;
            let joined = join(&mut shall, &mut now.read())?;
            Ok((now.content, joined))
        })
        .await?;
        if verification.identical() {
            self.report.verification.get_or_insert(Verification {
                level: "full".into(),
                counts: content.counts,
                ..verification
            });
            return Ok(true);
        }
        if self.checkpoint.mode == Some(WriteMode::Aside)
            || Some(now) == self.checkpoint.content_before
        {
            return Ok(false);
        }
        if self.checkpoint.mode == Some(WriteMode::Transaction)
            && self.checkpoint.content_before.is_none()
            && content.counts.total() == 0
        {
            return Ok(false);
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "the target was changed by somebody else while the run was broken off",
        )
        .remedy(format!(
            "Compare them: `memferry verify {}`; then roll back or remove the run.",
            self.folder.name
        )))
    }

    /// A run that was broken off while it published: either it is done, or it goes on
    /// from the stage.
    pub async fn settle(&mut self) -> Result<Option<Outcome>> {
        let published = match self.checkpoint.mode {
            Some(WriteMode::Journal) => true,
            _ => self.is_published().await?,
        };
        if published {
            self.reach(Step::Published).await?;
            return Ok(Some(self.after_publishing().await?));
        }
        let target = self.stores.target.clone();
        if self.checkpoint.mode == Some(WriteMode::Aside) && target.describe().await?.exists {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                "somebody else made the target while the run was broken off",
            )
            .remedy("Choose another target, or move that one away."));
        }
        self.written = false;
        target.discard(&self.folder.name).await?;
        self.reach(Step::Staged).await?;
        Ok(None)
    }

    /// Everything is in the target: its numbers are taken once more, from outside.
    pub async fn after_publishing(&mut self) -> Result<Outcome> {
        if let Ok(Some(before)) = self.folder.report() {
            self.report = before;
        }
        if !self.stores.target.descriptor().source {
            return Ok(Outcome::Done);
        }
        let path = self.folder.dir.join("digests");
        let shall = super::blocking(move || Ok(LedgerFile::open(&path)?.count)).await?;
        let mut snapshot = self.stores.target.snapshot(Consistency::InPlace).await?;
        let counts = snapshot.counts().await?;
        if counts.total() != shall {
            self.events.warn(
                "counts",
                format!("the target holds {} records where {shall} were written and verified; somebody else has changed it since", counts.total()),
            );
        }
        Ok(Outcome::Done)
    }
}

/// Keeps what the target shall hold, for `verify RUN` and `rollback RUN`.
fn keep(expected: &LedgerSpool, path: &std::path::Path) -> Result<()> {
    let mut file = LedgerFile::create(path)?;
    let mut entries = expected.read();
    while let Some(entry) = entries.next()? {
        file.push(&entry)?;
    }
    file.finish().map(drop)
}
