//! A claim in OCaml's heap. It needs nothing of OCaml's runtime, so that it can be tried without.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::marshal::Claim;

/// An OCaml `claim` in memory. It does not change once it is made, nor do its boxes.
#[repr(C)]
#[derive(Debug)]
pub struct Record {
    pages: *const Boxed<i64>,
    target: *const Boxed<i32>,
}

/// An OCaml `int64` or `int32` in memory.
#[repr(C)]
#[derive(Debug)]
pub struct Boxed<T> {
    _operations: *const c_void,
    value: T,
}

/// Reads the claim that a field of an array of them has now.
///
/// Another domain of OCaml may put another record into the field meanwhile: the array is shared, and
/// only this domain's lock is held. So the field is read once, atomically, and never referred to. With
/// what `caml_modify` does, a store with release semantics, that makes what the other domain wrote into
/// the record before visible here. A set that is read while it is written can have claims of both, and
/// is checked as any other.
///
/// # Safety
///
/// `field` is a field of an OCaml array of such records; neither moves nor is freed meanwhile, which no
/// collection does as long as this domain does not come to wait for it. Whoever writes to the field
/// does it atomically, as OCaml does.
#[inline(always)]
pub unsafe fn read(field: *mut *mut Record) -> Claim {
    // SAFETY: it is aligned, in memory that is written to as well, and all accesses are atomic.
    let field = unsafe { AtomicPtr::from_ptr(field) };
    let record = field.load(Ordering::Acquire);
    // SAFETY: it is a record, made before it was stored, and nobody changes it.
    let record = unsafe { &*record };
    // SAFETY: as for the record.
    let pages = unsafe { &*record.pages };
    // SAFETY: as for the record.
    let target = unsafe { &*record.target };
    Claim {
        pages: pages.value,
        target: target.value,
    }
}
