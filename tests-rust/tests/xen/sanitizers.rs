//! Xen's own allocator under the sanitizers of the compiler: wrong accesses to memory, undefined
//! behaviour and data races, which no count shows.

use std::path::Path;
use std::time::Duration;

use super::Test;
use anyhow::{bail, Result};
use xen_claims_lab::allocator::{Build, Tree, Xen};
use xen_claims_tests::judge::{Judge, Verdict, ADDRESS, THREADS};

/// Each compiles the allocator its own way.
pub const TESTS: &[Test<Tree>] = &[
    ("address_and_undefined", address_and_undefined),
    ("threads", threads),
];

/// More than it takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(1800);

fn run(tree: &Tree, judge: &Judge) -> Result<()> {
    let build = Build::new(tree, Xen::Patched, judge.profile)?;
    let program = Path::new(env!("CARGO_BIN_EXE_judge"));
    match judge.ask(program, &build.object, LIMIT)? {
        Verdict::Nothing => Ok(()),
        Verdict::Found(word, said) | Verdict::Unclear(word, said) => bail!("{word}\n{said}"),
    }
}

// A read behind an array; a page used after it was given back; a shift too far; a sum that overflows.
fn address_and_undefined(tree: &Tree) -> Result<()> {
    run(tree, &ADDRESS)
}

// A count that is changed without the lock; a domain looked at after it was freed.
fn threads(tree: &Tree) -> Result<()> {
    run(tree, &THREADS)
}
