//! The report as one HTML file: nothing loaded from anywhere, no script, both colour
//! schemes. It is also well-formed XML, so that a small check can hold it to that.

mod differences;

use super::Report;
use super::inert::{self, Marks};
use super::page::{self, Block, Item, Page, Section, State};

/// Forbids whatever a browser might still load or run.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("html/style.css");

/// The report as an HTML page.
pub fn render(report: &Report) -> String {
    let page = page::of_report(report);
    let mut out = String::new();
    begin(&mut out, &page);
    for part in &page.sections {
        section(&mut out, part);
    }
    out += &format!(
        "<footer>Written by memferry {}. Text from stores is shown inert: a control character \
         as its picture, any other that acts or hides as <code>\\u{{…}}</code>.</footer>\n\
         </main>\n</body>\n</html>\n",
        text(&report.memferry)
    );
    out
}

fn begin(out: &mut String, page: &Page<'_>) {
    let title = text(&inert::cut(&page.headline, 120, Marks::Unicode));
    let (class, symbol) = (class(page.state), page.state.symbol(Marks::Unicode));
    *out += &format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"referrer\" content=\"no-referrer\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header class=\"{class}\">\n<h1><span class=\"sign\">{symbol}</span> {}</h1>\n\
         <ul class=\"about\">",
        bidi(&page.headline)
    );
    for line in &page.about {
        *out += &format!("<li>{}</li>", bidi(line));
    }
    *out += "</ul>\n</header>\n<nav aria-label=\"Sections\"><ul>";
    for section in &page.sections {
        *out += &format!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title);
    }
    *out += "</ul></nav>\n";
}

fn section(out: &mut String, section: &Section<'_>) {
    let Section { id, title, blocks } = section;
    *out += &format!("<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n");
    *out += &format!("<h2 id=\"{id}-title\">{title}</h2>\n");
    for block in blocks {
        match block {
            Block::Text(line) => *out += &format!("<p class=\"limits\">{}</p>\n", bidi(line)),
            Block::Pairs(pairs) => self::pairs(out, pairs),
            Block::Table { head, rows } => table(out, head, rows),
            Block::Items(items) => {
                *out += "<ul class=\"items\">\n";
                items.iter().for_each(|i| item(out, i));
                *out += "</ul>\n";
            }
            Block::Differences { list, total } => differences::draw(out, id, list, *total),
            Block::Commands(commands) => {
                *out += "<dl class=\"commands\">\n";
                for (name, command) in commands {
                    *out += &format!("<dt>{name}</dt><dd><code>{}</code></dd>\n", text(command));
                }
                *out += "</dl>\n";
            }
        }
    }
    *out += "</section>\n";
}

fn pairs(out: &mut String, pairs: &[(&'static str, Vec<String>)]) {
    *out += "<dl>\n";
    for (name, lines) in pairs {
        *out += &format!("<dt>{name}</dt><dd>");
        out.extend(
            lines
                .iter()
                .map(|line| format!("<div>{}</div>", bidi(line))),
        );
        *out += "</dd>\n";
    }
    *out += "</dl>\n";
}

fn table(out: &mut String, head: &[String], rows: &[Vec<String>]) {
    *out += "<table class=\"numbers\">\n<thead><tr>";
    out.extend(
        head.iter()
            .map(|cell| format!("<th scope=\"col\">{}</th>", bidi(cell))),
    );
    *out += "</tr></thead>\n<tbody>\n";
    for row in rows {
        *out += "<tr>";
        for (i, cell) in row.iter().enumerate() {
            *out += &match i {
                0 => format!("<th scope=\"row\">{}</th>", bidi(cell)),
                _ => format!("<td>{}</td>", bidi(cell)),
            };
        }
        *out += "</tr>\n";
    }
    *out += "</tbody>\n</table>\n";
}

fn item(out: &mut String, item: &Item) {
    let bare = if item.title.is_empty() { " bare" } else { "" };
    *out += &format!("<li><div class=\"row{bare}\">{}", state(item.state));
    if !item.title.is_empty() {
        *out += &format!("<span class=\"name\">{}</span>", bidi(&item.title));
    }
    *out += &format!("<span>{}</span>", bidi(&item.detail));
    if !item.aside.is_empty() {
        *out += &format!("<span class=\"aside\">{}</span>", bidi(&item.aside));
    }
    *out += "</div>";
    for (name, note) in &item.notes {
        *out += &format!("<div class=\"note\"><b>{name}:</b> {}</div>", bidi(note));
    }
    *out += "</li>\n";
}

fn class(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::Warn => "warn",
        State::Bad => "bad",
        State::Plain => "plain",
    }
}

/// A sign and a word.
fn state(state: State) -> String {
    let (class, symbol) = (class(state), state.symbol(Marks::Unicode));
    let word = state.word();
    format!(
        "<span class=\"state {class}\"><span aria-hidden=\"true\">{symbol}</span> {word}</span>"
    )
}

/// Text from anywhere, kept from changing the direction of what stands beside it.
fn bidi(foreign: &str) -> String {
    match foreign.is_ascii() {
        true => text(foreign),
        false => format!("<bdi>{}</bdi>", text(foreign)),
    }
}

/// Text from anywhere, inert and escaped, for elements and for quoted attributes.
fn text(foreign: &str) -> String {
    escaped(&inert::line(foreign, Marks::Unicode))
}

fn escaped(inert: &str) -> String {
    let mut out = String::with_capacity(inert.len() + 16);
    for c in inert.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}
