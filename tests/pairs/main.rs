//! Every store to every other and back: moved, verified in full, moved back, and held
//! against where it began. What comes out is the matrix in the README, printed here and
//! written there with MEMFERRY_UPDATE_DOCS=1.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/falkordb.rs"]
mod falkordb;

use memferry::engine::{self, Ask, Home, Options, Plan, Stores, Verify};
use memferry::model::{Canon, Kind};
use memferry::report::{Outcome, Report};
use memferry::store::{Address, Consistency, Limit, Store, registry};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The stores of the matrix, in its order.
const KINDS: [&str; 4] = ["sqlite", "falkordb", "archive", "json"];

/// The stores that memorygraph filled: one with everything that is hard, one of many.
const ORIGINS: [&str; 2] = ["adversarial-200.db", "plain-1500.db"];

struct Bench {
    dir: tempfile::TempDir,
    server: Option<falkordb::Server>,
    next: AtomicU32,
}

impl Bench {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            server: Some(falkordb::Server::start(&[])),
            next: AtomicU32::new(0),
        }
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A place of that kind where nothing is yet.
    fn place(&self, kind: &str) -> Arc<dyn Store> {
        let descriptor = registry::find(kind).unwrap();
        let n = self.number();
        let address = match kind {
            "falkordb" => {
                let socket = self.server.as_ref().unwrap().socket();
                Address::new(descriptor)
                    .set("name", &format!("graph {n}"))
                    .and_then(|a| a.set("socket", socket.to_str().unwrap()))
            }
            _ => {
                let ending = descriptor.extensions.first().unwrap_or(&"db");
                Address::file(descriptor, &self.path(&format!("store {n}.{ending}")))
            }
        };
        registry::open(&address.unwrap()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Moves everything, accepting exactly the losses that are forecast. Verified in full.
    async fn migrate(&self, source: &Arc<dyn Store>, target: &Arc<dyn Store>) -> Report {
        let mut plan = Plan::new(source.address(), target.address());
        plan.write.verify = Verify::Full;
        let first = self.run(&plan, source, target).await;
        if first.outcome == Outcome::Done {
            return first;
        }
        assert_eq!(first.outcome, Outcome::Refused, "{}", first.summary);
        assert!(!first.losses.is_empty(), "{}", first.summary);
        assert!(!target.describe().await.unwrap().exists);
        plan.losses.accept = first.losses.iter().map(|l| l.name.clone()).collect();
        let second = self.run(&plan, source, target).await;
        assert_eq!(second.outcome, Outcome::Done, "{}", second.summary);
        let named = |report: &Report| -> BTreeMap<String, u64> {
            let losses = report.losses.iter();
            losses.map(|l| (l.name.clone(), l.records)).collect()
        };
        assert_eq!(named(&first), named(&second), "the forecast is kept");
        second
    }

    async fn run(&self, plan: &Plan, source: &Arc<dyn Store>, target: &Arc<dyn Store>) -> Report {
        let stores = Stores {
            source: source.clone(),
            target: target.clone(),
        };
        let options = Options {
            home: Home::new(self.path(&format!("state {}", self.number()))),
            ask: Ask::Never,
            restart: false,
            source_copy: false,
        };
        let handle = engine::start(plan.clone(), stores, options).await.unwrap();
        let report = handle.report().await.unwrap();
        if report.outcome == Outcome::Done {
            let verified = report.verification.as_ref().expect("it was verified");
            assert!(verified.identical() && verified.level == "full");
        }
        report
    }

    /// There and back; what the cell of the matrix says.
    async fn pair(&self, from: &Arc<dyn Store>, to: &str) -> String {
        let there = self.place(to);
        let back = self.place(from.address().kind());
        let went = self.migrate(from, &there).await;
        let came = self.migrate(&there, &back).await;
        assert_eq!(
            came.losses.len(),
            0,
            "the way back loses nothing: {}",
            came.summary
        );
        let (before, after) = (content(from).await, content(&back).await);
        let lost: u64 = went.losses.iter().map(|l| l.records).sum();
        assert!(after.keys().all(|key| before.contains_key(key)));
        let same = |(key, digest): &(&Key, &[u8; 32])| after.get(*key) == Some(*digest);
        let changed = before.len() - before.iter().filter(same).count();
        let what = &went.losses;
        assert_eq!(
            changed as u64, lost,
            "what differs is what was named: {what:?}"
        );
        match went.losses.as_slice() {
            [] => "identical".to_owned(),
            losses => losses
                .iter()
                .map(|l| format!("`{}` {}", l.name, l.records))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

type Key = (Kind, [u8; 16]);

/// What a store holds, by key, as every kind of store can be compared. (What only a
/// store with rows keeps, and memorygraph never reads, is not in the others.)
async fn content(store: &Arc<dyn Store>) -> BTreeMap<Key, [u8; 32]> {
    let mut snapshot = store.snapshot(Consistency::InPlace).await.unwrap();
    let (mut canon, mut all) = (Canon::new(), BTreeMap::new());
    for kind in Kind::BOTH {
        let mut after = None;
        loop {
            let page = snapshot
                .scan(kind, after.as_ref(), Limit::PAGE)
                .await
                .unwrap();
            assert!(page.unreadable.is_empty());
            for record in &page.records {
                let key = (kind, Canon::key_hash(kind, record.key()));
                let before = all.insert(key, canon.digest(record).core);
                assert!(before.is_none(), "{} comes twice", record.key().display());
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    snapshot.finish().await.unwrap();
    all
}

fn real(name: &str) -> PathBuf {
    let stores = std::env::var("MEMFERRY_TEST_STORES")
        .expect("MEMFERRY_TEST_STORES names the real stores; use tests/run");
    Path::new(&stores).join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_store_to_every_store_and_back() {
    let bench = Bench::new();
    let mut table = "| from, to and back |".to_owned();
    let titles = KINDS.map(|kind| registry::find(kind).unwrap().title);
    for title in titles {
        table += &format!(" {title} |");
    }
    table += &format!("\n|---|{}\n", "---|".repeat(KINDS.len()));
    for (from, title) in KINDS.iter().zip(titles) {
        let mut cells = vec![String::new(); KINDS.len()];
        for origin in ORIGINS {
            let copy = bench.path(&format!("origin {}.db", bench.number()));
            std::fs::copy(real(origin), &copy).unwrap();
            let sqlite = Address::file(registry::find("sqlite").unwrap(), &copy).unwrap();
            let mut start = registry::open(&sqlite).unwrap();
            if *from != "sqlite" {
                let filled = bench.place(from);
                bench.migrate(&start, &filled).await;
                start = filled;
            }
            for (cell, to) in cells.iter_mut().zip(KINDS) {
                let said = bench.pair(&start, to).await;
                println!("{origin}: {from} -> {to} -> {from}: {said}");
                if said != "identical" || cell.is_empty() {
                    *cell = said;
                }
            }
        }
        table += &format!("| {title} | {} |\n", cells.join(" | "));
    }
    println!("{table}");
    held_in_the_readme(&table);
}

/// The matrix of the README is the one that came out.
fn held_in_the_readme(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- pairs -->\n", "<!-- /pairs -->");
    let (front, rest) = text.split_once(begin).expect("the first marker");
    let (old, back) = rest.split_once(end).expect("the second marker");
    if old == table {
        return;
    }
    assert!(
        std::env::var_os("MEMFERRY_UPDATE_DOCS").is_some(),
        "the matrix of the README is out of date: run with MEMFERRY_UPDATE_DOCS=1"
    );
    std::fs::write(&path, format!("{front}{begin}{table}{end}{back}")).unwrap();
}
