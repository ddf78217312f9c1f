//! The events of a run as they are written to its `events.jsonl`: lossless, unlike the
//! watched state, which only ever shows the newest.

use crate::engine::{Event, Home, RunFolder, Stamped};
use crate::report::{Verdict, words};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// How long the event files are before a run is started, so that one that goes on is
/// read from where it goes on.
pub struct Lengths(HashMap<String, u64>);

impl Lengths {
    /// Now.
    pub fn of(home: &Home) -> Self {
        let runs = home.runs().unwrap_or_default();
        let length = |run: RunFolder| {
            let there = std::fs::metadata(run.events_path());
            (run.name, there.map_or(0, |m| m.len()))
        };
        Self(runs.into_iter().map(length).collect())
    }
}

/// The reading end.
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    from: u64,
    partial: Vec<u8>,
}

impl Tail {
    /// Of this run, behind what was there before.
    pub fn of(run: &RunFolder, before: &Lengths) -> Self {
        Self {
            path: run.events_path(),
            file: None,
            from: before.0.get(&run.name).copied().unwrap_or(0),
            partial: Vec::new(),
        }
    }

    /// Hands over the lines that were finished since the last time. A file that is not
    /// there yet, or cannot be read, has none.
    pub fn pump(&mut self, mut take: impl FnMut(&str)) {
        if self.file.is_none() {
            let Ok(mut file) = File::open(&self.path) else {
                return;
            };
            if file.seek(SeekFrom::Start(self.from)).is_err() {
                return;
            }
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else {
            return;
        };
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = file.read(&mut chunk) {
            for piece in chunk[..n].split_inclusive(|b| *b == b'\n') {
                self.partial.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    take(String::from_utf8_lossy(&self.partial).trim_end());
                    self.partial.clear();
                }
            }
        }
    }
}

/// An event as a line of the log; `None` for those that progress shows better.
pub fn log_line(line: &str) -> Option<String> {
    let Stamped { at, event } = serde_json::from_str(line).ok()?;
    let text = match event {
        Event::Started { run, resumed, .. } => match resumed {
            true => format!("run {run} goes on"),
            false => format!("run {run} begins"),
        },
        Event::PhaseStarted { phase } => format!("{} begins", phase.title()),
        Event::PhaseSkipped { phase, why } => format!("{} is not needed: {why}", phase.title()),
        Event::PhaseWithdrawn { phase } => {
            format!("what {} did is thrown away", phase.title())
        }
        Event::Checked { check } if check.verdict == Verdict::Pass => {
            format!("{}: {}", check.title, check.evidence)
        }
        Event::Acknowledged { batch, records } => {
            format!("batch {batch} is durable, {}", words::records(records))
        }
        Event::Note { message } => message,
        Event::RateLimited { rate: 0 } => "no limit".to_owned(),
        Event::RateLimited { rate } => format!("limit {} a second", words::records(rate.into())),
        Event::Differs { difference } => {
            format!(
                "{} {} {}",
                difference.mark.sign(),
                difference.key,
                difference.title
            )
        }
        _ => return None,
    };
    let time = jiff::Timestamp::from_millisecond(at).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::system());
    Some(format!("{}  {text}", time.strftime("%H:%M:%S")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn lines_come_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("runs/r");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("plan.toml"), "").unwrap();
        let run = crate::engine::Home::new(dir.path()).run("r").unwrap();
        std::fs::write(run.events_path(), "old\n").unwrap();
        let before = Lengths(HashMap::from([("r".to_owned(), 4)]));
        let mut tail = Tail::of(&run, &before);
        let mut lines = Vec::new();
        let mut file = File::options()
            .append(true)
            .open(run.events_path())
            .unwrap();
        file.write_all(b"one\ntw").unwrap();
        tail.pump(|l| lines.push(l.to_owned()));
        file.write_all(b"o\nthree\n").unwrap();
        tail.pump(|l| lines.push(l.to_owned()));
        tail.pump(|l| lines.push(l.to_owned()));
        assert_eq!(lines, ["one", "two", "three"]);
    }

    #[test]
    fn a_log_has_a_time_and_words() {
        let line = r#"{"at":0,"event":"acknowledged","batch":3,"records":2000}"#;
        let shown = log_line(line).unwrap();
        assert!(
            shown.ends_with("batch 3 is durable, 2,000 records"),
            "{shown}"
        );
        assert_eq!(log_line("garbage"), None);
        assert_eq!(log_line(r#"{"at":0,"event":"paused"}"#), None);
    }
}
