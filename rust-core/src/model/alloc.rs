//! How pages go to a domain: which nodes are tried, who may have them, which claims they use up.

use super::state::{Domain, Extents, State};
use crate::error::Errno;
use crate::hypervisor::Placement;
use crate::limits::EXTENT_ORDER;
use crate::units::{DomainId, NodeId, NodeSet};

/// What a node's free memory has for an extent: Xen takes what is scrubbed before what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocks {
    /// No block that is large enough.
    None,
    /// Such a block, to be scrubbed first.
    Dirty,
    /// A block that is scrubbed.
    Clean,
}

/// The nodes an allocation tries, in Xen's order (`docs/contract.md`, 1.8).
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
    let start = start.map_or(0, NodeId::index);
    let ahead = near.iter().filter(move |node| node.index() >= start);
    let behind = near.iter().filter(move |node| node.index() < start);
    let rest = ahead.chain(behind).chain(far.iter());
    first
        .into_iter()
        .chain(rest.filter(move |node| Some(*node) != first))
}

impl State {
    /// Gives a domain one extent, and says of which node; none if it can't have it. As in Xen, claims
    /// that the extent used up stay used up when the domain turns out to be unable to take it (1.9).
    ///
    /// What is not `counted` the hypervisor takes for its own use: no claim is for that.
    pub(super) fn populate_extent(
        &mut self,
        id: DomainId,
        order: u32,
        placement: Placement,
        counted: bool,
        blocks: impl Fn(NodeId) -> Blocks,
    ) -> Result<Option<NodeId>, Errno> {
        let domain = self.domains.get(&id).ok_or(Errno::ESRCH)?;
        if !EXTENT_ORDER.allows(order.into()) {
            return Ok(None);
        }
        let pages = 1 << order;
        let own = |claim| if counted { claim } else { 0 };

        if pages > self.free - self.claimed + own(domain.outstanding) {
            return Ok(None);
        }
        let may = |node: &NodeId| {
            let claim = own(domain.node_claims[node.index()]);
            let node = &self.nodes[node.index()];
            pages <= node.free - node.claimed + claim
        };
        let first = |wanted| {
            let mut nodes = nodes_to_try(self.online, domain, placement).filter(may);
            nodes.find(|node| blocks(*node) >= wanted)
        };
        // Every node, before anything is scrubbed for this.
        let Some(node) = first(Blocks::Clean).or_else(|| first(Blocks::Dirty)) else {
            return Ok(None);
        };
        if core::mem::take(&mut self.fail_next_allocation) {
            return Ok(None);
        }

        if counted {
            self.redeem(id, node, pages);
        }
        self.nodes[node.index()].free -= pages;
        self.free -= pages;

        let domain = self.domain(id)?;
        domain.last_node = node.index();
        let room = domain.max_pages.saturating_sub(domain.tot_pages);
        if domain.dying || counted && pages > room {
            self.nodes[node.index()].free += pages;
            self.free += pages;
            return Ok(None);
        }
        if !counted {
            domain.uncounted[node.index()] += pages;
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

    /// The order in which Xen's `get_free_buddy()` goes through a host of six nodes.
    #[test]
    fn nodes_are_tried_in_the_order_of_xen() {
        let node = |n| NodeId::new(n).unwrap();
        let set = |nodes: &[i64]| nodes.iter().map(|n| node(*n)).collect::<NodeSet>();
        let mut state = State::new(&"6x1".parse::<Topology>().unwrap());
        let id = state.create(Default::default()).unwrap();
        let online = state.online;
        let mut order = |affinity: &[i64], last: usize, placement| -> Vec<usize> {
            let domain = state.domain(id).unwrap();
            domain.affinity = set(affinity);
            domain.last_node = last;
            nodes_to_try(online, domain, placement)
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
}
