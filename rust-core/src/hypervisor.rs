//! What a hypervisor does, for everything above it.
//!
//! An implementation provides the calls as they are on the wire. The safe [`Hypervisor::set`],
//! [`Hypervisor::get`] and [`Hypervisor::release`] are written once, over them. A hypervisor
//! trusts nobody: it checks all of `docs/contract.md`, 1.4, whoever calls.

use core::fmt;
use core::time::Duration;

use crate::claim::{ClaimSet, ClaimSetBuffer};
use crate::error::{Errno, HypercallError, Operation};
use crate::units::{DomainId, NodeId, NodeSet, Pages};
use crate::wire::{self, xen_memory_claim};

/// Memory of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeMemory {
    /// Which node; it is online.
    pub node: NodeId,
    /// What it has.
    pub size: Pages,
    /// What nobody uses.
    pub free: Pages,
    /// What of that is claimed by node claims.
    pub claimed: Pages,
}

impl NodeMemory {
    /// Free and unclaimed. Host claims are not counted: they may be satisfied elsewhere.
    pub const fn claimable(&self) -> Pages {
        self.free.saturating_sub(self.claimed)
    }
}

/// How far nodes are from each other, as firmware says it (ACPI's SLIT): a row for each node id from
/// 0 to the highest online one, and in it a distance to each of these. [`LOCAL`] is a node's distance
/// to itself; [`UNREACHABLE`] is what is said of nodes that can't reach each other. What stands for
/// a node that is not online means nothing.
pub type Distances = Vec<Vec<u8>>;

/// A node's distance to itself; others are relative to it.
pub const LOCAL: u8 = 10;

/// No way, or none that is known.
pub const UNREACHABLE: u8 = 255;

/// Memory of the whole host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
    /// What nobody uses.
    pub free: Pages,
    /// What of that is claimed, by node claims and host claims together.
    pub claimed: Pages,
}

/// Memory of one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainInfo {
    /// Which domain.
    pub domain: DomainId,
    /// What it has been given.
    pub tot_pages: Pages,
    /// What it may have.
    pub max_pages: Pages,
    /// The sum of its claims.
    pub outstanding_pages: Pages,
    /// It is being destroyed.
    pub dying: bool,
    /// The toolstack keeps it from running, as it does until it is built.
    pub paused: bool,
    /// How long it ran: 0 if it was never started.
    pub cpu_time: Duration,
    /// What its creator called it.
    pub uuid: Uuid,
}

/// The handle of a domain, as Xen keeps it and never reads it: toolstacks put their name of the VM
/// there, all zeros are none.
pub type Uuid = [u8; 16];

/// A hypervisor that can hold claims. Safe to use from several threads.
pub trait Hypervisor: Send + Sync + fmt::Debug {
    /// `XEN_DOMCTL_claim_memory` as it is on the wire (`docs/contract.md`, 1.3 to 1.5): any mode,
    /// any number, any entries, or none (a null pointer). An array shorter than the entries that the
    /// hypervisor reads (SET) or has to write (GET: those there are, whatever the capacity) is
    /// `EFAULT`.
    ///
    /// For everything but hostile input there are [`set`](Self::set) and [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// As `docs/contract.md`, 1.4 and 1.5, in their order. A GET that fails with `ERANGE` or
    /// `EFAULT` still updates `nr_entries`.
    fn claim_memory(
        &self,
        domain: DomainId,
        mode: u32,
        nr_entries: &mut u32,
        entries: Option<&mut [xen_memory_claim]>,
    ) -> Result<(), Errno>;

    /// The legacy call, `XENMEM_claim_pages`, as it is on the wire (`docs/contract.md`, 1.6): with any
    /// flags. There are [`claim_pages`](Self::claim_pages) and
    /// [`claim_pages_node`](Self::claim_pages_node) for those that mean something.
    ///
    /// # Errors
    ///
    /// As theirs, and `EINVAL` for any other flags.
    fn claim_pages_flags(
        &self,
        domain: DomainId,
        mem_flags: u32,
        pages: Pages,
    ) -> Result<(), HypercallError>;

    /// The legacy call: one host claim for what `pages` exceed the pages the domain has; 0 releases
    /// everything it claims.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the domain is unknown, dying, claims something already, has that many pages,
    /// or may not have that many; `ENOMEM` if the host has not that many unclaimed pages.
    fn claim_pages(&self, domain: DomainId, pages: Pages) -> Result<(), HypercallError> {
        self.claim_pages_flags(domain, 0, pages)
    }

    /// The same as a claim on one node. Pages of the domain count wherever they are, and 0 releases
    /// everything it claims, wherever that is.
    ///
    /// # Errors
    ///
    /// As [`claim_pages`](Self::claim_pages), of the node as well; `ENOENT` if it is not online. A Xen
    /// without the series answers `EINVAL`.
    fn claim_pages_node(
        &self,
        domain: DomainId,
        node: NodeId,
        pages: Pages,
    ) -> Result<(), HypercallError> {
        self.claim_pages_flags(domain, wire::xenmemf_exact_node(node), pages)
    }

    /// Replaces all claims of `domain` by `set`, at once or not at all.
    ///
    /// # Errors
    ///
    /// As `docs/contract.md`, 1.4; after any error the old claims are as they were.
    fn set(&self, domain: DomainId, set: &ClaimSet) -> Result<(), HypercallError> {
        let mut buffer = wire::NO_CLAIMS;
        let entries = wire::encode(set, &mut buffer);
        // OK because a set has at most 65 claims.
        let mut count = entries.len() as u32;
        self.claim_memory(
            domain,
            wire::XEN_DOMCTL_CLAIM_MEMORY_SET,
            &mut count,
            Some(entries),
        )
        .map_err(|errno| HypercallError::of(Operation::SetClaims, domain, errno))
    }

    /// What `domain` still claims: the host claim, even if it is 0, and every node claim that is not.
    ///
    /// # Errors
    ///
    /// `ESRCH` if the domain is unknown or dying, `EPERM` if it may not be read, `EPROTO` if the
    /// answer is no claim set.
    fn get(&self, domain: DomainId) -> Result<ClaimSet, HypercallError> {
        self.get_into(domain, &mut ClaimSetBuffer::new()).cloned()
    }

    /// The same, into a buffer of the caller's.
    ///
    /// # Errors
    ///
    /// As [`get`](Hypervisor::get).
    fn get_into<'b>(
        &self,
        domain: DomainId,
        found: &'b mut ClaimSetBuffer,
    ) -> Result<&'b ClaimSet, HypercallError> {
        let mut buffer = wire::NO_CLAIMS;
        let mut count = buffer.len() as u32;
        self.claim_memory(
            domain,
            wire::XEN_DOMCTL_CLAIM_MEMORY_GET,
            &mut count,
            Some(&mut buffer),
        )
        .and_then(|()| buffer.get(..count as usize).ok_or(Errno::EPROTO))
        .and_then(|entries| wire::decode(entries, found).map_err(|_| Errno::EPROTO))
        .map_err(|errno| HypercallError::of(Operation::GetClaims, domain, errno))
    }

    /// Gives back all that `domain` still claims.
    ///
    /// # Errors
    ///
    /// `ESRCH` if the domain is unknown or dying (a dying domain claims nothing), `EPERM`.
    fn release(&self, domain: DomainId) -> Result<(), HypercallError> {
        self.set(domain, &ClaimSet::host(Pages::ZERO))
    }

    /// Whether it has claim sets at all, which a Xen without the series has not.
    ///
    /// # Errors
    ///
    /// What the hypervisor says; none is expected of a privileged caller.
    fn has_claim_sets(&self) -> Result<bool, HypercallError>;

    /// The online nodes, ascending.
    ///
    /// # Errors
    ///
    /// What the hypervisor says; none is expected of a privileged caller.
    fn nodes(&self) -> Result<Vec<NodeMemory>, HypercallError>;

    /// How far nodes are from each other.
    ///
    /// # Errors
    ///
    /// What the hypervisor says; none is expected of a privileged caller.
    fn distances(&self) -> Result<Distances, HypercallError>;

    /// The host as a whole.
    ///
    /// # Errors
    ///
    /// What the hypervisor says; none is expected of a privileged caller.
    fn host(&self) -> Result<HostMemory, HypercallError>;

    /// Every domain, ascending.
    ///
    /// # Errors
    ///
    /// What the hypervisor says; none is expected of a privileged caller.
    fn domains(&self) -> Result<Vec<DomainInfo>, HypercallError>;

    /// One domain.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn domain(&self, domain: DomainId) -> Result<DomainInfo, HypercallError> {
        let found = self.domains()?.into_iter().find(|d| d.domain == domain);
        found.ok_or(HypercallError::of(
            Operation::DomainInfo,
            domain,
            Errno::ESRCH,
        ))
    }

    /// How many pages `domain` has on each node, by node id, up to the highest online node: Xen's counts, all
    /// of one instant.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `EOPNOTSUPP` on a Xen without the series.
    fn node_pages(&self, domain: DomainId) -> Result<Vec<Pages>, HypercallError>;

    /// Makes `nodes` the ones that `domain` gets its memory from first. All nodes is the default.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `EINVAL` if none of the nodes is online.
    fn set_node_affinity(&self, domain: DomainId, nodes: NodeSet) -> Result<(), HypercallError>;
}
