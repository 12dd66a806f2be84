//! Where libxl places a domain: `libxl__get_numa_candidate()`, `numa_cmpf()` and
//! `libxl__domain_claim_on_nodes()` of the patched tree, on a host whose nodes have a processor each and
//! for domains with one.

use std::cmp::Reverse;

/// What libxl knows of a node when it looks.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Extents that are free and not claimed.
    pub room: u64,
    /// Processors of domains that have an affinity to it.
    pub vcpus: u64,
}

/// What libxl wants to see free for a PV domain: a MiB more, rounded up to 2 MiB.
pub const fn needed(extents: u64) -> u64 {
    extents + 1
}

/// Sets of nodes that have `needed`, best first: those of the fewest nodes, of these the ones with the fewest
/// virtual processors, and the most memory. Of equal ones the first.
pub fn candidates(nodes: &[Node], needed: u64) -> Vec<Vec<usize>> {
    let of = |set: u32| (0..nodes.len()).filter(move |node| (set >> node) & 1 == 1);
    let sets = (1..1u32 << nodes.len()).map(|set| of(set).collect::<Vec<_>>());
    let room = |set: &[usize]| set.iter().map(|&node| nodes[node].room).sum::<u64>();
    let vcpus = |set: &[usize]| set.iter().map(|&node| nodes[node].vcpus).sum::<u64>();
    let mut sets: Vec<_> = sets.filter(|set| room(set) >= needed).collect();
    // It goes through sets of one size in the order of their nodes.
    sets.sort_by_cached_key(|set| {
        let order = (vcpus(set), Reverse(room(set)));
        (set.len(), order, set.clone())
    });
    sets
}

/// What is claimed on the nodes of a candidate, of which each has that much now: equal shares, and of others
/// what one lacks; none if it is not there any more.
pub fn shares(rooms: &[(usize, u64)], extents: u64) -> Option<Vec<(usize, u64)>> {
    let mut claims = rooms.to_vec();
    claims.sort_by_key(|(_, room)| *room);
    let count = claims.len() as u64;
    let mut left = extents;
    for (index, (_, pages)) in claims.iter_mut().enumerate() {
        let share = left.div_ceil(count - index as u64);
        *pages = share.min(*pages);
        left -= *pages;
    }
    claims.retain(|(_, extents)| *extents > 0);
    (left == 0).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes<const N: usize>(all: [(u64, u64); N]) -> [Node; N] {
        all.map(|(room, vcpus)| Node { room, vcpus })
    }

    #[test]
    fn fewest_nodes_then_fewest_processors_then_most_memory() {
        // Node 1 has most, and two guests; node 3 would be first, but has too little.
        let host = nodes([(700, 1), (900, 2), (800, 1), (300, 0)]);
        let found = candidates(&host, needed(600));
        assert_eq!(found[..3], [vec![2], vec![0], vec![1]]);
        // Pairs follow. Those of (0, 3) and (2, 3) have one processor together, and 1000 and 1100.
        assert_eq!(found[3..5], [vec![2, 3], vec![0, 3]]);
        // Exactly as much as the guest has is a MiB short.
        assert_eq!(candidates(&host, needed(800))[0], [1]);
        assert_eq!(candidates(&host, needed(2700)), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn of_equal_ones_the_first() {
        let host = nodes([(500, 1); 4]);
        let found = candidates(&host, needed(600));
        assert_eq!(found[0], [0, 1]);
        assert_eq!(found[1], [0, 2]);
        assert_eq!(found.last(), Some(&vec![0, 1, 2, 3]));
    }

    #[test]
    fn shares_are_equal_unless_a_node_has_less() {
        assert_eq!(
            shares(&[(0, 900), (2, 800)], 601),
            Some(vec![(2, 301), (0, 300)])
        );
        assert_eq!(
            shares(&[(0, 100), (1, 900), (3, 900)], 1000),
            Some(vec![(0, 100), (1, 450), (3, 450)])
        );
        assert_eq!(shares(&[(0, 100), (1, 800)], 901), None);
    }
}
