//! `memferry run-server` (hidden): how memferry starts the server of a database file, so
//! that it never outlives memferry. Nobody types it.

use super::Code;
use super::args::RunServer;
use crate::error::{Error, Result};
use crate::store::falkordblite::guard::{self, Guarded};

/// Becomes the server; comes back only if that fails, or watching ends.
pub fn run(args: RunServer) -> Result<Code> {
    let mut server = args.server.into_iter();
    let program = server
        .next()
        .ok_or_else(|| Error::internal("no server was named"))?;
    let code = guard::run(&Guarded {
        parent: args.parent,
        watch: args.watch,
        program: program.into(),
        arguments: server.collect(),
    })?;
    Ok(Code(u8::try_from(code).unwrap_or(Code::FAILED.0)))
}
