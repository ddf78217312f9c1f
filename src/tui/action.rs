//! Everything a person can do in the wizard, in one table: its name (in the key map and
//! the palette), the part of the help it stands in, its short title on the key bar and
//! its help text. Which keys it has stands in `config/keymap.toml`.

/// Parts of the help page, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// On every screen.
    Everywhere,
    /// Moving about in lists and forms.
    Moving,
    /// On the first screen.
    Home,
    /// While a migration is prepared.
    Migration,
    /// While a run goes on.
    Run,
    /// Looking at what was done.
    Reports,
}

impl Section {
    /// All, in order.
    pub const ALL: [Section; 6] = [
        Section::Everywhere,
        Section::Moving,
        Section::Home,
        Section::Migration,
        Section::Run,
        Section::Reports,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Section::Everywhere => "Everywhere",
            Section::Moving => "Moving about",
            Section::Home => "Home",
            Section::Migration => "Migration",
            Section::Run => "Run",
            Section::Reports => "Reports",
        }
    }
}

macro_rules! actions {
    ($($variant:ident $name:literal $section:ident $title:literal $help:literal)*) => {
        /// Something a person can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $(#[doc = $help] $variant,)*
        }

        impl Action {
            /// All, in the order of the help.
            pub const ALL: &'static [Action] = &[$(Action::$variant,)*];

            /// Its name, as in the key map.
            pub fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)* }
            }

            /// Where it stands in the help.
            pub fn section(self) -> Section {
                match self { $(Action::$variant => Section::$section,)* }
            }

            /// One or two words, for the key bar.
            pub fn title(self) -> &'static str {
                match self { $(Action::$variant => $title,)* }
            }

            /// What it does, in a sentence without a full stop.
            pub fn help(self) -> &'static str {
                match self { $(Action::$variant => $help,)* }
            }
        }
    };
}

actions! {
    Help "help" Everywhere "Keys" "Show every key that works here"
    Palette "palette" Everywhere "Actions" "Find an action by its name and do it"
    Back "back" Everywhere "Back" "Go back one step; nothing that was answered is lost"
    GoHome "home" Everywhere "Home" "Go to the first screen"
    Redraw "redraw" Everywhere "Redraw" "Draw the screen anew"
    Suspend "suspend" Everywhere "Suspend" "Put memferry aside; `fg` brings it back"
    Quit "quit" Everywhere "Quit" "Leave memferry; during a run it asks first"

    Up "up" Moving "Up" "One line up"
    Down "down" Moving "Down" "One line down"
    Left "left" Moving "Left" "The choice or page to the left"
    Right "right" Moving "Right" "The choice or page to the right"
    PageUp "page-up" Moving "Page up" "One page up"
    PageDown "page-down" Moving "Page down" "One page down"
    First "first" Moving "First" "To the first line"
    Last "last" Moving "Last" "To the last line"
    NextField "next-field" Moving "Field" "To the next field"
    PreviousField "previous-field" Moving "Last field" "To the field before"
    Toggle "toggle" Moving "Change" "Change a choice, or acknowledge a warning"
    Open "open" Moving "Open" "Open what the cursor is on"

    Migrate "migrate" Home "Migrate" "Begin a migration"
    Resume "resume" Home "Resume" "Go on with a run that was broken off"
    Runs "runs" Home "Reports" "Look at all past runs"
    Backups "backups" Home "Backups" "List, check and restore backups"
    Diff "diff" Home "Diff" "Compare two stores"
    Settings "settings" Home "Settings" "Choose theme, symbols and mouse"
    Refresh "refresh" Home "Look again" "Look again at what is there"

    Next "next" Migration "Next" "Go on to the next step"
    Test "test" Migration "Test" "See whether the store answers"
    SaveProfile "save-profile" Migration "Save as profile" "Keep this store under a name, its secrets in the keyring"
    Complete "complete" Migration "Complete" "Complete the path"
    Advanced "advanced" Migration "Advanced" "Show or hide what is seldom changed"
    RecheckOne "recheck-one" Migration "Check this" "Make the check under the cursor again, alone"
    Recheck "recheck" Migration "Check all" "Make all checks again"
    Details "details" Migration "Which" "Show the records a check or a loss is about"
    AcceptLoss "accept-loss" Migration "Accept loss" "Accept a loss by typing its name"
    Changes "changes" Migration "Changes" "Show the records that differ, field by field"
    CopyCommand "copy-command" Migration "Copy command" "Copy the command line that does the same"
    SavePlan "save-plan" Migration "Save plan" "Save the plan for `memferry run`"

    Pause "pause" Run "Pause" "Pause the run, or go on"
    Cancel "cancel" Run "Cancel" "Stop the run: to be resumed, or taken back"
    Faster "faster" Run "Faster" "Raise the limit of records a second"
    Slower "slower" Run "Slower" "Lower the limit of records a second"
    Unlimited "unlimited" Run "No limit" "Lift the limit"
    Freeze "freeze" Run "Freeze" "Hold the screen still while the run goes on"
    Log "log" Run "Log" "Show the log, or the warnings, at full height"

    Search "search" Reports "Search" "Search in ids, titles and fields"
    Kind "kind" Reports "Kind" "Show only one kind of difference"
    Type "type" Reports "Type" "Show only records of one type"
    Sort "sort" Reports "Sort" "Sort by another column"
    CopyId "copy-id" Reports "Copy id" "Copy the id of the record"
    CopyValue "copy-value" Reports "Copy value" "Copy the values of the record"
    SaveReport "save-report" Reports "Save" "Save the report as JSON, Markdown or HTML"
    RollBack "roll-back" Reports "Roll back" "Take back what the run wrote"
    Verify "verify" Reports "Verify again" "See whether the target still holds what the run left"
    Replay "replay" Reports "Replay" "Watch the run again"
    Remove "remove" Reports "Remove" "Remove it from the disk"
    CheckBackup "check-backup" Reports "Check" "Read the backup again and check it"
    Restore "restore" Reports "Restore" "Make a store from the backup"
}
