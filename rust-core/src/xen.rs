//! Real Xen.
//!
//! There is no silent way from here to the embedded hypervisor: a toolstack that asked for Xen
//! and got a model would lose VMs.

use std::sync::Arc;

use crate::hypervisor::Hypervisor;

/// Why there is no Xen to talk to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// This build can't talk to Xen.
    #[error(
        "this build of xen-claims has no connection to a real Xen, only the embedded hypervisor; \
         open that one explicitly"
    )]
    NotBuilt,
}

/// The Xen this program runs on.
///
/// # Errors
///
/// [`OpenError`] where there is none that this build can use.
pub fn open() -> Result<Arc<dyn Hypervisor>, OpenError> {
    Err(OpenError::NotBuilt)
}
