//! A host to boot: its nodes, and where and in what state their memory is.

use xen_claims::{Pages, Topology};

use super::loaded::Range;

/// What pages are like when Xen boots, in the bits of `host.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// They have to be scrubbed before anybody gets them.
    pub dirty: bool,
    /// They have contents, and Xen verifies that what it gives away is scrubbed.
    pub contents: bool,
    /// Those below 8 GiB are for devices with narrow addresses, and given away last.
    pub dma: bool,
}

/// Where the memory of a node begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placing {
    /// At a multiple of 4 GiB, so that it is in large blocks.
    #[default]
    Aligned,
    /// Right behind the node before, from 4 MiB on: in blocks of many sizes, and several zones.
    Packed,
    /// Half of it as [`Placing::Packed`] has it, the other half behind 8 GiB: that is where the DMA
    /// zone ends, if there is one.
    Split,
    /// So much of the first node behind 4 MiB, and the rest as [`Placing::Aligned`] has it, behind 8 GiB:
    /// what a host with a DMA zone is like.
    FirstLow(Pages),
}

/// The host to boot.
#[derive(Debug, Clone)]
pub struct Boot {
    pub(super) topology: Topology,
    pub(super) flags: Flags,
    placing: Placing,
}

impl Boot {
    /// A host of these nodes, each with exactly so many free pages.
    pub fn new(topology: &Topology) -> Self {
        Boot {
            topology: topology.clone(),
            flags: Flags::default(),
            placing: Placing::default(),
        }
    }

    /// The same, with its memory in this state.
    #[must_use]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// The same, with its memory in these places.
    #[must_use]
    pub fn placing(mut self, placing: Placing) -> Self {
        self.placing = placing;
        self
    }

    /// Xen keeps the lists of each node but the first in some of that node's pages. It gets them
    /// in addition.
    pub(super) fn ranges(&self, metadata: u64) -> Vec<Range> {
        const FIRST: u64 = 1024;
        const END_OF_DMA: u64 = 1 << 21;
        let mut first = true;
        let mut nodes = Vec::new();
        for (node, pages) in self.topology.nodes() {
            let mut pages = pages.get();
            let mut lists = 0;
            if pages > 0 && !std::mem::replace(&mut first, false) {
                lists = metadata;
                pages += lists;
            }
            nodes.push((node.index() as u64, pages, lists));
        }
        let mut start = FIRST;
        let mut range = |node, pages| {
            if matches!(self.placing, Placing::Aligned | Placing::FirstLow(_)) {
                start = start.next_multiple_of(1 << 20);
            }
            let range = Range { node, start, pages };
            // Xen finds the node of a page by this many of its address.
            start = (start + pages).next_multiple_of(1024);
            range
        };
        if let Placing::FirstLow(low) = self.placing {
            let mut low = low.get();
            let mut ranges = Vec::new();
            if let Some(first) = nodes.iter_mut().find(|(_, pages, _)| *pages > 0) {
                low = low.min(first.1);
                first.1 -= low;
                ranges.push(Range {
                    node: first.0,
                    start: FIRST,
                    pages: low,
                });
            }
            for (node, pages, _) in nodes {
                let high = range(node, pages);
                ranges.push(Range {
                    start: high.start + END_OF_DMA,
                    ..high
                });
            }
            return ranges;
        }
        if self.placing != Placing::Split {
            let all = nodes.into_iter();
            return all.map(|(node, pages, _)| range(node, pages)).collect();
        }
        // Xen finds the upper part first, and keeps the lists there. The first node, where the CPUs
        // are, is the one that the first range is of: it has no lists to keep, and some lower part.
        let high = |pages: u64, lists: u64| (pages / 2).max(lists);
        let mut ranges = Vec::new();
        for &(node, pages, lists) in &nodes {
            ranges.push(range(node, pages - high(pages, lists)));
        }
        for &(node, pages, lists) in &nodes {
            let upper = range(node, high(pages, lists));
            ranges.push(Range {
                start: upper.start + END_OF_DMA,
                ..upper
            });
        }
        ranges.retain(|range| range.pages > 0);
        // Nodes without memory are there all the same.
        for &(node, _, _) in nodes.iter().filter(|(_, pages, _)| *pages == 0) {
            ranges.push(Range {
                node,
                start: FIRST,
                pages: 0,
            });
        }
        ranges
    }
}

impl Flags {
    /// As the code below has them.
    pub(super) fn bits(self) -> u64 {
        u64::from(self.dirty) | (u64::from(self.contents) << 1) | (u64::from(self.dma) << 2)
    }
}
