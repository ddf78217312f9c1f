//! Drawing: text goes through [`Pen`], which makes it inert and cuts it by the columns
//! it takes, so that nothing from a store can act on the terminal or break a border.

use super::theme::{Role, Theme};
use crate::report::inert::{self, Marks};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use std::cell::{Cell, RefCell};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How everything looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Which characters the terminal has.
    pub marks: Marks,
}

/// A sign and its ASCII twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign(pub &'static str, pub &'static str);

/// Good.
pub const GOOD: Sign = Sign("✓", "v");
/// Worth reading.
pub const WARN: Sign = Sign("!", "!");
/// Bad.
pub const BAD: Sign = Sign("✗", "x");
/// Chosen.
pub const CHOSEN: Sign = Sign("●", "o");
/// Not chosen.
pub const OPEN: Sign = Sign("○", "-");
/// Waiting.
pub const WAITING: Sign = Sign("◌", ".");
/// Under way.
pub const ACTIVE: Sign = Sign("▸", ">");
/// The cursor.
pub const CURSOR: Sign = Sign("▸", ">");
/// To something.
pub const ARROW: Sign = Sign("→", "->");
/// Between small things.
pub const DOT: Sign = Sign("·", "-");
/// There is more above.
pub const ABOVE: Sign = Sign("▲", "^");
/// There is more below.
pub const BELOW: Sign = Sign("▼", "v");
/// Either way.
pub const CHOICE: (Sign, Sign) = (Sign("‹", "<"), Sign("›", ">"));

const SPINNER: [Sign; 4] = [
    Sign("◐", "|"),
    Sign("◓", "/"),
    Sign("◑", "-"),
    Sign("◒", "\\"),
];

impl Look {
    /// The sign as this terminal has it.
    pub fn sign(&self, sign: Sign) -> &'static str {
        match self.marks {
            Marks::Unicode => sign.0,
            Marks::Ascii => sign.1,
        }
    }

    /// A picture of the spinner, by the time in milliseconds.
    pub fn spinner(&self, now: i64) -> &'static str {
        self.sign(SPINNER[(now / 160).rem_euclid(4) as usize])
    }
}

/// Most columns of a line of prose.
pub const PROSE: u16 = 120;

/// Where the mouse can click, and what that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    /// Does an action.
    Act(super::action::Action),
    /// Puts the cursor of the main list on a line; on it, opens.
    Line(usize),
    /// Puts the cursor in a field of the form.
    Field(usize),
}

/// What a drawing leaves behind beside its cells.
#[derive(Debug, Default)]
pub struct Left {
    /// Where the cursor of the terminal stands.
    pub cursor: Cell<Option<(u16, u16)>>,
    /// What can be clicked, the topmost last.
    pub clicks: RefCell<Vec<(Rect, Click)>>,
}

/// Draws on a buffer.
pub struct Pen<'a> {
    /// The cells.
    pub buf: &'a mut Buffer,
    /// How it looks.
    pub look: &'a Look,
    /// Now, in milliseconds since 1970.
    pub now: i64,
    left: &'a Left,
}

impl<'a> Pen<'a> {
    /// A pen for a buffer.
    pub fn new(buf: &'a mut Buffer, look: &'a Look, now: i64, left: &'a Left) -> Self {
        Self {
            buf,
            look,
            now,
            left,
        }
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.look.theme.style(role)
    }

    /// Fills an area with a role's ground.
    pub fn fill(&mut self, area: Rect, role: Role) {
        let style = self.style(role);
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                let cell = &mut self.buf[(x, y)];
                cell.reset();
                cell.set_style(style);
            }
        }
    }

    /// Text from anywhere on one line of at most `width` columns; how many it took.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        let shown = inert::cut(text, usize::from(width), self.look.marks);
        self.raw(x, y, width, &shown, role)
    }

    /// The same with the middle left out, for paths and addresses.
    pub fn path(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        let shown = inert::cut_middle(text, usize::from(width), self.look.marks);
        self.raw(x, y, width, &shown, role)
    }

    /// The same, ending at the column `x + width`.
    pub fn right(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        let shown = inert::cut(text, usize::from(width), self.look.marks);
        let took = inert::width(&shown) as u16;
        self.raw(x + width.saturating_sub(took), y, width, &shown, role)
    }

    /// A sign.
    pub fn sign(&mut self, x: u16, y: u16, sign: Sign, role: Role) -> u16 {
        let shown = self.look.sign(sign);
        self.raw(x, y, 2, shown, role)
    }

    /// Text that is inert already, or the program's own.
    pub fn raw(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        let area = self.buf.area;
        if y < area.top() || y >= area.bottom() || x >= area.right() {
            return 0;
        }
        let style = self.role_over(x, y, role);
        let steady = steady(text);
        let room = usize::from(width.min(area.right() - x));
        let (end, _) = self.buf.set_stringn(x, y, &steady, room, style);
        end - x
    }

    /// The style of a role on whatever ground is there: text on a selected line or on a
    /// panel keeps that ground.
    fn role_over(&self, x: u16, y: u16, role: Role) -> Style {
        let style = self.style(role);
        let own_ground = matches!(
            role,
            Role::Selected | Role::Field | Role::Focus | Role::Panel
        );
        let Some(cell) = self.buf.cell(Position::new(x, y)) else {
            return style;
        };
        if own_ground {
            return style;
        }
        let ground = cell.style();
        let selected = self.style(Role::Selected);
        let on_selected = ground.bg == selected.bg
            && ground.add_modifier == selected.add_modifier
            && selected != self.style(Role::Text);
        match on_selected {
            true => selected,
            false => match ground.bg {
                Some(bg) => style.bg(bg),
                None => style,
            },
        }
    }

    /// A line across.
    pub fn rule(&mut self, x: u16, y: u16, width: u16) {
        let line = match self.look.marks {
            Marks::Unicode => "─",
            Marks::Ascii => "-",
        };
        self.raw(x, y, width, &line.repeat(usize::from(width)), Role::Rule);
    }

    /// A line down.
    pub fn rule_down(&mut self, x: u16, y: u16, height: u16) {
        let line = match self.look.marks {
            Marks::Unicode => "│",
            Marks::Ascii => "|",
        };
        for y in y..y.saturating_add(height) {
            self.raw(x, y, 1, line, Role::Rule);
        }
    }

    /// A frame with a title; what is inside it.
    pub fn panel(&mut self, area: Rect, title: &str) -> Rect {
        self.fill(area, Role::Panel);
        let c = match self.look.marks {
            Marks::Unicode => ["╭", "╮", "╰", "╯", "─", "│"],
            Marks::Ascii => ["+", "+", "+", "+", "-", "|"],
        };
        if area.width < 4 || area.height < 3 {
            return area;
        }
        let inner = usize::from(area.width - 2);
        let (top, bottom) = (area.top(), area.bottom() - 1);
        let across = c[4].repeat(inner);
        let line = |a: &str, b: &str| format!("{a}{across}{b}");
        self.raw(area.x, top, area.width, &line(c[0], c[1]), Role::Rule);
        self.raw(area.x, bottom, area.width, &line(c[2], c[3]), Role::Rule);
        for y in top + 1..bottom {
            self.raw(area.x, y, 1, c[5], Role::Rule);
            self.raw(area.right() - 1, y, 1, c[5], Role::Rule);
        }
        if !title.is_empty() {
            let shown = inert::cut(title, inner.saturating_sub(4), self.look.marks);
            self.raw(
                area.x + 2,
                top,
                area.width - 4,
                &format!(" {shown} "),
                Role::Title,
            );
        }
        Rect::new(area.x + 2, top + 1, area.width - 4, area.height - 2)
    }

    /// Text in lines, broken at spaces and no longer than is read well; how many it took.
    pub fn wrapped(&mut self, area: Rect, text: &str, role: Role) -> u16 {
        let most = usize::from(area.height);
        if most == 0 || area.width < 2 {
            return 0;
        }
        let width = usize::from(area.width.min(PROSE));
        let lines = inert::wrap(text, width, most, self.look.marks);
        for (i, line) in lines.iter().enumerate() {
            self.raw(area.x, area.y + i as u16, area.width, line, role);
        }
        lines.len() as u16
    }

    /// Makes an area clickable.
    pub fn click(&self, area: Rect, click: Click) {
        self.left.clicks.borrow_mut().push((area, click));
    }

    /// Forgets what could be clicked below what is drawn now.
    pub fn cover(&self) {
        self.left.clicks.borrow_mut().clear();
    }

    /// Puts the cursor of the terminal there.
    pub fn cursor(&self, x: u16, y: u16) {
        self.left.cursor.set(Some((x, y)));
    }
}

/// Text whose clusters every terminal draws as wide as it is counted here. Where
/// terminals differ (several emoji joined to one, skin tones, the selectors of a drawing
/// style) the parts that join are left out.
fn steady(text: &str) -> std::borrow::Cow<'_, str> {
    let is_steady = |g: &str| {
        let parts: usize = g.chars().filter_map(|c| c.width()).sum();
        parts == g.width()
    };
    if text.is_ascii() || text.graphemes(true).all(is_steady) {
        return text.into();
    }
    let joins = |c: &char| matches!(c, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{20e3}');
    let mut out = String::with_capacity(text.len());
    for g in text.graphemes(true) {
        match is_steady(g) {
            true => out.push_str(g),
            false => out.extend(g.chars().filter(|c| !joins(c))),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, width: u16) -> String {
        let look = Look {
            theme: Theme::plain(),
            marks: Marks::Unicode,
        };
        let (mut buf, left) = (
            Buffer::empty(Rect::new(0, 0, width + 1, 1)),
            Left::default(),
        );
        let mut pen = Pen::new(&mut buf, &look, 0, &left);
        pen.raw(width, 0, 1, "|", Role::Text);
        pen.text(0, 0, width, text, Role::Text);
        (0..=width).map(|x| buf[(x, 0)].symbol()).collect()
    }

    #[test]
    fn nothing_breaks_the_border() {
        for text in [
            "\x1b[2J\x1b[31mred",
            "日本語のテキストがここに",
            "👨‍👩‍👧‍👦 family 👍🏽 ❤️ 🇩🇪",
            "e\u{301}e\u{301}e\u{301}",
            "\u{202e}gnihtemos",
            "שלום עולם",
            "\u{0}\u{7}\t\r\n",
        ] {
            for width in 1..30 {
                let line = drawn(text, width);
                assert!(line.ends_with('|'), "{text:?} at {width}: {line:?}");
                assert!(!line.contains('\x1b') && !line.contains('\u{202e}'));
            }
        }
    }

    #[test]
    fn joined_emoji_are_drawn_apart() {
        assert_eq!(steady("👨‍👩‍👧"), "👨👩👧");
        assert_eq!(steady("👍🏽"), "👍");
        assert_eq!(steady("plain é"), "plain é");
    }
}
