//! The counts of a host of Xen's allocator, as the suites compare them.

use xen_claims::{HypercallError, Hypervisor};
use xen_claims_lab::allocator::Host;

use crate::conformance::{DomainCounts, Snapshot};

/// All counts of a host of Xen's allocator, at one instant but for the claims.
///
/// # Errors
///
/// What the hypervisor says; none is expected.
pub fn snapshot(host: &Host) -> Result<Snapshot, HypercallError> {
    let (memory, nodes, infos) = host.counts_at_once()?;
    let claim_sets = host.has_claim_sets()?;
    let domains = infos.into_iter().map(|info| {
        let has_claims = claim_sets && !info.dying;
        let claims = has_claims.then(|| host.get(info.domain)).transpose()?;
        let pages = claim_sets
            .then(|| host.node_pages(info.domain))
            .transpose()?;
        Ok(DomainCounts {
            info,
            claims,
            pages: pages.unwrap_or_default(),
        })
    });
    Ok(Snapshot {
        host: memory,
        nodes,
        domains: domains.collect::<Result<_, HypercallError>>()?,
    })
}
