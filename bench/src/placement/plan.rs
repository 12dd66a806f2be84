//! Where a VM is to be: the rule of `Claims.plan`'s policy `Pack`, on hosts whose nodes are all as far
//! from each other.

/// Pages by node.
pub type Plan = Vec<(usize, u64)>;

/// Of the smallest sets of nodes that have `pages`, the one that has least left then; of it, the largest
/// nodes in whole. `rooms` are nodes and their claimable pages.
pub fn fewest(rooms: &[(usize, u64)], pages: u64) -> Option<Plan> {
    let sets = 1..1u32 << rooms.len();
    let of = |set: u32| {
        rooms
            .iter()
            .enumerate()
            .filter(move |(i, _)| (set >> i) & 1 == 1)
    };
    let best = sets
        .map(|set| {
            (
                set.count_ones(),
                of(set).map(|(_, room)| room.1).sum::<u64>(),
                set,
            )
        })
        .filter(|(_, have, _)| *have >= pages)
        .min_by_key(|&(count, have, set)| (count, have, set.reverse_bits()))?;
    let mut chosen: Plan = of(best.2).map(|(_, room)| *room).collect();
    chosen.sort_by_key(|&(node, room)| (std::cmp::Reverse(room), node));
    let mut left = pages;
    for (_, room) in &mut chosen {
        *room = left.min(*room);
        left -= *room;
    }
    chosen.sort_unstable();
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_few_nodes_as_can_be_and_the_fullest_that_will_do() {
        let rooms = [(0, 4096), (1, 2048), (2, 3072)];
        assert_eq!(fewest(&rooms, 2048), Some(vec![(1, 2048)]));
        assert_eq!(fewest(&rooms, 2560), Some(vec![(2, 2560)]));
        assert_eq!(fewest(&rooms, 5000), Some(vec![(1, 1928), (2, 3072)]));
        assert_eq!(
            fewest(&rooms, 9216),
            Some(vec![(0, 4096), (1, 2048), (2, 3072)])
        );
        assert_eq!(fewest(&rooms, 9217), None);
    }
}
