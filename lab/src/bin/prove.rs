//! The proofs in `proofs/`: `./dev prove` runs this.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use xen_claims_lab::allocator::Tree;
use xen_claims_lab::exit_code;
use xen_claims_lab::proofs::{prove, sources};
use xen_claims_lab::run::need;

/// Proves what Xen's allocator does with claims, on a host of 3 nodes.
#[derive(Debug, Parser)]
#[command(name = "./dev prove")]
struct Arguments {
    /// Only these proofs.
    names: Vec<String>,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<bool> {
    need(&[("cbmc", "cbmc"), ("goto-cc", "cbmc"), ("kissat", "kissat")])?;
    let tree = Tree::prepared()?;
    let tally = prove(&sources(tree.file("")), &arguments.names)?;
    println!(
        "{} places reached, {} properties found to fail on broken allocators",
        tally.reached, tally.noticed
    );
    println!("{} passed, {} failed", tally.proved, tally.failed);
    // Proving nothing proves nothing.
    Ok(tally.failed == 0 && tally.proved > 0)
}
