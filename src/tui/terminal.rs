//! The terminal: taken for the wizard, and given back however that ends, a panic
//! included.

use crate::error::{Error, ErrorKind, Result};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::{self, BufWriter, Stdout, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// Whether the wizard has it.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Room for what a frame is made of, in bytes; a larger one takes several writes.
const FRAME_BYTES: usize = 64 * 1024;

/// The terminal of this process.
pub struct Screen {
    /// A frame is written at once, and not a line at a time.
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    mouse: bool,
    /// What is on it, with the cursor.
    shown: Option<(Buffer, Option<(u16, u16)>)>,
}

fn failed(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot use the terminal").because(cause)
}

/// Gives the terminal back. Done twice, it does nothing.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
        let _ = execute!(
            io::stdout(),
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    if mouse {
        execute!(io::stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

/// From now on a panic gives the terminal back, keeps what happened in a file and says
/// where that is, and the command that goes on with a run.
pub fn guard(log: PathBuf, resume: String) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !TAKEN.load(Ordering::SeqCst) {
            return before(panic);
        }
        give_back();
        let trace = std::backtrace::Backtrace::force_capture();
        let kept = keep(&log, &format!("{panic}\n{trace}\n"));
        eprintln!("memferry failed, which is a fault of it; please report it.");
        match kept {
            Ok(()) => eprintln!("What happened is in {}", log.display()),
            Err(_) => eprintln!("{panic}"),
        }
        eprintln!("A run that was going on can be resumed: {resume}");
        std::process::exit(2);
    }));
}

fn keep(log: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).mode(0o600).open(log)?;
    writeln!(file, "{}", jiff::Timestamp::now())?;
    file.write_all(text.as_bytes())
}

impl Screen {
    /// Takes the terminal.
    pub fn take(mouse: bool) -> Result<Self> {
        take(mouse).inspect_err(|_| give_back()).map_err(failed)?;
        let out = BufWriter::with_capacity(FRAME_BYTES, io::stdout());
        let terminal = Terminal::new(CrosstermBackend::new(out)).map_err(failed)?;
        Ok(Self {
            terminal,
            mouse,
            shown: None,
        })
    }

    /// Draws a frame, unless it would show what is on the screen already: then not a byte
    /// is written.
    pub fn draw(&mut self, app: &super::app::App) -> Result<()> {
        let size = self.terminal.size().map_err(failed)?;
        let mut next = Buffer::empty(Rect::new(0, 0, size.width, size.height));
        let cursor = app.draw(&mut next);
        if matches!(&self.shown, Some((shown, at)) if *shown == next && *at == cursor) {
            return Ok(());
        }
        let mut resized = false;
        let drawn = self.terminal.draw(|frame| {
            resized = frame.area() != next.area;
            // It may have got another size just now.
            let cursor = match resized {
                true => app.draw(frame.buffer_mut()),
                false => {
                    frame.buffer_mut().clone_from(&next);
                    cursor
                }
            };
            if let Some((x, y)) = cursor {
                frame.set_cursor_position((x, y));
            }
        });
        drawn.map_err(failed)?;
        self.shown = (!resized).then_some((next, cursor));
        Ok(())
    }

    /// Draws everything anew the next time.
    pub fn redraw(&mut self) -> Result<()> {
        // A new size draws everything, and asks the terminal nothing that it would have to
        // answer among the keys.
        let size = self.terminal.size().map_err(failed)?;
        let area = Rect::new(0, 0, size.width, size.height);
        self.shown = None;
        self.terminal.resize(area).map_err(failed)
    }

    /// Listens to the mouse, or leaves it to the terminal.
    pub fn mouse(&mut self, on: bool) -> Result<()> {
        self.mouse = on;
        let done = match on {
            true => execute!(io::stdout(), EnableMouseCapture),
            false => execute!(io::stdout(), DisableMouseCapture),
        };
        done.map_err(failed)
    }

    /// Lets the shell have the terminal until it brings this process back.
    pub async fn suspend(&mut self) -> Result<()> {
        // The threads of a process stop one after the other, so this one may run on for a
        // moment: what tells the end of the rest is the signal that comes then.
        let again = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        let mut again = signal(again).map_err(failed)?;
        give_back();
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        again.recv().await;
        take(self.mouse).map_err(failed)?;
        self.redraw()
    }

    /// To the clipboard: by the terminal itself (OSC 52), which works across ssh, and by
    /// the desktop's own program if there is one.
    pub fn copy(&mut self, text: &str) -> Result<()> {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        let mut out = io::stdout();
        let sent = write!(out, "\x1b]52;c;{encoded}\x07").and_then(|()| out.flush());
        sent.map_err(failed)?;
        let text = text.to_owned();
        std::thread::spawn(move || native_copy(&text));
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn native_copy(text: &str) {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let programs: &[(&str, &[&str], bool)] = &[
        ("pbcopy", &[], cfg!(target_os = "macos")),
        ("wl-copy", &[], set("WAYLAND_DISPLAY")),
        ("xclip", &["-selection", "clipboard"], set("DISPLAY")),
        ("xsel", &["--clipboard", "--input"], set("DISPLAY")),
    ];
    for (program, args, _) in programs.iter().filter(|(.., fits)| *fits) {
        let child = Command::new(program)
            .args(*args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = child else { continue };
        if let Some(mut input) = child.stdin.take() {
            let _ = input.write_all(text.as_bytes());
        }
        if child.wait().is_ok_and(|s| s.success()) {
            return;
        }
    }
}
