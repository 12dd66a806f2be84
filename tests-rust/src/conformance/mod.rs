//! What every hypervisor with claim sets must do, written once over
//! [`FaultInjection`].
//!
//! A case gets two fresh domains, A and B, without a limit to their memory, on a host it sizes itself
//! by; the invariants of `docs/contract.md`, 1.7, are checked after each of its steps, and when it
//! ends, however it ends, every count of the host must be what it was. To run the cases on another
//! hypervisor, describe it in a [`Subject`].
//!
//! ```
//! use std::sync::Arc;
//! use xen_claims::Model;
//! use xen_claims_tests::conformance::{self, Outcome, Subject};
//!
//! let subject = Subject::new(Arc::new(Model::new(&"2x1".parse()?)));
//! let case = conformance::case("A1").ok_or("no such case")?;
//! let outcome = conformance::run(case, &subject, &|step| println!("{step}"));
//! assert_eq!(outcome, Outcome::Passed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accounting;
mod builders;
mod competition;
mod context;
mod faults;
mod input;
mod placing;
mod quiet;
mod race;
mod redeeming;
mod snapshot;

use std::any::Any;
use std::fmt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use xen_claims::{DomainControl, FaultInjection, Pages};

pub use builders::{serve_requests, Answer, Process, Processes, RemoteBuilder, Request};
use context::{CaseContext, Check, Stop};
pub use quiet::movement;
pub use snapshot::{DomainCounts, Snapshot};

/// How long C5 lasts, if nobody says otherwise.
pub const SOAK: Duration = Duration::from_secs(10);

/// A hypervisor under test, and what can be shown of it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The hypervisor; nobody else may claim or allocate much on its host meanwhile.
    pub hypervisor: Arc<dyn DomainControl>,
    /// The same, for faults on purpose.
    pub faults: Arc<dyn FaultInjection>,
    /// By how much free counts move without the tests doing: some pages on a live Xen, where Dom0 and
    /// Xen itself allocate, and none elsewhere.
    pub slack: Pages,
    /// May this process claim for other domains? If not, only I16 can be shown; if so, I16 can't.
    pub may_claim: bool,
    /// Does SET take an entry for LEGACY? The patch for that is droppable.
    pub legacy_entry: bool,
    /// Builders that are other processes, where the hypervisor outlives its callers.
    pub processes: Option<Arc<dyn Processes>>,
    /// How long C5 lasts; C4 and F4 race a round for each millisecond of it.
    pub soak: Duration,
}

impl Subject {
    /// A hypervisor that lives in this process, whose counts are exact.
    pub fn new(hypervisor: Arc<impl FaultInjection + 'static>) -> Self {
        Subject {
            faults: hypervisor.clone(),
            hypervisor,
            slack: Pages::ZERO,
            may_claim: true,
            legacy_entry: true,
            processes: None,
            soak: SOAK,
        }
    }

    fn rounds(&self) -> usize {
        self.soak.as_millis() as usize
    }
}

/// Who has to call for a case to show anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    MayClaim,
    MayNotClaim,
}

/// One case of the suite.
#[derive(Debug)]
pub struct Case {
    /// Its name: a letter for the area and a number.
    pub id: &'static str,
    /// What it shows, in one line.
    pub title: &'static str,
    caller: Caller,
    run: fn(&CaseContext<'_>) -> Check,
}

impl Case {
    const fn new(
        id: &'static str,
        title: &'static str,
        run: fn(&CaseContext<'_>) -> Check,
    ) -> Self {
        Case {
            id,
            title,
            caller: Caller::MayClaim,
            run,
        }
    }

    const fn without_permission(mut self) -> Self {
        self.caller = Caller::MayNotClaim;
        self
    }
}

/// How a case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// It can't be shown here, because of this.
    Skipped(String),
    /// The step, what was expected and found there, and all counts.
    Failed(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Passed => f.write_str("ok"),
            Outcome::Skipped(reason) => write!(f, "skipped, because {reason}"),
            Outcome::Failed(report) => write!(f, "FAILED\n{report}"),
        }
    }
}

/// All cases, in the order to run them.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        accounting::CASES,
        redeeming::CASES,
        placing::CASES,
        input::CASES,
        competition::CASES,
        faults::CASES,
    ]
    .into_iter()
    .flatten()
}

/// The case of that id.
pub fn case(id: &str) -> Option<&'static Case> {
    cases().find(|case| case.id == id)
}

/// Runs one case and tells each of its steps to `on_step`.
pub fn run(case: &Case, subject: &Subject, on_step: &(dyn Fn(&str) + Sync)) -> Outcome {
    match (case.caller, subject.may_claim) {
        (Caller::MayClaim, false) => return skipped("it needs a caller that may claim"),
        (Caller::MayNotClaim, true) => return skipped("it needs a caller that may not claim"),
        _ => {}
    }
    let lab = match CaseContext::open(subject, &*subject.hypervisor, on_step) {
        Ok(lab) => lab,
        Err(error) => return Outcome::Failed(format!("  preparing the case: {error}")),
    };
    let verdict = catch_unwind(AssertUnwindSafe(|| (case.run)(&lab)))
        .unwrap_or_else(|panic| Err(Stop::failed("no panic", panic_text(panic.as_ref()))));
    // The counts of a failure are those at its step, so they are written down before cleaning up.
    let outcome = outcome_of(&lab, verdict);
    match (outcome, lab.close()) {
        (Outcome::Failed(report), _) => Outcome::Failed(report),
        (outcome, Ok(())) => outcome,
        (_, Err(stop)) => outcome_of(&lab, Err(stop)),
    }
}

fn skipped(reason: &str) -> Outcome {
    Outcome::Skipped(reason.to_owned())
}

fn outcome_of(lab: &CaseContext<'_>, verdict: Check) -> Outcome {
    match verdict {
        Ok(()) => Outcome::Passed,
        Err(Stop::Skipped(reason)) => Outcome::Skipped(reason),
        Err(Stop::Failed { expected, found }) => Outcome::Failed(lab.report(&expected, &found)),
    }
}

/// What a panic says of itself.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("of unknown kind"))
}
