//! What a production toolstack needs of Xen, through libxencall alone.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use once_cell::sync::OnceCell;

use super::call::{Buffer, Call};
use super::layout::*;
use super::OpenError;
use crate::error::{Errno, HypercallError, Operation};
use crate::hypervisor::{Distances, DomainInfo, HostMemory, Hypervisor, NodeMemory, UNREACHABLE};
#[cfg(feature = "domains")]
use crate::hypervisor::{DomainBuilder, Faults};
use crate::limits::{DOMAIN_ID, MAX_CLAIMS, MAX_NODES};
use crate::units::{Bytes, DomainId, NodeId, NodeSet, Pages};
use crate::wire::{self, xen_domctl_claim_memory, xen_memory_claim};

/// The interface versions of the Xen below, which is the same as long as this process lives.
#[derive(Debug, Clone, Copy)]
struct Versions {
    domctl: u32,
    sysctl: u32,
}

static VERSIONS: OnceCell<Versions> = OnceCell::new();

/// The Xen this program runs on.
#[derive(Debug)]
pub struct Xen {
    call: Call,
    versions: Versions,
    #[cfg(feature = "domains")]
    pub(super) domains: super::domains::Domains,
}

const DEVICE: &str = "/dev/xen/privcmd";

pub(super) fn open() -> Result<Arc<dyn Hypervisor>, OpenError> {
    Ok(Arc::new(Xen::open()?))
}

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
        let call = Call::open().map_err(OpenError::Failed)?;
        let versions = *VERSIONS.get_or_try_init(|| probe(&call))?;
        Ok(Xen {
            call,
            versions,
            #[cfg(feature = "domains")]
            domains: super::domains::Domains::open().map_err(OpenError::Failed)?,
        })
    }

    fn domctl<T: Copy>(&self, cmd: u32, domain: DomainId, member: &mut T) -> Result<(), Errno> {
        domctl(&self.call, self.versions.domctl, cmd, domain.get(), member)
    }

    pub(super) fn sysctl<T: Copy>(&self, cmd: u32, member: &mut T) -> Result<(), Errno> {
        sysctl(&self.call, self.versions.sysctl, cmd, member)
    }

    /// Runs `f` with the address of a buffer of `content`, and returns what is in it then.
    #[cfg(feature = "domains")]
    pub(super) fn with_buffer<T: Copy, const N: usize>(
        &self,
        content: [T; N],
        f: impl FnOnce(&Self, u64) -> Result<(), Errno>,
    ) -> Result<[T; N], Errno> {
        let mut buffer = Buffer::new(&self.call, &content)?;
        f(self, buffer.address())?;
        let mut answer = content;
        answer.copy_from_slice(buffer.as_mut_slice());
        Ok(answer)
    }

    /// The first domain at or above `first`, if there is one. One at a time: how long an entry of
    /// a longer list is depends on the version.
    fn domain_from(&self, first: u16) -> Result<Option<DomainInfo>, Errno> {
        let mut entry = Buffer::new(&self.call, &[Entry::default()])?;
        let mut list = xen_sysctl_getdomaininfolist {
            first_domain: first,
            max_domains: 1,
            buffer: entry.address(),
            ..Default::default()
        };
        self.sysctl(XEN_SYSCTL_GETDOMAININFOLIST, &mut list)?;
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
        let mut nodes = Buffer::new(&self.call, &nodes)?;
        let mut info = xen_sysctl_numa_meminfo {
            num_nodes: MAX_NODES as u32,
            meminfo: nodes.address(),
            ..Default::default()
        };
        self.sysctl(XEN_SYSCTL_NUMA_MEMINFO, &mut info)?;
        let nodes = NodeId::all().zip(nodes.as_mut_slice().iter());
        nodes
            .take(info.num_nodes as usize)
            .filter(|(_, info)| info.size != NO_NODE_MEMORY)
            .map(|(node, info)| node_memory(node, info.size, info.free, info.claimed))
            .collect()
    }

    /// Pages of a domain by node, on a Xen with the series.
    fn numa_node_pages(&self, domain: DomainId) -> Result<Vec<Pages>, Errno> {
        let mut pages = Buffer::new(&self.call, &[0_u64; MAX_NODES])?;
        let mut argument = xen_domctl_numa_op {
            op: XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES,
            get_node_pages: xen_domctl_numa_op_get_node_pages {
                nr_nodes: MAX_NODES as u32,
                node_tot_pages: pages.address(),
                ..Default::default()
            },
            ..Default::default()
        };
        self.domctl(XEN_DOMCTL_NUMA_OP, domain, &mut argument)
            .map_err(no_claim_sets)?;
        let count = argument.get_node_pages.nr_nodes as usize;
        let pages = pages.as_mut_slice().get(..count).ok_or(Errno::EPROTO)?;
        Ok(pages.iter().copied().map(Pages::new).collect())
    }

    /// Node distances. A row is as long as the list of nodes, whatever room there is for it.
    fn numa_distances(&self) -> Result<Distances, Errno> {
        let distances = [0u32; MAX_NODES * MAX_NODES];
        let mut distances = Buffer::new(&self.call, &distances)?;
        let mut info = xen_sysctl_numainfo {
            num_nodes: MAX_NODES as u32,
            distance: distances.address(),
            ..Default::default()
        };
        self.sysctl(XEN_SYSCTL_NUMAINFO, &mut info)?;
        let count = (info.num_nodes as usize).min(MAX_NODES);
        let rows = distances.as_mut_slice().chunks(count.max(1)).take(count);
        // OK to cut: what firmware knows of distances is in bytes.
        let distance = |&value: &u32| value.min(UNREACHABLE.into()) as u8;
        Ok(rows.map(|row| row.iter().map(distance).collect()).collect())
    }

    /// Node memory of a Xen without the series, where nothing can be claimed of a node.
    fn numainfo(&self) -> Result<Vec<NodeMemory>, Errno> {
        let nodes = [xen_sysctl_meminfo::default(); MAX_NODES];
        let mut nodes = Buffer::new(&self.call, &nodes)?;
        let mut info = xen_sysctl_numainfo {
            num_nodes: MAX_NODES as u32,
            meminfo: nodes.address(),
            ..Default::default()
        };
        self.sysctl(XEN_SYSCTL_NUMAINFO, &mut info)?;
        let nodes = NodeId::all().zip(nodes.as_mut_slice().iter());
        nodes
            .take(info.num_nodes as usize)
            .filter(|(_, info)| info.memsize != XEN_INVALID_MEM_SZ)
            .map(|(node, info)| node_memory(node, info.memsize, info.memfree, 0))
            .collect()
    }
}

/// An entry of the list of domains: its leading fields, and room for what follows in any version.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Entry {
    info: xen_domctl_getdomaininfo,
    rest: [u64; 64],
}

impl Default for Entry {
    fn default() -> Self {
        Entry {
            info: xen_domctl_getdomaininfo::default(),
            rest: [0; 64],
        }
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

fn domctl<T: Copy>(
    call: &Call,
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
    let result = call.one(HYPERVISOR_DOMCTL, &mut domctl);
    *member = domctl.u.member;
    result
}

fn sysctl<T: Copy>(call: &Call, version: u32, cmd: u32, member: &mut T) -> Result<(), Errno> {
    let mut sysctl = xen_sysctl {
        cmd,
        interface_version: version,
        u: Union::new(*member),
    };
    let result = call.one(HYPERVISOR_SYSCTL, &mut sysctl);
    *member = sysctl.u.member;
    result
}

/// Finds the versions by asking what every Xen answers and nothing changes.
fn probe(call: &Call) -> Result<Versions, OpenError> {
    let sysctl = find(&SYSCTL_VERSIONS, |version| {
        let mut info = xen_sysctl_physinfo::default();
        sysctl(call, version, XEN_SYSCTL_PHYSINFO, &mut info)
    })?;
    // Of no domain: that is ESRCH before FLASK, whose refusal is EACCES as well, comes to be asked.
    let domctl = find(&DOMCTL_VERSIONS, |version| {
        let mut info = xen_domctl_getdomaininfo::default();
        domctl(
            call,
            version,
            XEN_DOMCTL_GETDOMAININFO,
            DOMID_INVALID,
            &mut info,
        )
    })?;
    Ok(Versions { domctl, sysctl })
}

/// The first version that is not answered with EACCES. Any other answer is about the call.
fn find(versions: &[u32], ask: impl Fn(u32) -> Result<(), Errno>) -> Result<u32, OpenError> {
    for &version in versions {
        match ask(version) {
            Err(Errno::EACCES) => {}
            Err(Errno::EPERM) => return Err(OpenError::NotPrivileged),
            Ok(()) | Err(Errno::ESRCH) => return Ok(version),
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
        // Xen reads or writes at most `MAX_CLAIMS` entries, whatever it is told.
        let used = (*nr_entries as usize).min(MAX_CLAIMS);
        let mut array = wire::EMPTY;
        let short = entries.as_deref().is_some_and(|given| given.len() < used);
        if let Some(given) = entries.as_deref().filter(|_| !short) {
            array[..used].copy_from_slice(&given[..used]);
        }
        let mut buffer = Buffer::new(&self.call, &array)?;
        let mut argument = xen_domctl_claim_memory {
            claim_set: match entries {
                None => 0,
                // Only Xen knows whether it would come to read the array before it finds another
                // fault: it is given one that it can't.
                Some(_) if short => UNREADABLE,
                Some(_) => buffer.address(),
            },
            nr_entries: *nr_entries,
            mode,
        };
        let result = self.domctl(wire::XEN_DOMCTL_CLAIM_MEMORY, domain, &mut argument);
        let result = result.map_err(no_claim_sets);
        if mode == wire::XEN_DOMCTL_CLAIM_MEMORY_GET {
            if matches!(result, Ok(()) | Err(Errno::ERANGE)) {
                *nr_entries = argument.nr_entries;
            }
            if let (Ok(()), Some(given)) = (result, entries) {
                let count = argument.nr_entries as usize;
                let answer = buffer.as_mut_slice().get(..count).ok_or(Errno::EPROTO)?;
                let room = given.get_mut(..count).ok_or(Errno::EPROTO)?;
                room.copy_from_slice(answer);
            }
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
        self.call
            .two(HYPERVISOR_MEMORY_OP, XENMEM_CLAIM_PAGES, &mut reservation)
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
            Err(refusal @ (Errno::EPERM | Errno::EACCES)) => self
                .domctl(
                    XEN_DOMCTL_GETDOMAININFO,
                    DomainId::DOM0,
                    &mut xen_domctl_getdomaininfo::default(),
                )
                .map(|()| false)
                .map_err(|_| refused(refusal)),
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
        self.sysctl(XEN_SYSCTL_PHYSINFO, &mut info)
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
        let map = Buffer::new(&self.call, &[nodes.bits().to_le()]).map_err(refused)?;
        let mut argument = xenctl_bitmap {
            bitmap: map.address(),
            nr_bits: MAX_NODES as u32,
            pad: 0,
        };
        self.domctl(XEN_DOMCTL_SETNODEAFFINITY, domain, &mut argument)
            .map_err(refused)
    }

    #[cfg(feature = "domains")]
    fn builder(&self) -> Option<&dyn DomainBuilder> {
        Some(self)
    }

    #[cfg(feature = "domains")]
    fn faults(&self) -> Option<&dyn Faults> {
        // Where there are none to spare, offlining says so.
        let _ = self.look_for_spare_frames();
        Some(self)
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
