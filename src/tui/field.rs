//! A line of text that is typed. A secret one is shown as bullets and never printed.

use super::pen::Pen;
use super::theme::Role;
use crate::report::inert::{self, Marks};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use std::fmt;
use tui_input::{Input, InputRequest};
use unicode_segmentation::UnicodeSegmentation as _;

/// Longest text, in characters: no path and no address is longer.
const LONGEST: usize = 4_096;

/// The field.
#[derive(Clone, Default)]
pub struct TextField {
    input: Input,
    secret: bool,
}

impl fmt::Debug for TextField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.secret {
            true => f.write_str("TextField(…)"),
            false => write!(f, "TextField({:?})", self.input.value()),
        }
    }
}

impl TextField {
    /// One that holds this.
    pub fn new(value: &str) -> Self {
        let input = Input::new(value.to_owned());
        Self {
            input,
            secret: false,
        }
    }

    /// One whose text is not shown.
    pub fn secret() -> Self {
        Self {
            secret: true,
            ..Self::default()
        }
    }

    /// Whether its text is not shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// What it holds.
    pub fn value(&self) -> &str {
        self.input.value()
    }

    /// Holds this from now on, with the cursor at its end.
    pub fn set(&mut self, value: &str) {
        self.input = Input::new(value.to_owned());
    }

    /// Whether the cursor is at the end.
    pub fn at_end(&self) -> bool {
        self.input.cursor() == self.input.value().chars().count()
    }

    /// Takes what was pasted: its first line, without characters that do not print.
    pub fn paste(&mut self, text: &str) -> bool {
        let mut changed = false;
        for c in text.trim_start().chars() {
            if matches!(c, '\n' | '\r') {
                break;
            }
            changed |= self.insert(c);
        }
        changed
    }

    fn insert(&mut self, c: char) -> bool {
        let room = self.input.value().chars().count() < LONGEST;
        room && !c.is_control() && self.input.handle(InputRequest::InsertChar(c)).is_some()
    }

    /// Edits; `None` if the key is none of its own, else whether the text changed.
    pub fn key(&mut self, event: KeyEvent) -> Option<bool> {
        let held = event.modifiers - KeyModifiers::SHIFT;
        let control = held == KeyModifiers::CONTROL;
        let alt = held == KeyModifiers::ALT;
        let request = match event.code {
            KeyCode::Char(c) if held.is_empty() => return Some(self.insert(c)),
            KeyCode::Char('w') if control => InputRequest::DeletePrevWord,
            KeyCode::Char('u') if control => InputRequest::DeleteFromStart,
            KeyCode::Char('k') if control => InputRequest::DeleteTillEnd,
            KeyCode::Char('b') if alt => InputRequest::GoToPrevWord,
            KeyCode::Char('f') if alt => InputRequest::GoToNextWord,
            KeyCode::Backspace if alt => InputRequest::DeletePrevWord,
            KeyCode::Backspace => InputRequest::DeletePrevChar,
            KeyCode::Delete => InputRequest::DeleteNextChar,
            KeyCode::Left if control => InputRequest::GoToPrevWord,
            KeyCode::Right if control => InputRequest::GoToNextWord,
            KeyCode::Left => InputRequest::GoToPrevChar,
            KeyCode::Right => InputRequest::GoToNextChar,
            KeyCode::Home => InputRequest::GoToStart,
            KeyCode::End => InputRequest::GoToEnd,
            _ => return None,
        };
        Some(self.input.handle(request).is_some_and(|c| c.value))
    }

    /// Draws it in one line; with the cursor and what would complete it, if it is
    /// typed in.
    pub fn view(&self, pen: &mut Pen, area: Rect, focused: bool, ghost: &str) {
        let role = if focused { Role::Focus } else { Role::Field };
        pen.fill(area, role);
        let room = usize::from(area.width);
        if room < 2 {
            return;
        }
        let marks = pen.look.marks;
        if !focused && !self.secret {
            pen.path(area.x, area.y, area.width, self.input.value(), role);
            return;
        }
        let (value, at) = (self.input.value(), self.input.cursor());
        let byte = value.char_indices().nth(at).map_or(value.len(), |(i, _)| i);
        let (before, after) = (
            self.shown(&value[..byte], marks),
            self.shown(&value[byte..], marks),
        );
        let mut width = inert::width(&before);
        let mut from = 0;
        for g in before.graphemes(true) {
            if width < room {
                break;
            }
            width -= inert::width(g);
            from += g.len();
        }
        let took = pen.raw(area.x, area.y, area.width, &before[from..], role);
        let x = area.x + took;
        let rest = area.width - took;
        let behind = match inert::width(&after) <= usize::from(rest) {
            true => after,
            false => inert::cut(&value[byte..], usize::from(rest), marks),
        };
        let took = match self.secret && behind.is_empty() {
            true => 0,
            false => pen.raw(x, area.y, rest, &behind, role),
        };
        if focused {
            if behind.is_empty() && !ghost.is_empty() {
                pen.text(x + took, area.y, rest - took, ghost, Role::Dim);
            }
            pen.cursor(x.min(area.right() - 1), area.y);
        }
    }

    fn shown(&self, text: &str, marks: Marks) -> String {
        match (self.secret, marks) {
            (false, _) => inert::line(text, marks),
            (true, Marks::Unicode) => "•".repeat(text.graphemes(true).count()),
            (true, Marks::Ascii) => "*".repeat(text.graphemes(true).count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_one_line_of_what_prints() {
        let mut field = TextField::default();
        assert!(field.paste("  /a/b\x1b[31m.db\nsecond line"));
        assert_eq!(field.value(), "/a/b[31m.db");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let mut field = TextField::secret();
        field.paste("hunter2");
        assert!(!format!("{field:?}").contains("hunter2"));
        assert_eq!(field.shown(field.value(), Marks::Ascii), "*******");
    }

    #[test]
    fn its_length_is_bounded() {
        let mut field = TextField::default();
        field.paste(&"x".repeat(1_000_000));
        assert_eq!(field.value().len(), LONGEST);
    }
}
