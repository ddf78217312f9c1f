//! How a run is drawn.

use super::Tall;
use crate::engine::{Phase, PhaseState, Progress, RunState, Status};
use crate::report::{Outcome, words};
use crate::tui::action::Action;
use crate::tui::app::{App, Live};
use crate::tui::msg::Running;
use crate::tui::pen::{ACTIVE, ARROW, BAD, DOT, GOOD, Pen, WAITING, WARN};
use crate::tui::screens::{home, report};
use crate::tui::theme::Role;
use crate::tui::widgets::bars;
use ratatui::layout::Rect;

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let Some(live) = &app.live else {
        return;
    };
    let state = app.run.frozen.as_deref().unwrap_or(&live.state);
    let mut y = area.y;
    let names = Rect::new(area.x, y, area.width, 1);
    ends(pen, names, state);
    y += 1;
    y += phases(app, pen, Rect::new(area.x, y, area.width, 2), state);
    pen.rule(area.x, y, area.width);
    y += 1;
    let over = live.report.is_some() || live.state.ended.is_some();
    let foot = area.bottom() - 1;
    footer(
        app,
        pen,
        Rect::new(area.x, foot, area.width, 1),
        live,
        state,
    );
    let body = Rect::new(area.x, y, area.width, foot.saturating_sub(y));
    if app.run.tall != Tall::None {
        let warnings = app.run.tall == Tall::Warnings;
        return log(app, pen, body, state, warnings);
    }
    let took = match over && app.run.frozen.is_none() {
        true => end(app, pen, body, live),
        false => numbers(pen, body, state),
    };
    let rest = Rect::new(
        body.x,
        body.y + took,
        body.width,
        body.height.saturating_sub(took),
    );
    log(app, pen, rest, state, false);
}

fn ends(pen: &mut Pen, at: Rect, state: &RunState) {
    let half = at.width / 2 - 2;
    let mut x = at.x;
    if state.source == state.target {
        // Taking back knows one store only.
        pen.path(
            x,
            at.y,
            at.width,
            &home::home_short(&state.target),
            Role::Text,
        );
        return;
    }
    x += pen.path(x, at.y, half, &home::home_short(&state.source), Role::Text) + 1;
    x += pen.sign(x, at.y, ARROW, Role::Dim) + 1;
    let rest = at.right().saturating_sub(x);
    pen.path(x, at.y, rest, &home::home_short(&state.target), Role::Text);
}

/// Phases with state and time, on as many lines as they take.
fn phases(app: &App, pen: &mut Pen, area: Rect, state: &RunState) -> u16 {
    let (mut x, mut y) = (area.x, area.y);
    let seldom = |phase: &Phase| matches!(phase, Phase::Rollback | Phase::Finish);
    // A run that is taken back later has none of the others.
    let all = state.phases.is_empty() || !state.phases.keys().all(seldom);
    for phase in Phase::ALL {
        let of = state.phases.get(&phase);
        if of.is_none() && (seldom(&phase) || !all) {
            continue;
        }
        let status = of.map(|p| p.status.clone()).unwrap_or_default();
        let (sign, role) = match status {
            Status::Waiting => (WAITING, Role::Dim),
            Status::Active => (ACTIVE, Role::Accent),
            Status::Done => (GOOD, Role::Good),
            Status::Failed => (BAD, Role::Bad),
            Status::Skipped(_) => (DOT, Role::Dim),
        };
        let time = of.filter(|p| p.ms > 0).map(|p| words::duration(p.ms));
        let time = time.filter(|_| area.width >= 100).unwrap_or_default();
        let wide = 2 + phase.title().len() + if time.is_empty() { 0 } else { time.len() + 1 };
        if x + wide as u16 > area.right() {
            if y + 1 >= area.bottom() {
                break;
            }
            (x, y) = (area.x, y + 1);
        }
        let at = x;
        match sign == ACTIVE && state.ended.is_none() {
            true => {
                let spinner = pen.look.spinner(app.now);
                pen.raw(x, y, 2, spinner, role)
            }
            false => pen.sign(x, y, sign, role),
        };
        x += 2;
        let plain = if role == Role::Good { Role::Text } else { role };
        x += pen.text(x, y, area.width, phase.title(), plain);
        if !time.is_empty() {
            x += 1;
            pen.text(x, y, area.width, &time, Role::Dim);
        }
        x = at + wide as u16 + 2;
    }
    y - area.y + 1
}

/// The phase whose numbers count: of those under way, the one that knows how much there is.
fn counted(state: &RunState) -> Option<(Phase, &PhaseState)> {
    let active = || {
        state
            .phases
            .iter()
            .filter(|(_, p)| p.status == Status::Active)
    };
    let known = active().rfind(|(_, p)| p.total().is_some_and(|t| t > 0));
    let found = known.or_else(|| active().next_back());
    let found = found.map(|(phase, p)| (*phase, p));
    found.or_else(|| state.current())
}

fn numbers(pen: &mut Pen, area: Rect, state: &RunState) -> u16 {
    let Some((phase, of)) = counted(state) else {
        return 0;
    };
    let mut y = area.y;
    let label = 15;
    for (name, progress) in [("memories", of.nodes), ("relationships", of.relationships)] {
        count(
            pen,
            Rect::new(area.x, y, area.width, 1),
            label,
            name,
            progress,
        );
        y += 1;
    }
    let bytes = of.nodes.bytes + of.relationships.bytes;
    let batch = match state.batch {
        0 => String::new(),
        n => format!(", batch {} is durable", words::number(n)),
    };
    pen.text(area.x, y, label, "bytes", Role::Text);
    let text = format!(
        "{} in {}{batch}",
        words::bytes(bytes),
        phase.title().to_lowercase()
    );
    pen.text(area.x + label, y, area.width - label, &text, Role::Dim);
    y += 1;
    let mean = words::rate(of.done(), (state.now - of.started_at).max(0) as u64);
    let now = of
        .rate
        .current()
        .and_then(|r| words::rate((r * 10.0) as u64, 10_000));
    pen.text(area.x, y, label, "rate", Role::Text);
    let text = match (now, mean) {
        (Some(now), Some(mean)) => format!("{now} now, {mean} mean"),
        (None, Some(mean)) => format!("{mean} mean"),
        _ => "not known yet".to_owned(),
    };
    let took = pen.text(area.x + label, y, area.width - label, &text, Role::Text);
    let x = area.x + label + took + 3;
    let room = area.right().saturating_sub(x).min(60);
    bars::sparkline(pen, x, y, room, &of.rate.history());
    y += 1;
    pen.text(area.x, y, label, "left", Role::Text);
    let left = of
        .total()
        .and_then(|t| of.rate.left(t.saturating_sub(of.done())));
    let text = match left.filter(|_| !state.paused) {
        Some((least, likely, most)) => format!(
            "about {} ({} to {})",
            clock(likely),
            clock(least),
            clock(most)
        ),
        None if state.paused => "paused; it goes on when you say so".to_owned(),
        None => "too early to say".to_owned(),
    };
    pen.text(area.x + label, y, area.width - label, &text, Role::Text);
    y + 2 - area.y
}

fn count(pen: &mut Pen, at: Rect, label: u16, name: &str, progress: Progress) {
    pen.text(at.x, at.y, label, name, Role::Text);
    let numbers = match progress.total {
        Some(total) => format!(
            "{} / {}",
            words::number(progress.done),
            words::number(total)
        ),
        None => words::number(progress.done),
    };
    let Some(total) = progress.total else {
        pen.text(at.x + label, at.y, at.width - label, &numbers, Role::Text);
        return;
    };
    let fraction = match total {
        0 => 1.0,
        total => progress.done as f64 / total as f64,
    };
    let tail = 27.min(at.width / 2);
    let wide = at.width.saturating_sub(label + tail);
    bars::bar(pen, at.x + label, at.y, wide, fraction);
    pen.right(at.x + label + wide, at.y, tail - 7, &numbers, Role::Text);
    let percent = format!("{:.0} %", (fraction * 100.0).floor().min(100.0));
    pen.right(at.right() - 6, at.y, 6, &percent, Role::Accent);
}

/// `0:04`, `12:30`, `1:02:03`.
fn clock(seconds: f64) -> String {
    let s = seconds.ceil().clamp(0.0, 8_640_000.0) as u64;
    match s / 3_600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// How it ended, in one line with what to do next.
fn end(app: &App, pen: &mut Pen, area: Rect, live: &Live) -> u16 {
    let (outcome, summary) = match (&live.report, &live.state.ended) {
        (Some(report), _) => (report.outcome, report.summary.clone()),
        (None, Some((outcome, summary))) => (*outcome, summary.clone()),
        (None, None) => return 0,
    };
    let (sign, role) = report::sign(outcome);
    pen.sign(area.x, area.y, sign, role);
    let at = Rect::new(area.x + 2, area.y, area.width - 2, area.height.min(4));
    let mut took = pen.wrapped(at, &summary, role);
    let failure = live.report.as_ref().and_then(|r| r.failure.as_ref());
    if let Some(remedy) = failure.and_then(|f| f.remedy.as_ref()) {
        let at = Rect::new(
            area.x + 2,
            area.y + took,
            area.width - 2,
            area.height.saturating_sub(took).min(2),
        );
        took += pen.wrapped(at, remedy, Role::Text);
    }
    if outcome == Outcome::Interrupted && area.height > took {
        let command = app.setup.home.command(&["resume", &live.run]);
        let text = format!("Go on with: {command}");
        let at = Rect::new(
            area.x + 2,
            area.y + took,
            area.width - 2,
            (area.height - took).min(3),
        );
        took += pen.wrapped(at, &text, Role::Text);
    }
    let key = app.setup.keymap.shown(Action::Next);
    if area.height > took {
        let text = format!("{key} opens the report.");
        pen.text(area.x + 2, area.y + took, area.width - 2, &text, Role::Dim);
        took += 1;
    }
    took + 1
}

fn log(app: &App, pen: &mut Pen, area: Rect, state: &RunState, warnings: bool) {
    if area.height == 0 {
        return;
    }
    let lines: Vec<(Option<i64>, &str)> = match warnings {
        true => state.warnings.iter().map(|w| (None, w.as_str())).collect(),
        false => state
            .log
            .iter()
            .map(|(at, l)| (Some(*at), l.as_str()))
            .collect(),
    };
    if lines.is_empty() {
        let text = match (warnings, app.run.tall) {
            (true, _) => "There are no warnings.",
            (false, Tall::None) => return,
            (false, _) => "Nothing is in the log yet.",
        };
        pen.text(area.x, area.y, area.width, text, Role::Dim);
        return;
    }
    let rows = usize::from(area.height);
    let behind = app.run.scroll.at.min(lines.len().saturating_sub(1));
    // The page size of the list is what a page moves by.
    app.run.scroll.window(lines.len(), rows);
    let end = lines.len() - behind;
    let start = end.saturating_sub(rows);
    for (row, (at, line)) in lines[start..end].iter().enumerate() {
        let y = area.y + row as u16;
        let mut x = area.x;
        let warned = state.warnings.iter().any(|w| w == line);
        if warned {
            pen.sign(x, y, WARN, Role::Warn);
        }
        x += 2;
        if let Some(at) = at {
            x += pen.text(x, y, 9, &time(app, *at), Role::Dim) + 2;
        }
        let role = if warned { Role::Text } else { Role::Dim };
        pen.text(x, y, area.right().saturating_sub(x), line, role);
    }
}

fn time(app: &App, at: i64) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => time
            .to_zoned(app.setup.zone.clone())
            .strftime("%H:%M:%S")
            .to_string(),
        Err(_) => String::new(),
    }
}

fn footer(app: &App, pen: &mut Pen, at: Rect, live: &Live, state: &RunState) {
    let mut parts = Vec::new();
    if app.run.frozen.is_some() {
        parts.push("frozen".to_owned());
    }
    if state.stopping && state.ended.is_none() {
        parts.push("stopping at a safe point".to_owned());
    } else if state.paused {
        parts.push("paused".to_owned());
    }
    match (live.how, app.run.pace) {
        (Running::Replayed, Some(0.0)) => parts.push("paused".into()),
        (Running::Replayed, None | Some(1.0)) => parts.push("as fast as it ran".into()),
        (Running::Replayed, Some(pace)) => parts.push(format!("{pace} times as fast")),
        (Running::Watched, _) if state.ended.is_some() => {}
        (Running::Watched, _) => parts.push("another process runs it".into()),
        (Running::Own | Running::Prepared, _) => {
            let limit = match state.rate_limit {
                0 => "no limit".to_owned(),
                n => format!("limit {}/s", words::number(n.into())),
            };
            parts.push(limit);
            if app.usage.memory > 0 {
                parts.push(format!("memory {}", words::bytes(app.usage.memory)));
                parts.push(format!("cpu {:.0} %", app.usage.cpu));
            }
        }
    }
    if !state.warnings.is_empty() {
        let n = state.warnings.len() as u64;
        parts.push(words::count(n, "warning", "warnings"));
    }
    if state.differences > 0 {
        parts.push(words::count(state.differences, "difference", "differences"));
    }
    let role = if state.paused || state.stopping {
        Role::Warn
    } else {
        Role::Dim
    };
    pen.text(at.x, at.y, at.width, &parts.join(", "), role);
}
