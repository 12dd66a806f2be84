//! What an OCaml `handle` is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ocaml_derive::ocaml_sig as sig;
use xen_claims::{Hypervisor, Model};

/// A hypervisor that a handle was opened on.
#[derive(Debug, Clone)]
pub enum Connection {
    /// The Xen this program runs on.
    Xen(Arc<dyn Hypervisor>),
    /// An embedded hypervisor.
    Model(Arc<Model>),
}

impl Connection {
    /// The hypervisor, whichever it is.
    pub fn hypervisor(&self) -> &dyn Hypervisor {
        match self {
            Connection::Xen(xen) => &**xen,
            Connection::Model(model) => &**model,
        }
    }
}

/// A connection that can be closed. Shared by OCaml domains and threads.
#[sig]
pub struct Handle {
    connection: Mutex<Option<Connection>>,
}

impl Handle {
    /// An open handle.
    pub fn new(connection: Connection) -> Self {
        Handle {
            connection: Mutex::new(Some(connection)),
        }
    }

    /// A share of the connection, for the length of a call; `None` if the handle was closed.
    pub fn connection(&self) -> Option<Connection> {
        self.lock().clone()
    }

    /// Closes the handle. Calls under way end as they would have; closing again does nothing.
    pub fn close(&self) {
        let connection = self.lock().take();
        // Freed here, outside the lock, unless a call still holds it.
        drop(connection);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        // OK because nothing that is done under this lock can panic half-way.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.connection()).finish()
    }
}
