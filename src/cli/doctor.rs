//! `memferry doctor`: is this installation fit for work? Named checks, each with what
//! was found and what to do about it.

use super::args::Json;
use super::output::Mark;
use super::{Code, Context, stores};
use crate::config::private_dir;
use crate::engine::{Home, RunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Check, Verdict, words};
use crate::store::protocol::file::free_room;
use std::path::Path;
use std::time::Instant;

/// Free room below which a move of any size is likely to stop half-way.
const LITTLE_ROOM: u64 = 500_000_000;

/// Runs the command.
pub async fn run(json: Json, context: &Context<'_>) -> Result<Code> {
    let mut checks = vec![
        check("program", "memferry", || Ok(program())),
        check("config", "Configuration", || config(context)),
        check("state-dir", "State directory", || {
            state_dir(&context.paths.state_dir)
        }),
        check("room", "Free room", || room(&context.paths.state_dir)),
        check("runs", "Runs", || runs(context)),
    ];
    checks.extend(found(context).await);
    let worst = checks.iter().map(|c| c.verdict).fold(Verdict::Pass, worse);
    match json.json {
        true => context.out.json(&checks)?,
        false => show(&checks, context),
    }
    Ok(match worst {
        Verdict::Fail => Code::REFUSED,
        _ => Code::DONE,
    })
}

/// What a check found: well, or worth a warning with what to do.
struct Finding {
    evidence: String,
    remedy: Option<String>,
    examples: Vec<String>,
}

impl Finding {
    fn good(evidence: impl Into<String>) -> Self {
        Self {
            evidence: evidence.into(),
            remedy: None,
            examples: Vec::new(),
        }
    }
}

fn check(name: &str, title: &str, look: impl FnOnce() -> Result<Finding>) -> Check {
    let start = Instant::now();
    let (verdict, found) = match look() {
        Ok(found) if found.remedy.is_none() => (Verdict::Pass, found),
        Ok(found) => (Verdict::Warn, found),
        Err(error) => {
            let remedy = error.what_to_do().unwrap_or("Mend that first.").to_owned();
            let found = Finding {
                remedy: Some(remedy),
                ..Finding::good(error.to_string())
            };
            (Verdict::Fail, found)
        }
    };
    Check {
        name: name.to_owned(),
        title: title.to_owned(),
        verdict,
        evidence: found.evidence,
        remedy: found.remedy,
        examples: found.examples,
        ms: start.elapsed().as_millis() as u64,
    }
}

fn worse(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
        (Verdict::Warn, _) | (_, Verdict::Warn) => Verdict::Warn,
        _ => Verdict::Pass,
    }
}

fn program() -> Finding {
    Finding::good(format!(
        "{} with SQLite {}",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version()
    ))
}

fn config(context: &Context<'_>) -> Result<Finding> {
    let path = &context.paths.config_file;
    let config = context.config()?;
    Ok(Finding::good(match path.exists() {
        false => format!("none at {}; the defaults apply", path.display()),
        true => format!(
            "{}, {}",
            path.display(),
            words::count(config.profiles.len() as u64, "profile", "profiles")
        ),
    }))
}

/// Writes as a run would, and takes it back; makes no folder.
fn state_dir(dir: &Path) -> Result<Finding> {
    use rustix::fs::{Access, access};
    let elsewhere =
        |error: Error| error.remedy("Mend that, or choose another folder with --state-dir.");
    if dir.is_dir() {
        private_dir(dir)?;
        tempfile::NamedTempFile::new_in(dir)
            .and_then(|file| file.as_file().sync_all())
            .map_err(|cause| elsewhere(Error::io("write in", dir, cause)))?;
        return Ok(Finding::good(format!("{} can be written", dir.display())));
    }
    let above = dir.ancestors().find(|d| d.exists()).unwrap_or(dir);
    if !above.is_dir() {
        let what = format!("{} is not a folder", above.display());
        return Err(elsewhere(Error::new(ErrorKind::Denied, what)));
    }
    access(above, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|errno| elsewhere(Error::io("write in", above, errno.into())))?;
    Ok(Finding::good(format!(
        "{} will be made when it is needed",
        dir.display()
    )))
}

fn room(dir: &Path) -> Result<Finding> {
    let Some(there) = dir.ancestors().find(|d| d.is_dir()) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "no folder of that path exists",
        ));
    };
    let free = free_room(there)?;
    let mut finding = Finding::good(format!("{} in {}", words::bytes(free), there.display()));
    if free < LITTLE_ROOM {
        finding.remedy = Some(
            "A run stages its source there and keeps backups: free some room, or choose another \
             folder with --state-dir or --stage-dir."
                .to_owned(),
        );
    }
    Ok(finding)
}

/// Runs that were broken off keep their stage and may have left something half done.
fn runs(context: &Context<'_>) -> Result<Finding> {
    let home: Home = context.home();
    let all = home.runs()?;
    let mut broken = Vec::new();
    let (mut active, mut first) = (0, None);
    for run in &all {
        match run.status() {
            Ok(RunStatus::Finished(_)) => {}
            Ok(RunStatus::Active) => active += 1,
            Ok(RunStatus::Unfinished) => {
                first.get_or_insert(&run.name);
                broken.push(run.name.clone());
            }
            Err(error) => broken.push(format!("{} ({})", run.name, error.message())),
        }
    }
    let mut evidence = words::count(all.len() as u64, "run", "runs");
    if active > 0 {
        evidence += &format!(", {active} active");
    }
    let remedy = (!broken.is_empty()).then(|| {
        evidence += &format!(", {} broken off", broken.len());
        let Some(first) = first else {
            let list = context.command(&["runs", "list"]);
            let drop = context.command(&["runs", "remove"]);
            return format!("`{list}` says why they cannot be read; `{drop}` forgets them.");
        };
        let resume = context.command(&["resume", first]);
        let back = context.command(&["rollback", first]);
        let drop = context.command(&["runs", "remove", "--unfinished", first]);
        format!("Go on with `{resume}`, take it back with `{back}`, or drop it with `{drop}`.")
    });
    Ok(Finding {
        evidence,
        remedy,
        examples: broken,
    })
}

async fn found(context: &Context<'_>) -> Vec<Check> {
    let start = Instant::now();
    let all = match stores::found(context).await {
        Ok(all) => all,
        // A configuration that cannot be read has a check of its own.
        Err(_) => return Vec::new(),
    };
    if all.is_empty() {
        return vec![check("stores", "Stores", || {
            Ok(Finding::good("none found on this machine"))
        })];
    }
    let ms = start.elapsed().as_millis() as u64;
    let checks = all.iter().map(|store| {
        let (mark, state, remedy) = store.state();
        Check {
            name: "store".to_owned(),
            title: store.address().to_owned(),
            // One store that cannot be opened does not make the installation unfit.
            verdict: match mark {
                Mark::Good => Verdict::Pass,
                _ => Verdict::Warn,
            },
            evidence: state,
            remedy: match mark {
                Mark::Good => None,
                _ => remedy.or_else(|| Some("It cannot be moved with this version.".to_owned())),
            },
            examples: Vec::new(),
            ms,
        }
    });
    checks.collect()
}

fn show(checks: &[Check], context: &Context<'_>) {
    let look = context.out.data;
    let mut text = String::new();
    for check in checks {
        let mark = match check.verdict {
            Verdict::Pass => Mark::Good,
            Verdict::Warn => Mark::Warn,
            Verdict::Fail => Mark::Bad,
        };
        let (title, evidence) = (look.safe(&check.title), look.safe(&check.evidence));
        text += &format!("{} {}: {evidence}\n", look.sign(mark), look.bold(&title));
        for example in check.examples.iter().take(10) {
            text += &format!("    {}\n", look.safe(example));
        }
        if let Some(remedy) = &check.remedy {
            text += &format!("    {}\n", look.safe(remedy));
        }
    }
    context.out.data(&text);
}
