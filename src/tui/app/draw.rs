//! The frame of every screen: where one is at the top, a message and the valid keys at
//! the bottom, and a clear word where there is no room.

use super::{App, LEAST};
use crate::report::inert;
use crate::tui::action::{Action, Section};
use crate::tui::keymap::Key;
use crate::tui::msg::{Running, Seat};
use crate::tui::pen::{BAD, Click, GOOD, PROSE, Pen};
use crate::tui::screens::{Screen, backups, diff, help, home, options, pick, preflight};
use crate::tui::screens::{report, review, run, runs, settings};
use crate::tui::theme::Role;
use crate::tui::widgets::stepper;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Most lines of a message.
const TOAST_LINES: usize = 4;

impl App {
    /// Draws the screen; where the cursor of the terminal stands.
    pub fn draw(&self, buf: &mut Buffer) -> Option<(u16, u16)> {
        let area = buf.area;
        self.left.cursor.set(None);
        self.left.clicks.borrow_mut().clear();
        let mut pen = Pen::new(buf, &self.setup.look, self.now, &self.left);
        pen.fill(area, Role::Text);
        if area.width < LEAST.0 || area.height < LEAST.1 {
            small(&mut pen, area);
            return None;
        }
        let inside = Rect::new(area.x + 1, area.y, area.width - 2, area.height);
        self.header(&mut pen, inside);
        let body = Rect::new(inside.x, area.y + 2, inside.width, area.height - 4);
        match self.screen {
            Screen::Home => home::view(self, &mut pen, body),
            Screen::Source => pick::view(self, Seat::Source, &mut pen, body),
            Screen::Target => pick::view(self, Seat::Target, &mut pen, body),
            Screen::Options => options::view(self, &mut pen, body),
            Screen::Preflight => preflight::view(self, &mut pen, body),
            Screen::Review => review::view(self, &mut pen, body),
            Screen::Run => run::view(self, &mut pen, body),
            Screen::Report => report::view(self, &mut pen, body),
            Screen::Runs => runs::view(self, &mut pen, body),
            Screen::Backups => backups::view(self, &mut pen, body),
            Screen::Diff => diff::view(self, &mut pen, body),
            Screen::Settings => settings::view(self, &mut pen, body),
            Screen::Help => help::view(self, &mut pen, body),
        }
        self.footer(&mut pen, inside);
        if let Some(dialog) = &self.dialog {
            self.left.cursor.set(None);
            dialog.view(&mut pen, area, &self.setup.keymap);
        }
        self.left.cursor.get()
    }

    fn header(&self, pen: &mut Pen, area: Rect) {
        let y = area.y;
        match self.screen.step() {
            Some(step) if self.is_migration() => {
                let took = pen.text(area.x, y, 9, "Migrate", Role::Title) + 2;
                let rest = Rect::new(area.x + took, y, area.width - took, 1);
                stepper::view(pen, rest, step);
            }
            _ => {
                let title = match self.screen.step() {
                    Some(_) => run::title(self),
                    None => self.screen.title().to_owned(),
                };
                let took = pen.text(area.x, y, 9, "memferry", Role::Title) + 3;
                pen.text(area.x + took, y, area.width - took, &title, Role::Accent);
                if self.screen == Screen::Home {
                    let found = home::count(self);
                    pen.right(area.x, y, area.width, &found, Role::Dim);
                }
            }
        }
        pen.rule(area.x, y + 1, area.width);
    }

    fn is_migration(&self) -> bool {
        let own = self.live.as_ref().is_none_or(|l| l.how == Running::Own);
        match self.screen {
            Screen::Report => self.before.contains(&Screen::Run) && own,
            _ => own,
        }
    }

    fn footer(&self, pen: &mut Pen, area: Rect) {
        let y = area.bottom() - 2;
        if self.leaving {
            let text = "Going to a safe point, then leaving.";
            let spinner = pen.look.spinner(self.now);
            pen.raw(area.x, y, 2, spinner, Role::Warn);
            pen.text(area.x + 2, y, area.width - 2, text, Role::Warn);
        } else if let Some((text, bad, _)) = &self.toast {
            let (sign, role) = match bad {
                true => (BAD, Role::Bad),
                false => (GOOD, Role::Good),
            };
            // What takes several lines covers what is above, for as long as it stays.
            let wide = usize::from((area.width - 2).min(PROSE));
            let lines = inert::wrap(text, wide, TOAST_LINES, self.setup.look.marks);
            let top = (y + 1).saturating_sub(lines.len() as u16);
            pen.fill(Rect::new(area.x, top, area.width, y + 1 - top), Role::Text);
            pen.sign(area.x, top, sign, role);
            pen.wrapped(
                Rect::new(area.x + 2, top, area.width - 2, y + 1 - top),
                text,
                role,
            );
        }
        self.key_bar(pen, Rect::new(area.x, area.bottom() - 1, area.width, 1));
    }

    fn key_bar(&self, pen: &mut Pen, area: Rect) {
        let shown = |action: &Action| match action {
            Action::NextField | Action::Toggle | Action::Open => true,
            Action::Palette | Action::Redraw | Action::Suspend | Action::Help => false,
            Action::Quit => self.screen == Screen::Home,
            other => other.section() != Section::Moving,
        };
        let mut seen = std::collections::HashSet::new();
        let actions = self.actions();
        let bar = actions
            .iter()
            .copied()
            .filter(|a| shown(a) && seen.insert(*a));
        let one = |pen: &mut Pen, x: u16, action: Action, draw: bool| -> u16 {
            let key = self.key_for(action);
            let title = self.title_of(action);
            let wide = key.chars().count() as u16 + 1 + title.chars().count() as u16;
            if draw {
                let took = pen.text(x, area.y, wide, &key, Role::Key) + 1;
                pen.text(x + took, area.y, wide, title, Role::Dim);
                pen.click(Rect::new(x, area.y, wide, 1), Click::Act(action));
            }
            wide
        };
        let last = actions.contains(&Action::Help).then_some(Action::Help);
        let kept = last.map_or(0, |a| one(pen, 0, a, false) + 2);
        let mut x = area.x;
        for action in bar {
            let wide = one(pen, x, action, false);
            if x + wide + kept > area.right() {
                break;
            }
            one(pen, x, action, true);
            x += wide + 2;
        }
        if let Some(action) = last {
            one(pen, x, action, true);
        }
    }

    /// What an action is called here.
    fn title_of(&self, action: Action) -> &'static str {
        match (action, self.screen) {
            (Action::Toggle, Screen::Preflight) => "Acknowledge",
            _ => action.title(),
        }
    }

    /// The key to be shown for an action: one that works while something is typed.
    fn key_for(&self, action: Action) -> String {
        let keys = self.setup.keymap.keys(action);
        let works = |k: &&Key| !self.is_typing() || k.typed().is_none();
        let key = keys.iter().find(works).or(keys.first());
        key.map(Key::to_string).unwrap_or_default()
    }
}

fn small(pen: &mut Pen, area: Rect) {
    let text = format!(
        "memferry needs {} columns and {} rows; here are {} and {}.",
        LEAST.0, LEAST.1, area.width, area.height
    );
    pen.wrapped(area, &text, Role::Warn);
}
