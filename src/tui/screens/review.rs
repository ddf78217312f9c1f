//! Is this really what I want? Source and target side by side, what would be added,
//! changed and left alone, the command line that does the same. What exists is
//! overwritten only after the target's name was typed.

use crate::engine::{Command, OnConflict, Plan, Review, Sample, Verify};
use crate::report::words::{self, Nodes, shell};
use crate::report::{Difference, Mark, inert};
use crate::tui::action::Action;
use crate::tui::app::App;
use crate::tui::browser::Browser;
use crate::tui::dialog::{Dialog, Then};
use crate::tui::msg::Effect;
use crate::tui::pen::{PROSE, Pen, WARN};
use crate::tui::screens::{Screen, home, preflight};
use crate::tui::theme::Role;
use crate::tui::widgets::bars;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What it knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What would be done, kept while the run goes on.
    pub review: Option<Box<Review>>,
    /// The records that differ, if they are looked at.
    pub browser: Option<Browser>,
}

/// From the checks to here.
pub fn enter(app: &mut App) {
    app.review.review = preflight::waiting(app).cloned().map(Box::new);
    app.review.browser = None;
    app.go(Screen::Review);
}

/// The plan with what was accepted.
pub fn plan(app: &App) -> Option<Plan> {
    let mut plan = app.preflight.plan.clone()?;
    plan.losses
        .accept
        .extend(app.preflight.accepted.iter().cloned());
    Some(plan)
}

/// An address as a command can give it.
fn address(store: &crate::engine::StoreRef) -> String {
    match store.address(&|_| None) {
        Ok(address) => address.to_string(),
        Err(_) => store.kind.clone(),
    }
}

/// The command line that does what a plan says.
pub fn command(app: &App, plan: &Plan) -> String {
    let mut all = vec!["memferry migrate".to_owned()];
    let mut flag = |name: &str, value: Option<&str>| {
        all.push(match value {
            Some(value) => format!("{name} {}", shell(value)),
            None => name.to_owned(),
        });
    };
    flag("--from", Some(&address(&plan.source)));
    flag("--to", Some(&address(&plan.target)));
    let filter = &plan.filter;
    for (name, value) in [
        ("--since", &filter.since),
        ("--project", &filter.project),
        ("--tenant", &filter.tenant),
    ] {
        if let Some(value) = value {
            flag(name, Some(value));
        }
    }
    filter.types.iter().for_each(|t| flag("--type", Some(t)));
    filter.tags.iter().for_each(|t| flag("--tag", Some(t)));
    let write = &plan.write;
    match write.on_conflict {
        OnConflict::Skip => {}
        OnConflict::Overwrite => flag("--on-conflict", Some("overwrite")),
        OnConflict::Newest => flag("--on-conflict", Some("newest")),
        OnConflict::Fail => flag("--on-conflict", Some("fail")),
    }
    if write.verify != app.setup.config.verify {
        match write.verify {
            Verify::None => flag("--no-verify", None),
            level => flag("--verify", Some(&level.to_string())),
        }
    }
    if !write.backup && app.setup.config.backup {
        flag("--no-backup", None);
    }
    if !write.rollback {
        flag("--no-rollback", None);
    }
    if write.batch != crate::engine::Write::default().batch {
        flag("--batch-size", Some(&write.batch.to_string()));
    }
    if write.rate > 0 {
        flag("--rate", Some(&write.rate.to_string()));
    }
    if let Some(dir) = &write.stage_dir
        && app.setup.config.stage_dir.as_ref() != Some(dir)
    {
        flag("--stage-dir", Some(&dir.display().to_string()));
    }
    plan.losses
        .accept
        .iter()
        .for_each(|l| flag("--allow-loss", Some(l)));
    all.extend(app.setup.home.options().iter().map(|o| shell(o)));
    all.join(" ")
}

/// What can be done.
pub fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    if let Some(browser) = &app.review.browser {
        return browser.actions();
    }
    let mut all = vec![Next];
    if app
        .review
        .review
        .as_ref()
        .is_some_and(|r| !r.conflicts.is_empty())
    {
        all.push(Changes);
    }
    if app.preflight.plan.is_some() {
        all.extend([CopyCommand, SavePlan]);
    }
    all
}

/// Does it.
pub fn act(app: &mut App, action: Action) -> Vec<Effect> {
    if let Some(browser) = &mut app.review.browser {
        return match browser.act(action) {
            Some(effects) => effects,
            None => {
                app.review.browser = None;
                Vec::new()
            }
        };
    }
    match action {
        Action::Next => {
            let Some(review) = app.review.review.clone() else {
                return Vec::new();
            };
            if !review.overwrites() {
                return proceed(app);
            }
            let nodes = Nodes::of(&[review.staged]);
            let name = review.target_name().to_owned();
            let mut done = vec![format!(
                "{} will be overwritten",
                nodes.tally(review.changed)
            )];
            if review.removed.total() > 0 {
                done.push(format!("{} will be removed", nodes.tally(review.removed)));
            }
            let text = format!(
                "In {}: {}. To go on, type its name: {name}",
                review.target,
                done.join(", ")
            );
            app.dialog = Some(Dialog::confirm("Overwrite", text, &name, Then::Proceed));
            Vec::new()
        }
        Action::Changes => {
            if let Some(review) = &app.review.review {
                let items = review.conflicts.iter().map(|c| Difference {
                    mark: Mark::Differs,
                    kind: c.kind,
                    key: c.key.clone(),
                    type_name: if c.replaced { "replaced" } else { "stays" }.to_owned(),
                    title: c.title.clone(),
                    fields: c.fields.clone(),
                });
                app.review.browser = Some(Browser::new(Arc::new(items.collect())));
            }
            Vec::new()
        }
        Action::CopyCommand => match plan(app) {
            Some(plan) => vec![Effect::Copy(command(app, &plan))],
            None => Vec::new(),
        },
        Action::SavePlan => {
            let proposal = app.setup.folder.join("plan.toml");
            let run = app.setup.home.command(&["run", "FILE"]);
            app.dialog = Some(Dialog::ask(
                "Save the plan",
                format!("To which new file? `{run}` carries it out. It holds no secrets."),
                &proposal.display().to_string(),
                Then::SavePlan,
            ));
            Vec::new()
        }
        Action::Back => {
            app.back();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Saves the plan there.
pub fn save_plan(app: &mut App, path: &str) -> Vec<Effect> {
    let path = PathBuf::from(crate::config::expand_home(
        path,
        &crate::config::process_env,
    ));
    match plan(app).map(|plan| plan.to_toml()) {
        Some(Ok(text)) => vec![Effect::Save(path, text.into_bytes())],
        Some(Err(error)) => {
            app.complain(error.to_string());
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Everybody agrees: the run writes.
pub fn proceed(app: &mut App) -> Vec<Effect> {
    if let Some(live) = &mut app.live {
        live.agreed = true;
    }
    app.run = super::run::State::default();
    app.go(Screen::Run);
    vec![Effect::Send(Command::Answer { proceed: true })]
}

/// A key for the search.
pub fn typed(app: &mut App, event: KeyEvent) -> Option<Vec<Effect>> {
    let browser = app.review.browser.as_mut()?;
    if event.code == KeyCode::Enter {
        browser.searching = false;
        return Some(Vec::new());
    }
    if browser.search.key(event)? {
        browser.refilter();
    }
    Some(Vec::new())
}

/// Draws it.
pub fn view(app: &App, pen: &mut Pen, area: Rect) {
    if let Some(browser) = &app.review.browser {
        return browser.view(pen, area, &app.setup.keymap);
    }
    let Some(review) = &app.review.review else {
        return;
    };
    let roomy = area.height >= 18;
    // No wider than both are seen at once.
    let half = ((area.width - 2) / 2).min(80);
    let (left, right) = (area.x, area.x + half + 2);
    let mut y = area.y;
    for (x, name, address) in [
        (left, "from", &review.source),
        (right, "to", &review.target),
    ] {
        let took = pen.text(x, y, half, name, Role::Dim) + 1;
        pen.path(
            x + took,
            y,
            half - took,
            &home::home_short(address),
            Role::Title,
        );
    }
    y += 1 + u16::from(roomy);
    let present = review.present.unwrap_or_default();
    let wanted = app.preflight.plan.as_ref().is_some_and(|p| p.write.backup);
    let backup = (wanted && present.total() > 0 && !review.nothing_to_do()).then(|| {
        let folder = app.setup.paths.state_dir.join("backups");
        home::home_short(&folder.display().to_string())
    });
    let rows = [
        ("memories", review.staged.memories, present.memories),
        (
            "other nodes",
            review.staged.other_nodes,
            present.other_nodes,
        ),
        (
            "relationships",
            review.staged.relationships,
            present.relationships,
        ),
    ];
    let most = rows.iter().map(|(_, a, b)| (*a).max(*b)).max().unwrap_or(0);
    for (name, here, there) in rows {
        if here + there == 0 {
            continue;
        }
        for (x, n) in [(left, here), (right, there)] {
            pen.text(x, y, 14, name, Role::Text);
            pen.right(x + 14, y, 9, &words::number(n), Role::Accent);
            bars::length(pen, x + 24, y, half.saturating_sub(25), n, most);
        }
        y += 1;
    }
    if roomy {
        y += 1;
        // More of them where there is room for everything else.
        let backup = u16::from(backup.is_some());
        let spare = area.height.saturating_sub(22 + backup).min(16);
        let rows = 4.min(area.height.saturating_sub(16 + backup)).max(spare);
        let there = app.target.found().and_then(|p| p.inspection.as_ref());
        let most = review.types.values().max().copied().unwrap_or(0);
        let mut used = types(pen, Rect::new(left, y, half, rows), &review.types, most);
        if let Some(there) = there {
            used = used.max(types(
                pen,
                Rect::new(right, y, half, rows),
                &there.types,
                most,
            ));
        }
        y += used + u16::from(used > 0);
    }
    for (samples, name) in [
        (&review.newest, "newest in the source"),
        (&review.newest_present, "newest in the target"),
    ] {
        y += newest(app, pen, Rect::new(area.x, y, area.width, 1), samples, name);
    }
    y += u16::from(roomy);
    let nodes = Nodes::of(&[review.staged, present]);
    for (name, tally, role) in [
        ("will be added", review.added, Role::Good),
        ("will be changed", review.changed, Role::Warn),
        ("are removed", review.removed, Role::Bad),
        ("stays: conflicts", review.kept, Role::Text),
        ("the same already", review.same, Role::Text),
        ("left alone", review.untouched, Role::Text),
    ] {
        if tally.total() == 0 && !name.starts_with("will be") {
            continue;
        }
        let (text, role) = match tally.total() {
            0 => ("nothing".to_owned(), Role::Dim),
            _ => (nodes.tally(tally), role),
        };
        pen.text(area.x, y, 17, name, Role::Text);
        pen.text(area.x + 18, y, area.width - 18, &text, role);
        y += 1;
    }
    if let (Some(folder), true) = (&backup, roomy) {
        pen.text(area.x, y, 17, "kept for undo", Role::Text);
        let text = format!("a backup first, in {folder}");
        pen.text(area.x + 18, y, area.width - 18, &text, Role::Text);
        y += 1;
    }
    let accepted = app.preflight.accepted.len() as u64;
    if accepted > 0 && y < area.bottom() {
        pen.text(area.x, y, 17, "losses", Role::Text);
        let text = words::count(accepted, "accepted by name", "accepted by name");
        pen.text(area.x + 18, y, area.width - 18, &text, Role::Warn);
        y += 1;
    }
    consent(app, pen, area, y, review);
}

/// The most frequent types, as bars.
fn types(pen: &mut Pen, area: Rect, all: &BTreeMap<String, u64>, most: u64) -> u16 {
    let mut all: Vec<_> = all.iter().collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let shown = all.iter().take(area.height.into());
    for (i, (name, n)) in shown.enumerate() {
        let y = area.y + i as u16;
        pen.text(area.x, y, 14, name, Role::Dim);
        pen.right(area.x + 14, y, 9, &words::number(**n), Role::Dim);
        bars::length(
            pen,
            area.x + 24,
            y,
            area.width.saturating_sub(25),
            **n,
            most,
        );
    }
    (all.len() as u16).min(area.height)
}

fn newest(app: &App, pen: &mut Pen, area: Rect, samples: &[Sample], name: &str) -> u16 {
    let Some(first) = samples.first() else {
        return 0;
    };
    pen.text(area.x, area.y, 21, name, Role::Dim);
    let when = first
        .updated_at
        .map(|at| words::moment(at, app.now, &app.setup.zone));
    let when = when.unwrap_or_default();
    let room = area.width.saturating_sub(24 + when.len() as u16);
    let title = format!("\"{}\"", first.title);
    let took = pen.text(area.x + 22, area.y, room, &title, Role::Text);
    let x = area.x + 22 + took + 2;
    pen.text(x, area.y, area.right().saturating_sub(x), &when, Role::Dim);
    1
}

/// The command line, and what is asked.
fn consent(app: &App, pen: &mut Pen, area: Rect, y: u16, review: &Review) {
    let mut bottom = area.bottom();
    let name = review.target_name();
    let ask = match (review.overwrites(), review.nothing_to_do()) {
        (true, _) => format!("What exists will be changed: Enter asks for the name {name}."),
        (false, true) => "There is nothing to write. Enter ends the run with a report.".to_owned(),
        (false, false) => "Nothing that exists will be changed. Enter begins to write.".to_owned(),
    };
    // The question itself says the name in full.
    let ask = match (
        inert::width(&ask) + 2 > usize::from(area.width),
        review.overwrites(),
    ) {
        (false, _) => ask,
        (true, true) => "This changes what exists: Enter asks for its name.".to_owned(),
        (true, false) if review.nothing_to_do() => {
            "Nothing to write: Enter ends the run.".to_owned()
        }
        (true, false) => "Nothing that exists is changed. Enter begins to write.".to_owned(),
    };
    let role = if review.overwrites() {
        Role::Warn
    } else {
        Role::Text
    };
    if bottom > y {
        bottom -= 1;
        if review.overwrites() {
            pen.sign(area.x, bottom, WARN, Role::Warn);
            pen.text(area.x + 2, bottom, area.width - 2, &ask, role);
        } else {
            pen.text(area.x, bottom, area.width, &ask, role);
        }
    }
    let Some(plan) = plan(app) else {
        return;
    };
    let text = format!("$ {}", command(app, &plan));
    let room = bottom.saturating_sub(y + 1).min(3);
    let width = usize::from(area.width.min(PROSE));
    let lines = inert::wrap(&text, width, room.into(), pen.look.marks).len() as u16;
    if room > 0 {
        let at = Rect::new(
            area.x,
            bottom - lines - u16::from(bottom - lines > y + 1),
            area.width,
            lines,
        );
        pen.wrapped(at, &text, Role::Dim);
    }
}
