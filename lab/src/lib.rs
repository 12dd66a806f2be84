//! What makes Xen testable, for tests that know nothing of how that is done.
//!
//! [`source`] finds the source of Xen that the series is for, [`series`] applies, builds and checks
//! the series in `xen-patches/`. What that makes can be used in three ways: [`host`] boots it in
//! QEMU, [`allocator`] is Xen's own allocator in a process, and [`proofs`] shows what it does with
//! claims whatever happens before. [`mutants`] are ways to break it.
//!
//! Nothing here knows which tests there are.

use std::process::ExitCode;

pub mod allocator;
pub mod host;
pub mod mutants;
pub mod proofs;
pub mod run;
pub mod series;
pub mod source;

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
