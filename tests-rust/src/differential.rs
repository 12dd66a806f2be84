//! The native host against the embedded one: the same calls must have the same answers and the same
//! counts.
//!
//! The embedded host knows how many pages are free and not in which pieces, nor which of them are
//! scrubbed. So before an extent of more than one page is populated, it is told for each node whether
//! Xen's lists have a block that is large enough; everything else it has to know by itself. A
//! single page is always there when the counts say so, and that is checked.

use std::collections::BTreeSet;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Instant;

use proptest::prelude::*;
use xen_claims::model::Blocks;
use xen_claims::{
    DomainBuilder, DomainId, Errno, Faults, HypercallError, Hypervisor, Model, NodeId, Pages,
    Placement,
};

use crate::conformance::{panic_text, Snapshot};
use crate::native::{Boot, Build, Host};
use crate::sequences::{first_domains, make, Call, Sequence};

/// How much was compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Calls.
    pub calls: u64,
    /// Extents that the counts had allowed on some node, and that no block was there for.
    pub in_pieces: u64,
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Compared) {
        self.calls += other.calls;
        self.in_pieces += other.in_pieces;
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
/// The first difference, or what is wrong inside of the native host.
pub fn compare(build: &Build, sequence: &Sequence) -> Result<Compared, TestCaseError> {
    let topology = sequence.topology()?;
    let (flags, placing) = sequence.memory;
    let boot = Boot::new(&topology).flags(flags).placing(placing);
    let mut pair = Pair {
        native: Host::boot(build, &boot).map_err(fail)?,
        model: Model::new(&topology),
        lowered: BTreeSet::new(),
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
        if let Call::MaxPages { domain, .. } = call {
            pair.lowered.insert(domain);
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

/// Without claims, the series changes nothing: the same calls, but for those that claim, give the same
/// answers and the very same pages, in the same order.
///
/// # Errors
///
/// The first difference.
pub fn unchanged(stock: &Build, patched: &Build, sequence: &Sequence) -> Result<Compared, String> {
    let compared = catch_unwind(AssertUnwindSafe(|| {
        without_claims(stock, patched, sequence)
    }));
    compared.map_or_else(
        |panic| Err(panic_text(panic.as_ref())),
        |result| result.map_err(|error| error.to_string()),
    )
}

fn without_claims(
    stock: &Build,
    patched: &Build,
    sequence: &Sequence,
) -> Result<Compared, TestCaseError> {
    let (mut flags, placing) = sequence.memory;
    // Where there is no model to know of it.
    flags.dma = sequence.plans.len() % 2 == 0;
    let boot = Boot::new(&sequence.topology()?)
        .flags(flags)
        .placing(placing);
    let hosts = [stock, patched].map(|build| Host::boot(build, &boot).map_err(fail));
    let [stock, patched] = hosts;
    let (stock, patched) = (stock?, patched?);
    let mut known = first_domains(&stock).map_err(fail)?;
    prop_assert_eq!(&known, &first_domains(&patched).map_err(fail)?);
    let mut compared = Compared::default();
    let mut now = stock.snapshot().map_err(fail)?;
    for plan in &sequence.plans {
        let call = plan.call(&now, &known, &sequence.nodes);
        if matches!(call, Call::Claim { .. } | Call::Legacy { .. }) {
            continue;
        }
        let answers = [&stock, &patched].map(|host| pages_of(host, &call));
        prop_assert_eq!(
            &answers[0],
            &answers[1],
            "pages of {:?}: stock, patched",
            call
        );
        if let (Call::Create, Ok(id)) = (&call, &answers[0]) {
            let id = id.first().and_then(|id| i64::try_from(*id).ok());
            known.extend(id.and_then(|id| DomainId::new(id).ok()));
        }
        compared.calls += 1;
        now = stock.snapshot().map_err(fail)?;
        let after = patched.snapshot().map_err(fail)?;
        prop_assert_eq!((now.host, &now.nodes), (after.host, &after.nodes));
        let infos = |s: &Snapshot| s.domains.iter().map(|d| d.info).collect::<Vec<_>>();
        prop_assert_eq!(infos(&now), infos(&after));
    }
    for host in [&stock, &patched] {
        prop_assert_eq!(host.violations(true).map_err(fail)?, "");
    }
    Ok(compared)
}

/// The first page of every extent given, or the number that another call answers.
fn pages_of(host: &Host, call: &Call) -> Result<Vec<u64>, Errno> {
    let (domain, order, extents, placement, counted) = match *call {
        Call::Populate {
            domain,
            order,
            extents,
            placement,
        } => (domain, order, extents, placement, true),
        Call::Uncounted {
            domain,
            order,
            placement,
        } => (domain, order, 1, placement, false),
        Call::Scrub => return host.scrub_some().map(|more| vec![more.into()]),
        _ => return make(host, call, &mut 0, None).map(|number| vec![number]),
    };
    let mut pages = Vec::new();
    for _ in 0..extents {
        let page = host.populate_extent(domain, order, placement, counted);
        let Some(page) = page.map_err(|error| error.errno)? else {
            break;
        };
        pages.push(page);
    }
    Ok(pages)
}

fn at(call: &Call, error: &TestCaseError) -> TestCaseError {
    fail(format_args!("{call:?}: {error}"))
}

struct Pair {
    native: Host,
    model: Model,
    /// Those whose maximum was set: I3 does not hold for them.
    lowered: BTreeSet<DomainId>,
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
            } => self.populate(domain, order, extents, placement, true),
            Call::Uncounted {
                domain,
                order,
                placement,
            } => self.populate(domain, order, 1, placement, false),
            Call::Scrub => self.native.scrub_some().map(|_| Ok(0)).map_err(fail),
            _ => {
                let (native, model) = (arguments(call), arguments(call));
                let (mut native, mut model) = (native, model);
                let answers = (
                    make(&self.native, call, &mut native.0, native.1.as_deref_mut()),
                    make(&self.model, call, &mut model.0, model.1.as_deref_mut()),
                );
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

    fn populate(
        &mut self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
        counted: bool,
    ) -> Result<Result<u64, Errno>, TestCaseError> {
        for done in 0..extents {
            let blocks = self.blocks(order)?;
            let has = |node: NodeId, _| blocks[node.index()];
            let model = self
                .model
                .populate_extent(domain, order, placement, counted, has);
            let native = self
                .native
                .populate_extent(domain, order, placement, counted);
            let errno = |error: HypercallError| error.errno;
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

    /// What each node has for an extent. A free page is a block of order 0.
    fn blocks(&mut self, order: u32) -> Result<[Blocks; 64], TestCaseError> {
        let mut blocks = [Blocks::None; 64];
        for memory in self.model.nodes().map_err(fail)? {
            let found = self.native.blocks(memory.node, order).map_err(fail)?;
            let enough = memory.free >= Pages::new(1_u64.checked_shl(order).unwrap_or(u64::MAX));
            if order == 0 {
                prop_assert_eq!(found > Blocks::None, enough, "a page of {}", memory.node);
            }
            self.compared.in_pieces += u64::from(enough && found == Blocks::None);
            blocks[memory.node.index()] = found;
        }
        Ok(blocks)
    }

    /// The counts of both, which must be the same, and nothing wrong in Xen's.
    fn counts(&self, pages: bool) -> Result<Snapshot, TestCaseError> {
        let native = self.native.snapshot().map_err(fail)?;
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
