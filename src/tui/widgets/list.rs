//! The cursor of a list of any length. Only the lines in sight are ever drawn.

use crate::tui::pen::{ABOVE, BELOW, CURSOR, Click, Pen};
use crate::tui::theme::Role;
use ratatui::layout::Rect;
use std::cell::Cell;

/// Where the cursor is, and which line is the first in sight.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The line with the cursor.
    pub at: usize,
    top: Cell<usize>,
    page: Cell<usize>,
}

/// A way to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
}

impl Move {
    /// The way that an action moves.
    pub fn of(action: crate::tui::action::Action) -> Option<Self> {
        use crate::tui::action::Action;
        Some(match action {
            Action::Up => Move::Up,
            Action::Down => Move::Down,
            Action::PageUp => Move::PageUp,
            Action::PageDown => Move::PageDown,
            Action::First => Move::First,
            Action::Last => Move::Last,
            _ => return None,
        })
    }
}

impl List {
    /// Moves in a list of so many lines.
    pub fn go(&mut self, way: Move, len: usize) {
        let page = self.page.get().saturating_sub(1).max(1);
        self.at = match way {
            Move::Up => self.at.saturating_sub(1),
            Move::Down => self.at.saturating_add(1),
            Move::PageUp => self.at.saturating_sub(page),
            Move::PageDown => self.at.saturating_add(page),
            Move::First => 0,
            Move::Last => len,
        }
        .min(len.saturating_sub(1));
    }

    /// The lines in sight in so many rows, with the cursor among them.
    pub fn window(&self, len: usize, rows: usize) -> std::ops::Range<usize> {
        let rows = rows.max(1);
        self.page.set(rows);
        let at = self.at.min(len.saturating_sub(1));
        let mut top = self.top.get().min(len.saturating_sub(rows));
        if at < top {
            top = at;
        } else if at >= top + rows {
            top = at + 1 - rows;
        }
        self.top.set(top);
        top..(top + rows).min(len)
    }

    /// Draws the lines in sight: `line` gets the pen, the number and the area of each,
    /// right of the cursor. A list without focus has a quiet cursor.
    pub fn view(
        &self,
        pen: &mut Pen,
        area: Rect,
        len: usize,
        focused: bool,
        mut line: impl FnMut(&mut Pen, usize, Rect),
    ) {
        let rows = usize::from(area.height);
        if rows == 0 || area.width < 4 {
            return;
        }
        let window = self.window(len, rows);
        for (row, i) in window.clone().enumerate() {
            let at = Rect::new(area.x, area.y + row as u16, area.width, 1);
            pen.click(at, Click::Line(i));
            if i == self.at {
                if focused {
                    pen.fill(at, Role::Selected);
                }
                let role = if focused { Role::Selected } else { Role::Dim };
                pen.sign(at.x, at.y, CURSOR, role);
            }
            line(pen, i, Rect::new(at.x + 2, at.y, at.width - 3, 1));
        }
        let edge = area.right() - 1;
        if window.start > 0 {
            pen.sign(edge, area.y, ABOVE, Role::Dim);
        }
        if window.end < len {
            pen.sign(edge, area.bottom() - 1, BELOW, Role::Dim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_sight() {
        let mut list = List::default();
        assert_eq!(list.window(100, 10), 0..10);
        list.go(Move::Last, 100);
        assert_eq!((list.at, list.window(100, 10)), (99, 90..100));
        list.go(Move::PageUp, 100);
        assert_eq!((list.at, list.window(100, 10)), (90, 90..100));
        list.go(Move::First, 100);
        assert_eq!(list.window(100, 10), 0..10);
        // Fewer rows after a resize, then none at all.
        list.at = 9;
        assert_eq!(list.window(100, 3), 7..10);
        list.go(Move::Down, 0);
        assert_eq!((list.at, list.window(0, 3)), (0, 0..0));
    }
}
