//! The pictures of the README, made from the real program with the sample store in a
//! pseudo-terminal: `tests/tools/pictures` makes them anew. The home folder is a temporary
//! one whose path is as long as [`HOME`], which stands in its place in the pictures.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support/term.rs"]
mod term;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use term::{ENTER, Term};

/// The home folder of whoever is seen at work.
const HOME: &str = "/home/ada";

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

/// A home with the sample store where memorygraph keeps it.
struct Home {
    dir: tempfile::TempDir,
    program: String,
}

impl Home {
    fn new(program: &str) -> Self {
        let random = HOME.len() - "/tmp/".len();
        let dir = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(random)
            .tempdir_in("/tmp")
            .unwrap();
        let home = Self {
            dir,
            program: program.to_owned(),
        };
        assert_eq!(home.path().len(), HOME.len());
        std::fs::create_dir(home.store().parent().unwrap()).unwrap();
        std::fs::copy(root().join("assets/sample.db"), home.store()).unwrap();
        home
    }

    fn path(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join(".memorygraph/memory.db")
    }

    /// Fills the store up, so that a run can be seen.
    fn fill(&self, memories: usize) {
        let db = rusqlite::Connection::open(self.store()).unwrap();
        db.execute_batch(&format!(
            "INSERT INTO nodes
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {memories})
             SELECT id || i, label, json_set(properties, '$.id', id || i), created_at, updated_at
             FROM n, (SELECT * FROM nodes LIMIT 1)"
        ))
        .unwrap();
    }

    fn wizard(&self) -> Term {
        let env = [
            ("HOME", self.path()),
            ("TMPDIR", self.path()),
            ("TZ", "UTC"),
            ("LANG", "C.UTF-8"),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("PATH", "/usr/bin:/bin"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
        Term::open(&self.program, &[], &env, self.dir.path(), 92, 24)
    }

    fn keep(&self, term: &Term, name: &str) {
        let path = root().join("docs/pictures").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let picture = picture(term).replace(self.path(), HOME);
        let name = self.path().rsplit('/').next().unwrap();
        assert!(!picture.contains(name), "a part of the path is left");
        std::fs::write(path, picture).unwrap();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn main() {
    let Some(program) = std::env::args().nth(1) else {
        eprintln!("Give the program: target/release/memferry");
        std::process::exit(1);
    };
    let program = std::path::absolute(program).unwrap();
    let program = program.to_str().unwrap();
    let home = Home::new(program);
    let mut term = home.wizard();
    term.see("60").key(ENTER).see("come from?").see("newest:");
    term.key(ENTER)
        .see("it will be made")
        .key(ENTER)
        .see("every field of every record");
    term.key(ENTER).see("Nothing is in the way");
    home.keep(&term, "preflight.svg");
    term.key(ENTER).see("will be added");
    home.keep(&term, "review.svg");
    term.key(ENTER)
        .see("Moved and verified")
        .key(ENTER)
        .see("= same 154");
    home.keep(&term, "report.svg");
    term.key("h").see("Last reports").see("Moved and verified");
    home.keep(&term, "home.svg");
    term.key("\x03");
    term.end();
    let home = Home::new(program);
    home.fill(40_000);
    let mut term = home.wizard();
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
    // Under a limit, until there is something to be seen of its course.
    term.key(ENTER).key("-").until("a third of it", |screen| {
        let line = screen.lines().find(|line| line.starts_with(" memories"));
        let shown = line.and_then(|line| line.trim_end().strip_suffix(" %"));
        let percent = shown.and_then(|line| line.rsplit(' ').next());
        let percent: Option<u32> = percent.and_then(|number| number.parse().ok());
        percent.is_some_and(|percent| (35..95).contains(&percent)) && screen.contains("about ")
    });
    home.keep(&term, "run.svg");
}
