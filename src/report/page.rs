//! What a report says, in its order, without a form: headline, sections, tables, lists.
//! The formats only differ in how they draw this, so none leaves anything out.
//!
//! Its text is as stores and errors gave it: each format makes it inert and escapes it.

mod proof;
mod review;
mod run;

pub(super) use proof::comparison;
pub(super) use review::page as of_review;
pub(super) use run::{noun, page as of_report};

use super::inert::Marks;
use super::{Difference, Verdict};
use std::borrow::Cow;

/// A report, a comparison or a review, to be drawn.
pub(super) struct Page<'a> {
    /// How it went.
    pub state: State,
    /// That in one line.
    pub headline: String,
    /// A line of what and when.
    pub about: Vec<String>,
    /// The rest.
    pub sections: Vec<Section<'a>>,
}

/// How something went: shown as a symbol and a word, never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Good,
    Warn,
    Bad,
    Plain,
}

impl State {
    /// Its sign.
    pub fn symbol(self, marks: Marks) -> &'static str {
        match (self, marks) {
            (Self::Good, Marks::Unicode) => "✓",
            (Self::Good, Marks::Ascii) => "v",
            (Self::Warn, _) => "!",
            (Self::Bad, Marks::Unicode) => "✗",
            (Self::Bad, Marks::Ascii) => "x",
            (Self::Plain, Marks::Unicode) => "·",
            (Self::Plain, Marks::Ascii) => "-",
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "pass",
            Self::Warn => "warning",
            Self::Bad => "fail",
            Self::Plain => "",
        }
    }
}

impl From<Verdict> for State {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Good,
            Verdict::Warn => Self::Warn,
            Verdict::Fail => Self::Bad,
        }
    }
}

/// One answer.
pub(super) struct Section<'a> {
    /// Names it in links: letters and `-`.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it says.
    pub blocks: Vec<Block<'a>>,
}

/// One piece of an answer.
pub(super) enum Block<'a> {
    /// A paragraph.
    Text(String),
    /// Names with lines of values.
    Pairs(Vec<(&'static str, Vec<String>)>),
    /// Numbers in columns behind a name.
    Table {
        /// Headings, the first over the names.
        head: Vec<String>,
        /// Rows, each as long as the head.
        rows: Vec<Vec<String>>,
    },
    /// A list.
    Items(Vec<Item>),
    /// Records that differ.
    Differences {
        /// Those that were kept.
        list: Cow<'a, [Difference]>,
        /// All.
        total: u64,
    },
    /// What to type for what.
    Commands(Vec<(&'static str, String)>),
}

/// One entry of a list.
pub(super) struct Item {
    pub state: State,
    pub title: String,
    pub detail: String,
    /// A number or a time.
    pub aside: String,
    /// Further lines, each with a name.
    pub notes: Vec<(&'static str, String)>,
}

/// Most entries of a list that are shown; more are counted.
const MOST_ITEMS: usize = 1_000;

/// A list that does not outgrow the page.
fn items<T>(all: &[T], to_item: impl Fn(&T) -> Item) -> Vec<Block<'static>> {
    let shown = all.iter().take(MOST_ITEMS).map(to_item).collect();
    let mut blocks = vec![Block::Items(shown)];
    let more = all.len().saturating_sub(MOST_ITEMS) as u64;
    if more > 0 {
        let more = super::words::number(more);
        blocks.push(Block::Text(format!("And {more} more, which the JSON has.")));
    }
    blocks
}
