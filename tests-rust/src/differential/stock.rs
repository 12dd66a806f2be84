//! The series against Xen without it.

use std::panic::{catch_unwind, AssertUnwindSafe};

use proptest::prelude::*;
use xen_claims::{DomainId, Errno, HostMemory, HypercallError, Hypervisor, Pages};

use super::{fail, populate, Compared, Kind};
use crate::conformance::{panic_text, Snapshot};
use crate::sequences::{first_domains, make, Call, Sequence};
use xen_claims_lab::allocator::{Boot, Build, Host};

/// Without claim sets, the series changes nothing: the same calls, but for those that claim by the new
/// call, give the same answers and the very same pages, in the same order.
///
/// So it is with legacy claims as long as there is enough for everybody. When there is not, the series
/// does better on purpose (unclaimed pages make up for what a claim lacks, pages that go out of use
/// are not promised any more), and such calls are left out.
///
/// # Errors
///
/// The first difference.
pub fn unchanged(stock: &Build, patched: &Build, sequence: &Sequence) -> Result<Compared, String> {
    let compared = catch_unwind(AssertUnwindSafe(|| {
        without_claims(stock, patched, sequence)
    }));
    compared.map_or_else(
        |panic| Err(panic_text(panic.as_ref())),
        |result| result.map_err(|error| error.to_string()),
    )
}

fn without_claims(
    stock: &Build,
    patched: &Build,
    sequence: &Sequence,
) -> Result<Compared, TestCaseError> {
    let (flags, placing) = sequence.memory;
    let boot = Boot::new(&sequence.topology()?)
        .flags(flags)
        .placing(placing);
    let hosts = [stock, patched].map(|build| Host::boot(build, &boot).map_err(fail));
    let [stock, patched] = hosts;
    let (stock, patched) = (stock?, patched?);
    let mut known = first_domains(&stock).map_err(fail)?;
    prop_assert_eq!(&known, &first_domains(&patched).map_err(fail)?);
    let mut compared = Compared::default();
    let mut now = super::snapshot(&stock).map_err(fail)?;
    for plan in &sequence.plans {
        let call = plan.call(&now, &known, &sequence.nodes);
        let all_claimed = now.host.claimed > Pages::ZERO && now.host.free <= now.host.claimed;
        match call {
            Call::Claim { .. } => continue,
            Call::Legacy { flags: 1.., .. } => continue,
            Call::OfflineFree { .. } if all_claimed => continue,
            _ => {}
        }
        let answers = [&stock, &patched].map(|host| pages_of(host, &call));
        prop_assert_eq!(
            &answers[0],
            &answers[1],
            "pages of {:?}: stock, patched",
            call
        );
        if let (Call::Create, Ok(id)) = (&call, &answers[0]) {
            let id = id.first().and_then(|id| i64::try_from(*id).ok());
            known.extend(id.and_then(|id| DomainId::new(id).ok()));
        }
        if let (Call::Populate { domain, .. }, Ok(pages)) = (&call, &answers[0]) {
            let claims = now.domain(*domain).map(|d| d.info.outstanding_pages);
            let with_claims = claims.is_some_and(|pages| pages > Pages::ZERO);
            compared.legacy += u64::from(with_claims && !pages.is_empty());
        }
        compared.calls += 1;
        now = super::snapshot(&stock).map_err(fail)?;
        let after = super::snapshot(&patched).map_err(fail)?;
        prop_assert_eq!((now.host, &now.nodes), (after.host, &after.nodes));
        let infos = |s: &Snapshot| s.domains.iter().map(|d| d.info).collect::<Vec<_>>();
        prop_assert_eq!(infos(&now), infos(&after));
    }
    for host in [&stock, &patched] {
        prop_assert_eq!(host.violations(true).map_err(fail)?, "");
    }
    Ok(compared)
}

/// The first page of every extent given, or the number that another call answers.
fn pages_of(host: &Host, call: &Call) -> Result<Vec<u64>, Errno> {
    let (domain, order, extents, placement, kind) = match *call {
        Call::Populate {
            domain,
            order,
            extents,
            placement,
        } => (domain, order, extents, placement, Kind::Counted),
        Call::Uncounted {
            domain,
            order,
            placement,
        } => (domain, order, 1, placement, Kind::Uncounted),
        Call::Low {
            domain,
            order,
            placement,
        } => (domain, order, 1, placement, Kind::Low),
        Call::Scrub => return host.scrub_some().map(|more| vec![more.into()]),
        _ => return make(host, call, &mut 0, None).map(|number| vec![number]),
    };
    let mut pages = Vec::new();
    let errno = |error: HypercallError| error.errno;
    for _ in 0..extents {
        let HostMemory { free, claimed } = host.host().map_err(errno)?;
        let wanted = Pages::new(1_u64.checked_shl(order).unwrap_or(u64::MAX));
        if claimed > Pages::ZERO && wanted > free.saturating_sub(claimed) {
            break;
        }
        let Some(page) = populate(host, domain, order, placement, kind).map_err(errno)? else {
            break;
        };
        pages.push(page);
    }
    Ok(pages)
}
