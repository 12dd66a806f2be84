//! The functions OCaml calls: one line of types for OCaml, one function each.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)] // In what `export` expands to.
#![allow(missing_docs)] // The interface for people is `xenctrl-ml/xenctrl.mli`.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::Duration;

use ocaml_derive::ocaml_sig as sig;
use ocaml_interop::{
    BoxRoot, DynBox, OCaml, OCamlInt, OCamlInt64, OCamlList, OCamlRuntime, OCamlUniformArray,
    ToOCaml,
};
use xen_claims::claim::Room;
use xen_claims::limits::{CLAIM_PAGES, EXTENT_COUNT, EXTENT_ORDER};
use xen_claims::model::Fault as ModelFault;
use xen_claims::{
    DomainBuilder, DomainId, Errno, HypercallError, Hypervisor, Model, NodeId, NodeSet, Pages,
    Placement as CorePlacement, Topology, Uuid,
};

use crate::handle::{Connection, Handle, Share};
use crate::marshal::{
    claim_set, pack, Claim, DomainInfo, DomainMemory, Failure, Fault, HostMemory, NoXen,
    NodeMemory, Packed, Placement, Populate,
};
use crate::runtime::without_lock;

type Answer<T> = Result<T, Failure>;

/// Makes a hypercall through `handle`, without the runtime lock.
fn call<T>(
    cr: &mut OCamlRuntime,
    handle: Share,
    hypercall: impl FnOnce(&dyn Hypervisor) -> Result<T, HypercallError>,
) -> Answer<T> {
    let connection = handle.as_deref().ok_or(Failure::Closed)?;
    let answer = without_lock(cr, || hypercall(connection.hypervisor()));
    Ok(answer.map_err(Failure::Panicked)??)
}

/// The same for what only some hypervisors can do.
fn build<T>(
    cr: &mut OCamlRuntime,
    handle: Share,
    hypercall: impl FnOnce(&dyn DomainBuilder) -> Result<T, HypercallError>,
) -> Answer<T> {
    let answer = call(cr, handle, |hypervisor| {
        hypervisor.builder().map(hypercall).transpose()
    })?;
    answer.ok_or(Failure::Refused(Errno::EOPNOTSUPP.0.into()))
}

fn connection(handle: OCaml<DynBox<Handle>>) -> Share {
    let handle: &Handle = handle.borrow();
    handle.connection()
}

fn page_count(pages: OCaml<OCamlInt64>) -> Answer<Pages> {
    Ok(Pages::new(CLAIM_PAGES.check(pages.to_rust())?))
}

fn domain(domid: OCaml<OCamlInt>) -> Answer<DomainId> {
    Ok(DomainId::new(domid.to_i64())?)
}

fn node(node: i64) -> Answer<NodeId> {
    Ok(NodeId::new(node)?)
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

fn new_handle(cr: &mut OCamlRuntime, connection: Connection) -> BoxRoot<DynBox<Handle>> {
    OCaml::box_value(cr, Handle::new(connection)).root()
}

#[sig("unit -> (handle, no_xen) result")]
#[ocaml_interop::export]
pub fn xen_claims_open_xen(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<Result<DynBox<Handle>, NoXen>> {
    let opened = match without_lock(cr, xen_claims::xen::open) {
        Ok(xen) => xen.map(Connection::Xen).map_err(NoXen::from),
        Err(panic) => Err(NoXen {
            errno: Errno::EPROTO.0.into(),
            reason: panic,
        }),
    };
    opened
        .map(|connection| new_handle(cr, connection))
        .to_ocaml(cr)
}

#[sig("string -> (handle, string) result")]
#[ocaml_interop::export]
pub fn xen_claims_open_model(
    cr: &mut OCamlRuntime,
    host: OCaml<String>,
) -> OCaml<Result<DynBox<Handle>, String>> {
    let host: String = host.to_rust();
    let topology = host.parse::<Topology>().map_err(|error| error.to_string());
    topology
        .map(|topology| new_handle(cr, Connection::Model(Arc::new(Model::new(&topology)))))
        .to_ocaml(cr)
}

#[sig("handle -> unit")]
#[ocaml_interop::export]
pub fn xen_claims_close(cr: &mut OCamlRuntime, handle: OCaml<DynBox<Handle>>) -> OCaml<()> {
    let handle: &Handle = handle.borrow();
    handle.close();
    OCaml::unit()
}

#[sig("handle -> int -> claim array -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_set(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
    claims: OCaml<OCamlUniformArray<Claim>>,
) -> OCaml<Option<Failure>> {
    let mut room = Room::new();
    let request = domain(domid).and_then(|domain| Ok((domain, claim_set(claims, &mut room)?)));
    let handle = connection(handle);
    let answer = request
        .and_then(|(domain, set)| call(cr, handle, |hypervisor| hypervisor.set(domain, set)));
    answer.err().to_ocaml(cr)
}

#[sig("handle -> int -> (string, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_get(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
) -> OCaml<Result<String, Failure>> {
    let (domain, handle) = (domain(domid), connection(handle));
    let mut room = Room::new();
    let answer = domain.and_then(|domain| {
        call(cr, handle, |hypervisor| {
            hypervisor.get_into(domain, &mut room)
        })
    });
    let mut packed = Packed::new();
    answer.map(|set| pack(set, &mut packed)).to_ocaml(cr)
}

#[sig("handle -> int -> int64 -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_claim_pages(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
    pages: OCaml<OCamlInt64>,
) -> OCaml<Option<Failure>> {
    let request = domain(domid).and_then(|domain| Ok((domain, page_count(pages)?)));
    let handle = connection(handle);
    let answer = request.and_then(|(domain, pages)| {
        call(cr, handle, |hypervisor| {
            hypervisor.claim_pages(domain, pages)
        })
    });
    answer.err().to_ocaml(cr)
}

#[sig("handle -> (bool, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_has_claim_sets(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<bool, Failure>> {
    let handle = connection(handle);
    let answer = call(cr, handle, |hypervisor| hypervisor.has_claim_sets());
    answer.to_ocaml(cr)
}

#[sig("handle -> (node_memory list, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_nodes(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<OCamlList<NodeMemory>, Failure>> {
    let handle = connection(handle);
    let answer = call(cr, handle, |hypervisor| hypervisor.nodes());
    answer
        .map(|nodes| nodes.into_iter().map(NodeMemory::from).collect::<Vec<_>>())
        .to_ocaml(cr)
}

#[sig("handle -> (int array array, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_distances(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<OCamlUniformArray<OCamlUniformArray<OCamlInt>>, Failure>> {
    let handle = connection(handle);
    let answer = call(cr, handle, |hypervisor| hypervisor.distances());
    let row = |row: Vec<u8>| row.into_iter().map(i64::from).collect::<Vec<_>>();
    answer
        .map(|rows| rows.into_iter().map(row).collect::<Vec<_>>())
        .to_ocaml(cr)
}

#[sig("handle -> (host_memory, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_host(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<HostMemory, Failure>> {
    let handle = connection(handle);
    let answer = call(cr, handle, |hypervisor| hypervisor.host());
    answer.map(HostMemory::from).to_ocaml(cr)
}

#[sig("handle -> (domain_info list, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_domains(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<OCamlList<DomainInfo>, Failure>> {
    let handle = connection(handle);
    let answer = call(cr, handle, |hypervisor| hypervisor.domains());
    answer
        .map(|domains| {
            domains
                .into_iter()
                .map(DomainInfo::from)
                .collect::<Vec<_>>()
        })
        .to_ocaml(cr)
}

#[sig("handle -> int -> int list -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_set_node_affinity(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
    nodes: OCaml<OCamlList<OCamlInt>>,
) -> OCaml<Option<Failure>> {
    let nodes: Vec<i64> = nodes.to_rust();
    let nodes = nodes.into_iter().map(node).collect::<Answer<NodeSet>>();
    let request = domain(domid).and_then(|domain| Ok((domain, nodes?)));
    let handle = connection(handle);
    let answer = request.and_then(|(domain, nodes)| {
        call(cr, handle, |hypervisor| {
            hypervisor.set_node_affinity(domain, nodes)
        })
    });
    answer.err().to_ocaml(cr)
}

#[sig("handle -> (domain_memory list, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_domain_memory(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<OCamlList<DomainMemory>, Failure>> {
    let handle = connection(handle);
    let answer = build(cr, handle, |builder| builder.memory_of_domains());
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
    let uuid = Uuid::try_from(uuid.as_bytes()).map_err(|_| {
        let length = uuid.as_bytes().len();
        Failure::Invalid(format!("a uuid of {length} bytes; it has 16"))
    });
    let handle = connection(handle);
    let answer = uuid.and_then(|uuid| build(cr, handle, |builder| builder.create_as(uuid)));
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
    let request = domain(domid).and_then(|domain| Ok((domain, page_count(pages)?)));
    let handle = connection(handle);
    let answer = request.and_then(|(domain, pages)| {
        build(cr, handle, |builder| builder.set_max_pages(domain, pages))
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
    let request = domain(domid).and_then(|domain| Ok((domain, populate(what)?)));
    let handle = connection(handle);
    let answer = request.and_then(|(domain, (order, extents, placement))| {
        build(cr, handle, |builder| {
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
    let (domain, handle) = (domain(domid), connection(handle));
    let answer = domain.and_then(|domain| build(cr, handle, |builder| builder.unpause(domain)));
    answer.err().to_ocaml(cr)
}

#[sig("handle -> int -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_destroy(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
) -> OCaml<Option<Failure>> {
    let (domain, handle) = (domain(domid), connection(handle));
    let answer = domain.and_then(|domain| build(cr, handle, |builder| builder.destroy(domain)));
    answer.err().to_ocaml(cr)
}

#[sig("handle -> fault -> failure option")]
#[ocaml_interop::export]
pub fn xen_claims_inject(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    fault: OCaml<Fault>,
) -> OCaml<Option<Failure>> {
    let connection = connection(handle);
    let answer = match (connection.as_deref(), fault.to_rust()) {
        (None, _) => Err(Failure::Closed),
        (Some(Connection::Xen(_)), _) => Err(Failure::Refused(Errno::EOPNOTSUPP.0.into())),
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
    };
    answer.err().to_ocaml(cr)
}
