//! What the tests of the engine share: stores filled by hand, a temporary home, and one
//! call from a plan to its report.

use memferry::engine::{self, Ask, Handle, Home, Options, Plan, RunFolder, Stores, Tally};
use memferry::model::{Key, Kind, Map, Node, Properties, Record, Relationship, Row, Text, Value};
use memferry::report::{Outcome, Report};
use memferry::store::reference::{Manners, Place};
use memferry::store::{Address, Store, WriteMode, registry};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub const ASIDE: &[WriteMode] = &[WriteMode::Aside, WriteMode::Transaction];
pub const TRANSACTION: &[WriteMode] = &[WriteMode::Transaction];
pub const JOURNAL: &[WriteMode] = &[WriteMode::Journal];
/// Built aside when new, changed batch by batch when not.
pub const BOTH: &[WriteMode] = &[WriteMode::Aside, WriteMode::Journal];
pub const MODES: [&[WriteMode]; 4] = [ASIDE, TRANSACTION, JOURNAL, BOTH];

/// A home of its own, and what is removed with it.
pub struct Bench {
    pub dir: tempfile::TempDir,
    pub home: Home,
    ticks: Option<tokio::task::JoinHandle<()>>,
}

/// One in which the clock, which must be stopped, runs a thousand times faster: patience
/// costs no time. It would stand still by itself while a blocking thread waits.
pub fn bench() -> Bench {
    let (tick, mut ticks) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        while tick.blocking_send(()).is_ok() {
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    let ticks = tokio::spawn(async move {
        while ticks.recv().await.is_some() {
            tokio::time::advance(Duration::from_millis(200)).await;
        }
    });
    let mut bench = real_time();
    bench.ticks = Some(ticks);
    bench
}

/// In memory where there is such a place: nothing here depends on a disk, and a run
/// waits for it often.
pub fn real_time() -> Bench {
    let memory = Path::new("/dev/shm");
    let dir = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let dir = dir.unwrap();
    let home = Home::new(dir.path().join("state"));
    let ticks = None;
    Bench { dir, home, ticks }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(ticks) = self.ticks.take() {
            ticks.abort();
        }
    }
}

/// A place under a name that no other test has.
pub fn place(manners: Manners) -> Place {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("place-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Place::new(&name, manners).unwrap()
}

pub fn source(records: impl IntoIterator<Item = Record>) -> Place {
    filled(&[], records)
}

pub fn filled(modes: &'static [WriteMode], records: impl IntoIterator<Item = Record>) -> Place {
    let place = place(Manners::new(modes));
    fill(&place, records);
    place
}

pub fn fill(place: &Place, records: impl IntoIterator<Item = Record>) {
    place.create();
    for record in records {
        place.put(record).unwrap();
    }
}

/// Properties as memorygraph's SQLite keeps them.
pub fn stored(json: &str) -> Properties {
    Properties::Stored(Value::text(json))
}

pub fn node(id: &str, json: &str) -> Record {
    Record::Node(Node {
        key: Key::text(id),
        labels: vec!["Memory".into()],
        properties: stored(json),
        row: Row::default(),
    })
}

/// A memory that memorygraph would have written.
pub fn memory(n: usize) -> Record {
    memory_as(n, "solution", "2026-01-01T00:00:00+00:00", "as it was")
}

pub fn memory_as(n: usize, kind: &str, updated_at: &str, content: &str) -> Record {
    let id = id(n);
    node(
        &id,
        &format!(
            r#"{{"id": "{id}", "type": "{kind}", "title": "Title {n}", "content": "{content}", "tags": ["t{}"], "importance": 0.5, "updated_at": "{updated_at}"}}"#,
            n % 3
        ),
    )
}

pub fn id(n: usize) -> String {
    format!("m{n:05}")
}

pub fn link(n: usize, from: &str, to: &str) -> Record {
    link_as(n, from, to, "RELATED_TO", "2026-01-01T00:00:00+00:00")
}

pub fn link_as(n: usize, from: &str, to: &str, rel_type: &str, recorded_at: &str) -> Record {
    Record::Relationship(Relationship {
        key: Key::text(format!("r{n:05}")),
        from: Key::text(from),
        to: Key::text(to),
        rel_type: rel_type.into(),
        properties: stored(&format!(
            r#"{{"strength": 0.5, "context": null, "recorded_at": "{recorded_at}"}}"#
        )),
        row: Row::default(),
    })
}

/// So many memories, and as many relationships between neighbours.
pub fn chain(count: usize) -> Vec<Record> {
    let nodes = (0..count).map(memory);
    let links = (0..count).map(|n| link(n, &id(n), &id((n + 1) % count)));
    nodes.chain(links).collect()
}

pub fn typed(pairs: &[(&str, Value)]) -> Properties {
    let pairs = pairs.iter().map(|(k, v)| (Text::from(*k), v.clone()));
    Properties::Typed(Map::from_pairs(pairs.collect()))
}

pub fn tally(nodes: u64, relationships: u64) -> Tally {
    Tally {
        nodes,
        relationships,
    }
}

pub fn file(kind: &str, path: &Path) -> Arc<dyn Store> {
    let descriptor = registry::find(kind).unwrap();
    registry::open(&Address::file(descriptor, path).unwrap()).unwrap()
}

/// Tells content from content; `None` if the store is not there.
pub async fn digest(store: &Arc<dyn Store>) -> Option<String> {
    match store.describe().await.unwrap().exists {
        true => Some(engine::inspect(store.clone()).await.unwrap().content_digest),
        false => None,
    }
}

pub fn stores(source: &Place, target: &Place) -> Stores {
    Stores {
        source: source.store(),
        target: target.store(),
    }
}

pub fn plan(stores: &Stores) -> Plan {
    Plan::new(stores.source.address(), stores.target.address())
}

impl Bench {
    pub fn options(&self) -> Options {
        Options {
            home: self.home.clone(),
            ask: Ask::Never,
            restart: false,
            source_copy: false,
        }
    }

    pub async fn start(&self, plan: &Plan, stores: &Stores) -> Handle {
        engine::start(plan.clone(), stores.clone(), self.options())
            .await
            .unwrap()
    }

    pub async fn run(&self, plan: &Plan, stores: &Stores) -> Report {
        self.start(plan, stores).await.report().await.unwrap()
    }

    pub async fn migrate(&self, source: &Place, target: &Place) -> Report {
        let stores = stores(source, target);
        self.run(&plan(&stores), &stores).await
    }

    pub async fn roll_back(&self, run: &str, target: &Arc<dyn Store>) -> Report {
        let run = self.folder(run);
        let handle = engine::rollback(&run, target.clone(), self.options()).await;
        handle.unwrap().report().await.unwrap()
    }

    pub fn folder(&self, run: &str) -> RunFolder {
        self.home.run(run).unwrap()
    }
}

#[track_caller]
pub fn ended(report: &Report, outcome: Outcome) {
    let verified = report.verification.as_ref().map(|v| {
        let mut keys: Vec<_> = v.differences.iter().map(|d| (d.mark, &d.key)).collect();
        keys.truncate(10);
        (v.same, keys)
    });
    assert_eq!(
        report.outcome, outcome,
        "{}\nfailure: {:?}\nwarnings: {:?}\nverified: {verified:?}\nrollback: {:?}",
        report.summary, report.failure, report.warnings, report.rollback
    );
}

/// Ids of what a place holds, in order.
pub fn ids(place: &Place, kind: Kind) -> Vec<String> {
    let records = place.records(kind);
    records.iter().map(|r| r.key().display()).collect()
}
