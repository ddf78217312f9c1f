//! How stores are named: kinds, addresses, profiles, memorygraph's own, and what is
//! said when a name means nothing.

use crate::{Sandbox, seen};

/// Runs them all, and shows them one after the other.
fn all(sandbox: &Sandbox, code: i32, commands: &[&[&str]]) -> String {
    let shown = commands
        .iter()
        .map(|args| sandbox.run(args).exits(code).to_string());
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn names_that_mean_nothing_are_refused() {
    let sandbox = Sandbox::new();
    let commands: &[&[&str]] = &[
        &["inspect", "nonsense"],
        &["inspect", "file.unknown"],
        &["inspect", ""],
        &["inspect", "redsi://:hunter2@host/graph"],
        &["migrate", "--from", "turso", "--to", "sqlite:new.db"],
        &["migrate", "--from", "cloud", "--to", "sqlite:new.db"],
        &[
            "migrate",
            "--from",
            "sqlite:a.db",
            "--from-path",
            "b.db",
            "--to",
            "sqlite:new.db",
        ],
        &[
            "migrate",
            "--from",
            "sqlite",
            "--from-uri",
            "redis://host",
            "--to",
            "sqlite:new.db",
        ],
        &[
            "migrate",
            "--from-path",
            "noending",
            "--to",
            "sqlite:new.db",
        ],
        &["migrate", "--from", "sqlite:a.db"],
        &["migrate", "--to", "sqlite:new.db"],
        &["export", "sqlite:a.db", "file.unknown"],
    ];
    let shown = all(&sandbox, 1, commands);
    assert!(
        !shown
            .replace("redsi://:hunter2@host/graph\nexit", "")
            .contains("hunter2")
    );
    seen!(sandbox, shown);
    assert!(!sandbox.at("new.db").exists());
}

#[test]
fn two_default_stores_are_both_named() {
    let sandbox = Sandbox::new();
    sandbox.sample("home/.memorygraph/memory.db");
    sandbox.write("home/.memorygraph/falkordblite.db", "something");
    seen!(sandbox, sandbox.run(&["inspect"]).exits(1));
}

#[test]
fn what_memory_backend_says_decides() {
    let mut sandbox = Sandbox::new();
    sandbox.env("MEMORY_BACKEND", "cloud");
    sandbox.sample("home/.memorygraph/memory.db");
    seen!(sandbox, sandbox.run(&["inspect"]).exits(1));
}

#[test]
fn a_broken_configuration_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.config("[defaults]\nverify = 'full'\nbackups = 3\n");
    seen!(sandbox, sandbox.run(&["inspect", "sqlite:x.db"]).exits(1));
    let missing = sandbox.run(&["--config", "elsewhere", "stores"]).exits(1);
    std::fs::create_dir(sandbox.at("empty")).unwrap();
    sandbox.run(&["--config", "empty", "stores"]).exits(0);
    sandbox
        .run(&["--config", "empty/my.toml", "stores"])
        .exits(1);
    seen!(sandbox, "an_absent_configuration", missing);
}
