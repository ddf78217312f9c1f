//! A run of another process, or one that is over, told in plain lines from its events.

use super::telling::Teller;
use crate::engine::{Home, RunFolder, RunState, RunStatus, Stamped};
use crate::error::{Error, Result};
use crate::report::inert::Marks;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

/// Between two looks at the events of another process.
const TAIL: Duration = Duration::from_millis(200);

/// Tells a run from its first event: to its last, or as long as a process works on it.
/// Returns the exit code of the run, or 4 if it was broken off.
pub async fn watch(run: RunFolder, home: &Home, marks: Marks) -> Result<u8> {
    let failed = |e| Error::io("read", &run.events_path(), e);
    let mut events = BufReader::new(File::open(run.events_path()).map_err(failed)?);
    let (mut state, mut line) = (RunState::default(), Vec::new());
    let mut teller = Teller::new(marks);
    // What is written between a look at the events and one at the process is not missed.
    let mut gone = false;
    loop {
        while events.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            if !line.ends_with(b"\n") {
                // The rest of it is still being written.
                break;
            }
            if let Ok(stamped) = serde_json::from_slice::<Stamped>(&line) {
                state.apply(&stamped);
                teller.tell(&state);
            }
            line.clear();
        }
        if gone || state.ended.is_some() {
            break;
        }
        gone = run.status()? != RunStatus::Active;
        if !gone {
            tokio::time::sleep(TAIL).await;
        }
    }
    if state.run.is_empty() {
        state.run = run.name.clone();
    }
    teller.end(&state, home);
    Ok(state.ended.map_or(4, |(outcome, _)| outcome.exit_code()))
}
