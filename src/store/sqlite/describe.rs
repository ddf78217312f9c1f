//! What a person wants to know of a file before choosing it.

use super::access::{self, State, is_locked};
use super::fault;
use super::layout::{Layout, Name};
use super::place::{Place, beside};
use super::reading::Picture;
use super::scan;
use crate::error::Result;
use crate::store::{Consistency, Counts, Description};
use rusqlite::Connection;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long counting may take.
const QUICK: Duration = Duration::from_secs(1);

/// A file that must be recovered in a copy first is not copied for a look above this.
const COPIED_FOR_A_LOOK: u64 = 256 << 20;

pub(super) fn describe(place: &Place) -> Result<Description> {
    if !access::is_there(place)? {
        // A dangling link is worth an error here and now.
        place.real()?;
        return Ok(Description::default());
    }
    let real = place.real()?;
    let meta = std::fs::metadata(&real)
        .map_err(|cause| crate::error::Error::io("look at", &real, cause))?;
    let state = access::state(&real)?;
    let log = std::fs::metadata(beside(&real, "-wal")).map_or(0, |meta| meta.len());
    let mut description = Description {
        exists: true,
        bytes: Some(meta.len() + log),
        changed_at: Some(meta.mtime()),
        in_use: in_use(&real, state),
        ..Description::default()
    };
    if state == State::LeftLog {
        description.notes.push(format!(
            "The program that wrote it was killed: {log} bytes in {} were never merged. memferry reads them in a private copy.",
            beside(&real, "-wal").display()
        ));
        if meta.len() + log > COPIED_FOR_A_LOOK {
            description.layout = "SQLite".to_owned();
            return Ok(description);
        }
    }
    let mut reading = access::read(place, Consistency::InPlace)?;
    if state == State::Journal && matches!(reading.picture, Picture::Isolated) {
        description.notes.push(
            "The program that wrote it was killed while it wrote. memferry reads what was there before that, in a private copy.".into(),
        );
    }
    let name = reading.layout.name();
    description.layout = name.text().to_owned();
    facts(&mut description, state, name);
    notes(&mut description, &reading.layout, name);
    let others = reading.layout.others.clone();
    let real_path = real.clone();
    let looked = reading.look(|db, layout, _| {
        let counts = within(&mut db.conn, QUICK, |conn| {
            scan::counts(conn, &real_path, layout)
        });
        let counts = match counts {
            Some(Ok(counts)) => Some(counts),
            Some(Err(error)) => {
                return Ok((None, vec![format!("It cannot be counted: {error}.")]));
            }
            None => None,
        };
        Ok((counts, rows_of(&mut db.conn, &others)))
    })?;
    let (counts, more) = looked;
    description.counts = if name == Name::Empty {
        Some(Counts::default())
    } else {
        counts
    };
    description.notes.extend(more);
    Ok(description)
}

/// Runs something unless it takes too long.
fn within<T>(
    conn: &mut Connection,
    limit: Duration,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Option<Result<T>> {
    let until = Instant::now() + limit;
    let handler = move || Instant::now() > until;
    if conn.progress_handler(10_000, Some(handler)).is_err() {
        return Some(work(conn));
    }
    let done = work(conn);
    let _ = conn.progress_handler(0, None::<fn() -> bool>);
    match done {
        Err(error) if error.kind() == crate::error::ErrorKind::Interrupted => None,
        done => Some(done),
    }
}

fn facts(description: &mut Description, state: State, name: Name) {
    let journal = match state {
        State::Empty => "none yet",
        State::Journal => "rollback journal",
        State::ClosedLog | State::LiveLog | State::LeftLog => "write-ahead log",
    };
    let facts = &mut description.facts;
    facts.insert("journal".into(), journal.into());
    facts.insert("layout".into(), name.code().into());
}

fn notes(description: &mut Description, layout: &Layout, name: Name) {
    let mut note = |text: String| description.notes.push(text);
    match name {
        Name::P1 | Name::P1b => {
            note("memorygraph 0.10 and newer cannot open this layout; a new file that memferry writes from it can be opened.".into());
        }
        Name::H => {
            note(
                "It holds two sets of memories, and each program sees only its own. Both move."
                    .into(),
            );
        }
        _ => {}
    }
    if !layout.extra_columns.is_empty() {
        note(format!(
            "These columns are not memorygraph's and do not move: {}.",
            layout.extra_columns.join(", ")
        ));
    }
}

/// The tables that stay behind, with their numbers of rows where those are quick to have.
fn rows_of(conn: &mut Connection, tables: &[String]) -> Vec<String> {
    tables
        .iter()
        .take(20)
        .map(|table| {
            let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
            let counted = within(conn, QUICK / 10, |conn| {
                conn.query_row(&sql, [], |row| row.get::<_, i64>(0))
                    .map_err(|failure| fault::error("count", Path::new(table), failure))
            });
            match counted {
                Some(Ok(rows)) => format!(
                    "The table {table} ({rows} rows) is not memorygraph's and does not move."
                ),
                _ => format!("The table {table} is not memorygraph's and does not move."),
            }
        })
        .collect()
}

/// Whether another process holds a lock: on the bytes that SQLite locks in the file, or
/// on the log.
fn in_use(real: &Path, state: State) -> bool {
    const FIRST_LOCK: u64 = 0x4000_0000;
    state == State::LiveLog || is_locked(real, real, FIRST_LOCK, 512)
}
