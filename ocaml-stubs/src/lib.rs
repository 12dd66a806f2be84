//! xen-claims for OCaml.
//!
//! Data flows one way: an OCaml record becomes a [`ClaimSet`](xen_claims::ClaimSet), or an error
//! that says what is wrong with it; the hypervisor's answer comes back as an OCaml value.
//!
//! Rules that every function of [`stubs`] and `testing` keeps:
//!
//! - what it needs of OCaml's heap is read before the runtime lock is released, and what it
//!   returns is built after it was acquired again;
//! - the lock is released around the hypercall and around nothing else;
//! - a connection is held by the call itself, so that closing or finalising the handle meanwhile
//!   takes nothing away from it;
//! - errors and panics are values; OCaml raises them.
//!
//! The externals in `xenctrl-ml/stubs.ml` are generated from the `sig` attributes here.

pub mod handle;
pub mod marshal;
pub mod record;
pub mod runtime;
pub mod stubs;
#[cfg(feature = "testing")]
pub mod testing;
