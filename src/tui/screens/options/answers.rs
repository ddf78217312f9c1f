//! The form of the options, and the plan that its answers make: for the screens and for the
//! plain questions alike.

use crate::config::Config;
use crate::engine::{Filter, OnConflict, Plan, Verify};
use crate::error::{Error, ErrorKind, Result};
use crate::model::time::Instant;
use crate::tui::widgets::form::{Field, Form};

/// The conflict policies.
pub const POLICIES: [&str; 4] = ["skip", "overwrite", "newest", "fail"];

const ADVANCED: [&str; 5] = ["rollback", "batch", "rate", "stage_dir", "copy"];

/// The form, with the defaults of the configuration.
pub fn form(config: &Config) -> Form {
    let yes = |b: bool| if b { "yes" } else { "no" };
    let (level, sample) = match config.verify {
        Verify::Full => ("full", 1_000),
        Verify::Sample(n) => ("sample", n),
        Verify::None => ("none", 1_000),
    };
    let stage = config.stage_dir.as_ref().map(|p| p.display().to_string());
    let words = ["yes", "no"];
    let mut form = Form::new(vec![
        Field::choice(
            "policy",
            "Conflicts",
            "What happens to a record that the target has with other content: it stays, is replaced, the newer one stays, or the run is refused.",
            &POLICIES,
        ),
        Field::choice(
            "verify",
            "Verify",
            "How much of the target is read back and compared, field by field.",
            &["full", "sample", "none"],
        )
        .with(level),
        Field::text(
            "sample",
            "Sample of",
            "How many records of each kind are compared.",
        )
        .with(&sample.to_string()),
        Field::choice(
            "backup",
            "Backup",
            "A target that holds records is backed up before the first write.",
            &words,
        )
        .with(yes(config.backup)),
        Field::text(
            "since",
            "Only since",
            "Only memories updated at or after this time, such as 2026-11-20T18:00:00Z, or last-run. Empty: all.",
        ),
        Field::text(
            "types",
            "Only types",
            "Only these memory types, with commas between them. Empty: all.",
        ),
        Field::text(
            "tags",
            "Only tags",
            "Only memories with one of these tags, with commas between them. Empty: all.",
        ),
        Field::text(
            "project",
            "Only project",
            "Only memories of this project path. Empty: all.",
        ),
        Field::text(
            "tenant",
            "Only tenant",
            "Only memories of this tenant. Empty: all.",
        ),
        Field::choice(
            "rollback",
            "If it fails",
            "Whether a run that fails takes its writes back by itself.",
            &["take back", "leave"],
        ),
        Field::text(
            "batch",
            "Batch",
            "Most records of a batch, from 1 to 100,000.",
        )
        .with("2000"),
        Field::text("rate", "Limit", "Most records a second; 0 for no limit.").with("0"),
        Field::path(
            "stage_dir",
            "Stage in",
            "Folder for the copy on disk that is made first. Empty: the folder of the run.",
        )
        .with(&stage.unwrap_or_default()),
        Field::choice(
            "copy",
            "Read from",
            "Whether the source is read in place, or from a private copy from the start.",
            &["in place", "a copy"],
        ),
    ]);
    show(&mut form, false);
    form
}

/// Shows the fields that hold now; those seldom changed only if that is wanted.
pub fn show(form: &mut Form, advanced: bool) {
    let sample = form.get("verify") == "sample";
    for field in &mut form.fields {
        field.shown = match field.name {
            "sample" => sample,
            name if ADVANCED.contains(&name) => advanced,
            _ => true,
        };
    }
}

/// Whether what is seldom changed is shown.
pub fn is_advanced(form: &Form) -> bool {
    form.fields.iter().any(|f| f.name == "batch" && f.shown)
}

/// Puts the answers into a plan. Mistakes are marked in the form, which then goes to the
/// first of them.
pub fn read(form: &mut Form, mut plan: Plan) -> Result<Plan> {
    form.fields.iter_mut().for_each(|f| f.mistake = None);
    let mut first: Option<Error> = None;
    let mut wrong = |form: &mut Form, name: &str, what: &str| {
        let error = Error::new(ErrorKind::Usage, what);
        form.blame(name, &error);
        first.get_or_insert(error);
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let list = |text: &str| {
        let parts = text.split(',').map(str::trim).filter(|t| !t.is_empty());
        parts.map(str::to_owned).collect()
    };
    let since = some(form.get("since"));
    if let Some(since) = &since
        && since != "last-run"
        && Instant::parse(since).is_none()
    {
        wrong(
            form,
            "since",
            "Give a time such as 2026-11-20T18:00:00Z, or last-run.",
        );
    }
    plan.filter = Filter {
        since,
        types: list(form.get("types")),
        tags: list(form.get("tags")),
        project: some(form.get("project")),
        tenant: some(form.get("tenant")),
    };
    plan.write.on_conflict = match form.get("policy") {
        "overwrite" => OnConflict::Overwrite,
        "newest" => OnConflict::Newest,
        "fail" => OnConflict::Fail,
        _ => OnConflict::Skip,
    };
    plan.write.verify = match form.get("verify") {
        "none" => Verify::None,
        "sample" => match form.get("sample").replace(',', "").parse() {
            Ok(n) if n > 0 => Verify::Sample(n),
            _ => {
                wrong(form, "sample", "Give a whole number from 1.");
                Verify::Full
            }
        },
        _ => Verify::Full,
    };
    plan.write.backup = form.get("backup") == "yes";
    plan.write.rollback = form.get("rollback") == "take back";
    match form.get("batch").replace(',', "").parse() {
        Ok(n @ 1..=100_000) => plan.write.batch = n,
        _ => wrong(form, "batch", "Give a whole number from 1 to 100,000."),
    }
    match form.get("rate").replace(',', "").parse() {
        Ok(n) => plan.write.rate = n,
        _ => wrong(form, "rate", "Give a whole number; 0 for no limit."),
    }
    let stage = crate::config::expand_home(form.get("stage_dir"), &crate::config::process_env);
    match (stage.is_empty(), stage.starts_with('/')) {
        (true, _) => {}
        (false, true) => plan.write.stage_dir = Some(stage.into()),
        (false, false) => wrong(form, "stage_dir", "Write it from the root, or from ~/."),
    }
    match first {
        Some(error) => {
            let hidden = form.fields.iter().any(|f| f.mistake.is_some() && !f.shown);
            if hidden {
                show(form, true);
            }
            form.to_mistake();
            Err(error)
        }
        None => Ok(plan),
    }
}
