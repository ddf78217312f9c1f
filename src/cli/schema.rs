//! `memferry schema` (hidden): the schemas of the JSON documents, which `docs/schema`
//! keeps and a test compares.

use super::args::Schema;
use super::{Code, Output, stores};
use crate::error::{Error, ErrorKind, Result};
use schemars::{Schema as Document, schema_for};

/// Every document by name.
pub fn documents() -> Vec<(&'static str, Document)> {
    vec![
        ("checks", schema_for!(Vec<crate::report::Check>)),
        ("event", schema_for!(crate::engine::Stamped)),
        ("found", schema_for!(Vec<stores::FoundStore>)),
        ("plan", schema_for!(crate::engine::Plan)),
        ("report", schema_for!(crate::report::Report)),
        ("stores", schema_for!(Vec<stores::Kind>)),
        ("verification", schema_for!(crate::report::Verification)),
    ]
}

/// Prints one, or their names.
pub fn run(args: &Schema, out: &Output) -> Result<Code> {
    let all = documents();
    let Some(name) = &args.name else {
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        out.data(&(names.join("\n") + "\n"));
        return Ok(Code::DONE);
    };
    match all.iter().find(|(known, _)| known == name) {
        Some((_, schema)) => out.json(schema)?,
        None => {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("there is no document called {name:?}"),
            )
            .remedy("`memferry schema` lists them."));
        }
    }
    Ok(Code::DONE)
}
