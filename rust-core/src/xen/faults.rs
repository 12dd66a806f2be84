//! Faults on purpose: pages that go out of use, and domains that do not finish dying.

use xenctrl_sys as xc;

use super::domains::{lock, XenWithDomains};
use super::libxenctrl::Mapping;
use crate::error::{Errno, HypercallError, Operation};
use crate::hypervisor::Hypervisor;
use crate::testing::{DomainControl, FaultInjection, Placement, Recall};
use crate::units::{DomainId, NodeId, Pages};

const OFFLINE: u32 = 1;
const ONLINE: u32 = 2;

/// Order of the extent that shows which frames a node has. Smaller ones may lie in what Xen freed of
/// its own image after it booted; those frames it never lets go out of use.
const SPARE_ORDER: u32 = 9;

impl XenWithDomains {
    fn online(&self, frame: u64) -> Result<(), HypercallError> {
        let done = self.xen.page_offline_op(ONLINE, frame).map(drop);
        done.map_err(|errno| HypercallError::host(Operation::OfflinePage, errno))
    }

    /// Takes a frame out of use; false if it has to wait until the frame is freed.
    fn offline(&self, node: NodeId, frame: u64) -> Result<bool, HypercallError> {
        let status = self
            .xen
            .page_offline_op(OFFLINE, frame)
            .map_err(|errno| HypercallError::host(Operation::OfflinePage, errno))?;
        lock(&self.offlined).push((node, frame));
        Ok(status & xc::PG_OFFLINE_OFFLINED != 0)
    }
}

impl FaultInjection for XenWithDomains {
    /// Finds frames of each node that can be taken out of use later, when all of the node may be
    /// claimed. Nobody tells which frames are free: a domain is given some and frees them again.
    fn prepare(&self) -> Result<(), HypercallError> {
        let refused = |errno| HypercallError::host(Operation::OfflinePage, errno);
        let mut spare = lock(&self.spare);
        for node in self.nodes()?.iter().map(|memory| memory.node) {
            let frames = spare.entry(node).or_default();
            if !frames.is_empty() {
                continue;
            }
            let domain = self.create()?;
            let first = self
                .set_max_pages(domain, Pages::new(1 << SPARE_ORDER))
                .and_then(|()| self.populate(domain, SPARE_ORDER, 1, Placement::Exact(node)))
                .and_then(|_| self.last_frame(domain).map_err(refused));
            self.destroy(domain)?;
            // A node without a free extent has none to spare.
            if let Ok(first) = first {
                frames.extend(first..first + (1 << SPARE_ORDER));
            }
        }
        Ok(())
    }

    fn offline_free_page(&self, node: NodeId) -> Result<(), HypercallError> {
        loop {
            let frame = lock(&self.spare).get_mut(&node).and_then(Vec::pop);
            let Some(frame) = frame else {
                return Err(HypercallError::host(Operation::OfflinePage, Errno::ENOENT));
            };
            if self.offline(node, frame)? {
                return Ok(());
            }
            // Somebody was given it meanwhile.
            lock(&self.offlined).pop();
            self.online(frame)?;
        }
    }

    fn offline_used_page(&self, node: NodeId, domain: DomainId) -> Result<(), HypercallError> {
        let frame = self.last_frame(domain);
        let frame =
            frame.map_err(|errno| HypercallError::of(Operation::OfflinePage, domain, errno))?;
        self.offline(node, frame).map(drop)
    }

    fn online_pages(&self, node: NodeId) -> Result<(), HypercallError> {
        let mut offlined = lock(&self.offlined);
        while let Some(place) = offlined.iter().position(|(of, _)| *of == node) {
            let (_, frame) = offlined.swap_remove(place);
            self.online(frame)?;
        }
        Ok(())
    }

    /// What Xen's console says of it.
    fn recalls(&self) -> Vec<Recall> {
        self.control
            .console()
            .lines()
            .filter_map(Recall::from_log)
            .collect()
    }

    /// Xen does so by itself, on idle CPUs.
    fn scrub(&self) -> Result<(), HypercallError> {
        Err(HypercallError::host(Operation::Populate, Errno::EOPNOTSUPP))
    }

    fn fail_next_allocation(&self) -> Result<(), HypercallError> {
        Err(HypercallError::host(Operation::Populate, Errno::EOPNOTSUPP))
    }

    /// A page that is mapped elsewhere keeps a domain from ending.
    fn begin_destroy(&self, domain: DomainId) -> Result<(), HypercallError> {
        let refused = |errno| HypercallError::of(Operation::DestroyDomain, domain, errno);
        if self.last_frame(domain).is_err() {
            self.populate(domain, 0, 1, Placement::Any)?;
        }
        let mapping = self
            .last_frame(domain)
            .and_then(|frame| Mapping::new(domain, frame))
            .map_err(refused)?;
        self.destroy(domain)?;
        lock(&self.held).insert(domain, mapping);
        Ok(())
    }
}
