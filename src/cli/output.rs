//! What a person or a program sees: data on standard output, words on standard error.
//! A reader that goes away is no failure of the work, so a closed pipe is silent; any
//! other failure to write data is remembered and decides the exit code.

use crate::error::{Error, ErrorKind, Result};
use crate::report::inert::{self, Marks};
use std::cell::RefCell;
use std::io::{self, IsTerminal, Write as _};

/// The two streams, and what each can show.
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub data: Look,
    /// Standard error.
    pub words: Look,
    /// Whether a person can be asked: both ends of the conversation are terminals.
    pub can_ask: bool,
    state: RefCell<State>,
}

/// What a stream can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether it is a terminal that can do more than print.
    pub terminal: bool,
    /// Whether colours are wanted there.
    pub color: bool,
    /// Its characters.
    pub marks: Marks,
}

#[derive(Debug, Default)]
struct State {
    gone: bool,
    failed: Option<io::Error>,
    /// Whether a progress line stands on the terminal, to be wiped before any words.
    live: bool,
}

/// How something went, in a sign and a colour; words beside it say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Good.
    Good,
    /// Worth reading.
    Warn,
    /// Bad.
    Bad,
    /// Neither.
    Plain,
}

impl Look {
    fn of(terminal: bool, env: crate::config::Env) -> Self {
        let set = |name: &str| env(name).filter(|v| !v.is_empty());
        let terminal = terminal && set("TERM").is_none_or(|t| t != "dumb");
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        let utf8 = locale.is_some_and(|l| {
            let l = l.to_ascii_lowercase();
            l.contains("utf-8") || l.contains("utf8")
        });
        Self {
            terminal,
            color: terminal && set("NO_COLOR").is_none(),
            marks: match terminal && !utf8 {
                true => Marks::Ascii,
                false => Marks::Unicode,
            },
        }
    }

    /// The sign of a mark.
    pub fn sign(self, mark: Mark) -> String {
        let (unicode, ascii, code) = match mark {
            Mark::Good => ("✓", "v", "32"),
            Mark::Warn => ("!", "!", "33"),
            Mark::Bad => ("✗", "x", "31"),
            Mark::Plain => ("·", "-", "2"),
        };
        let sign = match self.marks {
            Marks::Unicode => unicode,
            Marks::Ascii => ascii,
        };
        self.paint(code, sign)
    }

    /// Standing out.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Standing back.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.color && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// Text from elsewhere on one line, unable to act on the terminal.
    pub fn safe(self, text: &str) -> String {
        inert::line(text, self.marks)
    }
}

impl Output {
    /// The streams of this process.
    pub fn of_process() -> Self {
        let env = &crate::config::process_env;
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self {
            data: Look::of(out, env),
            words: Look::of(err, env),
            can_ask: err && io::stdin().is_terminal(),
            state: RefCell::default(),
        }
    }

    /// Prints data. `text` ends its own lines.
    pub fn data(&self, text: &str) {
        let mut state = self.state.borrow_mut();
        if state.gone {
            return;
        }
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        if let Err(error) = written {
            state.gone = true;
            if error.kind() != io::ErrorKind::BrokenPipe {
                state.failed = Some(error);
            }
        }
    }

    /// Prints one JSON document.
    pub fn json<T: serde::Serialize>(&self, document: &T) -> Result<()> {
        self.data(&crate::report::json::document(document)?);
        Ok(())
    }

    /// Prints a line of words, over the progress line if there is one.
    pub fn say(&self, line: &str) {
        self.wipe();
        self.put(&format!("{line}\n"));
    }

    /// Shows a progress line in place of the last one; it must fit the terminal.
    pub fn live(&self, line: &str) {
        self.put(&format!("\r{line}\x1b[K"));
        self.state.borrow_mut().live = true;
    }

    /// Removes the progress line.
    pub fn wipe(&self) {
        if std::mem::take(&mut self.state.borrow_mut().live) {
            self.put("\r\x1b[K");
        }
    }

    /// Words that cannot be shown are not worth failing for.
    fn put(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// An error: what is wrong, then what to do.
    pub fn error(&self, error: &Error) {
        let look = self.words;
        let label = look.paint("1;31", "error:");
        self.say(&format!("{label} {}", look.safe(&error.to_string())));
        if let Some(remedy) = error.what_to_do() {
            self.say(&format!("       {}", look.safe(remedy)));
        }
    }

    /// Something worth reading that stops nothing.
    pub fn warn(&self, text: &str) {
        let look = self.words;
        let label = look.paint("1;33", "warning:");
        self.say(&format!("{label} {}", look.safe(text)));
    }

    /// Columns of the terminal that standard error is.
    pub fn width(&self) -> usize {
        let size = rustix::termios::tcgetwinsize(io::stderr());
        match size {
            Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
            _ => 80,
        }
    }

    /// Whether all data could be written.
    pub fn finish(&self) -> Result<()> {
        match self.state.borrow_mut().failed.take() {
            None => Ok(()),
            Some(cause) => {
                Err(Error::new(ErrorKind::Io, "cannot write to standard output").because(cause))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(terminal: bool, set: &[(&str, &str)]) -> Look {
        Look::of(terminal, &|name| {
            let found = set.iter().find(|(n, _)| *n == name);
            found.map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let utf8 = ("LANG", "en_GB.UTF-8");
        assert!(look(true, &[utf8]).color);
        assert!(look(true, &[utf8, ("NO_COLOR", "")]).color);
        assert!(!look(true, &[utf8, ("NO_COLOR", "1")]).color);
        assert!(!look(false, &[utf8]).color);
        assert!(!look(true, &[utf8, ("TERM", "dumb")]).terminal);
        assert_eq!(look(true, &[utf8]).sign(Mark::Good), "\x1b[32m✓\x1b[0m");
    }

    #[test]
    fn a_terminal_without_utf8_gets_ascii() {
        let ascii = look(true, &[("LANG", "C"), ("NO_COLOR", "1")]);
        assert_eq!(ascii.marks, Marks::Ascii);
        assert_eq!(ascii.sign(Mark::Bad), "x");
        assert_eq!(look(false, &[]).marks, Marks::Unicode);
        let wins = [("LANG", "C"), ("LC_ALL", "de_DE.utf8")];
        assert_eq!(look(true, &wins).marks, Marks::Unicode);
    }
}
