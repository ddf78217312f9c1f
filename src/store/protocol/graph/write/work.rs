//! Making the changes of a batch. A graph of our own is changed directly, by the fastest
//! way there is; one that others use, between WATCH and EXEC, so that whatever they do in
//! between makes us look again.

use super::super::record::{Stored, stored};
use super::super::scan::Scanner;
use super::super::session::Session;
use super::bulk::{self, Item};
use super::flat::Flats;
use super::known::{There, ask_totals, take_totals};
use super::places::{Places, short};
use super::plan::{Planned, Step};
use super::ready::Ready;
use super::statements::{self, Statement};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Record, Text};
use crate::store::protocol::resp::Reply;
use crate::store::{Applied, Batch, Change};

/// Times that a batch is planned anew because somebody else wrote meanwhile.
const ATTEMPTS: u32 = 20;

/// A graph being written.
pub(super) struct Work {
    pub(super) session: Session,
    pub(super) scanner: Scanner,
    pub(super) canon: Canon,
    pub(super) nodes: Places,
    /// Read when first needed.
    pub(super) edges: Option<Places>,
    /// Others may write, too.
    pub(super) shared: bool,
    pub(super) watching: bool,
    /// Nodes and edges that the graph must have, if nobody else wrote.
    pub(super) counts: [u64; 2],
    /// Hashes of the keys of the batch at hand.
    pub(super) hashes: Vec<u64>,
    /// Records of the batch at hand that are plain, by kind.
    pub(super) flats: [Flats; 2],
    /// The bulk form may be used: nothing was ever removed, so ids are given in order.
    pub(super) bulk: bool,
    /// Replies to bulk loads that are still to come.
    awaited: usize,
}

impl Work {
    /// On a graph of our own that holds nothing, or on one that others use.
    pub(super) fn new(mut session: Session, shared: bool) -> Result<Self> {
        let scanner = Scanner::new(&mut session)?;
        let mut work = Self {
            bulk: !shared && bulk::is_known(session.module),
            session,
            scanner,
            canon: Canon::new(),
            nodes: Places::default(),
            edges: None,
            shared,
            watching: false,
            counts: [0; 2],
            hashes: Vec::new(),
            flats: Default::default(),
            awaited: 0,
        };
        if shared {
            work.learn()?;
        } else {
            work.edges = Some(Places::default());
        }
        Ok(work)
    }

    /// Makes the changes of a batch, from what was made ready of it if that is all it takes.
    pub(super) fn apply(&mut self, batch: &Batch, ready: Option<Ready>) -> Result<Applied> {
        if let Some(ready) = ready
            && let Some(applied) = self.add(ready)?
        {
            return Ok(applied);
        }
        for _ in 0..ATTEMPTS {
            self.refresh()?;
            let steps = match self.plan(&batch.changes)? {
                Ok(steps) => steps,
                Err(conflicts) => return Ok(Applied::Conflict(conflicts)),
            };
            if steps.is_empty() {
                return Ok(Applied::Done);
            }
            match self.perform(&batch.changes, steps)? {
                Some(applied) => return Ok(applied),
                // Somebody wrote in between.
                None => continue,
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "others write to the graph without a pause",
        )
        .remedy("Stop them for the time of the run, then repeat the command."))
    }

    /// Does what was planned; `None` if others wrote in between and the rest must be
    /// planned anew.
    fn perform(&mut self, changes: &[Change], steps: Vec<Planned>) -> Result<Option<Applied>> {
        let replaced: Vec<(u64, u64)> = match changes.iter().any(|c| c.kind == Kind::Relationship) {
            true => self.replaced(changes, &steps)?,
            false => Vec::new(),
        };
        if let Some(unfinished) = self.do_nodes(&steps, &replaced)? {
            return Ok(unfinished);
        }
        self.do_edges(&steps)
    }

    /// Edges that go because another takes their place: source and id.
    fn replaced(&mut self, changes: &[Change], steps: &[Planned]) -> Result<Vec<(u64, u64)>> {
        let keys: Vec<Key> = steps
            .iter()
            .filter(|(number, step)| {
                matches!(step, Step::AddEdge(..)) && changes[*number].before.is_some()
            })
            .map(|(number, _)| changes[*number].key.clone())
            .collect();
        let there = self.look_up(Kind::Relationship, &keys)?;
        Ok(there
            .into_iter()
            .flatten()
            .map(|t| (t.from, t.id))
            .collect())
    }

    /// Removals, then nodes. `Some` if that is the end of it.
    fn do_nodes(
        &mut self,
        steps: &[Planned],
        replaced: &[(u64, u64)],
    ) -> Result<Option<Option<Applied>>> {
        let mut out: Vec<Statement> = Vec::new();
        let mut edges: Vec<(u64, u64)> = replaced.to_vec();
        let (mut nodes, mut changed, mut added) = (Vec::new(), Vec::new(), Vec::new());
        let mut relabelled = Vec::new();
        for (number, step) in steps {
            match step {
                Step::RemoveEdge(there) => edges.push((there.from, there.id)),
                Step::RemoveNode(there) => nodes.push(there.id),
                Step::ChangeNode(there, new) => {
                    changed.push((there.id, new));
                    relabelled.extend(labels_between(there, new, &mut self.canon)?);
                }
                Step::AddNode(new) => added.push((*number, new)),
                Step::AddEdge(..) | Step::ChangeEdge(..) | Step::Load(_) => {}
            }
        }
        out.extend(statements::remove_edges(&edges));
        out.extend(statements::remove_nodes(&nodes));
        out.extend(statements::change_nodes(&changed)?);
        out.extend(relabelled);
        let mut created: Vec<(usize, u64)> = Vec::with_capacity(added.len());
        let by_bulk = self.bulk && !added.is_empty() && added.len() > 8;
        let (bulky, rest): (Vec<_>, Vec<_>) = added
            .into_iter()
            .partition(|(_, new)| by_bulk && bulk::takes(new));
        let first = out.len();
        out.extend(statements::create_nodes(&rest)?);
        match self.run(&out)? {
            Ran::Conflict => return Ok(Some(None)),
            Ran::Unknown => return Ok(Some(Some(Applied::Unknown))),
            Ran::Done(answers) => {
                for (statement, ids) in out[first..].iter().zip(&answers[first..]) {
                    if statement.rows.len() != ids.len() {
                        return Err(Error::internal("the server made another number of nodes"));
                    }
                    created.extend(statement.rows.iter().copied().zip(ids.iter().copied()));
                }
            }
        }
        if !bulky.is_empty() {
            let items: Vec<Item<'_>> = bulky.iter().map(|(n, new)| (*n, None, *new)).collect();
            // Numbers in order, those just made by queries included.
            let start = self.counts[0] + created.len() as u64;
            let order = self.load(&items, Kind::Node)?;
            created.extend(order.into_iter().zip(start..));
        }
        if steps
            .iter()
            .any(|(_, step)| matches!(step, Step::Load(None)))
        {
            let start = self.counts[0] + created.len() as u64;
            let order = self.load_flats(Kind::Node)?;
            created.extend(order.into_iter().zip(start..));
        }
        for (_, step) in steps {
            match step {
                Step::RemoveNode(there) => {
                    self.nodes.remove(short(Kind::Node, there.record.key()))?;
                }
                Step::RemoveEdge(there) => {
                    if let Some(edges) = &mut self.edges {
                        edges.remove(short(Kind::Relationship, there.record.key()))?;
                    }
                }
                _ => {}
            }
        }
        self.counts[0] = self.counts[0] + created.len() as u64 - nodes.len() as u64;
        self.counts[1] -= edges.len() as u64;
        for (number, id) in created {
            self.nodes.set(self.hashes[number], id)?;
        }
        Ok(None)
    }

    fn do_edges(&mut self, steps: &[Planned]) -> Result<Option<Applied>> {
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        for (number, step) in steps {
            match step {
                Step::ChangeEdge(there, new) => changed.push((there.from, there.id, new)),
                Step::AddEdge(new, ends) => {
                    let ends = [self.nodes.get(ends[0])?, self.nodes.get(ends[1])?];
                    let [Some(from), Some(to)] = ends else {
                        return Err(Error::internal("an end of a relationship is gone"));
                    };
                    added.push((*number, from, to, new));
                }
                _ => {}
            }
        }
        let loaded: Vec<(usize, u64)> = steps
            .iter()
            .filter_map(|(number, step)| match step {
                Step::Load(Some(from)) => Some((*number, *from)),
                _ => None,
            })
            .collect();
        if !loaded.is_empty() {
            self.load_flats(Kind::Relationship)?;
        }
        if changed.is_empty() && added.is_empty() && loaded.is_empty() {
            return Ok(Some(Applied::Done));
        }
        let mut out = statements::change_edges(&changed)?;
        let by_bulk = self.bulk && added.len() > 8;
        let mut sources = loaded;
        sources.extend(added.iter().map(|(n, from, ..)| (*n, *from)));
        let (bulky, rest): (Vec<_>, Vec<_>) = added
            .into_iter()
            .partition(|(.., new)| by_bulk && bulk::takes(new));
        out.extend(statements::create_edges(&rest)?);
        match self.run(&out)? {
            Ran::Conflict => return Ok(None),
            Ran::Unknown => return Ok(Some(Applied::Unknown)),
            Ran::Done(_) => {}
        }
        if !bulky.is_empty() {
            let items: Vec<Item<'_>> = bulky
                .iter()
                .map(|(n, from, to, new)| (*n, Some((*from, *to)), *new))
                .collect();
            self.load(&items, Kind::Relationship)?;
        }
        self.counts[1] += sources.len() as u64;
        if let Some(edges) = &mut self.edges {
            for (number, from) in sources {
                edges.set(self.hashes[number], from)?;
            }
        }
        Ok(Some(Applied::Done))
    }

    /// Takes the replies that are still to come. Whatever fails here has spoilt the graph,
    /// which is of our own and seen by nobody.
    pub(super) fn settle(&mut self) -> Result<()> {
        while self.awaited > 0 {
            self.awaited -= 1;
            if let Err(refusal) = self.session.conn.read()? {
                return Err(self.session.conn.refused(&refusal));
            }
        }
        Ok(())
    }

    /// Loads records that were made to fit.
    fn load(&mut self, items: &[Item<'_>], kind: Kind) -> Result<Vec<usize>> {
        let load = bulk::load(items);
        let blobs: Vec<&[u8]> = load.blobs.iter().map(Vec::as_slice).collect();
        self.settle()?;
        send(&mut self.session, &blobs, items.len(), kind)?;
        self.awaited += 1;
        Ok(load.order)
    }

    /// Loads those that were plain.
    fn load_flats(&mut self, kind: Kind) -> Result<Vec<usize>> {
        self.settle()?;
        let (blobs, rows) = self.flats[kind as usize].loads();
        send(&mut self.session, &blobs, rows.len(), kind)?;
        self.awaited += 1;
        Ok(rows)
    }

    /// Runs statements: in one step that others cannot get between, where there are
    /// others.
    pub(super) fn run(&mut self, statements: &[Statement]) -> Result<Ran> {
        if statements.is_empty() {
            return Ok(Ran::Done(Vec::new()));
        }
        self.settle()?;
        if !self.shared {
            let mut answers = Vec::with_capacity(statements.len());
            for statement in statements {
                let mut ids = Vec::new();
                self.session.write(&statement.text, |row| {
                    ids.push(row.id()?);
                    Ok(())
                })?;
                answers.push(ids);
            }
            return Ok(Ran::Done(answers));
        }
        self.run_watched(statements)
    }

    /// The same in one step that others cannot get between. What does not depend on an
    /// answer travels before it is awaited.
    fn run_watched(&mut self, statements: &[Statement]) -> Result<Ran> {
        // Bulk loads pass unwatched, but not uncounted.
        ask_totals(&mut self.session)?;
        self.session.conn.send(&[b"MULTI"])?;
        let totals = take_totals(&mut self.session)?;
        if let Err(refusal) = self.session.conn.read()? {
            return Err(self.session.refused(&refusal));
        }
        let mut refused = totals.as_ref().err().cloned();
        if totals == Ok(self.counts) {
            for statement in statements {
                self.session.send(b"GRAPH.QUERY", &statement.text)?;
            }
            for _ in statements {
                if let Err(refusal) = self.session.conn.read()? {
                    refused.get_or_insert(refusal);
                }
            }
        }
        if refused.is_some() || totals != Ok(self.counts) {
            // The watch ends with it.
            self.watching = false;
            let _ = self.session.conn.ask(&[b"DISCARD"]);
            return match refused {
                Some(refusal) => Err(self.session.refused(&refusal)),
                None => Ok(Ran::Conflict),
            };
        }
        // From here on the server may have done it, whatever we hear.
        self.watching = false;
        let graph = self.session.graph.clone();
        let conn = &mut self.session.conn;
        let sent = conn
            .send(&[b"EXEC"])
            // What we made ourselves is no sign of others; what came before this is counted.
            .and_then(|()| conn.send(&[b"WATCH", graph.as_bytes()]));
        let Ok(answer) = sent.and_then(|()| conn.read()) else {
            return Ok(Ran::Unknown);
        };
        let watched = conn.read()?;
        let reply = match answer {
            Ok(reply) => reply,
            Err(refusal) => {
                let _ = conn.ask(&[b"UNWATCH"]);
                return Err(self.session.refused(&refusal));
            }
        };
        let Some(replies) = reply.list() else {
            conn.call(&[b"UNWATCH"])?;
            return Ok(Ran::Conflict);
        };
        match watched {
            Ok(_) => self.watching = true,
            Err(refusal) => return Err(self.session.refused(&refusal)),
        }
        let mut answers = Vec::with_capacity(replies.len());
        for reply in replies {
            if let Reply::Refused(refusal) = reply {
                self.counts = [u64::MAX; 2];
                return Err(self.session.refused(refusal));
            }
            answers.push(ids_of(reply));
        }
        Ok(Ran::Done(answers))
    }
}

/// Sends a bulk load into a graph of our own. The server is at it when this returns: the
/// next load is made meanwhile.
fn send(session: &mut Session, blobs: &[&[u8]], records: usize, kind: Kind) -> Result<()> {
    let records = records.to_string();
    let count = blobs.len().to_string();
    let (records, count) = (records.as_bytes(), count.as_bytes());
    let graph = session.graph.clone();
    let mut parts: Vec<&[u8]> = vec![b"GRAPH.BULK", graph.as_bytes()];
    parts.extend(match kind {
        Kind::Node => [records, b"0", count, b"0"],
        Kind::Relationship => [b"0", records, b"0", count],
    });
    parts.extend(blobs);
    session.conn.send(&parts)
}

/// What became of statements.
pub(super) enum Ran {
    /// Done, with the ids that each answered.
    Done(Vec<Vec<u64>>),
    /// Nothing was done: somebody wrote in between.
    Conflict,
    /// No answer.
    Unknown,
}

/// The ids in the first column of a compact reply.
fn ids_of(reply: &Reply) -> Vec<u64> {
    let rows = match reply.list() {
        Some([_, rows, _]) => rows.list().unwrap_or_default(),
        _ => &[],
    };
    let id = |row: &Reply| row.list()?.first()?.list()?.get(1)?.int();
    rows.iter()
        .filter_map(id)
        .filter_map(|id| u64::try_from(id).ok())
        .collect()
}

/// Statements that give a node its new labels.
fn labels_between(there: &There, new: &Stored, canon: &mut Canon) -> Result<Vec<Statement>> {
    let old = match stored(&there.record, canon) {
        Ok(old) => old.names,
        Err(_) => match &there.record {
            Record::Node(n) => n.labels.clone(),
            Record::Relationship(_) => Vec::new(),
        },
    };
    let only_in = |a: &[Text], b: &[Text]| -> Vec<Text> {
        a.iter()
            .filter(|label| !b.contains(label))
            .cloned()
            .collect()
    };
    let (gone, come) = (only_in(&old, &new.names), only_in(&new.names, &old));
    Ok(statements::relabel(there.id, &gone, &come))
}
