//! How source and target are drawn: the stores on the left, the form and the answer on
//! the right.

use super::{Pick, Probe, end_of};
use crate::report::words;
use crate::tui::app::App;
use crate::tui::msg::Seat;
use crate::tui::pen::{ARROW, BAD, DOT, GOOD, Pen, WARN};
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
            let name = if wide { 15.min(at.width) } else { at.width };
            pen.text(at.x, at.y, name, &choice.label, plain);
            if wide {
                let dim = if chosen { Role::Selected } else { Role::Dim };
                let rest = at.width.saturating_sub(16);
                match &choice.preset {
                    Some(_) if !choice.sample => {
                        pen.path(at.x + 16, at.y, rest, &choice.detail, dim)
                    }
                    _ => pen.text(at.x + 16, at.y, rest, &choice.detail, dim),
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
    let said = 7.min(right.height / 2);
    let form = Rect::new(
        right.x,
        right.y + 3,
        right.width,
        right.height.saturating_sub(3 + said),
    );
    choice.form.view(pen, form, pick.on_form);
    let below = Rect::new(right.x, right.bottom() - said, right.width, said);
    answer(app, pick, pen, below);
}

fn answer(app: &App, pick: &Pick, pen: &mut Pen, area: Rect) {
    let mut y = area.y;
    let mut line = |pen: &mut Pen, sign, role, text: &str, plain: Role| {
        if y < area.bottom() {
            pen.sign(area.x, y, sign, role);
            let at = Rect::new(
                area.x + 2,
                y,
                area.width.saturating_sub(2),
                area.bottom() - y,
            );
            y += pen
                .wrapped(
                    Rect {
                        height: at.height.min(2),
                        ..at
                    },
                    text,
                    plain,
                )
                .max(1);
        }
    };
    match &pick.probe {
        Probe::None => {
            pen.text(
                area.x,
                area.y,
                area.width,
                "Not asked yet; Enter asks it.",
                Role::Dim,
            );
        }
        Probe::Asking => {
            let spinner = pen.look.spinner(app.now);
            pen.raw(area.x, area.y, 2, spinner, Role::Accent);
            pen.text(area.x + 2, area.y, area.width - 2, "asking", Role::Dim);
        }
        Probe::Failed(failure) => {
            line(pen, BAD, Role::Bad, &failure.message, Role::Bad);
            if let Some(remedy) = &failure.remedy {
                line(pen, ARROW, Role::Dim, remedy, Role::Text);
            }
        }
        Probe::Here(probed) => {
            let d = &probed.description;
            let ms = format!("{:.1} ms", probed.ms);
            match (d.exists, pick.seat) {
                (true, _) => line(
                    pen,
                    GOOD,
                    Role::Good,
                    &format!("{}, {ms}", d.layout),
                    Role::Text,
                ),
                (false, Seat::Target) => {
                    line(
                        pen,
                        GOOD,
                        Role::Good,
                        "not there yet: it will be made",
                        Role::Text,
                    );
                    return;
                }
                (false, _) => {
                    line(pen, BAD, Role::Bad, "not there", Role::Bad);
                    return;
                }
            }
            let mut facts = Vec::new();
            facts.extend(d.counts.as_ref().map(words::counts));
            facts.extend(d.bytes.map(words::bytes));
            let empty = d.counts.is_some_and(|c| c.total() == 0);
            let (sign, role) = match (pick.seat, empty) {
                (Seat::Target, false) | (Seat::Source, true) => (WARN, Role::Warn),
                _ => (GOOD, Role::Good),
            };
            let said = match (pick.seat, empty) {
                (Seat::Target, false) => format!("not empty: {}", facts.join(", ")),
                (Seat::Source, true) => format!("nothing in it: {}", facts.join(", ")),
                _ => facts.join(", "),
            };
            line(pen, sign, role, &said, Role::Text);
            if let Some(inspection) = &probed.inspection {
                let mut types: Vec<_> = inspection.types.iter().collect();
                types.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
                let some = types
                    .iter()
                    .take(4)
                    .map(|(t, n)| format!("{} {t}", words::number(**n)));
                let some: Vec<_> = some.collect();
                if !some.is_empty() {
                    line(pen, DOT, Role::Dim, &some.join(", "), Role::Dim);
                }
                if let Some(newest) = inspection.newest.first() {
                    let text = format!("newest: \"{}\"", newest.title);
                    line(pen, DOT, Role::Dim, &text, Role::Dim);
                }
            }
            if d.in_use {
                line(
                    pen,
                    WARN,
                    Role::Warn,
                    "another program has it open",
                    Role::Text,
                );
            }
        }
    }
}
