//! Every limit of the interface, declared once.
//!
//! A [`Limit`] feeds the check, the text of the error, and the generators of the tests, so that
//! the three cannot disagree.

use core::fmt;
use core::ops::RangeInclusive;

/// An inclusive range of whole numbers, with the words that error messages use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is limited, as a noun.
    pub what: &'static str,
    /// The smallest value that is allowed.
    pub min: u64,
    /// The largest value that is allowed.
    pub max: u64,
}

impl Limit {
    const fn new(what: &'static str, min: u64, max: u64) -> Self {
        Limit { what, min, max }
    }

    /// Is `value` within the limit?
    #[inline]
    pub const fn allows(&self, value: u64) -> bool {
        self.min <= value && value <= self.max
    }

    /// The limit as a range, for generators.
    pub const fn range(&self) -> RangeInclusive<u64> {
        self.min..=self.max
    }
}

impl fmt::Display for Limit {
    /// `0..63`: as the documentation writes it, both ends included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}

/// Xen's `MAX_NUMNODES` on x86.
pub const MAX_NODES: usize = 64;

/// Every node once, and the host.
pub const MAX_CLAIMS: usize = MAX_NODES + 1;

/// Id of a NUMA node.
pub const NODE_ID: Limit = Limit::new("node", 0, MAX_NODES as u64 - 1);

/// Id of a domain: what lies below Xen's `DOMID_FIRST_RESERVED`.
pub const DOMAIN_ID: Limit = Limit::new("domid", 0, 0x7FEF);

/// Number of entries in a claim set.
pub const CLAIM_COUNT: Limit = Limit::new("number of claims", 1, MAX_CLAIMS as u64);

/// Pages of one claim, and of all claims of a set together: what an OCaml `int64` holds.
pub const CLAIM_PAGES: Limit = Limit::new("pages", 0, i64::MAX as u64);

/// Order of an extent: up to 1 GiB, Xen's limit for a control domain on x86.
pub const EXTENT_ORDER: Limit = Limit::new("order", 0, 18);

/// Number of extents in one populate call.
pub const EXTENT_COUNT: Limit = Limit::new("number of extents", 0, i64::MAX as u64);

/// Largest `max_pages` of a domain: Xen counts a domain's pages in 32 bits.
pub const DOMAIN_PAGES: Limit = Limit::new("maximum memory in pages", 0, u32::MAX as u64);
