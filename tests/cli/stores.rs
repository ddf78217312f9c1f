//! `memferry stores`: kinds, and what is on this machine.

use crate::{Sandbox, seen};

#[test]
fn kinds_are_listed_with_what_they_hold() {
    let sandbox = Sandbox::new();
    sandbox.config("[profiles.work]\nkind = 'sqlite'\npath = '~/work.db'\n");
    let ran = sandbox.run(&["stores"]).exits(0);
    let all: Vec<_> = memferry::store::registry::STORES
        .iter()
        .map(|d| d.kind)
        .collect();
    let row = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let rows: Vec<_> = ran.stdout.lines().skip(1).map_while(row).collect();
    assert_eq!(rows, all);
    let lacks = |kind: &str| {
        ran.stdout
            .lines()
            .any(|l| l.starts_with(&format!("  {kind}: ")))
    };
    assert!(all.iter().all(|kind| lacks(kind)), "{ran}");
    let profile = format!("  work: sqlite:{}\n", sandbox.at("home/work.db").display());
    assert!(ran.stdout.ends_with(&profile), "{ran}");
    let all = sandbox.run(&["stores", "--json"]).exits(0).json();
    let sqlite = &all.as_array().unwrap()[0];
    assert_eq!(sqlite["kind"], "sqlite");
    assert_eq!(sqlite["settings"][0]["name"], "path");
    assert_eq!(sqlite["settings"][0]["secret"], false);
}

#[test]
fn stores_on_this_machine() {
    let mut sandbox = Sandbox::new();
    sandbox.sample("home/.memorygraph/memory.db");
    sandbox.fixture_as("python-0.8.3.db", "home/.claude-memory/memory.db");
    sandbox.fixture_as("not-a-database.db", "garbage.db");
    let garbage = sandbox.at("garbage.db").display().to_string();
    sandbox.config(&format!(
        "[profiles.bad]\nkind = 'sqlite'\npath = '{garbage}'\n\
         [profiles.gone]\nkind = 'sqlite'\npath = '/nowhere/gone.db'\n"
    ));
    sandbox.env("MEMORY_NEO4J_URI", "bolt://db:7687");
    let ran = sandbox.run(&["stores", "--found"]).exits(0);
    seen!(sandbox, ran);
    let found = sandbox
        .run(&["stores", "--found", "--json"])
        .exits(0)
        .json();
    let first = &found[0];
    assert_eq!(first["kind"], "sqlite");
    assert!(first["description"]["counts"]["memories"].as_u64().unwrap() > 0);
}

#[test]
fn nothing_on_this_machine() {
    let sandbox = Sandbox::new();
    seen!(sandbox, sandbox.run(&["stores", "--found"]).exits(0));
    let found = sandbox.run(&["stores", "--found", "--json"]).exits(0);
    assert_eq!(found.stdout, "[]\n");
}
