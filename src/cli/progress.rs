//! A run in lines. On a terminal: one line that is drawn again at most ten times a
//! second and never wraps, and a line that stays for each phase that ended. Elsewhere:
//! a line when a phase ends, and one every five seconds.

use super::output::{Look, Mark, Output};
use crate::engine::{Phase, PhaseState, RunState, Status};
use crate::report::inert::{self, Marks};
use crate::report::{Verdict, words};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Between lines where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Widest bar, in columns.
const BAR: usize = 30;

/// What has been shown of a run.
pub struct Progress<'a> {
    out: &'a Output,
    quiet: bool,
    /// What it is called instead of its phase.
    what: Option<&'static str>,
    ended: BTreeSet<Phase>,
    checks: usize,
    warnings: usize,
    last_plain: Instant,
    last_live: String,
}

impl<'a> Progress<'a> {
    /// Shows nothing but warnings if `quiet`.
    pub fn new(out: &'a Output, quiet: bool) -> Self {
        Self {
            out,
            quiet,
            what: None,
            ended: BTreeSet::new(),
            checks: 0,
            warnings: 0,
            last_plain: Instant::now(),
            last_live: String::new(),
        }
    }

    /// For work that is no run, and is called so.
    pub fn of_work(out: &'a Output, what: &'static str) -> Self {
        let mut progress = Self::new(out, false);
        progress.what = Some(what);
        progress
    }

    /// Shows what is new; `now` is in milliseconds since 1970.
    pub fn show(&mut self, state: &RunState, now: i64) {
        self.new_checks(state);
        self.new_warnings(state);
        if self.quiet {
            return;
        }
        self.ended_phases(state);
        let Some((phase, of)) = shown(state) else {
            return;
        };
        let title = self.what.unwrap_or(phase.title());
        if self.out.words.terminal {
            let line = live(title, of, state, now, self.out.width(), self.out.words);
            if line != self.last_live {
                self.out.live(&line);
                self.last_live = line;
            }
        } else if self.last_plain.elapsed() >= PLAIN_EVERY {
            self.last_plain = Instant::now();
            self.out.say(&plain(title, of, state, now));
        }
    }

    /// Removes the line that is drawn again.
    pub fn clear(&mut self) {
        self.out.wipe();
        self.last_live.clear();
    }

    fn new_checks(&mut self, state: &RunState) {
        let look = self.out.words;
        // A run that went on begins its list anew.
        let new = state.checks.get(self.checks..).unwrap_or(&state.checks);
        for check in new.iter().filter(|c| c.verdict != Verdict::Pass) {
            let mark = match check.verdict {
                Verdict::Fail => Mark::Bad,
                _ => Mark::Warn,
            };
            let (title, evidence) = (look.safe(&check.title), look.safe(&check.evidence));
            self.out
                .say(&format!("{} {title}: {evidence}", look.sign(mark)));
            if let Some(remedy) = &check.remedy {
                self.out.say(&format!("    {}", look.safe(remedy)));
            }
        }
        self.checks = state.checks.len();
    }

    fn new_warnings(&mut self, state: &RunState) {
        let new = state
            .warnings
            .get(self.warnings..)
            .unwrap_or(&state.warnings);
        for warning in new {
            self.out.warn(warning);
        }
        self.warnings = state.warnings.len();
    }

    fn ended_phases(&mut self, state: &RunState) {
        for (phase, of) in &state.phases {
            let over = matches!(of.status, Status::Done | Status::Failed);
            if !over {
                // A phase that begins again will end again.
                self.ended.remove(phase);
                continue;
            }
            if self.ended.insert(*phase) {
                self.last_plain = Instant::now();
                self.out.say(&ended(*phase, of, self.out.words));
            }
        }
    }
}

/// The phase of the line: of those under way the last that knows how much there is,
/// since import follows an export whose end it cannot know.
fn shown(state: &RunState) -> Option<(Phase, &PhaseState)> {
    let active = || {
        state
            .phases
            .iter()
            .filter(|(_, p)| p.status == Status::Active)
    };
    let counted = active().rfind(|(_, p)| p.total().is_some_and(|total| total > 0));
    let shown = counted.or_else(|| active().next_back());
    shown.map(|(phase, of)| (*phase, of))
}

/// A phase that is over, on a line that stays.
fn ended(phase: Phase, of: &PhaseState, look: Look) -> String {
    let mark = match of.status {
        Status::Failed => Mark::Bad,
        _ => Mark::Good,
    };
    let mut parts = vec![format!("{:<9}", phase.title()), words::duration(of.ms)];
    if of.done() > 0 {
        parts.push(words::records(of.done()));
        parts.extend(words::rate(of.done(), of.ms));
    }
    format!("{} {}", look.sign(mark), parts.join("  "))
}

/// The line that is drawn again, at most `width - 1` columns.
fn live(
    title: &str,
    of: &PhaseState,
    state: &RunState,
    now: i64,
    width: usize,
    look: Look,
) -> String {
    let room = width.saturating_sub(1);
    let title = format!("{} {title}", look.sign(Mark::Plain));
    let doing = doing(state);
    let (Some(fraction), Some(total)) = (of.fraction(), of.total().filter(|t| *t > 0)) else {
        let took = words::duration((now - of.started_at).max(0) as u64 / 1_000 * 1_000);
        let done = match of.done() {
            0 => String::new(),
            n => format!("  {}", words::records(n)),
        };
        return fitting(
            vec![format!("{title}{done}  {took}{doing}"), title],
            room,
            look.marks,
        );
    };
    let percent = format!("{:>3} %", (fraction * 100.0).floor());
    let counts = format!("{} of {}", words::number(of.done()), words::number(total));
    let rate = of
        .rate
        .current()
        .and_then(|r| words::rate((r * 10.0) as u64, 10_000));
    let rate = rate.map(|r| format!("  {r}")).unwrap_or_default();
    let left = of.rate.left(total.saturating_sub(of.done()));
    let (left, range) = match left.filter(|_| !state.paused) {
        None => (String::new(), String::new()),
        Some((least, likely, most)) => (
            format!("  about {} left", clock(likely)),
            format!(" ({} to {})", clock(least), clock(most)),
        ),
    };
    let bar = |columns| bar(fraction, columns, look.marks);
    let lines = vec![
        format!(
            "{title}  {percent}  {}  {counts}{rate}{left}{range}{doing}",
            bar(BAR)
        ),
        format!(
            "{title}  {percent}  {}  {counts}{rate}{left}{doing}",
            bar(BAR / 2)
        ),
        format!("{title}  {percent}  {}{rate}{left}{doing}", bar(BAR / 3)),
        format!("{title}  {percent}{left}{doing}"),
        format!("{title}  {percent}"),
    ];
    fitting(lines, room, look.marks)
}

fn doing(state: &RunState) -> &'static str {
    match (state.stopping, state.paused) {
        (true, _) => "  stopping",
        (false, true) => "  paused",
        (false, false) => "",
    }
}

/// The first of the lines that fits, or what fits of the last. Its own colours take
/// no columns.
fn fitting(lines: Vec<String>, room: usize, marks: Marks) -> String {
    let mut last = String::new();
    for line in lines {
        if inert::width(&without_colour(&line)) <= room {
            return line;
        }
        last = line;
    }
    inert::cut(without_colour(&last), room, marks)
}

fn without_colour(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("\x1b[") {
        out += before;
        rest = behind.split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

fn bar(fraction: f64, columns: usize, marks: Marks) -> String {
    let full = ((fraction * columns as f64).floor() as usize).min(columns);
    let (done, open) = match marks {
        Marks::Unicode => ("█", "░"),
        Marks::Ascii => ("#", "."),
    };
    done.repeat(full) + &open.repeat(columns - full)
}

/// `0:04`, `12:30`, `1:02:03`.
fn clock(seconds: f64) -> String {
    let s = seconds.ceil().clamp(0.0, 8_640_000.0) as u64;
    match s / 3_600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// The line for where nothing is drawn again.
fn plain(title: &str, of: &PhaseState, state: &RunState, now: i64) -> String {
    let doing = doing(state).trim_start();
    let mut parts = Vec::new();
    if let (Some(fraction), Some(total)) = (of.fraction(), of.total().filter(|t| *t > 0)) {
        let (done, total) = (words::number(of.done()), words::number(total));
        parts.push(format!(
            "{:.0} %, {done} of {total} records",
            (fraction * 100.0).floor()
        ));
    } else if of.done() > 0 {
        parts.push(words::records(of.done()));
    }
    let rate = of
        .rate
        .current()
        .and_then(|r| words::rate((r * 10.0) as u64, 10_000));
    parts.extend(rate);
    let left = of
        .total()
        .and_then(|total| of.rate.left(total.saturating_sub(of.done())));
    if let Some((least, likely, most)) = left.filter(|_| !state.paused) {
        let (least, likely, most) = (clock(least), clock(likely), clock(most));
        parts.push(format!("about {likely} left ({least} to {most})"));
    }
    if parts.is_empty() {
        let took = (now - of.started_at).max(0) as u64 / 1_000 * 1_000;
        parts.push(format!("for {}", words::duration(took)));
    }
    if !doing.is_empty() {
        parts.push(doing.to_owned());
    }
    format!("{title}: {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Event, Stamped};
    use crate::model::Kind;

    const LOOK: Look = Look {
        terminal: true,
        color: false,
        marks: Marks::Unicode,
    };

    fn importing(done: u64, seconds: i64) -> RunState {
        let mut state = RunState::default();
        let mut tell = |at, event| state.apply(&Stamped { at, event });
        let phase = Phase::Import;
        tell(0, Event::PhaseStarted { phase });
        let (nodes, relationships) = (4_812, 9_377);
        tell(
            0,
            Event::Expected {
                phase,
                nodes,
                relationships,
            },
        );
        let kind = Kind::Node;
        for tenth in 0..=seconds * 10 {
            let done = done * tenth as u64 / (seconds as u64 * 10);
            let bytes = done * 500;
            tell(
                tenth * 100,
                Event::Progress {
                    phase,
                    kind,
                    done,
                    bytes,
                },
            );
        }
        state
    }

    fn line(state: &RunState, width: usize) -> String {
        let (phase, of) = state.current().unwrap();
        live(phase.title(), of, state, state.now, width, LOOK)
    }

    #[test]
    fn the_line_fits_every_width() {
        let state = importing(4_000, 10);
        for width in 1..200 {
            let line = line(&state, width);
            assert!(inert::width(&line) < width.max(2), "{width}: {line}");
        }
        let shown: Vec<_> = [120, 100, 80, 60, 40, 20].map(|w| line(&state, w)).into();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn no_time_left_before_it_means_something() {
        let young = importing(1_000, 1);
        assert!(!line(&young, 120).contains("left"));
        let (phase, of) = young.current().unwrap();
        assert_eq!(
            plain(phase.title(), of, &young, 1_000),
            "Import: 7 %, 1,000 of 14,189 records"
        );
        let old = importing(4_000, 10);
        let (phase, of) = old.current().unwrap();
        assert!(plain(phase.title(), of, &old, 1_000).contains("about 0:26 left"));
        let mut paused = old.clone();
        paused.paused = true;
        assert!(!line(&paused, 120).contains("left"));
        assert!(line(&paused, 120).contains("paused"));
    }

    #[test]
    fn a_phase_without_numbers_shows_its_time() {
        let mut state = RunState::default();
        let phase = Phase::Preflight;
        let event = Event::PhaseStarted { phase };
        state.apply(&Stamped { at: 1_000, event });
        state.now = 4_700;
        assert_eq!(line(&state, 80), "· Preflight  3.0 s");
    }

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        assert_eq!(bar(0.999, 4, Marks::Ascii), "###.");
        assert_eq!(bar(1.0, 4, Marks::Ascii), "####");
        assert_eq!(bar(0.0, 4, Marks::Unicode), "░░░░");
        assert_eq!(clock(3_723.0), "1:02:03");
        assert_eq!(clock(f64::INFINITY), "2400:00:00");
    }
}
