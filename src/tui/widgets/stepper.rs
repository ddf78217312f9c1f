//! The steps of a migration, across the top:
//!
//! ```text
//! Source ─● Target ─○ Options ─○ Preflight ─○ Review ─○ Run ─○ Report
//! ```

use crate::tui::pen::{CHOSEN, GOOD, OPEN, Pen};
use crate::tui::theme::Role;
use ratatui::layout::Rect;

/// The steps.
pub const STEPS: [&str; 7] = [
    "Source",
    "Target",
    "Options",
    "Preflight",
    "Review",
    "Run",
    "Report",
];

/// Draws them with the present one marked; in few columns, only that one.
pub fn view(pen: &mut Pen, area: Rect, step: usize) {
    let (mut x, y) = (area.x, area.y);
    let wide = area.width >= 69;
    if area.width < 64 {
        let name = STEPS.get(step).copied().unwrap_or_default();
        x += pen.text(x, y, area.width, name, Role::Accent);
        let of = format!("  step {} of {}", step + 1, STEPS.len());
        pen.text(x, y, area.right() - x, &of, Role::Dim);
        return;
    }
    for (i, name) in STEPS.iter().enumerate() {
        let (sign, role) = match i.cmp(&step) {
            std::cmp::Ordering::Less => (GOOD, Role::Good),
            std::cmp::Ordering::Equal => (CHOSEN, Role::Accent),
            std::cmp::Ordering::Greater => (OPEN, Role::Dim),
        };
        if i > 0 {
            x += if wide { 2 } else { 1 };
        }
        x += pen.sign(x, y, sign, role);
        if wide {
            x += 1;
        }
        let role = if i < step { Role::Text } else { role };
        x += pen.text(x, y, area.right().saturating_sub(x), name, role);
    }
}
