//! Finding and changing records of one graph. A batch is looked at before any of it is
//! done. A graph of our own is changed directly; one that others use, between WATCH and
//! EXEC, so that whatever they do in between makes us look again.

use super::super::record::{Stored, stored};
use super::super::scan::{Scanner, edges_of, nodes_by_id};
use super::super::session::Session;
use super::super::snapshot::count;
use super::bulk::{self, Item};
use super::places::{Places, short};
use super::statements::{self, Statement};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Digest, Key, Kind, Record, Text, Value};
use crate::store::protocol::resp::Reply;
use crate::store::{Applied, Batch, Change};
use std::collections::{HashMap, HashSet};

/// Times that a batch is planned anew because somebody else wrote meanwhile.
const ATTEMPTS: u32 = 20;

/// Ids of nodes whose keys are read at once.
const STRETCH: u64 = 20_000;

/// A record that is there.
#[derive(Clone)]
struct There {
    id: u64,
    /// The source of an edge.
    from: u64,
    record: Record,
}

/// What is done to one record.
enum Step {
    AddNode(Stored),
    AddEdge(Stored, Key, Key),
    ChangeNode(There, Stored),
    ChangeEdge(There, Stored),
    RemoveNode(There),
    RemoveEdge(There),
}

/// A step and the change it is of.
type Planned = (usize, Step);

/// A graph being written.
pub(super) struct Work {
    pub(super) session: Session,
    scanner: Scanner,
    canon: Canon,
    nodes: Places,
    /// Read when first needed.
    edges: Option<Places>,
    /// Others may write, too.
    shared: bool,
    watching: bool,
    /// Nodes and edges that the graph must have, if nobody else wrote.
    counts: [u64; 2],
    /// The bulk form may be used, and ids are given in order.
    bulk: bool,
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
        };
        if shared {
            work.learn()?;
        } else {
            work.edges = Some(Places::default());
        }
        Ok(work)
    }

    /// Reads anew where everything is.
    fn learn(&mut self) -> Result<()> {
        if !self.watching {
            self.session.watch()?;
            self.watching = true;
        }
        self.counts = totals(&mut self.session)?;
        self.nodes = Places::default();
        self.edges = None;
        self.scanner.forget_ends();
        let bound = self.session.number(b"MATCH (n) RETURN max(ID(n))")?;
        let mut odd = Vec::new();
        for start in (0..bound.map_or(0, |b| b + 1)).step_by(STRETCH as usize) {
            let query = format!(
                "CYPHER a={start} b={} MATCH (n) WHERE ID(n)>=$a AND ID(n)<$b RETURN ID(n), n.id",
                start + STRETCH
            );
            let mut found: Vec<(u64, Value)> = Vec::new();
            self.session.read(query.as_bytes(), |row| {
                found.push((row.id()?, row.value()?));
                Ok(())
            })?;
            for (id, value) in found {
                match super::super::record::plain_key(value) {
                    Some(key) => self.nodes.meet(short(Kind::Node, &key), id)?,
                    None => odd.push(id),
                }
            }
        }
        for part in odd.chunks(256) {
            let names = &mut self.scanner.names;
            for (id, node) in nodes_by_id(&mut self.session, names, &mut self.canon, part)? {
                self.nodes.meet(short(Kind::Node, node.key()), id)?;
            }
        }
        Ok(())
    }

    /// Where edges are, read if that is not known.
    fn learn_edges(&mut self) -> Result<()> {
        if self.edges.is_some() {
            return Ok(());
        }
        let mut edges = Places::default();
        let bound = self.session.number(b"MATCH (n) RETURN max(ID(n))")?;
        let mut odd = HashSet::new();
        for start in (0..bound.map_or(0, |b| b + 1)).step_by(STRETCH as usize / 4) {
            let query = format!(
                "CYPHER a={start} b={} MATCH (a) WHERE ID(a)>=$a AND ID(a)<$b MATCH (a)-[e]->() RETURN ID(a), e.id",
                start + STRETCH / 4
            );
            let mut found: Vec<(u64, Value)> = Vec::new();
            self.session.read(query.as_bytes(), |row| {
                found.push((row.id()?, row.value()?));
                Ok(())
            })?;
            for (from, value) in found {
                match super::super::record::plain_key(value) {
                    Some(key) => edges.meet(short(Kind::Relationship, &key), from)?,
                    None => {
                        odd.insert(from);
                    }
                }
            }
        }
        let odd: Vec<u64> = odd.into_iter().collect();
        for part in odd.chunks(64) {
            for found in edges_of(&mut self.session, &mut self.scanner, part, None)? {
                if let Record::Relationship(r) = &found.record
                    && !has_plain_id(&found.record)
                {
                    edges.meet(short(Kind::Relationship, &r.key), found.from)?;
                }
            }
        }
        self.edges = Some(edges);
        Ok(())
    }

    /// Makes sure that what is known of the graph still holds, and watches it.
    fn refresh(&mut self) -> Result<()> {
        if !self.shared {
            return Ok(());
        }
        let held = self.watching && {
            self.watching = false;
            self.session.unchanged()?
        };
        self.session.watch()?;
        self.watching = true;
        match held && totals(&mut self.session)? == self.counts {
            true => Ok(()),
            false => self.learn(),
        }
    }

    /// The records with these keys, in the order asked.
    pub(super) fn find(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.refresh()?;
        let there = self.look_up(kind, keys)?;
        Ok(there.into_iter().map(|t| t.map(|t| t.record)).collect())
    }

    fn look_up(&mut self, kind: Kind, keys: &[Key]) -> Result<Vec<Option<There>>> {
        let mut by_key: HashMap<[u8; 16], There> = HashMap::new();
        match kind {
            Kind::Node => {
                let ids: Vec<u64> = keys
                    .iter()
                    .filter_map(|key| self.nodes.get(short(kind, key)))
                    .collect();
                for part in ids.chunks(256) {
                    let names = &mut self.scanner.names;
                    let found = nodes_by_id(&mut self.session, names, &mut self.canon, part)?;
                    for (id, record) in found {
                        let hash = Canon::key_hash(kind, record.key());
                        let from = 0;
                        by_key.insert(hash, There { id, from, record });
                    }
                }
            }
            Kind::Relationship => self.look_up_edges(keys, &mut by_key)?,
        }
        let found = |key: &Key| by_key.get(&Canon::key_hash(kind, key)).cloned();
        Ok(keys.iter().map(found).collect())
    }

    fn look_up_edges(&mut self, keys: &[Key], to: &mut HashMap<[u8; 16], There>) -> Result<()> {
        let kind = Kind::Relationship;
        if keys.is_empty() {
            return Ok(());
        }
        self.learn_edges()?;
        let Some(edges) = &self.edges else {
            return Ok(());
        };
        let (mut plain, mut other) = (Vec::new(), Vec::new());
        for key in keys {
            let Some(from) = edges.get(short(kind, key)) else {
                continue;
            };
            match key {
                Key::Id(value) if !looks_derived(value) => plain.push((from, value)),
                _ => other.push(from),
            }
        }
        let mut take = |found: Vec<super::super::scan::Found>| {
            for f in found {
                let hash = Canon::key_hash(kind, f.record.key());
                to.insert(
                    hash,
                    There {
                        id: f.id,
                        from: f.from,
                        record: f.record,
                    },
                );
            }
        };
        plain.sort_by_key(|(from, _)| *from);
        for part in plain.chunks(256) {
            let mut sources: Vec<u64> = part.iter().map(|(from, _)| *from).collect();
            sources.dedup();
            let values: Vec<&Value> = part.iter().map(|(_, value)| *value).collect();
            let found = edges_of(
                &mut self.session,
                &mut self.scanner,
                &sources,
                Some(&values),
            )?;
            take(found);
        }
        other.sort_unstable();
        other.dedup();
        for part in other.chunks(16) {
            take(edges_of(&mut self.session, &mut self.scanner, part, None)?);
        }
        Ok(())
    }

    /// Makes the changes of a batch.
    pub(super) fn apply(&mut self, batch: &Batch) -> Result<Applied> {
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

    /// What is to do, or the changes that meet something else.
    fn plan(&mut self, changes: &[Change]) -> Result<Result<Vec<Planned>, Vec<usize>>> {
        let mut now: Vec<Option<There>> = vec![None; changes.len()];
        for kind in Kind::BOTH {
            if kind == Kind::Relationship && changes.iter().any(|c| c.kind == kind) {
                self.learn_edges()?;
            }
            let places = match kind {
                Kind::Node => Some(&self.nodes),
                Kind::Relationship => self.edges.as_ref(),
            };
            let Some(places) = places else { continue };
            let mut at = Vec::new();
            for (number, change) in changes.iter().enumerate() {
                let hash = short(kind, &change.key);
                if change.kind != kind || places.get(hash).is_none() {
                    continue;
                }
                if places.is_repeated(hash) {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "several records of the graph have the same id",
                    )
                    .with("id", change.key.display())
                    .remedy("Give them ids of their own, or leave that record out."));
                }
                at.push(number);
            }
            let keys: Vec<Key> = at.iter().map(|n| changes[*n].key.clone()).collect();
            for (number, there) in at.into_iter().zip(self.look_up(kind, &keys)?) {
                now[number] = there;
            }
        }
        let (mut steps, mut conflicts) = (Vec::new(), Vec::new());
        for (number, (change, now)) in changes.iter().zip(now).enumerate() {
            let is = now.as_ref().map(|now| self.canon.digest(&now.record));
            if fits(change.before.as_ref(), is.as_ref()) {
                if let Some(step) = self.step(change, now)? {
                    steps.push((number, step));
                }
                continue;
            }
            let after = change.after.as_ref().map(|after| self.canon.digest(after));
            if !fits(after.as_ref(), is.as_ref()) {
                conflicts.push(number);
            }
        }
        if conflicts.is_empty() {
            self.check_ends(changes, &steps)?;
            conflicts = self.held(&steps)?;
        }
        Ok(match conflicts.is_empty() {
            true => Ok(steps),
            false => Err(conflicts),
        })
    }

    fn step(&mut self, change: &Change, now: Option<There>) -> Result<Option<Step>> {
        let Some(after) = &change.after else {
            return Ok(now.map(|there| match change.kind {
                Kind::Node => Step::RemoveNode(there),
                Kind::Relationship => Step::RemoveEdge(there),
            }));
        };
        let new = stored(after, &mut self.canon)?;
        Ok(Some(match (now, after) {
            (None, Record::Node(_)) => Step::AddNode(new),
            (None, Record::Relationship(r)) => Step::AddEdge(new, r.from.clone(), r.to.clone()),
            (Some(there), Record::Node(_)) => Step::ChangeNode(there, new),
            (Some(there), Record::Relationship(r)) => match &there.record {
                Record::Relationship(old)
                    if old.from == r.from && old.to == r.to && old.rel_type == r.rel_type =>
                {
                    Step::ChangeEdge(there, new)
                }
                // An edge cannot be moved: it goes, and another comes.
                _ => Step::AddEdge(new, r.from.clone(), r.to.clone()),
            },
        }))
    }

    /// Every new edge needs its ends.
    fn check_ends(&self, changes: &[Change], steps: &[Planned]) -> Result<()> {
        let mut come = HashSet::new();
        let mut gone = HashSet::new();
        for (number, step) in steps {
            let hash = short(Kind::Node, &changes[*number].key);
            match step {
                Step::AddNode(_) => come.insert(hash),
                Step::RemoveNode(_) => gone.insert(hash),
                _ => false,
            };
        }
        for (_, step) in steps {
            let Step::AddEdge(_, from, to) = step else {
                continue;
            };
            for end in [from, to] {
                let hash = short(Kind::Node, end);
                let there = self.nodes.get(hash).is_some() && !gone.contains(&hash);
                if !there && !come.contains(&hash) {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        "a graph server holds no relationship without both its ends",
                    )
                    .with("end", end.display())
                    .remedy("Leave such relationships out, or move the missing nodes, too."));
                }
            }
        }
        Ok(())
    }

    /// Nodes that cannot go because edges would go with them that are not to.
    fn held(&mut self, steps: &[Planned]) -> Result<Vec<usize>> {
        let doomed: Vec<(usize, u64)> = steps
            .iter()
            .filter_map(|(number, step)| match step {
                Step::RemoveNode(there) => Some((*number, there.id)),
                _ => None,
            })
            .collect();
        if doomed.is_empty() {
            return Ok(Vec::new());
        }
        let going: HashSet<u64> = steps
            .iter()
            .filter_map(|(_, step)| match step {
                Step::RemoveEdge(there) => Some(there.id),
                _ => None,
            })
            .collect();
        let mut held = Vec::new();
        for part in doomed.chunks(500) {
            let list: Vec<String> = part.iter().map(|(_, id)| id.to_string()).collect();
            let query = format!(
                "CYPHER ids=[{}] UNWIND $ids AS i MATCH (n)-[e]-() WHERE ID(n)=i RETURN i, ID(e)",
                list.join(",")
            );
            let mut hold = HashSet::new();
            self.session.read(query.as_bytes(), |row| {
                let (node, edge) = (row.id()?, row.id()?);
                if !going.contains(&edge) {
                    hold.insert(node);
                }
                Ok(())
            })?;
            let mut numbers: Vec<usize> = part
                .iter()
                .filter(|(_, id)| hold.contains(id))
                .map(|(number, _)| *number)
                .collect();
            held.append(&mut numbers);
        }
        Ok(held)
    }

    /// Does what was planned; `None` if others wrote in between and the rest must be
    /// planned anew.
    fn perform(&mut self, changes: &[Change], steps: Vec<Planned>) -> Result<Option<Applied>> {
        let removing = steps
            .iter()
            .any(|(_, s)| matches!(s, Step::RemoveNode(_) | Step::RemoveEdge(_)));
        if removing {
            // Ids that are free again are given first.
            self.bulk = false;
        }
        let replaced: Vec<(u64, u64)> = match changes.iter().any(|c| c.kind == Kind::Relationship) {
            true => self.replaced(changes, &steps)?,
            false => Vec::new(),
        };
        if let Some(unfinished) = self.do_nodes(changes, &steps, &replaced)? {
            return Ok(unfinished);
        }
        self.do_edges(changes, &steps)
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
        if !keys.is_empty() {
            self.bulk = false;
        }
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
        changes: &[Change],
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
                Step::AddEdge(..) | Step::ChangeEdge(..) => {}
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
            // Nothing was ever removed, so ids are numbers in order.
            let start = self
                .session
                .number(b"MATCH (n) RETURN count(n)")?
                .unwrap_or(0);
            let order = self.load(&items, Kind::Node)?;
            created.extend(order.into_iter().zip(start..));
        }
        for (_, step) in steps {
            match step {
                Step::RemoveNode(there) => {
                    self.nodes.remove(short(Kind::Node, there.record.key()));
                }
                Step::RemoveEdge(there) => {
                    if let Some(edges) = &mut self.edges {
                        edges.remove(short(Kind::Relationship, there.record.key()));
                    }
                }
                _ => {}
            }
        }
        self.counts[0] = self.counts[0] + created.len() as u64 - nodes.len() as u64;
        self.counts[1] -= edges.len() as u64;
        for (number, id) in created {
            self.nodes
                .set(short(Kind::Node, &changes[number].key), id)?;
        }
        Ok(None)
    }

    fn do_edges(&mut self, changes: &[Change], steps: &[Planned]) -> Result<Option<Applied>> {
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        for (number, step) in steps {
            match step {
                Step::ChangeEdge(there, new) => changed.push((there.from, there.id, new)),
                Step::AddEdge(new, from, to) => {
                    let ends = [from, to].map(|end| self.nodes.get(short(Kind::Node, end)));
                    let [Some(from), Some(to)] = ends else {
                        return Err(Error::internal("an end of a relationship is gone"));
                    };
                    added.push((*number, from, to, new));
                }
                _ => {}
            }
        }
        if changed.is_empty() && added.is_empty() {
            return Ok(Some(Applied::Done));
        }
        // Removals and nodes were done in a step of their own.
        if self.shared && totals(&mut self.session)? != self.counts {
            return Ok(None);
        }
        let mut out = statements::change_edges(&changed)?;
        let by_bulk = self.bulk && added.len() > 8;
        let sources: Vec<(usize, u64)> = added.iter().map(|(n, from, ..)| (*n, *from)).collect();
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
                edges.set(short(Kind::Relationship, &changes[number].key), from)?;
            }
        }
        Ok(Some(Applied::Done))
    }

    /// Loads records in the bulk form into a graph of our own.
    fn load(&mut self, items: &[Item<'_>], kind: Kind) -> Result<Vec<usize>> {
        let load = bulk::load(items);
        let n = items.len().to_string();
        let blobs = load.blobs.len().to_string();
        let (n, blobs) = (n.as_bytes(), blobs.as_bytes());
        let graph = self.session.graph.clone();
        let mut parts: Vec<&[u8]> = vec![b"GRAPH.BULK", graph.as_bytes()];
        parts.extend(match kind {
            Kind::Node => [n, b"0", blobs, b"0"],
            Kind::Relationship => [b"0", n, b"0", blobs],
        });
        parts.extend(load.blobs.iter().map(Vec::as_slice));
        self.session.conn.call(&parts)?;
        Ok(load.order)
    }

    /// Runs statements: in one step that others cannot get between, where there are
    /// others.
    fn run(&mut self, statements: &[Statement]) -> Result<Ran> {
        if statements.is_empty() {
            return Ok(Ran::Done(Vec::new()));
        }
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
        self.session.conn.call(&[b"MULTI"])?;
        let graph = self.session.graph.clone();
        for statement in statements {
            let query: [&[u8]; 4] = [
                b"GRAPH.QUERY",
                graph.as_bytes(),
                &statement.text,
                b"--compact",
            ];
            if let Err(refusal) = self.session.conn.ask(&query)? {
                let _ = self.session.conn.ask(&[b"DISCARD"]);
                self.watching = false;
                return Err(self.session.refused(&refusal));
            }
        }
        // From here on the server may have done it, whatever we hear.
        self.watching = false;
        let reply = match self.session.conn.ask(&[b"EXEC"]) {
            Ok(Ok(reply)) => reply,
            Ok(Err(refusal)) => return Err(self.session.refused(&refusal)),
            Err(_) => return Ok(Ran::Unknown),
        };
        let Some(replies) = reply.list() else {
            return Ok(Ran::Conflict);
        };
        // What we made ourselves is no sign of others; what came before this is counted.
        self.session.watch()?;
        self.watching = true;
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

/// What became of statements.
enum Ran {
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

fn totals(session: &mut Session) -> Result<[u64; 2]> {
    let counts = count(session)?;
    Ok(Kind::BOTH.map(|kind| counts.of(kind)))
}

fn fits(expected: Option<&Digest>, found: Option<&Digest>) -> bool {
    match (expected, found) {
        (None, None) => true,
        (Some(a), Some(b)) => a.matches(b),
        _ => false,
    }
}

fn has_plain_id(record: &Record) -> bool {
    matches!(record.key(), Key::Id(_))
}

/// Whether an id has the form of one that was made from content.
fn looks_derived(id: &Value) -> bool {
    id.as_str().is_some_and(|text| text.starts_with('~'))
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
