//! What a case works with: two domains, the host's counts, and operations that check as they go.

mod operations;

use std::fmt::{self, Debug, Display};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xen_claims::limits::DOMAIN_PAGES;
use xen_claims::wire::xen_memory_claim;
use xen_claims::{
    Claim, ClaimSet, DomainControl, DomainId, Errno, FaultInjection, HostMemory, HypercallError,
    NodeId, NodeMemory, Pages, Target,
};

use super::builders::{refused, InProcess, RemoteBuilder, Request};
use super::snapshot::{claim_list, Snapshot};
use super::Subject;

/// Order of an extent of one page.
pub(super) const PAGE: u32 = 0;
/// Order of an extent of 2 MiB.
pub(super) const TWO_MIB: u32 = 9;
/// Order of an extent of 1 GiB.
pub(super) const ONE_GIB: u32 = 18;

/// Free pages beyond the slack that a node needs, to be one that cases work with.
pub(super) const WORKABLE: u64 = 4096;

/// Why a case ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    Skipped(String),
    Failed { expected: String, found: String },
}

impl Stop {
    pub(super) fn failed(expected: impl Display, found: impl Display) -> Self {
        Stop::Failed {
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Stop::failed("success", errno)
    }
}

impl From<HypercallError> for Stop {
    fn from(error: HypercallError) -> Self {
        Stop::failed("success", error)
    }
}

/// What a step of a case comes to.
pub(super) type Check<T = ()> = Result<T, Stop>;

/// The case can't be shown here.
pub(super) fn skip<T>(reason: impl Display) -> Check<T> {
    Err(Stop::Skipped(reason.to_string()))
}

/// Fails unless `found` is `expected`.
pub(super) fn expect<T: PartialEq + Debug>(what: impl Display, expected: T, found: T) -> Check {
    if expected == found {
        return Ok(());
    }
    Err(Stop::failed(
        format_args!("{what}: {expected:?}"),
        format_args!("{found:?}"),
    ))
}

/// A claim on the host.
pub(super) const fn host(pages: u64) -> Claim {
    Claim {
        pages: Pages::new(pages),
        target: Target::Host,
    }
}

/// A claim on a node.
pub(super) const fn on(node: NodeId, pages: u64) -> Claim {
    Claim {
        pages: Pages::new(pages),
        target: Target::Node(node),
    }
}

/// An entry as it is on the wire.
pub(super) const fn entry(target: u32, pages: u64) -> xen_memory_claim {
    xen_memory_claim {
        pages,
        target,
        pad: 0,
    }
}

/// What is done is noted, and undone at the end.
#[derive(Default)]
struct Notes {
    steps: Vec<String>,
    domains: Vec<DomainId>,
    lowered: Vec<DomainId>,
    offlined: Vec<NodeId>,
}

/// Someone who makes calls, one after the other.
pub(super) struct Builder<'a>(Mutex<Box<dyn RemoteBuilder + 'a>>);

impl Builder<'_> {
    /// Makes a call; the outer error is a builder that is gone.
    pub(super) fn make(&self, call: &Request) -> Check<Result<u64, Errno>> {
        let mut remote = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = remote.make(call);
        let answer = answer.map_err(|error| Stop::failed("a builder that answers", error))?;
        Ok(refused(answer))
    }

    /// Kills it, alive as it is: the signal that ended it.
    pub(super) fn kill(self) -> Check<i32> {
        let mut remote = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let signal = remote.kill();
        signal.map_err(|error| Stop::failed("a builder that is killed", error))
    }
}

pub(super) struct CaseContext<'a> {
    /// The first domain of the case.
    pub(super) a: DomainId,
    /// The second one.
    pub(super) b: DomainId,
    /// For what is not checked step by step.
    pub(super) host: &'a dyn DomainControl,
    pub(super) subject: &'a Subject,
    nodes: Vec<NodeId>,
    /// Before the domains were created, and after.
    before: Snapshot,
    baseline: Snapshot,
    notes: Mutex<Notes>,
    on_step: &'a (dyn Fn(&str) + Sync),
}

impl<'a> CaseContext<'a> {
    pub(super) fn open(
        subject: &'a Subject,
        host: &'a dyn DomainControl,
        on_step: &'a (dyn Fn(&str) + Sync),
    ) -> Result<Self, HypercallError> {
        // Now, as the counts of a live Xen move. Where there is nothing to spare, offlining says so.
        let _ = subject.faults.prepare();
        // Counts alone are to be at rest: the processor time of Dom0 moves always.
        let mut last = None;
        let before = Snapshot::take_when(host, subject.slack, |now| {
            let last = last.replace(now.clone());
            last.is_some_and(|last| now.changes_since(&last, Pages::ZERO).is_empty())
        })?;
        let a = host.create()?;
        // Where this fails, that is the error to report, and not one of the clean-up.
        let clean_up = |domain| {
            let _ = host.destroy(domain);
        };
        let b = host.create().inspect_err(|_| clean_up(a))?;
        Self::with_domains(subject, host, on_step, before, [a, b]).inspect_err(|_| {
            clean_up(a);
            clean_up(b);
        })
    }

    fn with_domains(
        subject: &'a Subject,
        host: &'a dyn DomainControl,
        on_step: &'a (dyn Fn(&str) + Sync),
        before: Snapshot,
        [a, b]: [DomainId; 2],
    ) -> Result<Self, HypercallError> {
        for domain in [a, b] {
            host.set_max_pages(domain, Pages::new(DOMAIN_PAGES.max))?;
        }
        let baseline = Snapshot::take(host)?;
        let workable = Pages::new(WORKABLE + subject.slack.get());
        let nodes = baseline.nodes.iter();
        let nodes = nodes.filter(|node| node.claimable() >= workable);
        Ok(CaseContext {
            a,
            b,
            host,
            subject,
            nodes: nodes.map(|node| node.node).collect(),
            before,
            baseline,
            notes: Mutex::new(Notes {
                domains: vec![a, b],
                ..Notes::default()
            }),
            on_step,
        })
    }

    /// Undoes all that was done; then every count must be what it was.
    pub(super) fn close(&self) -> Check {
        self.note("afterwards, all domains of the case are destroyed");
        let (domains, nodes) = {
            let mut notes = self.notes();
            (
                std::mem::take(&mut notes.domains),
                std::mem::take(&mut notes.offlined),
            )
        };
        // One that can't be destroyed does not keep the others.
        let ends: Vec<_> = domains.iter().map(|d| self.host.destroy(*d)).collect();
        for node in nodes {
            self.faults().online_pages(node)?;
        }
        ends.into_iter().collect::<Result<(), _>>()?;
        self.check()?;
        let slack = self.subject.slack;
        // All of it: what comes back late, the next case would take for a change.
        let now = Snapshot::take_when(self.host, slack, |now| {
            now.host.free >= self.before.host.free
        })?;
        let changes = now.host_changes_since(&self.before, slack);
        nothing("every count as before the case", &changes)
    }

    /// The text of a failure.
    pub(super) fn report(&self, expected: &str, found: &str) -> String {
        use fmt::Write;
        let (notes, mut text) = (self.notes(), String::new());
        let (last, before) = notes
            .steps
            .split_last()
            .map_or(("none", &[][..]), |(l, b)| (l, b));
        let counts = Snapshot::take(self.host).map_or_else(
            |error| format!("    unknown: {error}"),
            |snapshot| snapshot.to_string(),
        );
        // Writing to a string can't fail.
        let _ = writeln!(text, "  step: {last}");
        let _ = writeln!(text, "  domains: A = {}, B = {}", self.a, self.b);
        let nodes: Vec<_> = self.nodes.iter().map(NodeId::to_string).collect();
        let _ = writeln!(text, "  nodes: {}", nodes.join(", "));
        let _ = writeln!(text, "  expected: {expected}");
        let _ = writeln!(text, "  found: {found}");
        for step in before {
            let _ = writeln!(text, "  before: {step}");
        }
        let _ = write!(text, "  counts:\n{counts}");
        text
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what comes now.
    pub(super) fn note(&self, step: impl Display) {
        let step = step.to_string();
        (self.on_step)(&step);
        self.notes().steps.push(step);
    }

    /// One step: says what comes, does it, and checks the invariants.
    fn step<T>(&self, what: impl Display, action: impl FnOnce() -> Check<T>) -> Check<T> {
        self.note(what);
        let value = action()?;
        self.check()?;
        Ok(value)
    }

    /// A step that must be refused and change nothing.
    fn refused_step(&self, what: impl Display, action: impl FnOnce() -> Check) -> Check {
        let before = Snapshot::take(self.host)?;
        self.step(what, action)?;
        let now = Snapshot::take(self.host)?;
        let changes = now.changes_since(&before, self.subject.slack);
        nothing("no change by a call that failed", &changes)
    }

    /// The invariants hold.
    pub(super) fn check(&self) -> Check {
        let snapshot = Snapshot::take(self.host)?;
        let notes = self.notes();
        // Whoever else is on a live host may have lowered its maximum.
        let may_exceed = |id| notes.lowered.contains(&id) || !notes.domains.contains(&id);
        nothing("I1 to I4", &snapshot.violations(may_exceed))
    }

    fn name(&self, domain: DomainId) -> String {
        match domain {
            d if d == self.a => "A".to_owned(),
            d if d == self.b => "B".to_owned(),
            d => d.to_string(),
        }
    }

    // What there is.

    /// The first nodes with memory.
    pub(super) fn nodes<const N: usize>(&self) -> Check<[NodeId; N]> {
        let nodes = self.nodes.first_chunk::<N>().copied();
        nodes.map_or_else(
            || {
                let s = if N == 1 { "" } else { "s" };
                skip(format_args!("it needs {N} node{s} with free memory"))
            },
            Ok,
        )
    }

    /// The first node with memory.
    pub(super) fn node(&self) -> Check<NodeId> {
        self.nodes().map(|[node]| node)
    }

    /// All nodes with memory.
    pub(super) fn all_nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// The lowest number that is above every node.
    pub(super) fn number_of_nodes(&self) -> u32 {
        let nodes = self.baseline.nodes.iter();
        // OK because a node id is below 64.
        nodes.map(|n| n.node.index() as u32 + 1).max().unwrap_or(0)
    }

    pub(super) fn slack(&self) -> u64 {
        self.subject.slack.get()
    }

    /// Pages that are free and not claimed.
    pub(super) fn unclaimed(&self, target: Target) -> Check<u64> {
        let pages = match target {
            Target::Host => {
                let host = self.host.host()?;
                host.free.saturating_sub(host.claimed)
            }
            Target::Node(node) => {
                let nodes = self.host.nodes()?;
                let memory = nodes.iter().find(|memory| memory.node == node);
                memory.map_or(Pages::ZERO, NodeMemory::claimable)
            }
        };
        Ok(pages.get())
    }

    /// Most of the unclaimed pages: all but the slack.
    pub(super) fn most_of(&self, target: Target) -> Check<u64> {
        let pages = self.unclaimed(target)?.saturating_sub(self.slack());
        if pages > DOMAIN_PAGES.max {
            let limit = DOMAIN_PAGES.max;
            return skip(format_args!(
                "{target} has more free pages than a domain may have, {limit}"
            ));
        }
        Ok(pages)
    }

    /// What is claimed beyond the baseline.
    fn claimed(&self, target: Target) -> Check<u64> {
        let of = |host: HostMemory, nodes: &[NodeMemory]| match target {
            Target::Host => host.claimed,
            Target::Node(node) => {
                let memory = nodes.iter().find(|memory| memory.node == node);
                memory.map_or(Pages::ZERO, |memory| memory.claimed)
            }
        };
        let now = of(self.host.host()?, &self.host.nodes()?);
        let then = of(self.baseline.host, &self.baseline.nodes);
        Ok(now.saturating_sub(then).get())
    }

    pub(super) fn outstanding(&self, domain: DomainId) -> Check<u64> {
        Ok(self.host.domain(domain)?.outstanding_pages.get())
    }

    pub(super) fn populated(&self, domain: DomainId) -> Check<u64> {
        Ok(self.host.domain(domain)?.tot_pages.get())
    }

    pub(super) fn faults(&self) -> &'a dyn FaultInjection {
        &*self.subject.faults
    }

    /// A builder, in a process of its own if there can be one.
    pub(super) fn other_builder(&self) -> Check<Builder<'a>> {
        let Some(processes) = &self.subject.processes else {
            return Ok(Builder(Mutex::new(Box::new(InProcess(self.host)))));
        };
        let process = processes.start();
        let process = process.map_err(|error| Stop::failed("another process", error))?;
        Ok(Builder(Mutex::new(process)))
    }

    // What is expected.

    /// So much is claimed of the host or of a node, beyond the baseline.
    pub(super) fn expect_claimed(&self, target: Target, pages: u64) -> Check {
        let what = format!("pages claimed of {target} beyond the baseline");
        expect(what, pages, self.claimed(target)?)
    }

    /// The domain's claims are exactly these.
    pub(super) fn expect_claims(&self, domain: DomainId, claims: &[Claim]) -> Check {
        let name = self.name(domain);
        let found = self.host.get(domain)?;
        let (expected, found) = (claim_list(claims.to_vec()), claim_list(found.outstanding()));
        if expected == found {
            return Ok(());
        }
        let expected = format!("{name} claims {expected}");
        Err(Stop::failed(expected, found))
    }
}

/// The claim set of these; a case has no others.
pub(super) fn claim_set(claims: &[Claim]) -> Check<ClaimSet> {
    let set = ClaimSet::new(claims.iter().copied());
    set.map_err(|error| Stop::failed("a claim set", error))
}

fn nothing(expected: &str, found: &[String]) -> Check {
    if found.is_empty() {
        return Ok(());
    }
    Err(Stop::failed(expected, found.join("\n         ")))
}
