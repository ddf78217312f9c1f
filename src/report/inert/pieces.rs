//! Text taken apart into what must not be broken: grapheme clusters, and an escape for
//! each character that is not shown as it is. Which those are is decided here.

use super::{Marks, cluster_width, width};
use std::ops::ControlFlow::{self, Continue};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// Marks above a letter that are shown as such; those that follow become escapes, which
/// bounds the height of a line and the work for a cluster.
pub(super) const MOST_COMBINING: usize = 8;

/// Emoji that are joined into one; those that follow stand alone.
const MOST_JOINED: usize = 8;

/// Bytes looked at at a time, so that one who stops early pays for little.
const STRETCH: usize = 4_096;

/// Hands out the text in pieces that must not be broken: grapheme clusters and whole
/// escapes, each with its width.
pub(super) fn each(
    text: &[u8],
    marks: Marks,
    keep_lines: bool,
    mut to: impl FnMut(&str, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut escape = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let stretch = &rest[..rest.len().min(STRETCH)];
        let plain = stretch.iter().take_while(|b| is_plain(**b)).count();
        // What follows the last one may be a mark that belongs on it.
        let alone = if plain == rest.len() {
            plain
        } else {
            plain.saturating_sub(1)
        };
        if alone > 0 {
            let text = std::str::from_utf8(&rest[..alone]).unwrap_or_default();
            for at in 0..text.len() {
                to(&text[at..=at], 1)?;
            }
            rest = &rest[alone..];
            continue;
        }
        let valid = match std::str::from_utf8(stretch) {
            Ok(valid) => valid,
            Err(e) => std::str::from_utf8(&stretch[..e.valid_up_to()]).unwrap_or_default(),
        };
        if valid.is_empty() {
            let taken = broken(rest, &mut escape);
            to(&escape, escape.len())?;
            rest = &rest[taken..];
            continue;
        }
        let ends_here = valid.len() == rest.len();
        let taken = clusters(valid, ends_here, marks, keep_lines, &mut to)?;
        rest = &rest[taken..];
    }
    Continue(())
}

/// A letter, digit or sign of ASCII that begins no escape.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\\'
}

/// A byte, or a lone surrogate, that is not UTF-8; how many bytes it takes.
fn broken(bytes: &[u8], escape: &mut String) -> usize {
    if let [0xED, a @ 0xA0..=0xBF, b @ 0x80..=0xBF, ..] = bytes {
        let unit = 0xD000 | u32::from(a & 0x3F) << 6 | u32::from(b & 0x3F);
        *escape = format!("\\u{{{unit:x}}}");
        return 3;
    }
    *escape = format!("\\x{{{:x}}}", bytes[0]);
    1
}

/// The pieces of a stretch of valid text. Unless the text ends with it, the last cluster
/// may go on behind it and is left for the next stretch; how many bytes were taken.
fn clusters(
    text: &str,
    ends_here: bool,
    marks: Marks,
    keep_lines: bool,
    to: &mut impl FnMut(&str, usize) -> ControlFlow<()>,
) -> ControlFlow<(), usize> {
    let mut escape = String::new();
    let mut taken = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        let last = at + cluster.len() == text.len();
        if last && !ends_here && at > 0 {
            break;
        }
        taken = at + cluster.len();
        let mut start = at;
        let mut before = None;
        let (mut combining, mut joined) = (0, 0);
        for (i, c) in cluster.char_indices() {
            let i = at + i;
            combining = match c.width() {
                Some(0) => combining + 1,
                _ => 0,
            };
            joined += usize::from(c == '\u{200D}');
            let place = Place {
                before,
                after: &text[i + c.len_utf8()..],
                combining,
                joined,
            };
            before = Some(c);
            if c == '\n' && keep_lines {
                to("\n", 0)?;
                start = i + 1;
            } else if !shows(c, &place, marks) {
                let piece = &text[start..i];
                if !piece.is_empty() {
                    to(piece, cluster_width(piece))?;
                }
                start = i + c.len_utf8();
                mark(c, marks, &mut escape);
                to(&escape, width(&escape))?;
                // A mark behind an escape has no letter to stand on.
                before = None;
            }
        }
        let piece = &text[start..taken];
        if !piece.is_empty() {
            to(piece, cluster_width(piece))?;
        }
    }
    Continue(taken)
}

/// What stands around a character.
struct Place<'a> {
    /// The character before it in its cluster, if that is shown as it is.
    before: Option<char>,
    after: &'a str,
    /// How many characters without width there are up to it.
    combining: usize,
    /// How many joiners its cluster has up to it.
    joined: usize,
}

/// How a character is shown that is not shown as it is.
fn mark(c: char, marks: Marks, escape: &mut String) {
    escape.clear();
    match (marks, u32::from(c)) {
        (Marks::Unicode, n @ 0..=0x1F) => {
            escape.push(char::from_u32(0x2400 + n).unwrap_or('\u{FFFD}'));
        }
        (Marks::Unicode, 0x7F) => escape.push('\u{2421}'),
        (_, n) => *escape = format!("\\u{{{n:x}}}"),
    }
}

fn shows(c: char, place: &Place<'_>, marks: Marks) -> bool {
    match c {
        '\\' => !(place.after.starts_with("u{") || place.after.starts_with("x{")),
        ' '..='~' => true,
        _ if marks == Marks::Ascii => false,
        // Control pictures stand for controls.
        '\u{2400}'..='\u{243F}' => false,
        _ if hidden(c) => invisible_but_needed(c, place),
        _ => match c.width() {
            Some(0) => place.before.is_some() && place.combining <= MOST_COMBINING,
            Some(_) => true,
            None => false,
        },
    }
}

/// Joiners and selectors where the script or the emoji needs them to look right.
fn invisible_but_needed(c: char, place: &Place<'_>) -> bool {
    let Some(before) = place.before else {
        return false;
    };
    if place.combining > MOST_COMBINING || place.joined > MOST_JOINED {
        return false;
    }
    let next = place.after.chars().next();
    match c {
        '\u{FE0E}' | '\u{FE0F}' => is_symbol(before),
        '\u{200D}' if next.is_some_and(is_symbol) => {
            is_symbol(before) || before == '\u{FE0F}' || is_skin(before)
        }
        '\u{200C}' | '\u{200D}' => joins(before) && next.is_some_and(joins),
        _ => false,
    }
}

fn is_symbol(c: char) -> bool {
    matches!(c, '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}'
        | '\u{2100}'..='\u{23FF}' | '\u{2460}'..='\u{27BF}' | '\u{2900}'..='\u{2BFF}'
        | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

fn is_skin(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// Letters of scripts that are written joined, and their marks.
fn joins(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{65F}' | '\u{66E}'..='\u{6D3}' | '\u{6FA}'..='\u{6FF}'
        | '\u{710}'..='\u{7FF}' | '\u{900}'..='\u{DFF}' | '\u{1000}'..='\u{109F}'
        | '\u{1780}'..='\u{17B3}' | '\u{17B6}'..='\u{17D3}' | '\u{1820}'..='\u{18AA}')
}

/// Whether a character acts or hides: controls, and what Unicode says to draw nothing
/// for, to break a line at, to reorder by, or not to use at all (TR 44:
/// `Default_Ignorable_Code_Point`, `Bidi_Control`, private use, noncharacters, planes
/// without characters).
pub fn hidden(c: char) -> bool {
    matches!(u32::from(c),
        0..=0x1F | 0x7F..=0x9F | 0xAD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5
        | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F
        | 0x2800 | 0x3164 | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFE00..=0xFE0F | 0xFEFF
        | 0xFFA0 | 0xFFF0..=0xFFFC | 0xFFFE..=0xFFFF | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A | 0x323B0..=0x10FFFF)
        || u32::from(c) & 0xFFFE == 0xFFFE
}
