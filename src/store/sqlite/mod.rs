//! SQLite files as memorygraph writes them: Python's since 0.5, TypeScript's, files
//! both have used. Read in every layout without leaving a trace; written in the layout
//! of memorygraph 0.12 alone, as a new file built aside or in one transaction.

mod access;
mod copy;
mod describe;
mod fault;
mod fingerprint;
mod held;
mod layout;
mod place;
mod reading;
mod rows;
mod scan;
mod schema;
#[cfg(test)]
mod tests;
mod typescript;
mod write;

use super::protocol::file::{self, blocking};
use super::{
    Address, Capabilities, Consistency, Description, Descriptor, Fingerprint, Ids, Labels,
    Prepared, Setting, Shape, Snapshot, Store, WriteMode, WriteRequest, Writer,
};
use crate::error::{Error, ErrorKind, Result};
use async_trait::async_trait;
use place::{Place, SIDES};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What SQLite holds and does.
const CAPABILITIES: Capabilities = Capabilities {
    labels: Labels::One,
    ids: Ids::Any,
    unique_ids: true,
    id_beside_properties: true,
    dangling: true,
    parallel: true,
    self_loops: true,
    rows: true,
    stored_text: true,
    nulls: true,
    maps: true,
    nested_lists: true,
    nulls_in_lists: true,
    mixed_lists: true,
    big_integers: true,
    non_finite: true,
    nul: true,
    broken_text: true,
    bytes: false,
    // Where a column must hold something, what it holds is made up and known again.
    any_times: true,
    // SQLite stops at a thousand million bytes, far beyond what memferry carries.
    max_record: None,
    isolated_snapshots: false,
    modes: &[WriteMode::Aside, WriteMode::Transaction],
};

/// SQLite.
pub static DESCRIPTOR: Descriptor = Descriptor {
    kind: "sqlite",
    title: "SQLite",
    summary: "A file of memorygraph, its default store",
    shape: Shape::File,
    schemes: &["sqlite"],
    extensions: &["db", "sqlite", "sqlite3"],
    settings: &[Setting {
        help: "Path of the database file",
        default: Some("~/.memorygraph/memory.db"),
        env: &["MEMORY_SQLITE_PATH"],
        ..Setting::PATH
    }],
    capabilities: CAPABILITIES,
    source: true,
    target: true,
    open,
};

fn open(address: Address) -> Result<Arc<dyn Store>> {
    let place = Place::of(&address)?;
    Ok(Arc::new(SqliteStore { address, place }))
}

/// A database file, there or not.
struct SqliteStore {
    address: Address,
    place: Place,
}

impl SqliteStore {
    /// Blocking work on the file, on a thread for it.
    async fn on<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.place.clone();
        blocking(move || work(&place)).await
    }
}

/// Seconds for which one record keeps others out: 0.00003 to 0.00009 on merges of
/// 400,000 records into as many, more where the indexes outgrow the cache.
const LOCK_SECONDS: f64 = 0.000_1;

/// Refuses what cannot be a target whatever it holds.
fn writable(place: &Place, real: &Path) -> Result<()> {
    if place.read_only || place.immutable {
        return Err(Error::new(
            ErrorKind::Denied,
            format!("{} is addressed as read-only", place.shown().display()),
        )
        .remedy("Leave mode=ro and immutable=1 out of its URI."));
    }
    let folder = file::folder_of(real);
    let may = |path: &Path| {
        use rustix::fs::Access;
        rustix::fs::access(path, Access::WRITE_OK)
            .map_err(|errno| Error::io("write to", path, errno.into()))
    };
    if !folder.exists() {
        let shown = folder.display();
        return Err(
            Error::new(ErrorKind::NotFound, format!("there is no folder {shown}")).remedy(format!(
                "Check the path, or make it with `mkdir -p {shown}`."
            )),
        );
    }
    may(folder)?;
    if real.exists() {
        may(real)?;
    }
    // SQLite's `-journal` beside it must have a name, too.
    let name = real.file_name().map_or(0, std::ffi::OsStr::len);
    if name + SIDES[0].len() > file::MAX_NAME {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("the name {} is too long for SQLite", real.display()),
        )
        .remedy("Choose a name of at most 247 bytes."));
    }
    Ok(())
}

fn prepare(place: &Place) -> Result<Prepared> {
    let real = place.real()?;
    let there = access::is_there(place)?;
    writable(place, &real)?;
    let room_in = Some(file::folder_of(&real).to_path_buf());
    if !there {
        write::check_sides(&real)?;
        file::aside_path(&real, "run")?;
        return Ok(Prepared {
            mode: WriteMode::Aside,
            room_in,
            empty: true,
            lock_seconds_per_record: 0.0,
        });
    }
    let mut reading = access::read(place, Consistency::InPlace)?;
    let empty = reading.look(|db, layout, _| {
        let failed = |failure| fault::error("read", &real, failure);
        if write::is_bare(&db.conn).map_err(failed)? {
            return Ok(true);
        }
        write::accept(layout, &real)?;
        write::has_no_rows(&db.conn).map_err(failed)
    })?;
    Ok(Prepared {
        mode: WriteMode::Transaction,
        room_in,
        empty: empty || reading.db().is_none(),
        lock_seconds_per_record: LOCK_SECONDS,
    })
}

fn writer(place: &Place, request: &WriteRequest) -> Result<write::SqliteWriter> {
    let prepared = prepare(place)?;
    let real = place.real()?;
    if prepared.mode != request.mode {
        let shown = real.display();
        return Err(match request.mode {
            WriteMode::Journal => Error::internal("SQLite is never written by a journal"),
            WriteMode::Aside => {
                Error::new(ErrorKind::AlreadyExists, format!("{shown} exists by now"))
                    .remedy("Start again; it will then be added to, or choose another name.")
            }
            WriteMode::Transaction => Error::new(ErrorKind::Refused, format!("{shown} is gone"))
                .remedy("Start again; a new file will be made."),
        });
    }
    match request.mode {
        WriteMode::Aside => {
            let (aside, session) = write::Aside::begin(&real, &request.run)?;
            Ok(write::SqliteWriter::aside(aside, session))
        }
        _ => {
            let (session, later) = write::begin(&real)?;
            Ok(write::SqliteWriter::transaction(session, later))
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn address(&self) -> &Address {
        &self.address
    }

    async fn describe(&self) -> Result<Description> {
        self.on(describe::describe).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        self.on(|place| fingerprint::of(&place.real()?)).await
    }

    async fn identity(&self) -> Result<String> {
        self.on(|place| file::identity(&place.real()?)).await
    }

    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        let reading = self.on(move |place| access::read(place, how)).await?;
        let reading = Arc::new(Mutex::new(reading));
        Ok(Box::new(reading::Pictured::Store(reading)))
    }

    async fn prepare(&self) -> Result<Prepared> {
        self.on(prepare).await
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        let request = request.clone();
        let writer = self.on(move |place| writer(place, &request)).await?;
        Ok(Box::new(writer))
    }

    async fn discard(&self, run: &str) -> Result<()> {
        let run = run.to_owned();
        self.on(move |place| write::discard(&place.real()?, &run))
            .await
    }

    async fn remove(&self, fingerprint: &Fingerprint) -> Result<()> {
        let fingerprint = fingerprint.clone();
        self.on(move |place| write::remove(&place.real()?, &fingerprint))
            .await
    }
}
