//! The functions OCaml calls: one line of types for OCaml, one function each.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)] // In what `export` expands to.
#![allow(missing_docs)] // The interface for people is `xenctrl-ml/xenctrl.mli`.

use std::borrow::Borrow;

use ocaml_derive::ocaml_sig as sig;
use ocaml_interop::{
    BoxRoot, DynBox, OCaml, OCamlInt, OCamlInt64, OCamlList, OCamlRuntime, OCamlUniformArray,
    ToOCaml,
};
use xen_claims::claim::ClaimSetBuffer;
use xen_claims::limits::CLAIM_PAGES;
use xen_claims::{DomainId, Errno, HypercallError, Hypervisor, NodeId, NodeSet, Pages};

use crate::handle::{Connection, ConnectionGuard, Handle};
use crate::marshal::{
    claim_set, pack, Claim, DomainInfo, Failure, HostMemory, NoXen, NodeMemory, Packed,
};
use crate::runtime::{caught, without_lock};

pub(crate) type Answer<T> = Result<T, Failure>;

/// Makes a hypercall through `handle`, without the runtime lock.
pub(crate) fn hypercall<T>(
    cr: &mut OCamlRuntime,
    handle: ConnectionGuard,
    make: impl FnOnce(&dyn Hypervisor) -> Result<T, HypercallError>,
) -> Answer<T> {
    let connection = handle.as_deref().ok_or(Failure::Closed)?;
    let answer = without_lock(cr, || make(connection.hypervisor()));
    Ok(answer.map_err(Failure::Panicked)??)
}

pub(crate) fn connection(handle: OCaml<DynBox<Handle>>) -> ConnectionGuard {
    let handle: &Handle = handle.borrow();
    handle.connection()
}

pub(crate) fn page_count(pages: OCaml<OCamlInt64>) -> Answer<Pages> {
    Ok(Pages::new(CLAIM_PAGES.check(pages.to_rust())?))
}

pub(crate) fn domain(domid: OCaml<OCamlInt>) -> Answer<DomainId> {
    Ok(DomainId::new(domid.to_i64())?)
}

pub(crate) fn node(node: i64) -> Answer<NodeId> {
    Ok(NodeId::new(node)?)
}

pub(crate) fn new_handle(cr: &mut OCamlRuntime, connection: Connection) -> BoxRoot<DynBox<Handle>> {
    OCaml::box_value(cr, Handle::new(connection)).root()
}

#[sig("unit -> (handle, no_xen) result")]
#[ocaml_interop::export]
pub fn xen_claims_open_xen(
    cr: &mut OCamlRuntime,
    _unit: OCaml<()>,
) -> OCaml<Result<DynBox<Handle>, NoXen>> {
    let opened = match without_lock(cr, Connection::open_xen) {
        Ok(opened) => opened.map_err(NoXen::from),
        Err(panic) => Err(NoXen {
            errno: Errno::EPROTO.0.into(),
            reason: panic,
        }),
    };
    opened
        .map(|connection| new_handle(cr, connection))
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
    let mut buffer = ClaimSetBuffer::new();
    let request = caught(|| Ok((domain(domid)?, claim_set(claims, &mut buffer)?)));
    let handle = connection(handle);
    let answer = request
        .and_then(|(domain, set)| hypercall(cr, handle, |hypervisor| hypervisor.set(domain, set)));
    answer.err().to_ocaml(cr)
}

#[sig("handle -> int -> (string, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_get(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    domid: OCaml<OCamlInt>,
) -> OCaml<Result<String, Failure>> {
    let mut buffer = ClaimSetBuffer::new();
    let (domain, handle) = (caught(|| domain(domid)), connection(handle));
    let answer = domain.and_then(|domain| {
        hypercall(cr, handle, |hypervisor| {
            hypervisor.get_into(domain, &mut buffer)
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
    let request = caught(|| Ok((domain(domid)?, page_count(pages)?)));
    let handle = connection(handle);
    let answer = request.and_then(|(domain, pages)| {
        hypercall(cr, handle, |hypervisor| {
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
    let answer = hypercall(cr, handle, |hypervisor| hypervisor.has_claim_sets());
    answer.to_ocaml(cr)
}

#[sig("handle -> (node_memory list, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_nodes(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<OCamlList<NodeMemory>, Failure>> {
    let handle = connection(handle);
    let answer = hypercall(cr, handle, |hypervisor| hypervisor.nodes());
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
    let answer = hypercall(cr, handle, |hypervisor| hypervisor.distances());
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
    let answer = hypercall(cr, handle, |hypervisor| hypervisor.host());
    answer.map(HostMemory::from).to_ocaml(cr)
}

#[sig("handle -> (domain_info list, failure) result")]
#[ocaml_interop::export]
pub fn xen_claims_domains(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
) -> OCaml<Result<OCamlList<DomainInfo>, Failure>> {
    let handle = connection(handle);
    let answer = hypercall(cr, handle, |hypervisor| hypervisor.domains());
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
    let request = caught(|| {
        let nodes: Vec<i64> = nodes.to_rust();
        let nodes = nodes.into_iter().map(node).collect::<Answer<NodeSet>>();
        Ok((domain(domid)?, nodes?))
    });
    let handle = connection(handle);
    let answer = request.and_then(|(domain, nodes)| {
        hypercall(cr, handle, |hypervisor| {
            hypervisor.set_node_affinity(domain, nodes)
        })
    });
    answer.err().to_ocaml(cr)
}
