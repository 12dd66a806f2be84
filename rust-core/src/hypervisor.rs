//! What a hypervisor does, for everything above it.
//!
//! An implementation provides the calls as they are on the wire. The safe [`Hypervisor::set`],
//! [`Hypervisor::get`] and [`Hypervisor::release`] are written once, over them. A hypervisor
//! trusts nobody: it checks all of `docs/contract.md`, 1.4, whoever calls.

use core::fmt;
use core::time::Duration;

use crate::claim::{ClaimSet, Room, Target};
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

/// What a domain has of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainMemory {
    /// Which domain.
    pub domain: DomainId,
    /// Which node.
    pub node: NodeId,
    /// How much, and never 0.
    pub pages: Pages,
}

/// Where the pages of a populate call shall come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The nodes that the domain has claims on in turn; without such claims, or where these have
    /// nothing, the nodes of its affinity in turn, then the others (`docs/contract.md`, 1.8).
    Any,
    /// This node first, then as [`Placement::Any`].
    Prefer(NodeId),
    /// This node or none.
    Exact(NodeId),
}

/// A hypervisor that can hold claims. Safe to use from several threads.
pub trait Hypervisor: Send + Sync + fmt::Debug {
    /// `XEN_DOMCTL_claim_memory` as it is on the wire (`docs/contract.md`, 1.3 to 1.5): any mode,
    /// any number, any entries, or none (a null pointer). An array shorter than the entries that
    /// `nr_entries` makes the hypervisor read or write is `EFAULT`.
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
        let mut buffer = wire::EMPTY;
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
        self.get_into(domain, &mut Room::new()).cloned()
    }

    /// The same, for a caller who has the room.
    ///
    /// # Errors
    ///
    /// As [`get`](Hypervisor::get).
    fn get_into<'r>(
        &self,
        domain: DomainId,
        room: &'r mut Room,
    ) -> Result<&'r ClaimSet, HypercallError> {
        let mut buffer = wire::EMPTY;
        let mut count = buffer.len() as u32;
        self.claim_memory(
            domain,
            wire::XEN_DOMCTL_CLAIM_MEMORY_GET,
            &mut count,
            Some(&mut buffer),
        )
        .and_then(|()| buffer.get(..count as usize).ok_or(Errno::EPROTO))
        .and_then(|entries| wire::decode(entries, room).map_err(|_| Errno::EPROTO))
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

    /// The life of domains, where this build can do it.
    fn builder(&self) -> Option<&dyn DomainBuilder> {
        None
    }

    /// Faults on purpose, where this hypervisor can have them.
    fn faults(&self) -> Option<&dyn Faults> {
        None
    }
}

/// What a domain builder needs beside claims.
pub trait DomainBuilder: Hypervisor {
    /// A new domain, paused, without memory and with a maximum of 0 pages. Who was killed before this
    /// returned finds it again by `uuid`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the host can't hold another domain.
    fn create_as(&self, uuid: Uuid) -> Result<DomainId, HypercallError>;

    /// A new domain that nobody needs to find again.
    ///
    /// # Errors
    ///
    /// As [`create_as`](Self::create_as).
    fn create(&self) -> Result<DomainId, HypercallError> {
        self.create_as(Uuid::default())
    }

    /// Which nodes the memory of each domain is on, ascending by domain, then node. Domains that end
    /// meanwhile may be missing.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` on a Xen without the series.
    fn memory_of_domains(&self) -> Result<Vec<DomainMemory>, HypercallError> {
        let mut all = Vec::new();
        for DomainInfo { domain, .. } in self.domains()? {
            let pages = match self.node_pages(domain) {
                Err(error) if error.errno == Errno::ESRCH => continue,
                pages => pages?,
            };
            let on_nodes = NodeId::all().zip(pages);
            let on_nodes = on_nodes.filter(|(_, pages)| *pages > Pages::ZERO);
            all.extend(on_nodes.map(|(node, pages)| DomainMemory {
                domain,
                node,
                pages,
            }));
        }
        Ok(all)
    }

    /// Sets the most pages `domain` may have. What it has or claims already is not taken away. A
    /// number over [`limits::DOMAIN_PAGES`](crate::limits::DOMAIN_PAGES) means that largest one.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn set_max_pages(&self, domain: DomainId, max: Pages) -> Result<(), HypercallError>;

    /// Gives `domain` up to `extents` extents of 2^`order` pages and returns how many it gave: it
    /// goes one extent at a time and stops at the first that can't be had. Of more than one page none
    /// is given at the expense of claims on other nodes, while those of `domain` cover it and no node is
    /// named: go on with smaller extents (`docs/contract.md`, 1.8).
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn populate(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    ) -> Result<u64, HypercallError>;

    /// Takes the `extents` extents of 2^`order` pages back that `domain` was given last.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain; `EINVAL` if the last ones are of another order or
    /// fewer, and then nothing is taken.
    fn depopulate(&self, domain: DomainId, order: u32, extents: u64) -> Result<(), HypercallError>;

    /// Starts `domain`, or lets it go on.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `EINVAL` if it is not paused.
    fn unpause(&self, domain: DomainId) -> Result<(), HypercallError>;

    /// Ends `domain`: releases its claims, then frees its memory.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn destroy(&self, domain: DomainId) -> Result<(), HypercallError>;
}

/// Claims taken back from a domain because memory went away, in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recall {
    /// Whose claim it was.
    pub domain: DomainId,
    /// Node claim or host claim.
    pub target: Target,
    /// How much of it is gone.
    pub pages: Pages,
}

impl Recall {
    /// Reads a line of Xen's log, `... recalled 1 page claimed by d3 on node 0`, or without a
    /// node. Any other line is none.
    pub fn from_log(line: &str) -> Option<Self> {
        let words = line.split_once("recalled ")?.1;
        let mut words = words.split_whitespace();
        let pages = words.next()?.parse().ok()?;
        let domain = words.find_map(|word| word.strip_prefix('d')?.parse::<i64>().ok())?;
        let target = match words.skip_while(|word| *word != "node").nth(1) {
            None => Target::Host,
            Some(node) => Target::Node(NodeId::new(node.parse().ok()?).ok()?),
        };
        Some(Recall {
            domain: DomainId::new(domain).ok()?,
            target,
            pages: Pages::new(pages),
        })
    }
}

/// Faults on purpose, for tests.
pub trait Faults: DomainBuilder {
    /// Takes one free page of `node` out of use.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the node has no free page.
    fn offline_free_page(&self, node: NodeId) -> Result<(), HypercallError>;

    /// Takes one page of `node` out of use that `domain` has: it goes when the domain frees it.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `ENOENT` if it has no page of that node.
    fn offline_used_page(&self, node: NodeId, domain: DomainId) -> Result<(), HypercallError>;

    /// Brings all pages of `node` back into use that are out of it.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such node.
    fn online_pages(&self, node: NodeId) -> Result<(), HypercallError>;

    /// The recalls so far, oldest first.
    fn recalls(&self) -> Vec<Recall>;

    /// Scrubs all free memory that is to be scrubbed before anybody gets it again, because a domain had
    /// it that is gone.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` where that can't be arranged, as on a Xen that does it when it is idle.
    fn scrub(&self) -> Result<(), HypercallError>;

    /// Lets the next extent of a populate call fail after the allocator's checks were passed.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` where that can't be arranged.
    fn fail_next_allocation(&self) -> Result<(), HypercallError>;

    /// Begins to destroy `domain`: its claims are released, its memory is still there. It stays
    /// dying until [`DomainBuilder::destroy`].
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    fn begin_destroy(&self, domain: DomainId) -> Result<(), HypercallError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recalls_are_read_from_the_log() {
        let line = "(XEN) [   8.1] Page offlining: recalled 1 page claimed by d3 on node 2";
        let found = Recall::from_log(line).unwrap();
        assert_eq!(found.domain.get(), 3);
        assert_eq!(found.target.to_string(), "node 2");
        let line = "(XEN) Page offlining: recalled 1 page claimed by d12";
        assert_eq!(Recall::from_log(line).unwrap().target, Target::Host);
        let line = "(XEN) Page offlining: recalled nothing";
        assert_eq!(Recall::from_log(line), None);
    }
}
