//! Our layouts and numbers of Xen's interface are those of the headers that are installed.
//!
//! The installed headers need not know claim sets; what they do not know is checked against the
//! text of the contract, at compile time in `wire`, and on a booted Xen.
#![cfg(feature = "domains")]

use core::mem::{offset_of, size_of};

use xen_claims::xen::layout as ours;
use xenctrl_sys as xen;

/// Every field that both have is at the same place.
macro_rules! same_fields {
    ($name:ident as $xen:ident: $($field:ident),*) => {
        $(assert_eq!(
            offset_of!(ours::$name, $field),
            offset_of!(xen::$xen, $field),
            "{}.{}", stringify!($name), stringify!($field)
        );)*
    };
}

#[test]
fn structs_are_laid_out_as_in_the_headers() {
    same_fields!(xen_domctl_getdomaininfo as xen_domctl_getdomaininfo:
        domain, flags, tot_pages, max_pages, outstanding_pages, cpu_time, handle);
    same_fields!(xenctl_bitmap as xenctl_bitmap: bitmap, nr_bits);
    same_fields!(xen_sysctl_getdomaininfolist as xen_sysctl_getdomaininfolist:
        first_domain, max_domains, buffer, num_domains);
    same_fields!(xen_sysctl_physinfo as xen_sysctl_physinfo:
        nr_nodes, max_node_id, capabilities, total_pages, free_pages, outstanding_pages);
    same_fields!(xen_sysctl_meminfo as xen_sysctl_meminfo: memsize, memfree);
    same_fields!(xen_sysctl_numainfo as xen_sysctl_numainfo: num_nodes, meminfo, distance);
    same_fields!(xen_memory_reservation as xen_memory_reservation:
        extent_start, nr_extents, extent_order, mem_flags, domid);
    same_fields!(xen_sysctl_page_offline_op as xen_sysctl_page_offline_op:
        cmd, start, end, status);

    type Domctl = ours::xen_domctl<u64>;
    assert_eq!(
        offset_of!(Domctl, domain),
        offset_of!(xen::xen_domctl, domain)
    );
    assert_eq!(offset_of!(Domctl, u), offset_of!(xen::xen_domctl, u));
    assert!(size_of::<Domctl>() >= size_of::<xen::xen_domctl>());
    type Sysctl = ours::xen_sysctl<u64>;
    assert_eq!(offset_of!(Sysctl, u), offset_of!(xen::xen_sysctl, u));
    assert!(size_of::<Sysctl>() >= size_of::<xen::xen_sysctl>());
}

#[test]
fn numbers_are_those_of_the_headers() {
    assert_eq!(ours::HYPERVISOR_MEMORY_OP, xen::__HYPERVISOR_memory_op);
    assert_eq!(ours::HYPERVISOR_SYSCTL, xen::__HYPERVISOR_sysctl);
    assert_eq!(ours::HYPERVISOR_DOMCTL, xen::__HYPERVISOR_domctl);
    assert_eq!(ours::XENMEM_CLAIM_PAGES, u64::from(xen::XENMEM_claim_pages));
    assert_eq!(
        ours::XEN_DOMCTL_GETDOMAININFO,
        xen::XEN_DOMCTL_getdomaininfo
    );
    assert_eq!(
        ours::XEN_DOMCTL_SETNODEAFFINITY,
        xen::XEN_DOMCTL_setnodeaffinity
    );
    assert_eq!(ours::XEN_SYSCTL_PHYSINFO, xen::XEN_SYSCTL_physinfo);
    assert_eq!(ours::XEN_SYSCTL_NUMAINFO, xen::XEN_SYSCTL_numainfo);
    assert_eq!(
        ours::XEN_INVALID_MEM_SZ,
        u64::from(xen::XEN_INVALID_MEM_SZ as u32)
    );
    assert_eq!(
        ours::XEN_INVALID_NODE_DIST,
        xen::XEN_INVALID_NODE_DIST as u32
    );
    assert_eq!(
        ours::XEN_SYSCTL_PAGE_OFFLINE_OP,
        xen::XEN_SYSCTL_page_offline_op
    );
    assert_eq!(
        ours::XEN_SYSCTL_GETDOMAININFOLIST,
        xen::XEN_SYSCTL_getdomaininfolist
    );
}

/// The version of the headers is one that is looked for.
#[test]
fn the_version_of_the_headers_is_known() {
    assert!(ours::DOMCTL_VERSIONS.contains(&xen::XEN_DOMCTL_INTERFACE_VERSION));
    assert!(ours::SYSCTL_VERSIONS.contains(&xen::XEN_SYSCTL_INTERFACE_VERSION));
}
