//! A wizard without a terminal: messages and keys go in, cells come out.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use memferry::config::{Config, Paths};
use memferry::report::inert::Marks;
use memferry::tui::app::{App, Setup};
use memferry::tui::keymap::Keymap;
use memferry::tui::msg::{Effect, Msg};
use memferry::tui::pen::Look;
use memferry::tui::prefs::Prefs;
use memferry::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// 20 Nov 2026 18:02:07 UTC.
pub const NOW: i64 = 1_795_197_727_000;

pub struct Wizard {
    pub app: App,
    /// What was asked to be done since the last look.
    pub asked: Vec<Effect>,
}

impl Wizard {
    pub fn new() -> Self {
        let paths = Paths {
            config_file: "/home/ada/.config/memferry/config.toml".into(),
            config_given: false,
            config_named: false,
            state_dir: "/home/ada/.local/state/memferry".into(),
            state_given: false,
        };
        let setup = Setup {
            home: memferry::engine::Home::new(&paths.state_dir),
            paths,
            config: Config::default(),
            prefs: Prefs::default(),
            look: Look {
                theme: Theme::default(),
                marks: Marks::Unicode,
            },
            keymap: Keymap::default(),
            zone: TimeZone::UTC,
            folder: "/home/ada".into(),
            now: NOW,
        };
        let mut app = App::new(setup);
        let asked = app.begin();
        let mut wizard = Self { app, asked };
        wizard.tell(Msg::Terminal(Event::Resize(80, 24)));
        wizard
    }

    pub fn tell(&mut self, msg: Msg) {
        let asked = self.app.update(msg);
        self.asked.extend(asked);
    }

    pub fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.tell(Msg::Terminal(Event::Key(KeyEvent::new(code, modifiers))));
    }

    /// Types characters; `\n` is Enter, `\t` Tab, `\x1b` Esc.
    pub fn keys(&mut self, text: &str) {
        for c in text.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\x1b' => KeyCode::Esc,
                '↓' => KeyCode::Down,
                '↑' => KeyCode::Up,
                '→' => KeyCode::Right,
                '←' => KeyCode::Left,
                c => KeyCode::Char(c),
            };
            self.press(code, KeyModifiers::NONE);
        }
    }

    pub fn control(&mut self, c: char) {
        self.press(KeyCode::Char(c), KeyModifiers::CONTROL);
    }

    pub fn ascii(&mut self) {
        self.app.setup.look.marks = Marks::Ascii;
    }

    pub fn theme(&mut self, name: &str) {
        self.app.setup.look.theme = Theme::built_in(name).unwrap();
    }

    pub fn buffer(&self, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.app.draw(&mut buffer);
        buffer
    }
}

/// The cells as text, with a line at either side to show the width.
pub fn shown_at(wizard: &Wizard, width: u16, height: u16) -> String {
    let buffer = wizard.buffer(width, height);
    let mut out = String::new();
    for y in 0..height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            line += symbol;
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}
