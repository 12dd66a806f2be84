//! Xen's allocator against the embedded hypervisor: the same calls must have the same answers and the same
//! counts.
//!
//! The embedded host knows how many pages are free and not in which pieces, which of these are
//! scrubbed, and which are in the DMA zone. So before an extent is populated, it is told for each node
//! what the best block is that Xen's lists have for it; everything else it has to know by itself. A
//! single page is always there when the counts say so, and that is checked.

mod counts;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Instant;

use proptest::prelude::*;
use xen_claims::model::BlockAvailability;
use xen_claims::{
    DomainControl, DomainId, Errno, FaultInjection, HypercallError, Hypervisor, Model, NodeId,
    NodeSet, Pages, Placement, Target,
};

use crate::conformance::{panic_text, Snapshot};
use crate::sequences::{first_domains, make, Call, Sequence};
pub use counts::snapshot;
pub use stock::unchanged;
use xen_claims_lab::allocator::{Boot, Build, Host};

/// How much was compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Calls.
    pub calls: u64,
    /// Extents that the counts had allowed on some node, and that no block was there for.
    pub in_pieces: u64,
    /// Populate calls for a domain with a legacy claim, by which nothing changed.
    pub legacy: u64,
    /// How often what [`PLACEMENTS`] names has decided.
    pub placed: [u64; PLACEMENTS.len()],
}

/// Where `docs/contract.md`, 1.8, makes a difference for an extent.
pub const PLACEMENTS: [&str; 11] = [
    "a node passed over, as others claim its pages",
    "a node passed over, as the domain claims pages elsewhere",
    "refused, though a node had a block to spare",
    "a claimed node's memory, though it was to be scrubbed and other's was not",
    "a claimed node's memory, though it was in the DMA zone and other's was not",
    "a claimed node outside of the affinity, though one inside had memory",
    "a claimed node inside the affinity, though one outside was next",
    "no claimed node had any, and the domain got another's",
    "the node named, though claims were elsewhere",
    "a claimed node, as the one named had none",
    "nodes asked once more, for what they give away last",
];

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Compared) {
        self.calls += other.calls;
        self.in_pieces += other.in_pieces;
        self.legacy += other.legacy;
        for (sum, more) in self.placed.iter_mut().zip(other.placed) {
            *sum += more;
        }
    }
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// So often, all pages of the host are looked at.
const PAGES_EVERY: u64 = 64;

/// Makes all calls of a sequence on a native and on an embedded host.
///
/// # Errors
///
/// The first difference, or what is wrong inside of Xen's allocator.
pub fn compare(build: &Build, sequence: &Sequence) -> Result<Compared, TestCaseError> {
    let topology = sequence.topology()?;
    let (flags, placing) = sequence.memory;
    let boot = Boot::new(&topology).flags(flags).placing(placing);
    let mut pair = Pair {
        native: Host::boot(build, &boot).map_err(fail)?,
        model: Model::new(&topology),
        lowered: BTreeSet::new(),
        affinity: BTreeMap::new(),
        have_room: BTreeSet::new(),
        compared: Compared::default(),
    };
    let known = (first_domains(&pair.native), first_domains(&pair.model));
    let (mut known, others) = (known.0.map_err(fail)?, known.1.map_err(fail)?);
    prop_assert_eq!(&known, &others);

    let mut now = pair.counts(true)?;
    for plan in &sequence.plans {
        let call = plan.call(&now, &known, &sequence.nodes);
        let answer = pair.call(&call).map_err(|error| at(&call, &error))?;
        if let (Call::Create, Ok(id)) = (&call, answer) {
            known.extend(i64::try_from(id).ok().and_then(|id| DomainId::new(id).ok()));
        }
        match call {
            Call::MaxPages { domain, .. } => drop(pair.lowered.insert(domain)),
            Call::Affinity { domain, nodes } if answer.is_ok() => {
                pair.affinity.insert(domain, nodes);
            }
            _ => {}
        }
        pair.compared.calls += 1;
        let pages = pair.compared.calls % PAGES_EVERY == 0;
        now = pair.counts(pages).map_err(|error| at(&call, &error))?;
    }
    pair.counts(true)?;
    pair.end()?;
    Ok(pair.compared)
}

/// The same, and that an assertion of Xen's failed is a difference too.
///
/// # Errors
///
/// As [`compare`].
pub fn check(build: &Build, sequence: &Sequence) -> Result<Compared, String> {
    let compared = catch_unwind(AssertUnwindSafe(|| compare(build, sequence)));
    compared.map_or_else(
        |panic| Err(panic_text(panic.as_ref())),
        |result| result.map_err(|error| error.to_string()),
    )
}

/// The shortest sequence that can be had by leaving out calls and still `fails`; looked for until
/// `end`.
pub fn shortest(sequence: &Sequence, end: Instant, fails: impl Fn(&Sequence) -> bool) -> Sequence {
    let mut shortest = sequence.clone();
    let mut chunk = shortest.plans.len();
    while chunk > 0 {
        let mut start = 0;
        let mut shorter = false;
        while start < shortest.plans.len() && Instant::now() < end {
            let mut without = shortest.clone();
            let stop = without.plans.len().min(start + chunk);
            without.plans.drain(start..stop);
            if fails(&without) {
                shortest = without;
                shorter = true;
            } else {
                start += chunk;
            }
        }
        // What was needed may no longer be.
        if chunk > 1 || !shorter || Instant::now() >= end {
            chunk /= 2;
        }
    }
    shortest
}

fn populate(
    host: &Host,
    domain: DomainId,
    order: u32,
    placement: Placement,
    kind: Kind,
) -> Result<Option<u64>, HypercallError> {
    match kind {
        Kind::Low => host.populate_low(domain, order, placement),
        kind => host.populate_extent(domain, order, placement, kind == Kind::Counted),
    }
}

fn at(call: &Call, error: &TestCaseError) -> TestCaseError {
    fail(format_args!("{call:?}: {error}"))
}

/// What an extent is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counted,
    /// For Xen's own use.
    Uncounted,
    /// Of low addresses.
    Low,
}

struct Pair {
    native: Host,
    model: Model,
    /// Those whose maximum was set: I3 does not hold for them.
    lowered: BTreeSet<DomainId>,
    affinity: BTreeMap<DomainId, NodeSet>,
    /// Those that had claims on nodes before.
    have_room: BTreeSet<DomainId>,
    compared: Compared,
}

impl Pair {
    /// One call on both; the answer, which must be one.
    fn call(&mut self, call: &Call) -> Result<Result<u64, Errno>, TestCaseError> {
        match *call {
            Call::Populate {
                domain,
                order,
                extents,
                placement,
            } => self.populate(domain, order, extents, placement, Kind::Counted),
            Call::Uncounted {
                domain,
                order,
                placement,
            } => self.populate(domain, order, 1, placement, Kind::Uncounted),
            Call::Low {
                domain,
                order,
                placement,
            } => self.populate(domain, order, 1, placement, Kind::Low),
            Call::Scrub => self.native.scrub_some().map(|_| Ok(0)).map_err(fail),
            _ => {
                let (native, model) = (arguments(call), arguments(call));
                let (mut native, mut model) = (native, model);
                // 1.14: who needs no room has no use for the Xen heap.
                self.native
                    .fail_heap(self.needs_no_heap(call))
                    .map_err(fail)?;
                let answers = (
                    make(&self.native, call, &mut native.0, native.1.as_deref_mut()),
                    make(&self.model, call, &mut model.0, model.1.as_deref_mut()),
                );
                self.native.fail_heap(false).map_err(fail)?;
                self.remember_room(call, answers.1.is_ok());
                prop_assert_eq!(answers.0, answers.1, "Xen's answer, and the model's");
                prop_assert_eq!(
                    &native,
                    &model,
                    "nr_entries and array of Xen, and the model's"
                );
                prop_assert_eq!(self.native.recalls(), self.model.recalls());
                if let (Call::BeginDestroy { domain }, Ok(_)) = (call, answers.0) {
                    // Also of one who looked whether it is dying when it was not.
                    let set = self.native.claim_late(*domain, false);
                    let legacy = self.native.claim_late(*domain, true);
                    prop_assert_eq!((set, legacy), (Err(Errno::ESRCH), Err(Errno::EINVAL)));
                }
                Ok(answers.0)
            }
        }
    }

    fn needs_no_heap(&self, call: &Call) -> bool {
        match call {
            Call::Claim { mode: 1, .. } => true,
            Call::Claim {
                domain, entries, ..
            } => {
                let mut entries = entries.iter().flatten();
                self.have_room.contains(domain) || entries.all(|entry| entry.pages == 0)
            }
            Call::Legacy { domain, flags, .. } => *flags == 0 || self.have_room.contains(domain),
            _ => true,
        }
    }

    fn remember_room(&mut self, call: &Call, done: bool) {
        if let (
            Call::Claim {
                mode: 0,
                domain,
                nr_entries,
                entries,
            },
            true,
        ) = (call, done)
        {
            // What else is in the array was not read.
            let mut entries = entries.iter().flatten().take(*nr_entries as usize);
            if entries.any(|entry| entry.pages > 0 && NodeId::new(entry.target.into()).is_ok()) {
                self.have_room.insert(*domain);
            }
        }
        if let (
            Call::Legacy {
                domain,
                flags,
                pages,
            },
            true,
        ) = (call, done)
        {
            if *flags != 0 && *pages != 0 {
                self.have_room.insert(*domain);
            }
        }
        if let (Call::Destroy { domain }, true) = (call, done) {
            self.have_room.remove(domain);
            self.affinity.remove(domain);
        }
    }

    fn populate(
        &mut self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
        kind: Kind,
    ) -> Result<Result<u64, Errno>, TestCaseError> {
        let refcounted = kind != Kind::Uncounted;
        for done in 0..extents {
            let blocks = self.blocks(order, kind == Kind::Low)?;
            let before = Snapshot::take(&self.model).map_err(fail)?;
            let has = |node: NodeId, _| blocks[node.index()];
            let model = self
                .model
                .populate_extent(domain, order, placement, refcounted, has);
            let native = populate(&self.native, domain, order, placement, kind);
            let errno = |error: HypercallError| error.errno;
            if let (Ok(given), true) = (model, refcounted) {
                self.count(domain, order, placement, given, &before, &blocks)?;
            }
            let native = native.map(|page| page.is_some()).map_err(errno);
            let model = model.map(|node| node.is_some()).map_err(errno);
            prop_assert_eq!(
                native,
                model,
                "whether Xen gave extent {}, and the model",
                done
            );
            match native {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(done)),
                Err(errno) => return Ok(Err(errno)),
            }
        }
        Ok(Ok(extents))
    }

    /// Counts what decided where an extent came from.
    fn count(
        &mut self,
        domain: DomainId,
        order: u32,
        placement: Placement,
        given: Option<NodeId>,
        before: &Snapshot,
        blocks: &[BlockAvailability; 64],
    ) -> Result<(), TestCaseError> {
        let counts = before.domain(domain);
        let Some(claims) = counts.and_then(|counts| counts.claims.as_ref()) else {
            return Ok(());
        };
        let pages = Pages::new(1_u64.checked_shl(order).unwrap_or(u64::MAX));
        let own = |node: NodeId| claims.pages_of(Target::Node(node));
        let near = |node: NodeId| {
            self.affinity
                .get(&domain)
                .is_none_or(|nodes| nodes.contains(node))
        };
        let has = |node: NodeId| blocks[node.index()];
        let (mut kept, mut to_spare) = (false, Vec::new());
        for memory in &before.nodes {
            let left = memory.claimable().checked_add(own(memory.node));
            let block = has(memory.node) > BlockAvailability::None;
            kept |= block && left < Some(pages);
            if block && left >= Some(pages) {
                to_spare.push(memory.node);
            }
        }
        let named = match placement {
            Placement::Any => None,
            Placement::Prefer(node) | Placement::Exact(node) => Some(node),
        };
        let covered = claims.total() >= pages && claims.total() > Pages::ZERO;
        let host = claims.pages_of(Target::Host);
        let burns = |node: NodeId| own(node).checked_add(host) < Some(pages);
        let others_may = covered && order > 0 && !matches!(placement, Placement::Exact(_));
        let passed = others_may
            && to_spare
                .iter()
                .any(|node| burns(*node) && Some(*node) != named);
        let on_nodes = claims.total() > host;
        let claimed = |node: NodeId| own(node) > Pages::ZERO;
        let first_turn = given.filter(|node| on_nodes && claimed(*node) && Some(*node) != named);
        let other = |better: &dyn Fn(NodeId) -> bool| {
            first_turn.is_some() && to_spare.iter().any(|node| better(*node))
        };
        let than = first_turn.map_or(BlockAvailability::None, has);
        let low = |blocks| {
            matches!(
                blocks,
                BlockAvailability::CleanInDma | BlockAvailability::DirtyInDma
            )
        };
        let dirty = |blocks| {
            matches!(
                blocks,
                BlockAvailability::Dirty | BlockAvailability::DirtyInDma
            )
        };
        let seen = [
            kept,
            passed,
            given.is_none() && passed,
            dirty(than) && other(&|node| has(node) > than),
            low(than) && other(&|node| !low(has(node))),
            first_turn.is_some_and(|node| !near(node)) && other(&near),
            first_turn.is_some_and(near) && other(&|node| claimed(node) && !near(node)),
            on_nodes && given.is_some_and(|node| !claimed(node) && Some(node) != named),
            on_nodes && given.is_some_and(|node| !claimed(node) && Some(node) == named),
            named.is_some() && first_turn.is_some(),
            first_turn.is_none() && given.is_some_and(|node| has(node) < BlockAvailability::Clean),
        ];
        for (sum, seen) in self.compared.placed.iter_mut().zip(seen) {
            *sum += u64::from(seen);
        }
        Ok(())
    }

    /// What each node has for an extent. A free page is a block of order 0.
    fn blocks(&mut self, order: u32, low: bool) -> Result<[BlockAvailability; 64], TestCaseError> {
        let mut blocks = [BlockAvailability::None; 64];
        for memory in self.model.nodes().map_err(fail)? {
            let found = self.native.blocks(memory.node, order, low).map_err(fail)?;
            let enough = memory.free >= Pages::new(1_u64.checked_shl(order).unwrap_or(u64::MAX));
            if order == 0 && !low {
                prop_assert_eq!(
                    found > BlockAvailability::None,
                    enough,
                    "a page of {}",
                    memory.node
                );
            }
            self.compared.in_pieces += u64::from(enough && found == BlockAvailability::None);
            blocks[memory.node.index()] = found;
        }
        Ok(blocks)
    }

    /// The counts of both, which must be the same, and nothing wrong in Xen's.
    fn counts(&self, pages: bool) -> Result<Snapshot, TestCaseError> {
        let native = snapshot(&self.native).map_err(fail)?;
        let model = Snapshot::take(&self.model).map_err(fail)?;
        if native != model {
            return Err(fail(format_args!(
                "Xen has\n{native}\n  and the model\n{model}"
            )));
        }
        let wrong = self.native.violations(pages).map_err(fail)?;
        prop_assert_eq!(wrong, "");
        let broken = native.violations(|id| self.lowered.contains(&id));
        prop_assert_eq!(broken, Vec::<String>::new());
        Ok(native)
    }

    /// At the end, everything is given back.
    fn end(&self) -> Result<(), TestCaseError> {
        for domain in self.native.domains().map_err(fail)? {
            self.native.destroy(domain.domain).map_err(fail)?;
        }
        for node in self.native.nodes().map_err(fail)? {
            self.native.online_pages(node.node).map_err(fail)?;
        }
        for node in self.native.nodes().map_err(fail)? {
            prop_assert_eq!((node.free, node.claimed), (node.size, Pages::ZERO));
        }
        prop_assert_eq!(self.native.violations(true).map_err(fail)?, "");
        Ok(())
    }
}

type Arguments = (u32, Option<Vec<xen_claims::wire::xen_memory_claim>>);

/// What a claim call may write to.
fn arguments(call: &Call) -> Arguments {
    match call {
        Call::Claim {
            nr_entries,
            entries,
            ..
        } => (*nr_entries, entries.clone()),
        _ => (0, None),
    }
}
