//! Hosts and sequences of calls, hostile ones too, and the running of them.

mod plan;
mod strategy;

pub use strategy::{amounts, long_sequences, sequences};

use proptest::test_runner::TestCaseError;

use crate::conformance::Snapshot;
use xen_claims::limits::DOMAIN_PAGES;
use xen_claims::wire::xen_memory_claim;
use xen_claims::{
    DomainControl, DomainId, Errno, FaultInjection, HypercallError, Model, NodeId, NodeSet, Pages,
    Placement, Recall, Topology,
};
use xen_claims_lab::allocator::{Flags, Placing};

/// A host and what happens to it.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// Its nodes and their pages.
    pub nodes: Vec<(NodeId, u64)>,
    /// What its memory is like, where that is known.
    pub memory: (Flags, Placing),
    /// What happens.
    pub plans: Vec<Plan>,
}

impl Sequence {
    /// Its host.
    ///
    /// # Errors
    ///
    /// If there is none like that.
    pub fn topology(&self) -> Result<Topology, TestCaseError> {
        let nodes = self.nodes.iter();
        let topology = Topology::new(nodes.map(|(node, pages)| (*node, Pages::new(*pages))));
        topology.map_err(|error| TestCaseError::fail(error.to_string()))
    }

    /// Whether a page goes out of use that a domain has.
    pub fn offlines_used_pages(&self) -> bool {
        let plans = self.plans.iter();
        plans
            .clone()
            .any(|plan| matches!(plan, Plan::OfflineUsed(..)))
    }
}

/// A call whose numbers depend on the host at that time, so that they hit its limits: domains
/// and nodes are positions among those there are.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // As the calls are.
pub enum Plan {
    Create,
    MaxPages(usize, u64),
    Affinity(usize, u64),
    /// Distinct targets, in place.
    Set(usize, Vec<(Option<usize>, Amount)>),
    Hostile(usize, u32, i32, Option<Vec<(Aim, Amount, u32)>>),
    Get(usize, u32, Option<usize>),
    /// On a target, or with flags that need not mean any.
    Legacy(usize, Aim, Amount),
    Populate(usize, u32, u64, u8, usize),
    /// As many single pages as the domain can have of a node, and that many more; 100 at most.
    Fill(usize, i64, u8, usize),
    Depopulate(usize, u32, u64),
    OfflineFree(usize),
    OfflineUsed(usize, usize),
    Online(usize),
    BeginDestroy(usize),
    Destroy(usize),
    /// One extent for the hypervisor's own use.
    Uncounted(usize, u32, u8, usize),
    /// One extent of low addresses.
    Low(usize, u32, u8, usize),
    Scrub,
}

/// A target, right or wrong.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Aim {
    Host,
    Node(usize),
    Raw(u32),
}

/// A number of pages.
#[derive(Debug, Clone, Copy)]
pub enum Amount {
    /// So many.
    Pages(u64),
    /// All that this domain can claim of the target, and that many more.
    Claimable(i64),
    /// All that the domain may still have, and that many more.
    Allowed(i64),
}

/// A call as it is made.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // As those of the traits are.
pub enum Call {
    Create,
    MaxPages {
        domain: DomainId,
        pages: u64,
    },
    Affinity {
        domain: DomainId,
        nodes: NodeSet,
    },
    Claim {
        domain: DomainId,
        mode: u32,
        nr_entries: u32,
        entries: Option<Vec<xen_memory_claim>>,
    },
    Legacy {
        domain: DomainId,
        flags: u32,
        pages: u64,
    },
    Populate {
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    },
    Depopulate {
        domain: DomainId,
        order: u32,
        extents: u64,
    },
    OfflineFree {
        node: NodeId,
    },
    OfflineUsed {
        node: NodeId,
        domain: DomainId,
    },
    Online {
        node: NodeId,
    },
    BeginDestroy {
        domain: DomainId,
    },
    Destroy {
        domain: DomainId,
    },
    Uncounted {
        domain: DomainId,
        order: u32,
        placement: Placement,
    },
    Low {
        domain: DomainId,
        order: u32,
        placement: Placement,
    },
    Scrub,
}

impl Call {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Call::Create => "create",
            Call::MaxPages { .. } => "max pages",
            Call::Affinity { .. } => "affinity",
            Call::Claim { mode: 0, .. } => "SET",
            Call::Claim { mode: 1, .. } => "GET",
            Call::Claim { .. } => "mode",
            Call::Legacy { flags: 0, .. } => "legacy",
            Call::Legacy { .. } => "legacy on node",
            Call::Populate { .. } => "populate",
            Call::Depopulate { .. } => "depopulate",
            Call::OfflineFree { .. } => "offline free",
            Call::OfflineUsed { .. } => "offline used",
            Call::Online { .. } => "online",
            Call::BeginDestroy { .. } => "begin destroy",
            Call::Destroy { .. } => "destroy",
            Call::Uncounted { .. } => "uncounted",
            Call::Low { .. } => "low",
            Call::Scrub => "scrub",
        }
    }
}

/// A call, what it answered, and all counts before and after it.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Step<'a> {
    pub call: &'a Call,
    pub before: Snapshot,
    /// Of a populate call: the extents it gave.
    pub result: Result<u64, Errno>,
    pub after: Snapshot,
    /// Of a claim call: the number and the array as it left them.
    pub nr_entries: u32,
    pub entries: Option<Vec<xen_memory_claim>>,
    pub recalled: Vec<Recall>,
}

impl Step<'_> {
    /// In a word.
    pub fn answer(&self) -> String {
        match (self.call, self.result) {
            (_, Err(errno)) => errno.to_string(),
            (Call::Populate { .. }, Ok(0)) => "none".to_owned(),
            (Call::Populate { extents, .. }, Ok(n)) if n < *extents => "some".to_owned(),
            (Call::Populate { .. }, Ok(_)) => "all".to_owned(),
            (Call::OfflineFree { .. }, Ok(_)) if !self.recalled.is_empty() => {
                "with recall".to_owned()
            }
            (_, Ok(_)) => "ok".to_owned(),
        }
    }
}

/// One domain that was there before and is not any more, as its id is still a domain's, and one that
/// lives.
///
/// # Errors
///
/// What the hypervisor says; none is expected.
pub fn first_domains(host: &impl DomainControl) -> Result<Vec<DomainId>, HypercallError> {
    let known = vec![host.create()?, host.create()?];
    host.destroy(known[0])?;
    host.set_max_pages(known[1], Pages::new(DOMAIN_PAGES.max))?;
    Ok(known)
}

/// Makes the calls one after the other on an embedded host, and looks at each.
///
/// # Errors
///
/// What `look` finds.
pub fn drive(
    sequence: &Sequence,
    mut look: impl FnMut(&Step<'_>) -> Result<(), TestCaseError>,
) -> Result<Model, TestCaseError> {
    let fail = |error: HypercallError| TestCaseError::fail(error.to_string());
    let host = Model::new(&sequence.topology()?);
    let mut known = first_domains(&host).map_err(fail)?;
    let mut before = Snapshot::take(&host).map_err(fail)?;
    for plan in &sequence.plans {
        let recalls = host.recalls().len();
        let call = plan.call(&before, &known, &sequence.nodes);
        let (mut nr_entries, mut entries) = (0, None);
        if let Call::Claim {
            nr_entries: n,
            entries: e,
            ..
        } = &call
        {
            (nr_entries, entries) = (*n, e.clone());
        }
        let result = match call {
            Call::Uncounted {
                domain,
                order,
                placement,
            } => host
                .populate_extent(domain, order, placement, false, |_, counted| counted)
                .map(|node| node.is_some().into())
                .map_err(|error| error.errno),
            _ => make(&host, &call, &mut nr_entries, entries.as_deref_mut()),
        };
        if let (Call::Create, Ok(id)) = (&call, result) {
            known.extend(DomainId::new(id as i64));
        }
        let after = Snapshot::take(&host).map_err(fail)?;
        let step = Step {
            call: &call,
            before,
            result,
            after,
            nr_entries,
            entries,
            recalled: host.recalls().split_off(recalls),
        };
        look(&step)?;
        before = step.after;
    }
    Ok(host)
}

/// Makes one call, but for those that only the embedded hypervisor and the native one have.
///
/// # Errors
///
/// What the hypervisor says.
pub fn make(
    host: &impl FaultInjection,
    call: &Call,
    nr_entries: &mut u32,
    array: Option<&mut [xen_memory_claim]>,
) -> Result<u64, Errno> {
    let done = match *call {
        Call::Create => host.create().map(|id| id.get().into()),
        Call::MaxPages { domain, pages } => {
            host.set_max_pages(domain, Pages::new(pages)).map(|()| 0)
        }
        Call::Affinity { domain, nodes } => host.set_node_affinity(domain, nodes).map(|()| 0),
        Call::Claim { domain, mode, .. } => {
            return host
                .claim_memory(domain, mode, nr_entries, array)
                .map(|()| 0);
        }
        Call::Legacy {
            domain,
            flags,
            pages,
        } => host
            .claim_pages_flags(domain, flags, Pages::new(pages))
            .map(|()| 0),
        Call::Populate {
            domain,
            order,
            extents,
            placement,
        } => host.populate(domain, order, extents, placement),
        Call::Depopulate {
            domain,
            order,
            extents,
        } => host.depopulate(domain, order, extents).map(|()| 0),
        Call::OfflineFree { node } => host.offline_free_page(node).map(|()| 0),
        Call::OfflineUsed { node, domain } => host.offline_used_page(node, domain).map(|()| 0),
        Call::Online { node } => host.online_pages(node).map(|()| 0),
        Call::BeginDestroy { domain } => host.begin_destroy(domain).map(|()| 0),
        Call::Destroy { domain } => host.destroy(domain).map(|()| 0),
        Call::Scrub => host.scrub().map(|()| 0),
        Call::Uncounted { .. } | Call::Low { .. } => Ok(0),
    };
    done.map_err(|error| error.errno)
}
