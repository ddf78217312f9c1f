//! Questions and answers in lines. Lines are read on a thread of their own, since they
//! can only be waited for so, and the run goes on meanwhile.

use crate::cli::signals::Signals;
use crate::config::Secret;
use crate::error::{Error, ErrorKind, Result};
use crate::report::inert::{self, Marks};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead as _, IsTerminal as _, Write as _, stdin};
use tokio::sync::mpsc;

/// Longest answer, in bytes.
const LONGEST: usize = 4_096;

/// Who asks.
pub struct Asker {
    /// Which characters may be used.
    pub marks: Marks,
    lines: mpsc::Receiver<String>,
    /// Whether somebody types; what is piped in are answers, never commands.
    types: bool,
    signals: Signals,
}

/// What comes while a run goes on.
pub enum Said {
    /// A line.
    Line(String),
    /// Ctrl-C, or the system asks the program to end.
    Stop,
}

/// Whether nobody answers any more.
pub fn is_over(error: &Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}

/// Says a line. What it holds is made inert.
pub fn say(line: &str, marks: Marks) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", inert::line(line, marks));
    let _ = out.flush();
}

impl Asker {
    /// Asks at standard input and output.
    pub fn new(marks: Marks) -> Result<Self> {
        let (to, lines) = mpsc::channel(4);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().split(b'\n') {
                let Ok(mut line) = line else { return };
                line.truncate(LONGEST);
                let line = String::from_utf8_lossy(&line)
                    .trim_end_matches('\r')
                    .to_owned();
                if to.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        let types = stdin().is_terminal();
        Ok(Self {
            marks,
            lines,
            types,
            signals: Signals::new()?,
        })
    }

    /// Whether somebody types.
    pub fn types(&self) -> bool {
        self.types
    }

    /// Says a line. What it holds is made inert.
    pub fn say(&mut self, line: &str) {
        say(line, self.marks);
    }

    /// Says lines that are inert already.
    pub fn page(&mut self, lines: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", lines.trim_end());
        let _ = out.flush();
    }

    fn prompt(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = write!(out, "{} ", inert::line(text, self.marks));
        let _ = out.flush();
    }

    /// The next line somebody types.
    pub async fn line(&mut self) -> Result<String> {
        let over = |why| Err(Error::new(ErrorKind::Interrupted, why));
        tokio::select! {
            biased;
            () = self.signals.next() => over("interrupted"),
            line = self.lines.recv() => line.map_or_else(|| over("the input has ended"), Ok),
        }
    }

    /// What somebody says while a run goes on.
    pub async fn said(&mut self) -> Said {
        let types = self.types;
        tokio::select! {
            biased;
            () = self.signals.next() => Said::Stop,
            // A run goes on without anybody who listens.
            Some(line) = self.lines.recv(), if types => Said::Line(line),
        }
    }

    /// Something that is typed without being shown.
    pub async fn secret(&mut self, question: &str) -> Result<Secret> {
        self.say("");
        self.prompt(&format!("{question}:"));
        let silent = Silent::on();
        let line = self.line().await;
        drop(silent);
        self.say("");
        line.map(Secret::new)
    }

    /// One of some answers, by its number; `None`: back.
    pub async fn choose(
        &mut self,
        question: &str,
        answers: &[String],
        default: usize,
    ) -> Result<Option<usize>> {
        loop {
            self.say("");
            self.say(question);
            for (i, answer) in answers.iter().enumerate() {
                self.say(&format!("  {}. {answer}", i + 1));
            }
            self.prompt(&format!("1 to {}, or b [{}]:", answers.len(), default + 1));
            let line = self.line().await?;
            match line.trim() {
                "" => return Ok(Some(default)),
                "b" => return Ok(None),
                typed => match typed.parse::<usize>() {
                    Ok(n) if (1..=answers.len()).contains(&n) => return Ok(Some(n - 1)),
                    _ => self.say(&format!(
                        "Type a number from 1 to {}, or b to go back.",
                        answers.len()
                    )),
                },
            }
        }
    }

    /// A text; `None`: back. An empty one takes what stands in brackets.
    pub async fn text(&mut self, question: &str, default: Option<&str>) -> Result<Option<String>> {
        self.say("");
        self.say(question);
        match default {
            Some(default) => self.prompt(&format!("[{default}]:")),
            None => self.prompt(":"),
        }
        let line = self.line().await?;
        Ok((line.trim() != "b").then(|| line.trim().to_owned()))
    }

    /// Whether exactly this was typed, in at most three attempts.
    pub async fn exactly(&mut self, question: &str, wanted: &str) -> Result<bool> {
        self.say("");
        self.say(question);
        for _ in 0..3 {
            self.prompt(":");
            let line = self.line().await?;
            match line.trim() {
                "" | "b" => return Ok(false),
                typed if typed == wanted.trim() => return Ok(true),
                _ => self.say("That is not it. Once more, or Enter to go back."),
            }
        }
        Ok(false)
    }
}

/// The terminal without echo, as long as this lives. It is read by lines as ever, and Ctrl-C
/// is a signal as ever.
struct Silent(Option<Termios>);

impl Silent {
    fn on() -> Self {
        let before = tcgetattr(stdin()).ok();
        if let Some(before) = &before {
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(stdin(), OptionalActions::Now, &silent);
        }
        Self(before)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}
