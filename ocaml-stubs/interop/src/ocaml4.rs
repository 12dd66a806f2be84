//! `ocaml-interop` 0.10 as if it were 0.12.
#![allow(unsafe_code)]

pub use interop4::*;
pub use ocaml_interop_derive::export;

/// What the attribute [`export`] expands to.
#[doc(hidden)]
pub mod internal {
    use std::any::Any;
    use std::ffi::{c_char, CString};

    pub use interop4::internal::*;

    use super::OCamlRuntime;

    extern "C" {
        fn caml_failwith(message: *const c_char) -> !;
    }

    /// The runtime, for the length of a call from OCaml.
    ///
    /// # Safety
    ///
    /// The caller was called by OCaml, so that this thread has the runtime lock, and hands it to
    /// nobody else.
    pub unsafe fn recover_runtime_handle_mut() -> &'static mut OCamlRuntime {
        // SAFETY: it has no contents, and the caller promises the rest.
        unsafe { OCamlRuntime::recover_handle() }
    }

    /// Raises `Failure` with the message of a panic.
    ///
    /// # Safety
    ///
    /// As [`recover_runtime_handle_mut`]; and no frame of Rust between here and OCaml has anything to
    /// drop.
    pub unsafe fn process_panic_payload_and_raise_ocaml_exception(panic: Box<dyn Any + Send>) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "a panic without a message".to_owned());
        drop(panic);
        let message = CString::new(text.replace('\0', " ")).unwrap_or_default();
        // SAFETY: OCaml copies the message; what is allocated for it here is lost.
        unsafe { caml_failwith(message.into_raw()) }
    }
}
