//! What OCaml calls of a hypervisor for tests, demonstrations and our own builder. Feature `testing`.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)] // In what the macros expand to.
#![allow(missing_docs)] // The interface for people is `xenctrl-ml/testing/`.

use std::sync::Arc;
use std::time::Duration;

use ocaml_derive::ocaml_sig as sig;
use ocaml_interop::{
    impl_from_ocaml_record, impl_from_ocaml_variant, impl_to_ocaml_record, DynBox, OCaml,
    OCamlFloat, OCamlInt, OCamlInt64, OCamlList, OCamlRuntime, ToOCaml,
};
use xen_claims::limits::{EXTENT_COUNT, EXTENT_ORDER};
use xen_claims::model::Fault as ModelFault;
use xen_claims::{
    DomainControl, Errno, HypercallError, Model, Placement as CorePlacement, Topology, Uuid,
};

use crate::handle::{Connection, ConnectionGuard, Handle};
use crate::marshal::{int64, Failure};
use crate::runtime::{caught, without_lock};
use crate::stubs::{connection, domain, new_handle, node, page_count, Answer};

/// What a domain has of a node, in pages.
#[sig("{ domid : int; node : int; pages : int64 }")]
#[derive(Debug, Clone, Copy)]
pub struct DomainMemory {
    /// Which domain.
    pub domid: i64,
    /// Which node.
    pub node: i64,
    /// How much.
    pub pages: i64,
}

impl_to_ocaml_record! {
    DomainMemory {
        domid: OCamlInt,
        node: OCamlInt,
        pages: OCamlInt64,
    }
}

impl From<xen_claims::DomainMemory> for DomainMemory {
    fn from(memory: xen_claims::DomainMemory) -> Self {
        DomainMemory {
            domid: memory.domain.get().into(),
            node: memory.node.index() as i64,
            pages: int64(memory.pages),
        }
    }
}

/// Where the pages of a populate call come from.
#[sig("| Any | Prefer of int | Exact of int")]
#[derive(Debug, Clone, Copy)]
pub enum Placement {
    /// As the domain's claims and its affinity say.
    Any,
    /// This node first.
    Prefer(i64),
    /// This node or none.
    Exact(i64),
}

impl_from_ocaml_variant! {
    Placement {
        Placement::Any,
        Placement::Prefer(node: OCamlInt),
        Placement::Exact(node: OCamlInt),
    }
}

/// What to populate.
#[sig("{ order : int; extents : int; placement : placement }")]
#[derive(Debug, Clone, Copy)]
pub struct Populate {
    /// An extent is 2^order pages.
    pub order: i64,
    /// How many extents.
    pub extents: i64,
    /// Where from.
    pub placement: Placement,
}

impl_from_ocaml_record! {
    Populate {
        order: OCamlInt,
        extents: OCamlInt,
        placement: Placement,
    }
}

/// A fault of the embedded hypervisor.
#[sig("| Panic | Panic_in_binding | Delay of float | Refuse of int")]
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The next claim call panics.
    Panic,
    /// Whoever asks for it panics, with OCaml's runtime lock.
    PanicInBinding,
    /// The next claim call takes so many seconds.
    Delay(f64),
    /// The next claim call is answered with this errno.
    Refuse(i64),
}

impl_from_ocaml_variant! {
    Fault {
        Fault::Panic,
        Fault::PanicInBinding,
        Fault::Delay(seconds: OCamlFloat),
        Fault::Refuse(errno: OCamlInt),
    }
}

/// Makes a call of the life of domains through `handle`, without the runtime lock.
fn control<T>(
    cr: &mut OCamlRuntime,
    handle: ConnectionGuard,
    make: impl FnOnce(&dyn DomainControl) -> Result<T, HypercallError>,
) -> Answer<T> {
    let connection = handle.as_deref().ok_or(Failure::Closed)?;
    let unsupported = Failure::Refused(Errno::EOPNOTSUPP.0.into());
    let domains = connection.domain_control().ok_or(unsupported)?;
    let answer = without_lock(cr, || make(domains));
    Ok(answer.map_err(Failure::Panicked)??)
}

fn populate(what: OCaml<Populate>) -> Answer<(u32, u64, CorePlacement)> {
    let what: Populate = what.to_rust();
    let order = EXTENT_ORDER.check(what.order)?;
    let extents = EXTENT_COUNT.check(what.extents)?;
    let placement = match what.placement {
        Placement::Any => CorePlacement::Any,
        Placement::Prefer(n) => CorePlacement::Prefer(node(n)?),
        Placement::Exact(n) => CorePlacement::Exact(node(n)?),
    };
    // OK because EXTENT_ORDER.max is small.
    Ok((order as u32, extents, placement))
}

#[sig("string -> (handle, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_open_model(
    cr: &mut OCamlRuntime,
    host: OCaml<String>,
) -> OCaml<Result<DynBox<Handle>, Failure>> {
    let model = caught(|| {
        let topology = host.to_rust::<String>().parse::<Topology>();
        let topology = topology.map_err(|error| Failure::Invalid(error.to_string()))?;
        Ok(Connection::Model(Arc::new(Model::new(&topology))))
    });
    model
        .map(|connection| new_handle(cr, connection))
        .to_ocaml(cr)
}

#[sig("handle -> (domain_memory list, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_domain_memory(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<OCamlList<DomainMemory>, Failure>> {
    let handle = connection(handle);
    let answer = control(cr, handle, |builder| builder.memory_of_domains());
    answer
        .map(|all| all.into_iter().map(DomainMemory::from).collect::<Vec<_>>())
        .to_ocaml(cr)
}

#[sig("handle -> string -> (int, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_create(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    uuid: OCaml<String>,
) -> OCaml<Result<OCamlInt, Failure>> {
    let uuid = caught(|| {
        Uuid::try_from(uuid.as_bytes()).map_err(|_| {
            let length = uuid.as_bytes().len();
            Failure::Invalid(format!("a uuid of {length} bytes; it has 16"))
        })
    });
    let handle = connection(handle);
    let answer = uuid.and_then(|uuid| control(cr, handle, |builder| builder.create_as(uuid)));
    answer.map(|domain| i64::from(domain.get())).to_ocaml(cr)
}

#[sig("handle -> int -> int64 -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_set_max_pages(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
    pages: OCaml<OCamlInt64>,
) -> OCaml<Option<Failure>> {
    let request = caught(|| Ok((domain(domid)?, page_count(pages)?)));
    let handle = connection(handle);
    let answer = request.and_then(|(domain, pages)| {
        control(cr, handle, |builder| builder.set_max_pages(domain, pages))
    });
    answer.err().to_ocaml(cr)
}

#[sig("handle -> int -> populate -> (int, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_populate(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
    what: OCaml<Populate>,
) -> OCaml<Result<OCamlInt, Failure>> {
    let request = caught(|| Ok((domain(domid)?, populate(what)?)));
    let handle = connection(handle);
    let answer = request.and_then(|(domain, (order, extents, placement))| {
        control(cr, handle, |builder| {
            builder.populate(domain, order, extents, placement)
        })
    });
    // OK because no more are given than an OCaml int asked for.
    answer.map(|given| given as i64).to_ocaml(cr)
}

#[sig("handle -> int -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_unpause(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
) -> OCaml<Option<Failure>> {
    let (domain, handle) = (caught(|| domain(domid)), connection(handle));
    let answer = domain.and_then(|domain| control(cr, handle, |builder| builder.unpause(domain)));
    answer.err().to_ocaml(cr)
}

#[sig("handle -> int -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_destroy(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
) -> OCaml<Option<Failure>> {
    let (domain, handle) = (caught(|| domain(domid)), connection(handle));
    let answer = domain.and_then(|domain| control(cr, handle, |builder| builder.destroy(domain)));
    answer.err().to_ocaml(cr)
}

#[sig("handle -> fault -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_inject(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    fault: OCaml<Fault>,
) -> OCaml<Option<Failure>> {
    let answer = caught(|| {
        let connection = connection(handle);
        match (connection.as_deref(), fault.to_rust()) {
            (None, _) => Err(Failure::Closed),
            (Some(Connection::Model(_)), Fault::PanicInBinding) => {
                panic!("injected into the binding")
            }
            (Some(Connection::Model(model)), Fault::Panic) => {
                model.inject(ModelFault::Panic);
                Ok(())
            }
            (Some(Connection::Model(model)), Fault::Refuse(errno)) => i32::try_from(errno)
                .map(|errno| model.inject(ModelFault::Refuse(Errno(errno))))
                .map_err(|_| Failure::Invalid(format!("{errno} is no errno"))),
            (Some(Connection::Model(model)), Fault::Delay(seconds)) => {
                Duration::try_from_secs_f64(seconds)
                    .map(|time| model.inject(ModelFault::Delay(time)))
                    .map_err(|error| Failure::Invalid(format!("a delay of {seconds} s: {error}")))
            }
            (Some(_), _) => Err(Failure::Refused(Errno::EOPNOTSUPP.0.into())),
        }
    });
    answer.err().to_ocaml(cr)
}
