//! One file per screen. Each says what can be done on it now, does it, and draws itself;
//! what it knows stands in the [`super::app::App`].

pub mod backups;
pub mod diff;
pub mod help;
pub mod home;
pub mod options;
pub mod pick;
pub mod preflight;
pub mod report;
pub mod review;
pub mod run;
pub mod runs;
pub mod settings;
pub mod unlock;

/// Where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// What is there, and what was being done.
    Home,
    /// Where memories come from.
    Source,
    /// Where they go.
    Target,
    /// Which, and how.
    Options,
    /// Whether anything is in the way.
    Preflight,
    /// Whether that is what is wanted.
    Review,
    /// How far it is.
    Run,
    /// What was done and proven.
    Report,
    /// Past runs.
    Runs,
    /// Backups.
    Backups,
    /// Two stores compared.
    Diff,
    /// How the wizard looks.
    Settings,
    /// Every key.
    Help,
}

impl Screen {
    /// Its place among the steps of a migration.
    pub fn step(self) -> Option<usize> {
        let steps = [
            Screen::Source,
            Screen::Target,
            Screen::Options,
            Screen::Preflight,
            Screen::Review,
            Screen::Run,
            Screen::Report,
        ];
        steps.iter().position(|s| *s == self)
    }

    /// Its name, where it is no step.
    pub fn title(self) -> &'static str {
        match self {
            Screen::Home => "What is on this machine",
            Screen::Runs => "Past runs",
            Screen::Backups => "Backups",
            Screen::Diff => "Compare two stores",
            Screen::Settings => "Settings",
            Screen::Help => "Keys",
            _ => "Migrate",
        }
    }
}
