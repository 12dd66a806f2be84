//! The life of domains on Xen: what our builder, command and tests need, and a production toolstack
//! has by other means.
//!
//! A domain made here has memory and nothing else: it never runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use xenctrl_sys as xc;

use super::hypercalls::Xen;
use super::libxenctrl::{Control, Mapping};
use super::OpenError;
use crate::error::{Errno, HypercallError, Operation};
use crate::hypervisor::{Distances, DomainInfo, HostMemory, Hypervisor, NodeMemory, Uuid};
use crate::limits::EXTENT_ORDER;
use crate::testing::{DomainControl, Placement};
use crate::units::{DomainId, NodeId, NodeSet, Pages};
use crate::wire::xen_memory_claim;

/// The Xen this program runs on, and the domains that were made through this connection.
#[derive(Debug)]
pub struct XenWithDomains {
    pub(super) xen: Xen,
    pub(super) control: Control,
    known: Mutex<BTreeMap<DomainId, Known>>,
    /// Pages mapped here of domains that are being destroyed.
    pub(super) held: Mutex<BTreeMap<DomainId, Mapping>>,
    /// Frames of each node that were free when last looked at.
    pub(super) spare: Mutex<BTreeMap<NodeId, Vec<u64>>>,
    /// Frames out of use, with their nodes.
    pub(super) offlined: Mutex<Vec<(NodeId, u64)>>,
}

/// What is known of one domain.
#[derive(Debug, Default)]
struct Known {
    /// The first of its frames that nothing was put at.
    next: u64,
    /// Orders and frames of what it has, oldest first.
    extents: Vec<(u32, u64)>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl XenWithDomains {
    /// Connects to it.
    ///
    /// # Errors
    ///
    /// As [`xen::open`](super::open).
    pub fn open() -> Result<Self, OpenError> {
        Self::over(Xen::open()?)
    }

    pub(super) fn over(xen: Xen) -> Result<Self, OpenError> {
        Ok(XenWithDomains {
            xen,
            control: Control::open().map_err(OpenError::Failed)?,
            known: Mutex::default(),
            held: Mutex::default(),
            spare: Mutex::default(),
            offlined: Mutex::default(),
        })
    }

    pub(super) fn last_frame(&self, domain: DomainId) -> Result<u64, Errno> {
        let known = lock(&self.known);
        let last = known.get(&domain).and_then(|known| known.extents.last());
        last.map(|(_, frame)| *frame).ok_or(Errno::ENOENT)
    }
}

/// As [`Xen`], which it is.
impl Hypervisor for XenWithDomains {
    fn claim_memory(
        &self,
        domain: DomainId,
        mode: u32,
        nr_entries: &mut u32,
        entries: Option<&mut [xen_memory_claim]>,
    ) -> Result<(), Errno> {
        self.xen.claim_memory(domain, mode, nr_entries, entries)
    }

    fn claim_pages_flags(
        &self,
        domain: DomainId,
        mem_flags: u32,
        pages: Pages,
    ) -> Result<(), HypercallError> {
        self.xen.claim_pages_flags(domain, mem_flags, pages)
    }

    fn has_claim_sets(&self) -> Result<bool, HypercallError> {
        self.xen.has_claim_sets()
    }

    fn nodes(&self) -> Result<Vec<NodeMemory>, HypercallError> {
        self.xen.nodes()
    }

    fn distances(&self) -> Result<Distances, HypercallError> {
        self.xen.distances()
    }

    fn host(&self) -> Result<HostMemory, HypercallError> {
        self.xen.host()
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, HypercallError> {
        self.xen.domains()
    }

    fn node_pages(&self, domain: DomainId) -> Result<Vec<Pages>, HypercallError> {
        self.xen.node_pages(domain)
    }

    fn set_node_affinity(&self, domain: DomainId, nodes: NodeSet) -> Result<(), HypercallError> {
        self.xen.set_node_affinity(domain, nodes)
    }
}

/// A placement as `XENMEM_populate_physmap` has it.
const fn memory_flags(placement: Placement) -> u32 {
    const fn node(node: NodeId) -> u32 {
        (node.index() as u32 + 1) << 8
    }
    match placement {
        Placement::Any => 0,
        Placement::Prefer(preferred) => node(preferred),
        Placement::Exact(exact) => node(exact) | xc::XENMEMF_exact_node_request,
    }
}

/// Extents of one hypercall: few enough that Xen answers soon.
const BATCH: u64 = 1024;

impl DomainControl for XenWithDomains {
    fn create_as(&self, uuid: Uuid) -> Result<DomainId, HypercallError> {
        let created = self.control.create(uuid);
        if let Ok(domain) = created {
            lock(&self.known).insert(domain, Known::default());
        }
        created.map_err(|errno| HypercallError::host(Operation::CreateDomain, errno))
    }

    fn set_max_pages(&self, domain: DomainId, max: Pages) -> Result<(), HypercallError> {
        let kib = max.get().saturating_mul(4);
        let set = self.control.set_max_memory(domain, kib);
        set.map_err(|errno| HypercallError::of(Operation::SetMaxPages, domain, errno))
    }

    fn populate(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    ) -> Result<u64, HypercallError> {
        let refused = |errno| HypercallError::of(Operation::Populate, domain, errno);
        // Behind all that a program that made the domain, and is gone, can have put there.
        let behind = if lock(&self.known).contains_key(&domain) {
            0
        } else {
            let max = self.domain(domain).map_err(|error| refused(error.errno))?;
            2 * max.max_pages.get() + (1 << EXTENT_ORDER.max)
        };
        let mut done = 0;
        while done < extents {
            let count = BATCH.min(extents - done);
            // Where in the domain does not matter, as it never runs. The lock is not held during
            // the call: others build meanwhile.
            let mut frames: Vec<u64> = {
                let mut known = lock(&self.known);
                let known = known.entry(domain).or_insert(Known {
                    next: behind,
                    extents: Vec::new(),
                });
                let first = known.next.next_multiple_of(1 << order);
                known.next = first + (count << order);
                (0..count).map(|i| first + (i << order)).collect()
            };
            let flags = memory_flags(placement);
            let given = match self.control.populate(domain, order, flags, &mut frames) {
                Ok(given) => given,
                // What was given before stays given, and has to be told.
                Err(_) if done > 0 => break,
                Err(errno) => return Err(refused(errno)),
            };
            let new = frames[..given].iter().map(|&frame| (order, frame));
            lock(&self.known)
                .entry(domain)
                .or_default()
                .extents
                .extend(new);
            done += given as u64;
            if (given as u64) < count {
                break;
            }
        }
        if done == 0 && extents > 0 {
            // Xen gives an unknown domain nothing and says no more.
            self.domain(domain).map_err(|error| refused(error.errno))?;
        }
        Ok(done)
    }

    fn depopulate(&self, domain: DomainId, order: u32, extents: u64) -> Result<(), HypercallError> {
        let refused = |errno| HypercallError::of(Operation::Depopulate, domain, errno);
        let mut known = lock(&self.known);
        let known = known.get_mut(&domain).ok_or(refused(Errno::ESRCH))?;
        let known = &mut known.extents;
        let last = known.iter().rev();
        let same = last.take_while(|extent| extent.0 == order).count() as u64;
        if extents > same {
            return Err(refused(Errno::EINVAL));
        }
        let mut left = extents;
        while left > 0 {
            let count = BATCH.min(left);
            let mut frames: Vec<u64> = known[known.len() - count as usize..]
                .iter()
                .map(|(_, frame)| *frame)
                .collect();
            let taken = self.control.decrease(domain, order, &mut frames);
            taken.map_err(refused)?;
            known.truncate(known.len() - count as usize);
            left -= count;
        }
        Ok(())
    }

    fn unpause(&self, domain: DomainId) -> Result<(), HypercallError> {
        let started = self.control.unpause(domain);
        started.map_err(|errno| HypercallError::of(Operation::Unpause, domain, errno))
    }

    fn destroy(&self, domain: DomainId) -> Result<(), HypercallError> {
        let held = lock(&self.held).remove(&domain).is_some();
        lock(&self.known).remove(&domain);
        let destroyed = match self.control.destroy(domain) {
            // The page that was mapped here was the last that kept it.
            Err(Errno::ESRCH) if held => Ok(()),
            result => result,
        };
        destroyed.map_err(|errno| HypercallError::of(Operation::DestroyDomain, domain, errno))
    }
}
