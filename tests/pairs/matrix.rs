//! What was lost on the way from each kind to each, as a table.

use crate::place::{CONTENTS, KINDS, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

#[derive(Default)]
pub struct Matrix(Mutex<BTreeMap<(&'static str, &'static str), Cell>>);

#[derive(Default)]
struct Cell {
    moved: usize,
    losses: BTreeSet<String>,
}

impl Matrix {
    /// One store went from one kind to another and back.
    pub fn note(&self, from: Kind, to: Kind, losses: Vec<String>) {
        let mut cells = self.0.lock().unwrap();
        let cell = cells.entry((from.name(), to.name())).or_default();
        cell.moved += 1;
        cell.losses.extend(losses);
    }

    /// Whether every pair moved every store.
    pub fn is_whole(&self) -> bool {
        let cells = self.0.lock().unwrap();
        let whole = cells.values().filter(|cell| cell.moved == CONTENTS.len());
        whole.count() == KINDS.len() * KINDS.len()
    }

    /// As Markdown.
    pub fn table(&self) -> String {
        let cells = self.0.lock().unwrap();
        let titles = KINDS.map(Kind::title).join(" | ");
        let mut out = format!(
            "| from \\ to | {titles} |\n|{}\n",
            "---|".repeat(KINDS.len() + 1)
        );
        for from in KINDS {
            let row = KINDS.map(|to| match &cells[&(from.name(), to.name())].losses {
                none if none.is_empty() => "same".to_owned(),
                losses => {
                    let names: Vec<_> = losses.iter().map(|name| format!("`{name}`")).collect();
                    names.join(", ")
                }
            });
            out += &format!("| {} | {} |\n", from.title(), row.join(" | "));
        }
        out
    }

    /// The README shows this table; `MEMFERRY_UPDATE_DOCS=1` puts it there.
    pub fn is_in_the_readme(&self) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let (begin, end) = ("<!-- pairs -->\n", "<!-- /pairs -->");
        let (before, rest) = text.split_once(begin).expect("the first marker");
        let (old, after) = rest.split_once(end).expect("the second marker");
        let table = self.table();
        if old == table {
            return;
        }
        assert!(
            std::env::var_os("MEMFERRY_UPDATE_DOCS").is_some(),
            "the README's matrix is out of date: run with MEMFERRY_UPDATE_DOCS=1"
        );
        std::fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    }
}
