//! Xen's own allocator under the sanitizers of the compiler: wrong accesses to memory, undefined
//! behaviour and data races, which no count shows.

use std::path::Path;
use std::process::Command;

use super::Test;
use anyhow::{ensure, Context, Result};
use xen_claims_lab::allocator::{Build, Profile, Tree, Xen};

/// Each compiles the allocator its own way.
pub const TESTS: &[Test<Tree>] = &[
    ("address_and_undefined", address_and_undefined),
    ("threads", threads),
];

/// What a sanitizer says, and whether the program ended well under it.
fn run(
    tree: &Tree,
    profile: Profile,
    library: &str,
    options: &[(&str, &str)],
    judge: &[&str],
) -> Result<()> {
    let build = Build::new(tree, Xen::Patched, profile)?;
    // A sanitizer has to be there before the rest of the program.
    let gcc = Command::new("gcc")
        .arg(format!("-print-file-name={library}"))
        .output()?;
    let library = String::from_utf8(gcc.stdout)?;
    let library = Path::new(library.trim());
    ensure!(library.is_absolute(), "gcc has no {}", library.display());
    // Its place in memory is the same each time: thread sanitizer can't be everywhere.
    let mut program = Command::new("setarch");
    program
        .arg("--addr-no-randomize")
        .arg(env!("CARGO_BIN_EXE_judge"));
    program
        .arg(&build.object)
        .args(judge)
        .env("LD_PRELOAD", library);
    let output = program
        .envs(options.iter().copied())
        .output()
        .context("setarch")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}\n{said}\n{complained}",
        output.status
    );
    ensure!(said.contains(" cases and "), "{said}");
    Ok(())
}

// A read behind an array; a page used after it was given back; a shift too far; a sum that overflows.
fn address_and_undefined(tree: &Tree) -> Result<()> {
    let options = [
        // The process ends with everything a host has.
        (
            "ASAN_OPTIONS",
            "detect_leaks=0:detect_stack_use_after_return=1",
        ),
        ("UBSAN_OPTIONS", "print_stacktrace=1"),
    ];
    run(
        tree,
        Profile::Address,
        "libasan.so",
        &options,
        &["--calls", "10000"],
    )
}

// A count that is changed without the lock; a domain looked at after it was freed.
fn threads(tree: &Tree) -> Result<()> {
    let suppressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/allocator/thread.supp");
    let options = format!("halt_on_error=1:suppressions={}", suppressions.display());
    let cases = [
        "--case", "C4", "--case", "C5", "--case", "F4", "--soak", "8000",
    ];
    run(
        tree,
        Profile::Thread,
        "libtsan.so",
        &[("TSAN_OPTIONS", &options)],
        &cases,
    )
}
