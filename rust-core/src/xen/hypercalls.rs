//! What a production toolstack needs of Xen, through libxencall alone.
#![allow(unsafe_code)] // Which hypercall takes which argument.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::time::Duration;

use once_cell::sync::OnceCell;

use super::layout::*;
use super::xencall::{HypercallBuffer, XenCall};
use super::OpenError;
use crate::error::{Errno, HypercallError, Operation};
use crate::hypervisor::{Distances, DomainInfo, HostMemory, Hypervisor, NodeMemory, UNREACHABLE};
use crate::limits::{DOMAIN_ID, MAX_CLAIMS, MAX_NODES};
use crate::units::{Bytes, DomainId, NodeId, NodeSet, Pages};
use crate::wire::{self, xen_domctl_claim_memory, xen_memory_claim};

/// The interface versions of the Xen below, which is the same as long as this process lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions {
    domctl: u32,
    sysctl: u32,
}

static VERSIONS: OnceCell<Versions> = OnceCell::new();

/// The Xen this program runs on.
#[derive(Debug)]
pub struct Xen {
    xencall: XenCall,
    versions: Versions,
}

const DEVICE: &str = "/dev/xen/privcmd";

/// Does this kernel say that it runs on Xen?
fn on_xen() -> bool {
    fs::read_to_string("/sys/hypervisor/type").is_ok_and(|kind| kind.trim_end() == "xen")
}

impl Xen {
    pub(super) fn open() -> Result<Self, OpenError> {
        // Asked for here, as libxencall tells only a log what is wrong with it.
        let device = OpenOptions::new().read(true).write(true).open(DEVICE);
        device.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => OpenError::NoPermission(DEVICE),
            _ if on_xen() => OpenError::NoDriver(DEVICE),
            _ => OpenError::NoXen,
        })?;
        Self::connect()
    }

    pub(super) fn connect() -> Result<Self, OpenError> {
        let xencall = XenCall::open().map_err(OpenError::Failed)?;
        let versions = *VERSIONS.get_or_try_init(|| probe(&xencall))?;
        Ok(Xen { xencall, versions })
    }

    /// # Safety
    ///
    /// As [`domctl`].
    unsafe fn domctl<T: HypercallArgument>(
        &self,
        cmd: u32,
        domain: DomainId,
        member: &mut T,
    ) -> Result<(), Errno> {
        let (version, domain) = (self.versions.domctl, domain.get());
        // SAFETY: the caller promises the same.
        unsafe { domctl(&self.xencall, version, cmd, domain, member) }
    }

    /// # Safety
    ///
    /// As [`sysctl`].
    unsafe fn sysctl<T: HypercallArgument>(&self, cmd: u32, member: &mut T) -> Result<(), Errno> {
        // SAFETY: the caller promises the same.
        unsafe { sysctl(&self.xencall, self.versions.sysctl, cmd, member) }
    }

    fn buffer<T: HypercallArgument>(&self, content: &[T]) -> Result<HypercallBuffer<'_, T>, Errno> {
        HypercallBuffer::new(&self.xencall, content)
    }

    /// The first domain at or above `first`, if there is one. One at a time: how long an entry of
    /// a longer list is depends on the version.
    fn domain_from(&self, first: u16) -> Result<Option<DomainInfo>, Errno> {
        let mut entry = self.buffer(&[DomainListEntry::default()])?;
        let mut list = xen_sysctl_getdomaininfolist {
            first_domain: first,
            max_domains: 1,
            buffer: entry.address(),
            ..Default::default()
        };
        // SAFETY: `entry` holds one entry, however long it is in this version, and that is the most
        // that are written.
        unsafe { self.sysctl(XEN_SYSCTL_GETDOMAININFOLIST, &mut list) }?;
        if list.num_domains == 0 {
            return Ok(None);
        }
        let info = entry.as_mut_slice()[0].info;
        let Ok(domain) = DomainId::new(info.domain.into()) else {
            return Ok(None);
        };
        Ok(Some(DomainInfo {
            domain,
            tot_pages: Pages::new(info.tot_pages),
            max_pages: Pages::new(info.max_pages),
            outstanding_pages: Pages::new(info.outstanding_pages),
            dying: info.dying(),
            paused: info.paused(),
            cpu_time: Duration::from_nanos(info.cpu_time),
            uuid: info.handle,
        }))
    }

    /// Node memory of a Xen with the series.
    fn numa_meminfo(&self) -> Result<Vec<NodeMemory>, Errno> {
        let nodes = [xen_sysctl_node_meminfo::default(); MAX_NODES];
        let mut nodes = self.buffer(&nodes)?;
        let mut info = xen_sysctl_numa_meminfo {
            num_nodes: MAX_NODES as u32,
            meminfo: nodes.address(),
            ..Default::default()
        };
        // SAFETY: `nodes` holds as many nodes as the call is told.
        unsafe { self.sysctl(XEN_SYSCTL_NUMA_MEMINFO, &mut info) }?;
        let nodes = NodeId::all().zip(nodes.as_mut_slice().iter());
        nodes
            .take(info.num_nodes as usize)
            .filter(|(_, info)| info.size != NO_NODE_MEMORY)
            .map(|(node, info)| node_memory(node, info.size, info.free, info.claimed))
            .collect()
    }

    /// Pages of a domain by node, on a Xen with the series.
    fn numa_node_pages(&self, domain: DomainId) -> Result<Vec<Pages>, Errno> {
        let mut pages = self.buffer(&[0_u64; MAX_NODES])?;
        let mut argument = xen_domctl_numa_op {
            op: XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES,
            get_node_pages: xen_domctl_numa_op_get_node_pages {
                nr_nodes: MAX_NODES as u32,
                node_tot_pages: pages.address(),
                ..Default::default()
            },
            ..Default::default()
        };
        // SAFETY: `pages` holds as many numbers as the call is told.
        unsafe { self.domctl(XEN_DOMCTL_NUMA_OP, domain, &mut argument) }.map_err(no_claim_sets)?;
        let count = argument.get_node_pages.nr_nodes as usize;
        let pages = pages.as_mut_slice().get(..count).ok_or(Errno::EPROTO)?;
        Ok(pages.iter().copied().map(Pages::new).collect())
    }

    /// Node distances. A row is as long as the list of nodes, whatever room there is for it.
    fn numa_distances(&self) -> Result<Distances, Errno> {
        let distances = [0u32; MAX_NODES * MAX_NODES];
        let mut distances = self.buffer(&distances)?;
        let mut info = xen_sysctl_numainfo {
            num_nodes: MAX_NODES as u32,
            distance: distances.address(),
            ..Default::default()
        };
        // SAFETY: `distances` holds a square of as many nodes as the call is told; no memory is asked
        // for with a null handle.
        unsafe { self.sysctl(XEN_SYSCTL_NUMAINFO, &mut info) }?;
        let count = (info.num_nodes as usize).min(MAX_NODES);
        let rows = distances.as_mut_slice().chunks(count.max(1)).take(count);
        // OK to cut: what firmware knows of distances is in bytes.
        let distance = |&value: &u32| value.min(UNREACHABLE.into()) as u8;
        Ok(rows.map(|row| row.iter().map(distance).collect()).collect())
    }

    /// Node memory of a Xen without the series, where nothing can be claimed of a node.
    fn numainfo(&self) -> Result<Vec<NodeMemory>, Errno> {
        let nodes = [xen_sysctl_meminfo::default(); MAX_NODES];
        let mut nodes = self.buffer(&nodes)?;
        let mut info = xen_sysctl_numainfo {
            num_nodes: MAX_NODES as u32,
            meminfo: nodes.address(),
            ..Default::default()
        };
        // SAFETY: `nodes` holds as many nodes as the call is told; no distances are asked for, with a
        // null handle.
        unsafe { self.sysctl(XEN_SYSCTL_NUMAINFO, &mut info) }?;
        let nodes = NodeId::all().zip(nodes.as_mut_slice().iter());
        nodes
            .take(info.num_nodes as usize)
            .filter(|(_, info)| info.memsize != XEN_INVALID_MEM_SZ)
            .map(|(node, info)| node_memory(node, info.memsize, info.memfree, 0))
            .collect()
    }

    /// Asks for a frame to be taken out of use, or the like, and returns its status then.
    #[cfg(feature = "domains")]
    pub(super) fn page_offline_op(&self, cmd: u32, frame: u64) -> Result<u32, Errno> {
        let frame = u32::try_from(frame).map_err(|_| Errno::EINVAL)?;
        let mut status = self.buffer(&[0u32])?;
        let mut op = xen_sysctl_page_offline_op {
            cmd,
            start: frame,
            end: frame,
            pad: 0,
            status: status.address(),
        };
        // SAFETY: `status` holds one status, and there is one frame.
        unsafe { self.sysctl(XEN_SYSCTL_PAGE_OFFLINE_OP, &mut op) }?;
        Ok(status.as_mut_slice()[0])
    }
}

fn node_memory(node: NodeId, size: u64, free: u64, claimed: u64) -> Result<NodeMemory, Errno> {
    let pages = |bytes| Pages::from_bytes(Bytes::new(bytes)).map_err(|_| Errno::EPROTO);
    Ok(NodeMemory {
        node,
        size: pages(size)?,
        free: pages(free)?,
        claimed: pages(claimed)?,
    })
}

/// # Safety
///
/// `T` is what the call `cmd` has in the union behind its head, or its leading fields. Each guest
/// handle in `member` is null, [`UNREADABLE`], or the address of a [`HypercallBuffer`] with as much in
/// it as the call reads or writes there, which nobody uses otherwise until this returns.
unsafe fn domctl<T: HypercallArgument>(
    xencall: &XenCall,
    version: u32,
    cmd: u32,
    domain: u16,
    member: &mut T,
) -> Result<(), Errno> {
    let mut domctl = xen_domctl {
        cmd,
        interface_version: version,
        domain,
        pad: [0; 3],
        u: Union::new(*member),
    };
    // SAFETY: the argument of a domctl is its head and union; what lies behind addresses in it is
    // the caller's promise.
    let result = unsafe { xencall.hypercall1(HYPERVISOR_DOMCTL, &mut domctl) };
    *member = domctl.u.member;
    result
}

/// # Safety
///
/// As [`domctl`].
unsafe fn sysctl<T: HypercallArgument>(
    xencall: &XenCall,
    version: u32,
    cmd: u32,
    member: &mut T,
) -> Result<(), Errno> {
    let mut sysctl = xen_sysctl {
        cmd,
        interface_version: version,
        u: Union::new(*member),
    };
    // SAFETY: the argument of a sysctl is its head and union; what lies behind addresses in it is
    // the caller's promise.
    let result = unsafe { xencall.hypercall1(HYPERVISOR_SYSCTL, &mut sysctl) };
    *member = sysctl.u.member;
    result
}

/// Finds the versions by asking what every Xen answers and nothing changes.
pub(super) fn probe(xencall: &XenCall) -> Result<Versions, OpenError> {
    let sysctl = first_known(&SYSCTL_VERSIONS, |version| {
        let mut info = xen_sysctl_physinfo::default();
        // SAFETY: that is the call's member, without handles.
        unsafe { sysctl(xencall, version, XEN_SYSCTL_PHYSINFO, &mut info) }
    })?;
    // Of no domain: that is ESRCH, in Xen 4.17 EINVAL, before FLASK comes to be asked, whose refusal is EACCES, too.
    let domctl = first_known(&DOMCTL_VERSIONS, |version| {
        let mut info = xen_domctl_getdomaininfo::default();
        let cmd = XEN_DOMCTL_GETDOMAININFO;
        // SAFETY: that is the call's member, without handles.
        unsafe { domctl(xencall, version, cmd, DOMID_INVALID, &mut info) }
    })?;
    Ok(Versions { domctl, sysctl })
}

/// The first version that is not answered with EACCES. Any other answer is about the call.
fn first_known(versions: &[u32], ask: impl Fn(u32) -> Result<(), Errno>) -> Result<u32, OpenError> {
    for &version in versions {
        match ask(version) {
            Err(Errno::EACCES) => {}
            Err(Errno::EPERM) => return Err(OpenError::NotPrivileged),
            Ok(()) | Err(Errno::ESRCH | Errno::EINVAL) => return Ok(version),
            Err(errno) => return Err(OpenError::Failed(errno)),
        }
    }
    Err(OpenError::Version)
}

impl Hypervisor for Xen {
    fn claim_memory(
        &self,
        domain: DomainId,
        mode: u32,
        nr_entries: &mut u32,
        entries: Option<&mut [xen_memory_claim]>,
    ) -> Result<(), Errno> {
        let getting = mode == wire::XEN_DOMCTL_CLAIM_MEMORY_GET;
        let mut array = wire::NO_CLAIMS;
        // Xen reads at most `MAX_CLAIMS` entries, whatever it is told.
        let read = if getting { 0 } else { *nr_entries as usize }.min(MAX_CLAIMS);
        let given = entries.as_deref().map(|given| given.get(..read));
        if let Some(Some(given)) = given {
            array[..read].copy_from_slice(given);
        }
        let mut buffer = self.buffer(&array)?;
        let mut argument = xen_domctl_claim_memory {
            claim_set: match given {
                None => 0,
                // Only Xen knows whether it would come to read the array before it finds another
                // fault: it is given one that it can't.
                Some(None) => UNREADABLE,
                Some(Some(_)) => buffer.address(),
            },
            nr_entries: *nr_entries,
            mode,
        };
        // SAFETY: that is the call's member, and `buffer` holds the most entries it reads or writes.
        let result = unsafe { self.domctl(wire::XEN_DOMCTL_CLAIM_MEMORY, domain, &mut argument) };
        let result = result.map_err(no_claim_sets);
        if getting && matches!(result, Ok(()) | Err(Errno::ERANGE | Errno::EFAULT)) {
            *nr_entries = argument.nr_entries;
        }
        if let (true, Ok(()), Some(given)) = (getting, result, entries) {
            let count = argument.nr_entries as usize;
            let answer = buffer.as_mut_slice().get(..count).ok_or(Errno::EPROTO)?;
            // The buffer had room for all of them; the caller's array need not.
            let array = given.get_mut(..count).ok_or(Errno::EFAULT)?;
            array.copy_from_slice(answer);
        }
        result
    }

    fn claim_pages_flags(
        &self,
        domain: DomainId,
        mem_flags: u32,
        pages: Pages,
    ) -> Result<(), HypercallError> {
        let mut reservation = xen_memory_reservation {
            nr_extents: pages.get(),
            mem_flags,
            domid: domain.get(),
            ..Default::default()
        };
        let (op, operation) = (HYPERVISOR_MEMORY_OP, XENMEM_CLAIM_PAGES);
        // SAFETY: that is the argument of the operation, and its only handle is null.
        unsafe { self.xencall.hypercall2(op, operation, &mut reservation) }
            .map_err(|errno| HypercallError::of(Operation::ClaimPages, domain, errno))
    }

    fn has_claim_sets(&self) -> Result<bool, HypercallError> {
        // Room for nothing, so that a Xen that knows the call answers ERANGE.
        let mut count = 0;
        let mode = wire::XEN_DOMCTL_CLAIM_MEMORY_GET;
        let refused = |errno| HypercallError::of(Operation::GetClaims, DomainId::DOM0, errno);
        match self.claim_memory(DomainId::DOM0, mode, &mut count, None) {
            Ok(()) | Err(Errno::ERANGE) => Ok(true),
            Err(Errno::EOPNOTSUPP) => Ok(false),
            // FLASK refuses calls it does not know. It lets those GET who may do GETDOMAININFO
            // (`docs/contract.md`, 1.5).
            Err(refusal @ (Errno::EPERM | Errno::EACCES)) => {
                let mut info = xen_domctl_getdomaininfo::default();
                // SAFETY: that is the call's member, without handles.
                unsafe { self.domctl(XEN_DOMCTL_GETDOMAININFO, DomainId::DOM0, &mut info) }
                    .map(|()| false)
                    .map_err(|_| refused(refusal))
            }
            Err(errno) => Err(refused(errno)),
        }
    }

    fn nodes(&self) -> Result<Vec<NodeMemory>, HypercallError> {
        let nodes = match self.numa_meminfo() {
            Err(Errno::ENOSYS | Errno::EOPNOTSUPP) => self.numainfo(),
            nodes => nodes,
        };
        nodes.map_err(|errno| HypercallError::host(Operation::HostMemory, errno))
    }

    fn distances(&self) -> Result<Distances, HypercallError> {
        self.numa_distances()
            .map_err(|errno| HypercallError::host(Operation::NodeDistances, errno))
    }

    fn host(&self) -> Result<HostMemory, HypercallError> {
        let mut info = xen_sysctl_physinfo::default();
        // SAFETY: those are the leading fields of the call's member, without handles.
        unsafe { self.sysctl(XEN_SYSCTL_PHYSINFO, &mut info) }
            .map_err(|errno| HypercallError::host(Operation::HostMemory, errno))?;
        Ok(HostMemory {
            free: Pages::new(info.free_pages),
            claimed: Pages::new(info.outstanding_pages),
        })
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, HypercallError> {
        let mut domains = Vec::new();
        let mut first = 0;
        while u64::from(first) <= DOMAIN_ID.max {
            let next = self
                .domain_from(first)
                .map_err(|errno| HypercallError::host(Operation::DomainInfo, errno))?;
            let Some(next) = next else { break };
            first = next.domain.get() + 1;
            domains.push(next);
        }
        Ok(domains)
    }

    fn node_pages(&self, domain: DomainId) -> Result<Vec<Pages>, HypercallError> {
        self.numa_node_pages(domain)
            .map_err(|errno| HypercallError::of(Operation::DomainMemory, domain, errno))
    }

    fn set_node_affinity(&self, domain: DomainId, nodes: NodeSet) -> Result<(), HypercallError> {
        let refused = |errno| HypercallError::of(Operation::SetNodeAffinity, domain, errno);
        let map = self.buffer(&[nodes.bits().to_le()]).map_err(refused)?;
        let mut argument = xenctl_bitmap {
            bitmap: map.address(),
            nr_bits: MAX_NODES as u32,
            pad: 0,
        };
        // SAFETY: that is the call's member, and `map` holds as many bits as it says.
        unsafe { self.domctl(XEN_DOMCTL_SETNODEAFFINITY, domain, &mut argument) }.map_err(refused)
    }
}

/// An address that no program has anything at.
const UNREADABLE: u64 = 1 << 63;

/// A Xen that does not know the call says so in more than one way.
fn no_claim_sets(errno: Errno) -> Errno {
    match errno {
        Errno::ENOSYS => Errno::EOPNOTSUPP,
        errno => errno,
    }
}
