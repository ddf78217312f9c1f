//! Can I trust it, and if not, what exactly differs? The report of a run, or of a
//! comparison: the outcome, every check with its evidence, every difference.

use crate::error::{Error, ErrorKind, Result};
use crate::report::inert::Marks;
use crate::report::words::number;
use crate::report::{self, Outcome, Report, Verdict, Verification, html, json, markdown, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::browser::Browser;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::{Again, Effect};
use crate::tui::pen::{BAD, GOOD, Pen, Sign, WARN};
use crate::tui::screens::{Screen, home, runs};
use crate::tui::theme::Role;
use crate::tui::widgets::list::{List, Move};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is shown.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A run.
    Run(Box<Report>),
    /// Two stores, compared; or a target and what a run left in it.
    Comparison(String, String, Box<Verification>),
}

/// Its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// What was done and proven.
    Summary,
    /// Every check.
    Checks,
    /// Every difference.
    Differences,
}

/// What it knows.
#[derive(Clone, Debug)]
pub struct State {
    /// What is shown.
    pub subject: Subject,
    /// Its differences.
    pub browser: Browser,
    /// The page in sight.
    pub page: Page,
    scroll: List,
    /// The report that this one was asked for from.
    under: Option<Box<State>>,
}

/// The sign and role of an outcome.
pub fn sign(outcome: Outcome) -> (Sign, Role) {
    match outcome {
        Outcome::Done | Outcome::DryRun => (GOOD, Role::Good),
        Outcome::Differences | Outcome::RolledBack | Outcome::Interrupted => (WARN, Role::Warn),
        Outcome::Refused | Outcome::Failed => (BAD, Role::Bad),
    }
}

/// What the head of the screen says.
pub fn title(app: &App) -> String {
    match app.report.as_ref().map(|r| &r.subject) {
        Some(Subject::Run(report)) => format!("Report of run {}", report.run),
        Some(Subject::Comparison(..)) => "Comparison".to_owned(),
        None => "Report".to_owned(),
    }
}

/// Opens the report of a run.
pub fn open(app: &mut App, report: Report) {
    let differences = report.verification.as_ref().map(|v| v.differences.clone());
    show(
        app,
        Subject::Run(Box::new(report)),
        differences.unwrap_or_default(),
    );
}

/// Opens a comparison.
pub fn open_comparison(app: &mut App, a: String, b: String, verification: Verification) {
    let differences = verification.differences.clone();
    let subject = Subject::Comparison(a, b, Box::new(verification));
    show(app, subject, differences);
}

fn show(app: &mut App, subject: Subject, differences: Vec<report::Difference>) {
    let page = match differences.is_empty() {
        true => Page::Summary,
        false => Page::Differences,
    };
    let under = match app.screen == Screen::Report {
        true => app.report.take().map(Box::new),
        false => None,
    };
    // What was said of reading it is over.
    app.toast = None;
    app.report = Some(State {
        under,
        subject,
        browser: Browser::new(Arc::new(differences)),
        page,
        scroll: List::default(),
    });
    app.go(Screen::Report);
}

impl State {
    fn verification(&self) -> Option<&Verification> {
        match &self.subject {
            Subject::Run(report) => report.verification.as_ref(),
            Subject::Comparison(_, _, verification) => Some(verification),
        }
    }

    fn pages(&self) -> &'static [Page] {
        match self.subject {
            Subject::Run(_) => &[Page::Summary, Page::Checks, Page::Differences],
            Subject::Comparison(..) => &[Page::Summary, Page::Differences],
        }
    }
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    let Some(state) = &app.report else {
        return Vec::new();
    };
    let mut all = Vec::new();
    if state.page == Page::Differences {
        all.extend(state.browser.actions());
    }
    if state.browser.is_open() {
        return all;
    }
    all.extend([Left, Right]);
    if let Subject::Run(report) = &state.subject {
        all.push(SaveReport);
        if runs::can_roll_back(report) {
            all.push(RollBack);
        }
        if report.verification.is_some() {
            all.push(Verify);
        }
    }
    all.extend([Up, Down, PageUp, PageDown, First, Last]);
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    let Some(state) = &mut app.report else {
        app.back();
        return Vec::new();
    };
    if state.page == Page::Differences
        && let Some(effects) = state.browser.act(action)
    {
        return effects;
    }
    if let Some(way) = Move::of(action) {
        state.scroll.go(way, 10_000);
        return Vec::new();
    }
    match action {
        Action::Left | Action::Right => {
            let pages = state.pages();
            let at = pages.iter().position(|p| *p == state.page).unwrap_or(0);
            let next = match action {
                Action::Left => at.saturating_sub(1),
                _ => (at + 1).min(pages.len() - 1),
            };
            state.page = pages[next];
            state.scroll = List::default();
            Vec::new()
        }
        Action::SaveReport => {
            if let Subject::Run(report) = &state.subject {
                let name = format!("memferry-{}.html", report.run);
                let proposal = app.setup.folder.join(name).display().to_string();
                app.dialog = Some(Dialog::ask(
                    "Save the report",
                    "To which new file? Its ending tells the format: .json, .md or .html.",
                    &proposal,
                    Then::SaveReport,
                ));
            }
            Vec::new()
        }
        Action::RollBack => match &state.subject {
            Subject::Run(report) => {
                let report = report.clone();
                runs::ask_roll_back_of(app, &report.run, &report.target.address)
            }
            Subject::Comparison(..) => Vec::new(),
        },
        Action::Verify => match &state.subject {
            Subject::Run(report) => {
                let home = app.setup.home.clone();
                let found = home.run(&report.run);
                let names = (
                    format!("what run {} left", report.run),
                    report.target.address.clone(),
                );
                match found {
                    Ok(folder) => {
                        app.diff.names = names;
                        app.diff.asking = true;
                        app.say("Reading the target again.");
                        vec![Effect::Again(Again::Verify(folder))]
                    }
                    Err(error) => {
                        app.complain(error.to_string());
                        Vec::new()
                    }
                }
            }
            Subject::Comparison(..) => Vec::new(),
        },
        Action::Back => {
            if let Some(under) = state.under.take() {
                app.report = Some(*under);
                return Vec::new();
            }
            if app.before.last() == Some(&Screen::Run) {
                return app.go_home();
            }
            app.back();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Saves it under that name.
pub fn save(app: &mut App, path: &str) -> Vec<Effect> {
    let Some(Subject::Run(report)) = app.report.as_ref().map(|r| &r.subject) else {
        return Vec::new();
    };
    let env = &crate::config::process_env;
    let path = PathBuf::from(crate::config::expand_home(path, env));
    match rendered(report, &path) {
        Ok(text) => vec![Effect::Save(path, text.into_bytes())],
        Err(error) => {
            app.complain(error.what_to_do().unwrap_or(error.message()));
            Vec::new()
        }
    }
}

/// Saves a report as a new file.
pub fn save_as(report: &Report, path: &Path) -> Result<()> {
    crate::cli::write_new(path, rendered(report, path)?.as_bytes())
}

/// By the ending, in small letters; the words stand apart from kinds of stores.
fn rendered(report: &Report, path: &Path) -> Result<String> {
    let ending = path.extension().and_then(|e| e.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "html" | "htm" => Ok(html::render(report)),
        "md" => Ok(markdown::render(report)),
        "txt" => Ok(report::text::render(report, &report::text::Look::default())),
        JSON => json::render(report),
        _ => Err(
            Error::new(ErrorKind::Usage, "the name does not tell a format")
                .remedy("The ending tells the format: .json, .md, .html or .txt."),
        ),
    }
}

const JSON: &str = concat!("js", "on");

/// A key for the search.
pub fn typed(app: &mut App, event: KeyEvent) -> Option<Vec<Effect>> {
    let browser = &mut app.report.as_mut()?.browser;
    if event.code == KeyCode::Enter {
        browser.searching = false;
        return Some(Vec::new());
    }
    if browser.search.key(event)? {
        browser.refilter();
    }
    Some(Vec::new())
}

/// A paste into the search.
pub fn pasted(app: &mut App, text: &str) -> Vec<Effect> {
    if let Some(state) = app.report.as_mut().filter(|r| r.browser.searching) {
        state.browser.search.paste(text);
        state.browser.refilter();
    }
    Vec::new()
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let Some(state) = &app.report else {
        return;
    };
    let (summary, (mark, role)) = match &state.subject {
        Subject::Run(report) => (report.summary.clone(), sign(report.outcome)),
        Subject::Comparison(_, _, v) => (
            report::compared(v),
            if v.identical() {
                (GOOD, Role::Good)
            } else {
                (WARN, Role::Warn)
            },
        ),
    };
    let keymap = &app.setup.keymap;
    let tight = area.height < 16;
    if tight && state.page == Page::Differences && state.browser.is_open() {
        // Two values take all the room there is.
        return state.browser.view(pen, area, keymap);
    }
    let mut y = area.y;
    pen.sign(area.x, y, mark, role);
    let most = if tight { 2 } else { 3 };
    y += pen.wrapped(
        Rect::new(area.x + 2, y, area.width - 2, most),
        &summary,
        role,
    );
    let about = match &state.subject {
        Subject::Run(r) => format!(
            "{} to {}, {}",
            home::short(&r.source.address),
            home::short(&r.target.address),
            words::duration((r.ended_at - r.started_at).max(0) as u64)
        ),
        Subject::Comparison(a, b, _) => format!("{a} and {b}"),
    };
    if !tight {
        pen.text(area.x + 2, y, area.width - 2, &about, Role::Dim);
        y += 1;
    }
    kinds(
        pen,
        Rect::new(area.x, y, area.width, 1),
        state.verification(),
    );
    y += 1;
    tabs(app, pen, Rect::new(area.x, y, area.width, 1), state);
    y += 1;
    if !tight {
        pen.rule(area.x, y, area.width);
        y += 1;
    }
    let body = Rect::new(area.x, y, area.width, area.bottom().saturating_sub(y));
    match state.page {
        Page::Differences => state.browser.view(pen, body, keymap),
        Page::Checks => checks(pen, body, state),
        Page::Summary => summary_page(app, pen, body, state),
    }
}

/// `= same 14,188   * differs 1   - only in target 521`.
fn kinds(pen: &mut Pen, at: Rect, verification: Option<&Verification>) {
    let Some(v) = verification else {
        pen.text(
            at.x + 2,
            at.y,
            at.width - 2,
            "Nothing was verified.",
            Role::Dim,
        );
        return;
    };
    if v.level == "none" {
        pen.text(
            at.x + 2,
            at.y,
            at.width - 2,
            "Nothing was read back.",
            Role::Warn,
        );
        return;
    }
    let all = [
        ("=", "same", v.same.total()),
        ("*", "differ", v.differ.total()),
        ("-", "only in target", v.only_in_target.total()),
        ("+", "only in source", v.only_in_source.total()),
        ("!", "unreadable", v.unreadable.total()),
    ];
    // All of them in words; else those that count; else all by their signs.
    let words = |(sign, name, n): &(&str, &str, u64)| format!("{sign} {name} {}", number(*n));
    let signs = |(sign, _, n): &(&str, &str, u64)| format!("{sign} {}", number(*n));
    let of_all = |text: &dyn Fn(&(&str, &str, u64)) -> String, least: u64| {
        let counts = |k: &(usize, &(&str, &str, u64))| k.0 == 0 || k.1.2 >= least;
        let some = all.iter().enumerate().filter(counts);
        some.map(|(i, k)| (i, k.2, text(k))).collect::<Vec<_>>()
    };
    let room = usize::from(at.width - 2);
    let ways = [of_all(&words, 0), of_all(&words, 1), of_all(&signs, 0)];
    let wide = |way: &Vec<(usize, u64, String)>| way.iter().map(|k| k.2.len() + 2).sum::<usize>();
    let last = ways.len() - 1;
    let way = ways.iter().position(|way| wide(way) <= room + 2);
    let way = way.unwrap_or(last);
    let mut x = at.x + 2;
    for (i, n, text) in &ways[way] {
        let role = match (i, n) {
            (0, _) => Role::Good,
            (_, 0) => Role::Dim,
            _ => Role::Bad,
        };
        x += pen.text(x, at.y, at.right().saturating_sub(x), text, role) + 2;
    }
    if v.identical() && way > 0 {
        let room = at.right().saturating_sub(x);
        pen.text(x, at.y, room, "nothing differs", Role::Good);
    }
}

/// The pages, and how to get to them.
fn tabs(app: &App, pen: &mut Pen, at: Rect, state: &State) {
    let mut x = at.x;
    for page in state.pages() {
        let name = match page {
            Page::Summary => "Summary".to_owned(),
            Page::Checks => "Checks".to_owned(),
            Page::Differences => {
                let kept = state.browser.len() as u64;
                match state.verification().map_or(0, found) {
                    all if all > kept => {
                        format!("Differences ({} of {})", number(kept), number(all))
                    }
                    _ => format!("Differences ({})", number(kept)),
                }
            }
        };
        let role = if *page == state.page {
            Role::Selected
        } else {
            Role::Dim
        };
        let text = format!(" {name} ");
        if *page == state.page {
            let wide = text.chars().count() as u16;
            pen.fill(Rect::new(x, at.y, wide, 1), Role::Selected);
        }
        x += pen.raw(x, at.y, at.right().saturating_sub(x), &text, role) + 1;
    }
    if !state.browser.is_open() {
        let keys = [Action::Left, Action::Right].map(|a| app.setup.keymap.shown(a));
        let hint = keys.join(", ");
        if usize::from(at.right().saturating_sub(x)) > hint.len() + 1 {
            pen.text(x + 1, at.y, at.right() - x - 1, &hint, Role::Key);
        }
    }
}

/// How many differences there are, also where not all are kept.
fn found(v: &Verification) -> u64 {
    [v.differ, v.only_in_target, v.only_in_source, v.unreadable]
        .map(|tally| tally.total())
        .iter()
        .sum()
}

/// Its sign if it begins something, its text, how it is drawn.
type Line = (Option<(Sign, Role)>, String, Role);

fn checks(pen: &mut Pen, area: Rect, state: &State) {
    let Subject::Run(report) = &state.subject else {
        return;
    };
    let mut lines: Vec<Line> = Vec::new();
    for check in &report.checks {
        let mark = match check.verdict {
            Verdict::Pass => (GOOD, Role::Good),
            Verdict::Warn => (WARN, Role::Warn),
            Verdict::Fail => (BAD, Role::Bad),
        };
        lines.push((Some(mark), check.title.clone(), Role::Text));
        let width = usize::from(area.width.saturating_sub(5));
        let mut more = |text: &str, role| {
            for line in report::inert::wrap(text, width, 4, Marks::Unicode) {
                lines.push((None, line, role));
            }
        };
        more(&check.evidence, Role::Dim);
        if let Some(remedy) = check.remedy.as_ref().filter(|r| !r.is_empty()) {
            more(remedy, Role::Dim);
        }
        for example in check.examples.iter().take(3) {
            more(&format!("for example {example}"), Role::Dim);
        }
    }
    scrolled(pen, area, state, lines.len(), |pen, i, y| {
        let (mark, text, role) = &lines[i];
        if let Some((sign, role)) = mark {
            pen.sign(area.x, y, *sign, *role);
        }
        let indent = if mark.is_some() { 2 } else { 4 };
        match mark {
            Some(_) => pen.text(area.x + indent, y, area.width - indent, text, *role),
            None => pen.raw(area.x + indent, y, area.width - indent, text, *role),
        };
    });
}

/// Columns in which no headline is wrapped.
const WIDEST: usize = 4_096;

/// The report as the command line prints it, without its first lines.
fn summary_page(app: &App, pen: &mut Pen, area: Rect, state: &State) {
    let text = |columns| {
        let look = report::text::Look {
            marks: app.setup.look.marks,
            colour: false,
            columns,
            verbose: false,
            next: true,
        };
        match &state.subject {
            Subject::Run(report) => report::text::render(report, &look),
            Subject::Comparison(a, b, v) => report::text::verification(v, a, b, &look),
        }
    };
    let words = |line: &str| line.split_whitespace().count();
    // The headline stands above already; in a narrow window it takes several lines.
    let mut headline = text(WIDEST).lines().next().map_or(0, words);
    let text = text(usize::from(area.width.saturating_sub(1)).max(40));
    let above = |line: &&str| {
        let within = headline > 0 || line.trim().is_empty();
        headline = headline.saturating_sub(words(line));
        within
    };
    let lines: Vec<&str> = text.lines().skip_while(above).collect();
    scrolled(pen, area, state, lines.len(), |pen, i, y| {
        let line = lines[i];
        let heading = !line.starts_with(' ') && !line.is_empty() && line.len() < 30;
        let role = if heading { Role::Title } else { Role::Text };
        pen.raw(area.x, y, area.width, line, role);
    });
}

fn scrolled(
    pen: &mut Pen,
    area: Rect,
    state: &State,
    len: usize,
    mut line: impl FnMut(&mut Pen, usize, u16),
) {
    let rows = usize::from(area.height);
    let most = len.saturating_sub(rows);
    state.scroll.window(len.max(1), rows.max(1));
    let top = state.scroll.at.min(most);
    for (row, i) in (top..len.min(top + rows)).enumerate() {
        line(pen, i, area.y + row as u16);
    }
    if top < most {
        let below = crate::tui::pen::BELOW;
        pen.sign(area.right() - 1, area.bottom() - 1, below, Role::Dim);
    }
}
