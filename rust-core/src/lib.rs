//! Claim sets: memory reserved on NUMA nodes for a Xen domain before it is built.
//!
//! Several VM builders on a NUMA host race for the same memory. A *claim set* reserves pages on
//! several nodes and host-wide for one domain, atomically, before it is built: after a successful
//! install the memory is there, on those nodes, for that domain; after a refusal nothing changed.
//!
//! - [`ClaimSet`] says what a domain claims; a value of it is valid.
//! - [`Hypervisor`] is what takes it: the Xen below, from [`xen::open`], or, with feature `testing`,
//!   `Model`, a hypervisor embedded in this process.
//! - [`InvalidClaim`] is a bug of the caller, [`HypercallError`] an answer of the hypervisor.
//!
//! ```
//! use xen_claims::{Claim, ClaimSet, DomainControl, Hypervisor, Model, NodeId, Pages, Placement, Target};
//!
//! let host = Model::new(&"2-socket".parse()?);
//! let node = NodeId::new(1)?;
//! let domain = host.create()?;
//! host.set_max_pages(domain, Pages::new(1 << 18))?;
//!
//! let set = ClaimSet::new([Claim { pages: Pages::new(1 << 18), target: Target::Node(node) }])?;
//! host.set(domain, &set)?;
//! // Whoever else comes now, these 1 GiB are there.
//! assert_eq!(host.populate(domain, 9, 512, Placement::Exact(node))?, 512);
//! assert_eq!(host.get(domain)?.total(), Pages::ZERO);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate does not do: decide where a domain should go, or build domains for production.
//! Features: `xen` for calls of the Xen below; `testing` for the embedded hypervisor, building domains,
//! and faults on purpose; `domains` for the latter two on Xen.
//! The rules it implements are in `docs/contract.md`.

pub mod claim;
pub mod error;
pub mod hypervisor;
pub mod limits;
#[cfg(feature = "testing")]
pub mod model;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "testing")]
pub mod topology;
pub mod units;
pub mod wire;
pub mod xen;

pub use claim::{Claim, ClaimSet, InvalidClaim, Target};
pub use error::{Errno, HypercallError, Operation};
pub use hypervisor::{Distances, DomainInfo, HostMemory, Hypervisor, NodeMemory, Uuid};
#[cfg(feature = "testing")]
pub use model::Model;
#[cfg(feature = "testing")]
pub use testing::{DomainControl, DomainMemory, FaultInjection, Placement, Recall};
#[cfg(feature = "testing")]
pub use topology::{Topology, TopologyError};
pub use units::{Bytes, DomainId, NodeId, NodeSet, OutOfRange, Pages, PartialPage, PAGE_SIZE};
