//! Pages of records, by ranges of the server's own ids: the only way whose cost does not
//! grow with the graph. Edges are found from their sources; those of a source with very
//! many, from their destinations. Ranges grow and shrink with what comes back.

use super::compact::{RawEdge, RawNode};
use super::floats::{self, Beside, Columns};
use super::names::Names;
use super::record::{self, is_plain_key, plain_key};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Record, Value};
use crate::store::protocol::cypher;
use crate::store::protocol::resp::Refusal;
use crate::store::{Cursor, Limit, Page};
use std::collections::{HashMap, VecDeque};
use std::io;

/// Bytes of one reply that ranges aim at.
const AIM: u64 = 1 << 20;

/// Bytes of one reply of which no more is kept.
const MOST_BYTES: u64 = 8 << 20;

/// Edges in one reply at most.
const MOST_EDGES: usize = 20_000;

/// Ids in a range: at first, and at most.
const FIRST_STEP: u64 = 64;
const MOST_STEP: u64 = 8_192;
/// The same where nothing was found for a while.
const MOST_EMPTY_STEP: u64 = 1 << 20;

/// Keys of ends that are remembered because they take a query each.
const MOST_ENDS: usize = 10_000;

/// Where a record stands: the id of a node; source, destination and id of an edge.
type Place = [u64; 3];

/// One kind's way through the graph.
struct Lane {
    ready: VecDeque<(Place, Record)>,
    /// What was handed out last.
    last: Option<Place>,
    /// Where the next range begins, included.
    from: Place,
    step: u64,
    /// The source whose edges are read by their destinations.
    hub: Option<u64>,
    hub_step: u64,
    done: bool,
    columns: Columns,
}

impl Lane {
    fn new(columns: Columns) -> Self {
        Self {
            ready: VecDeque::new(),
            last: None,
            from: [0; 3],
            step: FIRST_STEP,
            hub: None,
            hub_step: MOST_STEP,
            done: false,
            columns,
        }
    }

    /// Goes to behind a place.
    fn seek(&mut self, after: Option<Place>) {
        self.ready.clear();
        self.last = after;
        self.hub = None;
        self.done = false;
        self.from = match after {
            None => [0; 3],
            Some([a, b, c]) => [a, b, c.saturating_add(1)],
        };
    }
}

/// Reads a graph by pages.
pub(super) struct Scanner {
    pub(super) names: Names,
    nodes: Lane,
    edges: Lane,
    /// Behind the last id of a node.
    bound: u64,
    ends: HashMap<u64, Key>,
    canon: Canon,
}

/// What came of one range.
struct Range<T> {
    records: Vec<(T, Beside)>,
    /// What comes after each edge's record: its ends as far as they are known.
    ends: Vec<[Value; 2]>,
    /// Some of it was left in the wire.
    cut: bool,
    bytes: u64,
}

impl Scanner {
    /// From the start, with names and bounds as they are now.
    pub(super) fn new(session: &mut Session) -> Result<Self> {
        let names = Names::read(session)?;
        let mut scanner = Self {
            nodes: Lane::new(Columns::usual(&names)),
            edges: Lane::new(Columns::usual(&names)),
            names,
            bound: 0,
            ends: HashMap::new(),
            canon: Canon::new(),
        };
        scanner.find_bound(session)?;
        Ok(scanner)
    }

    fn find_bound(&mut self, session: &mut Session) -> Result<()> {
        let last = session.number(b"MATCH (n) RETURN max(ID(n))")?;
        self.bound = last.map_or(0, |last| last.saturating_add(1));
        Ok(())
    }

    /// Reads names and bounds again: a name came that was not known.
    fn refresh(&mut self, session: &mut Session) -> Result<()> {
        self.names = Names::read(session)?;
        self.find_bound(session)
    }

    /// A page of records behind a cursor.
    pub(super) fn page(
        &mut self,
        session: &mut Session,
        kind: Kind,
        after: Option<&Cursor>,
        limit: Limit,
    ) -> Result<Page> {
        let after = after.map(|cursor| place_of(kind, cursor)).transpose()?;
        if after != self.lane(kind).last {
            self.lane(kind).seek(after);
        }
        let mut page = Page::default();
        let mut bytes = 0;
        loop {
            let lane = self.lane(kind);
            while let Some((place, record)) = lane.ready.pop_front() {
                bytes += record.size();
                let full = page.records.len() >= limit.rows || bytes > limit.bytes;
                if full && !page.records.is_empty() {
                    lane.ready.push_front((place, record));
                    page.next = lane.last.map(|last| cursor_of(kind, last));
                    return Ok(page);
                }
                page.records.push(record);
                lane.last = Some(place);
            }
            if lane.done {
                return Ok(page);
            }
            match kind {
                Kind::Node => self.more_nodes(session)?,
                Kind::Relationship => self.more_edges(session)?,
            }
        }
    }

    fn lane(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Node => &mut self.nodes,
            Kind::Relationship => &mut self.edges,
        }
    }

    fn more_nodes(&mut self, session: &mut Session) -> Result<()> {
        // A cursor's place is one id and the rest counts nothing.
        let step = u64::from(self.nodes.from[2] > 0);
        let start = self.nodes.from[0].saturating_add(step);
        if start >= self.bound {
            self.nodes.done = true;
            return Ok(());
        }
        let end = start.saturating_add(self.nodes.step);
        let range = read_nodes(session, &self.names, &mut self.nodes.columns, (start, end))?;
        let Some(range) = range else { return Ok(()) };
        if range.cut && !range.records.windows(2).all(|w| w[0].0.id < w[1].0.id) {
            self.nodes.step = (self.nodes.step / 4).max(1);
            return Ok(());
        }
        let known = |(raw, _): &(RawNode, Beside)| record::node_is_known(raw, &self.names);
        if !range.records.iter().all(known) {
            return self.refresh(session);
        }
        self.nodes.from = match (range.cut, range.records.last()) {
            (true, Some((last, _))) => [last.id + 1, 0, 0],
            _ => [end, 0, 0],
        };
        adapt(&mut self.nodes.step, &range);
        let mut records = range.records;
        let names = &self.names;
        let columns = &mut self.nodes.columns;
        floats::settle(session, names, columns, Kind::Node, &mut records)?;
        for (raw, _) in records {
            let place = [raw.id, 0, 0];
            let node = record::node(raw, names, &mut self.canon).map_err(|e| odd(&e))?;
            self.nodes.ready.push_back((place, Record::Node(node)));
        }
        Ok(())
    }

    fn more_edges(&mut self, session: &mut Session) -> Result<()> {
        let [source, target, _] = self.edges.from;
        if source >= self.bound {
            self.edges.done = true;
            return Ok(());
        }
        let hub = self.edges.hub == Some(source);
        let (range, next) = match hub {
            true => {
                let end = target.saturating_add(self.edges.hub_step);
                let next = match end >= self.bound {
                    true => [source + 1, 0, 0],
                    false => [source, end, 0],
                };
                (Ask::Into(source, target, end), next)
            }
            false => {
                let end = source.saturating_add(self.edges.step);
                (Ask::From(source, end), [end, 0, 0])
            }
        };
        let found = read_edges(session, &self.names, &mut self.edges.columns, range)?;
        let Some(mut found) = found else {
            return Ok(());
        };
        let single = found.records.len() <= 1;
        if found.cut && !(hub && self.edges.hub_step == 1 && single) {
            match (hub, self.edges.step) {
                (true, _) => self.edges.hub_step = (self.edges.hub_step / 4).max(1),
                (false, 1) => (self.edges.hub, self.edges.hub_step) = (Some(source), 1_024),
                (false, _) => self.edges.step = (self.edges.step / 4).max(1),
            }
            if !(hub && self.edges.hub_step == 1 && range_is_one(range)) {
                return Ok(());
            }
            // Between two nodes there is no finer range.
            found = match read_all_edges(session, &self.names, &mut self.edges.columns, range)? {
                Some(found) => found,
                None => return Ok(()),
            };
        }
        let known = |(raw, _): &(RawEdge, Beside)| record::edge_is_known(raw, &self.names);
        if !found.records.iter().all(known) {
            return self.refresh(session);
        }
        match hub {
            true => adapt(&mut self.edges.hub_step, &found),
            false => adapt(&mut self.edges.step, &found),
        }
        let from = self.edges.from;
        self.edges.from = next;
        let (mut records, ends) = (found.records, found.ends);
        let names = &self.names;
        let columns = &mut self.edges.columns;
        floats::settle(session, names, columns, Kind::Relationship, &mut records)?;
        self.find_odd_ends(session, &records, &ends)?;
        let mut ready = Vec::with_capacity(records.len());
        for ((raw, _), [a, b]) in records.into_iter().zip(ends) {
            let place = [raw.from, raw.to, raw.id];
            if place < from {
                continue;
            }
            let ends = match (self.end(raw.from, a), self.end(raw.to, b)) {
                (Some(a), Some(b)) => (a, b),
                // Gone meanwhile: whoever watches finds out.
                _ => continue,
            };
            let record = record::edge(raw, ends, &self.names, &mut self.canon);
            ready.push((place, record.map_err(|e| odd(&e))?));
        }
        ready.sort_unstable_by_key(|(place, _)| *place);
        self.edges.ready.extend(ready);
        Ok(())
    }

    fn end(&self, id: u64, value: Value) -> Option<Key> {
        plain_key(value).or_else(|| self.ends.get(&id).cloned())
    }

    /// Keys of those ends whose id alone does not tell.
    fn find_odd_ends(
        &mut self,
        session: &mut Session,
        edges: &[(RawEdge, Beside)],
        ends: &[[Value; 2]],
    ) -> Result<()> {
        let odd: Vec<u64> = edges
            .iter()
            .zip(ends)
            .flat_map(|((raw, _), ends)| [(raw.from, &ends[0]), (raw.to, &ends[1])])
            .filter(|(_, end)| !is_plain_key(end))
            .map(|(id, _)| id)
            .collect();
        match odd.is_empty() {
            true => Ok(()),
            false => self.find_ends(session, odd),
        }
    }

    /// Forgets keys of ends, which a write may have changed.
    pub(super) fn forget_ends(&mut self) {
        self.ends.clear();
    }

    /// Keys of ends that have no id of their own, from all they hold.
    fn find_ends(&mut self, session: &mut Session, mut ids: Vec<u64>) -> Result<()> {
        ids.sort_unstable();
        ids.dedup();
        if self.ends.len() > MOST_ENDS {
            self.ends.clear();
        }
        ids.retain(|id| !self.ends.contains_key(id));
        for part in ids.chunks(256) {
            for (id, node) in nodes_by_id(session, &mut self.names, &mut self.canon, part)? {
                let Record::Node(node) = node else { continue };
                self.ends.insert(id, node.key);
            }
        }
        Ok(())
    }
}

/// Nodes by the server's own ids, in any order; those that are gone are left out.
pub(super) fn nodes_by_id(
    session: &mut Session,
    names: &mut Names,
    canon: &mut Canon,
    ids: &[u64],
) -> Result<Vec<(u64, Record)>> {
    let list: Vec<String> = ids.iter().map(u64::to_string).collect();
    let query = format!(
        "CYPHER ids=[{}] UNWIND $ids AS i MATCH (m) WHERE ID(m)=i RETURN m",
        list.join(",")
    );
    let mut raw: Vec<(RawNode, Beside)> = Vec::with_capacity(ids.len());
    session.read(query.as_bytes(), |row| {
        raw.push((row.node()?, Vec::new()));
        Ok(())
    })?;
    if !raw.iter().all(|(raw, _)| record::node_is_known(raw, names)) {
        *names = Names::read(session)?;
    }
    let mut none = Columns::default();
    floats::settle(session, names, &mut none, Kind::Node, &mut raw)?;
    let mut nodes = Vec::with_capacity(raw.len());
    for (raw, _) in raw {
        let id = raw.id;
        let node = record::node(raw, names, canon).map_err(|e| odd(&e))?;
        nodes.push((id, Record::Node(node)));
    }
    Ok(nodes)
}

/// An edge with the server's own ids of it and its ends.
pub(super) struct Found {
    pub(super) id: u64,
    pub(super) from: u64,
    pub(super) record: Record,
}

/// Edges of some sources: all, or those whose property `id` is among `keys`.
pub(super) fn edges_of(
    session: &mut Session,
    scanner: &mut Scanner,
    sources: &[u64],
    keys: Option<&[&Value]>,
) -> Result<Vec<Found>> {
    let list: Vec<String> = sources.iter().map(u64::to_string).collect();
    let mut query = format!("CYPHER s=[{}] k=[", list.join(",")).into_bytes();
    for (at, key) in keys.unwrap_or_default().iter().enumerate() {
        if at > 0 {
            query.push(b',');
        }
        // Whatever cannot be said is no key of an edge there.
        let _ = cypher::write_value(&mut query, key);
    }
    query.extend_from_slice(b"] UNWIND $s AS i MATCH (a)-[m]->(b) WHERE ID(a)=i");
    if keys.is_some() {
        query.extend_from_slice(b" AND m.id IN $k");
    }
    query.extend_from_slice(b" RETURN m, a.id, b.id");
    let mut raw: Vec<(RawEdge, Beside)> = Vec::new();
    let mut ends: Vec<[Value; 2]> = Vec::new();
    session.read(&query, |row| {
        raw.push((row.edge()?, Vec::new()));
        ends.push([row.value()?, row.value()?]);
        Ok(())
    })?;
    let known = |(raw, _): &(RawEdge, Beside)| record::edge_is_known(raw, &scanner.names);
    if !raw.iter().all(known) {
        scanner.names = Names::read(session)?;
    }
    let mut none = Columns::default();
    floats::settle(
        session,
        &scanner.names,
        &mut none,
        Kind::Relationship,
        &mut raw,
    )?;
    scanner.find_odd_ends(session, &raw, &ends)?;
    let mut found = Vec::with_capacity(raw.len());
    for ((raw, _), [a, b]) in raw.into_iter().zip(ends) {
        let (Some(a), Some(b)) = (scanner.end(raw.from, a), scanner.end(raw.to, b)) else {
            continue;
        };
        let (id, from) = (raw.id, raw.from);
        let record = record::edge(raw, (a, b), &scanner.names, &mut scanner.canon);
        let record = record.map_err(|e| odd(&e))?;
        found.push(Found { id, from, record });
    }
    Ok(found)
}

fn odd(cause: &io::Error) -> Error {
    Error::new(
        ErrorKind::Drifted,
        format!("the graph was changed while it was read: {cause}"),
    )
    .temporary()
    .remedy("Read it again.")
}

/// Lets a range grow or shrink with the bytes that came.
fn adapt<T>(step: &mut u64, range: &Range<T>) {
    *step = match (range.records.is_empty(), range.cut) {
        (true, false) => (*step * 4).min(MOST_EMPTY_STEP),
        (_, true) => (*step / 4).max(1),
        _ if range.bytes > 2 * AIM => (*step / 2).max(1),
        _ if range.bytes < AIM => (*step * 2).min(MOST_STEP),
        _ => (*step).min(MOST_STEP),
    };
}

/// Which edges.
#[derive(Clone, Copy)]
enum Ask {
    /// Of the sources from one id to below another.
    From(u64, u64),
    /// Of one source, to destinations from one id to below another.
    Into(u64, u64, u64),
}

fn range_is_one(range: Ask) -> bool {
    match range {
        Ask::From(start, end) => end - start <= 1,
        Ask::Into(_, start, end) => end - start <= 1,
    }
}

/// `None`: ask again, with other columns.
fn columns_failed<T>(
    session: &mut Session,
    columns: &mut Columns,
    done: Result<(), Refusal>,
    range: Range<T>,
) -> Result<Option<Range<T>>> {
    match done {
        Ok(()) => Ok(Some(range)),
        // A column may have met something that is no number.
        Err(refusal) if refusal.code.is_empty() && columns.guard() => Ok(None),
        Err(refusal) => Err(session.refused(&refusal)),
    }
}

fn read_nodes(
    session: &mut Session,
    names: &Names,
    columns: &mut Columns,
    (start, end): (u64, u64),
) -> Result<Option<Range<RawNode>>> {
    let mut query =
        format!("CYPHER a={start} b={end} MATCH (m) WHERE ID(m)>=$a AND ID(m)<$b RETURN m")
            .into_bytes();
    columns.write(&mut query, "m", names);
    let mut range = Range {
        records: Vec::new(),
        ends: Vec::new(),
        cut: false,
        bytes: 0,
    };
    let mut first = None;
    let done = session.try_read(&query, |row| {
        let begun = *first.get_or_insert(row.taken());
        if row.taken() - begun > MOST_BYTES && !range.records.is_empty() {
            range.cut = true;
            return Ok(());
        }
        let node = row.node()?;
        range.records.push((node, columns.read(row)?));
        range.bytes = row.taken() - begun;
        Ok(())
    })?;
    columns_failed(session, columns, done, range)
}

fn read_edges(
    session: &mut Session,
    names: &Names,
    columns: &mut Columns,
    ask: Ask,
) -> Result<Option<Range<RawEdge>>> {
    edges(session, names, columns, ask, (MOST_EDGES, MOST_BYTES))
}

/// The same whatever its size.
fn read_all_edges(
    session: &mut Session,
    names: &Names,
    columns: &mut Columns,
    ask: Ask,
) -> Result<Option<Range<RawEdge>>> {
    edges(session, names, columns, ask, (usize::MAX, u64::MAX))
}

fn edges(
    session: &mut Session,
    names: &Names,
    columns: &mut Columns,
    ask: Ask,
    (rows, bytes): (usize, u64),
) -> Result<Option<Range<RawEdge>>> {
    let mut query = match ask {
        Ask::From(start, end) => format!(
            "CYPHER a={start} b={end} MATCH (a) WHERE ID(a)>=$a AND ID(a)<$b MATCH (a)-[m]->(b) RETURN m, a.id, b.id"
        ),
        Ask::Into(source, start, end) => format!(
            "CYPHER s={source} a={start} b={end} MATCH (b) WHERE ID(b)>=$a AND ID(b)<$b MATCH (a)-[m]->(b) WHERE ID(a)=$s RETURN m, a.id, b.id"
        ),
    }
    .into_bytes();
    columns.write(&mut query, "m", names);
    if rows < usize::MAX {
        query.extend_from_slice(format!(" LIMIT {}", rows + 1).as_bytes());
    }
    let mut range = Range {
        records: Vec::new(),
        ends: Vec::new(),
        cut: false,
        bytes: 0,
    };
    let mut first = None;
    let done = session.try_read(&query, |row| {
        let begun = *first.get_or_insert(row.taken());
        let much = row.taken() - begun > bytes && !range.records.is_empty();
        if range.cut || much || range.records.len() >= rows {
            range.cut = true;
            return Ok(());
        }
        let edge = row.edge()?;
        range.ends.push([row.value()?, row.value()?]);
        range.records.push((edge, columns.read(row)?));
        range.bytes = row.taken() - begun;
        Ok(())
    })?;
    columns_failed(session, columns, done, range)
}

fn cursor_of(kind: Kind, place: Place) -> Cursor {
    let parts = match kind {
        Kind::Node => 1,
        Kind::Relationship => 3,
    };
    Cursor(
        place[..parts]
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect(),
    )
}

fn place_of(kind: Kind, cursor: &Cursor) -> Result<Place> {
    let parts = match kind {
        Kind::Node => 1,
        Kind::Relationship => 3,
    };
    let (chunks, rest) = cursor.0.as_chunks::<8>();
    if chunks.len() != parts || !rest.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            "that cursor is not from this store",
        ));
    }
    let mut place = [0; 3];
    for (to, chunk) in place.iter_mut().zip(chunks) {
        *to = u64::from_be_bytes(*chunk);
    }
    Ok(place)
}
