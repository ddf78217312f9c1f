//! Records that differ, each to be opened: both values side by side, what differs marked.

use super::{bidi, escaped, text};
use crate::report::difference::{Span, What, Window, between};
use crate::report::inert::{self, Marks};
use crate::report::page::noun;
use crate::report::words::{bytes, number};
use crate::report::{Difference, Field, FieldValue, Mark};

/// Bytes of values after which differences are listed without their fields, so that a
/// page with ten thousand of them still opens.
const MOST_BYTES: usize = 12_000_000;

/// Records beyond which a group starts closed.
const OPEN: usize = 30;

/// Bytes from which a value is not shown in full, and what is shown of a stretch that
/// is the same, beside each difference.
const LONG: usize = 1_200;
const AROUND: usize = 240;

/// Columns for a title and for the names of fields.
const TITLE: usize = 100;
const NAMES: usize = 60;

pub(super) fn draw(out: &mut String, id: &str, list: &[Difference], total: u64) {
    let begin = out.len();
    for mark in [
        Mark::Differs,
        Mark::OnlyInSource,
        Mark::OnlyInTarget,
        Mark::Unreadable,
    ] {
        let group: Vec<_> = list.iter().filter(|d| d.mark == mark).collect();
        if group.is_empty() {
            continue;
        }
        let open = match group.len() <= OPEN {
            true => " open=\"open\"",
            false => "",
        };
        *out += &format!(
            "<details class=\"group\" id=\"{id}-{}\"{open}><summary><span class=\"sign\">{}</span> \
             {} <span class=\"soft\">{}</span></summary>\n",
            name(mark),
            mark.sign(),
            mark.word(),
            number(group.len() as u64)
        );
        for difference in group {
            record(out, difference, out.len() - begin < MOST_BYTES);
        }
        *out += "</details>\n";
    }
    let more = total.saturating_sub(list.len() as u64);
    if more > 0 {
        let more = number(more);
        *out += &format!("<p class=\"limits\">{more} more were counted and not kept.</p>\n");
    }
    if out.len() - begin >= MOST_BYTES {
        *out += "<p class=\"limits\">The values of the last ones are left out here; the JSON has \
                 them.</p>\n";
    }
}

fn name(mark: Mark) -> &'static str {
    match mark {
        Mark::OnlyInSource => "source",
        Mark::OnlyInTarget => "target",
        Mark::Differs => "differ",
        Mark::Unreadable => "unreadable",
    }
}

fn record(out: &mut String, difference: &Difference, with_fields: bool) {
    let cut = |foreign: &str, columns| bidi_inert(&inert::cut(foreign, columns, Marks::Unicode));
    let names: Vec<_> = difference.fields.iter().map(|f| f.name.as_str()).collect();
    let summary = format!(
        "<span class=\"sign\">{}</span><span>{}</span><span class=\"key\">{}</span>\
         <span>{}</span><span>{}</span><span class=\"soft\">{}</span>",
        difference.mark.sign(),
        noun(difference.kind, &difference.type_name),
        bidi(&difference.key),
        cut(&difference.type_name, TITLE),
        cut(&difference.title, TITLE),
        cut(&names.join(", "), NAMES),
    );
    *out += &format!("<details class=\"difference\"><summary>{summary}</summary>\n<div>");
    if with_fields && !difference.fields.is_empty() {
        *out += "<table class=\"fields\">\n<thead><tr><th scope=\"col\">Field</th>\
                 <th scope=\"col\">Source</th><th scope=\"col\">Target</th></tr></thead>\n<tbody>\n";
        difference.fields.iter().for_each(|f| field(out, f));
        *out += "</tbody>\n</table>";
    } else {
        *out += "<span class=\"soft\">No fields are kept here.</span>";
    }
    *out += "</div></details>\n";
}

fn field(out: &mut String, field: &Field) {
    let words = |value: &Option<FieldValue>| value.as_ref().map(|v| v.text.clone());
    let (source, target) = (words(&field.source), words(&field.target));
    let sides = between(
        source.as_deref().unwrap_or_default(),
        target.as_deref().unwrap_or_default(),
        Window::PAGE,
    );
    let both = field.source.is_some() && field.target.is_some();
    *out += &format!("<tr><th scope=\"row\">{}</th>", bidi(&field.name));
    for (side, value, spans, after) in [
        ("Source", &field.source, &sides.source, sides.source_after),
        ("Target", &field.target, &sides.target, sides.target_after),
    ] {
        *out += &format!("<td data-side=\"{side}\">");
        match value {
            None => *out += "<span class=\"soft\">absent</span>",
            Some(value) => {
                *out += &format!("<span class=\"type\">{}</span>", text(&value.type_name));
                *out += "<div class=\"value\" dir=\"auto\">";
                left_out(out, sides.before);
                let more = self::spans(out, spans, both, value.text.len() > LONG);
                left_out(out, more + after);
                *out += "</div>";
                if value.text.is_empty() {
                    *out += "<span class=\"soft\">empty</span>";
                }
            }
        }
        *out += "</td>";
    }
    *out += "</tr>\n";
}

fn left_out(out: &mut String, n: usize) {
    if n > 0 {
        *out += &format!(
            "<span class=\"soft\"> [{} not shown] </span>",
            bytes(n as u64)
        );
    }
}

/// Draws the spans; how many bytes were left out at their end.
fn spans(out: &mut String, spans: &[Span<'_>], both: bool, long: bool) -> usize {
    let last = spans.len().saturating_sub(1);
    let mut more = 0;
    for (i, span) in spans.iter().enumerate() {
        let shown = |text: &str| escaped(&inert::lines(text, Marks::Unicode));
        match span.what {
            What::Removed if both => {
                *out += &format!("<mark class=\"removed\">{}</mark>", shown(span.text));
            }
            What::Added if both => {
                *out += &format!("<mark class=\"added\">{}</mark>", shown(span.text));
            }
            What::Same if long => {
                // What is the same is only there to find one's way by.
                let (head, tail) = span.ends(i > 0, i < last, AROUND);
                *out += &shown(head);
                more = span.text.len() - head.len() - tail.len();
                if i < last {
                    left_out(out, more);
                    more = 0;
                }
                *out += &shown(tail);
            }
            _ => *out += &shown(span.text),
        }
    }
    more
}

fn bidi_inert(inert: &str) -> String {
    match inert.is_ascii() {
        true => escaped(inert),
        false => format!("<bdi>{}</bdi>", escaped(inert)),
    }
}
