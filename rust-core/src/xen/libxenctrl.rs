//! libxenctrl and libxenforeignmemory: the calls that the life of domains takes.
#![allow(unsafe_code)]

use core::ffi::{c_char, c_int, c_ulong, c_void};
use core::ptr::{self, NonNull};
use std::io;

use xenctrl_sys as xc;

use crate::error::Errno;
use crate::hypervisor::Uuid;
use crate::units::DomainId;

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

/// A handle of libxenctrl.
#[derive(Debug)]
pub struct Control {
    handle: NonNull<xc::xc_interface>,
}

// SAFETY: libxenctrl opened without XC_OPENFLAG_NON_REENTRANT may be used by several threads.
unsafe impl Send for Control {}
// SAFETY: as for Send.
unsafe impl Sync for Control {}

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

impl Control {
    pub fn open() -> Result<Self, Errno> {
        // SAFETY: no loggers mean libxenctrl's own; 0 asks for a handle that threads may share.
        let handle = unsafe { xc::xc_interface_open(ptr::null_mut(), ptr::null_mut(), 0) };
        let handle = NonNull::new(handle).ok_or_else(last_errno)?;
        Ok(Control { handle })
    }

    fn handle(&self) -> *mut xc::xc_interface {
        self.handle.as_ptr()
    }

    pub fn create(&self, uuid: Uuid) -> Result<DomainId, Errno> {
        let mut info = xc::xc_physinfo_t::default();
        // SAFETY: the handle is open as long as `self` lives, and `info` is a whole struct.
        checked(unsafe { xc::xc_physinfo(self.handle(), &mut info) })?;
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
        checked(unsafe { xc::xc_domain_create(self.handle(), &mut domid, &mut config) })?;
        DomainId::new(domid.into()).map_err(|_| Errno::EPROTO)
    }

    /// What FLASK calls a guest, or nothing where there is no FLASK.
    fn security_label(&self) -> u32 {
        let mut label = *b"system_u:system_r:domU_t\0";
        let length = label.len() as u32 - 1;
        let text = label.as_mut_ptr().cast::<c_char>();
        let mut sid = 0;
        // SAFETY: the handle is open, `text` has `length` characters, `sid` is a whole variable.
        let found = unsafe { xc::xc_flask_context_to_sid(self.handle(), text, length, &mut sid) };
        if found < 0 {
            0
        } else {
            sid
        }
    }

    /// Gives up to as many extents as there are in `frames`, and says how many it gave. Their
    /// frames are in `frames` then.
    pub fn populate(
        &self,
        domain: DomainId,
        order: u32,
        flags: u32,
        frames: &mut [u64],
    ) -> Result<usize, Errno> {
        // SAFETY: the handle is open, and `frames` has as many as the call is told.
        let given = checked(unsafe {
            xc::xc_domain_populate_physmap(
                self.handle(),
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

    pub fn decrease(&self, domain: DomainId, order: u32, frames: &mut [u64]) -> Result<(), Errno> {
        // SAFETY: the handle is open, and `frames` has as many as the call is told.
        let taken = checked(unsafe {
            xc::xc_domain_decrease_reservation(
                self.handle(),
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

    pub fn destroy(&self, domain: DomainId) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        let destroyed = unsafe { xc::xc_domain_destroy(self.handle(), domain.get().into()) };
        checked(destroyed).map(drop)
    }

    /// Xen takes KiB, and cuts to what it can count.
    pub fn set_max_memory(&self, domain: DomainId, kib: u64) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        let set = unsafe { xc::xc_domain_setmaxmem(self.handle(), domain.get().into(), kib) };
        checked(set).map(drop)
    }

    pub fn unpause(&self, domain: DomainId) -> Result<(), Errno> {
        // SAFETY: the handle is open.
        let started = unsafe { xc::xc_domain_unpause(self.handle(), domain.get().into()) };
        checked(started).map(drop)
    }

    /// What is in the ring of Xen's console.
    pub fn console(&self) -> String {
        let mut text = vec![0u8; 1 << 20];
        let mut length = text.len() as u32;
        let mut index = 0;
        let start = text.as_mut_ptr().cast::<c_char>();
        // SAFETY: the handle is open, `start` has room for `length` characters, and the other
        // pointers are to whole variables of this function.
        let read =
            unsafe { xc::xc_readconsolering(self.handle(), start, &mut length, 0, 0, &mut index) };
        if read < 0 {
            return String::new();
        }
        text.truncate(length as usize);
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // SAFETY: the handle came from xc_interface_open, and nothing uses it any more.
        unsafe { xc::xc_interface_close(self.handle()) };
    }
}

/// A page of another domain, mapped into this process: the domain keeps it as long.
#[derive(Debug)]
pub struct Mapping {
    handle: NonNull<xenforeignmemory_handle>,
    address: NonNull<c_void>,
}

// SAFETY: a mapping belongs to the process, not to the thread that made it.
unsafe impl Send for Mapping {}

impl Mapping {
    pub fn new(domain: DomainId, frame: u64) -> Result<Self, Errno> {
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
