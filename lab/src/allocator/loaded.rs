//! Loaded copies of a compiled host, and calls into them.
#![allow(unsafe_code)] // It calls what was written in C.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{c_char, c_long, c_uint, c_ulong, CStr};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// `enum host_op` of host.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Op {
    Boot,
    Create,
    SetMax,
    Affinity,
    Claim,
    ClaimPages,
    NodePages,
    Populate,
    Depopulate,
    Kill,
    Destroy,
    OfflineFree,
    OfflineUsed,
    Online,
    Counts,
    Check,
    HasBlock,
    Scrub,
    Recalls,
    FailHeap,
    Unpause,
    ClaimLate,
    ClaimAmid,
    Measure,
    Held,
}

/// `HOST_STOPPED`
const STOPPED: c_long = -0x7fff_ffff;
/// `HOST_MAX_DOMAINS`
const MAX_DOMAINS: usize = 1000;

/// `struct host_range`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Range {
    pub(super) node: c_ulong,
    pub(super) start: c_ulong,
    pub(super) pages: c_ulong,
}

/// A node in `struct host_counts`
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct RawNodeCounts {
    pub(super) size: c_ulong,
    pub(super) free: c_ulong,
    pub(super) claimed: c_ulong,
}

/// A domain in `struct host_counts`
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct RawDomainCounts {
    pub(super) id: c_ulong,
    pub(super) tot: c_ulong,
    pub(super) max: c_ulong,
    pub(super) outstanding: c_ulong,
    pub(super) dying: c_ulong,
    pub(super) paused: c_ulong,
}

/// `struct host_counts`
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct RawCounts {
    pub(super) free: c_ulong,
    pub(super) claimed: c_ulong,
    pub(super) nodes: c_ulong,
    nr_domains: c_ulong,
    pub(super) node: [RawNodeCounts; 64],
    domain: [RawDomainCounts; MAX_DOMAINS],
}

impl Default for RawCounts {
    fn default() -> Self {
        RawCounts {
            free: 0,
            claimed: 0,
            nodes: 0,
            nr_domains: 0,
            node: [RawNodeCounts::default(); 64],
            domain: [RawDomainCounts::default(); MAX_DOMAINS],
        }
    }
}

impl RawCounts {
    pub(super) fn domains(&self) -> &[RawDomainCounts] {
        &self.domain[..self.nr_domains as usize]
    }
}

/// The CPUs of a host. A thread has one of them during a call, as nothing takes a CPU from Xen: waiting
/// for a lock of its, whose owner does not run, would take for ever.
#[derive(Debug)]
struct Cpus {
    /// Those that are idle, and how many threads wait for one.
    idle: Mutex<(Vec<u32>, usize)>,
    some_idle: Condvar,
}

/// One of them.
struct Cpu<'a>(&'a Cpus, u32);

impl Cpus {
    fn new() -> Self {
        // Two, so that they can meet, whatever this machine has.
        let count = thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 16));
        Cpus {
            idle: Mutex::new(((0..count as u32).collect(), 0)),
            some_idle: Condvar::new(),
        }
    }

    fn take(&self) -> Cpu<'_> {
        let mut idle = lock(&self.idle);
        loop {
            if let Some(cpu) = idle.0.pop() {
                return Cpu(self, cpu);
            }
            idle.1 += 1;
            let woken = self.some_idle.wait(idle);
            idle = woken.unwrap_or_else(PoisonError::into_inner);
            idle.1 -= 1;
        }
    }
}

impl Drop for Cpu<'_> {
    fn drop(&mut self) {
        let mut idle = lock(&self.0.idle);
        idle.0.push(self.1);
        // Waking up nobody takes its time, too.
        if idle.1 > 0 {
            self.0.some_idle.notify_one();
        }
    }
}

thread_local! {
    static COUNTS: RefCell<Option<Box<RawCounts>>> = const { RefCell::new(None) };
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type CallFunction = unsafe extern "C" fn(c_uint, c_uint, *const c_ulong) -> c_long;
type WhyStopped = unsafe extern "C" fn() -> *const c_char;
type MetadataPages = unsafe extern "C" fn() -> c_ulong;

/// A copy of a compiled host, with static variables of its own.
pub(super) struct LoadedAllocator {
    object: PathBuf,
    call: CallFunction,
    why_stopped: WhyStopped,
    pub(super) metadata_pages: u64,
    cpus: Cpus,
    _library: Library,
    /// Where it was loaded from, which the sanitizers read once more.
    _file: NamedTempFile,
}

impl fmt::Debug for LoadedAllocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LoadedAllocator")
            .field(&self.object)
            .finish()
    }
}

/// Copies that no host uses at present.
static IDLE: Mutex<Option<HashMap<PathBuf, Vec<LoadedAllocator>>>> = Mutex::new(None);

impl LoadedAllocator {
    /// An idle copy, or a new one. It has to be booted.
    pub(super) fn take(object: &Path) -> Result<LoadedAllocator> {
        let idle = lock(&IDLE)
            .as_mut()
            .and_then(|idle| idle.get_mut(object)?.pop());
        match idle {
            Some(loaded) => Ok(loaded),
            None => LoadedAllocator::load(object),
        }
    }

    /// Keeps a copy for the next host.
    pub(super) fn give_back(self) {
        let mut idle = lock(&IDLE);
        let idle = idle.get_or_insert_with(HashMap::new);
        idle.entry(self.object.clone()).or_default().push(self);
    }

    fn load(object: &Path) -> Result<LoadedAllocator> {
        // Of one file there is one copy, so each copy has a file.
        let file = tempfile::Builder::new().suffix(".so").tempfile()?;
        fs::copy(object, file.path())?;
        // SAFETY: the object has no constructors but the sanitizers' own.
        let library = unsafe { Library::open(Some(file.path()), RTLD_NOW | RTLD_LOCAL) }
            .with_context(|| format!("cannot load {}", object.display()))?;
        // SAFETY: host.h declares it as `void host_load(void)`.
        let load = unsafe { library.get::<unsafe extern "C" fn()>(b"host_load\0") }?;
        // SAFETY: host.h declares it with this type.
        let call = unsafe { library.get::<CallFunction>(b"host_call\0") }?;
        // SAFETY: host.h declares it with this type.
        let why_stopped = unsafe { library.get::<WhyStopped>(b"host_why_stopped\0") }?;
        // SAFETY: host.h declares it with this type.
        let metadata = unsafe { library.get::<MetadataPages>(b"host_metadata_pages\0") }?;
        // SAFETY: it is called once, before anything else of this copy.
        unsafe { load() };
        // SAFETY: it reads constants.
        let metadata_pages = unsafe { metadata() };
        Ok(LoadedAllocator {
            object: object.to_owned(),
            call: *call,
            why_stopped: *why_stopped,
            metadata_pages,
            cpus: Cpus::new(),
            _library: library,
            _file: file,
        })
    }

    /// Why the host is no more, if it is not.
    pub(super) fn why_stopped(&self) -> Option<String> {
        // SAFETY: it returns null or a string that does not change any more.
        let text = unsafe { (self.why_stopped)() };
        if text.is_null() {
            return None;
        }
        // SAFETY: as above, until the copy is booted, for which there must be no host.
        let text = unsafe { CStr::from_ptr(text) };
        Some(text.to_string_lossy().into_owned())
    }

    /// A call with numbers only. None: the host has stopped.
    fn raw(&self, op: Op, arguments: [c_ulong; 5]) -> Option<c_long> {
        let cpu = self.cpus.take();
        // SAFETY: the arguments are an array as long as any operation reads; those functions below
        // that pass pointers in it keep what they point to.
        let result = unsafe { (self.call)(cpu.1, op as c_uint, arguments.as_ptr()) };
        (result != STOPPED).then_some(result)
    }

    /// One of the calls that take numbers, up to four.
    pub(super) fn call(&self, op: Op, arguments: &[u64]) -> Option<c_long> {
        use Op::{Boot, Check, Claim, Counts, Held, Measure, NodePages, Recalls};
        assert!(
            !matches!(
                op,
                Boot | Check | Claim | Counts | Held | Measure | NodePages | Recalls
            ),
            "{op:?} takes pointers"
        );
        let mut all = [0; 5];
        all[..arguments.len()].copy_from_slice(arguments);
        self.raw(op, all)
    }

    pub(super) fn boot(&self, ranges: &[Range], flags: u64) -> Option<c_long> {
        let start = ranges.as_ptr() as c_ulong;
        self.raw(Op::Boot, [start, ranges.len() as c_ulong, flags, 0, 0])
    }

    pub(super) fn claim<E>(
        &self,
        domain: u64,
        mode: u32,
        nr_entries: &mut u32,
        entries: Option<&mut [E]>,
    ) -> Option<c_long> {
        let (start, room) = entries.map_or((0, 0), |entries| {
            (entries.as_mut_ptr() as c_ulong, entries.len() as c_ulong)
        });
        let count = std::ptr::from_mut(nr_entries) as c_ulong;
        self.raw(Op::Claim, [domain, mode.into(), count, start, room])
    }

    /// How many nodes there are, and the pages of a domain on each.
    pub(super) fn node_pages(&self, domain: u64) -> Option<(c_long, [u64; 64])> {
        let mut pages = [0; 64];
        let place = pages.as_mut_ptr() as c_ulong;
        let result = self.raw(Op::NodePages, [domain, place, 0, 0, 0])?;
        Some((result, pages))
    }

    /// [`Op::Measure`] and [`Op::Held`], whose last argument is where two numbers go.
    pub(super) fn two_numbers<const N: usize>(
        &self,
        op: Op,
        arguments: [u64; N],
    ) -> Option<(c_long, [u64; 2])> {
        let mut numbers: [c_ulong; 2] = [0; 2];
        let mut all = [0; 5];
        all[..N].copy_from_slice(&arguments);
        all[N] = numbers.as_mut_ptr() as c_ulong;
        let result = self.raw(op, all)?;
        Some((result, numbers))
    }

    /// Lets `look` see all counts.
    pub(super) fn counts<T>(&self, look: impl FnOnce(&RawCounts) -> T) -> Option<T> {
        COUNTS.with_borrow_mut(|counts| {
            let counts = counts.get_or_insert_with(Box::default);
            let place = std::ptr::from_mut(&mut **counts) as c_ulong;
            self.raw(Op::Counts, [place, 0, 0, 0, 0])?;
            Some(look(counts))
        })
    }

    /// What the operation writes into a buffer.
    pub(super) fn text(&self, op: Op, how: u64) -> Option<String> {
        let mut buffer = vec![0_u8; 4096];
        let place = buffer.as_mut_ptr() as c_ulong;
        let length = self.raw(op, [place, buffer.len() as c_ulong, how, 0, 0])?;
        buffer.truncate(usize::try_from(length).unwrap_or(0));
        Some(String::from_utf8_lossy(&buffer).into_owned())
    }
}
