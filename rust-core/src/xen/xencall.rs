//! libxencall: hypercalls, and the memory they may read and write.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_uint, c_void};
use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr::{self, NonNull};
use core::slice;
use std::io;

use super::layout::HypercallArgument;
use crate::error::Errno;
use crate::units::PAGE_SIZE;

/// libxencall's own type, of which only the address is known here.
#[repr(C)]
struct xencall_handle {
    _opaque: [u8; 0],
}

#[link(name = "xencall")]
extern "C" {
    fn xencall_open(logger: *mut c_void, flags: c_uint) -> *mut xencall_handle;
    fn xencall_close(handle: *mut xencall_handle) -> c_int;
    fn xencall1(handle: *mut xencall_handle, op: c_uint, arg1: u64) -> c_int;
    fn xencall2(handle: *mut xencall_handle, op: c_uint, arg1: u64, arg2: u64) -> c_int;
    fn xencall_alloc_buffer_pages(handle: *mut xencall_handle, pages: usize) -> *mut c_void;
    fn xencall_free_buffer_pages(handle: *mut xencall_handle, buffer: *mut c_void, pages: usize);
}

fn last_errno() -> Errno {
    Errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// A connection to the hypervisor below this kernel.
#[derive(Debug)]
pub struct XenCall {
    handle: NonNull<xencall_handle>,
}

// SAFETY: libxencall opened without XENCALL_OPENFLAG_NON_REENTRANT guards its cache of buffers with
// a lock of its own; the rest of a handle does not change until it is closed.
unsafe impl Send for XenCall {}
// SAFETY: as for Send.
unsafe impl Sync for XenCall {}

impl XenCall {
    pub fn open() -> Result<Self, Errno> {
        // SAFETY: no logger means libxencall's own; 0 asks for a handle that threads may share.
        let handle = unsafe { xencall_open(ptr::null_mut(), 0) };
        let handle = NonNull::new(handle).ok_or_else(last_errno)?;
        Ok(XenCall { handle })
    }

    /// Makes the hypercall number `op` with `argument`, which the hypervisor may change.
    ///
    /// # Safety
    ///
    /// The argument of `op` is one pointer, to a `T`. Each address in `argument` that the hypervisor
    /// reads or writes at is that of a [`HypercallBuffer`] with as much in it as it reads or writes
    /// there, which nobody uses otherwise until this returns.
    pub unsafe fn hypercall1<T: HypercallArgument>(
        &self,
        op: u32,
        argument: &mut T,
    ) -> Result<(), Errno> {
        self.with_copy(argument, |handle, address| {
            // SAFETY: the handle is open, and `address` that of a `T`, which is what the hypervisor
            // takes there, as the caller promises, who answers for the addresses in it.
            unsafe { xencall1(handle, op, address) }
        })
    }

    /// The same for a hypercall whose first argument is the number of an operation.
    ///
    /// # Safety
    ///
    /// The argument of `operation` of `op` is a pointer to a `T`, and else as
    /// [`hypercall1`](Self::hypercall1).
    pub unsafe fn hypercall2<T: HypercallArgument>(
        &self,
        op: u32,
        operation: u64,
        argument: &mut T,
    ) -> Result<(), Errno> {
        self.with_copy(argument, |handle, address| {
            // SAFETY: as in `hypercall1`.
            unsafe { xencall2(handle, op, operation, address) }
        })
    }

    /// Makes a call with a copy of `argument` where the hypervisor finds it, and copies it back.
    fn with_copy<T: HypercallArgument>(
        &self,
        argument: &mut T,
        call: impl FnOnce(*mut xencall_handle, u64) -> c_int,
    ) -> Result<(), Errno> {
        let mut buffer = HypercallBuffer::new(self, slice::from_ref(argument))?;
        let result = call(self.handle.as_ptr(), buffer.address());
        // errno is taken first: copying back must not change it.
        let result = if result < 0 {
            Err(last_errno())
        } else {
            Ok(())
        };
        *argument = buffer.as_mut_slice()[0];
        result
    }
}

impl Drop for XenCall {
    fn drop(&mut self) {
        // SAFETY: the handle came from xencall_open, and no buffer outlives the `XenCall` it borrows.
        unsafe { xencall_close(self.handle.as_ptr()) };
    }
}

/// Memory that the hypervisor may use during a call: never swapped, never moved, ours alone.
pub struct HypercallBuffer<'call, T: HypercallArgument> {
    xencall: &'call XenCall,
    start: NonNull<T>,
    count: usize,
    _owned: PhantomData<T>,
}

/// Pages that hold `count` values, and at least one.
const fn pages<T>(count: usize) -> usize {
    let pages = (size_of::<T>() * count).div_ceil(PAGE_SIZE as usize);
    if pages == 0 {
        1
    } else {
        pages
    }
}

impl<'call, T: HypercallArgument> HypercallBuffer<'call, T> {
    /// A copy of `content`.
    pub fn new(xencall: &'call XenCall, content: &[T]) -> Result<Self, Errno> {
        let (handle, count) = (xencall.handle.as_ptr(), content.len());
        // SAFETY: the handle is open as long as `xencall` lives.
        let start = unsafe { xencall_alloc_buffer_pages(handle, pages::<T>(count)) };
        let start = NonNull::new(start.cast::<T>()).ok_or(Errno::ENOMEM)?;
        // SAFETY: libxencall returned whole pages, so aligned for `T` and enough for `content`,
        // which nobody else has.
        unsafe { ptr::copy_nonoverlapping(content.as_ptr(), start.as_ptr(), count) };
        Ok(HypercallBuffer {
            xencall,
            start,
            count,
            _owned: PhantomData,
        })
    }

    /// Where the hypervisor finds it.
    pub fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// What is in it now.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: `new` initialised `count` values there, any bytes are a value of a `T`, and no call
        // is under way that was given the address: those who make one promise that.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.count) }
    }
}

impl<T: HypercallArgument> Drop for HypercallBuffer<'_, T> {
    fn drop(&mut self) {
        let handle = self.xencall.handle.as_ptr();
        let (start, pages) = (self.start.as_ptr().cast(), pages::<T>(self.count));
        // SAFETY: it came from the same handle, which is still open, and is freed once.
        unsafe { xencall_free_buffer_pages(handle, start, pages) };
    }
}
