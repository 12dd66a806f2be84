//! Real Xen.
//!
//! There is no silent way from here to the embedded hypervisor: a toolstack that asked for Xen
//! and got a model would lose VMs.
//!
//! Feature `xen` has what a production toolstack needs, through libxencall alone: no version of
//! libxenctrl is pinned, and one binary has the interface versions of Xen 4.17 to 4.22, though it was
//! tried with 4.17 and 4.20 only. Feature `domains` adds the life of domains for our own programs, through
//! libxenctrl and `xenctrl-sys`, which is GPL-3.0-only.

#[cfg(feature = "domains")]
mod domains;
#[cfg(feature = "domains")]
mod faults;
#[cfg(feature = "xen")]
mod hypercalls;
#[cfg(feature = "xen")]
#[allow(missing_docs)] // The names are those of Xen's headers, and so is what they mean.
pub mod layout;
#[cfg(feature = "domains")]
mod libxenctrl;
#[cfg(all(test, feature = "xen"))]
mod tests;
#[cfg(feature = "xen")]
mod xencall;

use std::sync::Arc;

use crate::error::Errno;
use crate::hypervisor::Hypervisor;

#[cfg(feature = "domains")]
pub use domains::XenWithDomains;
#[cfg(feature = "xen")]
pub use hypercalls::Xen;

/// Why there is no Xen to talk to, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// This build can't talk to Xen.
    #[error(
        "this build of xen-claims can't talk to Xen, only to the embedded hypervisor: \
         build it with feature 'xen', where libxencall is installed"
    )]
    NotBuilt,
    /// This machine runs no Xen.
    #[error("this machine does not run Xen: boot it with Xen and run this in its control domain")]
    NoXen,
    /// The kernel has no way to the hypervisor.
    #[error("{0} is missing: load the kernel module xen-privcmd")]
    NoDriver(&'static str),
    /// This user may not talk to the hypervisor.
    #[error("no permission to open {0}: run this as root, or as a user who may")]
    NoPermission(&'static str),
    /// This domain may not control others.
    #[error("this is no control domain of Xen: run this in Dom0")]
    NotPrivileged,
    /// A Xen older or newer than those known, or a policy of FLASK that lets nothing be read: both
    /// are EACCES.
    #[error(
        "this Xen has an interface that xen-claims does not know (it knows those of 4.17 to 4.22), \
         or its FLASK policy does not let this domain read physinfo"
    )]
    Version,
    /// Something else.
    #[error("cannot talk to Xen: {0}")]
    Failed(Errno),
}

impl OpenError {
    /// The error number that says the same, for those who match on numbers.
    pub const fn errno(self) -> Errno {
        match self {
            OpenError::NotBuilt => Errno::EOPNOTSUPP,
            OpenError::NoXen | OpenError::NoDriver(_) => Errno::ENODEV,
            OpenError::NoPermission(_) => Errno::EACCES,
            OpenError::NotPrivileged => Errno::EPERM,
            OpenError::Version => Errno::ENOSYS,
            OpenError::Failed(errno) => errno,
        }
    }
}

/// The Xen this program runs on.
///
/// # Errors
///
/// [`OpenError`] where there is none that this build can use.
pub fn open() -> Result<Arc<dyn Hypervisor>, OpenError> {
    #[cfg(feature = "xen")]
    return Ok(Arc::new(Xen::open()?));
    #[cfg(not(feature = "xen"))]
    Err(OpenError::NotBuilt)
}
