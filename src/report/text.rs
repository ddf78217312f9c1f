//! Reports, comparisons and reviews as text for a terminal or a pipe. Colour only
//! repeats what a sign or a word already says.

mod differences;

use super::inert::{self, Marks};
use super::page::{self, Block, Item, Page, Section, State};
use super::{Report, Verification};
use crate::engine::Review;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Which characters may be used.
    pub marks: Marks,
    /// Whether to use colours.
    pub colour: bool,
    /// Columns to keep to, from 40.
    pub columns: usize,
    /// Whether to show every difference that was kept, field by field.
    pub verbose: bool,
    /// Whether to say what can be typed now.
    pub next: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            marks: Marks::Unicode,
            colour: false,
            columns: 100,
            verbose: false,
            next: true,
        }
    }
}

/// The report of a run.
pub fn render(report: &Report, look: &Look) -> String {
    draw(&page::of_report(report), look)
}

/// A comparison of two stores, named as people shall see them.
pub fn verification(v: &Verification, source: &str, target: &str, look: &Look) -> String {
    draw(&page::comparison(v, source, target), look)
}

/// What a run would do.
pub fn review(review: &Review, look: &Look) -> String {
    draw(&page::of_review(review), look)
}

/// Least columns: below, lines are no longer cut to fit.
const LEAST: usize = 40;

fn draw(page: &Page<'_>, look: &Look) -> String {
    let mut pen = Pen {
        out: String::new(),
        look: Look {
            columns: look.columns.max(LEAST),
            ..*look
        },
    };
    pen.headline(page);
    for section in page.sections.iter().filter(|s| look.next || s.id != "next") {
        pen.section(section);
    }
    pen.out
}

/// A way to set text off.
#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Ink {
    fn of(state: State) -> Self {
        match state {
            State::Good => Ink::Green,
            State::Warn => Ink::Yellow,
            State::Bad => Ink::Red,
            State::Plain => Ink::Dim,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Red => "31",
            Ink::Green => "32",
            Ink::Yellow => "33",
        }
    }
}

/// What is drawn so far.
struct Pen {
    out: String,
    look: Look,
}

impl Pen {
    /// Text that is inert already.
    fn ink(&self, ink: Ink, text: &str) -> String {
        match self.look.colour && !text.is_empty() {
            true => format!("\x1b[{}m{text}\x1b[0m", ink.code()),
            false => text.to_owned(),
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// Text from anywhere behind what stands on the line, its further lines indented.
    fn wrapped(&mut self, begin: &str, indent: usize, text: &str, ink: Option<Ink>) {
        let columns = self.look.columns.saturating_sub(indent).max(20);
        let lines = inert::wrap(text, columns, 40, self.look.marks);
        for (i, line) in lines.iter().enumerate() {
            let line = match ink {
                Some(ink) => self.ink(ink, line),
                None => line.clone(),
            };
            match i {
                0 => self.line(&format!("{begin}{line}")),
                _ => self.line(&format!("{:indent$}{line}", "")),
            }
        }
    }

    fn headline(&mut self, page: &Page<'_>) {
        let symbol = page.state.symbol(self.look.marks);
        let symbol = self.ink(Ink::of(page.state), symbol);
        self.wrapped(&format!("{symbol} "), 2, &page.headline, Some(Ink::Bold));
        self.wrapped("  ", 2, &page.about.join(", "), Some(Ink::Dim));
    }

    fn section(&mut self, section: &Section<'_>) {
        self.out.push('\n');
        let title = self.ink(Ink::Bold, section.title);
        self.line(&title);
        for (i, block) in section.blocks.iter().enumerate() {
            if i > 0 && matches!(block, Block::Table { .. }) {
                self.out.push('\n');
            }
            match block {
                Block::Text(text) => self.wrapped("  ", 2, text, None),
                Block::Pairs(pairs) => self.pairs(pairs),
                Block::Table { head, rows } => self.table(head, rows),
                Block::Items(items) => self.items(items),
                Block::Differences { list, total } => self.differences(list, *total),
                Block::Commands(commands) => self.commands(commands),
            }
        }
    }

    fn pairs(&mut self, pairs: &[(&'static str, Vec<String>)]) {
        let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, lines) in pairs {
            let name = self.ink(Ink::Dim, &format!("{name:width$}"));
            for (i, line) in lines.iter().enumerate() {
                let begin = match i {
                    0 => format!("  {name}  "),
                    _ => " ".repeat(width + 4),
                };
                self.wrapped(&begin, width + 4, line, None);
            }
        }
    }

    /// The first column to the left, the others to the right.
    fn table(&mut self, head: &[String], rows: &[Vec<String>]) {
        let marks = self.look.marks;
        let most = (self.look.columns - 2) / head.len().max(1);
        // Numbers fit; names give way.
        let most_of = |column: usize| match column {
            0 => self
                .look
                .columns
                .saturating_sub(2 + 16 * (head.len() - 1))
                .max(most),
            _ => most.saturating_sub(2).max(12),
        };
        let cell = |(column, text): (usize, &String)| inert::cut(text, most_of(column), marks);
        let draw = |row: &[String]| -> Vec<String> { row.iter().enumerate().map(cell).collect() };
        let head = draw(head);
        let rows: Vec<_> = rows.iter().map(|row| draw(row)).collect();
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                let widths = cells.map(|cell| inert::width(cell));
                widths.max().unwrap_or(0).max(inert::width(&head[column]))
            })
            .collect();
        if head.iter().any(|cell| !cell.is_empty()) {
            let text = aligned(&head, &widths);
            let text = self.ink(Ink::Dim, text.trim_end());
            self.line(&format!("  {text}"));
        }
        for row in &rows {
            let text = aligned(row, &widths);
            self.line(&format!("  {text}"));
        }
    }

    fn items(&mut self, items: &[Item]) {
        let marks = self.look.marks;
        let most = self.look.columns / 2;
        let title = |item: &Item| inert::cut(&item.title, most, marks);
        let widths = items.iter().map(|item| inert::width(&title(item)));
        let width = widths.max().unwrap_or(0);
        for item in items {
            let symbol = item.state.symbol(marks);
            let symbol = self.ink(Ink::of(item.state), symbol);
            let mut begin = format!("  {symbol} ");
            let mut indent = 4;
            if width > 0 {
                let title = title(item);
                let pad = " ".repeat(width - inert::width(&title));
                begin += &format!("{title}{pad}  ");
                indent += width + 2;
            }
            let detail = match (item.aside.is_empty(), item.detail.is_empty()) {
                (true, _) => item.detail.clone(),
                (false, true) => item.aside.clone(),
                (false, false) => format!("{} ({})", item.detail, item.aside),
            };
            self.wrapped(&begin, indent, &detail, None);
            for (name, note) in &item.notes {
                let name = self.ink(Ink::Dim, &format!("{name}:"));
                self.wrapped(&format!("    {name} "), 6, note, None);
            }
        }
    }

    /// Commands stay on one line, to be copied.
    fn commands(&mut self, commands: &[(&'static str, String)]) {
        let width = commands.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or(0);
        for (name, command) in commands {
            let name = self.ink(Ink::Dim, &format!("{name:width$}"));
            let command = inert::line(command, self.look.marks);
            self.line(&format!("  {name}  {command}"));
        }
    }
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let pad = " ".repeat(width.saturating_sub(inert::width(cell)));
        match i {
            0 => line += &format!("{cell}{pad}"),
            _ => line += &format!("  {pad}{cell}"),
        }
    }
    line
}
