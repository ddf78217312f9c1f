//! Bars and sparklines, with ASCII twins.

use crate::report::inert::Marks;
use crate::tui::pen::Pen;
use crate::tui::theme::Role;

/// A bar of `width` columns, full by the fraction; full only at the end.
pub fn bar(pen: &mut Pen, x: u16, y: u16, width: u16, fraction: f64) {
    let (full_sign, rest_sign) = match pen.look.marks {
        Marks::Unicode => ("█", "░"),
        Marks::Ascii => ("#", "."),
    };
    let full = ((fraction.clamp(0.0, 1.0) * f64::from(width)).floor() as u16).min(width);
    pen.raw(x, y, full, &full_sign.repeat(full.into()), Role::Bar);
    let rest = width - full;
    pen.raw(
        x + full,
        y,
        rest,
        &rest_sign.repeat(rest.into()),
        Role::BarRest,
    );
}

/// A bar without a rest, at least one column long if there is anything: for comparing
/// numbers.
pub fn length(pen: &mut Pen, x: u16, y: u16, width: u16, n: u64, most: u64) {
    if n == 0 || most == 0 {
        return;
    }
    let share = n as f64 / most as f64;
    let long = ((share * f64::from(width)).round() as u16).clamp(1, width.max(1));
    let sign = match pen.look.marks {
        Marks::Unicode => "▆",
        Marks::Ascii => "#",
    };
    pen.raw(x, y, long, &sign.repeat(long.into()), Role::Bar);
}

/// The last numbers as columns of different height.
pub fn sparkline(pen: &mut Pen, x: u16, y: u16, width: u16, history: &[u64]) {
    let heights: [&str; 8] = match pen.look.marks {
        Marks::Unicode => ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        Marks::Ascii => ["_", ".", ".", "-", "-", "=", "=", "#"],
    };
    let shown = &history[history.len().saturating_sub(width.into())..];
    let most = shown.iter().copied().max().unwrap_or(0).max(1);
    let line: String = shown
        .iter()
        .map(|n| heights[((*n as f64 / most as f64) * 7.0).round() as usize % 8])
        .collect();
    pen.raw(x, y, width, &line, Role::Bar);
}
