//! Running Rust without OCaml's runtime lock, and panics.
#![allow(unsafe_code)]

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};

use ocaml_interop::OCamlRuntime;

use crate::marshal::Failure;

extern "C" {
    fn caml_enter_blocking_section_no_pending();
    fn caml_leave_blocking_section();
}

/// Runs `f` without the runtime lock, so that other OCaml threads run meanwhile.
///
/// Not [`OCamlRuntime::releasing_runtime`]: that one runs pending signal handlers first, and a
/// handler that raises would leave through the frames of our callers. Here signals wait for OCaml's
/// next poll point.
///
/// # Errors
///
/// The message of a panic in `f`.
pub fn without_lock<T>(_cr: &mut OCamlRuntime, f: impl FnOnce() -> T) -> Result<T, String> {
    // SAFETY: this thread holds the runtime lock, as `_cr` shows, and `f`, which is not given it,
    // can't touch an OCaml value until the lock is back.
    unsafe { caml_enter_blocking_section_no_pending() };
    let result = catch_unwind(AssertUnwindSafe(f));
    // SAFETY: this thread entered the blocking section above and has not left it: a panic of `f`
    // was caught.
    unsafe { caml_leave_blocking_section() };
    result.map_err(|panic| message(&*panic))
}

/// Runs `f`, with the runtime lock, and makes a panic in it an error.
///
/// `ocaml_interop` would catch it as well, and raise an exception of a name that OCaml registers; but it
/// keeps that exception where no collection knows of it when it is moved.
///
/// # Errors
///
/// Those of `f`, and [`Failure::Panicked`] with the message of a panic.
pub fn caught<T>(f: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(f))
        .unwrap_or_else(|panic| Err(Failure::Panicked(message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
