//! How source and target are drawn: the stores on the left, the form and the answer on
//! the right.

use super::{Pick, Probe, end_of};
use crate::report::{inert, words};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::msg::{Probed, Seat};
use crate::tui::pen::{ARROW, BAD, DOT, GOOD, PROSE, Pen, Sign, WARN};
use crate::tui::theme::Role;
use ratatui::layout::Rect;

/// Draws it.
pub fn view(app: &App, seat: Seat, pen: &mut Pen, area: Rect) {
    let pick = end_of(app, seat);
    // Where there is no room for what a store is, it stands beside the list.
    let wide = area.width >= 98;
    let left = match area.width {
        98.. => (area.width / 2).min(76),
        72.. => 28,
        _ => 20,
    };
    let heading = match seat {
        Seat::Source => "Where do memories come from?",
        Seat::Target => "Where do they go?",
        Seat::First => "Compare which store?",
        Seat::Second => "With which other?",
    };
    let labels = pick.choices.iter().map(|c| inert::width(&c.label) as u16);
    let names = labels.max().unwrap_or(0).clamp(12, 26);
    pen.text(area.x, area.y, left, heading, Role::Title);
    let list = Rect::new(area.x, area.y + 2, left, area.height.saturating_sub(2));
    pick.list.view(
        pen,
        list,
        pick.choices.len(),
        !pick.on_form,
        |pen, i, at| {
            let choice = &pick.choices[i];
            let chosen = i == pick.list.at && !pick.on_form;
            let plain = match (chosen, i == pick.list.at) {
                (true, _) => Role::Selected,
                (false, true) => Role::Accent,
                _ => Role::Text,
            };
            let name = if wide { names } else { at.width };
            pen.path(at.x, at.y, name, &choice.label, plain);
            if wide {
                let dim = if chosen { Role::Selected } else { Role::Dim };
                let rest = at.width.saturating_sub(names + 1);
                match &choice.preset {
                    Some(_) if !choice.sample => {
                        pen.path(at.x + names + 1, at.y, rest, &choice.detail, dim)
                    }
                    _ => pen.text(at.x + names + 1, at.y, rest, &choice.detail, dim),
                };
            }
        },
    );
    pen.rule_down(area.x + left + 1, area.y, area.height);
    let x = area.x + left + 3;
    let right = Rect::new(x, area.y, area.right().saturating_sub(x), area.height);
    let Some(choice) = pick.chosen() else {
        return;
    };
    pen.text(
        right.x,
        right.y,
        right.width,
        choice.descriptor.title,
        Role::Title,
    );
    if !wide {
        let at = Rect::new(right.x, right.y + 1, right.width, 1);
        match &choice.preset {
            Some(_) if !choice.sample => pen.path(at.x, at.y, at.width, &choice.detail, Role::Dim),
            _ => pen.text(at.x, at.y, at.width, &choice.detail, Role::Dim),
        };
    }
    let said = said(app, pick);
    let wide = right.width.saturating_sub(2).min(PROSE).into();
    let rows = |line: &Said| {
        let rows = inert::wrap(&line.2, wide, MOST, pen.look.marks).len();
        rows.max(1) as u16
    };
    let need = said.iter().map(rows).sum::<u16>().min(right.height / 2);
    // What the store answered stands under its form, wherever there is room between them.
    let room = right.height.saturating_sub(3 + need);
    let form = Rect::new(right.x, right.y + 3, right.width, choice.form.rows(room));
    choice.form.view(pen, form, pick.on_form);
    let below = Rect::new(right.x, form.bottom(), right.width, need);
    answer(app, pick, pen, below, &said);
}

/// Most rows of one thing that is said of a store.
const MOST: usize = 2;

/// One thing that is said of a store.
type Said = (Sign, Role, String, Role);

fn answer(app: &App, pick: &Pick, pen: &mut Pen, area: Rect, said: &[Said]) {
    if matches!(pick.probe, Probe::Asking) {
        let spinner = pen.look.spinner(app.now);
        pen.raw(area.x, area.y, 2, spinner, Role::Accent);
    }
    let mut y = area.y;
    for (sign, role, text, plain) in said {
        let room = area.bottom().saturating_sub(y);
        if room == 0 {
            return;
        }
        pen.sign(area.x, y, *sign, *role);
        let width = area.width.saturating_sub(2);
        let at = Rect::new(area.x + 2, y, width, room.min(MOST as u16));
        y += pen.wrapped(at, text, *plain).max(1);
    }
}

/// What is known of the chosen store.
fn said(app: &App, pick: &Pick) -> Vec<Said> {
    let mut all = Vec::new();
    match &pick.probe {
        Probe::None => {
            let key = app.setup.keymap.shown(Action::Next);
            let text = format!("Not asked yet; {key} asks it.");
            all.push((NOTHING, Role::Dim, text, Role::Dim));
        }
        Probe::Asking => all.push((NOTHING, Role::Dim, "asking".to_owned(), Role::Dim)),
        Probe::Failed(failure) => {
            all.push((BAD, Role::Bad, failure.message.clone(), Role::Bad));
            let remedy = failure.remedy.clone();
            all.extend(remedy.map(|remedy| (ARROW, Role::Dim, remedy, Role::Text)));
        }
        Probe::Here(probed) => found(pick.seat, probed, &mut all),
    }
    all
}

/// No sign at all.
const NOTHING: Sign = Sign("", "");

fn found(seat: Seat, probed: &Probed, all: &mut Vec<Said>) {
    let d = &probed.description;
    if !d.exists {
        all.push(match seat {
            Seat::Target => {
                let text = "not there yet: it will be made".to_owned();
                (GOOD, Role::Good, text, Role::Text)
            }
            _ => (BAD, Role::Bad, "not there".to_owned(), Role::Bad),
        });
        return;
    }
    let text = format!("{}, {:.1} ms", d.layout, probed.ms);
    all.push((GOOD, Role::Good, text, Role::Text));
    let mut facts = Vec::new();
    facts.extend(d.counts.as_ref().map(words::counts));
    facts.extend(d.bytes.map(words::bytes));
    let facts = facts.join(", ");
    let empty = d.counts.is_some_and(|c| c.total() == 0);
    all.push(match (seat, empty) {
        (Seat::Target, false) => {
            let text = format!("not empty: {facts}");
            (WARN, Role::Warn, text, Role::Text)
        }
        (Seat::Source, true) => {
            let text = format!("nothing in it: {facts}");
            (WARN, Role::Warn, text, Role::Text)
        }
        _ => (GOOD, Role::Good, facts, Role::Text),
    });
    if let Some(inspection) = &probed.inspection {
        let mut types: Vec<_> = inspection.types.iter().collect();
        types.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        let some = types.iter().take(4);
        let some: Vec<_> = some
            .map(|(t, n)| format!("{} {t}", words::number(**n)))
            .collect();
        if !some.is_empty() {
            all.push((DOT, Role::Dim, some.join(", "), Role::Dim));
        }
        if let Some(newest) = inspection.newest.first() {
            let text = format!("newest: \"{}\"", newest.title);
            all.push((DOT, Role::Dim, text, Role::Dim));
        }
    }
    if d.in_use {
        let text = "another program has it open".to_owned();
        all.push((WARN, Role::Warn, text, Role::Text));
    }
}
