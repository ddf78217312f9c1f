//! Columns of text, aligned. Cells are made inert here, so that what a store says can
//! neither break a line nor reach into the next column.

use super::output::Look;
use crate::report::inert;

/// Rows to be shown under headings.
pub struct Table {
    look: Look,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings; one that begins with `>` is of a column of numbers.
    pub fn new(look: Look, headings: &[&str]) -> Self {
        Self {
            look,
            right: headings.iter().map(|h| h.starts_with('>')).collect(),
            rows: vec![
                headings
                    .iter()
                    .map(|h| h.trim_start_matches('>').to_owned())
                    .collect(),
            ],
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        let cells = cells.iter().map(|cell| self.look.safe(cell)).collect();
        self.rows.push(cells);
    }

    /// As lines.
    pub fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| inert::width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.right.len()).map(width).collect();
        let mut out = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for ((cell, right), width) in row.iter().zip(&self.right).zip(&widths) {
                let gap = " ".repeat(width - inert::width(cell));
                line += &match right {
                    true => format!("{gap}{cell}  "),
                    false => format!("{cell}{gap}  "),
                };
            }
            let line = line.trim_end();
            out += &match number {
                0 => self.look.dim(line),
                _ => line.to_owned(),
            };
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::inert::Marks;

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let look = Look {
            terminal: false,
            color: false,
            marks: Marks::Unicode,
        };
        let mut table = Table::new(look, &["name", ">memories", "place"]);
        table.row(["你好", "4,812", "a\nb"]);
        table.row(["x", "7", "\x1b[2J"]);
        let expected = "name  memories  place\n你好     4,812  a␊b\nx            7  ␛[2J\n";
        assert_eq!(table.text(), expected);
    }
}
