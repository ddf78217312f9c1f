//! `memferry inspect`.

use crate::sandbox::Sandbox;

fn settings(sandbox: &Sandbox) -> insta::Settings {
    let mut settings = sandbox.settings();
    settings.add_filter(r"\d+(\.\d+)? [kM]B", "[SIZE]");
    settings
}

#[test]
fn stores_of_every_age_are_shown() {
    let sandbox = Sandbox::new();
    let mut shown = Vec::new();
    for name in [
        "python-0.8.3.db",
        "typescript-0.13.db",
        "hybrid-python-first.db",
        "flipped-page.db",
    ] {
        sandbox.fixture(name);
        shown.push(sandbox.run(&["inspect", name]).exits(0).to_string());
    }
    settings(&sandbox).bind(|| insta::assert_snapshot!(shown.join("\n")));
}

#[test]
fn what_a_store_says_cannot_act_on_the_terminal() {
    let sandbox = Sandbox::new();
    let path = sandbox.sample("a.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let title = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}evil\u{200b}";
    let change = "UPDATE nodes SET properties = json_set(properties, '$.title', ?1, '$.type', ?1, \
                  '$.updated_at', '2999-01-01T00:00:00+00:00')";
    database.execute(change, [title]).unwrap();
    for args in [
        &["inspect", "a.db"][..],
        &["stores", "--found"],
        &["diff", "a.db", "a.db"],
    ] {
        let ran = sandbox.run(args);
        for c in ['\u{1b}', '\u{7}', '\u{202e}', '\u{200b}'] {
            assert!(!ran.stdout.contains(c) && !ran.stderr.contains(c), "{ran}");
        }
    }
    let ran = sandbox.run(&["inspect", "a.db"]).exits(0);
    assert!(ran.stdout.contains("␛]0;owned"), "{ran}");
}

#[test]
fn looking_changes_nothing() {
    let sandbox = Sandbox::new();
    for name in ["wal-unclean.db", "hot-journal.db", "wal-closed.db"] {
        sandbox.fixture(name);
    }
    let state = || {
        let mut all: Vec<_> = std::fs::read_dir(sandbox.path())
            .unwrap()
            .map(|f| f.unwrap())
            .filter(|f| f.path().is_file())
            .map(|f| {
                (
                    f.file_name(),
                    f.metadata().unwrap().modified().unwrap(),
                    std::fs::read(f.path()).unwrap(),
                )
            })
            .collect();
        all.sort();
        all
    };
    let before = state();
    for name in ["wal-unclean.db", "hot-journal.db", "wal-closed.db"] {
        let json = sandbox.run(&["inspect", name, "--json"]).exits(0).json();
        assert!(json["counts"]["memories"].as_u64().unwrap() > 0);
    }
    assert_eq!(before.len(), state().len());
    assert!(before == state());
}
