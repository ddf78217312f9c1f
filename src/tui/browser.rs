//! Differences between records, in a table of any length: searched, filtered, sorted,
//! with a cursor that stays on its record; each opens as its two values side by side.

use super::action::Action;
use super::field::TextField;
use super::msg::Effect;
use super::pen::{ARROW, DOT, Pen};
use super::theme::Role;
use super::widgets::list::{List, Move};
use crate::model::Kind;
use crate::report::difference::{What, Window, between};
use crate::report::inert::{self, Marks};
use crate::report::{Difference, Field, Mark, words};
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::sync::Arc;
use unicode_segmentation::UnicodeSegmentation as _;

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
                let text = value.as_ref().map_or("(absent)", |v| &v.text);
                out += &format!("{} in the {side}: {text}\n", field.name);
            }
        }
        Some(out)
    }

    /// Draws the table, or the record that is open.
    pub fn view(&self, pen: &mut Pen, area: Rect) {
        if let (Some(list), Some(chosen)) = (&self.open, self.chosen()) {
            return detail(pen, area, chosen, list);
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
                    Mark::Differs => names.join(", "),
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
            let field = Rect::new(x, at.y, 24.min(at.right().saturating_sub(x)), 1);
            self.search.view(pen, field, self.searching, "");
            x += 26;
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

type Line = Vec<(Role, String)>;

/// Both values of every field, the differing parts marked; side by side where there is
/// room, else one below the other.
fn detail(pen: &mut Pen, area: Rect, item: &Difference, list: &List) {
    let mut y = area.y;
    let sign = item.mark.sign().to_string();
    pen.raw(area.x, y, 1, &sign, role_of(item.mark));
    pen.text(area.x + 2, y, area.width - 2, &item.key, Role::Title);
    y += 1;
    let about = format!("{}  {}", item.type_name, item.title);
    pen.text(area.x + 2, y, area.width - 2, about.trim(), Role::Dim);
    y += 1;
    let beside = area.width >= 72;
    let column = if beside {
        (area.width - 3) / 2
    } else {
        area.width
    };
    let rows = area.bottom().saturating_sub(y + 1);
    if beside {
        pen.text(area.x, y, column, "Source", Role::Accent);
        pen.text(area.x + column + 3, y, column, "Target", Role::Accent);
    }
    let body = Rect::new(area.x, y + 1, area.width, rows);
    let mut lines: Vec<(Line, Line)> = Vec::new();
    for field in &item.fields {
        let (left, right) = sides(field, column.into(), pen.look.marks);
        lines.push((vec![(Role::Title, field.name.clone())], Vec::new()));
        match beside {
            true => {
                for i in 0..left.len().max(right.len()) {
                    let of = |side: &Vec<Line>| side.get(i).cloned().unwrap_or_default();
                    lines.push((of(&left), of(&right)));
                }
            }
            false => {
                lines.push((vec![(Role::Accent, "  in the source".into())], Vec::new()));
                lines.extend(left.into_iter().map(|l| (l, Vec::new())));
                lines.push((vec![(Role::Accent, "  in the target".into())], Vec::new()));
                lines.extend(right.into_iter().map(|l| (l, Vec::new())));
            }
        }
        lines.push(Default::default());
    }
    let top = list.at.min(lines.len().saturating_sub(usize::from(rows)));
    if beside {
        pen.rule_down(area.x + column + 1, y, rows + 1);
    }
    for (row, (left, right)) in lines.iter().skip(top).take(rows.into()).enumerate() {
        let y = body.y + row as u16;
        draw(pen, body.x, y, column, left);
        if beside {
            draw(pen, body.x + column + 3, y, column, right);
        }
    }
}

fn draw(pen: &mut Pen, mut x: u16, y: u16, width: u16, line: &Line) {
    let end = x + width;
    for (role, text) in line {
        x += pen.raw(x, y, end.saturating_sub(x), text, *role);
    }
}

fn sides(field: &Field, width: usize, marks: Marks) -> (Vec<Line>, Vec<Line>) {
    let absent = || vec![vec![(Role::Dim, "absent".to_owned())]];
    let typed = |name: &str| vec![(Role::Dim, inert::line(name, marks))];
    match (&field.source, &field.target) {
        (None, None) => (absent(), absent()),
        (Some(only), None) => (whole(&only.text, Role::Removed, width, marks), absent()),
        (None, Some(only)) => (absent(), whole(&only.text, Role::Added, width, marks)),
        (Some(a), Some(b)) => {
            let taken = between(&a.text, &b.text, Window::PAGE);
            let build = |spans: &[crate::report::difference::Span], after: usize| {
                let mut flow = Flow::new(width, marks);
                if taken.before > 0 {
                    flow.push(
                        &format!("({} left out) ", words::bytes(taken.before as u64)),
                        Role::Dim,
                    );
                }
                for span in spans {
                    let role = match span.what {
                        What::Same => Role::Text,
                        What::Removed => Role::Removed,
                        What::Added => Role::Added,
                    };
                    flow.push(span.text, role);
                }
                if after > 0 {
                    flow.push(
                        &format!(" ({} more)", words::bytes(after as u64)),
                        Role::Dim,
                    );
                }
                flow.end()
            };
            let mut left = build(&taken.source, taken.source_after);
            let mut right = build(&taken.target, taken.target_after);
            if a.type_name != b.type_name {
                left.insert(0, typed(&a.type_name));
                right.insert(0, typed(&b.type_name));
            }
            (left, right)
        }
    }
}

fn whole(text: &str, role: Role, width: usize, marks: Marks) -> Vec<Line> {
    let mut end = text.len().min(8_000);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut flow = Flow::new(width, marks);
    flow.push(&text[..end], role);
    if end < text.len() {
        let more = words::bytes((text.len() - end) as u64);
        flow.push(&format!(" ({more} more)"), Role::Dim);
    }
    flow.end()
}

/// Spans, made inert and broken into lines, at spaces where there are any.
struct Flow {
    width: usize,
    marks: Marks,
    lines: Vec<Line>,
    /// The clusters of the present line, with their widths.
    now: Vec<(Role, String, usize)>,
    columns: usize,
}

impl Flow {
    fn new(width: usize, marks: Marks) -> Self {
        Self {
            width: width.max(2),
            marks,
            lines: Vec::new(),
            now: Vec::new(),
            columns: 0,
        }
    }

    fn push(&mut self, text: &str, role: Role) {
        let shown = inert::lines(text, self.marks);
        for g in shown.graphemes(true) {
            if g == "\n" {
                self.line();
                continue;
            }
            let wide = inert::width(g);
            while self.columns + wide > self.width && !self.now.is_empty() {
                self.wrap();
            }
            self.now.push((role, g.to_owned(), wide));
            self.columns += wide;
        }
    }

    /// Ends the line behind its last space; what follows that begins the next.
    fn wrap(&mut self) {
        let space = self.now.iter().rposition(|(_, g, _)| g == " ");
        let rest = match space {
            Some(at) => self.now.split_off(at + 1),
            None => Vec::new(),
        };
        self.line();
        self.columns = rest.iter().map(|(.., wide)| wide).sum();
        self.now = rest;
    }

    fn line(&mut self) {
        let mut line: Line = Vec::new();
        for (role, g, _) in self.now.drain(..) {
            match line.last_mut() {
                Some((last, text)) if *last == role => text.push_str(&g),
                _ => line.push((role, g)),
            }
        }
        self.lines.push(line);
        self.columns = 0;
    }

    fn end(mut self) -> Vec<Line> {
        self.line();
        self.lines
    }
}

/// A hint of how a change reads, for lists.
pub fn arrow(marks: Marks) -> &'static str {
    match marks {
        Marks::Unicode => ARROW.0,
        Marks::Ascii => ARROW.1,
    }
}
