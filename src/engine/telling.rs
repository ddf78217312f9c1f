//! How far work is that is no run: an inspection, a comparison, a backup.

use super::event::{Event, Phase};
use super::events::Events;
use super::state::{PhaseState, RunState};
use crate::model::Kind;
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks at how far two stores are.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where such work tells how far it is. Cheap to clone.
#[derive(Clone)]
pub struct Telling(pub(super) Events);

impl Telling {
    /// One, and the state to be watched.
    pub fn new() -> (Self, watch::Receiver<RunState>) {
        let (events, state) = Events::watched();
        (Self(events), state)
    }

    /// One that nobody watches.
    pub fn nowhere() -> Self {
        Self(Events::nowhere())
    }

    /// Tells two pieces of work as one, until it is dropped.
    pub(super) async fn sum(&self, phase: Phase, parts: [watch::Receiver<RunState>; 2]) {
        let mut expected = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let of = |part: &watch::Receiver<RunState>| -> PhaseState {
                part.borrow()
                    .phases
                    .get(&phase)
                    .cloned()
                    .unwrap_or_default()
            };
            let parts = parts.each_ref().map(of);
            let [a, b] = &parts;
            let total = |x: Option<u64>, y: Option<u64>| Some(x?.saturating_add(y?));
            let nodes = total(a.nodes.total, b.nodes.total);
            let relationships = total(a.relationships.total, b.relationships.total);
            if let (Some(nodes), Some(relationships)) = (nodes, relationships)
                && expected.replace((nodes, relationships)) != Some((nodes, relationships))
            {
                self.0.emit(Event::Expected {
                    phase,
                    nodes,
                    relationships,
                });
            }
            for kind in Kind::BOTH {
                let of = |part: &PhaseState| match kind {
                    Kind::Node => part.nodes,
                    Kind::Relationship => part.relationships,
                };
                let done = parts.iter().map(|p| of(p).done).sum();
                let bytes = parts.iter().map(|p| of(p).bytes).sum();
                self.0.reached(phase, kind, done, bytes);
            }
        }
    }
}
