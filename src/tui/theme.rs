//! Colours by what they mean. A theme is a TOML file that gives each role its colours
//! and attributes; four are built in, and a person's own stand in the folder `themes`
//! beside the configuration.

use crate::error::{Error, ErrorKind, Result};
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What something on the screen means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Ordinary text, and the ground of everything.
    Text,
    /// Text that stands back.
    Dim,
    /// Headings.
    Title,
    /// What is worth the eye: the present step, numbers that matter.
    Accent,
    /// The line the cursor is on.
    Selected,
    /// A field that can be typed in.
    Field,
    /// The field that is typed in.
    Focus,
    /// Good.
    Good,
    /// Worth reading.
    Warn,
    /// Bad.
    Bad,
    /// A key on the key bar.
    Key,
    /// Lines between parts.
    Rule,
    /// The full part of a bar.
    Bar,
    /// The open part of a bar.
    BarRest,
    /// Text that only the source has.
    Removed,
    /// Text that only the target has.
    Added,
    /// The ground of what lies on top of the screen.
    Panel,
}

impl Role {
    /// All.
    pub const ALL: [Role; 17] = [
        Role::Text,
        Role::Dim,
        Role::Title,
        Role::Accent,
        Role::Selected,
        Role::Field,
        Role::Focus,
        Role::Good,
        Role::Warn,
        Role::Bad,
        Role::Key,
        Role::Rule,
        Role::Bar,
        Role::BarRest,
        Role::Removed,
        Role::Added,
        Role::Panel,
    ];

    /// Whether text is written in it, which has to be readable.
    pub fn is_text(self) -> bool {
        !matches!(self, Role::Rule | Role::Bar | Role::BarRest)
    }
}

/// The themes that are built in.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("default", include_str!("../../config/themes/default.toml")),
    ("light", include_str!("../../config/themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../config/themes/high-contrast.toml"),
    ),
    (
        "monochrome",
        include_str!("../../config/themes/monochrome.toml"),
    ),
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Paint {
    fg: Option<String>,
    bg: Option<String>,
    bold: bool,
    dim: bool,
    underlined: bool,
    reversed: bool,
}

/// A theme.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    styles: BTreeMap<Role, Style>,
}

impl Default for Theme {
    fn default() -> Self {
        Self::read(BUILT_IN[0].1).unwrap_or_else(|_| Self::plain())
    }
}

impl Theme {
    /// Without any colour or attribute.
    pub fn plain() -> Self {
        let styles = BTreeMap::new();
        Self { styles }
    }

    /// The built-in theme of that name.
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(n, _)| *n == name)?;
        Self::read(text).ok()
    }

    /// Reads a theme. A role that it does not name is like ordinary text.
    pub fn read(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            Error::new(ErrorKind::Usage, format!("the theme is wrong: {what}"))
                .remedy("Compare it with config/themes/default.toml.")
        };
        let paints: BTreeMap<Role, Paint> =
            toml::from_str(text).map_err(|e| wrong(e.message().trim().replace('\n', " ")))?;
        let mut styles = BTreeMap::new();
        for (role, paint) in paints {
            let mut style = Style::new();
            for (name, to) in [(&paint.fg, &mut style.fg), (&paint.bg, &mut style.bg)] {
                if let Some(name) = name {
                    let known = colour(name);
                    *to = Some(known.ok_or_else(|| wrong(format!("no colour {name:?}")))?);
                }
            }
            for (wanted, modifier) in [
                (paint.bold, Modifier::BOLD),
                (paint.dim, Modifier::DIM),
                (paint.underlined, Modifier::UNDERLINED),
                (paint.reversed, Modifier::REVERSED),
            ] {
                if wanted {
                    style = style.add_modifier(modifier);
                }
            }
            styles.insert(role, style);
        }
        Ok(Self { styles })
    }

    /// How text of this role is drawn.
    pub fn style(&self, role: Role) -> Style {
        let of = |role| self.styles.get(&role).copied().unwrap_or_default();
        of(Role::Text).patch(of(role))
    }

    /// For terminals that show 256 colours only.
    pub fn with_256(mut self) -> Self {
        for style in self.styles.values_mut() {
            style.fg = style.fg.map(nearest);
            style.bg = style.bg.map(nearest);
        }
        self
    }
}

fn colour(name: &str) -> Option<Color> {
    if let Some(hex) = name.strip_prefix('#') {
        let whole = (hex.len() == 6).then(|| u32::from_str_radix(hex, 16).ok())??;
        let [_, r, g, b] = whole.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    name.parse().ok()
}

/// The nearest of the colours 16 to 255: a cube of six levels each, and 24 greys.
fn nearest(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else {
        return colour;
    };
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let level = |v: u8| {
        let by = |i: &usize| LEVELS[*i].abs_diff(v);
        (0..6).min_by_key(by).unwrap_or(0)
    };
    let far = |c: [u8; 3]| {
        let d = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        d(c[0], r) + d(c[1], g) + d(c[2], b)
    };
    let (x, y, z) = (level(r), level(g), level(b));
    let cube = far([LEVELS[x], LEVELS[y], LEVELS[z]]);
    let mean = (u32::from(r) + u32::from(g) + u32::from(b)) / 3;
    let step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = far([8 + 10 * step; 3]);
    match grey < cube {
        true => Color::Indexed(232 + step),
        false => Color::Indexed((16 + 36 * x + 6 * y + z) as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as WCAG 2.1 defines it.
    fn luminance(colour: Color) -> f64 {
        let Color::Rgb(r, g, b) = colour else {
            panic!("a theme with a ground of its own has definite colours: {colour:?}");
        };
        let channel = |v: u8| {
            let v = f64::from(v) / 255.0;
            match v <= 0.04045 {
                true => v / 12.92,
                false => ((v + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
    }

    fn contrast(a: Color, b: Color) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_in_every_theme() {
        for (name, text) in BUILT_IN {
            let theme = Theme::read(text).unwrap();
            if name == "monochrome" {
                let colours = theme
                    .styles
                    .values()
                    .all(|s| s.fg.is_none() && s.bg.is_none());
                assert!(colours, "monochrome has no colour");
                continue;
            }
            let least = if name == "high-contrast" { 7.0 } else { 4.5 };
            let panel = theme.style(Role::Panel).bg.unwrap();
            for role in Role::ALL.into_iter().filter(|r| r.is_text()) {
                let style = theme.style(role);
                let (fg, bg) = (style.fg.unwrap(), style.bg.unwrap());
                let found = contrast(fg, bg);
                assert!(found >= least, "{name}: {role:?} has {found:.1}");
                let own = [Role::Selected, Role::Field, Role::Focus, Role::Panel];
                if !own.contains(&role) {
                    let found = contrast(fg, panel);
                    assert!(found >= least, "{name}: {role:?} on a panel has {found:.1}");
                }
            }
        }
    }

    #[test]
    fn every_theme_tells_every_role() {
        for (name, text) in BUILT_IN {
            let theme = Theme::read(text).unwrap();
            let ground = theme.style(Role::Text);
            for role in [Role::Selected, Role::Focus, Role::Title, Role::Bad] {
                assert_ne!(theme.style(role), ground, "{name}: {role:?}");
            }
        }
    }

    #[test]
    fn a_mistake_is_named() {
        assert!(Theme::read("text = { fg = \"#12345\" }").is_err());
        assert!(Theme::read("texd = {}").is_err());
        assert!(Theme::read("text = { colour = \"red\" }").is_err());
        assert!(Theme::read("text = { fg = \"red\" }").is_ok());
    }

    #[test]
    fn colours_are_brought_to_256() {
        assert_eq!(nearest(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(nearest(Color::Rgb(18, 18, 18)), Color::Indexed(233));
        assert_eq!(nearest(Color::Red), Color::Red);
    }
}
