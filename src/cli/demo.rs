//! `demo`: a real run, of a sample store in a folder of its own, with nothing left
//! behind. Neither the configuration nor the state directory is touched.

use super::args::Demo;
use super::drive::{show, watch};
use super::tail::Lengths;
use super::{Code, Context};
use crate::config::Paths;
use crate::engine::{self, Ask, Options, Plan, Stores};
use crate::error::{Error, Result};
use crate::report::text;
use crate::store::{Address, registry};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// A store as memorygraph writes it.
pub const SAMPLE: &[u8] = include_bytes!("../../assets/sample.db");

/// Runs the command.
pub async fn run(args: &Demo, context: &Context<'_>) -> Result<Code> {
    match &args.keep {
        Some(folder) => {
            let mut builder = std::fs::DirBuilder::new();
            let made = builder.mode(0o700).create(folder);
            made.map_err(|cause| Error::io("make the folder", folder, cause))?;
            let folder =
                std::fs::canonicalize(folder).map_err(|cause| Error::io("find", folder, cause))?;
            let code = inside(&folder, args, context).await?;
            let shown = folder.display().to_string();
            context
                .out
                .say(&format!("Kept in {}", context.out.words.safe(&shown)));
            Ok(code)
        }
        None => {
            let folder = tempfile::Builder::new()
                .prefix("memferry-demo-")
                .tempdir()
                .map_err(|cause| Error::io("make a folder in", &std::env::temp_dir(), cause))?;
            let code = inside(folder.path(), args, context).await?;
            let path = folder.path().to_owned();
            folder
                .close()
                .map_err(|cause| Error::io("remove", &path, cause))?;
            context
                .out
                .say("This was a demonstration: its folder is removed. With --keep DIR it stays.");
            Ok(code)
        }
    }
}

async fn inside(folder: &Path, args: &Demo, context: &Context<'_>) -> Result<Code> {
    let (sample, moved) = (folder.join("sample.db"), folder.join("moved.db"));
    std::fs::write(&sample, SAMPLE).map_err(|cause| Error::io("write", &sample, cause))?;
    let address = |path: &Path| Address::parse(&path.display().to_string());
    let (source, target) = (address(&sample)?, address(&moved)?);
    let own = Context {
        paths: Paths {
            state_dir: folder.join("state"),
            state_given: true,
            ..context.paths.clone()
        },
        ..*context
    };
    let options = Options {
        home: own.home(),
        ask: Ask::Never,
        restart: false,
        source_copy: false,
    };
    let stores = Stores {
        source: registry::open(&source)?,
        target: registry::open(&target)?,
    };
    let plan = Plan::new(&source, &target);
    let before = Lengths::of(&options.home);
    let handle = engine::start(plan, stores, options).await?;
    let report = watch(handle, &before, &own, &args.drive).await?;
    let look = text::Look {
        // Nothing can be typed about a run whose folder is about to go.
        next: args.keep.is_some(),
        ..own.look(args.drive.verbose)
    };
    show(&report, &look, &own, &args.drive)?;
    Ok(Code(report.outcome.exit_code()))
}
