//! What lies on top of a screen: a question, a name to be typed, something to read, and
//! the palette, which finds every action by its name.

use super::action::Action;
use super::field::TextField;
use super::keymap::Keymap;
use super::pen::{BAD, Pen};
use super::theme::Role;
use super::widgets::list::{List, Move};
use crate::config::Secret;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

/// What an answer leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// Leave; a run, if there is one, goes to a safe point first.
    Leave,
    /// Leave, and take back what the run wrote.
    LeaveRollingBack,
    /// Stop the run so that it can be resumed, or take back what it wrote.
    Stop(bool),
    /// Start writing.
    Proceed,
    /// Accept the loss that was typed.
    Accept,
    /// Save the plan to the path that was typed.
    SavePlan,
    /// Save the store under the name that was typed.
    SaveProfile,
    /// Save the report to the path that was typed.
    SaveReport,
    /// Take the run back.
    RollBack,
    /// Remove the run.
    RemoveRun,
}

/// A dialog.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// Something to read.
    Note {
        /// Heading.
        title: String,
        /// Its lines.
        lines: Vec<String>,
        /// The first line in sight.
        list: List,
    },
    /// One of some answers.
    Choose {
        /// Heading.
        title: String,
        /// What is asked.
        text: String,
        /// The answers; the first does the least.
        answers: Vec<(String, Then)>,
        /// The cursor.
        list: List,
    },
    /// Something typed.
    Type {
        /// Heading.
        title: String,
        /// What is asked.
        text: String,
        /// What has to be typed, if only one thing will do.
        expect: Option<String>,
        /// What is typed.
        field: TextField,
        /// Whether nothing is an answer, too.
        optional: bool,
        /// What it leads to; a secret leads to what it was asked for.
        then: Then,
        /// What is wrong with it.
        mistake: Option<String>,
    },
    /// Every action, found by name.
    Palette {
        /// What is searched for.
        field: TextField,
        /// Those that match; whether each can be done here.
        found: Vec<(Action, bool)>,
        /// Those that can be done on this screen.
        valid: Vec<Action>,
        /// The cursor.
        list: List,
    },
}

/// What a key did to a dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It stays.
    Stays,
    /// It is gone.
    Gone,
    /// It is answered, with what was typed.
    Then(Then, String),
    /// A secret was typed.
    Secret(Secret),
    /// An action was chosen.
    Do(Action),
}

impl Dialog {
    /// Something to read.
    pub fn note(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self::Note {
            title: title.into(),
            lines,
            list: List::default(),
        }
    }

    /// A question with answers.
    pub fn choose(title: &str, text: impl Into<String>, answers: &[(&str, Then)]) -> Self {
        let own = |(words, then): &(&str, Then)| ((*words).to_owned(), then.clone());
        Self::Choose {
            title: title.to_owned(),
            text: text.into(),
            answers: answers.iter().map(own).collect(),
            list: List::default(),
        }
    }

    /// Something to be typed exactly.
    pub fn confirm(title: &str, text: impl Into<String>, expect: &str, then: Then) -> Self {
        Self::Type {
            title: title.to_owned(),
            text: text.into(),
            expect: Some(expect.to_owned()),
            field: TextField::default(),
            optional: false,
            then,
            mistake: None,
        }
    }

    /// A secret to be typed, of which nothing is shown.
    pub fn secret(title: &str, text: impl Into<String>, optional: bool) -> Self {
        Self::Type {
            title: title.to_owned(),
            text: text.into(),
            expect: None,
            field: TextField::secret(),
            optional,
            then: Then::Nothing,
            mistake: None,
        }
    }

    /// Something to be typed, with a proposal.
    pub fn ask(title: &str, text: impl Into<String>, proposal: &str, then: Then) -> Self {
        Self::Type {
            title: title.to_owned(),
            text: text.into(),
            expect: None,
            field: TextField::new(proposal),
            optional: false,
            then,
            mistake: None,
        }
    }

    /// The palette, with the actions that can be done here.
    pub fn palette(valid: Vec<Action>) -> Self {
        let mut palette = Self::Palette {
            field: TextField::default(),
            found: Vec::new(),
            valid,
            list: List::default(),
        };
        palette.search();
        palette
    }

    /// What is typed into it.
    pub fn typed(&self) -> &str {
        match self {
            Self::Type { field, .. } | Self::Palette { field, .. } => field.value(),
            _ => "",
        }
    }

    fn search(&mut self) {
        let Self::Palette {
            field,
            found,
            valid,
            list,
        } = self
        else {
            return;
        };
        let wanted = field.value().to_lowercase();
        let fits = |action: &Action| {
            let all = [action.name(), action.title(), action.help()];
            let all = all.join(" ").to_lowercase();
            wanted.split_whitespace().all(|word| all.contains(word))
        };
        let all = Action::ALL.iter().copied().filter(fits);
        *found = all.map(|a| (a, valid.contains(&a))).collect();
        let named =
            |a: &Action| a.name().contains(&wanted) || a.title().to_lowercase().contains(&wanted);
        found.sort_by_key(|(action, here)| (!here, !named(action)));
        list.at = 0;
    }

    /// A paste.
    pub fn paste(&mut self, text: &str) {
        match self {
            Self::Type { field, mistake, .. } => {
                field.paste(text);
                *mistake = None;
            }
            Self::Palette { field, .. } => {
                field.paste(text);
                self.search();
            }
            _ => {}
        }
    }

    /// A click on one of its lines.
    pub fn click(&mut self, line: usize) -> Answer {
        if let Self::Choose { list, answers, .. } = self {
            list.at = line.min(answers.len().saturating_sub(1));
            return self.enter();
        }
        if let Self::Palette { list, found, .. } = self {
            list.at = line.min(found.len().saturating_sub(1));
            return self.enter();
        }
        Answer::Stays
    }

    /// The wheel.
    pub fn scroll(&mut self, way: Move) {
        match self {
            Self::Note { list, lines, .. } => list.go(way, lines.len()),
            Self::Choose { list, answers, .. } => list.go(way, answers.len()),
            Self::Palette { list, found, .. } => list.go(way, found.len()),
            Self::Type { .. } => {}
        }
    }

    /// A key.
    pub fn key(&mut self, event: KeyEvent) -> Answer {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let way = match event.code {
            KeyCode::Esc => return Answer::Gone,
            KeyCode::Char('c') if control => return Answer::Gone,
            KeyCode::Enter => return self.enter(),
            KeyCode::Up => Some(Move::Up),
            KeyCode::Down => Some(Move::Down),
            KeyCode::PageUp => Some(Move::PageUp),
            KeyCode::PageDown => Some(Move::PageDown),
            _ => None,
        };
        if let Some(way) = way {
            self.scroll(way);
            return Answer::Stays;
        }
        match self {
            Self::Type { field, mistake, .. } => {
                let changed = field.key(event) == Some(true);
                *mistake = mistake.take().filter(|_| !changed);
            }
            Self::Palette { field, .. } => {
                let before = field.value().to_owned();
                field.key(event);
                if before != self.typed() {
                    self.search();
                }
            }
            Self::Note { .. } if matches!(event.code, KeyCode::Char('q' | ' ')) => {
                return Answer::Gone;
            }
            _ => {}
        }
        Answer::Stays
    }

    fn enter(&mut self) -> Answer {
        match self {
            Self::Note { .. } => Answer::Gone,
            Self::Choose { answers, list, .. } => match answers.get(list.at) {
                Some((_, Then::Nothing)) | None => Answer::Gone,
                Some((_, then)) => Answer::Then(then.clone(), String::new()),
            },
            Self::Type {
                expect,
                field,
                optional,
                then,
                mistake,
                ..
            } => {
                if field.is_secret() && (*optional || !field.value().is_empty()) {
                    return Answer::Secret(Secret::new(field.value()));
                }
                let typed = field.value().trim();
                let wrong = match expect {
                    Some(expect) => typed != expect.trim(),
                    None => typed.is_empty(),
                };
                if wrong {
                    let words = match (expect, typed.is_empty()) {
                        (Some(expect), false) => format!("That is not {expect}."),
                        _ => "Nothing is typed yet; Esc goes back.".to_owned(),
                    };
                    *mistake = Some(words);
                    return Answer::Stays;
                }
                Answer::Then(then.clone(), typed.to_owned())
            }
            Self::Palette { found, list, .. } => match found.get(list.at) {
                Some((action, true)) => Answer::Do(*action),
                _ => Answer::Stays,
            },
        }
    }

    /// Draws it in the middle of the screen.
    pub fn view(&self, pen: &mut Pen, screen: Rect, keymap: &Keymap) {
        pen.cover();
        let width = screen.width.saturating_sub(6).clamp(20, 76);
        let middle = |height: u16| {
            let height = height.min(screen.height.saturating_sub(2));
            Rect::new(
                screen.x + (screen.width.saturating_sub(width)) / 2,
                screen.y + (screen.height.saturating_sub(height)) / 2,
                width,
                height,
            )
        };
        match self {
            Self::Note { title, lines, list } => {
                let area = middle(lines.len() as u16 + 3);
                let inner = pen.panel(area, title);
                let body = Rect::new(inner.x, inner.y, inner.width, inner.height - 1);
                let window = list.window(lines.len(), body.height.into());
                for (row, i) in window.enumerate() {
                    let y = body.y + row as u16;
                    pen.text(body.x, y, body.width, &lines[i], Role::Text);
                }
                hint(pen, inner, "Esc: back");
            }
            Self::Choose {
                title,
                text,
                answers,
                list,
            } => {
                let room = usize::from(width - 4);
                let said = crate::report::inert::wrap(text, room, 6, pen.look.marks).len() as u16;
                let inner = pen.panel(middle(said + answers.len() as u16 + 5), title);
                pen.wrapped(
                    Rect {
                        height: said,
                        ..inner
                    },
                    text,
                    Role::Text,
                );
                let y = inner.y + said + 1;
                let rows = (answers.len() as u16).min(inner.bottom().saturating_sub(y + 1));
                let area = Rect::new(inner.x, y, inner.width, rows);
                list.view(pen, area, answers.len(), true, |pen, i, at| {
                    let role = if i == list.at {
                        Role::Selected
                    } else {
                        Role::Text
                    };
                    pen.text(at.x, at.y, at.width, &answers[i].0, role);
                });
                hint(pen, inner, "Enter: choose   Esc: back");
            }
            Self::Type {
                title,
                text,
                field,
                mistake,
                ..
            } => {
                let room = usize::from(width - 4);
                let said = crate::report::inert::wrap(text, room, 6, pen.look.marks).len() as u16;
                let inner = pen.panel(middle(said + 7), title);
                pen.wrapped(
                    Rect {
                        height: said,
                        ..inner
                    },
                    text,
                    Role::Text,
                );
                let y = (inner.y + said + 1).min(inner.bottom().saturating_sub(3));
                field.view(pen, Rect::new(inner.x, y, inner.width, 1), true, "");
                if let Some(mistake) = mistake {
                    let took = pen.sign(inner.x, y + 1, BAD, Role::Bad) + 1;
                    pen.text(
                        inner.x + took,
                        y + 1,
                        inner.width - took,
                        mistake,
                        Role::Bad,
                    );
                }
                hint(pen, inner, "Enter: go on   Esc: back");
            }
            Self::Palette {
                field, found, list, ..
            } => {
                let inner = pen.panel(middle(18), "Actions");
                field.view(pen, Rect::new(inner.x, inner.y, inner.width, 1), true, "");
                let rows = inner.height.saturating_sub(3);
                let area = Rect::new(inner.x, inner.y + 2, inner.width, rows);
                list.view(pen, area, found.len(), true, |pen, i, at| {
                    let (action, here) = found[i];
                    let role = match (i == list.at, here) {
                        (true, _) => Role::Selected,
                        (false, true) => Role::Text,
                        (false, false) => Role::Dim,
                    };
                    pen.text(at.x, at.y, 18, action.name(), role);
                    let key = keymap.shown(action);
                    pen.text(at.x + 19, at.y, 10, &key, role);
                    let help = match here {
                        true => action.help().to_owned(),
                        false => "not on this screen".to_owned(),
                    };
                    pen.text(at.x + 30, at.y, at.width.saturating_sub(30), &help, role);
                });
                hint(pen, inner, "Enter: do it   Esc: back");
            }
        }
    }
}

fn hint(pen: &mut Pen, inner: Rect, text: &str) {
    let y = inner.bottom().saturating_sub(1);
    pen.text(inner.x, y, inner.width, text, Role::Dim);
}
