//! Room for the stage, the backup and the target.

use super::{Preflight, fail, pass};
use crate::report::{Check, words};
use crate::store::protocol::file;
use std::path::{Path, PathBuf};

pub const NAME: &str = "room";
const TITLE: &str = "Room on disk";

/// What is left free in any case, in bytes.
const RESERVE: u64 = 64 << 20;

pub async fn check(preflight: &Preflight<'_>) -> Check {
    let source = preflight.source_found.bytes.unwrap_or(0);
    let target = preflight.target_found.bytes.unwrap_or(0);
    let records = preflight.source_found.counts.map_or(0, |c| c.total());
    // The stage is compressed, in the worst case not at all; sorting takes about 400
    // bytes a record; a backup is at most as large as the target.
    let staging = source + records * 400 + target;
    let written = match preflight.plan.write.dry_run {
        true => 0,
        // Changing in place needs a rollback journal of the size of what is there.
        false => source + source / 4 + target,
    };
    let mut needs: Vec<(PathBuf, u64)> = vec![(preflight.stage_dir.to_owned(), staging)];
    if let Some(folder) = preflight.prepared.as_ref().and_then(|p| p.room_in.clone()) {
        match same_disk(&folder, preflight.stage_dir) {
            true => needs[0].1 += written,
            false => needs.push((folder, written)),
        }
    }
    let looked = super::super::blocking(move || {
        needs
            .into_iter()
            .map(|(folder, need)| Ok((file::free_room(&folder)?, folder, need + RESERVE)))
            .collect::<crate::error::Result<Vec<_>>>()
    });
    match looked.await {
        Err(e) => super::fail_of(NAME, TITLE, &e),
        Ok(found) => {
            let short = found.iter().find(|(free, _, need)| free < need);
            match short {
                Some((free, folder, need)) => fail(
                    NAME,
                    TITLE,
                    format!(
                        "{} has {} free and may need {}",
                        folder.display(),
                        words::bytes(*free),
                        words::bytes(*need)
                    ),
                    "Free some room there, or choose another folder for the stage: --stage-dir.",
                ),
                None => {
                    let free = found.iter().map(|(free, ..)| *free).min().unwrap_or(0);
                    let need: u64 = found.iter().map(|(.., need)| need).sum();
                    pass(
                        NAME,
                        TITLE,
                        format!(
                            "at most {} needed, {} free",
                            words::bytes(need),
                            words::bytes(free)
                        ),
                    )
                }
            }
        }
    }
}

fn same_disk(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |p: &Path| std::fs::metadata(p).map(|m| m.dev()).ok();
    device(a) == device(b)
}
