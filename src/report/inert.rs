//! Text from stores, made safe to show: nothing in it can move a cursor, colour a
//! screen, reorder or hide what stands beside it. Every program output that shows such
//! text goes through here.
//!
//! One scheme, which loses nothing: C0 controls and DEL become their control pictures
//! (`␛`, `␊`), anything else that is not shown by itself becomes `\u{202e}`, a byte that
//! is not UTF-8 becomes `\x{ff}`. What looks like such an escape in the text has its
//! backslash shown as `\u{5c}`, so two different texts never look the same here.

mod pieces;

pub use pieces::hidden as is_hidden;
use pieces::{MOST_COMBINING, each};
use std::ops::ControlFlow::{Break, Continue};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Which characters the output may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// Letters and symbols of every script; control pictures.
    #[default]
    Unicode,
    /// Printable ASCII; everything else as an escape. In a terminal that is not UTF-8,
    /// bytes of other characters can themselves be controls.
    Ascii,
}

impl Marks {
    /// What stands where text was left out.
    pub fn ellipsis(self) -> &'static str {
        match self {
            Self::Unicode => "…",
            Self::Ascii => "...",
        }
    }
}

/// More bytes than any column can take: a character and its marks, four bytes each.
const BYTES_A_COLUMN: usize = 4 * (MOST_COMBINING + 2);

/// On one line, in full.
pub fn line(text: impl AsRef<[u8]>, marks: Marks) -> String {
    all(text.as_ref(), marks, false)
}

/// With its line feeds kept as line feeds.
pub fn lines(text: impl AsRef<[u8]>, marks: Marks) -> String {
    all(text.as_ref(), marks, true)
}

/// On one line of at most so many columns, with an ellipsis where the rest was left out.
/// Looks at no more of the text than it shows.
pub fn cut(text: impl AsRef<[u8]>, columns: usize, marks: Marks) -> String {
    let text = text.as_ref();
    let (head, more) = first(text, columns);
    let mut shown = Shown::default();
    let fits = shown.take(head, columns, marks);
    if fits && !more {
        return shown.text;
    }
    let ellipsis = ellipsis(columns, marks);
    shown.shrink(columns - ellipsis.len_columns());
    shown.text + ellipsis
}

/// Like [`cut`], with the middle left out: for paths and addresses, whose end counts.
pub fn cut_middle(text: impl AsRef<[u8]>, columns: usize, marks: Marks) -> String {
    let text = text.as_ref();
    let (head, more) = first(text, columns);
    let mut shown = Shown::default();
    if shown.take(head, columns, marks) && !more {
        return shown.text;
    }
    let ellipsis = ellipsis(columns, marks);
    let room = columns - ellipsis.len_columns();
    shown.shrink(room / 2);
    let mut tail = Shown::default();
    let room = room - shown.columns();
    tail.take(last(text, room), usize::MAX, marks);
    let from = tail.skip_to(room);
    shown.text + ellipsis + &tail.text[from..]
}

/// In lines of at most so many columns, broken at spaces where there are some; line
/// feeds begin a new line. At most `most` lines, the last with an ellipsis if there is
/// more. Looks at no more of the text than it shows.
pub fn wrap(text: impl AsRef<[u8]>, columns: usize, most: usize, marks: Marks) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = Vec::new();
    let mut now = Shown::default();
    let more = each(text.as_ref(), marks, true, |piece, width| {
        if piece == "\n" {
            lines.push(std::mem::take(&mut now).text);
        } else if width <= columns {
            now.wrap(piece, width, columns, &mut lines);
        } else {
            for (at, c) in piece.char_indices() {
                let c = &piece[at..at + c.len_utf8()];
                now.wrap(c, cluster_width(c), columns, &mut lines);
            }
        }
        match lines.len() < most {
            true => Continue(()),
            false => Break(()),
        }
    })
    .is_break();
    lines.truncate(most);
    if !more && (lines.is_empty() || !now.text.is_empty()) {
        lines.push(now.text);
    }
    for line in &mut lines {
        line.truncate(line.trim_end_matches(' ').len());
    }
    if more && let Some(line) = lines.last_mut() {
        let ellipsis = ellipsis(columns, marks);
        let mut shown = Shown::default();
        // Already inert: only its width is still to be found.
        for piece in line.graphemes(true) {
            shown.push(piece, width(piece));
        }
        shown.shrink(columns - ellipsis.len_columns());
        *line = shown.text + ellipsis;
    }
    lines
}

/// Columns that text takes which is already inert, or the program's own; never less
/// than what a terminal makes of it. A family drawn as one emoji by some terminals is
/// several in others, so its parts are added up.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.graphemes(true).map(cluster_width).sum()
}

fn cluster_width(cluster: &str) -> usize {
    let parts: usize = cluster.chars().filter_map(|c| c.width()).sum();
    parts.max(cluster.width())
}

trait Columns {
    fn len_columns(&self) -> usize;
}

impl Columns for &'static str {
    fn len_columns(&self) -> usize {
        self.chars().count()
    }
}

fn ellipsis(columns: usize, marks: Marks) -> &'static str {
    let full = marks.ellipsis();
    match full.len_columns() <= columns {
        true => full,
        false => &full[..columns.min(full.len()) * usize::from(full.is_ascii())],
    }
}

/// Enough of the text for so many columns, and whether there is more.
fn first(text: &[u8], columns: usize) -> (&[u8], bool) {
    let most = columns.saturating_add(2).saturating_mul(BYTES_A_COLUMN);
    match text.len() > most {
        true => (&text[..most], true),
        false => (text, false),
    }
}

/// Enough of the text's end, from the start of a character.
fn last(text: &[u8], columns: usize) -> &[u8] {
    let most = columns.saturating_add(2).saturating_mul(BYTES_A_COLUMN);
    let mut from = text.len().saturating_sub(most);
    while from > 0 && from < text.len() && text[from] & 0xC0 == 0x80 {
        from += 1;
    }
    &text[from..]
}

/// Pieces that are never broken, with their widths.
#[derive(Default)]
struct Shown {
    text: String,
    /// End of each piece: bytes and columns.
    ends: Vec<(usize, usize)>,
}

impl Shown {
    fn columns(&self) -> usize {
        self.ends.last().map_or(0, |end| end.1)
    }

    fn push(&mut self, piece: &str, width: usize) {
        self.text.push_str(piece);
        self.ends.push((self.text.len(), self.columns() + width));
    }

    /// Takes pieces until one no longer fits; whether all did.
    fn take(&mut self, text: &[u8], columns: usize, marks: Marks) -> bool {
        each(text, marks, false, |piece, width| {
            if self.columns() + width > columns {
                return Break(());
            }
            self.push(piece, width);
            Continue(())
        })
        .is_continue()
    }

    /// Drops pieces from the end until the rest fits.
    fn shrink(&mut self, columns: usize) {
        while self.columns() > columns {
            self.ends.pop();
        }
        self.text.truncate(self.ends.last().map_or(0, |end| end.0));
    }

    /// Where the last pieces that fit begin.
    fn skip_to(&self, columns: usize) -> usize {
        let all = self.columns();
        let mut from = self.text.len();
        for (i, _) in self.ends.iter().enumerate().rev() {
            let (byte, column) = match i {
                0 => (0, 0),
                i => self.ends[i - 1],
            };
            if all - column > columns {
                break;
            }
            from = byte;
        }
        from
    }

    /// Puts a piece on this line, or ends it, at its last space if it has one.
    fn wrap(&mut self, piece: &str, width: usize, columns: usize, lines: &mut Vec<String>) {
        if self.columns() + width > columns {
            let mut next = Shown::default();
            let space = self.text.rfind(' ').filter(|_| piece != " ");
            if let Some(at) = space {
                next = self.split_behind(at + 1);
            }
            lines.push(std::mem::replace(self, next).text);
            if piece == " " {
                return;
            }
            if self.columns() + width > columns {
                lines.push(std::mem::take(self).text);
            }
        }
        self.push(piece, width);
    }

    /// Cuts off and returns what begins at a byte.
    fn split_behind(&mut self, byte: usize) -> Shown {
        let at = self.ends.partition_point(|end| end.0 <= byte);
        let (base, columns) = match at {
            0 => (0, 0),
            at => self.ends[at - 1],
        };
        Shown {
            text: self.text.split_off(base),
            ends: (self.ends.drain(at..))
                .map(|(b, c)| (b - base, c - columns))
                .collect(),
        }
    }
}

fn all(text: &[u8], marks: Marks, keep_lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let _ = each(text, marks, keep_lines, |piece, _| {
        out.push_str(piece);
        Continue(())
    });
    out
}

#[cfg(test)]
mod tests;
