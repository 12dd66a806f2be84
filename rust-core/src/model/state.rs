//! Who has and who claims which pages; how claims are installed, released and recalled.
//!
//! Each function checks everything first and then changes what it changes without failing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::claim::Target;
use crate::error::Errno;
use crate::hypervisor::{DomainInfo, HostMemory, NodeMemory, Uuid};
use crate::limits::{DOMAIN_ID, DOMAIN_PAGES, MAX_CLAIMS, MAX_NODES};
use crate::testing::Recall;
use crate::topology::Topology;
use crate::units::{DomainId, NodeId, NodeSet, Pages};
use crate::wire::{self, xen_memory_claim};

/// One node's counts, in pages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    pub(super) size: u64,
    pub(super) free: u64,
    /// Free pages that have to be scrubbed before anybody gets them.
    pub(super) dirty: u64,
    /// Sum of all domains' claims on this node.
    pub(super) claimed: u64,
    /// Pages out of use.
    offlined: u64,
}

/// Extents that a domain was given one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extents {
    pub(super) order: u32,
    pub(super) node: NodeId,
    pub(super) count: u64,
    /// Pages of the last of these that go out of use when they are freed.
    pub(super) offlining: u64,
}

/// One domain's counts, in pages.
#[derive(Debug)]
pub(super) struct Domain {
    uuid: Uuid,
    pub(super) tot_pages: u64,
    pub(super) max_pages: u64,
    pub(super) host_claim: u64,
    pub(super) node_claims: [u64; MAX_NODES],
    /// The host claim and all node claims together.
    pub(super) outstanding: u64,
    pub(super) dying: bool,
    pub(super) paused: bool,
    pub(super) affinity: NodeSet,
    pub(super) last_node: usize,
    /// What it has, oldest first.
    pub(super) extents: Vec<Extents>,
    /// Pages that the hypervisor has for it, and nobody counts as its.
    pub(super) not_refcounted: [u64; MAX_NODES],
}

/// The whole host.
#[derive(Debug)]
pub(super) struct State {
    pub(super) online: NodeSet,
    pub(super) nodes: [Node; MAX_NODES],
    pub(super) domains: BTreeMap<DomainId, Domain>,
    /// Free pages of all nodes.
    pub(super) free: u64,
    /// Claimed pages: all node claims and all host claims.
    pub(super) claimed: u64,
    pub(super) recalls: Vec<Recall>,
    pub(super) fail_next_allocation: bool,
    next_domain: i64,
}

impl State {
    pub(super) fn new(topology: &Topology) -> Self {
        let mut nodes = [Node::default(); MAX_NODES];
        for (node, pages) in topology.nodes() {
            nodes[node.index()].size = pages.get();
            nodes[node.index()].free = pages.get();
        }
        State {
            online: topology.nodes().map(|(node, _)| node).collect(),
            free: nodes.iter().map(|node| node.free).sum(),
            nodes,
            domains: BTreeMap::new(),
            claimed: 0,
            recalls: Vec::new(),
            fail_next_allocation: false,
            next_domain: 1,
        }
    }

    /// Any domain that exists.
    pub(super) fn domain(&mut self, id: DomainId) -> Result<&mut Domain, Errno> {
        self.domains.get_mut(&id).ok_or(Errno::ESRCH)
    }

    /// A domain that is not dying.
    pub(super) fn living(&mut self, id: DomainId) -> Result<&mut Domain, Errno> {
        let domain = self.domain(id)?;
        if domain.dying {
            return Err(Errno::ESRCH);
        }
        Ok(domain)
    }

    /// `docs/contract.md`, 1.4, rows 10 to 16, in that order.
    pub(super) fn install(
        &mut self,
        id: DomainId,
        entries: &[xen_memory_claim],
    ) -> Result<(), Errno> {
        let domain = self.domains.get(&id).ok_or(Errno::ESRCH)?;

        let mut host_claim = None;
        let mut node_claims = [0; MAX_NODES];
        let mut named = NodeSet::EMPTY;
        for entry in entries {
            if entry.pad != 0 {
                return Err(Errno::EINVAL);
            }
            match entry.target {
                wire::XEN_DOMCTL_CLAIM_MEMORY_HOST => {
                    if host_claim.replace(entry.pages).is_some() {
                        return Err(Errno::EINVAL);
                    }
                }
                wire::XEN_DOMCTL_CLAIM_MEMORY_LEGACY => return Err(Errno::EINVAL),
                target => {
                    let node = NodeId::new(target.into()).map_err(|_| Errno::ENOENT)?;
                    if !self.online.contains(node) {
                        return Err(Errno::ENOENT);
                    }
                    if !named.insert(node) {
                        return Err(Errno::EINVAL);
                    }
                    let n = node.index();
                    let others = self.nodes[n].claimed - domain.node_claims[n];
                    if entry.pages > self.nodes[n].free - others {
                        return Err(Errno::ENOMEM);
                    }
                    node_claims[n] = entry.pages;
                }
            }
        }

        // Each node's share is below its free pages, so that only the host's can wrap the sum.
        let host_claim = host_claim.unwrap_or(0);
        let on_nodes: u64 = node_claims.iter().sum();
        let wanted = host_claim.checked_add(on_nodes).ok_or(Errno::EINVAL)?;
        let releasing = wanted == 0;
        if !releasing && wanted > domain.max_pages.saturating_sub(domain.tot_pages) {
            return Err(Errno::EINVAL);
        }
        let others = self.claimed - domain.outstanding;
        if wanted > self.free - others {
            return Err(Errno::ENOMEM);
        }

        self.release(id);
        self.claimed += wanted;
        for node in named.iter() {
            self.nodes[node.index()].claimed += node_claims[node.index()];
        }
        if let Some(domain) = self.domains.get_mut(&id) {
            domain.host_claim = host_claim;
            domain.node_claims = node_claims;
            domain.outstanding = wanted;
        }
        Ok(())
    }

    /// `docs/contract.md`, 1.6.
    pub(super) fn claim_legacy(
        &mut self,
        id: DomainId,
        target: u32,
        pages: u64,
    ) -> Result<(), Errno> {
        let domain = self.domain(id)?;
        if pages == 0 {
            self.release(id);
            return Ok(());
        }
        if domain.outstanding > 0 || pages <= domain.tot_pages || pages > domain.max_pages {
            return Err(Errno::EINVAL);
        }
        let claim = xen_memory_claim {
            pages: pages - domain.tot_pages,
            target,
            pad: 0,
        };
        self.install(id, &[claim])
    }

    /// What a domain has of each node, up to the highest that is online.
    pub(super) fn node_pages(&mut self, id: DomainId) -> Result<Vec<Pages>, Errno> {
        let count = self.online.iter().map(|node| node.index() + 1).max();
        let mut pages = vec![0; count.unwrap_or(0)];
        for run in &self.domain(id)?.extents {
            pages[run.node.index()] += run.count << run.order;
        }
        Ok(pages.into_iter().map(Pages::new).collect())
    }

    /// The claims of a domain as GET returns them, and how many they are.
    pub(super) fn outstanding(&mut self, id: DomainId) -> Result<(wire::ClaimArray, usize), Errno> {
        let domain = self.domain(id)?;
        let mut claims = wire::NO_CLAIMS;
        claims[0].pages = domain.host_claim;
        claims[0].target = wire::XEN_DOMCTL_CLAIM_MEMORY_HOST;
        let mut count = 1;
        for (n, &pages) in domain.node_claims.iter().enumerate() {
            if pages > 0 {
                // OK because of at most 64 nodes.
                claims[count].target = n as u32;
                claims[count].pages = pages;
                count += 1;
            }
        }
        debug_assert!(count <= MAX_CLAIMS);
        Ok((claims, count))
    }

    /// Gives back every claim of a domain.
    fn release(&mut self, id: DomainId) {
        if let Some(domain) = self.domains.get_mut(&id) {
            for (node, claim) in self.nodes.iter_mut().zip(&mut domain.node_claims) {
                node.claimed -= core::mem::take(claim);
            }
            domain.host_claim = 0;
            self.claimed -= core::mem::take(&mut domain.outstanding);
        }
    }

    /// `docs/contract.md`, 1.11: takes claims back until what is claimed is there again.
    fn recall(&mut self, node: NodeId) {
        let n = node.index();
        for (&id, domain) in &mut self.domains {
            let excess = self.nodes[n].claimed.saturating_sub(self.nodes[n].free);
            let pages = excess.min(domain.node_claims[n]);
            if pages > 0 {
                domain.node_claims[n] -= pages;
                domain.outstanding -= pages;
                self.nodes[n].claimed -= pages;
                self.claimed -= pages;
                self.recalls.push(Recall {
                    domain: id,
                    target: Target::Node(node),
                    pages: Pages::new(pages),
                });
            }
        }
        for (&id, domain) in &mut self.domains {
            let excess = self.claimed.saturating_sub(self.free);
            let pages = excess.min(domain.host_claim);
            if pages > 0 {
                domain.host_claim -= pages;
                domain.outstanding -= pages;
                self.claimed -= pages;
                self.recalls.push(Recall {
                    domain: id,
                    target: Target::Host,
                    pages: Pages::new(pages),
                });
            }
        }
    }

    pub(super) fn create(&mut self, uuid: Uuid) -> Result<DomainId, Errno> {
        // Ids are used again only after all others, so that an old one is not soon mistaken.
        let ids = DOMAIN_ID.max as i64;
        let id = (0..ids)
            .map(|step| 1 + (self.next_domain - 1 + step) % ids)
            .filter_map(|id| DomainId::new(id).ok())
            .find(|id| !self.domains.contains_key(id))
            .ok_or(Errno::ENOMEM)?;
        self.next_domain = i64::from(id.get()) + 1;
        let domain = Domain {
            uuid,
            tot_pages: 0,
            max_pages: 0,
            host_claim: 0,
            node_claims: [0; MAX_NODES],
            outstanding: 0,
            dying: false,
            paused: true,
            affinity: NodeId::all().collect(),
            // As in Xen, whose first unbound allocation for a domain starts behind node 0.
            last_node: 0,
            extents: Vec::new(),
            not_refcounted: [0; MAX_NODES],
        };
        self.domains.insert(id, domain);
        Ok(id)
    }

    pub(super) fn set_max_pages(&mut self, id: DomainId, max: u64) -> Result<(), Errno> {
        self.domain(id)?.max_pages = max.min(DOMAIN_PAGES.max);
        Ok(())
    }

    pub(super) fn set_affinity(&mut self, id: DomainId, nodes: NodeSet) -> Result<(), Errno> {
        let online = self.online;
        let domain = self.domain(id)?;
        if nodes.intersection(online).is_empty() {
            return Err(Errno::EINVAL);
        }
        domain.affinity = nodes;
        Ok(())
    }

    pub(super) fn unpause(&mut self, id: DomainId) -> Result<(), Errno> {
        let domain = self.domain(id)?;
        if !core::mem::take(&mut domain.paused) {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    /// Claims go first, at once, before any memory is freed.
    pub(super) fn kill(&mut self, id: DomainId) -> Result<(), Errno> {
        self.domain(id)?.dying = true;
        self.release(id);
        Ok(())
    }

    pub(super) fn destroy(&mut self, id: DomainId) -> Result<(), Errno> {
        self.kill(id)?;
        let domain = self.domain(id)?;
        let not_refcounted = domain.not_refcounted;
        for run in core::mem::take(&mut domain.extents) {
            self.free_pages(id, run.node, run.count << run.order, run.offlining);
        }
        for (node, pages) in self.nodes.iter_mut().zip(not_refcounted) {
            node.free += pages;
            node.dirty += pages;
            self.free += pages;
        }
        self.domains.remove(&id);
        Ok(())
    }

    /// Takes pages from a domain: they are free then, and some of them out of use. As in Xen, a living
    /// domain is to clear what it gives back itself, and what a dying one had is scrubbed later.
    pub(super) fn free_pages(&mut self, id: DomainId, node: NodeId, pages: u64, gone: u64) {
        let node = &mut self.nodes[node.index()];
        if let Some(domain) = self.domains.get_mut(&id) {
            domain.tot_pages -= pages;
            node.dirty += if domain.dying { pages - gone } else { 0 };
        }
        node.offlined += gone;
        node.free += pages - gone;
        self.free += pages - gone;
    }

    pub(super) fn offline_free_page(&mut self, node: NodeId) -> Result<(), Errno> {
        if self.nodes[node.index()].free == 0 {
            return Err(Errno::ENOENT);
        }
        self.take(node, 1);
        self.nodes[node.index()].offlined += 1;
        self.recall(node);
        Ok(())
    }

    /// Of the extents given last, as these are freed first.
    pub(super) fn offline_used_page(&mut self, node: NodeId, id: DomainId) -> Result<(), Errno> {
        let mut last = self.domain(id)?.extents.iter_mut().rev();
        let run = last.find(|run| run.node == node && run.offlining < run.count << run.order);
        run.ok_or(Errno::ENOENT)?.offlining += 1;
        Ok(())
    }

    pub(super) fn online_pages(&mut self, node: NodeId) -> Result<(), Errno> {
        if !self.online.contains(node) {
            return Err(Errno::ENOENT);
        }
        let node = &mut self.nodes[node.index()];
        let pages = core::mem::take(&mut node.offlined);
        node.free += pages;
        self.free += pages;
        Ok(())
    }

    pub(super) fn scrub(&mut self) {
        for node in &mut self.nodes {
            node.dirty = 0;
        }
    }

    pub(super) fn nodes(&self) -> Vec<NodeMemory> {
        let online = self
            .online
            .iter()
            .map(|node| (node, self.nodes[node.index()]));
        online
            .map(|(node, counts)| NodeMemory {
                node,
                size: Pages::new(counts.size),
                free: Pages::new(counts.free),
                claimed: Pages::new(counts.claimed),
            })
            .collect()
    }

    pub(super) fn host(&self) -> HostMemory {
        HostMemory {
            free: Pages::new(self.free),
            claimed: Pages::new(self.claimed),
        }
    }

    pub(super) fn domains(&self) -> Vec<DomainInfo> {
        self.domains
            .iter()
            .map(|(&id, domain)| DomainInfo {
                domain: id,
                tot_pages: Pages::new(domain.tot_pages),
                max_pages: Pages::new(domain.max_pages),
                outstanding_pages: Pages::new(domain.outstanding),
                dying: domain.dying,
                paused: domain.paused,
                // Here nothing ever runs.
                cpu_time: Duration::ZERO,
                uuid: domain.uuid,
            })
            .collect()
    }
}
