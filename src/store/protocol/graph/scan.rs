//! Pages of records, by ranges of the server's own ids: the only way whose cost does not
//! grow with the graph. Edges are found from their sources; those of a source with very
//! many, from their destinations. Ranges grow and shrink with what comes back.

use super::ahead::{Ask, Line, Range, Raw, Wire, read_all};
use super::compact::{RawEdge, RawNode};
use super::ends::Ends;
use super::floats::{self, Beside, Columns};
use super::names::Names;
use super::pick::nodes_by_id;
use super::record::{self, plain_key};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Canon, Key, Kind, Record, Value};
use crate::store::protocol::cypher;
use crate::store::protocol::resp::Refusal;
use crate::store::{Cursor, Limit, Page};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;

/// Bytes of one reply that ranges aim at.
const AIM: u64 = 768 << 10;

/// How long the server may be at one range: nobody can write meanwhile.
const MOST_TIME: Duration = Duration::from_millis(100);

/// Ranges that are asked for at once: one is taken apart while the server is at the next.
/// What it has ready beyond that waits there, falls out of the caches, and is dearer.
const AHEAD: usize = 2;

/// Ids in a range: at first, and at most.
const FIRST_STEP: u64 = 64;
const MOST_STEP: u64 = 8_192;
/// The same where nothing was found for a while.
const MOST_EMPTY_STEP: u64 = 1 << 20;

/// Types whose edges are put in order one by one (see [`Scanner::settle_edges`]).
const MOST_TYPES: usize = 64;

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
    asked_nodes: Line<RawNode>,
    asked_edges: Line<RawEdge>,
    wire: Wire,
    /// Behind the last id of a node.
    bound: u64,
    /// Whether edges can be read without a long wait.
    settled: bool,
    /// Keys of all nodes that were read.
    known: Ends,
    /// Those of ends that had to be asked for.
    ends: HashMap<u64, Key>,
    pub(super) canon: Canon,
}

impl Scanner {
    /// From the start, with names and bounds as they are now.
    pub(super) fn new(session: &mut Session) -> Result<Self> {
        let names = Names::read(session)?;
        let mut scanner = Self {
            nodes: Lane::new(Columns::usual(Kind::Node, &names)),
            edges: Lane::new(Columns::usual(Kind::Relationship, &names)),
            names,
            asked_nodes: Line::default(),
            asked_edges: Line::default(),
            wire: Wire::default(),
            bound: 0,
            settled: false,
            known: Ends::default(),
            ends: HashMap::new(),
            canon: Canon::new(),
        };
        scanner.find_bound(session)?;
        Ok(scanner)
    }

    fn find_bound(&mut self, session: &mut Session) -> Result<()> {
        self.bound = session.bound()?;
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
        match kind {
            Kind::Node => self.asked_edges.calm(&mut self.wire, &self.names)?,
            Kind::Relationship => {
                self.asked_nodes.calm(&mut self.wire, &self.names)?;
                self.settle_edges(session)?;
            }
        }
        let mut page = Page::default();
        let mut bytes = 0;
        loop {
            let lane = self.lane(kind);
            let room = limit.rows.saturating_sub(page.records.len());
            page.records.reserve(lane.ready.len().min(room));
            while let Some((place, record)) = lane.ready.pop_front() {
                bytes += record.footprint();
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

    /// Edges that were just loaded are put in order by the server when they are first asked
    /// for: of all types at once, unless each is asked for by itself. Half a million edges
    /// of six types kept it busy for a quarter of a second.
    fn settle_edges(&mut self, session: &mut Session) -> Result<()> {
        let types = &self.names.types;
        if std::mem::replace(&mut self.settled, true) || types.len() > MOST_TYPES {
            return Ok(());
        }
        for name in types.iter().filter(|name| cypher::name_fits(name)) {
            let mut query = b"MATCH (a) WHERE ID(a)=0 MATCH (a)-[m:".to_vec();
            cypher::write_name(&mut query, name);
            query.extend_from_slice(b"]->() RETURN ID(m) LIMIT 1");
            session.read(&query, |row| row.value().map(drop))?;
        }
        Ok(())
    }

    fn lane(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Node => &mut self.nodes,
            Kind::Relationship => &mut self.edges,
        }
    }

    /// Takes in what is under way.
    pub(super) fn calm(&mut self) -> Result<()> {
        self.asked_nodes.calm(&mut self.wire, &self.names)?;
        self.asked_edges.calm(&mut self.wire, &self.names)
    }

    fn more_nodes(&mut self, session: &mut Session) -> Result<()> {
        // A cursor's place is one id and the rest counts nothing.
        let step = u64::from(self.nodes.from[2] > 0);
        let start = self.nodes.from[0].saturating_add(step);
        if start >= self.bound {
            self.nodes.done = true;
            return self.asked_nodes.forget(&mut self.wire);
        }
        let (lane, line) = (&mut self.nodes, &mut self.asked_nodes);
        let wire = &mut self.wire;
        let ask = |start| Ask::Nodes(start, start.saturating_add(lane.step));
        let end = look_ahead(
            line,
            (wire, session),
            (start, self.bound),
            ask,
            (&lane.columns, &self.names),
        )?;
        let range = match line.next(wire, &self.names)? {
            Some(came) => columns_failed((wire, session), line, &mut lane.columns, came)?,
            None => None,
        };
        let Some(range) = range else { return Ok(()) };
        if range.cut && !range.records.windows(2).all(|w| w[0].0.id < w[1].0.id) {
            lane.step = (lane.step / 4).max(1);
            return line.forget(wire);
        }
        let known = |(raw, _): &(RawNode, Beside)| record::node_is_known(raw, &self.names);
        if !range.records.iter().all(known) {
            line.forget(wire)?;
            return self.refresh(session);
        }
        lane.from = match (range.cut, range.records.last()) {
            (true, Some((last, _))) => [last.id + 1, 0, 0],
            _ => [end, 0, 0],
        };
        adapt(&mut lane.step, &range);
        let mut records = range.records;
        let left = floats::told(&self.names, &mut lane.columns, &mut records);
        if !left.is_empty() {
            floats::ask_for(session, &self.names, Kind::Node, &mut records, &left)?;
        }
        self.known.cover(start, self.nodes.from[0]);
        for (raw, _) in records {
            let place = [raw.id, 0, 0];
            let node = record::node(raw, &self.names, &mut self.canon).map_err(|e| odd(&e))?;
            self.known.put(place[0], &node.key, self.bound);
            self.nodes.ready.push_back((place, Record::Node(node)));
        }
        Ok(())
    }

    fn more_edges(&mut self, session: &mut Session) -> Result<()> {
        let [source, target, _] = self.edges.from;
        if source >= self.bound {
            self.edges.done = true;
            return self.asked_edges.forget(&mut self.wire);
        }
        let (lane, line) = (&mut self.edges, &mut self.asked_edges);
        lane.columns.ends = !self.known.know(self.bound);
        let wire = &mut self.wire;
        let hub = lane.hub == Some(source);
        let beside = (&lane.columns, &self.names);
        let (asked, next) = match hub {
            true => {
                let end = target.saturating_add(lane.hub_step);
                let next = match end >= self.bound {
                    true => [source + 1, 0, 0],
                    false => [source, end, 0],
                };
                let ask = Ask::Into(source, target, end);
                line.forget(wire)?;
                line.ask((wire, session), ask, beside)?;
                (ask, next)
            }
            false => {
                let ask = |start| Ask::From(start, start.saturating_add(lane.step));
                let end = look_ahead(line, (wire, session), (source, self.bound), ask, beside)?;
                (Ask::From(source, end), [end, 0, 0])
            }
        };
        let found = match line.next(wire, &self.names)? {
            Some(came) => columns_failed((wire, session), line, &mut lane.columns, came)?,
            None => None,
        };
        let Some(mut found) = found else {
            return Ok(());
        };
        let single = found.records.len() <= 1;
        if found.cut && !(hub && lane.hub_step == 1 && single) {
            line.forget(wire)?;
            match (hub, asked.is_one()) {
                (true, _) => lane.hub_step = (lane.hub_step / 4).max(1),
                (false, true) => (lane.hub, lane.hub_step) = (Some(source), 1_024),
                (false, false) => lane.step = (lane.step / 4).max(1),
            }
            if !(hub && lane.hub_step == 1 && asked.is_one()) {
                return Ok(());
            }
            // Between two nodes there is no finer range.
            let came = read_all(session, asked, &lane.columns, &self.names)?;
            found = match columns_failed((wire, session), line, &mut lane.columns, came)? {
                Some(found) => found,
                None => return Ok(()),
            };
        }
        let known = |(raw, _): &(RawEdge, Beside)| record::edge_is_known(raw, &self.names);
        if !found.records.iter().all(known) {
            line.forget(wire)?;
            return self.refresh(session);
        }
        match hub {
            true => adapt(&mut lane.hub_step, &found),
            false => adapt(&mut lane.step, &found),
        }
        let from = lane.from;
        lane.from = next;
        let (mut records, ends) = (found.records, found.ends);
        let left = floats::told(&self.names, &mut lane.columns, &mut records);
        if !left.is_empty() {
            let kind = Kind::Relationship;
            floats::ask_for(session, &self.names, kind, &mut records, &left)?;
        }
        let keys = self.keys_of_ends(session, &records, ends)?;
        let mut ready = Vec::with_capacity(records.len());
        for ((raw, _), keys) in records.into_iter().zip(keys) {
            let place = [raw.from, raw.to, raw.id];
            if place < from {
                continue;
            }
            // Gone meanwhile: whoever watches finds out.
            let Some(ends) = keys else { continue };
            let record = record::edge(raw, ends, &self.names, &mut self.canon);
            ready.push((place, record.map_err(|e| odd(&e))?));
        }
        ready.sort_unstable_by_key(|(place, _)| *place);
        self.edges.ready.extend(ready);
        Ok(())
    }

    /// The keys of edges' ends: from what these say, if they were asked, or from what is
    /// known of the nodes; `None` where an end is gone.
    pub(super) fn keys_of_ends(
        &mut self,
        session: &mut Session,
        edges: &[(RawEdge, Beside)],
        said: Option<Vec<[Value; 2]>>,
    ) -> Result<Vec<Option<(Key, Key)>>> {
        let ids = edges.iter().map(|(raw, _)| [raw.from, raw.to]);
        let mut keys: Vec<[Option<Key>; 2]> = match said {
            Some(said) => said.into_iter().map(|ends| ends.map(plain_key)).collect(),
            None => (ids.clone().map(|ids| ids.map(|id| self.known.get(id)))).collect(),
        };
        let odd: Vec<u64> = ids
            .clone()
            .flatten()
            .zip(keys.iter().flatten())
            .filter(|(_, key)| key.is_none())
            .map(|(id, _)| id)
            .collect();
        if !odd.is_empty() {
            self.find_ends(session, odd)?;
            for (id, key) in ids.flatten().zip(keys.iter_mut().flatten()) {
                if key.is_none() {
                    *key = self.ends.get(&id).cloned();
                }
            }
        }
        Ok(keys.into_iter().map(|[a, b]| a.zip(b)).collect())
    }

    /// Forgets keys of ends, which a write may have changed.
    pub(super) fn forget_ends(&mut self) {
        self.ends.clear();
        self.known = Ends::default();
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

pub(super) fn odd(cause: &io::Error) -> Error {
    Error::new(
        ErrorKind::Drifted,
        format!("the graph was changed while it was read: {cause}"),
    )
    .temporary()
    .remedy("Read it again.")
}

/// Makes sure that the range from a place on is asked for, and those behind it, below the
/// bound. Tells where the first of them ends.
fn look_ahead<T: Raw>(
    line: &mut Line<T>,
    (wire, session): (&mut Wire, &Session),
    (start, bound): (u64, u64),
    ask: impl Fn(u64) -> Ask,
    beside: (&Columns, &Names),
) -> Result<u64> {
    let first = match line.front() {
        // A range whose step has changed meanwhile is as good.
        Some(front) if same_way(front, ask(start)) => front,
        _ => {
            line.forget(wire)?;
            line.ask((wire, session), ask(start), beside)?;
            ask(start)
        }
    };
    let (_, end) = first.ids();
    let (_, mut behind) = line.back().unwrap_or(first).ids();
    while line.len() < AHEAD && behind < bound {
        line.ask((wire, session), ask(behind), beside)?;
        (_, behind) = ask(behind).ids();
    }
    Ok(end)
}

/// Whether two ranges begin at one place and are walked alike.
fn same_way(a: Ask, b: Ask) -> bool {
    a.ids().0 == b.ids().0 && std::mem::discriminant(&a) == std::mem::discriminant(&b)
}

/// `None`: ask again, with other columns.
fn columns_failed<T: Raw>(
    (wire, session): (&mut Wire, &mut Session),
    line: &mut Line<T>,
    columns: &mut Columns,
    came: Result<Range<T>, Refusal>,
) -> Result<Option<Range<T>>> {
    match came {
        Ok(range) => Ok(Some(range)),
        Err(refusal) => {
            line.forget(wire)?;
            // A column may have met something that is no number.
            match refusal.code.is_empty() && columns.guard() {
                true => Ok(None),
                false => Err(session.refused(&refusal)),
            }
        }
    }
}

/// Lets a range grow or shrink with the bytes that came and the time it took.
fn adapt<T>(step: &mut u64, range: &Range<T>) {
    *step = match (range.records.is_empty(), range.cut) {
        (true, false) => (*step * 4).min(MOST_EMPTY_STEP),
        (_, true) => (*step / 4).max(1),
        _ if range.bytes > 2 * AIM || range.took > MOST_TIME => (*step / 2).max(1),
        _ if range.bytes < AIM && range.took * 3 < MOST_TIME => (*step * 2).min(MOST_STEP),
        _ => (*step).min(MOST_STEP),
    };
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
