//! What a domain claims: [`Target`], [`Claim`], and the [`ClaimSet`] that is valid by construction.

use core::fmt;

use arrayvec::ArrayVec;

use crate::limits::{CLAIM_COUNT, CLAIM_PAGES, MAX_CLAIMS};
use crate::units::{NodeId, NodeSet, Pages};

/// Which pages satisfy a claim.
///
/// The order is the one the hypervisor reports in: the host first, then nodes ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Pages of any node.
    Host,
    /// Pages of this node only.
    Node(NodeId),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Host => f.write_str("the host"),
            Target::Node(node) => node.fmt(f),
        }
    }
}

/// So many pages of one target. 0 pages claim nothing and are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// How much.
    pub pages: Pages,
    /// Where.
    pub target: Target,
}

/// A request that can't be a claim set; nothing was sent to the hypervisor.
///
/// `index` is the position in the request of the first entry that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaim {
    /// An empty request. Releasing is said explicitly, with a claim of 0 pages.
    #[error("an empty claim set; to release all claims, claim 0 pages of the host")]
    Empty,
    /// More entries than every node once and the host.
    #[error("{count} claims, but a set has at most {MAX_CLAIMS} (every node once, and the host)")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A target that names neither a node nor the host.
    #[error(
        "claim {index} has target {value}, which is neither a node ({}) nor -1 (the host)",
        crate::limits::NODE_ID
    )]
    Target {
        /// Position of the entry.
        index: usize,
        /// The target as it was given.
        value: i64,
    },
    /// A negative number of pages.
    #[error("claim {index} is for {value} pages, which is negative")]
    Negative {
        /// Position of the entry.
        index: usize,
        /// The pages as they were given.
        value: i64,
    },
    /// A target that an earlier entry has already.
    #[error("claim {index} is the second one for {target}")]
    Duplicate {
        /// Position of the later entry.
        index: usize,
        /// The target they share.
        target: Target,
    },
    /// This entry brings the sum of all pages over the largest there is.
    #[error("claim {index} for {pages} brings the sum over {}", CLAIM_PAGES.max)]
    Sum {
        /// Position of the entry.
        index: usize,
        /// The pages of that entry.
        pages: Pages,
    },
}

/// Everything one domain claims: at most one claim for the host and one for each node.
///
/// A value of this type is valid: it has 1 to 65 claims, no target twice, and a sum of pages that
/// fits in 63 bits. It lives in place, without heap memory. Two sets are equal if they claim the same,
/// in whatever order.
///
/// ```
/// use xen_claims::{Claim, ClaimSet, NodeId, Pages, Target};
///
/// let node = |n| Target::Node(NodeId::new(n).unwrap());
/// let set = ClaimSet::new([
///     Claim { pages: Pages::new(512), target: node(1) },
///     Claim { pages: Pages::new(16), target: Target::Host },
/// ])?;
/// assert_eq!(set.pages_of(node(1)), Pages::new(512));
/// assert_eq!(set.total(), Pages::new(528));
/// # Ok::<(), xen_claims::InvalidClaim>(())
/// ```
#[derive(Clone)]
pub struct ClaimSet {
    claims: ArrayVec<Claim, MAX_CLAIMS>,
}

impl ClaimSet {
    /// The set of these claims, in any order.
    ///
    /// # Errors
    ///
    /// [`InvalidClaim`] if there is none or more than 65, if a target comes twice, or if the sum
    /// does not fit in 63 bits (`docs/contract.md`, 1.13).
    pub fn new<I>(claims: I) -> Result<Self, InvalidClaim>
    where
        I: IntoIterator<Item = Claim, IntoIter: ExactSizeIterator>,
    {
        Self::try_new(claims.into_iter().map(Ok))
    }

    /// The set of these claims, or the first error among them: for a caller that decodes as it goes.
    ///
    /// # Errors
    ///
    /// The first error of `claims`, and those of [`ClaimSet::new`], whichever is first.
    pub fn try_new(
        claims: impl ExactSizeIterator<Item = Result<Claim, InvalidClaim>>,
    ) -> Result<Self, InvalidClaim> {
        let mut buffer = ClaimSetBuffer::new();
        buffer.fill(claims)?;
        Ok(buffer.0)
    }

    const fn none() -> Self {
        ClaimSet {
            claims: ArrayVec::new_const(),
        }
    }

    /// The set of one host claim. With 0 pages it is the set that releases everything.
    ///
    /// `pages` over the limit of a claim are taken as the limit, which no host has.
    pub fn host(pages: Pages) -> Self {
        let mut set = ClaimSet::none();
        set.claims.push(Claim {
            pages: pages.min(Pages::new(CLAIM_PAGES.max)),
            target: Target::Host,
        });
        set
    }

    /// The claims, in the order they were given. A hypervisor gives the host first, then nodes
    /// ascending.
    pub fn as_slice(&self) -> &[Claim] {
        &self.claims
    }

    /// The claims that are for at least one page.
    pub fn outstanding(&self) -> impl Iterator<Item = Claim> + '_ {
        let claims = self.as_slice().iter().copied();
        claims.filter(|claim| claim.pages > Pages::ZERO)
    }

    /// What the set claims of `target`.
    pub fn pages_of(&self, target: Target) -> Pages {
        let claim = self.as_slice().iter().find(|claim| claim.target == target);
        claim.map_or(Pages::ZERO, |claim| claim.pages)
    }

    /// All pages of the set.
    pub fn total(&self) -> Pages {
        // OK because a set whose sum does not fit is never made.
        Pages::new(self.as_slice().iter().map(|claim| claim.pages.get()).sum())
    }

    fn sorted(&self) -> ArrayVec<Claim, MAX_CLAIMS> {
        let mut claims = self.claims.clone();
        claims.sort_unstable_by_key(|claim| claim.target);
        claims
    }
}

/// Where a claim set is made and stays: it is large enough for moving it to be felt.
#[derive(Debug)]
pub struct ClaimSetBuffer(ClaimSet);

impl ClaimSetBuffer {
    /// With nothing in it.
    #[inline]
    #[allow(clippy::new_without_default)] // Of no use.
    pub const fn new() -> Self {
        ClaimSetBuffer(ClaimSet::none())
    }

    /// As [`ClaimSet::try_new`], in this buffer.
    ///
    /// # Errors
    ///
    /// As [`ClaimSet::try_new`].
    #[inline]
    pub fn fill(
        &mut self,
        claims: impl ExactSizeIterator<Item = Result<Claim, InvalidClaim>>,
    ) -> Result<&ClaimSet, InvalidClaim> {
        let set = &mut self.0.claims;
        set.clear();
        let count = claims.len();
        if count == 0 {
            return Err(InvalidClaim::Empty);
        }
        if !CLAIM_COUNT.allows(count as u64) {
            return Err(InvalidClaim::TooMany { count });
        }
        let (mut sum, mut host, mut nodes) = (Pages::ZERO, false, NodeSet::EMPTY);
        for (index, claim) in claims.enumerate() {
            let claim = claim?;
            let (pages, target) = (claim.pages, claim.target);
            let new = match target {
                Target::Host => !core::mem::replace(&mut host, true),
                Target::Node(node) => nodes.insert(node),
            };
            if !new {
                return Err(InvalidClaim::Duplicate { index, target });
            }
            sum = match sum.checked_add(pages) {
                Some(sum) if CLAIM_PAGES.allows(sum.get()) => sum,
                _ => return Err(InvalidClaim::Sum { index, pages }),
            };
            set.push(claim);
        }
        Ok(&self.0)
    }
}

impl PartialEq for ClaimSet {
    fn eq(&self, other: &Self) -> bool {
        self.sorted() == other.sorted()
    }
}

impl Eq for ClaimSet {}

impl fmt::Debug for ClaimSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.as_slice()
                    .iter()
                    .map(|claim| (claim.target, claim.pages.get())),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(claims: &[(i64, u64)]) -> Result<ClaimSet, InvalidClaim> {
        ClaimSet::new(claims.iter().map(|&(target, pages)| Claim {
            pages: Pages::new(pages),
            target: NodeId::new(target).map_or(Target::Host, Target::Node),
        }))
    }

    #[test]
    fn a_set_is_what_it_claims_of_each_target() {
        let claims = set(&[(3, 4), (-1, 0), (0, 1)]).unwrap();
        let outstanding: Vec<_> = claims
            .outstanding()
            .map(|claim| claim.pages.get())
            .collect();
        assert_eq!(outstanding, [4, 1]);
        let node = |id| Target::Node(NodeId::new(id).unwrap());
        assert_eq!(claims.pages_of(node(3)), Pages::new(4));
        assert_eq!(claims.pages_of(node(9)), Pages::ZERO);
        assert_eq!(claims.total(), Pages::new(5));
        // In whatever order.
        assert_eq!(claims, set(&[(0, 1), (3, 4), (-1, 0)]).unwrap());
        assert_ne!(claims, set(&[(0, 4), (3, 1), (-1, 0)]).unwrap());
        assert_eq!(
            format!("{claims:?}"),
            "{Node(NodeId(3)): 4, Host: 0, Node(NodeId(0)): 1}"
        );
    }

    #[test]
    fn a_set_stops_at_its_limits() {
        let most = CLAIM_PAGES.max;
        assert!(set(&[(0, most - 1), (1, 1)]).is_ok());
        assert_eq!(
            set(&[(0, most), (1, 1)]),
            Err(InvalidClaim::Sum {
                index: 1,
                pages: Pages::new(1)
            })
        );
        let all: Vec<_> = (-1..64).map(|target| (target, 1)).collect();
        assert_eq!(set(&all).unwrap().total(), Pages::new(65));
    }
}
