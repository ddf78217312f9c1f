//! The documentation is true: tables are made from what the program itself uses, tests
//! and files that are named exist. `MEMFERRY_UPDATE_DOCS=1` writes the tables anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use memferry::model::equal;
use memferry::store::{Descriptor, Shape, WriteMode, registry};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What stands between two markers.
fn between<'a>(text: &'a str, name: &str) -> &'a str {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (_, rest) = text.split_once(&begin).expect("the first marker");
    rest.split_once(&end).expect("the second marker").0
}

fn holds(path: &str, name: &str, table: &str) {
    let text = read(path);
    let old = between(&text, name);
    if old == table {
        return;
    }
    assert!(
        std::env::var_os("MEMFERRY_UPDATE_DOCS").is_some(),
        "the table {name:?} of {path} is out of date: run with MEMFERRY_UPDATE_DOCS=1\n{table}"
    );
    let new = text.replace(
        &format!("<!-- {name} -->\n{old}"),
        &format!("<!-- {name} -->\n{table}"),
    );
    std::fs::write(root().join(path), new).expect("the file");
}

fn stores() -> String {
    let mut table =
        "| store | address | read | written | what it is |\n|---|---|---|---|---|\n".to_owned();
    for store in registry::STORES {
        table += &row(store);
    }
    table
}

fn row(store: &Descriptor) -> String {
    let scheme = store.schemes[0];
    let mut address = match store.shape {
        Shape::Server => format!("`{scheme}://HOST:PORT`"),
        _ => format!("`{scheme}:PATH`"),
    };
    let endings: Vec<_> = store.extensions.iter().map(|e| format!("`.{e}`")).collect();
    if !endings.is_empty() {
        address += &format!(" or {}", endings.join(", "));
    }
    let modes = store.capabilities.modes.iter().map(|mode| match mode {
        WriteMode::Aside => "aside",
        WriteMode::Transaction => "transaction",
        WriteMode::Journal => "journal",
    });
    let modes: Vec<_> = modes.collect();
    format!(
        "| {} | {address} | {} | {} | {} |\n",
        store.title,
        if store.source { "yes" } else { "no" },
        if store.target {
            modes.join(", ")
        } else {
            "no".into()
        },
        store.summary
    )
}

#[test]
fn the_tables_of_stores_are_current() {
    holds("README.md", "stores", &stores());
    holds("docs/stores.md", "stores", &stores());
}

#[test]
fn the_table_of_equivalences_is_current() {
    let mut table = "| name | the same |\n|---|---|\n".to_owned();
    for rule in equal::TABLE {
        table += &format!("| `{}` | {} |\n", rule.name, rule.rule);
    }
    holds("docs/verification.md", "equal", &table);
}

#[test]
fn the_keys_of_the_wizard_are_current() {
    holds(
        "docs/wizard.md",
        "keys",
        &memferry::tui::keymap::Keymap::default().markdown(),
    );
}

/// All of the sources below these folders.
fn sources(folders: &[&str]) -> String {
    fn collect(dir: &Path, out: &mut String) {
        for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("docs.rs") {
                *out += &std::fs::read_to_string(&path).expect("a file");
            }
        }
    }
    let mut out = String::new();
    for folder in folders {
        collect(&root().join(folder), &mut out);
    }
    out
}

#[test]
fn every_test_that_a_claim_names_exists() {
    let readme = read("README.md");
    let code = sources(&["src", "tests"]);
    let rows: Vec<_> = between(&readme, "claims").lines().skip(2).collect();
    assert!(rows.len() >= 10);
    for row in rows {
        let name = row.rsplit('`').nth(1).expect("a test's name");
        assert!(
            code.contains(&format!("fn {name}(")),
            "no test is called {name}"
        );
    }
}

#[test]
fn every_loss_of_the_engine_is_documented_and_no_other() {
    let text = read("docs/verification.md");
    let table = between(&text, "losses");
    let documented: Vec<_> = (table.lines().skip(2))
        .map(|row| row.split('`').nth(1).expect("a name"))
        .collect();
    let code = sources(&["src/engine"]);
    for name in &documented {
        let literal = format!("\"{}\"", name.replace("FIELD", "{field}"));
        assert!(code.contains(&literal), "the engine knows no loss {name}");
    }
    // A loss is counted by `lose(NAME, …)` or `lose_many(NAME, …)`.
    for call in code.split(".lose").skip(1) {
        let arguments = call.trim_start_matches("_many").trim_start_matches('(');
        let Some(name) = arguments.trim_start().strip_prefix('"') else {
            continue;
        };
        let name = name.split('"').next().expect("a name");
        assert!(documented.contains(&name), "{name} is not documented");
    }
}

#[test]
fn every_file_that_is_linked_exists() {
    let mut files = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    let docs = std::fs::read_dir(root().join("docs")).expect("the folder");
    files.extend(docs.flatten().map(|e| e.path()));
    for file in files
        .iter()
        .filter(|f| f.extension().is_some_and(|e| e == "md"))
    {
        let text = std::fs::read_to_string(file).expect("a file");
        for link in text.split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap_or_default();
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let target = file.parent().expect("a folder").join(link);
            assert!(target.exists(), "{}: {link}", file.display());
        }
    }
}

#[test]
fn the_documentation_is_short() {
    let docs = std::fs::read_dir(root().join("docs")).expect("the folder");
    let pages = docs
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "md"));
    // The table of keys is looked things up in, not read.
    let words = |text: String| {
        let prose = text
            .split("<!-- keys -->")
            .next()
            .unwrap_or_default()
            .to_owned();
        prose.split_whitespace().filter(|w| *w != "|").count()
    };
    let words: usize = pages
        .map(|e| words(std::fs::read_to_string(e.path()).expect("a file")))
        .sum();
    // Ten pages of about 500 words, half a page for the wizard, a little for each store.
    let limit = 4_650 + 150 * registry::STORES.len();
    assert!(words < limit, "{words} words");
}
