//! The calls we make of Xen, as they lie in memory: the parts of its headers that we read or write.
//!
//! Names are those of the headers. Unions are reserved whole, so that what a newer Xen has behind
//! our fields is still ours to pass. What does not depend on the version of an interface is
//! checked here; `tests-rust/tests/layout.rs` compares all of it with the headers.
#![allow(non_camel_case_types)] // The names of the C headers.
#![allow(unsafe_code)] // Which types the hypervisor may be handed.

use core::mem::size_of;

use crate::wire::{xen_domctl_claim_memory, xen_memory_claim};

pub const HYPERVISOR_MEMORY_OP: u32 = 12;
pub const HYPERVISOR_SYSCTL: u32 = 35;
pub const HYPERVISOR_DOMCTL: u32 = 36;

pub const XENMEM_CLAIM_PAGES: u64 = 24;

pub const XEN_DOMCTL_GETDOMAININFO: u32 = 5;
pub const XEN_DOMCTL_SETNODEAFFINITY: u32 = 68;

pub const XEN_DOMCTL_NUMA_OP: u32 = 1101;
pub const XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES: u32 = 0;

pub const XEN_SYSCTL_PHYSINFO: u32 = 3;
pub const XEN_SYSCTL_GETDOMAININFOLIST: u32 = 6;
pub const XEN_SYSCTL_PAGE_OFFLINE_OP: u32 = 14;
pub const XEN_SYSCTL_NUMAINFO: u32 = 17;
pub const XEN_SYSCTL_NUMA_MEMINFO: u32 = 31;

/// Domctl versions, newest first: 4.22, 4.19 to 4.21, 4.18, 4.17 (`docs/contract.md`, 1.3).
pub const DOMCTL_VERSIONS: [u32; 4] = [0x18, 0x17, 0x16, 0x15];
/// Sysctl versions, newest first: 4.21 and 4.22, 4.17 to 4.20.
pub const SYSCTL_VERSIONS: [u32; 2] = [0x16, 0x15];

/// What `XEN_SYSCTL_NUMAINFO` says of a node that is not online: 32 bits in a field of 64.
pub const XEN_INVALID_MEM_SZ: u64 = 0xFFFF_FFFF;
/// What it says of the distance between nodes that can't reach each other.
pub const XEN_INVALID_NODE_DIST: u32 = u32::MAX;
/// What `XEN_SYSCTL_NUMA_MEMINFO` says of a node that is not online.
pub const NO_NODE_MEMORY: u64 = u64::MAX;

/// No domain has this id.
pub const DOMID_INVALID: u16 = 0x7FF4;

const XEN_DOMINF_DYING: u32 = 1 << 0;
const XEN_DOMINF_PAUSED: u32 = 1 << 3;

/// The head of a domctl; `u` is the call's own part.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct xen_domctl<T: HypercallArgument> {
    pub cmd: u32,
    pub interface_version: u32,
    pub domain: u16,
    pub pad: [u16; 3],
    pub u: Union<T>,
}

/// The head of a sysctl.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct xen_sysctl<T: HypercallArgument> {
    pub cmd: u32,
    pub interface_version: u32,
    pub u: Union<T>,
}

/// One member of the union behind a head, and room for the largest one.
#[repr(C, align(8))]
#[derive(Debug, Clone, Copy)]
pub struct Union<T: HypercallArgument> {
    pub member: T,
    reserved: [u64; 16],
}

impl<T: HypercallArgument> Union<T> {
    pub const fn new(member: T) -> Self {
        // Or there would be padding behind it.
        const { assert!(size_of::<T>() % size_of::<u64>() == 0) };
        Union {
            member,
            reserved: [0; 16],
        }
    }
}

/// The leading fields of `xen_domctl_getdomaininfo`, the same in every version. The answer is longer.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_domctl_getdomaininfo {
    pub domain: u16,
    pub pad1: u16,
    pub flags: u32,
    pub tot_pages: u64,
    pub max_pages: u64,
    pub outstanding_pages: u64,
    pub shr_pages: u64,
    pub paged_pages: u64,
    pub shared_info_frame: u64,
    pub cpu_time: u64,
    pub nr_online_vcpus: u32,
    pub max_vcpu_id: u32,
    pub ssidref: u32,
    pub handle: [u8; 16],
    pub cpupool: u32,
}

impl xen_domctl_getdomaininfo {
    pub const fn dying(&self) -> bool {
        self.flags & XEN_DOMINF_DYING != 0
    }

    pub const fn paused(&self) -> bool {
        self.flags & XEN_DOMINF_PAUSED != 0
    }
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xenctl_bitmap {
    pub bitmap: u64,
    pub nr_bits: u32,
    pub pad: u32,
}

/// With the one operation there is.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_domctl_numa_op {
    pub op: u32,
    pub pad: u32,
    pub get_node_pages: xen_domctl_numa_op_get_node_pages,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_domctl_numa_op_get_node_pages {
    pub nr_nodes: u32,
    pub pad: u32,
    pub node_tot_pages: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_sysctl_getdomaininfolist {
    pub first_domain: u16,
    pub pad: u16,
    pub max_domains: u32,
    pub buffer: u64,
    pub num_domains: u32,
    pub tail: u32,
}

/// An entry of the list of domains: its leading fields, and room for what follows in any version.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DomainListEntry {
    pub info: xen_domctl_getdomaininfo,
    rest: [u64; 64],
}

impl Default for DomainListEntry {
    fn default() -> Self {
        DomainListEntry {
            info: xen_domctl_getdomaininfo::default(),
            rest: [0; 64],
        }
    }
}

/// The leading fields of `xen_sysctl_physinfo`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_sysctl_physinfo {
    pub threads_per_core: u32,
    pub cores_per_socket: u32,
    pub nr_cpus: u32,
    pub max_cpu_id: u32,
    pub nr_nodes: u32,
    pub max_node_id: u32,
    pub cpu_khz: u32,
    pub capabilities: u32,
    pub arch_capabilities: u32,
    pub pad: u32,
    pub total_pages: u64,
    pub free_pages: u64,
    pub scrub_pages: u64,
    pub outstanding_pages: u64,
}

/// One node of `XEN_SYSCTL_numainfo`, in bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_sysctl_meminfo {
    pub memsize: u64,
    pub memfree: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_sysctl_numainfo {
    pub num_nodes: u32,
    pub pad: u32,
    pub meminfo: u64,
    pub distance: u64,
}

/// One node of `XEN_SYSCTL_numa_meminfo`, in bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_sysctl_node_meminfo {
    pub size: u64,
    pub free: u64,
    pub claimed: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_sysctl_numa_meminfo {
    pub num_nodes: u32,
    pub pad: u32,
    pub meminfo: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_sysctl_page_offline_op {
    pub cmd: u32,
    pub start: u32,
    pub end: u32,
    pub pad: u32,
    pub status: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct xen_memory_reservation {
    pub extent_start: u64,
    pub nr_extents: u64,
    pub extent_order: u32,
    pub mem_flags: u32,
    pub domid: u16,
    pub pad: [u16; 3],
}

mod sealed {
    pub trait Sealed {}
}

/// What may lie in memory that the hypervisor reads and writes.
///
/// # Safety
///
/// It has no padding, so that nothing of ours that was never written is handed out; and any bytes
/// are a value of it, whatever the hypervisor writes.
pub unsafe trait HypercallArgument: Copy + sealed::Sealed {}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl sealed::Sealed for $integer {}
        // SAFETY: an integer has no padding, and any bytes are one.
        unsafe impl HypercallArgument for $integer {}
    )*};
}

integers!(u8, u16, u32, u64);

impl<T: HypercallArgument, const N: usize> sealed::Sealed for [T; N] {}
// SAFETY: there is nothing between the elements of an array.
unsafe impl<T: HypercallArgument, const N: usize> HypercallArgument for [T; N] {}

impl<T: HypercallArgument> sealed::Sealed for Union<T> {}
// SAFETY: `new` checks that `member` is followed by `reserved` at once, and that has no padding.
unsafe impl<T: HypercallArgument> HypercallArgument for Union<T> {}
impl<T: HypercallArgument> sealed::Sealed for xen_domctl<T> {}
// SAFETY: its head has 16 bytes of integers, which is a multiple of the union's alignment.
unsafe impl<T: HypercallArgument> HypercallArgument for xen_domctl<T> {}
impl<T: HypercallArgument> sealed::Sealed for xen_sysctl<T> {}
// SAFETY: its head has 8 bytes of integers, which is a multiple of the union's alignment.
unsafe impl<T: HypercallArgument> HypercallArgument for xen_sysctl<T> {}

#[allow(dead_code)] // The constants that use it have no names.
const fn field_size<T, F: HypercallArgument>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Fields that are all named, and all arguments, and together as large as the struct.
macro_rules! structs {
    ($($name:ident: $($field:ident),*;)*) => {$(
        const _: () = assert!(
            size_of::<$name>() == 0 $(+ field_size(|all: &$name| &all.$field))*
        );
        impl sealed::Sealed for $name {}
        // SAFETY: it has no padding, as was just checked, and its fields are arguments themselves.
        unsafe impl HypercallArgument for $name {}
    )*};
}

structs! {
    xen_memory_claim: pages, target, pad;
    xen_domctl_claim_memory: claim_set, nr_entries, mode;
    xen_domctl_getdomaininfo: domain, pad1, flags, tot_pages, max_pages, outstanding_pages,
        shr_pages, paged_pages, shared_info_frame, cpu_time, nr_online_vcpus, max_vcpu_id, ssidref,
        handle, cpupool;
    DomainListEntry: info, rest;
    xenctl_bitmap: bitmap, nr_bits, pad;
    xen_sysctl_getdomaininfolist: first_domain, pad, max_domains, buffer, num_domains, tail;
    xen_sysctl_physinfo: threads_per_core, cores_per_socket, nr_cpus, max_cpu_id, nr_nodes,
        max_node_id, cpu_khz, capabilities, arch_capabilities, pad, total_pages, free_pages,
        scrub_pages, outstanding_pages;
    xen_sysctl_meminfo: memsize, memfree;
    xen_sysctl_numainfo: num_nodes, pad, meminfo, distance;
    xen_domctl_numa_op: op, pad, get_node_pages;
    xen_domctl_numa_op_get_node_pages: nr_nodes, pad, node_tot_pages;
    xen_sysctl_node_meminfo: size, free, claimed;
    xen_sysctl_numa_meminfo: num_nodes, pad, meminfo;
    xen_sysctl_page_offline_op: cmd, start, end, pad, status;
    xen_memory_reservation: extent_start, nr_extents, extent_order, mem_flags, domid, pad;
}

const _: () = {
    use core::mem::offset_of;
    type Domctl = xen_domctl<xen_domctl_claim_memory>;
    assert!(offset_of!(Domctl, u) == 16);
    assert!(size_of::<Domctl>() >= 16 + 128);
    type Sysctl = xen_sysctl<xen_sysctl_physinfo>;
    assert!(offset_of!(Sysctl, u) == 8);
    assert!(size_of::<Sysctl>() >= 8 + 128);
    assert!(size_of::<xen_memory_reservation>() == 32);
    assert!(offset_of!(xen_domctl_numa_op, get_node_pages) == 8);
    assert!(size_of::<xen_domctl_numa_op>() == 24);
};
