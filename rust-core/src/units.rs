//! Pages, bytes, nodes and domains: one type each, so that none is taken for another.

use core::fmt;

use crate::limits::{self, Limit};

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

/// A number of pages of [`PAGE_SIZE`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pages(u64);

impl Pages {
    /// No pages.
    pub const ZERO: Pages = Pages(0);

    /// `pages` pages. Every number is a number of pages; what can be claimed is decided where it is claimed.
    pub const fn new(pages: u64) -> Self {
        Pages(pages)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The pages that `bytes` fill.
    ///
    /// # Errors
    ///
    /// [`PartialPage`] if `bytes` is no multiple of [`PAGE_SIZE`].
    ///
    /// ```
    /// use xen_claims::{Bytes, Pages};
    /// assert_eq!(Pages::from_bytes(Bytes::new(8192)), Ok(Pages::new(2)));
    /// assert!(Pages::from_bytes(Bytes::new(8193)).is_err());
    /// ```
    pub const fn from_bytes(bytes: Bytes) -> Result<Self, PartialPage> {
        if bytes.0 % PAGE_SIZE != 0 {
            return Err(PartialPage(bytes));
        }
        Ok(Pages(bytes.0 / PAGE_SIZE))
    }

    /// The same memory in bytes, or `None` if that does not fit in 64 bits.
    pub const fn to_bytes(self) -> Option<Bytes> {
        match self.0.checked_mul(PAGE_SIZE) {
            Some(bytes) => Some(Bytes(bytes)),
            None => None,
        }
    }

    /// The sum, or `None` if it does not fit in 64 bits.
    #[inline]
    pub const fn checked_add(self, other: Pages) -> Option<Pages> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Pages(sum)),
            None => None,
        }
    }

    /// The difference, or no pages if `other` is more.
    pub const fn saturating_sub(self, other: Pages) -> Pages {
        Pages(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} page{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(u64);

impl Bytes {
    /// `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Bytes(bytes)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

/// A number of bytes that ends within a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} bytes are no whole number of {PAGE_SIZE}-byte pages", .0.get())]
pub struct PartialPage(pub Bytes);

/// A number that is outside its [`Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} {value} is not in {limit}", limit.what)]
pub struct OutOfRange {
    /// The number.
    pub value: i64,
    /// The limit it broke.
    pub limit: Limit,
}

impl Limit {
    /// `value` as the unsigned number it is.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if it is not within the limit.
    #[inline]
    pub const fn check(self, value: i64) -> Result<u64, OutOfRange> {
        if value < 0 || !self.allows(value as u64) {
            return Err(OutOfRange { value, limit: self });
        }
        Ok(value as u64)
    }
}

/// A NUMA node: a number in [`limits::NODE_ID`]. A host need not have it, or have it online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u8);

impl NodeId {
    /// The node of that number.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if no host can have such a node.
    ///
    /// ```
    /// use xen_claims::NodeId;
    /// assert_eq!(NodeId::new(63).unwrap().index(), 63);
    /// assert_eq!(NodeId::new(64).unwrap_err().to_string(), "node 64 is not in 0..63");
    /// ```
    #[inline]
    pub const fn new(id: i64) -> Result<Self, OutOfRange> {
        match limits::NODE_ID.check(id) {
            // OK because NODE_ID.max is 63.
            Ok(id) => Ok(NodeId(id as u8)),
            Err(error) => Err(error),
        }
    }

    /// Every node a host can have, ascending.
    pub fn all() -> impl DoubleEndedIterator<Item = NodeId> {
        // OK because MAX_NODES is 64.
        (0..limits::MAX_NODES as u8).map(NodeId)
    }

    /// The number, as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// A domain: a number in [`limits::DOMAIN_ID`]. It need not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(u16);

impl DomainId {
    /// The first domain, which on most hosts is the one that controls the others.
    pub const DOM0: DomainId = DomainId(0);

    /// The domain of that number.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if it is negative or one of Xen's reserved ids: passing 65536 + 5 on as a
    /// 16-bit number would name domain 5.
    pub const fn new(id: i64) -> Result<Self, OutOfRange> {
        match limits::DOMAIN_ID.check(id) {
            // OK because DOMAIN_ID.max is below 65536.
            Ok(id) => Ok(DomainId(id as u16)),
            Err(error) => Err(error),
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "domid {}", self.0)
    }
}

/// A set of nodes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeSet(u64);

impl NodeSet {
    /// No node.
    pub const EMPTY: NodeSet = NodeSet(0);

    /// Adds `node`; false if it was there already.
    #[inline]
    pub fn insert(&mut self, node: NodeId) -> bool {
        let new = !self.contains(node);
        self.0 |= 1 << node.0;
        new
    }

    /// Is `node` one of them?
    #[inline]
    pub const fn contains(self, node: NodeId) -> bool {
        self.0 & (1 << node.0) != 0
    }

    /// Is there none?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The nodes of both.
    pub const fn intersection(self, other: NodeSet) -> NodeSet {
        NodeSet(self.0 & other.0)
    }

    /// The nodes that `other` does not have.
    pub const fn difference(self, other: NodeSet) -> NodeSet {
        NodeSet(self.0 & !other.0)
    }

    /// The set as Xen's bitmaps have it: bit n is node n.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The nodes, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = NodeId> {
        Nodes(self.0)
    }

    /// The first node at or above `index`, going on from the lowest one where there is none;
    /// `None` only for the empty set.
    pub fn cycle_from(self, index: usize) -> Option<NodeId> {
        let above = self.iter().find(|node| node.index() >= index);
        above.or_else(|| self.iter().next())
    }
}

/// The nodes of a set that are still to come.
#[derive(Debug)]
struct Nodes(u64);

impl Iterator for Nodes {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        // OK because of 64 bits.
        let node = NodeId(self.0.trailing_zeros() as u8);
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            node
        })
    }
}

impl DoubleEndedIterator for Nodes {
    fn next_back(&mut self) -> Option<NodeId> {
        let last = self.0.checked_ilog2()?;
        self.0 ^= 1 << last;
        // OK because of 64 bits.
        Some(NodeId(last as u8))
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = NodeSet::EMPTY;
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|node| node.index()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stop_at_their_limits() {
        for (id, ok) in [
            (-1, false),
            (0, true),
            (63, true),
            (64, false),
            (256, false),
        ] {
            assert_eq!(NodeId::new(id).is_ok(), ok, "node {id}");
        }
        for (id, ok) in [(-1, false), (0x7FEF, true), (0x7FF0, false), (65541, false)] {
            assert_eq!(DomainId::new(id).is_ok(), ok, "domid {id}");
        }
    }

    #[test]
    fn pages_do_not_wrap() {
        assert_eq!(Pages::new(u64::MAX).checked_add(Pages::new(1)), None);
        assert_eq!(Pages::new(1 << 52).to_bytes(), None);
        assert_eq!(Pages::new(3).to_bytes().map(Bytes::get), Some(12288));
        assert_eq!(Pages::new(3).saturating_sub(Pages::new(4)), Pages::ZERO);
    }

    #[test]
    fn amounts_and_ids_name_their_unit() {
        let partial = Pages::from_bytes(Bytes::new(8193)).unwrap_err();
        assert_eq!(
            [
                Pages::new(1).to_string(),
                Pages::new(2).to_string(),
                partial.to_string()
            ],
            [
                "1 page",
                "2 pages",
                "8193 bytes are no whole number of 4096-byte pages"
            ]
        );
        assert_eq!(Bytes::new(5).to_string(), "5 bytes");
        let domain = DomainId::new(-1).unwrap_err();
        assert_eq!(domain.to_string(), "domid -1 is not in 0..32751");
        assert_eq!(DomainId::DOM0.to_string(), "domid 0");
    }

    fn nodes(ids: &[i64]) -> NodeSet {
        ids.iter().map(|&id| NodeId::new(id).unwrap()).collect()
    }

    #[test]
    fn a_node_set_has_what_was_put_in() {
        let set = nodes(&[63, 0, 5]);
        assert_eq!(set.bits(), (1 << 63) | (1 << 5) | 1);
        // At most as many as there can be: one that is not taken out would come for ever.
        let ids = |nodes: &mut dyn Iterator<Item = NodeId>| {
            nodes.take(65).map(NodeId::index).collect::<Vec<_>>()
        };
        assert_eq!(ids(&mut set.iter()), [0, 5, 63]);
        assert_eq!(ids(&mut set.iter().rev()), [63, 5, 0]);
        let other = nodes(&[5, 6]);
        assert_eq!(set.intersection(other), nodes(&[5]));
        assert_eq!(set.difference(other), nodes(&[0, 63]));
        assert_eq!([set.is_empty(), NodeSet::EMPTY.is_empty()], [false, true]);
    }

    #[test]
    fn a_node_set_goes_round() {
        let set = nodes(&[1, 5]);
        let round = |index| set.cycle_from(index).map(NodeId::index);
        assert_eq!(
            [round(0), round(1), round(2), round(6), round(64)],
            [Some(1), Some(1), Some(5), Some(1), Some(1)]
        );
        assert_eq!(NodeSet::EMPTY.cycle_from(0), None);
    }
}
