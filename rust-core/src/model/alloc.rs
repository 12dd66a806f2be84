//! How pages go to a domain: which nodes are tried, who may have them, which claims they use up.

use super::state::{Domain, Extents, State};
use crate::error::Errno;
use crate::limits::EXTENT_ORDER;
use crate::testing::Placement;
use crate::units::{DomainId, NodeId, NodeSet};

/// The best that a node's free memory has for an extent; what is greater, Xen's own order takes first.
/// The DMA zone is memory of low addresses, and kept for devices that need those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockAvailability {
    /// No block that is large enough.
    None,
    /// Only in the DMA zone, and to be scrubbed first.
    DirtyInDma,
    /// Only in the DMA zone, and scrubbed.
    CleanInDma,
    /// Such a block above the DMA zone, to be scrubbed first.
    Dirty,
    /// A block above the DMA zone that is scrubbed. A free page always counts as scrubbed.
    Clean,
}

/// What all nodes are asked for, one after the other, before any is asked for the next.
const ROUNDS: [BlockAvailability; 4] = [
    BlockAvailability::Clean,
    BlockAvailability::Dirty,
    BlockAvailability::CleanInDma,
    BlockAvailability::DirtyInDma,
];

/// One extent that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) order: u32,
    pub(super) placement: Placement,
    /// As a guest's memory is; for what the hypervisor takes for its own use there are no claims.
    pub(super) refcounted: bool,
}

/// The nodes, beginning at that index.
fn cyclically(nodes: NodeSet, from: usize) -> impl Iterator<Item = NodeId> {
    let ahead = nodes.iter().filter(move |node| node.index() >= from);
    let behind = nodes.iter().filter(move |node| node.index() < from);
    ahead.chain(behind)
}

/// The nodes that a domain with claims on nodes is given memory of first (`docs/contract.md`, 1.8).
fn claimed_nodes(domain: &Domain, placement: Placement) -> impl Iterator<Item = NodeId> {
    let claimed = NodeId::all().filter(|node| domain.node_claims[node.index()] > 0);
    let (named, claimed) = match placement {
        Placement::Exact(node) => (Some(node), NodeSet::EMPTY),
        Placement::Prefer(node) => (Some(node), claimed.collect()),
        Placement::Any => (None, claimed.collect::<NodeSet>()),
    };
    let near = claimed.intersection(domain.affinity);
    let from = domain.last_node + 1;
    let near_first = cyclically(near, from).chain(cyclically(claimed.difference(near), from));
    named.into_iter().chain(near_first)
}

/// The nodes an allocation tries, in Xen's own order (`docs/contract.md`, 1.8).
fn nodes_to_try(
    online: NodeSet,
    domain: &Domain,
    placement: Placement,
) -> impl Iterator<Item = NodeId> {
    let near = domain.affinity.intersection(online);
    let next = near.cycle_from(domain.last_node + 1);
    let (first, near, far) = match placement {
        Placement::Exact(node) => (Some(node), NodeSet::EMPTY, NodeSet::EMPTY),
        Placement::Prefer(node) => (Some(node), near, online.difference(near)),
        Placement::Any => (next, near, online.difference(near)),
    };
    // From a node outside of them, Xen goes on at the first of the near ones.
    let start = first.filter(|node| near.contains(*node));
    let rest = cyclically(near, start.map_or(0, NodeId::index)).chain(far.iter());
    first
        .into_iter()
        .chain(rest.filter(move |node| Some(*node) != first))
}

impl State {
    /// Whether the claims there are leave an extent of a node to a domain: rules 2 and 3 of 1.8.
    fn claims_allow(&self, domain: &Domain, request: Request, node: NodeId) -> bool {
        let pages = 1 << request.order;
        let counts = &self.nodes[node.index()];
        let unclaimed = counts.free - counts.claimed;
        if !request.refcounted {
            return pages <= unclaimed;
        }
        let own = domain.node_claims[node.index()];
        let named = match request.placement {
            Placement::Any => false,
            Placement::Prefer(named) | Placement::Exact(named) => named == node,
        };
        // They cover it, and yet it would use up those on other nodes.
        let burns = own + domain.host_claim < pages && pages <= domain.outstanding;
        pages <= unclaimed + own && (named || pages == 1 || !burns)
    }

    /// What a node's memory has for an extent, as far as it is counted.
    fn blocks(&self, node: NodeId, order: u32) -> BlockAvailability {
        let pages = 1 << order;
        let counts = &self.nodes[node.index()];
        if counts.free < pages {
            BlockAvailability::None
        } else if pages == 1 || counts.free - counts.dirty >= pages {
            BlockAvailability::Clean
        } else {
            BlockAvailability::Dirty
        }
    }

    /// The node that an extent comes from, if there is one.
    fn place(
        &self,
        domain: &Domain,
        request: Request,
        blocks: impl Fn(NodeId, BlockAvailability) -> BlockAvailability,
    ) -> Option<NodeId> {
        let has = |node: &NodeId| match self.claims_allow(domain, request, *node) {
            true => blocks(*node, self.blocks(*node, request.order)),
            false => BlockAvailability::None,
        };
        let has_node_claims = domain.outstanding > domain.host_claim;
        let claimed = (request.refcounted && has_node_claims)
            .then(|| claimed_nodes(domain, request.placement))
            .and_then(|mut nodes| nodes.find(|node| has(node) > BlockAvailability::None));
        claimed.or_else(|| {
            ROUNDS.into_iter().find_map(|wanted| {
                let mut nodes = nodes_to_try(self.online, domain, request.placement);
                nodes.find(|node| has(node) >= wanted)
            })
        })
    }

    /// Gives a domain one extent, and says of which node; none if it can't have it. As in Xen, claims
    /// that the extent used up stay used up when the domain turns out to be unable to take it (1.9).
    ///
    /// `blocks` may know better what a node has for it than the counts do, which it is told.
    pub(super) fn populate_extent(
        &mut self,
        id: DomainId,
        request: Request,
        blocks: impl Fn(NodeId, BlockAvailability) -> BlockAvailability,
    ) -> Result<Option<NodeId>, Errno> {
        let domain = self.domains.get(&id).ok_or(Errno::ESRCH)?;
        let Request {
            order, refcounted, ..
        } = request;
        if !EXTENT_ORDER.allows(order.into()) {
            return Ok(None);
        }
        let pages = 1 << order;
        let own = if refcounted { domain.outstanding } else { 0 };
        if pages > self.free - self.claimed + own {
            return Ok(None);
        }
        let Some(node) = self.place(domain, request, blocks) else {
            return Ok(None);
        };
        if core::mem::take(&mut self.fail_next_allocation) {
            return Ok(None);
        }

        if refcounted {
            self.redeem(id, node, pages);
        }
        self.take(node, pages);

        let domain = self.domain(id)?;
        domain.last_node = node.index();
        let room = domain.max_pages.saturating_sub(domain.tot_pages);
        if domain.dying || refcounted && pages > room {
            self.nodes[node.index()].free += pages;
            self.free += pages;
            return Ok(None);
        }
        if !refcounted {
            domain.not_refcounted[node.index()] += pages;
            return Ok(Some(node));
        }
        domain.tot_pages += pages;
        match domain.extents.last_mut() {
            Some(run) if run.order == order && run.node == node && run.offlining == 0 => {
                run.count += 1;
            }
            _ => domain.extents.push(Extents {
                order,
                node,
                count: 1,
                offlining: 0,
            }),
        }
        Ok(Some(node))
    }

    /// Uses up claims of a domain for pages it gets from a node: the claim on that node, the host
    /// claim, then the claims on other nodes, so that it never has and claims more than it may.
    fn redeem(&mut self, id: DomainId, node: NodeId, pages: u64) {
        let Some(domain) = self.domains.get_mut(&id) else {
            return;
        };
        let mut left = pages.min(domain.outstanding);
        domain.outstanding -= left;
        self.claimed -= left;

        let mut take = |claim: &mut u64| {
            let taken = left.min(*claim);
            *claim -= taken;
            left -= taken;
            taken
        };
        let n = node.index();
        self.nodes[n].claimed -= take(&mut domain.node_claims[n]);
        take(&mut domain.host_claim);
        for (node, claim) in self.nodes.iter_mut().zip(&mut domain.node_claims) {
            node.claimed -= take(claim);
        }
    }

    /// Takes free pages of a node, those first that are scrubbed.
    pub(super) fn take(&mut self, node: NodeId, pages: u64) {
        let node = &mut self.nodes[node.index()];
        node.free -= pages;
        node.dirty = node.dirty.min(node.free);
        self.free -= pages;
    }

    /// Takes back the extents a domain was given last.
    pub(super) fn depopulate(
        &mut self,
        id: DomainId,
        order: u32,
        extents: u64,
    ) -> Result<(), Errno> {
        let domain = self.domain(id)?;
        let last = domain.extents.iter().rev();
        let same: u64 = last
            .take_while(|run| run.order == order)
            .map(|run| run.count)
            .sum();
        if extents > same {
            return Err(Errno::EINVAL);
        }
        let mut left = extents;
        while left > 0 {
            let Some(run) = self.domain(id)?.extents.last_mut() else {
                break;
            };
            let (node, count) = (run.node, left.min(run.count));
            let gone = run.offlining.min(count << order);
            run.count -= count;
            run.offlining -= gone;
            left -= count;
            if run.count == 0 {
                self.domain(id)?.extents.pop();
            }
            self.free_pages(id, node, count << order, gone);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Topology;
    use crate::wire::xen_memory_claim;

    fn node(id: i64) -> NodeId {
        NodeId::new(id).unwrap()
    }

    /// A host of six nodes, each of which has 1 GiB, and a domain on it.
    fn host(affinity: &[i64], last_node: usize, claims: &[(i64, u64)]) -> (State, DomainId) {
        let mut state = State::new(&"6x1".parse::<Topology>().unwrap());
        let id = state.create(Default::default()).unwrap();
        state.set_max_pages(id, 1 << 20).unwrap();
        let entries = claims.iter().map(|&(node, pages)| xen_memory_claim {
            pages,
            target: node as u32,
            pad: 0,
        });
        state.install(id, &entries.collect::<Vec<_>>()).unwrap();
        let domain = state.domain(id).unwrap();
        domain.affinity = affinity.iter().map(|n| node(*n)).collect();
        domain.last_node = last_node;
        (state, id)
    }

    /// The order in which Xen's `get_free_buddy()` goes through a host of six nodes.
    #[test]
    fn nodes_are_tried_in_the_order_of_xen() {
        let order = |affinity: &[i64], last: usize, placement| -> Vec<usize> {
            let (mut state, id) = host(affinity, last, &[]);
            let online = state.online;
            nodes_to_try(online, state.domain(id).unwrap(), placement)
                .map(NodeId::index)
                .collect()
        };
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(order(&all, 0, Placement::Any), [1, 2, 3, 4, 5, 0]);
        assert_eq!(order(&all, 5, Placement::Any), [0, 1, 2, 3, 4, 5]);
        assert_eq!(order(&[1, 4], 1, Placement::Any), [4, 1, 0, 2, 3, 5]);
        assert_eq!(
            order(&[1, 4], 2, Placement::Prefer(node(4))),
            [4, 1, 0, 2, 3, 5]
        );
        assert_eq!(
            order(&[1, 4], 2, Placement::Prefer(node(3))),
            [3, 1, 4, 0, 2, 5]
        );
        assert_eq!(order(&[1, 4], 2, Placement::Exact(node(3))), [3]);
    }

    // Affinity that is ignored, or taken for a limit; always the lowest node; a named node that is
    // not the first; an exact one that is not the only one.
    #[test]
    fn claimed_nodes_come_first_those_in_the_affinity_before_others() {
        let order = |affinity: &[i64], last: usize, placement| -> Vec<usize> {
            let claims = [(0, 1), (1, 1), (3, 1), (4, 1), (5, 0)];
            let (mut state, id) = host(affinity, last, &claims);
            claimed_nodes(state.domain(id).unwrap(), placement)
                .map(NodeId::index)
                .collect()
        };
        assert_eq!(order(&[0, 1, 2, 3, 4, 5], 1, Placement::Any), [3, 4, 0, 1]);
        assert_eq!(order(&[3, 4, 5], 3, Placement::Any), [4, 3, 0, 1]);
        assert_eq!(order(&[2, 5], 0, Placement::Any), [1, 3, 4, 0]);
        let named = Placement::Prefer(node(5));
        assert_eq!(order(&[1, 3], 5, named), [5, 1, 3, 0, 4]);
        assert_eq!(order(&[1, 3], 5, Placement::Exact(node(2))), [2]);
    }

    // A clean block elsewhere before a dirty one here, or high memory before low; a round that is
    // left out or comes too early; the first turn for domains and requests that use no node claims.
    #[test]
    fn any_memory_of_claimed_nodes_is_before_the_best_elsewhere() {
        use BlockAvailability::{Clean, CleanInDma, Dirty, DirtyInDma, None};
        let place = |claims: &[(i64, u64)], refcounted, blocks: [BlockAvailability; 6]| {
            let (state, id) = host(&[0, 1, 2, 3, 4, 5], 0, claims);
            let request = Request {
                order: 9,
                placement: Placement::Any,
                refcounted,
            };
            let domain = &state.domains[&id];
            let place = state.place(domain, request, |node, _| blocks[node.index()]);
            place.map(NodeId::index)
        };
        let mixed = [Clean, Dirty, CleanInDma, DirtyInDma, None, Clean];
        assert_eq!(place(&[(3, 600), (4, 600)], true, mixed), Some(3));
        assert_eq!(place(&[(2, 600), (3, 600)], true, mixed), Some(2));
        assert_eq!(place(&[(3, 600), (4, 600)], false, mixed), Some(5));
        for (claims, wanted) in [(&[][..], Some(5)), (&[(4, 600)], Option::None)] {
            assert_eq!(place(claims, true, mixed), wanted);
        }
        let low = [None, DirtyInDma, CleanInDma, Dirty, None, None];
        assert_eq!(place(&[], true, low), Some(3));
        let lower = [None, DirtyInDma, CleanInDma, None, None, None];
        assert_eq!(place(&[], true, lower), Some(2));
        // Not enough is claimed: from wherever there is some.
        assert_eq!(place(&[(4, 100)], true, low), Some(3));
    }

    // The rule for single pages, for the named node, or without the host's part; also for requests
    // that the claims do not cover.
    #[test]
    fn claims_are_not_burnt_while_they_cover_the_request() {
        let may = |claims: &[(i64, u64)], host_claim, order, placement, at| {
            let (mut state, id) = host(&[0, 1], 0, claims);
            let domain = state.domain(id).unwrap();
            domain.host_claim = host_claim;
            domain.outstanding += host_claim;
            state.claimed += host_claim;
            let request = Request {
                order,
                placement,
                refcounted: true,
            };
            state.claims_allow(&state.domains[&id], request, node(at))
        };
        let any = Placement::Any;
        let two = [(0, 300), (1, 300)];
        assert!(!may(&two, 0, 9, any, 0) && !may(&two, 0, 9, any, 2));
        assert!(may(&two, 0, 0, any, 2) && may(&two, 0, 8, any, 1));
        assert!(may(&two, 0, 9, Placement::Prefer(node(2)), 2));
        assert!(!may(&two, 0, 9, Placement::Prefer(node(2)), 1));
        assert!(may(&two, 211, 10, any, 0), "1024 of 811");
        assert!(may(&two, 212, 9, any, 0) && !may(&two, 211, 9, any, 1));
        assert!(may(&[], 600, 9, any, 3));
    }
}
