//! One suite that every store passes. A trial is `STORE::GROUP::BEHAVIOUR`; a behaviour
//! is one function in the file of its group, and a store is added by a few lines in
//! `subject.rs`. What does not apply to a store (a mode it does not write in, a file
//! where it is a server) has no trial for it; what applies is never skipped.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod announcing;
mod capability;
mod child;
mod counting;
mod ending;
mod failing;
mod falkordb;
mod fixtures;
mod help;
mod layered;
mod locking;
mod looking;
mod meanwhile;
mod naming;
mod needs;
mod publishing;
mod random;
mod roundtrip;
mod scanning;
mod served;
mod subject;
mod subjects;
mod suite;
mod undoing;
mod writing;

use libtest_mimic::{Arguments, Trial};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use subject::Subject;

/// A store under test.
pub type S = Arc<dyn Subject>;

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// One thing that a store must do.
pub struct Behavior {
    group: &'static str,
    name: String,
    applies: fn(&dyn Subject) -> bool,
    run: Box<dyn Fn(S) -> Running + Send + Sync>,
}

impl Behavior {
    /// A behaviour from its parts.
    pub fn new<F: Future<Output = ()> + 'static>(
        group: &'static str,
        name: impl Into<String>,
        applies: fn(&dyn Subject) -> bool,
        run: impl Fn(S) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            group,
            name: name.into(),
            applies,
            run: Box::new(move |subject| Box::pin(run(subject))),
        }
    }

    fn full_name(&self) -> String {
        format!("{}::{}", self.group, self.name)
    }
}

/// Runs a behaviour to its end, or panics.
fn run(behavior: &Behavior, subject: S) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on((behavior.run)(subject));
}

/// Lists the behaviours of a group: `behaviors!("group"; when: a, b; otherwhen: c)`,
/// where `when` is a test in `subject::when`.
#[macro_export]
macro_rules! behaviors {
    ($group:literal; $($when:ident: $($name:ident),+);+ $(;)?) => {
        /// The behaviours of this group.
        pub fn all() -> Vec<$crate::Behavior> {
            vec![$($($crate::Behavior::new(
                $group,
                stringify!($name),
                $crate::subject::when::$when,
                $name,
            )),+),+]
        }
    };
}

fn main() {
    let memferry = env!("CARGO_BIN_EXE_memferry");
    memferry::store::falkordblite::guard::started_by(memferry.into());
    if child::was_asked() {
        return;
    }
    let arguments = Arguments::from_args();
    let mut behaviors = Vec::new();
    for group in [
        looking::all,
        naming::all,
        counting::all,
        scanning::all,
        writing::all,
        announcing::all,
        undoing::all,
        ending::all,
        locking::all,
        publishing::all,
        meanwhile::all,
        failing::all,
        layered::all,
        capability::all,
        roundtrip::all,
    ] {
        behaviors.extend(group().into_iter().map(Arc::new));
    }
    let mut trials = Vec::new();
    for subject in subjects::all() {
        for behavior in &behaviors {
            if !(behavior.applies)(&*subject) {
                continue;
            }
            let name = format!("{}::{}", subject.name(), behavior.full_name());
            let (subject, behavior) = (subject.clone(), behavior.clone());
            trials.push(Trial::test(name, move || {
                run(&behavior, subject);
                Ok(())
            }));
        }
    }
    trials.extend(suite::trials(&behaviors));
    let conclusion = libtest_mimic::run(&arguments, trials);
    falkordb::stop();
    conclusion.exit();
}
