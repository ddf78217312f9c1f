//! Whether anything was written to a graph. A server keeps no such number for a graph, but
//! two for all: of the commands that can write, which other programs also send to read,
//! and of the changes it made, to other keys as well. Only where both went on may the
//! graph be another one.

use super::session::Session;
use super::snapshot;
use super::write::lease;
use crate::error::Result;
use crate::store::{Counts, Fingerprint};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Commands that can change a graph, as the server counts them.
const WRITING: [&str; 15] = [
    "graph.query",
    "graph.bulk",
    "graph.effect",
    "graph.restore",
    "rename",
    "renamenx",
    "restore",
    "restore-asking",
    "move",
    "copy",
    "swapdb",
    "flushdb",
    "flushall",
    "eval",
    "fcall",
];

/// What the server said at one moment.
#[derive(Clone)]
struct Told {
    /// Calls of the commands that can write.
    calls: String,
    /// Changes since the last save, and the saves; not of a replica, whose changes are made
    /// elsewhere.
    changes: Option<String>,
    counts: Counts,
}

/// A running server's number and the name of a graph.
type Place = (String, String);

/// The last answers about each graph in this process, and the fingerprint they got.
static LAST: Mutex<BTreeMap<Place, (Told, Fingerprint)>> = Mutex::new(BTreeMap::new());

/// See [`crate::store::Store::fingerprint`]. The same until the graph may have changed, in
/// this process; another process starts from the commands alone.
pub(super) fn fingerprint(session: &mut Session) -> Result<Fingerprint> {
    if !session.exists()? {
        return Ok(Fingerprint("absent".to_owned()));
    }
    let server = lease::run_id(&mut session.conn)?;
    let told = Told::by(session)?;
    let place = (server, session.graph.clone());
    let mut all = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let same = all.get(&place).filter(|(last, _)| last.is_still(&told));
    let shown = match same {
        Some((_, shown)) => shown.clone(),
        None => told.shown(&place.0),
    };
    all.insert(place, (told, shown.clone()));
    Ok(shown)
}

impl Told {
    fn by(session: &mut Session) -> Result<Self> {
        let is_primary = session.conn.hello.role == "master";
        let info: [&[u8]; 3] = [b"INFO", b"commandstats", b"persistence"];
        let info = session.conn.call(&info)?;
        let lines = || info.text().unwrap_or_default().lines();
        let calls = |name: &str| {
            lines().find_map(|line| {
                let (command, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
                let same = command.eq_ignore_ascii_case(name);
                same.then(|| rest.split(',').next().unwrap_or_default().to_owned())
            })
        };
        let value = |name: &str| {
            lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                (found == name).then(|| value.trim().to_owned())
            })
        };
        // A save sets the first back, so the others must go with it.
        let changes: Option<Vec<String>> = [
            "rdb_changes_since_last_save",
            "rdb_saves",
            "rdb_last_save_time",
        ]
        .into_iter()
        .map(value)
        .collect();
        let calls: Vec<String> = WRITING
            .iter()
            .map(|name| calls(name).unwrap_or_default())
            .collect();
        Ok(Self {
            calls: calls.join("/"),
            changes: changes.filter(|_| is_primary).map(|c| c.join("/")),
            counts: snapshot::count(session)?,
        })
    }

    /// Whether nothing can have been written to the graph in between.
    fn is_still(&self, later: &Self) -> bool {
        let unchanged = self.changes.is_some() && self.changes == later.changes;
        self.counts == later.counts && (unchanged || self.calls == later.calls)
    }

    fn shown(&self, server: &str) -> Fingerprint {
        let Counts {
            memories,
            other_nodes,
            relationships,
        } = self.counts;
        let calls = &self.calls;
        Fingerprint(format!(
            "{server} {calls} {memories}+{other_nodes}+{relationships}"
        ))
    }
}
