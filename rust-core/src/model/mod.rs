//! The embedded hypervisor: `docs/contract.md`, counted in pages, in one process.
//!
//! It knows how many pages each node has, who has or claims them, and how many of the free ones are
//! still to be scrubbed, because a domain had them that is gone. It knows no addresses: its memory is
//! never in pieces, and none of it is in the DMA zone, unless a caller of [`Model::populate_extent`]
//! says so. Nor does it scrub while it is idle, but only when it is told to.
//!
//! Read `State::install` in `state.rs`, the heart of it, first, then `State::place` in `alloc.rs`. All
//! of it is behind one lock, as Xen's heap is behind the heap lock.

mod alloc;
mod state;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Errno, HypercallError, Operation};
use crate::hypervisor::{Distances, DomainInfo, HostMemory, Hypervisor, NodeMemory, Uuid};
use crate::limits::MAX_CLAIMS;
use crate::testing::{DomainControl, FaultInjection, Placement, Recall};
use crate::topology::Topology;
use crate::units::{DomainId, NodeId, NodeSet, Pages};
use crate::wire::{self, xen_memory_claim};
use alloc::Request;
use state::State;

pub use alloc::BlockAvailability;

/// Something that goes wrong on purpose in the next claim call, for tests of what lies above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call panics before it changes anything.
    Panic,
    /// The call takes that long, and other calls go on meanwhile.
    Delay(Duration),
    /// The call is answered with this, as by a Xen without claim sets or another security policy.
    Refuse(Errno),
}

/// A hypervisor in this process, with a host of its own.
///
/// ```
/// use xen_claims::{ClaimSet, DomainControl, Hypervisor, Model, Pages};
///
/// let host = Model::new(&"2x1".parse()?);
/// let domain = host.create()?;
/// host.set_max_pages(domain, Pages::new(1024))?;
/// host.set(domain, &ClaimSet::host(Pages::new(1000)))?;
/// assert_eq!(host.host()?.claimed, Pages::new(1000));
/// host.release(domain)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Model {
    distances: Distances,
    state: Mutex<State>,
    faults: Mutex<VecDeque<Fault>>,
}

/// The guarded data is valid whenever the lock is free, also after a panic: every change is made
/// after all its checks, in a region that can't panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Model {
    /// A host of that topology, all of it free.
    pub fn new(topology: &Topology) -> Self {
        Model {
            distances: topology.distances(),
            state: Mutex::new(State::new(topology)),
            faults: Mutex::default(),
        }
    }

    /// Lets the next claim call that has no fault yet have this one.
    pub fn inject(&self, fault: Fault) {
        lock(&self.faults).push_back(fault);
    }

    /// One extent of a populate call on a host whose free memory is in pieces: `blocks` tells what a
    /// node has for it, where the counts would say what it is given. The node that the extent came
    /// from, if it was given.
    ///
    /// What is not `refcounted` the hypervisor takes for its own use (`MEMF_no_refcount`): it is no page
    /// of the domain's, uses none of its claims, and comes back when the domain ends.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    pub fn populate_extent(
        &self,
        domain: DomainId,
        order: u32,
        placement: Placement,
        refcounted: bool,
        blocks: impl Fn(NodeId, BlockAvailability) -> BlockAvailability,
    ) -> Result<Option<NodeId>, HypercallError> {
        self.atomically(Operation::Populate, Some(domain), |state| {
            let request = Request {
                order,
                placement,
                refcounted,
            };
            state.populate_extent(domain, request, blocks)
        })
    }

    fn meet_fault(&self) -> Result<(), Errno> {
        let fault = lock(&self.faults).pop_front();
        match fault {
            None => {}
            Some(Fault::Panic) => panic!("injected into the embedded hypervisor"),
            Some(Fault::Delay(time)) => std::thread::sleep(time),
            Some(Fault::Refuse(errno)) => return Err(errno),
        }
        Ok(())
    }

    /// Runs `f` on the state, as one atomic operation.
    fn atomically<T>(
        &self,
        operation: Operation,
        domain: Option<DomainId>,
        f: impl FnOnce(&mut State) -> Result<T, Errno>,
    ) -> Result<T, HypercallError> {
        f(&mut lock(&self.state)).map_err(|errno| HypercallError {
            operation,
            domain,
            errno,
        })
    }
}

impl Hypervisor for Model {
    fn claim_memory(
        &self,
        domain: DomainId,
        mode: u32,
        nr_entries: &mut u32,
        entries: Option<&mut [xen_memory_claim]>,
    ) -> Result<(), Errno> {
        self.meet_fault()?;
        let mut state = lock(&self.state);
        state.domain(domain)?;
        match mode {
            wire::XEN_DOMCTL_CLAIM_MEMORY_SET => {
                let count = *nr_entries as usize;
                if count == 0 {
                    return Err(Errno::EINVAL);
                }
                if count > MAX_CLAIMS {
                    return Err(Errno::E2BIG);
                }
                state.living(domain)?;
                let entries = entries.as_deref().and_then(|entries| entries.get(..count));
                match entries.ok_or(Errno::EFAULT)? {
                    [entry] if entry.target == wire::XEN_DOMCTL_CLAIM_MEMORY_LEGACY => {
                        if entry.pad != 0 {
                            return Err(Errno::EINVAL);
                        }
                        let target = wire::XEN_DOMCTL_CLAIM_MEMORY_HOST;
                        state.claim_legacy(domain, target, entry.pages)
                    }
                    entries => state.install(domain, entries),
                }
            }
            wire::XEN_DOMCTL_CLAIM_MEMORY_GET => {
                state.living(domain)?;
                let (claims, count) = state.outstanding(domain)?;
                let claims = &claims[..count];
                let capacity = (*nr_entries as usize).min(MAX_CLAIMS);
                // OK because there are at most 65.
                *nr_entries = count as u32;
                if capacity < count {
                    return Err(Errno::ERANGE);
                }
                let array = entries.and_then(|entries| entries.get_mut(..count));
                array.ok_or(Errno::EFAULT)?.copy_from_slice(claims);
                Ok(())
            }
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn claim_pages_flags(
        &self,
        domain: DomainId,
        mem_flags: u32,
        pages: Pages,
    ) -> Result<(), HypercallError> {
        let met = self.meet_fault();
        self.atomically(Operation::ClaimPages, Some(domain), |state| {
            met?;
            let target = wire::legacy_target(mem_flags).ok_or(Errno::EINVAL)?;
            // The legacy call has one errno for all domains that can't claim.
            state.living(domain).map_err(|_| Errno::EINVAL)?;
            state.claim_legacy(domain, target, pages.get())
        })
    }

    fn has_claim_sets(&self) -> Result<bool, HypercallError> {
        match self.meet_fault() {
            Ok(()) => Ok(true),
            Err(Errno::EOPNOTSUPP) => Ok(false),
            Err(errno) => Err(HypercallError::host(Operation::GetClaims, errno)),
        }
    }

    fn nodes(&self) -> Result<Vec<NodeMemory>, HypercallError> {
        Ok(lock(&self.state).nodes())
    }

    fn distances(&self) -> Result<Distances, HypercallError> {
        Ok(self.distances.clone())
    }

    fn host(&self) -> Result<HostMemory, HypercallError> {
        Ok(lock(&self.state).host())
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, HypercallError> {
        Ok(lock(&self.state).domains())
    }

    fn node_pages(&self, domain: DomainId) -> Result<Vec<Pages>, HypercallError> {
        self.atomically(Operation::DomainMemory, Some(domain), |state| {
            state.node_pages(domain)
        })
    }

    fn set_node_affinity(&self, domain: DomainId, nodes: NodeSet) -> Result<(), HypercallError> {
        self.atomically(Operation::SetNodeAffinity, Some(domain), |state| {
            state.set_affinity(domain, nodes)
        })
    }
}

impl DomainControl for Model {
    fn create_as(&self, uuid: Uuid) -> Result<DomainId, HypercallError> {
        self.atomically(Operation::CreateDomain, None, |state| state.create(uuid))
    }

    fn set_max_pages(&self, domain: DomainId, max: Pages) -> Result<(), HypercallError> {
        self.atomically(Operation::SetMaxPages, Some(domain), |state| {
            state.set_max_pages(domain, max.get())
        })
    }

    fn populate(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    ) -> Result<u64, HypercallError> {
        // One lock per extent, so that other builders come in between as they do on Xen.
        for done in 0..extents {
            let given =
                self.populate_extent(domain, order, placement, true, |_, available| available)?;
            if given.is_none() {
                return Ok(done);
            }
        }
        Ok(extents)
    }

    fn depopulate(&self, domain: DomainId, order: u32, extents: u64) -> Result<(), HypercallError> {
        self.atomically(Operation::Depopulate, Some(domain), |state| {
            state.depopulate(domain, order, extents)
        })
    }

    fn unpause(&self, domain: DomainId) -> Result<(), HypercallError> {
        self.atomically(Operation::Unpause, Some(domain), |state| {
            state.unpause(domain)
        })
    }

    fn destroy(&self, domain: DomainId) -> Result<(), HypercallError> {
        self.atomically(Operation::DestroyDomain, Some(domain), |state| {
            state.destroy(domain)
        })
    }
}

impl FaultInjection for Model {
    fn offline_free_page(&self, node: NodeId) -> Result<(), HypercallError> {
        self.atomically(Operation::OfflinePage, None, |state| {
            state.offline_free_page(node)
        })
    }

    fn offline_used_page(&self, node: NodeId, domain: DomainId) -> Result<(), HypercallError> {
        self.atomically(Operation::OfflinePage, Some(domain), |state| {
            state.offline_used_page(node, domain)
        })
    }

    fn online_pages(&self, node: NodeId) -> Result<(), HypercallError> {
        self.atomically(Operation::OfflinePage, None, |state| {
            state.online_pages(node)
        })
    }

    fn recalls(&self) -> Vec<Recall> {
        lock(&self.state).recalls.clone()
    }

    fn scrub(&self) -> Result<(), HypercallError> {
        lock(&self.state).scrub();
        Ok(())
    }

    fn fail_next_allocation(&self) -> Result<(), HypercallError> {
        lock(&self.state).fail_next_allocation = true;
        Ok(())
    }

    fn begin_destroy(&self, domain: DomainId) -> Result<(), HypercallError> {
        self.atomically(Operation::DestroyDomain, Some(domain), |state| {
            state.kill(domain)
        })
    }
}
