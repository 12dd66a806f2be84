//! The tests of xen-claims that are meant for more than one hypervisor.
//!
//! [`conformance`] holds the cases every hypervisor must pass; the binary `conformance` and
//! `cargo test` run them. [`series`] is the work around the patches for Xen.

pub mod conformance;
pub mod series;
