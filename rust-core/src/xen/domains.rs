//! The life of domains on Xen: what our builder, command and tests need, and a production toolstack
//! has by other means. Through libxenctrl.
//!
//! A domain made here has memory and nothing else: it never runs.
#![allow(unsafe_code)]

use core::ffi::{c_char, c_int, c_ulong, c_void};
use core::ptr::{self, NonNull};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use xenctrl_sys as xc;

use super::enabled::Xen;
use crate::error::{Errno, HypercallError, Operation};
use crate::hypervisor::{DomainBuilder, Hypervisor, Placement, Uuid};
use crate::limits::EXTENT_ORDER;
use crate::units::{DomainId, NodeId, Pages};

#[repr(C)]
struct xenforeignmemory_handle {
    _opaque: [u8; 0],
}

#[link(name = "xenforeignmemory")]
extern "C" {
    fn xenforeignmemory_open(logger: *mut c_void, flags: u32) -> *mut xenforeignmemory_handle;
    fn xenforeignmemory_close(handle: *mut xenforeignmemory_handle) -> c_int;
    fn xenforeignmemory_map(
        handle: *mut xenforeignmemory_handle,
        domain: u32,
        protection: c_int,
        pages: usize,
        frames: *const u64,
        errors: *mut c_int,
    ) -> *mut c_void;
    fn xenforeignmemory_unmap(
        handle: *mut xenforeignmemory_handle,
        address: *mut c_void,
        pages: usize,
    ) -> c_int;
}

/// Linux's `PROT_READ`.
const READABLE: c_int = 1;

/// What is known of the domains that were made through this connection.
#[derive(Debug)]
pub(super) struct Domains {
    control: NonNull<xc::xc_interface>,
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

// SAFETY: libxenctrl opened without XC_OPENFLAG_NON_REENTRANT may be used by several threads.
unsafe impl Send for Domains {}
// SAFETY: as for Send.
unsafe impl Sync for Domains {}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn last_errno() -> Errno {
    Errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// libxenctrl's convention: negative, and errno says why.
fn checked(result: c_int) -> Result<c_int, Errno> {
    if result < 0 {
        Err(last_errno())
    } else {
        Ok(result)
    }
}

impl Domains {
    pub(super) fn open() -> Result<Self, Errno> {
        // SAFETY: no loggers mean libxenctrl's own; 0 asks for a handle that threads may share.
        let control = unsafe { xc::xc_interface_open(ptr::null_mut(), ptr::null_mut(), 0) };
        Ok(Domains {
            control: NonNull::new(control).ok_or_else(last_errno)?,
            known: Mutex::default(),
            held: Mutex::default(),
            spare: Mutex::default(),
            offlined: Mutex::default(),
        })
    }

    fn control(&self) -> *mut xc::xc_interface {
        self.control.as_ptr()
    }

    fn create(&self, uuid: Uuid) -> Result<DomainId, Errno> {
        let mut info = xc::xc_physinfo_t::default();
        // SAFETY: the handle is open as long as `self` lives, and `info` is a whole struct.
        checked(unsafe { xc::xc_physinfo(self.control(), &mut info) })?;
        let mut config = xc::xen_domctl_createdomain {
            ssidref: self.security_label(),
            handle: uuid,
            max_vcpus: 1,
            max_grant_frames: 1,
            grant_opts: 1, // version 1 of grant tables
            ..Default::default()
        };
        if info.capabilities & xc::XEN_SYSCTL_PHYSCAP_pv == 0 {
            config.flags = xc::XEN_DOMCTL_CDF_hvm;
            if info.capabilities & xc::XEN_SYSCTL_PHYSCAP_hap != 0 {
                config.flags |= xc::XEN_DOMCTL_CDF_hap;
            }
            config.arch.emulation_flags = xc::XEN_X86_EMU_LAPIC;
        }
        let mut domid = 0;
        // SAFETY: as above, and both pointers are to whole variables of this function.
        checked(unsafe { xc::xc_domain_create(self.control(), &mut domid, &mut config) })?;
        DomainId::new(domid.into()).map_err(|_| Errno::EPROTO)
    }

    /// What FLASK calls a guest, or nothing where there is no FLASK.
    fn security_label(&self) -> u32 {
        let mut label = *b"system_u:system_r:domU_t\0";
        let length = label.len() as u32 - 1;
        let text = label.as_mut_ptr().cast::<c_char>();
        let mut sid = 0;
        // SAFETY: the handle is open, `text` has `length` characters, `sid` is a whole variable.
        let found = unsafe { xc::xc_flask_context_to_sid(self.control(), text, length, &mut sid) };
        if found < 0 {
            0
        } else {
            sid
        }
    }

    /// Gives up to as many extents as there are in `frames`, and says how many it gave. Their
    /// frames are in `frames` then.
    fn populate(
        &self,
        domain: DomainId,
        order: u32,
        flags: u32,
        frames: &mut [u64],
    ) -> Result<usize, Errno> {
        // SAFETY: the handle is open, and `frames` has as many as the call is told.
        let given = checked(unsafe {
            xc::xc_domain_populate_physmap(
                self.control(),
                domain.get().into(),
                frames.len() as c_ulong,
                order,
                flags,
                frames.as_mut_ptr(),
            )
        })?;
        // OK because it is not negative.
        Ok(given as usize)
    }

    fn decrease(&self, domain: DomainId, order: u32, frames: &mut [u64]) -> Result<(), Errno> {
        // SAFETY: the handle is open, and `frames` has as many as the call is told.
        let taken = checked(unsafe {
            xc::xc_domain_decrease_reservation(
                self.control(),
                domain.get().into(),
                frames.len() as c_ulong,
                order,
                frames.as_mut_ptr(),
            )
        })?;
        if taken as usize == frames.len() {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn destroy(&self, domain: DomainId) -> Result<(), Errno> {
        let held = lock(&self.held).remove(&domain).is_some();
        lock(&self.known).remove(&domain);
        // SAFETY: the handle is open.
        let destroyed = unsafe { xc::xc_domain_destroy(self.control(), domain.get().into()) };
        match checked(destroyed) {
            // The page that was mapped here was the last that kept it.
            Err(Errno::ESRCH) if held => Ok(()),
            result => result.map(drop),
        }
    }

    pub(super) fn last_frame(&self, domain: DomainId) -> Result<u64, Errno> {
        let known = lock(&self.known);
        let last = known.get(&domain).and_then(|known| known.extents.last());
        last.map(|(_, frame)| *frame).ok_or(Errno::ENOENT)
    }
}

impl Drop for Domains {
    fn drop(&mut self) {
        // SAFETY: the handle came from xc_interface_open, and nothing uses it any more.
        unsafe { xc::xc_interface_close(self.control()) };
    }
}

/// A page of another domain, mapped into this process: the domain keeps it as long.
#[derive(Debug)]
pub(super) struct Mapping {
    handle: NonNull<xenforeignmemory_handle>,
    address: NonNull<c_void>,
}

// SAFETY: a mapping belongs to the process, not to the thread that made it.
unsafe impl Send for Mapping {}

impl Mapping {
    pub(super) fn new(domain: DomainId, frame: u64) -> Result<Self, Errno> {
        // SAFETY: no logger means the library's own; there are no flags.
        let handle = unsafe { xenforeignmemory_open(ptr::null_mut(), 0) };
        let handle = NonNull::new(handle).ok_or_else(last_errno)?;
        let mut error = 0;
        let domid = domain.get().into();
        // SAFETY: the handle is open, and both arrays have the one element that is announced.
        let address = unsafe {
            xenforeignmemory_map(handle.as_ptr(), domid, READABLE, 1, &frame, &mut error)
        };
        match NonNull::new(address) {
            Some(address) if error == 0 => Ok(Mapping { handle, address }),
            _ => {
                let errno = if error < 0 {
                    Errno(-error)
                } else {
                    last_errno()
                };
                // SAFETY: the handle is open, and nothing uses it any more.
                unsafe { xenforeignmemory_close(handle.as_ptr()) };
                Err(errno)
            }
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the page was mapped by `new` with the same handle, and nobody has its address.
        unsafe { xenforeignmemory_unmap(self.handle.as_ptr(), self.address.as_ptr(), 1) };
        // SAFETY: the handle is open, and nothing uses it any more.
        unsafe { xenforeignmemory_close(self.handle.as_ptr()) };
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

impl DomainBuilder for Xen {
    fn create_as(&self, uuid: Uuid) -> Result<DomainId, HypercallError> {
        let created = self.domains.create(uuid);
        if let Ok(domain) = created {
            lock(&self.domains.known).insert(domain, Known::default());
        }
        created.map_err(|errno| HypercallError::host(Operation::CreateDomain, errno))
    }

    fn set_max_pages(&self, domain: DomainId, max: Pages) -> Result<(), HypercallError> {
        // Xen takes KiB, and cuts to what it can count.
        let kib = max.get().saturating_mul(4);
        let control = self.domains.control();
        // SAFETY: the handle is open as long as `self` lives.
        let set = checked(unsafe { xc::xc_domain_setmaxmem(control, domain.get().into(), kib) });
        set.map(drop)
            .map_err(|errno| HypercallError::of(Operation::SetMaxPages, domain, errno))
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
        let behind = if lock(&self.domains.known).contains_key(&domain) {
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
                let mut known = lock(&self.domains.known);
                let known = known.entry(domain).or_insert(Known {
                    next: behind,
                    extents: Vec::new(),
                });
                let first = known.next.next_multiple_of(1 << order);
                known.next = first + (count << order);
                (0..count).map(|i| first + (i << order)).collect()
            };
            let flags = memory_flags(placement);
            let given = self.domains.populate(domain, order, flags, &mut frames);
            let given = given.map_err(refused)?;
            let new = frames[..given].iter().map(|&frame| (order, frame));
            lock(&self.domains.known)
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
        let mut known = lock(&self.domains.known);
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
            let taken = self.domains.decrease(domain, order, &mut frames);
            taken.map_err(refused)?;
            known.truncate(known.len() - count as usize);
            left -= count;
        }
        Ok(())
    }

    fn unpause(&self, domain: DomainId) -> Result<(), HypercallError> {
        let control = self.domains.control();
        // SAFETY: the handle is open as long as `self` lives.
        let started = checked(unsafe { xc::xc_domain_unpause(control, domain.get().into()) });
        started
            .map(drop)
            .map_err(|errno| HypercallError::of(Operation::Unpause, domain, errno))
    }

    fn destroy(&self, domain: DomainId) -> Result<(), HypercallError> {
        let destroyed = self.domains.destroy(domain);
        destroyed.map_err(|errno| HypercallError::of(Operation::DestroyDomain, domain, errno))
    }
}

impl Xen {
    /// What is in the ring of Xen's console.
    pub(super) fn console(&self) -> String {
        let mut text = vec![0u8; 1 << 20];
        let mut length = text.len() as u32;
        let mut index = 0;
        let start = text.as_mut_ptr().cast::<c_char>();
        let control = self.domains.control();
        // SAFETY: the handle is open, `start` has room for `length` characters, and the other
        // pointers are to whole variables of this function.
        let read = unsafe { xc::xc_readconsolering(control, start, &mut length, 0, 0, &mut index) };
        if read < 0 {
            return String::new();
        }
        text.truncate(length as usize);
        String::from_utf8_lossy(&text).into_owned()
    }
}
