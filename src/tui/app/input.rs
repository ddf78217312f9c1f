//! Keys, pastes and the mouse: to what lies on top, to the field that is typed in, or
//! through the key map to an action.

use super::{App, LEAST};
use crate::tui::action::Action;
use crate::tui::dialog::Answer;
use crate::tui::keymap::Key;
use crate::tui::msg::{Effect, Seat};
use crate::tui::pen::Click;
use crate::tui::screens::{Screen, home, options, pick, report, review, unlock};
use crate::tui::widgets::list::Move;
use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseButton, MouseEventKind};

impl App {
    pub(super) fn event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Resize(width, height) => {
                self.size = (width, height);
                Vec::new()
            }
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => self.click(mouse.column, mouse.row),
                MouseEventKind::ScrollUp => self.wheel(Action::Up),
                MouseEventKind::ScrollDown => self.wheel(Action::Down),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn too_small(&self) -> bool {
        self.size.0 < LEAST.0 || self.size.1 < LEAST.1
    }

    fn key(&mut self, event: KeyEvent) -> Vec<Effect> {
        let key = Key::of(event);
        if self.too_small() {
            // Nothing can be read, so nothing is done that could matter.
            let quits = self.setup.keymap.keys(Action::Quit).contains(&key);
            return match quits && key.typed().is_none() {
                true => self.act(Action::Quit),
                false => Vec::new(),
            };
        }
        if let Some(dialog) = &mut self.dialog {
            let answer = dialog.key(event);
            return self.answer(answer);
        }
        if let Some(effects) = self.typed(event) {
            return effects;
        }
        let valid = self.actions();
        match self.setup.keymap.action(key, &valid) {
            Some(action) => self.act(action),
            None => Vec::new(),
        }
    }

    fn answer(&mut self, answer: Answer) -> Vec<Effect> {
        match answer {
            Answer::Stays => Vec::new(),
            Answer::Gone => {
                self.dialog = None;
                self.unlock = None;
                Vec::new()
            }
            Answer::Then(then, text) => {
                self.dialog = None;
                self.then(then, &text)
            }
            Answer::Secret(secret) => {
                self.dialog = None;
                unlock::told(self, secret)
            }
            Answer::Do(action) => {
                self.dialog = None;
                self.act(action)
            }
        }
    }

    /// Whether letters are typed into something, which then gets them first.
    pub fn is_typing(&self) -> bool {
        match self.screen {
            Screen::Source => self.source.is_typing(),
            Screen::Target => self.target.is_typing(),
            Screen::Options => self.options.form.takes_text(),
            Screen::Diff => self.diff.pick().is_typing(),
            Screen::Review => self.review.browser.as_ref().is_some_and(|b| b.searching),
            Screen::Report => self.report.as_ref().is_some_and(|r| r.browser.searching),
            _ => false,
        }
    }

    fn typed(&mut self, event: KeyEvent) -> Option<Vec<Effect>> {
        if !self.is_typing() {
            return None;
        }
        match self.screen {
            Screen::Source => pick::typed(self, Seat::Source, event),
            Screen::Target => pick::typed(self, Seat::Target, event),
            Screen::Options => options::typed(self, event),
            Screen::Diff => pick::typed(self, self.diff.seat, event),
            Screen::Review => review::typed(self, event),
            Screen::Report => report::typed(self, event),
            _ => None,
        }
    }

    fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(dialog) = &mut self.dialog {
            dialog.paste(text);
            return Vec::new();
        }
        match self.screen {
            Screen::Source => pick::pasted(self, Seat::Source, text),
            Screen::Target => pick::pasted(self, Seat::Target, text),
            Screen::Options => options::pasted(self, text),
            Screen::Diff => pick::pasted(self, self.diff.seat, text),
            Screen::Report => report::pasted(self, text),
            _ => Vec::new(),
        }
    }

    fn click(&mut self, x: u16, y: u16) -> Vec<Effect> {
        let at = ratatui::layout::Position::new(x, y);
        let hit = {
            let clicks = self.left.clicks.borrow();
            let found = clicks.iter().rev().find(|(area, _)| area.contains(at));
            found.map(|(_, click)| *click)
        };
        let Some(hit) = hit else {
            return Vec::new();
        };
        if let Some(dialog) = &mut self.dialog {
            return match hit {
                Click::Line(line) => {
                    let answer = dialog.click(line);
                    self.answer(answer)
                }
                _ => Vec::new(),
            };
        }
        match hit {
            Click::Act(action) => self.act(action),
            Click::Line(line) => self.click_line(line),
            Click::Field(field) => {
                let form = match self.screen {
                    Screen::Source => self.source.form(),
                    Screen::Target => self.target.form(),
                    Screen::Options => Some(&mut self.options.form),
                    Screen::Diff => self.diff.pick_mut().form(),
                    Screen::Settings => Some(&mut self.settings.form),
                    _ => None,
                };
                if let Some(form) = form {
                    let again = form.at == field;
                    form.at = field;
                    if again {
                        form.turn(Action::Right);
                    }
                }
                Vec::new()
            }
        }
    }

    fn click_line(&mut self, line: usize) -> Vec<Effect> {
        let again = match self.screen {
            Screen::Home => home::click(self, line),
            Screen::Source => pick::click(self, Seat::Source, line),
            Screen::Target => pick::click(self, Seat::Target, line),
            Screen::Diff => pick::click(self, self.diff.seat, line),
            Screen::Preflight => std::mem::replace(&mut self.preflight.list.at, line) == line,
            Screen::Runs => std::mem::replace(&mut self.runs.list.at, line) == line,
            Screen::Backups => std::mem::replace(&mut self.backups.list.at, line) == line,
            Screen::Review => self.review.browser.as_mut().is_some_and(|b| b.click(line)),
            Screen::Report => self.report.as_mut().is_some_and(|r| r.browser.click(line)),
            _ => false,
        };
        match again && self.actions().contains(&Action::Open) {
            true => self.act(Action::Open),
            false => Vec::new(),
        }
    }

    fn wheel(&mut self, action: Action) -> Vec<Effect> {
        if let Some(dialog) = &mut self.dialog {
            if let Some(way) = Move::of(action) {
                dialog.scroll(way);
            }
            return Vec::new();
        }
        match self.actions().contains(&action) {
            true => self.act(action),
            false => Vec::new(),
        }
    }
}
