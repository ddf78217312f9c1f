//! A picture of a graph: read in place and watched, so that it says at its end if anybody
//! wrote meanwhile, or from a copy that the server made, which goes with the picture.

use super::scan::Scanner;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Kind;
use crate::store::protocol::thread::Own;
use crate::store::{Counts, Cursor, Limit, Page, Snapshot};
use async_trait::async_trait;

/// A picture.
pub(super) struct Picture(Own<Taken>);

struct Taken {
    session: Session,
    scanner: Scanner,
    /// What was counted when it was taken.
    counts: Counts,
    of: Of,
    /// Whether it was not yet told how it ended.
    open: bool,
}

/// Whose graph a picture is of.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Of {
    /// Anybody's, who may write to it.
    All,
    /// This run's, which nobody else knows; indexes may be made meanwhile.
    Run,
    /// This picture's own, a copy that goes with it.
    Picture,
}

impl Picture {
    /// Of a graph that is there.
    pub(super) fn take(mut session: Session, of: Of) -> Result<Self> {
        if of == Of::All {
            session.watch()?;
        }
        let counts = count(&mut session)?;
        let scanner = Scanner::new(&mut session)?;
        let taken = Taken {
            session,
            scanner,
            counts,
            of,
            open: true,
        };
        Ok(Self(Own::new("graph", taken)?))
    }
}

/// Exact numbers, which the server keeps.
pub(super) fn count(session: &mut Session) -> Result<Counts> {
    let nodes = session.number(b"MATCH (n) RETURN count(n)")?.unwrap_or(0);
    let memories = session.number(b"MATCH (n:Memory) RETURN count(n)")?;
    let relationships = session.number(b"MATCH ()-[r]->() RETURN count(r)")?;
    let memories = memories.unwrap_or(0);
    Ok(Counts {
        memories,
        other_nodes: nodes.saturating_sub(memories),
        relationships: relationships.unwrap_or(0),
    })
}

#[async_trait]
impl Snapshot for Picture {
    async fn counts(&mut self) -> Result<Counts> {
        self.0.with(|taken| count(&mut taken.session)).await
    }

    async fn scan(&mut self, kind: Kind, after: Option<&Cursor>, limit: Limit) -> Result<Page> {
        let after = after.cloned();
        self.0
            .with(move |taken| {
                let Taken {
                    session, scanner, ..
                } = taken;
                scanner.page(session, kind, after.as_ref(), limit)
            })
            .await
    }

    async fn finish(&mut self) -> Result<()> {
        self.0
            .with(|taken| {
                if !std::mem::take(&mut taken.open) || taken.of == Of::Picture {
                    return Ok(());
                }
                // Bulk writes pass unwatched, but not uncounted.
                let same = count(&mut taken.session)? == taken.counts;
                let unchanged = taken.of == Of::Run || taken.session.unchanged()?;
                match unchanged && same {
                    true => Ok(()),
                    false => Err(drifted()),
                }
            })
            .await
    }
}

/// The error of a picture that shows more than one moment.
fn drifted() -> Error {
    Error::new(
        ErrorKind::Drifted,
        "somebody wrote to the graph while it was read",
    )
    .temporary()
    .remedy("Read it again; stop the other program if that goes on.")
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.of == Of::Picture {
            let _ = self.scanner.calm();
            let graph = self.session.graph.clone();
            let _ = self.session.conn.ask(&[b"GRAPH.DELETE", graph.as_bytes()]);
        }
    }
}
