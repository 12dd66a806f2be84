//! Instructions, counted by valgrind: unlike times, they are the same on every run.
//!
//! The program runs itself again under callgrind. There it tells callgrind which point it is at, and
//! callgrind counts what is executed in the functions named here, and in what they call.
#![allow(unsafe_code)] // It asks valgrind, by an instruction sequence.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{ensure, Context, Result};

/// The allocator's entry points, and what does its work under the heap lock.
const COUNTED: &[&str] = &[
    "alloc_domheap_pages",
    "free_domheap_pages",
    "install_claims",
    "domain_get_claims",
    "offline_page",
];

/// Instructions at each point.
pub type Counts = BTreeMap<String, u64>;

/// `VG_USERREQ__RUNNING_ON_VALGRIND`
const RUNNING: usize = 0x1001;
/// `VG_USERREQ__ZERO_STATS`, and those behind it, of callgrind.
const ZERO: usize = 0x4354_0001;
const DUMP_AT: usize = 0x4354_0003;
const START: usize = 0x4354_0004;
const STOP: usize = 0x4354_0005;

#[cfg(target_arch = "x86_64")]
fn ask(what: usize, argument: usize) -> usize {
    let request = [what, argument, 0, 0, 0, 0];
    let mut answer = 0;
    // SAFETY: on a processor these instructions change nothing but flags; valgrind, which knows them
    // by their sequence, reads `request`, and the string that `argument` may point to, which live.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") &request, inout("rdx") answer,
        );
    }
    answer
}

#[cfg(not(target_arch = "x86_64"))]
fn ask(_what: usize, _argument: usize) -> usize {
    0
}

/// Counts what `work` does, under the name `point`.
pub fn count<T>(point: &str, work: impl FnOnce() -> T) -> Result<T> {
    let name = std::ffi::CString::new(point)?;
    ask(START, 0);
    ask(ZERO, 0);
    let result = work();
    ask(DUMP_AT, name.as_ptr() as usize);
    ask(STOP, 0);
    Ok(result)
}

/// Whether somebody counts.
pub fn is_running() -> bool {
    ask(RUNNING, 0) != 0
}

/// Runs this program again, with these arguments and under callgrind.
pub fn run(arguments: &[&str]) -> Result<Counts> {
    let directory = tempfile::tempdir()?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--instr-atstart=no"]);
    valgrind.args(
        COUNTED
            .iter()
            .map(|name| format!("--toggle-collect={name}")),
    );
    let out = directory.path().join("out");
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(std::env::current_exe()?).args(arguments);
    let output = valgrind.output().context("valgrind")?;
    ensure!(
        output.status.success(),
        "valgrind {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut counts = Counts::new();
    for entry in fs::read_dir(directory.path())? {
        let text = fs::read_to_string(entry?.path())?;
        let line = |start| text.lines().find_map(|line| line.strip_prefix(start));
        if let Some(point) = line("desc: Trigger: Client Request: ") {
            let count = line("totals: ").or_else(|| line("summary: "));
            let count = count.context("callgrind wrote no totals")?.trim().parse()?;
            counts.insert(point.to_owned(), count);
        }
    }
    Ok(counts)
}
