//! A hypervisor made of a compiled Xen.

use std::collections::BTreeMap;
use std::ffi::c_long;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{ensure, Result};
use xen_claims::model::BlockAvailability;
use xen_claims::wire::xen_memory_claim;
use xen_claims::{
    Distances, DomainControl, DomainId, DomainInfo, Errno, FaultInjection, HostMemory,
    HypercallError, Hypervisor, NodeId, NodeMemory, NodeSet, Operation, Pages, Placement, Recall,
    Uuid,
};

use super::boot::Boot;
use super::loaded::{LoadedAllocator, Op, RawCounts};
use super::{Build, Xen};

/// A host of real Xen code. When an assertion of that fails, the thread that met it panics with the
/// assertion's file and line, and every later call is refused with `EPROTO`.
#[derive(Debug)]
pub struct Host {
    /// Taken out when the host ends.
    loaded: Option<LoadedAllocator>,
    /// Which page goes out of use next.
    dice: AtomicU64,
    fail_next: AtomicBool,
    recalls: Mutex<Vec<Recall>>,
    uuids: Mutex<BTreeMap<DomainId, Uuid>>,
    told: AtomicBool,
    xen: Xen,
    distances: Distances,
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(loaded) = self.loaded.take() {
            loaded.give_back();
        }
    }
}

impl Host {
    /// Boots a host.
    pub fn boot(build: &Build, boot: &Boot) -> Result<Host> {
        let loaded = LoadedAllocator::take(&build.object)?;
        let ranges = boot.ranges(loaded.metadata_pages);
        let booted = loaded.boot(&ranges, boot.flags.bits());
        ensure!(
            booted == Some(0),
            "the host does not boot: {booted:?} {:?}",
            loaded.why_stopped()
        );
        Ok(Host {
            loaded: Some(loaded),
            dice: AtomicU64::new(1),
            fail_next: AtomicBool::new(false),
            recalls: Mutex::default(),
            uuids: Mutex::default(),
            told: AtomicBool::new(false),
            xen: build.xen,
            distances: boot.topology.distances(),
        })
    }

    pub(super) fn loaded(&self) -> &LoadedAllocator {
        // It is there until the host is dropped.
        self.loaded.as_ref().unwrap_or_else(|| unreachable!())
    }

    /// The result of a call that the host lived to see.
    pub(super) fn alive<T>(&self, result: Option<T>) -> Result<T, Errno> {
        if let Some(result) = result {
            return Ok(result);
        }
        let why = self.loaded().why_stopped().unwrap_or_default();
        assert!(
            self.told.swap(true, Ordering::AcqRel),
            "the host stopped: {why}"
        );
        Err(Errno::EPROTO)
    }

    fn number(&self, op: Op, arguments: &[u64]) -> Result<c_long, Errno> {
        let result = self.alive(self.loaded().call(op, arguments))?;
        match i32::try_from(-result) {
            Ok(errno) if errno > 0 => Err(Errno(errno)),
            _ => Ok(result),
        }
    }

    fn on(
        &self,
        operation: Operation,
        domain: Option<DomainId>,
        op: Op,
        arguments: &[u64],
    ) -> Result<c_long, HypercallError> {
        self.number(op, arguments).map_err(|errno| HypercallError {
            operation,
            domain,
            errno,
        })
    }

    fn counts<T>(&self, look: impl FnOnce(&RawCounts) -> T) -> Result<T, HypercallError> {
        self.alive(self.loaded().counts(look))
            .map_err(|errno| HypercallError::host(Operation::HostMemory, errno))
    }

    /// One extent: its first page, if it was given. `refcounted`: as a guest's memory is, and not as
    /// what Xen takes for its own use.
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
    ) -> Result<Option<u64>, HypercallError> {
        let nowhere = self.fail_next.swap(false, Ordering::AcqRel);
        let flags = u64::from(!refcounted) | (u64::from(nowhere) << 1);
        self.populate_by_flags(domain, order, placement, flags)
    }

    /// One extent below 8 GiB: its first page, if it was given.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    pub fn populate_low(
        &self,
        domain: DomainId,
        order: u32,
        placement: Placement,
    ) -> Result<Option<u64>, HypercallError> {
        self.populate_by_flags(domain, order, placement, 4)
    }

    fn populate_by_flags(
        &self,
        domain: DomainId,
        order: u32,
        placement: Placement,
        flags: u64,
    ) -> Result<Option<u64>, HypercallError> {
        let place = match placement {
            Placement::Any => 64,
            Placement::Prefer(node) => node.index() as u64,
            Placement::Exact(node) => 0x100 | node.index() as u64,
        };
        let arguments = [domain.get().into(), order.into(), place, flags];
        let page = self.on(Operation::Populate, Some(domain), Op::Populate, &arguments)?;
        Ok(u64::try_from(page).ok().filter(|page| *page > 0))
    }

    /// What a node has for an extent, or for one below 8 GiB.
    ///
    /// # Errors
    ///
    /// `EPROTO` if the host has stopped.
    pub fn blocks(&self, node: NodeId, order: u32, low: bool) -> Result<BlockAvailability, Errno> {
        let arguments = [node.index() as u64, order.into(), low.into()];
        Ok(match self.number(Op::HasBlock, &arguments)? {
            4 => BlockAvailability::Clean,
            3 => BlockAvailability::Dirty,
            2 => BlockAvailability::CleanInDma,
            1 => BlockAvailability::DirtyInDma,
            _ => BlockAvailability::None,
        })
    }

    /// Scrubs for as long as an idle CPU does before it looks for other work; true: there is more.
    ///
    /// # Errors
    ///
    /// `EPROTO` if the host has stopped.
    pub fn scrub_some(&self) -> Result<bool, Errno> {
        Ok(self.number(Op::Scrub, &[])? != 0)
    }

    /// What is wrong in Xen's own structures, one line each: I1, I2 and I4 of `docs/contract.md`,
    /// 1.7. If `pages`, also that every free page is counted once and in its place, and every page
    /// of a domain. Nobody may be in a call.
    ///
    /// # Errors
    ///
    /// `EPROTO` if the host has stopped.
    pub fn violations(&self, pages: bool) -> Result<String, Errno> {
        self.alive(self.loaded().text(Op::Check, pages.into()))
    }

    /// All counts at one instant, but for the claims of domains, which GET tells.
    ///
    /// # Errors
    ///
    /// `EPROTO` if the host has stopped.
    pub fn counts_at_once(
        &self,
    ) -> Result<(HostMemory, Vec<NodeMemory>, Vec<DomainInfo>), HypercallError> {
        self.counts(|c| (host_of(c), nodes_of(c), domains_of(c)))
    }

    /// Claims a page of the host as one does who was let in before the domain began to die: by a claim
    /// set, or by the legacy call.
    ///
    /// # Errors
    ///
    /// As [`Hypervisor::claim_memory`] and [`Hypervisor::claim_pages`].
    pub fn claim_late(&self, domain: DomainId, legacy: bool) -> Result<(), Errno> {
        let arguments = [domain.get().into(), legacy.into()];
        self.number(Op::ClaimLate, &arguments).map(drop)
    }

    /// Claims so many pages of the host for a domain in the middle of a populate call: when the next
    /// page is scrubbed, which is after its claims were used up, and before the domain has it.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain.
    pub fn claim_amid(&self, domain: DomainId, pages: Pages) -> Result<(), Errno> {
        let arguments = [domain.get().into(), pages.get()];
        self.number(Op::ClaimAmid, &arguments).map(drop)
    }

    /// Lets the next allocation from the Xen heap fail, or does not any more.
    ///
    /// # Errors
    ///
    /// `EPROTO` if the host has stopped.
    pub fn fail_heap(&self, fail: bool) -> Result<(), Errno> {
        self.number(Op::FailHeap, &[fail.into()]).map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn host_of(counts: &RawCounts) -> HostMemory {
    HostMemory {
        free: Pages::new(counts.free),
        claimed: Pages::new(counts.claimed),
    }
}

fn nodes_of(counts: &RawCounts) -> Vec<NodeMemory> {
    let online = NodeId::all().filter(|node| counts.nodes & (1 << node.index()) != 0);
    let memory = online.map(|node| {
        let memory = counts.node[node.index()];
        NodeMemory {
            node,
            size: Pages::new(memory.size),
            free: Pages::new(memory.free),
            claimed: Pages::new(memory.claimed),
        }
    });
    memory.collect()
}

fn domains_of(counts: &RawCounts) -> Vec<DomainInfo> {
    let infos = counts.domains().iter().filter_map(|domain| {
        Some(DomainInfo {
            domain: DomainId::new(i64::try_from(domain.id).ok()?).ok()?,
            tot_pages: Pages::new(domain.tot),
            max_pages: Pages::new(domain.max),
            outstanding_pages: Pages::new(domain.outstanding),
            dying: domain.dying != 0,
            paused: domain.paused != 0,
            // Here nothing ever runs.
            cpu_time: Duration::ZERO,
            // Xen's allocator does not know them; `Host` fills them in.
            uuid: Uuid::default(),
        })
    });
    infos.collect()
}

impl Hypervisor for Host {
    fn claim_memory(
        &self,
        domain: DomainId,
        mode: u32,
        nr_entries: &mut u32,
        entries: Option<&mut [xen_memory_claim]>,
    ) -> Result<(), Errno> {
        let result = self
            .loaded()
            .claim(domain.get().into(), mode, nr_entries, entries);
        let result = self.alive(result)?;
        match i32::try_from(-result) {
            Ok(errno) if errno > 0 => Err(Errno(errno)),
            _ => Ok(()),
        }
    }

    fn claim_pages_flags(
        &self,
        domain: DomainId,
        mem_flags: u32,
        pages: Pages,
    ) -> Result<(), HypercallError> {
        let arguments = [domain.get().into(), pages.get(), mem_flags.into()];
        self.on(
            Operation::ClaimPages,
            Some(domain),
            Op::ClaimPages,
            &arguments,
        )
        .map(drop)
    }

    fn has_claim_sets(&self) -> Result<bool, HypercallError> {
        Ok(self.xen == Xen::Patched)
    }

    fn distances(&self) -> Result<Distances, HypercallError> {
        Ok(self.distances.clone())
    }

    fn nodes(&self) -> Result<Vec<NodeMemory>, HypercallError> {
        self.counts(nodes_of)
    }

    fn host(&self) -> Result<HostMemory, HypercallError> {
        self.counts(host_of)
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, HypercallError> {
        let mut domains = self.counts(domains_of)?;
        let uuids = lock(&self.uuids);
        for info in &mut domains {
            info.uuid = uuids.get(&info.domain).copied().unwrap_or_default();
        }
        Ok(domains)
    }

    fn node_pages(&self, domain: DomainId) -> Result<Vec<Pages>, HypercallError> {
        let answer = self.alive(self.loaded().node_pages(domain.get().into()));
        let pages = answer.and_then(|(count, pages)| match usize::try_from(count) {
            Ok(count) => Ok(pages[..count].iter().copied().map(Pages::new).collect()),
            Err(_) => Err(Errno(-count as i32)),
        });
        pages.map_err(|errno| HypercallError::of(Operation::DomainMemory, domain, errno))
    }

    fn set_node_affinity(&self, domain: DomainId, nodes: NodeSet) -> Result<(), HypercallError> {
        let arguments = [domain.get().into(), nodes.bits()];
        self.on(
            Operation::SetNodeAffinity,
            Some(domain),
            Op::Affinity,
            &arguments,
        )
        .map(drop)
    }
}

impl DomainControl for Host {
    fn create_as(&self, uuid: Uuid) -> Result<DomainId, HypercallError> {
        let id = self.on(Operation::CreateDomain, None, Op::Create, &[])?;
        let id = DomainId::new(id)
            .map_err(|_| HypercallError::host(Operation::CreateDomain, Errno::EPROTO))?;
        lock(&self.uuids).insert(id, uuid);
        Ok(id)
    }

    fn set_max_pages(&self, domain: DomainId, max: Pages) -> Result<(), HypercallError> {
        let arguments = [domain.get().into(), max.get()];
        self.on(Operation::SetMaxPages, Some(domain), Op::SetMax, &arguments)
            .map(drop)
    }

    fn populate(
        &self,
        domain: DomainId,
        order: u32,
        extents: u64,
        placement: Placement,
    ) -> Result<u64, HypercallError> {
        for done in 0..extents {
            if self
                .populate_extent(domain, order, placement, true)?
                .is_none()
            {
                return Ok(done);
            }
        }
        Ok(extents)
    }

    fn depopulate(&self, domain: DomainId, order: u32, extents: u64) -> Result<(), HypercallError> {
        let arguments = [domain.get().into(), order.into(), extents];
        self.on(
            Operation::Depopulate,
            Some(domain),
            Op::Depopulate,
            &arguments,
        )
        .map(drop)
    }

    fn unpause(&self, domain: DomainId) -> Result<(), HypercallError> {
        let arguments = [domain.get().into()];
        self.on(Operation::Unpause, Some(domain), Op::Unpause, &arguments)
            .map(drop)
    }

    fn destroy(&self, domain: DomainId) -> Result<(), HypercallError> {
        let arguments = [domain.get().into()];
        self.on(
            Operation::DestroyDomain,
            Some(domain),
            Op::Destroy,
            &arguments,
        )
        .map(drop)
    }
}

impl FaultInjection for Host {
    fn offline_free_page(&self, node: NodeId) -> Result<(), HypercallError> {
        let which = self
            .dice
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
            >> 16;
        let arguments = [node.index() as u64, which];
        self.on(Operation::OfflinePage, None, Op::OfflineFree, &arguments)
            .map(drop)
    }

    fn offline_used_page(&self, node: NodeId, domain: DomainId) -> Result<(), HypercallError> {
        let arguments = [node.index() as u64, domain.get().into()];
        self.on(
            Operation::OfflinePage,
            Some(domain),
            Op::OfflineUsed,
            &arguments,
        )
        .map(drop)
    }

    fn online_pages(&self, node: NodeId) -> Result<(), HypercallError> {
        self.on(
            Operation::OfflinePage,
            None,
            Op::Online,
            &[node.index() as u64],
        )
        .map(drop)
    }

    fn recalls(&self) -> Vec<Recall> {
        let text = self
            .alive(self.loaded().text(Op::Recalls, 0))
            .unwrap_or_default();
        let mut recalls = lock(&self.recalls);
        recalls.extend(text.lines().filter_map(Recall::from_log));
        recalls.clone()
    }

    fn scrub(&self) -> Result<(), HypercallError> {
        let on = |errno| HypercallError::host(Operation::Populate, errno);
        while self.scrub_some().map_err(on)? {}
        Ok(())
    }

    /// By an address that no memory has: to find that is the last that the allocator does.
    fn fail_next_allocation(&self) -> Result<(), HypercallError> {
        self.fail_next.store(true, Ordering::Release);
        Ok(())
    }

    fn begin_destroy(&self, domain: DomainId) -> Result<(), HypercallError> {
        let arguments = [domain.get().into()];
        self.on(Operation::DestroyDomain, Some(domain), Op::Kill, &arguments)
            .map(drop)
    }
}
