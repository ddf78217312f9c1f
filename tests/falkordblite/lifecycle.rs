//! Servers end with their program, however it ends, and leave nothing behind.

use crate::support::*;
use memferry::store::{Applied, WriteMode, registry};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A configuration of a server without a file, and its socket.
fn configured(folder: &Path) -> (PathBuf, PathBuf) {
    let socket = folder.join("s");
    let conf = folder.join("conf");
    let text = format!(
        "port 0\nunixsocket {}\ndir {}\nsave \"\"\npidfile {}\n",
        socket.display(),
        folder.display(),
        folder.join("pid").display()
    );
    std::fs::write(&conf, text).unwrap();
    (conf, socket)
}

fn pid_in(folder: &Path) -> i32 {
    let mut pid = None;
    eventually("the server starts", || {
        let text = std::fs::read_to_string(folder.join("pid")).unwrap_or_default();
        pid = text.trim().parse().ok();
        pid.is_some()
    });
    pid.unwrap()
}

/// A run that is just about to write, and the pid of its server.
fn slow_run(folder: &Path, target: &Path) -> (Child, i32) {
    let source = needed("MEMFERRY_TEST_STORES").join("hub.db");
    let run = memferry(folder)
        .arg("migrate")
        .args(["--from", &format!("sqlite:{}", source.display())])
        .args(["--to", &format!("falkordblite:{}", target.display())])
        .args(["--yes", "--rate", "60"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = None;
    // The one that writes works beside the target; the others only looked.
    let work = target.parent().unwrap();
    eventually("its server starts", || {
        server = servers_below(work).first().copied();
        server.is_some()
    });
    (run, server.unwrap())
}

#[test]
fn kill_9_leaves_no_server_and_the_next_run_no_rest() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("to");
    std::fs::create_dir(&here).unwrap();
    for existing in [false, true] {
        let target = here.join(format!("existing-{existing}.db"));
        if existing {
            std::fs::copy(real("plain-100.db"), &target).unwrap();
        }
        let before = std::fs::read(&target).ok();
        let (mut run, server) = slow_run(folder.path(), &target);
        run.kill().unwrap();
        run.wait().unwrap();
        eventually("the server ends with it", || !runs(server));
        assert!(
            std::fs::read(&target).ok() == before,
            "nothing was published"
        );
        let left = names(&here).len();
        assert!(
            left > usize::from(existing),
            "a killed run leaves its folder"
        );
        // The same command goes on, and cleans up.
        let source = needed("MEMFERRY_TEST_STORES").join("hub.db");
        let output = memferry(folder.path())
            .arg("migrate")
            .args(["--from", &format!("sqlite:{}", source.display())])
            .args(["--to", &format!("falkordblite:{}", target.display())])
            .arg("--yes")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(
            names(&here),
            [target.file_name().unwrap().to_str().unwrap()]
        );
        std::fs::remove_file(&target).unwrap();
        assert!(servers_below(folder.path()).is_empty());
    }
    let servers = names(folder.path());
    let left = servers.iter().filter(|n| n.starts_with("memferry-lite-"));
    assert_eq!(left.count(), 0, "{servers:?}");
}

#[test]
fn a_server_that_is_killed_costs_the_run_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("to");
    std::fs::create_dir(&here).unwrap();
    let target = copied("plain-100.db", &here);
    let before = std::fs::read(&target).unwrap();
    let (mut run, server) = slow_run(folder.path(), &target);
    let pid = rustix::process::Pid::from_raw(server).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let code = run.wait().unwrap().code();
    // It may have been begun anew with another server, or given up.
    let whole = code == Some(0);
    assert!(whole || code == Some(2), "{code:?}");
    assert!(whole || std::fs::read(&target).unwrap() == before);
    assert_eq!(names(&here), ["plain-100.db"]);
    assert!(servers_below(folder.path()).is_empty());
}

#[test]
fn the_kernel_ends_a_server_with_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let (conf, _) = configured(folder.path());
    let server = needed("MEMFERRY_TEST_FALKORDB").join("redis-server");
    // A shell is the parent that is killed.
    let script = format!(
        "{MEMFERRY} run-server --parent $$ -- {} {} & wait",
        server.display(),
        conf.display()
    );
    let mut parent = Command::new("sh").args(["-c", &script]).spawn().unwrap();
    let pid = pid_in(folder.path());
    assert!(runs(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("it ends with its parent", || !runs(pid));
}

#[test]
fn a_watched_server_ends_with_its_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let (conf, _) = configured(folder.path());
    let server = needed("MEMFERRY_TEST_FALKORDB").join("redis-server");
    let mut watcher = Command::new(MEMFERRY)
        .args(["run-server", "--watch", "--parent", "1", "--"])
        .arg(server)
        .arg(conf)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = pid_in(folder.path());
    assert!(runs(pid) && pid != watcher.id() as i32);
    drop(watcher.stdin.take());
    eventually("it ends with the pipe", || !runs(pid));
    watcher.wait().unwrap();
}

#[test]
fn a_server_whose_parent_is_gone_already_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let (conf, _) = configured(folder.path());
    let server = needed("MEMFERRY_TEST_FALKORDB").join("redis-server");
    let output = Command::new(MEMFERRY)
        .args(["run-server", "--parent", "1", "--"])
        .arg(server)
        .arg(conf)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(!folder.path().join("pid").exists());
}

/// The process group of a process.
fn group_of(pid: i32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(2).unwrap().to_owned()
}

#[test]
fn no_password_is_in_an_argument_and_no_key_at_the_terminal_reaches_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("to");
    std::fs::create_dir(&here).unwrap();
    let target = copied("plain-100.db", &here);
    let (mut run, server) = slow_run(folder.path(), &target);
    let arguments = std::fs::read(format!("/proc/{server}/cmdline")).unwrap();
    let environment = std::fs::read(format!("/proc/{server}/environ")).unwrap();
    let groups = [server, run.id() as i32].map(group_of);
    run.kill().unwrap();
    run.wait().unwrap();
    eventually("the server ends", || !runs(server));
    let password = names(folder.path()).iter().find_map(|name| {
        let conf = std::fs::read_to_string(folder.path().join(name).join("conf")).ok()?;
        let mut lines = conf.lines();
        let said = lines.find_map(|l| l.strip_prefix("requirepass "))?;
        Some(said.trim_matches('"').to_owned())
    });
    let password = password.expect("the configuration is left behind");
    let password = password.as_bytes();
    assert!(password.len() >= 32);
    assert_ne!(groups[0], groups[1]);
    for text in [arguments, environment] {
        assert!(!text.windows(password.len()).any(|w| w == password));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_no_query_is_replaced_by_another() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let real = needed("MEMFERRY_TEST_FALKORDB");
    let (servers, begun) = (folder.path().join("servers"), folder.path().join("begun"));
    std::fs::create_dir(&servers).unwrap();
    std::os::unix::fs::symlink(real.join("falkordb.so"), servers.join("falkordb.so")).unwrap();
    // The first of them is mute.
    let script = format!(
        "#!/bin/sh\nif [ -e '{0}' ]; then exec '{1}' \"$@\"; fi\n: > '{0}'\nexec '{2}' '{3}' \"$@\"\n",
        begun.display(),
        real.join("redis-server").display(),
        needed("MEMFERRY_TEST_PYTHON").display(),
        tool("mute_server.py").display(),
    );
    let server = servers.join("redis-server");
    std::fs::write(&server, script).unwrap();
    std::fs::set_permissions(&server, std::fs::Permissions::from_mode(0o700)).unwrap();
    let target = folder.path().join("new.db");
    let address = address(&target).set("server", servers.to_str().unwrap());
    let address = address.unwrap().set("timeout", "2").unwrap();
    let store = registry::open(&address).unwrap();
    let request = request(WriteMode::Aside, "test");
    let mut writer = store.writer(&request).await.unwrap();
    assert!(begun.exists());
    let wanted = [memory("a"), memory("b")];
    assert_eq!(
        writer.apply(&adding(1, &wanted)).await.unwrap(),
        Applied::Done
    );
    writer.complete().await.unwrap();
    assert_eq!(writer.publish().await.unwrap(), Applied::Done);
    drop(writer);
    assert_eq!(digests(&read(&*store).await.unwrap()), digests(&wanted));
}
