//! One node as a Markdown page, in the form of memorygraph's export: front matter,
//! summary, content, and the lines of its relationships.
//!
//! Everything memorygraph leaves out stands in the front matter under its own name, and
//! the properties of a relationship behind its line. In running text, characters that
//! act on a terminal stand as escapes.

use super::yaml::{acts, line, time_line};
use crate::model::equal::EMPTY_LIST_AS_TEXT;
use crate::model::json::{self, Style};
use crate::model::{Map, Node, Properties, Relationship, Text, Value, memory};
use std::fmt::Write as _;

/// The page up to its relationships.
pub(super) fn head(node: &Node) -> String {
    let map = node.properties.map().unwrap_or_default();
    let mut out = String::from("---\n");
    let mut done = vec!["id"];
    let mut known = |out: &mut String, name: &'static str, shown: &str| {
        let Some(value) = map.get(name) else { return };
        if shown != name && map.get(shown).is_some() {
            return;
        }
        done.push(name);
        match name {
            "created_at" | "updated_at" => time_line(out, shown, value),
            _ => line(out, shown, &plain_list(name, value)),
        }
    };
    known(&mut out, "title", "title");
    line(&mut out, "id", &Value::text(node.key.display()));
    for name in [
        "type",
        "importance",
        "confidence",
        "tags",
        "created_at",
        "updated_at",
    ] {
        known(&mut out, name, name);
    }
    for (name, shown) in [
        ("context_project_path", "project"),
        ("context_languages", "languages"),
        ("context_technologies", "technologies"),
    ] {
        known(&mut out, name, shown);
    }
    let is_memory = matches!(&node.labels[..], [label] if *label == *memory::LABEL);
    if !is_memory {
        let labels = node.labels.iter().cloned().map(Value::Text).collect();
        let name = if map.get("labels").is_some() {
            "node_labels"
        } else {
            "labels"
        };
        line(&mut out, name, &Value::List(labels));
    }
    let summary = section(&map, "summary");
    let content = section(&map, "content");
    for (name, value) in map.iter() {
        let section = match name.as_str() {
            Some("summary") => summary.is_some(),
            Some("content") => content.is_some(),
            _ => false,
        };
        let shown = name.to_lossy();
        if !section && !done.contains(&&*shown) {
            line(&mut out, &shown, &plain_list(&shown, value));
        }
    }
    if let Properties::Stored(cell) = &node.properties
        && node.properties.map().is_none()
    {
        line(&mut out, "stored", cell);
    }
    out.push_str("---\n\n");
    for (title, text) in [("Summary", summary), ("Content", content)] {
        if let Some(text) = text {
            let _ = write!(out, "## {title}\n\n");
            body(&mut out, &text.to_lossy());
            out.push_str("\n\n");
        }
    }
    out
}

/// A property that has a section of its own.
fn section<'a>(map: &'a Map, name: &str) -> Option<&'a Text> {
    match map.get(name) {
        Some(Value::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The text `[]` is how memorygraph stores an empty list of the context.
fn plain_list(name: &str, value: &Value) -> Value {
    match value.as_str() {
        Some("[]") if EMPTY_LIST_AS_TEXT.contains(&name) => Value::List(Vec::new()),
        _ => value.clone(),
    }
}

/// Appends running text.
fn body(out: &mut String, text: &str) {
    let text = text.replace("\r\n", "\n");
    for c in text.chars() {
        escaped(out, c, |_| false);
    }
}

fn escaped(out: &mut String, c: char, special: fn(char) -> bool) {
    match c {
        c if acts(c) => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        c if special(c) => {
            out.push('\\');
            out.push(c);
        }
        c => out.push(c),
    }
}

/// Text within a line, in which nothing is Markdown.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c => escaped(&mut out, c, |c| {
                matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|')
            }),
        }
    }
    out
}

/// What stands in the parentheses of a link.
fn link(id: &str) -> String {
    let mut out = String::new();
    for b in id.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(b as char);
            }
            b => {
                let _ = write!(out, "%{b:02X}");
            }
        }
    }
    out
}

/// One end of a relationship.
pub(super) struct End {
    /// Its id, for display.
    pub id: String,
    /// Its title; `None` for a node that is not there.
    pub title: Option<String>,
}

impl End {
    fn link(&self) -> String {
        let title = self.title.as_deref().filter(|t| !t.trim().is_empty());
        format!(
            "[{}]({})",
            inline(title.unwrap_or(&self.id)),
            link(&self.id)
        )
    }
}

/// The line on the page of the node where a relationship starts, with its properties.
pub(super) fn outgoing(relationship: &Relationship, to: &End) -> String {
    let rel_type = inline(&relationship.rel_type.to_lossy());
    format!(
        "- **{rel_type}** → {}{}\n",
        to.link(),
        properties(relationship)
    )
}

/// The line on the page of the node where it ends; with its properties if no other
/// page has them.
pub(super) fn incoming(relationship: &Relationship, from: &End, only: bool) -> String {
    let rel_type = inline(&relationship.rel_type.to_lossy());
    let properties = if only {
        properties(relationship)
    } else {
        String::new()
    };
    format!("- **{rel_type}** ← {}{properties}\n", from.link())
}

/// The line of a relationship neither of whose ends has a page.
pub(super) fn detached(relationship: &Relationship, from: &End, to: &End) -> String {
    let rel_type = inline(&relationship.rel_type.to_lossy());
    format!(
        "- {} **{rel_type}** → {}{}\n",
        from.link(),
        to.link(),
        properties(relationship)
    )
}

/// Id and properties, as JSON in ASCII; columns win over the properties they copy.
fn properties(relationship: &Relationship) -> String {
    let mut map = relationship
        .properties
        .map()
        .unwrap_or_default()
        .into_owned();
    for (name, column) in relationship.row.temporal() {
        if let Some(value) = column {
            map.insert(name, value.clone());
        }
    }
    map.insert("id", Value::text(relationship.key.display()));
    if let Properties::Stored(cell) = &relationship.properties
        && relationship.properties.map().is_none()
    {
        map.insert("stored", cell.clone());
    }
    let mut text = Vec::new();
    json::write_value(&mut text, &Value::Map(map), Style::PYTHON);
    let text = String::from_utf8_lossy(&text).replace('`', "\\u0060");
    format!(" `{}`", text.replace('\u{7f}', "\\u007f"))
}
