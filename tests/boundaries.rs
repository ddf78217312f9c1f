//! What the architecture forbids, held against the sources themselves.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, by its path from the crate's root, with its text.
fn sources(below: &str) -> Vec<(String, String)> {
    fn collect(folder: &Path, to: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, to);
            } else if path.extension().is_some_and(|e| e == "rs") {
                to.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    let folder = root().join(below);
    if folder.is_dir() {
        collect(&folder, &mut paths);
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The lines of a file that are code: no comments, and nothing behind its first
/// `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .map(|(n, line)| (n + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_tests(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.ends_with("/samples.rs") || name.contains("/tests/")
}

#[test]
fn what_runs_without_a_terminal_knows_of_none() {
    let mut wrong = Vec::new();
    for part in [
        "model", "store", "mapping", "engine", "report", "mcp", "config",
    ] {
        for (name, text) in sources(&format!("src/{part}")) {
            for (line, code) in code(&text) {
                let terminal = ["ratatui", "crossterm", "tui_input", "crate::tui"];
                if terminal.iter().any(|word| code.contains(word)) {
                    wrong.push(format!("{name}:{line}: {}", code.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_inner_parts_do_not_know_the_outer_ones() {
    let rules: [(&str, &[&str]); 5] = [
        (
            "model",
            &["store", "mapping", "engine", "report", "cli", "tui", "mcp"],
        ),
        ("store", &["engine", "report", "cli", "tui", "mcp"]),
        ("mapping", &["engine", "report", "cli", "tui", "mcp"]),
        ("engine", &["cli", "tui", "mcp"]),
        ("report", &["cli", "tui", "mcp"]),
    ];
    let mut wrong = Vec::new();
    for (inner, outer) in rules {
        for (name, text) in sources(&format!("src/{inner}")) {
            for (line, code) in code(&text) {
                if outer
                    .iter()
                    .any(|o| code.contains(&format!("crate::{o}::")))
                {
                    wrong.push(format!("{name}:{line}: {}", code.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Folders of `src/store` that are stores.
fn store_folders() -> Vec<String> {
    let shared = ["layer", "protocol"];
    let mut folders: Vec<String> = std::fs::read_dir(root().join("src/store"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !shared.contains(&name.as_str()))
        .collect();
    folders.sort();
    folders
}

#[test]
fn every_store_has_a_folder_and_a_line_in_the_registry() {
    let mut expected = store_folders();
    expected.retain(|folder| folder != memferry::store::reference::KIND);
    let mut registered: Vec<&str> = memferry::store::registry::STORES
        .iter()
        .map(|d| d.kind)
        .collect();
    registered.sort_unstable();
    assert_eq!(registered, expected);
}

#[test]
fn no_two_stores_answer_to_one_name() {
    let mut seen = std::collections::HashMap::new();
    for descriptor in memferry::store::registry::STORES {
        for name in descriptor.schemes {
            if let Some(other) = seen.insert(*name, descriptor.kind) {
                panic!("{name}: is the scheme of {other} and {}", descriptor.kind);
            }
        }
        for extension in descriptor.extensions {
            let name = format!(".{extension}");
            if let Some(other) = seen.insert(Box::leak(name.into_boxed_str()), descriptor.kind) {
                panic!(
                    ".{extension} is the ending of {other} and {}",
                    descriptor.kind
                );
            }
        }
    }
}

/// Where a kind may be named: in its own folder, where words for people are (commands,
/// help, documentation), and where memorygraph's own settings are read, which name
/// its backends.
fn may_name(name: &str, kind: &str) -> bool {
    let own = format!("src/store/{kind}/");
    name.starts_with(&own)
        || name == "src/store/registry.rs"
        || name.starts_with("src/cli/")
        || name.starts_with("src/config/")
        || name == "src/mcp/tools.rs"
        || is_tests(name)
}

/// Files in which the word means something else than the store.
const OTHER_MEANINGS: [(&str, &str); 1] = [
    // A tag of the line format: a value that stands as JSON text.
    ("json", "src/store/protocol/tag.rs"),
];

#[test]
fn nothing_decides_by_the_name_of_a_store() {
    let mut wrong = Vec::new();
    for kind in store_folders() {
        // As a literal of its own; within longer words it decides nothing.
        let literal = format!("\"{kind}\"");
        let module = format!("store::{kind}::");
        for (name, text) in sources("src") {
            if may_name(&name, &kind) {
                continue;
            }
            for (line, code) in code(&text) {
                let other = OTHER_MEANINGS.contains(&(kind.as_str(), name.as_str()));
                let names = code.contains(&literal) && !other;
                // The stage is an archive: the engine has one as its own working format.
                let stage = kind == "archive" && name.starts_with("src/engine/");
                let reaches = code.contains(&module) && !stage;
                if names || reaches {
                    wrong.push(format!("{name}:{line}: {}", code.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let mut wrong = Vec::new();
    let all = [sources("src"), sources("tests"), sources("benches")].concat();
    for (name, text) in all {
        let lines = text.lines().count();
        // Tests that stand behind the code they test are not counted with it.
        let of_code = code_lines(&text);
        if of_code > 600 {
            wrong.push(format!("{name}: {of_code} lines of code, {lines} in all"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn code_lines(text: &str) -> usize {
    let all = text.lines().count();
    text.lines()
        .position(|line| line.trim() == "#[cfg(test)]")
        .unwrap_or(all)
}

#[test]
fn every_file_says_what_it_is() {
    let mut wrong = Vec::new();
    for (name, text) in sources("src") {
        if !text.starts_with("//!") && !is_tests(&name) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "no module doc: {}", wrong.join(", "));
}

#[test]
fn nothing_names_the_machine_it_was_made_on() {
    let mut wrong = Vec::new();
    for (name, text) in [sources("src"), sources("tests"), sources("benches")].concat() {
        for (n, line) in text.lines().enumerate() {
            let home = format!("/{}/", "root");
            let work = format!("/{}/", "work");
            if line.contains(&home) || line.contains(&work) {
                wrong.push(format!("{name}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
