//! What a store is compared with, before somebody says so: never with itself.

use super::{Choice, choices, look};
use crate::store::{Address, Shape};
use crate::tui::app::App;
use crate::tui::msg::{Effect, Seat};
use std::path::{Component, PathBuf};

/// Whether two addresses lead to one place, as far as can be told without asking the disk.
pub fn is_same(a: &Address, b: &Address) -> bool {
    straight(a) == straight(b)
}

/// An address whose path makes no detours.
fn straight(address: &Address) -> Address {
    if address.descriptor().shape != Shape::File {
        return address.clone();
    }
    let mut out = PathBuf::new();
    for part in address.path().components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    let path = out.to_str().unwrap_or_default();
    let short = address.clone().set("path", path);
    short.unwrap_or_else(|_| address.clone())
}

/// Proposes what to compare with: where a run went from the first store or where it came
/// from, else another store that was found; where there is neither, nothing.
pub(super) fn propose(app: &mut App) -> Vec<Effect> {
    let Some(first) = app.diff.first.found().map(|p| p.address.clone()) else {
        return Vec::new();
    };
    let run = app.home.runs.iter().filter(|r| r.wrote).find_map(|run| {
        let from = Address::parse(&run.source).ok()?;
        let to = Address::parse(&run.target).ok()?;
        match (is_same(&from, &first), is_same(&to, &first)) {
            (true, false) => Some(to),
            (false, true) => Some(from),
            _ => None,
        }
    });
    let run = run.map(|address| choices::of_address(app, &address));
    let second = &mut app.diff.second;
    let at = match run {
        Some(run) => {
            let known = second.choices.iter().position(|c| c.preset == run.preset);
            if known.is_none() {
                second.choices.insert(0, run);
            }
            known.or(Some(0))
        }
        None => {
            let other = |c: &Choice| c.preset.as_ref().is_some_and(|p| !is_same(p, &first));
            second.choices.iter().position(other)
        }
    };
    match at {
        Some(at) => {
            second.list.at = at;
            look(app, Seat::Second)
        }
        None => {
            let kind = second.choices.iter().position(|c| c.preset.is_none());
            second.list.at = kind.unwrap_or(0);
            Vec::new()
        }
    }
}
