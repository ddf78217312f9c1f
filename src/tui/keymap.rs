//! Which key does what. One table, `config/keymap.toml`, with what a person's own file
//! changes; the key bar, the help, the palette and the documentation are made from it.

use super::action::{Action, Section};
use crate::error::{Error, ErrorKind, Result};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::BTreeMap;
use std::fmt;

/// The table that is built in.
const DEFAULT: &str = include_str!("../../config/keymap.toml");

/// One key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const NAMED: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("page-up", KeyCode::PageUp),
    ("page-down", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
];

impl Key {
    /// The key of an event, in the one form it has here: a capital letter needs no
    /// shift, and shift-tab is one key.
    pub fn of(event: KeyEvent) -> Self {
        let kept = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        let (mut code, mut modifiers) = (event.code, event.modifiers & kept);
        match code {
            KeyCode::BackTab => {
                code = KeyCode::Tab;
                modifiers |= KeyModifiers::SHIFT;
            }
            KeyCode::Char(c) => {
                modifiers -= KeyModifiers::SHIFT;
                if modifiers.contains(KeyModifiers::CONTROL) {
                    code = KeyCode::Char(c.to_ascii_lowercase());
                }
            }
            _ => {}
        }
        Self { code, modifiers }
    }

    /// The character it types, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }

    /// Its code, if no modifier is held.
    pub fn plain(self) -> Option<KeyCode> {
        self.modifiers.is_empty().then_some(self.code)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut modifiers = KeyModifiers::empty();
        let mut rest = text;
        loop {
            let (modifier, behind) = match rest.split_once('-') {
                Some(("ctrl", behind)) => (KeyModifiers::CONTROL, behind),
                Some(("alt", behind)) => (KeyModifiers::ALT, behind),
                Some(("shift", behind)) => (KeyModifiers::SHIFT, behind),
                _ => break,
            };
            modifiers |= modifier;
            rest = behind;
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(c), None) => KeyCode::Char(c),
            _ => match rest.strip_prefix('f').map(str::parse) {
                Some(Ok(n @ 1..=12)) => KeyCode::F(n),
                _ => NAMED.iter().find(|(name, _)| *name == rest)?.1,
            },
        };
        Some(Self { code, modifiers })
    }
}

/// As the key bar and the file write it.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in [
            (KeyModifiers::CONTROL, "Ctrl-"),
            (KeyModifiers::ALT, "Alt-"),
            (KeyModifiers::SHIFT, "Shift-"),
        ] {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.modifiers.contains(KeyModifiers::CONTROL) => {
                write!(f, "{}", c.to_ascii_uppercase())
            }
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "F{n}"),
            code => {
                let named = NAMED.iter().find(|(_, c)| *c == code);
                let name = named.map_or("?", |(name, _)| name);
                let mut words = name.split('-').map(capital);
                f.write_str(&words.next().unwrap_or_default())?;
                words.try_for_each(|word| write!(f, "-{}", word.to_lowercase()))
            }
        }
    }
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// The keys of every action.
#[derive(Clone, Debug)]
pub struct Keymap(BTreeMap<Action, Vec<Key>>);

impl Default for Keymap {
    fn default() -> Self {
        // A test holds the built-in table; a mistake in it would leave no key.
        Self::read(DEFAULT).unwrap_or_else(|_| Self(BTreeMap::new()))
    }
}

impl Keymap {
    /// The built-in table with what this file changes.
    pub fn with(text: &str) -> Result<Self> {
        let mut keymap = Self::default();
        keymap.0.extend(Self::read(text)?.0);
        Ok(keymap)
    }

    fn read(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            Error::new(ErrorKind::Usage, format!("the key map is wrong: {what}"))
                .remedy("Compare it with the key map in the documentation.")
        };
        let table: BTreeMap<String, Vec<String>> =
            toml::from_str(text).map_err(|e| wrong(e.message().trim().replace('\n', " ")))?;
        let mut keymap = BTreeMap::new();
        for (name, keys) in table {
            let Some(action) = Action::ALL.iter().find(|a| a.name() == name) else {
                return Err(wrong(format!("there is no action {name:?}")));
            };
            let mut parsed = Vec::new();
            for key in keys {
                let known = Key::parse(&key);
                parsed.push(known.ok_or_else(|| wrong(format!("there is no key {key:?}")))?);
            }
            keymap.insert(*action, parsed);
        }
        Ok(Self(keymap))
    }

    /// Its keys, the first of which is shown.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.0.get(&action).map_or(&[], Vec::as_slice)
    }

    /// Its first key, as shown.
    pub fn shown(&self, action: Action) -> String {
        let first = self.keys(action).first();
        first.map(Key::to_string).unwrap_or_default()
    }

    /// What a key does where these actions are valid: the first that has it.
    pub fn action(&self, key: Key, valid: &[Action]) -> Option<Action> {
        valid
            .iter()
            .copied()
            .find(|action| self.keys(*action).contains(&key))
    }

    /// The table of the documentation.
    pub fn markdown(&self) -> String {
        let mut text = "| key | name | what it does |\n|---|---|---|\n".to_owned();
        for section in Section::ALL {
            for action in Action::ALL.iter().filter(|a| a.section() == section) {
                let keys: Vec<_> = (self.keys(*action).iter())
                    .map(|key| format!("`{key}`"))
                    .collect();
                let (keys, name, help) = (keys.join(" "), action.name(), action.help());
                text += &format!("| {keys} | `{name}` | {help} |\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_key_a_title_and_a_help_text() {
        let keymap = Keymap::read(DEFAULT).unwrap();
        for action in Action::ALL {
            assert!(!keymap.keys(*action).is_empty(), "{}", action.name());
            assert!(!action.title().is_empty() && action.help().len() > 8);
            assert!(!action.help().ends_with('.'), "{}", action.name());
        }
        assert_eq!(keymap.0.len(), Action::ALL.len());
    }

    #[test]
    fn keys_are_read_and_shown() {
        for (text, shown) in [
            ("ctrl-s", "Ctrl-S"),
            ("shift-tab", "Shift-Tab"),
            ("page-up", "Page-up"),
            ("f5", "F5"),
            ("-", "-"),
            ("G", "G"),
            ("space", "Space"),
            ("alt-enter", "Alt-Enter"),
        ] {
            assert_eq!(Key::parse(text).unwrap().to_string(), shown);
        }
        assert_eq!(Key::parse("ctrl-nothing"), None);
        assert_eq!(Key::parse("f13"), None);
        let event = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!(Key::of(event), Key::parse("shift-tab").unwrap());
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(Key::of(event), Key::parse("G").unwrap());
    }

    #[test]
    fn a_file_changes_what_it_names() {
        let keymap = Keymap::with("quit = [\"ctrl-q\"]").unwrap();
        assert_eq!(keymap.shown(Action::Quit), "Ctrl-Q");
        assert_eq!(keymap.shown(Action::Help), "?");
        let unknown = Keymap::with("fly = [\"f\"]").unwrap_err();
        assert!(unknown.to_string().contains("\"fly\""));
        assert!(Keymap::with("quit = [\"hyper-q\"]").is_err());
    }
}
