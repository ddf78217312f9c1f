//! The indexes that memorygraph makes on its memories, and waiting until the server has
//! built them. They never change what a graph holds.

use super::super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Value;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Properties of a memory that memorygraph has indexes on, in its order.
const INDEXED: [&str; 4] = ["type", "created_at", "importance", "confidence"];

/// How long the server may take to build them.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Makes those that are not there, and waits for them. While the server builds them it takes
/// no writes, but it answers queries: a graph is best read back meanwhile.
pub(super) fn make(session: &mut Session) -> Result<()> {
    begin(session)?;
    finish(session)
}

fn begin(session: &mut Session) -> Result<()> {
    let there = indexed(session)?;
    let missing = INDEXED.iter().filter(|p| !there.contains(**p));
    let missing: Vec<String> = missing.map(|p| format!("m.{p}")).collect();
    if !missing.is_empty() {
        // In one pass over the memories.
        let query = format!("CREATE INDEX FOR (m:Memory) ON ({})", missing.join(", "));
        session.write(query.as_bytes(), |_| Ok(()))?;
    }
    Ok(())
}

fn finish(session: &mut Session) -> Result<()> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(2);
    while is_building(session)? {
        if begun.elapsed() > PATIENCE {
            return Err(Error::new(
                ErrorKind::Unreachable,
                "the server does not come to an end with its indexes",
            )
            .remedy("See `CALL db.indexes()` on the server; then repeat the command."));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(500));
    }
    Ok(())
}

/// Properties of memories that have an index.
fn indexed(session: &mut Session) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    let query = b"CALL db.indexes() YIELD label, properties, entitytype RETURN label, properties, entitytype";
    session.read(query, |row| {
        let (label, properties, entity) = (row.value()?, row.value()?, row.value()?);
        if label.as_str() == Some("Memory")
            && entity.as_str() == Some("NODE")
            && let Value::List(properties) = properties
        {
            found.extend(
                properties
                    .iter()
                    .filter_map(|p| p.as_str().map(str::to_owned)),
            );
        }
        Ok(())
    })?;
    Ok(found)
}

fn is_building(session: &mut Session) -> Result<bool> {
    let mut building = false;
    session.read(b"CALL db.indexes() YIELD status RETURN status", |row| {
        building |= row.value()?.as_str() != Some("OPERATIONAL");
        Ok(())
    })?;
    Ok(building)
}
