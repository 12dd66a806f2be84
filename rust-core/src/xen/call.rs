//! libxencall: hypercalls and the memory they may read and write.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_uint, c_void};
use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr::{self, NonNull};
use core::slice;
use std::io;

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
pub struct Call {
    handle: NonNull<xencall_handle>,
}

// SAFETY: libxencall opened without XENCALL_OPENFLAG_NON_REENTRANT guards its cache of buffers with
// a lock of its own; the rest of a handle does not change until it is closed.
unsafe impl Send for Call {}
// SAFETY: as for Send.
unsafe impl Sync for Call {}

impl Call {
    pub fn open() -> Result<Self, Errno> {
        // SAFETY: no logger means libxencall's own; 0 asks for a handle that threads may share.
        let handle = unsafe { xencall_open(ptr::null_mut(), 0) };
        let handle = NonNull::new(handle).ok_or_else(last_errno)?;
        Ok(Call { handle })
    }

    /// Makes a hypercall whose argument is `argument`, which the hypervisor may change.
    pub fn one<T: Copy>(&self, op: u32, argument: &mut T) -> Result<(), Errno> {
        let mut buffer = Buffer::new(self, slice::from_ref(argument))?;
        // SAFETY: the handle is open as long as `self` lives, and the hypervisor reads and writes
        // at most the `T` that the buffer holds: that is what the layout of the call says.
        let result = unsafe { xencall1(self.handle.as_ptr(), op, buffer.address()) };
        // errno is taken first: copying back must not change it.
        let result = if result < 0 {
            Err(last_errno())
        } else {
            Ok(())
        };
        *argument = buffer.as_mut_slice()[0];
        result
    }

    /// The same for a hypercall whose first argument is the number of an operation.
    pub fn two<T: Copy>(&self, op: u32, sub: u64, argument: &mut T) -> Result<(), Errno> {
        let mut buffer = Buffer::new(self, slice::from_ref(argument))?;
        // SAFETY: as in `one`.
        let result = unsafe { xencall2(self.handle.as_ptr(), op, sub, buffer.address()) };
        let result = if result < 0 {
            Err(last_errno())
        } else {
            Ok(())
        };
        *argument = buffer.as_mut_slice()[0];
        result
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: the handle came from xencall_open, and no buffer outlives the `Call` it borrows.
        unsafe { xencall_close(self.handle.as_ptr()) };
    }
}

/// Memory that the hypervisor may use during a call: never swapped, never moved, ours alone.
pub struct Buffer<'call, T: Copy> {
    call: &'call Call,
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

impl<'call, T: Copy> Buffer<'call, T> {
    /// A copy of `content`.
    pub fn new(call: &'call Call, content: &[T]) -> Result<Self, Errno> {
        // SAFETY: the handle is open as long as `call` lives.
        let start =
            unsafe { xencall_alloc_buffer_pages(call.handle.as_ptr(), pages::<T>(content.len())) };
        let start = NonNull::new(start.cast::<T>()).ok_or(Errno::ENOMEM)?;
        // SAFETY: libxencall returned whole pages, so aligned for `T` and enough for `content`,
        // which nobody else has.
        unsafe { ptr::copy_nonoverlapping(content.as_ptr(), start.as_ptr(), content.len()) };
        Ok(Buffer {
            call,
            start,
            count: content.len(),
            _owned: PhantomData,
        })
    }

    /// Where the hypervisor finds it.
    pub fn address(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// What is in it now.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: `new` initialised `count` values there, every bit pattern of which the layouts
        // used here allow (they have integers only), and no call is under way: each one ends
        // before the function that makes it returns.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.count) }
    }
}

impl<T: Copy> Drop for Buffer<'_, T> {
    fn drop(&mut self) {
        // SAFETY: it came from the same handle, which is still open, and is freed once.
        unsafe {
            xencall_free_buffer_pages(
                self.call.handle.as_ptr(),
                self.start.as_ptr().cast(),
                pages::<T>(self.count),
            )
        };
    }
}
