//! A line typed by a person without being shown. It reads the controlling terminal
//! byte by byte with echo and signals off, so that Ctrl-C cannot leave the terminal
//! silent; the terminal is put back however this ends.

use super::Secret;
use crate::error::{Error, ErrorKind, Result};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};

/// Asks at the terminal; `question` has been made inert.
pub fn ask_secret(question: &str) -> Result<Secret> {
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(failed)?;
    let _silent = Silent::on(&terminal)?;
    write!(terminal, "{question}: ").map_err(failed)?;
    let mut line = Vec::new();
    let typed = loop {
        let mut byte = [0];
        match terminal.read(&mut byte).map_err(failed)? {
            0 => break None,
            _ => match byte[0] {
                b'\r' | b'\n' => break Some(()),
                0x03 | 0x04 | 0x1b => break None,
                0x08 | 0x7f => rub_out(&mut line),
                0x15 => line.clear(),
                other => line.push(other),
            },
        }
    };
    writeln!(terminal).map_err(failed)?;
    let given_up = || Error::new(ErrorKind::Interrupted, "nothing was typed");
    typed.ok_or_else(given_up)?;
    String::from_utf8(line)
        .map(Secret::new)
        .map_err(|_| Error::new(ErrorKind::Usage, "what was typed is not UTF-8"))
}

/// Takes back the last character, not just its last byte.
fn rub_out(line: &mut Vec<u8>) {
    while let Some(byte) = line.pop() {
        if byte & 0xC0 != 0x80 {
            break;
        }
    }
}

fn failed(cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot ask at the terminal").because(cause)
}

/// The terminal without echo, as long as this lives.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn on(terminal: &File) -> Result<Self> {
        let before = tcgetattr(terminal).map_err(|e| failed(e.into()))?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        let terminal = terminal.try_clone().map_err(failed)?;
        tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(|e| failed(e.into()))?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn rubbing_out_takes_whole_characters() {
        let mut line = "aé€".as_bytes().to_vec();
        super::rub_out(&mut line);
        assert_eq!(line, "aé".as_bytes());
        super::rub_out(&mut line);
        super::rub_out(&mut line);
        super::rub_out(&mut line);
        assert!(line.is_empty());
    }
}
