//! `backup` and `backups`.

use crate::sandbox::{Sandbox, without_indexes};
use crate::seen;

fn settings(sandbox: &Sandbox) -> insta::Settings {
    let mut settings = sandbox.settings();
    settings.add_filter(r"\[RUN\]-sqlite", "[BACKUP]");
    settings.add_filter(r"\d+(\.\d+)? kB", "[SIZE]");
    settings
}

#[test]
fn there_are_none_at_first() {
    let sandbox = Sandbox::new();
    let commands: [&[&str]; 5] = [
        &["backups"],
        &["backups", "clean", "--keep-latest", "3"],
        &["backups", "check", "nonsense"],
        &["backups", "restore", "nonsense"],
        &["backup"],
    ];
    let shown = commands.map(|args| sandbox.run(args).to_string());
    seen!(sandbox, shown.join("\n"));
    let list = sandbox.run(&["backups", "--json"]).exits(0).json();
    assert_eq!(list["backups"].as_array().unwrap().len(), 0);
}

#[test]
fn a_backup_is_made_checked_and_restored() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    let made = sandbox.run(&["backup", "a.db"]).exits(0);
    let list = sandbox.run(&["backups", "list"]).exits(0);
    settings(&sandbox).bind(|| insta::assert_snapshot!(format!("{made}\n{list}")));
    let name = sandbox.run(&["backups", "--json"]).json()["backups"][0]["name"].clone();
    let name = name.as_str().unwrap();
    let checked = sandbox
        .run(&["backups", "check", name, "--json"])
        .exits(0)
        .json();
    assert_eq!(checked["counts"]["memories"], 60);
    sandbox
        .run(&["backups", "restore", name, "--to", "b.db"])
        .exits(0);
    sandbox.run(&["verify", "a.db", "b.db"]).exits(0);
    std::fs::remove_file(sandbox.at("a.db")).unwrap();
    let ran = sandbox.run(&["backups", "restore", &name[..20]]).exits(0);
    assert!(ran.stderr.starts_with("To sqlite:"), "{ran}");
    sandbox.run(&["verify", "a.db", "b.db"]).exits(0);
}

#[test]
fn a_backup_replaces_a_store_only_when_that_is_said() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    sandbox.run(&["backup", "a.db"]).exits(0);
    let held = sandbox.run(&["backups", "--json"]).json();
    let name = held["backups"][0]["name"].as_str().unwrap().to_owned();
    // It is used on: one memory edited, one added, one gone.
    let db = rusqlite::Connection::open(sandbox.at("a.db")).unwrap();
    db.execute_batch(
        "UPDATE nodes SET properties = json_set(properties, '$.title', 'edited') WHERE rowid = 1;
         INSERT INTO nodes SELECT 'added', label, properties, created_at, updated_at
           FROM nodes WHERE rowid = 2;
         DELETE FROM relationships WHERE from_id = (SELECT id FROM nodes WHERE rowid = 3)
           OR to_id = (SELECT id FROM nodes WHERE rowid = 3);
         DELETE FROM nodes WHERE rowid = 3;",
    )
    .unwrap();
    drop(db);
    std::fs::copy(sandbox.at("a.db"), sandbox.at("used.db")).unwrap();
    let refused = sandbox.run(&["backups", "restore", &name]).exits(1);
    assert!(refused.stderr.contains("--replace"), "{refused}");
    let restore = ["backups", "restore", &name, "--replace"];
    // Nobody is there to type the name.
    let asked = sandbox.run(&restore).exits(1);
    assert!(asked.stderr.contains("1 memory of"), "{asked}");
    assert!(asked.stderr.contains("would be removed"), "{asked}");
    sandbox.run(&["verify", "a.db", "used.db"]).exits(0);
    let done = sandbox.run(&[&restore[..], &["--yes"]].concat()).exits(0);
    assert!(
        done.stdout.contains("only in the target, removed"),
        "{done}"
    );
    let file = held["backups"][0]["path"].as_str().unwrap().to_owned();
    sandbox.run(&["verify", &file, "a.db"]).exits(0);
    // What it replaced was backed up, and a rollback brings it back.
    let backups = sandbox.run(&["backups", "--json"]).json();
    assert_eq!(backups["backups"].as_array().unwrap().len(), 2);
    sandbox.run(&["rollback"]).exits(0);
    sandbox.run(&["verify", "a.db", "used.db"]).exits(0);
    let wrong = [&restore[..], &["--on-conflict", "skip"]].concat();
    sandbox.run(&wrong).exits(1);
    let wrong = [&restore[..], &["--no-backup"]].concat();
    sandbox.run(&wrong).exits(1);
}

#[test]
fn a_backup_holds_all_that_the_store_counts_or_is_none() {
    let sandbox = Sandbox::new();
    without_indexes(
        &sandbox.sample("a.db"),
        "DELETE FROM relationships WHERE rowid = (SELECT max(rowid) FROM relationships)",
    );
    let ran = sandbox.run(&["backup", "a.db"]).exits(2);
    assert!(
        ran.stderr
            .contains("the store counts 154 records and 153 were read"),
        "{ran}"
    );
    let left = sandbox.run(&["backups"]).exits(0);
    assert!(!left.stdout.contains("sqlite"), "{left}");
}

#[test]
fn a_damaged_backup_is_found() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    sandbox
        .run(&["backup", "a.db", "-o", "b.memferry"])
        .exits(0);
    sandbox.run(&["backups", "check", "b.memferry"]).exits(0);
    let mut bytes = std::fs::read(sandbox.at("b.memferry")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    std::fs::write(sandbox.at("b.memferry"), bytes).unwrap();
    let ran = sandbox.run(&["backups", "check", "b.memferry"]);
    assert!(matches!(ran.code, Some(1..=3)), "{ran}");
    sandbox.write("c.memferry", "no archive");
    sandbox.run(&["backups", "check", "c.memferry"]).exits(1);
}

#[test]
fn a_backup_never_replaces_a_file() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    sandbox.write("mine.memferry", "precious");
    sandbox
        .run(&["backup", "a.db", "-o", "mine.memferry"])
        .exits(1);
    assert_eq!(
        std::fs::read(sandbox.at("mine.memferry")).unwrap(),
        b"precious"
    );
}

#[test]
fn the_newest_of_each_store_are_kept() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    sandbox.sample("b.db");
    for store in ["a.db", "b.db", "a.db"] {
        sandbox.run(&["backup", store]).exits(0);
        // Their names have seconds.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
    }
    let names = |json: &serde_json::Value| -> Vec<String> {
        let all = json["backups"].as_array().unwrap().iter();
        all.map(|b| b["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = names(&sandbox.run(&["backups", "--json"]).json());
    let clean = ["backups", "clean", "--keep-latest", "1", "--json"];
    let would = sandbox
        .run(&[&clean[..], &["--dry-run"]].concat())
        .exits(0)
        .json();
    assert_eq!(names(&would), [all[2].clone()], "the oldest of a.db");
    assert_eq!(names(&sandbox.run(&["backups", "--json"]).json()).len(), 3);
    let cleaned = sandbox.run(&clean).exits(0).json();
    assert_eq!(names(&cleaned), names(&would));
    assert_eq!(names(&sandbox.run(&["backups", "--json"]).json()), all[..2]);
}

#[test]
fn the_configuration_keeps_only_so_many() {
    let sandbox = Sandbox::new();
    sandbox.sample("a.db");
    sandbox.config("[keep]\nbackups = 1\nruns_days = 1\n");
    let first = sandbox.run(&["backup", "a.db", "--json"]).exits(0).json();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let ran = sandbox.run(&["backup", "a.db"]).exits(0);
    assert!(
        ran.stderr
            .starts_with("Removed 1 backup, as the configuration says.\n"),
        "{ran}"
    );
    let left = sandbox.run(&["backups", "--json"]).json();
    let left = left["backups"].as_array().unwrap();
    assert_eq!(left.len(), 1);
    assert_ne!(left[0]["name"], first["name"]);
    sandbox
        .run(&["migrate", "--from", "a.db", "--to", "b.db"])
        .exits(0);
    assert_eq!(
        sandbox
            .run(&["runs", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
