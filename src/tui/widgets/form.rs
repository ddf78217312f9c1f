//! A form: labelled fields one below the other, each with its help or its mistake. Store
//! forms are made from the settings of a descriptor, so a new store needs no code here.

use crate::error::Error;
use crate::store::{Setting, SettingKind};
use crate::tui::action::Action;
use crate::tui::field::TextField;
use crate::tui::pen::{ABOVE, BAD, BELOW, CHOICE, Click, Pen};
use crate::tui::theme::Role;
use crossterm::event::KeyEvent;
use ratatui::layout::Rect;
use std::cell::Cell;

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Any text.
    Text,
    /// A path.
    Path,
    /// One of these words.
    Choice(Vec<String>),
}

/// A field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name, by which its value is asked for.
    pub name: &'static str,
    /// Its name for people.
    pub label: String,
    /// One line of help.
    pub help: String,
    /// What it takes.
    pub takes: Takes,
    /// What it holds.
    pub text: TextField,
    /// What holds if nothing is typed: a value and where it is from.
    pub instead: Option<(String, String)>,
    /// What is wrong with it.
    pub mistake: Option<String>,
    /// What would complete it.
    pub ghost: String,
    /// Whether it is shown.
    pub shown: bool,
    /// Something to say of its present value, for choices.
    pub note: String,
    /// The word of a choice that holds without anybody choosing it.
    pub unsaid: String,
}

impl Field {
    /// A text field.
    pub fn text(name: &'static str, label: &str, help: &str) -> Self {
        Self {
            name,
            label: label.to_owned(),
            help: help.to_owned(),
            takes: Takes::Text,
            text: TextField::default(),
            instead: None,
            mistake: None,
            ghost: String::new(),
            shown: true,
            note: String::new(),
            unsaid: String::new(),
        }
    }

    /// A path.
    pub fn path(name: &'static str, label: &str, help: &str) -> Self {
        Self {
            takes: Takes::Path,
            ..Self::text(name, label, help)
        }
    }

    /// A choice of words, the first of which holds at first.
    pub fn choice(name: &'static str, label: &str, help: &str, words: &[&str]) -> Self {
        Self {
            takes: Takes::Choice(words.iter().map(|w| (*w).to_owned()).collect()),
            text: TextField::new(words.first().copied().unwrap_or_default()),
            ..Self::text(name, label, help)
        }
    }

    /// With this value.
    pub fn with(mut self, value: &str) -> Self {
        self.text.set(value);
        self
    }

    /// The field of a store's setting. What the environment says is shown as such; a
    /// secret of it only as being there.
    pub fn of_setting(setting: &'static Setting, env: crate::config::Env) -> Self {
        let takes = match setting.kind {
            SettingKind::Path => Takes::Path,
            SettingKind::Flag => Takes::Choice(vec!["no".into(), "yes".into()]),
            SettingKind::Choice(words) => {
                Takes::Choice(words.iter().map(|w| (*w).to_owned()).collect())
            }
            SettingKind::Text | SettingKind::Integer { .. } => Takes::Text,
        };
        let from_env = setting.env.iter().find_map(|name| {
            let value = env(name).filter(|v| !v.is_empty())?;
            Some((value, format!("from {name}")))
        });
        let default = setting
            .default
            .map(|v| (v.to_owned(), "default".to_owned()));
        let instead = match (from_env, setting.secret) {
            (Some((_, from)), true) => Some(("set".to_owned(), from)),
            (Some(found), false) => Some(found),
            (None, _) => default,
        };
        let text = match setting.secret {
            true => TextField::secret(),
            false => TextField::default(),
        };
        let mut field = Self {
            takes,
            text,
            instead,
            ..Self::text(setting.name, setting.label, setting.help)
        };
        if let Takes::Choice(words) = &field.takes {
            let now = field.instead.as_ref().map(|(v, _)| v.clone());
            let now = now.or_else(|| words.first().cloned()).unwrap_or_default();
            field.text.set(&now);
            field.unsaid = now;
        }
        field
    }

    /// What was said in it; nothing, for a choice that nobody made. Spaces around it mean
    /// something in a password only.
    pub fn said(&self) -> &str {
        match self.is_choice() && self.value() == self.unsaid {
            true => "",
            false if self.text.is_secret() => self.value(),
            false => self.value().trim(),
        }
    }

    /// Its value.
    pub fn value(&self) -> &str {
        self.text.value()
    }

    /// Takes the next of its words, or the one before.
    pub fn turn(&mut self, back: bool) -> bool {
        let Takes::Choice(words) = &self.takes else {
            return false;
        };
        let len = words.len().max(1);
        let now = words.iter().position(|w| w == self.text.value());
        let next = match (now, back) {
            (None, _) => 0,
            (Some(i), false) => (i + 1) % len,
            (Some(i), true) => (i + len - 1) % len,
        };
        let word = words.get(next).cloned().unwrap_or_default();
        self.text.set(&word);
        true
    }

    fn is_choice(&self) -> bool {
        matches!(self.takes, Takes::Choice(_))
    }
}

/// A form.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Its fields.
    pub fields: Vec<Field>,
    /// The field that is typed in.
    pub at: usize,
    top: Cell<usize>,
}

impl Form {
    /// Of these fields.
    pub fn new(fields: Vec<Field>) -> Self {
        Self {
            fields,
            at: 0,
            top: Cell::new(0),
        }
    }

    /// The value of a field, without spaces around it.
    pub fn get(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|f| f.name == name);
        field.map_or("", |f| f.value().trim())
    }

    /// A field, to be changed.
    pub fn field(&mut self, name: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|f| f.name == name)
    }

    /// The field that is typed in.
    pub fn focused(&mut self) -> Option<&mut Field> {
        self.fields.get_mut(self.at)
    }

    /// Whether what is focused takes letters.
    pub fn takes_text(&self) -> bool {
        self.fields.get(self.at).is_some_and(|f| !f.is_choice())
    }

    /// Whether the focused field completes paths.
    pub fn takes_path(&self) -> bool {
        let field = self.fields.get(self.at);
        field.is_some_and(|f| f.takes == Takes::Path)
    }

    /// To the next field that is shown; whether there was one.
    pub fn step(&mut self, back: bool) -> bool {
        let shown = |i: &usize| self.fields.get(*i).is_some_and(|f| f.shown);
        let next = match back {
            true => (0..self.at).rev().find(shown),
            false => (self.at + 1..self.fields.len()).find(shown),
        };
        match next {
            Some(i) => {
                self.at = i;
                true
            }
            None => false,
        }
    }

    /// To the first or last field that is shown.
    pub fn enter(&mut self, back: bool) {
        let shown = |i: &usize| self.fields.get(*i).is_some_and(|f| f.shown);
        let all = 0..self.fields.len();
        let found = match back {
            true => all.rev().find(shown),
            false => all.into_iter().find(shown),
        };
        self.at = found.unwrap_or(0);
    }

    /// To the first field with a mistake, if there is one.
    pub fn to_mistake(&mut self) -> bool {
        match self.fields.iter().position(|f| f.mistake.is_some()) {
            Some(i) => {
                self.at = i;
                true
            }
            None => false,
        }
    }

    /// Types into the focused field: `None` if the key is none of its own, else whether
    /// something changed.
    pub fn key(&mut self, event: KeyEvent) -> Option<bool> {
        let field = self.focused().filter(|f| !f.is_choice())?;
        let changed = field.text.key(event)?;
        if changed {
            field.ghost.clear();
        }
        Some(changed)
    }

    /// Changes a choice; whether it was one.
    pub fn turn(&mut self, action: Action) -> bool {
        let back = action == Action::Left;
        self.focused().is_some_and(|f| f.turn(back))
    }

    /// Marks a field as wrong.
    pub fn blame(&mut self, name: &str, error: &Error) {
        let text = match error.what_to_do() {
            Some(remedy) => remedy.to_owned(),
            None => error.message().to_owned(),
        };
        if let Some(field) = self.field(name) {
            field.mistake = Some(text);
        }
    }

    /// Rows it takes of so many, with its help.
    pub fn rows(&self, room: u16) -> u16 {
        let shown = self.fields.iter().filter(|f| f.shown).count() as u16;
        let spaced = shown.saturating_mul(2).saturating_add(3);
        match spaced <= room {
            true => spaced,
            false => shown.saturating_add(4).min(room),
        }
    }

    /// Draws it: two rows a field where there is room, else one and the help at the end.
    pub fn view(&self, pen: &mut Pen, area: Rect, focused: bool) {
        let shown: Vec<usize> = (0..self.fields.len())
            .filter(|i| self.fields[*i].shown)
            .collect();
        let Some(at) = shown.iter().position(|i| *i == self.at).or(Some(0)) else {
            return;
        };
        let help_rows = if area.height >= 5 { 2 } else { 0 };
        let room = usize::from(area.height.saturating_sub(help_rows));
        let spacing = if shown.len() * 2 <= room { 2 } else { 1 };
        let rows = (room / spacing).max(1);
        let mut top = self.top.get().min(shown.len().saturating_sub(rows));
        top = top.min(at).max((at + 1).saturating_sub(rows));
        self.top.set(top);
        let widest = shown.iter().map(|i| self.fields[*i].label.chars().count());
        let most = usize::from(area.width / 3).max(8);
        let label_width = widest.max().unwrap_or(0).min(most) as u16 + 2;
        // Where not all are in sight, the edge says so.
        let edge = u16::from(shown.len() > rows) * 2;
        let mut y = area.y;
        for i in shown.iter().skip(top).take(rows) {
            let row = Rect::new(area.x, y, area.width.saturating_sub(edge), 1);
            self.one(pen, row, *i, label_width, focused && *i == self.at);
            y += spacing as u16;
        }
        let side = area.right().saturating_sub(1);
        if top > 0 {
            pen.sign(side, area.y, ABOVE, Role::Dim);
        }
        if top + rows < shown.len() {
            pen.sign(side, y - spacing as u16, BELOW, Role::Dim);
        }
        if help_rows == 0 {
            return;
        }
        let spare = area.bottom().saturating_sub(y) > help_rows;
        let below = y.max(area.y + 1) + u16::from(spacing == 1 && spare);
        let room = area.bottom().saturating_sub(below).min(3);
        let help = Rect::new(area.x, below, area.width, room);
        if let Some(field) = self.fields.get(self.at).filter(|_| focused) {
            match &field.mistake {
                Some(mistake) => {
                    let x = pen.sign(help.x, help.y, BAD, Role::Bad) + 1;
                    let text = Rect::new(help.x + x, help.y, help.width.saturating_sub(x), room);
                    pen.wrapped(text, mistake, Role::Bad)
                }
                None => pen.wrapped(help, &field.help, Role::Dim),
            };
        }
    }

    fn one(&self, pen: &mut Pen, row: Rect, i: usize, label_width: u16, focused: bool) {
        let field = &self.fields[i];
        pen.click(row, Click::Field(i));
        let role = if focused { Role::Accent } else { Role::Text };
        pen.text(row.x, row.y, label_width - 1, &field.label, role);
        let x = row.x + label_width;
        let room = row.right().saturating_sub(x);
        if field.is_choice() {
            let role = if focused { Role::Focus } else { Role::Field };
            let (left, right) = (pen.look.sign(CHOICE.0), pen.look.sign(CHOICE.1));
            let word = format!(" {left} {} {right} ", field.value());
            let took = pen.raw(x, row.y, room, &word, role);
            let rest = room.saturating_sub(took + 2);
            pen.text(x + took + 2, row.y, rest, &field.note, Role::Dim);
            return;
        }
        let mark = u16::from(field.mistake.is_some()) * 2;
        // What holds instead, and where it is from, stands in the empty field.
        let empty = field.value().is_empty();
        let area = Rect::new(x, row.y, room.saturating_sub(mark), 1);
        field.text.view(pen, area, focused, &field.ghost);
        if let (true, Some((value, from))) = (empty, &field.instead) {
            let text = format!("{value}  {from}");
            pen.text(x, row.y, area.width, &text, Role::Dim);
        }
        if mark > 0 {
            pen.sign(row.right() - 1, row.y, BAD, Role::Bad);
        }
    }
}
