//! The stores to choose from: what is on this machine, saved profiles, the sample, and
//! every kind of store, with a form made from its settings.

use super::{Choice, end};
use crate::config::{SecretRef, process_env};
use crate::store::{Address, Descriptor, Shape, registry};
use crate::tui::app::App;
use crate::tui::msg::{PlaceState, Seat};
use crate::tui::screens::home;
use crate::tui::widgets::form::{Field, Form};
use std::path::{Path, PathBuf};

/// Where the sample store is written to.
pub fn sample_path(app: &App) -> PathBuf {
    app.setup.paths.state_dir.join("sample").join("sample.db")
}

/// The form of a store, which shows which of its secrets the keyring has.
pub(super) fn form_at(app: &App, address: &Address) -> Form {
    let mut form = form_of(address.descriptor(), Some(address));
    let profile = app.setup.config.profile_of(address);
    for field in &mut form.fields {
        let place = profile.and_then(|p| p.secrets.get(field.name));
        let from = match place {
            Some(SecretRef::Keyring(_)) => "in the keyring".to_owned(),
            Some(SecretRef::File(path)) => format!("in {}", path.display()),
            Some(SecretRef::Env(name)) => format!("from {name}"),
            Some(SecretRef::Asked) | None => continue,
        };
        field.instead = Some(("set".to_owned(), from));
    }
    form
}

/// The form of a kind of store.
pub fn form_of(descriptor: &'static Descriptor, preset: Option<&Address>) -> Form {
    let fields = descriptor.settings.iter().map(|setting| {
        let mut field = Field::of_setting(setting, &process_env);
        let value = preset.and_then(|a| a.get(setting.name));
        if let Some(value) = value.filter(|_| !setting.secret) {
            field.text.set(value);
        }
        field
    });
    Form::new(fields.collect())
}

/// A store that is not among those found.
pub(super) fn of_address(app: &App, address: &Address) -> Choice {
    Choice {
        label: home::short(&address.to_string()).to_owned(),
        detail: address.to_string(),
        descriptor: address.descriptor(),
        preset: Some(address.clone()),
        sample: false,
        form: form_at(app, address),
    }
}

pub(super) fn choices(app: &App, seat: Seat) -> Vec<Choice> {
    let mut all: Vec<Choice> = Vec::new();
    let fits = |d: &Descriptor| match seat {
        Seat::Target => d.target,
        Seat::Source | Seat::First | Seat::Second => d.source,
    };
    let mut push = |label: String, detail: String, address: &Address, sample: bool| {
        let descriptor = address.descriptor();
        let known = all.iter().any(|c| c.preset.as_ref() == Some(address));
        if fits(descriptor) && !known {
            all.push(Choice {
                label,
                detail,
                descriptor,
                preset: Some(address.clone()),
                sample,
                form: form_at(app, address),
            });
        }
    };
    let mut found = Vec::new();
    for place in app.home.places.iter().flatten() {
        let there = match &place.state {
            PlaceState::Known(d) => d.exists,
            PlaceState::Looking | PlaceState::Failed(_) => true,
            PlaceState::Unsupported => false,
        };
        if let Some(address) = place.address.as_ref().filter(|_| there) {
            let name = place.profile().map(str::to_owned);
            let short = home::short(&place.place).to_owned();
            let detail = home::home_short(&place.place);
            found.push((name, short, detail, address.clone()));
        }
    }
    tell_apart(&mut found);
    for (name, label, detail, address) in found {
        push(name.unwrap_or(label), detail, &address, false);
    }
    for (name, profile) in &app.setup.config.profiles {
        push(
            name.clone(),
            profile.address.to_string(),
            &profile.address,
            false,
        );
    }
    if matches!(seat, Seat::Source | Seat::First)
        && let Ok(address) = Address::parse(&sample_path(app).display().to_string())
    {
        push(
            "sample".into(),
            "built in, to try memferry with".into(),
            &address,
            true,
        );
    }
    let kinds = registry::STORES.iter().filter(|d| fits(d));
    all.extend(kinds.map(|d| Choice {
        label: d.title.to_owned(),
        detail: d.summary.to_owned(),
        descriptor: d,
        preset: None,
        sample: false,
        form: form_of(d, None),
    }));
    all
}

/// A store that was found: its profile, its short name, where it is.
type Found = (Option<String>, String, String, Address);

/// Stores that are called alike get the folder, or the server, before their names.
fn tell_apart(found: &mut [Found]) {
    let unnamed = found.iter().filter(|f| f.0.is_none());
    let short: Vec<_> = unnamed.map(|f| f.1.clone()).collect();
    for (_, label, place, _) in found.iter_mut().filter(|f| f.0.is_none()) {
        if short.iter().filter(|s| *s == label).count() > 1 {
            let parts: Vec<_> = place.rsplit('/').take(2).collect();
            *label = parts.into_iter().rev().collect::<Vec<_>>().join("/");
        }
    }
}

/// A new file in the present folder, for every kind that is a file.
pub(super) fn propose(app: &mut App) {
    let folder = app.setup.folder.clone();
    let source = app.source.found().map(|p| p.address.path());
    for choice in app.target.choices.iter_mut().filter(|c| c.preset.is_none()) {
        if let Some(path) = free_file(choice.descriptor, &folder, source.as_deref())
            && let Some(field) = choice.form.field("path")
        {
            field.text.set(&path);
        }
    }
}

/// A new file for a kind that is a file, named after the source.
pub fn proposal(kind: &'static Descriptor, source: Option<&Address>) -> Option<String> {
    let folder = std::env::current_dir().ok()?;
    let path = source.map(Address::path);
    free_file(kind, &folder, path.as_deref())
}

fn free_file(kind: &'static Descriptor, folder: &Path, source: Option<&Path>) -> Option<String> {
    if kind.shape != Shape::File {
        return None;
    }
    let stem = source.and_then(Path::file_stem).and_then(|s| s.to_str());
    let stem = stem.unwrap_or("memories");
    let ending = kind.extensions.first().map(|e| format!(".{e}"));
    let ending = ending.unwrap_or_default();
    let name = |n: usize| match n {
        0 => format!("{stem}-moved{ending}"),
        n => format!("{stem}-moved-{}{ending}", n + 1),
    };
    let free = (0..1_000)
        .map(|n| folder.join(name(n)))
        .find(|p| !p.exists());
    free.as_deref().and_then(Path::to_str).map(str::to_owned)
}

/// A store made by a person in the form of its kind, proposed as a new one: for tests.
pub fn choose_kind(app: &mut App, seat: Seat, kind: &'static Descriptor) {
    let at = end(app, seat)
        .choices
        .iter()
        .position(|c| c.preset.is_none() && c.descriptor == kind);
    let pick = end(app, seat);
    pick.forget();
    match at {
        Some(at) => pick.list.at = at,
        None => {
            pick.choices.push(Choice {
                label: kind.title.to_owned(),
                detail: kind.summary.to_owned(),
                descriptor: kind,
                preset: None,
                sample: false,
                form: form_of(kind, None),
            });
            pick.list.at = pick.choices.len() - 1;
        }
    }
}
