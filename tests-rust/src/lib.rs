//! The tests of xen-claims that are meant for more than one hypervisor.
//!
//! [`conformance`] holds the cases every hypervisor must pass; the binary `conformance` and
//! `cargo test` run them. [`native`] is the real allocator of Xen as one of these
//! hypervisors, and [`differential`] compares it with the embedded one over [`sequences`]. [`series`] is the work around the patches for Xen.

pub mod conformance;
pub mod differential;
pub mod mutants;
pub mod native;
pub mod prove;
pub mod sequences;
pub mod series;

/// The program of that page.
#[cfg(doctest)]
#[doc = include_str!("../../docs/api.md")]
struct Api;
