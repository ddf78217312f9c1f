//! Differences between records, in a table of any length: searched, filtered, sorted,
//! with a cursor that stays on its record; each opens as its two values side by side.

mod detail;

use super::action::Action;
use super::field::TextField;
use super::keymap::Keymap;
use super::msg::Effect;
use super::pen::{DOT, Pen};
use super::theme::Role;
use super::widgets::list::{List, Move};
use crate::model::Kind;
use crate::report::inert::{self, Marks};
use crate::report::{Difference, Field, Mark, words};
use detail::detail;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::sync::Arc;

/// By what the table is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// As they were found.
    #[default]
    Found,
    /// By kind of difference.
    Mark,
    /// By type.
    Type,
    /// By id.
    Id,
}

/// The table.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    items: Arc<Vec<Difference>>,
    /// What is searched for.
    pub search: TextField,
    /// Whether the search is typed in.
    pub searching: bool,
    mark: Option<Mark>,
    type_name: Option<String>,
    sort: Sort,
    shown: Vec<usize>,
    list: List,
    /// The record that is open, as the first line in sight.
    open: Option<List>,
}

impl Browser {
    /// Of these.
    pub fn new(items: Arc<Vec<Difference>>) -> Self {
        let shown = (0..items.len()).collect();
        Self {
            items,
            shown,
            ..Self::default()
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a record is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The record with the cursor.
    pub fn chosen(&self) -> Option<&Difference> {
        self.items.get(*self.shown.get(self.list.at)?)
    }

    /// What can be done.
    pub fn actions(&self) -> Vec<Action> {
        use Action::*;
        let mut all = Vec::new();
        if self.is_empty() {
            return all;
        }
        match self.open {
            Some(_) => all.extend([CopyId, CopyValue, Left, Right]),
            None => all.extend([Open, Search, Kind, Type, Sort, CopyId, CopyValue]),
        }
        all.extend([Up, Down, PageUp, PageDown, First, Last]);
        all
    }

    /// Looks through all again, with the cursor on the same record if it is still there.
    pub fn refilter(&mut self) {
        let kept = self.shown.get(self.list.at).copied();
        let wanted = self.search.value().trim().to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&wanted);
        let value = |f: &Field| {
            let sides = [&f.source, &f.target];
            holds(&f.name) || sides.into_iter().flatten().any(|v| holds(&v.text))
        };
        let fits = |d: &Difference| {
            self.mark.is_none_or(|m| d.mark == m)
                && self.type_name.as_ref().is_none_or(|t| d.type_name == *t)
                && (wanted.is_empty()
                    || holds(&d.key)
                    || holds(&d.title)
                    || holds(&d.type_name)
                    || d.fields.iter().any(value))
        };
        let all = self.items.iter().enumerate();
        self.shown = all.filter(|(_, d)| fits(d)).map(|(i, _)| i).collect();
        let items = &self.items;
        match self.sort {
            Sort::Found => {}
            Sort::Mark => self.shown.sort_by_key(|i| items[*i].mark),
            Sort::Type => self
                .shown
                .sort_by(|a, b| items[*a].type_name.cmp(&items[*b].type_name)),
            Sort::Id => self.shown.sort_by(|a, b| items[*a].key.cmp(&items[*b].key)),
        }
        let at = kept.and_then(|kept| self.shown.iter().position(|i| *i == kept));
        self.list.at = at.unwrap_or(0);
    }

    /// Does it, if it is one of its own.
    pub fn act(&mut self, action: Action) -> Option<Vec<Effect>> {
        if let Some(way) = Move::of(action) {
            match &mut self.open {
                Some(list) => list.go(way, usize::MAX / 2),
                None => self.list.go(way, self.shown.len()),
            }
            return Some(Vec::new());
        }
        match action {
            Action::Open if self.chosen().is_some() => self.open = Some(List::default()),
            Action::Back if self.open.is_some() => self.open = None,
            Action::Back if self.searching => self.searching = false,
            Action::Back if !self.search.value().is_empty() => {
                self.search.set("");
                self.refilter();
            }
            Action::Left | Action::Right if self.open.is_some() => {
                let way = if action == Action::Left {
                    Move::Up
                } else {
                    Move::Down
                };
                self.list.go(way, self.shown.len());
                self.open = Some(List::default());
            }
            Action::Search => self.searching = true,
            Action::Kind => {
                let order = [
                    Mark::OnlyInSource,
                    Mark::OnlyInTarget,
                    Mark::Differs,
                    Mark::Unreadable,
                ];
                let there = |m: &Mark| self.items.iter().any(|d| d.mark == *m);
                let all: Vec<_> = order.into_iter().filter(there).collect();
                self.mark = next(&all, self.mark);
                self.refilter();
            }
            Action::Type => {
                let all: BTreeSet<_> = self.items.iter().map(|d| d.type_name.clone()).collect();
                let all: Vec<_> = all.into_iter().collect();
                self.type_name = next(&all, self.type_name.clone());
                self.refilter();
            }
            Action::Sort => {
                self.sort = match self.sort {
                    Sort::Found => Sort::Mark,
                    Sort::Mark => Sort::Type,
                    Sort::Type => Sort::Id,
                    Sort::Id => Sort::Found,
                };
                self.refilter();
            }
            Action::CopyId => return Some(vec![Effect::Copy(self.chosen()?.key.clone())]),
            Action::CopyValue => return Some(vec![Effect::Copy(self.values()?)]),
            _ => return None,
        }
        Some(Vec::new())
    }

    /// A click on a line.
    pub fn click(&mut self, line: usize) -> bool {
        let again = self.list.at == line;
        self.list.at = line.min(self.shown.len().saturating_sub(1));
        again
    }

    fn values(&self) -> Option<String> {
        let mut out = String::new();
        for field in &self.chosen()?.fields {
            for (side, value) in [("source", &field.source), ("target", &field.target)] {
                if value.is_none() && self.chosen()?.is_by_digest() {
                    continue;
                }
                let text = value.as_ref().map_or("(absent)", |v| &v.text);
                out += &format!("{} in the {side}: {text}\n", field.name);
            }
        }
        Some(out)
    }

    /// Draws the table, or the record that is open.
    pub fn view(&self, pen: &mut Pen, area: Rect, keymap: &Keymap) {
        if let (Some(list), Some(chosen)) = (&self.open, self.chosen()) {
            let keys = [Action::Left, Action::Right].map(|a| keymap.shown(a));
            let at = words::number(self.list.at as u64 + 1);
            let all = words::number(self.shown.len() as u64);
            let place = format!("{}: {at} of {all}", keys.join(", "));
            return detail(pen, area, chosen, list, &place);
        }
        self.filters(pen, Rect { height: 1, ..area });
        let rows = Rect::new(
            area.x,
            area.y + 1,
            area.width,
            area.height.saturating_sub(1),
        );
        if self.shown.is_empty() {
            let text = match self.is_empty() {
                true => "There is none.",
                false => "None of them fits; Esc drops the search.",
            };
            pen.text(rows.x + 2, rows.y, rows.width - 2, text, Role::Dim);
            return;
        }
        let wide = area.width >= 90;
        self.list
            .view(pen, rows, self.shown.len(), true, |pen, i, at| {
                let item = &self.items[self.shown[i]];
                let plain = if i == self.list.at {
                    Role::Selected
                } else {
                    Role::Text
                };
                let dim = if i == self.list.at {
                    Role::Selected
                } else {
                    Role::Dim
                };
                let (mut x, y) = (at.x, at.y);
                pen.raw(x, y, 1, &item.mark.sign().to_string(), role_of(item.mark));
                x += 2;
                let kind = match item.kind {
                    Kind::Node => "memory",
                    Kind::Relationship => "relationship",
                };
                let type_name = if item.type_name.is_empty() {
                    kind
                } else {
                    &item.type_name
                };
                pen.text(x, y, 14, type_name, dim);
                x += 15;
                let id = if wide { 37 } else { 14 };
                pen.path(x, y, id - 1, &item.key, plain);
                x += id;
                let names: Vec<_> = item.fields.iter().map(|f| f.name.as_str()).collect();
                let names = match item.mark {
                    // Which of them differ is not known without the other side.
                    Mark::Differs if !item.is_by_digest() => names.join(", "),
                    _ => String::new(),
                };
                let rest = at.right().saturating_sub(x);
                let text = match (item.title.is_empty(), names.is_empty()) {
                    (false, false) => format!("{}  {} {names}", item.title, pen.look.sign(DOT)),
                    (true, _) => names,
                    (false, true) => item.title.clone(),
                };
                // The sign between the two is the program's own and stays as it is.
                let shown = match pen.look.marks {
                    Marks::Unicode => inert::cut(&text, rest.into(), Marks::Unicode),
                    Marks::Ascii => inert::cut(&text, rest.into(), Marks::Ascii),
                };
                pen.raw(x, y, rest, &shown, plain);
            });
    }

    fn filters(&self, pen: &mut Pen, at: Rect) {
        let mut x = at.x + 2;
        if self.searching || !self.search.value().is_empty() {
            x += pen.text(x, at.y, 8, "search", Role::Dim) + 1;
            let wide = if at.width < 76 { 14 } else { 24 };
            let field = Rect::new(x, at.y, wide.min(at.right().saturating_sub(x)), 1);
            self.search.view(pen, field, self.searching, "");
            x += wide + 2;
        }
        let mark = self.mark.map_or("every kind".to_owned(), |m| {
            let words = match m {
                Mark::OnlyInSource => "only in the source",
                Mark::OnlyInTarget => "only in the target",
                Mark::Differs => "differs",
                Mark::Unreadable => "unreadable",
            };
            format!("{} {words}", m.sign())
        });
        let sorted = match self.sort {
            Sort::Found => "as found",
            Sort::Mark => "by kind",
            Sort::Type => "by type",
            Sort::Id => "by id",
        };
        let of = match self.shown.len() == self.items.len() {
            true => words::number(self.items.len() as u64),
            false => {
                let all = words::number(self.items.len() as u64);
                format!("{} of {all}", words::number(self.shown.len() as u64))
            }
        };
        let type_name = self.type_name.as_deref().unwrap_or("every type");
        let text = format!("{of}, {mark}, {type_name}, {sorted}");
        pen.text(x, at.y, at.right().saturating_sub(x), &text, Role::Dim);
    }
}

fn next<T: Clone + PartialEq>(all: &[T], now: Option<T>) -> Option<T> {
    match now {
        None => all.first().cloned(),
        Some(now) => {
            let at = all.iter().position(|t| *t == now)?;
            all.get(at + 1).cloned()
        }
    }
}

fn role_of(mark: Mark) -> Role {
    match mark {
        Mark::OnlyInSource | Mark::OnlyInTarget => Role::Warn,
        Mark::Differs | Mark::Unreadable => Role::Bad,
    }
}
