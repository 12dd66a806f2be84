//! A hypervisor that answers at once, so that what is left of a call's time is the binding's, and
//! the steps of that call, each with those before it.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)] // In what `export` expands to.
#![allow(missing_docs)] // Each function is described where OCaml declares it, in `binding.ml`.

use std::borrow::Borrow;
use std::sync::Arc;

use ocaml_interop::{DynBox, OCaml, OCamlInt, OCamlRuntime, OCamlUniformArray, ToOCaml};
use xen_claims::claim::ClaimSetBuffer;
use xen_claims::wire::{self, xen_memory_claim};
use xen_claims::{
    Distances, DomainId, DomainInfo, Errno, HostMemory, HypercallError, Hypervisor, NodeMemory,
    NodeSet, Operation, Pages,
};
use xenctrl_claims_stubs::handle::{Connection, Handle};
use xenctrl_claims_stubs::marshal::{self, claim_set, Claim};
use xenctrl_claims_stubs::runtime::without_lock;

/// Every domain has as many claims as its number says, whatever it is told to have.
#[derive(Debug)]
struct Null;

fn nothing_else<T>() -> Result<T, HypercallError> {
    Err(HypercallError::host(Operation::HostMemory, Errno::ENOSYS))
}

impl Hypervisor for Null {
    fn claim_memory(
        &self,
        domain: DomainId,
        mode: u32,
        nr_entries: &mut u32,
        entries: Option<&mut [xen_memory_claim]>,
    ) -> Result<(), Errno> {
        if mode == wire::XEN_DOMCTL_CLAIM_MEMORY_GET {
            let count = u32::from(domain.get());
            let entries = entries.and_then(|entries| entries.get_mut(..count as usize));
            let targets = std::iter::once(wire::XEN_DOMCTL_CLAIM_MEMORY_HOST).chain(0..);
            for (entry, target) in entries.ok_or(Errno::EFAULT)?.iter_mut().zip(targets) {
                (entry.pages, entry.target) = (512, target);
            }
            *nr_entries = count;
        }
        Ok(())
    }

    fn claim_pages_flags(&self, _: DomainId, _: u32, _: Pages) -> Result<(), HypercallError> {
        Ok(())
    }

    fn node_pages(&self, _: DomainId) -> Result<Vec<Pages>, HypercallError> {
        nothing_else()
    }

    fn has_claim_sets(&self) -> Result<bool, HypercallError> {
        Ok(true)
    }

    fn nodes(&self) -> Result<Vec<NodeMemory>, HypercallError> {
        nothing_else()
    }

    fn distances(&self) -> Result<Distances, HypercallError> {
        nothing_else()
    }

    fn host(&self) -> Result<HostMemory, HypercallError> {
        nothing_else()
    }

    fn domains(&self) -> Result<Vec<DomainInfo>, HypercallError> {
        nothing_else()
    }

    fn set_node_affinity(&self, _: DomainId, _: NodeSet) -> Result<(), HypercallError> {
        nothing_else()
    }
}

#[ocaml_interop::export]
pub fn bench_open_null(cr: &mut OCamlRuntime, _unit: OCaml<()>) -> OCaml<DynBox<Handle>> {
    OCaml::box_value(cr, Handle::new(Connection::Xen(Arc::new(Null))))
}

#[ocaml_interop::export]
pub fn bench_boundary(
    cr: &mut OCamlRuntime,
    _handle: OCaml<DynBox<Handle>>,
    _domid: OCaml<OCamlInt>,
    _claims: OCaml<OCamlUniformArray<Claim>>,
) -> OCaml<bool> {
    true.to_ocaml(cr)
}

#[ocaml_interop::export]
pub fn bench_decode(
    cr: &mut OCamlRuntime,
    _handle: OCaml<DynBox<Handle>>,
    _domid: OCaml<OCamlInt>,
    claims: OCaml<OCamlUniformArray<Claim>>,
) -> OCaml<bool> {
    let sum = marshal::claims(claims).fold(0, |sum: i64, claim| {
        sum.wrapping_add(claim.pages) ^ i64::from(claim.target)
    });
    std::hint::black_box(sum);
    true.to_ocaml(cr)
}

#[ocaml_interop::export]
pub fn bench_validate(
    cr: &mut OCamlRuntime,
    _handle: OCaml<DynBox<Handle>>,
    _domid: OCaml<OCamlInt>,
    claims: OCaml<OCamlUniformArray<Claim>>,
) -> OCaml<bool> {
    let mut room = ClaimSetBuffer::new();
    let checked = std::hint::black_box(claim_set(claims, &mut room));
    checked.is_ok().to_ocaml(cr)
}

#[ocaml_interop::export]
pub fn bench_handle(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    _domid: OCaml<OCamlInt>,
    claims: OCaml<OCamlUniformArray<Claim>>,
) -> OCaml<bool> {
    let handle: &Handle = handle.borrow();
    let connection = handle.connection();
    let mut room = ClaimSetBuffer::new();
    let checked = std::hint::black_box(claim_set(claims, &mut room));
    let open = std::hint::black_box(connection.as_deref()).is_some();
    (open && checked.is_ok()).to_ocaml(cr)
}

#[ocaml_interop::export]
pub fn bench_unlock(
    cr: &mut OCamlRuntime,
    handle: OCaml<DynBox<Handle>>,
    _domid: OCaml<OCamlInt>,
    claims: OCaml<OCamlUniformArray<Claim>>,
) -> OCaml<bool> {
    let handle: &Handle = handle.borrow();
    let connection = handle.connection();
    let mut room = ClaimSetBuffer::new();
    let checked = std::hint::black_box(claim_set(claims, &mut room));
    let ran = without_lock(cr, || std::hint::black_box(&*connection).is_some());
    (checked.is_ok() && ran == Ok(true)).to_ocaml(cr)
}
