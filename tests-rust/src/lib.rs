//! The tests of xen-claims that are meant for more than one hypervisor.
//!
//! [`conformance`] holds the cases every hypervisor must pass; the binary `conformance` and
//! `cargo test` run them. [`native`] is the real allocator of Xen as one of these
//! hypervisors, [`differential`] compares it with the embedded one over [`sequences`], and
//! [`prove`] what it does with claims with the contract. [`series`] is the work around the patches
//! for Xen.

use std::process::ExitCode;

pub mod conformance;
pub mod differential;
pub mod mutants;
pub mod native;
pub mod prove;
pub mod sequences;
pub mod series;

/// How a program ends: well, with something that is not as it should be, or with an error.
pub fn exit_code(result: anyhow::Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The program of that page.
#[cfg(doctest)]
#[doc = include_str!("../../docs/api.md")]
struct Api;
