//! The layout of Xen's public interface, and claim sets in that layout.
//!
//! Names are those of the C headers (`docs/contract.md`, 1.3). This is the one place in Rust that
//! knows the selectors; a [`Target`] never holds one.

use crate::claim::{Claim, ClaimSet, ClaimSetBuffer, InvalidClaim, Target};
use crate::limits::MAX_CLAIMS;
use crate::units::{NodeId, Pages};

/// `XEN_DOMCTL_claim_memory`: the number of the call.
pub const XEN_DOMCTL_CLAIM_MEMORY: u32 = 91;
/// Mode of the call: install a claim set.
pub const XEN_DOMCTL_CLAIM_MEMORY_SET: u32 = 0;
/// Mode of the call: read the outstanding claims.
pub const XEN_DOMCTL_CLAIM_MEMORY_GET: u32 = 1;
/// Selector: the host.
pub const XEN_DOMCTL_CLAIM_MEMORY_HOST: u32 = 0x8000_0000;
/// Selector: a legacy claim through the new call.
pub const XEN_DOMCTL_CLAIM_MEMORY_LEGACY: u32 = 0x4000_0000;

/// `XENMEMF_exact_node(node)`: the flags by which the legacy call claims on one node.
pub const fn xenmemf_exact_node(node: NodeId) -> u32 {
    // OK because a node id is below 64.
    ((node.index() as u32 + 1) << 8) | XENMEMF_EXACT_NODE_REQUEST
}

/// `XENMEMF_exact_node_request`: of no other node than the one in the flags.
pub const XENMEMF_EXACT_NODE_REQUEST: u32 = 1 << 17;

/// What these flags make the legacy call claim: the target of an entry, or nothing that it knows. The
/// node need not be one there is: the flags have room for 0 to 254.
#[cfg(feature = "testing")]
pub(crate) const fn legacy_target(mem_flags: u32) -> Option<u32> {
    let node = (mem_flags >> 8) & 0xFF;
    match mem_flags & !(0xFF << 8) {
        0 if node == 0 => Some(XEN_DOMCTL_CLAIM_MEMORY_HOST),
        XENMEMF_EXACT_NODE_REQUEST if node > 0 => Some(node - 1),
        _ => None,
    }
}

/// One claim.
#[allow(non_camel_case_types)] // The name of the C header.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct xen_memory_claim {
    /// How many pages.
    pub pages: u64,
    /// A node id or a selector.
    pub target: u32,
    /// Must be 0.
    pub pad: u32,
}

/// The argument of the call, inside the domctl's union.
#[allow(non_camel_case_types)] // The name of the C header.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct xen_domctl_claim_memory {
    /// Guest handle of an array of [`xen_memory_claim`]. SET: in. GET: out.
    pub claim_set: u64,
    /// SET: in, entries. GET: in, capacity; out, entries there are.
    pub nr_entries: u32,
    /// [`XEN_DOMCTL_CLAIM_MEMORY_SET`] or [`XEN_DOMCTL_CLAIM_MEMORY_GET`].
    pub mode: u32,
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<xen_memory_claim>() == 16);
    assert!(offset_of!(xen_memory_claim, pages) == 0);
    assert!(offset_of!(xen_memory_claim, target) == 8);
    assert!(offset_of!(xen_memory_claim, pad) == 12);
    assert!(size_of::<xen_domctl_claim_memory>() == 16);
    assert!(offset_of!(xen_domctl_claim_memory, claim_set) == 0);
    assert!(offset_of!(xen_domctl_claim_memory, nr_entries) == 8);
    assert!(offset_of!(xen_domctl_claim_memory, mode) == 12);
};

/// The entries of the largest claim set there is.
pub type ClaimArray = [xen_memory_claim; MAX_CLAIMS];

/// An array in which nothing is claimed.
pub const NO_CLAIMS: ClaimArray = [xen_memory_claim {
    pages: 0,
    target: 0,
    pad: 0,
}; MAX_CLAIMS];

impl From<Claim> for xen_memory_claim {
    #[inline]
    fn from(claim: Claim) -> Self {
        xen_memory_claim {
            pages: claim.pages.get(),
            target: match claim.target {
                Target::Host => XEN_DOMCTL_CLAIM_MEMORY_HOST,
                // OK because a node id is below 64.
                Target::Node(node) => node.index() as u32,
            },
            pad: 0,
        }
    }
}

/// Writes `set` into `array`. Returned are the entries that it takes.
#[inline]
pub fn encode<'a>(set: &ClaimSet, array: &'a mut ClaimArray) -> &'a mut [xen_memory_claim] {
    let claims = set.as_slice();
    // OK because both have room for 65.
    let entries = &mut array[..claims.len()];
    for (entry, claim) in entries.iter_mut().zip(claims) {
        *entry = (*claim).into();
    }
    entries
}

/// Reads a claim set that a hypervisor returned, into `buffer`.
///
/// # Errors
///
/// [`InvalidClaim`] if it can't be one, which no hypervisor should return.
#[inline]
pub fn decode<'b>(
    entries: &[xen_memory_claim],
    buffer: &'b mut ClaimSetBuffer,
) -> Result<&'b ClaimSet, InvalidClaim> {
    buffer.fill(entries.iter().enumerate().map(|(index, entry)| {
        let value = i64::from(entry.target);
        let target = match entry.target {
            XEN_DOMCTL_CLAIM_MEMORY_HOST => Target::Host,
            _ => NodeId::new(value)
                .map(Target::Node)
                .map_err(|_| InvalidClaim::Target { index, value })?,
        };
        Ok(Claim {
            pages: Pages::new(entry.pages),
            target,
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_not_nodes() {
        for target in [XEN_DOMCTL_CLAIM_MEMORY_LEGACY, 64, u32::MAX] {
            let entry = xen_memory_claim {
                pages: 1,
                target,
                pad: 0,
            };
            assert!(
                decode(&[entry], &mut ClaimSetBuffer::new()).is_err(),
                "{target:#x}"
            );
        }
    }
}
