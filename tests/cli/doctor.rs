//! `memferry doctor`.

use crate::{Sandbox, seen};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_fresh_installation_is_well_and_stays_untouched() {
    let sandbox = Sandbox::new();
    seen!(sandbox, sandbox.run(&["doctor"]).exits(0));
    let left: Vec<_> = std::fs::read_dir(sandbox.at("home")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_is_wrong_is_named_with_a_remedy() {
    let sandbox = Sandbox::new();
    sandbox.config("[defaults]\nverify = 'ful'\n");
    sandbox.write("file", "");
    let state = sandbox.at("file").display().to_string();
    seen!(
        sandbox,
        sandbox.run(&["doctor", "--state-dir", &state]).exits(1)
    );
}

#[test]
fn a_state_directory_that_cannot_be_written() {
    if rustix::process::geteuid().is_root() {
        eprintln!("root can write everywhere: not tried");
        return;
    }
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.at("locked")).unwrap();
    let closed = std::fs::Permissions::from_mode(0o500);
    std::fs::set_permissions(sandbox.at("locked"), closed).unwrap();
    let ran = sandbox
        .run(&["doctor", "--state-dir", "locked/state"])
        .exits(1);
    assert!(
        ran.stdout.contains("State directory: cannot write in"),
        "{ran}"
    );
}

#[test]
fn as_json_it_is_a_list_of_checks() {
    let sandbox = Sandbox::new();
    sandbox.sample("home/.memorygraph/memory.db");
    let checks = sandbox.run(&["doctor", "--json"]).exits(0).json();
    let names: Vec<_> = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["program", "config", "state-dir", "room", "runs", "store"]
    );
    assert!(
        checks
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["verdict"] == "pass"),
        "{checks}"
    );
}
