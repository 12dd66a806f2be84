//! The tests of xen-claims that are meant for more than one hypervisor.
//!
//! [`conformance`] holds the cases every hypervisor must pass; the binary `conformance` and
//! `cargo test` run them, and [`booted`] runs them in Dom0 of real hosts. [`differential`] compares
//! Xen's own allocator, which is [one of these hypervisors](xen_claims_lab::allocator), with the
//! embedded one over [`sequences`] of calls, and [`judge`] does both in a process of its own. What
//! either must answer, [`reference`](mod@reference) says once more, over nothing but counts.

pub mod booted;
pub mod conformance;
pub mod differential;
pub mod judge;
pub mod reference;
pub mod sequences;
pub mod shown;

/// The program of that page.
#[cfg(doctest)]
#[doc = include_str!("../../docs/api.md")]
struct Api;
