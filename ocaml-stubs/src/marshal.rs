//! OCaml values to Rust ones and back. The sentinel -1 for the host exists here and nowhere else
//! in Rust.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)] // In what the `impl_*` macros expand to.

use arrayvec::ArrayVec;
use ocaml_derive::ocaml_sig as sig;
use ocaml_interop::{
    impl_to_ocaml_record, impl_to_ocaml_variant, OCaml, OCamlInt, OCamlInt64, OCamlUniformArray,
};
use xen_claims::claim::ClaimSetBuffer;
use xen_claims::limits::MAX_CLAIMS;
use xen_claims::{ClaimSet, InvalidClaim, NodeId, Pages, Target};

use crate::record::{self, Record};

const HOST: i32 = -1;

/// One claim, as OCaml writes it.
#[sig("{ pages : int64; target : int32 }")]
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// How many pages.
    pub pages: i64,
    /// A node, or -1 for the host.
    pub target: i32,
}

impl Claim {
    /// The claim it says, where `index` is its place in the array.
    #[inline(always)]
    fn check(self, index: usize) -> Result<xen_claims::Claim, InvalidClaim> {
        let value = i64::from(self.target);
        let target = match self.target {
            HOST => Target::Host,
            _ => {
                Target::Node(NodeId::new(value).map_err(|_| InvalidClaim::Target { index, value })?)
            }
        };
        let value = self.pages;
        let pages = u64::try_from(value).map_err(|_| InvalidClaim::Negative { index, value })?;
        Ok(xen_claims::Claim {
            pages: Pages::new(pages),
            target,
        })
    }
}

impl From<xen_claims::Claim> for Claim {
    fn from(claim: xen_claims::Claim) -> Self {
        Claim {
            pages: int64(claim.pages),
            target: match claim.target {
                Target::Host => HOST,
                // OK because a node id is below 64.
                Target::Node(node) => node.index() as i32,
            },
        }
    }
}

/// An OCaml `int64` of pages: what is over its range is more than any host has.
pub(crate) fn int64(pages: Pages) -> i64 {
    i64::try_from(pages.get()).unwrap_or(i64::MAX)
}

/// The claims in an array of them, each as it is when the iterator comes to it.
#[inline]
pub fn claims(
    array: OCaml<'_, OCamlUniformArray<Claim>>,
) -> impl ExactSizeIterator<Item = Claim> + '_ {
    // SAFETY: an OCaml array is a block, whatever its length, and `array` is one by its type.
    let count = unsafe { array.size() };
    // SAFETY: nothing moves or frees it for 'a, in which this thread has the runtime.
    let first = unsafe { array.raw() } as *mut *mut Record;
    (0..count).map(move |index| {
        // SAFETY: there are `count` fields, and an array of records is none of unboxed floats.
        let field = unsafe { first.add(index) };
        // SAFETY: it is a field of an OCaml array of such records, in 'a.
        unsafe { record::read(field) }
    })
}

/// Reads a claim set out of OCaml's heap, without allocating on either.
///
/// # Errors
///
/// [`InvalidClaim`], as `docs/contract.md`, 1.13.
#[inline]
pub fn claim_set<'b>(
    array: OCaml<OCamlUniformArray<Claim>>,
    buffer: &'b mut ClaimSetBuffer,
) -> Result<&'b ClaimSet, InvalidClaim> {
    let claims = claims(array).enumerate();
    buffer.fill(claims.map(|(index, claim)| claim.check(index)))
}

/// 8 bytes for the pages of a claim, 4 for its target.
const PACKED: usize = 12;

/// Room for the largest claim set there is, packed.
pub type Packed = ArrayVec<u8, { PACKED * MAX_CLAIMS }>;

/// All claims of a set in one string, which costs less than an array with three blocks for each:
/// `xenctrl.ml` makes that of it.
#[inline]
pub fn pack<'p>(set: &ClaimSet, packed: &'p mut Packed) -> &'p [u8] {
    for claim in set.outstanding().map(Claim::from) {
        packed.extend(claim.pages.to_ne_bytes());
        packed.extend(claim.target.to_ne_bytes());
    }
    packed
}

/// Why a call did not do what it was asked.
#[sig("| Refused of int | Invalid of string | Closed | Panicked of string")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The hypervisor's errno.
    Refused(i64),
    /// A bug of the caller; nothing was sent to the hypervisor.
    Invalid(String),
    /// The handle was closed before.
    Closed,
    /// A bug of this library.
    Panicked(String),
}

impl_to_ocaml_variant! {
    Failure {
        Failure::Refused(errno: OCamlInt),
        Failure::Invalid(message: String),
        Failure::Closed,
        Failure::Panicked(message: String),
    }
}

/// Why there is no Xen to talk to.
#[sig("{ errno : int; reason : string }")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoXen {
    /// What it comes to as an error number.
    pub errno: i64,
    /// What to do about it.
    pub reason: String,
}

impl_to_ocaml_record! {
    NoXen {
        errno: OCamlInt,
        reason: String,
    }
}

impl From<xen_claims::xen::OpenError> for NoXen {
    fn from(error: xen_claims::xen::OpenError) -> Self {
        NoXen {
            errno: error.errno().0.into(),
            reason: error.to_string(),
        }
    }
}

impl From<xen_claims::HypercallError> for Failure {
    fn from(error: xen_claims::HypercallError) -> Self {
        Failure::Refused(error.errno.0.into())
    }
}

impl From<InvalidClaim> for Failure {
    fn from(error: InvalidClaim) -> Self {
        Failure::Invalid(error.to_string())
    }
}

impl From<xen_claims::OutOfRange> for Failure {
    fn from(error: xen_claims::OutOfRange) -> Self {
        Failure::Invalid(error.to_string())
    }
}

/// Memory of one node, in pages.
#[sig("{ node : int; size : int64; free : int64; claimed : int64 }")]
#[derive(Debug, Clone, Copy)]
pub struct NodeMemory {
    /// Which node.
    pub node: i64,
    /// What it has.
    pub size: i64,
    /// What nobody uses.
    pub free: i64,
    /// What of that is claimed.
    pub claimed: i64,
}

impl_to_ocaml_record! {
    NodeMemory {
        node: OCamlInt,
        size: OCamlInt64,
        free: OCamlInt64,
        claimed: OCamlInt64,
    }
}

impl From<xen_claims::NodeMemory> for NodeMemory {
    fn from(memory: xen_claims::NodeMemory) -> Self {
        NodeMemory {
            node: memory.node.index() as i64,
            size: int64(memory.size),
            free: int64(memory.free),
            claimed: int64(memory.claimed),
        }
    }
}

/// Memory of the host, in pages.
#[sig("{ free_pages : int64; outstanding_pages : int64 }")]
#[derive(Debug, Clone, Copy)]
pub struct HostMemory {
    /// What nobody uses.
    pub free_pages: i64,
    /// What of that is claimed.
    pub outstanding_pages: i64,
}

impl_to_ocaml_record! {
    HostMemory {
        free_pages: OCamlInt64,
        outstanding_pages: OCamlInt64,
    }
}

impl From<xen_claims::HostMemory> for HostMemory {
    fn from(memory: xen_claims::HostMemory) -> Self {
        HostMemory {
            free_pages: int64(memory.free),
            outstanding_pages: int64(memory.claimed),
        }
    }
}

/// Memory of one domain, in pages.
#[sig(
    "{ domid : int; total_pages : int64; max_pages : int64; claimed_pages : int64; dying : bool; paused : bool; cpu_time : int64; uuid : string }"
)]
#[derive(Debug, Clone)]
pub struct DomainInfo {
    /// Which domain.
    pub domid: i64,
    /// What it has.
    pub total_pages: i64,
    /// What it may have.
    pub max_pages: i64,
    /// What it claims.
    pub claimed_pages: i64,
    /// It is being destroyed.
    pub dying: bool,
    /// It is kept from running.
    pub paused: bool,
    /// Nanoseconds it ran.
    pub cpu_time: i64,
    /// 16 bytes.
    pub uuid: Vec<u8>,
}

impl_to_ocaml_record! {
    DomainInfo {
        domid: OCamlInt,
        total_pages: OCamlInt64,
        max_pages: OCamlInt64,
        claimed_pages: OCamlInt64,
        dying: bool,
        paused: bool,
        cpu_time: OCamlInt64,
        uuid: String,
    }
}

impl From<xen_claims::DomainInfo> for DomainInfo {
    fn from(info: xen_claims::DomainInfo) -> Self {
        DomainInfo {
            domid: info.domain.get().into(),
            total_pages: int64(info.tot_pages),
            max_pages: int64(info.max_pages),
            claimed_pages: int64(info.outstanding_pages),
            dying: info.dying,
            paused: info.paused,
            // OK because no host is up for 292 years.
            cpu_time: i64::try_from(info.cpu_time.as_nanos()).unwrap_or(i64::MAX),
            uuid: info.uuid.to_vec(),
        }
    }
}
