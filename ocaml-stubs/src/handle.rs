//! What an OCaml `handle` is.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
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
    connection: ArcSwapOption<Connection>,
}

/// A share of a connection, for the length of a call; `None` if the handle was closed. Calls in
/// parallel take theirs without writing to the same memory.
pub type Share = Guard<Option<Arc<Connection>>>;

impl Handle {
    /// An open handle.
    pub fn new(connection: Connection) -> Self {
        Handle {
            connection: ArcSwapOption::from_pointee(connection),
        }
    }

    /// What calls go through.
    pub fn connection(&self) -> Share {
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
