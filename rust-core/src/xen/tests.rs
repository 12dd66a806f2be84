//! What goes to Xen and what comes back: libxencall and libxenctrl are answered by functions here, as
//! the symbols of a program come before those of a library. Claims, by the embedded hypervisor.
#![allow(unsafe_code)]

use core::ffi::{c_int, c_uint, c_void};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::ptr::{self, NonNull};
use std::slice;

use super::hypercalls::{probe, Xen};
use super::layout::{xen_domctl, HYPERVISOR_DOMCTL, HYPERVISOR_SYSCTL, XEN_DOMCTL_GETDOMAININFO};
use super::xencall::XenCall;
use crate::limits::MAX_CLAIMS;
use crate::wire::{
    self, xen_domctl_claim_memory, XEN_DOMCTL_CLAIM_MEMORY, XEN_DOMCTL_CLAIM_MEMORY_GET as GET,
    XEN_DOMCTL_CLAIM_MEMORY_HOST, XEN_DOMCTL_CLAIM_MEMORY_SET as SET,
};
use crate::{
    Claim, ClaimSet, DomainControl, DomainId, Errno, Hypervisor, Model, NodeId, Pages, Target,
};

type Test = Result<(), Box<dyn Error>>;

thread_local! {
    /// Who answers the calls that this test makes.
    static BELOW: RefCell<Option<Model>> = const { RefCell::new(None) };
    /// What it says of a domain that cannot be.
    static NO_DOMAIN: Cell<Errno> = const { Cell::new(Errno::ESRCH) };
}

extern "C" {
    fn __errno_location() -> *mut c_int;
    fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

/// The result of a function of C.
fn answer(result: Result<c_int, Errno>) -> c_int {
    result.unwrap_or_else(|errno| {
        // SAFETY: it has no conditions.
        let place = unsafe { __errno_location() };
        // SAFETY: that is this thread's errno.
        unsafe { *place = errno.0 };
        -1
    })
}

#[no_mangle]
extern "C" fn xencall_open(_logger: *mut c_void, _flags: c_uint) -> *mut c_void {
    NonNull::dangling().as_ptr()
}

#[no_mangle]
extern "C" fn xencall_close(_handle: *mut c_void) -> c_int {
    0
}

#[no_mangle]
extern "C" fn xencall_alloc_buffer_pages(_handle: *mut c_void, pages: usize) -> *mut c_void {
    // SAFETY: the alignment is a power of two.
    unsafe { aligned_alloc(4096, pages * 4096) }
}

#[no_mangle]
extern "C" fn xencall_free_buffer_pages(_: *mut c_void, buffer: *mut c_void, _pages: usize) {
    // SAFETY: it is from `xencall_alloc_buffer_pages`.
    unsafe { free(buffer) };
}

/// # Safety
///
/// `argument` is the address of a domctl or of a sysctl, as `op` says.
#[no_mangle]
unsafe extern "C" fn xencall1(_handle: *mut c_void, op: c_uint, argument: u64) -> c_int {
    answer(match op {
        HYPERVISOR_SYSCTL => Ok(0),
        HYPERVISOR_DOMCTL => {
            let domctl = ptr::with_exposed_provenance_mut(argument as usize);
            // SAFETY: every domctl is as large as this one, and the caller's alone.
            let domctl: &mut xen_domctl<xen_domctl_claim_memory> = unsafe { &mut *domctl };
            match domctl.cmd {
                XEN_DOMCTL_GETDOMAININFO => Err(NO_DOMAIN.get()),
                XEN_DOMCTL_CLAIM_MEMORY => claim_memory(domctl).map(|()| 0),
                _ => Err(Errno::ENOSYS),
            }
        }
        _ => Err(Errno::ENOSYS),
    })
}

#[no_mangle]
extern "C" fn xencall2(_handle: *mut c_void, _op: c_uint, _arg1: u64, _arg2: u64) -> c_int {
    answer(Err(Errno::ENOSYS))
}

fn claim_memory(domctl: &mut xen_domctl<xen_domctl_claim_memory>) -> Result<(), Errno> {
    let call = &mut domctl.u.member;
    let used = (call.nr_entries as usize).min(MAX_CLAIMS);
    let entries = match call.claim_set {
        0 => None,
        // No address of a program.
        address if address >> 47 != 0 => Some(&mut [][..]),
        address => {
            let first = ptr::with_exposed_provenance_mut(address as usize);
            // SAFETY: who makes the call gives a buffer of as many entries.
            Some(unsafe { slice::from_raw_parts_mut(first, used) })
        }
    };
    let domain = DomainId::new(domctl.domain.into()).map_err(|_| Errno::ESRCH)?;
    BELOW.with_borrow(|model| {
        let model = model.as_ref().ok_or(Errno::ENOSYS)?;
        model.claim_memory(domain, call.mode, &mut call.nr_entries, entries)
    })
}

/// A Xen with a domain of 1 GiB that claims 300 pages of the host.
fn xen() -> Result<(Xen, DomainId), Box<dyn Error>> {
    let model = Model::new(&"2x1".parse()?);
    let domain = model.create()?;
    model.set_max_pages(domain, Pages::new(1 << 18))?;
    model.set(domain, &ClaimSet::host(Pages::new(300)))?;
    BELOW.set(Some(model));
    Ok((Xen::connect()?, domain))
}

/// Xen 4.17 answers the question that finds out its version with another error than later ones.
#[test]
fn old_and_new_xens_are_known() -> Test {
    // Each time anew: a connection asks once in a program.
    let ask = |errno| {
        NO_DOMAIN.set(errno);
        let xencall = XenCall::open().map_err(|errno| errno.to_string())?;
        probe(&xencall).map_err(Box::<dyn Error>::from)
    };
    for errno in [Errno::ESRCH, Errno::EINVAL] {
        ask(errno)?;
    }
    assert!(ask(Errno::EPERM).is_err());
    Ok(())
}

#[test]
fn sets_arrive_and_come_back() -> Test {
    let (xen, domain) = xen()?;
    let claim = |pages, target| Claim {
        pages: Pages::new(pages),
        target,
    };
    let set = ClaimSet::new([
        claim(1 << 17, Target::Node(NodeId::new(1)?)),
        claim(5, Target::Host),
    ])?;
    xen.set(domain, &set)?;
    assert_eq!(xen.get(domain)?, set);
    let error = xen
        .set(domain, &ClaimSet::host(Pages::new(1 << 30)))
        .unwrap_err();
    assert_eq!(error.errno, Errno::EINVAL);
    assert_eq!(xen.get(domain)?, set);
    Ok(())
}

/// Contract, 1.5 and 1.14: of the errors of GET, these two say how many entries there are.
#[test]
fn a_get_that_fails_says_how_many_entries_there_are() -> Test {
    let (xen, domain) = xen()?;
    for (capacity, expected) in [(0, Errno::ERANGE), (7, Errno::EFAULT)] {
        let mut count = capacity;
        let result = xen.claim_memory(domain, GET, &mut count, None);
        assert_eq!((result, count), (Err(expected), 1));
    }
    // Any other leaves it as it was.
    let mut count = 7;
    let result = xen.claim_memory(DomainId::new(99)?, GET, &mut count, None);
    assert_eq!((result, count), (Err(Errno::ESRCH), 7));
    Ok(())
}

/// Of the array Xen writes the entries there are, so that it need not be as long as the capacity says.
#[test]
fn a_get_takes_no_more_memory_than_there_are_claims() -> Test {
    let (xen, domain) = xen()?;
    for length in 0..3 {
        let (mut count, mut array) = (u32::MAX, wire::NO_CLAIMS);
        let result = xen.claim_memory(domain, GET, &mut count, Some(&mut array[..length]));
        let expected = if length == 0 {
            Err(Errno::EFAULT)
        } else {
            Ok(())
        };
        assert_eq!((result, count), (expected, 1), "{length} entries");
        let pages = if length == 0 { 0 } else { 300 };
        assert_eq!((array[0].pages, array[1].pages), (pages, 0));
    }
    Ok(())
}

/// What is read of an array is no more than there is of it.
#[test]
fn a_set_is_refused_that_is_longer_than_its_array() -> Test {
    let (xen, domain) = xen()?;
    let mut array = wire::NO_CLAIMS;
    array[0].target = XEN_DOMCTL_CLAIM_MEMORY_HOST;
    for count in [2, MAX_CLAIMS as u32] {
        let result = xen.claim_memory(domain, SET, &mut { count }, Some(&mut array[..1]));
        assert_eq!(result, Err(Errno::EFAULT));
    }
    // What comes first in the contract is still what decides.
    let result = xen.claim_memory(domain, SET, &mut { u32::MAX }, Some(&mut array[..1]));
    assert_eq!(result, Err(Errno::E2BIG));
    assert_eq!(xen.get(domain)?.total(), Pages::new(300));
    Ok(())
}

/// A toolstack that is short of memory must be able to give some back.
#[test]
fn no_claim_call_takes_heap_memory() -> Test {
    let (xen, domain) = xen()?;
    let mut results = [Ok(()), Ok(()), Ok(())];
    let heap = allocation_counter::measure(|| {
        results = [
            xen.set(domain, &ClaimSet::host(Pages::new(600))),
            xen.set(domain, &ClaimSet::host(Pages::new(1 << 30))),
            xen.release(domain),
        ];
    });
    assert!(matches!(results, [Ok(()), Err(_), Ok(())]), "{results:?}");
    assert_eq!(heap.count_total, 0);
    let heap = allocation_counter::measure(|| {
        assert_eq!(xen.get(domain).map(|set| set.total()), Ok(Pages::ZERO));
    });
    assert_eq!(heap.count_total, 0);
    Ok(())
}

#[cfg(feature = "domains")]
mod domains {
    use core::ffi::{c_char, c_ulong};

    use xenctrl_sys as xc;

    use super::super::domains::XenWithDomains;
    use super::*;
    use crate::Placement;

    thread_local! {
        /// What each populate call comes to.
        static POPULATED: RefCell<Vec<Result<c_int, Errno>>> = const { RefCell::new(Vec::new()) };
    }

    #[no_mangle]
    extern "C" fn xc_interface_open(_: *mut c_void, _: *mut c_void, _: c_uint) -> *mut c_void {
        NonNull::dangling().as_ptr()
    }

    #[no_mangle]
    extern "C" fn xc_interface_close(_xch: *mut c_void) -> c_int {
        0
    }

    #[no_mangle]
    extern "C" fn xc_physinfo(_xch: *mut c_void, _info: *mut xc::xc_physinfo_t) -> c_int {
        0
    }

    #[no_mangle]
    extern "C" fn xc_flask_context_to_sid(
        _: *mut c_void,
        _: *mut c_char,
        _: u32,
        _: *mut u32,
    ) -> c_int {
        answer(Err(Errno::ENOSYS))
    }

    /// # Safety
    ///
    /// `domid` is a variable.
    #[no_mangle]
    unsafe extern "C" fn xc_domain_create(
        _: *mut c_void,
        domid: *mut u32,
        _: *mut c_void,
    ) -> c_int {
        // SAFETY: as above.
        unsafe { *domid = 1 };
        0
    }

    #[no_mangle]
    extern "C" fn xc_domain_populate_physmap(
        _xch: *mut c_void,
        _domid: u32,
        extents: c_ulong,
        _order: c_uint,
        _flags: c_uint,
        _frames: *mut u64,
    ) -> c_int {
        let next = POPULATED.with_borrow_mut(|answers| answers.remove(0));
        answer(next.map(|given| given.min(extents as c_int)))
    }

    /// Contract, 1.8: the caller learns how many extents were given.
    #[test]
    fn populating_that_fails_later_says_what_was_given() -> Test {
        let (xen, _) = xen()?;
        let xen = XenWithDomains::over(xen)?;
        let domain = xen.create()?;
        POPULATED.set(vec![
            Ok(1024),
            Ok(1024),
            Err(Errno::ENOMEM),
            Err(Errno::EPERM),
        ]);
        assert_eq!(xen.populate(domain, 9, 5000, Placement::Any), Ok(2048));
        // They are in the books: they can be taken back.
        assert!(xen.last_frame(domain).is_ok());
        let error = xen.populate(domain, 9, 5000, Placement::Any).unwrap_err();
        assert_eq!(error.errno, Errno::EPERM);
        Ok(())
    }
}
