//! The report as GitHub-flavoured Markdown. A word that could be markup, a link, a
//! mention or HTML stands in a code span, where nothing is; so does all text of values.

use super::difference::{Span, What, Window, between};
use super::inert::{self, Marks};
use super::page::{self, Block, Item, Page, noun};
use super::words::number;
use super::{Difference, Field, FieldValue, Report};

/// Differences shown with their fields.
const MOST: usize = 1_000;

/// Columns for a title, a value's equal stretch and its differing one.
const TITLE: usize = 120;
const SAME: usize = 60;
const CHANGED: usize = 400;

/// How much of two values is compared.
const WINDOW: Window = Window {
    before: 60,
    from: 2_000,
};

/// The report as Markdown.
pub fn render(report: &Report) -> String {
    let page = page::of_report(report);
    let mut out = String::new();
    head(&mut out, &page);
    for section in &page.sections {
        out += &format!("\n## {}\n", section.title);
        for block in &section.blocks {
            draw(&mut out, block);
        }
    }
    out
}

fn head(out: &mut String, page: &Page<'_>) {
    let symbol = page.state.symbol(Marks::Unicode);
    *out += &format!("# {symbol} {}\n\n", words(&page.headline));
    let about: Vec<_> = page.about.iter().map(|line| words(line)).collect();
    *out += &format!("{}\n", about.join(" · "));
}

fn draw(out: &mut String, block: &Block<'_>) {
    out.push('\n');
    match block {
        Block::Text(text) => *out += &format!("{}\n", words(text)),
        Block::Pairs(pairs) => {
            for (name, lines) in pairs {
                let lines: Vec<_> = lines.iter().map(|line| words(line)).collect();
                *out += &format!("- {name}: {}\n", lines.join("<br>"));
            }
        }
        Block::Table { head, rows } => {
            *out += &row(head);
            let rule = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" });
            *out += &format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
            out.extend(rows.iter().map(|cells| row(cells)));
        }
        Block::Items(items) => items.iter().for_each(|i| item(out, i)),
        Block::Differences { list, total } => {
            list.iter().take(MOST).for_each(|d| difference(out, d));
            let more = total.saturating_sub(list.len().min(MOST) as u64);
            if more > 0 {
                *out += &format!("\nAnd {} more.\n", number(more));
            }
        }
        Block::Commands(commands) => {
            for (name, command) in commands {
                *out += &format!("- {name}: {}\n", code(command));
            }
        }
    }
}

fn row(cells: &[String]) -> String {
    // A pipe ends a cell even inside a code span; its escape is the scheme's own.
    let cells = cells.iter().map(|cell| {
        let cell = inert::cut(cell, TITLE, Marks::Unicode);
        spans(&cell.replace('|', "\\u{7c}"))
    });
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn item(out: &mut String, item: &Item) {
    *out += &format!("- {}", item.state.symbol(Marks::Unicode));
    if !item.title.is_empty() {
        *out += &format!(" **{}**", words(&item.title));
    }
    if !item.detail.is_empty() {
        *out += &format!(" {}", words(&item.detail));
    }
    if !item.aside.is_empty() {
        *out += &format!(" ({})", words(&item.aside));
    }
    out.push('\n');
    for (name, note) in &item.notes {
        *out += &format!("  - {name}: {}\n", words(note));
    }
}

fn difference(out: &mut String, difference: &Difference) {
    let sign = difference.mark.sign();
    let title = inert::cut(&difference.title, TITLE, Marks::Unicode);
    *out += &format!(
        "- `{sign}` {}: {} {} {} {}\n",
        difference.mark.word(),
        noun(difference.kind, &difference.type_name),
        code(&difference.key),
        words(&difference.type_name),
        spans(&title),
    );
    difference.fields.iter().for_each(|f| field(out, f));
}

fn field(out: &mut String, field: &Field) {
    *out += &format!("  - {}\n", code(&field.name));
    let text = |value: &Option<FieldValue>| value.as_ref().map(|v| v.text.clone());
    let (source, target) = (text(&field.source), text(&field.target));
    let sides = between(
        source.as_deref().unwrap_or_default(),
        target.as_deref().unwrap_or_default(),
        WINDOW,
    );
    for (name, value, spans, after) in [
        ("source", &field.source, &sides.source, sides.source_after),
        ("target", &field.target, &sides.target, sides.target_after),
    ] {
        let Some(value) = value else {
            *out += &format!("    - {name}: absent\n");
            continue;
        };
        let both = field.source.is_some() && field.target.is_some();
        let shown = marked(spans, sides.before, after, both);
        *out += &format!("    - {name} ({}): {shown}\n", words(&value.type_name));
    }
}

/// A value as code spans, what differs in bold.
fn marked(spans: &[Span<'_>], before: usize, after: usize, both: bool) -> String {
    if spans.is_empty() {
        return "empty".to_owned();
    }
    let mut out = String::new();
    if before > 0 {
        out.push('…');
    }
    for span in spans {
        out += &match span.what {
            What::Same => code(&inert::cut_middle(span.text, SAME, Marks::Unicode)),
            _ => {
                let text = code_of(&inert::cut_middle(span.text, CHANGED, Marks::Unicode));
                if both { format!("**{text}**") } else { text }
            }
        };
    }
    if after > 0 {
        out.push('…');
    }
    out
}

/// Text from anywhere: made inert, then plain where it is harmless.
fn words(text: &str) -> String {
    spans(&inert::line(text, Marks::Unicode))
}

/// Text from anywhere, all of it as code.
fn code(text: &str) -> String {
    code_of(&inert::line(text, Marks::Unicode))
}

/// Inert text with the words that could be markup in code spans.
fn spans(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut odd: Vec<&str> = Vec::new();
    for (i, word) in text.split(' ').enumerate() {
        if is_harmless(word, i == 0) {
            if !odd.is_empty() {
                out.push(code_of(&odd.join(" ")));
                odd.clear();
            }
            out.push(word.to_owned());
        } else {
            odd.push(word);
        }
    }
    if !odd.is_empty() {
        out.push(code_of(&odd.join(" ")));
    }
    out.join(" ")
}

/// Whether a word is nothing but itself wherever it stands.
fn is_harmless(word: &str, first: bool) -> bool {
    let lower = word.to_ascii_lowercase();
    let plain = |c: char| c.is_alphanumeric() || ",.;()'\"%=?!-/".contains(c);
    let starts = |c: char| c.is_alphanumeric() || "('\"".contains(c);
    let body = word.strip_suffix(':').unwrap_or(word);
    // `1.` and `1)` begin a list, `www.` and `gh-1` are links.
    let numbered = body.ends_with(['.', ')']) && body.starts_with(|c: char| c.is_ascii_digit());
    body.is_empty() && word.is_empty() && !first
        || (body.chars().all(plain)
            && body.starts_with(starts)
            && !(first && numbered)
            && !lower.contains("www")
            && !lower.contains("gh-"))
}

/// Inert text as a code span, fenced by more backticks than it holds.
fn code_of(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0) + 1);
    // A space at an end is kept only behind another one.
    let pad = match text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        true if !text.trim().is_empty() => " ",
        _ => "",
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_stay_plain_and_odd_ones_become_code() {
        for (text, shown) in [
            (
                "4,812 memories and 9,377 relationships",
                "4,812 memories and 9,377 relationships",
            ),
            ("no room at localhost:6379", "no room at `localhost:6379`"),
            ("see www.evil.example now", "see `www.evil.example` now"),
            ("mail a@b.c @user #1 GH-1", "mail `a@b.c @user #1 GH-1`"),
            ("# heading", "`#` heading"),
            ("- item", "`-` item"),
            ("1. item", "`1.` item"),
            ("of 12.", "of 12."),
            ("<b>x</b> &lt;", "`<b>x</b> &lt;`"),
            ("**b** _i_ ~~s~~ [l](u)", "`**b** _i_ ~~s~~ [l](u)`"),
            ("a ` b `` c", "a `` ` `` b ``` `` ``` c"),
            (":tada: note: x", "`:tada:` note: x"),
            ("line\nbreak", "`line␊break`"),
            ("", ""),
        ] {
            assert_eq!(words(text), shown);
        }
        assert_eq!(row(&["a|b".into(), "1".into()]), "| `a\\u{7c}b` | 1 |\n");
        assert_eq!(code(" a "), "`  a  `");
    }
}
