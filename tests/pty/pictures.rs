//! The pictures of the README, made from the real program with the sample store.
//! `tests/tools/pictures` makes them anew.

use crate::Sandbox;
use crate::term::{ENTER, Term};
use std::fmt::Write as _;
use std::path::Path;

const COLUMN: f64 = 8.4;
const ROW: f64 = 18.0;

fn colour(colour: vt100::Color, default: &str) -> String {
    match colour {
        vt100::Color::Default => default.to_owned(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        vt100::Color::Idx(_) => default.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The screen as a picture: stretches of one colour as one text each, placed by column.
fn picture(term: &Term) -> String {
    term.with(|screen| {
        let (rows, columns) = screen.size();
        let (width, height) = (f64::from(columns) * COLUMN + 24.0, f64::from(rows) * ROW + 24.0);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#12161d\"/>\n"
        );
        for row in 0..rows {
            let mut column = 0;
            while column < columns {
                let cell = screen.cell(row, column).unwrap();
                let look = (cell.fgcolor(), cell.bgcolor(), cell.bold(), cell.underline());
                let (start, mut text) = (column, String::new());
                while column < columns {
                    let cell = screen.cell(row, column).unwrap();
                    if (cell.fgcolor(), cell.bgcolor(), cell.bold(), cell.underline()) != look {
                        break;
                    }
                    text += if cell.has_contents() { cell.contents() } else { " " };
                    column += if cell.is_wide() { 2 } else { 1 };
                }
                let x = 12.0 + f64::from(start) * COLUMN;
                let y = 12.0 + f64::from(row) * ROW;
                let wide = f64::from(column - start) * COLUMN;
                let ground = colour(look.1, "#12161d");
                if ground != "#12161d" {
                    writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{ROW}\" fill=\"{ground}\"/>").unwrap();
                }
                if text.trim().is_empty() {
                    continue;
                }
                let bold = if look.2 { " font-weight=\"bold\"" } else { "" };
                let line = if look.3 { " text-decoration=\"underline\"" } else { "" };
                writeln!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{wide:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\" fill=\"{}\"{bold}{line}>{}</text>",
                    y + 13.5,
                    colour(look.0, "#d5dbe5"),
                    escaped(&text)
                )
                .unwrap();
            }
        }
        out + "</svg>\n"
    })
}

fn keep(term: &Term, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/pictures")
        .join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, picture(term)).unwrap();
}

#[test]
#[ignore = "writes the pictures of the documentation"]
fn pictures() {
    let sandbox = Sandbox::new();
    sandbox.default_store();
    let deep = [("COLORTERM", "truecolor")];
    let mut term = sandbox.open(&[], &deep, 92, 24);
    term.see("60").key(ENTER).see("come from?").see("newest:");
    term.key(ENTER)
        .see("it will be made")
        .key(ENTER)
        .see("every field of every record");
    term.key(ENTER).see("Nothing is in the way");
    keep(&term, "preflight.svg");
    term.key(ENTER).see("will be added");
    keep(&term, "review.svg");
    term.key(ENTER)
        .see("Moved and verified")
        .key(ENTER)
        .see("= same 154");
    keep(&term, "report.svg");
    term.key("h").see("Last reports").see("Moved and verified");
    keep(&term, "home.svg");
    term.key("\x03");
    term.end();
    let sandbox = Sandbox::new();
    sandbox.big("home/.memorygraph/memory.db", 40_000);
    let mut term = sandbox.open(&[], &deep, 92, 24);
    term.see("memory.db")
        .key(ENTER)
        .see("come from?")
        .see("relationships");
    term.key(ENTER)
        .see("it will be made")
        .key(ENTER)
        .see("Which memories");
    term.key(ENTER)
        .see("Nothing is in the way")
        .key(ENTER)
        .see("will be added");
    term.key(ENTER).key("-").see("about ");
    keep(&term, "run.svg");
    term.key("\x03");
}
