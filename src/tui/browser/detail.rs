//! A record that differs: the values of every field side by side, the differing parts
//! marked; one below the other where there is no room.

use super::role_of;
use crate::report::difference::{What, Window, between};
use crate::report::inert::{self, Marks};
use crate::report::{Difference, Field, words};
use crate::tui::pen::{ABOVE, BELOW, PROSE, Pen};
use crate::tui::theme::Role;
use crate::tui::widgets::list::List;
use ratatui::layout::Rect;
use unicode_segmentation::UnicodeSegmentation as _;

type Line = Vec<(Role, String)>;

/// Both values of every field, the differing parts marked; side by side where there is
/// room, else one below the other.
pub(super) fn detail(pen: &mut Pen, area: Rect, item: &Difference, list: &List, place: &str) {
    let mut y = area.y;
    let sign = item.mark.sign().to_string();
    pen.raw(area.x, y, 1, &sign, role_of(item.mark));
    let wide = area.width.min(PROSE);
    let took = pen.right(area.x, y, wide, place, Role::Dim);
    let room = wide.saturating_sub(took + 4);
    pen.path(area.x + 2, y, room, &item.key, Role::Title);
    y += 1;
    let about = format!("{}  {}", item.type_name, item.title);
    pen.text(area.x + 2, y, area.width - 2, about.trim(), Role::Dim);
    y += 1;
    // The last column says that it goes on.
    let edge = area.right().saturating_sub(1);
    let area = Rect {
        width: area.width.saturating_sub(2),
        ..area
    };
    let beside = area.width >= 72;
    let column = if beside {
        (area.width - 3) / 2
    } else {
        area.width
    };
    let head = u16::from(beside);
    let rows = area.bottom().saturating_sub(y + head);
    if beside {
        pen.text(area.x, y, column, "Source", Role::Accent);
        pen.text(area.x + column + 3, y, column, "Target", Role::Accent);
    }
    let body = Rect::new(area.x, y + head, area.width, rows);
    let mut lines = match item.is_by_digest() {
        true => one_sided(item, column.into(), beside, pen.look.marks),
        false => two_sided(item, column.into(), beside, pen.look.marks),
    };
    lines.pop_if(|(left, right)| left.is_empty() && right.is_empty());
    let top = list.at.min(lines.len().saturating_sub(usize::from(rows)));
    if beside {
        pen.rule_down(area.x + column + 1, y, rows + 1);
    }
    if top > 0 {
        pen.sign(edge, body.y, ABOVE, Role::Dim);
    }
    if top + usize::from(rows) < lines.len() {
        pen.sign(edge, area.bottom().saturating_sub(1), BELOW, Role::Dim);
    }
    for (row, (left, right)) in lines.iter().skip(top).take(rows.into()).enumerate() {
        let y = body.y + row as u16;
        draw(pen, body.x, y, column, left);
        if beside {
            draw(pen, body.x + column + 3, y, column, right);
        }
    }
}

/// The lines of either column, all in the first where there is room for one only.
type Pairs = Vec<(Line, Line)>;

fn beside_each_other(left: &[Line], right: &[Line]) -> Pairs {
    let of = |side: &[Line], i: usize| side.get(i).cloned().unwrap_or_default();
    let rows = 0..left.len().max(right.len());
    rows.map(|i| (of(left, i), of(right, i))).collect()
}

fn alone(lines: impl IntoIterator<Item = Line>) -> Pairs {
    lines.into_iter().map(|l| (l, Line::new())).collect()
}

/// The name of a field, which is from the store as its values are.
fn named(field: &Field, marks: Marks) -> Line {
    vec![(Role::Title, inert::line(&field.name, marks))]
}

fn two_sided(item: &Difference, column: usize, beside: bool, marks: Marks) -> Pairs {
    let mut lines = Pairs::new();
    for field in &item.fields {
        let (left, right) = sides(field, column, marks);
        lines.extend(alone([named(field, marks)]));
        match beside {
            true => lines.extend(beside_each_other(&left, &right)),
            false => {
                lines.extend(alone([vec![(Role::Accent, "  in the source".into())]]));
                lines.extend(alone(left));
                lines.extend(alone([vec![(Role::Accent, "  in the target".into())]]));
                lines.extend(alone(right));
            }
        }
        lines.extend(alone([Line::new()]));
    }
    lines
}

/// What the target holds, and why there is nothing to hold it against.
fn one_sided(item: &Difference, column: usize, beside: bool, marks: Marks) -> Pairs {
    let mut why = Flow::new(column, marks);
    let text = "Only a digest is kept of what was left here: it is known that the record \
                differs, not in which field.";
    why.push(text, Role::Dim);
    let mut left = why.end();
    left.push(Line::new());
    let mut right = Vec::new();
    for field in &item.fields {
        let Some(value) = &field.target else { continue };
        right.push(named(field, marks));
        right.extend(whole(&value.text, Role::Text, column, marks));
        right.push(Line::new());
    }
    match beside {
        true => beside_each_other(&left, &right),
        false => alone(left.into_iter().chain(right)),
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
