//! What things cost on a host, by the host's own clock.

use xen_claims::{DomainId, HypercallError, NodeId, Operation};

use super::loaded::Op;
use super::Host;

/// As `HOST_ANY`.
const ANY: usize = 64;

/// What memory cost a domain.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Nanoseconds to give it an extent.
    pub allocate: f64,
    /// Nanoseconds to take it back.
    pub free: f64,
}

impl Host {
    /// Gives a domain so many extents, one after the other, and takes them back: of exactly a node, or
    /// of wherever its node affinity and its claims say.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `ENOMEM` if it did not get all of them.
    pub fn measure(
        &self,
        domain: DomainId,
        order: u32,
        node: Option<NodeId>,
        extents: u64,
    ) -> Result<Cost, HypercallError> {
        let arguments = [
            domain.get().into(),
            order.into(),
            node.map_or(ANY, NodeId::index) as u64,
            extents,
        ];
        let result = self.alive(self.loaded().two_numbers(Op::Measure, arguments));
        let failed = |errno| HypercallError {
            operation: Operation::Populate,
            domain: Some(domain),
            errno,
        };
        let (given, ns) = result.map_err(failed)?;
        if given != extents as i64 {
            return Err(failed(if given == -3 {
                xen_claims::Errno::ESRCH
            } else {
                xen_claims::Errno::ENOMEM
            }));
        }
        let of_one = |ns: u64| ns as f64 / extents as f64;
        Ok(Cost {
            allocate: of_one(ns[0]),
            free: of_one(ns[1]),
        })
    }

    /// How often the heap lock was held since this was asked last, and for how many nanoseconds in
    /// all: on a host of [`Profile::Held`](super::Profile::Held).
    ///
    /// # Errors
    ///
    /// `EPROTO` if the host has stopped.
    pub fn held(&self) -> Result<(u64, u64), HypercallError> {
        let result = self.alive(self.loaded().two_numbers(Op::Held, []));
        let (_, [times, ns]) =
            result.map_err(|errno| HypercallError::host(Operation::HostMemory, errno))?;
        Ok((times, ns))
    }
}
