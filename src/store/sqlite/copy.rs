//! Private copies of a store: of its files, recovered there, where a program left it in
//! the middle of something; by pages under short locks, where one is writing to it.

use super::access::{Db, Stamp, header, scratch};
use super::fault;
use super::held;
use super::place::beside;
use crate::error::{Error, ErrorKind, Result};
use crate::store::protocol::file;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Pages copied under one lock: 16 MiB of the usual 4 KiB.
const PAGES: std::os::raw::c_int = 4096;

/// Longest that one lock may be held: memorygraph gives up after 5 seconds.
const LONGEST_LOCK: Duration = Duration::from_secs(3);

/// A folder for a copy, once there is room for it.
fn folder(bytes: u64) -> Result<TempDir> {
    let scratch = scratch();
    let room = file::free_room(&scratch)?;
    // What recovery and SQLite's own files add is small.
    let needed = bytes + bytes / 10 + (1 << 20);
    if room < needed {
        return Err(Error::new(
            ErrorKind::Full,
            format!(
                "no room in {} for a private copy: {} MB needed, {} MB free",
                scratch.display(),
                needed.div_ceil(1_000_000),
                room / 1_000_000
            ),
        )
        .remedy("Free some room there, or set TMPDIR to another folder."));
    }
    tempfile::Builder::new()
        .prefix("memferry-")
        .tempdir_in(&scratch)
        .map_err(|cause| Error::io("make a folder in", &scratch, cause))
}

/// What must not change while files are copied.
#[derive(PartialEq, Eq)]
struct Marks {
    stamp: Stamp,
    side: Option<(u64, i128)>,
    header: Vec<u8>,
    side_header: Vec<u8>,
}

impl Marks {
    fn of(real: &Path, side: Option<&Path>) -> Result<Self> {
        let mut side_header = Vec::new();
        if let Some(side) = side
            && let Ok(found) = std::fs::File::open(side)
        {
            found
                .take(64)
                .read_to_end(&mut side_header)
                .map_err(|cause| Error::io("read", side, cause))?;
        }
        Ok(Self {
            stamp: Stamp::of(real)?,
            side: side.map(file::stamp).transpose()?.flatten(),
            header: header(real)?,
            side_header,
        })
    }

    fn bytes(&self, real: &Path) -> Result<u64> {
        let size = file::stamp(real)?.map_or(0, |(size, _)| size);
        Ok(size + self.side.map_or(0, |(size, _)| size))
    }
}

/// Copies the file, then what stands beside it, and opens the copy, which recovers it.
/// `None`: what stood beside it is gone, or it never stayed as it was.
pub(super) fn of_files(real: &Path, side: Option<&str>) -> Result<Option<Db>> {
    let side_path = side.map(|side| beside(real, side));
    for attempt in 0..5 {
        if attempt > 0 {
            std::thread::sleep(Duration::from_millis(100));
        }
        let before = Marks::of(real, side_path.as_deref())?;
        if side.is_some() && before.side.is_none() {
            return Ok(None);
        }
        let folder = folder(before.bytes(real)?)?;
        let copy = folder.path().join("copy.db");
        copy_file(real, real, &copy)?;
        if let (Some(path), Some(side)) = (&side_path, side) {
            match copy_file(real, path, &beside(&copy, side)) {
                Err(gone) if gone.kind() == ErrorKind::NotFound => continue,
                other => other?,
            }
        }
        // Times tick by some milliseconds; a write within one tick must show.
        std::thread::sleep(Duration::from_millis(10));
        if Marks::of(real, side_path.as_deref())? == before {
            let db = Db::open(&copy, "mode=rw", false)?;
            return Ok(Some(db.keeping(folder)));
        }
    }
    Ok(None)
}

fn copy_file(real: &Path, from: &Path, to: &Path) -> Result<()> {
    let lent = held::lend(real, from).map_err(|cause| Error::io("open", from, cause))?;
    let mut source = lent
        .file()
        .map_err(|cause| Error::io("open", from, cause))?;
    let mut target = file::create_private(to)?;
    source
        .seek(SeekFrom::Start(0))
        .and_then(|_| std::io::copy(&mut source, &mut target))
        .map(drop)
        .map_err(|cause| Error::io("copy to", to, cause))
}

/// Copies page by page while other programs write. Each step takes a short lock; when
/// somebody commits in between, it starts over, and when that never ends, it takes one
/// lock for the whole, if that lasts no longer than others wait.
pub(super) fn by_pages(real: &Path, source: &Connection) -> Result<Option<Db>> {
    let bytes = file::stamp(real)?.map_or(0, |(size, _)| size);
    let folder = folder(bytes)?;
    let copy = folder.path().join("copy.db");
    file::create_private(&copy)?;
    let mut db = Db::open(&copy, "mode=rw", false)?;
    let failed = |failure| fault::error("copy", real, failure);
    db.conn
        .execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        .map_err(failed)?;
    let backup = Backup::new(source, &mut db.conn).map_err(failed)?;
    let (mut copied, mut spent) = (0_u64, Duration::ZERO);
    let (mut restarts, mut left, mut busy) = (0, i64::MAX, 0);
    loop {
        let pages = if restarts < 3 { PAGES } else { -1 };
        if pages < 0 && spent.mul_f64(bytes as f64 / copied.max(1) as f64) > LONGEST_LOCK {
            return Err(Error::new(
                ErrorKind::Drifted,
                format!(
                    "{} is written to faster than it can be copied",
                    real.display()
                ),
            )
            .remedy("Stop the program that writes to it, and try again.")
            .temporary());
        }
        let started = Instant::now();
        match backup.step(pages).map_err(failed)? {
            StepResult::Done => break,
            StepResult::Busy | StepResult::Locked => {
                busy += 1;
                if busy > 3 {
                    return Err(Error::new(
                        ErrorKind::Locked,
                        format!("another program is using {}", real.display()),
                    )
                    .remedy("Wait until it is done, or stop it, and try again.")
                    .temporary());
                }
            }
            _ => {
                let remaining = i64::from(backup.progress().remaining);
                restarts += u32::from(remaining >= left);
                left = remaining;
                spent += started.elapsed();
                copied += 4096 * PAGES as u64;
                // A writer that waits for the lock gets it.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
    drop(backup);
    Ok(Some(db.keeping(folder)))
}
