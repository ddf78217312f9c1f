//! Every key, made from the key map; what works on the screen one came from stands first.

use crate::tui::action::{Action, Section};
use crate::tui::app::App;
use crate::tui::keymap::Keymap;
use crate::tui::msg::Effect;
use crate::tui::pen::Pen;
use crate::tui::theme::Role;
use crate::tui::widgets::list::{List, Move};
use ratatui::layout::Rect;

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    here: Vec<Action>,
    list: List,
}

enum Line {
    Heading(&'static str),
    Key(String, &'static str),
    Gap,
}

impl State {
    /// Asked for where these can be done.
    pub fn of(here: Vec<Action>) -> Self {
        Self {
            here,
            list: List::default(),
        }
    }

    fn lines(&self, keymap: &Keymap) -> Vec<Line> {
        let key = |action: &Action| {
            let keys: Vec<_> = keymap
                .keys(*action)
                .iter()
                .map(ToString::to_string)
                .collect();
            Line::Key(keys.join("  "), action.help())
        };
        let mut lines = vec![Line::Heading("On the screen you came from")];
        let general = |a: &&Action| !matches!(a.section(), Section::Everywhere | Section::Moving);
        let mut seen = Vec::new();
        for action in self.here.iter().filter(general) {
            if !seen.contains(action) {
                seen.push(*action);
                lines.push(key(action));
            }
        }
        for section in Section::ALL {
            lines.push(Line::Gap);
            lines.push(Line::Heading(section.title()));
            let all = Action::ALL.iter().filter(|a| a.section() == section);
            lines.extend(all.map(key));
        }
        lines
    }
}

/// What can be done.
pub fn actions(_: &App) -> Vec<Action> {
    use Action::*;
    vec![Up, Down, PageUp, PageDown, First, Last]
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    let len = app.help.lines(&app.setup.keymap).len();
    match Move::of(action) {
        Some(way) => app.help.list.go(way, len),
        None => app.back(),
    }
    Vec::new()
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    let lines = app.help.lines(&app.setup.keymap);
    let rows = usize::from(area.height);
    let most = lines.len().saturating_sub(rows);
    app.help.list.window(lines.len(), rows);
    let top = app.help.list.at.min(most);
    for (row, line) in lines.iter().skip(top).take(rows).enumerate() {
        let y = area.y + row as u16;
        match line {
            Line::Gap => {}
            Line::Heading(text) => {
                pen.text(area.x, y, area.width, text, Role::Title);
            }
            Line::Key(keys, help) => {
                pen.right(area.x, y, 16, keys, Role::Key);
                pen.text(area.x + 18, y, area.width - 20, help, Role::Text);
            }
        }
    }
    if top < most {
        let below = crate::tui::pen::BELOW;
        pen.sign(area.right() - 1, area.bottom() - 1, below, Role::Dim);
    }
}
