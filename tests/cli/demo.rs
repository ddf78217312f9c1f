//! `memferry demo`.

use crate::sandbox::Sandbox;
use crate::seen;

#[test]
fn it_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["demo"]).exits(0);
    seen!(sandbox, ran.brief());
    let left: Vec<_> = std::fs::read_dir(sandbox.at("home")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn it_can_be_kept() {
    let sandbox = Sandbox::new();
    sandbox.run(&["demo", "--keep", "here"]).exits(0);
    sandbox
        .run(&["verify", "here/sample.db", "here/moved.db"])
        .exits(0);
    let again = sandbox.run(&["demo", "--keep", "here"]).exits(1);
    assert!(
        again.stderr.contains("cannot make the folder here"),
        "{again}"
    );
}
