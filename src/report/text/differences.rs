//! Records that differ, a line each, or field by field.

use super::{Ink, Pen};
use crate::report::difference::{Span, What, Window, between};
use crate::report::words::number;
use crate::report::{Difference, Field, FieldValue, Mark, inert, page};

/// Differences shown unless all are asked for.
const FEW: usize = 20;

/// How much of two values is compared; of what is the same, less is shown.
const WINDOW: Window = Window {
    before: 40,
    from: 1_000,
};

/// Columns for a stretch that is the same, and for one that differs.
const SAME: usize = 48;
const CHANGED: usize = 160;

impl Pen {
    pub(super) fn differences(&mut self, list: &[Difference], total: u64) {
        let shown = match self.look.verbose {
            true => list.len(),
            false => list.len().min(FEW),
        };
        for difference in &list[..shown] {
            self.difference(difference);
        }
        let kept = (list.len() - shown) as u64;
        let lost = total.saturating_sub(list.len() as u64);
        if kept > 0 {
            let kept = number(kept);
            self.line(&format!("  {kept} more; --verbose and --json show them"));
        }
        if lost > 0 {
            let lost = number(lost);
            self.line(&format!("  {lost} more were counted and not kept"));
        }
    }

    fn difference(&mut self, difference: &Difference) {
        let marks = self.look.marks;
        let ink = match difference.mark {
            Mark::OnlyInSource => Ink::Green,
            Mark::OnlyInTarget | Mark::Unreadable => Ink::Red,
            Mark::Differs => Ink::Yellow,
        };
        let sign = self.ink(ink, &difference.mark.sign().to_string());
        let room = self.look.columns.saturating_sub(4);
        let mut line = format!(
            "{} {}",
            page::noun(difference.kind, &difference.type_name),
            inert::cut_middle(&difference.key, 36.max(room / 3), marks)
        );
        for text in [&difference.type_name, &difference.title] {
            if !text.is_empty() {
                let left = room.saturating_sub(inert::width(&line) + 2);
                line += &format!("  {}", inert::cut(text, left.max(12), marks));
            }
        }
        if difference.mark == Mark::Differs && !self.look.verbose {
            let names: Vec<_> = difference.fields.iter().map(|f| f.name.as_str()).collect();
            if !names.is_empty() && !difference.is_by_digest() {
                let left = room.saturating_sub(inert::width(&line) + 2);
                let names = inert::cut(names.join(", "), left.max(12), marks);
                line += &format!("  {}", self.ink(Ink::Dim, &names));
            }
        }
        self.line(&format!("  {sign} {line}"));
        if self.look.verbose {
            for field in &difference.fields {
                match (difference.mark, &field.source, &field.target) {
                    (Mark::OnlyInSource, Some(value), None)
                    | (Mark::OnlyInTarget, None, Some(value)) => self.value(&field.name, value),
                    // Of the other side nothing is known that could be shown beside it.
                    (_, None, Some(value)) if difference.is_by_digest() => {
                        self.value(&field.name, value);
                    }
                    _ => self.field(field),
                }
            }
        }
    }

    /// A field of a record that only one side has.
    fn value(&mut self, name: &str, value: &FieldValue) {
        let marks = self.look.marks;
        let name = inert::cut(name, self.look.columns / 2, marks);
        let types = self.ink(Ink::Dim, &inert::cut(&value.type_name, 20, marks));
        let text = inert::cut(&value.text, CHANGED, marks);
        self.line(&format!("      {name}  {types}  {text}"));
    }

    fn field(&mut self, field: &Field) {
        let marks = self.look.marks;
        let name = inert::cut(&field.name, self.look.columns / 2, marks);
        let types = match (&field.source, &field.target) {
            (Some(a), Some(b)) if a.type_name != b.type_name => {
                format!(
                    "{} in the source, {} in the target",
                    a.type_name, b.type_name
                )
            }
            (Some(value), _) | (_, Some(value)) => value.type_name.clone(),
            (None, None) => String::new(),
        };
        let types = self.ink(Ink::Dim, &inert::cut(&types, 60, marks));
        self.line(&format!("      {name}  {types}"));
        let text = |value: &Option<FieldValue>| value.as_ref().map(|v| v.text.clone());
        let (source, target) = (text(&field.source), text(&field.target));
        let sides = between(
            source.as_deref().unwrap_or_default(),
            target.as_deref().unwrap_or_default(),
            WINDOW,
        );
        for (name, there, spans, after) in [
            (
                "source",
                source.is_some(),
                &sides.source,
                sides.source_after,
            ),
            (
                "target",
                target.is_some(),
                &sides.target,
                sides.target_after,
            ),
        ] {
            let label = self.ink(Ink::Dim, name);
            let text = match there {
                true => self.spans(
                    spans,
                    sides.before,
                    after,
                    source.is_some() && target.is_some(),
                ),
                false => self.ink(Ink::Dim, "(absent)"),
            };
            self.line(&format!("        {label}  {text}"));
        }
    }

    /// What differs stands in `[-…-]` or `{+…+}`.
    fn spans(&self, spans: &[Span<'_>], before: usize, after: usize, both: bool) -> String {
        let marks = self.look.marks;
        let more = marks.ellipsis();
        let mut out = String::new();
        if before > 0 {
            out += more;
        }
        for (i, span) in spans.iter().enumerate() {
            let ends = i + 1 == spans.len();
            let most = match span.what {
                What::Same => SAME,
                _ => CHANGED,
            };
            let text = match (ends, span.what) {
                (true, What::Same) => inert::cut(span.text, most, marks),
                _ => inert::cut_middle(span.text, most, marks),
            };
            out += &match span.what {
                What::Removed if both => self.ink(Ink::Red, &format!("[-{text}-]")),
                What::Added if both => self.ink(Ink::Green, &format!("{{+{text}+}}")),
                _ => text,
            };
        }
        if after > 0 && !out.ends_with(more) {
            out += more;
        }
        if spans.is_empty() && before == 0 && after == 0 {
            out += &self.ink(Ink::Dim, "(empty)");
        }
        out
    }
}
