//! Verification of what an import left: everything, a sample, or nothing.

use super::Tally;
use super::census::{Census, Staged};
use super::compare::Compared;
use super::control::{Control, is_lost};
use super::decide::Action;
use super::event::{Event, Phase};
use super::explain::{Shown, difference, explain, unreadable};
use super::export::{open_stage, recount};
use super::filter::Sieve;
use super::import::Import;
use super::plan::Verify;
use super::run::Run;
use super::verify::{Found, join, read_content};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Digest, KeyHash, Kind};
use crate::report::{MOST_KEPT, Mark, Verification};
use crate::store::WriteMode;
use std::collections::HashMap;
use tokio::sync::mpsc;

/// Times that a target is read again, if it was written to or lost meanwhile.
const READINGS: u32 = 4;

/// What came of a verification.
pub struct Proven {
    /// Everything is as it shall be.
    pub identical: bool,
    /// Something that this run wrote is not as it shall be.
    pub our_fault: bool,
}

impl Run {
    /// Verifies as the plan says.
    pub async fn verify(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &Compared,
    ) -> Result<Proven> {
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
            return Ok(Proven {
                identical: true,
                our_fault: false,
            });
        }
        if !self.events.is_open(Phase::Verify) {
            self.events.begin(Phase::Verify);
        }
        let (verification, our_fault) = match level {
            Verify::Sample(n) => self.verify_sample(import, sieve, compared, n).await?,
            _ => self.verify_all(import, sieve, compared).await?,
        };
        let identical = verification.identical();
        for difference in &verification.differences {
            self.events.emit(Event::Differs {
                difference: Box::new(difference.clone()),
            });
        }
        self.report.verification = Some(verification);
        self.events.end(Phase::Verify, identical);
        Ok(Proven {
            identical,
            our_fault,
        })
    }

    /// Where an import puts what it reads back while the target is completed; `None` if
    /// not everything is to be read.
    pub fn reading_back(&self) -> Option<Census> {
        let readable = self.stores.target.descriptor().source;
        let full = readable && matches!(self.plan.write.verify, Verify::Full);
        full.then(|| Census::plain(&self.stage_dir(), false))
    }

    /// The controls while the target is read: a transaction is not held open by a pause.
    pub fn control_of(&self, import: &Import) -> Control {
        match import.mode() {
            WriteMode::Transaction => self.control.holding(),
            WriteMode::Aside | WriteMode::Journal => self.control.clone(),
        }
    }

    async fn verify_all(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &Compared,
    ) -> Result<(Verification, bool)> {
        let mut last = None;
        for _ in 0..READINGS {
            match self.read_and_join(import, sieve, compared).await {
                Err(e) if e.kind() == ErrorKind::Drifted => last = Some(e),
                Err(e) if is_lost(&e) => import.reopen(e).await?,
                done => return done,
            }
        }
        match last {
            Some(e) => Err(e),
            None => self.read_and_join(import, sieve, compared).await,
        }
    }

    async fn read_and_join(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &Compared,
    ) -> Result<(Verification, bool)> {
        let content = match import.read_back.take() {
            Some(content) => content,
            None => {
                let mut snapshot = import.snapshot().await?;
                let census = Census::plain(&self.stage_dir(), false);
                let control = self.control_of(import);
                let told = (&self.events, &control);
                read_content(&mut *snapshot, census, Phase::Verify, told).await?
            }
        };
        let (lost, counts) = (content.census.lost.clone(), content.counts);
        let mut expected = compared.expected.read();
        let joined = super::blocking(move || {
            let mut actual = content.census.ledger.finish()?;
            join(&mut expected, &mut actual)
        })
        .await?;
        let mut verification = joined.verification;
        verification.level = "full".into();
        verification.counts = counts;
        verification.unreadable = lost.unreadable;
        if !joined.found.is_empty() {
            let mut snapshot = import.snapshot().await?;
            let staging = self.staging(sieve, compared);
            verification.differences = explain(&joined.found, staging, &mut *snapshot).await?;
        }
        verification.differences.extend(unreadable(lost.places, ""));
        let our_fault = joined.our_fault + lost.unreadable.total() > 0;
        Ok((verification, our_fault))
    }

    /// Some records of each kind, evenly spread, and all counts.
    async fn verify_sample(
        &mut self,
        import: &mut Import,
        sieve: &Sieve,
        compared: &Compared,
        n: u64,
    ) -> Result<(Verification, bool)> {
        let mut out = Verification {
            level: self.plan.write.verify.to_string(),
            ..Verification::default()
        };
        let control = self.control_of(import);
        let (mut picked, picking) = self.pick(sieve, compared, n);
        let mut wrong = Wrong::default();
        let mut canon = Canon::new();
        while let Some(staged) = picked.recv().await {
            control.unpaused().await?;
            let Some(kind) = staged.first().map(|s| s.record.kind()) else {
                continue;
            };
            let keys: Vec<_> = staged.iter().map(|s| s.record.key().clone()).collect();
            let found = import.find(kind, &keys).await?;
            for (staged, found) in staged.into_iter().zip(found) {
                let digest = found.as_ref().map(|record| canon.digest(record));
                match digest {
                    Some(d) if d.matches(&canon.digest(&staged.record)) => *out.same.of(kind) += 1,
                    is => wrong.add(staged, found, is),
                }
            }
        }
        picking
            .await
            .map_err(|e| Error::internal("reading the stage stopped").because(e))??;
        let our_fault = self.told_by(&mut out, wrong, compared).await?;
        out.counts = import.snapshot().await?.counts().await?;
        let all = [
            compared.added,
            compared.changed,
            compared.kept,
            compared.same,
            compared.untouched,
        ];
        let mut missing = false;
        for kind in Kind::BOTH {
            let shall: u64 = all.iter().map(|t| *{ *t }.of(kind)).sum();
            let is = out.counts.of(kind);
            let tally = match shall > is {
                true => &mut out.only_in_source,
                false => &mut out.only_in_target,
            };
            // Those of the sample that are missing are counted already.
            let more = shall.abs_diff(is).saturating_sub(*tally.of(kind));
            *tally.of(kind) += more;
            missing |= shall > is;
        }
        let foreign = import.mode() == WriteMode::Journal;
        let counts = out.only_in_target.total() > 0 && !foreign;
        Ok((out, our_fault || missing || counts))
    }

    /// Holds the wrong ones against what the target shall hold: where somebody else came
    /// first, that is theirs.
    async fn told_by(
        &self,
        out: &mut Verification,
        mut wrong: Wrong,
        compared: &Compared,
    ) -> Result<bool> {
        if wrong.found.is_empty() {
            return Ok(false);
        }
        let mut expected = compared.expected.read();
        let wrong = super::blocking(move || {
            while let Some(entry) = expected.next()? {
                let is = wrong.is.get(&entry.key);
                if let (false, Some(Some(digest))) = (entry.ours, is)
                    && entry.digest.matches(digest)
                {
                    wrong.is.remove(&entry.key);
                }
            }
            Ok(wrong)
        })
        .await?;
        let mut our_fault = false;
        for found in &wrong.found {
            if !wrong.is.contains_key(&found.key) {
                *out.same.of(found.kind) += 1;
                continue;
            }
            our_fault = true;
            let tally = match found.mark {
                Mark::Differs => &mut out.differ,
                _ => &mut out.only_in_source,
            };
            *tally.of(found.kind) += 1;
            if out.differences.len() < MOST_KEPT {
                let told = difference(found, &wrong.staged, &wrong.there);
                out.differences.push(told);
            }
        }
        Ok(our_fault)
    }

    /// Reads a sample from the stage, some records of one kind at a time.
    fn pick(
        &self,
        sieve: &Sieve,
        compared: &Compared,
        n: u64,
    ) -> (
        mpsc::Receiver<Vec<Staged>>,
        tokio::task::JoinHandle<Result<()>>,
    ) {
        let (send, received) = mpsc::channel(1);
        let (stage, decisions) = (self.stage(), compared.decisions.clone());
        let mut census = self.light_census(sieve);
        let moved = |t: Tally| [t.nodes, t.relationships];
        let all = [compared.added, compared.changed, compared.same].map(moved);
        let total = [0, 1].map(|k| all.iter().map(|t| t[k]).sum::<u64>());
        let picking = tokio::task::spawn_blocking(move || {
            let mut reader = open_stage(&stage)?;
            let mut met = [0u64; 2];
            recount(&mut reader, &mut census, Some(&decisions), |batch| {
                let mut picked = [Vec::new(), Vec::new()];
                for staged in batch {
                    if staged.decision.action == Action::Skip {
                        continue;
                    }
                    let k = staged.record.kind() as usize;
                    let apart = (total[k] / n).max(1);
                    if met[k].is_multiple_of(apart) && met[k] / apart < n {
                        picked[k].push(staged);
                    }
                    met[k] += 1;
                }
                let mut some = picked.into_iter().filter(|p| !p.is_empty());
                some.all(|picked| send.blocking_send(picked).is_ok())
            })
        });
        (received, picking)
    }
}

/// Records of a sample that are not what was written.
#[derive(Default)]
struct Wrong {
    found: Vec<Found>,
    is: HashMap<KeyHash, Option<Digest>>,
    staged: Shown,
    there: Shown,
}

impl Wrong {
    fn add(&mut self, staged: Staged, found: Option<crate::model::Record>, is: Option<Digest>) {
        let kind = staged.record.kind();
        let key = Canon::key_hash(kind, staged.record.key());
        self.staged.add(key, &staged.record);
        if let Some(found) = &found {
            self.there.add(key, found);
        }
        self.is.insert(key, is);
        self.found.push(Found {
            mark: match found {
                Some(_) => Mark::Differs,
                None => Mark::OnlyInSource,
            },
            kind,
            key,
            staged: Some(staged.seq),
        });
    }
}
