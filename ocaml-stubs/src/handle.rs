//! What an OCaml `handle` is.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use ocaml_derive::ocaml_sig as sig;
use xen_claims::xen::OpenError;
use xen_claims::Hypervisor;
#[cfg(feature = "testing")]
use xen_claims::{DomainControl, Model};

/// A hypervisor that a handle was opened on.
#[derive(Debug, Clone)]
pub enum Connection {
    /// The Xen this program runs on.
    Xen(Arc<dyn Hypervisor>),
    /// The same, with the life of domains.
    #[cfg(feature = "domains")]
    XenWithDomains(Arc<xen_claims::xen::XenWithDomains>),
    /// An embedded hypervisor.
    #[cfg(feature = "testing")]
    Model(Arc<Model>),
}

impl Connection {
    /// Connects to the Xen this program runs on.
    ///
    /// # Errors
    ///
    /// As [`xen_claims::xen::open`].
    pub fn open_xen() -> Result<Self, OpenError> {
        #[cfg(feature = "domains")]
        return xen_claims::xen::XenWithDomains::open()
            .map(|xen| Connection::XenWithDomains(Arc::new(xen)));
        #[cfg(not(feature = "domains"))]
        xen_claims::xen::open().map(Connection::Xen)
    }

    /// The hypervisor, whichever it is.
    pub fn hypervisor(&self) -> &dyn Hypervisor {
        match self {
            Connection::Xen(xen) => &**xen,
            #[cfg(feature = "domains")]
            Connection::XenWithDomains(xen) => &**xen,
            #[cfg(feature = "testing")]
            Connection::Model(model) => &**model,
        }
    }

    /// The life of domains, where this build has it.
    #[cfg(feature = "testing")]
    pub fn domain_control(&self) -> Option<&dyn DomainControl> {
        match self {
            Connection::Xen(_) => None,
            #[cfg(feature = "domains")]
            Connection::XenWithDomains(xen) => Some(&**xen),
            Connection::Model(model) => Some(&**model),
        }
    }
}

/// A connection that can be closed. Shared by OCaml domains and threads.
#[sig]
pub struct Handle {
    connection: ArcSwapOption<Connection>,
}

/// Keeps a connection open for the length of a call; `None` if the handle was closed. Calls in
/// parallel take theirs without writing to the same memory.
pub type ConnectionGuard = Guard<Option<Arc<Connection>>>;

impl Handle {
    /// An open handle.
    pub fn new(connection: Connection) -> Self {
        Handle {
            connection: ArcSwapOption::from_pointee(connection),
        }
    }

    /// What calls go through.
    pub fn connection(&self) -> ConnectionGuard {
        self.connection.load()
    }

    /// Closes the handle. Calls under way end as they would have; closing again does nothing.
    pub fn close(&self) {
        // Freed here, unless a call still holds it.
        self.connection.store(None);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.connection()).finish()
    }
}
