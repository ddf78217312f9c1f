//! Reading: describing a file from its own words, counting and scanning through a
//! server. A server that was started for one look serves the next as well while the
//! file is the same and somebody still looks.

use super::empty::Empty;
use super::held::{Held, Joined};
use super::opened;
use super::place::{self, Place, Stamp};
use super::rdb::{self, Rdb};
use super::server::Server;
use super::{Lite, TITLE};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::store::protocol::file::blocking;
use crate::store::{Consistency, Counts, Cursor, Description, Fingerprint, Limit, Page, Snapshot};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Largest file that is read through, and counted by a server, only to describe it.
const QUICK: u64 = 64 << 20;

/// The server of the last look.
#[derive(Default)]
pub(super) struct Reading(Mutex<Option<(Stamp, Weak<Server>)>>);

/// What serves a picture, as long as anybody holds it.
enum Serving {
    Own(Arc<Server>),
    Theirs(Box<Joined>),
}

/// What there is to read.
enum Content {
    Nothing,
    /// A file without any graph.
    NoGraph,
    Served(Serving),
}

impl Reading {
    /// A server on the file.
    async fn server(&self, path: &Path, lite: &Arc<Lite>) -> Result<Content> {
        let (path, lite) = (path.to_owned(), lite.clone());
        let kept = {
            let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            last.clone()
        };
        let (stamp, content) = blocking(move || {
            let stamp = Stamp::of(&path)?;
            if let Some((of, server)) = &kept
                && Some(of) == stamp.as_ref()
                && let Some(server) = server.upgrade()
            {
                return Ok((stamp, Content::Served(Serving::Own(server))));
            }
            let rdb = opened::look_into(&path)?;
            let binaries = lite.binaries()?;
            if rdb.whole && !rdb.graphs.contains(&lite.graph) {
                return match rdb.graphs.is_empty() {
                    true => Ok((None, Content::NoGraph)),
                    false => Err(no_such_graph(&path, &lite.graph, &rdb.graphs)),
                };
            }
            let server = Arc::new(opened::view(&binaries, &path, &rdb)?);
            Ok((stamp, Content::Served(Serving::Own(server))))
        })
        .await?;
        if let (Some(stamp), Content::Served(Serving::Own(server))) = (stamp, &content) {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some((stamp, Arc::downgrade(server)));
        }
        Ok(content)
    }

    async fn content(&self, lite: &Arc<Lite>) -> Result<Content> {
        let (place, held) = {
            let lite = lite.clone();
            blocking(move || lite.look(false)).await?
        };
        match held {
            Held::Server(joined) => Ok(Content::Served(Serving::Theirs(joined))),
            _ if !place.exists() => Ok(Content::Nothing),
            // What another run of ours changes is not in the file before it is done.
            Held::Nobody | Held::Memferry => self.server(place.file(), lite).await,
        }
    }

    pub async fn snapshot(&self, lite: &Arc<Lite>, how: Consistency) -> Result<Box<dyn Snapshot>> {
        super::anew(|| self.snapshot_once(lite, how)).await?
    }

    /// The outer error is that of a server of our own.
    async fn snapshot_once(
        &self,
        lite: &Arc<Lite>,
        how: Consistency,
    ) -> Result<Result<Box<dyn Snapshot>>> {
        let serving = match self.content(lite).await? {
            Content::Nothing => return Err(place::not_found(&lite.path)),
            Content::NoGraph => return Ok(Ok(Box::new(Empty))),
            Content::Served(serving) => serving,
        };
        let (endpoint, how) = match &serving {
            // Nobody else writes there.
            Serving::Own(server) => (server.endpoint(), Consistency::InPlace),
            Serving::Theirs(joined) => (joined.endpoint(), how),
        };
        match lite.graph(endpoint).snapshot(how).await {
            Ok(inner) => Ok(Ok(Box::new(Picture {
                inner: Some(inner),
                serving: Some(serving),
            }))),
            Err(error) => {
                let joined = matches!(serving, Serving::Theirs(_));
                end(serving).await?;
                match error.kind() {
                    // A program that has just begun has no graph yet.
                    ErrorKind::NotFound if joined => Ok(Ok(Box::new(Empty))),
                    _ if joined => Ok(Err(error)),
                    _ => Err(error),
                }
            }
        }
    }

    /// Numbers of records of what is there.
    pub async fn counts(&self, lite: &Arc<Lite>) -> Result<Counts> {
        let mut snapshot = match self.snapshot(lite, Consistency::InPlace).await {
            Ok(snapshot) => snapshot,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Counts::default()),
            Err(error) => return Err(error),
        };
        let counts = snapshot.counts().await;
        drop(snapshot);
        counts
    }

    pub async fn fingerprint(&self, lite: &Arc<Lite>) -> Result<Fingerprint> {
        let (place, held) = {
            let lite = lite.clone();
            blocking(move || lite.look(false)).await?
        };
        let Held::Server(joined) = held else {
            return blocking(move || {
                Ok(match Stamp::of(place.file())? {
                    Some(stamp) => stamp.fingerprint(),
                    None => Fingerprint("absent".to_owned()),
                })
            })
            .await;
        };
        let fingerprint = lite.graph(joined.endpoint()).fingerprint().await;
        end(Serving::Theirs(joined)).await?;
        Ok(Fingerprint(format!("open, {}", fingerprint?.0)))
    }

    pub async fn describe(&self, lite: &Arc<Lite>) -> Result<Description> {
        let (looked, held) = {
            let lite = lite.clone();
            blocking(move || {
                let (place, held) = lite.look(false)?;
                Ok((Looked::at(place)?, held))
            })
            .await?
        };
        let mut out = looked.description(&lite.graph);
        match held {
            Held::Server(joined) => {
                out.exists = true;
                out.in_use = true;
                let described = lite.graph(joined.endpoint()).describe().await;
                end(Serving::Theirs(joined)).await?;
                match described {
                    Ok(theirs) => out.counts = theirs.counts.or(Some(Counts::default())),
                    Err(error) => out.notes.push(format!("not counted: {error}")),
                }
                out.notes.push(
                    "a program has it open; it is read and written through that program's server"
                        .to_owned(),
                );
                return Ok(out);
            }
            Held::Memferry => {
                out.in_use = true;
                out.notes
                    .push("another run of memferry writes to it".to_owned());
            }
            Held::Nobody => {}
        }
        if !out.exists {
            return Ok(out);
        }
        match out.bytes.is_some_and(|bytes| bytes <= QUICK) {
            true => out.counts = Some(self.counts(lite).await?),
            false => {
                let lite = lite.clone();
                blocking(move || lite.binaries().map(drop)).await?;
            }
        }
        Ok(out)
    }
}

/// Lets go of a server, off the runtime.
async fn end(serving: Serving) -> Result<()> {
    blocking(move || {
        drop(serving);
        Ok(())
    })
    .await
}

fn no_such_graph(path: &Path, graph: &str, there: &[String]) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no graph {graph:?} in {}", path.display()),
    )
    .with("graphs there", there.join(", "))
    .remedy("Name the one you mean with the setting `graph`.")
}

/// A file as it looks from outside.
struct Looked {
    place: Place,
    rdb: Option<Rdb>,
    meta: Option<std::fs::Metadata>,
}

impl Looked {
    fn at(place: Place) -> Result<Self> {
        let Some(meta) = std::fs::metadata(place.file())
            .ok()
            .filter(|_| place.exists())
        else {
            return Ok(Self {
                place,
                rdb: None,
                meta: None,
            });
        };
        let path = place.file();
        let rdb = match meta.len() <= QUICK {
            true => opened::look_into(path)?,
            false => rdb::read_start(place::open(path)?).map_err(|e| opened::named(path, e))?,
        };
        Ok(Self {
            place,
            rdb: Some(rdb),
            meta: Some(meta),
        })
    }

    fn description(&self, graph: &str) -> Description {
        use std::os::unix::fs::MetadataExt;
        let mut out = Description {
            exists: self.place.exists(),
            layout: TITLE.to_owned(),
            bytes: self.meta.as_ref().map(std::fs::Metadata::len),
            changed_at: self.meta.as_ref().map(MetadataExt::mtime),
            facts: BTreeMap::from([("graph".to_owned(), graph.to_owned())]),
            ..Description::default()
        };
        if let Place::InFolder(_) = self.place {
            out.layout = format!("{TITLE}, folder of memorygraph for TypeScript");
        }
        let Some(rdb) = &self.rdb else { return out };
        if let Some(redis) = &rdb.redis {
            out.layout = format!("{}, Redis {redis}", out.layout);
        }
        if let Some(format) = rdb.graph_format {
            out.facts
                .insert("graph format".to_owned(), format.to_string());
        }
        let further: Vec<_> = rdb.graphs.iter().filter(|g| *g != graph).collect();
        if !further.is_empty() {
            let names: Vec<_> = further.iter().map(|name| format!("{name:?}")).collect();
            out.notes
                .push(format!("further graphs in it: {}", names.join(", ")));
        }
        let (telemetry, others): (Vec<_>, Vec<_>) =
            rdb.others.iter().partition(|k| k.starts_with("telemetry{"));
        if !telemetry.is_empty() {
            out.notes.push(
                "it holds a log of past queries, with the text of memories, deleted ones too; that does not move"
                    .to_owned(),
            );
        }
        if !others.is_empty() {
            out.notes
                .push(format!("{} further keys in it do not move", others.len()));
        }
        out
    }
}

/// A picture, and the server it comes from.
struct Picture {
    inner: Option<Box<dyn Snapshot>>,
    serving: Option<Serving>,
}

impl Picture {
    fn inner(&mut self) -> Result<&mut Box<dyn Snapshot>> {
        let after = || Error::internal("a picture was used after its end");
        self.inner.as_mut().ok_or_else(after)
    }
}

#[async_trait]
impl Snapshot for Picture {
    async fn counts(&mut self) -> Result<Counts> {
        self.inner()?.counts().await
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        self.inner()?.scan(kind, after, limit).await
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner()?.finish().await
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // The connections first, then what they lead to.
        self.inner = None;
        self.serving = None;
    }
}
